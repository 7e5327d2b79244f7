/* facula eval: how good a model is at data that it is tried on. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json_line.h"
#include "program_model.h"
#include "training.h"

enum { PART = 256, JSON };

struct arguments {
    const char *model, *data, *part;
    bool json;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case PART:
        a->part = text;
        if (strcmp(text, "train") && strcmp(text, "test"))
            argp_error(state, "the part is train or test, not '%s'", text);
        return 0;
    case JSON: a->json = true; return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) argp_error(state, "'%s' is not expected: there are one MODEL and one DATA", text);
        if (state->arg_num == 0)
            a->model = text;
        else
            a->data = text;
        return 0;
    case ARGP_KEY_END:
        if (!a->data) argp_error(state, "which MODEL and DATA?");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_score_json(const score *s, const model_spec *spec)
{
    json_t *all = json_pack("{sI so}", "items", (json_int_t)s->items, "loss", json_finite(s->loss));
    if (spec->classification) {
        json_object_set_new(all, "accuracy", json_real(s->accuracy));
        json_t *classes = json_array();
        for (int64_t i = 0; i < spec->outputs; i++)
            json_array_append_new(classes, json_pack("{ss sI sI sI}", "class", class_name(spec, i), "items",
                                                     (json_int_t)s->of[i], "said", (json_int_t)s->said[i], "right",
                                                     (json_int_t)s->right[i]));
        json_object_set_new(all, "classes", classes);
    } else {
        json_object_set_new(all, "rmse", json_finite(s->rmse));
        json_object_set_new(all, "mae", json_finite(s->mae));
    }
    print_json(all);
}

static void print_share(int64_t part, int64_t whole)
{
    if (whole)
        printf("  %7.2f %%", 100 * (double)part / (double)whole);
    else
        printf("  %9s", "-");
}

static void print(const score *s, const model_spec *spec)
{
    if (!spec->classification) {
        printf("%lld items  loss %.4f  root of the mean squared error %.6g  mean absolute error %.6g\n",
               (long long)s->items, s->loss, s->rmse, s->mae);
        return;
    }
    printf("%lld items  loss %.4f  accuracy %.2f %%\n", (long long)s->items, s->loss, 100 * s->accuracy);
    if (spec->outputs > 100) return;
    int width = 5;
    for (int64_t i = 0; i < spec->outputs; i++)
        if ((int)strlen(class_name(spec, i)) > width) width = (int)strlen(class_name(spec, i));
    printf("\n%-*s  %9s  %9s  %9s\n", width, "class", "items", "found", "said well");
    for (int64_t i = 0; i < spec->outputs; i++) {
        printf("%-*s  %9lld", width, class_name(spec, i), (long long)s->of[i]);
        print_share(s->right[i], s->of[i]);
        print_share(s->right[i], s->said[i]);
        putchar('\n');
    }
}

static bool evaluate(const struct arguments *a, fac_module *model, const model_spec *spec, fac_dataset *data)
{
    size_t n = (size_t)spec->outputs;
    int64_t *counts = calloc(3 * n, sizeof *counts);
    if (!counts) return fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    score s = {.right = counts, .of = counts + n, .said = counts + 2 * n};
    fac_loader *loader = in_order(data, items_at_once(network_of(model), 1000));
    bool good = score_model(model, spec, loader, &s, NULL, 0);
    if (good && a->json)
        print_score_json(&s, spec);
    else if (good)
        print(&s, spec);
    fac_loader_free(loader);
    free(counts);
    return good;
}

int eval_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"part", PART, "PART", 0, "train or test, where the data have both (test)", 0},
        {"json", JSON, 0, 0, "print JSON", 0},
        {0}};
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "MODEL DATA",
        .doc = "Says how good MODEL, a file that facula train has saved, is at DATA, which are as those of facula "
               "train. For each class: how many of its items were found, and how many of those that it was said of "
               "are of it.\v"
               "Example:\n  facula eval model.safetensors /usr/share/datasets/fashion-mnist\n"};
    struct arguments a = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    model_spec spec;
    data_source data = {0};
    fac_module *model = model_open(a.model, &spec, NULL);
    /* A program by itself does not say what its numbers are: what the data have. */
    bool program = is_program(a.model);
    data_options how = {.spec = program ? NULL : &spec};
    if (model && program && spec.images) how.height = spec.shape.d[1], how.width = spec.shape.d[2];
    bool good = model && data_source_open(&data, a.data, &how);
    if (good && program) {
        spec.classification = data.classification;
        spec.classes = data.classes;
    }
    good = good && data_fits(&data, &spec, a.data);
    fac_dataset *part = data.test && (!a.part || !strcmp(a.part, "test")) ? data.test : data.train;
    if (good && a.part && !strcmp(a.part, "test") && !data.test)
        good = fac_raise(FAC_ERROR_VALUE, "%s: these data have no part to test with", a.data);
    if (good) evaluate(&a, model, &spec, part);
    data_source_drop(&data);
    fac_module_free(model);
    model_spec_drop(&spec);
    return 0;
}
