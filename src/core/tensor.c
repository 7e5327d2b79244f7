/* Floor 0. Making, sharing, dropping and inspecting tensors. No arithmetic, no autograd. */
#include "facula/tensor.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "tensor_impl.h"

void (*fac__drop_autograd)(fac_tensor *t);
const char *(*fac__grad_fn_name)(const fac_tensor *t);

/* ---- storage ------------------------------------------------------------------------------------------------ */

/* The record and the memory are one block: the data start one cache line behind it. */
enum { DATA_AT = 64 };
_Static_assert(sizeof(fac__storage) <= DATA_AT, "storage record fits a cache line");

static fac__storage *storage_new(size_t nbytes)
{
    fac__storage *s = fac__alloc(DATA_AT + nbytes);
    if (!s) return NULL;
    atomic_init(&s->refs, 1);
    s->device = FAC__CPU;
    s->version = 0;
    s->nbytes = nbytes;
    s->data = (char *)s + DATA_AT;
    s->drop = NULL;
    s->context = NULL;
    if (fac__recording_now()) fac__recording_made(s);
    return s;
}

void fac__storage_release(fac__storage *s)
{
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
    if (s->drop) s->drop(s->context);
    fac__free(s);
}

/* ---- headers ------------------------------------------------------------------------------------------------ */

static fac_tensor *header_new(fac_dtype dtype, int ndim, const int64_t *shape)
{
    fac_tensor *t = fac__alloc(sizeof *t);
    if (!t) return NULL;
    memset(t, 0, offsetof(fac_tensor, shape));
    atomic_init(&t->refs, 1);
    t->dtype = (uint8_t)dtype;
    t->ndim = (int8_t)ndim;
    for (int i = 0; i < ndim; i++)
        t->shape[i] = shape[i];
    return t;
}

fac_tensor *fac__new(fac_dtype dtype, int ndim, const int64_t *shape)
{
    int64_t numel = fac__shape_numel(ndim, shape);
    if (numel < 0) return NULL;
    if (!fac_dtype_size(dtype)) return fac__type_error("a tensor needs a dtype");
    fac_tensor *t = header_new(dtype, ndim, shape);
    if (!t) return NULL;
    t->storage = storage_new((size_t)numel * fac_dtype_size(dtype));
    if (!t->storage) {
        fac__free(t);
        return NULL;
    }
    fac__contiguous_strides(ndim, t->shape, t->strides);
    t->numel = numel;
    t->contiguous = true;
    return t;
}

fac_tensor *fac__new_like(const fac_tensor *t, fac_dtype dtype)
{
    return fac__new(dtype, t->ndim, t->shape);
}

/* In elements: no storage is larger. Strides that are never taken are kept below it, so that address arithmetic cannot
 * overflow. */
#define FARTHEST ((int64_t)1 << 46)

fac_tensor *fac__new_view(const fac_tensor *base, int ndim, const int64_t *shape, const int64_t *strides,
                          int64_t offset)
{
    int64_t numel = fac__shape_numel(ndim, shape);
    if (numel < 0) return NULL;
    int64_t last = offset, extent = (int64_t)(base->storage->nbytes / fac_dtype_size((fac_dtype)base->dtype));
    bool inside = offset >= 0;
    for (int i = 0; i < ndim; i++) {
        int64_t reach;
        if (strides[i] < 0)
            return fac__runtime_error("as_strided: Negative strides are not supported at the moment, got strides: %s",
                                      fac__shape_text(ndim, strides));
        if (shape[i] > 0 &&
            (__builtin_mul_overflow(shape[i] - 1, strides[i], &reach) || __builtin_add_overflow(last, reach, &last)))
            inside = false;
    }
    if (!inside || offset > FARTHEST || (numel && last >= extent))
        return fac__runtime_error(
            "setStorage: sizes %s, strides %s, storage offset %lld, and itemsize %zu requiring a storage size "
            "of %lld are out of bounds for storage of size %zu",
            fac__shape_text(ndim, shape), fac__shape_text(ndim, strides), (long long)offset,
            fac_dtype_size((fac_dtype)base->dtype),
            (long long)(((uint64_t)last + 1) * fac_dtype_size((fac_dtype)base->dtype)), base->storage->nbytes);
    fac_tensor *t = header_new((fac_dtype)base->dtype, ndim, shape);
    if (!t) return NULL;
    for (int i = 0; i < ndim; i++)
        t->strides[i] = numel && shape[i] > 1 ? strides[i] : strides[i] < FARTHEST ? strides[i] : FARTHEST;
    t->offset = offset;
    t->storage = base->storage;
    atomic_fetch_add_explicit(&t->storage->refs, 1, memory_order_relaxed);
    fac__update_layout(t);
    return t;
}

fac_tensor *fac__new_foreign(void *data, fac_dtype dtype, int ndim, const int64_t *shape, void (*drop)(void *),
                             void *context)
{
    int64_t numel = fac__shape_numel(ndim, shape);
    if (numel < 0) return NULL;
    fac_tensor *t = header_new(dtype, ndim, shape);
    fac__storage *s = t ? storage_new(0) : NULL;
    if (!s) {
        fac__free(t);
        return NULL;
    }
    s->nbytes = (size_t)numel * fac_dtype_size(dtype);
    s->data = data;
    s->drop = drop;
    s->context = context;
    t->storage = s;
    fac__contiguous_strides(ndim, t->shape, t->strides);
    t->numel = numel;
    t->contiguous = true;
    return t;
}

fac_tensor *fac__new_scalar(fac_scalar s)
{
    fac_tensor *t = fac__new(s.kind, 0, NULL);
    if (!t) return NULL;
    t->wrapped = true;
    if (s.kind == FAC_FLOAT64)
        fac__store_double(s.kind, fac__host(t), s.v.f);
    else
        fac__store_int(s.kind, fac__host(t), s.v.i);
    return t;
}

