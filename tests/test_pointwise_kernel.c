/* The pointwise kernel in every instruction set: random programs over random operands against a loop that runs them one
 * element at a time, all casts, layouts, threads; and the rows against libm and against bits recorded from PyTorch. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/cpu/isa/rows.h"
#include "facula/threads.h"

static uint32_t seed;

static int64_t below(int64_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int64_t)(seed >> 8) % n;
}

static void run(const fac__pointwise_args *args)
{
    fac__k_pointwise.run[FAC__CPU](args);
}

static int64_t numel(const fac__pointwise_args *args)
{
    int64_t n = 1;
    for (int d = 0; d < args->ndim; d++)
        n *= args->shape[d];
    return n;
}

static void contiguous(fac__operand *x, const fac__pointwise_args *args)
{
    fac__contiguous_strides(args->ndim, args->shape, x->strides);
}

/* A program of one row over contiguous operands of one dtype, which the test then changes. */
static fac__pointwise_args one_row(fac__row row, fac_dtype dtype, int ndim, const int64_t *shape)
{
    fac__pointwise_args args = {.compute = fac__compute_type(dtype), .ndim = ndim};
    int arity = row->arity;
    args.program = (fac__program){.n_in = (uint8_t)arity, .n_code = 1, .n_out = 1, .out = {(uint8_t)arity}};
    args.program.code[0] = (fac__instr){row, {0, 1, 2, 3}};
    for (int d = 0; d < ndim; d++)
        args.shape[d] = shape[d];
    for (int k = 0; k < arity; k++) {
        args.in[k].dtype = dtype;
        contiguous(&args.in[k], &args);
    }
    args.out[0].dtype = dtype;
    contiguous(&args.out[0], &args);
    return args;
}

/* ---- a plain reading of what the kernel promises -------------------------------------------------------------- */

typedef union value {
    int64_t i;
    float f;
    double d;
} value;

static value load(fac_dtype compute, fac_dtype dtype, const char *p)
{
    value v = {0};
    if (compute == FAC_INT64)
        v.i = fac_dtype_is_floating(dtype) ? (int64_t)fac__load_double(dtype, p) : fac__load_int(dtype, p);
    else if (compute == FAC_FLOAT32)
        v.f = fac_dtype_is_floating(dtype) ? (float)fac__load_double(dtype, p) : (float)fac__load_int(dtype, p);
    else
        v.d = fac_dtype_is_floating(dtype) ? fac__load_double(dtype, p) : (double)fac__load_int(dtype, p);
    return v;
}

static void store(fac_dtype compute, fac_dtype dtype, char *p, value v)
{
    double d = compute == FAC_INT64 ? (double)v.i : compute == FAC_FLOAT32 ? (double)v.f : v.d;
    if (dtype == FAC_BOOL)
        *p = compute == FAC_INT64 ? v.i != 0 : d != 0;
    else if (fac_dtype_is_floating(dtype) && (dtype != FAC_FLOAT64 || compute != FAC_INT64))
        fac__store_double(dtype, p,
                          compute == FAC_INT64   ? (double)(float)v.i
                          : dtype == FAC_FLOAT64 ? d
                                                 : (double)(float)d);
    else if (fac_dtype_is_floating(dtype))
        fac__store_double(dtype, p, d);
    else
        fac__store_int(dtype, p, compute == FAC_INT64 ? v.i : (int64_t)d);
}

/* Rows whose results are exact, so that any order of work gives the same. */
static const fac__row exact_rows[] = {FAC__ROW_add_plain, FAC__ROW_sub_plain, FAC__ROW_neg,     FAC__ROW_lt,
                                      FAC__ROW_where,     FAC__ROW_maximum,   FAC__ROW_minimum, FAC__ROW_abs,
                                      FAC__ROW_sign,      FAC__ROW_clamp};
enum { EXACT_ROWS = sizeof exact_rows / sizeof *exact_rows };

/* clang-format off */
#define EVALUATE(m)                                                                                                    \
    switch (row->id) {                                                                                                 \
    case FAC__ID_add_plain: r.m = a.m + b.m; break;                                                                   \
    case FAC__ID_sub_plain: r.m = a.m - b.m; break;                                                                   \
    case FAC__ID_neg: r.m = -a.m; break;                                                                              \
    case FAC__ID_lt: r.m = a.m < b.m; break;                                                                          \
    case FAC__ID_where: r.m = a.m != 0 ? b.m : c.m; break;                                                            \
    case FAC__ID_maximum: r.m = a.m > b.m ? a.m : b.m; break;                                                         \
    case FAC__ID_minimum: r.m = a.m < b.m ? a.m : b.m; break;                                                         \
    case FAC__ID_abs: r.m = a.m < 0 ? -a.m : a.m + 0; break;                                                          \
    case FAC__ID_sign: r.m = (a.m > 0) - (a.m < 0); break;                                                            \
    default: r.m = a.m < b.m ? b.m : a.m, r.m = r.m > c.m ? c.m : r.m; break;                                          \
    }
