/* Floor 4. Sorting a tensor's rows, unrecorded. */
#ifndef FACULA_RANKING_H
#define FACULA_RANKING_H

#include "backend/sort.h"
#include "op.h"

/* Sorts along dim and gives what pick says (see backend/sort.h): k positions in the place of dim. The caller's
 * references; pointers may be NULL. False after an error. */
bool fac__rank(fac_tensor *x, int dim, fac__sort_pick pick, bool descending, int64_t first, int64_t k,
               fac_tensor **values, fac_tensor **indices);

#endif
