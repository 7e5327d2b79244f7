/* Floor 5. Running a graph module: one call after the other, with the values that they give each other. */
#include <string.h>

#include "facula/ops_create.h"
#include "nn/graph_module_impl.h"
#include "ops/op.h"

/* One run's memory: the values, and behind them what a call's arguments are put together in. */
typedef struct run {
    fac__graph *g;
    fac_value *values;
    char *scratch;
    size_t used;
} run;

int64_t *fac__graph_ints(int64_t n)
{
    fac_tensor *t = n >= 0 ? fac__own(fac__new(FAC_INT64, 1, &n)) : NULL;
    return t ? fac__host(t) : NULL;
}

static void *scratch(run *r, size_t n)
{
    void *p = r->scratch + r->used;
    r->used += n;
    return p;
}

/* ---- arguments ---------------------------------------------------------------------------------------------- */

static fac_value value_of(run *r, const fac__term *t);

static fac_value list_of(run *r, const fac__term *t)
{
    size_t n = (size_t)t->count;
    fac_value *items = scratch(r, n * sizeof *items);
    size_t tensors = 0, nones = 0, ints = 0;
    for (size_t i = 0; i < n; i++) {
        items[i] = value_of(r, &t->items[i]);
        tensors += items[i].kind == FAC_VALUE_TENSOR;
        nones += items[i].kind == FAC_VALUE_NONE;
        ints += items[i].kind == FAC_VALUE_SCALAR && items[i].v.scalar.kind == FAC_INT64;
    }
    if (tensors && tensors + nones == n) {
        fac_tensor **list = scratch(r, n * sizeof *list);
        for (size_t i = 0; i < n; i++)
            list[i] = items[i].kind == FAC_VALUE_TENSOR ? items[i].v.tensor : NULL;
        return (fac_value){.kind = FAC_VALUE_TENSORS, .v.tensors = {list, t->count}};
    }
    if (ints && ints == n) {
        int64_t *list = scratch(r, n * sizeof *list);
        for (size_t i = 0; i < n; i++)
            list[i] = items[i].v.scalar.v.i;
        return (fac_value){.kind = FAC_VALUE_INTS, .v.ints = {list, t->count}};
    }
    return (fac_value){.kind = FAC_VALUE_LIST, .v.list = {items, t->count}};
}

static fac_value value_of(run *r, const fac__term *t)
{
    switch (t->kind) {
    case FAC__TERM_VALUE: return r->values[t->value];
    case FAC__TERM_LIST: return list_of(r, t);
    case FAC__TERM_TRAINING: {
        fac_value v = t->constant;
        if (!r->g->base.training) v.v.scalar.v.i = 0; /* of a double, too, it is all bits 0 */
        return v;
    }
    default: return t->constant;
    }
}

/* ---- what goes in ------------------------------------------------------------------------------------------- */

/* "[?, 784]" */
static const char *shape_wanted(fac_dims shape)
{
    char *text = fac__next_text(), *p = text;
    *p++ = '[';
    for (int i = 0; i < shape.n && i < FAC_MAX_DIMS; i++)
        p += shape.d[i] < 0 ? sprintf(p, i ? ", ?" : "?") : sprintf(p, i ? ", %lld" : "%lld", (long long)shape.d[i]);
    strcpy(p, "]");
    return text;
}

static bool check_input(const fac__graph_value *v, const fac_value *given)
{
    if (v->shape.n < 0 || given->kind != FAC_VALUE_TENSOR || !given->v.tensor) return true;
    const fac_tensor *t = given->v.tensor;
    bool fits = t->ndim == v->shape.n;
    for (int i = 0; i < t->ndim && fits; i++)
        fits = v->shape.d[i] < 0 || v->shape.d[i] == t->shape[i];
    if (fits) return true;
    fac__value_error("input '%.100s' has the shape %s, where the graph was written for %s", v->name,
                     fac__shape_text(t->ndim, t->shape), shape_wanted(v->shape));
    return false;
}

/* By its name, since members may have been replaced since. */
static fac_tensor *state_of(const fac__graph *g, const char *name)
{
    const fac_module *m = &g->base;
    const char *dot, *last = name;
    for (; m && (dot = strchr(last, '.')); last = dot + 1) {
        const fac__member *member = fac__find_member(m, last, (size_t)(dot - last));
        m = member ? member->child : NULL;
    }
    const fac__member *member = m ? fac__find_member(m, last, strlen(last)) : NULL;
    if (member && member->tensor) return member->tensor;
    return fac__value_error("the graph needs '%.200s', which is no longer part of the module", name);
}

