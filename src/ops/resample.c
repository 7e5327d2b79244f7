/* Floor 4. Images and volumes at other sizes (facula/ops_image.h).
 *
 * Every mode is linear in the input and works along one axis at a time: a place of the result takes a few places of the
 * input with weights. The tables of places and weights are made anew for each call, in the dtype that is computed in, as
 * PyTorch makes them: it decides which elements are nearest. The way back goes through the same tables, and is in turn
 * differentiated by the way there. */
#include "resampling.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/resample.h"
#include "plain.h"
#include "tracing.h"

/* ---- places and weights ------------------------------------------------------------------------------------------- */

/* v as that dtype holds it: one step of arithmetic in float is the same step in double, rounded. */
static double fit(fac_dtype dtype, double v)
{
    return dtype == FAC_FLOAT64 ? v : (double)(float)v;
}

/* From places of the result to places of the input. */
static double step_of(const fac__resampling *r, int d, fac_dtype dtype)
{
    if (r->align_corners) return r->out[d] > 1 ? fit(dtype, (double)(r->in[d] - 1) / (double)(r->out[d] - 1)) : 0;
    return fit(dtype, r->factor[d] > 0 ? 1 / r->factor[d] : (double)r->in[d] / (double)r->out[d]);
}

/* Where place i of the result lies in the input. */
static double source_of(const fac__resampling *r, double step, int64_t i, fac_dtype dtype)
{
    if (r->align_corners) return fit(dtype, step * (double)i);
    return fit(dtype, fit(dtype, step * fit(dtype, (double)i + 0.5)) - 0.5);
}

static int64_t inside(double place, int64_t size)
{
    return !(place > 0) ? 0 : place >= (double)(size - 1) ? size - 1 : (int64_t)place;
}

/* Keys, Cubic convolution interpolation for digital image processing, 1981: the weight at distance x. */
static double cubic(double a, double x)
{
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

typedef struct table {
    fac_dtype dtype;
    int64_t count, *at;
    void *weight;
} table;

static void put(table *t, int64_t i, int64_t k, int64_t at, double weight)
{
    t->at[i * t->count + k] = at;
    if (t->dtype == FAC_FLOAT64)
        ((double *)t->weight)[i * t->count + k] = weight;
    else
        ((float *)t->weight)[i * t->count + k] = (float)weight;
}

static void put_nearest(table *t, const fac__resampling *r, int d)
{
    double step = step_of(r, d, t->dtype), half = r->kind == FAC__NEAREST_EXACT ? 0.5 : 0;
    for (int64_t i = 0; i < r->out[d]; i++) {
        float place = (float)(fit(t->dtype, (double)i + half) * step);
        put(t, i, 0, inside(floorf(place), r->in[d]), 1);
    }
}

static void put_linear(table *t, const fac__resampling *r, int d)
{
    double step = step_of(r, d, t->dtype);
    for (int64_t i = 0; i < r->out[d]; i++) {
        double place = fmax(source_of(r, step, i, t->dtype), 0);
        int64_t first = inside(place, r->in[d]);
        double share = fit(t->dtype, fmin(place - (double)first, 1));
        put(t, i, 0, first, 1 - share);
        put(t, i, 1, first + (first < r->in[d] - 1), share);
    }
}

static void put_cubic(table *t, const fac__resampling *r, int d)
{
    double step = step_of(r, d, t->dtype);
    for (int64_t i = 0; i < r->out[d]; i++) {
        double place = source_of(r, step, i, t->dtype), first = floor(place);
        for (int k = 0; k < 4; k++)
            put(t, i, k, inside(first - 1 + k, r->in[d]), cubic(-0.75, place - first + 1 - k));
    }
}

/* Of all that lies within `reach` around a place; the filter grows as the image shrinks. */
static double reach_of(const fac__resampling *r, double step)
{
    return (r->kind == FAC__LINEAR ? 1 : 2) * fmax(step, 1);
}

static void put_antialiased(table *t, const fac__resampling *r, int d)
{
    double step = step_of(r, d, t->dtype), reach = fit(t->dtype, reach_of(r, step)), shrink = 1 / fmax(step, 1);
    for (int64_t i = 0; i < r->out[d]; i++) {
        double middle = fit(t->dtype, step * ((double)i + 0.5)), sum = 0;
        int64_t begin = inside(middle - reach + 0.5, r->in[d]), end = inside(middle + reach + 0.5, r->in[d] + 1);
        if (end > begin + t->count) end = begin + t->count;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t k = 0; k < t->count; k++) {
                double x = ((double)(k + begin) - middle + 0.5) * shrink;
                double weight = r->kind == FAC__LINEAR ? fmax(1 - fabs(x), 0) : cubic(-0.5, x);
                if (begin + k >= end) weight = 0;
                if (pass)
                    put(t, i, k, inside((double)(begin + k), r->in[d]), sum != 0 ? weight / sum : weight);
                else
                    sum += weight;
            }
    }
}

