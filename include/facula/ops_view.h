/* Floor 4: looking at a tensor's elements in another shape or order.
 *
 * A view shares its tensor's memory: it costs nothing, what is written into one is seen in the other, and gradients
 * flow through both. The functions of the first three sections give views. Negative dimensions count from the end.
 * Errors are PyTorch's: an IndexError for a dimension that is not there, a RuntimeError for sizes that do not fit.
 * Where several tensors come back, as a fac_tensor_list, they and its array belong to the innermost scope: nothing
 * is to be freed. A list with items NULL is an error. */
#ifndef FACULA_OPS_VIEW_H
#define FACULA_OPS_VIEW_H

#include "facula/tensor.h"

FAC_BEGIN

/* A bound of a slice that is left out, as in x[2:]. */
#define FAC_OPEN INT64_MIN

/* ---- other shapes ------------------------------------------------------------------------------------------- */

/* The same elements in the same order in another shape. One size may be -1: what is left. view refuses where the memory
 * does not allow it; reshape then copies. */
FAC_API fac_tensor *fac_view(fac_tensor *self, fac_dims shape);
FAC_API fac_tensor *fac_reshape(fac_tensor *self, fac_dims shape);
FAC_API fac_tensor *fac_view_as(fac_tensor *self, fac_tensor *other);
FAC_API fac_tensor *fac_reshape_as(fac_tensor *self, fac_tensor *other);
/* The bits of the elements as another dtype (torch's x.view(dtype)); the last dimension grows or shrinks where the
 * sizes of the dtypes differ. */
FAC_API fac_tensor *fac_view_dtype(fac_tensor *self, fac_dtype dtype);
/* Dimensions start to end become one; flatten(x, 0, -1) is 1-d. 0-d becomes 1-d. A copy where memory requires it. */
FAC_API fac_tensor *fac_flatten(fac_tensor *self, int start_dim, int end_dim);
/* One dimension becomes several; one of the sizes may be -1. */
FAC_API fac_tensor *fac_unflatten(fac_tensor *self, int dim, fac_dims sizes);
/* All in one dimension. */
FAC_API fac_tensor *fac_ravel(fac_tensor *self);
/* Without the dimensions of size 1: all of them, one (left as it is if it is larger), or several. */
FAC_API fac_tensor *fac_squeeze(fac_tensor *self);
FAC_API fac_tensor *fac_squeeze_dim(fac_tensor *self, int dim);
FAC_API fac_tensor *fac_squeeze_dims(fac_tensor *self, fac_dims dims);
/* With a new dimension of size 1 in that place. */
FAC_API fac_tensor *fac_unsqueeze(fac_tensor *self, int dim);
/* Dimensions of size 1, and new leading ones, repeated without a copy. -1 keeps a size. In-place changes of the
 * result are refused. */
FAC_API fac_tensor *fac_expand(fac_tensor *self, fac_dims shape);
FAC_API fac_tensor *fac_expand_as(fac_tensor *self, fac_tensor *other);
FAC_API fac_tensor *fac_broadcast_to(fac_tensor *self, fac_dims shape);
/* At least one dimension: [] gives [1]; two: [n] gives [1, n]; three: [n] gives [1, n, 1], [m, n] gives [m, n, 1]. */
FAC_API fac_tensor *fac_atleast_1d(fac_tensor *self);
FAC_API fac_tensor *fac_atleast_2d(fac_tensor *self);
FAC_API fac_tensor *fac_atleast_3d(fac_tensor *self);

/* ---- other orders of dimensions ------------------------------------------------------------------------------ */

