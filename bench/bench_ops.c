/* What single operations cost: the cases have the names, sizes and work of the same in PyTorch's benchmark. One JSON line
 * a case: the median of several runs. bench_ops [--threads N] [--list] [CASE…]; a CASE that begins with ~ stands for all
 * that contain the rest. */
#include <facula/facula.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timing.h"

enum { MOST = 100, M4 = 1 << 22, M16 = 1 << 24 };
static double budget = 0.5; /* seconds of timing a case */
static char *const *wanted;
static int n_wanted;

static bool only_list;

static bool chosen(const char *name)
{
    if (only_list) return puts(name), false;
    for (int i = 0; i < n_wanted; i++)
        if (*wanted[i] == '~' ? strstr(name, wanted[i] + 1) != NULL : !strcmp(name, wanted[i])) return true;
    return n_wanted == 0;
}

static void report(const char *name, double *times, int n)
{
    sort_times(times, n);
    printf("{\"case\":\"%s\",\"seconds\":%.6g,\"min\":%.6g,\"reps\":%d,\"threads\":%d}\n", name, times[n / 2], times[0],
           n, fac_get_num_threads());
    if (fac_error()) fprintf(stderr, "%s: %s\n", name, fac_error());
    fac_clear_error();
    fflush(stdout);
}

/* CASE(name, setup, what is timed). A unit is repeated until it takes a tenth of a millisecond. */
#define CASE(name, setup, ...)                                                                                         \
    if (chosen(name))                                                                                                  \
        fac_scope {                                                                                                    \
            fac_manual_seed(1);                                                                                        \
            setup;                                                                                                     \
            double times[MOST], spent = 0;                                                                             \
            int n = 0, per = 1;                                                                                        \
            for (int warm = 0; warm < 3; warm++) {                                                                     \
                double start = now();                                                                                  \
                for (int i = 0; i < per; i++)                                                                          \
                    fac_scope {                                                                                        \
                        __VA_ARGS__;                                                                                   \
                    }                                                                                                  \
                double took = (now() - start) / per;                                                                   \
                per = took > 1e-4 ? 1 : (int)(1e-4 / (took + 1e-9)) + 1;                                               \
            }                                                                                                          \
            while (n < 5 || (n < MOST && spent < budget)) {                                                            \
                double start = now();                                                                                  \
                for (int i = 0; i < per; i++)                                                                          \
                    fac_scope {                                                                                        \
                        __VA_ARGS__;                                                                                   \
                    }                                                                                                  \
                spent += now() - start;                                                                                \
                times[n++] = (now() - start) / per;                                                                    \
            }                                                                                                          \
            report(name, times, n);                                                                                    \
        }

#define X(...) fac_tensor *x = fac_randn(FAC_SHAPE(__VA_ARGS__))
#define LEAF(x) fac_requires_grad_(x, true)
/* Forward and backward with a given cotangent, gradients dropped before. */
#define BACK(y, g) fac_backward(y, .gradient = g)

static void drop(fac_tensor **leaves, int n)
{
    for (int i = 0; i < n; i++)
        fac_set_grad(leaves[i], NULL);
}
#define DROP(...)                                                                                                      \
    drop((fac_tensor *[]){__VA_ARGS__}, (int)(sizeof((fac_tensor *[]){__VA_ARGS__}) / sizeof(fac_tensor *)))

