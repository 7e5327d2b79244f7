/* Floor 7. From an ONNX model to a graph module: node by node, each by its operator's row. */
#include <stdarg.h>
#include <stdio.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "onnx_lanes.h"
#include "onnx_operators.h"

/* ---- errors -------------------------------------------------------------------------------------------------- */

bool fac__onnx_error(const fac__onnx_loader *l, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const fac__onnx_node *n = l->node;
    if (!fac_get_error_code())
        fac__value_error("%s: node '%.100s' (%.60s): %s", l->path, *n->name || !n->n_outputs ? n->name : n->outputs[0],
                         n->op, text);
    return false;
}

/* ---- names --------------------------------------------------------------------------------------------------- */

static int *slot_of(const fac__onnx_loader *l, const char *name)
{
    unsigned h = 2166136261u;
    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619u;
    for (unsigned i = h;; i++) {
        int *slot = &l->table[i & (unsigned)(l->table_size - 1)];
        if (!*slot || !strcmp(l->names[*slot - 1].name, name)) return slot;
    }
}

static fac__onnx_name *find(const fac__onnx_loader *l, const char *name)
{
    int at = l->table_size && *name ? *slot_of(l, name) : 0;
    return at ? &l->names[at - 1] : NULL;
}

static bool grow(fac__onnx_loader *l)
{
    if (!FAC__GROW(l->names, l->n_names)) return false;
    if (2 * l->n_names < l->table_size) return true;
    int size = l->table_size ? 2 * l->table_size : 256, *table = fac__calloc((size_t)size * sizeof *table);
    if (!table) return false;
    fac__free(l->table);
    l->table = table;
    l->table_size = size;
    for (int i = 0; i < l->n_names; i++)
        *slot_of(l, l->names[i].name) = i + 1;
    return true;
}

fac__onnx_name *fac__onnx_add_name(fac__onnx_loader *l, const char *name)
{
    if (find(l, name)) return fac__value_error("%s: '%.200s' is the name of two things", l->path, name);
    if (!grow(l)) return NULL;
    l->names[l->n_names] = (fac__onnx_name){.name = name, .value = -1, .length = -1, .shape.n = -1};
    *slot_of(l, name) = l->n_names + 1;
    return &l->names[l->n_names++];
}

/* ---- inputs of a node ---------------------------------------------------------------------------------------- */

bool fac__onnx_given(const fac__onnx_loader *l, int i)
{
    return i < l->node->n_inputs && *l->node->inputs[i];
}

fac__onnx_name *fac__onnx_input(fac__onnx_loader *l, int i)
{
    if (!fac__onnx_given(l, i)) return NULL;
    fac__onnx_name *name = find(l, l->node->inputs[i]);
    if (!name) fac__onnx_error(l, "its input '%.200s' is made by no node before it", l->node->inputs[i]);
    return name;
}

fac_tensor *fac__onnx_known(fac__onnx_loader *l, int i)
{
    const fac__onnx_name *name = fac__onnx_input(l, i);
    return name ? name->known : NULL;
}

bool fac__onnx_known_ints(fac__onnx_loader *l, int i, fac_dims *out)
{
    fac_tensor *t = fac__onnx_known(l, i);
    if (!t) return fac__onnx_error(l, "input %d has to be known beforehand", i);
    out->n = (int)t->numel;
    if (t->numel > FAC_MAX_DIMS || fac_dtype_is_floating((fac_dtype)t->dtype))
        return fac__onnx_error(l, "input %d has to be at most %d integers", i, FAC_MAX_DIMS);
    return fac_to_array(t, FAC_INT64, out->d, t->numel);
}

/* A part of a name that a module can have: dots end parts, and none may be empty. */
static const char *state_name(const char *name, char *out, size_t room)
{
    size_t n = 0;
    for (const char *p = name; *p && n + 2 < room; p++) {
        bool empty = *p == '.' && (p == name || p[-1] == '.' || !p[1]);
        out[n++] = empty ? '_' : *p;
    }
    out[n] = 0;
    return out;
}

/* A name's value as a tensor, made where there is none yet. */
static int tensor_of(fac__onnx_loader *l, fac__onnx_name *name);

static int sizes_to_tensor(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    bool single = args[0].kind == FAC_VALUE_SCALAR;
    int64_t one = single ? fac_scalar_to_int(args[0].v.scalar) : 0, n = single ? 1 : args[0].v.ints.count;
    fac_dims shape = single ? FAC_SHAPE() : FAC_SHAPE(n);
    fac_tensor *t = fac__own(fac__new(FAC_INT64, shape.n, shape.d));
    if (!t) return -1;
    if (n) memcpy(fac__host(t), single ? &one : args[0].v.ints.items, (size_t)n * sizeof one);
    results[0] = fac_value_tensor(t);
    return 1;
}