/* clang-format on */
static value evaluate(fac_dtype compute, fac__row row, value a, value b, value c)
{
    value r = {0};
    if (compute == FAC_INT64) {
        EVALUATE(i)
    } else if (compute == FAC_FLOAT32) {
        EVALUATE(f)
    } else {
        EVALUATE(d)
    }
    return r;
}

/* Runs the program element by element; an element's inputs are all read before its outputs are written. */
static void run_plainly(const fac__pointwise_args *args)
{
    const fac__program *p = &args->program;
    int64_t n = numel(args), index[FAC_MAX_DIMS] = {0};
    for (int64_t e = 0; e < n; e++) {
        value r[FAC__PW_IN + FAC__PW_CONST + FAC__PW_CODE];
        for (int k = 0; k < p->n_in; k++) {
            int64_t offset = 0;
            for (int d = 0; d < args->ndim; d++)
                offset += index[d] * args->in[k].strides[d];
            r[k] = load(args->compute, args->in[k].dtype,
                        args->in[k].data + offset * (int64_t)fac_dtype_size(args->in[k].dtype));
        }
        for (int k = 0; k < p->n_const; k++) {
            value v = {0};
            if (args->compute == FAC_INT64)
                v.i = fac_scalar_to_int(args->constants[k]);
            else if (args->compute == FAC_FLOAT32)
                v.f = (float)fac_scalar_to_double(args->constants[k]);
            else
                v.d = fac_scalar_to_double(args->constants[k]);
            r[p->n_in + k] = v;
        }
        for (int i = 0; i < p->n_code; i++) {
            const uint8_t *in = p->code[i].in;
            r[p->n_in + p->n_const + i] = evaluate(args->compute, p->code[i].row, r[in[0]], r[in[1]], r[in[2]]);
        }
        for (int o = 0; o < p->n_out; o++) {
            int64_t offset = 0;
            for (int d = 0; d < args->ndim; d++)
                offset += index[d] * args->out[o].strides[d];
            store(args->compute, args->out[o].dtype,
                  args->out[o].data + offset * (int64_t)fac_dtype_size(args->out[o].dtype), r[p->out[o]]);
        }
        for (int d = args->ndim - 1; d >= 0 && ++index[d] == args->shape[d]; d--)
            index[d] = 0;
    }
}

/* ---- random programs ---------------------------------------------------------------------------------------- */

/* Lays an operand out at random: contiguous, permuted, with gaps; inputs also broadcast. Returns the elements it spans. */
static int64_t lay_out(fac__operand *x, const fac__pointwise_args *args, bool may_broadcast)
{
    int order[FAC_MAX_DIMS], kind = (int)below(4);
    for (int d = 0; d < args->ndim; d++)
        order[d] = d;
    for (int d = args->ndim - 1; d > 0 && kind == 1; d--) {
        int j = (int)below(d + 1), t = order[d];
        order[d] = order[j], order[j] = t;
    }
    int64_t stride = kind == 2 ? 2 : 1;
    for (int i = args->ndim - 1; i >= 0; i--) {
        int d = order[i];
        bool broadcast = may_broadcast && kind == 3 && below(2);
        x->strides[d] = broadcast ? 0 : stride;
        if (!broadcast) stride *= args->shape[d] + (kind == 2 && args->shape[d] ? below(2) : 0);
    }
    return stride;
}

static void random_program(fac__program *p)
{
    p->n_in = (uint8_t)below(5);
    p->n_const = (uint8_t)below(3);
    if (p->n_in + p->n_const == 0) p->n_in = 1;
    p->n_code = (uint8_t)(below(4) ? below(5) : below(FAC__PW_CODE + 1));
    p->n_out = (uint8_t)(1 + below(below(2) ? 1 : FAC__PW_OUT));
    int registers = p->n_in + p->n_const;
    for (int i = 0; i < p->n_code; i++) {
        p->code[i].row = exact_rows[below(EXACT_ROWS)];
        for (int k = 0; k < 4; k++)
            p->code[i].in[k] = (uint8_t)below(registers);
        registers++;
    }
    for (int o = 0; o < p->n_out; o++)
        p->out[o] = (uint8_t)(p->n_code && below(4) ? registers - 1 - below(p->n_code) : below(registers));
}

static void random_shape(fac__pointwise_args *args)
{
    args->ndim = (int)below(9);
    int64_t left = below(20) ? (below(3) ? 60 : 6000) : 100000;
    for (int d = 0; d < args->ndim; d++) {
        args->shape[d] = below(40) ? 1 + below(left < 6 ? left : below(3) ? 6 : left) : 0;
        if (args->shape[d] > 1) left /= args->shape[d];
        if (left < 1) left = 1;
    }
}

