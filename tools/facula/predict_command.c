/* facula predict: what a model makes of inputs. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../examples/arguments.h"
#include "commands.h"
#include "data_source.h"
#include "json_line.h"
#include "program_model.h"

enum { JSON = 256, AT_ONCE = 1000 };

struct arguments {
    const char *model;
    char **inputs;
    int n_inputs;
    int64_t top;
    bool json;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case 'k': a->top = whole(state, text, 1, 100000); return 0;
    case JSON: a->json = true; return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0)
            a->model = text;
        else
            a->inputs[a->n_inputs++] = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->model || !a->n_inputs) argp_error(state, "which MODEL and INPUT?");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* One line: where it is from, and the most probable classes, or the numbers. */
static void print_item(const struct arguments *a, const model_spec *spec, const char *name, const float *values,
                       const int64_t *order, int64_t n)
{
    printf("%s:", name);
    for (int64_t i = 0; i < n; i++)
        if (spec->classification)
            printf("  %s %.2f %%", class_name(spec, order[i]), 100 * (double)values[i]);
        else
            printf("  %.7g", (double)values[i]);
    putchar('\n');
}

static void print_item_json(const model_spec *spec, const char *name, const float *values, const int64_t *order,
                            int64_t n)
{
    json_t *line = json_object(), *list = json_array();
    json_object_set_new(line, "input", json_string(name));
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, spec->classification
                                        ? json_pack("{ss sI so}", "class", class_name(spec, order[i]), "index",
                                                    (json_int_t)order[i], "probability", json_finite((double)values[i]))
                                        : json_finite((double)values[i]));
    json_object_set_new(line, spec->classification ? "classes" : "values", list);
    print_json(line);
}

/* The outputs of some inputs, the first of which is number `first`. */
static void print_outputs(const struct arguments *a, const model_spec *spec, const char *path,
                          const input_source *inputs, fac_tensor *outputs, int64_t first)
{
    fac_tensor *order = NULL;
    int64_t n = spec->outputs;
    if (spec->classification) {
        n = a->top < n ? a->top : n;
        outputs = fac_topk(fac_softmax(outputs, -1, FAC_DTYPE_NONE), n, .indices = &order);
        order = fac_contiguous(order);
    } else {
        fac_dims shape = FAC_DIMS(n);
        outputs = fac_add(fac_mul(outputs, numbers_of(spec->out_std, shape)), numbers_of(spec->out_mean, shape));
    }
    outputs = fac_contiguous(outputs);
    if (fac_error()) return;
    const float *values = fac_data(outputs);
    const int64_t *classes = order ? fac_data(order) : NULL;
    for (int64_t i = 0; i < fac_size(outputs, 0); i++) {
        char name[4200];
        if (inputs->name)
            snprintf(name, sizeof name, "%.4100s", inputs->name(inputs->context, first + i));
        else
            snprintf(name, sizeof name, inputs->many ? "%.4000s[%lld]" : "%.4000s", path, (long long)(first + i));
        if (a->json)
            print_item_json(spec, name, values + i * n, order ? classes + i * n : NULL, n);
        else
            print_item(a, spec, name, values + i * n, order ? classes + i * n : NULL, n);
    }
}

static void predict(const struct arguments *a, fac_module *model, const model_spec *spec, const char *path)
{
    input_source inputs;
    if (!inputs_open(&inputs, path, spec)) return;
    int64_t done = 0, n = 1, most = inputs.as_it_comes ? 1 : items_at_once(network_of(model), AT_ONCE);
    while (n > 0 && !fac_error())
        fac_scope
            fac_no_grad {
                fac_tensor *x = inputs.next(inputs.context, most);
                n = x ? fac_size(x, 0) : 0;
                if (x) print_outputs(a, spec, path, &inputs, fac_forward(model, x), done);
                done += n;
            }
    inputs.close(inputs.context);
}

int predict_command(int argc, char **argv)
{
    static const struct argp_option options[] = {{"top", 'k', "N", 0, "print the N most probable classes (1)", 0},
                                                 {"json", JSON, 0, 0, "print a line of JSON for each input", 0},
                                                 {0}};
    const struct argp argp = {.options = options,
                              .parser = parse,
                              .args_doc = "MODEL INPUT...",
                              .doc =
                                  "Prints what MODEL, a file that facula train has saved, makes of each INPUT: a "
                                  "picture, .png or .jpg, or a folder with pictures; a .csv or .tsv file of rows, or - "
                                  "for rows on standard input, each of which is answered at once; a file of idx, .npy "
                                  "or .npz with one input or many.\v"
                                  "Examples:\n"
                                  "  facula predict model.safetensors photo.jpg photos/ -k 3\n"
                                  "  facula predict model.safetensors data.npz\n"
                                  "  facula predict model.safetensors t10k-images-idx3-ubyte.gz -k 3 --json\n"
                                  "  tail -n 5 houses.csv | facula predict houses.safetensors -\n"};
    struct arguments a = {.top = 1, .inputs = calloc((size_t)argc, sizeof *a.inputs)};
    if (!a.inputs) return 1;
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    model_spec spec;
    fac_module *model = model_open(a.model, &spec, NULL);
    for (int i = 0; i < a.n_inputs && model && !fac_error(); i++)
        predict(&a, model, &spec, a.inputs[i]);
    fac_module_free(model);
    model_spec_drop(&spec);
    free(a.inputs);
    return 0;
}
