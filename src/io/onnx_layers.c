/* Floor 7. ONNX's operators that are layers: products, convolution, pooling, normalisation, sums over dimensions, attention. */
#include <math.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_matmul.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

static fac_tensor *result(const saver *s)
{
    return s->a->values[fac__onnx_saved(s)->first].t;
}

/* Ones or zeros, for a weight or bias that was left out. */
static const char *all_equal(saver *s, int64_t n, double value, fac_dtype dtype)
{
    fac_tensor *t = NULL;
    fac_scope
        t = fac_keep(fac_full(FAC_SHAPE(n), value, .dtype = dtype));
    return fac__onnx_put_constant(s, t);
}

/* ---- products -------------------------------------------------------------------------------------------------- */

/* alpha A' B' + beta C. With alpha and beta 1 and B transposed it is a linear layer. */
static bool load_gemm(loader *l, const row *r)
{
    (void)r;
    double alpha = fac__onnx_float(l, "alpha", 1), beta = fac__onnx_float(l, "beta", 1);
    fac__term a = fac__onnx_arg(l, 0), b = fac__onnx_arg(l, 1), c = fac__onnx_arg(l, 2);
    if (fac__onnx_int(l, "transA", 0)) a = fac__term_value(fac__onnx_call(l, "t", a));
    bool transposed = fac__onnx_int(l, "transB", 0), given = fac__onnx_given(l, 2);
    fac_tensor *bias = fac__onnx_known(l, 2);
    if (alpha == 1 && (beta == 1 || !given) && transposed && (!given || (bias && bias->ndim == 1)))
        return fac__onnx_result(l, 0, fac__onnx_call(l, "linear", a, b, c));
    if (transposed) b = fac__term_value(fac__onnx_call(l, "t", b));
    if (given) {
        const fac__named_term keywords[] = {{"beta", fac__term_float(beta)}, {"alpha", fac__term_float(alpha)}};
        return fac__onnx_result(l, 0, fac__onnx_call_n(l, "addmm", 1, (const fac__term[]){c, a, b}, 3, keywords, 2));
    }
    int y = fac__onnx_call(l, "mm", a, b);
    return fac__onnx_result(l, 0,
                            alpha == 1 ? y : fac__onnx_call(l, "mul", fac__term_value(y), fac__term_float(alpha)));
}

static bool save_linear(saver *s, const row *r)
{
    (void)r;
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *w = fac__onnx_tensor_at(s, 1);
    const char *in = fac__onnx_name_at(s, 0), *weight = fac__onnx_name_at(s, 1), *bias = fac__onnx_name_at(s, 2);
    if (w->ndim != 2) return fac__onnx_cannot(s, "its weight is no matrix");
    if (x->ndim == 2) {
        const char *y = fac__onnx_node(s, "Gemm", in, weight, bias);
        fac__onnx_give_int(s, "transB", 1);
        return fac__onnx_is(s, 0, y);
    }
    const char *turned = fac__onnx_node(s, "Transpose", weight);
    fac__onnx_give_ints(s, "perm", (int64_t[]){1, 0}, 2);
    const char *y = turned ? fac__onnx_node(s, "MatMul", in, turned) : NULL;
    return fac__onnx_is(s, 0, y && *bias ? fac__onnx_node(s, "Add", y, bias) : y);
}

static double keyword(const saver *s, const char *name, double otherwise)
{
    const fac__trace_arg *a = fac__trace_arg_named(fac__onnx_saved(s), name);
    return a->value.kind == FAC_VALUE_SCALAR ? fac_scalar_to_double(a->value.v.scalar) : otherwise;
}

static bool save_addmm(saver *s, const row *r)
{
    (void)r;
    const char *y =
        fac__onnx_node(s, "Gemm", fac__onnx_name_at(s, 1), fac__onnx_name_at(s, 2), fac__onnx_name_at(s, 0));
    fac__onnx_give_float(s, "alpha", keyword(s, "alpha", 1));
    fac__onnx_give_float(s, "beta", keyword(s, "beta", 1));
    return fac__onnx_is(s, 0, y);
}

/* ---- convolution and pooling ------------------------------------------------------------------------------------ */

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

