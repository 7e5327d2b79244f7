/* Floor 4: resampling and rearranging of images, torch.nn.functional's.
 *
 * Inputs are [N, C, L], [N, C, H, W] or [N, C, D, H, W]. float32 and float64 are computed as such, float16 and bfloat16 in
 * float. Results are new tensors of the innermost scope; NULL after an error. */
#ifndef FACULA_OPS_IMAGE_H
#define FACULA_OPS_IMAGE_H

#include "facula/tensor.h"

FAC_BEGIN

/* ---- other sizes (resample.c) ------------------------------------------------------------------------------- */

typedef struct fac_interpolate_options {
    fac_dims size;       /* a number, or one for each spatial dimension: the result's; n < 0: from the factors */
    double scale_factor; /* how many times as large; 0: not given */
    double scale_d, scale_h, scale_w; /* the same for one dimension, the last being w; 0: as scale_factor says */
    /* "nearest" (the default), "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area" */
    const char *mode;
    bool align_corners;          /* the outermost elements' middles stay where they are, not their edges: false */
    bool recompute_scale_factor; /* take the factors from the sizes as they came out, rounded: false */
    bool antialias; /* of bilinear and bicubic, when made smaller: average over all that is covered: false */
} fac_interpolate_options;
static inline fac_interpolate_options fac_interpolate_options_defaults(void)
{
    fac_interpolate_options o;
    o.size = fac_dims_make(-1, NULL);
    o.scale_factor = o.scale_d = o.scale_h = o.scale_w = 0;
    o.mode = "nearest";
    o.align_corners = o.recompute_scale_factor = o.antialias = false;
    return o;
}
/* The input at another spatial size, one of size and factors. "nearest" takes uint8 too. Cubic is Keys's convolution
 * with a = -0.75, or -0.5 with antialias. Differentiable any number of times. */
FAC_API fac_tensor *fac_interpolate_with(fac_tensor *input, fac_interpolate_options options);
#define fac_interpolate(x, ...) fac_interpolate_with(x, FAC_OPTIONS(fac_interpolate_options, __VA_ARGS__))

/* ---- at any places (grid_sample.c) -------------------------------------------------------------------------- */

typedef struct fac_grid_options {
    const char *mode; /* "bilinear" (the default; of a volume, trilinear), "nearest", "bicubic" (of an image only) */
    const char *padding_mode; /* what is outside: "zeros" (the default), "border": the nearest inside, "reflection" */
    bool align_corners;       /* -1 and 1 are the middles of the outermost elements, not their edges: false */
} fac_grid_options;
static inline fac_grid_options fac_grid_options_defaults(void)
{
    fac_grid_options o;
    o.mode = "bilinear";
    o.padding_mode = "zeros";
    o.align_corners = false;
    return o;
}
/* Input [N, C, H, W] at the places that grid [N, h, w, 2] names, as x and y (and z) from -1 to 1: [N, C, h, w]; or
 * [N, C, D, H, W] with [N, d, h, w, 3]. One dtype, float32 or float64. Differentiable once. */
FAC_API fac_tensor *fac_grid_sample_with(fac_tensor *input, fac_tensor *grid, fac_grid_options options);
#define fac_grid_sample(x, grid, ...) fac_grid_sample_with(x, grid, FAC_OPTIONS(fac_grid_options, __VA_ARGS__))
/* The grid [N, h, w, 2] that theta [N, 2, 3] maps an image of size N, C, h, w to; or [N, d, h, w, 3] by [N, 3, 4]. */
FAC_API fac_tensor *fac_affine_grid(fac_tensor *theta, fac_dims size, bool align_corners);

/* ---- channels and places (shuffle.c) ------------------------------------------------------------------------ */

/* [..., C * r * r, H, W] to [..., C, H * r, W * r], and back. */
FAC_API fac_tensor *fac_pixel_shuffle(fac_tensor *self, int64_t upscale_factor);
FAC_API fac_tensor *fac_pixel_unshuffle(fac_tensor *self, int64_t downscale_factor);
/* [N, groups * c, ...] with channels in the order of [N, c, groups, ...]. */
FAC_API fac_tensor *fac_channel_shuffle(fac_tensor *self, int64_t groups);

FAC_END
#endif