fac_tensor *fac__new_alias(const fac_tensor *t)
{
    fac_tensor *a = fac__alloc(sizeof *a);
    if (!a) return NULL;
    memcpy(a, t, sizeof *a);
    atomic_init(&a->refs, 1);
    atomic_fetch_add_explicit(&a->storage->refs, 1, memory_order_relaxed);
    a->requires_grad = a->retains_grad = false;
    a->output_nr = 0;
    a->grad = NULL;
    a->grad_fn = NULL;
    a->accumulator = NULL;
    a->base = NULL;
    return a;
}

void fac_release(fac_tensor *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
    if (t->grad || t->grad_fn || t->accumulator) fac__drop_autograd(t);
    if (t->base) fac_release(t->base);
    fac__storage_release(t->storage);
    fac__free(t);
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

fac_dtype fac_dtype_of(const fac_tensor *t)
{
    return t ? (fac_dtype)t->dtype : FAC_DTYPE_NONE;
}

int fac_dim(const fac_tensor *t)
{
    return t ? t->ndim : 0;
}

int64_t fac_size(const fac_tensor *t, int dim)
{
    FAC__OP("size");
    FAC__NEED_OR(t, -1);
    if (t->ndim == 0) return fac__index_error("Dimension specified as %d but tensor has no dimensions", dim), -1;
    int d = fac__wrap_dim(dim, t->ndim);
    return d < 0 ? -1 : t->shape[d];
}

fac_dims fac_shape(const fac_tensor *t)
{
    return t ? fac_dims_make(t->ndim, t->shape) : fac_dims_make(0, NULL);
}

fac_dims fac_strides(const fac_tensor *t)
{
    return t ? fac_dims_make(t->ndim, t->strides) : fac_dims_make(0, NULL);
}

int64_t fac_storage_offset(const fac_tensor *t)
{
    return t ? t->offset : 0;
}

int64_t fac_numel(const fac_tensor *t)
{
    return t ? t->numel : 0;
}

bool fac_is_contiguous(const fac_tensor *t)
{
    return t && t->contiguous;
}

int64_t fac_version_of(const fac_tensor *t)
{
    return t ? t->storage->version : 0;
}

bool fac_shares_storage(const fac_tensor *a, const fac_tensor *b)
{
    return a && b && a->storage == b->storage;
}

void *fac_data(const fac_tensor *t)
{
    return t ? fac__host(t) : NULL;
}

static bool one_element(const fac_tensor *t)
{
    FAC__NEED_OR(t, false);
    if (t->numel == 1) return true;
    return fac__value_error("only one element tensors can be converted to Python scalars"), false;
}

double fac_item(const fac_tensor *t)
{
    FAC__OP("item");
    double v = one_element(t) ? fac__load_double((fac_dtype)t->dtype, fac__host(t)) : NAN;
    return isnan(v) ? NAN : v; /* x86's 0 / 0 has a sign, which printf shows and Python does not */
}

int64_t fac_item_int(const fac_tensor *t)
{
    FAC__OP("item");
    return one_element(t) ? fac__load_int((fac_dtype)t->dtype, fac__host(t)) : 0;
}

double fac_at(const fac_tensor *t, fac_dims index)
{
    FAC__OP("at");
    FAC__NEED_OR(t, NAN);
    if (index.n != t->ndim)
        return fac__index_error("expected %d indices for a tensor of %d dimensions, but got %d", t->ndim, t->ndim,
                                index.n),
               NAN;
    int64_t at = t->offset;
    for (int i = 0; i < t->ndim; i++) {
        int64_t k = index.d[i];
        if (k < -t->shape[i] || k >= t->shape[i])
            return fac__index_error("index %lld is out of bounds for dimension %d with size %lld", (long long)k, i,
                                    (long long)t->shape[i]),
                   NAN;
        at += (k < 0 ? k + t->shape[i] : k) * t->strides[i];
    }
    const char *data = fac__host(t);
    return fac__load_double((fac_dtype)t->dtype,
                            data + (at - t->offset) * (int64_t)fac_dtype_size((fac_dtype)t->dtype));
}

bool fac_to_array(const fac_tensor *t, fac_dtype dtype, void *out, int64_t count)
{
    FAC__OP("to_array");
    FAC__NEED_OR(t, false);
    if (count) FAC__NEED_OR(out, false);
    size_t size = fac_dtype_size((fac_dtype)t->dtype), out_size = fac_dtype_size(dtype);
    if (!out_size) return fac__type_error("a dtype is needed"), false;
    if (count != t->numel)
        return fac__value_error("the array has room for %lld elements, the tensor has %lld", (long long)count,
                                (long long)t->numel),
               false;
    bool floating = fac_dtype_is_floating((fac_dtype)t->dtype);
    const char *data = fac__host(t);
    int64_t index[FAC_MAX_DIMS] = {0}, at = 0;
    for (int64_t i = 0; i < count; i++) {
        const char *from = data + at * (int64_t)size;
        char *to = (char *)out + i * (int64_t)out_size;
        if (dtype == (fac_dtype)t->dtype)
            memcpy(to, from, size);
        else if (floating)
            fac__store_double(dtype, to, fac__load_double((fac_dtype)t->dtype, from));
        else
            fac__store_int(dtype, to, fac__load_int((fac_dtype)t->dtype, from));
        for (int d = t->ndim - 1; d >= 0; d--) {
            at += t->strides[d];
            if (++index[d] < t->shape[d]) break;
            at -= t->shape[d] * t->strides[d];
            index[d] = 0;
        }
    }
    return true;
}
