/* Floor 4: convolution and pooling, torch.nn.functional's.
 *
 * Inputs are [N, C, L], [N, C, H, W] or [N, C, D, H, W]; N may be left out. Where a keyword takes one number for all
 * spatial dimensions, its plural takes one for each: .stride = 2 or .strides = FAC_DIMS(2, 1). float32 and float64
 * are computed as such, float16 and bfloat16 in float, integers in double. Results are new tensors of the innermost
 * scope; NULL after an error. All can be differentiated twice. */
#ifndef FACULA_OPS_CONV_H
#define FACULA_OPS_CONV_H

#include "facula/tensor.h"

FAC_BEGIN

/* ---- convolution -------------------------------------------------------------------------------------------- */

typedef struct fac_conv_options {
    int64_t stride, padding, dilation, output_padding; /* 1, 0, 1, 0 */
    fac_dims strides, paddings, dilations, output_paddings;
    int64_t groups; /* 1 */
    /* In the place of padding. "valid": none; "same": as much as keeps the size (stride 1 only). */
    const char *padding_name;
} fac_conv_options;
static inline fac_conv_options fac_conv_options_defaults(void)
{
    fac_conv_options o;
    o.stride = o.dilation = o.groups = 1;
    o.padding = o.output_padding = 0;
    o.strides = o.paddings = o.dilations = o.output_paddings = fac_dims_make(-1, NULL);
    o.padding_name = NULL;
    return o;
}

/* Cross-correlation of x [N, C, ...] with weight [K, C / groups, kernel...], plus bias [K] (may be NULL), to [N, K,
 * ...]: sizes (in + 2 padding - dilation (kernel - 1) - 1) / stride + 1. Keywords stride, padding, dilation, groups,
 * padding_name. */
FAC_API fac_tensor *fac_conv1d_with(fac_tensor *input, fac_tensor *weight, fac_tensor *bias, fac_conv_options options);
FAC_API fac_tensor *fac_conv2d_with(fac_tensor *input, fac_tensor *weight, fac_tensor *bias, fac_conv_options options);
FAC_API fac_tensor *fac_conv3d_with(fac_tensor *input, fac_tensor *weight, fac_tensor *bias, fac_conv_options options);
#define fac_conv1d(x, w, b, ...) fac_conv1d_with(x, w, b, FAC_OPTIONS(fac_conv_options, __VA_ARGS__))
#define fac_conv2d(x, w, b, ...) fac_conv2d_with(x, w, b, FAC_OPTIONS(fac_conv_options, __VA_ARGS__))
#define fac_conv3d(x, w, b, ...) fac_conv3d_with(x, w, b, FAC_OPTIONS(fac_conv_options, __VA_ARGS__))

/* What carries gradients back through a convolution, as an operation of its own: x [N, C, ...], weight [C, K / groups,
 * kernel...] to [N, K, ...]: sizes (in - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1. */
FAC_API fac_tensor *fac_conv_transpose1d_with(fac_tensor *input, fac_tensor *weight, fac_tensor *bias,
                                              fac_conv_options options);
FAC_API fac_tensor *fac_conv_transpose2d_with(fac_tensor *input, fac_tensor *weight, fac_tensor *bias,
                                              fac_conv_options options);
FAC_API fac_tensor *fac_conv_transpose3d_with(fac_tensor *input, fac_tensor *weight, fac_tensor *bias,
                                              fac_conv_options options);
#define fac_conv_transpose1d(x, w, b, ...)                                                                             \
    fac_conv_transpose1d_with(x, w, b, FAC_OPTIONS(fac_conv_options, __VA_ARGS__))
#define fac_conv_transpose2d(x, w, b, ...)                                                                             \
    fac_conv_transpose2d_with(x, w, b, FAC_OPTIONS(fac_conv_options, __VA_ARGS__))
#define fac_conv_transpose3d(x, w, b, ...)                                                                             \
    fac_conv_transpose3d_with(x, w, b, FAC_OPTIONS(fac_conv_options, __VA_ARGS__))

/* Convolution over time of self [T, N, C], zeros at both ends, with weight [kernel, C, K] and bias [K], to [T + 2 pad -
 * kernel + 1, N, K]. */
FAC_API fac_tensor *fac_conv_tbc(fac_tensor *self, fac_tensor *weight, fac_tensor *bias, int64_t pad);

/* ---- pooling ------------------------------------------------------------------------------------------------ */

