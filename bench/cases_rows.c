/* Along rows: softmax, layer norm, reductions, sorting, look-ups. */
#include "bench.h"

#include <stdlib.h>

enum {
    ROWS = 4096,
    COLS = 1024,
    N = ROWS * COLS,
    M16 = 1 << 24,
    SIDE = 4096,
    WORDS = 50000,
    WIDTH = 256,
    LOOKUPS = 8192
};

static double sum_of(const double *row, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += row[i];
    return sum;
}

static double dot_of(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Whether row r of got is want. */
static bool same_row(bench_state *s, const char *what, const fac_tensor *got, int64_t r, const double *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!bench_near(s, what, bench_float(got, r * n + i), want[i], 1)) return false;
    return true;
}

/* ---- softmax and layer norm --------------------------------------------------------------------------------- */

STEP(softmax, fac_softmax(t[0], 1, FAC_DTYPE_NONE))
BACKWARD(softmax_both, fac_softmax(t[0], 1, FAC_DTYPE_NONE))

static void softmax_of(double *row, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += row[i] = exp(row[i]);
    for (int64_t i = 0; i < n; i++)
        row[i] /= sum;
}

static bool softmax_check(bench_state *s)
{
    bool good = true;
    for (int k = 0; k < 5 && good; k++) {
        int64_t r = bench_pick(k, ROWS);
        double *y = bench_row(s->t[0], r, COLS);
        softmax_of(y, COLS);
        good = same_row(s, "a probability", s->y, r, y, COLS);
        if (s->g) {
            double *g = bench_row(s->g, r, COLS), dot = dot_of(g, y, COLS);
            for (int64_t i = 0; i < COLS; i++)
                g[i] = y[i] * (g[i] - dot);
            good = good && same_row(s, "a gradient", fac_grad(s->t[0]), r, g, COLS);
            free(g);
        }
        free(y);
    }
    return good;
}

STEP(layer_norm, fac_layer_norm(t[0], FAC_SHAPE(COLS)))
BACKWARD(layer_norm_both, fac_layer_norm(t[0], FAC_SHAPE(COLS), .weight = t[1], .bias = t[2]))

/* Mean 0 and variance 1; returns 1 / sqrt(variance + eps). */
static double normalise(double *row, int64_t n)
{
    double mean = sum_of(row, n) / (double)n;
    for (int64_t i = 0; i < n; i++)
        row[i] -= mean;
    double scale = 1 / sqrt(dot_of(row, row, n) / (double)n + 1e-5);
    for (int64_t i = 0; i < n; i++)
        row[i] *= scale;
    return scale;
}

static bool layer_norm_check(bench_state *s)
{
    bool good = true;
    for (int k = 0; k < 5 && good; k++) {
        int64_t r = bench_pick(k, ROWS);
        double *x = bench_row(s->t[0], r, COLS), scale = normalise(x, COLS);
        if (s->g) {
            double *g = bench_row(s->g, r, COLS), *y = bench_row(s->y, r, COLS);
            for (int64_t i = 0; i < COLS; i++) {
                y[i] = x[i] * bench_float(s->t[1], i) + bench_float(s->t[2], i);
                g[i] *= bench_float(s->t[1], i);
            }
            double mean = sum_of(g, COLS) / COLS, along = dot_of(g, x, COLS) / COLS;
            for (int64_t i = 0; i < COLS; i++)
                g[i] = scale * (g[i] - mean - x[i] * along);
            good = same_row(s, "an output", s->y, r, y, COLS) &&
                   same_row(s, "a gradient", fac_grad(s->t[0]), r, g, COLS);
            free(g);
            free(y);
        } else
            good = same_row(s, "an output", s->y, r, x, COLS);
        free(x);
    }
    if (good && s->g) {
        double weight = 0, bias = 0; /* the gradients of the first */
        for (int64_t r = 0; r < ROWS; r++) {
            double *x = bench_row(s->t[0], r, COLS);
            normalise(x, COLS);
            weight += bench_float(s->g, r * COLS) * x[0], bias += bench_float(s->g, r * COLS);
            free(x);
        }
        good = bench_near(s, "a gradient of weight", bench_float(fac_grad(s->t[1]), 0), weight, ROWS) &&
               bench_near(s, "a gradient of bias", bench_float(fac_grad(s->t[2]), 0), bias, ROWS);
    }
    return good;
}

/* ---- reductions --------------------------------------------------------------------------------------------- */

