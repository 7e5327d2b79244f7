/* Floor 8. What is said of the elements of a tensor: their range, moments and histogram, and units that do nothing. */
#ifndef FACULA_STATISTICS_H
#define FACULA_STATISTICS_H

#include "facula/tensor.h"

enum { FAC__BINS = 30 };

typedef struct fac__statistics {
    int64_t count, nan, inf, zeros;
    /* Of the finite ones; NAN when there are none. std is torch's, with count - 1. */
    double min, max, mean, std, norm;
    int64_t histogram[FAC__BINS]; /* equal steps from min to max; the first has all where these are one */
    int64_t units, dead;          /* dead: those all of whose elements are 0 */
} fac__statistics;

/* unit_dim: the dimension along which the units lie, or -1: units and dead are 0 then, as they are when there is no
 * memory. Reads elements: not in a step that is captured. */
void fac__statistics_of(const fac_tensor *t, int unit_dim, fac__statistics *s);

#endif
