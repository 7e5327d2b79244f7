/* Floor 7. What the rows of onnx_operators.h write nodes with: names, attributes, constants, sizes that depend on the batch. */
#include <stdarg.h>
#include <stdio.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "onnx_operators.h"

bool fac__onnx_cannot(const fac__onnx_saver *s, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!fac_get_error_code()) fac__value_error("%s cannot be written as ONNX: %s", fac__onnx_saved(s)->op, text);
    return false;
}

/* ---- arguments ----------------------------------------------------------------------------------------------- */

const fac__trace_call *fac__onnx_saved(const fac__onnx_saver *s)
{
    return &s->a->calls[s->call];
}

static const fac__trace_arg *arg(const fac__onnx_saver *s, int i)
{
    return fac__trace_arg_at(fac__onnx_saved(s), i);
}

const char *fac__onnx_name_at(fac__onnx_saver *s, int i)
{
    const fac__trace_arg *a = arg(s, i);
    return a->value.kind == FAC_VALUE_TENSOR ? s->names[a->number] : "";
}

fac_tensor *fac__onnx_tensor_at(const fac__onnx_saver *s, int i)
{
    const fac__trace_arg *a = arg(s, i);
    return a->value.kind == FAC_VALUE_TENSOR ? a->value.v.tensor : NULL;
}

const char *fac__onnx_cast(fac__onnx_saver *s, const char *name, fac_dtype from, fac_dtype to)
{
    if (!name || from == to) return name;
    const char *cast = fac__onnx_node(s, "Cast", name);
    fac__onnx_give_int(s, "to", fac__onnx_type_of(to));
    return cast;
}

const char *fac__onnx_operand(fac__onnx_saver *s, int i, fac_dtype dtype)
{
    const fac__trace_arg *a = arg(s, i);
    if (a->value.kind == FAC_VALUE_TENSOR)
        return fac__onnx_cast(s, s->names[a->number], fac_dtype_of(a->value.v.tensor), dtype);
    if (a->value.kind == FAC_VALUE_SCALAR)
        return fac__onnx_put_number(s, fac_scalar_to_double(a->value.v.scalar), dtype);
    return fac__onnx_cannot(s, "argument %d is missing", i), NULL;
}

bool fac__onnx_int_at(fac__onnx_saver *s, int i, int64_t *out)
{
    const fac__trace_arg *a = arg(s, i);
    if (a->value.kind != FAC_VALUE_SCALAR) return fac__onnx_cannot(s, "argument %d is no number", i);
    *out = fac_scalar_to_int(a->value.v.scalar);
    return true;
}

bool fac__onnx_dims_at(fac__onnx_saver *s, int i, fac_dims *out)
{
    const fac__trace_arg *a = arg(s, i);
    if (a->value.kind == FAC_VALUE_NONE) return out->n = -1, true;
    if (a->value.kind != FAC_VALUE_INTS || a->value.v.ints.count > FAC_MAX_DIMS)
        return fac__onnx_cannot(s, "argument %d is no list of integers", i);
    *out = fac_dims_make((int)a->value.v.ints.count, a->value.v.ints.items);
    return true;
}

double fac__onnx_float_at(const fac__onnx_saver *s, int i, double otherwise)
{
    const fac__trace_arg *a = arg(s, i);
    return a->value.kind == FAC_VALUE_SCALAR ? fac_scalar_to_double(a->value.v.scalar) : otherwise;
}

bool fac__onnx_bool_at(const fac__onnx_saver *s, int i)
{
    return fac__onnx_float_at(s, i, 0) != 0;
}

/* ---- sizes --------------------------------------------------------------------------------------------------- */

bool fac__onnx_shape_of(fac__onnx_saver *s, int value, fac__onnx_size *shape, int *n)
{
    const fac_tensor *a = s->a->values[value].t, *b = s->b->values[value].t;
    *n = a->ndim;
    if (a->ndim != b->ndim) return fac__onnx_cannot(s, "its dimensions depend on the size of the batch");
    for (int d = 0; d < a->ndim; d++) {
        int64_t more = b->shape[d] - a->shape[d], step = s->batch_b - s->batch_a;
        if (more && (!step || more % step))
            return fac__onnx_cannot(s, "its shape is no multiple of the size of the batch");
        shape[d].times = more ? more / step : 0;
        shape[d].fixed = a->shape[d] - shape[d].times * s->batch_a;
    }
    return true;
}

