/* Convolution and pooling kernels against plain loops over coordinates: shapes, strides, padding, dilation, groups, one to
 * three dimensions, every instruction set, any number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/conv.h"
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/scratch.h"
#include "core/half.h"
#include "facula/threads.h"

static uint32_t seed = 1;
static int random_below(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}

static double get(fac_dtype d, const void *p, int64_t i)
{
    return d == FAC_FLOAT32    ? ((const float *)p)[i]
           : d == FAC_FLOAT64  ? ((const double *)p)[i]
           : d == FAC_BFLOAT16 ? fac__bfloat16_to_float(((const uint16_t *)p)[i])
                               : fac__float16_to_float(((const uint16_t *)p)[i]);
}

static void set(fac_dtype d, void *p, int64_t i, double v)
{
    if (d == FAC_FLOAT32)
        ((float *)p)[i] = (float)v;
    else if (d == FAC_FLOAT64)
        ((double *)p)[i] = v;
    else
        ((uint16_t *)p)[i] = d == FAC_BFLOAT16 ? fac__float_to_bfloat16((float)v) : fac__float_to_float16((float)v);
}

/* Exact-size buffers, so that a sanitizer sees the first element too many. */
static void *buffer(fac_dtype d, int64_t n)
{
    void *p = malloc((size_t)n * fac_dtype_size(d) + (n == 0));
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        set(d, p, i, (random_below(2000) - 1000) / 512.0);
    return p;
}

static int64_t volume(const int64_t s[3])
{
    return s[0] * s[1] * s[2];
}

static void each_isa(void (*body)(void))
{
    fac__isa own = fac__cpu_isa();
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        if ((int)fac__cpu_isa() == isa) body();
    }
    fac__set_cpu_isa(own);
}

/* ---- convolution ---- */

typedef struct sums {
    double *value, *size; /* size: the sum of the absolute values, the measure of rounding */
    int64_t n;
} sums;

static sums new_sums(int64_t n)
{
    sums s = {calloc((size_t)n + 1, sizeof(double)), calloc((size_t)n + 1, sizeof(double)), n};
    assert_non_null(s.value);
    assert_non_null(s.size);
    return s;
}

static void add_to(sums *s, int64_t i, double v)
{
    s->value[i] += v;
    s->size[i] += fabs(v);
}

static void same(const char *what, const fac__conv_args *a, const void *got, sums s)
{
    for (int64_t i = 0; i < s.n; i++) {
        double v = get(a->dtype, got, i), bound = s.size[i] * (a->dtype == FAC_FLOAT64 ? 1e-14 : 3e-6);
        if (!(fabs(v - s.value[i]) <= bound))
            fail_msg("%s, %s, n %d c %d k %d groups %d in %d %d %d kernel %d %d %d stride %d %d %d pad %d %d %d "
                     "dilation %d %d "
                     "%d: [%d] is %.9g, not %.9g",
                     what, fac_dtype_name(a->dtype), (int)a->n, (int)a->c, (int)a->k, (int)a->groups, (int)a->in[0],
                     (int)a->in[1], (int)a->in[2], (int)a->kernel[0], (int)a->kernel[1], (int)a->kernel[2],
                     (int)a->stride[0], (int)a->stride[1], (int)a->stride[2], (int)a->pad[0], (int)a->pad[1],
                     (int)a->pad[2], (int)a->dilation[0], (int)a->dilation[1], (int)a->dilation[2], (int)i, v,
                     s.value[i]);
    }
    free(s.value);
    free(s.size);
}

static bool outputs(fac__conv_args *a)
{
    for (int i = 0; i < 3; i++) {
        int64_t room = a->in[i] + 2 * a->pad[i] - (a->kernel[i] - 1) * a->dilation[i] - 1;
        if (room < 0) return false;
        a->out[i] = room / a->stride[i] + 1;
    }
    return true;
}

static int sparse; /* of dy only one in so many elements is not 0 */

