/* Floor 7. Running a forward pass and writing down its calls. */
#include "call_trace.h"

#include <stdio.h>

#include "core/raise.h"
#include "ops/op.h"

/* ---- values --------------------------------------------------------------------------------------------------- */

static int add_value(fac__trace *t, fac_tensor *x, fac__trace_source source, int at)
{
    if (!FAC__GROW(t->values, t->n_values)) return t->failed = true, -1;
    t->values[t->n_values] = (fac__trace_value){fac_keep(x), source, at};
    return t->n_values++;
}

/* The same elements, in the same order: another header of one tensor. */
static bool same(const fac_tensor *a, const fac_tensor *b)
{
    return a == b || (a->storage == b->storage && a->offset == b->offset && a->dtype == b->dtype &&
                      a->ndim == b->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape) &&
                      !memcmp(a->strides, b->strides, (size_t)a->ndim * sizeof *a->strides));
}

/* Whether the storage has something that the inputs have a say in; or, with constants, any value. */
static bool is_traced(const fac__trace *t, const fac__storage *s, bool constants)
{
    for (int i = t->n_values - 1; i >= 0; i--)
        if (t->values[i].t->storage == s && (constants || t->values[i].source != FAC__TRACE_CONSTANT)) return true;
    return false;
}

/* The value of a tensor, which becomes a constant if it is none yet; -1 after an error. */
static int value_of(fac__trace *t, fac_tensor *x, const char *op)
{
    for (int i = t->n_values - 1; i >= 0; i--)
        if (same(t->values[i].t, x)) return i;
    if (is_traced(t, x->storage, false)) {
        fac__value_error("cannot be traced: what %s is given was made by an operation that cannot be traced", op);
        t->failed = true;
        return -1;
    }
    return add_value(t, x, FAC__TRACE_CONSTANT, 0);
}

/* ---- what is done to values outside of calls ------------------------------------------------------------------ */

/* Looks at the kernels that have run since the last time, outside of calls. */
static bool look(fac__trace *t)
{
    const fac_plan *plan = t->plan;
    if (plan->memory.failed) t->failed = true;
    for (; t->looked < plan->count && !t->failed; t->looked++) {
        const fac__planned *step = &plan->steps[t->looked];
        for (int i = 0; i < step->n_uses && step->outside; i++) {
            const fac__held *held = &plan->memory.held[step->uses[i].held];
            bool changes = step->uses[i].how & FAC__WRITE;
            if (!held->storage || !is_traced(t, held->storage, changes)) continue;
            fac__value_error(changes ? "cannot be traced: %s changes a tensor in place"
                                     : "cannot be traced: %s is no operation that can be exported",
                             step->op ? step->op : step->kernel->name);
            t->failed = true;
            break;
        }
    }
    return !t->failed;
}

/* ---- calls ---------------------------------------------------------------------------------------------------- */

static bool copy_arg(fac__trace *t, const char *op, const fac_keyword *given, fac__trace_arg *to)
{
    *to = (fac__trace_arg){given->name, given->value, -1, NULL};
    fac_value *v = &to->value;
    switch (v->kind) {
    case FAC_VALUE_TENSOR: return (to->number = value_of(t, v->v.tensor, op)) >= 0;
    case FAC_VALUE_STRING: return (v->v.string = fac__arena_text(&t->arena, v->v.string)) != NULL;
    case FAC_VALUE_INTS: {
        int64_t *items = fac__arena_zeroed(&t->arena, (size_t)v->v.ints.count * sizeof *items);
        if (items) memcpy(items, v->v.ints.items, (size_t)v->v.ints.count * sizeof *items);
        v->v.ints.items = items;
        return items != NULL;
    }
    case FAC_VALUE_TENSORS: {
        int64_t n = v->v.tensors.count;
        to->numbers = fac__arena_zeroed(&t->arena, (size_t)n * sizeof *to->numbers);
        fac_tensor **list = fac__arena_zeroed(&t->arena, (size_t)n * sizeof *list);
        for (int64_t i = 0; to->numbers && list && i < n; i++) {
            list[i] = v->v.tensors.items[i];
            if (!list[i] || (to->numbers[i] = value_of(t, list[i], op)) < 0) return false;
        }
        v->v.tensors.items = list;
        return to->numbers && list;
    }
    default: return true; /* lists of other things have none of ours to keep */
    }
}

static bool write_down(fac__trace *t, const char *op, const fac_keyword *args, int n_args, fac__trace_call *call)
{
    *call = (fac__trace_call){.op = fac__arena_text(&t->arena, op), .n_args = n_args};
    call->args = fac__arena_zeroed(&t->arena, (size_t)n_args * sizeof *call->args);
    if (!call->op || !call->args) return false;
    for (int i = 0; i < n_args; i++)
        if (!copy_arg(t, op, &args[i], &call->args[i])) return false;
    return true;
}

/* The results are values, of their own even where an operation gives back what it was given. */
static bool take_results(fac__trace *t, fac__trace_call *call, const fac_value *results, int n)
{
    if (!FAC__GROW(t->calls, t->n_calls)) return false;
    call->first = t->n_values;
    for (int i = 0; i < n && results[i].kind == FAC_VALUE_TENSOR && results[i].v.tensor; i++, call->n_results++)
        if (add_value(t, results[i].v.tensor, FAC__TRACE_RESULT, t->n_calls) < 0) return false;
    t->calls[t->n_calls++] = *call;
    return true;
}

