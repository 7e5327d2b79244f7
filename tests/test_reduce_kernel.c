/* Reductions, scans and softmax against naive loops: all kinds and dtypes, strided, broadcast and empty inputs, in
 * every instruction set, and the same bits from any number of threads. Sums are also held to the order in which PyTorch
 * adds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/cpu/isa/isa.h"
#include "backend/reduce.h"
#include "facula/threads.h"

static uint32_t seed = 1;

static uint32_t next_random(void)
{
    return seed = seed * 1664525u + 1013904223u;
}

/* Fills n elements with small numbers of either sign (so that integers of 8 bits hold them) and a few zeros. */
static void fill(fac_dtype dtype, char *p, int64_t n, bool nans)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t k = (int64_t)(next_random() >> 8) % 41 - (dtype == FAC_UINT8 || dtype == FAC_BOOL ? 0 : 20);
        char *e = p + i * (int64_t)fac_dtype_size(dtype);
        if (!fac_dtype_is_floating(dtype))
            fac__store_int(dtype, e, dtype == FAC_BOOL ? k > 30 : k);
        else
            fac__store_double(dtype, e, nans && k == 7 ? NAN : (double)k / 8 + (k % 5 == 0 ? 0 : 0.0625));
    }
}

/* A tensor's memory, with gaps between elements if they are strided. */
typedef struct view {
    fac_dtype dtype;
    int ndim;
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
    char *memory;
} view;

static int64_t numel(const view *v)
{
    int64_t n = 1;
    for (int d = 0; d < v->ndim; d++)
        n *= v->shape[d];
    return n;
}

/* layout 0: contiguous; 1: dimensions reversed in memory; 2: every second element of the last dimension; 3: first
 * dimension repeated (stride 0); 4: first two swapped in memory. */
static view make(fac_dtype dtype, int ndim, const int64_t *shape, int layout)
{
    view v = {.dtype = dtype, .ndim = ndim};
    int order[FAC_MAX_DIMS];
    for (int d = 0; d < ndim; d++) {
        v.shape[d] = shape[d];
        order[d] = layout == 1 ? ndim - 1 - d : d;
    }
    if (layout == 4 && ndim > 1) order[0] = 1, order[1] = 0;
    int64_t step = layout == 2 ? 2 : 1;
    for (int i = ndim - 1; i >= 0; i--) {
        int d = order[i];
        v.strides[d] = layout == 3 && d == 0 ? 0 : step;
        if (v.strides[d]) step *= shape[d] ? shape[d] : 1;
    }
    v.memory = calloc((size_t)step + 1, 8);
    fill(dtype, v.memory, step, false);
    return v;
}

static int64_t offset_of(const view *v, int64_t index)
{
    int64_t at = 0;
    for (int d = v->ndim - 1; d >= 0; d--) {
        at += index % v->shape[d] * v->strides[d];
        index /= v->shape[d];
    }
    return at;
}

static double get(const view *v, int64_t index)
{
    return fac__load_double(v->dtype, v->memory + offset_of(v, index) * (int64_t)fac_dtype_size(v->dtype));
}

/* ---- naive -------------------------------------------------------------------------------------------------- */

typedef struct answer {
    double sum, product, max, min, mean, squares, sum_squares, sum_abs, magnitude;
    int64_t at_max, at_min, nonzero, count;
} answer;

static void answers(const view *v, uint32_t reduced, const view *out, answer *a)
{
    int64_t results = numel(out), n = numel(v);
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < n; i++) {
            int64_t rest = i, place = 0, step = 1, k = 0, part = 1;
            for (int d = v->ndim - 1; d >= 0; d--) {
                int64_t x = rest % v->shape[d];
                rest /= v->shape[d];
                if (reduced >> d & 1)
                    k += x * part, part *= v->shape[d];
                else
                    place += x * step, step *= v->shape[d];
            }
            answer *r = a + place;
            double x = get(v, i);
            if (pass == 0) {
                if (i == 0)
                    for (int64_t j = 0; j < results; j++)
                        a[j] = (answer){.product = 1};
                bool first = r->count++ == 0;
                /* Elements come in row-major order, so the reduced position grows too. */
                if (first || x > r->max || (isnan(x) && !isnan(r->max))) r->max = x, r->at_max = k;
                if (first || x < r->min || (isnan(x) && !isnan(r->min))) r->min = x, r->at_min = k;
                r->sum += x;
                r->product *= x;
                r->sum_squares += x * x;
                r->sum_abs += fabs(x);
                r->nonzero += x != 0;
                r->mean += x / (double)(n / results);
            } else {
                r->squares += (x - r->mean) * (x - r->mean);
            }
        }
}

