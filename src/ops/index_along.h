/* Floor 4. What the files that index share. */
#ifndef FACULA_INDEX_ALONG_H
#define FACULA_INDEX_ALONG_H

#include "backend/index.h"
#include "facula/ops_index.h"
#include "index_check.h"
#include "shaping.h"

/* Elements of table at index along dim, one for each element of index (which has table's dims). */
void fac__by_element(fac__index_mode mode, const fac_tensor *table, int dim, const fac_tensor *index,
                     const fac_tensor *values);
/* Whole slices of table along dim, one for each element of the 0- or 1-d index. */
void fac__by_slice(fac__index_mode mode, const fac_tensor *table, int dim, const fac_tensor *index,
                   const fac_tensor *values);

/* A new contiguous copy, the caller's. */
fac_tensor *fac__copy_of(fac_tensor *x);
/* Where an operation writes: self when in place, after fac__inplace_begin, else a copy, the caller's. NULL after an
 * error. */
fac_tensor *fac__target(fac_tensor *self, bool inplace);
/* The end of both: y is what fac__target gave. ok false: something failed, and NULL is returned. */
fac_tensor *fac__finish(fac__node *n, fac_tensor *y, bool inplace, bool ok);
/* src, values or an index: a copy of it, the scope's, where it shares the memory of self, which is written to. */
fac_tensor *fac__apart(fac_tensor *self, fac_tensor *src, bool inplace);
/* A 0-d tensor of that dtype, the scope's; NULL when the number does not fit. */
fac_tensor *fac__number(fac_scalar value, fac_dtype dtype);
/* index as int64, the scope's. */
fac_tensor *fac__int64_index(fac_tensor *index);
/* g, a gradient of the shape that index has, in the shape of a larger tensor: the rest is zero. */
fac_tensor *fac__grow(fac_tensor *g, const fac_dims *shape);

#endif
