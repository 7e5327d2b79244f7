/* Training steps on Fashion-MNIST: load a batch, forward, loss, backward, optimiser. Seconds are the median step's, times
 * the steps of the unit. */
#include "bench.h"

enum { IMAGES = 60000 };

/* ---- the networks ------------------------------------------------------------------------------------------- */

static fac_module *mlp(void)
{
    return fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(784, 256), fac_nn_relu(), fac_nn_linear(256, 128),
                             fac_nn_relu(), fac_nn_linear(128, 10));
}

static fac_module *cnn(int channels)
{
    return fac_nn_sequential(fac_nn_conv2d(1, 32, 3), fac_nn_relu(), fac_nn_conv2d(32, channels, 3), fac_nn_relu(),
                             fac_nn_max_pool2d(2), fac_nn_flatten(), fac_nn_linear(144 * channels, 128), fac_nn_relu(),
                             fac_nn_linear(128, 10));
}

/* The networks of ggml's MNIST example. */
static fac_module *ggml_fc(void)
{
    return fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(784, 500), fac_nn_relu(), fac_nn_linear(500, 10));
}

static fac_module *ggml_cnn(void)
{
    return fac_nn_sequential(fac_nn_conv2d(1, 8, 3, .padding = 1), fac_nn_relu(), fac_nn_max_pool2d(2),
                             fac_nn_conv2d(8, 16, 3, .padding = 1), fac_nn_relu(), fac_nn_max_pool2d(2),
                             fac_nn_flatten(), fac_nn_linear(784, 10));
}

/* ---- setup and step ----------------------------------------------------------------------------------------- */

/* size[0]: the batch */
static void images(bench_state *s, fac_module *model)
{
    s->module = model;
    s->loader = fac_data_loader(fac_idx_dataset(bench_data, true), .batch_size = s->c->size[0], .shuffle = true,
                                .drop_last = true);
}

#define SETUP(name, model, optimizer_, ...)                                                                            \
    static void name(bench_state *s)                                                                                   \
    {                                                                                                                  \
        images(s, model);                                                                                              \
        s->optimizer = optimizer_(fac_parameters(s->module), __VA_ARGS__);                                             \
    }
SETUP(mlp_adam, mlp(), fac_adam, .lr = 1e-3)
SETUP(mlp_sgd, mlp(), fac_sgd, .lr = 0.1)
SETUP(cnn_adam, cnn(64), fac_adam, .lr = 1e-3)
SETUP(cnn_rmsprop, cnn(32), fac_rmsprop, .lr = 1e-3)
SETUP(lenet_sgd, fac_lenet(), fac_sgd, .lr = 0.01, .momentum = 0.9)
SETUP(fc_adamw, ggml_fc(), fac_adamw, .lr = 1e-3)
SETUP(conv_adamw, ggml_cnn(), fac_adamw, .lr = 1e-3)

static bool next_batch(bench_state *s, fac_batch *batch)
{
    return fac_loader_next(s->loader, batch) || (!fac_error() && fac_loader_next(s->loader, batch));
}

static void learn(bench_state *s, fac_tensor *x, fac_tensor *y)
{
    s->y = fac_cross_entropy(fac_forward(s->module, x), y);
    fac_zero_grad(s->optimizer);
    fac_backward(s->y);
    fac_step(s->optimizer);
}

static void step(bench_state *s)
{
    fac_batch batch;
    if (next_batch(s, &batch)) learn(s, batch.items[0], batch.items[1]);
}

/* The same with all but the loading captured. */
static void step_captured(bench_state *s)
{
    fac_batch batch;
    if (!next_batch(s, &batch)) return;
    for (int i = 0; i < 2; i++)
        if (s->t[i])
            fac_copy_(s->t[i], batch.items[i]);
        else
            s->t[i] = fac_keep(fac_clone(batch.items[i]));
    fac_capture(&s->plan) {
        learn(s, s->t[0], s->t[1]);
        s->y = fac_keep(s->y);
    }
}

