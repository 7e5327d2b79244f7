/* Floor 4. Reading along one dimension by index: gather, index_select, take. Writing is scatter.c's. */
#include <string.h>

#include "facula/ops_create.h"
#include "facula/ops_join.h"
#include "index_along.h"
#include "tracing.h"

/* ---- launching ----------------------------------------------------------------------------------------------- */

static void launch(fac__index_mode mode, const fac_tensor *table, int dim, fac__operand at, int ndim,
                   const int64_t *shape, const fac_tensor *values)
{
    fac__index_args args;
    args.mode = mode;
    args.ndim = ndim;
    memcpy(args.shape, shape, (size_t)ndim * sizeof *shape);
    args.disjoint = ndim ? ~(1u << dim) : 0;
    args.n_index = 1;
    args.table = fac__operand_of(table);
    args.index[0] =
        (fac__index_operand){at, table->ndim ? table->shape[dim] : 1, table->ndim ? table->strides[dim] : 0};
    if (table->ndim)
        args.table.strides[dim] = 0;
    else
        memset(args.table.strides, 0, sizeof args.table.strides);
    args.values = values->ndim || !ndim ? fac__operand_of(values) : fac__operand_broadcast(values, ndim, shape);
    FAC__LAUNCH(fac__k_index, args);
}

void fac__by_element(fac__index_mode mode, const fac_tensor *table, int dim, const fac_tensor *index,
                     const fac_tensor *values)
{
    launch(mode, table, dim, fac__operand_of(index), index->ndim, index->shape, values);
}

void fac__by_slice(fac__index_mode mode, const fac_tensor *table, int dim, const fac_tensor *index,
                   const fac_tensor *values)
{
    int ndim = table->ndim ? table->ndim : 1; /* a 0-d table is like one of a single element */
    int64_t shape[FAC_MAX_DIMS];
    memcpy(shape, table->shape, (size_t)table->ndim * sizeof *shape);
    shape[dim] = index->numel;
    fac__operand at = {fac__data(index), FAC_INT64, {0}};
    at.strides[dim] = index->ndim ? index->strides[0] : 0;
    launch(mode, table, dim, at, ndim, shape, values);
}

/* ---- shared with scatter.c, masked.c, index.c ---------------------------------------------------------------- */

fac_tensor *fac__copy_of(fac_tensor *x)
{
    fac_tensor *y = fac__new_like(x, (fac_dtype)x->dtype);
    if (y && !fac__copy_into(y, x)) {
        fac_release(y);
        y = NULL;
    }
    return y;
}

fac_tensor *fac__target(fac_tensor *self, bool inplace)
{
    if (!inplace) return fac__copy_of(self);
    return fac__inplace_begin(self) ? self : NULL;
}

fac_tensor *fac__finish(fac__node *n, fac_tensor *y, bool inplace, bool ok)
{
    if (inplace) return ok ? fac__inplace_end(y, n, -1) : (fac__node_release(n), NULL);
    if (!ok) {
        fac_release(y);
        y = NULL;
    }
    if (!y) return fac__node_release(n), NULL;
    return fac__result(n, y);
}

fac_tensor *fac__apart(fac_tensor *self, fac_tensor *src, bool inplace)
{
    return inplace && src->storage == self->storage ? fac__own(fac__copy_of(src)) : src;
}

fac_tensor *fac__number(fac_scalar value, fac_dtype dtype)
{
    if (!fac__scalar_fits(value, dtype)) return NULL;
    fac_tensor *t = fac__own(fac__new(dtype, 0, NULL));
    return t && fac__fill_into(t, value) ? t : NULL;
}

fac_tensor *fac__int64_index(fac_tensor *index)
{
    if (index->dtype == FAC_INT64) return index;
    fac_tensor *t = fac__own(fac__new_like(index, FAC_INT64));
    return t && fac__copy_into(t, index) ? t : NULL;
}

fac_tensor *fac__grow(fac_tensor *g, const fac_dims *shape)
{
    fac_dims pad = {.n = 0};
    bool grows = false;
    for (int i = g ? g->ndim - 1 : -1; i >= 0; i--) {
        pad.d[pad.n + 1] = shape->d[i] - g->shape[i];
        pad.d[pad.n] = 0;
        grows |= pad.d[pad.n + 1] != 0;
        pad.n += 2;
        if (pad.n == FAC_MAX_DIMS) break;
    }
    return grows ? fac_constant_pad_nd(g, pad, 0) : g;
}

