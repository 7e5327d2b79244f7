/* Convolution by tiles (isa/conv_winograd.h, isa/conv_winograd_weight.h) against sums in double: sizes, rounding, values that are
 * infinite or NaN, any company of images, any number of threads, every instruction set. */
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
#include "facula/threads.h"

enum { Y, DX, DW, RESULTS };
static const char *const names[RESULTS] = {"output", "input gradient", "weight gradient"};
static const fac__kernel *const kernels[RESULTS] = {&fac__k_conv, &fac__k_conv_input, &fac__k_conv_weight};

/* A kernel of 3 x 3, its operands and its results, and the same by plain sums. */
typedef struct problem {
    fac__conv_args a;
    int64_t size[RESULTS];
    float *x, *w, *bias, *dy, *got[RESULTS];
    double *want[RESULTS], *all[RESULTS]; /* all: the sum of absolute values */
    float *plain[RESULTS];                /* in float, product by product */
} problem;

static double uniform(void)
{
    static uint64_t seed = 1;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)((seed >> 11) + 1) * 0x1p-53;
}

/* Normally distributed. */
static float *numbers(int64_t n)
{
    float *p = malloc((size_t)n * sizeof *p); /* to the byte, for the sanitizers */
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()));
    return p;
}

static problem make(int64_t n, int64_t c, int64_t k, int64_t high, int64_t wide, int64_t pad)
{
    problem p = {.a = {.dtype = FAC_FLOAT32, .n = n, .c = c, .k = k, .groups = 1}};
    fac__conv_args *a = &p.a;
    int64_t in[3] = {1, high, wide};
    for (int i = 0; i < 3; i++) {
        a->in[i] = in[i];
        a->kernel[i] = i ? 3 : 1;
        a->pad[i] = i ? pad : 0;
        a->out[i] = i ? in[i] + 2 * pad - 2 : 1;
        a->stride[i] = a->dilation[i] = 1;
    }
    p.size[Y] = n * k * a->out[1] * a->out[2];
    p.size[DX] = n * c * high * wide;
    p.size[DW] = k * c * 9;
    a->x = p.x = numbers(p.size[DX]);
    a->w = p.w = numbers(p.size[DW]);
    a->dy = p.dy = numbers(p.size[Y]);
    a->bias = p.bias = numbers(k);
    for (int r = 0; r < RESULTS; r++) {
        p.got[r] = calloc((size_t)p.size[r], sizeof(float));
        p.plain[r] = calloc((size_t)p.size[r], sizeof(float));
        p.want[r] = calloc((size_t)p.size[r], sizeof(double));
        p.all[r] = calloc((size_t)p.size[r], sizeof(double));
        assert_true(p.got[r] && p.plain[r] && p.want[r] && p.all[r]);
    }
    a->y = p.got[Y], a->dx = p.got[DX], a->dw = p.got[DW];
    return p;
}

static void drop(problem *p)
{
    free(p->x), free(p->w), free(p->bias), free(p->dy);
    for (int r = 0; r < RESULTS; r++)
        free(p->got[r]), free(p->plain[r]), free(p->want[r]), free(p->all[r]);
}

static void add(problem *p, int r, int64_t i, float v, float w)
{
    p->want[r][i] += (double)v * (double)w;
    p->all[r][i] += fabs((double)v * (double)w);
    p->plain[r][i] += v * w;
}

static void sum_plainly(problem *p)
{
    const fac__conv_args *a = &p->a;
    for (int r = 0; r < RESULTS; r++)
        for (int64_t i = 0; i < p->size[r]; i++)
            p->want[r][i] = p->all[r][i] = p->plain[r][i] = 0;
    for (int64_t n = 0, o = 0; n < a->n; n++)
        for (int64_t k = 0; k < a->k; k++)
            for (int64_t i = 0; i < a->out[1]; i++)
                for (int64_t j = 0; j < a->out[2]; j++, o++) {
                    for (int64_t t = 0; t < a->c * 9; t++) {
                        int64_t h = i - a->pad[1] + t / 3 % 3, v = j - a->pad[2] + t % 3;
                        bool inside = h >= 0 && h < a->in[1] && v >= 0 && v < a->in[2];
                        int64_t at = ((n * a->c + t / 9) * a->in[1] + h) * a->in[2] + v, w = k * a->c * 9 + t;
                        float x = inside ? p->x[at] : 0; /* padding: 0 times NaN is NaN there too */
                        add(p, Y, o, x, p->w[w]);
                        add(p, DW, w, p->dy[o], x);
                        if (inside) add(p, DX, at, p->dy[o], p->w[w]);
                    }
                    add(p, Y, o, p->bias[k], 1);
                }
}

