/* facula train: trains a classifier, or a predictor of numbers, on data that are there as files. */
#define _GNU_SOURCE
#include <argp.h>
#include <facula/facula.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../examples/arguments.h"
#include "commands.h"
#include "json_line.h"
#include "training.h"

enum {
    LR = 256,
    OPTIMIZER,
    SCHEDULE,
    AUGMENT,
    VAL_SPLIT,
    SEED,
    RESUME,
    SAVE,
    WATCH,
    PORT,
    TARGET,
    TASK,
    IGNORE,
    SIZE,

    CLASSES,
    NAME,
    RUNS,
    NO_RUN,
    JSON
};

static const struct argp_option option_list[] = {
    {0, 0, 0, 0, "What is trained:", 1},
    {"model", 'm', "MODEL", 0,
     "mlp:256,128 (layers of so many units), a network for images, such as lenet or resnet18 (all are listed below), "
     "a file that was saved, to train on, or a network of torch.export or ONNX, FILE.pt2, FILE.onnx (mlp)",
     0},
    {"classes", CLASSES, "A,B,...", 0, "what the classes 0, 1... are called, where the data do not say it", 0},
    {"target", TARGET, "COLUMN", 0, "of a table: the column to be predicted, by its name or number (the last)", 0},
    {"task", TASK, "TASK", 0,
     "of a table: classification or regression (texts, truths and few whole numbers are classes)", 0},
    {"ignore", IGNORE, "A,B,...", 0, "of a table: columns that are not used", 0},
    {"size", SIZE, "N|HxW", 0, "of pictures: height and width that all are resized to (64, if they have several)", 0},
    {0, 0, 0, 0, "How:", 2},
    {"epochs", 'e', "N", 0, "rounds through the data (10)", 0},
    {"batch", 'b', "N", 0, "items a step (64)", 0},
    {"lr", LR, "X", 0, "learning rate (0.01 for sgd and adagrad, else 0.001)", 0},
    {"optimizer", OPTIMIZER, "NAME", 0, "adam, adamw, sgd (with momentum 0.9), rmsprop, adagrad (adam)", 0},
    {"schedule", SCHEDULE, "NAME", 0,
     "of the learning rate: none, cosine (down to 0), step (a tenth after each third of the epochs), onecycle (none)",
     0},
    {"augment", AUGMENT, "HOW", OPTION_ARG_OPTIONAL,
     "change images by chance: shift, flip or shift,flip (both); digits and letters are not to be flipped", 0},
    {"val-split", VAL_SPLIT, "X", 0, "the part of the data that is kept to validate with, from 0 to below 1 (0.1)", 0},
    {"seed", SEED, "N", 0, "of all random numbers: the same seed gives the same model (0)", 0},
    {"threads", 't', "N", 0, "threads to use (all cores)", 0},
    {0, 0, 0, 0, "What is kept and shown:", 3},
    {"save", SAVE, "FILE", 0,
     "where the model is saved (model.safetensors); the one that was best at validation is kept beside it, "
     "model.best.safetensors",
     0},
    {"resume", RESUME, "FILE", 0, "go on with a training that was interrupted, exactly as if it had not been", 0},
    {"watch", WATCH, 0, 0, "show the training in the browser, to be steered there", 0},
    {"port", PORT, "N", 0, "of the browser's page (6060; 0: any that is free)", 0},
    {"runs", RUNS, "DIR", 0, "where the training's curves are kept, for facula watch (runs)", 0},
    {"name", NAME, "NAME", 0, "what the run is called there (the model's name)", 0},
    {"no-run", NO_RUN, 0, 0, "keep no curves", 0},
    {"json", JSON, 0, 0, "print a line of JSON for each epoch and one at the end", 0},
    {0},
};

enum { INTERRUPTED_STATUS = 128 + SIGINT }; /* as shells say it */

struct arguments {
    training *t;
    data_options how;
    const char *data, *model, *classes, *resume, *runs, *name;
    bool watch, no_run, recipe_given, epochs_given, how_given;
    int port;
};

static double part(struct argp_state *state, const char *text)
{
    char *end;
    double x = strtod(text, &end);
    if (end == text || *end || !(x >= 0 && x < 1)) argp_error(state, "'%s' is not a number from 0 to below 1", text);
    return x;
}

static void parse_augment(struct argp_state *state, const char *text, recipe *r)
{
    r->shift = !text || !strcmp(text, "shift") || !strcmp(text, "shift,flip");
    r->flip = !text || !strcmp(text, "flip") || !strcmp(text, "shift,flip");
    if (!r->shift && !r->flip) argp_error(state, "there is no augmentation '%s': shift, flip or shift,flip", text);
}

static void parse_size(struct argp_state *state, const char *text, data_options *how)
{
    char *end;
    how->height = how->width = strtol(text, &end, 10);
    if (*end == 'x') how->width = strtol(end + 1, &end, 10);
    if (*end || how->height < 1 || how->width < 1 || how->height > 16384 || how->width > 16384)
        argp_error(state, "'%s' is no size of pictures: a number of pixels, or two as in 48x64", text);
}

