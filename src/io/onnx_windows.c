/* Floor 7. ONNX's operators that go over windows: convolution and pooling. */
#include <math.h>
#include <stdio.h>

#include "core/raise.h"
#include "facula/ops_reduce.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

static fac_tensor *result(const saver *s)
{
    return s->a->values[fac__onnx_saved(s)->first].t;
}

/* ---- windows ---------------------------------------------------------------------------------------------------- */

static fac__term list_term(fac_dims *d)
{
    return fac__term_dims(d);
}

/* Of an attribute that is given for each dimension, and otherwise this. */
static fac_dims spread(fac_dims given, int spatial, int64_t otherwise)
{
    if (given.n == spatial) return given;
    fac_dims d = {.n = spatial};
    for (int i = 0; i < spatial; i++)
        d.d[i] = otherwise;
    return d;
}

/* ONNX pads both ends by themselves: [begins, ends]. Where they differ, the input is padded before, with `value`. x may be
 * replaced. */
static bool take_padding(loader *l, int spatial, fac_dims kernel, fac_dims dilation, fac__term *x, fac_dims *pads,
                         double value)
{
    const char *automatic = fac__onnx_word(l, "auto_pad", "NOTSET");
    fac_dims both = fac__onnx_list(l, "pads"), order = {.n = 2 * spatial};
    bool even = true;
    if (!strncmp(automatic, "SAME", 4)) {
        fac_dims strides = spread(fac__onnx_list(l, "strides"), spatial, 1);
        both.n = 2 * spatial;
        for (int i = 0; i < spatial; i++) {
            int64_t total = dilation.d[i] * (kernel.d[i] - 1);
            if (strides.d[i] != 1) return fac__onnx_error(l, "auto_pad=%s with strides cannot be read", automatic);
            both.d[i] = automatic[5] == 'U' ? total / 2 : total - total / 2;
            both.d[spatial + i] = total - both.d[i];
        }
    }
    if (both.n != 2 * spatial) both = spread((fac_dims){.n = -1}, 2 * spatial, 0);
    pads->n = spatial;
    for (int i = 0; i < spatial; i++) {
        pads->d[i] = both.d[i];
        even &= both.d[i] == both.d[spatial + i];
        order.d[2 * (spatial - 1 - i)] = both.d[i]; /* PyTorch's: pairs, from the last dimension on */
        order.d[2 * (spatial - 1 - i) + 1] = both.d[spatial + i];
    }
    if (even) return true;
    *pads = spread((fac_dims){.n = -1}, spatial, 0);
    *x = fac__term_value(fac__onnx_call(l, "constant_pad_nd", *x, fac__term_dims(&order), fac__term_float(value)));
    return x->value >= 0;
}

static const char *by_dimensions(const char *base, int spatial, char *out, size_t room)
{
    snprintf(out, room, "%s%dd", base, spatial);
    return out;
}

/* The kernel's dimensions: those of the attribute, or of the weight. */
static int spatial_of(loader *l, fac_dims *kernel)
{
    *kernel = fac__onnx_list(l, "kernel_shape");
    fac_tensor *w = kernel->n < 0 ? fac__onnx_known(l, 1) : NULL;
    if (w && w->ndim > 2) *kernel = fac_dims_make(w->ndim - 2, w->shape + 2);
    if (kernel->n >= 1 && kernel->n <= 3) return kernel->n;
    return fac__onnx_error(l, "its kernel has %d dimensions", kernel->n < 0 ? 0 : kernel->n), 0;
}

static bool load_conv(loader *l, const row *r)
{
    (void)r;
    fac_dims kernel, pads;
    char op[32];
    int spatial = spatial_of(l, &kernel);
    if (!spatial) return false;
    fac_dims strides = spread(fac__onnx_list(l, "strides"), spatial, 1);
    fac_dims dilations = spread(fac__onnx_list(l, "dilations"), spatial, 1);
    fac__term x = fac__onnx_arg(l, 0);
    if (!take_padding(l, spatial, kernel, dilations, &x, &pads, 0)) return false;
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, by_dimensions("conv", spatial, op, sizeof op), x, fac__onnx_arg(l, 1),
                                           fac__onnx_arg(l, 2), list_term(&strides), list_term(&pads),
                                           list_term(&dilations), fac__term_int(fac__onnx_int(l, "group", 1))));
}