STEP(sum, fac_sum(t[0]))
STEP(sum_dim0, fac_sum(t[0], .dim = 0))
STEP(sum_dim1, fac_sum(t[0], .dim = 1))
STEP(max, fac_max(t[0]))
STEP(argmax_dim1, fac_argmax(t[0], .dim = 1))
STEP(argmax, fac_argmax(t[0]))
STEP(cumsum_dim1, fac_cumsum(t[0], 1, FAC_DTYPE_NONE))
STEP(cumsum, fac_cumsum(t[0], 0, FAC_DTYPE_NONE))
STEP(var, fac_var(t[0], .dim = 1))

static bool sum_check(bench_state *s)
{
    double want = 0;
    for (int64_t i = 0; i < M16; i++)
        want += bench_float(s->t[0], i);
    return bench_near(s, "the sum", fac_item(s->y), want, 1e5);
}

static bool max_check(bench_state *s)
{
    int64_t at = 0;
    for (int64_t i = 1; i < M16; i++)
        if (bench_float(s->t[0], i) > bench_float(s->t[0], at)) at = i;
    double want = fac_dtype_of(s->y) == FAC_INT64 ? (double)at : bench_float(s->t[0], at);
    return bench_near(s, "the largest", fac_item(s->y), want, 0);
}

/* size: 1: sums, 2: variances, 3: places of the largest; of rows, or of columns where size[1]. */
static bool lines_check(bench_state *s)
{
    static const double terms[] = {0, SIDE, 2, 0};
    for (int k = 0; k < 20; k++) {
        int64_t r = bench_pick(k, SIDE), at = 0;
        double *x = bench_row(s->t[0], r, SIDE), sum, want;
        for (int64_t i = 0; i < SIDE; i++) {
            if (s->c->size[1]) x[i] = bench_float(s->t[0], i * SIDE + r);
            if (x[i] > x[at]) at = i;
        }
        want = sum = sum_of(x, SIDE);
        if (s->c->size[0] == 2) want = (dot_of(x, x, SIDE) - sum * sum / SIDE) / (SIDE - 1);
        if (s->c->size[0] == 3) want = (double)at;
        free(x);
        if (!bench_near(s, "a line's result", AT(s->y, r), want, terms[s->c->size[0]])) return false;
    }
    return true;
}

/* Running sums of lines of that length. */
static bool cumsum_check(bench_state *s)
{
    int64_t n = fac_size(s->t[0], -1), lines = M16 / n;
    for (int k = 0; k < (lines > 1 ? 10 : 1); k++) {
        int64_t r = bench_pick(k, lines);
        double sum = 0, terms = 0;
        for (int64_t i = 0; i < n; i++) {
            sum += bench_float(s->t[0], r * n + i), terms += 1;
            bool look = i % 997 == 0 || i == n - 1;
            if (look && !bench_near(s, "a running sum", bench_float(s->y, r * n + i), sum, terms)) return false;
        }
    }
    return true;
}

/* ---- order -------------------------------------------------------------------------------------------------- */

STEP(sort, fac_sort(t[0], .indices = &t[1]))
STEP(topk, fac_topk(t[0], 10, .dim = 1, .indices = &t[1]))

static bool sort_check(bench_state *s)
{
    int64_t n = fac_numel(s->y), wrong = 0;
    const int64_t *from = fac_data(s->t[1]);
    double before = 0, after = 0;
    for (int64_t i = 0; i < n; i++) {
        before += bench_float(s->t[0], i), after += bench_float(s->y, i);
        if (i && bench_float(s->y, i) < bench_float(s->y, i - 1)) wrong++;
        if (from[i] < 0 || from[i] >= n || bench_float(s->t[0], from[i]) != bench_float(s->y, i)) wrong++;
    }
    return bench_near(s, "the count of misplaced elements", (double)wrong, 0, 0) &&
           bench_near(s, "the sum of all", after, before, 1);
}

static bool topk_check(bench_state *s)
{
    for (int k = 0; k < 20; k++) {
        int64_t r = bench_pick(k, ROWS), larger = 0;
        double least = AT(s->y, r, 9);
        for (int64_t i = 0; i < COLS; i++)
            larger += bench_float(s->t[0], r * COLS + i) > least;
        double there = AT(s->t[0], r, (int64_t)AT(s->t[1], r, 9));
        if (!bench_near(s, "how many are larger than the tenth", (double)larger, 9, 0)) return false;
        if (!bench_near(s, "the element that the index names", there, least, 0)) return false;
    }
    return true;
}

/* ---- look-ups ----------------------------------------------------------------------------------------------- */

STEP(embedding, fac_embedding(t[1], t[0]))
BACKWARD(embedding_both, fac_embedding(t[1], t[0]))
STEP(gather, fac_gather(t[0], 1, t[1]))

