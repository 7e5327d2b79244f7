/* Floor 7. ONNX's poolings, read; onnx_pools_save.c writes them. */
#include <math.h>

#include "core/raise.h"
#include "facula/ops_conv.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_windows.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;

enum { MAXIMUM, AVERAGE, POWERS };

/* ---- windows of any kind ------------------------------------------------------------------------------------------ */

/* What facula's poolings do not take: ends that are padded differently or far, averages with dilation, p-norms. */
typedef struct windows {
    int kind, spatial;
    bool ceil, inside;
    double p;
    fac__onnx_auto how;
    fac_dims kernel, stride, dilation, begin, end;
} windows;

/* Sets what the axis is padded with, and how far the last window reaches beyond that; false where there is none. */
static bool reach(windows *w, int i, int64_t in, int64_t *beyond)
{
    int64_t span = (w->kernel.d[i] - 1) * w->dilation.d[i] + 1, stride = w->stride.d[i];
    if (w->how == FAC__ONNX_VALID) w->begin.d[i] = w->end.d[i] = 0;
    if (w->how == FAC__ONNX_SAME_UPPER || w->how == FAC__ONNX_SAME_LOWER)
        fac__onnx_same(w->how, in, w->kernel.d[i], stride, w->dilation.d[i], &w->begin.d[i], &w->end.d[i]);
    int64_t room = in + w->begin.d[i] + w->end.d[i] - span, last = room / stride;
    if (room < 0) return fac__value_error("a kernel is larger than its input"), false;
    if (w->ceil && room % stride && (last + 1) * stride < in + w->begin.d[i]) last++; /* begins in front of the end */
    *beyond = last * stride + span - in - w->begin.d[i] - w->end.d[i];
    if (*beyond < 0) *beyond = 0;
    return true;
}

/* Sums over the windows, channel by channel: a convolution with ones. */
static fac_tensor *sums(const windows *w, fac_tensor *x)
{
    fac_dims shape = fac_shape(x), each = shape, ones = {.n = w->spatial + 2, .d = {1, 1}};
    for (int i = 0; i < w->spatial; i++)
        ones.d[2 + i] = w->kernel.d[i];
    each.d[0] = shape.d[0] * shape.d[1];
    each.d[1] = 1;
    fac_tensor *kernel = fac_full(ones, 1, .dtype = fac_dtype_of(x)), *y = fac_reshape(x, each);
    fac_conv_options o = fac_conv_options_defaults();
    o.strides = w->stride;
    o.dilations = w->dilation;
    y = w->spatial == 1   ? fac_conv1d_with(y, kernel, NULL, o)
        : w->spatial == 2 ? fac_conv2d_with(y, kernel, NULL, o)
                          : fac_conv3d_with(y, kernel, NULL, o);
    if (!y) return NULL;
    each = fac_shape(y);
    each.d[0] = shape.d[0];
    each.d[1] = shape.d[1];
    return fac_reshape(y, each);
}

static fac_tensor *over(windows *w, fac_tensor *x)
{
    fac_dims pads = {.n = 2 * w->spatial}, more = {.n = 2 * w->spatial};
    if (fac_dim(x) != w->spatial + 2) return fac__value_error("its input has %d dimensions", fac_dim(x));
    for (int i = 0; i < w->spatial; i++) { /* PyTorch's order: pairs, from the last dimension on */
        int64_t *more_end = &more.d[2 * (w->spatial - 1 - i) + 1];
        if (!reach(w, i, fac_size(x, 2 + i), more_end)) return NULL;
        pads.d[2 * (w->spatial - 1 - i)] = w->begin.d[i];
        pads.d[2 * (w->spatial - 1 - i) + 1] = w->end.d[i];
        more.d[2 * (w->spatial - 1 - i)] = 0;
    }
    double empty = w->kind == MAXIMUM ? -INFINITY : 0;
    fac_tensor *padded = fac_pad(fac_pad(x, pads, "constant", empty), more, "constant", empty);
    if (w->kind == MAXIMUM) {
        fac_pool_options o = fac_pool_options_defaults();
        o.strides = w->stride;
        o.dilations = w->dilation;
        return w->spatial == 1   ? fac_max_pool1d_with(padded, w->kernel, o)
               : w->spatial == 2 ? fac_max_pool2d_with(padded, w->kernel, o)
                                 : fac_max_pool3d_with(padded, w->kernel, o);
    }
    if (w->kind == POWERS) {
        fac_tensor *all = sums(w, w->p == 1 ? fac_abs(padded) : fac_pow_scalar(fac_abs(padded), w->p));
        return w->p == 1 ? all : fac_pow_scalar(all, 1 / w->p);
    }
    fac_dims one = fac_shape(x);
    one.d[0] = one.d[1] = 1;
    fac_tensor *counted = fac_pad(fac_full(one, 1, .dtype = fac_dtype_of(x)), pads, "constant", w->inside);
    return fac_div(sums(w, padded), sums(w, fac_pad(counted, more, "constant", 0)));
}