static bool load_conv_transpose(loader *l, const row *r)
{
    (void)r;
    fac_dims kernel, both = fac__onnx_list(l, "pads"), shape = fac__onnx_list(l, "output_shape");
    char op[32];
    int spatial = spatial_of(l, &kernel);
    if (!spatial) return false;
    if (shape.n >= 0 || strncmp(fac__onnx_word(l, "auto_pad", "NOTSET"), "NOTSET", 6))
        return fac__onnx_error(l, "output_shape and auto_pad cannot be read");
    fac_dims strides = spread(fac__onnx_list(l, "strides"), spatial, 1);
    fac_dims dilations = spread(fac__onnx_list(l, "dilations"), spatial, 1);
    fac_dims more = spread(fac__onnx_list(l, "output_padding"), spatial, 0);
    if (both.n != 2 * spatial) both = spread((fac_dims){.n = -1}, 2 * spatial, 0);
    fac_dims pads = {.n = spatial};
    for (int i = 0; i < spatial; i++) {
        pads.d[i] = both.d[i];
        if (both.d[i] != both.d[spatial + i]) return fac__onnx_error(l, "its two ends are cut differently");
    }
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, by_dimensions("conv_transpose", spatial, op, sizeof op),
                                           fac__onnx_arg(l, 0), fac__onnx_arg(l, 1), fac__onnx_arg(l, 2),
                                           list_term(&strides), list_term(&pads), list_term(&more),
                                           fac__term_int(fac__onnx_int(l, "group", 1)), list_term(&dilations)));
}

/* The i-th argument, a number or one for each dimension. */
static bool window_at(saver *s, int i, int spatial, fac_dims *out)
{
    if (!fac__onnx_dims_at(s, i, out)) return false;
    if (out->n == 1) *out = spread((fac_dims){.n = -1}, spatial, out->d[0]);
    return out->n == spatial || fac__onnx_cannot(s, "argument %d has %d sizes", i, out->n);
}

static void give_pads(saver *s, const fac_dims *begin, const fac_dims *end)
{
    int64_t both[2 * FAC_MAX_DIMS];
    for (int i = 0; i < begin->n; i++) {
        both[i] = begin->d[i];
        both[begin->n + i] = end->d[i];
    }
    fac__onnx_give_ints(s, "pads", both, 2 * begin->n);
}

static bool save_conv(saver *s, const row *r)
{
    fac_tensor *w = fac__onnx_tensor_at(s, 1);
    bool back = !strcmp(r->onnx, "ConvTranspose");
    int spatial = w->ndim - 2;
    fac_dims stride, pad, pad_end, dilation, more = {.n = 0};
    int64_t groups;
    const fac__trace_arg *named = fac__trace_arg_at(fac__onnx_saved(s), 4);
    if (!window_at(s, 3, spatial, &stride) || !window_at(s, back ? 7 : 5, spatial, &dilation) ||
        !fac__onnx_int_at(s, 6, &groups) || (back && !window_at(s, 5, spatial, &more)))
        return false;
    if (named->value.kind == FAC_VALUE_STRING) {
        bool same = !strcmp(named->value.v.string, "same");
        pad = pad_end = spread((fac_dims){.n = -1}, spatial, 0);
        for (int i = 0; i < spatial && same; i++) {
            int64_t total = dilation.d[i] * (w->shape[2 + i] - 1);
            pad.d[i] = total / 2;
            pad_end.d[i] = total - total / 2;
        }
    } else {
        if (!window_at(s, 4, spatial, &pad)) return false;
        pad_end = pad;
    }
    const char *y =
        fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), fac__onnx_name_at(s, 1), fac__onnx_name_at(s, 2));
    fac__onnx_give_ints(s, "kernel_shape", w->shape + 2, spatial);
    fac__onnx_give_ints(s, "strides", stride.d, spatial);
    give_pads(s, &pad, &pad_end);
    fac__onnx_give_ints(s, "dilations", dilation.d, spatial);
    fac__onnx_give_int(s, "group", groups);
    if (back) fac__onnx_give_ints(s, "output_padding", more.d, spatial);
    return fac__onnx_is(s, 0, y);
}

static bool load_pool(loader *l, const row *r)
{
    fac_dims kernel, pads;
    char op[32];
    bool max = !strcmp(r->onnx, "MaxPool"), ceil = fac__onnx_int(l, "ceil_mode", 0);
    int spatial = spatial_of(l, &kernel);
    if (!spatial) return false;
    if (max && l->node->n_outputs > 1 && *l->node->outputs[1])
        return fac__onnx_error(l, "its second output cannot be read");
    fac_dims strides = spread(fac__onnx_list(l, "strides"), spatial, 1);
    fac_dims dilations = spread(fac__onnx_list(l, "dilations"), spatial, 1);
    bool inside = fac__onnx_int(l, "count_include_pad", 0);
    fac__term x = fac__onnx_arg(l, 0), given = x;
    for (int i = 0; i < spatial && !max; i++)
        if (dilations.d[i] != 1) return fac__onnx_error(l, "averages with dilation cannot be read");
    if (!take_padding(l, spatial, kernel, dilations, &x, &pads, max ? -INFINITY : 0)) return false;
    if (!max && !inside && x.value != given.value)
        return fac__onnx_error(l, "averages with different padding at both ends that do not count it cannot be read");
    const char *name = by_dimensions(max ? "max_pool" : "avg_pool", spatial, op, sizeof op);
    return fac__onnx_result(l, 0,
                            max ? fac__onnx_call(l, name, x, list_term(&kernel), list_term(&strides), list_term(&pads),
                                                 list_term(&dilations), fac__term_bool(ceil))
                                : fac__onnx_call(l, name, x, list_term(&kernel), list_term(&strides), list_term(&pads),
                                                 fac__term_bool(ceil), fac__term_bool(inside)));
}

