/* Speed of the matrix multiplication and convolution kernels: GF/s, the best of many calls.
 *     bench_kernels [all|tiny|gemm|conv|pool] [threads]
 * FACULA_ISA=avx2 measures another instruction set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/conv.h"
#include "backend/gemm.h"
#include "facula/threads.h"
#include "timing.h"

static double best_time(const fac__kernel *kernel, const void *args)
{
    double best = 1e9, end = now() + 0.4;
    int64_t calls = 1;
    while (now() < end) {
        double t = now();
        for (int64_t i = 0; i < calls; i++)
            kernel->run[FAC__CPU](args);
        t = now() - t;
        if (t / (double)calls < best) best = t / (double)calls;
        if (t < 1e-3) calls *= 2;
    }
    return best;
}

static float *numbers(int64_t n)
{
    float *p = aligned_alloc(64, (size_t)(n * 4 + 127) / 64 * 64);
    uint32_t seed = 1;
    for (int64_t i = 0; p && i < n; i++)
        p[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1;
    return p;
}

static void gemm(int64_t m, int64_t k, int64_t n, bool ta, bool tb, double beta)
{
    fac__gemm_args g = {.dtype = FAC_FLOAT32,
                        .batch = 1,
                        .m = m,
                        .n = n,
                        .k = k,
                        .alpha = 1,
                        .beta = beta,
                        .a_row = ta ? 1 : k,
                        .a_col = ta ? m : 1,
                        .b_row = tb ? 1 : n,
                        .b_col = tb ? k : 1,
                        .c_row = n,
                        .c_col = 1};
    float *a = numbers(m * k), *b = numbers(k * n), *c = numbers(m * n);
    g.a = a, g.b = b, g.c = c;
    double t = best_time(&fac__k_gemm, &g);
    printf("gemm %4lldx%4lldx%4lld %c%c  %10.3f us %7.1f GF/s\n", (long long)m, (long long)k, (long long)n,
           ta ? 't' : 'n', tb ? 't' : 'n', t * 1e6, 2e-9 * (double)(m * n * k) / t);
    free(a), free(b), free(c);
}

static void conv(int64_t n, int64_t c, int64_t in, int64_t k, int64_t side, int64_t pad, int64_t stride, int64_t groups)
{
    int64_t out = (in + 2 * pad - side) / stride + 1;
    fac__conv_args v = {.dtype = FAC_FLOAT32,
                        .n = n,
                        .c = c,
                        .k = k,
                        .groups = groups,
                        .in = {1, in, in},
                        .out = {1, out, out},
                        .kernel = {1, side, side},
                        .stride = {1, stride, stride},
                        .pad = {0, pad, pad},
                        .dilation = {1, 1, 1}};
    float *x = numbers(n * c * in * in), *w = numbers(k * c / groups * side * side), *y = numbers(n * k * out * out);
    float *dx = numbers(n * c * in * in), *dw = numbers(k * c / groups * side * side);
    v.x = x, v.w = w, v.y = y, v.dx = dx, v.dw = dw, v.dy = y;
    double flops = 2e-9 * (double)(n * k * out * out * c / groups * side * side);
    double f = best_time(&fac__k_conv, &v), i = best_time(&fac__k_conv_input, &v),
           g = best_time(&fac__k_conv_weight, &v);
    for (int64_t q = 0; q < n * k * out * out; q++) /* as max pooling of 2 x 2 leaves it */
        if ((q * 2654435761u >> 20) % 4) y[q] = 0;
    double is = best_time(&fac__k_conv_input, &v), gs = best_time(&fac__k_conv_weight, &v);
    printf(
        "conv %lldx%lldx%lldx%lld k%lld %lldx%lld pad %lld stride %lld groups %lld: forward %.3f ms %.1f GF/s, input "
        "%.3f ms %.1f, weight %.3f ms %.1f; of a quarter, input %.3f ms, weight %.3f ms\n",
        (long long)n, (long long)c, (long long)in, (long long)in, (long long)k, (long long)side, (long long)side,
        (long long)pad, (long long)stride, (long long)groups, f * 1e3, flops / f, i * 1e3, flops / i, g * 1e3,
        flops / g, is * 1e3, gs * 1e3);
    free(x), free(w), free(y), free(dx), free(dw);
}

