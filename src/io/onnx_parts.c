/* Floor 7. ONNX's operators that take parts of tensors, join and pad them. */
#include "core/raise.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

/* ---- parts ------------------------------------------------------------------------------------------------------ */

static fac_tensor *slice_of(fac_tensor *x, int64_t axis, int64_t start, int64_t end, int64_t step)
{
    if (step > 0) return fac_slice(x, (int)axis, start, end, step);
    if (!step || step == INT64_MIN || !x) return fac__value_error("slices do not go by steps of %lld", (long long)step);
    int64_t size = fac_size(x, (int)axis); /* backwards: those from end + 1 to start, turned round */
    start = start < 0 ? start + size : start >= size ? size - 1 : start;
    end = end < -size ? -1 : end < 0 ? end + size : end;
    fac_tensor *part = fac_slice(x, (int)axis, end + 1, start + 1, 1);
    part = part ? fac_flip(part, FAC_DIMS(axis)) : NULL;
    return part && step != -1 ? fac_slice(part, (int)axis, 0, INT64_MAX, -step) : part;
}

static int slice(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_dims d[4] = {FAC_DIMS(), FAC_DIMS(), FAC_DIMS(), FAC_DIMS()};
    for (int i = 0; i < 4 && i + 1 < n_args; i++)
        if (!fac__onnx_dims_of(&args[i + 1], &d[i])) return -1;
    if (d[0].n != d[1].n) return fac__value_error("%d starts and %d ends", d[0].n, d[1].n), -1;
    for (int i = 0; i < d[0].n && x; i++)
        x = slice_of(x, i < d[2].n ? d[2].d[i] : i, d[0].d[i], d[1].d[i], i < d[3].n ? d[3].d[i] : 1);
    return fac__onnx_one_result(x, results);
}

static bool load_slice(loader *l, const row *r)
{
    fac_dims starts = fac__onnx_list(l, "starts"), ends = fac__onnx_list(l, "ends"), axes = fac__onnx_list(l, "axes");
    fac__term x = fac__onnx_arg(l, 0);
    if (starts.n >= 0) { /* before opset 10 */
        if (axes.n < 0) axes.n = 0;
        return fac__onnx_result(l, 0,
                                fac__onnx_function(l, r->onnx, slice, x, fac__term_dims(&starts), fac__term_dims(&ends),
                                                   fac__term_dims(&axes)));
    }
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, slice, x, fac__onnx_ints(l, 1), fac__onnx_ints(l, 2),
                                               fac__onnx_ints(l, 3), fac__onnx_ints(l, 4)));
}

static const char *put_slice(saver *s, const char *x, int64_t dim, int64_t start, int64_t end, int64_t step)
{
    const char *from = fac__onnx_put_ints(s, &start, 1), *to = fac__onnx_put_ints(s, &end, 1);
    const char *axis = fac__onnx_put_ints(s, &dim, 1), *by = fac__onnx_put_ints(s, &step, 1);
    return from && to && axis && by ? fac__onnx_node(s, "Slice", x, from, to, axis, by) : NULL;
}

static bool save_narrow(saver *s, const row *r)
{
    int64_t dim, start, length, step = 1;
    bool slice = !strcmp(r->aten, "slice");
    if (!fac__onnx_int_at(s, 1, &dim) || !fac__onnx_int_at(s, 2, &start)) return false;
    if (slice ? !fac__onnx_int_at(s, 3, &length) || !fac__onnx_int_at(s, 4, &step) : !fac__onnx_int_at(s, 3, &length))
        return false;
    return fac__onnx_is(s, 0, put_slice(s, fac__onnx_name_at(s, 0), dim, start, slice ? length : start + length, step));
}

