/* Losses, normalisation and pooling of images, and optimisers. */
#include "bench.h"

#include <stdlib.h>

enum { ITEMS = 8192, CLASSES = 1000, IMAGES = 32, CHANNELS = 64, SIDE = 56, PLANE = SIDE * SIDE, HALF = SIDE / 2 };

/* ---- cross entropy ------------------------------------------------------------------------------------------ */

BACKWARD(cross_entropy, fac_cross_entropy(t[0], t[1]))

static void labels(bench_state *s)
{
    s->t[1] = fac_randint(0, CLASSES, FAC_SHAPE(ITEMS));
}

static bool cross_entropy_check(bench_state *s)
{
    const int64_t *label = fac_data(s->t[1]);
    fac_tensor *gradient = fac_grad(s->t[0]);
    double loss = 0;
    for (int64_t r = 0; r < ITEMS; r++) {
        double *x = bench_row(s->t[0], r, CLASSES), sum = 0;
        for (int i = 0; i < CLASSES; i++)
            sum += exp(x[i]);
        loss += log(sum) - x[label[r]];
        int64_t i = bench_pick((int)r, CLASSES);
        double want = (exp(x[i]) / sum - (label[r] == i)) / ITEMS;
        free(x);
        if (r % 100 == 0 && !bench_near(s, "a gradient", bench_float(gradient, r * CLASSES + i), want, 1e-5))
            return false;
    }
    return bench_near(s, "the loss", fac_item(s->y), loss / ITEMS, 1);
}

/* ---- batch norm --------------------------------------------------------------------------------------------- */

BACKWARD(batch_norm, fac_forward(s->module, t[0]))

static void batch_norm_setup(bench_state *s)
{
    s->module = fac_nn_batch_norm2d(CHANNELS);
}

/* The whole of one channel: weight is 1 and bias 0. */
static bool batch_norm_check(bench_state *s)
{
    enum { CHANNEL = 5 };
    const double n = (double)IMAGES * PLANE;
    double sum = 0, squares = 0, g_sum = 0, g_dot = 0;
#define EACH(i)                                                                                                        \
    for (int64_t image = 0; image < IMAGES; image++)                                                                   \
        for (int64_t i = (image * CHANNELS + CHANNEL) * PLANE, end = i + PLANE; i < end; i++)
    EACH(i) sum += bench_float(s->t[0], i);
    double mean = sum / n;
    EACH(i) squares += pow(bench_float(s->t[0], i) - mean, 2);
    double scale = 1 / sqrt(squares / n + 1e-5);
    EACH(i)
    {
        g_sum += bench_float(s->g, i);
        g_dot += bench_float(s->g, i) * (bench_float(s->t[0], i) - mean) * scale;
    }
    EACH(i)
    {
        double x = (bench_float(s->t[0], i) - mean) * scale;
        double dx = scale * (bench_float(s->g, i) - g_sum / n - x * g_dot / n);
        if (!bench_near(s, "an output", bench_float(s->y, i), x, 1)) return false;
        if (!bench_near(s, "a gradient", bench_float(fac_grad(s->t[0]), i), dx, 1)) return false;
    }
    return true;
}

/* ---- max pooling -------------------------------------------------------------------------------------------- */

STEP(max_pool, fac_max_pool2d(t[0], 2))
BACKWARD(max_pool_both, fac_max_pool2d(t[0], 2))

static bool max_pool_check(bench_state *s)
{
    for (int r = 0; r < 500; r++) {
        int64_t p = bench_pick(r, (int64_t)IMAGES * CHANNELS), i = bench_pick(r, HALF), j = bench_pick(r, HALF);
        int64_t corner = p * PLANE + 2 * i * SIDE + 2 * j, at = corner, out = p * HALF * HALF + i * HALF + j;
        const int64_t window[4] = {corner, corner + 1, corner + SIDE, corner + SIDE + 1};
        for (int k = 1; k < 4; k++)
            if (bench_float(s->t[0], window[k]) > bench_float(s->t[0], at)) at = window[k];
        if (!bench_near(s, "a maximum", bench_float(s->y, out), bench_float(s->t[0], at), 0)) return false;
        for (int k = 0; s->g && k < 4; k++) {
            double want = window[k] == at ? bench_float(s->g, out) : 0;
            if (!bench_near(s, "a gradient", bench_float(fac_grad(s->t[0]), window[k]), want, 0)) return false;
        }
    }
    return true;
}

