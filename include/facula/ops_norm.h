/* Floor 4: normalisation, and distances between vectors. torch.nn.functional's names, keywords and defaults.
 *
 *     fac_batch_norm(x, running_mean, running_var, .weight = w, .bias = b, .training = true)
 *     fac_layer_norm(x, FAC_SHAPE(64), .weight = w, .bias = b)
 *
 * Floating dtypes only; float16 and bfloat16 compute in float. Results are new tensors of the innermost scope, NULL after an
 * error. All are differentiable twice. */
#ifndef FACULA_OPS_NORM_H
#define FACULA_OPS_NORM_H

#include "facula/tensor.h"

FAC_BEGIN

/* ---- by mean and variance (norm_layers.c) ------------------------------------------------------------------- */

typedef struct fac_norm_options {
    fac_tensor *weight, *bias;              /* NULL: 1 and 0 */
    double eps;                             /* 1e-5, added to the variance */
    double momentum;                        /* 0.1: the share of the new in the running statistics */
    bool training;                          /* of batch_norm: false */
    fac_tensor *running_mean, *running_var; /* of instance_norm */
    bool use_input_stats;                   /* of instance_norm: true */
} fac_norm_options;
static inline fac_norm_options fac_norm_options_defaults(void)
{
    fac_norm_options o;
    o.weight = o.bias = o.running_mean = o.running_var = 0;
    o.eps = 1e-5;
    o.momentum = 0.1;
    o.training = false;
    o.use_input_stats = true;
    return o;
}

/* (x - mean) / sqrt(var + eps) * weight + bias for each channel of x [N, C, …]. With training mean and (biased) variance are
 * those of x, and running_mean and running_var [C], if not NULL, move towards them (the variance to the unbiased one);
 * without it they are the running ones. Keywords weight, bias [C], training, momentum, eps. */
FAC_API fac_tensor *fac_batch_norm_with(fac_tensor *input, fac_tensor *running_mean, fac_tensor *running_var,
                                        fac_norm_options options);
#define fac_batch_norm(x, running_mean, running_var, ...)                                                              \
    fac_batch_norm_with(x, running_mean, running_var, FAC_OPTIONS(fac_norm_options, __VA_ARGS__))
/* The same over the last dimensions, whose sizes are normalized_shape. Keywords weight, bias (of that shape), eps. */
FAC_API fac_tensor *fac_layer_norm_with(fac_tensor *input, fac_dims normalized_shape, fac_norm_options options);
#define fac_layer_norm(x, shape, ...) fac_layer_norm_with(x, shape, FAC_OPTIONS(fac_norm_options, __VA_ARGS__))
/* The same over groups of channels of each sample, x [N, C, …]; num_groups divides C. Keywords weight, bias [C], eps. */
FAC_API fac_tensor *fac_group_norm_with(fac_tensor *input, int64_t num_groups, fac_norm_options options);
#define fac_group_norm(x, groups, ...) fac_group_norm_with(x, groups, FAC_OPTIONS(fac_norm_options, __VA_ARGS__))
/* The same over each channel of each sample, x [N, C, …]. Keywords weight, bias, running_mean, running_var [C],
 * use_input_stats (false: the running ones), momentum, eps. */
FAC_API fac_tensor *fac_instance_norm_with(fac_tensor *input, fac_norm_options options);
#define fac_instance_norm(x, ...) fac_instance_norm_with(x, FAC_OPTIONS(fac_norm_options, __VA_ARGS__))

/* ---- by neighbours and lengths (similarity.c) --------------------------------------------------------------- */

typedef struct fac_similarity_options {
    double p;              /* 2 */
    int64_t dim;           /* 1 */
    double eps;            /* NAN: the function's own default */
    bool keepdim;          /* false */
    double alpha, beta, k; /* of local_response_norm: 1e-4, 0.75, 1 */
} fac_similarity_options;
static inline fac_similarity_options fac_similarity_options_defaults(void)
{
    fac_similarity_options o;
    o.p = 2;
    o.dim = 1;
    o.eps = __builtin_nan("");
    o.keepdim = false;
    o.alpha = 1e-4;
    o.beta = 0.75;
    o.k = 1;
    return o;
}
/* x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta; x [N, C, …] of 3 dimensions or more. Keywords alpha,
 * beta, k. */
FAC_API fac_tensor *fac_local_response_norm_with(fac_tensor *input, int64_t size, fac_similarity_options options);
#define fac_local_response_norm(x, size, ...)                                                                          \
    fac_local_response_norm_with(x, size, FAC_OPTIONS(fac_similarity_options, __VA_ARGS__))
/* x / max(norm(x, p) along dim, eps). Keywords p, dim, eps (1e-12). */
FAC_API fac_tensor *fac_normalize_with(fac_tensor *input, fac_similarity_options options);
#define fac_normalize(x, ...) fac_normalize_with(x, FAC_OPTIONS(fac_similarity_options, __VA_ARGS__))
/* x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along dim; they broadcast. Keywords dim, eps (1e-8). */
FAC_API fac_tensor *fac_cosine_similarity_with(fac_tensor *x1, fac_tensor *x2, fac_similarity_options options);
#define fac_cosine_similarity(x1, x2, ...)                                                                             \
    fac_cosine_similarity_with(x1, x2, FAC_OPTIONS(fac_similarity_options, __VA_ARGS__))
/* norm(x1 - x2 + eps, p) along the last dimension. Keywords p, eps (1e-6), keepdim. */
FAC_API fac_tensor *fac_pairwise_distance_with(fac_tensor *x1, fac_tensor *x2, fac_similarity_options options);
#define fac_pairwise_distance(x1, x2, ...)                                                                             \
    fac_pairwise_distance_with(x1, x2, FAC_OPTIONS(fac_similarity_options, __VA_ARGS__))

FAC_END
#endif
