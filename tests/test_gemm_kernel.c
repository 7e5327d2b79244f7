/* The matrix multiplication kernel against plain loops: every dtype, layout, instruction set and number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/cpu/isa/isa.h"
#include "backend/cpu/scratch.h"
#include "backend/gemm.h"
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
    switch (d) {
    case FAC_BOOL:
    case FAC_UINT8: return ((const uint8_t *)p)[i];
    case FAC_INT8: return ((const int8_t *)p)[i];
    case FAC_INT16: return ((const int16_t *)p)[i];
    case FAC_INT32: return ((const int32_t *)p)[i];
    case FAC_INT64: return (double)((const int64_t *)p)[i];
    case FAC_FLOAT16: return fac__float16_to_float(((const uint16_t *)p)[i]);
    case FAC_BFLOAT16: return fac__bfloat16_to_float(((const uint16_t *)p)[i]);
    case FAC_FLOAT32: return ((const float *)p)[i];
    default: return ((const double *)p)[i];
    }
}

static void set(fac_dtype d, void *p, int64_t i, double v)
{
    switch (d) {
    case FAC_BOOL: ((uint8_t *)p)[i] = v != 0; break;
    case FAC_UINT8: ((uint8_t *)p)[i] = (uint8_t)(int64_t)v; break;
    case FAC_INT8: ((int8_t *)p)[i] = (int8_t)(int64_t)v; break;
    case FAC_INT16: ((int16_t *)p)[i] = (int16_t)(int64_t)v; break;
    case FAC_INT32: ((int32_t *)p)[i] = (int32_t)(int64_t)v; break;
    case FAC_INT64: ((int64_t *)p)[i] = (int64_t)v; break;
    case FAC_FLOAT16: ((uint16_t *)p)[i] = fac__float_to_float16((float)v); break;
    case FAC_BFLOAT16: ((uint16_t *)p)[i] = fac__float_to_bfloat16((float)v); break;
    case FAC_FLOAT32: ((float *)p)[i] = (float)v; break;
    default: ((double *)p)[i] = v;
    }
}

/* Exact-size buffers, so that a sanitizer sees the first element too many. */
static void *buffer(fac_dtype d, int64_t n)
{
    void *p = malloc((size_t)n * fac_dtype_size(d) + (n == 0));
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        set(d, p, i, fac_dtype_is_floating(d) ? (random_below(2000) - 1000) / 512.0 : random_below(21) - 10);
    return p;
}

typedef struct layout {
    int64_t row, col, batch, size;
} layout;

/* kind 0: rows contiguous, 1: columns contiguous, 2: neither, 3: as 0 and the same for the whole batch. */
static layout lay(int kind, int64_t rows, int64_t cols, int64_t batch)
{
    int64_t gap = random_below(4);
    layout l = kind == 1   ? (layout){1, rows + gap, 0, (rows + gap) * cols}
               : kind == 2 ? (layout){2 * cols + gap, 2, 0, (2 * cols + gap) * rows}
                           : (layout){cols + gap, 1, 0, (cols + gap) * rows};
    if (kind != 3) l.batch = l.size, l.size *= batch;
    return l;
}