/* ---- optimisers --------------------------------------------------------------------------------------------- */

enum { TOTAL = 10000000 };

/* size: how many tensors; t[0] is the first as it was. */
static void parameters(bench_state *s)
{
    int64_t n = TOTAL / s->c->size[0];
    for (int64_t i = 0; i < s->c->size[0]; i++) {
        s->parameters[i] = fac_requires_grad_(fac_randn(FAC_SHAPE(n)), true);
        fac_set_grad(s->parameters[i], fac_randn(FAC_SHAPE(n)));
    }
    s->t[0] = fac_slice(fac_detach(s->parameters[0]), 0, 0, 1000, 1);
    s->t[0] = fac_clone(s->t[0]);
}

static void adam_setup(bench_state *s)
{
    parameters(s);
    s->optimizer = fac_adam(((fac_tensor_list){s->parameters, s->c->size[0]}), .lr = 1e-3);
}

static void sgd_setup(bench_state *s)
{
    parameters(s);
    s->optimizer = fac_sgd(((fac_tensor_list){s->parameters, s->c->size[0]}), .lr = 1e-3, .momentum = 0.9);
}

static void step(bench_state *s)
{
    fac_step(s->optimizer);
}

/* The first step of Adam goes lr in the gradient's direction; that of SGD lr times the gradient. */
static bool adam_check(bench_state *s)
{
    for (int64_t i = 0; i < 1000; i++) {
        double g = bench_float(fac_grad(s->parameters[0]), i),
               want = bench_float(s->t[0], i) - 1e-3 * g / (fabs(g) + 1e-8);
        if (!bench_near(s, "a parameter", bench_float(s->parameters[0], i), want, 0.1)) return false;
    }
    return true;
}

static bool sgd_check(bench_state *s)
{
    for (int64_t i = 0; i < 1000; i++) {
        double want = bench_float(s->t[0], i) - 1e-3 * bench_float(fac_grad(s->parameters[0]), i);
        if (!bench_near(s, "a parameter", bench_float(s->parameters[0], i), want, 0.1)) return false;
    }
    return true;
}

/* clang-format off */
const bench_case bench_layer_cases[] = {
    {"adam_step_10M_1", "one step over 10M parameters", BYTES, 28.0 * TOTAL, .setup = adam_setup, .step = step,
     .check = adam_check, .size = {1}},
    {"adam_step_10M_100", "one step over 10M parameters in 100 tensors", BYTES, 28.0 * TOTAL, .setup = adam_setup,
     .step = step, .check = adam_check, .size = {100}},
    {"sgd_momentum_step_10M_1", "one step over 10M parameters", BYTES, 20.0 * TOTAL, .setup = sgd_setup, .step = step,
     .check = sgd_check, .size = {1}},
    {"cross_entropy_8192x1000", "forward and backward", BYTES, 8.0 * ITEMS * CLASSES, .in = {{ITEMS, CLASSES}},
     .leaves = 1, .setup = labels, .step = cross_entropy, .check = cross_entropy_check},
    {"batchnorm2d_train", "forward and backward, 32x64x56x56", BYTES, 20.0 * IMAGES * CHANNELS * PLANE,
     .in = {{IMAGES, CHANNELS, SIDE, SIDE}}, .g = {IMAGES, CHANNELS, SIDE, SIDE}, .leaves = 1, .setup = batch_norm_setup,
     .step = batch_norm, .check = batch_norm_check},
    {"maxpool2d", "forward and backward, 32x64x56x56, 2x2", BYTES, 10.0 * IMAGES * CHANNELS * PLANE,
     .in = {{IMAGES, CHANNELS, SIDE, SIDE}}, .g = {IMAGES, CHANNELS, HALF, HALF}, .leaves = 1, .step = max_pool_both,
     .check = max_pool_check},
    {"maxpool2d_fwd", "forward, 32x64x56x56, 2x2", BYTES, 5.0 * IMAGES * CHANNELS * PLANE,
     .in = {{IMAGES, CHANNELS, SIDE, SIDE}}, .step = max_pool, .check = max_pool_check},
    {0},
};
/* clang-format on */