static bool make_taps(const fac__resampling *r, int d, fac_dtype dtype, fac__taps *taps)
{
    static const int64_t counts[] = {1, 1, 2, 4};
    table t = {.dtype = dtype, .count = counts[r->kind]};
    if (r->antialias) t.count = inside(2 * ceil(reach_of(r, step_of(r, d, dtype))) + 1, r->in[d] + 1);
    int64_t shape[] = {r->out[d], t.count};
    fac_tensor *at = fac__own(fac__new(FAC_INT64, 2, shape)), *weight = at ? fac__own(fac__new(dtype, 2, shape)) : NULL;
    if (!weight) return false;
    t.at = fac__host(at);
    t.weight = fac__host(weight);
    if (r->antialias)
        put_antialiased(&t, r, d);
    else if (r->kind == FAC__LINEAR)
        put_linear(&t, r, d);
    else if (r->kind == FAC__CUBIC)
        put_cubic(&t, r, d);
    else
        put_nearest(&t, r, d);
    *taps = (fac__taps){t.count, fac__data(at), fac__data(weight)};
    return true;
}

/* ---- the kernels -------------------------------------------------------------------------------------------------- */

static fac_dims shape_of(const fac__resampling *r, const int64_t *sizes)
{
    fac_dims shape = r->lead;
    for (int d = 3 - r->spatial; d < 3; d++)
        shape.d[shape.n++] = sizes[d];
    return shape;
}

/* Linear modes keep an axis whose size stays, whatever the factor was that it came from. */
static bool stays(const fac__resampling *r, int d)
{
    if (d < 3 - r->spatial) return true;
    return r->in[d] == r->out[d] && !r->antialias && (r->kind == FAC__LINEAR || !(r->factor[d] > 0));
}

/* x along one axis, there or back. */
static fac_tensor *along(const fac__resampling *r, int d, fac_tensor *x, bool back)
{
    fac__resample_args a = {.dtype = (fac_dtype)x->dtype, .outer = 1, .inner = 1, .in = r->in[d], .out = r->out[d]};
    if (!make_taps(r, d, a.dtype, &a.taps)) return NULL;
    fac_dims shape = fac_shape(x);
    int axis = x->ndim - 3 + d;
    shape.d[axis] = back ? r->in[d] : r->out[d];
    fac_tensor *y = fac__own(fac__new(a.dtype, shape.n, shape.d));
    if (!y) return NULL;
    for (int i = 0; i < shape.n; i++)
        if (i != axis) *(i < axis ? &a.outer : &a.inner) *= shape.d[i];
    if (back) {
        a.dy = fac__data(x);
        a.dx = fac__data(y);
        FAC__LAUNCH(fac__k_resample_backward, a);
    } else {
        a.x = fac__data(x);
        a.y = fac__data(y);
        FAC__LAUNCH(fac__k_resample, a);
    }
    return y;
}

static fac_tensor *along_all(const fac__resampling *r, fac_tensor *x, bool back)
{
    fac_dtype dtype = (fac_dtype)x->dtype;
    fac_tensor *y = fac__plain(x, fac__compute_type(dtype));
    for (int d = 0; d < 3 && y; d++) /* the last axis last, which goes element by element: often fewer rows are left */
        if (!stays(r, d)) y = along(r, d, y, back);
    y = fac__plain(y, dtype);
    return y == x ? fac_clone(fac_detach(x)) : y;
}

static fac_tensor *pick(const fac__resampling *r, fac_tensor *x)
{
    fac__pick_args a = {.element = fac_dtype_size((fac_dtype)x->dtype), .planes = r->lead.d[0] * r->lead.d[1]};
    fac__taps taps;
    fac_dims shape = shape_of(r, r->out);
    fac_tensor *plain = fac__plain(x, (fac_dtype)x->dtype),
               *y = plain ? fac__own(fac__new((fac_dtype)x->dtype, shape.n, shape.d)) : NULL;
    fac_dtype dtype = fac__compute_type((fac_dtype)x->dtype);
    for (int d = 0; d < 3; d++) {
        a.in[d] = r->in[d];
        a.out[d] = r->out[d];
        if (!y || !make_taps(r, d, dtype == FAC_FLOAT64 ? dtype : FAC_FLOAT32, &taps)) return NULL;
        a.at[d] = taps.at;
    }
    a.x = fac__data(plain);
    a.y = fac__data(y);
    FAC__LAUNCH(fac__k_pick, a);
    return y;
}

/* ---- the operation ------------------------------------------------------------------------------------------------- */

static fac_tensor *there(const fac__resampling *r, fac_tensor *x);
static fac_tensor *back(const fac__resampling *r, fac_tensor *g);

static void there_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = back(n->params, gy[0]);
}

static void back_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = there(n->params, gy[0]);
}

