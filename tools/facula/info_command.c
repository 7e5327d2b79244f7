/* facula info: what is in a file or folder. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "any_file.h"
#include "commands.h"
#include "data/image_file.h"
#include "data_source.h"
#include "json_line.h"
#include "layer_table.h"
#include "program_model.h"
#include "run_info.h"

enum { TENSORS = 256, JSON };

struct arguments {
    const char *path;
    bool tensors;
    json_t *json; /* what is found, to be printed at the end; NULL: it is printed as it is found */
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case TENSORS: a->tensors = true; return 0;
    case JSON: a->json = json_object(); return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) argp_error(state, "'%s' is not expected: there is one FILE", text);
        a->path = text;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which FILE?"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

/* [64, 1, 5, 5] */
static const char *shape_text(fac_dims shape)
{
    static char text[FAC_MAX_DIMS * 22 + 3];
    int n = snprintf(text, sizeof text, "[");
    for (int i = 0; i < shape.n; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s%lld", i ? ", " : "", (long long)shape.d[i]);
    snprintf(text + n, sizeof text - (size_t)n, "]");
    return text;
}

static json_t *shape_json(fac_dims shape)
{
    json_t *list = json_array();
    for (int i = 0; i < shape.n; i++)
        json_array_append_new(list, json_integer(shape.d[i]));
    return list;
}

/* 61,706 */
static const char *grouped(int64_t n)
{
    static char text[32];
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%lld", (long long)n), at = 0;
    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0 && digits[i - 1] != '-') text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = 0;
    return text;
}

static void say(const struct arguments *a, const char *key, json_t *value)
{
    if (a->json)
        json_object_set(a->json, key, value);
    else
        tell_fact(NULL, key, json_is_string(value) ? json_string_value(value) : grouped(json_integer_value(value)));
    json_decref(value);
}

/* ---- files of tensors -------------------------------------------------------------------------------------------- */

static void list_tensors(const struct arguments *a, const fac_state *state)
{
    json_t *list = json_array();
    int width = 0;
    for (int64_t i = 0; i < fac_state_count(state); i++)
        if ((int)strlen(fac_state_name_at(state, i)) > width) width = (int)strlen(fac_state_name_at(state, i));
    for (int64_t i = 0; i < fac_state_count(state); i++) {
        fac_tensor *t = fac_state_tensor_at(state, i);
        const char *name = fac_state_name_at(state, i), *dtype = fac_dtype_name(fac_dtype_of(t));
        if (a->json)
            json_array_append_new(
                list, json_pack("{ss ss so}", "name", name, "dtype", dtype, "shape", shape_json(fac_shape(t))));
        else
            printf("%-*s  %-8s  %s\n", width, name, dtype, shape_text(fac_shape(t)));
    }
    if (a->json) json_object_set(a->json, "tensors", list);
    json_decref(list);
}

static void list_metadata(const struct arguments *a, const fac_state *state)
{
    json_t *all = json_object();
    for (int64_t i = 0; i < fac_state_metadata_count(state); i++) {
        const char *key = fac_state_metadata_key_at(state, i), *text = fac_state_metadata(state, key);
        if (a->json)
            json_object_set_new(all, key, json_string(text));
        else
            printf("%s: %.300s%s\n", key, text, strlen(text) > 300 ? "…" : "");
    }
    if (a->json && json_object_size(all)) json_object_set(a->json, "metadata", all);
    json_decref(all);
}

static void count_elements(const struct arguments *a, const fac_state *state)
{
    int64_t elements = 0, bytes = 0;
    for (int64_t i = 0; i < fac_state_count(state); i++) {
        fac_tensor *t = fac_state_tensor_at(state, i);
        elements += fac_numel(t);
        bytes += fac_numel(t) * (int64_t)fac_dtype_size(fac_dtype_of(t));
    }
    say(a, "elements", json_integer(elements));
    say(a, "bytes", json_integer(bytes));
}

