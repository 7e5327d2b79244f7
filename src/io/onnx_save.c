/* Floor 7. Writing a network as an ONNX file: traced twice, written down row by row, read back, run and compared. */
#include <math.h>
#include <stdio.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "onnx_twice.h"

/* ---- the pass ------------------------------------------------------------------------------------------------------ */

typedef struct pass {
    void *module;
    const fac_onnx_options *o;
} pass;

static int run_graph(void *module, fac_tensor *const *inputs, int n_inputs, fac_tensor **outputs, int max)
{
    fac_value in[FAC__TRACED_RESULTS], out[FAC__TRACED_RESULTS];
    for (int i = 0; i < n_inputs; i++)
        in[i] = fac_value_tensor(inputs[i]);
    int n = fac_graph_call(module, in, n_inputs, out, FAC__TRACED_RESULTS);
    for (int i = 0; i < n && i < max; i++) {
        if (out[i].kind != FAC_VALUE_TENSOR) return fac__value_error("output %d is no tensor", i), -1;
        outputs[i] = out[i].v.tensor;
    }
    return n;
}

static int run_pass(void *context, fac_tensor *const *inputs, int n_inputs, fac_tensor **outputs, int max)
{
    const pass *p = context;
    if (p->o->forward) return p->o->forward(p->module, inputs, n_inputs, outputs, max);
    if (fac_is_graph(p->module)) return run_graph(p->module, inputs, n_inputs, outputs, max);
    if (n_inputs != 1)
        return fac__value_error("%d inputs, where the module's forward takes one: say .forward", n_inputs), -1;
    outputs[0] = fac_forward(p->module, inputs[0]);
    return outputs[0] ? 1 : -1;
}

/* ---- other inputs -------------------------------------------------------------------------------------------------- */

/* The elements in another order, for `batch` samples (0: as many as there are): of the scope. */
static fac_tensor *other_input(fac_tensor *t, int64_t dim, int64_t batch)
{
    fac_tensor *x = fac_reshape(fac_flip(fac_reshape(t, FAC_DIMS(-1)), FAC_DIMS(0)), fac_shape(t));
    if (!x || !batch) return x;
    int64_t size = fac_size(x, (int)dim);
    fac_tensor *at = fac_remainder_scalar(fac_arange(0, batch, 1), size);
    return fac_contiguous(fac_index_select(x, (int)dim, at));
}

static bool other_inputs(fac_tensor_list in, int64_t dim, int64_t batch, fac_tensor **out)
{
    for (int64_t i = 0; i < in.count; i++)
        if (!(out[i] = other_input(in.items[i], dim, batch))) return false;
    return true;
}

/* ---- constants ------------------------------------------------------------------------------------------------------ */

/* The bytes of a tensor, contiguous, of the scope. */
static const void *bytes_of(fac_tensor *t, size_t *n)
{
    fac_tensor *c = fac_contiguous(t);
    *n = c ? (size_t)c->numel * fac_dtype_size((fac_dtype)c->dtype) : 0;
    return c ? fac__host(c) : NULL;
}

static bool same_bytes(fac_tensor *a, fac_tensor *b)
{
    size_t n, m;
    const void *p = bytes_of(a, &n), *q = bytes_of(b, &m);
    return p && q && a->dtype == b->dtype && n == m && !memcmp(p, q, n);
}

/* All elements are this one. */
static bool is_full(fac_tensor *t, fac_tensor *element)
{
    return t->numel && same_bytes(t, fac_contiguous(fac_expand(element, fac_shape(t))));
}

static bool same_shape(const fac_tensor *a, const fac_tensor *b)
{
    return a->ndim == b->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape);
}

/* A tensor that is as large as the batch wants it, of one number. */
static const char *put_full(fac__onnx_saver *s, int i)
{
    fac_tensor *a = s->a->values[i].t, *b = s->b->values[i].t;
    fac_tensor *first = a->numel ? fac_clone(fac_select(fac_reshape(a, FAC_DIMS(-1)), 0, 0)) : NULL;
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!first || !is_full(a, first) || !is_full(b, first)) return NULL;
    const char *sizes = fac__onnx_shape_of(s, i, shape, &n) ? fac__onnx_put_sizes(s, shape, n) : NULL;
    const char *element = sizes ? fac__onnx_put_constant(s, fac_keep(first)) : NULL;
    return element ? fac__onnx_node(s, "Expand", element, sizes) : NULL;
}