static fac_tensor *run(const char *name, fac__backward_fn backward, const fac__resampling *r, fac_tensor *x, bool back)
{
    fac__node *n = fac__record(name, backward, 1, 0, sizeof *r, x);
    if (n && !n->failed) *(fac__resampling *)n->params = *r;
    bool nearest = r->kind <= FAC__NEAREST_EXACT && !back;
    fac_tensor *y = NULL;
    fac_scope {
        y = fac_keep(nearest ? pick(r, x) : along_all(r, x, back));
    }
    return fac__result(n, y);
}

static const char *name_of(const fac__resampling *r)
{
    static const char *const names[4][3] = {
        {"UpsampleNearest1DBackward1", "UpsampleNearest2DBackward1", "UpsampleNearest3DBackward1"},
        {"UpsampleNearestExact1DBackward1", "UpsampleNearestExact2DBackward1", "UpsampleNearestExact3DBackward1"},
        {"UpsampleLinear1DBackward1", "UpsampleBilinear2DBackward1", "UpsampleTrilinear3DBackward1"},
        {"", "UpsampleBicubic2DBackward1", ""}};
    if (r->antialias) return r->kind == FAC__LINEAR ? "UpsampleBilinear2DAaBackward1" : "UpsampleBicubic2DAaBackward1";
    return names[r->kind][r->spatial - 1];
}

static fac_tensor *there(const fac__resampling *r, fac_tensor *x)
{
    return run(name_of(r), there_backward, r, x, false);
}

static fac_tensor *back(const fac__resampling *r, fac_tensor *g)
{
    return run("UpsampleBackwardBackward0", back_backward, r, g, true);
}

/* "H: 3, W: 4" */
static const char *sizes_text(int spatial, const int64_t *sizes, char *text, size_t room)
{
    size_t at = 0;
    for (int d = 3 - spatial; d < 3; d++)
        at += (size_t)snprintf(text + at, room - at, "%s%c: %lld", d == 3 - spatial ? "" : ", ", "DHW"[d],
                               (long long)sizes[d]);
    return text;
}

static bool fits(const fac__resampling *r, const fac_tensor *x)
{
    static const char *const words[] = {"nearest", "nearest", "linear", "cubic"};
    fac_dtype dtype = (fac_dtype)x->dtype;
    bool positive = true;
    char in[80], out[80];
    for (int d = 0; d < 3; d++)
        positive = positive && r->in[d] > 0 && r->out[d] > 0;
    if (!positive)
        return fac__runtime_error("Input and output sizes should be greater than 0, but got input (%s)%s output (%s)",
                                  sizes_text(r->spatial, r->in, in, sizeof in), r->spatial == 1 ? " and" : "",
                                  sizes_text(r->spatial, r->out, out, sizeof out)),
               false;
    if (!x->shape[1])
        return fac__runtime_error("Non-empty %dD data tensor expected but got a tensor with sizes %s", x->ndim,
                                  fac__shape_text(x->ndim, x->shape)),
               false;
    if (fac_dtype_is_floating(dtype) || (dtype == FAC_UINT8 && r->kind <= FAC__NEAREST_EXACT)) return true;
    return fac__runtime_error("\"compute_indices_weights_%s\" not implemented for '%s'",
                              r->antialias ? "aa" : words[r->kind], fac__dtype_word(dtype)),
           false;
}

/* What a trace is told: ATen's operator. */
static fac_tensor *traced(const fac__resampling *r, fac_tensor *x)
{
    static const char *const names[4][3] = {
        {"upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"},
        {"_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d"},
        {"upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"},
        {"", "upsample_bicubic2d", ""}};
    const char *op = r->antialias ? r->kind == FAC__LINEAR ? "_upsample_bilinear2d_aa" : "_upsample_bicubic2d_aa"
                                  : names[r->kind][r->spatial - 1];
    fac_dims size = fac_dims_make(r->spatial, r->out + 3 - r->spatial);
    fac_keyword given[6] = {FAC__ARG(x), FAC__ARG(&size)};
    int n = 2;
    if (r->kind >= FAC__LINEAR) given[n++].value = FAC__VALUE(r->align_corners);
    for (int d = 3 - r->spatial; d < 3; d++, n++)
        given[n].value = r->factor[d] > 0 ? FAC__VALUE(r->factor[d]) : fac_value_none();
    return fac__traced(fac__tracing(), op, given, n);
}

fac_tensor *fac__resample(fac_tensor *x, fac__resampling r, fac_dims size, const double *factors)
{
    r.lead = fac_dims_make(2, x->shape);
    for (int d = 0; d < 3; d++) {
        int s = d - (3 - r.spatial);
        r.in[d] = s < 0 ? 1 : x->shape[2 + s];
        r.factor[d] = s < 0 || !factors ? 0 : factors[s];
        double scaled = (double)r.in[d] * r.factor[d];
        r.out[d] = s < 0 ? 1 : size.n >= 0 ? size.d[s] : fabs(scaled) < 0x1p62 ? (int64_t)scaled : 0;
    }
    if (!fits(&r, x)) return NULL;
    return fac__tracing() ? traced(&r, x) : there(&r, x);
}