typedef struct fac_pool_options {
    int64_t stride, padding, dilation; /* 0: the kernel's size; 0; 1 */
    fac_dims strides, paddings, dilations;
    bool ceil_mode;           /* false: windows that do not fit at the end are left out */
    bool count_include_pad;   /* true: an average divides by the window's size with padding */
    int64_t divisor_override; /* 0: an average divides by what count_include_pad says */
    fac_tensor **indices;     /* max: gets the position of each maximum within its D*H*W plane, int64 */
} fac_pool_options;
static inline fac_pool_options fac_pool_options_defaults(void)
{
    fac_pool_options o;
    o.stride = o.padding = o.divisor_override = 0;
    o.dilation = 1;
    o.strides = o.paddings = o.dilations = fac_dims_make(-1, NULL);
    o.ceil_mode = false;
    o.count_include_pad = true;
    o.indices = NULL;
    return o;
}

/* Maximum of each window; NaN wins. kernel is a number or a FAC_DIMS. Keywords stride, padding, dilation, ceil_mode,
 * indices. */
FAC_API fac_tensor *fac_max_pool1d_with(fac_tensor *input, fac_dims kernel, fac_pool_options options);
FAC_API fac_tensor *fac_max_pool2d_with(fac_tensor *input, fac_dims kernel, fac_pool_options options);
FAC_API fac_tensor *fac_max_pool3d_with(fac_tensor *input, fac_dims kernel, fac_pool_options options);
#define fac_max_pool1d(x, kernel, ...)                                                                                 \
    fac_max_pool1d_with(x, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_pool_options, __VA_ARGS__))
#define fac_max_pool2d(x, kernel, ...)                                                                                 \
    fac_max_pool2d_with(x, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_pool_options, __VA_ARGS__))
#define fac_max_pool3d(x, kernel, ...)                                                                                 \
    fac_max_pool3d_with(x, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_pool_options, __VA_ARGS__))

/* Average of each window. Keywords stride, padding, ceil_mode, count_include_pad, divisor_override. */
FAC_API fac_tensor *fac_avg_pool1d_with(fac_tensor *input, fac_dims kernel, fac_pool_options options);
FAC_API fac_tensor *fac_avg_pool2d_with(fac_tensor *input, fac_dims kernel, fac_pool_options options);
FAC_API fac_tensor *fac_avg_pool3d_with(fac_tensor *input, fac_dims kernel, fac_pool_options options);
#define fac_avg_pool1d(x, kernel, ...)                                                                                 \
    fac_avg_pool1d_with(x, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_pool_options, __VA_ARGS__))
#define fac_avg_pool2d(x, kernel, ...)                                                                                 \
    fac_avg_pool2d_with(x, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_pool_options, __VA_ARGS__))
#define fac_avg_pool3d(x, kernel, ...)                                                                                 \
    fac_avg_pool3d_with(x, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_pool_options, __VA_ARGS__))

/* In an output_size: as many as the input has. */
#define FAC_SAME_SIZE INT64_MIN
/* Windows such that the result has the given spatial size (a number or FAC_DIMS): window i of n covers elements
 * floor(i in / n) to ceil((i + 1) in / n). indices as above, may be NULL. */
FAC_API fac_tensor *fac_adaptive_avg_pool1d(fac_tensor *input, fac_dims output_size);
FAC_API fac_tensor *fac_adaptive_avg_pool2d(fac_tensor *input, fac_dims output_size);
FAC_API fac_tensor *fac_adaptive_avg_pool3d(fac_tensor *input, fac_dims output_size);
FAC_API fac_tensor *fac_adaptive_max_pool1d(fac_tensor *input, fac_dims output_size, fac_tensor **indices);
FAC_API fac_tensor *fac_adaptive_max_pool2d(fac_tensor *input, fac_dims output_size, fac_tensor **indices);
FAC_API fac_tensor *fac_adaptive_max_pool3d(fac_tensor *input, fac_dims output_size, fac_tensor **indices);

/* The maximum of windows that begin at the pseudo-random places that random_samples [N, C, 2 or 3], numbers in [0, 1) of
 * input's dtype, give for each plane; of 2d they are for width and height, of 3d for depth, height and width. indices
 * as above, may be NULL. float32 and float64. */
FAC_API fac_tensor *fac_fractional_max_pool2d(fac_tensor *input, fac_dims kernel, fac_dims output_size,
                                              fac_tensor *random_samples, fac_tensor **indices);
FAC_API fac_tensor *fac_fractional_max_pool3d(fac_tensor *input, fac_dims kernel, fac_dims output_size,
                                              fac_tensor *random_samples, fac_tensor **indices);

/* The p-norm of each window, up to the sign: (sum of x^p)^(1 / p). norm_type is p. Keywords stride, ceil_mode. */
FAC_API fac_tensor *fac_lp_pool1d_with(fac_tensor *input, fac_scalar norm_type, fac_dims kernel,
                                       fac_pool_options options);
