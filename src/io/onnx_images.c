/* Floor 7. ONNX's operators for images: written resampling (read by onnx_resize.c), windows as columns, channels as places,
 * grids. */
#include <math.h>

#include "core/raise.h"
#include "facula/ops_conv.h"
#include "facula/ops_create.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_windows.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

/* ---- resampling ----------------------------------------------------------------------------------------------------- */

/* What the operation makes of one axis, as a matrix [in, out]: the caller's. */
static fac_tensor *matrix_of(const saver *s, const char *op, int axis, int64_t in, int64_t out)
{
    fac_tensor *matrix = NULL;
    const fac__trace_call *c = fac__onnx_saved(s);
    fac_scope {
        int64_t sizes[2] = {axis ? 1 : out, axis ? out : 1};
        fac_value args[5], y;
        for (int i = 0; i < 5; i++)
            args[i] = i == 3 + axis || i == 2 ? fac__trace_arg_at(c, i)->value : fac_value_none();
        fac_tensor *eye = fac_eye(in, in, .dtype = fac_dtype_of(fac__onnx_traced(s)));
        args[0] = fac_value_tensor(fac_reshape(eye, axis ? FAC_SHAPE(1, in, 1, in) : FAC_SHAPE(1, in, in, 1)));
        args[1] = (fac_value){.kind = FAC_VALUE_INTS, .v.ints = {sizes, 2}};
        if (args[0].v.tensor && fac_call(op, args, 5, NULL, 0, &y, 1) == 1)
            matrix = fac_keep(fac_clone(fac_reshape(y.v.tensor, FAC_SHAPE(in, out))));
    }
    return matrix;
}

/* ONNX has antialias from opset 18 on, and computes it otherwise: as products with matrices. */
static bool save_smooth(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *y = fac__onnx_traced(s);
    const char *name = fac__onnx_name_at(s, 0);
    for (int axis = 0; axis < 2; axis++) {
        const char *m = fac__onnx_put_constant(s, matrix_of(s, r->aten, axis, x->shape[2 + axis], y->shape[2 + axis]));
        for (int turn = 0; turn < 2 && m; turn++) {
            if (!axis) {
                name = name ? fac__onnx_node(s, "Transpose", name) : NULL;
                fac__onnx_give_ints(s, "perm", (int64_t[]){0, 1, 3, 2}, 4);
            }
            if (!turn) name = name ? fac__onnx_node(s, "MatMul", name, m) : NULL;
        }
    }
    return fac__onnx_is(s, 0, name);
}

/* Factors, where the operation was given some and they say the size, else sizes. */
static const char *put_resize(saver *s, int first_factor)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *y = fac__onnx_traced(s), *t = NULL;
    float scales[FAC_MAX_DIMS] = {1, 1};
    bool exact = true;
    for (int i = 2; i < x->ndim; i++) {
        scales[i] = (float)fac__onnx_float_at(s, first_factor + i - 2, 0);
        exact &= scales[i] > 0 && (int64_t)floorf((float)x->shape[i] * scales[i]) == y->shape[i];
    }
    if (exact) {
        fac_scope
            t = fac_keep(fac_from_array(scales, FAC_FLOAT32, FAC_SHAPE(x->ndim)));
        const char *by = fac__onnx_put_constant(s, t);
        return by ? fac__onnx_node(s, "Resize", fac__onnx_name_at(s, 0), "", by) : NULL;
    }
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!fac__onnx_shape_of(s, fac__onnx_saved(s)->first, shape, &n)) return NULL;
    const char *sizes = fac__onnx_put_sizes(s, shape, n);
    return sizes ? fac__onnx_node(s, "Resize", fac__onnx_name_at(s, 0), "", "", sizes) : NULL;
}

static bool save_resample(saver *s, const row *r)
{
    bool exact = strstr(r->aten, "exact"), nearest = strstr(r->aten, "nearest"), cubic = strstr(r->aten, "cubic");
    bool align = !nearest && fac__onnx_bool_at(s, 2);
    const char *y = put_resize(s, nearest ? 2 : 3);
    fac__onnx_give_word(s, "mode", nearest ? "nearest" : cubic ? "cubic" : "linear");
    fac__onnx_give_word(s, "coordinate_transformation_mode",
                        align               ? "align_corners"
                        : nearest && !exact ? "asymmetric"
                                            : "half_pixel");
    if (nearest) fac__onnx_give_word(s, "nearest_mode", exact ? "round_prefer_ceil" : "floor");
    if (cubic) fac__onnx_give_float(s, "cubic_coeff_a", -0.75);
    return fac__onnx_is(s, 0, y);
}

