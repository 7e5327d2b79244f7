/* Floor 7. What rows of onnx_operators.h read nodes by: attributes, calls of the graph, results. */
#include <stdio.h>
#include <stdlib.h>

#include "core/raise.h"
#include "onnx_operators.h"

/* ---- attributes ---------------------------------------------------------------------------------------------- */

int64_t fac__onnx_int(const fac__onnx_loader *l, const char *attribute, int64_t otherwise)
{
    const fac__onnx_attribute *a = fac__onnx_attribute_of(l->node, attribute);
    return a ? a->i : otherwise;
}

double fac__onnx_shortest(float f)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)f);
        if (strtof(text, NULL) == f) break;
    }
    return strtod(text, NULL);
}

double fac__onnx_float(const fac__onnx_loader *l, const char *attribute, double otherwise)
{
    const fac__onnx_attribute *a = fac__onnx_attribute_of(l->node, attribute);
    return a ? fac__onnx_shortest(a->f) : otherwise;
}

const char *fac__onnx_word(const fac__onnx_loader *l, const char *attribute, const char *otherwise)
{
    const fac__onnx_attribute *a = fac__onnx_attribute_of(l->node, attribute);
    return a ? a->s : otherwise;
}

fac_dims fac__onnx_list(fac__onnx_loader *l, const char *attribute)
{
    const fac__onnx_attribute *a = fac__onnx_attribute_of(l->node, attribute);
    fac_dims d = {.n = a && (a->ints || !a->count) ? a->count : -1};
    if (d.n > FAC_MAX_DIMS) {
        fac__onnx_error(l, "its attribute '%.60s' has %d numbers, more than %d", attribute, d.n, FAC_MAX_DIMS);
        l->failed = true;
        d.n = -1;
    }
    for (int i = 0; i < d.n; i++)
        d.d[i] = a->ints[i];
    return d;
}

/* ---- calls --------------------------------------------------------------------------------------------------- */

static int add_call(fac__onnx_loader *l, const fac__new_call *call, int n_values)
{
    int values[FAC__TRACED_RESULTS];
    if (n_values < 1 || n_values > FAC__TRACED_RESULTS) return fac__onnx_error(l, "it has %d outputs", n_values), -1;
    return fac__graph_call(l->g, call, n_values, values) ? values[0] : -1;
}

static const char *node_name(const fac__onnx_loader *l)
{
    return *l->node->name || !l->node->n_outputs ? l->node->name : l->node->outputs[0];
}

int fac__onnx_call_n(fac__onnx_loader *l, const char *op, int n_values, const fac__term *args, int n_args,
                     const fac__named_term *keywords, int n_keywords)
{
    fac__new_call call = {
        .name = node_name(l), .op = op, .args = args, .n_args = n_args, .keywords = keywords, .n_keywords = n_keywords};
    return add_call(l, &call, n_values);
}

int fac__onnx_function_n(fac__onnx_loader *l, const char *name, fac__graph_function function, const fac__term *args,
                         int n_args)
{
    return fac__onnx_function_many(l, name, function, 1, args, n_args);
}

int fac__onnx_function_many(fac__onnx_loader *l, const char *name, fac__graph_function function, int n_values,
                            const fac__term *args, int n_args)
{
    fac__new_call call = {.name = node_name(l), .op = name, .function = function, .args = args, .n_args = n_args};
    return add_call(l, &call, n_values);
}

static fac__onnx_name *result(fac__onnx_loader *l, int k)
{
    if (k >= l->node->n_outputs || !*l->node->outputs[k]) return NULL;
    return fac__onnx_add_name(l, l->node->outputs[k]);
}

bool fac__onnx_result(fac__onnx_loader *l, int k, int value)
{
    if (value < 0) return false;
    if (k >= l->node->n_outputs || !*l->node->outputs[k]) return true; /* nobody wants it */
    fac__onnx_name *name = result(l, k);
    if (name) name->value = value;
    return name != NULL;
}

bool fac__onnx_result_sizes(fac__onnx_loader *l, int value, int length, bool single)
{
    fac__onnx_name *name = value < 0 ? NULL : result(l, 0);
    if (!name) return false;
    name->value = value;
    name->sizes = true;
    name->length = length;
    name->single = single;
    return true;
}

bool fac__onnx_result_known(fac__onnx_loader *l, fac_tensor *t)
{
    fac__onnx_name *name = t ? result(l, 0) : NULL;
    if (name) name->known = t;
    return name != NULL;
}

bool fac__onnx_load_plain(fac__onnx_loader *l, const fac__onnx_operator *row)
{
    fac__term args[FAC__TRACED_RESULTS];
    int n = l->node->n_inputs;
    if (n > FAC__TRACED_RESULTS) return fac__onnx_error(l, "it has %d inputs", n);
    for (int i = 0; i < n; i++)
        args[i] = fac__onnx_arg(l, i);
    return fac__onnx_result(l, 0, fac__onnx_call_n(l, row->aten, 1, args, n, NULL, 0));
}