static bool begin(run *r, const fac_value *inputs)
{
    const fac__graph_code *c = r->g->code;
    for (int i = 0; i < c->n_values; i++) {
        const fac__graph_value *v = &c->values[i];
        r->values[i] = fac_value_none();
        if (v->source == FAC__FROM_INPUT) {
            if (!check_input(v, &inputs[v->at])) return false;
            r->values[i] = inputs[v->at];
        } else if (v->source == FAC__FROM_STATE) {
            fac_tensor *t = state_of(r->g, v->name);
            if (!t) return false;
            r->values[i] = fac_value_tensor(t);
        } else if (v->source == FAC__FROM_CONSTANT) {
            r->values[i] = fac_value_tensor(r->g->constants[v->at]);
        }
    }
    return true;
}

/* ---- calls -------------------------------------------------------------------------------------------------- */

/* Tensors of a list are values one by one. */
static bool take_results(run *r, const fac__graph_node *n, const fac_value *results, int64_t count)
{
    fac_value *values = r->values + n->first;
    bool list = count == 1 && results[0].kind == FAC_VALUE_TENSORS;
    if (list) count = results[0].v.tensors.count;
    if (count < n->n_values || (!list && n->n_values > FAC__MAX_RESULTS)) {
        fac__value_error("gives %lld values, where the graph expects %d", (long long)count, n->n_values);
        return false;
    }
    for (int i = 0; i < n->n_values; i++)
        values[i] = list ? fac_value_tensor(results[0].v.tensors.items[i]) : results[i];
    return true;
}

static bool call(run *r, const fac__graph_node *n)
{
    r->used = 0;
    fac_value *args = scratch(r, (size_t)n->n_args * sizeof *args);
    fac_keyword *keywords = scratch(r, (size_t)n->n_keywords * sizeof *keywords);
    for (int i = 0; i < n->n_args; i++)
        args[i] = value_of(r, &n->args[i]);
    for (int i = 0; i < n->n_keywords; i++)
        keywords[i] = (fac_keyword){n->keywords[i].name, value_of(r, &n->keywords[i].term)};
    fac_value results[FAC__MAX_RESULTS];
    int count = n->function ? n->function(args, n->n_args, results, FAC__MAX_RESULTS)
                            : fac_call(n->op, args, n->n_args, keywords, n->n_keywords, results, FAC__MAX_RESULTS);
    return count >= 0 && take_results(r, n, results, count);
}

static bool change(run *r)
{
    const fac__graph_code *c = r->g->code;
    for (int i = 0; i < c->n_changes; i++) {
        const fac_value *into = &r->values[c->changes[i].into], *from = &r->values[c->changes[i].value];
        if (into->kind != FAC_VALUE_TENSOR || from->kind != FAC_VALUE_TENSOR)
            return fac__type_error("'%.100s' is to be changed, and is no tensor", c->values[c->changes[i].into].name),
                   false;
        bool good = false;
        fac_no_grad
            good = fac_copy_(into->v.tensor, from->v.tensor) != NULL;
        if (!good) return false;
    }
    return true;
}

static int run_all(run *r, const fac_value *inputs, fac_value *outputs, int max)
{
    const fac__graph_code *c = r->g->code;
    fac__thread *self = fac__self();
    const char *op = self->op;
    bool good = begin(r, inputs);
    for (int i = 0; i < c->n_nodes && good; i++) {
        self->op = c->nodes[i].label;
        good = call(r, &c->nodes[i]);
    }
    self->op = op;
    if (!good || !change(r)) return -1;
    for (int i = 0; i < c->n_outputs && i < max; i++)
        outputs[i] = value_of(r, &c->outputs[i].term);
    return c->n_outputs;
}

static int run_graph(fac__graph *g, const fac_value *inputs, fac_value *outputs, int max)
{
    size_t values = (size_t)g->code->n_values * sizeof(fac_value);
    char *memory = fac__alloc(values + g->code->scratch);
    if (!memory) return -1;
    run r = {.g = g, .values = (fac_value *)(void *)memory, .scratch = memory + values};
    int count = run_all(&r, inputs, outputs, max);
    fac__free(memory);
    return count;
}

