/* Floor 4. Views of all elements of a tensor in other shapes: reshaped, squeezed, expanded. */
#include "facula/ops_view.h"

#include <stdio.h>
#include <string.h>

#include "shaping.h"
#include "tracing.h"

/* ---- arguments ----------------------------------------------------------------------------------------------- */

bool fac__dims_fit(fac_dims dims)
{
    if (dims.n >= 0 && dims.n <= FAC_MAX_DIMS) return true;
    return fac__value_error("tensors of %d dimensions are not supported (at most %d)", dims.n, FAC_MAX_DIMS), false;
}

bool fac__wrap_dims(fac_dims *dims, int ndim, const char *repeated)
{
    uint32_t seen = 0;
    if (!fac__dims_fit(*dims)) return false;
    for (int i = 0; i < dims->n; i++) {
        int d = fac__wrap_dim(dims->d[i], ndim);
        if (d < 0) return false;
        dims->d[i] = d;
        if (repeated && (seen & 1u << d)) {
            char text[128];
            snprintf(text, sizeof text, repeated, d);
            return fac__runtime_error("%s", text), false;
        }
        seen |= 1u << d;
    }
    return true;
}

static void *shape_error(fac_dims shape, int64_t numel)
{
    return fac__runtime_error("shape '%s' is invalid for input of size %lld", fac__shape_text(shape.n, shape.d),
                              (long long)numel);
}

bool fac__infer_shape(fac_dims *shape, int64_t numel)
{
    if (!fac__dims_fit(*shape)) return false;
    fac_dims given = *shape;
    int open = -1;
    int64_t known = 1;
    for (int i = 0; i < shape->n; i++) {
        if (shape->d[i] == -1) {
            if (open >= 0) return fac__runtime_error("only one dimension can be inferred"), false;
            open = i;
        } else if (shape->d[i] < 0) {
            return fac__runtime_error("invalid shape dimension %lld", (long long)shape->d[i]), false;
        } else if (__builtin_mul_overflow(known, shape->d[i], &known)) {
            return shape_error(given, numel), false;
        }
    }
    if (open < 0) return known == numel || shape_error(given, numel);
    if (known == 0 && numel == 0)
        return fac__runtime_error(
                   "cannot reshape tensor of 0 elements into shape %s because the unspecified dimension size -1 can "
                   "be any value and is ambiguous",
                   fac__shape_text(given.n, given.d)),
               false;
    if (known == 0 || numel % known) return shape_error(given, numel), false;
    shape->d[open] = numel / known;
    return true;
}

bool fac__list_given(fac_tensor_list list)
{
    if (list.count) FAC__NEED_OR(list.items, false);
    for (int64_t i = 0; i < list.count; i++)
        if (!list.items[i]) return fac__null_error("tensors"), false;
    return true;
}

fac_tensor_list fac__list_new(int64_t n)
{
    int64_t size = 0;
    if (__builtin_mul_overflow(n, (int64_t)sizeof(fac_tensor *), &size))
        return fac__memory_error(SIZE_MAX), fac__no_list;
    fac_tensor *memory = fac__own(fac__new(FAC_UINT8, 1, &size));
    if (!memory) return fac__no_list;
    fac_tensor_list list = {fac__host(memory), n};
    memset(list.items, 0, (size_t)n * sizeof *list.items);
    return list;
}

/* ---- the same order ------------------------------------------------------------------------------------------ */

static void relabel_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = fac_reshape(gy[0], *(const fac_dims *)n->params);
}

static void keep_shape(fac__node *n, const fac_tensor *x)
{
    if (n && n->params) *(fac_dims *)n->params = fac_dims_make(x->ndim, x->shape);
}

fac_tensor *fac__relabel(const char *name, fac_tensor *x, int ndim, const int64_t *shape, const int64_t *strides)
{
    fac__node *n = fac__record(name, relabel_backward, 1, 0, sizeof(fac_dims), x);
    keep_shape(n, x);
    return fac__result_view(n, fac__new_view(x, ndim, shape, strides, x->offset), x);
}