/* An operation in place is one whose result takes the tensor's name over. That is the same if nobody else looks at the memory: no
 * view of it, no input, no parameter. */
static bool may_change(fac__trace *t, const fac_tensor *x, const char *op)
{
    bool ok = true;
    for (int i = 0; i < t->n_values && ok; i++) {
        const fac__trace_value *v = &t->values[i];
        ok = v->t->storage != x->storage || (v->source == FAC__TRACE_RESULT && same(v->t, x));
    }
    if (!ok) fac__value_error("cannot be traced: %s changes what an input, a parameter or a view shares", op);
    return ok;
}

static bool is_in_place(const char *op)
{
    size_t n = strcspn(op, ".");
    return n > 1 && op[n - 1] == '_';
}

static int trace_call(fac__tracer *tracer, const char *op, const fac_keyword *args, int n_args, fac_value *results)
{
    fac__trace *t = (fac__trace *)(void *)tracer;
    fac__trace_call call;
    if (t->failed || !look(t)) return -1;
    if (!write_down(t, op, args, n_args, &call)) return t->failed = true, -1;
    if (is_in_place(op) && n_args && !may_change(t, args[0].value.v.tensor, op)) return t->failed = true, -1;
    fac_value positional[FAC__TRACED_RESULTS];
    int n = 0;
    while (n < n_args && !args[n].name)
        n++;
    for (int i = 0; i < n; i++)
        positional[i] = args[i].value;
    fac__self()->tracer = NULL;
    int count = fac_call(op, positional, n, args + n, n_args - n, results, FAC__MAX_RESULTS);
    fac__self()->tracer = tracer;
    for (int i = 0; i < count && i < FAC__MAX_RESULTS;
         i++) /* also of what it was given, which a name then would mean twice */
        if (results[i].kind == FAC_VALUE_TENSOR && !results[i].v.tensor) count = -1;
    if (count < 0 || !take_results(t, &call, results, count)) return t->failed = true, -1;
    return count;
}

/* ---- a pass --------------------------------------------------------------------------------------------------- */

static bool run(fac__trace *t, fac__traced_pass pass, void *context, fac_tensor *const *inputs, int n_inputs)
{
    fac_tensor *outputs[FAC__TRACED_RESULTS];
    for (int i = 0; i < n_inputs; i++)
        if (add_value(t, inputs[i], FAC__TRACE_INPUT, i) < 0) return false;
    int n = pass(context, inputs, n_inputs, outputs, FAC__TRACED_RESULTS);
    if (n < 0 || n > FAC__TRACED_RESULTS || t->failed || !look(t)) return false;
    for (int i = 0; i < n; i++) {
        FAC__NEED_OR(outputs[i], false);
        if ((t->outputs[i] = value_of(t, outputs[i], "the output")) < 0) return false;
    }
    t->n_outputs = n;
    return true;
}

bool fac__trace_run(fac__trace *t, fac__traced_pass pass, void *context, fac_tensor *const *inputs, int n_inputs)
{
    memset(t, 0, sizeof *t);
    t->tracer.call = trace_call;
    if (fac__self()->recording) return fac__recording_refuse("trace a forward pass"), false;
    t->plan = fac__calloc(sizeof *t->plan);
    if (!t->plan) return false;
    t->plan->memory.subject = "a forward pass that is traced";
    bool ok = false, clean = fac_get_error_code() == FAC_OK;
    fac_scope {
        const char *op = fac__self()->op; /* what runs inside is to go by its own name */
        fac__self()->op = NULL;
        fac__recording_begin(&t->plan->memory);
        fac__self()->tracer = &t->tracer;
        fac_no_grad
            ok = run(t, pass, context, inputs, n_inputs);
        fac__self()->tracer = NULL;
        fac__recording_end(&t->plan->memory);
        fac__self()->op = op;
    }
    ok = ok && !t->failed && !t->plan->memory.failed && !(clean && fac_get_error_code());
    if (!ok && clean && !fac_get_error_code()) fac__value_error("cannot be traced: the forward pass gave nothing");
    return ok;
}

void fac__trace_drop(fac__trace *t)
{
    for (int i = 0; i < t->n_values; i++)
        fac_release(t->values[i].t);
    fac__free(t->values);
    fac__free(t->calls);
    fac__arena_drop(&t->arena);
    fac_plan_free(t->plan);
    memset(t, 0, sizeof *t);
}

/* ---- looking -------------------------------------------------------------------------------------------------- */

static const fac__trace_arg none = {.number = -1};

const fac__trace_arg *fac__trace_arg_at(const fac__trace_call *c, int i)
{
    return i < c->n_args && !c->args[i].name ? &c->args[i] : &none;
}

const fac__trace_arg *fac__trace_arg_named(const fac__trace_call *c, const char *name)
{
    for (int i = 0; i < c->n_args; i++)
        if (c->args[i].name && !strcmp(c->args[i].name, name)) return &c->args[i];
    return &none;
}