/* x, kind, how, ceil, inside, p, kernel, strides, dilations, begins, ends */
static int any(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    windows w = {.kind = (int)fac_scalar_to_int(args[1].v.scalar),
                 .how = (fac__onnx_auto)fac_scalar_to_int(args[2].v.scalar),
                 .ceil = fac_scalar_to_int(args[3].v.scalar),
                 .inside = fac_scalar_to_int(args[4].v.scalar),
                 .p = fac_scalar_to_double(args[5].v.scalar),
                 .spatial = (int)args[6].v.ints.count};
    fac_dims *lists[] = {&w.kernel, &w.stride, &w.dilation, &w.begin, &w.end};
    for (int i = 0; i < 5; i++)
        if (!fac__onnx_dims_of(&args[6 + i], lists[i])) return -1;
    return fac__onnx_one_result(over(&w, args[0].v.tensor), results);
}

/* ---- loading -------------------------------------------------------------------------------------------------------- */

/* x, kernel, strides, pads, dilations, ceil: with places, which ONNX counts through the whole tensor, facula in each plane. */
static int with_places(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *at = NULL, *y;
    fac_dims kernel;
    fac_pool_options o = fac_pool_options_defaults();
    if (!fac__onnx_dims_of(&args[1], &kernel) || !fac__onnx_dims_of(&args[2], &o.strides) ||
        !fac__onnx_dims_of(&args[3], &o.paddings) || !fac__onnx_dims_of(&args[4], &o.dilations))
        return -1;
    if (fac_dim(x) != kernel.n + 2) return fac__value_error("its input has %d dimensions", fac_dim(x)), -1;
    o.ceil_mode = fac_scalar_to_int(args[5].v.scalar);
    o.indices = &at;
    y = kernel.n == 1   ? fac_max_pool1d_with(x, kernel, o)
        : kernel.n == 2 ? fac_max_pool2d_with(x, kernel, o)
                        : fac_max_pool3d_with(x, kernel, o);
    int64_t planes = fac_size(x, 0) * fac_size(x, 1), plane = planes ? fac_numel(x) / planes : 0;
    fac_dims shape = {.n = kernel.n + 2, .d = {fac_size(x, 0), fac_size(x, 1)}};
    for (int i = 2; i < shape.n; i++)
        shape.d[i] = 1;
    fac_tensor *start = fac_reshape(fac_mul_scalar(fac_arange(0, planes, 1), plane), shape);
    at = y && start ? fac_add(at, start) : NULL;
    results[0] = fac_value_tensor(y);
    results[1] = fac_value_tensor(at);
    return at ? 2 : -1;
}

/* Whether facula's own pooling does it. */
static bool usual(const windows *w)
{
    bool usual = w->how == FAC__ONNX_PADS && w->kind != POWERS;
    for (int i = 0; i < w->spatial; i++)
        usual &= w->begin.d[i] == w->end.d[i] && w->begin.d[i] <= w->kernel.d[i] / 2 &&
                 (w->kind == MAXIMUM || w->dilation.d[i] == 1);
    return usual;
}

