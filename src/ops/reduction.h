/* Floor 4. What all reductions share: which dimensions go, the result's shape, and the way back of gradients. */
#ifndef FACULA_REDUCTION_H
#define FACULA_REDUCTION_H

#include "backend/reduce.h"
#include "facula/ops_index.h"
#include "facula/ops_reduce.h"
#include "op.h"
#include "plain.h"

/* Plain data: nodes keep it as their params. */
typedef struct fac__reduction {
    uint32_t mask;  /* the dimensions of the input that go */
    bool all_given; /* neither dim nor dims was named: torch's overload without dim */
    bool keepdim;
    int ndim; /* of the result */
    int64_t shape[FAC_MAX_DIMS];
    fac_dims input;  /* the input's shape */
    int64_t reduced; /* elements behind each result */
} fac__reduction;

bool fac__reduction_of(const fac_tensor *x, const fac_reduce_options *options, fac__reduction *r);

/* Runs the kernel; out and second (may be NULL) have the reduction's shape, with or without the kept dims. */
void fac__reduce_into(fac__reduce_kind kind, const fac_tensor *x, const fac__reduction *r, fac_tensor *out,
                      fac_tensor *second);
/* The same into a new tensor, which is the caller's. */
fac_tensor *fac__reduce(fac__reduce_kind kind, const fac_tensor *x, const fac__reduction *r, fac_dtype dtype);

/* A tensor of the result's shape with the reduced dimensions put back as 1, so that it broadcasts against the input
 * (differentiable); and expanded to the input's whole shape. */
fac_tensor *fac__unreduce(const fac__reduction *r, fac_tensor *t);
fac_tensor *fac__unreduce_expand(const fac__reduction *r, fac_tensor *t);

/* False, with PyTorch's error, when what op reduces has no elements. */
bool fac__reduction_not_empty(const fac_tensor *x, const fac__reduction *r, const char *op);

/* Whether torch.linalg's norms take x, and the dtype (NONE: x's own) in place of its; if not, an error. */
bool fac__norm_dtype_fits(const fac_tensor *x, fac_dtype dtype, const char *op);

/* A reduction to one of the elements: all that are equal to the result share its gradient (extremes.c). */
fac__node *fac__shared_record(const char *name, fac_tensor *x, const fac__reduction *r);
fac_tensor *fac__shared_result(fac__node *n, fac_tensor *x, fac_tensor *y);

/* The dtype of sums and products: that asked for, x's own, or int64 for integers and bool. */
static inline fac_dtype fac__sum_dtype(const fac_tensor *x, fac_dtype given)
{
    return given ? given : fac_dtype_is_floating((fac_dtype)x->dtype) ? (fac_dtype)x->dtype : FAC_INT64;
}
static inline fac_reduce_options fac__reduce_over(fac_dims dims, bool keepdim, fac_dtype dtype)
{
    fac_reduce_options o = fac_reduce_options_defaults();
    o.dims = dims;
    o.keepdim = keepdim;
    o.dtype = dtype;
    return o;
}

/* What a trace is told of one, all its dimensions by their numbers. */
fac_tensor *fac__traced_reduction(const char *op, fac_tensor *x, const fac__reduction *r, fac_dtype dtype);

/* x, and 0 where the mask (broadcast to x) holds: for slopes that are 0/0 there. NULL where one of them is. */
static inline fac_tensor *fac__zero_where(fac_tensor *mask, fac_tensor *x)
{
    return mask && x ? fac_masked_fill(x, mask, 0) : NULL;
}

#endif