static bool load_concat(loader *l, const row *r)
{
    fac__term items[FAC__TRACED_RESULTS];
    int n = l->node->n_inputs;
    if (n > FAC__TRACED_RESULTS) return fac__onnx_error(l, "it joins %d tensors, more than %d", n, FAC__TRACED_RESULTS);
    for (int i = 0; i < n; i++)
        items[i] = fac__onnx_arg(l, i);
    return fac__onnx_result(
        l, 0, fac__onnx_call(l, r->aten, fac__term_list(items, n), fac__term_int(fac__onnx_int(l, "axis", 0))));
}

/* cat and stack, in the result's dtype. */
static bool save_cat(saver *s, const row *r)
{
    bool stack = !strcmp(r->aten, "stack");
    const fac__trace_arg *list = fac__trace_arg_at(fac__onnx_saved(s), 0);
    const char *names[FAC__TRACED_RESULTS + 1] = {NULL};
    fac_dtype dtype = fac_dtype_of(fac__onnx_traced(s));
    int64_t dim, ndim = fac_dim(fac__onnx_traced(s));
    int n = 0;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    if (dim < 0) dim += ndim;
    if (list->value.v.tensors.count > FAC__TRACED_RESULTS) return fac__onnx_cannot(s, "it joins too many tensors");
    const char *axis = stack ? fac__onnx_put_ints(s, &dim, 1) : NULL;
    for (int64_t i = 0; i < list->value.v.tensors.count; i++) {
        fac_tensor *t = list->value.v.tensors.items[i];
        if (!stack && t->ndim == 1 && !t->numel && ndim != 1) continue; /* which cat leaves out */
        names[n] = fac__onnx_cast(s, s->names[list->numbers[i]], fac_dtype_of(t), dtype);
        if (stack && names[n]) names[n] = fac__onnx_node(s, "Unsqueeze", names[n], axis);
        if (!names[n++]) return false;
    }
    const char *y = fac__onnx_put(s, "Concat", names);
    fac__onnx_give_int(s, "axis", dim);
    return fac__onnx_is(s, 0, y);
}

/* x, axis, sizes; or x, axis, none, how many parts: all but the last are of one size. */
static int split(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args;
    fac_tensor *x = args[0].v.tensor;
    int64_t axis = fac_scalar_to_int(args[1].v.scalar), at = 0, n = fac_scalar_to_int(args[3].v.scalar);
    const int64_t *sizes = args[2].kind == FAC_VALUE_INTS ? args[2].v.ints.items : NULL;
    if (axis < 0) axis += fac_dim(x);
    if (axis < 0 || axis >= fac_dim(x))
        return fac__value_error("axis %lld is none of the input's", (long long)axis), -1;
    if (sizes && args[2].v.ints.count != n)
        return fac__value_error("%lld sizes for %lld outputs", (long long)args[2].v.ints.count, (long long)n), -1;
    int64_t all = fac_size(x, (int)axis), each = (all + n - 1) / n;
    for (int64_t i = 0; i < n && i < max; i++) {
        int64_t size = sizes ? sizes[i] : at + each > all ? all - at : each;
        fac_tensor *part = fac_narrow(x, (int)axis, at, size);
        if (!part) return -1;
        results[i] = fac_value_tensor(part);
        at += size;
    }
    if (at != all) return fac__value_error("the sizes are not those of %lld elements", (long long)all), -1;
    return (int)n;
}

static bool load_split(loader *l, const row *r)
{
    fac_dims sizes = fac__onnx_list(l, "split");
    int n = l->node->n_outputs;
    const fac__term args[] = {fac__onnx_arg(l, 0), fac__term_int(fac__onnx_int(l, "axis", 0)),
                              sizes.n >= 0            ? fac__term_dims(&sizes)
                              : fac__onnx_given(l, 1) ? fac__onnx_ints(l, 1)
                                                      : fac__term_none(),
                              fac__term_int(n)};
    if (sizes.n > FAC_MAX_DIMS) return fac__onnx_error(l, "it has %d sizes", sizes.n);
    if (n < 1) return fac__onnx_error(l, "it has no outputs");
    int value = fac__onnx_function_many(l, r->onnx, split, n, args, 4);
    for (int i = 0; i < n; i++)
        if (!fac__onnx_result(l, i, value < 0 ? -1 : value + i)) return false;
    return true;
}

