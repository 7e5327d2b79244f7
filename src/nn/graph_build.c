/* Floor 5. Making a graph module: its inputs, state and calls, one after the other. Texts and terms are copied into blocks
 * that are freed together. */
#include <string.h>

#include "nn/graph_module_impl.h"

/* ---- room --------------------------------------------------------------------------------------------------- */

typedef struct fac__graph_block {
    struct fac__graph_block *next;
    size_t used, room;
} fac__graph_block;

enum { BLOCK = 4096, ALIGN = 16, HEAD = (sizeof(fac__graph_block) + ALIGN - 1) / ALIGN * ALIGN };

static void *room_for(fac__graph *g, size_t n)
{
    fac__graph_block *b = g->code->blocks;
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (!b || b->room - b->used < n) {
        size_t room = n + HEAD > BLOCK ? n + HEAD : BLOCK;
        b = fac__alloc(room);
        if (!b) {
            g->base.failed = true;
            return NULL;
        }
        *b = (fac__graph_block){g->code->blocks, HEAD, room};
        g->code->blocks = b;
    }
    void *p = (char *)b + b->used;
    b->used += n;
    return p;
}

static const char *text_copy(fac__graph *g, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = room_for(g, n);
    return copy ? memcpy(copy, text, n) : NULL;
}

/* Room for one more in one of its arrays; false, and it has failed, when memory runs out. */
#define GROW(g, array, count) (FAC__GROW(array, count) || !((g)->base.failed = true))

/* ---- values ------------------------------------------------------------------------------------------------- */

static int add_value(fac__graph *g, fac__value_source source, int at, const char *name)
{
    fac__graph_code *c = g->code;
    if (!GROW(g, c->values, c->n_values)) return -1;
    c->values[c->n_values] = (fac__graph_value){.source = source, .at = at, .name = name, .shape.n = -1};
    return c->n_values++;
}

fac__graph *fac__graph_new(void)
{
    fac__graph *g = fac_module_new(&fac__graph_type);
    if (!g) return NULL;
    g->code = fac__calloc(sizeof *g->code);
    if (!g->code) {
        fac_module_free(g);
        return NULL;
    }
    atomic_init(&g->code->refs, 1);
    return g;
}

int fac__graph_input(fac__graph *g, const char *name, fac_dtype dtype, fac_dims shape)
{
    const char *copy = g && !g->base.failed ? text_copy(g, name) : NULL;
    int v = copy ? add_value(g, FAC__FROM_INPUT, g->code->n_inputs, copy) : -1;
    if (v < 0) return -1;
    g->code->values[v].dtype = dtype;
    g->code->values[v].shape = shape;
    g->code->n_inputs++;
    return v;
}

enum { DEEPEST = 64 }; /* modules in each other, which are walked through by functions that call themselves */

/* What holds the tensors of "layer1.0.weight", made if it is not there. */
static fac_module *module_for(fac__graph *g, const char *name, const char **last)
{
    static const fac_module_type holder = {.name = "Module", .size = sizeof(fac_module)};
    fac_module *m = &g->base;
    const char *dot;
    for (int depth = 0; (dot = strchr(name, '.')); name = dot + 1) {
        if (++depth > DEEPEST) return fac__value_error("a name of a tensor has more than %d parts", DEEPEST);
        const fac__member *member = fac__find_member(m, name, (size_t)(dot - name));
        if (member && member->child) {
            m = member->child;
            continue;
        }
        char *part = fac__strdup(name);
        if (!part) return NULL;
        part[dot - name] = 0;
        m = fac_add_child_named(m, part, fac_module_new(&holder));
        fac__free(part);
        if (!m) return NULL;
    }
    *last = name;
    return m;
}

static int add_state(fac__graph *g, const char *name, fac_tensor *tensor, fac__member_kind kind)
{
    if (!g || g->base.failed) return -1;
    const char *copy = text_copy(g, name), *last = name;
    fac_module *m = copy ? module_for(g, name, &last) : NULL;
    if (m && fac__find_member(m, last, strlen(last))) {
        fac__value_error("there are two tensors of the name '%.200s'", name);
        m = NULL;
    }
    fac_tensor *added = !m                       ? NULL
                        : kind == FAC__PARAMETER ? fac__add_parameter(m, last, tensor, NULL)
                                                 : fac__add_buffer(m, last, tensor, NULL);
    if (!added) {
        g->base.failed = true;
        return -1;
    }
    return add_value(g, FAC__FROM_STATE, 0, copy);
}

