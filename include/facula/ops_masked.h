/* Floor 4: reductions and normalisations of a tensor's elements where a mask is true (torch.masked).
 *
 *     fac_masked_mean(x, .mask = fac_gt_scalar(x, 0), .dim = 1)
 *
 * All take the same keywords, of which each uses those named in its comment. Elements whose mask is false take no part:
 * they are replaced by the operation's identity, the value that changes no result. The mask broadcasts to self's shape
 * and may be of any dtype; NULL is all true. Where nothing takes part, the result is the identity; NaN for mean, median,
 * var and std. dtype NONE is self's own, but int64 for sums and products of integers, and the default float dtype for
 * var and std of them. Results are new tensors of the innermost scope; NULL after an error. */
#ifndef FACULA_OPS_MASKED_H
#define FACULA_OPS_MASKED_H

#include "facula/ops_reduce.h"

FAC_BEGIN

typedef struct fac_masked_options {
    fac_tensor *mask; /* NULL: all true */
    int64_t dim;      /* one dimension */
    fac_dims dims;    /* or several; an empty list means all */
    bool keepdim;     /* reduced dimensions stay, with size 1 */
    fac_dtype dtype;  /* of the result */
    bool unbiased;    /* var and std: divide by one less than the count; false, other than fac_var's */
    double p;         /* norm and normalize: the order; 2 */
    double eps;       /* normalize: the least norm to divide by; 1e-12 */
} fac_masked_options;
static inline fac_masked_options fac_masked_options_defaults(void)
{
    fac_masked_options o;
    o.mask = NULL;
    o.dim = FAC_ALL_DIMS;
    o.dims = fac_dims_make(-1, NULL);
    o.keepdim = o.unbiased = false;
    o.dtype = FAC_DTYPE_NONE;
    o.p = 2;
    o.eps = 1e-12;
    return o;
}

/* ---- reductions: keywords mask, dim, dims, keepdim, dtype ------------------------------------------------------ */

FAC_API fac_tensor *fac_masked_sum_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_prod_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_mean_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_amax_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_amin_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_logsumexp_with(fac_tensor *self, fac_masked_options options);
/* Also keyword unbiased. */
FAC_API fac_tensor *fac_masked_var_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_std_with(fac_tensor *self, fac_masked_options options);
/* Also keyword p. */
FAC_API fac_tensor *fac_masked_norm_with(fac_tensor *self, fac_masked_options options);
/* One dim or, but for median, whose dim is -1 then, none. The position comes in self's dtype unless another is given, as
 * torch.masked has it. */
FAC_API fac_tensor *fac_masked_argmax_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_argmin_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_median_with(fac_tensor *self, fac_masked_options options);

#define fac_masked_sum(x, ...) fac_masked_sum_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_prod(x, ...) fac_masked_prod_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_mean(x, ...) fac_masked_mean_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_amax(x, ...) fac_masked_amax_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_amin(x, ...) fac_masked_amin_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_logsumexp(x, ...) fac_masked_logsumexp_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_var(x, ...) fac_masked_var_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_std(x, ...) fac_masked_std_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_norm(x, ...) fac_masked_norm_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_argmax(x, ...) fac_masked_argmax_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_argmin(x, ...) fac_masked_argmin_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_median(x, ...) fac_masked_median_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))

/* ---- normalisations: of self's shape; keywords mask, dim (to be given), dtype ----------------------------------- */

FAC_API fac_tensor *fac_masked_softmax_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_log_softmax_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_softmin_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_cumsum_with(fac_tensor *self, fac_masked_options options);
FAC_API fac_tensor *fac_masked_cumprod_with(fac_tensor *self, fac_masked_options options);
/* self / max(norm, eps). Also keywords p and eps. */
FAC_API fac_tensor *fac_masked_normalize_with(fac_tensor *self, fac_masked_options options);

#define fac_masked_softmax(x, ...) fac_masked_softmax_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_log_softmax(x, ...) fac_masked_log_softmax_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_softmin(x, ...) fac_masked_softmin_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_cumsum(x, ...) fac_masked_cumsum_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_cumprod(x, ...) fac_masked_cumprod_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))
#define fac_masked_normalize(x, ...) fac_masked_normalize_with(x, FAC_OPTIONS(fac_masked_options, __VA_ARGS__))

/* log(exp(self) + exp(other)), each of which has a mask (NULL: all true). */
FAC_API fac_tensor *fac_masked_logaddexp(fac_tensor *self, fac_tensor *other, fac_tensor *self_mask,
                                         fac_tensor *other_mask, fac_dtype dtype);

FAC_END
#endif