/* The batch's size, from the first input. */
static const char *batch_size(fac__onnx_saver *s)
{
    if (!s->batch) {
        const char *shape = fac__onnx_node(s, "Shape", s->names[0]);
        const char *at = fac__onnx_put_ints(s, (int64_t[]){s->batch_dim}, 1);
        s->batch = shape && at ? fac__onnx_node(s, "Gather", shape, at) : NULL;
    }
    return s->batch;
}

static const char *one_size(fac__onnx_saver *s, fac__onnx_size size)
{
    if (!size.times) return fac__onnx_put_ints(s, &size.fixed, 1);
    const char *name = batch_size(s);
    if (name && size.times != 1) {
        const char *times = fac__onnx_put_ints(s, &size.times, 1);
        name = times ? fac__onnx_node(s, "Mul", name, times) : NULL;
    }
    if (name && size.fixed) {
        const char *fixed = fac__onnx_put_ints(s, &size.fixed, 1);
        name = fixed ? fac__onnx_node(s, "Add", name, fixed) : NULL;
    }
    return name;
}

const char *fac__onnx_put_sizes(fac__onnx_saver *s, const fac__onnx_size *sizes, int n)
{
    int64_t fixed[FAC_MAX_DIMS];
    bool all = true;
    for (int i = 0; i < n; i++) {
        fixed[i] = sizes[i].fixed;
        all &= !sizes[i].times;
    }
    if (all) return fac__onnx_put_ints(s, fixed, n);
    const char *parts[FAC_MAX_DIMS + 1] = {NULL};
    for (int i = 0; i < n; i++)
        if (!(parts[i] = one_size(s, sizes[i]))) return NULL;
    const char *name = fac__onnx_put(s, "Concat", parts);
    fac__onnx_give_int(s, "axis", 0);
    return name;
}

/* ---- constants ----------------------------------------------------------------------------------------------- */

static fac__onnx_attribute *attribute(fac__onnx_saver *s, const char *name, int type)
{
    enum { ROOM = 12 };
    fac__onnx_model *m = s->model;
    fac__onnx_node *n = m->n_nodes ? &m->nodes[m->n_nodes - 1] : NULL;
    if (!n || m->failed) return NULL;
    if (!n->attributes) n->attributes = fac__arena_zeroed(&m->arena, ROOM * sizeof *n->attributes);
    if (!n->attributes || n->n_attributes == ROOM) return m->failed = true, NULL;
    n->attributes[n->n_attributes] = (fac__onnx_attribute){.name = name, .type = type, .s = ""};
    return &n->attributes[n->n_attributes++];
}

const char *fac__onnx_put_constant(fac__onnx_saver *s, fac_tensor *t)
{
    if (!t) return s->model->failed = true, NULL;
    const char *name = fac__onnx_put(s, "Constant", (const char *const[]){NULL});
    fac__onnx_attribute *a = name ? attribute(s, "value", FAC__ONNX_TENSOR) : NULL;
    if (a)
        a->t = t;
    else
        fac_release(t);
    return a ? name : NULL;
}

const char *fac__onnx_put_ints(fac__onnx_saver *s, const int64_t *ints, int n)
{
    fac_tensor *t = NULL;
    fac_scope
        t = fac_keep(fac_from_array(ints, FAC_INT64, FAC_SHAPE(n)));
    return fac__onnx_put_constant(s, t);
}

