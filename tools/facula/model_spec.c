/* See model_spec.h. Files come from anywhere, so nothing that they say is believed. */
#include "model_spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "program_model.h"

enum { MOST_OUTPUTS = 100000, MOST_LAYERS = 32, MOST_ELEMENTS = 1 << 22 /* of an input */ };

/* ---- the spec ----------------------------------------------------------------------------------------------- */

static bool bad(const char *what)
{
    fac_raise(FAC_ERROR_VALUE, "the description of the model makes no sense: %s", what);
    return false;
}

static bool numbers_ok(const json_t *array, int64_t count, bool positive)
{
    if ((int64_t)json_array_size(array) != count) return false;
    size_t i;
    json_t *number;
    json_array_foreach(array, i, number) if (!json_is_number(number) || !isfinite(json_number_value(number)) ||
                                             (positive && json_number_value(number) <= 0)) return false;
    return true;
}

static bool texts_ok(const json_t *array, int64_t count)
{
    if ((int64_t)json_array_size(array) != count) return false;
    size_t i;
    json_t *text;
    json_array_foreach(array, i, text) if (!json_is_string(text)) return false;
    return true;
}

static bool read_shape(model_spec *spec, const json_t *input)
{
    int64_t elements = 1;
    spec->shape.n = (int)json_array_size(input);
    if (spec->shape.n != 1 && spec->shape.n != 3) return false;
    for (int i = 0; i < spec->shape.n; i++) {
        spec->shape.d[i] = json_integer_value(json_array_get(input, (size_t)i));
        if (spec->shape.d[i] < 1 || spec->shape.d[i] > MOST_ELEMENTS / elements) return false;
        elements *= spec->shape.d[i];
    }
    return true;
}

/* What the table's columns become is what the network takes, and what it gives are the table's classes, or its number. */
static bool read_table(model_spec *spec, const json_t *table)
{
    char *text = json_dumps(table, 0);
    spec->csv = text ? fac_csv_from_json(text) : NULL;
    free(text);
    if (!spec->csv) return false;
    if (spec->images || fac_csv_inputs(spec->csv) != spec->shape.d[0] || fac_csv_outputs(spec->csv) != spec->outputs ||
        fac_csv_classification(spec->csv) != spec->classification)
        return bad("the table's columns");
    return true;
}

bool model_spec_read(model_spec *spec, json_t *json)
{
    *spec = (model_spec){.json = json};
    const char *task = json_string_value(json_object_get(json, "task"));
    spec->model = json_string_value(json_object_get(json, "model"));
    spec->outputs = json_integer_value(json_object_get(json, "outputs"));
    spec->classes = json_object_get(json, "classes");
    spec->mean = json_object_get(json, "mean");
    spec->std = json_object_get(json, "std");
    spec->out_mean = json_object_get(json, "out_mean");
    spec->out_std = json_object_get(json, "out_std");
    if (json_integer_value(json_object_get(json, "format")) != 1) return bad("its format is not 1");
    if (!spec->model || !model_name_ok(spec->model)) return bad("the model's name");
    if (!task || (strcmp(task, "classification") && strcmp(task, "regression"))) return bad("the task");
    spec->classification = !strcmp(task, "classification");
    if (!read_shape(spec, json_object_get(json, "input"))) return bad("the shape of its inputs");
    spec->images = spec->shape.n == 3;
    if (spec->outputs < 1 || spec->outputs > MOST_OUTPUTS) return bad("the number of its outputs");
    if (spec->classification && spec->classes && !texts_ok(spec->classes, spec->outputs)) return bad("the classes");
    if (!numbers_ok(spec->mean, spec->shape.d[0], false)) return bad("the means");
    if (!numbers_ok(spec->std, spec->shape.d[0], true)) return bad("the deviations");
    if (!spec->classification &&
        !(numbers_ok(spec->out_mean, spec->outputs, false) && numbers_ok(spec->out_std, spec->outputs, true)))
        return bad("the means and deviations of what it predicts");
    const json_t *table = json_object_get(json, "table");
    return !table || read_table(spec, table);
}

