/* A training for tests/browser/check_page: a net learns to tell upright, level and slanting bars, at a pace that can be
 * watched. It shows everything that a run can show, and is steered by all that steers.
 *
 *     watched DIR                      serves, prints the address, and trains until it is stopped
 *     watched DIR --finished N POINTS  first writes N runs that have ended, with POINTS values each */
#include <facula/facula.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIDE = 28, KINDS = 3, BATCH = 32, TESTED = 96, STEPS = 1000000 };
static const char *const kinds[KINDS] = {"upright", "level", "slanting"};

static uint32_t seed = 1;

static float uniform(void)
{
    seed = seed * 1664525 + 1013904223;
    return (float)(seed >> 8) / (1 << 24);
}

/* A bar of this kind through the middle, a little off it, some 3 pixels wide, with some noise. */
static void draw_bar(float *image, int kind)
{
    float x = 12 + 4 * uniform(), y = 12 + 4 * uniform(), half = 8 + 4 * uniform();
    float angle = (kind == 0 ? 90 : kind == 1 ? 0 : uniform() < 0.5f ? 45 : 135) * 3.14159265f / 180;
    float c = cosf(angle), s = sinf(angle);
    for (int j = 0; j < SIDE; j++)
        for (int i = 0; i < SIDE; i++) {
            float along = ((float)i - x) * c + ((float)j - y) * s, beside = ((float)j - y) * c - ((float)i - x) * s;
            bool inside = fabsf(along) < half && fabsf(beside) < 1.5f;
            image[j * SIDE + i] = (inside ? 0.9f : 0) + 0.1f * uniform();
        }
}

static void draw_batch(int count, fac_tensor **images, fac_tensor **targets)
{
    *images = fac_empty(FAC_SHAPE(count, 1, SIDE, SIDE));
    *targets = fac_empty(FAC_SHAPE(count), .dtype = FAC_INT64);
    float *pixels = fac_data(*images);
    int64_t *kind = fac_data(*targets);
    if (!pixels || !kind) exit(1);
    for (int i = 0; i < count; i++) {
        kind[i] = (int64_t)(KINDS * uniform()) % KINDS;
        draw_bar(pixels + (size_t)i * SIDE * SIDE, (int)kind[i]);
    }
}

static double share_right(fac_tensor *logits, fac_tensor *targets)
{
    return fac_item(fac_mean(fac_to(fac_eq(fac_argmax(logits, .dim = 1), targets), FAC_FLOAT32)));
}

/* Runs of the past: loss and accuracy that get better by the rules of no training. */
static void write_finished(const char *dir, int runs, long points)
{
    for (int r = 0; r < runs; r++) {
        char name[32];
        snprintf(name, sizeof name, "past-%d", r + 1);
        fac_run *run = fac_run_open(name, .dir = dir, .steps = points / 2, .tensorboard = false, .progress = false);
        if (!run) exit(1);
        fac_run_note(run, "number", name);
        for (long step = 1; step <= points / 2; step++) {
            double part = exp(-8.0 * (double)step / (double)points * (1 + 0.1 * r));
            fac_run_log(run, "loss/train", step, 2 * part + 0.1 + 0.1 * (part + 0.1) * uniform());
            fac_run_log(run, "accuracy/train", step, 1 - 0.9 * part - 0.05 * uniform());
        }
        if (!fac_run_close(run)) exit(1);
    }
}

static void train(fac_run *run)
{
    fac_module *model =
        fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(SIDE * SIDE, 32), fac_nn_relu(), fac_nn_linear(32, KINDS));
    fac_optimizer *sgd = fac_sgd(fac_parameters(model), .lr = 0.02, .momentum = 0.9);
    double noise = 0;
    bool reset = false, spoil = false;
    fac_run_module(run, model);
    fac_run_optimizer(run, sgd);
    fac_run_number(run, "noise", &noise, 0, 1);
    fac_run_button(run, "reset", &reset);
    fac_run_button(run, "spoil", &spoil);
    fac_run_classes(run, kinds, KINDS);
    fac_run_drawing(run, model, SIDE, SIDE);

    for (int64_t step = 1; step <= STEPS && fac_run_step(run, step) && !fac_error(); step++)
        fac_scope {
            fac_tensor *images, *targets;
            draw_batch(BATCH, &images, &targets);
            fac_tensor *logits = fac_forward(model, images), *loss = fac_cross_entropy(logits, targets);
            fac_zero_grad(sgd);
            fac_backward(loss);
            fac_step(sgd);
            fac_run_log(run, "loss/train", step, fac_item(loss) + noise * uniform());
            fac_run_log(run, "accuracy/train", step, share_right(logits, targets));
            fac_run_log(run, "learning rate", step, fac_lr(sgd));
            if (reset) fac_run_log(run, "resets", step, 1);
            if (spoil)
                fac_no_grad
                    fac_fill_(fac_get_parameter(model, "1.weight"), NAN);
            reset = spoil = false;
            if (step % 200 == 0)
                fac_no_grad {
                    draw_batch(TESTED, &images, &targets);
                    logits = fac_forward(model, images);
                    fac_run_log(run, "loss/validation", step, fac_item(fac_cross_entropy(logits, targets)));
                    fac_run_log(run, "accuracy/validation", step, share_right(logits, targets));
                    fac_run_evaluate(run, step, images, targets, logits);
                }
            nanosleep(&(struct timespec){.tv_nsec = 4000000}, NULL); /* at most 250 steps a second */
        }
    fac_run_module(run, NULL);
    fac_run_close(run);
    fac_optimizer_free(sgd);
    fac_module_free(model);
}

int main(int argc, char **argv)
{
    bool finished = argc == 5 && !strcmp(argv[2], "--finished");
    if (argc != 2 && !finished) {
        fprintf(stderr, "usage: watched DIR [--finished N POINTS]\n");
        return 2;
    }
    fac_manual_seed(0);
    if (finished) write_finished(argv[1], atoi(argv[3]), atol(argv[4]));
    fac_run *run = fac_run_open("watched", .dir = argv[1], .steps = STEPS, .progress = false);
    if (!run || !fac_run_serve(run, .port = 0)) return 1;
    fac_run_note(run, "optimizer", "SGD");
    fac_run_note(run, "batch", "32 bars");
    train(run);
    return fac_error() ? 1 : 0;
}