/* ---- reductions --------------------------------------------------------------------------------------------- */

static view result_of(const view *v, uint32_t reduced, fac_dtype dtype, int64_t out_strides[FAC_MAX_DIMS])
{
    view r = {.dtype = dtype};
    int64_t step = 1;
    for (int d = 0; d < v->ndim; d++)
        if (!(reduced >> d & 1)) r.shape[r.ndim++] = v->shape[d];
    for (int d = v->ndim - 1, i = r.ndim - 1; d >= 0; d--) {
        out_strides[d] = 0;
        if (reduced >> d & 1) continue;
        out_strides[d] = r.strides[i--] = step;
        step *= v->shape[d] ? v->shape[d] : 1;
    }
    r.memory = calloc((size_t)step + 1, 8);
    return r;
}

static view reduce(fac__reduce_kind kind, const view *v, uint32_t reduced, fac_dtype dtype, view *second,
                   fac_dtype dtype2)
{
    fac__reduce_args a = {.kind = kind, .ndim = v->ndim, .reduced = reduced};
    memcpy(a.shape, v->shape, sizeof a.shape);
    a.in = (fac__operand){.data = v->memory, .dtype = v->dtype};
    memcpy(a.in.strides, v->strides, sizeof a.in.strides);
    view out = result_of(v, reduced, dtype, a.out[0].strides);
    a.out[0].data = out.memory;
    a.out[0].dtype = dtype;
    if (second) {
        *second = result_of(v, reduced, dtype2, a.out[1].strides);
        a.out[1].data = second->memory;
        a.out[1].dtype = dtype2;
    }
    fac__k_reduce.run[FAC__CPU](&a);
    return out;
}

static bool close_to(fac_dtype dtype, double got, double want, double scale)
{
    double eps = dtype == FAC_FLOAT64 ? 1e-13 : dtype == FAC_FLOAT32 ? 2e-6 : dtype == FAC_FLOAT16 ? 2e-3 : 1e-2;
    if (!fac_dtype_is_floating(dtype)) eps = 0;
    return got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= eps * (fabs(want) + scale) ||
           (dtype == FAC_FLOAT16 && fabs(want) > 65504 && isinf(got)) ||
           (dtype == FAC_FLOAT32 && fabs(want) > 3.4e38 && isinf(got));
}

static int checked;

static void compare(const char *what, const view *in, uint32_t reduced, int layout, const view *got, int64_t i,
                    double want, double scale)
{
    checked++;
    if (close_to(got->dtype, get(got, i), want, scale)) return;
    char shape[100], *p = shape;
    for (int d = 0; d < in->ndim; d++)
        p += sprintf(p, "%lld ", (long long)in->shape[d]);
    fail_msg("%s of %s [%s] reduced %x layout %d isa %d: result %lld is %.17g, not %.17g", what,
             fac_dtype_name(in->dtype), shape, reduced, layout, fac__cpu_isa(), (long long)i, get(got, i), want);
}

