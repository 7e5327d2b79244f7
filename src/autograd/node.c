/* Floor 3. Making, filling and dropping the nodes of the graph. */
#include "node.h"
#include "node_backward.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/thread.h"
#include "graph/launch.h"

static fac__node failed_node = {.failed = true};

static uint64_t next_sequence(void)
{
    static __thread uint64_t sequence;
    return sequence++;
}

static size_t aligned(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

/* One block: the record, then its arrays, of which the outputs' are filled in by the results. */
static fac__node *node_new(fac__node_kind kind, const char *name, fac__backward_fn backward, int n_out, int n_saved,
                           size_t params, int n_in)
{
    size_t edges = aligned(sizeof(fac__node)), saved = edges + aligned((size_t)n_in * sizeof(fac__edge));
    size_t numbers = saved + aligned((size_t)n_saved * sizeof(fac__saved_tensor)), outputs = numbers + aligned(params);
    char *block = fac__alloc(outputs + (size_t)n_out * sizeof(fac__meta));
    if (!block) return NULL;
    memset(block, 0, outputs);
    fac__node *n = (fac__node *)(void *)block;
    atomic_init(&n->refs, 1);
    n->n_in = n_in;
    n->n_out = n_out;
    n->n_saved = n_saved;
    n->kind = kind;
    n->name = name;
    n->backward = backward;
    n->sequence = next_sequence();
    n->edges = (fac__edge *)(void *)(block + edges);
    n->saved = (fac__saved_tensor *)(void *)(block + saved);
    n->params = block + numbers;
    n->outputs = (fac__meta *)(void *)(block + outputs);
    for (int i = 0; i < n_out; i++)
        n->outputs[i].ndim = -1;
    return n;
}

fac__node *fac__node_bare(const char *name, int n_out, int n_saved, size_t params, int n_in)
{
    return node_new(FAC__OPERATION, name, NULL, n_out, n_saved, params, n_in);
}

fac__node *fac__record_n(const char *name, fac__backward_fn backward, int n_out, int n_saved, size_t params, int n_in,
                         fac_tensor *const *in)
{
    bool wanted = false;
    for (int i = 0; i < n_in && !wanted && !fac__self()->no_grad; i++)
        wanted = fac__tracked(in[i]);
    if (!wanted) return NULL;
    fac__node *n = node_new(FAC__OPERATION, name, backward, n_out, n_saved, params, n_in);
    if (!n) return &failed_node;
    for (int i = 0; i < n_in; i++) {
        if (!in[i] || fac__grad_edge(in[i], &n->edges[i])) continue;
        fac__node_release(n);
        return &failed_node;
    }
    return n;
}

/* ---- saved tensors ------------------------------------------------------------------------------------------ */

static void save(fac__node *n, int slot, fac_tensor *owned, int output_nr)
{
    n->saved[slot] = (fac__saved_tensor){owned, owned->storage->version, output_nr};
}

/* Keeps t's values and history but not t itself: its base (of a view), or a history that an in-place operation gives it
 * later, may lead back here. */
static void save_apart(fac__node *n, int slot, fac_tensor *t)
{
    fac__edge edge;
    fac_tensor *alias = fac__new_alias(t);
    if (!alias || !fac__grad_edge(t, &edge)) {
        fac_release(alias);
        n->failed = true;
        return;
    }
    alias->grad_fn = edge.node;
    alias->output_nr = edge.nr;
    save(n, slot, alias, -1);
}

void fac__save(fac__node *n, int slot, fac_tensor *input)
{
    if (!n || n->failed || !input) return;
    if (input->requires_grad)
        save(n, slot, fac__retain(input), -1);
    else
        save_apart(n, slot, input);
}

void fac__save_output(fac__node *n, int slot, fac_tensor *output, int nr)
{
    if (!n || n->failed || !output) return;
    fac_tensor *alias = fac__new_alias(output);
    if (alias)
        save(n, slot, alias, nr);
    else
        n->failed = true;
}

static void *modified_error(const fac__node *n, const fac__saved_tensor *s)
{
    static const char *const classes[FAC_DTYPE_COUNT] = {"",     "Bool", "Byte",     "Char",  "Short", "Int",
                                                         "Long", "Half", "BFloat16", "Float", "Double"};
    char from[96] = "";
    const char *maker = s->output_nr >= 0 ? n->name : fac_grad_fn_name(s->t);
    if (maker)
        snprintf(from, sizeof from, ", which is output %d of %s,", s->output_nr >= 0 ? s->output_nr : s->t->output_nr,
                 maker);
    return fac__runtime_error(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[torch.%sTensor %s]%s is at version %lld; expected version %lld instead.",
        classes[s->t->dtype], fac__shape_text(s->t->ndim, s->t->shape), from, (long long)s->t->storage->version,
        (long long)s->version);
}

static void *freed_error(void)
{
    return fac__runtime_error(
        "Trying to backward through the graph a second time (or directly access saved tensors after "
        "they have already been freed). Saved intermediate values of the graph are freed when you call "
        ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
        "graph a second time or if you need to access saved tensors after calling backward.");
}

fac_tensor *fac__saved(fac__node *n, int slot)
{
    fac__saved_tensor *s = &n->saved[slot];
    if (n->freed) return freed_error();
    if (!s->t) return NULL;
    if (s->version != s->t->storage->version) return modified_error(n, s);
    if (s->output_nr < 0 || !fac_is_grad_enabled()) return s->t;
    fac_tensor *t = fac__new_alias(s->t);
    if (!t) return NULL;
    t->grad_fn = fac__node_retain(n);
    t->output_nr = s->output_nr;
    return fac__own(t);
}

/* ---- dropping ----------------------------------------------------------------------------------------------- */

fac__node *fac__node_retain(fac__node *n)
{
    if (n) fac__add_reference(&n->refs);
    return n;
}

/* What CopySlices does to the view; NULL for other nodes. */
static fac__node *inner_of(const fac__node *n)
{
    return n->kind == FAC__COPY_SLICES ? ((fac__geometry *)n->params)->inner : NULL;
}

void fac__node_free_saved(fac__node *n)
{
    fac__node *inner = inner_of(n);
    /* Gradients of gradients may lead to it directly: then it is freed when it has run itself. */
    if (inner && atomic_load(&inner->refs) == 1) fac__node_free_saved(inner);
    for (int i = 0; i < n->n_saved; i++) {
        fac_tensor *t = n->saved[i].t;
        n->saved[i].t = NULL;
        fac_release(t);
    }
    n->freed = true;
}

/* Graphs are deep: what a node holds is dropped from a list of this thread, not by recursion. */
static __thread fac__node *doomed;
static __thread bool dropping;

static void drop(fac__node *n)
{
    fac__node_free_saved(n);
    for (int i = 0; i < n->n_in; i++)
        fac__node_release(n->edges[i].node);
    if (n->drop_params) n->drop_params(n->params);
    if (n->kind == FAC__COPY_SLICES) fac__node_release(inner_of(n));
    for (fac__hook *h = n->hooks, *next; h; h = next) {
        next = h->next;
        fac__free(h);
    }
    fac__free(n);
}

void fac__node_release(fac__node *n)
{
    if (!n || n == &failed_node || !fac__last_reference(&n->refs)) return;
    n->backward = NULL;
    n->leaf = (fac_tensor *)(void *)doomed; /* the list's link: a doomed node has no other use for it */
    doomed = n;
    if (dropping) return;
    dropping = true;
    while (doomed) {
        n = doomed;
        doomed = (fac__node *)(void *)n->leaf;
        drop(n);
    }
    dropping = false;
}

/* Called by fac_release for a tensor that takes part in a graph. */
static void drop_tensor(fac_tensor *t)
{
    if (t->retains_grad && t->grad_fn)
        for (fac__hook *h = t->grad_fn->hooks; h; h = h->next)
            if (h->retain == t) h->retain = NULL;
    if (t->accumulator) {
        t->accumulator->leaf = NULL;
        fac__node_release(t->accumulator);
    }
    fac__node_release(t->grad_fn);
    fac_release(t->grad);
}

static const char *name_of(const fac_tensor *t)
{
    fac__edge e;
    return t->grad_fn && fac__grad_edge((fac_tensor *)t, &e) ? (fac__node_release(e.node), t->grad_fn->name) : NULL;
}

__attribute__((constructor)) static void install(void)
{
    fac__drop_autograd = drop_tensor;
    fac__grad_fn_name = name_of;
}

const char *fac_grad_fn_name(const fac_tensor *t)
{
    return t ? name_of(t) : NULL;
}

/* ---- results ------------------------------------------------------------------------------------------------ */

static void remember_shape(fac__meta *m, const fac_tensor *t)
{
    m->dtype = t->dtype;
    m->ndim = t->ndim;
    memcpy(m->shape, t->shape, (size_t)t->ndim * sizeof *t->shape);
}

/* Takes the reference to n, too. */
static fac_tensor *result(fac__node *n, fac_tensor *y, int nr)
{
    if (!y || n->failed || !fac_dtype_is_floating((fac_dtype)y->dtype)) {
        if (y && n->failed) fac_release(y), y = NULL;
        fac__node_release(n);
        return fac__own(y);
    }
    remember_shape(&n->outputs[nr], y);
    y->grad_fn = n;
    y->output_nr = nr;
    return fac__own(y);
}

fac_tensor *fac__result_nr(fac__node *n, fac_tensor *y, int nr)
{
    return n ? result(n == &failed_node ? n : fac__node_retain(n), y, nr) : fac__own(y);
}

fac_tensor *fac__result(fac__node *n, fac_tensor *y)
{
    return n ? result(n, y, 0) : fac__own(y);
}

void fac__done(fac__node *n)
{
    fac__node_release(n);
}

fac_tensor *fac__result_view(fac__node *n, fac_tensor *y, fac_tensor *x)
{
    if (y && !(n && n->failed)) {
        y->base = fac__retain(x->base ? fac__base(x) : x);
        y->view_version = y->storage->version;
    }
    return fac__result(n, y);
}

/* ---- histories ------------------------------------------------------------------------------------------------ */

/* Several threads may compute with one leaf for the first time: the first of their accumulators is kept. */
static fac__node *accumulator_of(fac_tensor *leaf)
{
    fac__node *there = __atomic_load_n(&leaf->accumulator, __ATOMIC_ACQUIRE);
    if (there) return there;
    fac__node *n = node_new(FAC__ACCUMULATE, "AccumulateGrad", NULL, 1, 0, 0, 0);
    if (!n) return NULL;
    n->sequence = UINT64_MAX;
    n->leaf = leaf;
    remember_shape(&n->outputs[0], leaf);
    if (__atomic_compare_exchange_n(&leaf->accumulator, &there, n, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return n;
    fac__node_release(n);
    return there;
}

void fac__set_history(fac_tensor *t, fac__node *n)
{
    fac__hook **at = t->retains_grad && t->grad_fn ? &t->grad_fn->hooks : NULL;
    while (at && *at && (*at)->retain != t)
        at = &(*at)->next;
    if (at && *at) {
        fac__hook *h = *at;
        *at = h->next;
        h->next = n ? n->hooks : NULL;
        h->nr = 0;
        if (n)
            n->hooks = h;
        else
            fac__free(h);
    }
    t->retains_grad = t->retains_grad && n;
    fac__node_release(t->grad_fn);
    t->grad_fn = n;
    t->output_nr = 0;
}

/* ---- views and in-place changes ------------------------------------------------------------------------------ */

static void set_geometry(fac__geometry *p, const fac_tensor *view)
{
    p->ndim = view->ndim;
    memcpy(p->shape, view->shape, sizeof p->shape);
    memcpy(p->strides, view->strides, sizeof p->strides);
    p->offset = view->offset;
    remember_shape(&p->base, fac__base(view));
}

/* A view's history is that of its base seen through the view, whenever the base has changed since. */
static bool refresh_view(fac_tensor *view)
{
    if (view->view_version == view->storage->version) return true;
    fac_tensor *base = fac__base(view);
    if (!base->grad_fn && !base->requires_grad) return true;
    fac__node *n = node_new(FAC__UNVIEW, "AsStridedBackward0", NULL, 1, 0, sizeof(fac__geometry), 1);
    if (!n || !fac__grad_edge(base, &n->edges[0])) return fac__node_release(n), false;
    set_geometry(n->params, view);
    remember_shape(&n->outputs[0], view);
    fac__set_history(view, n);
    view->view_version = view->storage->version;
    return true;
}

bool fac__grad_edge(fac_tensor *t, fac__edge *edge)
{
    *edge = (fac__edge){NULL, 0};
    if (t->base && !refresh_view(t)) return false;
    if (t->grad_fn) {
        *edge = (fac__edge){fac__node_retain(t->grad_fn), t->output_nr};
        return true;
    }
    if (!t->requires_grad) return true;
    edge->node = fac__node_retain(accumulator_of(t));
    return edge->node != NULL;
}

bool fac_requires_grad(const fac_tensor *t)
{
    if (!t) return false;
    if (t->requires_grad || t->grad_fn) return true;
    const fac_tensor *base = fac__base(t);
    return base && t->view_version != t->storage->version && (base->requires_grad || base->grad_fn) &&
           fac_dtype_is_floating((fac_dtype)t->dtype);
}

bool fac__inplace_begin(fac_tensor *t)
{
    for (int i = 0; i < t->ndim && t->numel; i++)
        if (t->strides[i] == 0 && t->shape[i] > 1)
            return fac__runtime_error(
                       "unsupported operation: more than one element of the written-to tensor refers to a single "
                       "memory location. Please clone() the tensor before performing the operation."),
                   false;
    if (fac__self()->no_grad) return true;
    if (t->requires_grad && !t->grad_fn)
        return fac__runtime_error("a leaf Variable that requires grad is being used in an in-place operation."), false;
    const fac_tensor *base = fac__base(t);
    if (base && base->requires_grad && !base->grad_fn)
        return fac__runtime_error(
                   "a view of a leaf Variable that requires grad is being used in an in-place operation."),
               false;
    if (base && base->grad_fn && !t->grad_fn && t->view_version == t->storage->version)
        return fac__runtime_error(
                   "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given "
                   "that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by "
                   "moving both the view and the inplace either both inside the no_grad block (if you don't want the "
                   "inplace to be tracked) or both outside (if you want the inplace to be tracked)."),
               false;
    return true;
}

fac_tensor *fac__inplace_end(fac_tensor *t, fac__node *n, int save_slot)
{
    t->storage->version++;
    if (!n) return t;
    if (n->failed) return fac__node_release(n), NULL;
    if (!fac_dtype_is_floating((fac_dtype)t->dtype)) return fac__node_release(n), t; /* nothing to differentiate */
    if (save_slot >= 0) fac__save_output(n, save_slot, t, 0);
    if (n->failed) return fac__node_release(n), NULL;
    remember_shape(&n->outputs[0], t);
    fac_tensor *base = fac__base(t);
    if (!base) {
        fac__set_history(t, n);
        return t;
    }
    fac__node *copy = node_new(FAC__COPY_SLICES, "CopySlices", NULL, 1, 0, sizeof(fac__geometry), n->n_in);
    if (!copy || !fac__grad_edge(base, &copy->edges[0])) {
        fac__node_release(copy);
        fac__node_release(n);
        return NULL;
    }
    for (int i = 1; i < n->n_in; i++)
        copy->edges[i] = (fac__edge){fac__node_retain(n->edges[i].node), n->edges[i].nr};
    fac__geometry *p = copy->params;
    set_geometry(p, t);
    p->inner = n;
    remember_shape(&copy->outputs[0], base);
    fac__set_history(base, copy);
    return refresh_view(t) ? t : NULL;
}

fac_tensor *fac__view_begin(fac_tensor *t)
{
    bool leaf = t->requires_grad && !t->grad_fn;
    if (leaf || (fac__self()->no_grad && fac_requires_grad(t)))
        return fac__runtime_error("a %s that requires grad is being used in an in-place operation%s.",
                                  leaf ? "leaf Variable" : "tensor", leaf ? "" : " that is not recorded");
    if (t->base) return t;
    fac_tensor *base = fac__own(fac__new_alias(t));
    if (base && t->grad_fn) {
        fac__set_history(base, fac__node_retain(t->grad_fn));
        base->output_nr = t->output_nr;
    }
    return base;
}

fac_tensor *fac__view_end(fac_tensor *t, fac_tensor *view)
{
    if (!view) return NULL;
    if (view == t || !view->base) return t; /* it is what t was */
    t->ndim = view->ndim;
    memcpy(t->shape, view->shape, sizeof t->shape);
    memcpy(t->strides, view->strides, sizeof t->strides);
    t->offset = view->offset;
    fac__update_layout(t);
    if (!t->base) t->base = fac__retain(view->base);
    t->view_version = view->view_version;
    fac__set_history(t, fac__node_retain(view->grad_fn));
    t->output_nr = view->output_nr;
    return t;
}
