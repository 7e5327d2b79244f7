/* Floor 7. Whether two passes of a network are the same calls. */
#include "onnx_twice.h"

#include <math.h>

#include "core/raise.h"

bool fac__onnx_differs(const char *what)
{
    if (!fac_get_error_code())
        fac__value_error("the network does something else for other inputs (%s): that cannot be written down", what);
    return false;
}

/* Operations whose shape is that of their result, which may depend on the batch. */
static bool has_shape(const char *op)
{
    return !strcmp(op, "reshape") || !strcmp(op, "view") || !strcmp(op, "expand");
}

static bool same_arg(const fac__trace_arg *a, const fac__trace_arg *b, const char *op)
{
    const fac_value *x = &a->value, *y = &b->value;
    if (x->kind != y->kind || !a->name != !b->name || (a->name && strcmp(a->name, b->name))) return false;
    switch (x->kind) {
    case FAC_VALUE_TENSOR: return a->number == b->number;
    case FAC_VALUE_TENSORS:
        return x->v.tensors.count == y->v.tensors.count &&
               !memcmp(a->numbers, b->numbers, (size_t)x->v.tensors.count * sizeof *a->numbers);
    case FAC_VALUE_SCALAR: {
        double m = fac_scalar_to_double(x->v.scalar), n = fac_scalar_to_double(y->v.scalar);
        return m == n || (isnan(m) && isnan(n));
    }
    case FAC_VALUE_INTS:
        return x->v.ints.count == y->v.ints.count &&
               (has_shape(op) ||
                !memcmp(x->v.ints.items, y->v.ints.items, (size_t)x->v.ints.count * sizeof *x->v.ints.items));
    case FAC_VALUE_STRING: return !strcmp(x->v.string, y->v.string);
    case FAC_VALUE_DTYPE: return x->v.dtype == y->v.dtype;
    default: return x->kind == FAC_VALUE_NONE;
    }
}

bool fac__onnx_same_calls(const fac__trace *a, const fac__trace *b)
{
    if (a->n_calls != b->n_calls || a->n_values != b->n_values || a->n_outputs != b->n_outputs)
        return fac__onnx_differs("other operations");
    for (int i = 0; i < a->n_calls; i++) {
        const fac__trace_call *x = &a->calls[i], *y = &b->calls[i];
        if (strcmp(x->op, y->op) || x->n_args != y->n_args || x->first != y->first || x->n_results != y->n_results)
            return fac__onnx_differs(x->op);
        for (int k = 0; k < x->n_args; k++)
            if (!same_arg(&x->args[k], &y->args[k], x->op)) return fac__onnx_differs(x->op);
    }
    for (int i = 0; i < a->n_values; i++)
        if (a->values[i].source != b->values[i].source || a->values[i].at != b->values[i].at)
            return fac__onnx_differs("other values");
    return !memcmp(a->outputs, b->outputs, (size_t)a->n_outputs * sizeof *a->outputs) ||
           fac__onnx_differs("other outputs");
}