static void check_all_kinds(fac_dtype dtype, int ndim, const int64_t *shape, uint32_t reduced, int layout, bool nans)
{
    view v = make(dtype, ndim, shape, layout), at = {0}, var = {0}, r;
    if (nans) fill(dtype, v.memory, numel(&v), true);
    bool ints = !fac_dtype_is_floating(dtype);
    fac_dtype sum_dtype = ints ? FAC_INT64 : dtype, mean_dtype = ints ? FAC_FLOAT32 : dtype;
    int64_t strides[FAC_MAX_DIMS];
    view shape_only = result_of(&v, reduced, FAC_FLOAT64, strides);
    int64_t results = numel(&shape_only);
    answer *a = calloc((size_t)results + 1, sizeof *a);
    answers(&v, reduced, &shape_only, a);
#define CHECK(kind, out_dtype, field, scale)                                                                           \
    r = reduce(kind, &v, reduced, out_dtype, NULL, 0);                                                                 \
    for (int64_t i = 0; i < results; i++)                                                                              \
        compare(#kind, &v, reduced, layout, &r, i, (double)(field), scale);                                            \
    free(r.memory)
    CHECK(FAC__SUM, sum_dtype, a[i].sum, a[i].sum_abs);
    CHECK(FAC__SUM_SQUARES, sum_dtype, a[i].sum_squares, 0);
    CHECK(FAC__SUM_ABS, sum_dtype, a[i].sum_abs, 0);
    CHECK(FAC__COUNT_NONZERO, FAC_INT64, a[i].nonzero, 0);
    CHECK(FAC__ANY, FAC_BOOL, a[i].nonzero > 0, 0);
    CHECK(FAC__ALL, FAC_BOOL, a[i].nonzero == a[i].count, 0);
    CHECK(FAC__MAX, dtype, a[i].max, 0);
    CHECK(FAC__MIN, dtype, a[i].min, 0);
    CHECK(FAC__ARGMAX, FAC_INT64, a[i].at_max, 0);
    CHECK(FAC__ARGMIN, FAC_INT64, a[i].at_min, 0);
    if (!nans && numel(&v) < 40 * results && !ints) {
        CHECK(FAC__PROD, dtype, a[i].product, 1e-3);
    }
    view both = reduce(FAC__MAX, &v, reduced, dtype, &at, FAC_INT64);
    view mean = reduce(FAC__MEAN_VAR, &v, reduced, mean_dtype, &var, mean_dtype);
    for (int64_t i = 0; i < results; i++) {
        compare("max with index", &v, reduced, layout, &both, i, a[i].max, 0);
        compare("index of max", &v, reduced, layout, &at, i, (double)a[i].at_max, 0);
        compare("mean", &v, reduced, layout, &mean, i, a[i].mean, 1);
        if (dtype != FAC_FLOAT16 || a[i].squares < 60000)
            compare("squares", &v, reduced, layout, &var, i, a[i].squares, 1e-3);
    }
    free(at.memory), free(both.memory), free(mean.memory), free(var.memory);
    free(a), free(shape_only.memory), free(v.memory);
}

static const fac_dtype dtypes[] = {FAC_BOOL,  FAC_UINT8,   FAC_INT8,     FAC_INT16,   FAC_INT32,
                                   FAC_INT64, FAC_FLOAT16, FAC_BFLOAT16, FAC_FLOAT32, FAC_FLOAT64};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static void test_all_kinds(void **context)
{
    static const struct {
        int ndim;
        int64_t shape[4];
        uint32_t reduced;
    } cases[] = {
        {0, {0}, 0},          {1, {1}, 1},           {1, {4}, 1},          {1, {4}, 0},           {1, {37}, 1},
        {1, {1500}, 1},       {1, {5000}, 1},        {2, {3, 5}, 1},       {2, {3, 5}, 2},        {2, {3, 5}, 3},
        {2, {3, 5}, 0},       {2, {70, 41}, 1},      {2, {70, 41}, 2},     {2, {600, 3}, 1},      {2, {600, 3}, 2},
        {2, {5, 700}, 1},     {2, {5, 700}, 2},      {3, {4, 3, 50}, 5},   {3, {4, 3, 50}, 2},    {3, {4, 3, 50}, 3},
        {3, {7, 9, 8}, 1},    {3, {7, 9, 8}, 6},     {4, {3, 4, 5, 6}, 5}, {4, {3, 4, 5, 6}, 10}, {4, {3, 4, 5, 6}, 9},
        {4, {3, 1, 5, 1}, 4}, {4, {2, 3, 4, 5}, 13},
    };
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        bool best = isa == FAC__ISA_COUNT - 1;
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
            for (int d = best ? 0 : FAC_INT64 - 1; d < DTYPES; d++)
                for (int layout = 0; layout < (best ? 5 : 2); layout++) {
                    if (layout && (cases[c].ndim < 2 && layout != 2)) continue;
                    check_all_kinds(dtypes[d], cases[c].ndim, cases[c].shape, cases[c].reduced, layout, false);
                    if (layout == 0 && fac_dtype_is_floating(dtypes[d]))
                        check_all_kinds(dtypes[d], cases[c].ndim, cases[c].shape, cases[c].reduced, 0, true);
                }
    }
    assert_true(checked > 100000);
}