static bool load_pool(loader *l, const row *r)
{
    char op[32];
    windows w = {.kind = !strcmp(r->onnx, "MaxPool")  ? MAXIMUM
                         : !strcmp(r->onnx, "LpPool") ? POWERS
                                                      : AVERAGE,
                 .how = fac__onnx_auto_pad(l),
                 .ceil = fac__onnx_int(l, "ceil_mode", 0),
                 .inside = fac__onnx_int(l, "count_include_pad", 0),
                 .p = (double)fac__onnx_int(l, "p", 2)};
    w.spatial = w.how == FAC__ONNX_AUTO_UNKNOWN ? 0 : fac__onnx_spatial_of(l, &w.kernel);
    if (!w.spatial) return false;
    bool places = w.kind == MAXIMUM && l->node->n_outputs > 1 && *l->node->outputs[1];
    w.stride = fac__onnx_spread(fac__onnx_list(l, "strides"), w.spatial, 1);
    w.dilation = fac__onnx_spread(fac__onnx_list(l, "dilations"), w.spatial, 1);
    fac__onnx_pads(l, w.spatial, &w.begin, &w.end);
    if (!fac__onnx_fit(l, "a kernel", &w.kernel, 1) || !fac__onnx_fit(l, "a stride", &w.stride, 1) ||
        !fac__onnx_fit(l, "a dilation", &w.dilation, 1) || !fac__onnx_fit(l, "a pad", &w.begin, 0) ||
        !fac__onnx_fit(l, "a pad", &w.end, 0))
        return false;
    fac__term x = fac__onnx_arg(l, 0), kernel = fac__term_dims(&w.kernel), stride = fac__term_dims(&w.stride);
    fac__term begin = fac__term_dims(&w.begin), dilation = fac__term_dims(&w.dilation), ceil = fac__term_bool(w.ceil);
    if (places && (!usual(&w) || fac__onnx_int(l, "storage_order", 0)))
        return fac__onnx_error(l, "its second output cannot be read with such pads or such an order");
    if (places) {
        const fac__term args[] = {x, kernel, stride, begin, dilation, ceil};
        int value = fac__onnx_function_many(l, r->onnx, with_places, 2, args, 6);
        return fac__onnx_result(l, 0, value) && fac__onnx_result(l, 1, value + 1);
    }
    if (!usual(&w))
        return fac__onnx_result(l, 0,
                                fac__onnx_function(l, r->onnx, any, x, fac__term_int(w.kind), fac__term_int(w.how),
                                                   ceil, fac__term_bool(w.inside), fac__term_float(w.p), kernel, stride,
                                                   dilation, begin, fac__term_dims(&w.end)));
    const char *name = fac__onnx_by_dimensions(w.kind == MAXIMUM ? "max_pool" : "avg_pool", w.spatial, op, sizeof op);
    int y = w.kind == MAXIMUM ? fac__onnx_call(l, name, x, kernel, stride, begin, dilation, ceil)
                              : fac__onnx_call(l, name, x, kernel, stride, begin, ceil, fac__term_bool(w.inside));
    return fac__onnx_result(l, 0, y);
}

/* x, places, kernel, strides, begins, ends, output_shape: elements at their places in zeros. */
static int unpool(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *at = args[1].v.tensor;
    fac_dims d[5], shape = fac_shape(x), flat = FAC_DIMS(-1);
    for (int i = 0; i < 5; i++)
        if (!fac__onnx_dims_of(&args[2 + i], &d[i])) return -1;
    if (shape.n != d[0].n + 2) return fac__value_error("its input has %d dimensions", shape.n), -1;
    for (int i = 0; i < d[0].n; i++)
        shape.d[2 + i] = (shape.d[2 + i] - 1) * d[1].d[i] + d[0].d[i] - d[2].d[i] - d[3].d[i];
    fac_tensor *y = fac_reshape(fac_zeros(shape, .dtype = fac_dtype_of(x)), flat);
    y = y ? fac_scatter(y, 0, fac_reshape(fac_to(at, FAC_INT64), flat), fac_reshape(x, flat)) : NULL;
    y = y ? fac_reshape(y, shape) : NULL;
    if (!y || !d[4].n) return fac__onnx_one_result(y, results);
    fac_dims more = {.n = 2 * d[0].n}; /* a larger result has its zeros behind */
    if (d[4].n != shape.n) return fac__value_error("an output_shape of %d sizes", d[4].n), -1;
    for (int i = 0; i < d[0].n; i++)
        more.d[2 * (d[0].n - 1 - i) + 1] = d[4].d[2 + i] - shape.d[2 + i];
    return fac__onnx_one_result(fac_pad(y, more, "constant", 0), results);
}