int fac__graph_parameter(fac__graph *g, const char *name, fac_tensor *tensor)
{
    return add_state(g, name, tensor, FAC__PARAMETER);
}

int fac__graph_buffer(fac__graph *g, const char *name, fac_tensor *tensor)
{
    return add_state(g, name, tensor, FAC__BUFFER);
}

int fac__graph_constant(fac__graph *g, const char *name, fac_tensor *tensor)
{
    if (!g || g->base.failed) return -1;
    fac__graph_code *c = g->code;
    const char *copy = text_copy(g, name);
    if (!copy || !GROW(g, g->constants, c->n_constants)) return -1;
    int v = add_value(g, FAC__FROM_CONSTANT, c->n_constants, copy);
    if (v >= 0) g->constants[c->n_constants++] = fac_keep(tensor);
    if (!tensor) {
        g->base.failed = true;
        return -1;
    }
    return v;
}

/* ---- terms -------------------------------------------------------------------------------------------------- */

static bool copy_terms(fac__graph *g, const fac__term *from, int n, fac__term *to, size_t *scratch);

static bool copy_value(fac__graph *g, fac_value *v)
{
    if (v->kind == FAC_VALUE_STRING) return (v->v.string = text_copy(g, v->v.string)) != NULL;
    if (v->kind == FAC_VALUE_INTS && v->v.ints.count) {
        size_t size = (size_t)v->v.ints.count * sizeof(int64_t);
        int64_t *items = room_for(g, size);
        if (items) memcpy(items, v->v.ints.items, size);
        v->v.ints.items = items;
        return items != NULL;
    }
    if (v->kind != FAC_VALUE_LIST && v->kind != FAC_VALUE_SLICE) return true;
    fac_value *items = room_for(g, (size_t)v->v.list.count * sizeof *items);
    for (int64_t i = 0; items && i < v->v.list.count; i++) {
        items[i] = v->v.list.items[i];
        if (!copy_value(g, &items[i])) return false;
    }
    v->v.list.items = items;
    return items != NULL;
}

static bool is_constant_int(const fac__term *t)
{
    return t->kind == FAC__TERM_CONSTANT && t->constant.kind == FAC_VALUE_SCALAR &&
           t->constant.v.scalar.kind == FAC_INT64;
}

/* A list of nothing but ints is a constant int[]. */
static bool copy_list(fac__graph *g, fac__term *to, size_t *scratch)
{
    bool ints = to->count > 0;
    for (int i = 0; i < to->count && ints; i++)
        ints = is_constant_int(&to->items[i]);
    if (ints) {
        int64_t *items = room_for(g, (size_t)to->count * sizeof *items);
        for (int i = 0; items && i < to->count; i++)
            items[i] = to->items[i].constant.v.scalar.v.i;
        to->kind = FAC__TERM_CONSTANT;
        to->constant = (fac_value){.kind = FAC_VALUE_INTS, .v.ints = {items, to->count}};
        return items != NULL;
    }
    fac__term *items = room_for(g, (size_t)to->count * sizeof *items);
    *scratch += (size_t)to->count * (sizeof(fac_value) + sizeof(int64_t));
    if (!items || !copy_terms(g, to->items, to->count, items, scratch)) return false;
    to->items = items;
    return true;
}

static bool copy_terms(fac__graph *g, const fac__term *from, int n, fac__term *to, size_t *scratch)
{
    for (int i = 0; i < n; i++) {
        to[i] = from[i];
        if (to[i].kind == FAC__TERM_VALUE && (to[i].value < 0 || to[i].value >= g->code->n_values)) {
            if (!fac_error()) fac__value_error("a value is used before there is one");
            g->base.failed = true;
        } else if (to[i].kind == FAC__TERM_TRAINING && to[i].constant.kind == FAC_VALUE_NONE) {
            to[i].constant = fac_value_scalar(fac_scalar_bool(true));
        } else if (to[i].kind == FAC__TERM_CONSTANT) {
            if (!copy_value(g, &to[i].constant)) g->base.failed = true;
        } else if (to[i].kind == FAC__TERM_LIST) {
            if (!copy_list(g, &to[i], scratch)) g->base.failed = true;
        }
        if (g->base.failed) return false;
    }
    return true;
}