/* ---- normalisation ---------------------------------------------------------------------------------------------- */

static bool load_batch_norm(loader *l, const row *r)
{
    (void)r;
    if (fac__onnx_int(l, "training_mode", 0)) return fac__onnx_error(l, "it is of a network in training");
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, "batch_norm.functional", fac__onnx_arg(l, 0), fac__onnx_arg(l, 3),
                                           fac__onnx_arg(l, 4), fac__onnx_arg(l, 1), fac__onnx_arg(l, 2),
                                           fac__term_bool(false),
                                           fac__term_float(1 - fac__onnx_float(l, "momentum", 0.9)),
                                           fac__term_float(fac__onnx_float(l, "epsilon", 1e-5))));
}

/* Weight and bias, or what stands for them; false after an error. */
static bool affine(saver *s, int at, int64_t n, fac_dtype dtype, const char **w, const char **b)
{
    *w = fac__onnx_name_at(s, at);
    *b = fac__onnx_name_at(s, at + 1);
    if (!**w) *w = all_equal(s, n, 1, dtype);
    if (!**b) *b = all_equal(s, n, 0, dtype);
    return *w && *b;
}

static bool save_batch_norm(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    const char *w, *b;
    if (!fac__onnx_tensor_at(s, 1) || !fac__onnx_tensor_at(s, 2))
        return fac__onnx_cannot(s, "it has no running mean and variance");
    if (!affine(s, 3, x->shape[1], fac_dtype_of(x), &w, &b)) return false;
    const char *y =
        fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), w, b, fac__onnx_name_at(s, 1), fac__onnx_name_at(s, 2));
    fac__onnx_give_float(s, "epsilon", fac__onnx_float_at(s, 7, 1e-5));
    fac__onnx_give_float(s, "momentum", 1 - fac__onnx_float_at(s, 6, 0.1));
    return fac__onnx_is(s, 0, y);
}

/* Over the dimensions that the weight has, as many from the last. */
static int layer_norm(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *w = args[1].v.tensor;
    int64_t axis = fac_scalar_to_int(args[3].v.scalar);
    int lead = (int)(axis < 0 ? axis + fac_dim(x) : axis);
    if (lead < 0 || lead >= fac_dim(x))
        return fac__value_error("axis %lld is none of the input's", (long long)axis), -1;
    fac_dims shape = {.n = fac_dim(x) - lead};
    for (int i = 0; i < shape.n; i++)
        shape.d[i] = fac_size(x, lead + i);
    fac_value call[] = {
        args[0], {.kind = FAC_VALUE_INTS, .v.ints = {shape.d, shape.n}}, fac_value_tensor(w), args[2], args[4]};
    return fac_call("layer_norm", call, 5, NULL, 0, results, 1);
}

static bool load_layer_norm(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, layer_norm, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__onnx_arg(l, 2), fac__term_int(fac__onnx_int(l, "axis", -1)),
                                               fac__term_float(fac__onnx_float(l, "epsilon", 1e-5))));
}

static bool save_layer_norm(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    fac_dims shape;
    const char *w = fac__onnx_name_at(s, 2);
    if (!fac__onnx_dims_at(s, 1, &shape)) return false;
    if (!*w) {
        fac_tensor *ones = NULL;
        fac_scope
            ones = fac_keep(fac_full(shape, 1, .dtype = fac_dtype_of(x)));
        w = fac__onnx_put_constant(s, ones);
    }
    const char *y = w ? fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), w, fac__onnx_name_at(s, 3)) : NULL;
    fac__onnx_give_int(s, "axis", -shape.n);
    fac__onnx_give_float(s, "epsilon", fac__onnx_float_at(s, 4, 1e-5));
    return fac__onnx_is(s, 0, y);
}

static bool load_instance_norm(loader *l, const row *r)
{
    (void)r;
    const fac__named_term keywords[] = {{"weight", fac__onnx_arg(l, 1)},
                                        {"bias", fac__onnx_arg(l, 2)},
                                        {"eps", fac__term_float(fac__onnx_float(l, "epsilon", 1e-5))}};
    return fac__onnx_result(
        l, 0,
        fac__onnx_call_n(l, "instance_norm.functional", 1, (const fac__term[]){fac__onnx_arg(l, 0)}, 1, keywords, 3));
}