FAC_API fac_tensor *fac_transpose(fac_tensor *self, int dim0, int dim1);
FAC_API fac_tensor *fac_swapaxes(fac_tensor *self, int axis0, int axis1); /* the same */
/* A matrix transposed; fewer dimensions stay as they are. */
FAC_API fac_tensor *fac_t(fac_tensor *self);
/* Dimension i of the result is dimension dims[i] of self. */
FAC_API fac_tensor *fac_permute(fac_tensor *self, fac_dims dims);
/* Dimension source[i] goes to place destination[i]; the others keep their order. */
FAC_API fac_tensor *fac_movedim(fac_tensor *self, fac_dims source, fac_dims destination);
FAC_API fac_tensor *fac_T(fac_tensor *self);  /* all dimensions reversed */
FAC_API fac_tensor *fac_mT(fac_tensor *self); /* the last two swapped */
FAC_API fac_tensor *fac_H(fac_tensor *self);  /* as mT, for matrices only */

/* ---- parts -------------------------------------------------------------------------------------------------- */

/* Along dim, x[start:end:step] of Python: negative bounds count from the end, bounds outside are cut, FAC_OPEN
 * leaves one out. step is positive. */
FAC_API fac_tensor *fac_slice(fac_tensor *self, int dim, int64_t start, int64_t end, int64_t step);
/* length elements from start. Bounds must fit. */
FAC_API fac_tensor *fac_narrow(fac_tensor *self, int dim, int64_t start, int64_t length);
/* One index; the dimension goes. */
FAC_API fac_tensor *fac_select(fac_tensor *self, int dim, int64_t index);
/* The diagonal of dims dim1 and dim2, offset to the right of the main one, as the last dimension. */
FAC_API fac_tensor *fac_diagonal(fac_tensor *self, int64_t offset, int dim1, int dim2);
/* Windows of `size` elements every `step` along dim; a window's elements are a new last dimension. */
FAC_API fac_tensor *fac_unfold(fac_tensor *self, int dim, int64_t size, int64_t step);
/* Any sizes and strides over the storage, which is checked to hold them. storage_offset FAC_OPEN: self's. */
FAC_API fac_tensor *fac_as_strided(fac_tensor *self, fac_dims size, fac_dims stride, int64_t storage_offset);

/* Pieces of split_size along dim, the last one smaller if need be; `chunks` pieces at most of equal size; pieces of
 * given sizes. */
FAC_API fac_tensor_list fac_split(fac_tensor *self, int64_t split_size, int dim);
FAC_API fac_tensor_list fac_chunk(fac_tensor *self, int64_t chunks, int dim);
FAC_API fac_tensor_list fac_split_sizes(fac_tensor *self, fac_dims sizes, int dim);
FAC_API fac_tensor_list fac_split_with_sizes(fac_tensor *self, const int64_t *sizes, int64_t count, int dim);
/* Exactly `sections` pieces, sizes differing by 1 at most; pieces that end at given indices. */
FAC_API fac_tensor_list fac_tensor_split(fac_tensor *self, int64_t sections, int dim);
FAC_API fac_tensor_list fac_tensor_split_at(fac_tensor *self, const int64_t *indices, int64_t count, int dim);
/* hsplit: along dim 1 (0 of a 1-d tensor), vsplit: 0, dsplit: 2. `sections` must divide the size; or at indices. */
FAC_API fac_tensor_list fac_hsplit(fac_tensor *self, int64_t sections);
FAC_API fac_tensor_list fac_vsplit(fac_tensor *self, int64_t sections);
FAC_API fac_tensor_list fac_dsplit(fac_tensor *self, int64_t sections);
FAC_API fac_tensor_list fac_hsplit_at(fac_tensor *self, const int64_t *indices, int64_t count);
FAC_API fac_tensor_list fac_vsplit_at(fac_tensor *self, const int64_t *indices, int64_t count);
FAC_API fac_tensor_list fac_dsplit_at(fac_tensor *self, const int64_t *indices, int64_t count);
/* All selections along dim. */
FAC_API fac_tensor_list fac_unbind(fac_tensor *self, int dim);
/* All expanded to the shape they broadcast to. */
FAC_API fac_tensor_list fac_broadcast_tensors(fac_tensor_list tensors);
/* n vectors to n grids; indexing "ij": result i varies along dimension i; "xy": the first two dimensions are
 * swapped. */
FAC_API fac_tensor_list fac_meshgrid(fac_tensor_list tensors, const char *indexing);

