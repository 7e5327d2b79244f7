/* Floor 4: reading and writing elements by index.
 *
 * Python's x[...] takes its parts as they are written there:
 *
 *     fac_index(x, 0)                                   x[0]
 *     fac_index(x, FAC_SLICE(1, FAC_OPEN), -1)          x[1:, -1]
 *     fac_index(x, FAC_ELLIPSIS, FAC_NEW_AXIS)          x[..., None]
 *     fac_index(x, FAC_ALL, rows)                       x[:, rows], rows an int64 tensor
 *     fac_index(x, fac_gt_scalar(x, 0))                 x[x > 0]
 *     fac_index_set(x, FAC_INDEX(0, FAC_ALL), y)        x[0, :] = y
 *
 * Integers, slices, ellipsis and new axes alone give a view; with an index tensor or a mask the result is a copy.
 * Indices out of range are an IndexError, as in PyTorch of gather and scatter a RuntimeError. Results belong to the
 * innermost scope; NULL after an error. */
#ifndef FACULA_OPS_INDEX_H
#define FACULA_OPS_INDEX_H

#include "facula/ops_view.h"
#include "facula/tensor.h"

FAC_BEGIN

/* ---- x[...] ------------------------------------------------------------------------------------------------- */

typedef enum fac_index_kind {
    FAC_INDEX_INT,
    FAC_INDEX_SLICE,
    FAC_INDEX_ELLIPSIS,
    FAC_INDEX_NEW_AXIS,
    FAC_INDEX_BOOL,
    FAC_INDEX_TENSOR
} fac_index_kind;

typedef struct fac_index_part {
    fac_index_kind kind;
    int64_t start, stop, step; /* of a slice; start is also the integer and the bool */
    fac_tensor *tensor;
} fac_index_part;

typedef struct fac_index_parts {
    const fac_index_part *parts;
    int n;
} fac_index_parts;

static inline fac_index_part fac__index_part(fac_index_kind kind, int64_t start, int64_t stop, int64_t step,
                                             fac_tensor *t)
{
    fac_index_part p;
    p.kind = kind;
    p.start = start;
    p.stop = stop;
    p.step = step;
    p.tensor = t;
    return p;
}
static inline fac_index_part fac__part_same(fac_index_part p)
{
    return p;
}
static inline fac_index_part fac__part_int(int64_t i)
{
    return fac__index_part(FAC_INDEX_INT, i, 0, 0, NULL);
}
static inline fac_index_part fac__part_bool(bool b)
{
    return fac__index_part(FAC_INDEX_BOOL, b, 0, 0, NULL);
}
static inline fac_index_part fac__part_tensor(fac_tensor *t)
{
    return fac__index_part(FAC_INDEX_TENSOR, 0, 0, 0, t);
}

/* start:stop and start:stop:step, FAC_OPEN where a bound is left out; the whole dimension; as many whole dimensions
 * as it takes; a new dimension of size 1. A bool (in C as (bool)1) adds a dimension of size 1 or 0. */
#define FAC_SLICE(start, ...) FAC__SLICE(start, __VA_ARGS__, 1, 0)
#define FAC__SLICE(start, stop, step, ...) fac__index_part(FAC_INDEX_SLICE, start, stop, step, NULL)
#define FAC_ALL fac__index_part(FAC_INDEX_SLICE, FAC_OPEN, FAC_OPEN, 1, NULL)
#define FAC_ELLIPSIS fac__index_part(FAC_INDEX_ELLIPSIS, 0, 0, 0, NULL)
#define FAC_NEW_AXIS fac__index_part(FAC_INDEX_NEW_AXIS, 0, 0, 0, NULL)

FAC_API fac_tensor *fac_index_with(fac_tensor *self, fac_index_parts parts);
#define fac_index(x, ...) fac_index_with(x, FAC_INDEX(__VA_ARGS__))
/* self[parts] = value, broadcast (leading dimensions of size 1 may be too many) and cast. Returns self. */
FAC_API fac_tensor *fac_index_set(fac_tensor *self, fac_index_parts parts, fac_tensor *value);
FAC_API fac_tensor *fac_index_set_scalar(fac_tensor *self, fac_index_parts parts, fac_scalar value);
/* torch's index_put: as setting, of the same dtype; or adding, where an element named several times gets the sum, in
 * row-major order. index_put leaves self as it is and returns the changed copy. */
FAC_API fac_tensor *fac_index_put_(fac_tensor *self, fac_index_parts parts, fac_tensor *values, bool accumulate);
FAC_API fac_tensor *fac_index_put(fac_tensor *self, fac_index_parts parts, fac_tensor *values, bool accumulate);

/* ---- along one dimension ------------------------------------------------------------------------------------- */