/* What the columns of a table are taken for. */
static void list_columns(const struct arguments *a, const fac_csv *csv)
{
    static const char *const kinds[] = {"empty", "numbers", "truths", "texts"};
    json_t *list = json_array();
    for (int64_t i = 0; i < fac_csv_columns(csv); i++) {
        fac_csv_column c = fac_csv_column_at(csv, i);
        json_t *json = json_pack("{ss ss sI}", "name", c.name, "kind", kinds[c.kind], "inputs", (json_int_t)c.inputs);
        if (c.target) json_object_set_new(json, "target", json_true());
        if (c.unused) json_object_set_new(json, "unused", json_string(c.unused));
        json_array_append_new(list, json);
        if (a->json) continue;
        printf("  %-24s  %-8s", c.name, kinds[c.kind]);
        if (c.unused)
            printf("  not used: %s\n", c.unused);
        else if (c.target)
            printf("  to be predicted\n");
        else
            printf("  %lld %s\n", (long long)c.inputs, c.inputs == 1 ? "input" : "inputs");
    }
    if (a->json) json_object_set(a->json, "table", list);
    json_decref(list);
}

/* ---- models ------------------------------------------------------------------------------------------------------ */

static void describe_model(const struct arguments *a, const model_spec *spec, const fac_state *state)
{
    say(a, "model", json_string(spec->model));
    say(a, "task", json_string(spec->classification ? "classification" : "regression"));
    if (a->json) {
        json_object_set(a->json, "spec", spec->json);
    } else {
        printf("%-12s %s %s\n", "takes", spec->images ? "images" : "columns", shape_text(spec->shape));
        const char *what = spec->classification ? "classes" : spec->outputs == 1 ? "number" : "numbers";
        printf("%-12s %lld %s", "gives", (long long)spec->outputs, what);
        for (int64_t i = 0; spec->classes && i < spec->outputs && i < 20; i++)
            printf("%s%s", i ? ", " : ": ", class_name(spec, i));
        printf("%s\n", spec->classes && spec->outputs > 20 ? ", …" : "");
    }
    if (spec->csv) list_columns(a, spec->csv);
    int64_t epoch, batch = 0, step = 0;
    if (!fac_state_get_int(state, TRAINING "epoch", &epoch)) return;
    fac_state_get_int(state, TRAINING "batch", &batch);
    fac_state_get_int(state, TRAINING "step", &step);
    if (a->json)
        json_object_set_new(a->json, "trained",
                            json_pack("{sI sI sI}", "epochs", (json_int_t)epoch, "batches", (json_int_t)batch, "steps",
                                      (json_int_t)step));
    else if (batch)
        printf("%-12s %lld epochs and %lld batches: %lld steps\n", "trained", (long long)epoch, (long long)batch,
               (long long)step);
    else
        printf("%-12s %lld epochs: %lld steps\n", "trained", (long long)epoch, (long long)step);
}

static void list_layers(const struct arguments *a, const model_spec *spec, fac_module *network)
{
    layer_table table;
    json_t *list = json_array();
    int64_t products = 0;
    int width = 5;
    bool good = layer_table_make(&table, network, spec->shape);
    for (int i = 0; i < table.count; i++)
        if ((int)strlen(table.items[i].name) > width) width = (int)strlen(table.items[i].name);
    if (good && !a->json)
        printf("\n%-*s  %-18s  %-18s  %12s  %15s\n", width, "layer", "type", "output", "parameters", "multiply-adds");
    for (int i = 0; i < table.count && good; i++) {
        const layer *l = &table.items[i];
        products += l->products;
        if (a->json) {
            json_array_append_new(list, json_pack("{ss ss so sI sI}", "name", l->name, "type", l->type, "output",
                                                  shape_json(l->output), "parameters", (json_int_t)l->parameters,
                                                  "multiply_adds", (json_int_t)l->products));
            continue;
        }
        printf("%-*s  %-18s  %-18s", width, l->name, l->type, shape_text(l->output));
        printf("  %12s", grouped(l->parameters));
        printf("  %15s\n", grouped(l->products));
    }
    if (a->json) {
        json_object_set(a->json, "layers", list);
        json_object_set_new(a->json, "parameters", json_integer(fac_num_parameters(network)));
        json_object_set_new(a->json, "multiply_adds", json_integer(products));
    } else if (good) {
        printf("%-*s  %-18s  %-18s  %12s", width, "all", "", "", grouped(fac_num_parameters(network)));
        printf("  %15s\n", grouped(products));
    }
    json_decref(list);
    layer_table_drop(&table);
}