static char *filled(fac_dtype dtype, int64_t n)
{
    size_t size = fac_dtype_size(dtype);
    char *p = malloc((size_t)n * size + 64);
    for (int64_t i = 0; i < n; i++) {
        int64_t v = below(21) - (dtype == FAC_UINT8 ? 0 : 10);
        if (dtype == FAC_BOOL)
            p[i] = (char)below(2);
        else if (fac_dtype_is_floating(dtype))
            fac__store_double(dtype, p + (size_t)i * size, (double)v / 4);
        else
            fac__store_int(dtype, p + (size_t)i * size, v);
    }
    return p;
}

static void check_random_program(void)
{
    static const fac_dtype computes[] = {FAC_INT64, FAC_FLOAT32, FAC_FLOAT64};
    fac__pointwise_args args = {.compute = computes[below(3)]}, plain;
    random_program(&args.program);
    random_shape(&args);
    const fac__program *p = &args.program;
    for (int k = 0; k < p->n_const; k++)
        args.constants[k] = below(2) ? fac_scalar_int(below(9) - 4) : fac_scalar_float((double)(below(9) - 4) / 2);
    bool same_dtype = below(2); /* the dtype of the compute type, which needs no conversion */
    int64_t spans[FAC__PW_OUT];
    for (int k = 0; k < p->n_in; k++) {
        args.in[k].dtype = same_dtype ? args.compute : (fac_dtype)(1 + below(FAC_DTYPE_COUNT - 1));
        args.in[k].data = filled(args.in[k].dtype, lay_out(&args.in[k], &args, true));
    }
    bool in_place[FAC__PW_OUT] = {false};
    plain = args;
    for (int o = 0; o < p->n_out; o++) {
        int k = o; /* output o over input o, if that is not broadcast */
        bool broadcast = k >= p->n_in;
        for (int d = 0; d < args.ndim && !broadcast; d++)
            broadcast = args.shape[d] > 1 && args.in[k].strides[d] == 0;
        in_place[o] = !broadcast && below(3) == 0;
        fac__operand *x = &args.out[o];
        if (in_place[o]) {
            *x = args.in[k];
            spans[o] = 1;
            for (int d = 0; d < args.ndim; d++)
                spans[o] += x->strides[d] * (args.shape[d] - 1);
            if (numel(&args) == 0) spans[o] = 0;
        } else {
            x->dtype = same_dtype ? args.compute : (fac_dtype)(1 + below(FAC_DTYPE_COUNT - 1));
            spans[o] = lay_out(x, &args, false);
            x->data = filled(x->dtype, spans[o]);
        }
        size_t bytes = (size_t)spans[o] * fac_dtype_size(x->dtype);
        plain.out[o] = *x;
        plain.out[o].data = malloc(bytes + 64);
        memcpy(plain.out[o].data, x->data, bytes);
        if (in_place[o]) plain.in[k].data = plain.out[o].data;
    }
    run_plainly(&plain);
    run(&args);
    for (int o = 0; o < p->n_out; o++) {
        size_t bytes = (size_t)spans[o] * fac_dtype_size(args.out[o].dtype);
        assert_memory_equal(args.out[o].data, plain.out[o].data, bytes);
        free(plain.out[o].data);
        if (!in_place[o]) free(args.out[o].data);
    }
    for (int k = 0; k < p->n_in; k++)
        free(args.in[k].data);
}

static void random_programs(void **state)
{
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        seed = 1;
        for (int i = 0; i < 3000; i++)
            check_random_program();
    }
}

/* ---- casts -------------------------------------------------------------------------------------------------- */

static void casts(void **state)
{
    static const double samples[] = {0,     -0.0,     1,         -1,    0.5,  2.5,          -3.75,
                                     100,   127,      65504,     65536, 1e-7, 6e-8,         3.4e38,
                                     1e300, INFINITY, -INFINITY, NAN,   0.1,  1.0009765625, 1.00390625};
    enum { N = sizeof samples / sizeof *samples };
    char from[8 * N], to[8 * N], expected[8 * N];
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        for (int a = 1; a < FAC_DTYPE_COUNT; a++)
            for (int b = 1; b < FAC_DTYPE_COUNT; b++) {
                int64_t n = N;
                fac__pointwise_args args = one_row(FAC__ROW_neg, (fac_dtype)a, 1, &n);
                args.program.n_code = 0;
                args.program.out[0] = 0;
                args.out[0].dtype = (fac_dtype)b;
                args.in[0].data = from;
                args.out[0].data = to;
                for (int i = 0; i < N; i++) {
                    double v = samples[i];
                    bool wide = fac_dtype_is_floating((fac_dtype)a) && fac_dtype_is_floating((fac_dtype)b);
                    if (!wide && !(fabs(v) <= 127)) v = 7; /* what overflows has no meaning */
                    if (!wide && (a == FAC_UINT8 || b == FAC_UINT8)) v = fabs(v);
                    char *p = from + (size_t)i * fac_dtype_size((fac_dtype)a);
                    if (fac_dtype_is_floating((fac_dtype)a))
                        fac__store_double((fac_dtype)a, p, v);
                    else
                        fac__store_int((fac_dtype)a, p, a == FAC_BOOL ? v != 0 : (int64_t)v);
                    value x = load(args.compute, (fac_dtype)a, p);
                    store(args.compute, (fac_dtype)b, expected + (size_t)i * fac_dtype_size((fac_dtype)b), x);
                }
                memset(to, 0x55, sizeof to);
                run(&args);
                for (int i = 0; i < N; i++) {
                    size_t size = fac_dtype_size((fac_dtype)b);
                    const char *x = to + (size_t)i * size, *y = expected + (size_t)i * size;
                    if (fac_dtype_is_floating((fac_dtype)b) && isnan(fac__load_double((fac_dtype)b, y)))
                        assert_true(isnan(fac__load_double((fac_dtype)b, x))); /* of NaNs any */
                    else
                        assert_memory_equal(x, y, size);
                }
            }
    }
}