/* Strides that show x's elements in that shape; false if there are none. Dimensions of x that lie in a row in memory
 * form a run; each run must be cut into whole dimensions of the new shape. */
static bool view_strides(const fac_tensor *x, fac_dims shape, int64_t *strides)
{
    if (x->numel == 0 || x->ndim == 0) {
        fac__contiguous_strides(shape.n, shape.d, strides);
        if (shape.n == x->ndim && !memcmp(shape.d, x->shape, (size_t)shape.n * sizeof *shape.d))
            memcpy(strides, x->strides, (size_t)shape.n * sizeof *strides);
        return true;
    }
    int v = shape.n - 1; /* of the new shape, from its end */
    int64_t run = 1, taken = 1, stride = x->strides[x->ndim - 1];
    for (int d = x->ndim - 1; d >= 0; d--) {
        run *= x->shape[d];
        if (d > 0 && (x->shape[d - 1] == 1 || x->strides[d - 1] == run * stride)) continue;
        while (v >= 0 && (taken < run || shape.d[v] == 1)) {
            strides[v] = taken * stride;
            taken *= shape.d[v--];
        }
        if (taken != run) return false;
        if (d > 0) stride = x->strides[d - 1];
        run = taken = 1;
    }
    return v < 0;
}

static fac_tensor *as_view(const char *name, fac_tensor *x, fac_dims shape)
{
    int64_t strides[FAC_MAX_DIMS];
    if (!view_strides(x, shape, strides)) return NULL;
    return fac__relabel(name, x, shape.n, shape.d, strides);
}

fac_tensor *fac_view(fac_tensor *self, fac_dims shape)
{
    FAC__OP("view");
    FAC__NEED(self);
    FAC__TRACE("view", FAC__ARG(self), FAC__ARG(&shape));
    if (!fac__infer_shape(&shape, self->numel)) return NULL;
    fac_tensor *y = as_view("ViewBackward0", self, shape);
    if (y || fac_get_error_code()) return y;
    return fac__runtime_error(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans "
        "across two contiguous subspaces). Use .reshape(...) instead.");
}

/* A copy in the new shape. */
static fac_tensor *reshape_copy(fac_tensor *x, fac_dims shape)
{
    fac_tensor *y = fac__new((fac_dtype)x->dtype, shape.n, shape.d);
    if (!y) return NULL;
    int64_t strides[FAC_MAX_DIMS];
    fac__contiguous_strides(x->ndim, x->shape, strides);
    fac_tensor *seen = fac__new_view(y, x->ndim, x->shape, strides, 0);
    if (!seen || !fac__copy_into(seen, x)) {
        fac_release(seen);
        return fac_release(y), NULL;
    }
    fac_release(seen);
    fac__node *n = fac__record("UnsafeViewBackward0", relabel_backward, 1, 0, sizeof(fac_dims), x);
    keep_shape(n, x);
    return fac__result(n, y);
}

static fac_tensor *reshape(const char *name, fac_tensor *x, fac_dims shape)
{
    FAC__TRACE("reshape", FAC__ARG(x), FAC__ARG(&shape));
    fac_tensor *y = as_view(name, x, shape);
    return y || fac_get_error_code() ? y : reshape_copy(x, shape);
}

fac_tensor *fac_reshape(fac_tensor *self, fac_dims shape)
{
    FAC__OP("reshape");
    FAC__NEED(self);
    return fac__infer_shape(&shape, self->numel) ? reshape("ReshapeAliasBackward0", self, shape) : NULL;
}

fac_tensor *fac_view_as(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("view_as");
    FAC__NEED(self);
    FAC__NEED(other);
    return fac_view(self, fac_shape(other));
}

fac_tensor *fac_reshape_as(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("reshape_as");
    FAC__NEED(self);
    FAC__NEED(other);
    return fac_reshape(self, fac_shape(other));
}