const char *fac__onnx_put_number(fac__onnx_saver *s, double number, fac_dtype dtype)
{
    fac_tensor *t = NULL;
    fac_scope
        t = fac_keep(fac_scalar_tensor(number, .dtype = dtype));
    return fac__onnx_put_constant(s, t);
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

static const char *new_name(fac__onnx_saver *s)
{
    char text[96];
    const char *op = s->a->n_calls ? fac__onnx_saved(s)->op : "value";
    snprintf(text, sizeof text, "%.*s_%d", (int)strcspn(op, "."), op, s->made++);
    const char *name = fac__arena_text(&s->model->arena, text);
    if (!name) s->model->failed = true;
    return name;
}

const char *fac__onnx_put(fac__onnx_saver *s, const char *op, const char *const *inputs)
{
    fac__onnx_model *m = s->model;
    int count = 0;
    while (inputs[count])
        count++;
    fac__onnx_node *n = m->failed ? NULL : fac__onnx_add_node(m);
    if (!n) return NULL;
    n->op = op;
    n->domain = "";
    n->inputs = fac__arena_zeroed(&m->arena, (size_t)count * sizeof *n->inputs);
    n->outputs = fac__arena_zeroed(&m->arena, 4 * sizeof *n->outputs);
    n->name = new_name(s);
    if (!n->inputs || !n->outputs || !n->name) return m->failed = true, m->n_nodes--, NULL;
    for (int i = 0; i < count; i++)
        n->inputs[i] = inputs[i];
    while (count && !*n->inputs[count - 1])
        count--;
    n->n_inputs = count;
    n->n_outputs = 1;
    return n->outputs[0] = n->name;
}

const char *fac__onnx_give_output(fac__onnx_saver *s)
{
    fac__onnx_node *n = s->model->failed ? NULL : &s->model->nodes[s->model->n_nodes - 1];
    const char *name = n && n->n_outputs < 4 ? new_name(s) : NULL;
    if (name) n->outputs[n->n_outputs++] = name;
    return name;
}

void fac__onnx_give_int(fac__onnx_saver *s, const char *name, int64_t value)
{
    fac__onnx_attribute *a = attribute(s, name, FAC__ONNX_INT);
    if (a) a->i = value;
}

void fac__onnx_give_float(fac__onnx_saver *s, const char *name, double value)
{
    fac__onnx_attribute *a = attribute(s, name, FAC__ONNX_FLOAT);
    if (a) a->f = (float)value;
}

void fac__onnx_give_word(fac__onnx_saver *s, const char *name, const char *value)
{
    fac__onnx_attribute *a = attribute(s, name, FAC__ONNX_TEXT);
    if (a) a->s = value;
}

void fac__onnx_give_words(fac__onnx_saver *s, const char *name, const char *words)
{
    fac__onnx_attribute *a = attribute(s, name, FAC__ONNX_TEXTS);
    if (a) a->s = words;
}

void fac__onnx_give_ints(fac__onnx_saver *s, const char *name, const int64_t *ints, int n)
{
    fac__onnx_attribute *a = attribute(s, name, FAC__ONNX_INTS);
    int64_t *copy = a ? fac__arena_zeroed(&s->model->arena, (size_t)n * sizeof *copy) : NULL;
    if (a && !copy) s->model->failed = true;
    if (!copy) return;
    memcpy(copy, ints, (size_t)n * sizeof *copy);
    a->ints = copy;
    a->count = n;
}

bool fac__onnx_wanted(const fac__onnx_saver *s, int k)
{
    const fac__trace *t = s->a;
    int value = fac__onnx_saved(s)->first + k;
    for (int i = 0; i < t->n_outputs; i++)
        if (t->outputs[i] == value) return true;
    for (int i = s->call + 1; i < t->n_calls; i++)
        for (int j = 0; j < t->calls[i].n_args; j++) {
            const fac__trace_arg *a = &t->calls[i].args[j];
            if (a->value.kind == FAC_VALUE_TENSOR && a->number == value) return true;
            for (int64_t m = 0; a->value.kind == FAC_VALUE_TENSORS && m < a->value.v.tensors.count; m++)
                if (a->numbers[m] == value) return true;
        }
    return false;
}

bool fac__onnx_is(fac__onnx_saver *s, int k, const char *name)
{
    if (name && !s->model->failed) s->names[fac__onnx_saved(s)->first + k] = name;
    return name && !s->model->failed;
}

bool fac__onnx_save_plain(fac__onnx_saver *s, const fac__onnx_operator *row)
{
    const char *inputs[FAC__TRACED_RESULTS + 1] = {NULL};
    int n = 0;
    const fac__trace_call *c = fac__onnx_saved(s);
    for (int i = 0; i < c->n_args && n < FAC__TRACED_RESULTS; i++)
        if (c->args[i].value.kind == FAC_VALUE_TENSOR) inputs[n++] = fac__onnx_name_at(s, i);
    return fac__onnx_is(s, 0, fac__onnx_put(s, row->onnx, inputs));
}