static bool load_unpool(loader *l, const row *r)
{
    fac_dims kernel, begin, end;
    int spatial = fac__onnx_spatial_of(l, &kernel);
    if (!spatial) return false;
    fac_dims stride = fac__onnx_spread(fac__onnx_list(l, "strides"), spatial, 1);
    fac__onnx_pads(l, spatial, &begin, &end);
    if (!fac__onnx_fit(l, "a kernel", &kernel, 1) || !fac__onnx_fit(l, "a stride", &stride, 1) ||
        !fac__onnx_fit(l, "a pad", &begin, 0) || !fac__onnx_fit(l, "a pad", &end, 0))
        return false;
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, unpool, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__term_dims(&kernel), fac__term_dims(&stride), fac__term_dims(&begin),
                                               fac__term_dims(&end), fac__onnx_ints(l, 2)));
}

/* Over all that is behind the channels, however many dimensions that are. x, kind, p */
static int global(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    int kind = (int)fac_scalar_to_int(args[1].v.scalar);
    fac_dims dims = {.n = fac_dim(x) - 2};
    for (int i = 0; i < dims.n; i++)
        dims.d[i] = 2 + i;
    if (dims.n < 1) return fac__onnx_one_result(x, results);
    return fac__onnx_one_result(
        kind == MAXIMUM   ? fac_amax(x, .dims = dims, .keepdim = true)
        : kind == AVERAGE ? fac_mean(x, .dims = dims, .keepdim = true)
                          : fac_norm(x, .p = fac_scalar_to_double(args[2].v.scalar), .dims = dims, .keepdim = true),
        results);
}

static bool load_global(loader *l, const row *r)
{
    int kind = !strcmp(r->onnx, "GlobalMaxPool") ? MAXIMUM : !strcmp(r->onnx, "GlobalLpPool") ? POWERS : AVERAGE;
    fac__term p = fac__term_float((double)fac__onnx_int(l, "p", 2));
    return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, global, fac__onnx_arg(l, 0), fac__term_int(kind), p));
}

/* ---- the rows ------------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_pools[] = {
    {"MaxPool", "max_pool1d", load_pool, fac__onnx_save_pool},
    {"MaxPool", "max_pool2d", load_pool, fac__onnx_save_pool},
    {"MaxPool", "max_pool3d", load_pool, fac__onnx_save_pool},
    {"AveragePool", "avg_pool1d", load_pool, fac__onnx_save_pool},
    {"AveragePool", "avg_pool2d", load_pool, fac__onnx_save_pool},
    {"AveragePool", "avg_pool3d", load_pool, fac__onnx_save_pool},
    {"LpPool", "", load_pool, NULL},
    {"MaxUnpool", "", load_unpool, NULL},
    {"GlobalAveragePool", "adaptive_avg_pool1d", load_global, fac__onnx_save_adaptive},
    {"GlobalAveragePool", "adaptive_avg_pool2d", load_global, fac__onnx_save_adaptive},
    {"GlobalAveragePool", "adaptive_avg_pool3d", load_global, fac__onnx_save_adaptive},
    {"GlobalMaxPool", "adaptive_max_pool1d", load_global, fac__onnx_save_adaptive},
    {"GlobalMaxPool", "adaptive_max_pool2d", load_global, fac__onnx_save_adaptive},
    {"GlobalMaxPool", "adaptive_max_pool3d", load_global, fac__onnx_save_adaptive},
    {"GlobalLpPool", "", load_global, NULL},
    {NULL, NULL, NULL, NULL},
};