static void check_conv(fac__conv_args a)
{
    if (!outputs(&a)) return;
    int64_t in = volume(a.in), out = volume(a.out), taps = volume(a.kernel), cg = a.c / a.groups, kg = a.k / a.groups;
    void *x = buffer(a.dtype, a.n * a.c * in), *w = buffer(a.dtype, a.k * cg * taps), *bias = buffer(a.dtype, a.k);
    void *dy = buffer(a.dtype, a.n * a.k * out), *y = buffer(a.dtype, a.n * a.k * out);
    void *dx = buffer(a.dtype, a.n * a.c * in), *dw = buffer(a.dtype, a.k * cg * taps);
    for (int64_t i = 0; i < a.n * a.k * out && sparse; i++)
        if (random_below(sparse)) set(a.dtype, dy, i, 0);
    bool with_bias = random_below(2);
    sums sy = new_sums(a.n * a.k * out), sdx = new_sums(a.n * a.c * in), sdw = new_sums(a.k * cg * taps);
    for (int64_t n = 0; n < a.n; n++)
        for (int64_t k = 0; k < a.k; k++)
            for (int64_t o = 0; o < out; o++) {
                int64_t yi = (n * a.k + k) * out + o,
                        at[3] = {o / a.out[2] / a.out[1], o / a.out[2] % a.out[1], o % a.out[2]};
                if (with_bias) add_to(&sy, yi, get(a.dtype, bias, k));
                for (int64_t c = 0; c < cg; c++)
                    for (int64_t t = 0; t < taps; t++) {
                        int64_t tap[3] = {t / a.kernel[2] / a.kernel[1], t / a.kernel[2] % a.kernel[1],
                                          t % a.kernel[2]};
                        int64_t q[3];
                        bool inside = true;
                        for (int i = 0; i < 3; i++) {
                            q[i] = at[i] * a.stride[i] - a.pad[i] + tap[i] * a.dilation[i];
                            inside &= q[i] >= 0 && q[i] < a.in[i];
                        }
                        if (!inside) continue;
                        int64_t xi = (n * a.c + k / kg * cg + c) * in + (q[0] * a.in[1] + q[1]) * a.in[2] + q[2];
                        int64_t wi = (k * cg + c) * taps + t;
                        double xv = get(a.dtype, x, xi), wv = get(a.dtype, w, wi), gv = get(a.dtype, dy, yi);
                        add_to(&sy, yi, xv * wv);
                        add_to(&sdx, xi, gv * wv);
                        add_to(&sdw, wi, gv * xv);
                    }
            }
    a.x = x, a.w = w, a.bias = with_bias ? bias : NULL, a.dy = dy, a.y = y, a.dx = dx, a.dw = dw;
    fac__k_conv.run[FAC__CPU](&a);
    fac__k_conv_input.run[FAC__CPU](&a);
    fac__k_conv_weight.run[FAC__CPU](&a);
    same("forward", &a, y, sy);
    same("input gradient", &a, dx, sdx);
    same("weight gradient", &a, dw, sdw);
    free(x), free(w), free(bias), free(dy), free(y), free(dx), free(dw);
}

/* Groups, strides and dilations that are not named are 1. */
#define CONV2D(...) complete((fac__conv_args){.dtype = FAC_FLOAT32, __VA_ARGS__})
static fac__conv_args complete(fac__conv_args a)
{
    if (a.groups == 0) a.groups = 1;
    for (int i = 0; i < 3; i++) {
        if (a.stride[i] == 0) a.stride[i] = 1;
        if (a.dilation[i] == 0) a.dilation[i] = 1;
    }
    return a;
}

static void random_conv(void)
{
    int dims = 1 + random_below(6) / 2;
    fac__conv_args a = CONV2D(.n = 1 + random_below(3), .groups = 1 + random_below(3) * random_below(2));
    a.dtype = random_below(3) ? FAC_FLOAT32 : FAC_FLOAT64;
    a.c = a.groups * (1 + random_below(random_below(3) ? 6 : 20));
    a.k = a.groups * (1 + random_below(random_below(3) ? 6 : 40));
    for (int i = 0; i < 3; i++) {
        bool used = i >= 3 - dims;
        a.in[i] = used ? 1 + random_below(dims == 3 ? 7 : 21) : 1;
        a.kernel[i] = used ? 1 + random_below(4) : 1;
        a.stride[i] = used && random_below(3) == 0 ? 1 + random_below(3) : 1;
        a.pad[i] = used ? random_below(3) : 0;
        a.dilation[i] = used && random_below(3) == 0 ? 1 + random_below(3) : 1;
    }
    check_conv(a);
}

