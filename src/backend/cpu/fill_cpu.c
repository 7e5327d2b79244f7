/* Floor 1. Ranges, random numbers and triangles on the CPU. */
#include "backend/fill.h"

#include <math.h>
#include <string.h>

#include "core/draws.h"
#include "core/half.h"

/* ---- ranges -------------------------------------------------------------------------------------------------- */

/* PyTorch computes floating ranges in groups of two vectors of 32 bytes: each vector's first element is rounded to the
 * dtype, then steps are added to it; what is left after the last group goes one by one. The same values need the same
 * rounding, fused multiply-adds included (RangeFactoriesKernel.cpp with Vectorized<T>::arange, observed on x86-64 with
 * AVX2). A run is one vector, or one element. */
enum { VECTOR = 32 };
typedef void (*run_of_range)(const fac__range_args *a, int64_t first, int64_t n, void *out);

static double rounded(fac_dtype d, double v)
{
    switch (d) {
    case FAC_FLOAT64: return v;
    case FAC_FLOAT16: return fac__float16_to_float(fac__float_to_float16((float)v));
    case FAC_BFLOAT16: return fac__bfloat16_to_float(fac__float_to_bfloat16((float)v));
    default: return (float)v;
    }
}

static void arange_floats(const fac__range_args *a, int64_t first, int64_t n, void *out)
{
    double base = fma(a->step.f, (double)first, a->start.f);
    if (n > 1) base = rounded(a->dtype, base);
    for (int64_t k = 0; k < n; k++) {
        double value = base + a->step.f * (double)k;
        if (a->dtype == FAC_FLOAT32)
            ((float *)out)[k] = (float)value;
        else if (a->dtype == FAC_FLOAT64)
            ((double *)out)[k] = fma(a->step.f, (double)k, base);
        else
            fac__store_double(a->dtype, (char *)out + (size_t)k * fac_dtype_size(a->dtype), value);
    }
}

static void arange_ints(const fac__range_args *a, int64_t first, int64_t n, void *out)
{
    uint64_t value = (uint64_t)a->start.i + (uint64_t)first * (uint64_t)a->step.i;
    for (int64_t k = 0; k < n; k++, value += (uint64_t)a->step.i) {
        if (a->dtype == FAC_INT64)
            ((int64_t *)out)[k] = (int64_t)value;
        else
            fac__store_int(a->dtype, (char *)out + (size_t)k * fac_dtype_size(a->dtype), (int64_t)value);
    }
}

/* linspace goes steps up from start in the first half, down from end in the second. */
#define LINSPACE(name, type, fused)                                                                                    \
    static void name(const fac__range_args *a, int64_t first, int64_t n, void *out)                                    \
    {                                                                                                                  \
        type start = (type)a->start.f, end = (type)a->end.f, step = (end - start) / (type)(a->n - 1);                  \
        type base = first < a->n / 2 ? fused(step, (type)first, start) : fused(-step, (type)(a->n - first - 1), end);  \
        for (int64_t k = 0; k < n; k++)                                                                                \
            ((type *)out)[k] = base + (type)k * step;                                                                  \
    }
LINSPACE(linspace_float, float, fmaf)
LINSPACE(linspace_double, double, fma)

/* float16 and bfloat16 round after every operation. */
static void linspace_half(const fac__range_args *a, int64_t first, int64_t n, void *out)
{
#define R(v) rounded(a->dtype, v)
    double start = R(a->start.f), end = R(a->end.f), step = R(R(end - start) / R((double)(a->n - 1)));
    double up = R(start + R(step * R((double)first))), down = R(end - R(step * R((double)(a->n - first - 1))));
    for (int64_t k = 0; k < n; k++)
        fac__store_double(a->dtype, (uint16_t *)out + k, (first < a->n / 2 ? up : down) + R((double)k * step));
#undef R
}

static void linspace_ints(const fac__range_args *a, int64_t first, int64_t n, void *out)
{
    double start = (double)a->start.i, end = (double)a->end.i, step = (end - start) / (double)(a->n - 1);
    double up = fma(step, (double)first, start), down = fma(-step, (double)(a->n - first - 1), end);
    double base = (double)(int64_t)(first < a->n / 2 ? up : down);
    size_t size = fac_dtype_size(a->dtype);
    for (int64_t k = 0; k < n; k++)
        fac__store_int(a->dtype, (char *)out + (size_t)k * size, (int64_t)(base + (double)k * step));
}

static void vectors(void *context, int64_t begin, int64_t end)
{
    const fac__range_args *a = context;
    bool floating = fac_dtype_is_floating(a->dtype), line = a->kind == FAC__LINSPACE;
    run_of_range run = !line                     ? (floating ? arange_floats : arange_ints)
                       : !floating               ? linspace_ints
                       : a->dtype == FAC_FLOAT32 ? linspace_float
                       : a->dtype == FAC_FLOAT64 ? linspace_double
                                                 : linspace_half;
    int64_t size = (int64_t)fac_dtype_size(a->dtype), lanes = VECTOR / size, grouped = a->n / (2 * lanes) * (2 * lanes);
    for (int64_t i = begin, n; i < end; i += n) { /* chunks begin at multiples of every number of lanes */
        n = i < grouped ? lanes : 1;
        run(a, i, n, (char *)a->out + i * size);
    }
}

