/* Floor 3. The public face of gradients: .grad and its kin, backward, hooks, functions of one's own. */
#include "facula/autograd.h"

#include <string.h>

#include "core/memory.h"
#include "engine.h"
#include "graph/launch.h"

/* ---- a tensor's part ---------------------------------------------------------------------------------------- */

fac_tensor *fac_requires_grad_(fac_tensor *t, bool on)
{
    FAC__OP("requires_grad_");
    FAC__NEED(t);
    if (on && !fac_dtype_is_floating((fac_dtype)t->dtype))
        return fac__runtime_error("only Tensors of floating point dtype can require gradients");
    if (!fac_is_leaf(t)) {
        if (on) return t;
        return fac__runtime_error(
            "you can only change requires_grad flags of leaf variables. If you want to use a computed "
            "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().");
    }
    t->requires_grad = on;
    return t;
}

bool fac_is_leaf(const fac_tensor *t)
{
    return t && (t->requires_grad ? !t->grad_fn : !fac_requires_grad(t));
}

fac_tensor *fac_grad(const fac_tensor *t)
{
    if (t && t->grad) fac__grad_read((fac_tensor *)t);
    return t ? t->grad : NULL;
}

bool fac_set_grad(fac_tensor *t, fac_tensor *grad)
{
    FAC__OP("set_grad");
    FAC__NEED_OR(t, false);
    if (grad && grad->dtype != t->dtype) return fac__runtime_error("assigned grad has data of a different type"), false;
    if (grad && (grad->ndim != t->ndim || memcmp(grad->shape, t->shape, (size_t)t->ndim * sizeof *t->shape)))
        return fac__runtime_error("assigned grad has data of a different size"), false;
    fac__grad_replaced(t);
    fac__retain(grad);
    fac_release(t->grad);
    t->grad = grad;
    return true;
}

fac_tensor *fac_detach(fac_tensor *t)
{
    FAC__OP("detach");
    FAC__NEED(t);
    return fac__own(fac__new_alias(t));
}