/* From the end to the start, along each dimension. */
static bool save_flip(saver *s, const row *r)
{
    (void)r;
    fac_dims dims;
    int64_t start[FAC_MAX_DIMS], end[FAC_MAX_DIMS], step[FAC_MAX_DIMS];
    if (!fac__onnx_dims_at(s, 1, &dims)) return false;
    for (int i = 0; i < dims.n; i++) {
        start[i] = -1;
        end[i] = INT64_MIN + 1;
        step[i] = -1;
    }
    if (!dims.n) return fac__onnx_is(s, 0, fac__onnx_node(s, "Identity", fac__onnx_name_at(s, 0)));
    const char *from = fac__onnx_put_ints(s, start, dims.n), *to = fac__onnx_put_ints(s, end, dims.n);
    const char *axes = fac__onnx_put_ints(s, dims.d, dims.n), *by = fac__onnx_put_ints(s, step, dims.n);
    return fac__onnx_is(
        s, 0,
        from && to && axes && by ? fac__onnx_node(s, "Slice", fac__onnx_name_at(s, 0), from, to, axes, by) : NULL);
}

/* The last of a dimension, then the others. */
static bool save_roll(saver *s, const row *r)
{
    (void)r;
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    fac_dims shifts, dims;
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!fac__onnx_dims_at(s, 1, &shifts) || !fac__onnx_dims_at(s, 2, &dims)) return false;
    if (!dims.n || !x->numel) return fac__onnx_cannot(s, "it goes over all elements");
    if (!fac__onnx_shape_of(s, fac__trace_arg_at(fac__onnx_saved(s), 0)->number, shape, &n)) return false;
    const char *name = fac__onnx_name_at(s, 0);
    for (int i = 0; i < dims.n && name; i++) {
        int64_t dim = dims.d[i] < 0 ? dims.d[i] + n : dims.d[i], size = x->shape[dim];
        int64_t shift = (shifts.d[i] % size + size) % size;
        if (shape[dim].times) return fac__onnx_cannot(s, "it rolls the batch");
        if (!shift) continue;
        const char *last = put_slice(s, name, dim, size - shift, INT64_MAX, 1);
        const char *first = last ? put_slice(s, name, dim, 0, size - shift, 1) : NULL;
        name = first ? fac__onnx_node(s, "Concat", last, first) : NULL;
        fac__onnx_give_int(s, "axis", dim);
    }
    return fac__onnx_is(s, 0, name);
}

/* ---- padding ---------------------------------------------------------------------------------------------------- */

/* Elements of a dimension at these places, which are within it: edges, reflections. */
static fac_tensor *extended(fac_tensor *x, int dim, int64_t begin, int64_t end, const char *mode)
{
    int64_t size = fac_size(x, dim), n;
    if (__builtin_add_overflow(begin, end, &n) || __builtin_add_overflow(size, n, &n)) n = -1;
    if (begin < INT32_MIN || begin > INT32_MAX || end < INT32_MIN || end > INT32_MAX || n < 0 || (!size && n))
        return fac__value_error("a dimension of %lld cannot be padded so", (long long)size);
    fac_tensor *at = fac__own(fac__new(FAC_INT64, 1, &n));
    int64_t *p = at ? fac__host(at) : NULL, period = !strcmp(mode, "wrap") ? size : 2 * (size - 1);
    for (int64_t i = 0; p && i < n; i++) {
        int64_t k = i - begin;
        if (!strcmp(mode, "edge"))
            k = k < 0 ? 0 : k >= size ? size - 1 : k;
        else if (period)
            k = (k % period + period) % period;
        else
            k = 0;
        p[i] = k < size ? k : period - k;
    }
    return p ? fac_index_select(x, dim, at) : NULL;
}