/* What gemm.h promises, in double; *bound gets what rounding may make of it. */
static double expected(const fac__gemm_args *g, const void *c_before, int64_t p, int64_t i, int64_t j, double *bound)
{
    double sum = 0, magnitude = 0;
    for (int64_t l = 0; l < g->k; l++) {
        double t = get(g->dtype, g->a, p * g->a_batch + i * g->a_row + l * g->a_col) *
                   get(g->dtype, g->b, p * g->b_batch + l * g->b_row + j * g->b_col);
        if (g->dtype == FAC_BOOL)
            sum = sum != 0 || t != 0;
        else
            sum += t;
        magnitude += fabs(t);
    }
    double before = g->beta != 0 ? get(g->dtype, c_before, p * g->c_batch + i * g->c_row + j * g->c_col) : 0;
    if (g->dtype == FAC_BOOL) {
        *bound = 0;
        return sum != 0 || (g->beta != 0 && before != 0);
    }
    sum = g->alpha * sum + g->beta * before;
    magnitude = fabs(g->alpha) * magnitude + fabs(g->beta * before);
    *bound = g->dtype == FAC_FLOAT64    ? magnitude * 1e-14
             : g->dtype == FAC_FLOAT16  ? magnitude * 1e-5 + fabs(sum) * 1e-3 + 1e-7
             : g->dtype == FAC_BFLOAT16 ? magnitude * 1e-5 + fabs(sum) * 8e-3
             : g->dtype == FAC_FLOAT32  ? magnitude * 2e-6
                                        : 0;
    if (fac_dtype_is_floating(g->dtype)) return sum;
    int64_t wrapped;
    set(g->dtype, &wrapped, 0, sum);
    return get(g->dtype, &wrapped, 0);
}

/* Of matrices that lie so, without their memory. */
static fac__gemm_args args_of(fac_dtype dtype, int64_t batch, int64_t m, int64_t n, int64_t k, layout a, layout b,
                              layout c)
{
    return (fac__gemm_args){.dtype = dtype,
                            .batch = batch,
                            .m = m,
                            .n = n,
                            .k = k,
                            .a_row = a.row,
                            .a_col = a.col,
                            .a_batch = a.batch,
                            .b_row = b.row,
                            .b_col = b.col,
                            .b_batch = b.batch,
                            .c_row = c.row,
                            .c_col = c.col,
                            .c_batch = c.batch};
}

static void check(fac_dtype dtype, int64_t batch, int64_t m, int64_t k, int64_t n, int ka, int kb, int kc, double alpha,
                  double beta)
{
    layout a = lay(ka, m, k, batch), b = lay(kb, k, n, batch), c = lay(kc == 3 ? 0 : kc, m, n, batch);
    fac__gemm_args g = args_of(dtype, batch, m, n, k, a, b, c);
    g.alpha = alpha;
    g.beta = beta;
    void *pa = buffer(dtype, a.size), *pb = buffer(dtype, b.size), *pc = buffer(dtype, c.size);
    size_t bytes = (size_t)c.size * fac_dtype_size(dtype);
    if (beta == 0 && fac_dtype_is_floating(dtype)) /* which must not be read then */
        for (int64_t i = 0; i < c.size; i++)
            set(dtype, pc, i, NAN);
    void *before = malloc(bytes + 1);
    assert_non_null(before);
    memcpy(before, pc, bytes);
    g.a = pa, g.b = pb, g.c = pc;
    fac__k_gemm.run[FAC__CPU](&g);
    char *seen = calloc((size_t)c.size + 1, 1);
    assert_non_null(seen);
    for (int64_t p = 0; p < batch; p++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                double bound, want = expected(&g, before, p, i, j, &bound);
                int64_t at = p * c.batch + i * c.row + j * c.col;
                double got = get(dtype, pc, at);
                seen[at] = 1;
                if (!(fabs(got - want) <= bound))
                    fail_msg(
                        "%s batch %d m %d k %d n %d layouts %d %d %d alpha %g beta %g: [%d, %d, %d] is %.9g, not %.9g",
                        fac_dtype_name(dtype), (int)batch, (int)m, (int)k, (int)n, ka, kb, kc, alpha, beta, (int)p,
                        (int)i, (int)j, got, want);
            }
    for (int64_t i = 0; i < c.size; i++) /* gaps stay as they are */
        if (!seen[i])
            assert_memory_equal((char *)pc + i * (int64_t)fac_dtype_size(dtype),
                                (char *)before + i * (int64_t)fac_dtype_size(dtype), fac_dtype_size(dtype));
    free(pa), free(pb), free(pc), free(before), free(seen);
}