fac_tensor *fac_ravel(fac_tensor *self)
{
    FAC__OP("ravel");
    FAC__NEED(self);
    return fac_view(fac_contiguous(self), FAC_SHAPE(-1));
}

fac_tensor *fac_flatten(fac_tensor *self, int start_dim, int end_dim)
{
    FAC__OP("flatten");
    FAC__NEED(self);
    int start = fac__wrap_dim(start_dim, self->ndim), end = start < 0 ? -1 : fac__wrap_dim(end_dim, self->ndim);
    if (end < 0) return NULL;
    if (start > end) return fac__runtime_error("flatten() has invalid args: start_dim cannot come after end_dim");
    if (self->ndim && start == end) return self;
    fac_dims shape = FAC_SHAPE();
    int64_t joined = 1;
    for (int i = 0; i < self->ndim; i++) {
        if (i >= start && i <= end) joined *= self->shape[i];
        if (i >= start && i < end) continue;
        shape.d[shape.n++] = i == end ? joined : self->shape[i];
    }
    return reshape("ReshapeAliasBackward0", self, self->ndim ? shape : FAC_SHAPE(1));
}

fac_tensor *fac_unflatten(fac_tensor *self, int dim, fac_dims sizes)
{
    FAC__OP("unflatten");
    FAC__NEED(self);
    if (!fac__dims_fit(sizes)) return NULL;
    if ((dim = fac__wrap_dim(dim, self->ndim)) < 0) return NULL;
    if (sizes.n == 0) return fac__runtime_error("unflatten: sizes must be non-empty");
    fac_dims given = sizes, shape = FAC_SHAPE();
    int64_t size = self->ndim ? self->shape[dim] : 1, product = 1;
    bool open = false;
    for (int i = 0; i < sizes.n; i++) {
        open |= sizes.d[i] == -1;
        if (__builtin_mul_overflow(product, sizes.d[i], &product)) product = 0;
    }
    if (!open && product != size)
        return fac__runtime_error(
            "unflatten: Provided sizes %s don't multiply up to the size of dim %d (%lld) in the input tensor",
            fac__shape_text(given.n, given.d), dim, (long long)size);
    if (!fac__infer_shape(&sizes, size)) return NULL;
    shape.n = self->ndim - (self->ndim > 0) + sizes.n;
    if (!fac__dims_fit(shape)) return NULL;
    for (int i = 0, at = 0; i < shape.n; i++)
        shape.d[i] = i < dim ? self->shape[i] : at < sizes.n ? sizes.d[at++] : self->shape[i - sizes.n + 1];
    return reshape("ViewBackward0", self, shape);
}

/* ---- dimensions of size 1 ------------------------------------------------------------------------------------ */

static fac_tensor *squeeze(const char *name, fac_tensor *x, uint32_t dims)
{
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
    int n = 0;
    fac_dims gone = FAC_DIMS();
    for (int i = 0; i < x->ndim; i++)
        if (x->shape[i] == 1 && (dims & 1u << i)) gone.d[gone.n++] = i;
    FAC__TRACE("squeeze.dims", FAC__ARG(x), FAC__ARG(&gone));
    for (int i = 0; i < x->ndim; i++) {
        if (x->shape[i] == 1 && (dims & 1u << i)) continue;
        shape[n] = x->shape[i];
        strides[n++] = x->strides[i];
    }
    return fac__relabel(name, x, n, shape, strides);
}

fac_tensor *fac_squeeze(fac_tensor *self)
{
    FAC__OP("squeeze");
    FAC__NEED(self);
    return squeeze("SqueezeBackward0", self, UINT32_MAX);
}

fac_tensor *fac_squeeze_dim(fac_tensor *self, int dim)
{
    FAC__OP("squeeze");
    FAC__NEED(self);
    dim = fac__wrap_dim(dim, self->ndim);
    return dim < 0 ? NULL : squeeze("SqueezeBackward1", self, 1u << dim);
}