static void gemms(void)
{
    static const struct {
        const char *name;
        int m, n, k;
        bool nt;
    } list[] = {{"gemm_64", 64, 64, 64, false},
                {"gemm_256", 256, 256, 256, false},
                {"gemm_1024", 1024, 1024, 1024, false},
                {"gemm_2048", 2048, 2048, 2048, false},
                {"gemm_skinny", 64, 256, 784, false},
                {"gemm_skinny_nt", 64, 256, 784, true},
                {"gemm_skinny_wgrad", 256, 784, 64, false},
                {"gemv_4096", 1, 4096, 4096, true}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        CASE(list[i].name, fac_tensor *a = fac_randn(FAC_SHAPE(list[i].m, list[i].k));
             fac_tensor *b = list[i].nt ? fac_t(fac_randn(FAC_SHAPE(list[i].n, list[i].k)))
                                        : fac_randn(FAC_SHAPE(list[i].k, list[i].n)),
             fac_mm(a, b));
    CASE("bmm", fac_tensor *a = fac_randn(FAC_SHAPE(32, 64, 64));
         fac_tensor *b = fac_randn(FAC_SHAPE(32, 64, 64)), fac_bmm(a, b));
    CASE("bmm_attn_128", fac_tensor *a = fac_randn(FAC_SHAPE(64, 128, 32));
         fac_tensor *b = fac_transpose(fac_randn(FAC_SHAPE(64, 128, 32)), 1, 2), fac_bmm(a, b));
}

static void convolutions(void)
{
    static const struct {
        const char *forward, *both;
        int n, c, h, k, size, pad, groups;
    } list[] = {{"conv3x3_64_56_fwd", "conv3x3_64_56_fwdbwd", 8, 64, 56, 64, 3, 1, 1},
                {"conv1x1_256_14_fwd", "conv1x1_256_14_fwdbwd", 8, 256, 14, 256, 1, 0, 1},
                {"depthwise3x3_128_28_fwd", "depthwise3x3_128_28_fwdbwd", 8, 128, 28, 128, 3, 1, 128},
                {"conv3x3_32_26_b64_fwd", "conv3x3_32_26_b64_fwdbwd", 64, 32, 26, 64, 3, 0, 1}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        int pad = list[i].pad, groups = list[i].groups, size = list[i].size;
        CASE(list[i].forward, X(list[i].n, list[i].c, list[i].h, list[i].h);
             fac_tensor *w = fac_randn(FAC_SHAPE(list[i].k, list[i].c / groups, size, size));
             fac_tensor *b = fac_zeros(FAC_SHAPE(list[i].k)), fac_conv2d(x, w, b, .padding = pad, .groups = groups));
        CASE(list[i].both, X(list[i].n, list[i].c, list[i].h, list[i].h);
             fac_tensor *w = LEAF(fac_randn(FAC_SHAPE(list[i].k, list[i].c / groups, size, size)));
             fac_tensor *b = LEAF(fac_zeros(FAC_SHAPE(list[i].k))); LEAF(x);
             fac_tensor *g = fac_randn_like(fac_detach(fac_conv2d(x, w, b, .padding = pad, .groups = groups))),
             DROP(x, w, b), BACK(fac_conv2d(x, w, b, .padding = pad, .groups = groups), g));
    }
}

static void pointwise(void)
{
    CASE("add_16M", X(M16); fac_tensor *y = fac_randn(FAC_SHAPE(M16)), fac_add(x, y));
    CASE("gelu_4M", X(M4), fac_gelu(x));
    CASE("gelu_tanh_4M", X(M4), fac_gelu_tanh(x));
    CASE("exp_4M", X(M4), fac_exp(x));
    CASE("tanh_4M", X(M4), fac_tanh(x));
    CASE("sigmoid_chain_4M", X(M4), fac_add_scalar(fac_mul(x, fac_sigmoid(x)), 0.5));
    CASE("gelu_4M_fwdbwd", X(M4); LEAF(x); fac_tensor *g = fac_randn(FAC_SHAPE(M4)), DROP(x), BACK(fac_gelu(x), g));
    CASE("relu_16M", X(M16), fac_relu(x));
    CASE("copy_16M", X(M16), fac_clone(x));
    CASE("copy_16M_out", X(M16); fac_tensor *y = fac_empty(FAC_SHAPE(M16)), fac_copy_(y, x));
    CASE("transpose_copy_4096", X(4096, 4096), fac_contiguous(fac_t(x)));
    CASE("transpose_copy_4096_out", X(4096, 4096);
         fac_tensor *y = fac_empty(FAC_SHAPE(4096, 4096)), fac_copy_(y, fac_t(x)));
    CASE("cat_2x4M", X(M4); fac_tensor *y = fac_randn(FAC_SHAPE(M4)), fac_cat(FAC_TENSORS(x, y), 0));
    CASE("randn_4M", , fac_randn(FAC_SHAPE(M4)));
    CASE("rand_4M", , fac_rand(FAC_SHAPE(M4)));
    CASE("randperm_60000", , fac_randperm(60000));
}

static void rows(void)
{
    CASE("softmax_4096x1024", X(4096, 1024), fac_softmax(x, 1, FAC_DTYPE_NONE));
    CASE("layernorm_4096x1024", X(4096, 1024), fac_layer_norm(x, FAC_SHAPE(1024)));
    CASE("softmax_4096x1024_fwdbwd", X(4096, 1024); LEAF(x);
         fac_tensor *g = fac_randn(FAC_SHAPE(4096, 1024)), DROP(x), BACK(fac_softmax(x, 1, FAC_DTYPE_NONE), g));
    CASE("layernorm_4096x1024_fwdbwd", X(4096, 1024); LEAF(x); fac_tensor *g = fac_randn(FAC_SHAPE(4096, 1024));
         fac_tensor *w = LEAF(fac_ones(FAC_SHAPE(1024)));
         fac_tensor *b = LEAF(fac_zeros(FAC_SHAPE(1024))), DROP(x, w, b),
         BACK(fac_layer_norm(x, FAC_SHAPE(1024), .weight = w, .bias = b), g));
    CASE("sum_16M", X(M16), fac_sum(x));
    CASE("sum_dim0_4096x4096", X(4096, 4096), fac_sum(x, .dim = 0));
    CASE("sum_dim1_4096x4096", X(4096, 4096), fac_sum(x, .dim = 1));
    CASE("max_16M", X(M16), fac_max(x));
    CASE("argmax_4096x4096_dim1", X(4096, 4096), fac_argmax(x, .dim = 1));
    CASE("argmax_16M", X(M16), fac_argmax(x));
    CASE("cumsum_4096x4096_dim1", X(4096, 4096), fac_cumsum(x, 1, FAC_DTYPE_NONE));
    CASE("cumsum_16M", X(M16), fac_cumsum(x, 0, FAC_DTYPE_NONE));
    CASE("var_4096x4096_dim1", X(4096, 4096), fac_var(x, .dim = 1));
    CASE("sort_1M", X(1000000), fac_sort(x));
    CASE("topk_4096x1024_k10", X(4096, 1024), fac_topk(x, 10, .dim = 1));
}

static void lookups(void)
{
    CASE("embedding_50kx256_8192", fac_tensor *w = fac_randn(FAC_SHAPE(50000, 256));
         fac_tensor *i_ = fac_randint(0, 50000, FAC_SHAPE(8192)), fac_embedding(i_, w));
    CASE("embedding_50kx256_8192_fwdbwd", fac_tensor *w = LEAF(fac_randn(FAC_SHAPE(50000, 256)));
         fac_tensor *i_ = fac_randint(0, 50000, FAC_SHAPE(8192));
         fac_tensor *g = fac_randn(FAC_SHAPE(8192, 256)), DROP(w), BACK(fac_embedding(i_, w), g));
    CASE("gather_4096x1024_dim1", X(4096, 1024);
         fac_tensor *i_ = fac_randint(0, 1024, FAC_SHAPE(4096, 1024)), fac_gather(x, 1, i_));
}

static void layers(void)
{
    CASE("cross_entropy_8192x1000", X(8192, 1000); LEAF(x);
         fac_tensor *y = fac_randint(0, 1000, FAC_SHAPE(8192)), DROP(x), fac_backward(fac_cross_entropy(x, y)));
    CASE("batchnorm2d_train", X(32, 64, 56, 56); LEAF(x); fac_tensor *g = fac_randn(FAC_SHAPE(32, 64, 56, 56));
         fac_module *m = fac_nn_batch_norm2d(64), DROP(x), BACK(fac_forward(m, x), g));
    CASE("maxpool2d", X(32, 64, 56, 56); LEAF(x);
         fac_tensor *g = fac_randn(FAC_SHAPE(32, 64, 28, 28)), DROP(x), BACK(fac_max_pool2d(x, 2), g));
    CASE("maxpool2d_fwd", X(32, 64, 56, 56), fac_max_pool2d(x, 2));
}

static void sequences(void)
{
    CASE("lstm", X(64, 32, 128); LEAF(x); fac_module *m = fac_nn_lstm(128, 128);
         fac_tensor_list p = fac_parameters(m), DROP(x, p.items[0], p.items[1], p.items[2], p.items[3]),
         fac_backward(fac_sum(fac_forward(m, x))));
    CASE("lstm_fwd", X(64, 32, 128); fac_module *m = fac_nn_lstm(128, 128), fac_no_grad fac_forward(m, x));
}

static void optimizer_case(const char *name, int parts, bool adam)
{
    if (!chosen(name)) return;
    fac_scope {
        fac_tensor *p[100];
        for (int i = 0; i < parts; i++) {
            p[i] = LEAF(fac_randn(FAC_SHAPE(10000000 / parts)));
            fac_set_grad(p[i], fac_randn(FAC_SHAPE(10000000 / parts)));
        }
        fac_tensor_list list = {p, parts};
        fac_optimizer *o = adam ? fac_adam(list, .lr = 1e-3) : fac_sgd(list, .lr = 1e-3, .momentum = 0.9);
        CASE(name, , fac_step(o));
        fac_optimizer_free(o);
    }
}

int main(int argc, char **argv)
{
    int first = 1;
    if (argc > 2 && !strcmp(argv[1], "--threads")) {
        fac_set_num_threads(atoi(argv[2]));
        first = 3;
    }
    if (argc > first && !strcmp(argv[first], "--list")) {
        only_list = true;
        first++;
    }
    wanted = argv + first;
    n_wanted = argc - first;
    gemms();
    convolutions();
    pointwise();
    rows();
    lookups();
    layers();
    sequences();
    optimizer_case("adam_step_10M_1", 1, true);
    optimizer_case("adam_step_10M_100", 100, true);
    optimizer_case("sgd_momentum_step_10M_1", 1, false);
    return 0;
}