/* The first loss is that of guessing among ten classes, and it falls. */
static bool check(bench_state *s)
{
    double first = fac_item(s->y), last = 0;
    for (int i = 0; i < 30; i++)
        fac_scope {
            s->c->step(s);
            last = fac_item(s->y);
        }
    return bench_near(s, "the first loss", first, log(10), 3e4) && last < first;
}

/* ---- the table ---------------------------------------------------------------------------------------------- */

/* Forward and both gradients, but no gradient of the images. */
#define MLP_FLOPS (6.0 * (784 * 256 + 256 * 128 + 128 * 10) - 2.0 * 784 * 256)
#define CNN_FLOPS(c) (4.0 * 26 * 26 * 32 * 9 + 6.0 * 24 * 24 * (c)*32 * 9 + 6.0 * 144 * (c)*128 + 6.0 * 1280)
#define LENET_FLOPS (4.0 * 28 * 28 * 6 * 25 + 6.0 * (10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 840))
#define FC_FLOPS (4.0 * 784 * 500 + 6.0 * 5000)
#define GGML_CNN_FLOPS (4.0 * 784 * 8 * 9 + 6.0 * 196 * 16 * 72 + 6.0 * 7840)

#define EPOCH(name, text, flops, batch, setup_, step_)                                                                 \
    {                                                                                                                  \
        name, "epoch of 60000, " text, FLOPS, IMAGES *(flops), .setup = setup_, .step = step_, .check = check,         \
                                                               .size = {batch}, .units = (batch) / (double)IMAGES      \
    }
#define STEP_OF(name, text, flops, setup_, step_)                                                                      \
    {                                                                                                                  \
        name, "step of 64 images, " text, FLOPS, 64 * (flops), .setup = setup_, .step = step_, .check = check,         \
                                                               .size = {                                               \
                                                                   64                                                  \
                                                               }                                                       \
    }

const bench_case bench_training_cases[] = {
    EPOCH("mlp_fashion_b64", "784-256-128-10, Adam, batches of 64", MLP_FLOPS, 64, mlp_adam, step),
    EPOCH("mlp_fashion_b64_captured", "784-256-128-10, Adam, batches of 64", MLP_FLOPS, 64, mlp_adam, step_captured),
    EPOCH("mlp_fashion_b64_sgd", "784-256-128-10, SGD, batches of 64", MLP_FLOPS, 64, mlp_sgd, step),
    EPOCH("mlp_fashion_b1024", "784-256-128-10, Adam, batches of 1024", MLP_FLOPS, 1024, mlp_adam, step),
    EPOCH("mlp_fashion_b1024_captured", "784-256-128-10, Adam, batches of 1024", MLP_FLOPS, 1024, mlp_adam,
          step_captured),
    STEP_OF("cnn_fashion", "two convolutions (32, 64), Adam", CNN_FLOPS(64), cnn_adam, step),
    STEP_OF("cnn_fashion_captured", "two convolutions (32, 64), Adam", CNN_FLOPS(64), cnn_adam, step_captured),
    STEP_OF("cnn_kann", "KANN's example network (32, 32), RMSprop", CNN_FLOPS(32), cnn_rmsprop, step),
    EPOCH("lenet_fashion", "LeNet, SGD with momentum, batches of 64", LENET_FLOPS, 64, lenet_sgd, step),
    EPOCH("lenet_fashion_captured", "LeNet, SGD with momentum, batches of 64", LENET_FLOPS, 64, lenet_sgd,
          step_captured),
    EPOCH("ggml_fc", "784-500-10, AdamW, batches of 500", FC_FLOPS, 500, fc_adamw, step),
    EPOCH("ggml_cnn", "ggml's two convolutions (8, 16), AdamW, batches of 500", GGML_CNN_FLOPS, 500, conv_adamw, step),
    {0},
};