fac_tensor *fac_detach_(fac_tensor *t)
{
    FAC__OP("detach_");
    FAC__NEED(t);
    if (t->base) return fac__runtime_error("Can't detach views in-place. Use detach() instead.");
    fac__set_history(t, NULL);
    t->requires_grad = false;
    return t;
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

/* Where backward begins at t and with which gradient. */
static bool root(fac_tensor *t, fac_tensor *given, int index, fac__edge *edge, fac_tensor **grad)
{
    if (!fac__grad_edge(t, edge)) return false;
    if (!edge->node)
        return fac__runtime_error("element %d of tensors does not require grad and does not have a grad_fn", index),
               false;
    if (!given && t->numel != 1)
        return fac__runtime_error("grad can be implicitly created only for scalar outputs"), false;
    if (given && (given->ndim != t->ndim || memcmp(given->shape, t->shape, (size_t)t->ndim * sizeof *t->shape)))
        return fac__runtime_error("Mismatch in shape: grad_output[%d] has a shape of torch.Size(%s) and output[%d] has "
                                  "a shape of torch.Size(%s).",
                                  index, fac__shape_text(given->ndim, given->shape), index,
                                  fac__shape_text(t->ndim, t->shape)),
               false;
    *grad = given ? given : fac__grad_ones(t);
    return *grad != NULL;
}

bool fac_backward_with(fac_tensor *t, fac_backward_options o)
{
    FAC__OP("backward");
    FAC__NEED_OR(t, false);
    bool ok = false;
    fac_scope {
        fac__edge edge = {NULL, 0};
        fac_tensor *grad = NULL;
        if (root(t, o.gradient, 0, &edge, &grad)) {
            bool retain = o.retain_graph < 0 ? o.create_graph : o.retain_graph != 0;
            fac__backward_request r = {.n_roots = 1,
                                       .root_edges = &edge,
                                       .root_grads = &grad,
                                       .retain_graph = retain,
                                       .create_graph = o.create_graph};
            ok = fac__run_backward(&r);
        }
        fac__node_release(edge.node);
    }
    return ok;
}

/* What fac_autograd_grad works on: n_outputs edges to begin at, then n_inputs edges that are asked for. */
typedef struct grad_call {
    fac_tensor *const *outputs, *const *inputs;
    int n_outputs, n_inputs;
    fac__edge *edges;
    fac_tensor **root_grads, **grads;
    fac_grad_options options;
} grad_call;

static bool run_grad_call(const grad_call *c)
{
    for (int i = 0; i < c->n_outputs; i++) {
        fac_tensor *given = c->options.grad_outputs ? c->options.grad_outputs[i] : NULL;
        if (!root(c->outputs[i], given, i, &c->edges[i], &c->root_grads[i])) return false;
    }
    fac__edge *input_edges = c->edges + c->n_outputs;
    for (int i = 0; i < c->n_inputs; i++) {
        if (!fac__grad_edge(c->inputs[i], &input_edges[i])) return false;
        if (!input_edges[i].node)
            return fac__runtime_error("One of the differentiated Tensors does not require grad"), false;
    }
    const fac_grad_options *o = &c->options;
    fac__backward_request r = {.n_roots = c->n_outputs,
                               .n_inputs = c->n_inputs,
                               .root_edges = c->edges,
                               .root_grads = c->root_grads,
                               .input_edges = input_edges,
                               .grads = c->grads,
                               .retain_graph = o->retain_graph < 0 ? o->create_graph : o->retain_graph != 0,
                               .create_graph = o->create_graph};
    if (!fac__run_backward(&r)) return false;
    for (int i = 0; i < c->n_inputs; i++)
        if (!c->grads[i] && !o->allow_unused)
            return fac__runtime_error(
                       "One of the differentiated Tensors appears to not have been used in the graph. Set "
                       "allow_unused=True if this is the desired behavior."),
                   false;
    return true;
}

bool fac_autograd_grad_with(fac_tensor *const *outputs, int n_outputs, fac_tensor *const *inputs, int n_inputs,
                            fac_tensor **grads, fac_grad_options options)
{
    FAC__OP("grad");
    FAC__NEED_OR(outputs, false);
    FAC__NEED_OR(inputs, false);
    FAC__NEED_OR(grads, false);
    if (n_outputs < 1 || n_inputs < 1) return fac__value_error("grad requires non-empty outputs and inputs."), false;
    for (int i = 0; i < n_outputs; i++)
        FAC__NEED_OR(outputs[i], false);
    for (int i = 0; i < n_inputs; i++)
        FAC__NEED_OR(inputs[i], false);
    memset(grads, 0, (size_t)n_inputs * sizeof *grads);
    grad_call c = {outputs, inputs, n_outputs, n_inputs, NULL, NULL, grads, options};
    c.edges = fac__calloc((size_t)(n_outputs + n_inputs) * sizeof *c.edges);
    c.root_grads = fac__calloc((size_t)n_outputs * sizeof *c.root_grads);
    bool ok = false;
    if (c.edges && c.root_grads)
        fac_scope
            ok = run_grad_call(&c);
    for (int i = 0; c.edges && i < n_outputs + n_inputs; i++)
        fac__node_release(c.edges[i].node);
    fac__free(c.edges);
    fac__free(c.root_grads);
    for (int i = 0; i < n_inputs; i++) {
        if (!grads[i]) continue;
        if (!ok) {
            fac_release(grads[i]);
            grads[i] = NULL;
        } else if (!(grads[i] = fac__own(grads[i]))) {
            ok = false;
        }
    }
    return ok;
}

/* ---- hooks -------------------------------------------------------------------------------------------------- */

static fac__hook *add_hook(fac_tensor *t, const char *word)
{
    static atomic_int next_id = 1;
    fac__edge edge;
    if (!fac__grad_edge(t, &edge)) return NULL;
    if (!edge.node) return fac__runtime_error("cannot %s on a tensor that doesn't require gradient", word);
    fac__hook *h = fac__calloc(sizeof *h);
    if (h) {
        h->id = atomic_fetch_add(&next_id, 1);
        h->nr = edge.nr;
        h->next = edge.node->hooks;
        edge.node->hooks = h;
    }
    fac__node_release(edge.node); /* t holds it */
    return h;
}

int fac_register_hook(fac_tensor *t, fac_grad_hook hook, void *context)
{
    FAC__OP("register_hook");
    FAC__NEED_OR(t, 0);
    FAC__NEED_OR(hook, 0);
    fac__hook *h = add_hook(t, "register a hook");
    if (!h) return 0;
    h->call = hook;
    h->context = context;
    return h->id;
}

bool fac_remove_hook(fac_tensor *t, int id)
{
    FAC__OP("remove_hook");
    FAC__NEED_OR(t, false);
    fac__edge edge;
    if (!fac__grad_edge(t, &edge)) return false;
    bool found = false;
    for (fac__hook **at = edge.node ? &edge.node->hooks : NULL; at && *at && !found; at = &(*at)->next) {
        if ((*at)->id != id) continue;
        fac__hook *h = *at;
        *at = h->next;
        fac__free(h);
        found = true;
        break;
    }
    fac__node_release(edge.node);
    if (!found) fac__value_error("there is no hook %d on this tensor", id);
    return found;
}

fac_tensor *fac_retain_grad(fac_tensor *t)
{
    FAC__OP("retain_grad");
    FAC__NEED(t);
    if (!fac_requires_grad(t)) return fac__runtime_error("can't retain_grad on Tensor that has requires_grad=False");
    if (fac_is_leaf(t) || t->retains_grad) return t;
    fac__hook *h = add_hook(t, "retain the gradient");
    if (!h) return NULL;
    h->retain = t;
    t->retains_grad = true;
    return t;
}

/* ---- functions of one's own ---------------------------------------------------------------------------------- */

enum { FUNCTION_SAVED = 8 };

typedef struct function_params {
    const fac_function *function;
    int saved;
    fac_tensor *given[FUNCTION_SAVED]; /* what was saved, held until it is known which of them are outputs */
    _Alignas(16) char data[];
} function_params;

static void function_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    function_params *p = n->params;
    if (!p->function->backward(n, gy, n->n_out, gx, n->n_in))
        fac__runtime_error("the backward of %s failed", n->name); /* unless it said more itself */
}