/* Calls body once for each instruction set that this machine has. */
static void each_isa(void (*body)(void))
{
    fac__isa own = fac__cpu_isa();
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        if ((int)fac__cpu_isa() == isa) body();
    }
    fac__set_cpu_isa(own);
}

static void sizes_body(void)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 8, 13, 16, 17, 31, 33, 47, 65};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    for (int t = 0; t < 600; t++) {
        fac_dtype dtype = t % 3 == 2 ? FAC_FLOAT64 : FAC_FLOAT32;
        double alpha = random_below(3) == 0 ? 0.75 : 1, beta = random_below(3) == 0 ? 0 : random_below(2) ? 1 : -0.5;
        check(dtype, 1, sizes[random_below(COUNT)], sizes[random_below(COUNT)], sizes[random_below(COUNT)],
              random_below(3), random_below(3), random_below(3), alpha, beta);
    }
    for (int kind = 0; kind < 27; kind++) { /* several blocks of k, rows and columns */
        check(FAC_FLOAT32, 1, 190, 345, 97, kind % 3, kind / 3 % 3, kind / 9, 1, 1);
        check(FAC_FLOAT64, 1, 35, 650, 70, kind % 3, kind / 3 % 3, kind / 9, 1, 0);
    }
    check(FAC_FLOAT32, 1, 30, 20, 1100, 0, 0, 0, 1, 0);
    check(FAC_FLOAT32, 1, 600, 20, 30, 1, 1, 0, 1, 0);
}
static void sizes(void **state)
{
    each_isa(sizes_body);
}

static void every_dtype_body(void)
{
    for (int d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++)
        for (int t = 0; t < 30; t++)
            check((fac_dtype)d, 1 + random_below(3), random_below(9), random_below(12), random_below(9),
                  random_below(4), random_below(4), random_below(3), 1, random_below(2));
    check(FAC_FLOAT16, 1, 150, 300, 140, 0, 1, 0, 1, 1);
    check(FAC_BFLOAT16, 1, 150, 300, 140, 1, 0, 0, 2, 0);
}
static void every_dtype(void **state)
{
    each_isa(every_dtype_body);
}