static const char *put_constant(fac__onnx_saver *s, int i)
{
    fac_tensor *a = s->a->values[i].t, *b = s->b->values[i].t;
    for (int k = 0; k < s->n_state; k++) {
        const fac_tensor *t = s->state[k].t;
        if (t->storage != a->storage || t->offset != a->offset || t->dtype != a->dtype || !same_shape(t, a)) continue;
        if (memcmp(t->strides, a->strides, (size_t)a->ndim * sizeof *a->strides)) continue;
        fac__onnx_tensor *added = fac__onnx_add_tensor(s->model);
        if (added) *added = (fac__onnx_tensor){fac__arena_text(&s->model->arena, s->state[k].name), fac_keep(a)};
        return added ? added->name : NULL;
    }
    if (same_shape(a, b) && same_bytes(a, b)) return fac__onnx_put_constant(s, fac_keep(fac_clone(a)));
    const char *name = same_shape(a, b) ? NULL : put_full(s, i);
    if (!name && !s->model->failed) fac__onnx_differs("a tensor that it makes by itself; does it draw random numbers?");
    return name;
}

/* ---- the model ------------------------------------------------------------------------------------------------------ */

static fac__onnx_value *add_value(fac__onnx_saver *s, bool output, int i, const char *name)
{
    fac__onnx_value *v = output ? fac__onnx_add_output(s->model) : fac__onnx_add_input(s->model);
    const fac_tensor *a = s->a->values[i].t, *b = s->b->values[i].t;
    if (!v) return NULL;
    *v = (fac__onnx_value){name, (fac_dtype)a->dtype, fac_dims_make(a->ndim, a->shape), false};
    for (int d = 0; d < a->ndim; d++)
        if (a->shape[d] != b->shape[d]) v->shape.d[d] = -1;
    return v;
}

/* "input", or "input_0" of several, or what the caller calls it. */
static const char *own_name(fac__onnx_saver *s, const char *const *given, const char *word, int i, int n)
{
    char text[32];
    snprintf(text, sizeof text, n > 1 ? "%s_%d" : "%s", word, i);
    const char *name = fac__arena_text(&s->model->arena, given && given[i] ? given[i] : text);
    if (!name) s->model->failed = true;
    return name;
}

static bool save_call(fac__onnx_saver *s, int i)
{
    s->call = i;
    const fac__trace_call *c = &s->a->calls[i];
    size_t n = strcspn(c->op, ".");
    n -= n > 1 && c->op[n - 1] == '_'; /* in place: the result has a name of its own */
    const fac__onnx_operator *row;
    for (int k = 0; (row = fac__onnx_operator_at(k)); k++)
        if (row->save && strlen(row->aten) == n && !strncmp(row->aten, c->op, n))
            return row->save(s, row) || fac__onnx_cannot(s, "a part of it failed");
    return fac__onnx_cannot(s, "there is no operator for it");
}

/* The name of an output, which is no other's: given to what makes it, or by a node that copies it. */
static void save_output(fac__onnx_saver *s, int k, const char *name)
{
    fac__onnx_model *m = s->model;
    int value = s->a->outputs[k];
    const char *old = s->names[value];
    bool taken = s->a->values[value].source != FAC__TRACE_RESULT;
    for (int i = 0; i < k; i++)
        taken |= s->names[s->a->outputs[i]] == old;
    for (int i = 0; i < s->a->n_values && !taken; i++) /* another value of that name */
        taken = i != value && s->names[i] == old && s->a->values[i].source != FAC__TRACE_RESULT;
    if (taken) {
        if (fac__onnx_node(s, "Identity", old)) m->nodes[m->n_nodes - 1].outputs[0] = name;
        return;
    }
    for (int i = 0; i < m->n_nodes; i++) {
        for (int j = 0; j < m->nodes[i].n_inputs; j++)
            if (m->nodes[i].inputs[j] == old) m->nodes[i].inputs[j] = name;
        for (int j = 0; j < m->nodes[i].n_outputs; j++)
            if (m->nodes[i].outputs[j] == old) m->nodes[i].outputs[j] = name;
    }
    for (int i = 0; i < s->a->n_values; i++)
        if (s->names[i] == old) s->names[i] = name;
}

/* Names are compared as pointers: each name has one text. */
static bool used(const fac__onnx_model *m, const char *name, int after)
{
    for (int i = after + 1; i < m->n_nodes; i++)
        for (int k = 0; k < m->nodes[i].n_inputs; k++)
            if (m->nodes[i].inputs[k] == name) return true;
    for (int i = 0; i < m->n_outputs; i++)
        if (m->outputs[i].name == name) return true;
    return false;
}