/* ---- windows as columns --------------------------------------------------------------------------------------------- */

/* The numbers of im2col and col2im: of the image with its padding, of the windows. */
typedef struct windows {
    fac_dims kernel, dilation, pad, stride;
    int64_t in[2], out[2];
} windows;

static bool windows_at(saver *s, int at, const int64_t *image, windows *w)
{
    if (!fac__onnx_window_at(s, at, 2, &w->kernel) || !fac__onnx_window_at(s, at + 1, 2, &w->dilation) ||
        !fac__onnx_window_at(s, at + 2, 2, &w->pad) || !fac__onnx_window_at(s, at + 3, 2, &w->stride))
        return false;
    for (int i = 0; i < 2; i++) {
        w->in[i] = image[i] + 2 * w->pad.d[i];
        w->out[i] = (w->in[i] - w->dilation.d[i] * (w->kernel.d[i] - 1) - 1) / w->stride.d[i] + 1;
    }
    return true;
}

/* Place k of window p along an axis. */
static int64_t place(const windows *w, int axis, int64_t k, int64_t p)
{
    return k * w->dilation.d[axis] + p * w->stride.d[axis];
}

static const char *put_places(saver *s, const windows *w, int axis)
{
    fac_tensor *t = NULL;
    fac_scope
        t = fac_keep(fac_zeros(FAC_SHAPE(w->kernel.d[axis], w->out[axis]), .dtype = FAC_INT64));
    int64_t *p = t ? fac__host(t) : NULL;
    for (int64_t k = 0; p && k < w->kernel.d[axis]; k++)
        for (int64_t i = 0; i < w->out[axis]; i++)
            *p++ = place(w, axis, k, i);
    return fac__onnx_put_constant(s, t);
}

static bool save_im2col(saver *s, const row *r)
{
    (void)r;
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    int lead = x->ndim - 2;
    windows w;
    if (!windows_at(s, 1, x->shape + lead, &w)) return false;
    int64_t both[] = {0, 0, w.pad.d[0], w.pad.d[1], 0, 0, w.pad.d[0], w.pad.d[1]};
    int64_t shape[] = {0, x->shape[lead - 1] * w.kernel.d[0] * w.kernel.d[1], w.out[0] * w.out[1]};
    const char *name = fac__onnx_name_at(s, 0), *pads = fac__onnx_put_ints(s, both, 8);
    const char *rows = put_places(s, &w, 0), *columns = put_places(s, &w, 1), *size = fac__onnx_put_ints(s, shape, 3);
    if (lead == 1) name = fac__onnx_put_batched(s, name);
    if (!pads || !rows || !columns || !size || !name) return false;
    if (w.pad.d[0] || w.pad.d[1]) name = fac__onnx_node(s, "Pad", name, pads);
    name = name ? fac__onnx_node(s, "Gather", name, rows) : NULL; /* [N, C, kh, oh, W] */
    fac__onnx_give_int(s, "axis", 2);
    name = name ? fac__onnx_node(s, "Gather", name, columns) : NULL; /* [N, C, kh, oh, kw, ow] */
    fac__onnx_give_int(s, "axis", 4);
    name = name ? fac__onnx_node(s, "Transpose", name) : NULL;
    fac__onnx_give_ints(s, "perm", (int64_t[]){0, 1, 2, 4, 3, 5}, 6);
    name = name ? fac__onnx_node(s, "Reshape", name, size) : NULL;
    return fac__onnx_is(s, 0, lead == 1 ? fac__onnx_put_unbatched(s, name) : name);
}

/* Where each element of the columns goes in the image with its padding, [1, 1, kernel times windows]. */
static const char *put_targets(saver *s, const windows *w)
{
    int64_t n = w->kernel.d[0] * w->kernel.d[1] * w->out[0] * w->out[1];
    fac_tensor *t = NULL;
    fac_scope
        t = fac_keep(fac_zeros(FAC_SHAPE(1, 1, n), .dtype = FAC_INT64));
    int64_t *p = t ? fac__host(t) : NULL;
    for (int64_t k = 0; p && k < w->kernel.d[0] * w->kernel.d[1]; k++)
        for (int64_t i = 0; i < w->out[0] * w->out[1]; i++)
            *p++ = place(w, 0, k / w->kernel.d[1], i / w->out[1]) * w->in[1] +
                   place(w, 1, k % w->kernel.d[1], i % w->out[1]);
    return fac__onnx_put_constant(s, t);
}