/* ---- layouts that have code of their own -------------------------------------------------------------------- */

static void transposed_copies(void **state)
{
    static const fac_dtype dtypes[] = {FAC_INT8, FAC_FLOAT16, FAC_FLOAT32, FAC_FLOAT64};
    static const int64_t sides[][2] = {{1, 1}, {8, 8}, {7, 300}, {129, 65}, {200, 200}, {64, 1}, {513, 31}};
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        for (size_t t = 0; t < sizeof dtypes / sizeof *dtypes; t++)
            for (size_t s = 0; s < sizeof sides / sizeof *sides; s++)
                for (int add = 0; add < 2; add++) {
                    int64_t rows = sides[s][0], cols = sides[s][1], n = rows * cols;
                    fac__pointwise_args args = one_row(add ? FAC__ROW_add_plain : FAC__ROW_neg, dtypes[t], 2, sides[s]);
                    if (!add) args.program.n_code = 0, args.program.out[0] = 0;
                    args.in[0].strides[0] = 1, args.in[0].strides[1] = rows;
                    size_t bytes = (size_t)n * fac_dtype_size(dtypes[t]);
                    args.in[0].data = filled(dtypes[t], n);
                    args.in[1].data = filled(dtypes[t], n);
                    args.out[0].data = malloc(bytes);
                    fac__pointwise_args plain = args;
                    plain.out[0].data = malloc(bytes);
                    run(&args);
                    run_plainly(&plain);
                    assert_memory_equal(args.out[0].data, plain.out[0].data, bytes);
                    free(args.in[0].data), free(args.in[1].data), free(args.out[0].data), free(plain.out[0].data);
                }
    }
}

