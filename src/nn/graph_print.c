/* Floor 5. print(graph module): its inputs, a line for each call, and its outputs:
 *
 *     fc = aten.linear(x, fc.weight, fc.bias)
 *     return fc */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nn/graph_module_impl.h"

/* As snprintf: counts what does not fit. */
typedef struct writer {
    char *text;
    size_t size, n;
} writer;

__attribute__((format(printf, 2, 3))) static void put(writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(w->n < w->size ? w->text + w->n : NULL, w->n < w->size ? w->size - w->n : 0, format, args);
    va_end(args);
    if (n > 0) w->n += (size_t)n;
}

static void put_value(writer *w, const fac__graph_code *c, int value)
{
    const fac__graph_value *v = &c->values[value];
    put(w, "%s", v->name);
    if (v->source == FAC__FROM_CALL && c->nodes[v->at].n_values > 1) put(w, "[%d]", value - c->nodes[v->at].first);
}

static void put_constant(writer *w, const fac_value *v)
{
    switch (v->kind) {
    case FAC_VALUE_SCALAR:
        if (v->v.scalar.kind == FAC_BOOL)
            put(w, "%s", v->v.scalar.v.i ? "True" : "False");
        else if (v->v.scalar.kind == FAC_INT64)
            put(w, "%lld", (long long)v->v.scalar.v.i);
        else
            put(w, "%.9g", v->v.scalar.v.f);
        break;
    case FAC_VALUE_INTS:
        put(w, "[");
        for (int64_t i = 0; i < v->v.ints.count; i++)
            put(w, "%s%lld", i ? ", " : "", (long long)v->v.ints.items[i]);
        put(w, "]");
        break;
    case FAC_VALUE_STRING: put(w, "'%s'", v->v.string); break;
    case FAC_VALUE_DTYPE: put(w, "%s", fac_dtype_name(v->v.dtype)); break;
    case FAC_VALUE_LIST:
    case FAC_VALUE_SLICE:
        put(w, "[");
        for (int64_t i = 0; i < v->v.list.count; i++) {
            if (i) put(w, ", ");
            put_constant(w, &v->v.list.items[i]);
        }
        put(w, "]");
        break;
    case FAC_VALUE_ELLIPSIS: put(w, "..."); break;
    default: put(w, "None");
    }
}

static void put_term(writer *w, const fac__graph_code *c, const fac__term *t)
{
    switch (t->kind) {
    case FAC__TERM_VALUE: put_value(w, c, t->value); break;
    case FAC__TERM_TRAINING:
        put(w, "training and ");
        put_constant(w, &t->constant);
        break;
    case FAC__TERM_CONSTANT: put_constant(w, &t->constant); break;
    case FAC__TERM_LIST:
        put(w, "[");
        for (int i = 0; i < t->count; i++) {
            if (i) put(w, ", ");
            put_term(w, c, &t->items[i]);
        }
        put(w, "]");
    }
}

static void put_inputs(writer *w, const fac__graph_code *c)
{
    put(w, "forward(");
    int before = 0;
    for (int i = 0; i < c->n_values; i++) {
        const fac__graph_value *v = &c->values[i];
        if (v->source != FAC__FROM_INPUT) continue;
        put(w, "%s%s", before++ ? ", " : "", v->name);
        if (v->dtype) put(w, ": %s", fac_dtype_name(v->dtype));
        for (int d = 0; d < v->shape.n; d++)
            if (v->shape.d[d] < 0)
                put(w, d ? ", ?" : "[?");
            else
                put(w, d ? ", %lld" : "[%lld", (long long)v->shape.d[d]);
        if (v->shape.n >= 0) put(w, v->shape.n ? "]" : "[]");
    }
    put(w, "):\n");
}

static void put_node(writer *w, const fac__graph_code *c, const fac__graph_node *n)
{
    put(w, "%s = %s(", n->name, n->op);
    for (int i = 0; i < n->n_args; i++) {
        if (i) put(w, ", ");
        put_term(w, c, &n->args[i]);
    }
    for (int i = 0; i < n->n_keywords; i++) {
        put(w, "%s%s=", i || n->n_args ? ", " : "", n->keywords[i].name);
        put_term(w, c, &n->keywords[i].term);
    }
    put(w, ")\n");
}

int fac__graph_repr(const fac_module *self, char *text, size_t size)
{
    const fac__graph_code *c = ((const fac__graph *)self)->code;
    writer w = {text, size, 0};
    if (size) *text = 0;
    put_inputs(&w, c);
    for (int i = 0; i < c->n_nodes; i++)
        put_node(&w, c, &c->nodes[i]);
    for (int i = 0; i < c->n_changes; i++) {
        put_value(&w, c, c->changes[i].into);
        put(&w, " becomes ");
        put_value(&w, c, c->changes[i].value);
        put(&w, "\n");
    }
    put(&w, "return ");
    for (int i = 0; i < c->n_outputs; i++) {
        if (i) put(&w, ", ");
        put_term(&w, c, &c->outputs[i].term);
    }
    return (int)w.n;
}
