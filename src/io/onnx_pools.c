/* Floor 7. ONNX's poolings. */
#include <math.h>

#include "core/raise.h"
#include "facula/ops_conv.h"
#include "facula/ops_create.h"
#include "facula/ops_join.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_windows.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

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
    if (w.kind == MAXIMUM && l->node->n_outputs > 1 && *l->node->outputs[1])
        return fac__onnx_error(l, "its second output cannot be read");
    w.stride = fac__onnx_spread(fac__onnx_list(l, "strides"), w.spatial, 1);
    w.dilation = fac__onnx_spread(fac__onnx_list(l, "dilations"), w.spatial, 1);
    fac__onnx_pads(l, w.spatial, &w.begin, &w.end);
    if (!fac__onnx_fit(l, "a kernel", &w.kernel, 1) || !fac__onnx_fit(l, "a stride", &w.stride, 1) ||
        !fac__onnx_fit(l, "a dilation", &w.dilation, 1) || !fac__onnx_fit(l, "a pad", &w.begin, 0) ||
        !fac__onnx_fit(l, "a pad", &w.end, 0))
        return false;
    fac__term x = fac__onnx_arg(l, 0), kernel = fac__term_dims(&w.kernel), stride = fac__term_dims(&w.stride);
    fac__term begin = fac__term_dims(&w.begin), dilation = fac__term_dims(&w.dilation), ceil = fac__term_bool(w.ceil);
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

/* ---- saving --------------------------------------------------------------------------------------------------------- */

static fac_tensor *result(const saver *s)
{
    return s->a->values[fac__onnx_saved(s)->first].t;
}

/* The call's input, with a batch, and the first of its spatial dimensions; NULL, with an error, where these depend on the
 * batch's size. */
static const char *input(saver *s, int spatial, int *first)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    *first = x->ndim - spatial;
    if (!fac__onnx_shape_of(s, fac__trace_arg_at(fac__onnx_saved(s), 0)->number, shape, &n)) return NULL;
    for (int i = *first; i < n; i++)
        if (shape[i].times) return fac__onnx_cannot(s, "its windows go over the batch"), NULL;
    const char *name = fac__onnx_name_at(s, 0);
    return *first == 1 ? fac__onnx_put_batched(s, name) : name;
}

static bool output(saver *s, const char *y, int first)
{
    return fac__onnx_is(s, 0, first == 1 ? fac__onnx_put_unbatched(s, y) : y);
}

/* Averages that ONNX has no words for: padded before, and multiplied by what the numbers of elements differ by. */
static const char *put_average(saver *s, const char *x, int first, const windows *w, double divisor)
{
    fac_tensor *in = fac__onnx_tensor_at(s, 0), *out = result(s);
    int64_t both[2 * FAC_MAX_DIMS] = {0}, size = 1;
    fac_dims shape = {.n = w->spatial + 2, .d = {1, 1}};
    for (int i = 0; i < w->spatial; i++) {
        int64_t to = out->shape[first + i], need = (to - 1) * w->stride.d[i] + w->kernel.d[i];
        both[2 + i] = w->begin.d[i];
        both[w->spatial + 4 + i] = need - in->shape[first + i] - w->begin.d[i];
        if (both[w->spatial + 4 + i] < 0) both[w->spatial + 4 + i] = 0;
        size *= w->kernel.d[i];
        shape.d[2 + i] = to;
    }
    fac_tensor *factors = NULL;
    fac_scope {
        fac_tensor *f = fac_full(shape, (double)size, .dtype = FAC_FLOAT64);
        double *p = f ? fac__host(f) : NULL;
        for (int64_t k = 0; p && k < fac_numel(f); k++) {
            double count = 1;
            int64_t rest = k;
            for (int i = w->spatial - 1; i >= 0; i--) { /* how many of the window's lie in the input and its padding */
                int64_t at = rest % shape.d[2 + i] * w->stride.d[i], all = in->shape[first + i] + 2 * w->begin.d[i];
                count *= (double)(at + w->kernel.d[i] > all ? all - at : w->kernel.d[i]);
                rest /= shape.d[2 + i];
            }
            p[k] /= divisor != 0 ? divisor : count;
        }
        factors = p ? fac_keep(fac_clone(fac_to(f, fac_dtype_of(in)))) : NULL;
    }
    const char *pads = fac__onnx_put_ints(s, both, 2 * (w->spatial + 2));
    const char *zero = pads ? fac__onnx_put_number(s, 0, fac_dtype_of(in)) : NULL;
    const char *by = factors ? fac__onnx_put_constant(s, factors) : NULL;
    x = zero ? fac__onnx_node(s, "Pad", x, pads, zero) : NULL;
    const char *y = x ? fac__onnx_node(s, "AveragePool", x) : NULL;
    fac__onnx_give_ints(s, "kernel_shape", w->kernel.d, w->spatial);
    fac__onnx_give_ints(s, "strides", w->stride.d, w->spatial);
    return y && by ? fac__onnx_node(s, "Mul", y, by) : NULL;
}

