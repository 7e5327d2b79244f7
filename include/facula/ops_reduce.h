/* Floor 4: reductions: many elements to one, over all dimensions or over some.
 *
 *     fac_sum(x)                                       all elements, a 0-d tensor
 *     fac_sum(x, .dim = 1, .keepdim = true)            over one dimension, which stays with size 1
 *     fac_mean(x, .dims = FAC_DIMS(0, -1))             over several
 *     fac_sum(x, .dtype = FAC_FLOAT64)                 in another dtype
 *
 * All take the same keywords, of which each uses those named in its comment. A dimension out of range is an
 * IndexError, one named twice a RuntimeError. Results are new tensors of the innermost scope; NULL after an error.
 * Where an operation has a second result, it goes through a pointer, which may be NULL; it belongs to the scope
 * too. */
#ifndef FACULA_OPS_REDUCE_H
#define FACULA_OPS_REDUCE_H

#include "facula/tensor.h"

FAC_BEGIN

/* "dim" when it is not given. */
#define FAC_ALL_DIMS INT64_MIN

typedef struct fac_reduce_options {
    int64_t dim;       /* one dimension */
    fac_dims dims;     /* or several; an empty list means all, as in PyTorch */
    bool keepdim;      /* reduced dimensions stay, with size 1 */
    fac_dtype dtype;   /* of the result and of the arithmetic; NONE: by the rule of the operation */
    bool unbiased;     /* var and std: false is correction 0 */
    double correction; /* var and std divide by (count - correction): 1 */
    double p;          /* norm: the order; 2. INFINITY and -INFINITY are max and min, 0 counts what is not 0 */
} fac_reduce_options;
static inline fac_reduce_options fac_reduce_options_defaults(void)
{
    fac_reduce_options o;
    o.dim = FAC_ALL_DIMS;
    o.dims = fac_dims_make(-1, NULL);
    o.keepdim = false;
    o.dtype = FAC_DTYPE_NONE;
    o.unbiased = true;
    o.correction = 1;
    o.p = 2;
    return o;
}

/* ---- sums and products: keywords dim, dims, keepdim, dtype --------------------------------------------------- */

/* Integers and bool add up in int64; floats in their own dtype, float16 and bfloat16 with a float inside. */
FAC_API fac_tensor *fac_sum_with(fac_tensor *self, fac_reduce_options options);
#define fac_sum(x, ...) fac_sum_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* NaN counts as 0. */
FAC_API fac_tensor *fac_nansum_with(fac_tensor *self, fac_reduce_options options);
#define fac_nansum(x, ...) fac_nansum_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* Floats only, unless a float dtype is given. The mean of nothing is NaN. nanmean leaves NaNs out. */
FAC_API fac_tensor *fac_mean_with(fac_tensor *self, fac_reduce_options options);
#define fac_mean(x, ...) fac_mean_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
FAC_API fac_tensor *fac_nanmean_with(fac_tensor *self, fac_reduce_options options);
#define fac_nanmean(x, ...) fac_nanmean_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* PyTorch takes one dimension; several are fine here. Zeros have correct gradients too. */
FAC_API fac_tensor *fac_prod_with(fac_tensor *self, fac_reduce_options options);
#define fac_prod(x, ...) fac_prod_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* log(sum(exp(x))) without overflow. Integers give the default float dtype. No dtype keyword. */
FAC_API fac_tensor *fac_logsumexp_with(fac_tensor *self, fac_reduce_options options);
#define fac_logsumexp(x, ...) fac_logsumexp_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* How many are not 0, int64. No dtype keyword. */
FAC_API fac_tensor *fac_count_nonzero_with(fac_tensor *self, fac_reduce_options options);
#define fac_count_nonzero(x, ...) fac_count_nonzero_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* self.sum_to_size(size): summed over what broadcasting `size` to self's shape would repeat. */
FAC_API fac_tensor *fac_sum_to_size(fac_tensor *self, fac_dims size);
/* Sum of the diagonal of a matrix. */
FAC_API fac_tensor *fac_trace(fac_tensor *self);

/* ---- truth: keywords dim, dims, keepdim ---------------------------------------------------------------------- */

/* Whether all, or any, elements are not 0: bool (uint8 for uint8). Of nothing: true and false. */
FAC_API fac_tensor *fac_all_with(fac_tensor *self, fac_reduce_options options);
#define fac_all(x, ...) fac_all_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
FAC_API fac_tensor *fac_any_with(fac_tensor *self, fac_reduce_options options);
#define fac_any(x, ...) fac_any_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))

/* ---- extremes ------------------------------------------------------------------------------------------------ */

/* NaN is larger, and smaller, than anything else. What is reduced must have elements. */