static void test_large(void **context)
{
    fac__set_cpu_isa(FAC__AVX512);
    static const struct {
        int64_t shape[3];
        uint32_t reduced;
    } cases[] = {
        {{1, 1, 600000}, 7}, {{600, 10, 100}, 5}, {{100000, 1, 7}, 1}, {{700, 1, 1000}, 1}, {{3, 400000, 1}, 2}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int layout = 0; layout < 2; layout++) {
            check_all_kinds(FAC_FLOAT32, 3, cases[c].shape, cases[c].reduced, layout, false);
            check_all_kinds(FAC_INT64, 3, cases[c].shape, cases[c].reduced, layout, false);
        }
    check_all_kinds(FAC_UINT8, 3, cases[1].shape, cases[1].reduced, 0, false);
}

static void test_nansum(void **context)
{
    float x[100];
    double want = 0;
    for (int i = 0; i < 100; i++) {
        x[i] = i % 3 ? (float)i : NAN;
        want += i % 3 ? i : 0;
    }
    for (int layout = 0; layout < 2; layout++) { /* by rows, by columns */
        view v = {FAC_FLOAT32, 2, {50, 2}, {2, 1}, (char *)x},
             r = reduce(FAC__NANSUM, &v, layout ? 1 : 3, FAC_FLOAT32, NULL, 0);
        assert_true(get(&r, 0) + (layout ? get(&r, 1) : 0) == want);
        free(r.memory);
    }
}

static void test_empty(void **context)
{
    double memory[4] = {0};
    view v = {FAC_FLOAT32, 2, {0, 3}, {3, 1}, (char *)memory}, r, s;
    static const struct {
        fac__reduce_kind kind;
        double want;
    } cases[] = {{FAC__SUM, 0}, {FAC__PROD, 1},          {FAC__ANY, 0},
                 {FAC__ALL, 1}, {FAC__COUNT_NONZERO, 0}, {FAC__NANSUM, 0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        r = reduce(cases[c].kind, &v, 1, FAC_FLOAT32, NULL, 0);
        for (int i = 0; i < 3; i++)
            assert_true(get(&r, i) == cases[c].want);
        free(r.memory);
        r = reduce(cases[c].kind, &v, 3, FAC_INT64, NULL, 0);
        assert_true(get(&r, 0) == cases[c].want);
        free(r.memory);
        r = reduce(cases[c].kind, &v, 2, FAC_FLOAT32, &s, FAC_INT64); /* no results: nothing is touched */
        free(r.memory), free(s.memory);
    }
}

/* Sums of positive numbers that a running float would get wrong. */
static void test_accuracy(void **context)
{
    int64_t n = 1 << 20;
    float *x = malloc((size_t)n * sizeof *x);
    double want = 0;
    for (int64_t i = 0; i < n; i++) {
        x[i] = 0.1f + (float)(next_random() >> 8) * 0x1p-24f;
        want += x[i];
    }
    view v = {FAC_FLOAT32, 2, {n / 4, 4}, {4, 1}, (char *)x}, r = reduce(FAC__SUM, &v, 3, FAC_FLOAT32, NULL, 0);
    assert_true(fabs(get(&r, 0) / want - 1) < 1e-7);
    free(r.memory);
    r = reduce(FAC__SUM, &v, 1, FAC_FLOAT32, NULL, 0);
    assert_true(fabs((get(&r, 0) + get(&r, 1) + get(&r, 2) + get(&r, 3)) / want - 1) < 1e-7);
    free(r.memory);
    for (int64_t i = 0; i < n; i++)
        x[i] += 1000;
    view s;
    r = reduce(FAC__MEAN_VAR, &v, 3, FAC_FLOAT64, &s, FAC_FLOAT64);
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    assert_true(fabs(get(&s, 0) / squares - 1) < 1e-9);
    free(r.memory), free(s.memory), free(x);
}

/* The same bits from one, two and three threads, and from every instruction set. */
static void test_same_bits(void **context)
{
    static const struct {
        int64_t shape[3];
        uint32_t reduced;
    } cases[] = {{{1, 1, 1500000}, 7}, {{1500, 1, 1000}, 1}, {{40, 50, 700}, 5},
                 {{200000, 1, 10}, 1}, {{2, 3, 300000}, 4},  {{24, 3, 2000}, 5}};
    static const fac__reduce_kind kinds[] = {FAC__SUM, FAC__PROD, FAC__MAX, FAC__SUM_SQUARES, FAC__MEAN_VAR};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            view v = make(FAC_FLOAT32, 3, cases[c].shape, 0), first = {0}, first2 = {0};
            for (int way = 0; way < 5; way++) {
                fac_set_num_threads(way < 3 ? way + 1 : 2);
                fac__set_cpu_isa(way < 3 ? FAC__AVX512 : way == 3 ? FAC__AVX2 : FAC__BASELINE);
                fac_dtype second = kinds[k] == FAC__MAX ? FAC_INT64 : FAC_FLOAT32;
                bool two = kinds[k] == FAC__MAX || kinds[k] == FAC__MEAN_VAR;
                view s = {0}, r = reduce(kinds[k], &v, cases[c].reduced, FAC_FLOAT32, two ? &s : NULL, second);
                if (way == 0) {
                    first = r, first2 = s;
                    continue;
                }
                assert_memory_equal(first.memory, r.memory, (size_t)numel(&r) * 4);
                if (two) assert_memory_equal(first2.memory, s.memory, (size_t)numel(&s) * fac_dtype_size(second));
                free(r.memory), free(s.memory);
            }
            free(first.memory), free(first2.memory), free(v.memory);
        }
    fac__set_cpu_isa(FAC__AVX512);
}

