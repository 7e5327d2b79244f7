/* Floor 0. Making, sharing, dropping and inspecting tensors. No arithmetic, no autograd. */
#include "facula/tensor.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "tensor_impl.h"

void (*fac__drop_autograd)(fac_tensor *t);
const char *(*fac__grad_fn_name)(const fac_tensor *t);

/* ---- storage ------------------------------------------------------------------------------------------------ */

/* The record and the memory are one block, and so is the header of the tensor for which it was made where the memory is
 * small: what goes last frees it. Data begin at a cache line. */
enum { LINE = 64, SMALL = 512 };
#define LINES(n) (((n) + LINE - 1) / LINE * LINE)

static fac__storage *storage_new(size_t head, size_t nbytes)
{
    size_t data_at = LINES(sizeof(fac__storage) + head);
    fac__storage *s = fac__alloc(data_at + nbytes);
    if (!s) return NULL;
    atomic_init(&s->refs, 1);
    s->device = FAC__CPU;
    s->version = 0;
    s->nbytes = nbytes;
    s->data = (char *)s + data_at;
    s->drop = NULL;
    s->context = NULL;
    if (fac__recording_now()) fac__recording_made(s);
    return s;
}

static fac__storage *storage_retain(fac__storage *s)
{
    fac__add_reference(&s->refs);
    return s;
}

void fac__storage_release(fac__storage *s)
{
    if (!fac__last_reference(&s->refs)) return;
    if (s->drop) s->drop(s->context);
    fac__free(s);
}

/* A header that moves out of its home's data still needs its home: the reference to it becomes one of its own. */
void fac__swap_storage(fac_tensor *a, fac_tensor *b)
{
    fac__storage *of_a = a->storage, *of_b = b->storage;
    if (a->home == of_a) storage_retain(of_a);
    if (b->home == of_b) storage_retain(of_b);
    a->storage = of_b;
    b->storage = of_a;
    if (a->home == of_b) fac__storage_release(of_b);
    if (b->home == of_a) fac__storage_release(of_a);
}

/* ---- headers ------------------------------------------------------------------------------------------------ */

static fac_tensor *header_at(void *memory, fac_dtype dtype, int ndim, const int64_t *shape)
{
    fac_tensor *t = memory;
    if (!t) return NULL;
    memset(t, 0, offsetof(fac_tensor, shape));
    atomic_init(&t->refs, 1);
    t->dtype = (uint8_t)dtype;
    t->ndim = (int8_t)ndim;
    for (int i = 0; i < ndim; i++)
        t->shape[i] = shape[i];
    return t;
}

static fac_tensor *header_new(fac_dtype dtype, int ndim, const int64_t *shape)
{
    return header_at(fac__alloc(sizeof(fac_tensor)), dtype, ndim, shape);
}

static void make_contiguous(fac_tensor *t, int64_t numel)
{
    fac__contiguous_strides(t->ndim, t->shape, t->strides);
    t->numel = numel;
    t->contiguous = true;
}

fac_tensor *fac__new(fac_dtype dtype, int ndim, const int64_t *shape)
{
    int64_t numel = fac__shape_numel(ndim, shape);
    if (numel < 0) return NULL;
    size_t nbytes = fac_dtype_size(dtype);
    if (!nbytes) return fac__type_error("a tensor needs a dtype");
    nbytes *= (size_t)numel;
    bool at_home = nbytes <= SMALL;
    fac__storage *s = storage_new(at_home ? sizeof(fac_tensor) : 0, nbytes);
    if (!s) return NULL;
    fac_tensor *t = header_at(at_home ? s + 1 : fac__alloc(sizeof *t), dtype, ndim, shape);
    if (!t) return fac__storage_release(s), NULL;
    t->storage = s;
    t->home = at_home ? s : NULL;
    make_contiguous(t, numel);
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
    t->storage = storage_retain(base->storage);
    fac__update_layout(t);
    return t;
}

fac_tensor *fac__new_foreign(void *data, fac_dtype dtype, int ndim, const int64_t *shape, void (*drop)(void *),
                             void *context)
{
    int64_t numel = fac__shape_numel(ndim, shape);
    if (numel < 0) return NULL;
    fac__storage *s = storage_new(sizeof(fac_tensor), 0);
    if (!s) return NULL;
    fac_tensor *t = header_at(s + 1, dtype, ndim, shape);
    s->nbytes = (size_t)numel * fac_dtype_size(dtype);
    s->data = data;
    s->drop = drop;
    s->context = context;
    t->storage = t->home = s;
    make_contiguous(t, numel);
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
    fac_tensor *a = header_new((fac_dtype)t->dtype, t->ndim, t->shape);
    if (!a) return NULL;
    for (int i = 0; i < t->ndim; i++)
        a->strides[i] = t->strides[i];
    a->wrapped = t->wrapped;
    a->contiguous = t->contiguous;
    a->numel = t->numel;
    a->offset = t->offset;
    a->view_version = t->view_version;
    a->storage = storage_retain(t->storage);
    return a;
}

void fac_release(fac_tensor *t)
{
    if (!t || !fac__last_reference(&t->refs)) return;
    if (t->grad || t->grad_fn || t->accumulator) fac__drop_autograd(t);
    if (t->base) fac_release(t->base);
    fac__storage *storage = t->storage, *home = t->home;
    if (!home)
        fac__free(t);
    else if (home != storage)
        fac__storage_release(home);
    fac__storage_release(storage);
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