/* Elements are added where they go in an image of zeros; the padding is cut off then. */
static bool save_col2im(saver *s, const row *r)
{
    (void)r;
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *y = fac__onnx_traced(s);
    int lead = y->ndim - 2;
    windows w;
    fac__onnx_size sizes[FAC_MAX_DIMS], batch = {1, 0};
    int n;
    if (!windows_at(s, 2, y->shape + lead, &w) || !fac__onnx_shape_of(s, fac__onnx_saved(s)->first, sizes, &n))
        return false;
    int64_t channels = y->shape[lead - 1], elements = x->numel / channels / (lead == 2 ? x->shape[0] : 1);
    if (lead == 2) batch = sizes[0];
    const fac__onnx_size image[] = {batch, {channels, 0}, {w.in[0] * w.in[1], 0}},
                         all[] = {batch, {channels, 0}, {elements, 0}};
    const char *flat = fac__onnx_put_ints(s, (int64_t[]){lead == 2 ? 0 : 1, channels, elements}, 3);
    const char *zero = fac__onnx_put_number(s, 0, fac_dtype_of(y)), *at = put_targets(s, &w);
    const char *image_size = fac__onnx_put_sizes(s, image, 3), *all_size = fac__onnx_put_sizes(s, all, 3);
    if (!flat || !zero || !at || !image_size || !all_size) return false;
    const char *empty = fac__onnx_node(s, "Expand", zero, image_size),
               *where = fac__onnx_node(s, "Expand", at, all_size);
    const char *values = fac__onnx_node(s, "Reshape", fac__onnx_name_at(s, 0), flat);
    const char *sum = empty && where && values ? fac__onnx_node(s, "ScatterElements", empty, where, values) : NULL;
    fac__onnx_give_int(s, "axis", 2);
    fac__onnx_give_word(s, "reduction", "add");
    const char *shape = fac__onnx_put_ints(s, (int64_t[]){0, channels, w.in[0], w.in[1]}, 4);
    const char *from = fac__onnx_put_ints(s, w.pad.d, 2), *axes = fac__onnx_put_ints(s, (int64_t[]){2, 3}, 2);
    const char *to = fac__onnx_put_ints(s, (int64_t[]){w.in[0] - w.pad.d[0], w.in[1] - w.pad.d[1]}, 2);
    sum = sum && shape ? fac__onnx_node(s, "Reshape", sum, shape) : NULL;
    if (!from || !axes || !to || !sum) return false;
    if (w.pad.d[0] || w.pad.d[1]) sum = fac__onnx_node(s, "Slice", sum, from, to, axes);
    return fac__onnx_is(s, 0, lead == 1 ? fac__onnx_put_unbatched(s, sum) : sum);
}

static bool load_col2im(loader *l, const row *r)
{
    fac_dims begin, end, dilations = fac__onnx_spread(fac__onnx_list(l, "dilations"), 2, 1);
    fac_dims strides = fac__onnx_spread(fac__onnx_list(l, "strides"), 2, 1);
    fac__onnx_pads(l, 2, &begin, &end);
    if (!fac__onnx_given(l, 2)) return fac__onnx_error(l, "it has no block_shape");
    if (begin.d[0] != end.d[0] || begin.d[1] != end.d[1])
        return fac__onnx_error(l, "its two ends are padded differently");
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__onnx_ints(l, 1), fac__onnx_ints(l, 2),
                                           fac__term_dims(&dilations), fac__term_dims(&begin),
                                           fac__term_dims(&strides)));
}

/* ---- channels and places ---------------------------------------------------------------------------------------------- */