/* Nodes and tensors, what comes of which nobody uses. */
static void leave_out_unused(fac__onnx_model *m)
{
    for (int i = m->n_nodes - 1; i >= 0; i--) {
        fac__onnx_node *n = &m->nodes[i];
        bool needed = false;
        for (int k = 0; k < n->n_outputs; k++)
            needed |= used(m, n->outputs[k], i);
        if (needed) continue;
        for (int k = 0; k < n->n_attributes; k++)
            fac_release(n->attributes[k].t);
        memmove(n, n + 1, (size_t)(--m->n_nodes - i) * sizeof *n);
    }
    for (int i = m->n_initializers - 1; i >= 0; i--) {
        fac__onnx_tensor *t = &m->initializers[i];
        if (used(m, t->name, -1)) continue;
        fac_release(t->t);
        memmove(t, t + 1, (size_t)(--m->n_initializers - i) * sizeof *t);
    }
}

static bool save_all(fac__onnx_saver *s, const fac_onnx_options *o, int n_inputs)
{
    fac__onnx_model *m = s->model;
    m->ir_version = FAC__ONNX_IR;
    m->opset = FAC__ONNX_OPSET;
    m->producer = "facula";
    s->names = fac__arena_zeroed(&m->arena, (size_t)s->a->n_values * sizeof *s->names);
    if (!s->names) return false;
    for (int i = 0; i < n_inputs && !m->failed; i++) {
        s->names[i] = own_name(s, o->input_names, "input", i, n_inputs);
        if (!add_value(s, false, i, s->names[i])) return false;
    }
    for (int i = 0; i < s->a->n_values && !m->failed; i++)
        if (s->a->values[i].source == FAC__TRACE_CONSTANT && !(s->names[i] = put_constant(s, i))) return false;
    for (int i = 0; i < s->a->n_calls && !m->failed; i++)
        if (!save_call(s, i)) return false;
    for (int i = 0; i < s->a->n_outputs && !m->failed; i++) {
        const char *name = own_name(s, o->output_names, "output", i, s->a->n_outputs);
        if (!name || !add_value(s, true, s->a->outputs[i], name)) return false;
        save_output(s, i, name);
    }
    if (!m->failed) leave_out_unused(m);
    return !m->failed;
}

/* ---- reading back --------------------------------------------------------------------------------------------------- */

static bool close_enough(fac_tensor *a, fac_tensor *b, int k)
{
    if (a->dtype != b->dtype || !same_shape(a, b))
        return fac__value_error("output %d of the ONNX model is %s %s, and %s %s of the network: it is not written", k,
                                fac_dtype_name((fac_dtype)b->dtype), fac__shape_text(b->ndim, b->shape),
                                fac_dtype_name((fac_dtype)a->dtype), fac__shape_text(a->ndim, a->shape)),
               false;
    int64_t n = a->numel;
    double *x = fac__alloc((size_t)(2 * n + 1) * sizeof *x), most = 0, worst = 0;
    if (!x) return false;
    bool ok = fac_to_array(a, FAC_FLOAT64, x, n) && fac_to_array(b, FAC_FLOAT64, x + n, n);
    for (int64_t i = 0; i < n && ok; i++) {
        double p = x[i], q = x[n + i];
        if (p == q || (isnan(p) && isnan(q))) continue;
        if (isfinite(p) && fabs(p) > most) most = fabs(p);
        worst = fabs(p - q) <= worst ? worst : fabs(p - q);
    }
    fac__free(x);
    bool narrow = a->dtype == FAC_FLOAT16 || a->dtype == FAC_BFLOAT16;
    double limit = narrow ? 3e-2 * most + 1e-3 : 3e-4 * most + 1e-6;
    if (!fac_dtype_is_floating((fac_dtype)a->dtype)) limit = 0;
    if (!ok || worst <= limit) return ok;
    return fac__value_error("output %d of the ONNX model differs from the network's by %g: it is not written", k,
                            worst),
           false;
}