static int tensor_of(fac__onnx_loader *l, fac__onnx_name *name)
{
    if (name->value >= 0 && name->sizes)
        return fac__onnx_function(l, "as_tensor", sizes_to_tensor, fac__term_value(name->value));
    if (name->value >= 0 || !name->known) return name->value;
    char text[512];
    state_name(name->name, text, sizeof text);
    int value = name->learnt ? fac__graph_parameter(l->g, text, name->known)
                : name->kept ? fac__graph_buffer(l->g, text, name->known)
                             : fac__graph_constant(l->g, text, name->known);
    name->value = value;
    return value;
}

fac__term fac__onnx_arg(fac__onnx_loader *l, int i)
{
    fac__onnx_name *name = fac__onnx_input(l, i);
    return name ? fac__term_value(tensor_of(l, name)) : fac__term_none();
}

/* The elements of a tensor as ints. */
static int tensor_to_sizes(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *t = args[0].v.tensor;
    int64_t *ints = fac__graph_ints(fac_numel(t));
    if (!ints || !fac_to_array(t, FAC_INT64, ints, fac_numel(t))) return -1;
    if (fac_dim(t) == 0)
        results[0] = fac_value_scalar(fac_scalar_int(ints[0]));
    else
        results[0] = (fac_value){.kind = FAC_VALUE_INTS, .v.ints = {ints, fac_numel(t)}};
    return 1;
}

fac__term fac__onnx_ints(fac__onnx_loader *l, int i)
{
    fac__onnx_name *name = fac__onnx_input(l, i);
    if (!name) return fac__term_none();
    if (name->sizes) return fac__term_value(name->value);
    fac_dims known;
    if (name->known && name->known->numel <= FAC_MAX_DIMS && !fac_dtype_is_floating((fac_dtype)name->known->dtype) &&
        fac_to_array(name->known, FAC_INT64, known.d, name->known->numel)) {
        known.n = (int)name->known->numel;
        /* The graph copies what lies behind a constant when the call is added; until then it is the model's. */
        int64_t *kept = fac__arena_zeroed((fac__arena *)&l->model->arena, sizeof known.d);
        if (!kept) return fac__term_value(-1);
        memcpy(kept, known.d, sizeof known.d);
        if (name->known->ndim == 0) return fac__term_int(kept[0]);
        return fac__term_constant((fac_value){.kind = FAC_VALUE_INTS, .v.ints = {kept, known.n}});
    }
    return fac__term_value(fac__onnx_function(l, "as_ints", tensor_to_sizes, fac__term_value(tensor_of(l, name))));
}

/* ---- the graph ----------------------------------------------------------------------------------------------- */

/* Learnt are floats that some node takes for data; those that say how, as the ends of Clip, are numbers of the network's. */
static bool says_how(const fac__onnx_node *n, int input)
{
    static const char *const ops[] = {"Clip", "Pad", "Dropout", "Resize", "Upsample", "Slice", "Range", "Expand"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(n->op, ops[i])) return input > 0;
    return false;
}

static void decide_uses(fac__onnx_loader *l)
{
    for (int i = 0; i < l->model->n_nodes; i++) {
        const fac__onnx_node *n = &l->model->nodes[i];
        for (int k = 0; k < n->n_inputs; k++) {
            fac__onnx_name *name = find(l, n->inputs[k]);
            if (!name || !name->known || says_how(n, k)) continue;
            bool statistic = !strcmp(n->op, "BatchNormalization") && k > 2;
            bool floating = fac_dtype_is_floating((fac_dtype)name->known->dtype);
            name->learnt = floating && !statistic && !name->kept;
            name->kept = !name->learnt;
        }
    }
}

static bool add_initializers(fac__onnx_loader *l)
{
    for (int i = 0; i < l->model->n_initializers; i++) {
        fac__onnx_name *name = fac__onnx_add_name(l, l->model->initializers[i].name);
        if (!name) return false;
        name->known = l->model->initializers[i].t;
    }
    decide_uses(l);
    /* In the file's order, which is that of the module it was. Integers wait: most are shapes, which no state has. */
    for (int i = 0; i < l->n_names; i++)
        if (l->names[i].learnt || (l->names[i].kept && fac_dtype_is_floating((fac_dtype)l->names[i].known->dtype)))
            if (tensor_of(l, &l->names[i]) < 0) return false;
    return true;
}

