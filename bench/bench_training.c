/* What the lesson's training costs: the cases of the same names in PyTorch's benchmark do the same work. One JSON line a
 * case: the median of several runs, of the unit it names. bench_training [CASE…] */
#include <facula/facula.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timing.h"

static const char *data = "/usr/share/datasets/fashion-mnist";

static void report(const char *name, const char *unit, double *times, int n)
{
    sort_times(times, n);
    printf("{\"case\":\"%s\",\"seconds\":%.6g,\"min\":%.6g,\"max\":%.6g,\"reps\":%d,\"unit\":\"%s\",\"threads\":%d}\n",
           name, times[n / 2], times[0], times[n - 1], n, unit, fac_get_num_threads());
    fflush(stdout);
}

/* ---- small tensors ------------------------------------------------------------------------------------------ */

static void lesson_xor(void)
{
    double times[15];
    fac_scope {
        fac_tensor *X = fac_literal("[[0, 0], [0, 1], [1, 0], [1, 1]]", .dtype = FAC_FLOAT32);
        fac_tensor *y = fac_literal("[[0], [1], [1], [0]]", .dtype = FAC_FLOAT32);
        fac_manual_seed(0);
        fac_module *model = fac_nn_sequential(fac_nn_linear(2, 5), fac_nn_relu(), fac_nn_linear(5, 1));
        fac_optimizer *sgd = fac_sgd(fac_parameters(model), .lr = 0.01);
        for (int r = 0; r < 15; r++) {
            double start = now();
            for (int epoch = 0; epoch < 1000; epoch++)
                fac_scope {
                    fac_tensor *loss = fac_mse_loss(fac_forward(model, X), y);
                    fac_zero_grad(sgd);
                    fac_backward(loss);
                    fac_step(sgd);
                }
            times[r] = now() - start;
        }
        fac_optimizer_free(sgd);
        fac_module_free(model);
    }
    report("lesson_xor", "1000 epochs", times, 15);
}

static void op_overhead_add(void)
{
    enum { N = 20000 };
    double times[15];
    fac_scope
        fac_no_grad {
            fac_tensor *a = fac_ones(FAC_SHAPE(1)), *b = fac_ones(FAC_SHAPE(1));
            for (int r = 0; r < 15; r++) {
                double start = now();
                for (int i = 0; i < N; i++)
                    fac_scope
                        fac_add(a, b);
                times[r] = (now() - start) / N;
            }
        }
    report("op_overhead_add", "one a+b, 1 element, no grad", times, 15);
}

static void op_overhead_autograd(void)
{
    enum { N = 5000 };
    double times[15];
    fac_scope {
        fac_tensor *a = fac_ones(FAC_SHAPE(1), .requires_grad = true),
                   *b = fac_ones(FAC_SHAPE(1), .requires_grad = true);
        for (int r = 0; r < 15; r++) {
            double start = now();
            for (int i = 0; i < N; i++)
                fac_scope
                    fac_backward(fac_sum(fac_mul(a, b)));
            times[r] = (now() - start) / N;
        }
    }
    report("op_overhead_autograd", "one (a*b).sum().backward(), 1 element", times, 15);
}

/* ---- images ------------------------------------------------------------------------------------------------- */

/* Steps over shuffled batches; seconds are a step's, times `scale`. */
static void train(const char *name, const char *unit, fac_module *model, fac_optimizer *optimizer, int64_t batch,
                  int steps, double scale)
{
    fac_dataset *images = fac_idx_dataset(data, true);
    fac_loader *loader = fac_data_loader(images, .batch_size = batch, .shuffle = true, .drop_last = true);
    double *times = calloc((size_t)steps, sizeof *times);
    int n = -4; /* to warm up */
    while (n < steps && !fac_error()) {
        double start = now();
        fac_for_batch(loader, x, y) {
            fac_tensor *loss = fac_cross_entropy(fac_forward(model, x), y);
            fac_zero_grad(optimizer);
            fac_backward(loss);
            fac_step(optimizer);
            if (n >= 0) times[n] = (now() - start) * scale;
            if (++n == steps || fac_error()) break;
            start = now();
        }
    }
    if (!fac_error()) report(name, unit, times, n);
    free(times);
    fac_loader_free(loader);
    fac_dataset_free(images);
    fac_optimizer_free(optimizer);
    fac_module_free(model);
}

static fac_module *mlp(void)
{
    return fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(784, 256), fac_nn_relu(), fac_nn_linear(256, 128),
                             fac_nn_relu(), fac_nn_linear(128, 10));
}

static void mlp_fashion_b64(void)
{
    fac_module *model = mlp();
    train("mlp_fashion_b64", "epoch of 60000", model, fac_adam(fac_parameters(model), .lr = 1e-3), 64, 1800,
          60000.0 / 64);
}

static void mlp_fashion_b1024(void)
{
    fac_module *model = mlp();
    train("mlp_fashion_b1024", "epoch of 60000", model, fac_adam(fac_parameters(model), .lr = 1e-3), 1024, 200,
          60000.0 / 1024);
}

static void cnn_fashion(void)
{
    fac_module *model = fac_nn_sequential(fac_nn_conv2d(1, 32, 3), fac_nn_relu(), fac_nn_conv2d(32, 64, 3),
                                          fac_nn_relu(), fac_nn_max_pool2d(2), fac_nn_flatten(),
                                          fac_nn_linear(9216, 128), fac_nn_relu(), fac_nn_linear(128, 10));
    train("cnn_fashion", "step of 64 images", model, fac_adam(fac_parameters(model), .lr = 1e-3), 64, 60, 1);
}

static void lenet_fashion(void)
{
    fac_module *model = fac_nn_sequential(fac_nn_conv2d(1, 6, 5, .padding = 2), fac_nn_relu(), fac_nn_max_pool2d(2),
                                          fac_nn_conv2d(6, 16, 5), fac_nn_relu(), fac_nn_max_pool2d(2),
                                          fac_nn_flatten(), fac_nn_linear(400, 120), fac_nn_relu(),
                                          fac_nn_linear(120, 84), fac_nn_relu(), fac_nn_linear(84, 10));
    train("lenet_fashion", "epoch of 60000", model, fac_sgd(fac_parameters(model), .lr = 0.01, .momentum = 0.9), 64,
          600, 60000.0 / 64);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {{"lesson_xor", lesson_xor},
             {"op_overhead_add", op_overhead_add},
             {"op_overhead_autograd", op_overhead_autograd},
             {"mlp_fashion_b64", mlp_fashion_b64},
             {"mlp_fashion_b1024", mlp_fashion_b1024},
             {"cnn_fashion", cnn_fashion},
             {"lenet_fashion", lenet_fashion}};

/* Tells the names of the cases; 2, as an argument was none of them. */
static int usage(FILE *to)
{
    fprintf(to,
            "Usage: bench_training [CASE...]\nOne JSON line for each case, or for all: its seconds. FACULA_DATA=DIR: "
            "the folder of Fashion-MNIST.\nCases:");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fprintf(to, " %s", cases[i].name);
    fprintf(to, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--help")) return usage(stdout), 0;
    for (int k = 1; k < argc; k++) {
        bool known = false;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            known = known || !strcmp(argv[k], cases[i].name);
        if (!known) return usage(stderr);
    }
    if (getenv("FACULA_DATA")) data = getenv("FACULA_DATA");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool wanted = argc == 1;
        for (int k = 1; k < argc; k++)
            wanted = wanted || !strcmp(argv[k], cases[i].name);
        if (wanted) cases[i].run();
    }
    return fac_error() ? 1 : 0;
}
