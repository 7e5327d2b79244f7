/* Floor 7. ONNX's Resize and Upsample, read. Where facula has the operation it is called; every other way of saying which places of
 * the input an element of the result is made of is followed as ONNX's text says it: an axis at a time, places and weights from a
 * table. onnx_images.c writes. */
#include <math.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;

enum { NEAREST, LINEAR, CUBIC };
static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
enum { HALF, SYMMETRIC, PYTORCH, ALIGN, ASYMMETRIC, TF_HALF, CROP };
static const char *const coordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                          "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize", NULL};
enum { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL };
static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};

/* What the attributes say. */
typedef struct manner {
    int mode, coordinate, rounding, policy;
    bool outside, smooth; /* exclude_outside, antialias */
    double a, beyond;     /* cubic_coeff_a, extrapolation_value */
} manner;

/* One axis: sizes, the factor, and the part of the input that crops look at. */
typedef struct axis {
    int64_t in, out;
    float scale, from, to;
    bool by_scale;
} axis;

/* ---- places and weights ------------------------------------------------------------------------------------------- */

/* Where element i of the result lies in the input. In float, as runtimes compute it: it decides which is nearest. */
static float place_of(const manner *m, const axis *x, int64_t i)
{
    float at = (float)i, in = (float)x->in, out = (float)x->out;
    switch (m->coordinate) {
    case ALIGN: return x->out > 1 ? at * (in - 1) / (out - 1) : 0;
    case ASYMMETRIC: return at / x->scale;
    case TF_HALF: return (at + 0.5f) / x->scale;
    case PYTORCH: return x->out > 1 ? (at + 0.5f) / x->scale - 0.5f : 0;
    case CROP:
        return x->out > 1 ? x->from * (in - 1) + at * (x->to - x->from) * (in - 1) / (out - 1)
                          : 0.5f * (x->from + x->to) * (in - 1);
    case SYMMETRIC: return in / 2 * (1 - out / (x->scale * in)) + (at + 0.5f) / x->scale - 0.5f;
    default: return (at + 0.5f) / x->scale - 0.5f;
    }
}

static double rounded(int rounding, double place)
{
    switch (rounding) {
    case PREFER_FLOOR: return ceil(place - 0.5);
    case PREFER_CEIL: return floor(place + 0.5);
    case FLOOR: return floor(place);
    default: return ceil(place);
    }
}