/* Whether fac_pad does it in one kernel, and the pads that it takes: floats, up to three dimensions behind batch and channels. */
static bool usual_pad(fac_tensor *x, const char *mode, const int64_t *begin, const int64_t *end, fac_dims *order)
{
    int n = fac_dim(x);
    bool fits = (!strcmp(mode, "reflect") || !strcmp(mode, "edge")) && n >= 3 && n <= 5 && !begin[0] && !begin[1] &&
                !end[0] && !end[1] && fac_dtype_is_floating(fac_dtype_of(x));
    for (int i = 2; i < n && fits; i++)
        fits = begin[i] >= 0 && end[i] >= 0 && begin[i] < fac_size(x, i) && end[i] < fac_size(x, i);
    if (!fits) return false;
    *order = FAC_DIMS();
    for (int i = n - 1; i >= 2; i--) {
        order->d[order->n++] = begin[i];
        order->d[order->n++] = end[i];
    }
    return true;
}

/* x, pads, mode, value, axes: pads are begins and ends of all dimensions, or of these. */
static int pad(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_dims axes, order = FAC_DIMS();
    int n = fac_dim(x);
    int64_t begin[FAC_MAX_DIMS] = {0}, end[FAC_MAX_DIMS] = {0};
    if (!fac__onnx_dims_of(&args[4], &axes)) return -1;
    int count = args[4].kind == FAC_VALUE_NONE ? n : axes.n;
    if (args[1].kind != FAC_VALUE_INTS || args[1].v.ints.count != 2 * count)
        return fac__value_error("the pads are not two for each dimension"), -1;
    for (int i = 0; i < count; i++) {
        int64_t d = args[4].kind == FAC_VALUE_NONE ? i : axes.d[i] + (axes.d[i] < 0 ? n : 0);
        if (d < 0 || d >= n) return fac__value_error("axis %lld is none of the input's", (long long)d), -1;
        begin[d] = args[1].v.ints.items[i];
        end[d] = args[1].v.ints.items[count + i];
    }
    if (usual_pad(x, args[2].v.string, begin, end, &order))
        return fac__onnx_one_result(fac_pad(x, order, *args[2].v.string == 'r' ? "reflect" : "replicate", 0), results);
    if (strcmp(args[2].v.string, "constant")) {
        for (int i = 0; i < n && x; i++)
            if (begin[i] || end[i]) x = extended(x, i, begin[i], end[i], args[2].v.string);
        return fac__onnx_one_result(x == args[0].v.tensor ? fac_clone(x) : x, results);
    }
    double value = 0;
    if (args[3].kind == FAC_VALUE_SCALAR) value = fac_scalar_to_double(args[3].v.scalar);
    if (args[3].kind == FAC_VALUE_TENSOR && !fac_to_array(args[3].v.tensor, FAC_FLOAT64, &value, 1)) return -1;
    int from = 0;
    while (from < n && !begin[from] && !end[from])
        from++;
    if (2 * (n - from) > FAC_MAX_DIMS)
        return fac__value_error("more than %d dimensions are padded", FAC_MAX_DIMS / 2), -1;
    for (int i = n - 1; i >= from; i--) { /* PyTorch's pairs, from the last dimension on */
        order.d[order.n++] = begin[i];
        order.d[order.n++] = end[i];
    }
    return fac__onnx_one_result(order.n ? fac_pad(x, order, "constant", value) : fac_clone(x), results);
}

