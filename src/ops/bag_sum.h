/* Floor 4. Sums and means of bags of embeddings by one kernel. */
#ifndef FACULA_BAG_SUM_H
#define FACULA_BAG_SUM_H

#include "backend/embedding.h"
#include "op.h"

/* index: int64, 1-d, contiguous, checked, all in bags; offset: NULL, or such a tensor of a.offsets; factor: NULL, or of index's shape, a
 * constant. `a` comes with its numbers, without pointers; table of its dtype. */
fac_tensor *fac__bag_sum(fac__bag_sum_args a, bool by_frequency, fac_tensor *table, fac_tensor *index,
                         fac_tensor *offset, fac_tensor *factor);

/* Gradient of a table of which rows `index` were taken, from the gradient of these rows; differentiable (embedding.c). */
fac_tensor *fac__embedding_gradient(fac__embedding_args a, fac_tensor *index, fac_tensor *g);

#endif
