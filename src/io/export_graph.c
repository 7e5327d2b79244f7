/* Floor 7. From the program in an archive of torch.export to a graph module: what goes in, what comes out, and which
 * tensors of the archive are its parameters and buffers. */
#include <string.h>

#include "export_program.h"
#include "facula/io.h"
#include "ops/op.h"

#define BAD FAC__EXPORT_BAD

/* ---- what goes in ------------------------------------------------------------------------------------------- */

static const json_t *meta_of(const fac__export_reader *p, const char *name)
{
    return json_object_get(json_object_get(p->graph, "tensor_values"), name);
}

/* Sizes that are not numbers may be any. */
static bool add_input(fac__export_reader *p, const json_t *arg)
{
    const char *name = fac__export_name(arg);
    if (!name) return true; /* a number, text or None, which the program was written for */
    const json_t *meta = meta_of(p, name), *sizes = json_object_get(meta, "sizes");
    fac_dims shape = fac_dims_make(-1, NULL);
    if (json_is_array(sizes) && json_array_size(sizes) <= FAC_MAX_DIMS) shape.n = (int)json_array_size(sizes);
    for (int i = 0; i < shape.n; i++) {
        const json_t *size = json_object_get(json_array_get(sizes, (size_t)i), "as_int");
        shape.d[i] = size ? json_integer_value(size) : -1;
    }
    int element = fac__export_element(json_integer_value(json_object_get(meta, "dtype")));
    fac_dtype dtype = element < FAC_DTYPE_COUNT ? (fac_dtype)element : FAC_DTYPE_NONE;
    return fac__export_set_value(p, name, fac__graph_input(p->g, name, dtype, shape));
}

/* What tells one piece of memory from others. */
static void key_of(const fac_tensor *t, char key[64])
{
    snprintf(key, 64, "%p %lld", (void *)t->storage, (long long)t->offset);
}

/* The parameter that there is already of the same memory, or else t itself. */
static fac_tensor *tied(const fac__export_reader *p, fac_tensor *t)
{
    char key[64];
    key_of(t, key);
    const char *name = fac__export_text(p->memory, key);
    fac_tensor *u = name ? fac_get_parameter(&p->g->base, name) : NULL;
    bool same = u && fac__same_shape(u, t) && !memcmp(u->strides, t->strides, (size_t)t->ndim * sizeof *t->strides);
    return same ? u : t;
}

/* Notes that the tensor of the state dict is there. */
static bool note(const fac__export_reader *p, const char *state_name, const fac_tensor *t, bool parameter)
{
    char key[64];
    key_of(t, key);
    if (json_object_set_new(p->used, state_name, json_true()) == 0 &&
        (!parameter || json_object_set_new(p->memory, key, json_string(state_name)) == 0))
        return true;
    return fac__memory_error(0), false;
}

static bool add_tensor(fac__export_reader *p, const char *name, const char *state_name, const fac_state *from,
                       bool parameter, bool saved)
{
    fac_tensor *t = state_name ? fac_state_get(from, state_name) : NULL;
    if (!name || !state_name) return fac__export_damaged(p, "an input");
    if (!t) return BAD("%s: the archive lacks the tensor '%.200s'", p->path, state_name);
    parameter &= fac_dtype_is_floating(fac_dtype_of(t));
    if (parameter) t = tied(p, t);
    int value = parameter ? fac__graph_parameter(p->g, state_name, t)
                : saved   ? fac__graph_buffer(p->g, state_name, t)
                          : fac__graph_constant(p->g, state_name, t);
    /* A frozen parameter. Older programs say that of all. */
    if (value >= 0 && parameter && !p->older && json_is_false(json_object_get(meta_of(p, name), "requires_grad")))
        fac_requires_grad_(fac_get_parameter(&p->g->base, state_name), false);
    if (value < 0) return false;
    return (!saved || note(p, state_name, t, parameter)) && fac__export_set_value(p, name, value);
}

/* {"parameter": {"arg": {"name": "p_weight"}, "parameter_name": "weight"}} and the like */
static bool read_input(fac__export_reader *p, const json_t *spec)
{
    const char *kind = json_object_iter_key(json_object_iter((json_t *)spec));
    const json_t *v = kind ? json_object_get(spec, kind) : NULL, *arg = json_object_get(v, "arg");
    const char *name = fac__export_text(arg, "name");
    p->where = name ? name : "an input";
    if (!kind) return fac__export_damaged(p, "the kind");
    if (!strcmp(kind, "user_input")) return add_input(p, arg);
    if (!strcmp(kind, "constant_input")) return true;
    if (!strcmp(kind, "parameter"))
        return add_tensor(p, name, fac__export_text(v, "parameter_name"), p->weights, true, true);
    if (!strcmp(kind, "tensor_constant"))
        return add_tensor(p, name, fac__export_text(v, "tensor_constant_name"), p->constants, false, false);
    if (!strcmp(kind, "buffer")) {
        bool saved = !json_is_false(json_object_get(v, "persistent"));
        return add_tensor(p, name, fac__export_text(v, "buffer_name"), saved ? p->weights : p->constants, false, saved);
    }
    return BAD("%s: the program has an input of a kind that facula does not know: %.100s", p->path, kind);
}

/* ---- what comes out ----------------------------------------------------------------------------------------- */