/* C = bias + A B is bit for bit what PyTorch prints: k in order, fused, from 0, the bias last. */
static void order_body(void)
{
    if (fac__cpu_isa() == FAC__BASELINE) return; /* may have no fused multiply-add */
    static const int64_t shapes[][3] = {{4, 2, 8}, {4, 8, 1},   {8, 4, 2},     {1, 4, 8},     {4, 2, 5},
                                        {4, 5, 1}, {33, 7, 19}, {64, 128, 10}, {70, 300, 50}, {1, 60, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int way = 0; way < 4; way++) {
            int64_t m = shapes[s][0], k = shapes[s][1], n = shapes[s][2];
            float *a = buffer(FAC_FLOAT32, m * k), *b = buffer(FAC_FLOAT32, k * n), *bias = buffer(FAC_FLOAT32, n);
            float *c = malloc((size_t)(m * n) * sizeof *c);
            assert_non_null(c);
            for (int64_t i = 0; i < m * k; i++)
                a[i] /= 3;
            for (int64_t i = 0; i < m * n; i++)
                c[i] = bias[i % n];
            fac__gemm_args g = {.dtype = FAC_FLOAT32,
                                .batch = 1,
                                .m = m,
                                .n = n,
                                .k = k,
                                .a = a,
                                .b = b,
                                .c = c,
                                .a_row = way & 1 ? 1 : k,
                                .a_col = way & 1 ? m : 1,
                                .b_row = way & 2 ? 1 : n,
                                .b_col = way & 2 ? k : 1,
                                .c_row = n,
                                .c_col = 1,
                                .alpha = 1,
                                .beta = 1};
            fac__k_gemm.run[FAC__CPU](&g);
            for (int64_t i = 0; i < m; i++)
                for (int64_t j = 0; j < n; j++) {
                    float sum = 0;
                    for (int64_t l = 0; l < k; l++)
                        sum = fmaf(a[i * g.a_row + l * g.a_col], b[l * g.b_row + j * g.b_col], sum);
                    sum += bias[j];
                    assert_memory_equal(&c[i * n + j], &sum, sizeof sum);
                }
            free(a), free(b), free(c), free(bias);
        }
}
static void order(void **state)
{
    each_isa(order_body);
}

/* A bias and an activation of the epilogue give what copying the bias into C, the product and the activation's own kernel
 * give one after the other. */
static void epilogue_body(void)
{
    static const fac_dtype dtypes[] = {FAC_FLOAT32, FAC_FLOAT32, FAC_FLOAT64, FAC_FLOAT16, FAC_BFLOAT16, FAC_INT32};
    static const int64_t shapes[][3] = {{64, 784, 40}, {1, 20, 30}, {30, 20, 1},    {4, 2, 5},   {70, 33, 130},
                                        {5, 0, 7},     {1, 5, 1},   {1, 300, 1000}, {3, 700, 33}};
    for (int t = 0; t < 400; t++) {
        fac_dtype d = dtypes[t % 6];
        const int64_t *shape = shapes[random_below(9)];
        int64_t m = shape[0], k = shape[1], n = shape[2], batch = 1 + random_below(2), step = random_below(3);
        if (!fac_dtype_is_floating(d) && m * n * k > 100000) continue;
        layout a = lay(random_below(3), m, k, batch), b = lay(random_below(4), k, n, batch);
        layout c = lay(random_below(4) ? 0 : random_below(3), m, n, batch);
        size_t bytes = (size_t)c.size * fac_dtype_size(d);
        void *pa = buffer(d, a.size), *pb = buffer(d, b.size), *pc = buffer(d, c.size), *bias = buffer(d, n * step + 1);
        char *want = malloc(bytes + 1);
        assert_non_null(want);
        if (k == 0) set(d, bias, 0, -0.0); /* stays */
        fac__gemm_args g = args_of(d, batch, m, n, k, a, b, c);
        g.a = pa, g.b = pb;
        g.alpha = random_below(3) ? 1 : 2;
        g.beta = random_below(4) ? 1 : random_below(2);
        bool relu = random_below(3) > 0;
        for (int64_t i = 0; i < c.size; i++) /* C is not read where there is a bias */
            set(d, pc, i, fac_dtype_is_floating(d) ? NAN : 77);
        memcpy(want, pc, bytes);
        size_t size = fac_dtype_size(d);
#define AT(p, i, j) ((p)*c.batch + (i)*c.row + (j)*c.col)
        for (int64_t p = 0; p < batch; p++)
            for (int64_t i = 0; i < m; i++)
                for (int64_t j = 0; j < n; j++)
                    memcpy(want + (size_t)AT(p, i, j) * size, (char *)bias + (size_t)(j * step) * size, size);
        g.c = want;
        fac__k_gemm.run[FAC__CPU](&g);
        for (int64_t p = 0; p < batch && relu; p++)
            for (int64_t i = 0; i < m; i++)
                for (int64_t j = 0; j < n; j++)
                    if (get(d, want, AT(p, i, j)) < 0) set(d, want, AT(p, i, j), 0);
        g.c = pc;
        g.epilogue = (fac__gemm_epilogue){bias, step, relu ? FAC__GEMM_RELU : FAC__GEMM_LINEAR};
        _Alignas(64) fac__gemm_args state;
        size_t state_size = fac__k_gemm.ready(&g, NULL);
        assert_true(state_size <= sizeof state);
        for (int ready = 0; ready < (state_size ? 2 : 1); ready++) {
            if (ready) {
                for (int64_t i = 0; i < c.size; i++)
                    set(d, pc, i, NAN);
                fac__k_gemm.ready(&g, &state);
                fac__k_gemm.run_ready(&g, &state);
            } else {
                fac__k_gemm.run[FAC__CPU](&g);
            }
            for (int64_t p = 0; p < batch; p++)
                for (int64_t i = 0; i < m; i++)
                    for (int64_t j = 0; j < n; j++)
                        assert_memory_equal((char *)pc + (size_t)AT(p, i, j) * size, want + (size_t)AT(p, i, j) * size,
                                            size);
        }
#undef AT
        free(pa), free(pb), free(pc), free(bias), free(want);
    }
}
static void epilogue(void **state)
{
    each_isa(epilogue_body);
}

static void empty(void **state)
{
    check(FAC_FLOAT32, 1, 0, 3, 4, 0, 0, 0, 1, 0);
    check(FAC_FLOAT32, 1, 3, 4, 0, 0, 0, 0, 1, 0);
    check(FAC_FLOAT32, 0, 3, 4, 5, 0, 0, 0, 1, 0);
    for (int d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++) {
        check((fac_dtype)d, 1, 3, 0, 5, 0, 0, 0, 1, 0); /* zeros */
        check((fac_dtype)d, 2, 3, 0, 5, 0, 0, 1, 1, 1); /* C as it was */
    }
}

static void threads_body(void)
{
    static const int64_t shapes[][4] = {{1, 300, 700, 310}, {1, 64, 784, 256},  {40, 33, 65, 50},  {3, 200, 400, 130},
                                        {1, 1, 3000, 2000}, {1, 2000, 3000, 1}, {1, 1, 4000, 129}, {1, 64, 64, 64}};
    int before = fac_get_num_threads();
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        int64_t p = shapes[s][0], m = shapes[s][1], k = shapes[s][2], n = shapes[s][3];
        float *a = buffer(FAC_FLOAT32, p * m * k), *b = buffer(FAC_FLOAT32, p * k * n);
        float *c[2] = {buffer(FAC_FLOAT32, p * m * n), buffer(FAC_FLOAT32, p * m * n)};
        for (int threads = 1; threads <= 3; threads++) {
            fac__gemm_args g = {.dtype = FAC_FLOAT32,
                                .batch = p,
                                .m = m,
                                .n = n,
                                .k = k,
                                .a = a,
                                .b = b,
                                .c = c[threads > 1],
                                .a_row = k,
                                .a_col = 1,
                                .a_batch = m * k,
                                .b_row = 1,
                                .b_col = k,
                                .b_batch = k * n,
                                .c_row = n,
                                .c_col = 1,
                                .c_batch = m * n,
                                .alpha = 1,
                                .beta = 0};
            assert_true(fac_set_num_threads(threads));
            fac__k_gemm.run[FAC__CPU](&g);
            if (threads > 1) assert_memory_equal(c[0], c[1], (size_t)(p * m * n) * sizeof(float));
        }
        free(a), free(b), free(c[0]), free(c[1]);
    }
    assert_true(fac_set_num_threads(before));
}
static void threads(void **state)
{
    each_isa(threads_body);
}

static void without_memory(void **state)
{
    fac__scratch_refuse(1);
    for (int kind = 0; kind < 9; kind++) {
        check(FAC_FLOAT32, 1, 90, 130, 70, kind % 3, kind / 3, 0, 1, 1);
        check(FAC_FLOAT64, 2, 40, 60, 41, kind % 3, kind / 3, 1, 0.5, 1);
    }
    check(FAC_FLOAT16, 1, 7, 9, 8, 0, 0, 0, 1, 1);
    check(FAC_BFLOAT16, 1, 7, 0, 8, 0, 0, 0, 1, 0);
    fac__scratch_refuse(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),          cmocka_unit_test(every_dtype), cmocka_unit_test(order),
        cmocka_unit_test(epilogue),       cmocka_unit_test(empty),       cmocka_unit_test(threads),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