/* The slices that a 1-d index (int64 or int32) names. */
FAC_API fac_tensor *fac_index_select(fac_tensor *self, int dim, fac_tensor *index);
/* Element [i][j] of the result is self[index[i][j]][j] for dim 0, and so on; the result has index's shape. index:
 * int64, no larger than self but in dim. */
FAC_API fac_tensor *fac_gather(fac_tensor *self, int dim, fac_tensor *index);
/* gather, after index and self were broadcast; dim FAC_OPEN: of the flattened tensors. */
FAC_API fac_tensor *fac_take_along_dim(fac_tensor *self, fac_tensor *indices, int64_t dim);

/* The reverse of gather: self with src's elements written, added, or otherwise brought in where index says. src has
 * self's dtype and is no smaller than index. Where index names an element several times, the last one is written. */
FAC_API fac_tensor *fac_scatter(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src);
FAC_API fac_tensor *fac_scatter_(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src);
FAC_API fac_tensor *fac_scatter_scalar(fac_tensor *self, int dim, fac_tensor *index, fac_scalar value);
FAC_API fac_tensor *fac_scatter_scalar_(fac_tensor *self, int dim, fac_tensor *index, fac_scalar value);
FAC_API fac_tensor *fac_scatter_add(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src);
FAC_API fac_tensor *fac_scatter_add_(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src);
/* reduce: "sum", "prod", "mean", "amax", "amin"; include_self false: the elements written to start from nothing. */
FAC_API fac_tensor *fac_scatter_reduce(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src,
                                       const char *reduce, bool include_self);
FAC_API fac_tensor *fac_scatter_reduce_(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src,
                                        const char *reduce, bool include_self);

/* The same with a 1-d index that names slices along dim: source's slice i is added (times alpha) to, copied over, or
 * reduced into self's slice index[i]. */
FAC_API fac_tensor *fac_index_add(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *source, fac_scalar alpha);
FAC_API fac_tensor *fac_index_add_(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *source, fac_scalar alpha);
FAC_API fac_tensor *fac_index_copy(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *source);
FAC_API fac_tensor *fac_index_copy_(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *source);
FAC_API fac_tensor *fac_index_reduce(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *source,
                                     const char *reduce, bool include_self); /* "prod", "mean", "amax", "amin" */
FAC_API fac_tensor *fac_index_reduce_(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *source,
                                      const char *reduce, bool include_self);
/* Those slices filled with a number, or with the value of a 0-d tensor. Negative indices count from the end. */
FAC_API fac_tensor *fac_index_fill(fac_tensor *self, int dim, fac_tensor *index, fac_scalar value);
FAC_API fac_tensor *fac_index_fill_(fac_tensor *self, int dim, fac_tensor *index, fac_scalar value);
FAC_API fac_tensor *fac_index_fill_tensor(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *value);
FAC_API fac_tensor *fac_index_fill_tensor_(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *value);

/* ---- of the flattened tensor --------------------------------------------------------------------------------- */

/* Elements by their number in row-major order (negative: from the end), in index's shape; and the reverse. */
FAC_API fac_tensor *fac_take(fac_tensor *self, fac_tensor *index);
FAC_API fac_tensor *fac_put(fac_tensor *self, fac_tensor *index, fac_tensor *source, bool accumulate);
FAC_API fac_tensor *fac_put_(fac_tensor *self, fac_tensor *index, fac_tensor *source, bool accumulate);

/* ---- by masks ------------------------------------------------------------------------------------------------ */

/* self where mask (bool or uint8, broadcast) is false, else the number, or the value of a 0-d tensor. */
FAC_API fac_tensor *fac_masked_fill(fac_tensor *self, fac_tensor *mask, fac_scalar value);
FAC_API fac_tensor *fac_masked_fill_(fac_tensor *self, fac_tensor *mask, fac_scalar value);
FAC_API fac_tensor *fac_masked_fill_tensor(fac_tensor *self, fac_tensor *mask, fac_tensor *value);
FAC_API fac_tensor *fac_masked_fill_tensor_(fac_tensor *self, fac_tensor *mask, fac_tensor *value);
/* The elements where mask is true, 1-d; and the reverse: they are replaced by source's elements in a row. */
FAC_API fac_tensor *fac_masked_select(fac_tensor *self, fac_tensor *mask);
FAC_API fac_tensor *fac_masked_scatter(fac_tensor *self, fac_tensor *mask, fac_tensor *source);
FAC_API fac_tensor *fac_masked_scatter_(fac_tensor *self, fac_tensor *mask, fac_tensor *source);
/* Coordinates of what is not 0, a row each: int64 [count, dims]. argwhere is the same. */
FAC_API fac_tensor *fac_nonzero(fac_tensor *self);
FAC_API fac_tensor *fac_argwhere(fac_tensor *self);
/* torch.where(condition): the columns of nonzero, one tensor for each dimension; of a 0-d tensor as if it were [1]. */
FAC_API fac_tensor_list fac_where_true(fac_tensor *condition);