/* ---- scans -------------------------------------------------------------------------------------------------- */

static double scanned(fac__scan_kind kind, double before, double x, bool first, bool *wins)
{
    *wins = first;
    if (first) return x;
    switch (kind) {
    case FAC__CUMSUM: return before + x;
    case FAC__CUMPROD: return before * x;
    case FAC__CUMMAX: *wins = isnan(x) || x >= before; break;
    case FAC__CUMMIN: *wins = isnan(x) || x <= before; break;
    case FAC__LOGCUMSUMEXP: return isnan(x) || isnan(before) ? NAN : log(exp(before) + exp(x));
    }
    return *wins ? x : before;
}

static void check_scan(fac__scan_kind kind, fac_dtype dtype, int ndim, const int64_t *shape, int dim, int layout)
{
    view v = make(dtype, ndim, shape, layout), out = make(dtype, ndim, shape, 0), at = make(FAC_INT64, ndim, shape, 0);
    bool ints = !fac_dtype_is_floating(dtype);
    if (ints && kind <= FAC__CUMPROD) {
        free(out.memory);
        out = make(FAC_INT64, ndim, shape, 0);
    }
    if (!ints) fill(dtype, v.memory, layout ? 1 : numel(&v), true);
    fac__scan_args a = {.kind = kind, .ndim = ndim, .dim = dim};
    memcpy(a.shape, shape, (size_t)ndim * sizeof *shape);
    const view *views[] = {&v, &out, &at};
    fac__operand *operands[] = {&a.in, &a.out[0], &a.out[1]};
    for (int i = 0; i < 3; i++) {
        operands[i]->data = views[i]->memory;
        operands[i]->dtype = views[i]->dtype;
        memcpy(operands[i]->strides, views[i]->strides, sizeof a.in.strides);
    }
    fac__k_scan.run[FAC__CPU](&a);
    int64_t inner = 1, n = shape[dim];
    for (int d = dim + 1; d < ndim; d++)
        inner *= shape[d];
    for (int64_t i = 0; i < numel(&v); i++) {
        int64_t k = i / inner % n, start = i - k * inner, index = 0;
        double value = 0;
        uint64_t product = 1;
        for (int64_t j = 0; j <= k; j++) {
            bool wins;
            double x = get(&v, start + j * inner);
            value = scanned(kind, value, x, j == 0, &wins);
            product *= (uint64_t)(int64_t)x;
            if (wins) index = j;
        }
        if (ints && kind == FAC__CUMPROD) { /* wraps */
            int64_t got = ((int64_t *)(void *)out.memory)[i];
            if (got != (int64_t)product) fail_msg("cumprod of %s wraps wrongly", fac_dtype_name(dtype));
            continue;
        }
        compare("scan", &v, 1u << dim, layout, &out, i, value, 1);
        if (kind == FAC__CUMMAX || kind == FAC__CUMMIN)
            compare("scan's index", &v, 1u << dim, layout, &at, i, (double)index, 0);
    }
    free(v.memory), free(out.memory), free(at.memory);
}