/* False when the file holds no model that says how it is built. */
static bool show_model(const struct arguments *a)
{
    model_spec spec;
    fac_state *state = NULL;
    fac_module *model = model_open(a->path, &spec, &state);
    if (model) {
        describe_model(a, &spec, state);
        list_layers(a, &spec, network_of(model));
    }
    fac_state_free(state);
    fac_module_free(model);
    model_spec_drop(&spec);
    return model != NULL;
}

static void show_tensors(const struct arguments *a)
{
    fac_state *state = load_any(a->path, true);
    if (!state) return;
    bool is_model = fac_state_metadata(state, "facula") != NULL;
    say(a, "format", json_string(format_of(a->path)));
    bool is_listed = is_model;
    if (is_model) show_model(a);
    if (is_program(a->path)) {
        fac_module *program = program_load(a->path);
        if (program) program_info(program, a->json);
        is_listed = program != NULL;
        fac_module_free(program);
    }
    if (!is_model) count_elements(a, state);
    if (is_listed && a->tensors) putchar('\n');
    if (!is_listed || a->tensors) {
        list_tensors(a, state);
        list_metadata(a, state);
    }
    fac_state_free(state);
}

/* ---- data --------------------------------------------------------------------------------------------------------- */

static void list_classes(const struct arguments *a, const data_source *data)
{
    if (!data->classes) return;
    if (a->json) {
        json_object_set(a->json, "class_names", data->classes);
        return;
    }
    size_t n = json_array_size(data->classes);
    printf("%-12s ", "called");
    for (size_t i = 0; i < n && i < 20; i++)
        printf("%s%s", i ? ", " : "", json_string_value(json_array_get(data->classes, i)));
    printf("%s\n", n > 20 ? ", …" : "");
}

static void show_data(const struct arguments *a)
{
    data_source data;
    if (data_source_open(&data, a->path, &(data_options){0})) {
        say(a, "train", json_integer(fac_dataset_count(data.train)));
        if (data.test) say(a, "test", json_integer(fac_dataset_count(data.test)));
        if (a->json)
            json_object_set_new(a->json, "item", shape_json(data.shape));
        else
            printf("%-12s %s\n", data.images ? "images" : "columns", shape_text(data.shape));
        say(a, data.classification ? "classes" : "numbers", json_integer(data.outputs));
        list_classes(a, &data);
        if (data.csv) list_columns(a, data.csv);
    }
    data_source_drop(&data);
}

static void show_picture(const struct arguments *a)
{
    fac__picture p;
    if (!fac__image_size(a->path, &p)) return;
    say(a, "height", json_integer(p.height));
    say(a, "width", json_integer(p.width));
    say(a, "channels", json_integer(p.channels));
}

static void show(const struct arguments *a)
{
    struct stat info;
    if (stat(a->path, &info) != 0) {
        fac_raise(FAC_ERROR_IO, "%s: there is no such file or folder", a->path);
    } else if (S_ISDIR(info.st_mode)) {
        if (!run_info(a->path, a->json)) show_data(a);
    } else if (fac__image_name(a->path)) {
        show_picture(a);
    } else if (kind_table.is_data(a->path, false)) {
        show_data(a);
    } else {
        show_tensors(a);
    }
}

int info_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"tensors", TENSORS, 0, 0, "of a model that facula train has saved list all tensors, too", 0},
        {"json", JSON, 0, 0, "print JSON", 0},
        {0}};
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "FILE",
        .doc = "Says what is in FILE: tensors and metadata of a .safetensors, .npy, .npz, .pt or "
               "idx file; of a model that "
               "facula train has saved its layers, with the shapes of what they give, their "
               "parameters and the multiply-adds "
               "of one input; of data as for facula train how many items there are, of a table "
               "what its columns are taken for; of a picture its size; of the folder of a run the last values of "
               "its curves; of a folder of runs what became of each.\v"
               "Examples:\n  facula info model.safetensors\n  facula info runs/lenet --json\n  facula info data.npz\n"
               "  facula info houses.csv\n"};
    struct arguments a = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    fac_scope
        show(&a);
    if (a.json && !fac_error()) {
        json_dumpf(a.json, stdout, JSON_REAL_PRECISION(9) | JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(a.json);
    return 0;
}
