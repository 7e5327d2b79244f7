/* Floor 7. ONNX's operators that take parts of tensors, join and pad them. */
#include <stdio.h>

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
    if (step != -1 || !x) return fac__value_error("slices go by steps above 0, or -1, not %lld", (long long)step);
    int64_t size = fac_size(x, (int)axis); /* backwards: those from end + 1 to start, turned round */
    start = start < 0 ? start + size : start >= size ? size - 1 : start;
    end = end < -size ? -1 : end < 0 ? end + size : end;
    fac_tensor *part = fac_slice(x, (int)axis, end + 1, start + 1, 1);
    return part ? fac_flip(part, FAC_DIMS(axis)) : NULL;
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
    fac_dtype dtype = fac_dtype_of(s->a->values[fac__onnx_saved(s)->first].t);
    int64_t dim, ndim = fac_dim(s->a->values[fac__onnx_saved(s)->first].t);
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

static bool load_split(loader *l, const row *r)
{
    fac_dims sizes = fac__onnx_list(l, "split");
    int n = l->node->n_outputs, value;
    fac__term axis = fac__term_int(fac__onnx_int(l, "axis", 0)), x = fac__onnx_arg(l, 0);
    (void)r;
    if (fac__onnx_given(l, 1) && !fac__onnx_known_ints(l, 1, &sizes)) return false;
    if (sizes.n >= 0 && sizes.n != n) return fac__onnx_error(l, "it has %d sizes for %d outputs", sizes.n, n);
    const fac__term args[] = {x, sizes.n >= 0 ? fac__term_dims(&sizes) : fac__term_int(n), axis};
    value = fac__onnx_call_n(l, sizes.n >= 0 ? "split_with_sizes" : "chunk", n, args, 3, NULL, 0);
    for (int i = 0; i < n; i++)
        if (!fac__onnx_result(l, i, value < 0 ? -1 : value + i)) return false;
    return n > 0;
}

/* ---- padding ---------------------------------------------------------------------------------------------------- */

/* [begins, ends] of all dimensions, to PyTorch's pairs from the last dimension on, of those that are padded. */
static int pad(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    const int64_t *pads = args[1].v.ints.items;
    int n = fac_dim(x), from = 0;
    fac_dims order = FAC_DIMS();
    if (args[1].kind != FAC_VALUE_INTS || args[1].v.ints.count != 2 * n || 2 * n > FAC_MAX_DIMS)
        return fac__value_error("the pads are not two for each dimension"), -1;
    while (from < n && !pads[from] && !pads[n + from])
        from++;
    for (int i = n - 1; i >= from; i--) {
        order.d[order.n++] = pads[i];
        order.d[order.n++] = pads[n + i];
    }
    if (!order.n) return fac__onnx_one_result(x, results);
    return fac__onnx_one_result(fac_pad(x, order, args[2].v.string, fac_scalar_to_double(args[3].v.scalar)), results);
}

static bool load_pad(loader *l, const row *r)
{
    static const char *const modes[][2] = {{"constant", "constant"}, {"reflect", "reflect"}, {"edge", "replicate"}};
    const char *word = fac__onnx_word(l, "mode", "constant"), *mode = NULL;
    fac_dims pads = fac__onnx_list(l, "pads");
    double value = fac__onnx_float(l, "value", 0);
    fac_tensor *number = fac__onnx_known(l, 2);
    for (int i = 0; i < 3; i++)
        if (!strcmp(word, modes[i][0])) mode = modes[i][1];
    if (!mode || fac__onnx_given(l, 3) || (pads.n < 0 && !fac__onnx_given(l, 1)) || pads.n > FAC_MAX_DIMS)
        return fac__onnx_error(l, "padding of this kind cannot be read");
    if (fac__onnx_given(l, 2) && (!number || number->numel != 1 || !fac_to_array(number, FAC_FLOAT64, &value, 1)))
        return fac__onnx_error(l, "what is padded with has to be known beforehand");
    fac__term given = pads.n < 0 ? fac__onnx_ints(l, 1) : fac__term_dims(&pads);
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, pad, fac__onnx_arg(l, 0), given,
                                               fac__term_constant(fac_value_string(mode)), fac__term_float(value)));
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

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_parts[] = {
    {"Slice", "slice", load_slice, save_narrow},
    {"Slice", "narrow", NULL, save_narrow},
    {"Concat", "cat", load_concat, save_cat},
    {"Concat", "stack", NULL, save_cat},
    {"Split", "", load_split, NULL},
    {"Pad", "constant_pad_nd", load_pad, save_pad},
    {NULL, NULL, NULL, NULL},
};