static void test_scans(void **context)
{
    static const struct {
        int ndim, dim;
        int64_t shape[3];
    } cases[] = {{1, 0, {1}},       {1, 0, {300}},     {2, 0, {7, 5}},      {2, 1, {7, 5}},    {2, 0, {300, 70}},
                 {2, 1, {70, 200}}, {3, 0, {4, 5, 6}}, {3, 1, {4, 5, 6}},   {3, 2, {4, 5, 6}}, {1, 0, {0}},
                 {2, 1, {3, 0}},    {2, 1, {0, 3}},    {3, 1, {2, 130, 3}}, {1, 0, {5000}}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int layout = 0; layout < 5; layout++)
            for (int kind = 0; kind <= FAC__LOGCUMSUMEXP; kind++)
                for (int d = 0; d < DTYPES; d++) {
                    bool half = dtypes[d] == FAC_FLOAT16 || dtypes[d] == FAC_BFLOAT16;
                    if (kind == FAC__LOGCUMSUMEXP && (half || !fac_dtype_is_floating(dtypes[d]))) continue;
                    if (kind == FAC__CUMPROD && half) continue; /* underflows */
                    if (cases[c].shape[0] == 5000 && (d != DTYPES - 1 || layout)) continue;
                    if (layout && layout != 2 && cases[c].ndim < 2) continue;
                    check_scan((fac__scan_kind)kind, dtypes[d], cases[c].ndim, cases[c].shape, cases[c].dim, layout);
                }
}

/* ---- softmax ------------------------------------------------------------------------------------------------ */

static void check_softmax(fac_dtype dtype, bool log_too, int64_t outer, int64_t n, int64_t inner)
{
    int64_t shape[3] = {outer, n, inner};
    view x = make(dtype, 3, shape, 0), y = make(dtype, 3, shape, 0), g = make(dtype, 3, shape, 0),
         dx = make(dtype, 3, shape, 0);
    fac__softmax_args a = {
        .dtype = dtype, .log = log_too, .outer = outer, .n = n, .inner = inner, .x = x.memory, .out = y.memory};
    fac__k_softmax.run[FAC__CPU](&a);
    a = (fac__softmax_args){.dtype = dtype,
                            .log = log_too,
                            .backward = true,
                            .outer = outer,
                            .n = n,
                            .inner = inner,
                            .y = y.memory,
                            .g = g.memory,
                            .out = dx.memory};
    fac__k_softmax.run[FAC__CPU](&a);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t c = 0; c < inner; c++) {
#define INDEX(k) ((o * n + (k)) * inner + c)
            double max = -INFINITY, sum = 0, dot = 0, size = 0;
            for (int64_t k = 0; k < n; k++)
                max = fmax(max, get(&x, INDEX(k)));
            for (int64_t k = 0; k < n; k++)
                sum += exp(get(&x, INDEX(k)) - max);
            for (int64_t k = 0; k < n; k++) {
                double part = log_too ? get(&g, INDEX(k)) : get(&g, INDEX(k)) * get(&y, INDEX(k));
                dot += part;
                size += fabs(part);
            }
            for (int64_t k = 0; k < n; k++) {
                double p = get(&x, INDEX(k)) - max, gk = get(&g, INDEX(k)), yk = get(&y, INDEX(k));
                compare("softmax", &x, 2, log_too, &y, INDEX(k), log_too ? p - log(sum) : exp(p) / sum, 1e-3);
                double d = log_too ? gk - exp(yk) * dot : yk * (gk - dot);
                compare("softmax backward", &x, 2, log_too, &dx, INDEX(k), d, size);
            }
        }
    free(x.memory), free(y.memory), free(g.memory), free(dx.memory);
}