/* ---- gather -------------------------------------------------------------------------------------------------- */

typedef struct gather_params {
    int dim;
    fac_dims shape; /* of self */
} gather_params;

static fac_tensor *zeros_of(const gather_params *p, const fac_tensor *g)
{
    return fac_zeros(p->shape, .dtype = fac_dtype_of(g));
}

static void keep(fac__node *n, int dim, const fac_tensor *self, fac_tensor *index)
{
    if (!n || !n->params) return;
    gather_params *p = n->params;
    p->dim = dim;
    p->shape = fac_shape(self);
    fac__save(n, 0, index);
}

static void gather_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const gather_params *p = n->params;
    fac_tensor *index = fac__saved(n, 0);
    if (index) gx[0] = fac_scatter_add(zeros_of(p, gy[0]), p->dim, index, gy[0]);
}

/* gather's rule: as many dims as self, no larger but in dim. An empty index is always fine. */
static bool gather_args(const fac_tensor *self, int dim, const fac_tensor *index)
{
    if (index->numel == 0) return true;
    if (index->dtype != FAC_INT64) return fac__runtime_error("gather(): Expected dtype int64 for index"), false;
    if ((self->ndim ? self->ndim : 1) != (index->ndim ? index->ndim : 1))
        return fac__runtime_error("Index tensor must have the same number of dimensions as input tensor"), false;
    for (int i = 0; i < index->ndim; i++)
        if (i != dim && index->shape[i] > self->shape[i])
            return fac__runtime_error(
                       "Size does not match at dimension %d expected index %s to be smaller than self %s apart from "
                       "dimension %d",
                       i, fac__shape_text(index->ndim, index->shape), fac__shape_text(self->ndim, self->shape), dim),
                   false;
    int64_t size = self->ndim ? self->shape[dim] : 1;
    return fac__index_check(index, 0, size, fac__report_runtime, dim, size);
}

fac_tensor *fac_gather(fac_tensor *self, int dim, fac_tensor *index)
{
    FAC__OP("gather");
    FAC__NEED(self);
    FAC__NEED(index);
    FAC__TRACE("gather", FAC__ARG(self), FAC__ARG(dim), FAC__ARG(index));
    if ((dim = fac__wrap_dim(dim, self->ndim)) < 0 || !gather_args(self, dim, index)) return NULL;
    fac_tensor *y = fac__new_like(index, (fac_dtype)self->dtype);
    if (!y) return NULL;
    if (y->numel) fac__by_element(FAC__INDEX_GET, self, dim, index, y);
    fac__node *n = fac__record("GatherBackward0", gather_backward, 1, 1, sizeof(gather_params), self);
    keep(n, dim, self, index);
    return fac__result(n, y);
}

fac_tensor *fac_take_along_dim(fac_tensor *self, fac_tensor *indices, int64_t dim)
{
    FAC__OP("take_along_dim");
    FAC__NEED(self);
    FAC__NEED(indices);
    if (indices->dtype != FAC_INT64)
        return fac__runtime_error("torch.take_along_dim(): dtype of indices should be Long but got %s",
                                  fac__dtype_word((fac_dtype)indices->dtype));
    if (dim == FAC_OPEN) return fac_gather(fac_ravel(self), 0, fac_ravel(indices));
    if (self->ndim != indices->ndim)
        return fac__runtime_error(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got %d "
            "dimensions for input, and %d dimensions for indices",
            self->ndim, indices->ndim);
    int at = fac__wrap_dim(dim, self->ndim), n;
    if (at < 0) return NULL;
    /* Both are broadcast to each other but in dim, where each keeps its own size. */
    int64_t shape[FAC_MAX_DIMS], other[FAC_MAX_DIMS];
    memcpy(other, indices->shape, sizeof other);
    if (self->ndim) other[at] = self->shape[at];
    if (!fac__broadcast_shapes(self->ndim, self->shape, self->ndim, other, &n, shape)) return NULL;
    fac_tensor *x = fac_expand(self, fac_dims_make(n, shape));
    if (self->ndim) shape[at] = indices->shape[at];
    return fac_gather(x, at, fac_expand(indices, fac_dims_make(n, shape)));
}