static bool save_pool(saver *s, const row *r)
{
    bool max = !strcmp(r->onnx, "MaxPool");
    windows w = {.spatial = r->aten[8] - '0'}; /* max_pool2d, avg_pool2d */
    int first;
    const char *x = input(s, w.spatial, &first), *y;
    if (!x || !fac__onnx_window_at(s, 1, w.spatial, &w.kernel) || !fac__onnx_window_at(s, 2, w.spatial, &w.stride) ||
        !fac__onnx_window_at(s, 3, w.spatial, &w.begin) || (max && !fac__onnx_window_at(s, 4, w.spatial, &w.dilation)))
        return false;
    bool ceil = fac__onnx_bool_at(s, max ? 5 : 4), inside = !max && fac__onnx_bool_at(s, 5);
    double divisor = max ? 0 : fac__onnx_float_at(s, 6, 0);
    fac_dims end = w.begin, exact = w.begin;
    bool behind = false; /* a last window would begin behind the input, which ONNX had until opset 22 */
    for (int i = 0; i < w.spatial && ceil; i++) {
        int64_t span = (w.kernel.d[i] - 1) * (max ? w.dilation.d[i] : 1) + 1, step = w.stride.d[i];
        int64_t in = fac__onnx_tensor_at(s, 0)->shape[first + i] + w.begin.d[i], out = result(s)->shape[first + i];
        behind |= (in + w.begin.d[i] - span + step - 1) / step + 1 != out;
        exact.d[i] = (out - 1) * step + span > in ? (out - 1) * step + span - in : 0;
    }
    if (behind && !inside) end = exact, ceil = false;
    if (divisor != 0 || (ceil && inside)) return output(s, put_average(s, x, first, &w, divisor), first);
    y = fac__onnx_node(s, r->onnx, x);
    fac__onnx_give_ints(s, "kernel_shape", w.kernel.d, w.spatial);
    fac__onnx_give_ints(s, "strides", w.stride.d, w.spatial);
    fac__onnx_give_pads(s, &w.begin, &end);
    if (max) fac__onnx_give_ints(s, "dilations", w.dilation.d, w.spatial);
    if (ceil) fac__onnx_give_int(s, "ceil_mode", 1);
    if (!max) fac__onnx_give_int(s, "count_include_pad", inside);
    return output(s, y, first);
}

/* One axis by windows of different sizes: its elements window by window, of one length, the rest of short ones being the last
 * again for a maximum, a zero for a sum. */
