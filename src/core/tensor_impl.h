/* Floor 0. What a tensor is made of, and the few functions that make one. */
#ifndef FACULA_TENSOR_IMPL_H
#define FACULA_TENSOR_IMPL_H

#include "facula/tensor.h"
#include "raise.h"
#include "recording.h"
#include "refs.h"
#include "scope.h"

typedef enum fac__device { FAC__CPU, FAC__DEVICE_COUNT } fac__device;

struct fac__storage {
    atomic_int refs;
    fac__device device;
    int64_t version; /* in-place changes so far; views and detached tensors share it as they share the storage */
    size_t nbytes;
    char *data;
    void (*drop)(void *context); /* foreign memory: called in place of freeing data */
    void *context;
};
void fac__storage_release(fac__storage *s);
/* Do other tensors look at it too? */
static inline bool fac__storage_is_shared(fac__storage *s)
{
    int refs = atomic_load_explicit(&s->refs, memory_order_relaxed);
    return refs > 1 && refs > 1 + (fac__recording_now() ? fac__recording_holds(s) : 0);
}

struct fac_tensor {
    atomic_int refs;
    uint8_t dtype;
    int8_t ndim;
    bool wrapped;       /* made from a Python-style number: takes part in promotion by its kind only */
    bool requires_grad; /* of a leaf; a tensor with grad_fn requires grad too */
    bool retains_grad;
    bool contiguous;
    int output_nr;         /* which output of grad_fn */
    int64_t numel, offset; /* offset in elements */
    fac__storage *storage;
    /* Floor 3's; see autograd/node.h. Dropped through fac__drop_autograd. */
    fac_tensor *grad;
    struct fac__node *grad_fn;
    struct fac__node *accumulator; /* of a leaf that took part in a graph */
    fac_tensor *base;              /* of a view: the tensor whose storage this is a part of, itself no view */
    int64_t view_version;          /* version at which a view's grad_fn was right */
    fac__storage *home; /* the storage in whose block this header lies, held too where it is another; or NULL */
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
};

/* Floor 3's hooks into floor 0, set when the first graph is made: releasing a tensor's part of a graph, and what print
 * shows as its grad_fn (NULL: none). */
extern void (*fac__drop_autograd)(fac_tensor *t);
extern const char *(*fac__grad_fn_name)(const fac_tensor *t);

static inline fac_tensor *fac__retain(fac_tensor *t)
{
    if (t) fac__add_reference(&t->refs);
    return t;
}
extern const uint8_t fac__dtype_sizes[FAC_DTYPE_COUNT]; /* bytes of an element */
static inline void *fac__address(const fac_tensor *t)   /* where nothing is recorded */
{
    return t->storage->data + t->offset * fac__dtype_sizes[t->dtype];
}
/* The first element's address, for the arguments of a kernel. */
static inline void *fac__data(const fac_tensor *t)
{
    if (fac__recording_now()) fac__recording_use(t->storage);
    return fac__address(t);
}
/* The same, for everybody else: whoever reads or writes elements by himself, now. In a step that is captured this is an
 * error, as a replay would not do it again, unless it fills a new tensor, which is then a constant. */
static inline void *fac__host(const fac_tensor *t)
{
    if (fac__recording_now()) fac__recording_host(t->storage);
    return fac__address(t);
}

/* Product of the sizes; -1, with an error pending, when there are too many dims, a size is negative or it overflows. */
int64_t fac__shape_numel(int ndim, const int64_t *shape);

/* A new contiguous tensor with undefined contents. Unlike public functions the fac__new_* give their reference to the caller:
 * end with fac__own(t) to give it to the scope. NULL, with an error pending, on bad shapes and failed allocations. */
fac_tensor *fac__new(fac_dtype dtype, int ndim, const int64_t *shape);
fac_tensor *fac__new_like(const fac_tensor *t, fac_dtype dtype); /* t's shape, contiguous */
/* A header over base's storage. Bounds are checked: "setStorage: …" error if it reaches outside. No autograd. */
fac_tensor *fac__new_view(const fac_tensor *base, int ndim, const int64_t *shape, const int64_t *strides,
                          int64_t offset);
/* A tensor over memory that is somebody else's; drop(context) is called when nobody uses it. drop may be NULL. */
fac_tensor *fac__new_foreign(void *data, fac_dtype dtype, int ndim, const int64_t *shape, void (*drop)(void *),
                             void *context);
/* A 0-d tensor of one scalar, marked as wrapped: bool, int64 or the default float dtype… float64 kept inside. */
fac_tensor *fac__new_scalar(fac_scalar s);
/* The same header again over the same storage, without autograd: what detach makes. */
fac_tensor *fac__new_alias(const fac_tensor *t);

/* Each gets the other's storage; what describes it is up to the caller. */
void fac__swap_storage(fac_tensor *a, fac_tensor *b);

/* Row-major strides of a shape. */
void fac__contiguous_strides(int ndim, const int64_t *shape, int64_t *strides);
/* Recomputes numel and contiguous after shape or strides were set. */
void fac__update_layout(fac_tensor *t);

/* One element as a double or int64, by address. */
double fac__load_double(fac_dtype dtype, const void *p);
int64_t fac__load_int(fac_dtype dtype, const void *p);
void fac__store_double(fac_dtype dtype, void *p, double v);
void fac__store_int(fac_dtype dtype, void *p, int64_t v);

/* -ndim..ndim-1 to 0..ndim-1, with PyTorch's IndexError and -1 otherwise. 0-d tensors accept -1 and 0. */
int fac__wrap_dim(int64_t dim, int ndim);
/* Shape that both broadcast to; false with PyTorch's error "The size of tensor a (2) must match…". */
bool fac__broadcast_shapes(int na, const int64_t *a, int nb, const int64_t *b, int *n, int64_t *out);

#endif