static void words(bench_state *s)
{
    s->t[1] = fac_randint(0, WORDS, FAC_SHAPE(LOOKUPS));
}

static void columns(bench_state *s)
{
    s->t[1] = fac_randint(0, COLS, FAC_SHAPE(ROWS, COLS));
}

static bool embedding_check(bench_state *s)
{
    const int64_t *word = fac_data(s->t[1]);
    for (int k = 0; k < 50; k++) {
        int64_t r = bench_pick(k, LOOKUPS), c = bench_pick(k, WIDTH);
        if (!bench_near(s, "an element", AT(s->y, r, c), AT(s->t[0], word[r], c), 0)) return false;
        if (!s->g) continue;
        double want = 0;
        for (int64_t i = 0; i < LOOKUPS; i++)
            if (word[i] == word[r]) want += AT(s->g, i, c);
        if (!bench_near(s, "a gradient", AT(fac_grad(s->t[0]), word[r], c), want, 1)) return false;
    }
    return true;
}

static bool gather_check(bench_state *s)
{
    for (int k = 0; k < 200; k++) {
        int64_t r = bench_pick(k, ROWS), c = bench_pick(k, COLS);
        if (!bench_near(s, "an element", AT(s->y, r, c), AT(s->t[0], r, (int64_t)AT(s->t[1], r, c)), 0)) return false;
    }
    return true;
}

/* clang-format off */
#define OP(name, bytes, step_, check_, ...) {name, "one operation", BYTES, bytes, .step = step_, .check = check_, __VA_ARGS__}
const bench_case bench_row_cases[] = {
    OP("softmax_4096x1024", 8.0 * N, softmax, softmax_check, .in = {{ROWS, COLS}}),
    OP("layernorm_4096x1024", 8.0 * N, layer_norm, layer_norm_check, .in = {{ROWS, COLS}}),
    {"softmax_4096x1024_fwdbwd", "forward and backward", BYTES, 20.0 * N, .in = {{ROWS, COLS}}, .g = {ROWS, COLS},
     .leaves = 1, .step = softmax_both, .check = softmax_check},
    {"layernorm_4096x1024_fwdbwd", "forward and backward (dx, dw, db)", BYTES, 20.0 * N,
     .in = {{ROWS, COLS}, {COLS}, {COLS}}, .g = {ROWS, COLS}, .leaves = 3, .step = layer_norm_both,
     .check = layer_norm_check},
    OP("sum_16M", 4.0 * M16, sum, sum_check, .in = {{M16}}),
    OP("sum_dim0_4096x4096", 4.0 * M16, sum_dim0, lines_check, .in = {{SIDE, SIDE}}, .size = {1, 1}),
    OP("sum_dim1_4096x4096", 4.0 * M16, sum_dim1, lines_check, .in = {{SIDE, SIDE}}, .size = {1}),
    OP("max_16M", 4.0 * M16, max, max_check, .in = {{M16}}),
    OP("argmax_4096x4096_dim1", 4.0 * M16, argmax_dim1, lines_check, .in = {{SIDE, SIDE}}, .size = {3}),
    OP("argmax_16M", 4.0 * M16, argmax, max_check, .in = {{M16}}),
    OP("cumsum_4096x4096_dim1", 8.0 * M16, cumsum_dim1, cumsum_check, .in = {{SIDE, SIDE}}),
    OP("cumsum_16M", 8.0 * M16, cumsum, cumsum_check, .in = {{M16}}),
    OP("var_4096x4096_dim1", 4.0 * M16, var, lines_check, .in = {{SIDE, SIDE}}, .size = {2}),
    {"sort_1M", "one sort of floats, values and indices", .in = {{1000000}}, .step = sort, .check = sort_check},
    {"topk_4096x1024_k10", "one operation", .in = {{ROWS, COLS}}, .step = topk, .check = topk_check},
    OP("embedding_50kx256_8192", 8.0 * LOOKUPS * WIDTH, embedding, embedding_check, .in = {{WORDS, WIDTH}}, .setup = words),
    {"embedding_50kx256_8192_fwdbwd", "forward and backward, dense gradient", BYTES,
     20.0 * LOOKUPS * WIDTH + 4.0 * WORDS * WIDTH, .in = {{WORDS, WIDTH}}, .g = {LOOKUPS, WIDTH}, .leaves = 1,
     .setup = words, .step = embedding_both, .check = embedding_check},
    OP("gather_4096x1024_dim1", 16.0 * N, gather, gather_check, .in = {{ROWS, COLS}}, .setup = columns),
    {0},
};
/* clang-format on */
