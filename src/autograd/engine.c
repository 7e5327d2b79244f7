/* Floor 3. Backward: visits the graph's nodes, the latest first, each when all gradients that flow into it have come. */
#include "engine.h"
#include "node_backward.h"

#include <string.h>

#include "core/memory.h"
#include "core/thread.h"

/* What one backward knows of a node it will visit. */
typedef struct visit {
    fac__node *node; /* held by the roots, as all nodes that they lead to */
    int deps;        /* gradients still to come */
    bool runs;       /* its inputs' gradients are wanted */
    bool needed;     /* its own are: it runs, or is asked for */
    int grads;       /* where its outputs' gradients begin in task.grads */
    int next;        /* where the visits that its edges lead to begin in task.next */
} visit;

enum { FEW = 32 }; /* a power of two */

typedef struct task {
    visit *visits;
    int count, room;
    int *table; /* open addressing: node -> index in visits + 1; once all are known its memory is the heap's */
    int table_size;
    fac_tensor **grads; /* owned */
    int grad_count, grad_room;
    int *next; /* indices of visits, -1 where no gradient is wanted */
    int next_count, next_room;
    int *heap, heap_count; /* visits that are ready, latest operation on top */
    const fac__backward_request *request;
    /* Where these arrays begin: small graphs need no other memory. */
    visit few_visits[FEW];
    int few_table[2 * FEW], few_next[FEW];
    fac_tensor *few_grads[FEW];
} task;

/* ---- the table of visits ------------------------------------------------------------------------------------ */

static int *slot_of(task *k, const fac__node *n)
{
    size_t h = ((size_t)n >> 6) * 0x9E3779B97F4A7C15u;
    for (size_t i = h >> 32;; i++) {
        int *slot = &k->table[i & (size_t)(k->table_size - 1)];
        if (!*slot || k->visits[*slot - 1].node == n) return slot;
    }
}

/* -1 if there is none. */
static int visit_of(task *k, const fac__node *n)
{
    return *slot_of(k, n) - 1;
}

static bool grow_table(task *k)
{
    int size = 2 * k->table_size;
    int *table = fac__calloc((size_t)size * sizeof *table);
    if (!table) return false;
    if (k->table != k->few_table) fac__free(k->table);
    k->table = table;
    k->table_size = size;
    for (int i = 0; i < k->count; i++)
        *slot_of(k, k->visits[i].node) = i + 1;
    return true;
}

