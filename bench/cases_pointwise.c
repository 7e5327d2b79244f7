/* Element by element: arithmetic, copies, random numbers. */
#include "bench.h"

#include <stdlib.h>

enum { M4 = 1 << 22, M16 = 1 << 24, SIDE = 4096 };

/* ---- arithmetic --------------------------------------------------------------------------------------------- */

STEP(add, fac_add(t[0], t[1]))
STEP(gelu, fac_gelu(t[0]))
STEP(gelu_tanh, fac_gelu_tanh(t[0]))
STEP(exponential, fac_exp(t[0]))
STEP(tangent, fac_tanh(t[0]))
STEP(chain, fac_add_scalar(fac_mul(t[0], fac_sigmoid(t[0])), 0.5))
CAPTURED(chain_captured, chain)
STEP(relu, fac_relu(t[0]))
BACKWARD(gelu_both, fac_gelu(t[0]))

static double identity(double x)
{
    return x;
}
static double relu_of(double x)
{
    return x > 0 ? x : 0;
}
static double gelu_of(double x)
{
    return 0.5 * x * (1 + erf(x * M_SQRT1_2));
}
static double gelu_tanh_of(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
static double chain_of(double x)
{
    return x / (1 + exp(-x)) + 0.5;
}

static bool add_check(bench_state *s)
{
    for (int r = 0; r < 200; r++) {
        int64_t i = bench_pick(r, fac_numel(s->y));
        double a = bench_float(s->t[0], i), b = bench_float(s->t[1], i);
        if (!bench_near(s, "a sum", bench_float(s->y, i), a + b, 0.1)) return false;
    }
    return true;
}

static bool gelu_both_check(bench_state *s)
{
    for (int r = 0; r < 200; r++) {
        int64_t i = bench_pick(r, M4);
        double x = bench_float(s->t[0], i);
        double slope = 0.5 * (1 + erf(x * M_SQRT1_2)) + x * exp(-x * x / 2) / sqrt(2 * M_PI);
        if (!bench_near(s, "a gradient", bench_float(fac_grad(s->t[0]), i), bench_float(s->g, i) * slope, 1))
            return false;
    }
    return bench_check_map(s);
}

/* ---- copies ------------------------------------------------------------------------------------------------- */

STEP(copy, fac_clone(t[0]))
STEP(copy_into, fac_copy_(t[1], t[0]))
STEP(transpose, fac_contiguous(fac_t(t[0])))
STEP(transpose_into, fac_copy_(t[1], fac_t(t[0])))
STEP(cat, fac_cat(FAC_TENSORS(t[0], t[1]), 0))

static bool transpose_check(bench_state *s)
{
    for (int r = 0; r < 200; r++) {
        int64_t i = bench_pick(r, SIDE), j = bench_pick(r + 1, SIDE);
        double want = bench_float(s->t[0], j * SIDE + i);
        if (!bench_near(s, "an element", bench_float(s->y, i * SIDE + j), want, 0)) return false;
    }
    return true;
}

static bool cat_check(bench_state *s)
{
    for (int r = 0; r < 200; r++) {
        int64_t i = bench_pick(r, 2 * M4);
        double want = bench_float(s->t[i / M4], i % M4);
        if (!bench_near(s, "an element", bench_float(s->y, i), want, 0)) return false;
    }
    return true;
}

/* ---- random numbers ----------------------------------------------------------------------------------------- */

STEP(normal, fac_randn(FAC_SHAPE(M4)))
STEP(uniform, fac_rand(FAC_SHAPE(M4)))
STEP(permutation, fac_randperm(60000))

/* Mean and variance, of four million. */
static bool moments(bench_state *s, double mean, double variance)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < M4; i++) {
        double x = bench_float(s->y, i) - mean;
        sum += x, squares += x * x;
    }
    return bench_near(s, "the mean", sum / M4, 0, 300) && bench_near(s, "the variance", squares / M4, variance, 500);
}
static bool normal_check(bench_state *s)
{
    return moments(s, 0, 1);
}
static bool uniform_check(bench_state *s)
{
    return moments(s, 0.5, 1.0 / 12);
}

static bool permutation_check(bench_state *s)
{
    char *seen = calloc(60000, 1);
    const int64_t *p = fac_data(s->y);
    int64_t different = 0;
    for (int64_t i = 0; seen && i < 60000; i++)
        if (p[i] >= 0 && p[i] < 60000 && !seen[p[i]]) seen[p[i]] = 1, different++;
    free(seen);
    return bench_near(s, "the count of different numbers", (double)different, 60000, 0);
}

/* Rows of the table. torch's out= has no counterpart here: those cases make a new tensor, whose memory the tensor of the
 * step before has left. */
#define MAP(name, step_, n, reference_)                                                                                \
    {                                                                                                                  \
        name, "one operation", BYTES, 8.0 * (n), .in = {{n}}, .step = step_, .check = bench_check_map,                 \
                                                 .reference = reference_                                               \
    }
#define ADD(name, n)                                                                                                   \
    {                                                                                                                  \
        name, "one operation", BYTES, 12.0 * (n), .in = {{n}, {n}}, .step = add, .check = add_check                    \
    }

const bench_case bench_pointwise_cases[] = {
    ADD("add_16M", M16),
    ADD("add_16M_out", M16),
    ADD("add_1M_out", 1 << 20),
    ADD("add_64K_out", 1 << 16),
    MAP("gelu_4M", gelu, M4, gelu_of),
    MAP("gelu_tanh_4M", gelu_tanh, M4, gelu_tanh_of),
    MAP("exp_4M", exponential, M4, exp),
    MAP("exp_4M_out", exponential, M4, exp),
    MAP("tanh_4M", tangent, M4, tanh),
    MAP("sigmoid_chain_4M", chain, M4, chain_of),
    MAP("sigmoid_chain_4M_captured", chain_captured, M4, chain_of),
    {"gelu_4M_fwdbwd", "forward and backward", BYTES, 20.0 * M4, .in = {{M4}}, .g = {M4}, .leaves = 1,
     .step = gelu_both, .check = gelu_both_check, .reference = gelu_of},
    MAP("relu_16M", relu, M16, relu_of),
    {"transpose_copy_4096", "one operation", BYTES, 8.0 * M16, .in = {{SIDE, SIDE}}, .step = transpose,
     .check = transpose_check},
    {"transpose_copy_4096_out", "one operation, into a tensor there was", BYTES, 8.0 * M16,
     .in = {{SIDE, SIDE}, {SIDE, SIDE}}, .step = transpose_into, .check = transpose_check},
    MAP("copy_16M", copy, M16, identity),
    {"copy_16M_out", "one operation, into a tensor there was", BYTES, 8.0 * M16, .in = {{M16}, {M16}},
     .step = copy_into, .check = bench_check_map, .reference = identity},
    {"randn_4M", "one operation", BYTES, 4.0 * M4, .step = normal, .check = normal_check},
    {"rand_4M", "one operation", BYTES, 4.0 * M4, .step = uniform, .check = uniform_check},
    {"randperm_60000", "one operation", .step = permutation, .check = permutation_check},
    {"cat_2x4M", "one operation", BYTES, 16.0 * M4, .in = {{M4}, {M4}}, .step = cat, .check = cat_check},
    {0},
};