static bool save_instance_norm(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    const char *w, *b;
    if (!fac__onnx_bool_at(s, 5)) return fac__onnx_cannot(s, "ONNX's has no running statistics");
    if (!affine(s, 3, x->shape[1], fac_dtype_of(x), &w, &b)) return false;
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), w, b);
    fac__onnx_give_float(s, "epsilon", fac__onnx_float_at(s, 7, 1e-5));
    return fac__onnx_is(s, 0, y);
}

/* Groups as the channels of a normalisation by itself, then weights and biases of the real channels. */
static bool save_group_norm(saver *s, const row *r)
{
    (void)r;
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    fac_dtype dtype = fac_dtype_of(x);
    int64_t groups, channels[FAC_MAX_DIMS] = {x->shape[1]};
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!fac__onnx_int_at(s, 1, &groups) || !fac__onnx_shape_of(s, fac__onnx_saved(s)->first, shape, &n)) return false;
    for (int i = 1; i < n - 1; i++)
        channels[i] = 1;
    const char *dims = fac__onnx_put_ints(s, (int64_t[]){0, groups, -1}, 3); /* 0: as it is */
    const char *y = dims ? fac__onnx_node(s, "Reshape", fac__onnx_name_at(s, 0), dims) : NULL;
    const char *one = all_equal(s, groups, 1, dtype), *zero = all_equal(s, groups, 0, dtype);
    if (!y || !one || !zero) return false;
    y = fac__onnx_node(s, "InstanceNormalization", y, one, zero);
    fac__onnx_give_float(s, "epsilon", fac__onnx_float_at(s, 4, 1e-5));
    const char *back = y ? fac__onnx_put_sizes(s, shape, n) : NULL;
    y = back ? fac__onnx_node(s, "Reshape", y, back) : NULL;
    for (int i = 0; i < 2 && y; i++) {
        const char *given = fac__onnx_name_at(s, 2 + i);
        if (!*given) continue;
        const char *wide = fac__onnx_put_ints(s, channels, n - 1);
        given = wide ? fac__onnx_node(s, "Reshape", given, wide) : NULL;
        y = given ? fac__onnx_node(s, i ? "Add" : "Mul", y, given) : NULL;
    }
    return fac__onnx_is(s, 0, y);
}

/* ---- softmax, sums ---------------------------------------------------------------------------------------------- */

/* Before opset 13 it went over all dimensions from axis on: those are one to facula only where axis is the last. */
static int old_softmax(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    int64_t axis = fac_scalar_to_int(args[1].v.scalar);
    bool log = fac_scalar_to_int(args[2].v.scalar) != 0;
    if (axis < 0) axis += fac_dim(x);
    fac_tensor *flat = axis >= 0 && axis < fac_dim(x) ? fac_flatten(x, (int)axis, -1) : NULL;
    if (!flat) return fac__value_error("axis %lld is none of the input's", (long long)axis), -1;
    fac_tensor *y = log ? fac_log_softmax(flat, axis, FAC_DTYPE_NONE) : fac_softmax(flat, axis, FAC_DTYPE_NONE);
    y = y ? fac_reshape(y, fac_shape(x)) : NULL;
    results[0] = fac_value_tensor(y);
    return y ? 1 : -1;
}

static bool load_softmax(loader *l, const row *r)
{
    bool old = l->model->opset < 13;
    int64_t axis = fac__onnx_int(l, "axis", old ? 1 : -1);
    if (old && axis != -1)
        return fac__onnx_result(l, 0,
                                fac__onnx_function(l, r->onnx, old_softmax, fac__onnx_arg(l, 0), fac__term_int(axis),
                                                   fac__term_bool(!strcmp(r->onnx, "LogSoftmax"))));
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_int(axis)));
}

static bool save_softmax(saver *s, const row *r)
{
    int64_t dim;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(result(s))), *y = x ? fac__onnx_node(s, r->onnx, x) : NULL;
    fac__onnx_give_int(s, "axis", dim);
    return fac__onnx_is(s, 0, y);
}