static bool add_inputs(fac__onnx_loader *l)
{
    for (int i = 0; i < l->model->n_inputs; i++) {
        const fac__onnx_value *v = &l->model->inputs[i];
        if (find(l, v->name)) continue; /* older files list their initializers here */
        fac__onnx_name *name = fac__onnx_add_name(l, v->name);
        if (!name) return false;
        name->shape = v->shape;
        name->value = fac__graph_input(l->g, v->name, v->dtype, v->shape);
        if (name->value < 0) return false;
    }
    return true;
}

/* Whether all that the node says was heeded. Some attributes say what is known from elsewhere, or how exactly. */
static bool all_asked(const fac__onnx_loader *l)
{
    static const char *const idle[] = {"hidden_size", "storage_order", "stash_type", "saturate", "round_mode",
                                       "sorted",      "num_outputs",   "seed",       "momentum"};
    for (int i = 0; i < l->node->n_attributes; i++) {
        const fac__onnx_attribute *a = &l->node->attributes[i];
        bool known = a->asked;
        for (size_t k = 0; k < sizeof idle / sizeof *idle; k++)
            known |= !strcmp(a->name, idle[k]);
        if (!known) return fac__onnx_error(l, "its attribute '%.60s' is not known", a->name);
    }
    return true;
}

static bool load_node(fac__onnx_loader *l, const fac__onnx_node *node)
{
    l->node = node;
    if (*node->domain && strcmp(node->domain, "ai.onnx"))
        return fac__onnx_error(l, "operators of '%.60s' are not known", node->domain);
    for (int i = 0; i < node->n_attributes; i++)
        if (node->attributes[i].graph)
            return fac__onnx_error(l, "its attribute '%.60s' is a graph of its own, which cannot be run",
                                   node->attributes[i].name);
    for (int i = 0; i < node->n_inputs; i++)
        if (*node->inputs[i] && !fac__onnx_input(l, i)) return false;
    fac__onnx_lanes lanes = fac__onnx_load_lanes(l);
    if (lanes != FAC__ONNX_NO_LANE) return lanes == FAC__ONNX_LANE || fac__onnx_error(l, "it cannot be read");
    const fac__onnx_operator *row;
    for (int i = 0; (row = fac__onnx_operator_at(i)); i++)
        if (row->load && !strcmp(row->onnx, node->op))
            return row->load(l, row) && !l->failed ? all_asked(l) : fac__onnx_error(l, "it cannot be read");
    return fac__onnx_error(l, "facula does not have this operator");
}

static bool load_graph(fac__onnx_loader *l)
{
    if (l->model->opset < FAC__ONNX_OLDEST)
        return fac__value_error("%s: is of opset %lld; %d is the oldest that can be read", l->path,
                                (long long)l->model->opset, FAC__ONNX_OLDEST);
    if (!add_initializers(l) || !add_inputs(l)) return false;
    for (int i = 0; i < l->model->n_nodes; i++)
        if (!load_node(l, &l->model->nodes[i])) return false;
    for (int i = 0; i < l->model->n_outputs; i++) {
        fac__onnx_name *name = find(l, l->model->outputs[i].name);
        if (!name) return fac__value_error("%s: no node makes the output '%.200s'", l->path, l->model->outputs[i].name);
        l->node = &(const fac__onnx_node){.name = name->name, .op = "output", .domain = ""};
        int value = tensor_of(l, name);
        if (!fac__graph_output(l->g, name->name, fac__term_value(value))) return false;
    }
    return l->model->n_outputs > 0 || fac__value_error("%s: has no outputs", l->path);
}

fac_module *fac__onnx_module(const char *path, const fac__onnx_model *model)
{
    fac__onnx_loader l = {.path = path, .model = model, .g = fac__graph_new()};
    if (!l.g) return NULL;
    bool ok = false;
    fac_scope
        ok = load_graph(&l);
    fac__free(l.names);
    fac__free(l.table);
    if (ok) return fac__graph_ready(l.g);
    fac_module_free(l.g);
    return NULL;
}

fac_module *fac_onnx_load(const char *path)
{
    FAC__OP("onnx_load");
    FAC__NEED(path);
    if (fac__recording_now()) return fac__recording_refuse("read a file");
    fac__onnx_model model = {.failed = false};
    fac_module *module = fac__onnx_read(path, &model) ? fac__onnx_module(path, &model) : NULL;
    fac__onnx_drop(&model);
    return module;
}