/* ---- copies in another order --------------------------------------------------------------------------------- */

/* Reversed along dims. fliplr: along 1, flipud: along 0. */
FAC_API fac_tensor *fac_flip(fac_tensor *self, fac_dims dims);
FAC_API fac_tensor *fac_fliplr(fac_tensor *self);
FAC_API fac_tensor *fac_flipud(fac_tensor *self);
/* Shifted along dims, what leaves at the end coming in at the start. No dims: shifted as if 1-d. */
FAC_API fac_tensor *fac_roll(fac_tensor *self, fac_dims shifts, fac_dims dims);
/* Turned k times by 90 degrees, from dims[0] towards dims[1]. */
FAC_API fac_tensor *fac_rot90(fac_tensor *self, int64_t k, fac_dims dims);
/* Copies side by side: repeats[i] along dimension i, which may be new in front. tile: the shorter list is filled
 * with 1. */
FAC_API fac_tensor *fac_repeat(fac_tensor *self, fac_dims repeats);
FAC_API fac_tensor *fac_tile(fac_tensor *self, fac_dims dims);
/* Each slice along dim `repeats` times in a row; dim FAC_OPEN: of the flattened tensor. The second form takes a 1-d
 * int64 or int32 tensor with a number for each slice (or one for all). */
FAC_API fac_tensor *fac_repeat_interleave(fac_tensor *self, int64_t repeats, int64_t dim);
FAC_API fac_tensor *fac_repeat_interleave_tensor(fac_tensor *self, fac_tensor *repeats, int64_t dim);
/* Zero above (below) the diagonal of the last two dimensions. */
FAC_API fac_tensor *fac_tril(fac_tensor *self, int64_t diagonal);
FAC_API fac_tensor *fac_triu(fac_tensor *self, int64_t diagonal);
FAC_API fac_tensor *fac_tril_(fac_tensor *self, int64_t diagonal);
FAC_API fac_tensor *fac_triu_(fac_tensor *self, int64_t diagonal);
/* A vector to a matrix with that diagonal; a matrix to its diagonal (a copy). */
FAC_API fac_tensor *fac_diag(fac_tensor *self, int64_t diagonal);
/* The last dimension becomes a diagonal of the dims dim1 and dim2 of the result, which is zero elsewhere. */
FAC_API fac_tensor *fac_diag_embed(fac_tensor *self, int64_t offset, int dim1, int dim2);
FAC_API fac_tensor *fac_diagflat(fac_tensor *self, int64_t offset);
/* self with a part of it replaced by src; the part's shape must be src's. */
FAC_API fac_tensor *fac_select_scatter(fac_tensor *self, fac_tensor *src, int dim, int64_t index);
FAC_API fac_tensor *fac_slice_scatter(fac_tensor *self, fac_tensor *src, int dim, int64_t start, int64_t end,
                                      int64_t step);
FAC_API fac_tensor *fac_diagonal_scatter(fac_tensor *self, fac_tensor *src, int64_t offset, int dim1, int dim2);
FAC_API fac_tensor *fac_as_strided_scatter(fac_tensor *self, fac_tensor *src, fac_dims size, fac_dims stride,
                                           int64_t storage_offset);
/* value on the main diagonal, in place; wrap: again below an empty row in tall matrices. More than two dims must be
 * equal. */
FAC_API fac_tensor *fac_fill_diagonal_(fac_tensor *self, fac_scalar value, bool wrap);
/* self gets another shape in place: contiguous, over the same memory where that is large enough, else over new
 * memory that begins with the old contents; the rest is undefined. Not for tensors that require grad. resize_as_: to
 * the shape of other. */
FAC_API fac_tensor *fac_resize_(fac_tensor *self, fac_dims shape);
FAC_API fac_tensor *fac_resize_as_(fac_tensor *self, fac_tensor *other);

FAC_END

#define fac_fill_diagonal_(x, value, wrap) fac_fill_diagonal_(x, FAC_SCALAR(value), wrap)
#endif