static void run(problem *p)
{
    for (int r = 0; r < RESULTS; r++) {
        memset(p->got[r], 0xff, (size_t)p->size[r] * sizeof(float));
        kernels[r]->run[FAC__CPU](&p->a);
    }
}

/* What errors are measured by: the sum of absolute values, and of a kernel's nine gradients that of the largest. */
static double measure(const problem *p, int r, int64_t i)
{
    double most = p->all[r][i];
    for (int64_t t = i / 9 * 9; r == DW && t < i / 9 * 9 + 9; t++)
        most = p->all[r][t] > most ? p->all[r][t] : most;
    return most;
}

/* Infinite where sums are infinite, NaN where they are NaN, near where they are finite. */
static void compare(const problem *p, double part)
{
    for (int r = 0; r < RESULTS; r++)
        for (int64_t i = 0; i < p->size[r]; i++) {
            double got = p->got[r][i], want = p->want[r][i];
            bool same = isfinite(want) ? fabs(got - want) <= part * measure(p, r, i)
                                       : got == want || (isnan(got) && isnan(want));
            if (!same)
                fail_msg("n %d c %d k %d, %d x %d, pad %d, %s [%d]: %.9g, not %.9g", (int)p->a.n, (int)p->a.c,
                         (int)p->a.k, (int)p->a.in[1], (int)p->a.in[2], (int)p->a.pad[1], names[r], (int)i, got, want);
        }
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

/* n, c, k, height, width, padding */
static const int64_t shapes[][6] = {
    {3, 32, 64, 18, 18, 0}, {1, 64, 33, 11, 29, 1}, {2, 37, 70, 23, 8, 1},  {5, 128, 130, 7, 7, 1},
    {2, 50, 32, 14, 37, 2}, {1, 40, 45, 15, 16, 4}, {1, 32, 32, 9, 140, 1}, {3, 130, 128, 8, 9, 1},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };
static problem shape(int i)
{
    const int64_t *s = shapes[i];
    return make(s[0], s[1], s[2], s[3], s[4], s[5]);
}

static problem made; /* of the test that is running; its sums are the same for every instruction set */

static void run_and_compare(void)
{
    run(&made);
    compare(&made, 3e-6);
}

static void sizes(void **state)
{
    for (int i = 0; i < SHAPES; i++) {
        made = shape(i);
        sum_plainly(&made);
        each_isa(run_and_compare);
        drop(&made);
    }
}

/* ---- rounding --------------------------------------------------------------------------------------------------- */

static double root_mean_square(const float *p, const double *want, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (p[i] - want[i]) * (p[i] - want[i]);
    return sqrt(sum / (double)n);
}

static void compare_rounding(void)
{
    run(&made);
    for (int r = 0; r < RESULTS; r++) {
        double tiled = root_mean_square(made.got[r], made.want[r], made.size[r]);
        double plain = root_mean_square(made.plain[r], made.want[r], made.size[r]);
        if (!(tiled <= 3 * plain)) fail_msg("%s: an error of %g, that of plain sums is %g", names[r], tiled, plain);
    }
}

static void rounding(void **state)
{
    for (int i = 0; i < SHAPES; i++) {
        made = shape(i);
        sum_plainly(&made);
        each_isa(compare_rounding);
        drop(&made);
    }
}

/* ---- infinite, NaN, huge ------------------------------------------------------------------------------------------ */

static void put(float *p, int64_t n, float v)
{
    p[(int64_t)(uniform() * (double)n) % n] = v;
}

/* Errors go by the largest weight that a value meets, and one value is beyond all others here. */
static void run_and_compare_huge(void)
{
    run(&made);
    compare(&made, 1e-4);
}

static void odd_values(void **state)
{
    static const float odd[][2] = {{NAN, NAN}, {INFINITY, INFINITY}, {INFINITY, -INFINITY}, {3e38f, -3e38f}};
    for (int i = 0; i < SHAPES / 2; i++)
        for (int j = 0; j < 4; j++) {
            made = shape(i);
            for (int64_t q = 0; q < made.size[DW]; q++)
                made.w[q] = copysignf(0.05f + 0.1f * fabsf(made.w[q]), made.w[q]); /* what is huge stays finite */
            for (int64_t q = 0; q < made.size[Y]; q++)
                made.dy[q] *= 0.001f;
            for (int q = 0; q < 2; q++) {
                put(made.x, made.size[DX], odd[j][q]);
                if (j < 3) put(made.dy, made.size[Y], odd[j][q]);
            }
            sum_plainly(&made);
            each_isa(j < 3 ? run_and_compare : run_and_compare_huge);
            drop(&made);
        }
}

/* A weight that is infinite reaches all outputs of its channel and no others. */
static void odd_weight_body(void)
{
    made.w[9 * 5 + 4] = INFINITY; /* the middle one, from channel 5 to output channel 0 */
    run(&made);
    int64_t out = made.a.out[1] * made.a.out[2], in = made.a.in[1] * made.a.in[2];
    for (int64_t i = 0; i < made.size[Y]; i++)
        assert_int_equal(isfinite(made.got[Y][i]) != 0, i / out % made.a.k != 0);
    for (int64_t i = 0; i < made.size[DX]; i++)
        if (i / in % made.a.c != 5)
            assert_true(fabs(made.got[DX][i] - made.want[DX][i]) <= 3e-6 * made.all[DX][i]);
        else if (i % in / made.a.in[2] > 0 && i % made.a.in[2] > 0) /* where it does not meet the margin */
            assert_true(!isfinite(made.got[DX][i]) || made.a.pad[1] == 0);
}
static void odd_weight(void **state)
{
    made = shape(1);
    sum_plainly(&made);
    each_isa(odd_weight_body);
    drop(&made);
}

/* ---- company, threads, memory --------------------------------------------------------------------------------------- */

/* An image has the same bits alone and among others, one of which is not finite. */
static void alone_body(void)
{
    run(&made);
    int64_t in = made.size[DX] / made.a.n, out = made.size[Y] / made.a.n;
    float *y = malloc((size_t)out * sizeof *y), *dx = malloc((size_t)in * sizeof *dx);
    assert_true(y && dx);
    for (int64_t n = 0; n < made.a.n; n++) {
        fac__conv_args one = made.a;
        one.n = 1, one.x = made.x + n * in, one.dy = made.dy + n * out, one.y = y, one.dx = dx;
        fac__k_conv.run[FAC__CPU](&one);
        fac__k_conv_input.run[FAC__CPU](&one);
        assert_memory_equal(y, made.got[Y] + n * out, (size_t)out * sizeof *y);
        assert_memory_equal(dx, made.got[DX] + n * in, (size_t)in * sizeof *dx);
    }
    free(y), free(dx);
}
static void alone(void **state)
{
    for (int i = 0; i < SHAPES; i++) {
        made = shape(i);
        made.x[made.size[DX] - 1] = made.dy[0] = INFINITY;
        each_isa(alone_body);
        drop(&made);
    }
}

static void threads_body(void)
{
    float *first[RESULTS];
    int before = fac_get_num_threads();
    for (int n = 1; n <= 3; n++) {
        assert_true(fac_set_num_threads(n));
        run(&made);
        for (int r = 0; r < RESULTS; r++) {
            size_t bytes = (size_t)made.size[r] * sizeof(float);
            if (n == 1) {
                first[r] = malloc(bytes);
                assert_non_null(first[r]);
                memcpy(first[r], made.got[r], bytes);
            }
            assert_memory_equal(first[r], made.got[r], bytes);
        }
    }
    for (int r = 0; r < RESULTS; r++)
        free(first[r]);
    assert_true(fac_set_num_threads(before));
}
static void threads(void **state)
{
    for (int i = 0; i < SHAPES; i++) {
        made = shape(i);
        each_isa(threads_body);
        drop(&made);
    }
    made = make(40, 32, 40, 24, 23, 1); /* more than enough blocks for each */
    each_isa(threads_body);
    drop(&made);
}

static void without_memory(void **state)
{
    made = shape(2);
    sum_plainly(&made);
    fac__scratch_refuse(1);
    run(&made);
    fac__scratch_refuse(0);
    compare(&made, 3e-6);
    drop(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),          cmocka_unit_test(rounding), cmocka_unit_test(odd_values),
        cmocka_unit_test(odd_weight),     cmocka_unit_test(alone),    cmocka_unit_test(threads),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