fac_tensor *fac_squeeze_dims(fac_tensor *self, fac_dims dims)
{
    FAC__OP("squeeze");
    FAC__NEED(self);
    uint32_t mask = 0;
    if (!fac__wrap_dims(&dims, self->ndim, "dim %d appears multiple times in the list of dims")) return NULL;
    for (int i = 0; i < dims.n; i++)
        mask |= 1u << dims.d[i];
    return squeeze("SqueezeBackward2", self, mask);
}

fac_tensor *fac_unsqueeze(fac_tensor *self, int dim)
{
    FAC__OP("unsqueeze");
    FAC__NEED(self);
    FAC__TRACE("unsqueeze", FAC__ARG(self), FAC__ARG(dim));
    int n = self->ndim + 1;
    dim = fac__wrap_dim(dim, n);
    if (dim < 0 || !fac__dims_fit((fac_dims){.n = n})) return NULL;
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
    for (int i = 0; i < n; i++) {
        shape[i] = i == dim ? 1 : self->shape[i - (i > dim)];
        strides[i] = i < dim ? self->strides[i] : i > dim ? self->strides[i - 1] : 1;
    }
    if (dim < self->ndim) strides[dim] = self->shape[dim] * self->strides[dim];
    return fac__relabel("UnsqueezeBackward0", self, n, shape, strides);
}

fac_tensor *fac_atleast_1d(fac_tensor *self)
{
    FAC__OP("atleast_1d");
    FAC__NEED(self);
    return self->ndim ? self : fac_unsqueeze(self, 0);
}

fac_tensor *fac_atleast_2d(fac_tensor *self)
{
    FAC__OP("atleast_2d");
    FAC__NEED(self);
    return self->ndim < 2 ? fac_unsqueeze(fac_atleast_1d(self), 0) : self;
}

fac_tensor *fac_atleast_3d(fac_tensor *self)
{
    FAC__OP("atleast_3d");
    FAC__NEED(self);
    return self->ndim < 3 ? fac_unsqueeze(fac_atleast_2d(self), -1) : self;
}

/* ---- expanded dimensions ------------------------------------------------------------------------------------- */

static void pass_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    (void)n;
    gx[0] = gy[0]; /* summed by the engine */
}

fac_tensor *fac_expand(fac_tensor *self, fac_dims shape)
{
    FAC__OP("expand");
    FAC__NEED(self);
    if (!fac__dims_fit(shape)) return NULL;
    FAC__TRACE("expand", FAC__ARG(self), FAC__ARG(&shape));
    int lead = shape.n - self->ndim;
    if (lead < 0)
        return fac__runtime_error(
            "expand(%s{%s}, size=%s): the number of sizes provided (%d) must be greater or equal to the "
            "number of dimensions in the tensor (%d)",
            fac_dtype_name((fac_dtype)self->dtype), fac__shape_text(self->ndim, self->shape),
            fac__shape_text(shape.n, shape.d), shape.n, self->ndim);
    fac_dims given = shape;
    int64_t strides[FAC_MAX_DIMS];
    for (int i = shape.n - 1; i >= 0; i--) {
        int64_t size = i < lead ? 1 : self->shape[i - lead];
        if (shape.d[i] == -1 && i < lead)
            return fac__runtime_error(
                "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension %d", i);
        if (shape.d[i] == -1) shape.d[i] = size;
        if (shape.d[i] != size && (size != 1 || shape.d[i] < 0))
            return fac__runtime_error(
                "The expanded size of the tensor (%lld) must match the existing size (%lld) at non-singleton "
                "dimension %d.  Target sizes: %s.  Tensor sizes: %s",
                (long long)shape.d[i], (long long)size, i, fac__shape_text(given.n, given.d),
                fac__shape_text(self->ndim, self->shape));
        strides[i] = shape.d[i] != size || !self->ndim ? 0
                     : i < lead                        ? shape.d[i + 1] * strides[i + 1]
                                                       : self->strides[i - lead];
    }
    fac__node *n = fac__record("ExpandBackward0", pass_backward, 1, 0, 0, self);
    return fac__result_view(n, fac__new_view(self, shape.n, shape.d, strides, self->offset), self);
}