/* Of the whole tensor. Equal extremes share the gradient. */
FAC_API fac_tensor *fac_max(fac_tensor *self);
FAC_API fac_tensor *fac_min(fac_tensor *self);
/* Along one dimension, with the int64 index of the first extreme; the gradient goes to that element. */
FAC_API fac_tensor *fac_max_dim(fac_tensor *self, int64_t dim, bool keepdim, fac_tensor **indices);
FAC_API fac_tensor *fac_min_dim(fac_tensor *self, int64_t dim, bool keepdim, fac_tensor **indices);
/* Along any dims (keywords dim, dims, keepdim); equal extremes share the gradient. */
FAC_API fac_tensor *fac_amax_with(fac_tensor *self, fac_reduce_options options);
#define fac_amax(x, ...) fac_amax_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
FAC_API fac_tensor *fac_amin_with(fac_tensor *self, fac_reduce_options options);
#define fac_amin(x, ...) fac_amin_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* Returns the minimum; *max gets the maximum. Keywords dim, dims, keepdim. */
FAC_API fac_tensor *fac_aminmax_with(fac_tensor *self, fac_tensor **max, fac_reduce_options options);
#define fac_aminmax(x, max, ...) fac_aminmax_with(x, max, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* int64 position of the first extreme: along dim, or in the flattened tensor. Keywords dim, keepdim. */
FAC_API fac_tensor *fac_argmax_with(fac_tensor *self, fac_reduce_options options);
#define fac_argmax(x, ...) fac_argmax_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
FAC_API fac_tensor *fac_argmin_with(fac_tensor *self, fac_reduce_options options);
#define fac_argmin(x, ...) fac_argmin_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))

/* ---- spread and size (norm_ops.c) ---------------------------------------------------------------------------- */

/* Variance and standard deviation of floats. Keywords dim, dims, keepdim, unbiased, correction. */
FAC_API fac_tensor *fac_var_with(fac_tensor *self, fac_reduce_options options);
#define fac_var(x, ...) fac_var_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
FAC_API fac_tensor *fac_std_with(fac_tensor *self, fac_reduce_options options);
#define fac_std(x, ...) fac_std_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* The same, and *mean gets the mean. */
FAC_API fac_tensor *fac_var_mean_with(fac_tensor *self, fac_tensor **mean, fac_reduce_options options);
#define fac_var_mean(x, mean, ...) fac_var_mean_with(x, mean, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
FAC_API fac_tensor *fac_std_mean_with(fac_tensor *self, fac_tensor **mean, fac_reduce_options options);
#define fac_std_mean(x, mean, ...) fac_std_mean_with(x, mean, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* (sum |x|^p)^(1/p) of floats. Keywords p, dim, dims, keepdim, dtype. The gradient at 0 is 0. vector_norm is
 * torch.linalg's name for the same. */
FAC_API fac_tensor *fac_norm_with(fac_tensor *self, fac_reduce_options options);
#define fac_norm(x, ...) fac_norm_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
FAC_API fac_tensor *fac_vector_norm_with(fac_tensor *self, fac_reduce_options options);
#define fac_vector_norm(x, ...) fac_vector_norm_with(x, FAC_OPTIONS(fac_reduce_options, __VA_ARGS__))
/* p-norm of self - other, which broadcast. */
FAC_API fac_tensor *fac_dist(fac_tensor *self, fac_tensor *other, double p);

/* ---- softmax (softmax.c) ------------------------------------------------------------------------------------- */

/* exp(x) scaled to sum 1 along dim; its logarithm; softmax of -x. Floats only, unless dtype is given (NONE: x's own). */
FAC_API fac_tensor *fac_softmax(fac_tensor *self, int64_t dim, fac_dtype dtype);
FAC_API fac_tensor *fac_log_softmax(fac_tensor *self, int64_t dim, fac_dtype dtype);
FAC_API fac_tensor *fac_softmin(fac_tensor *self, int64_t dim, fac_dtype dtype);

/* ---- running results (scan.c) -------------------------------------------------------------------------------- */

/* The sum, or product, of the elements up to and with each one along dim. Integers and bool give int64; dtype NONE is
 * that rule. */
FAC_API fac_tensor *fac_cumsum(fac_tensor *self, int64_t dim, fac_dtype dtype);
FAC_API fac_tensor *fac_cumprod(fac_tensor *self, int64_t dim, fac_dtype dtype);
/* The extreme so far and its index, the last of equal ones. */
FAC_API fac_tensor *fac_cummax(fac_tensor *self, int64_t dim, fac_tensor **indices);
FAC_API fac_tensor *fac_cummin(fac_tensor *self, int64_t dim, fac_tensor **indices);
FAC_API fac_tensor *fac_logcumsumexp(fac_tensor *self, int64_t dim);

/* ---- ragged segments (segment.c) ------------------------------------------------------------------------------- */

typedef struct fac_segment_options {
    fac_tensor *lengths; /* integers: how long the segments are that follow each other along axis; */
    fac_tensor *offsets; /* or where they begin, and where the last one ends: one more than there are segments */
    int64_t axis;        /* 0. lengths and offsets have a dimension for it and for each one before it */
    bool unsafe;         /* skip the check that lengths are not negative and fill the axis */
    fac_scalar initial;  /* what each segment starts from; none: 0, 1, -inf or inf, and NaN for the mean of nothing */
} fac_segment_options;
static inline fac_segment_options fac_segment_options_defaults(void)
{
    fac_segment_options o;
    o.lengths = o.offsets = NULL;
    o.axis = 0;
    o.unsafe = false;
    o.initial = fac_scalar_none();
    return o;
}
/* "sum", "mean", "max", "min" or "prod" of each segment of floats. */
FAC_API fac_tensor *fac_segment_reduce_with(fac_tensor *data, const char *reduce, fac_segment_options options);
#define fac_segment_reduce(x, reduce, ...)                                                                             \
    fac_segment_reduce_with(x, reduce, FAC_OPTIONS(fac_segment_options, __VA_ARGS__))

FAC_END
#endif