/* The exponents are rounded to the dtype at every operation; integer dtypes have them in double. */
static void logspace(void *context, int64_t begin, int64_t end)
{
    const fac__range_args *a = context;
    size_t size = fac_dtype_size(a->dtype);
    bool integral = !fac_dtype_is_floating(a->dtype);
#define R(v) (integral ? (v) : rounded(a->dtype, v))
    double from = integral ? (double)a->start.i : R(a->start.f), to = integral ? (double)a->end.i : R(a->end.f),
           base = R(a->base);
    double step = R(R(to - from) / R((double)(a->n - 1)));
    for (int64_t i = begin; i < end; i++) {
        bool low = i < a->n / 2;
        double by = R(step * R((double)(low ? i : a->n - i - 1))), power = R(low ? from + by : to - by);
        bool wide = integral || a->dtype == FAC_FLOAT64;
        fac__store_double(a->dtype, (char *)a->out + (size_t)i * size,
                          wide ? pow(base, power) : powf((float)base, (float)power));
    }
#undef R
}

static void run_range(const void *args)
{
    fac__range_args a = *(const fac__range_args *)args;
    static const fac__range_body bodies[] = {vectors, vectors, logspace};
    if (a.n == 1 && a.kind != FAC__ARANGE) {
        if (a.kind == FAC__LOGSPACE)
            fac__store_double(a.dtype, a.out, pow(a.base, a.given));
        else if (fac_dtype_is_floating(a.dtype))
            fac__store_double(a.dtype, a.out, a.start.f);
        else
            fac__store_int(a.dtype, a.out, a.start.i);
        return;
    }
    fac__parallel(a.n, 16384, bodies[a.kind], &a);
}

static void range_memory(void *args, fac__memory *m)
{
    fac__range_args *a = args;
    FAC__WRITES(m, a->out);
}

const fac__kernel fac__k_range = {.name = "range", .run = {run_range}, .memory = range_memory};

/* ---- random numbers ------------------------------------------------------------------------------------------ */

void fac__draw_uniform(const fac__random_args *a)
{
    fac__random_uniform(a->generator, a->dtype, a->out, a->n, a->a, a->b);
}
void fac__draw_normal(const fac__random_args *a)
{
    (a->apart ? fac__random_normal_each : fac__random_normal)(a->generator, a->dtype, a->out, a->n, a->a, a->b);
}
void fac__draw_integers(const fac__random_args *a)
{
    fac__random_integers(a->generator, a->dtype, a->out, a->n, a->low, a->high);
}
void fac__draw_full_range(const fac__random_args *a)
{
    fac__random_full(a->generator, a->dtype, a->out, a->n);
}
void fac__draw_permutation(const fac__random_args *a)
{
    fac__random_permutation(a->generator, a->dtype, a->out, a->n);
}
void fac__draw_bernoulli(const fac__random_args *a)
{
    fac__random_bernoulli(a->generator, a->dtype, a->out, a->n, a->a);
}
void fac__draw_bernoulli_each(const fac__random_args *a)
{
    fac__random_bernoulli_tensor(a->generator, a->dtype, a->out, a->p_dtype, a->p, a->n);
}
void fac__draw_exponential(const fac__random_args *a)
{
    fac__random_exponential(a->generator, a->dtype, a->out, a->n, a->a);
}
void fac__draw_poisson(const fac__random_args *a)
{
    fac__random_poisson(a->generator, a->dtype, a->out, a->p, a->n);
}
void fac__draw_binomial(const fac__random_args *a)
{
    fac__random_binomial(a->generator, a->dtype, a->out, a->counts, a->p, a->n);
}

static void run_random(const void *args)
{
    const fac__random_args *a = args;
    a->draw(a);
}

static void random_memory(void *args, fac__memory *m)
{
    fac__random_args *a = args;
    FAC__READS(m, a->p);
    FAC__READS(m, a->counts);
    FAC__WRITES(m, a->out);
}

const fac__kernel fac__k_random = {.name = "random", .run = {run_random}, .memory = random_memory, .effects = true};

/* ---- triangles ----------------------------------------------------------------------------------------------- */

static void triangle_rows(void *context, int64_t begin, int64_t end)
{
    const fac__triangle_args *a = context;
    size_t row_bytes = (size_t)a->columns * a->size;
    for (int64_t r = begin; r < end; r++) {
        /* Columns before `border` are those at or left of the diagonal (lower), or left of it (upper). */
        int64_t border = r % a->rows + a->diagonal + (a->upper ? 0 : 1);
        border = border < 0 ? 0 : border > a->columns ? a->columns : border;
        size_t left = (size_t)border * a->size;
        const char *x = (const char *)a->x + (size_t)r * row_bytes;
        char *out = (char *)a->out + (size_t)r * row_bytes;
        if (out != x) memcpy(a->upper ? out + left : out, a->upper ? x + left : x, a->upper ? row_bytes - left : left);
        memset(a->upper ? out : out + left, 0, a->upper ? left : row_bytes - left);
    }
}

static void run_triangle(const void *args)
{
    fac__triangle_args a = *(const fac__triangle_args *)args;
    int64_t rows = a.columns ? a.batch * a.rows : 0;
    fac__parallel(rows, 65536 / ((int64_t)a.size * a.columns + 1) + 1, triangle_rows, &a);
}

static void triangle_memory(void *args, fac__memory *m)
{
    fac__triangle_args *a = args;
    FAC__READS(m, a->x);
    FAC__WRITES(m, a->out);
}

const fac__kernel fac__k_triangle = {.name = "triangle", .run = {run_triangle}, .memory = triangle_memory};