static bool save_pool(saver *s, const row *r)
{
    bool max = !strcmp(r->onnx, "MaxPool");
    int spatial = r->aten[8] - '0'; /* max_pool2d, avg_pool2d */
    fac_dims kernel, stride, pad, dilation = {.n = 0};
    if (fac__onnx_tensor_at(s, 0)->ndim != spatial + 2) return fac__onnx_cannot(s, "its input has no batch");
    if (!window_at(s, 1, spatial, &kernel) || !window_at(s, 2, spatial, &stride) || !window_at(s, 3, spatial, &pad) ||
        (max && !window_at(s, 4, spatial, &dilation)))
        return false;
    bool ceil = fac__onnx_bool_at(s, max ? 5 : 4), inside = !max && fac__onnx_bool_at(s, 5);
    if (!max && fac__onnx_float_at(s, 6, 0) != 0) return fac__onnx_cannot(s, "ONNX has no divisor_override");
    if (ceil && inside) return fac__onnx_cannot(s, "ceil_mode with count_include_pad means another average there");
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0));
    fac__onnx_give_ints(s, "kernel_shape", kernel.d, spatial);
    fac__onnx_give_ints(s, "strides", stride.d, spatial);
    give_pads(s, &pad, &pad);
    if (max) fac__onnx_give_ints(s, "dilations", dilation.d, spatial);
    if (ceil) fac__onnx_give_int(s, "ceil_mode", 1);
    if (!max) fac__onnx_give_int(s, "count_include_pad", inside);
    return fac__onnx_is(s, 0, y);
}

/* Over all that is behind the channels, however many dimensions that are. */
static int global_pool(const fac_value *args, bool max, fac_value *results)
{
    fac_tensor *x = args[0].v.tensor;
    fac_dims dims = {.n = fac_dim(x) - 2};
    for (int i = 0; i < dims.n; i++)
        dims.d[i] = 2 + i;
    fac_tensor *y = dims.n < 1 ? x
                    : max      ? fac_amax(x, .dims = dims, .keepdim = true)
                               : fac_mean(x, .dims = dims, .keepdim = true);
    results[0] = fac_value_tensor(y);
    return y ? 1 : -1;
}

static int global_average(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    return global_pool(args, false, results);
}

static int global_maximum(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    return global_pool(args, true, results);
}

static bool load_global(loader *l, const row *r)
{
    bool max = !strcmp(r->onnx, "GlobalMaxPool");
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, max ? global_maximum : global_average, fac__onnx_arg(l, 0)));
}

static bool save_adaptive(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *y = result(s);
    int spatial = r->aten[17] - '0'; /* adaptive_avg_pool2d */
    int64_t kernel[FAC_MAX_DIMS];
    bool one = true;
    if (x->ndim != spatial + 2) return fac__onnx_cannot(s, "its input has no batch");
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!fac__onnx_shape_of(s, fac__trace_arg_at(fac__onnx_saved(s), 0)->number, shape, &n)) return false;
    for (int i = 0; i < spatial; i++) {
        int64_t in = x->shape[2 + i], out = y->shape[2 + i];
        one &= out == 1;
        if (shape[2 + i].times || (out && in % out))
            return fac__onnx_cannot(s, "ONNX has no windows of different sizes, from %lld to %lld", (long long)in,
                                    (long long)out);
        kernel[i] = out ? in / out : 1;
    }
    const char *name = fac__onnx_node(s, one ? "GlobalAveragePool" : "AveragePool", fac__onnx_name_at(s, 0));
    if (!one) {
        fac__onnx_give_ints(s, "kernel_shape", kernel, spatial);
        fac__onnx_give_ints(s, "strides", kernel, spatial);
    }
    return fac__onnx_is(s, 0, name);
}

/* ---- the rows ----------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_windows[] = {
    {"Conv", "conv1d", load_conv, save_conv},
    {"Conv", "conv2d", load_conv, save_conv},
    {"Conv", "conv3d", load_conv, save_conv},
    {"ConvTranspose", "conv_transpose1d", load_conv_transpose, save_conv},
    {"ConvTranspose", "conv_transpose2d", load_conv_transpose, save_conv},
    {"ConvTranspose", "conv_transpose3d", load_conv_transpose, save_conv},
    {"MaxPool", "max_pool1d", load_pool, save_pool},
    {"MaxPool", "max_pool2d", load_pool, save_pool},
    {"MaxPool", "max_pool3d", load_pool, save_pool},
    {"AveragePool", "avg_pool1d", load_pool, save_pool},
    {"AveragePool", "avg_pool2d", load_pool, save_pool},
    {"AveragePool", "avg_pool3d", load_pool, save_pool},
    {"GlobalAveragePool", "adaptive_avg_pool1d", load_global, save_adaptive},
    {"GlobalAveragePool", "adaptive_avg_pool2d", load_global, save_adaptive},
    {"GlobalAveragePool", "adaptive_avg_pool3d", load_global, save_adaptive},
    {"GlobalMaxPool", "", load_global, NULL},
    {NULL, NULL, NULL, NULL},
};
