/* Floor 7. Poolings, written as ONNX's operators. */
#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "onnx_windows.h"

typedef fac__onnx_operator row;
typedef fac__onnx_saver saver;

/* What a pooling was called with. */
typedef struct windows {
    int spatial;
    fac_dims kernel, stride, dilation, begin;
} windows;

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
    fac_tensor *in = fac__onnx_tensor_at(s, 0), *out = fac__onnx_traced(s);
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

bool fac__onnx_save_pool(saver *s, const row *r)
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
        int64_t in = fac__onnx_tensor_at(s, 0)->shape[first + i] + w.begin.d[i],
                out = fac__onnx_traced(s)->shape[first + i];
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
        narrow = length ? fac_keep(fac_reshape(fac_to(length, fac_dtype_of(fac__onnx_traced(s))),
                                               fac_dims_make(ndim, shape)))
                        : NULL;
    fac_release(length);
    const char *indices = fac__onnx_put_constant(s, at), *lengths = fac__onnx_put_constant(s, narrow);
    both[ndim + axis] = 1;
    if (!indices || !lengths) return NULL;
    if (!max) {
        const char *pads = fac__onnx_put_ints(s, both, 2 * ndim);
        const char *zero = pads ? fac__onnx_put_number(s, 0, fac_dtype_of(fac__onnx_traced(s))) : NULL;
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

bool fac__onnx_save_adaptive(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *y = fac__onnx_traced(s);
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