static void test_softmax(void **context)
{
    static const int64_t cases[][3] = {{1, 1, 1},    {4, 3, 1}, {64, 10, 1},   {3, 100, 1},  {2, 256, 1}, {2, 257, 1},
                                       {2, 1500, 1}, {5, 8, 1}, {3, 4, 5},     {2, 10, 300}, {1, 70, 64}, {0, 3, 1},
                                       {3, 0, 1},    {3, 2, 0}, {9000, 10, 1}, {2, 40, 2000}};
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
            for (int d = 6; d < DTYPES; d++)
                for (int log_too = 0; log_too < 2; log_too++)
                    check_softmax(dtypes[d], log_too, cases[c][0], cases[c][1], cases[c][2]);
    }
}

static void test_softmax_ends(void **context)
{
    float x[8] = {INFINITY, 1, -INFINITY, -INFINITY, NAN, 1, -INFINITY, 1000}, y[8];
    fac__softmax_args a = {.dtype = FAC_FLOAT32, .outer = 4, .n = 2, .inner = 1, .x = x, .out = y};
    for (int columns = 0; columns < 2; columns++) {
        if (columns) { /* the same pairs side by side */
            float turned[8] = {INFINITY, -INFINITY, NAN, -INFINITY, 1, -INFINITY, 1, 1000};
            memcpy(x, turned, sizeof x);
            a.outer = 1, a.inner = 4;
        }
        fac__k_softmax.run[FAC__CPU](&a);
        for (int pair = 0; pair < 4; pair++) {
            float first = columns ? y[pair] : y[2 * pair], second = columns ? y[pair + 4] : y[2 * pair + 1];
            if (pair < 3)
                assert_true(isnan(first));
            else
                assert_true(first == 0 && second == 1);
        }
    }
}

/* ---- PyTorch's bits ----------------------------------------------------------------------------------------- */

/* torch.sum and softmax of x[i] = sin-like numbers, recorded from PyTorch 1.13 on AVX2: the order of additions shows in
 * the last bits. */
static void test_bits_of_pytorch(void **context)
{
    static float x[64 * 100];
    uint32_t k = 12345;
    for (int i = 0; i < 6400; i++) {
        k = k * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)(k >> 8) * 0x1p-20f - 8.0f;
    }
#include "data/reduce_bits.h"
    fac__set_cpu_isa(FAC__AVX512);
    for (size_t c = 0; c < sizeof sums / sizeof *sums; c++) {
        view v = {
            FAC_FLOAT32, 2, {sums[c].rows, sums[c].columns}, {sums[c].row_stride, sums[c].column_stride}, (char *)x};
        view r = reduce(FAC__SUM, &v, sums[c].reduced, FAC_FLOAT32, NULL, 0);
        uint32_t h = 0;
        for (int64_t i = 0; i < numel(&r); i++)
            h = h * 31 + ((uint32_t *)(void *)r.memory)[i];
        if (h != sums[c].hash) fail_msg("sum %zu does not have PyTorch's bits", c);
        free(r.memory);
    }
    if (fac__cpu_isa() == FAC__BASELINE) return; /* without fused multiply-add exp may differ in its last bit */
    for (size_t c = 0; c < sizeof softmaxes / sizeof *softmaxes; c++) {
        static float y[6400];
        fac__softmax_args a = {.dtype = FAC_FLOAT32,
                               .log = softmaxes[c].log,
                               .outer = softmaxes[c].rows,
                               .n = softmaxes[c].n,
                               .inner = 1,
                               .x = x,
                               .out = y};
        fac__k_softmax.run[FAC__CPU](&a);
        uint32_t h = 0;
        for (int64_t i = 0; i < a.outer * a.n; i++) {
            uint32_t bits;
            memcpy(&bits, y + i, 4);
            h = h * 31 + bits;
        }
        if (h != softmaxes[c].hash) fail_msg("softmax %zu does not have PyTorch's bits", c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_kinds),       cmocka_unit_test(test_large),    cmocka_unit_test(test_nansum),
        cmocka_unit_test(test_empty),           cmocka_unit_test(test_accuracy), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_scans),           cmocka_unit_test(test_softmax),  cmocka_unit_test(test_softmax_ends),
        cmocka_unit_test(test_bits_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