static bool save_softmin(saver *s, const row *r)
{
    int64_t dim;
    (void)r;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(result(s)));
    x = x ? fac__onnx_node(s, "Neg", x) : NULL;
    const char *y = x ? fac__onnx_node(s, "Softmax", x) : NULL;
    fac__onnx_give_int(s, "axis", dim);
    return fac__onnx_is(s, 0, y);
}

/* Axes: an attribute, or from some opset on an input; none: all, or, if it says so, no dimension at all. */
static bool load_reduce(loader *l, const row *r)
{
    fac_dims axes = fac__onnx_list(l, "axes");
    bool keep = fac__onnx_int(l, "keepdims", 1), named = axes.n >= 0;
    if (fac__onnx_given(l, 1) && !fac__onnx_known_ints(l, 1, &axes)) return false;
    named |= fac__onnx_given(l, 1);
    if (axes.n <= 0 && fac__onnx_int(l, "noop_with_empty_axes", 0))
        return fac__onnx_result(l, 0, fac__onnx_call(l, "clone", fac__onnx_arg(l, 0)));
    if (!named || axes.n < 0) axes.n = 0; /* facula's word for all */
    return fac__onnx_result(
        l, 0, fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_dims(&axes), fac__term_bool(keep)));
}

static bool save_reduce(saver *s, const row *r)
{
    fac_dims dims;
    if (!fac__onnx_dims_at(s, 1, &dims)) return false;
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(result(s)));
    bool input = !strcmp(r->onnx, "ReduceSum");
    if (!dims.n && fac__onnx_tensor_at(s, 0)->ndim) return fac__onnx_cannot(s, "it goes over no dimension");
    const char *axes = input && dims.n ? fac__onnx_put_ints(s, dims.d, dims.n) : "";
    const char *y = x && axes ? fac__onnx_node(s, r->onnx, x, axes) : NULL;
    if (!input && dims.n) fac__onnx_give_ints(s, "axes", dims.d, dims.n);
    fac__onnx_give_int(s, "keepdims", fac__onnx_bool_at(s, 2));
    return fac__onnx_is(s, 0, y);
}

static bool load_arg(loader *l, const row *r)
{
    if (fac__onnx_int(l, "select_last_index", 0)) return fac__onnx_error(l, "select_last_index cannot be read");
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_int(fac__onnx_int(l, "axis", 0)),
                                           fac__term_bool(fac__onnx_int(l, "keepdims", 1))));
}

static bool save_arg(saver *s, const row *r)
{
    int64_t dim;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0));
    fac__onnx_give_int(s, "axis", dim);
    fac__onnx_give_int(s, "keepdims", fac__onnx_bool_at(s, 2));
    return fac__onnx_is(s, 0, y);
}

static bool load_same(loader *l, const row *r)
{
    (void)r;
    return fac__onnx_result(l, 0, fac__onnx_call(l, "clone", fac__onnx_arg(l, 0)));
}

static bool load_dropout(loader *l, const row *r)
{
    double p = fac__onnx_float(l, "ratio", 0.5);
    fac_tensor *ratio = fac__onnx_known(l, 1);
    if (ratio && ratio->numel == 1) fac_to_array(ratio, FAC_FLOAT64, &p, 1);
    if (l->node->n_outputs > 1 && *l->node->outputs[1]) return fac__onnx_error(l, "its mask cannot be read");
    return fac__onnx_result(
        l, 0,
        fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_float(p), (fac__term){.kind = FAC__TERM_TRAINING}));
}

/* ---- attention ---------------------------------------------------------------------------------------------------- */

/* What is added to the scores: 0 where they count, -infinity where not. */
static const char *causal_mask(saver *s, int64_t rows, int64_t columns, fac_dtype dtype)
{
    fac_tensor *t = NULL;
    fac_scope {
        fac_tensor *ones = fac_full(FAC_SHAPE(rows, columns), -INFINITY, .dtype = dtype);
        t = fac_keep(ones ? fac_triu(ones, 1) : NULL);
    }
    return fac__onnx_put_constant(s, t);
}