bool model_spec_store(const model_spec *spec, fac_state *state)
{
    char *text = json_dumps(spec->json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    bool good = text && fac_state_set_metadata(state, "facula", text);
    free(text);
    return good;
}

void model_spec_drop(model_spec *spec)
{
    json_decref(spec->json);
    fac_csv_free(spec->csv);
    *spec = (model_spec){0};
}

const char *class_name(const model_spec *spec, int64_t i)
{
    static char number[24];
    const char *name = json_string_value(json_array_get(spec->classes, (size_t)i));
    if (name) return name;
    snprintf(number, sizeof number, "%lld", (long long)i);
    return number;
}

fac_tensor *numbers_of(const json_t *array, fac_dims shape)
{
    size_t count = json_array_size(array);
    float *numbers = malloc((count ? count : 1) * sizeof *numbers);
    if (!numbers) return fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    for (size_t i = 0; i < count; i++)
        numbers[i] = (float)json_number_value(json_array_get(array, i));
    fac_tensor *t = fac_from_array(numbers, FAC_FLOAT32, shape);
    free(numbers);
    return t;
}

/* ---- networks ----------------------------------------------------------------------------------------------- */

/* The sizes behind "mlp:", at most MOST_LAYERS; -1 when they are none. */
static int hidden_sizes(const char *name, int64_t *sizes)
{
    if (strncmp(name, "mlp", 3)) return -1;
    const char *text = !name[3] ? ":256,128" : name + 3;
    int count = 0;
    for (char separator = ':'; *text; separator = ',') {
        char *end;
        if (*text != separator || count == MOST_LAYERS || text[1] < '0' || text[1] > '9') return -1;
        long long size = strtoll(text + 1, &end, 10);
        if (size < 1 || size > 1000000) return -1;
        sizes[count++] = size;
        text = end;
    }
    return count;
}

bool model_name_ok(const char *name)
{
    int64_t sizes[MOST_LAYERS];
    if (hidden_sizes(name, sizes) >= 0 || is_program(name)) return true;
    for (const fac_image_model_row *row = fac_image_models(); row->name; row++)
        if (!strcmp(row->name, name)) return true;
    return false;
}

static fac_module *mlp(const int64_t *sizes, int count, int64_t in, int64_t out)
{
    fac_module *net = fac_nn_sequential(fac_nn_flatten());
    for (int i = 0; i < count && net; i++) {
        fac_append(net, fac_nn_linear(in, sizes[i]));
        fac_append(net, fac_nn_relu());
        in = sizes[i];
    }
    fac_append(net, fac_nn_linear(in, out));
    return fac_module_ready(net);
}

static int64_t inputs_of(const model_spec *spec)
{
    int64_t n = 1;
    for (int i = 0; i < spec->shape.n; i++)
        n *= spec->shape.d[i];
    return n;
}

/* One pass tells whether the network takes such inputs. */
static bool takes(fac_module *net, const model_spec *spec)
{
    bool good = false;
    fac_eval(net);
    fac_scope
        fac_no_grad {
            fac_dims shape = {.n = spec->shape.n + 1, .d = {1}};
            memcpy(shape.d + 1, spec->shape.d, (size_t)spec->shape.n * sizeof *shape.d);
            good = fac_forward(net, fac_zeros_with(shape, fac_create_options_defaults())) != NULL;
        }
    fac_train(net, true);
    return good;
}

fac_module *model_spec_network(const model_spec *spec)
{
    int64_t sizes[MOST_LAYERS];
    int count = hidden_sizes(spec->model, sizes);
    if (count >= 0) return mlp(sizes, count, inputs_of(spec), spec->outputs);
    if (is_program(spec->model)) return program_network(spec);
    if (!spec->images)
        return fac_raise(FAC_ERROR_VALUE, "%s is for images; for rows of numbers there is mlp: --model mlp:256,128",
                         spec->model);
    int64_t height = spec->shape.d[1], width = spec->shape.d[2];
    if (!strcmp(spec->model, "lenet") && height != width)
        return fac_raise(FAC_ERROR_VALUE, "lenet is for square images, and these are of %lldx%lld pixels",
                         (long long)height, (long long)width);
    fac_module *net = fac_image_model(spec->model, .num_classes = spec->outputs, .in_channels = spec->shape.d[0],
                                      .image_size = height, .small_images = height <= 64 && width <= 64);
    if (net && !takes(net, spec)) {
        char reason[512];
        snprintf(reason, sizeof reason, "%s", fac_error());
        fac_clear_error();
        fac_raise(FAC_ERROR_VALUE, "%s does not take images of %lldx%lld pixels: %s", spec->model, (long long)height,
                  (long long)width, reason);
        fac_module_free(net);
        return NULL;
    }
    return net;
}

typedef struct normalised_module {
    fac_module base;
    fac_tensor *mean, *std;
    fac_module *network;
} normalised_module;

static fac_tensor *normalised_forward(fac_module *self, fac_tensor *x)
{
    normalised_module *m = (normalised_module *)self;
    return fac_forward(m->network, fac_div(fac_sub(x, m->mean), m->std));
}

static const fac_module_type normalised_type = {
    .name = "Normalised", .size = sizeof(normalised_module), .forward = normalised_forward};

fac_module *normalised(const model_spec *spec, fac_module *network)
{
    if (!network) return NULL;
    normalised_module *m = fac_module_new(&normalised_type);
    fac_scope {
        int64_t n = spec->shape.d[0];
        fac_dims shape = spec->images ? FAC_DIMS(n, 1, 1) : FAC_DIMS(n);
        fac_add_buffer(m, mean, numbers_of(spec->mean, shape));
        fac_add_buffer(m, std, numbers_of(spec->std, shape));
    }
    fac_add_child(m, network, network);
    return fac_module_ready(m);
}

fac_module *network_of(fac_module *normalised)
{
    return normalised ? ((normalised_module *)normalised)->network : NULL;
}

/* ---- files -------------------------------------------------------------------------------------------------- */

static bool of_network(const char *name)
{
    return strncmp(name, TRAINING, strlen(TRAINING)) != 0;
}

static int64_t elements_of(const fac_state *state)
{
    int64_t elements = 0;
    for (int64_t i = 0; i < fac_state_count(state); i++)
        if (of_network(fac_state_name_at(state, i))) elements += fac_numel(fac_state_tensor_at(state, i));
    return elements;
}

/* At least: a small file is not to ask for a huge network. */
static int64_t elements_needed(const model_spec *spec)
{
    int64_t sizes[MOST_LAYERS + 1], in = inputs_of(spec), elements = 0;
    int count = hidden_sizes(spec->model, sizes);
    if (is_program(spec->model)) return 0;
    if (count < 0) {
        int64_t left = strcmp(spec->model, "lenet") ? 0 : (spec->shape.d[1] / 2 - 4) / 2;
        return spec->outputs + spec->shape.d[0] + (left > 0 ? 120 * 16 * left * left : 0);
    }
    sizes[count] = spec->outputs;
    for (int i = 0; i <= count; in = sizes[i++])
        elements += (in + 1) * sizes[i];
    return elements;
}

bool model_spec_load(model_spec *spec, const fac_state *state, const char *path)
{
    *spec = (model_spec){0};
    const char *text = fac_state_metadata(state, "facula");
    if (!text)
        return fac_raise(FAC_ERROR_VALUE, "%s is no model that facula train has saved: it does not say how it is built",
                         path);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!json) return bad("it is no JSON");
    if (!model_spec_read(spec, json)) return false;
    if (elements_of(state) >= elements_needed(spec)) return true;
    return fac_raise(FAC_ERROR_VALUE, "%s is too small for the network that it describes", path);
}

