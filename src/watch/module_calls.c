/* Floor 8. The order of a module's layers, as a forward pass shows it. A layer's input comes from the layers whose outputs lie in
 * the same memory, or else from those that are found on the way back through the gradient graph, which sees through all functions
 * between them. Without a graph it is taken to come from the call before. */
#include "watch/module_calls.h"

#include <string.h>

#include "autograd/node.h"
#include "watch/json_text.h"

enum { CALLS = 2000, SOURCES = 32, VISITED = 1000 }; /* at most */

struct fac__call {
    const char *name, *type;
    fac_dims input, output;
    int from_count, from[SOURCES];
    /* until the pass is over */
    fac_tensor *held; /* the output; NULL while a step is recorded, which holds all by itself and minds if others do */
    const fac__storage *storage;
    const fac__node *node;
};

/* In order, each once. */
static void add_source(fac__call *call, int from)
{
    int at = call->from_count;
    while (at > 0 && call->from[at - 1] > from)
        at--;
    if ((at > 0 && call->from[at - 1] == from) || call->from_count == SOURCES) return;
    memmove(&call->from[at + 1], &call->from[at], (size_t)(call->from_count++ - at) * sizeof from);
    call->from[at] = from;
}

/* The newest call whose output this node made, or -1. */
static int call_of_node(const fac__calls *c, const fac__node *node)
{
    for (int i = c->count - 1; i >= 0; i--)
        if (c->items[i].node == node) return i;
    return -1;
}

/* From the node back to the calls that are met first. */
static void follow_graph(const fac__calls *c, fac__call *call, const fac__node *node)
{
    const fac__node *visited[VISITED] = {node};
    int count = 1;
    for (int i = 0; i < count; i++) {
        int from = call_of_node(c, visited[i]);
        if (from >= 0) {
            add_source(call, from);
            continue;
        }
        for (int e = 0; e < visited[i]->n_in; e++) {
            const fac__node *next = visited[i]->edges[e].node;
            int known = !next;
            for (int k = 0; k < count && !known; k++)
                known = visited[k] == next;
            if (!known && count < VISITED) visited[count++] = next;
        }
    }
}

static const fac__node *node_of(const fac_tensor *t)
{
    return t->grad_fn ? t->grad_fn : t->base ? t->base->grad_fn : NULL;
}

static bool same_shape(const fac_dims *a, const fac_dims *b)
{
    return a->n == b->n && !memcmp(a->d, b->d, (size_t)a->n * sizeof *a->d);
}

/* Several outputs, and the net's input, may lie in the same memory: a view's and what it is a view of. The newest of this shape is
 * meant. */
static void find_in_memory(const fac__calls *c, fac__call *call, const fac_tensor *x)
{
    for (int i = c->count - 1; i >= 0 && !call->from_count; i--)
        if (c->items[i].storage == x->storage && same_shape(&c->items[i].output, &call->input)) add_source(call, i);
    if (!call->from_count && x->storage == c->input) add_source(call, -1);
    for (int i = c->count - 1; i >= 0 && !call->from_count; i--)
        if (c->items[i].storage == x->storage) add_source(call, i);
}

static void find_sources(const fac__calls *c, fac__call *call, const fac_tensor *x)
{
    find_in_memory(c, call, x);
    if (!call->from_count && node_of(x)) follow_graph(c, call, node_of(x));
    if (call->from_count) return;
    bool graph = c->count > 0 && c->items[c->count - 1].node; /* x would be part of it if it came from a call */
    add_source(call, graph ? -1 : c->count - 1);
}

bool fac__calls_add(fac__calls *c, const char *name, const fac_module *layer, const fac_tensor *x, fac_tensor *y)
{
    if (c->count == CALLS) return true;
    if (!FAC__GROW(c->items, c->count)) return false;
    fac__call *call = &c->items[c->count];
    *call = (fac__call){.name = name, .type = layer->type->name, .input = fac_shape(x), .output = fac_shape(y)};
    find_sources(c, call, x);
    call->held = fac__recording_now() ? NULL : fac__retain(y);
    call->storage = y->storage;
    call->node = node_of(y);
    c->count++;
    return true;
}

void fac__calls_settle(fac__calls *c)
{
    for (int i = 0; i < c->count; i++) {
        fac_release(c->items[i].held);
        c->items[i].held = NULL;
        c->items[i].storage = NULL;
        c->items[i].node = NULL;
    }
    c->input = NULL;
}

void fac__calls_free(fac__calls *c)
{
    fac__calls_settle(c);
    fac__free(c->items);
    *c = (fac__calls){0};
}

/* ---- JSON ---------------------------------------------------------------------------------------------------- */

void fac__json_shape(fac__text *out, int ndim, const int64_t *shape)
{
    fac__text_add(out, "[", 1);
    for (int i = 0; i < ndim; i++) {
        if (i) fac__text_add(out, ", ", 2);
        fac__json_integer(out, shape[i]);
    }
    fac__text_add(out, "]", 1);
}

void fac__calls_write(const fac__calls *c, fac__text *out)
{
    fac__text_add(out, "[", 1);
    for (int i = 0; i < c->count; i++) {
        const fac__call *call = &c->items[i];
        fac__text_format(out, "%s{\"name\": ", i ? ",\n" : "");
        fac__json_string(out, call->name);
        fac__text_format(out, ", \"type\": ");
        fac__json_string(out, call->type);
        fac__text_format(out, ", \"input\": ");
        fac__json_shape(out, call->input.n, call->input.d);
        fac__text_format(out, ", \"output\": ");
        fac__json_shape(out, call->output.n, call->output.d);
        fac__text_format(out, ", \"from\": ");
        int64_t from[SOURCES];
        for (int k = 0; k < call->from_count; k++)
            from[k] = call->from[k];
        fac__json_shape(out, call->from_count, from);
        fac__text_add(out, "}", 1);
    }
    fac__text_add(out, "]", 1);
}