/* Two registers that change places, each output being the other's input. */
static void swap_in_place(void **state)
{
    float a[100], b[100];
    int64_t n = 100;
    for (int i = 0; i < 100; i++)
        a[i] = (float)i, b[i] = (float)-i;
    fac__pointwise_args args = one_row(FAC__ROW_add_plain, FAC_FLOAT32, 1, &n);
    args.program = (fac__program){.n_in = 2, .n_out = 2, .out = {1, 0}};
    args.in[0].data = (char *)a, args.in[1].data = (char *)b;
    args.out[0] = args.in[0], args.out[1] = args.in[1];
    run(&args);
    for (int i = 0; i < 100; i++) {
        assert_true(a[i] == (float)-i);
        assert_true(b[i] == (float)i);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

static void count_range(void *context, int64_t begin, int64_t end)
{
    int *seen = context;
    assert_true(fac__thread_index() >= 0 && fac__thread_index() < fac__threads());
    assert_true(begin % 100 == 0 && (end == 1050 || end - begin == 100));
    for (int64_t i = begin; i < end; i++)
        seen[i]++;
}

static void nested_range(void *context, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        fac__parallel(1050, 100, count_range, (int *)context + i * 1050);
}

static void parallel_covers_the_range_once(void **state)
{
    int *seen = calloc(8 * 1050, sizeof *seen);
    for (int threads = 1; threads <= 3; threads++) {
        assert_true(fac_set_num_threads(threads));
        assert_int_equal(fac_get_num_threads(), threads);
        memset(seen, 0, 8 * 1050 * sizeof *seen);
        fac__parallel(8, 1, nested_range, seen);
        for (int i = 0; i < 8 * 1050; i++)
            assert_int_equal(seen[i], 1);
        memset(seen, 0, 1050 * sizeof *seen);
        fac__parallel(1050, 100, count_range, seen);
        for (int i = 0; i < 1050; i++)
            assert_int_equal(seen[i], 1);
        fac__parallel(0, 100, count_range, NULL);
    }
    free(seen);
    fac_error_handler handler = fac_set_error_handler(NULL);
    assert_false(fac_set_num_threads(0));
    assert_string_equal(fac_error(), "set_num_threads expects a positive integer");
    fac_clear_error();
    fac_set_error_handler(handler);
}

static void threads_give_the_same_bits(void **state)
{
    enum { N = 300000 };
    float *x = malloc(N * sizeof *x), *y[3];
    seed = 5;
    for (int i = 0; i < N; i++)
        x[i] = (float)below(20000) / 1000 - 10;
    static const int64_t shapes[][2] = {{1, N}, {600, 500}};
    for (int s = 0; s < 2; s++)
        for (int broadcast = 0; broadcast < 2; broadcast++) {
            for (int t = 0; t < 3; t++) {
                fac_set_num_threads(t + 1);
                fac__pointwise_args args = one_row(FAC__ROW_tanh_backward, FAC_FLOAT32, 2, shapes[s]);
                if (broadcast) args.in[1].strides[0] = 0;
                y[t] = malloc(N * sizeof *x);
                args.in[0].data = args.in[1].data = (char *)x;
                args.out[0].data = (char *)y[t];
                run(&args);
                if (t) assert_memory_equal(y[0], y[t], N * sizeof *x);
            }
            for (int t = 0; t < 3; t++)
                free(y[t]);
        }
    free(x);
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

static fac__row row_named(const char *name)
{
    for (int r = 0; r < FAC__ROW_COUNT; r++)
        if (strcmp(fac__all_rows[r]->name, name) == 0) return fac__all_rows[r];
    fail_msg("no row %s", name);
    return NULL;
}

typedef double (*unary)(double);
typedef double (*binary)(double, double);

/* clang-format off */
static double reciprocal(double x) { return 1 / x; }
static double rsqrt(double x) { return 1 / sqrt(x); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double silu(double x) { return x / (1 + exp(-x)); }
static double gelu(double x) { return x * 0.5 * erfc(-x * 0.70710678118654752440); }
static double log_sigmoid(double x) { return x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x)); }
static double mish(double x) { return x * tanh(log1p(exp(x))); }
static double positive_part(double x) { return x > 0 ? x : 0; }
static double python_remainder(double x, double y) { return x - y * floor(x / y); }
static double log_add_exp(double x, double y) { return fmax(x, y) + log1p(exp(-fabs(x - y))); }
static double normal_slope(double x) { return gelu(x) / x + x * exp(-x * x / 2) * 0.39894228040143268; }

static const struct {
    const char *name;
    unary one;
    binary two;
    double low, high; /* of the arguments */
    double float_tolerance, tolerance; /* relative to the result or, where that is below 1e-3, to 1e-3 */
} rows[] = {
    {"exp", exp, NULL, -87, 88, 1.2e-7, 1e-15},        {"exp2", exp2, NULL, -125, 127, 1.2e-7, 1e-15},
    {"expm1", expm1, NULL, -20, 88, 1.2e-7, 1e-15},    {"log", log, NULL, 0, 1000, 1.2e-7, 1e-15},
    {"log2", log2, NULL, 0, 1000, 1.2e-7, 1e-15},      {"log10", log10, NULL, 0, 1000, 1.2e-7, 1e-15},
    {"log1p", log1p, NULL, -1, 1000, 1.2e-7, 1e-15},   {"sin", sin, NULL, -1e6, 1e6, 1e-7, 1e-15},
    {"sin", sin, NULL, -7, 7, 1e-7, 1e-15},            {"cos", cos, NULL, -1e30, 1e30, 1e-7, 1e-15},
    {"cos", cos, NULL, -7, 7, 1e-7, 1e-15},            {"tan", tan, NULL, -10, 10, 1e-7, 1e-15},
    {"asin", asin, NULL, -1, 1, 1e-7, 1e-15},          {"acos", acos, NULL, -1, 1, 1e-7, 1e-15},
    {"atan", atan, NULL, -20, 20, 1e-7, 1e-15},        {"sinh", sinh, NULL, -80, 80, 1.2e-7, 1e-15},
    {"cosh", cosh, NULL, -80, 80, 1.2e-7, 1e-15},      {"tanh", tanh, NULL, -10, 10, 1.2e-7, 1e-15},
    {"asinh", asinh, NULL, -50, 50, 1e-7, 1e-15},      {"acosh", acosh, NULL, 1, 50, 1e-7, 1e-15},
    {"atanh", atanh, NULL, -1, 1, 1e-7, 1e-15},        {"erf", erf, NULL, -5, 5, 1.2e-7, 1e-15},
    {"erfc", erfc, NULL, -5, 5, 1e-7, 1e-15},          {"lgamma", lgamma, NULL, 0.1, 50, 1e-7, 1e-14},
    {"sqrt", sqrt, NULL, 0, 100, 6e-8, 1e-16},         {"floor", floor, NULL, -9, 9, 0, 0},
    {"ceil", ceil, NULL, -9, 9, 0, 0},                 {"trunc", trunc, NULL, -9, 9, 0, 0},
    {"round", rint, NULL, -9, 9, 0, 0},                {"abs", fabs, NULL, -9, 9, 0, 0},
    {"reciprocal", reciprocal, NULL, 1, 9, 6e-8, 1e-15}, {"rsqrt", rsqrt, NULL, 0.1, 9, 1.3e-7, 1e-15},
    {"sigmoid", sigmoid, NULL, -20, 20, 3e-7, 1e-15},
    {"silu", silu, NULL, -20, 20, 3e-7, 1e-15},        {"gelu", gelu, NULL, -5, 5, 1e-3, 1e-12},
    {"log_sigmoid", log_sigmoid, NULL, -20, 20, 3e-7, 1e-15}, {"mish", mish, NULL, -20, 20, 5e-7, 1e-15},
    {"gelu_slope", normal_slope, NULL, -5, 5, 1e-3, 1e-12}, {"relu", positive_part, NULL, -5, 5, 0, 0},
    {"atan2", NULL, atan2, -9, 9, 1e-7, 1e-15},        {"pow", NULL, pow, 0.01, 9, 1.2e-7, 1e-15},
    {"hypot", NULL, hypot, -9, 9, 1e-7, 1e-15},        {"fmod", NULL, fmod, -99, 99, 0, 0},
    {"copysign", NULL, copysign, -9, 9, 0, 0},         {"fmax", NULL, fmax, -9, 9, 0, 0},
    {"fmin", NULL, fmin, -9, 9, 0, 0},                 {"remainder", NULL, python_remainder, -99, 99, 1e-4, 1e-12},
    {"logaddexp", NULL, log_add_exp, -20, 20, 2e-4, 1e-12},
};
/* clang-format on */

static void rows_against_libm(void **state)
{
    enum { N = 1000 };
    static float f[3][N];
    static double d[3][N];
    int64_t n = N;
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            fac__row row = row_named(rows[r].name);
            for (int i = 0; i < N; i++) {
                double step = (rows[r].high - rows[r].low) / (N + 1);
                f[0][i] = (float)(rows[r].low + step * (i + 1)),
                f[1][i] = (float)(rows[r].low + step * (i * 37 % N + 1));
                d[0][i] = f[0][i], d[1][i] = f[1][i];
            }
            fac__pointwise_args args = one_row(row, FAC_FLOAT32, 1, &n);
            args.in[0].data = (char *)f[0], args.in[1].data = (char *)f[1], args.out[0].data = (char *)f[2];
            run(&args);
            args = one_row(row, FAC_FLOAT64, 1, &n);
            args.in[0].data = (char *)d[0], args.in[1].data = (char *)d[1], args.out[0].data = (char *)d[2];
            run(&args);
            for (int i = 0; i < N; i++) {
                double y = rows[r].one ? rows[r].one(d[0][i]) : rows[r].two(d[0][i], d[1][i]);
                double scale = fmax(fabs(y), 1e-3);
                if (fabs(f[2][i] - y) > rows[r].float_tolerance * scale && fabs(f[2][i] - (float)y) > 0)
                    fail_msg("%s(%.9g, %.9g) is %.9g in float, not %.9g (isa %d)", rows[r].name, f[0][i], f[1][i],
                             f[2][i], y, isa);
                if (fabs(d[2][i] - y) > rows[r].tolerance * scale)
                    fail_msg("%s(%.17g, %.17g) is %.17g, not %.17g (isa %d)", rows[r].name, d[0][i], d[1][i], d[2][i],
                             y, isa);
            }
        }
    }
}