/* Of the options that a model which is there already has from its file. */
static bool parse_how(int key, const char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case TARGET: a->how.target = text; break;
    case IGNORE: a->how.ignore = text; break;
    case SIZE: parse_size(state, text, &a->how); break;
    case TASK:
        a->how.task = !strcmp(text, "classification") ? FAC_CSV_CLASSES : FAC_CSV_NUMBERS;
        if (strcmp(text, "classification") && strcmp(text, "regression"))
            argp_error(state, "there is no task '%s': classification, regression", text);
        break;
    default: return false;
    }
    a->how_given = true;
    return true;
}

/* Of the options that a resumed training has from its file. */
static bool parse_recipe(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    recipe *r = &a->t->recipe;
    switch (key) {
    case 'm': a->model = text; break;
    case CLASSES: a->classes = text; break;
    case 'b': r->batch = whole(state, text, 1, 1000000000); break;
    case LR: r->lr = learning_rate(state, text); break;
    case SEED: r->seed = whole(state, text, 0, INT64_MAX); break;
    case VAL_SPLIT: r->val_split = part(state, text); break;
    case AUGMENT: parse_augment(state, text, r); break;
    case OPTIMIZER:
        r->optimizer = text;
        if (!recipe_optimizer_ok(text)) argp_error(state, "there is no optimizer '%s': %s", text, recipe_optimizers);
        break;
    case SCHEDULE:
        r->schedule = text;
        if (!recipe_schedule_ok(text)) argp_error(state, "there is no schedule '%s': %s", text, recipe_schedules);
        break;
    default: return false;
    }
    a->recipe_given = true;
    return true;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    if (parse_recipe(key, text, state) || parse_how(key, text, state)) return 0;
    switch (key) {
    case 'e':
        a->t->recipe.epochs = whole(state, text, 1, 1000000000);
        a->epochs_given = true;
        break;
    case 't': fac_set_num_threads((int)whole(state, text, 1, 1000)); break;
    case SAVE: a->t->save = text; break;
    case RESUME: a->resume = text; break;
    case WATCH: a->watch = true; break;
    case PORT: a->port = (int)whole(state, text, 0, 65535); break;
    case RUNS: a->runs = text; break;
    case NAME: a->name = text; break;
    case NO_RUN: a->no_run = true; break;
    case JSON: a->t->json = true; break;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) argp_error(state, "'%s' is not expected: there is one DATA", text);
        a->data = text;
        break;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which data? facula train --help says what there can be"); break;
    case ARGP_KEY_END:
        if (a->how_given && (a->resume || !model_name_ok(a->model)))
            argp_error(state, "--target, --task, --ignore and --size are for a new model; this one has its own");
        if (a->resume && a->recipe_given)
            argp_error(state,
                       "a training that is resumed goes on as it began: of what is trained and how only --epochs "
                       "and --threads can be given");
        if (!a->resume && !model_name_ok(a->model) && access(a->model, R_OK) != 0)
            argp_error(state, "there is no model '%s', and no such file; facula train --help lists them", a->model);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* The kinds of data in front, and the models behind. */
static char *list_models(int key, const char *text, void *input)
{
    if (key != ARGP_KEY_HELP_POST_DOC) return (char *)text;
    char *list = NULL;
    size_t size;
    FILE *f = open_memstream(&list, &size);
    if (!f) return NULL;
    fprintf(f, "DATA are:\n");
    list_data_kinds(f);
    fprintf(f, "\n%s\nNetworks for images:\n", text);
    for (const fac_image_model_row *row = fac_image_models(); row->name; row++)
        fprintf(f, "  %-14s %s\n", row->name, row->about);
    fclose(f);
    return list;
}

/* ---- before ---------------------------------------------------------------------------------------------------- */

/* The training as it is to begin, or go on. */
static bool prepare(training *t, const struct arguments *a, data_source *data)
{
    fac_state *saved = NULL;
    const char *from = a->resume;
    if (a->resume) {
        recipe given = t->recipe;
        saved = checkpoint_open(t, a->resume);
        bool fixed = saved && (!strcmp(t->recipe.schedule, "cosine") || !strcmp(t->recipe.schedule, "onecycle"));
        if (saved && a->epochs_given && fixed && given.epochs != t->recipe.epochs)
            fac_raise(FAC_ERROR_VALUE, "the schedule %s was made for %lld epochs, which --epochs cannot change",
                      t->recipe.schedule, (long long)t->recipe.epochs);
        if (a->epochs_given) t->recipe.epochs = given.epochs;
    } else if (!model_name_ok(a->model)) {
        from = a->model;
        saved = fac_load(a->model);
        if (saved) model_spec_load(&t->spec, saved, a->model);
    }
    data_options how = a->how;
    how.spec = saved ? &t->spec : NULL;
    bool good = !fac_error() && data_source_open(data, a->data, &how) &&
                (!a->classes || data_source_name(data, a->classes)) && training_split(t, data);
    if (good && data->csv && !t->json) say_table(data->csv);
    if (good && !saved) good = recipe_describe(t, a->model, data);
    good = good && (!saved || data_fits(data, &t->spec, from)) && training_begin(t);
    if (good && a->resume) {
        good = checkpoint_restore(t, saved);
    } else if (good && saved) {
        fac_state *weights = network_state(saved);
        good = fac_load_state_dict(t->network, weights);
        fac_state_free(weights);
    }
    if (good && t->recipe.shift + t->recipe.flip && !t->spec.images)
        good = fac_raise(FAC_ERROR_VALUE, "only images can be augmented");
    fac_state_free(saved);
    return good;
}

static fac_run *open_run(training *t, const struct arguments *a)
{
    if (a->no_run && !a->watch) return NULL;
    char name[101];
    const char *slash = strrchr(t->spec.model, '/'); /* of a file */
    snprintf(name, sizeof name, "%.100s", a->name ? a->name : slash ? slash + 1 : t->spec.model);
    for (char *p = name; !a->name && *p; p++)
        if (*p == ':' || *p == ',') *p = '-';
    fac_run *run = fac_run_open(name, .dir = a->runs, .steps = t->recipe.epochs * fac_loader_count(t->loader),
                                .progress = !t->json);
    if (!run) return NULL;
    fac_run_note(run, "data", a->data);
    fac_run_note(run, "model", t->spec.model);
    fac_run_note(run, "optimizer", t->recipe.optimizer);
    fac_run_note(run, "schedule", t->recipe.schedule);
    fac_run_module(run, t->network);
    fac_run_optimizer(run, t->optimizer);
    if (t->spec.classification && t->spec.classes && t->spec.outputs <= 1000) {
        const char *names[1000];
        for (int64_t i = 0; i < t->spec.outputs; i++)
            names[i] = class_name(&t->spec, i);
        fac_run_classes(run, names, (int)t->spec.outputs);
    }
    fac_dims shape = t->spec.shape;
    if (t->spec.classification && t->spec.images && shape.d[0] == 1 && shape.d[1] <= 64 && shape.d[2] <= 64)
        fac_run_drawing(run, t->model, (int)shape.d[1], (int)shape.d[2]);
    if (a->watch) fac_run_serve(run, .port = a->port);
    return run;
}

/* The exit status. */
static int train(training *t, const struct arguments *a)
{
    data_source data = {0};
    if (!t->save) t->save = a->resume ? a->resume : "model.safetensors";
    if (!a->resume && access(t->save, R_OK) == 0 && checkpoint_unfinished(t->save)) {
        fac_raise(FAC_ERROR_VALUE,
                  "%s holds a training that was interrupted: go on with it (--resume %s), remove it, or "
                  "give another --save",
                  t->save, t->save);
        return 1;
    }
    t->best = checkpoint_best_name(t->save);
    bool good = t->best && checkpoint_can_save(t->save) && prepare(t, a, &data);
    ending ending = FAILED;
    bool done = good && a->resume && say_done(t, a->resume);
    if (good && !done) {
        t->run = open_run(t, a);
        if (!a->watch && fac_get_error_code() == FAC_ERROR_IO) forgive_run();
        t->capture = !a->watch;
        if (!fac_error()) ending = training_run(t);
    }
    if (ending == FINISHED) {
        fac_run_print(t->run, "%s", "");
        say_end(t, data.test);
        fflush(stdout);
        if (a->watch && !fac_error()) fac_run_wait(t->run);
    }
    if (!fac_error()) {
        fac_run_close(t->run);
        forgive_run();
    } else {
        fac_run_close(t->run);
    }
    if (ending == INTERRUPTED) say_interrupted(t, a->data, a->watch);
    training_free(t);
    data_source_drop(&data);
    return ending == FINISHED || done ? 0 : ending == INTERRUPTED ? INTERRUPTED_STATUS : 1;
}

int train_command(int argc, char **argv)
{
    const struct argp argp = {.options = option_list,
                              .parser = parse,
                              .args_doc = "DATA",
                              .doc = "Trains a network on DATA, to tell classes or to predict numbers, and saves it.\v"
                                     "Examples:\n"
                                     "  facula train /usr/share/datasets/fashion-mnist -m lenet -e 3 --watch\n"
                                     "  facula train houses.csv --target price --save houses.safetensors\n"
                                     "  facula train photos/ -m resnet18 --size 96 --augment\n"
                                     "  facula train data.npz -m mlp:64,64 --schedule cosine --save a.safetensors\n"
                                     "  facula train data.npz --resume a.safetensors --epochs 10\n"
                                     "  facula train data.npz --model a.safetensors --lr 0.0001\n",
                              .help_filter = list_models};
    training t = {
        .recipe = {.epochs = 10, .batch = 64, .lr = NAN, .val_split = 0.1, .optimizer = "adam", .schedule = "none"},
        .at = {.best = NAN}};
    struct arguments a = {.t = &t, .model = "mlp", .runs = "runs", .port = 6060};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (isnan(t.recipe.lr)) t.recipe.lr = recipe_lr(t.recipe.optimizer);
    return train(&t, &a);
}
