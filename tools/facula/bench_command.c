/* facula bench: how fast this machine is with facula, by a few steps of training and a matrix product. The project's own benchmark,
 * facula-bench, has hundreds of cases, is checked against references and compares with PyTorch; this one is installed. */
#include <argp.h>
#include <facula/facula.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../examples/arguments.h"
#include "commands.h"
#include "json_line.h"

enum { JSON = 256, SECONDS, MOST = 10000 };

struct arguments {
    bool json;
    double seconds; /* for each case */
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    char *end;
    switch (key) {
    case JSON: a->json = true; return 0;
    case 't': fac_set_num_threads((int)whole(state, text, 1, 1000)); return 0;
    case SECONDS:
        a->seconds = strtod(text, &end);
        if (end == text || *end || !(a->seconds > 0 && a->seconds <= 3600))
            argp_error(state, "'%s' is not a time in seconds, above 0 and at most 3600", text);
        return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is not expected", text); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

typedef struct work {
    fac_module *model;
    fac_optimizer *optimizer;
    fac_plan *plan;
    fac_tensor *x, *y;
} work;

static void train_step(work *w)
{
    fac_capture(&w->plan) {
        fac_zero_grad(w->optimizer);
        fac_backward(fac_cross_entropy(fac_forward(w->model, w->x), w->y));
        fac_step(w->optimizer);
    }
}

static void forward(work *w)
{
    fac_no_grad
        fac_forward(w->model, w->x);
}

static void product(work *w)
{
    fac_matmul(w->x, w->x);
}

static fac_module *mlp(void)
{
    return fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(784, 256), fac_nn_relu(), fac_nn_linear(256, 128),
                             fac_nn_relu(), fac_nn_linear(128, 10));
}

static fac_module *lenet(void)
{
    return fac_lenet();
}

static fac_module *resnet18(void)
{
    return fac_resnet18();
}

static const struct bench_case {
    const char *name;
    fac_module *(*model)(void);
    fac_dims shape;
    void (*run)(work *w);
    double operations; /* floating-point ones of a run; 0: not said */
    const char *about;
} cases[] = {
    {"matmul",
     NULL,
     {.n = 2, .d = {1024, 1024}},
     product,
     2.0 * 1024 * 1024 * 1024,
     "product of two 1024x1024 matrices"},
    {"mlp", mlp, {.n = 4, .d = {64, 1, 28, 28}}, train_step, 0, "training step of 784-256-128-10 on 64 images"},
    {"lenet", lenet, {.n = 4, .d = {64, 1, 28, 28}}, train_step, 0, "training step of LeNet-5 on 64 images"},
    {"resnet18", resnet18, {.n = 4, .d = {1, 3, 224, 224}}, forward, 0, "ResNet-18 on an image of 224x224"},
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of the times that a run takes, after two that are not counted. */
static double median_time(const struct arguments *a, const struct bench_case *c, work *w, int *runs)
{
    static double times[MOST];
    double begun = now();
    *runs = -2;
    while (!fac_error() && *runs < MOST && (*runs < 3 || now() - begun < a->seconds)) {
        double t = now();
        fac_scope
            c->run(w);
        if (*runs >= 0) times[*runs] = now() - t;
        ++*runs;
    }
    qsort(times, (size_t)*runs, sizeof *times, ascending);
    return times[*runs / 2];
}

static void measure(const struct arguments *a, const struct bench_case *c)
{
    work w = {0};
    fac_manual_seed(0);
    fac_scope {
        w.model = c->model ? c->model() : NULL;
        w.x = fac_randn_with(c->shape, fac_create_options_defaults());
        w.y = fac_randint(0, 10, fac_dims_one(c->shape.d[0]));
        if (c->run == forward) fac_eval(w.model);
        if (c->run == train_step) w.optimizer = fac_sgd(fac_parameters(w.model), .lr = 0.01);
        int runs = 0;
        double time = fac_error() ? 0 : median_time(a, c, &w, &runs);
        if (fac_error()) break;
        if (a->json) {
            print_json(json_pack("{ss ss sf si}", "case", c->name, "about", c->about, "seconds", time, "runs", runs));
        } else {
            printf("%-10s %10.3f ms", c->name, 1e3 * time);
            if (c->operations > 0)
                printf("  %8.1f GFLOP/s ", c->operations / time * 1e-9);
            else
                printf("  %8.0f a second", 1 / time);
            printf("  %s\n", c->about);
        }
        fflush(stdout);
    }
    fac_plan_free(w.plan);
    fac_optimizer_free(w.optimizer);
    fac_module_free(w.model);
}

int bench_command(int argc, char **argv)
{
    static const struct argp_option options[] = {{"threads", 't', "N", 0, "threads to use (all cores)", 0},
                                                 {"seconds", SECONDS, "X", 0, "for each case (1)", 0},
                                                 {"json", JSON, 0, 0, "print a line of JSON for each case", 0},
                                                 {0}};
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Measures how fast facula is here: the median time of a matrix product, of training steps and "
               "of a pass through ResNet-18.\v"
               "Example:\n  facula bench --seconds 0.1\n"};
    struct arguments a = {.seconds = 1};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    for (size_t i = 0; i < sizeof cases / sizeof *cases && !fac_error(); i++)
        measure(&a, &cases[i]);
    return 0;
}