/* Room for n more after count in an array that begins with `few`. */
static bool grow(void *array, const void *few, int count, int n, int *room, size_t size)
{
    void **at = array;
    bool first = *at == few;
    int larger = 2 * (count + n);
    void *p = fac__realloc(first ? NULL : *at, (size_t)larger * size);
    if (!p) return false;
    if (first) memcpy(p, few, (size_t)count * size);
    *at = p;
    *room = larger;
    return true;
}
#define GROW(k, array, count, n, room)                                                                                 \
    ((count) + (n) <= *(room) || grow(&(k)->array, (k)->few_##array, count, n, room, sizeof *(k)->array))

/* The index of a node's visit, which is added if it is new; -1 when memory runs out. */
static int add_visit(task *k, fac__node *n)
{
    if (2 * k->count >= k->table_size && !grow_table(k)) return -1;
    int *slot = slot_of(k, n);
    if (*slot) return *slot - 1;
    if (!GROW(k, visits, k->count, 1, &k->room)) return -1;
    if (!GROW(k, grads, k->grad_count, n->n_out, &k->grad_room)) return -1;
    bool all = !k->request->n_inputs;
    k->visits[k->count] = (visit){.node = n, .grads = k->grad_count, .runs = all, .needed = all};
    for (int i = 0; i < n->n_out; i++)
        k->grads[k->grad_count++] = NULL;
    *slot = ++k->count;
    return k->count - 1;
}

/* All nodes that can be reached, breadth first, and how many gradients each is to get. */
static bool explore(task *k)
{
    for (int i = 0; i < k->count; i++) {
        fac__node *n = k->visits[i].node;
        if (!GROW(k, next, k->next_count, n->n_in, &k->next_room)) return false;
        k->visits[i].next = k->next_count;
        for (int e = 0; e < n->n_in; e++) {
            fac__node *next = n->edges[e].node;
            int to = next ? add_visit(k, next) : -1;
            if (next && to < 0) return false;
            k->next[k->next_count++] = to;
            if (next) k->visits[to].deps++;
        }
    }
    return true;
}

/* ---- the heap of ready nodes -------------------------------------------------------------------------------- */

static bool later(const task *k, int a, int b)
{
    return k->visits[a].node->sequence > k->visits[b].node->sequence;
}

static void push(task *k, int v)
{
    int i = k->heap_count++;
    for (; i > 0 && later(k, v, k->heap[(i - 1) / 2]); i = (i - 1) / 2)
        k->heap[i] = k->heap[(i - 1) / 2];
    k->heap[i] = v;
}

static int pop(task *k)
{
    int top = k->heap[0], v = k->heap[--k->heap_count], i = 0;
    for (int child; (child = 2 * i + 1) < k->heap_count; i = child) {
        if (child + 1 < k->heap_count && later(k, k->heap[child + 1], k->heap[child])) child++;
        if (!later(k, k->heap[child], v)) break;
        k->heap[i] = k->heap[child];
    }
    k->heap[i] = v;
    return top;
}

/* ---- one node ----------------------------------------------------------------------------------------------- */

static bool same_shape(const fac_tensor *g, const fac__meta *m)
{
    bool same = g->dtype == m->dtype && g->ndim == m->ndim;
    for (int i = 0; same && i < m->ndim; i++)
        same = g->shape[i] == m->shape[i];
    return same;
}

/* Adds g to what has come for output nr of that visit's node. */
static bool arrive(task *k, const visit *v, int nr, fac_tensor *g)
{
    fac_tensor **at = &k->grads[v->grads + nr];
    const fac__meta *m = &v->node->outputs[nr];
    if (m->ndim >= 0 && !same_shape(g, m)) g = fac__grad_fit(g, m);
    if (!g) return false;
    if (*at) {
        fac_tensor *before = *at;
        g = fac__grad_add(before, g);
        *at = NULL;
        if (!fac__own(before) || !g) return false; /* the scope's again: the same may arrive elsewhere */
    }
    *at = fac__take(g);
    return true;
}

static int last_hook(const fac__node *n)
{
    int last = 0;
    for (const fac__hook *h = n->hooks; h; h = h->next)
        last = h->id > last ? h->id : last;
    return last;
}

/* The first registered of those that came after hook number `after`, none behind `last`. */
static fac__hook *next_hook(const fac__node *n, bool retain, int after, int last)
{
    fac__hook *next = NULL;
    for (fac__hook *h = n->hooks; h; h = h->next)
        if ((h->call == NULL) == retain && h->id > after && h->id <= last && (!next || h->id < next->id)) next = h;
    return next;
}

static bool retain_gradient(fac_tensor *t, fac_tensor *g)
{
    fac_tensor *sum = t->grad ? fac__grad_add(t->grad, g) : fac__grad_clone(g);
    if (!sum) return false;
    fac__retain(sum);
    fac_release(t->grad);
    t->grad = sum;
    return true;
}

/* Takes the reference to what hook number `id` made of a gradient: one that fits in the same place. */
static bool replace(fac_tensor **g, fac_tensor *other, int id)
{
    bool size = other->ndim == (*g)->ndim &&
                !memcmp(other->shape, (*g)->shape, (size_t)other->ndim * sizeof *other->shape);
    if (size && other->dtype == (*g)->dtype) {
        fac_release(*g);
        *g = other;
        return true;
    }
    fac_release(other);
    return fac__runtime_error("hook %d has changed the %s of value", id, size ? "type" : "size"), false;
}

/* The first registered first, then retained gradients, since they are what the hooks made of them. A hook may remove
 * hooks, itself too, or register more, which wait for the next backward. */
static bool run_hooks(fac__node *n, fac_tensor **gy)
{
    int last = last_hook(n);
    for (int retain = 0; retain < 2; retain++)
        for (fac__hook *h = next_hook(n, retain, 0, last); h;) {
            int id = h->id, nr = h->nr;
            if (gy[nr] && retain) {
                if (h->retain && !retain_gradient(h->retain, gy[nr])) return false;
            } else if (gy[nr]) {
                fac_tensor *other = fac__retain(h->call(h->context, gy[nr]));
                if (fac_get_error_code()) return fac_release(other), false;
                if (other && !replace(&gy[nr], other, id)) return false;
            }
            h = next_hook(n, retain, id, last);
        }
    return true;
}

static void capture(task *k, const fac__node *n, fac_tensor **gy)
{
    const fac__backward_request *r = k->request;
    for (int i = 0; i < r->n_inputs; i++) {
        if (r->input_edges[i].node != n || !gy[r->input_edges[i].nr]) continue;
        r->grads[i] = fac__retain(gy[r->input_edges[i].nr]);
    }
}

/* Why a gradient could not arrive, unless memory ran out, which has been said. */
static bool misfit(const fac__node *n, int e, const fac_tensor *g)
{
    const fac__meta *m = &n->edges[e].node->outputs[n->edges[e].nr];
    fac__runtime_error(
        "Function %s returned an invalid gradient at index %d - got %s but expected shape compatible with %s", n->name,
        e, fac__shape_text(g->ndim, g->shape), fac__shape_text(m->ndim, m->shape));
    return false;
}

static bool flow(task *k, const visit *v, fac_tensor **gx)
{
    const fac__node *n = v->node;
    for (int e = 0; e < n->n_in; e++) {
        int to = k->next[v->next + e];
        if (to < 0) continue;
        visit *next = &k->visits[to];
        if (gx[e] && next->needed && !arrive(k, next, n->edges[e].nr, gx[e])) return misfit(n, e, gx[e]);
        if (--next->deps == 0) push(k, to);
    }
    return true;
}

/* Hooks, what was asked for, and the node's own backward. */
static bool call_node(task *k, const visit *v, fac_tensor **gy, fac_tensor **gx)
{
    fac__node *n = v->node;
    if (n->hooks && !run_hooks(n, gy)) return false;
    if (k->request->n_inputs) capture(k, n, gy);
    if (v->runs && n->freed && n->n_saved) (void)fac__saved(n, 0); /* says so */
    if (v->runs && !fac__self()->error) fac__node_backward(n, gy, gx);
    return !fac__self()->error;
}

static bool run_node(task *k, int index)
{
    const visit *v = &k->visits[index];
    fac__node *n = v->node;
    fac_tensor **gy = &k->grads[v->grads];
    fac_tensor *few[16], **gx = few;
    bool any = false;
    for (int i = 0; i < n->n_out; i++)
        any = any || gy[i];
    if (n->n_in > 16 && !(gx = fac__alloc((size_t)n->n_in * sizeof *gx))) return false;
    for (int i = 0; i < n->n_in; i++)
        gx[i] = NULL;
    bool ok = !any || !v->needed || call_node(k, v, gy, gx);
    if (ok) ok = flow(k, v, gx);
    if (ok && !k->request->retain_graph && n->n_in && any && v->runs) fac__node_free_saved(n);
    for (int i = 0; i < n->n_out; i++) {
        fac_release(gy[i]);
        gy[i] = NULL;
    }
    if (gx != few) fac__free(gx);
    return ok;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

/* Which nodes lead to a wanted input, if any is named. Children come after their parents in sequence order only, so repeat
 * until nothing changes; graphs are walked from their end, which settles in one or two rounds. */
static void mark_needed(task *k)
{
    const fac__backward_request *r = k->request;
    for (int i = 0; i < r->n_inputs; i++) {
        int at = visit_of(k, r->input_edges[i].node);
        if (at >= 0) k->visits[at].needed = true;
    }
    for (bool changed = r->n_inputs > 0; changed;) {
        changed = false;
        for (int i = k->count - 1; i >= 0; i--) {
            visit *v = &k->visits[i];
            for (int e = 0; e < v->node->n_in && !v->runs; e++) {
                int to = k->next[v->next + e];
                if (to >= 0 && k->visits[to].needed) changed = v->runs = v->needed = true;
            }
        }
    }
}

static bool run(task *k)
{
    const fac__backward_request *r = k->request;
    for (int i = 0; i < r->n_roots; i++)
        if (add_visit(k, r->root_edges[i].node) < 0) return false;
    int roots = k->count;
    if (!explore(k)) return false;
    mark_needed(k);
    for (int i = 0; i < r->n_roots; i++)
        if (!arrive(k, &k->visits[visit_of(k, r->root_edges[i].node)], r->root_edges[i].nr, r->root_grads[i]))
            return false;
    k->heap = k->table; /* has twice the room */
    for (int i = 0; i < roots; i++)
        if (!k->visits[i].deps) push(k, i);
    while (k->heap_count) {
        if (!run_node(k, pop(k))) return false;
        fac__scope_empty();
    }
    return true;
}

bool fac__run_backward(const fac__backward_request *request)
{
    task k;
    memset(&k, 0, offsetof(task, few_visits));
    memset(k.few_table, 0, sizeof k.few_table);
    k.request = request;
    k.visits = k.few_visits;
    k.table = k.few_table;
    k.grads = k.few_grads;
    k.next = k.few_next;
    k.room = k.grad_room = k.next_room = FEW;
    k.table_size = 2 * FEW;
    bool ok = false;
    fac_scope
        fac__grad_block(request->create_graph) ok = run(&k);
    for (int i = 0; i < k.grad_count; i++)
        fac_release(k.grads[i]);
    if (k.visits != k.few_visits) fac__free(k.visits);
    if (k.table != k.few_table) fac__free(k.table);
    if (k.grads != k.few_grads) fac__free(k.grads);
    if (k.next != k.few_next) fac__free(k.next);
    return ok;
}