static bool load_pad(loader *l, const row *r)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    const char *word = fac__onnx_word(l, "mode", "constant"), *mode = NULL;
    fac_dims pads = fac__onnx_list(l, "pads");
    double value = fac__onnx_float(l, "value", 0);
    fac_tensor *number = fac__onnx_known(l, 2);
    for (int i = 0; i < 4; i++)
        if (!strcmp(word, modes[i])) mode = modes[i];
    if (!mode || (pads.n < 0 && !fac__onnx_given(l, 1)) || pads.n > FAC_MAX_DIMS)
        return fac__onnx_error(l, "padding of this kind cannot be read");
    if (number && (number->numel != 1 || !fac_to_array(number, FAC_FLOAT64, &value, 1)))
        return fac__onnx_error(l, "what is padded with is no single number");
    fac__term given = pads.n < 0 ? fac__onnx_ints(l, 1) : fac__term_dims(&pads);
    fac__term with = fac__onnx_given(l, 2) && !number ? fac__onnx_arg(l, 2) : fac__term_float(value);
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, pad, fac__onnx_arg(l, 0), given,
                                               fac__term_constant(fac_value_string(mode)), with,
                                               fac__onnx_given(l, 3) ? fac__onnx_ints(l, 3) : fac__term_none()));
}

static bool save_pad(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    fac_dims pad;
    int64_t both[2 * FAC_MAX_DIMS] = {0};
    if (!fac__onnx_dims_at(s, 1, &pad)) return false;
    for (int i = 0; i < pad.n / 2; i++) {
        both[x->ndim - 1 - i] = pad.d[2 * i];
        both[2 * x->ndim - 1 - i] = pad.d[2 * i + 1];
    }
    const char *pads = fac__onnx_put_ints(s, both, 2 * x->ndim);
    const char *value = fac__onnx_put_number(s, fac__onnx_float_at(s, 2, 0), fac_dtype_of(x));
    return fac__onnx_is(s, 0, pads && value ? fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), pads, value) : NULL);
}

/* x, sizes, axes: from the middle, or with zeros around; of an odd difference one more behind. */
static int center(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_dims sizes, axes, order = FAC_DIMS();
    int n = fac_dim(x);
    int64_t begin[FAC_MAX_DIMS] = {0}, end[FAC_MAX_DIMS] = {0};
    if (!fac__onnx_dims_of(&args[1], &sizes) || !fac__onnx_dims_of(&args[2], &axes)) return -1;
    if (sizes.n != (axes.n ? axes.n : n) || 2 * n > FAC_MAX_DIMS)
        return fac__value_error("%d sizes for %d dimensions", sizes.n, n), -1;
    for (int i = 0; i < sizes.n; i++) {
        int64_t d = axes.n ? axes.d[i] + (axes.d[i] < 0 ? n : 0) : i;
        if (d < 0 || d >= n || sizes.d[i] < 0) return fac__value_error("a size of %lld", (long long)sizes.d[i]), -1;
        int64_t more = sizes.d[i] - fac_size(x, (int)d);
        begin[d] = more < 0 ? -(-more / 2) : more / 2;
        end[d] = more - begin[d];
    }
    for (int i = n - 1; i >= 0; i--) {
        order.d[order.n++] = begin[i];
        order.d[order.n++] = end[i];
    }
    return fac__onnx_one_result(fac_pad(x, order, "constant", 0), results);
}

static bool load_center(loader *l, const row *r)
{
    fac_dims axes = fac__onnx_list(l, "axes");
    if (axes.n < 0) axes.n = 0;
    return fac__onnx_result(
        l, 0, fac__onnx_function(l, r->onnx, center, fac__onnx_arg(l, 0), fac__onnx_ints(l, 1), fac__term_dims(&axes)));
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_parts[] = {
    {"Slice", "slice", load_slice, save_narrow},
    {"Slice", "narrow", NULL, save_narrow},
    {"Concat", "cat", load_concat, save_cat},
    {"Concat", "stack", NULL, save_cat},
    {"Split", "", load_split, NULL},
    {"Pad", "constant_pad_nd", load_pad, save_pad},
    {"CenterCropPad", "", load_center, NULL},
    {"", "flip", NULL, save_flip},
    {"", "roll", NULL, save_roll},
    {NULL, NULL, NULL, NULL},
};