/* Whether the model does to the inputs what the pass does. */
static bool proven(const char *path, const fac__onnx_model *m, pass *p, fac_tensor **inputs, int n_inputs)
{
    fac_module *module = fac__onnx_module(path, m);
    bool ok = module && fac_eval(module);
    fac_scope {
        fac_no_grad {
            fac_tensor *mine[FAC__TRACED_RESULTS], *its[FAC__TRACED_RESULTS];
            int n = ok ? run_pass(p, inputs, n_inputs, mine, FAC__TRACED_RESULTS) : -1;
            int k = n >= 0 ? run_graph(module, inputs, n_inputs, its, FAC__TRACED_RESULTS) : -1;
            ok = n > 0 && k == n;
            for (int i = 0; i < n && ok; i++)
                ok = close_enough(mine[i], its[i], i);
        }
    }
    fac_module_free(module);
    return ok;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

typedef struct modes {
    bool *training;
    int count;
} modes;

static void count_modes(fac_module *m, void *context)
{
    (void)m;
    ((modes *)context)->count++;
}
static void note_mode(fac_module *m, void *context)
{
    modes *all = context;
    all->training[all->count++] = m->training;
}
static void restore_mode(fac_module *m, void *context)
{
    modes *all = context;
    m->training = all->training[all->count++];
}

/* The module's parameters and buffers by name, up to the end of the arena. */
static bool list_state(void *module, fac__arena *arena, fac__onnx_saver *s)
{
    fac_named_tensors lists[2] = {fac_named_parameters(module), {NULL, 0}};
    fac__onnx_tensor *all = NULL;
    for (int pass = 0; pass < 2; pass++) {
        if (pass) lists[1] = fac_named_buffers(module); /* shares the array, which is copied by then */
        const fac_named_tensors *l = &lists[pass];
        if (!l->items) return false;
        fac__onnx_tensor *more = fac__arena_zeroed(arena, (size_t)(s->n_state + l->count) * sizeof *more);
        if (!more) return false;
        if (s->n_state) memcpy(more, all, (size_t)s->n_state * sizeof *more);
        all = more;
        for (int64_t i = 0; i < l->count; i++) {
            all[s->n_state] = (fac__onnx_tensor){fac__arena_text(arena, l->items[i].name), l->items[i].tensor};
            if (!all[s->n_state++].name) return false;
        }
    }
    s->state = all;
    return true;
}

static bool save_traced(fac__onnx_saver *s, pass *p, fac_tensor_list inputs, const char *path)
{
    const fac_onnx_options *o = p->o;
    int n = (int)inputs.count;
    fac_tensor *second[FAC__TRACED_RESULTS], *third[FAC__TRACED_RESULTS];
    bool clean = !fac_get_error_code(); /* no more than that is overlooked by the way */
    fac__trace a = {.failed = false}, b = {.failed = false};
    int64_t batch = o->dynamic_batch ? fac_size(inputs.items[0], (int)o->batch_dim) : 0;
    s->batch_a = batch;
    s->batch_b = batch ? batch + 1 : 0;
    s->batch_dim = (int)o->batch_dim;
    bool ok = other_inputs(inputs, o->batch_dim, s->batch_b, second) &&
              other_inputs(inputs, o->batch_dim, batch ? 2 * batch + 3 : 0, third) &&
              fac__trace_run(&a, run_pass, p, inputs.items, n);
    if (ok) {
        ok = fac__trace_run(&b, run_pass, p, second, n);
        s->a = &a;
        s->b = &b;
        ok = ok && fac__onnx_same_calls(&a, &b) && save_all(s, o, n) && proven(path, s->model, p, third, n);
        ok = ok && !(clean && fac_get_error_code()) && fac__onnx_write(path, s->model);
        fac__trace_drop(&b);
    }
    fac__trace_drop(&a);
    return ok;
}

static bool check_inputs(fac_tensor_list inputs, const fac_onnx_options *o)
{
    if (inputs.count < 1 || inputs.count > FAC__TRACED_RESULTS)
        return fac__value_error("1 to %d inputs can be given", FAC__TRACED_RESULTS), false;
    for (int64_t i = 0; i < inputs.count; i++) {
        const fac_tensor *t = inputs.items[i];
        FAC__NEED_OR(t, false);
        if (!o->dynamic_batch) continue;
        if (o->batch_dim < 0 || o->batch_dim >= t->ndim || !t->shape[o->batch_dim] ||
            t->shape[o->batch_dim] != inputs.items[0]->shape[o->batch_dim])
            return fac__value_error("dimension %lld of every example has to be the batch's, and of one size",
                                    (long long)o->batch_dim),
                   false;
    }
    return true;
}

bool fac_onnx_save_with(void *module, fac_tensor_list inputs, const char *path, fac_onnx_options options)
{
    FAC__OP("onnx_save");
    FAC__NEED_OR(module, false);
    FAC__NEED_OR(inputs.items, false);
    FAC__NEED_OR(path, false);
    if (fac__recording_now()) return fac__recording_refuse("write a file"), false;
    if (!check_inputs(inputs, &options)) return false;
    modes all = {NULL, 0};
    fac_module_apply(module, count_modes, &all);
    all.training = fac__alloc((size_t)all.count * sizeof *all.training);
    if (!all.training) return false;
    all.count = 0;
    fac_module_apply(module, note_mode, &all);
    fac_eval(module);
    fac__onnx_model model = {.failed = false};
    fac__onnx_saver s = {.model = &model};
    pass p = {module, &options};
    bool ok = false;
    fac_scope
        fac_no_grad
            ok = list_state(module, &model.arena, &s) && save_traced(&s, &p, inputs, path);
    fac__onnx_drop(&model);
    all.count = 0;
    fac_module_apply(module, restore_mode, &all);
    fac__free(all.training);
    return ok;
}