/* ---- index_select -------------------------------------------------------------------------------------------- */

static void select_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const gather_params *p = n->params;
    fac_tensor *index = fac__saved(n, 0);
    if (index) gx[0] = fac_index_add(zeros_of(p, gy[0]), p->dim, index, gy[0], 1);
}

fac_tensor *fac_index_select(fac_tensor *self, int dim, fac_tensor *index)
{
    FAC__OP("index_select");
    FAC__NEED(self);
    FAC__NEED(index);
    FAC__TRACE("index_select", FAC__ARG(self), FAC__ARG(dim), FAC__ARG(index));
    if ((dim = fac__wrap_dim(dim, self->ndim)) < 0) return NULL;
    if (index->ndim > 1) return fac__index_error("index_select(): Index is supposed to be a vector");
    if (index->dtype != FAC_INT64 && index->dtype != FAC_INT32)
        return fac__runtime_error("index_select(): Expected dtype int32 or int64 for index");
    if (!(index = fac__int64_index(index))) return NULL;
    int64_t size = self->ndim ? self->shape[dim] : 1, shape[FAC_MAX_DIMS];
    if (!fac__index_check(index, 0, size, fac__report_in_self, dim, size)) return NULL;
    memcpy(shape, self->shape, (size_t)self->ndim * sizeof *shape);
    if (self->ndim) shape[dim] = index->numel;
    fac_tensor *y = fac__new((fac_dtype)self->dtype, self->ndim, shape);
    if (!y) return NULL;
    if (y->numel) fac__by_slice(FAC__INDEX_GET, self, dim, index, y);
    fac__node *n = fac__record("IndexSelectBackward0", select_backward, 1, 1, sizeof(gather_params), self);
    keep(n, dim, self, index);
    return fac__result(n, y);
}

/* ---- take, put ----------------------------------------------------------------------------------------------- */

static bool report_take(const fac__index_range_args *a, int64_t bad)
{
    return fac__index_error("out of range: tried to access index %lld on a tensor of %lld elements.", (long long)bad,
                            (long long)a->size),
           false;
}

static bool take_args(const char *op, const fac_tensor *self, const fac_tensor *index)
{
    if (index->dtype != FAC_INT64)
        return fac__runtime_error("%s(): Expected a long tensor for index, but got %s", op,
                                  fac__dtype_word((fac_dtype)index->dtype)),
               false;
    if (self->numel == 0 && index->numel)
        return fac__index_error("%s(): tried to %s from an empty tensor", op, op), false;
    return fac__index_check(index, -self->numel, self->numel, report_take, 0, self->numel);
}

/* table is contiguous. */
static void by_number(fac__index_mode mode, const fac_tensor *table, const fac_tensor *index, const fac_tensor *values)
{
    fac__index_args args;
    args.mode = mode;
    args.ndim = index->ndim;
    memcpy(args.shape, index->shape, (size_t)index->ndim * sizeof *index->shape);
    args.disjoint = 0;
    args.n_index = 1;
    args.table = (fac__operand){fac__data(table), (fac_dtype)table->dtype, {0}};
    args.index[0] = (fac__index_operand){fac__operand_of(index), table->numel, 1};
    args.values = fac__operand_broadcast(values, index->ndim, index->shape);
    FAC__LAUNCH(fac__k_index, args);
}

static void take_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *index = fac__saved(n, 0);
    if (index) gx[0] = fac_put(zeros_of(n->params, gy[0]), index, gy[0], true);
}

fac_tensor *fac_take(fac_tensor *self, fac_tensor *index)
{
    FAC__OP("take");
    FAC__NEED(self);
    FAC__NEED(index);
    if (!take_args("take", self, index)) return NULL;
    fac_tensor *table = self->contiguous ? self : fac__own(fac__copy_of(self));
    fac_tensor *y = table ? fac__new_like(index, (fac_dtype)self->dtype) : NULL;
    if (!y) return NULL;
    if (y->numel) by_number(FAC__INDEX_GET, table, index, y);
    fac__node *n = fac__record("TakeBackward0", take_backward, 1, 1, sizeof(gather_params), self);
    keep(n, 0, self, index);
    return fac__result(n, y);
}