static const char *added_mask(saver *s, fac_dtype dtype)
{
    fac_tensor *mask = fac__onnx_tensor_at(s, 3);
    if (fac_dtype_of(mask) != FAC_BOOL) return fac__onnx_operand(s, 3, dtype);
    const char *zero = fac__onnx_put_number(s, 0, dtype), *no = fac__onnx_put_number(s, -INFINITY, dtype);
    return zero && no ? fac__onnx_node(s, "Where", fac__onnx_name_at(s, 3), zero, no) : NULL;
}

static bool save_attention(saver *s, const row *r)
{
    (void)r;
    fac_tensor *q = fac__onnx_tensor_at(s, 0), *k = fac__onnx_tensor_at(s, 1);
    fac_dtype dtype = fac_dtype_of(q);
    if (fac_dtype_of(k) != dtype || k->ndim != q->ndim) return fac__onnx_cannot(s, "query and key are not alike");
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!fac__onnx_shape_of(s, fac__trace_arg_at(fac__onnx_saved(s), 0)->number, shape, &n)) return false;
    bool causal = fac__onnx_bool_at(s, 5);
    if (shape[n - 1].times || (causal && shape[n - 2].times)) return fac__onnx_cannot(s, "its length is the batch's");
    int64_t perm[FAC_MAX_DIMS];
    for (int i = 0; i < n; i++)
        perm[i] = i < n - 2 ? i : 2 * n - 3 - i;
    double scale = keyword(s, "scale", 1 / sqrt((double)q->shape[n - 1]));
    const char *turned = fac__onnx_node(s, "Transpose", fac__onnx_name_at(s, 1));
    fac__onnx_give_ints(s, "perm", perm, n);
    const char *by = fac__onnx_put_number(s, scale, dtype);
    const char *scaled = by ? fac__onnx_node(s, "Mul", fac__onnx_name_at(s, 0), by) : NULL;
    const char *scores = scaled && turned ? fac__onnx_node(s, "MatMul", scaled, turned) : NULL;
    const char *mask = causal                      ? causal_mask(s, q->shape[n - 2], k->shape[n - 2], dtype)
                       : fac__onnx_tensor_at(s, 3) ? added_mask(s, dtype)
                                                   : "";
    if (!scores || !mask) return false;
    if (*mask) scores = fac__onnx_node(s, "Add", scores, mask);
    const char *weights = scores ? fac__onnx_node(s, "Softmax", scores) : NULL;
    fac__onnx_give_int(s, "axis", -1);
    return fac__onnx_is(s, 0, weights ? fac__onnx_node(s, "MatMul", weights, fac__onnx_name_at(s, 2)) : NULL);
}

/* ---- the rows ----------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_layers[] = {
    {"Gemm", "linear", load_gemm, save_linear},
    {"Gemm", "addmm", load_gemm, save_addmm},
    {"MatMul", "matmul", fac__onnx_load_plain, fac__onnx_save_plain},
    {"MatMul", "mm", NULL, fac__onnx_save_plain},
    {"MatMul", "bmm", NULL, fac__onnx_save_plain},
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
    {"BatchNormalization", "batch_norm", load_batch_norm, save_batch_norm},
    {"LayerNormalization", "layer_norm", load_layer_norm, save_layer_norm},
    {"InstanceNormalization", "instance_norm", load_instance_norm, save_instance_norm},
    {"", "group_norm", NULL, save_group_norm},
    {"Softmax", "softmax", load_softmax, save_softmax},
    {"LogSoftmax", "log_softmax", load_softmax, save_softmax},
    {"", "softmin", NULL, save_softmin},
    {"ReduceMean", "mean", load_reduce, save_reduce},
    {"ReduceSum", "sum", load_reduce, save_reduce},
    {"ReduceMax", "amax", load_reduce, save_reduce},
    {"ReduceMin", "amin", load_reduce, save_reduce},
    {"ArgMax", "argmax", load_arg, save_arg},
    {"ArgMin", "argmin", load_arg, save_arg},
    {"", "scaled_dot_product_attention", NULL, save_attention},
    {"Dropout", "dropout", load_dropout, NULL},
    {"Identity", "clone", load_same, fac__onnx_save_plain},
    {"Identity", "contiguous", load_same, fac__onnx_save_plain},
    {NULL, NULL, NULL, NULL},
};