static void conv_shapes_body(void)
{
    check_conv(CONV2D(.n = 3, .c = 1, .k = 32, .in = {1, 28, 28}, .kernel = {1, 3, 3}));
    check_conv(CONV2D(.n = 2, .c = 32, .k = 64, .in = {1, 26, 26}, .kernel = {1, 3, 3}));
    check_conv(CONV2D(.n = 2, .c = 1, .k = 6, .in = {1, 28, 28}, .kernel = {1, 5, 5}, .pad = {0, 2, 2}));
    check_conv(CONV2D(.n = 2, .c = 6, .k = 16, .in = {1, 14, 14}, .kernel = {1, 5, 5}));
    check_conv(
        CONV2D(.n = 1, .c = 3, .k = 20, .in = {1, 61, 60}, .kernel = {1, 7, 7}, .pad = {0, 3, 3}, .stride = {1, 2, 2}));
    check_conv(CONV2D(.n = 1, .c = 40, .k = 50, .in = {1, 9, 9}, .kernel = {1, 1, 1}));
    check_conv(CONV2D(.n = 1, .c = 40, .k = 33, .in = {1, 9, 9}, .kernel = {1, 1, 1}, .stride = {1, 2, 2}));
    /* kernels of one element: images that share vectors, enough blocks of weights for threads, one position */
    check_conv(CONV2D(.n = 5, .c = 70, .k = 150, .in = {1, 7, 7}, .kernel = {1, 1, 1}));
    check_conv(CONV2D(.n = 3, .c = 200, .k = 90, .groups = 2, .in = {3, 5, 9}, .kernel = {1, 1, 1}));
    check_conv(CONV2D(.n = 33, .c = 40, .k = 300, .in = {1, 1, 1}, .kernel = {1, 1, 1}));
    check_conv(CONV2D(.n = 2, .c = 520, .k = 70, .in = {1, 31, 30}, .kernel = {1, 1, 1}));
    check_conv(
        CONV2D(.n = 2, .c = 24, .k = 24, .groups = 24, .in = {1, 17, 15}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
    check_conv(CONV2D(.n = 2, .c = 8, .k = 24, .groups = 8, .in = {1, 17, 15}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
    check_conv(CONV2D(.n = 9, .c = 2, .k = 22, .groups = 2, .in = {1, 9, 20}, .kernel = {1, 5, 3}, .pad = {0, 2, 1}));
    check_conv(
        CONV2D(.n = 2, .c = 3, .k = 3, .groups = 3, .in = {1, 7, 33}, .kernel = {1, 2, 5}, .dilation = {1, 3, 2}));
    check_conv(CONV2D(.n = 3, .c = 5, .k = 10, .groups = 5, .in = {1, 19, 22}, .kernel = {1, 5, 3}, .stride = {1, 2, 3},
                      .pad = {0, 2, 2}, .dilation = {1, 2, 2}));
    check_conv(CONV2D(.n = 1, .c = 4, .k = 5, .in = {1, 150, 140}, .kernel = {1, 3, 3})); /* several blocks of rows */
    check_conv(CONV2D(.n = 1, .c = 70, .k = 5, .in = {1, 40, 90}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
    check_conv(CONV2D(.n = 9, .c = 2, .k = 3, .in = {1, 1, 50}, .kernel = {1, 1, 3}));
    check_conv(CONV2D(.n = 1, .c = 2, .k = 3, .in = {1, 1, 1}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
    check_conv(CONV2D(.n = 1, .c = 2, .k = 3, .in = {1, 3, 3}, .kernel = {1, 3, 3}, .pad = {0, 5, 5}));
    check_conv(CONV2D(.n = 2, .c = 3, .k = 40, .in = {5, 12, 11}, .kernel = {3, 3, 3}, .pad = {1, 1, 1}));
    /* large ones */
    check_conv(
        CONV2D(.n = 2, .c = 96, .k = 96, .groups = 96, .in = {1, 30, 27}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
    check_conv(CONV2D(.n = 3, .c = 20, .k = 50, .in = {1, 33, 31}, .kernel = {1, 3, 5}, .stride = {1, 2, 1},
                      .pad = {0, 2, 0}, .dilation = {1, 2, 3}));
    for (int i = 0; i < 150; i++)
        random_conv();
}
static void conv_shapes(void **state)
{
    each_isa(conv_shapes_body);
}

/* Where most of dy is 0, its gradients go another way. */
static void conv_sparse_body(void)
{
    for (int all = 0; all < 2; all++) {
        sparse = all ? 1 << 30 : 5;
        check_conv(CONV2D(.n = 8, .c = 32, .k = 64, .in = {1, 16, 14}, .kernel = {1, 3, 3}));
        check_conv(CONV2D(.n = 9, .c = 6, .k = 16, .in = {1, 14, 14}, .kernel = {1, 5, 5}));
        check_conv(CONV2D(.n = 8, .c = 1, .k = 6, .in = {1, 28, 28}, .kernel = {1, 5, 5}, .pad = {0, 2, 2}));
        check_conv(CONV2D(.n = 8, .c = 70, .k = 33, .in = {1, 9, 12}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
        check_conv(CONV2D(.n = 8, .c = 40, .k = 20, .in = {1, 13, 12}, .kernel = {1, 7, 4}, .pad = {0, 3, 5},
                          .stride = {1, 3, 2}));
        check_conv(CONV2D(.n = 11, .c = 12, .k = 200, .in = {1, 60, 9}, .kernel = {1, 2, 1}, .dilation = {1, 3, 1}));
        check_conv(CONV2D(.n = 8, .c = 40, .k = 50, .in = {1, 9, 9}, .kernel = {1, 1, 1}, .stride = {1, 2, 2}));
        fac__conv_args a = CONV2D(.n = 8, .c = 9, .k = 30, .in = {1, 1, 40}, .kernel = {1, 1, 5});
        a.dtype = FAC_FLOAT64;
        check_conv(a);
    }
    for (int i = 0; i < 40; i++) {
        sparse = 2 + random_below(6);
        fac__conv_args a = CONV2D(.n = 8, .c = 1 + random_below(20), .k = 1 + random_below(30),
                                  .in = {1, 1 + random_below(15), 1 + random_below(15)},
                                  .kernel = {1, 1 + random_below(5), 1 + random_below(5)},
                                  .stride = {1, 1 + random_below(3), 1 + random_below(3)},
                                  .pad = {0, random_below(4), random_below(4)},
                                  .dilation = {1, 1 + random_below(2), 1});
        a.dtype = random_below(4) ? FAC_FLOAT32 : FAC_FLOAT64;
        check_conv(a);
    }
    sparse = 0;
}
static void conv_sparse(void **state)
{
    each_isa(conv_sparse_body);
}

/* Small pictures of many channels, which go through one product: taps that see nothing, strides, dilation, several blocks of
 * images, one column. */
static void conv_small_body(void)
{
    static const int64_t counts[] = {1, 13};
    for (int i = 0; i < 2; i++) {
        int64_t n = counts[i];
        check_conv(CONV2D(.n = n, .c = 40, .k = 33, .in = {1, 1, 1}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
        check_conv(CONV2D(.n = n, .c = 33, .k = 70, .in = {1, 2, 2}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
        check_conv(CONV2D(.n = n, .c = 65, .k = 64, .in = {1, 3, 5}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
        check_conv(CONV2D(.n = n, .c = 64, .k = 80, .in = {1, 7, 8}, .kernel = {1, 5, 3}, .stride = {1, 2, 2},
                          .pad = {0, 2, 1}));
        check_conv(CONV2D(.n = n, .c = 32, .k = 32, .in = {1, 2, 2}, .kernel = {1, 1, 1}, .stride = {1, 2, 2}));
        check_conv(CONV2D(.n = n, .c = 64, .k = 64, .in = {1, 1, 9}, .kernel = {1, 1, 3}, .pad = {0, 0, 2},
                          .dilation = {1, 1, 3}));
        check_conv(CONV2D(.n = n, .c = 36, .k = 34, .in = {1, 1, 3}, .kernel = {3, 2, 2}, .pad = {1, 1, 0}));
        fac__conv_args a = CONV2D(.n = n, .c = 32, .k = 40, .in = {1, 1, 2}, .kernel = {1, 3, 2}, .pad = {0, 1, 1});
        a.dtype = FAC_FLOAT64;
        check_conv(a);
    }
    check_conv(CONV2D(.n = 80, .c = 2400, .k = 32, .in = {1, 1, 2}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
}
static void conv_small(void **state)
{
    each_isa(conv_small_body);
}

/* What comes of an image does not depend on the others: some sparse, some not, all together and one by one. */
static void check_alone(fac__conv_args a)
{
    assert_true(outputs(&a));
    int64_t out = a.k * volume(a.out), in = a.c * volume(a.in), weights = a.k * a.c * volume(a.kernel);
    float *w = buffer(a.dtype, weights), *dy = buffer(a.dtype, a.n * out), *dx = buffer(a.dtype, a.n * in);
    float *x = buffer(a.dtype, a.n * in), *y = buffer(a.dtype, a.n * out),
          *alone = buffer(a.dtype, in > out ? in : out);
    for (int64_t i = 0; i < weights; i++)
        w[i] /= 3; /* else the sums are exact, in any order */
    for (int64_t i = 0; i < a.n * out; i++)
        dy[i] = i / out % 3 && i % 6 ? 0 : dy[i] / 7;
    for (int64_t i = 0; i < a.n * in; i++)
        x[i] /= 7;
    a.x = x, a.w = w, a.y = y, a.dy = dy, a.dx = dx;
    fac__k_conv.run[FAC__CPU](&a);
    fac__k_conv_input.run[FAC__CPU](&a);
    for (int64_t n = 0; n < a.n; n++) {
        fac__conv_args one = a;
        one.n = 1, one.dy = dy + n * out, one.dx = alone;
        fac__k_conv_input.run[FAC__CPU](&one);
        assert_memory_equal(alone, dx + n * in, (size_t)in * sizeof *alone);
        one.x = x + n * in, one.y = alone;
        fac__k_conv.run[FAC__CPU](&one);
        assert_memory_equal(alone, y + n * out, (size_t)out * sizeof *alone);
    }
    free(x), free(y), free(w), free(dy), free(dx), free(alone);
}
static void conv_alone_body(void)
{
    check_alone(CONV2D(.n = 9, .c = 10, .k = 40, .in = {1, 12, 21}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
    check_alone(CONV2D(.n = 9, .c = 40, .k = 50, .in = {1, 5, 9}, .kernel = {1, 1, 1})); /* share vectors */
    check_alone(CONV2D(.n = 9, .c = 100, .k = 130, .in = {1, 1, 1}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
    check_alone(CONV2D(.n = 9, .c = 80, .k = 90, .in = {1, 3, 4}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
}
static void conv_alone(void **state)
{
    each_isa(conv_alone_body);
}

/* 0 times infinity is NaN, also where zeros could be left out. */
static void conv_sparse_infinite(void **state)
{
    fac__conv_args a = CONV2D(.n = 8, .c = 16, .k = 32, .in = {1, 10, 10}, .kernel = {1, 3, 3});
    assert_true(outputs(&a));
    int64_t outs = a.n * a.k * volume(a.out), ins = a.n * a.c * volume(a.in), weights = a.k * a.c * 9;
    float *x = buffer(a.dtype, ins), *w = buffer(a.dtype, weights), *dy = buffer(a.dtype, outs);
    float *dx = buffer(a.dtype, ins), *dw = buffer(a.dtype, weights);
    for (int64_t i = 0; i < outs; i++)
        if (i % 8) dy[i] = 0;
    a.x = x, a.w = w, a.dy = dy, a.dx = dx, a.dw = dw;
    x[5 * a.in[2] + 5] = w[4] = INFINITY; /* in the first channel; the w of the first output channel sees dy[1 … 7] */
    fac__k_conv_input.run[FAC__CPU](&a);
    fac__k_conv_weight.run[FAC__CPU](&a);
    for (int t = 0; t < 9; t++)
        assert_true(isnan(dw[t]));
    assert_true(isnan(dx[a.in[2] + 2]) && isfinite(dx[volume(a.in)]));
    x[5 * a.in[2] + 5] = w[4] = 1;
    dy[3] = NAN;
    fac__k_conv_input.run[FAC__CPU](&a);
    fac__k_conv_weight.run[FAC__CPU](&a);
    for (int t = 0; t < 9; t++)
        assert_true(isnan(dw[t]));
    assert_true(isnan(dx[3]) && isfinite(dx[3 * volume(a.in) / 2]));
    free(x), free(w), free(dy), free(dx), free(dw);
}

static void conv_without_memory(void **state)
{
    fac__scratch_refuse(1);
    for (int i = 0; i < 10; i++)
        random_conv();
    check_conv(CONV2D(.n = 2, .c = 40, .k = 33, .in = {1, 2, 1}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}));
    fac__scratch_refuse(0);
}

static void conv_empty(void **state)
{
    fac__conv_args a = CONV2D(.n = 0, .c = 2, .k = 2, .in = {1, 5, 5}, .kernel = {1, 3, 3});
    check_conv(a); /* dw of no images is 0 */
    a.n = 2, a.k = 0;
    check_conv(a);
}

static void conv_threads_body(void)
{
    fac__conv_args all[] = {
        CONV2D(.n = 13, .c = 20, .k = 30, .in = {1, 20, 20}, .kernel = {1, 3, 3}),
        CONV2D(.n = 1, .c = 40, .k = 90, .in = {1, 20, 20}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}),
        CONV2D(.n = 9, .c = 1, .k = 32, .in = {1, 28, 28}, .kernel = {1, 3, 3}),
        CONV2D(.n = 1, .c = 80, .k = 300, .in = {1, 7, 8}, .kernel = {1, 1, 1}),
        CONV2D(.n = 7, .c = 260, .k = 60, .in = {1, 7, 7}, .kernel = {1, 1, 1}),
        CONV2D(.n = 30, .c = 70, .k = 90, .in = {1, 3, 3}, .kernel = {1, 3, 3}, .pad = {0, 1, 1}),
        CONV2D(.n = 1, .c = 3, .k = 70, .in = {1, 60, 60}, .kernel = {1, 3, 3}, .stride = {1, 2, 2})};
    int before = fac_get_num_threads();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        fac__conv_args a = all[i];
        assert_true(outputs(&a));
        int64_t size[3] = {a.n * a.k * volume(a.out), a.n * a.c * volume(a.in), a.k * a.c * volume(a.kernel)};
        void *x = buffer(a.dtype, size[1]), *w = buffer(a.dtype, size[2]), *dy = buffer(a.dtype, size[0]), *to[2][3];
        for (int64_t j = 0; j < size[0] && i == 0; j++)
            if (j % 5) set(a.dtype, dy, j, 0);
        a.x = x, a.w = w, a.dy = dy;
        for (int threads = 1; threads <= 3; threads++) {
            if (threads < 3)
                for (int j = 0; j < 3; j++)
                    to[threads - 1][j] = buffer(a.dtype, size[j]);
            void **my = to[threads > 1];
            a.y = my[0], a.dx = my[1], a.dw = my[2];
            assert_true(fac_set_num_threads(threads));
            fac__k_conv.run[FAC__CPU](&a);
            fac__k_conv_input.run[FAC__CPU](&a);
            fac__k_conv_weight.run[FAC__CPU](&a);
            for (int j = 0; threads > 1 && j < 3; j++)
                assert_memory_equal(to[0][j], to[1][j], (size_t)size[j] * sizeof(float));
        }
        for (int j = 0; j < 3; j++)
            free(to[0][j]), free(to[1][j]);
        free(x), free(w), free(dy);
    }
    assert_true(fac_set_num_threads(before));
}
static void conv_threads(void **state)
{
    each_isa(conv_threads_body);
}

/* ---- pooling ---- */

/* Calls visit for each position of output o's window, in order; returns the divisor of its average. */
static double window(const fac__pool_args *a, int64_t o, void (*visit)(void *, int64_t), void *context)
{
    int64_t at[3] = {o / a->out[2] / a->out[1], o / a->out[2] % a->out[1], o % a->out[2]};
    int64_t first[3], count[3], step[3], padded = 1, inside = 1;
    for (int i = 0; i < 3; i++) {
        step[i] = 1;
        if (a->kind == FAC__POOL_ADAPTIVE_AVG || a->kind == FAC__POOL_ADAPTIVE_MAX) {
            first[i] = (int64_t)floor((double)(at[i] * a->in[i]) / (double)a->out[i]);
            count[i] = (int64_t)ceil((double)((at[i] + 1) * a->in[i]) / (double)a->out[i]) - first[i];
            padded *= count[i];
        } else {
            step[i] = a->kind == FAC__POOL_MAX ? a->dilation[i] : 1;
            first[i] = at[i] * a->stride[i] - a->pad[i];
            count[i] = a->kernel[i];
            int64_t in_padded = 0, in_real = 0;
            for (int64_t j = 0; j < count[i]; j++) {
                in_padded += first[i] + j < a->in[i] + a->pad[i];
                in_real += first[i] + j >= 0 && first[i] + j < a->in[i];
            }
            padded *= in_padded;
            inside *= in_real;
        }
    }
    for (int64_t d = 0; d < count[0]; d++)
        for (int64_t h = 0; h < count[1]; h++)
            for (int64_t w = 0; w < count[2]; w++) {
                int64_t q[3] = {first[0] + d * step[0], first[1] + h * step[1], first[2] + w * step[2]};
                bool real = true;
                for (int i = 0; i < 3; i++)
                    real &= q[i] >= 0 && q[i] < a->in[i];
                if (real) visit(context, (q[0] * a->in[1] + q[1]) * a->in[2] + q[2]);
            }
    if (a->kind != FAC__POOL_AVG) return (double)padded;
    return (double)(a->divisor ? a->divisor : a->count_include_pad ? padded : inside);
}

typedef struct seen {
    fac_dtype dtype;
    const void *x;
    double sum, best, share, *dx;
    int64_t where, count;
} seen;

static void see(void *context, int64_t i)
{
    seen *s = context;
    double v = get(s->dtype, s->x, i);
    s->sum += v;
    if (s->count++ == 0) s->where = i;
    if (v > s->best || isnan(v)) s->best = v, s->where = i;
}

static void give(void *context, int64_t i)
{
    seen *s = context;
    s->dx[i] += s->share;
}

static void check_pool(fac__pool_args a, int odd_values)
{
    int64_t in = volume(a.in), out = volume(a.out);
    size_t size = fac_dtype_size(a.dtype);
    char *x = buffer(a.dtype, a.planes * in), *dy = buffer(a.dtype, a.planes * out);
    char *y = buffer(a.dtype, a.planes * out), *dx = buffer(a.dtype, a.planes * in);
    int64_t *indices = malloc((size_t)(a.planes * out) * sizeof *indices + 1);
    assert_non_null(indices);
    for (int64_t i = 0; i < a.planes * in && odd_values; i++)
        if (random_below(6) == 0) set(a.dtype, x, i, random_below(2) ? NAN : -INFINITY);
    bool max = a.kind == FAC__POOL_MAX || a.kind == FAC__POOL_ADAPTIVE_MAX;
    double exact = a.dtype == FAC_FLOAT64   ? 1e-14
                   : a.dtype == FAC_FLOAT32 ? 2e-6
                   : a.dtype == FAC_FLOAT16 ? 4e-3
                                            : 4e-2;
    a.x = x, a.y = y, a.dy = dy, a.dx = dx;
    for (int with_indices = 0; with_indices <= max; with_indices++) {
        a.indices = with_indices ? indices : NULL;
        fac__k_pool.run[FAC__CPU](&a);
        for (int64_t p = 0; p < a.planes; p++)
            for (int64_t o = 0; o < out; o++) {
                seen s = {.dtype = a.dtype, .x = x + (size_t)(p * in) * size, .best = -INFINITY};
                double divisor = window(&a, o, see, &s), got = get(a.dtype, y, p * out + o);
                if (max) {
                    if (!(got == s.best || (isnan(got) && isnan(s.best)))) fail_msg("max is %g, not %g", got, s.best);
                    if (with_indices && s.count && indices[p * out + o] != s.where)
                        fail_msg("max of plane %d, output %d is at %d, not %d (%s, in %d %d %d, kernel %d %d %d)",
                                 (int)p, (int)o, (int)indices[p * out + o], (int)s.where, fac_dtype_name(a.dtype),
                                 (int)a.in[0], (int)a.in[1], (int)a.in[2], (int)a.kernel[0], (int)a.kernel[1],
                                 (int)a.kernel[2]);
                } else {
                    double want = s.count ? s.sum / divisor : 0;
                    if (!(fabs(got - want) <= exact * (fabs(want) + 4))) fail_msg("average is %g, not %g", got, want);
                }
            }
    }
    fac__k_pool_backward.run[FAC__CPU](&a);
    double *want = calloc((size_t)in + 1, sizeof *want);
    assert_non_null(want);
    for (int64_t p = 0; p < a.planes; p++) {
        memset(want, 0, (size_t)in * sizeof *want);
        for (int64_t o = 0; o < out; o++) {
            double g = get(a.dtype, dy, p * out + o);
            seen s = {.dtype = a.dtype, .x = x, .dx = want, .share = g};
            if (max) {
                if (indices[p * out + o] < in) want[indices[p * out + o]] += g;
            } else {
                s.share = g / window(&a, o, see, &s);
                window(&a, o, give, &s);
            }
        }
        for (int64_t i = 0; i < in; i++) {
            double got = get(a.dtype, dx, p * in + i);
            if (!(fabs(got - want[i]) <= 4 * exact * (fabs(want[i]) + 4)))
                fail_msg("kind %d %s: gradient at %d is %g, not %g", (int)a.kind, fac_dtype_name(a.dtype), (int)i, got,
                         want[i]);
        }
    }
    free(want), free(x), free(dy), free(y), free(dx), free(indices);
}

static void pools_body(void)
{
    static const fac_dtype dtypes[] = {FAC_FLOAT32, FAC_FLOAT64, FAC_FLOAT16, FAC_BFLOAT16};
    for (int t = 0; t < 400; t++) {
        fac__pool_args a = {.kind = (fac__pool_kind)random_below(4),
                            .dtype = dtypes[random_below(4)],
                            .planes = random_below(5),
                            .count_include_pad = random_below(2),
                            .divisor = random_below(4) ? 0 : 3};
        int dims = 1 + random_below(3);
        bool fits = true;
        for (int i = 0; i < 3; i++) {
            bool used = i >= 3 - dims, ceil_mode = random_below(3) == 0;
            a.in[i] = used ? 1 + random_below(12) : 1;
            a.kernel[i] = used ? 1 + random_below(4) : 1;
            a.stride[i] = used ? 1 + random_below(3) : 1;
            a.pad[i] = random_below((int)a.kernel[i] / 2 + 1);
            a.dilation[i] = a.kind == FAC__POOL_MAX && used ? 1 + random_below(2) : 1;
            int64_t room = a.in[i] + 2 * a.pad[i] - (a.kernel[i] - 1) * a.dilation[i] - 1;
            if (room < 0) fits = false;
            a.out[i] = (room + (ceil_mode ? a.stride[i] - 1 : 0)) / a.stride[i] + 1;
            if (ceil_mode && (a.out[i] - 1) * a.stride[i] >= a.in[i] + a.pad[i]) a.out[i]--;
            if (a.kind == FAC__POOL_ADAPTIVE_AVG || a.kind == FAC__POOL_ADAPTIVE_MAX)
                a.out[i] = used ? 1 + random_below(14) : 1;
        }
        if (!fits && (a.kind == FAC__POOL_AVG || a.kind == FAC__POOL_MAX)) continue;
        bool max = a.kind == FAC__POOL_MAX || a.kind == FAC__POOL_ADAPTIVE_MAX;
        check_pool(a, max && random_below(2));
    }
    for (int side = 2; side < 70; side += 5)
        for (int d = 0; d < 4; d++) {
            fac__pool_args a = {.kind = FAC__POOL_MAX,
                                .dtype = dtypes[d],
                                .planes = 3,
                                .in = {1, side, side + 1},
                                .out = {1, side / 2, (side + 1) / 2},
                                .kernel = {1, 2, 2},
                                .stride = {1, 2, 2},
                                .dilation = {1, 1, 1}};
            check_pool(a, side & 1);
        }
}
static void pools(void **state)
{
    each_isa(pools_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv_shapes), cmocka_unit_test(conv_sparse),          cmocka_unit_test(conv_small),
        cmocka_unit_test(conv_alone),  cmocka_unit_test(conv_sparse_infinite), cmocka_unit_test(conv_without_memory),
        cmocka_unit_test(conv_empty),  cmocka_unit_test(conv_threads),         cmocka_unit_test(pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