bool fac_apply(const fac_function *f, fac_tensor *const *in, int n_in, fac_tensor **out, int n_out)
{
    FAC__OP("apply");
    FAC__NEED_OR(f, false);
    FAC__NEED_OR(f->forward, false);
    FAC__NEED_OR(f->backward, false);
    FAC__NEED_OR(in, false);
    FAC__NEED_OR(out, false);
    if (n_in < 1 || n_out < 1) return fac__value_error("a function has at least one input and one output"), false;
    for (int i = 0; i < n_in; i++)
        FAC__NEED_OR(in[i], false);
    size_t params;
    if (__builtin_add_overflow(sizeof(function_params), f->context_size, &params))
        return fac__memory_error(f->context_size), false;
    fac__node *n = fac__record_n(f->name, function_backward, n_out, FUNCTION_SAVED, params, n_in, in);
    bool recorded = n != NULL;
    if (!recorded) n = fac__node_bare(f->name, n_out, FUNCTION_SAVED, params, n_in);
    if (!n || n->failed) return fac__node_release(n), false;
    function_params *p = n->params;
    p->function = f;
    memset(out, 0, (size_t)n_out * sizeof *out);
    bool ok = false;
    fac_no_grad
        ok = f->forward(n, in, n_in, out, n_out);
    if (!ok) fac__runtime_error("the forward of %s failed", f->name); /* unless it said more itself */
    for (int i = 0; i < n_out && ok; i++) {
        if (!out[i]) ok = (fac__runtime_error("the forward of %s left output %d empty", f->name, i), false);
        bool handed_through = false;
        for (int k = 0; k < n_in; k++)
            handed_through = handed_through || in[k] == out[i];
        for (int s = 0; s < FUNCTION_SAVED && !handed_through; s++)
            if (out[i] && p->given[s] == out[i]) n->saved[s].output_nr = i;
    }
    for (int s = 0; s < p->saved; s++) {
        fac_release(p->given[s]);
        p->given[s] = NULL;
    }
    n->n_saved = p->saved; /* without any, backward may run again */
    /* Fresh headers, so that an input that is handed through, or an output that is saved, holds no history of its own. */
    for (int i = 0; i < n_out && ok; i++)
        ok = (out[i] = fac__result_nr(recorded ? n : NULL, fac__new_alias(out[i]), i)) != NULL;
    fac__node_release(n);
    return ok;
}

bool fac_save_for_backward(fac_function_context *n, fac_tensor *t)
{
    FAC__NEED_OR(n, false);
    FAC__NEED_OR(t, false);
    function_params *p = n->params;
    if (p->saved == n->n_saved) return fac__value_error("a function can save %d tensors", FUNCTION_SAVED), false;
    p->given[p->saved] = fac__retain(t);
    fac__save(n, p->saved++, t);
    return true;
}

fac_tensor *fac_saved_tensor(fac_function_context *n, int i)
{
    FAC__NEED(n);
    if (i < 0 || i >= ((function_params *)n->params)->saved) return fac__index_error("there is no saved tensor %d", i);
    return fac__saved(n, i);
}

void *fac_function_data(fac_function_context *n)
{
    return n ? ((function_params *)n->params)->data : NULL;
}

bool fac_needs_input_grad(const fac_function_context *n, int i)
{
    return n && i >= 0 && i < n->n_in && fac__wants(n, i);
}
