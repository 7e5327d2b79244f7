/* Floor 4. What the files that view, index and join share: layouts, lists, and checks of their arguments. */
#ifndef FACULA_SHAPING_H
#define FACULA_SHAPING_H

#include "op.h"

/* Where elements lie: offset and strides in elements. */
typedef struct fac__layout {
    int ndim;
    int64_t offset, shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
} fac__layout;

/* A change of layout that leaves elements out, with the operation's own numbers; false after an error. */
typedef bool (*fac__part)(fac__layout *l, const int64_t *a);

/* The view that `part` makes of x. Its gradient puts the part's gradient into zeros. */
fac_tensor *fac__part_view(const char *name, fac_tensor *x, fac__part part, const int64_t *a);
/* A copy of x in which that view is src. */
fac_tensor *fac__part_scatter(const char *name, fac_tensor *x, fac_tensor *src, fac__part part, const int64_t *a,
                              int n_a);
bool fac__slice_part(fac__layout *l, const int64_t *a);    /* dim, start, step, length: checked and wrapped before */
bool fac__select_part(fac__layout *l, const int64_t *a);   /* dim, index */
bool fac__diagonal_part(fac__layout *l, const int64_t *a); /* offset, dim1, dim2 */
bool fac__unfold_part(fac__layout *l, const int64_t *a);   /* dim, size, step */

/* A view of all elements in another shape, whose gradient is reshaped back. */
fac_tensor *fac__relabel(const char *name, fac_tensor *x, int ndim, const int64_t *shape, const int64_t *strides);

/* Refuses lists that are longer than a tensor has dims. */
bool fac__dims_fit(fac_dims dims);
/* dims wrapped into 0..ndim-1; false if one is out of range or (message given) one comes twice: "%d" in it is the
 * dim. */
bool fac__wrap_dims(fac_dims *dims, int ndim, const char *repeated);
/* One -1 in a shape becomes what is left of numel; false with PyTorch's error. */
bool fac__infer_shape(fac_dims *shape, int64_t numel);

/* Whether there are as many tensors as the list says; otherwise an error. */
bool fac__list_given(fac_tensor_list list);
/* Room for n tensors in memory of the innermost scope; items NULL after an error. */
fac_tensor_list fac__list_new(int64_t n);
static const fac_tensor_list fac__no_list = {NULL, 0};

/* "value cannot be converted to type int8_t without overflow", unless it can. */
bool fac__scalar_fits(fac_scalar value, fac_dtype dtype);

/* Results of the by-name calls that give lists. */
static inline int fac__value_list(fac_tensor_list list, fac_value *results)
{
    results[0] = (fac_value){.kind = FAC_VALUE_TENSORS, .v.tensors = list};
    return 1;
}
#define RL(list_expression) (count += fac__value_list(list_expression, results + count))
/* int? that is None, as FAC_OPEN. */
#define IO(i) (GIVEN(i) ? I(i) : INT64_MIN)

#endif