fac_tensor *fac_expand_as(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("expand_as");
    FAC__NEED(self);
    FAC__NEED(other);
    return fac_expand(self, fac_shape(other));
}

fac_tensor *fac_broadcast_to(fac_tensor *self, fac_dims shape)
{
    FAC__OP("broadcast_to");
    FAC__NEED(self);
    return fac_expand(self, shape);
}

/* ---- other dtypes over the same bits ------------------------------------------------------------------------- */

static void *undivided(const char *what, int64_t ratio, const char *old, const char *new, int64_t got)
{
    return fac__runtime_error(
        "self.%s must be divisible by %lld to view %s as %s (different element sizes), but got %lld", what,
        (long long)ratio, old, new, (long long)got);
}

fac_tensor *fac_view_dtype(fac_tensor *self, fac_dtype dtype)
{
    FAC__OP("view");
    FAC__NEED(self);
    int64_t from = (int64_t)fac_dtype_size((fac_dtype)self->dtype), to = (int64_t)fac_dtype_size(dtype);
    int last = self->ndim - 1;
    if (!to) return fac__type_error("a tensor needs a dtype");
    const char *old = fac__dtype_word((fac_dtype)self->dtype), *new = fac__dtype_word(dtype);
    if (from != to && last < 0)
        return fac__runtime_error("self.dim() cannot be 0 to view %s as %s (different element sizes)", old, new);
    int64_t ratio = to > from ? to / from : 1; /* elements that become one: all must lie on its borders */
    if (from != to && self->shape[last] % ratio) return undivided("size(-1)", ratio, old, new, self->shape[last]);
    if (from != to && self->offset % ratio) return undivided("storage_offset()", ratio, old, new, self->offset);
    if (from != to && self->strides[last] != 1)
        return fac__runtime_error("self.stride(-1) must be 1 to view %s as %s (different element sizes), but got %lld",
                                  old, new, (long long)self->strides[last]);
    for (int i = 0; i < last && from != to; i++) {
        char what[32];
        snprintf(what, sizeof what, "stride(%d)", i);
        if (self->strides[i] % ratio) return undivided(what, ratio, old, new, self->strides[i]);
    }
    fac_tensor *y = fac__new_alias(self);
    if (!y) return NULL;
    y->dtype = (uint8_t)dtype;
    y->wrapped = false;
    y->offset = y->offset * from / to;
    for (int i = 0; i < last && from != to; i++)
        y->strides[i] = y->strides[i] * from / to;
    if (from != to) y->shape[last] = y->shape[last] * from / to;
    fac__update_layout(y);
    return fac__own(y);
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

static int each(fac_tensor *(*f)(fac_tensor *), fac_tensor_list in, fac_value *results)
{
    fac_tensor_list out = fac__list_new(in.count);
    for (int64_t i = 0; i < in.count && out.items; i++)
        if (!(out.items[i] = f(in.items[i]))) out = fac__no_list;
    return fac__value_list(out, results);
}

FAC__CALL(view, R(fac_view(T(0), L(1))))
FAC__CALL(view_dtype, R(fac_view_dtype(T(0), DT(1))))
FAC__CALL(reshape_call, R(fac_reshape(T(0), L(1))))
FAC__CALL(view_as, R(fac_view_as(T(0), T(1))))
FAC__CALL(reshape_as, R(fac_reshape_as(T(0), T(1))))
FAC__CALL(ravel, R(fac_ravel(T(0))))
FAC__CALL(flatten, R(fac_flatten(T(0), (int)I(1), (int)I(2))))
FAC__CALL(unflatten, R(fac_unflatten(T(0), (int)I(1), L(2))))
FAC__CALL(squeeze_all, R(fac_squeeze(T(0))))
FAC__CALL(squeeze_dim, R(fac_squeeze_dim(T(0), (int)I(1))))
FAC__CALL(squeeze_dims, R(fac_squeeze_dims(T(0), L(1))))
FAC__CALL(unsqueeze, R(fac_unsqueeze(T(0), (int)I(1))))
FAC__CALL(atleast_1d, R(fac_atleast_1d(T(0))))
FAC__CALL(atleast_2d, R(fac_atleast_2d(T(0))))
FAC__CALL(atleast_3d, R(fac_atleast_3d(T(0))))
FAC__CALL(atleast_1d_each, count = each(fac_atleast_1d, TL(0), results))
FAC__CALL(atleast_2d_each, count = each(fac_atleast_2d, TL(0), results))
FAC__CALL(atleast_3d_each, count = each(fac_atleast_3d, TL(0), results))
FAC__CALL(expand, R(fac_expand(T(0), L(1))))
FAC__CALL(expand_as, R(fac_expand_as(T(0), T(1))))
FAC__CALL(alias, fac_tensor *x = T(0); R(x ? fac__relabel("AliasBackward0", x, x->ndim, x->shape, x->strides) : NULL))

const fac__op fac__ops_view[] = {
    {"view(Tensor(a) self, int[] size) -> Tensor(a)", view, "The same elements in another shape, without a copy."},
    {"view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)", view_dtype,
     "The bits of the elements as another dtype."},
    {"reshape(Tensor(a) self, int[] shape) -> Tensor(a)", reshape_call,
     "The same elements in another shape, copied if need be."},
    {"view_as(Tensor(a) self, Tensor other) -> Tensor(a)", view_as, "view in the shape of other."},
    {"reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)", reshape_as, "reshape to the shape of other."},
    {"ravel(Tensor(a) self) -> Tensor(a)", ravel, "All elements in one dimension."},
    {"flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)", flatten,
     "Several dimensions become one."},
    {"unflatten.int(Tensor(a) self, int dim, int[] sizes) -> Tensor(a)", unflatten, "One dimension becomes several."},
    {"squeeze(Tensor(a) self) -> Tensor(a)", squeeze_all, "Without dimensions of size 1."},
    {"squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)", squeeze_dim, "Without that dimension, if its size is 1."},
    {"squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)", squeeze_dims, "Without those dimensions whose size is 1."},
    {"unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", unsqueeze, "With a new dimension of size 1."},
    {"atleast_1d(Tensor self) -> Tensor", atleast_1d, "With at least one dimension."},
    {"atleast_1d.Sequence(Tensor[] tensors) -> Tensor[]", atleast_1d_each, "atleast_1d of each."},
    {"atleast_2d(Tensor self) -> Tensor", atleast_2d, "With at least two dimensions, new ones in front."},
    {"atleast_2d.Sequence(Tensor[] tensors) -> Tensor[]", atleast_2d_each, "atleast_2d of each."},
    {"atleast_3d(Tensor self) -> Tensor", atleast_3d, "With at least three dimensions: [n] becomes [1, n, 1]."},
    {"atleast_3d.Sequence(Tensor[] tensors) -> Tensor[]", atleast_3d_each, "atleast_3d of each."},
    {"expand(Tensor(a) self, int[] size, *, bool implicit=False) -> Tensor(a)", expand,
     "Dimensions of size 1 repeated, without a copy."},
    {"expand_as(Tensor(a) self, Tensor other) -> Tensor(a)", expand_as, "expand to the shape of other."},
    {"broadcast_to(Tensor(a) self, int[] size) -> Tensor(a)", expand, "The same as expand."},
    {"alias(Tensor(a) self) -> Tensor(a)", alias, "The tensor again, as a view of itself."},
    {0},
};