FAC_API fac_tensor *fac_lp_pool2d_with(fac_tensor *input, fac_scalar norm_type, fac_dims kernel,
                                       fac_pool_options options);
#define fac_lp_pool1d(x, p, kernel, ...)                                                                               \
    fac_lp_pool1d_with(x, FAC_SCALAR(p), FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_pool_options, __VA_ARGS__))
#define fac_lp_pool2d(x, p, kernel, ...)                                                                               \
    fac_lp_pool2d_with(x, FAC_SCALAR(p), FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_pool_options, __VA_ARGS__))

/* Values [N, C, ...] to where indices (of a max pooling, of the same shape) say, zeros elsewhere. The spatial size is
 * .output_size, with or without the dimensions in front, or by default (in - 1) stride - 2 padding + kernel. */
typedef struct fac_unpool_options {
    int64_t stride, padding; /* 0: the kernel's size; 0 */
    fac_dims strides, paddings, output_size;
} fac_unpool_options;
static inline fac_unpool_options fac_unpool_options_defaults(void)
{
    fac_unpool_options o;
    o.stride = o.padding = 0;
    o.strides = o.paddings = o.output_size = fac_dims_make(-1, NULL);
    return o;
}
FAC_API fac_tensor *fac_max_unpool1d_with(fac_tensor *input, fac_tensor *indices, fac_dims kernel,
                                          fac_unpool_options options);
FAC_API fac_tensor *fac_max_unpool2d_with(fac_tensor *input, fac_tensor *indices, fac_dims kernel,
                                          fac_unpool_options options);
FAC_API fac_tensor *fac_max_unpool3d_with(fac_tensor *input, fac_tensor *indices, fac_dims kernel,
                                          fac_unpool_options options);
#define fac_max_unpool1d(x, indices, kernel, ...)                                                                      \
    fac_max_unpool1d_with(x, indices, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_unpool_options, __VA_ARGS__))
#define fac_max_unpool2d(x, indices, kernel, ...)                                                                      \
    fac_max_unpool2d_with(x, indices, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_unpool_options, __VA_ARGS__))
#define fac_max_unpool3d(x, indices, kernel, ...)                                                                      \
    fac_max_unpool3d_with(x, indices, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_unpool_options, __VA_ARGS__))

/* ---- windows as columns (fold.c) ----------------------------------------------------------------------------- */

/* torch.nn.functional.unfold: [N, C, H, W] to [N, C * kernel size, number of windows]. Keywords stride, padding,
 * dilation. */
FAC_API fac_tensor *fac_im2col_with(fac_tensor *input, fac_dims kernel, fac_conv_options options);
#define fac_im2col(x, kernel, ...) fac_im2col_with(x, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_conv_options, __VA_ARGS__))
/* torch.nn.functional.fold: the way back, to a spatial size of output_size; what overlaps is added. */
FAC_API fac_tensor *fac_col2im_with(fac_tensor *input, fac_dims output_size, fac_dims kernel, fac_conv_options options);
#define fac_col2im(x, output_size, kernel, ...)                                                                        \
    fac_col2im_with(x, FAC_AS_DIMS(output_size), FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_conv_options, __VA_ARGS__))

FAC_END

#define fac_adaptive_avg_pool1d(x, size) fac_adaptive_avg_pool1d(x, FAC_AS_DIMS(size))
#define fac_adaptive_avg_pool2d(x, size) fac_adaptive_avg_pool2d(x, FAC_AS_DIMS(size))
#define fac_adaptive_avg_pool3d(x, size) fac_adaptive_avg_pool3d(x, FAC_AS_DIMS(size))
#define fac_fractional_max_pool2d(x, kernel, size, samples, indices)                                                   \
    fac_fractional_max_pool2d(x, FAC_AS_DIMS(kernel), FAC_AS_DIMS(size), samples, indices)
#define fac_fractional_max_pool3d(x, kernel, size, samples, indices)                                                   \
    fac_fractional_max_pool3d(x, FAC_AS_DIMS(kernel), FAC_AS_DIMS(size), samples, indices)
#define fac_adaptive_max_pool1d(x, size, indices) fac_adaptive_max_pool1d(x, FAC_AS_DIMS(size), indices)
#define fac_adaptive_max_pool2d(x, size, indices) fac_adaptive_max_pool2d(x, FAC_AS_DIMS(size), indices)
#define fac_adaptive_max_pool3d(x, size, indices) fac_adaptive_max_pool3d(x, FAC_AS_DIMS(size), indices)

#endif