/* Keys's kernel at that distance. */
static double cubic(double a, double x)
{
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/* How many places an element is made of; with antialias the kernel is as wide as what the element covers. */
static int64_t taps_of(const manner *m, const axis *x)
{
    int64_t reach = m->mode == LINEAR ? 1 : 2;
    if (m->mode == NEAREST) return 1;
    return m->smooth && x->scale < 1 ? 2 * (int64_t)ceil((double)reach / x->scale) : 2 * reach;
}

static void fill(const manner *m, const axis *x, int64_t taps, int64_t *at, double *weight)
{
    double stretch = m->smooth && x->scale < 1 ? x->scale : 1;
    for (int64_t i = 0; i < x->out; i++) {
        double place = place_of(m, x, i), first = m->mode == NEAREST ? rounded(m->rounding, place) : floor(place),
               sum = 0;
        for (int64_t k = 0; k < taps; k++) {
            double where = first + (double)(k - (taps - 1) / 2), away = (where - place) * stretch;
            bool out = where < 0 || where > (double)(x->in - 1);
            double w = m->mode == NEAREST ? 1 : m->mode == LINEAR ? fmax(1 - fabs(away), 0) : cubic(m->a, away);
            weight[k * x->out + i] = out && m->outside ? 0 : w;
            sum += weight[k * x->out + i];
            at[k * x->out + i] = !(where > 0) ? 0 : where > (double)(x->in - 1) ? x->in - 1 : (int64_t)where;
        }
        for (int64_t k = 0; k < taps && sum != 0; k++)
            weight[k * x->out + i] /= sum;
    }
}

/* Elements that lie outside of the input are `beyond`. */
static fac_tensor *beyond(const manner *m, const axis *x, fac_tensor *y, fac_dims wide)
{
    fac_tensor *inside = fac__own(fac__new(FAC_BOOL, 1, &x->out));
    bool *p = inside ? fac__host(inside) : NULL;
    for (int64_t i = 0; p && i < x->out; i++) {
        float place = place_of(m, x, i);
        p[i] = place >= 0 && place <= (float)(x->in - 1);
    }
    fac_tensor *other = fac_scalar_tensor(m->beyond, .dtype = fac_dtype_of(y));
    return p && other ? fac_where(fac_reshape(inside, wide), y, other) : NULL;
}

static fac_tensor *along(const manner *m, const axis *x, fac_tensor *t, int dim)
{
    if (m->mode != NEAREST && !(x->scale > 1e-6f)) return fac__value_error("a factor of %g is too small", x->scale);
    int64_t taps = taps_of(m, x), n = taps * x->out;
    fac_tensor *at = fac__own(fac__new(FAC_INT64, 1, &n)), *weight = at ? fac__own(fac__new(FAC_FLOAT64, 1, &n)) : NULL;
    fac_tensor *y = NULL;
    fac_dims wide = {.n = fac_dim(t)};
    for (int i = 0; i < wide.n; i++)
        wide.d[i] = i == dim ? x->out : 1;
    if (!weight) return NULL;
    fill(m, x, taps, fac__host(at), fac__host(weight));
    for (int64_t k = 0; k < taps; k++) {
        fac_tensor *part = fac_index_select(t, dim, fac_narrow(at, 0, k * x->out, x->out));
        if (m->mode != NEAREST)
            part = fac_mul(part, fac_to(fac_reshape(fac_narrow(weight, 0, k * x->out, x->out), wide), fac_dtype_of(t)));
        y = k ? fac_add(y, part) : part;
        if (!y) return NULL;
    }
    return m->coordinate == CROP ? beyond(m, x, y, wide) : y;
}

/* ---- facula's operation --------------------------------------------------------------------------------------------- */

static const char *operation(const manner *m, const axis *x, int n)
{
    static const char *const names[3][3] = {{"upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"},
                                            {"upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"},
                                            {NULL, "upsample_bicubic2d", NULL}};
    static const char *const exact[] = {"_upsample_nearest_exact1d", "_upsample_nearest_exact2d",
                                        "_upsample_nearest_exact3d"};
    bool half = m->coordinate == HALF || m->coordinate == PYTORCH;
    if (n < 3 || n > 5 || m->smooth || m->outside) return NULL;
    for (int i = 0; i < n; i++) {
        if (i < 2 && x[i].in != x[i].out) return NULL;
        if (x[i].out < 1 || (m->coordinate == PYTORCH && x[i].out == 1 && x[i].in != 1)) return NULL;
    }
    if (m->mode == NEAREST && half && m->rounding == PREFER_CEIL) return exact[n - 3];
    if (m->mode == NEAREST && !(m->coordinate == ASYMMETRIC && m->rounding == FLOOR)) return NULL;
    if (m->mode != NEAREST && !half && m->coordinate != ALIGN) return NULL;
    if (m->mode == CUBIC && m->a != -0.75) return NULL;
    return names[m->mode][n - 3];
}

static fac_tensor *call(const char *op, const manner *m, const axis *x, fac_tensor *t)
{
    int64_t sizes[3];
    int n = 2, spatial = fac_dim(t) - 2;
    fac_value args[6] = {fac_value_tensor(t), {.kind = FAC_VALUE_INTS, .v.ints = {sizes, spatial}}}, result;
    if (m->mode != NEAREST) args[n++] = fac_value_scalar(fac_scalar_bool(m->coordinate == ALIGN));
    for (int i = 0; i < spatial; i++) {
        sizes[i] = x[2 + i].out;
        double factor = fac__onnx_shortest(x[2 + i].scale);
        args[n++] = x[2 + i].by_scale ? fac_value_scalar(fac_scalar_float(factor)) : fac_value_none();
    }
    return fac_call(op, args, n, NULL, 0, &result, 1) == 1 ? result.v.tensor : NULL;
}

/* ---- the node -------------------------------------------------------------------------------------------------------- */

/* Floats of an argument: a list that was known, or a tensor; how many, at most FAC_MAX_DIMS * 2; -1: an error. */
static int floats_of(const fac_value *v, float *out)
{
    enum { MOST = 2 * FAC_MAX_DIMS };
    if (v->kind == FAC_VALUE_LIST && v->v.list.count <= MOST) {
        for (int64_t i = 0; i < v->v.list.count; i++)
            out[i] = (float)fac_scalar_to_double(v->v.list.items[i].v.scalar);
        return (int)v->v.list.count;
    }
    if (v->kind != FAC_VALUE_TENSOR) return 0;
    int64_t n = fac_numel(v->v.tensor);
    if (n > MOST) return fac__value_error("%lld factors are too many", (long long)n), -1;
    return n == 0 || fac_to_array(v->v.tensor, FAC_FLOAT32, out, n) ? (int)n : -1;
}

/* What becomes of each axis. */
static bool set_axes(const manner *m, fac_tensor *t, const fac_value *args, axis *x)
{
    float scales[2 * FAC_MAX_DIMS], roi[2 * FAC_MAX_DIMS];
    fac_dims sizes, axes;
    int n = fac_dim(t), n_scales = floats_of(&args[1], scales), n_roi = floats_of(&args[3], roi);
    if (n_scales < 0 || n_roi < 0 || !fac__onnx_dims_of(&args[2], &sizes) || !fac__onnx_dims_of(&args[4], &axes))
        return false;
    int named = axes.n ? axes.n : n, given = n_scales ? n_scales : sizes.n;
    if (given != named || (m->coordinate == CROP && n_roi != 2 * named))
        return fac__value_error("%d factors or sizes for %d dimensions", given, named), false;
    for (int i = 0; i < n; i++)
        x[i] = (axis){fac_size(t, i), fac_size(t, i), 1, 0, 1, false};
    float common = 0;
    for (int k = 0; k < named; k++) {
        int64_t d = axes.n ? axes.d[k] + (axes.d[k] < 0 ? n : 0) : k;
        if (d < 0 || d >= n) return fac__value_error("axis %lld is none of the input's", (long long)axes.d[k]), false;
        axis *a = &x[d];
        if (m->coordinate == CROP) a->from = roi[k], a->to = roi[named + k];
        if (n_scales) {
            float part = m->coordinate == CROP ? a->to - a->from : 1, size = floorf((float)a->in * part * scales[k]);
            if (!(scales[k] > 0) || !(size >= 0 && size < 0x1p32f))
                return fac__value_error("a factor of %g", scales[k]), false;
            a->out = (int64_t)size;
            a->scale = scales[k];
            a->by_scale = true;
            continue;
        }
        if (sizes.d[k] < 0 || sizes.d[k] > UINT32_MAX || !a->in)
            return fac__value_error("a size of %lld", (long long)sizes.d[k]), false;
        a->out = sizes.d[k];
        a->scale = (float)a->out / (float)a->in;
        if (k == 0 || (m->policy == 1 ? a->scale < common : a->scale > common)) common = a->scale;
    }
    for (int k = 0; k < named && m->policy && !n_scales; k++) { /* one factor for all, the smallest or the largest */
        axis *a = &x[axes.n ? axes.d[k] + (axes.d[k] < 0 ? n : 0) : k];
        a->scale = common;
        float size = floorf((float)a->in * common + 0.5f);
        if (!(size < 0x1p32f)) return fac__value_error("a size of %g", size), false;
        a->out = (int64_t)size;
    }
    return true;
}

/* x, scales, sizes, roi, axes, then what the attributes say */
static int resize(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *t = args[0].v.tensor;
#define NUMBER(i) (int)fac_scalar_to_int(args[i].v.scalar)
    manner m = {NUMBER(5), NUMBER(6), NUMBER(7), NUMBER(8), NUMBER(9), NUMBER(10), 0, 0};
    m.a = fac_scalar_to_double(args[11].v.scalar);
    m.beyond = fac_scalar_to_double(args[12].v.scalar);
    axis x[FAC_MAX_DIMS];
    if (!set_axes(&m, t, args, x)) return -1;
    if (m.mode != NEAREST && !fac_dtype_is_floating(fac_dtype_of(t)))
        return fac__value_error("between integers there is nothing: mode '%s' takes floats", modes[m.mode]), -1;
    const char *op = operation(&m, x, fac_dim(t));
    if (op) return fac__onnx_one_result(call(op, &m, x, t), results);
    for (int i = 0; i < fac_dim(t) && t; i++)
        if (x[i].in != x[i].out || x[i].scale != 1 || (m.coordinate == CROP && (x[i].from != 0 || x[i].to != 1)))
            t = along(&m, &x[i], t, i);
    return fac__onnx_one_result(t == args[0].v.tensor ? fac_clone(t) : t, results);
}

/* The place of an attribute's word in a list; -1, with an error, where it is not there. */
static int word_of(loader *l, const char *attribute, const char *const *words, const char *otherwise)
{
    const char *word = fac__onnx_word(l, attribute, otherwise);
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], word)) return i;
    return fac__onnx_error(l, "%s='%.40s' cannot be read", attribute, word), -1;
}