/* The value of a parameter, buffer or input by the name that the signature has for it. */
static bool target_value(fac__export_reader *p, const char *key, const char *name, fac__term *out)
{
    const json_t *specs = json_object_get(p->signature, "input_specs");
    if (!strcmp(key, "user_input_name")) return fac__export_get_value(p, name, out);
    for (size_t i = 0; name && i < json_array_size(specs); i++) {
        json_t *spec = json_array_get(specs, i);
        const json_t *v = json_object_get(spec, json_object_iter_key(json_object_iter(spec)));
        const char *is = fac__export_text(v, key);
        if (is && !strcmp(is, name))
            return fac__export_get_value(p, fac__export_text(json_object_get(v, "arg"), "name"), out);
    }
    return fac__export_damaged(p, "what is changed");
}

/* {"name": "x"} */
static bool output_value(fac__export_reader *p, const json_t *arg, fac__term *out)
{
    return fac__export_get_value(p, fac__export_text(arg, "name"), out);
}

static bool read_output(fac__export_reader *p, const json_t *spec)
{
    static const char *const changes[][2] = {{"buffer_mutation", "buffer_name"},
                                             {"parameter_mutation", "parameter_name"},
                                             {"user_input_mutation", "user_input_name"}};
    const char *kind = json_object_iter_key(json_object_iter((json_t *)spec));
    const json_t *v = kind ? json_object_get(spec, kind) : NULL, *arg = json_object_get(v, "arg");
    fac__term into, from;
    p->where = "an output";
    if (!kind) return fac__export_damaged(p, "the kind");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (!strcmp(kind, changes[i][0]))
            return output_value(p, arg, &from) &&
                   target_value(p, changes[i][1], fac__export_text(v, changes[i][1]), &into) &&
                   fac__graph_update(p->g, into.value, from.value);
    if (!strcmp(kind, "loss_output")) return output_value(p, arg, &from) && fac__graph_output(p->g, "loss", from);
    if (strcmp(kind, "user_output") != 0)
        return BAD("%s: the program has an output of a kind that facula does not know: %.100s", p->path, kind);
    const char *name = fac__export_text(json_object_get(arg, "as_tensor"), "name");
    return fac__export_argument(p, arg, &from) && fac__graph_output(p->g, name ? name : "output", from);
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static bool read_all(fac__export_reader *p, const json_t *items, bool (*read)(fac__export_reader *, const json_t *))
{
    if (!json_is_array(items)) return fac__export_damaged(p, "a list");
    for (size_t i = 0; i < json_array_size(items); i++) {
        bool good = read(p, json_array_get(items, i));
        fac__export_empty_room(p);
        if (!good) return false;
    }
    return true;
}

/* Tensors that the program does not use under this name, but under another: tied weights, which the state dict has twice. */
static bool add_other_names(fac__export_reader *p)
{
    for (int64_t i = 0; i < fac_state_count(p->weights); i++) {
        const char *name = fac_state_name_at(p->weights, i);
        fac_tensor *t = fac_state_tensor_at(p->weights, i);
        if (json_object_get(p->used, name)) continue;
        fac_tensor *same = tied(p, t);
        if (same != t && fac__graph_parameter(p->g, name, same) < 0) return false;
    }
    return true;
}

/* facula's complex numbers are pairs, which is not what a program means. */
static bool check_dtypes(const fac__export_reader *p)
{
    enum { COMPLEX_HALF = 9, COMPLEX_DOUBLE = 11 }; /* of schema.py's ScalarType */
    json_t *metas = json_object_get(p->graph, "tensor_values"), *meta;
    const char *name;
    json_object_foreach(metas, name, meta) {
        json_int_t dtype = json_integer_value(json_object_get(meta, "dtype"));
        if (dtype >= COMPLEX_HALF && dtype <= COMPLEX_DOUBLE)
            return BAD("%s: '%.200s' has complex numbers, which programs of facula cannot have", p->path, name);
    }
    return true;
}

static bool read_program(fac__export_reader *p, const json_t *json)
{
    const json_t *module = json_object_get(json, "graph_module");
    p->graph = json_object_get(module, "graph");
    p->signature = json_object_get(module, "signature");
    const json_t *nodes = json_object_get(p->graph, "nodes");
    return fac__export_check_targets(p, nodes) && check_dtypes(p) &&
           read_all(p, json_object_get(p->signature, "input_specs"), read_input) &&
           read_all(p, nodes, fac__export_node) &&
           read_all(p, json_object_get(p->signature, "output_specs"), read_output) && add_other_names(p);
}

static fac_module *load_program(const fac__export *e)
{
    fac__export_reader p = {.path = e->zip.in->path,
                            .older = e->older,
                            .weights = fac_state_new(),
                            .constants = fac_state_new(),
                            .g = fac__graph_new(),
                            .values = json_object(),
                            .used = json_object(),
                            .memory = json_object()};
    json_t *json = fac__export_program(e);
    bool good = json && p.weights && p.constants && p.g && p.values && p.used && p.memory &&
                fac__export_tensors(e, false, p.weights) && fac__export_tensors(e, true, p.constants) &&
                read_program(&p, json);
    json_decref(json);
    json_decref(p.values);
    json_decref(p.used);
    json_decref(p.memory);
    fac_state_free(p.weights);
    fac_state_free(p.constants);
    if (good) return fac__graph_ready(p.g);
    fac_module_free(p.g);
    return NULL;
}

fac_module *fac_export_load(const char *path)
{
    FAC__OP("export_load");
    FAC__NEED(path);
    if (fac__recording_now()) return fac__recording_refuse("read a file");
    fac__input in;
    if (!fac__input_open(&in, path, false)) return NULL;
    fac__export e;
    fac_module *module = fac__export_open(&e, &in) ? load_program(&e) : NULL;
    fac__export_close(&e);
    fac__input_close(&in);
    return module;
}
