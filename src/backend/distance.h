/* Floor 1. Distances between all rows of two matrices. Sums are in double; all tensors lie in a row. */
#ifndef FACULA_DISTANCE_H
#define FACULA_DISTANCE_H

#include "kernel.h"

/* y[b, i, j] = p-norm of x1[b, i] - x2[b, j]; x1 is batch x rows x n, x2 batch x columns x n. p = 0 counts what differs.
 * With g, of y's shape, gx is computed instead, from y: the gradient of x1. It is 0 where y is 0. */
typedef struct fac__cdist_args {
    fac_dtype dtype; /* FAC_FLOAT32 or FAC_FLOAT64 */
    int64_t batch, rows, columns, n;
    double p;
    const void *x1, *x2, *g;
    void *y, *gx;
} fac__cdist_args;
extern const fac__kernel fac__k_cdist;

#endif