fac_state *network_state(const fac_state *all)
{
    fac_state *part = fac_state_new();
    for (int64_t i = 0; part && i < fac_state_count(all); i++) {
        const char *name = fac_state_name_at(all, i);
        if (of_network(name) && !fac_state_set(part, name, fac_state_tensor_at(all, i))) {
            fac_state_free(part);
            return NULL;
        }
    }
    return part;
}

/* A program by itself, which takes inputs as they are. */
static fac_module *open_program(const char *path, model_spec *spec)
{
    fac_module *program = program_load(path), *model = NULL;
    if (program && program_spec(spec, program, path))
        model = normalised(spec, program);
    else
        fac_module_free(program);
    fac_eval(model);
    return model;
}

fac_module *model_open(const char *path, model_spec *spec, fac_state **state)
{
    *spec = (model_spec){0};
    if (is_program(path)) return open_program(path, spec);
    fac_module *model = NULL;
    fac_state *all = fac_load(path), *weights = NULL;
    if (all && model_spec_load(spec, all, path)) {
        model = normalised(spec, model_spec_network(spec));
        weights = network_state(all);
        if (model && !fac_load_state_dict(network_of(model), weights)) {
            fac_module_free(model);
            model = NULL;
        }
    }
    fac_eval(model);
    fac_state_free(weights);
    if (state && model)
        *state = all;
    else
        fac_state_free(all);
    return model;
}