static const char *put_uneven(saver *s, const char *x, bool max, int axis, int ndim, int64_t in, int64_t out)
{
    int64_t longest = 0, both[2 * FAC_MAX_DIMS] = {0}, shape[FAC_MAX_DIMS], after = axis + 1;
    fac_tensor *at = NULL, *length = NULL;
    for (int64_t i = 0; i < out; i++) {
        int64_t n = ((i + 1) * in + out - 1) / out - i * in / out;
        longest = n > longest ? n : longest;
    }
    fac_scope {
        at = fac_keep(fac_full(FAC_SHAPE(out, longest), 0, .dtype = FAC_INT64));
        length = fac_keep(fac_full(FAC_SHAPE(out), 0, .dtype = FAC_FLOAT64));
    }
    int64_t *p = at ? fac__host(at) : NULL;
    double *n = length ? fac__host(length) : NULL;
    for (int64_t i = 0; p && n && i < out; i++) {
        int64_t from = i * in / out, to = ((i + 1) * in + out - 1) / out;
        n[i] = (double)(to - from);
        for (int64_t k = 0; k < longest; k++)
            p[i * longest + k] = from + k < to ? from + k : max ? to - 1 : in;
    }
    fac_tensor *narrow = NULL;
    for (int i = 0; i < ndim; i++)
        shape[i] = i == axis ? out : 1;
    fac_scope
        narrow = length ? fac_keep(fac_reshape(fac_to(length, fac_dtype_of(result(s))), fac_dims_make(ndim, shape)))
                        : NULL;
    fac_release(length);
    const char *indices = fac__onnx_put_constant(s, at), *lengths = fac__onnx_put_constant(s, narrow);
    both[ndim + axis] = 1;
    if (!indices || !lengths) return NULL;
    if (!max) {
        const char *pads = fac__onnx_put_ints(s, both, 2 * ndim);
        const char *zero = pads ? fac__onnx_put_number(s, 0, fac_dtype_of(result(s))) : NULL;
        x = zero ? fac__onnx_node(s, "Pad", x, pads, zero) : NULL;
    }
    const char *y = x ? fac__onnx_node(s, "Gather", x, indices) : NULL;
    fac__onnx_give_int(s, "axis", axis);
    const char *over = max ? "" : fac__onnx_put_ints(s, &after, 1);
    y = y && over ? fac__onnx_node(s, max ? "ReduceMax" : "ReduceSum", y, over) : NULL;
    if (max) fac__onnx_give_ints(s, "axes", &after, 1);
    fac__onnx_give_int(s, "keepdims", 0);
    return y && !max ? fac__onnx_node(s, "Div", y, lengths) : y;
}

static bool save_adaptive(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *y = result(s);
    bool max = r->aten[9] == 'm'; /* adaptive_max_pool2d */
    int spatial = r->aten[17] - '0', first;
    int64_t kernel[FAC_MAX_DIMS];
    bool one = true, even = true;
    const char *name = input(s, spatial, &first);
    if (!name) return false;
    if (fac__onnx_saved(s)->n_results > 1 && fac__onnx_wanted(s, 1))
        return fac__onnx_cannot(s, "ONNX's indices count another way");
    for (int i = 0; i < spatial; i++) {
        int64_t in = x->shape[first + i], out = y->shape[first + i];
        if (!out) return fac__onnx_cannot(s, "it gives nothing");
        one &= out == 1;
        even &= in % out == 0;
        kernel[i] = in / out;
    }
    for (int i = 0; i < spatial && !even && name; i++)
        if (x->shape[first + i] != y->shape[first + i])
            name = put_uneven(s, name, max, 2 + i, spatial + 2, x->shape[first + i], y->shape[first + i]);
    if (!even) return output(s, name, first);
    const char *ops[2][2] = {{"AveragePool", "GlobalAveragePool"}, {"MaxPool", "GlobalMaxPool"}};
    name = fac__onnx_node(s, ops[max][one], name);
    if (!one) {
        fac__onnx_give_ints(s, "kernel_shape", kernel, spatial);
        fac__onnx_give_ints(s, "strides", kernel, spatial);
    }
    return output(s, name, first);
}

/* ---- the rows ------------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_pools[] = {
    {"MaxPool", "max_pool1d", load_pool, save_pool},
    {"MaxPool", "max_pool2d", load_pool, save_pool},
    {"MaxPool", "max_pool3d", load_pool, save_pool},
    {"AveragePool", "avg_pool1d", load_pool, save_pool},
    {"AveragePool", "avg_pool2d", load_pool, save_pool},
    {"AveragePool", "avg_pool3d", load_pool, save_pool},
    {"LpPool", "", load_pool, NULL},
    {"GlobalAveragePool", "adaptive_avg_pool1d", load_global, save_adaptive},
    {"GlobalAveragePool", "adaptive_avg_pool2d", load_global, save_adaptive},
    {"GlobalAveragePool", "adaptive_avg_pool3d", load_global, save_adaptive},
    {"GlobalMaxPool", "adaptive_max_pool1d", load_global, save_adaptive},
    {"GlobalMaxPool", "adaptive_max_pool2d", load_global, save_adaptive},
    {"GlobalMaxPool", "adaptive_max_pool3d", load_global, save_adaptive},
    {"GlobalLpPool", "", load_global, NULL},
    {NULL, NULL, NULL, NULL},
};