/* ---- calls -------------------------------------------------------------------------------------------------- */

static bool fill_node(fac__graph *g, const fac__new_call *call, fac__graph_node *node)
{
    size_t scratch = (size_t)call->n_args * sizeof(fac_value) + (size_t)call->n_keywords * sizeof(fac_keyword);
    fac__term *args = room_for(g, (size_t)call->n_args * sizeof *args);
    fac__named_term *keywords = room_for(g, (size_t)call->n_keywords * sizeof *keywords);
    size_t length = strlen(call->name) + strlen(call->op) + 4;
    char *label = room_for(g, length);
    *node = (fac__graph_node){.name = text_copy(g, call->name),
                              .op = text_copy(g, call->op),
                              .label = label,
                              .function = call->function,
                              .args = args,
                              .keywords = keywords,
                              .n_args = call->n_args,
                              .n_keywords = call->n_keywords};
    if (g->base.failed || !copy_terms(g, call->args, call->n_args, args, &scratch)) return false;
    snprintf(label, length, "%s (%s)", call->name, call->op);
    for (int i = 0; i < call->n_keywords; i++) {
        keywords[i].name = text_copy(g, call->keywords[i].name);
        if (!keywords[i].name || !copy_terms(g, &call->keywords[i].term, 1, &keywords[i].term, &scratch)) return false;
    }
    if (scratch > g->code->scratch) g->code->scratch = scratch;
    return true;
}

bool fac__graph_call(fac__graph *g, const fac__new_call *call, int n_values, int *values)
{
    for (int i = 0; i < n_values; i++)
        values[i] = -1;
    if (!g || g->base.failed) return false;
    fac__graph_code *c = g->code;
    fac__graph_node node;
    if (!call->function && !fac_op_exists(call->op)) {
        fac__value_error("%.200s calls %.200s, which facula does not have", call->name, call->op);
        g->base.failed = true;
    }
    if (g->base.failed || !GROW(g, c->nodes, c->n_nodes) || !fill_node(g, call, &node)) return false;
    node.first = c->n_values;
    node.n_values = n_values;
    for (int i = 0; i < n_values; i++) {
        values[i] = add_value(g, FAC__FROM_CALL, c->n_nodes, node.name);
        if (values[i] < 0) return false;
    }
    c->nodes[c->n_nodes++] = node;
    return true;
}

bool fac__graph_output(fac__graph *g, const char *name, fac__term term)
{
    if (!g || g->base.failed) return false;
    fac__graph_code *c = g->code;
    fac__named_term out = {text_copy(g, name), term};
    size_t scratch = 0;
    if (!out.name || !GROW(g, c->outputs, c->n_outputs) || !copy_terms(g, &term, 1, &out.term, &scratch)) return false;
    if (out.term.kind == FAC__TERM_LIST) {
        fac__type_error("output '%.200s' of a graph is a list; give each of its tensors by itself", name);
        g->base.failed = true;
        return false;
    }
    c->outputs[c->n_outputs++] = out;
    return true;
}

bool fac__graph_update(fac__graph *g, int into, int value)
{
    if (!g || g->base.failed) return false;
    fac__graph_code *c = g->code;
    if (into < 0 || value < 0 || into >= c->n_values || value >= c->n_values) {
        if (!fac_error()) fac__value_error("a value is used before there is one");
        g->base.failed = true;
    }
    if (g->base.failed || !GROW(g, c->changes, c->n_changes)) return false;
    c->changes[c->n_changes++] = (fac__graph_change){into, value};
    return true;
}

bool fac__graph_failed(const fac__graph *g)
{
    return !g || g->base.failed;
}

fac_module *fac__graph_ready(fac__graph *g)
{
    return fac_module_ready(g);
}

void fac__graph_code_drop(fac__graph_code *code)
{
    if (!code || atomic_fetch_sub(&code->refs, 1) != 1) return;
    while (code->blocks) {
        fac__graph_block *next = code->blocks->next;
        fac__free(code->blocks);
        code->blocks = next;
    }
    fac__free(code->values);
    fac__free(code->nodes);
    fac__free(code->outputs);
    fac__free(code->changes);
    fac__free(code);
}