FAC_END

/* Numbers may be written as they are. */
#define fac_index_set_scalar(x, parts, value) fac_index_set_scalar(x, parts, FAC_SCALAR(value))
#define fac_scatter_scalar(x, dim, index, value) fac_scatter_scalar(x, dim, index, FAC_SCALAR(value))
#define fac_scatter_scalar_(x, dim, index, value) fac_scatter_scalar_(x, dim, index, FAC_SCALAR(value))
#define fac_index_add(x, dim, index, source, alpha) fac_index_add(x, dim, index, source, FAC_SCALAR(alpha))
#define fac_index_add_(x, dim, index, source, alpha) fac_index_add_(x, dim, index, source, FAC_SCALAR(alpha))
#define fac_index_fill(x, dim, index, value) fac_index_fill(x, dim, index, FAC_SCALAR(value))
#define fac_index_fill_(x, dim, index, value) fac_index_fill_(x, dim, index, FAC_SCALAR(value))
#define fac_masked_fill(x, mask, value) fac_masked_fill(x, mask, FAC_SCALAR(value))
#define fac_masked_fill_(x, mask, value) fac_masked_fill_(x, mask, FAC_SCALAR(value))

/* FAC_INDEX(0, FAC_ALL, mask): the parts of an index, good until the end of the block; up to 12. */
#ifdef __cplusplus
static inline fac_index_part fac__part(fac_index_part p)
{
    return p;
}
static inline fac_index_part fac__part(fac_tensor *t)
{
    return fac__part_tensor(t);
}
static inline fac_index_part fac__part(bool b)
{
    return fac__part_bool(b);
}
static inline fac_index_part fac__part(int i)
{
    return fac__part_int(i);
}
static inline fac_index_part fac__part(long i)
{
    return fac__part_int(i);
}
static inline fac_index_part fac__part(long long i)
{
    return fac__part_int((int64_t)i);
}
static inline fac_index_parts fac__parts(std::initializer_list<fac_index_part> l)
{
    fac_index_parts r;
    r.parts = l.begin();
    r.n = (int)l.size();
    return r;
}
#define FAC__PART(v) fac__part(v)
#define FAC_INDEX(...) fac__parts({FAC__EACH(FAC__PART, __VA_ARGS__)})
#else
#define FAC__PART(v)                                                                                                   \
    _Generic((v), fac_index_part                                                                                       \
             : fac__part_same, fac_tensor *                                                                            \
             : fac__part_tensor, bool                                                                                  \
             : fac__part_bool, default                                                                                 \
             : fac__part_int)(v)
#define FAC_INDEX(...)                                                                                                 \
    ((fac_index_parts){(const fac_index_part[]){FAC__EACH(FAC__PART, __VA_ARGS__)}, FAC__COUNT(__VA_ARGS__)})
#endif
#define FAC__COUNT(...) FAC__PICK(0, __VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define FAC__EACH(m, ...)                                                                                              \
    FAC__PICK(0, __VA_ARGS__, FAC__EACH12, FAC__EACH11, FAC__EACH10, FAC__EACH9, FAC__EACH8, FAC__EACH7, FAC__EACH6,   \
              FAC__EACH5, FAC__EACH4, FAC__EACH3, FAC__EACH2, FAC__EACH1, )                                            \
    (m, __VA_ARGS__)
#define FAC__EACH1(m, x) m(x)
#define FAC__EACH2(m, x, ...) m(x), FAC__EACH1(m, __VA_ARGS__)
#define FAC__EACH3(m, x, ...) m(x), FAC__EACH2(m, __VA_ARGS__)
#define FAC__EACH4(m, x, ...) m(x), FAC__EACH3(m, __VA_ARGS__)
#define FAC__EACH5(m, x, ...) m(x), FAC__EACH4(m, __VA_ARGS__)
#define FAC__EACH6(m, x, ...) m(x), FAC__EACH5(m, __VA_ARGS__)
#define FAC__EACH7(m, x, ...) m(x), FAC__EACH6(m, __VA_ARGS__)
#define FAC__EACH8(m, x, ...) m(x), FAC__EACH7(m, __VA_ARGS__)
#define FAC__EACH9(m, x, ...) m(x), FAC__EACH8(m, __VA_ARGS__)
#define FAC__EACH10(m, x, ...) m(x), FAC__EACH9(m, __VA_ARGS__)
#define FAC__EACH11(m, x, ...) m(x), FAC__EACH10(m, __VA_ARGS__)
#define FAC__EACH12(m, x, ...) m(x), FAC__EACH11(m, __VA_ARGS__)

#endif