/* x, block, order: 1 is DepthToSpace with depth in front of columns and rows ("DCR"), 2 the other one; 0 and -1 SpaceToDepth so. */
static int rearrange(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    int64_t b = fac_scalar_to_int(args[1].v.scalar), order = fac_scalar_to_int(args[2].v.scalar);
    if (fac_dim(x) != 4 || b < 1 || b > INT16_MAX)
        return fac__value_error("images [N, C, H, W] and blocks of 1 and more are read"), -1;
    int64_t n = fac_size(x, 0), c = fac_size(x, 1), h = fac_size(x, 2), w = fac_size(x, 3);
    if (order > 0 ? c % (b * b) : h % b || w % b)
        return fac__value_error("blocks of %lld do not fit %lld channels of %lld x %lld", (long long)b, (long long)c,
                                (long long)h, (long long)w),
               -1;
    fac_tensor *y;
    if (order <= 0) {
        y = fac_permute(fac_reshape(x, FAC_SHAPE(n, c, h / b, b, w / b, b)),
                        order ? FAC_DIMS(0, 1, 3, 5, 2, 4) : FAC_DIMS(0, 3, 5, 1, 2, 4));
        return fac__onnx_one_result(fac_reshape(y, FAC_SHAPE(n, c * b * b, h / b, w / b)), results);
    }
    y = order == 1 ? fac_permute(fac_reshape(x, FAC_SHAPE(n, b, b, c / b / b, h, w)), FAC_DIMS(0, 3, 4, 1, 5, 2))
                   : fac_permute(fac_reshape(x, FAC_SHAPE(n, c / b / b, b, b, h, w)), FAC_DIMS(0, 1, 4, 2, 5, 3));
    return fac__onnx_one_result(fac_reshape(y, FAC_SHAPE(n, c / b / b, h * b, w * b)), results);
}

static bool load_rearrange(loader *l, const row *r)
{
    bool depth = !strcmp(r->onnx, "DepthToSpace"), first = strcmp(fac__onnx_word(l, "mode", "DCR"), "CRD");
    int order = depth ? first ? 1 : 2 : first ? 0 : -1;
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, rearrange, fac__onnx_arg(l, 0),
                                               fac__term_int(fac__onnx_int(l, "blocksize", 0)), fac__term_int(order)));
}

/* ---- grids -------------------------------------------------------------------------------------------------------------- */

static bool load_grid(loader *l, const row *r)
{
    const char *mode = fac__onnx_word(l, "mode", "bilinear"), *padding = fac__onnx_word(l, "padding_mode", "zeros");
    mode = !strcmp(mode, "linear") ? "bilinear" : !strcmp(mode, "cubic") ? "bicubic" : mode; /* of opset 20 */
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, "grid_sample.functional", fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                           fac__term_constant(fac_value_string(mode)),
                                           fac__term_constant(fac_value_string(padding)),
                                           fac__term_bool(fac__onnx_int(l, "align_corners", 0))));
}

static bool save_grid(saver *s, const row *r)
{
    if (fac__onnx_tensor_at(s, 0)->ndim != 4)
        return fac__onnx_cannot(s, "opset %d has it of images only", FAC__ONNX_OPSET);
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), fac__onnx_name_at(s, 1));
    fac__onnx_give_word(s, "mode", fac__trace_arg_at(fac__onnx_saved(s), 2)->value.v.string);
    fac__onnx_give_word(s, "padding_mode", fac__trace_arg_at(fac__onnx_saved(s), 3)->value.v.string);
    fac__onnx_give_int(s, "align_corners", fac__onnx_bool_at(s, 4));
    return fac__onnx_is(s, 0, y);
}

static bool load_affine_grid(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, "affine_grid.functional", fac__onnx_arg(l, 0), fac__onnx_ints(l, 1),
                                           fac__term_bool(fac__onnx_int(l, "align_corners", 0))));
}

const fac__onnx_operator fac__onnx_images[] = {
    {"Resize", "upsample_nearest1d", NULL, save_resample},
    {"Resize", "upsample_nearest2d", NULL, save_resample},
    {"Resize", "upsample_nearest3d", NULL, save_resample},
    {"Resize", "_upsample_nearest_exact1d", NULL, save_resample},
    {"Resize", "_upsample_nearest_exact2d", NULL, save_resample},
    {"Resize", "_upsample_nearest_exact3d", NULL, save_resample},
    {"Resize", "upsample_linear1d", NULL, save_resample},
    {"Resize", "upsample_bilinear2d", NULL, save_resample},
    {"Resize", "upsample_trilinear3d", NULL, save_resample},
    {"Resize", "upsample_bicubic2d", NULL, save_resample},
    {"", "_upsample_bilinear2d_aa", NULL, save_smooth},
    {"", "_upsample_bicubic2d_aa", NULL, save_smooth},
    {"", "im2col", NULL, save_im2col},
    {"Col2Im", "col2im", load_col2im, NULL},
    {"", "col2im", NULL, save_col2im},
    {"DepthToSpace", "", load_rearrange, NULL},
    {"SpaceToDepth", "", load_rearrange, NULL},
    {"GridSample", "grid_sample", load_grid, save_grid},
    {"AffineGrid", "affine_grid", load_affine_grid, NULL},
    {NULL, NULL, NULL, NULL},
};