static void put_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const gather_params *p = n->params; /* dim: accumulate; shape: source's */
    fac_tensor *index = fac__saved(n, 0);
    if (!index) return;
    if (fac__wants(n, 0)) gx[0] = p->dim ? gy[0] : fac_put(gy[0], index, zeros_of(p, gy[0]), false);
    if (fac__wants(n, 1)) gx[1] = fac_reshape(fac_take(gy[0], index), p->shape);
}

static fac_tensor *put(fac_tensor *self, fac_tensor *index, fac_tensor *source, bool accumulate, bool inplace)
{
    if (!take_args("put_", self, index)) return NULL;
    if (self->dtype != source->dtype)
        return fac__runtime_error(
            "put_(): self and source expected to have the same dtype, but got self.dtype = %s and source.dtype = "
            "%s",
            fac__dtype_word((fac_dtype)self->dtype), fac__dtype_word((fac_dtype)source->dtype));
    if (source->numel != index->numel)
        return fac__index_error(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = %lld, "
            "index.numel() = %lld",
            (long long)source->numel, (long long)index->numel);
    fac__node *n = fac__record("PutBackward0", put_backward, 1, 1, sizeof(gather_params), self, source);
    keep(n, accumulate, source, index);
    fac_tensor *values = fac__own(fac__copy_of(source)); /* in index's shape */
    fac_tensor *seen = NULL, *y = NULL;
    if ((index = fac__apart(self, index, inplace)) && values) y = fac__target(self, inplace);
    if (!y) return fac__finish(n, y, inplace, false);
    fac_tensor *whole = y->contiguous ? y : fac__own(fac__copy_of(y));
    int64_t strides[FAC_MAX_DIMS];
    fac__contiguous_strides(index->ndim, index->shape, strides);
    bool ok = whole && (seen = fac__new_view(values, index->ndim, index->shape, strides, 0));
    if (ok && index->numel) by_number(accumulate ? FAC__INDEX_ADD : FAC__INDEX_PUT, whole, index, seen);
    fac_release(seen);
    return fac__finish(n, y, inplace, ok && (whole == y || fac__copy_into(y, whole)));
}

fac_tensor *fac_put(fac_tensor *self, fac_tensor *index, fac_tensor *source, bool accumulate)
{
    FAC__OP("put");
    FAC__NEED(self);
    FAC__NEED(index);
    FAC__NEED(source);
    return put(self, index, source, accumulate, false);
}

fac_tensor *fac_put_(fac_tensor *self, fac_tensor *index, fac_tensor *source, bool accumulate)
{
    FAC__OP("put_");
    FAC__NEED(self);
    FAC__NEED(index);
    FAC__NEED(source);
    return put(self, index, source, accumulate, true);
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

FAC__CALL(gather, R(fac_gather(T(0), (int)I(1), T(2))))
FAC__CALL(take_along_dim, R(fac_take_along_dim(T(0), T(1), IO(2))))
FAC__CALL(index_select, R(fac_index_select(T(0), (int)I(1), T(2))))
FAC__CALL(take, R(fac_take(T(0), T(1))))
FAC__CALL(put_call, R(fac_put(T(0), T(1), T(2), B(3))))
FAC__CALL(put_, R(fac_put_(T(0), T(1), T(2), B(3))))

const fac__op fac__ops_gather[] = {
    {"gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor", gather,
     "Elements along dim by index."},
    {"take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", take_along_dim,
     "gather, with broadcasting."},
    {"index_select(Tensor self, int dim, Tensor index) -> Tensor", index_select, "Slices along dim by index."},
    {"take(Tensor self, Tensor index) -> Tensor", take, "Elements by their number in row-major order."},
    {"put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor", put_call,
     "A copy of self with source at those numbers."},
    {"put_(Tensor(a!) self, Tensor index, Tensor source, bool accumulate=False) -> Tensor(a!)", put_,
     "source into self at those numbers."},
    {0},
};