/* Values known from elsewhere: A. Jeffrey, D. Zwillinger (eds.), "Table of Integrals, Series, and Products", 8.36; the later ones were
 * computed with 30 digits by mpmath. */
static void special_functions(void **state)
{
    const struct {
        const char *name;
        double a, b, y;
    } cases[] = {{"digamma", 1, 0, -0.57721566490153286},
                 {"digamma", 0.5, 0, -1.9635100260214235},
                 {"digamma", -0.5, 0, 0.036489973978576521},
                 {"digamma", 30, 0, 3.3844381326855249},
                 {"polygamma", 1, 1, 1.6449340668482264},
                 {"polygamma", 1, -0.5, 8.9348022005446793},
                 {"polygamma", 2, 1, -2.4041138063191886},
                 {"polygamma", 2, -0.5, -0.82879664423431999},
                 {"polygamma", 3, 0.5, 97.409091034002437},
                 {"erfinv", 0.5, 0, 0.47693627620446987},
                 {"erfinv", -0.999, 0, -2.3267537655135246},
                 {"erfinv", 0.01, 0, 0.0088625012809505979},
                 {"lgamma", -0.5, 0, 1.2655121234846454},
                 {"logit", 0.75, -1, 1.0986122886681098},
                 {"logit", 0.9, 0.25, 1.0986122886681098},
                 {"digamma", -3, 0, NAN},
                 {"digamma", 0, 0, -INFINITY},
                 {"erfinv", 1, 0, INFINITY},
                 {"erfinv", 1.5, 0, NAN},
                 {"special_erfcx", -1, 0, 5.0089800807622835},
                 {"special_erfcx", 12, 0, 0.046854221014893763},
                 {"special_ndtri", 1e-20, 0, -9.2623400897984076},
                 {"special_zeta", 3, 2.5, 0.1181020258208637},
                 {"special_zeta", 3, -70.25, -62.012453476714325},
                 {"igamma", 2, 0.5, 0.090204010431049989},
                 {"igammac", 200000, 200100, 0.41125615482386982},
                 {"special_i1e", 30, 0, 0.071916330598647555},
                 {"special_modified_bessel_k0", 1, 0, 0.42102443824070834},
                 {"special_scaled_modified_bessel_k1", 7, 0, 0.49807157509547654},
                 {"special_airy_ai", 3, 0, 0.0065911393574607191},
                 {"special_airy_ai", -3, 0, -0.37881429367765811},
                 {"special_airy_ai", -30, 0, -0.087968188456842163},
                 {"special_hermite_polynomial_h", 0.5, 3, -5},
                 {"special_legendre_polynomial_p", 0.5, 2.9, -0.125}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t n = 1;
        double a = cases[i].a, b = cases[i].b, y;
        fac__pointwise_args args = one_row(row_named(cases[i].name), FAC_FLOAT64, 1, &n);
        args.in[0].data = (char *)&a, args.in[1].data = (char *)&b, args.out[0].data = (char *)&y;
        run(&args);
        if (isfinite(cases[i].y) ? !(fabs(y - cases[i].y) <= 1e-13 * fmax(1, fabs(y)))
                                 : !(y == cases[i].y || (isnan(y) && isnan(cases[i].y))))
            fail_msg("%s(%g, %g) is %.17g, not %.17g", cases[i].name, a, b, y, cases[i].y);
    }
}