/* Input i as floats: those that are known are a list, which a captured step may look at. room is the caller's. */
static fac__term floats(loader *l, int i, fac__term *room)
{
    fac_tensor *t = fac__onnx_known(l, i);
    float p[2 * FAC_MAX_DIMS];
    if (!t || t->numel > 2 * FAC_MAX_DIMS || !fac_to_array(t, FAC_FLOAT32, p, t->numel)) return fac__onnx_arg(l, i);
    for (int k = 0; k < (int)t->numel; k++)
        room[k] = fac__term_float(p[k]);
    return t->numel ? fac__term_list(room, (int)t->numel) : fac__term_none();
}

static bool load_resize(loader *l, const row *r)
{
    bool upsample = !strcmp(r->onnx, "Upsample"), old = upsample || l->model->opset < 11;
    fac__term scales[2 * FAC_MAX_DIMS], roi[2 * FAC_MAX_DIMS];
    fac_dims axes = fac__onnx_list(l, "axes");
    const fac__onnx_attribute *a = fac__onnx_attribute_of(l->node, "scales"); /* of opset 7 and 8 */
    const char *word = fac__onnx_word(l, "mode", "nearest");
    manner m = {.mode = !strcmp(word, "bilinear") && old ? LINEAR : word_of(l, "mode", modes, "nearest"),
                .coordinate = word_of(l, "coordinate_transformation_mode", coordinates, "half_pixel"),
                .rounding = word_of(l, "nearest_mode", roundings, "round_prefer_floor"),
                .policy = word_of(l, "keep_aspect_ratio_policy", policies, "stretch")};
    if (m.mode < 0 || m.coordinate < 0 || m.rounding < 0 || m.policy < 0) return false;
    if (old) m.coordinate = ASYMMETRIC, m.rounding = FLOOR;
    if (axes.n < 0) axes.n = 0;
    fac__term by = old ? floats(l, 1, scales) : floats(l, 2, scales);
    if (a && upsample) {
        if (!a->floats || a->count > FAC_MAX_DIMS) return fac__onnx_error(l, "it has %d factors", a->count);
        for (int i = 0; i < a->count; i++)
            scales[i] = fac__term_float(a->floats[i]);
        by = fac__term_list(scales, a->count);
    }
    bool sized = !old && fac__onnx_given(l, 3);
    const fac__term args[] = {fac__onnx_arg(l, 0),
                              by,
                              sized ? fac__onnx_ints(l, 3) : fac__term_none(),
                              old ? fac__term_none() : floats(l, 1, roi),
                              fac__term_dims(&axes),
                              fac__term_int(m.mode),
                              fac__term_int(m.coordinate),
                              fac__term_int(m.rounding),
                              fac__term_int(m.policy),
                              fac__term_int(fac__onnx_int(l, "exclude_outside", 0)),
                              fac__term_int(fac__onnx_int(l, "antialias", 0)),
                              fac__term_float(fac__onnx_float(l, "cubic_coeff_a", -0.75)),
                              fac__term_float(fac__onnx_float(l, "extrapolation_value", 0))};
    return fac__onnx_result(l, 0, fac__onnx_function_n(l, r->onnx, resize, args, 13));
}

const fac__onnx_operator fac__onnx_resize[] = {
    {"Resize", "", load_resize, NULL},
    {"Upsample", "", load_resize, NULL},
    {NULL, NULL, NULL, NULL},
};