fac_tensor *fac__graph_forward(fac_module *self, fac_tensor *x)
{
    fac__graph *g = (fac__graph *)self;
    const fac__graph_code *c = g->code;
    if (c->n_inputs != 1 || c->n_outputs < 1)
        return fac__type_error("this graph has %d inputs and %d outputs: fac_graph_call runs it", c->n_inputs,
                               c->n_outputs);
    fac_value in = fac_value_tensor(x), out = fac_value_none();
    if (run_graph(g, &in, &out, 1) < 0) return NULL;
    if (out.kind == FAC_VALUE_TENSOR) return out.v.tensor;
    return fac__type_error("the first output of this graph is no tensor");
}

/* ---- the module --------------------------------------------------------------------------------------------- */

static void drop(fac_module *self)
{
    fac__graph *g = (fac__graph *)self;
    for (int i = 0; g->code && i < g->code->n_constants; i++)
        fac_release(g->constants[i]);
    fac__free(g->constants);
    fac__graph_code_drop(g->code);
}

static bool copy(fac_module *self, const fac_module *from)
{
    fac__graph *g = (fac__graph *)self;
    const fac__graph *old = (const fac__graph *)from;
    int n = g->code->n_constants;
    g->constants = fac__calloc((size_t)n * sizeof *g->constants);
    bool good = g->constants != NULL;
    for (int i = 0; i < n && good; i++) {
        fac_no_grad
            fac_scope
                g->constants[i] = fac_keep(fac_clone(old->constants[i]));
        good = g->constants[i] != NULL;
    }
    if (good) {
        atomic_fetch_add(&g->code->refs, 1);
        return true;
    }
    for (int i = 0; g->constants && i < n; i++)
        fac_release(g->constants[i]);
    fac__free(g->constants);
    return false;
}

const fac_module_type fac__graph_type = {.name = "GraphModule",
                                         .size = sizeof(fac__graph),
                                         .forward = fac__graph_forward,
                                         .extra_repr = fac__graph_repr,
                                         .free = drop,
                                         .copy = copy};

static const fac__graph *as_graph(const void *module)
{
    const fac_module *m = module;
    if (!m || m->type == &fac__graph_type) return module;
    return fac__type_error("%s is no GraphModule", m->type->name);
}

bool fac_is_graph(const void *module)
{
    return module && ((const fac_module *)module)->type == &fac__graph_type;
}

int fac_graph_call(void *module, const fac_value *inputs, int n_inputs, fac_value *outputs, int max)
{
    FAC__OP("GraphModule");
    FAC__NEED_OR(module, -1);
    if (n_inputs) FAC__NEED_OR(inputs, -1);
    if (max) FAC__NEED_OR(outputs, -1);
    const fac__graph *g = as_graph(module);
    if (!g) return -1;
    if (n_inputs != g->code->n_inputs)
        return fac__type_error("%d inputs were given; this graph takes %d", n_inputs, g->code->n_inputs), -1;
    return run_graph(module, inputs, outputs, max);
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

int fac_graph_inputs(const void *module)
{
    const fac__graph *g = as_graph(module);
    return g ? g->code->n_inputs : 0;
}

int fac_graph_outputs(const void *module)
{
    const fac__graph *g = as_graph(module);
    return g ? g->code->n_outputs : 0;
}

static const fac__graph_value *input_of(const void *module, int i)
{
    const fac__graph *g = as_graph(module);
    for (int v = 0; g && v < g->code->n_values; v++)
        if (g->code->values[v].source == FAC__FROM_INPUT && g->code->values[v].at == i) return &g->code->values[v];
    return NULL;
}

const char *fac_graph_input_name(const void *module, int i)
{
    const fac__graph_value *v = input_of(module, i);
    return v ? v->name : NULL;
}

fac_dtype fac_graph_input_dtype(const void *module, int i)
{
    const fac__graph_value *v = input_of(module, i);
    return v ? v->dtype : FAC_DTYPE_NONE;
}

fac_dims fac_graph_input_shape(const void *module, int i)
{
    const fac__graph_value *v = input_of(module, i);
    return v ? v->shape : fac_dims_make(-1, NULL);
}

const char *fac_graph_output_name(const void *module, int i)
{
    const fac__graph *g = as_graph(module);
    return g && i >= 0 && i < g->code->n_outputs ? g->code->outputs[i].name : NULL;
}