static double one_value(const char *name, fac_dtype dtype, double a, double b)
{
    int64_t n = 1;
    char x[2][8], y[8];
    fac__pointwise_args args = one_row(row_named(name), dtype, 1, &n);
    args.in[0].data = x[0], args.in[1].data = x[1], args.out[0].data = y;
    fac__store_double(dtype, x[0], a);
    fac__store_double(dtype, x[1], b);
    run(&args);
    return fac__load_double(dtype, y);
}

static void ends_of_the_domain(void **state)
{
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++)
        for (int t = 0; t < 2; t++) {
            fac_dtype dtype = t ? FAC_FLOAT64 : FAC_FLOAT32;
            fac__set_cpu_isa((fac__isa)isa);
#define IS(name, a, b, y) assert_true(one_value(name, dtype, a, b) == (y))
#define IS_NAN(name, a, b) assert_true(isnan(one_value(name, dtype, a, b)))
            IS("exp", -INFINITY, 0, 0), IS("exp", INFINITY, 0, INFINITY), IS("exp", 1000, 0, INFINITY),
                IS_NAN("exp", NAN, 0);
            IS("exp", -1000, 0, 0), IS("exp", 0, 0, 1), IS("expm1", -INFINITY, 0, -1),
                IS("expm1", INFINITY, 0, INFINITY);
            IS("log", 0, 0, -INFINITY), IS("log", INFINITY, 0, INFINITY), IS_NAN("log", -1, 0), IS_NAN("log", NAN, 0);
            IS("log1p", -1, 0, -INFINITY), IS_NAN("log1p", -2, 0), IS("log1p", INFINITY, 0, INFINITY);
            IS("tanh", INFINITY, 0, 1), IS("tanh", -INFINITY, 0, -1), IS_NAN("tanh", NAN, 0), IS("tanh", 0, 0, 0);
            IS("erf", INFINITY, 0, 1), IS("erf", -INFINITY, 0, -1), IS_NAN("erf", NAN, 0), IS("sigmoid", -1000, 0, 0);
            IS_NAN("sin", INFINITY, 0), IS_NAN("cos", NAN, 0), IS("cosh", -1000, 0, INFINITY),
                IS("sinh", -1000, 0, -INFINITY);
            IS("pow", 0, 0, 1), IS("pow", -2, 3, -8), IS_NAN("pow", -2, 0.5), IS("pow", 0, -1, INFINITY);
            IS("pow", -1, INFINITY, 1), IS("pow", INFINITY, -1, 0), IS("pow", NAN, 0, 1), IS_NAN("pow", NAN, 1);
            IS_NAN("maximum", NAN, 1), IS_NAN("maximum", 1, NAN), IS_NAN("minimum", NAN, 1), IS_NAN("minimum", 1, NAN);
            IS("fmax", NAN, 1, 1), IS("fmax", 1, NAN, 1), IS("fmin", NAN, 1, 1), IS_NAN("relu", NAN, 0),
                IS("sign", NAN, 0, 0);
            IS("remainder", -7, 3, 2), IS("fmod", -7, 3, -1), IS("div_floor", -7, 2, -4), IS("div_trunc", -7, 2, -3);
            IS("div_floor", 1, 0, INFINITY), IS_NAN("remainder", 1, 0), IS("round", 2.5, 0, 2),
                IS("round", -1.5, 0, -2);
            IS("hypot", INFINITY, NAN, INFINITY), IS("xlogy", 0, 0, 0), IS_NAN("xlogy", 0, NAN),
                IS("logaddexp", -INFINITY, -INFINITY, -INFINITY);
            IS("signbit", -0.0, 0, 1), IS("isnan", NAN, 0, 1), IS("isinf", -INFINITY, 0, 1), IS("isfinite", NAN, 0, 0);
            IS("mish", 1000, 0, 1000), IS("softsign", -1, 0, -0.5), IS("logical_xor", 2, 0, 1),
                IS("heaviside", 0, 0.5, 0.5);
            assert_true(signbit(one_value("relu", dtype, -0.0, 0)) && signbit(one_value("tanh", dtype, -0.0, 0)));
        }
}

