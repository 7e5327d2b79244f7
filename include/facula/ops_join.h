/* Floor 4: joining tensors, and padding.
 *
 *     fac_cat(FAC_TENSORS(a, b, c), 0)
 *     fac_stack(fac_split(x, 2, 0), 1)
 *
 * Results are new tensors of the innermost scope; NULL after an error. dtypes are promoted. */
#ifndef FACULA_OPS_JOIN_H
#define FACULA_OPS_JOIN_H

#include "facula/tensor.h"

#ifdef __cplusplus
/* The array lives to the end of the full expression, as the tensors are only read by the function called with it. */
static inline fac_tensor_list fac__tensors(std::initializer_list<fac_tensor *> l)
{
    fac_tensor_list r;
    r.items = const_cast<fac_tensor **>(l.begin());
    r.count = (int64_t)l.size();
    return r;
}
#define FAC_TENSORS(...) fac__tensors({__VA_ARGS__})
#else
/* Some tensors as a list: an argument for fac_cat and its kin, good until the end of the block. */
#define FAC_TENSORS(...)                                                                                               \
    ((fac_tensor_list){(fac_tensor *[]){__VA_ARGS__},                                                                  \
                       (int64_t)(sizeof((fac_tensor *[]){__VA_ARGS__}) / sizeof(fac_tensor *))})
#endif

FAC_BEGIN

/* One after the other along dim; all other sizes must be equal. Empty 1-d tensors ([0]) are left out. */
FAC_API fac_tensor *fac_cat(fac_tensor_list tensors, int dim);
/* Along a new dimension; all shapes must be equal. */
FAC_API fac_tensor *fac_stack(fac_tensor_list tensors, int dim);
/* Along dim 1 (0 if 1-d); 0, of at least 2-d tensors; 2, of at least 3-d ones; as columns of a matrix. */
FAC_API fac_tensor *fac_hstack(fac_tensor_list tensors);
FAC_API fac_tensor *fac_vstack(fac_tensor_list tensors);
FAC_API fac_tensor *fac_dstack(fac_tensor_list tensors);
FAC_API fac_tensor *fac_column_stack(fac_tensor_list tensors);
/* Matrices (vectors count as rows) along the diagonal of one, zeros elsewhere. */
FAC_API fac_tensor *fac_block_diag(fac_tensor_list tensors);
/* All ways to take an element from each of n vectors, a row each: [count, n]. */
FAC_API fac_tensor *fac_cartesian_prod(fac_tensor_list tensors);
/* All ways to choose r elements of a vector in order, a row each. */
FAC_API fac_tensor *fac_combinations(fac_tensor *self, int64_t r, bool with_replacement);

/* nn.functional.pad: pad holds (before, after) for the last dimension, then for the one before it… mode is
 * "constant" (with value; negative pads cut), "reflect", "replicate" or "circular" (of the last 1 to 3 dimensions of
 * 2 to 5-d tensors). */
FAC_API fac_tensor *fac_pad(fac_tensor *self, fac_dims pad, const char *mode, double value);
FAC_API fac_tensor *fac_constant_pad_nd(fac_tensor *self, fac_dims pad, fac_scalar value);

FAC_END

#define fac_constant_pad_nd(x, pad, value) fac_constant_pad_nd(x, pad, FAC_SCALAR(value))

#endif