static void pool(int64_t planes, int64_t in)
{
    fac__pool_args p = {.kind = FAC__POOL_MAX,
                        .dtype = FAC_FLOAT32,
                        .planes = planes,
                        .in = {1, in, in},
                        .out = {1, in / 2, in / 2},
                        .kernel = {1, 2, 2},
                        .stride = {1, 2, 2},
                        .dilation = {1, 1, 1}};
    float *x = numbers(planes * in * in), *y = numbers(planes * in * in), *dx = numbers(planes * in * in);
    int64_t *indices = (int64_t *)(void *)numbers(planes * in * in);
    p.x = x, p.y = y, p.indices = indices;
    double f = best_time(&fac__k_pool, &p);
    p.dy = y, p.dx = dx;
    double b = best_time(&fac__k_pool_backward, &p);
    printf("max pool 2x2 of %lld planes of %lldx%lld: forward %.3f ms %.1f GB/s, backward %.3f ms\n", (long long)planes,
           (long long)in, (long long)in, f * 1e3, 7e-9 * (double)(planes * in * in) / f, b * 1e3);
    free(x), free(y), free(dx), free(indices);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "all";
    static const char *const known[] = {"all", "tiny", "gemm", "conv", "pool", NULL};
    int i = 0;
    while (known[i] && strcmp(what, known[i]))
        i++;
    if (!known[i]) {
        bool help = strcmp(what, "--help") == 0;
        fprintf(help ? stdout : stderr,
                "Usage: bench_kernels [all|tiny|gemm|conv|pool] [THREADS]\n"
                "The speed of matrix products, convolutions and pooling, the best of many calls.\n"
                "FACULA_ISA=baseline|avx2|avx512 measures that instruction set.\n");
        return help ? 0 : 2;
    }
    if (argc > 2) fac_set_num_threads(atoi(argv[2]));
    bool all = strcmp(what, "all") == 0;
    if (all || strcmp(what, "tiny") == 0) {
        gemm(4, 8, 2, false, true, 1), gemm(4, 2, 8, false, true, 1), gemm(4, 2, 5, false, true, 1);
        gemm(4, 5, 1, false, true, 1), gemm(5, 4, 2, true, false, 0), gemm(1, 4, 5, true, false, 0);
        gemm(4, 1, 5, false, false, 0), gemm(16, 16, 16, false, false, 0), gemm(16, 16, 16, false, true, 0);
        gemm(8, 32, 8, false, true, 0), gemm(32, 32, 32, false, false, 0), gemm(64, 128, 10, false, true, 1);
        gemm(64, 10, 128, false, false, 0), gemm(10, 64, 128, true, false, 0), gemm(1, 784, 256, false, true, 1);
    }
    if (all || strcmp(what, "gemm") == 0) {
        for (int64_t s = 64; s <= 1024; s *= 2)
            gemm(s, s, s, false, false, 0);
        gemm(64, 784, 256, false, false, 0), gemm(64, 784, 256, false, true, 1), gemm(256, 64, 784, true, false, 0);
        gemm(64, 256, 784, false, false, 0), gemm(64, 256, 128, false, true, 1), gemm(128, 64, 256, true, false, 0);
        gemm(64, 9216, 128, false, true, 1), gemm(128, 64, 9216, true, false, 0), gemm(64, 128, 9216, false, false, 0);
        gemm(1024, 784, 256, false, true, 1), gemm(256, 1024, 784, true, false, 0),
            gemm(1024, 256, 128, false, true, 1);
        gemm(128, 1024, 256, true, false, 0), gemm(1024, 128, 256, false, false, 0);
        gemm(256, 768, 2304, false, true, 1), gemm(256, 768, 3072, false, true, 1),
            gemm(256, 3072, 768, false, true, 1);
        gemm(3072, 256, 768, true, false, 0), gemm(256, 768, 3072, false, false, 0),
            gemm(256, 768, 50257, false, true, 0);
        gemm(1, 4096, 4096, false, false, 0), gemm(4096, 4096, 1, false, false, 0), gemm(1, 4096, 4096, false, true, 0);
    }
    if (all || strcmp(what, "conv") == 0) {
        conv(64, 1, 28, 32, 3, 0, 1, 1), conv(64, 32, 26, 64, 3, 0, 1, 1), conv(64, 1, 28, 6, 5, 2, 1, 1);
        conv(64, 6, 14, 16, 5, 0, 1, 1), conv(8, 64, 56, 64, 3, 1, 1, 1), conv(8, 128, 28, 128, 3, 1, 2, 1);
        conv(8, 256, 14, 256, 1, 0, 1, 1), conv(8, 512, 7, 512, 3, 1, 1, 1), conv(8, 128, 28, 128, 3, 1, 1, 128);
        conv(1, 3, 224, 64, 7, 3, 2, 1);
    }
    if (all || strcmp(what, "pool") == 0) pool(64 * 64, 24), pool(32 * 64, 56), pool(6 * 64, 28), pool(16 * 64, 10);
    return 0;
}