static void integers(void **state)
{
    const struct {
        const char *name;
        int64_t a, b, y;
    } cases[] = {{"mul", INT64_MAX, 2, -2},
                 {"pow", 3, 5, 243},
                 {"pow", 10, 30, 5076944270305263616},
                 {"pow", -1, -3, -1},
                 {"pow", 2, -1, 0},
                 {"remainder", -7, 3, 2},
                 {"remainder", 7, -3, -2},
                 {"fmod", -7, 3, -1},
                 {"div_floor", -7, 2, -4},
                 {"div_trunc", -7, 2, -3},
                 {"div_floor", INT64_MIN, -1, INT64_MIN},
                 {"remainder", INT64_MIN, -1, 0},
                 {"gcd", -12, 18, 6},
                 {"gcd", 0, 0, 0},
                 {"lcm", 4, -6, 12},
                 {"bitwise_and", 12, 10, 8},
                 {"bitwise_or", 12, 10, 14},
                 {"bitwise_xor", 12, 10, 6},
                 {"bitwise_not", 0, 0, -1},
                 {"bitwise_left_shift", 3, 4, 48},
                 {"bitwise_left_shift", 1, 64, 0},
                 {"bitwise_right_shift", -16, 2, -4},
                 {"bitwise_right_shift", -1, 70, -1},
                 {"abs", INT64_MIN, 0, INT64_MIN},
                 {"sign", -5, 0, -1},
                 {"floor", -5, 0, -5},
                 {"relu", -5, 0, 0},
                 {"square", 3037000500, 0, 9223372037000250000u}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t n = 1, a = cases[i].a, b = cases[i].b, y;
        fac__pointwise_args args = one_row(row_named(cases[i].name), FAC_INT64, 1, &n);
        args.in[0].data = (char *)&a, args.in[1].data = (char *)&b, args.out[0].data = (char *)&y;
        run(&args);
        if (y != cases[i].y)
            fail_msg("%s(%ld, %ld) is %ld, not %ld", cases[i].name, (long)a, (long)b, (long)y, (long)cases[i].y);
    }
}

/* Recorded by tests/record/record_pointwise_kernel.py: floats have PyTorch's very bits. */
static void bits_of_pytorch(void **state)
{
    FILE *file = fopen(FAC_TEST_DATA "/pointwise_bits.txt", "r");
    assert_non_null(file);
    char name[40];
    int arity, lines = 0;
    while (fscanf(file, "%39s %d", name, &arity) == 2) {
        uint32_t columns[5][32], y[32];
        for (int i = 0; i < 32; i++)
            for (int k = 0; k <= arity; k++)
                assert_int_equal(fscanf(file, "%x", &columns[k][i]), 1);
        for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
            fac__set_cpu_isa((fac__isa)isa);
            int64_t n = 32;
            fac__pointwise_args args = one_row(row_named(name), FAC_FLOAT32, 1, &n);
            assert_int_equal(row_named(name)->arity, arity);
            for (int k = 0; k < arity; k++)
                args.in[k].data = (char *)columns[k];
            args.out[0].data = (char *)y;
            run(&args);
            for (int i = 0; i < 32; i++)
                if (y[i] != columns[arity][i])
                    fail_msg("%s of %08x is %08x, not %08x (isa %d)", name, columns[0][i], y[i], columns[arity][i],
                             isa);
        }
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs),
        cmocka_unit_test(casts),
        cmocka_unit_test(transposed_copies),
        cmocka_unit_test(swap_in_place),
        cmocka_unit_test(parallel_covers_the_range_once),
        cmocka_unit_test(threads_give_the_same_bits),
        cmocka_unit_test(rows_against_libm),
        cmocka_unit_test(special_functions),
        cmocka_unit_test(ends_of_the_domain),
        cmocka_unit_test(integers),
        cmocka_unit_test(bits_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
