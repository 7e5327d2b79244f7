/* Floor 1. Ranges, random numbers and triangles on the CPU. */
#include "backend/fill.h"

#include <math.h>
#include <string.h>

#include "core/half.h"
#include "core/draws.h"

/* ---- ranges -------------------------------------------------------------------------------------------------- */

/* PyTorch computes floating ranges in groups of two vectors of 32 bytes: each vector's first element is rounded to
 * the dtype, then steps are added to it; what is left after the last group goes one by one. The same values need the
 * same rounding, fused multiply-adds included (RangeFactoriesKernel.cpp with Vectorized<T>::arange, observed on
 * x86-64 with AVX2). */
static inline int64_t vector_of(const fac__range_args *a, int64_t i)
{
    int64_t lanes = 32 / (int64_t)fac_dtype_size(a->dtype), group = 2 * lanes;
    return i < a->n / group * group ? i / lanes * lanes : -1;
}

static double rounded(fac_dtype d, double v)
{
    switch (d) {
    case FAC_FLOAT64: return v;
    case FAC_FLOAT16: return fac__float16_to_float(fac__float_to_float16((float)v));
    case FAC_BFLOAT16: return fac__bfloat16_to_float(fac__float_to_bfloat16((float)v));
    default: return (float)v;
    }
}

static void arange(void *context, int64_t begin, int64_t end)
{
    const fac__range_args *a = context;
    size_t size = fac_dtype_size(a->dtype);
    char *out = (char *)a->out + (size_t)begin * size;
    bool floating = fac_dtype_is_floating(a->dtype);
    for (int64_t i = begin; i < end; i++, out += size) {
        if (!floating) {
            fac__store_int(a->dtype, out, (int64_t)((uint64_t)a->start.i + (uint64_t)i * (uint64_t)a->step.i));
            continue;
        }
        int64_t v = vector_of(a, i);
        double value = v < 0
                           ? fma(a->step.f, (double)i, a->start.f)
                           : fma(a->step.f, (double)(i - v), rounded(a->dtype, fma(a->step.f, (double)v, a->start.f)));
        fac__store_double(a->dtype, out, value);
    }
}

/* Steps up from start in the first half, down from end in the second. */
static float linspace_float(const fac__range_args *a, int64_t i)
{
    float start = (float)a->start.f, end = (float)a->end.f, step = (end - start) / (float)(a->n - 1);
    int64_t v = vector_of(a, i), half = a->n / 2;
    if (v < 0) return i < half ? fmaf(step, (float)i, start) : fmaf(-step, (float)(a->n - i - 1), end);
    float first = v < half ? fmaf(step, (float)v, start) : fmaf(-step, (float)(a->n - v - 1), end);
    return first + (float)(i - v) * step;
}

static double linspace_double(const fac__range_args *a, int64_t i)
{
    double step = (a->end.f - a->start.f) / (double)(a->n - 1);
    int64_t v = vector_of(a, i), half = a->n / 2;
    if (v < 0) return i < half ? fma(step, (double)i, a->start.f) : fma(-step, (double)(a->n - i - 1), a->end.f);
    double first = v < half ? fma(step, (double)v, a->start.f) : fma(-step, (double)(a->n - v - 1), a->end.f);
    return first + (double)(i - v) * step;
}

/* float16 and bfloat16 round after every operation. */
static double linspace_half(const fac__range_args *a, int64_t i)
{
#define R(v) rounded(a->dtype, v)
    double start = R(a->start.f), end = R(a->end.f), step = R((float)R(end - start) / (float)R((double)(a->n - 1)));
    int64_t v = vector_of(a, i), half = a->n / 2, at = v < 0 ? i : v;
    double first = at < half ? R(start + R(step * R((double)at))) : R(end - R(step * R((double)(a->n - at - 1))));
    return v < 0 ? first : R(first + R((double)(i - v) * step));
#undef R
}

static int64_t linspace_int(const fac__range_args *a, int64_t i)
{
    double start = (double)a->start.i, end = (double)a->end.i, step = (end - start) / (double)(a->n - 1);
    int64_t v = vector_of(a, i), half = a->n / 2;
    if (v < 0) return (int64_t)(i < half ? start + step * (double)i : end - step * (double)(a->n - i - 1));
    int64_t first = (int64_t)(v < half ? start + step * (double)v : end - step * (double)(a->n - v - 1));
    return (int64_t)((double)first + (double)(i - v) * step);
}

static void linspace(void *context, int64_t begin, int64_t end)
{
    const fac__range_args *a = context;
    size_t size = fac_dtype_size(a->dtype);
    for (int64_t i = begin; i < end; i++) {
        char *out = (char *)a->out + (size_t)i * size;
        switch (a->dtype) {
        case FAC_FLOAT64: *(double *)(void *)out = linspace_double(a, i); break;
        case FAC_FLOAT32: *(float *)(void *)out = linspace_float(a, i); break;
        case FAC_FLOAT16:
        case FAC_BFLOAT16: fac__store_double(a->dtype, out, linspace_half(a, i)); break;
        default: fac__store_int(a->dtype, out, linspace_int(a, i));
        }
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
    static const fac__range_body bodies[] = {arange, linspace, logspace};
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

const fac__kernel fac__k_range = {"range", {run_range}};

/* ---- random numbers ------------------------------------------------------------------------------------------ */

static void run_random(const void *args)
{
    const fac__random_args *a = args;
    fac_generator *g = a->generator;
    switch (a->kind) {
    case FAC__UNIFORM: fac__random_uniform(g, a->dtype, a->out, a->n, a->a, a->b); break;
    case FAC__NORMAL: fac__random_normal(g, a->dtype, a->out, a->n, a->a, a->b); break;
    case FAC__NORMAL_EACH: fac__random_normal_each(g, a->dtype, a->out, a->n, a->a, a->b); break;
    case FAC__INTEGERS: fac__random_integers(g, a->dtype, a->out, a->n, a->low, a->high); break;
    case FAC__FULL_RANGE: fac__random_full(g, a->dtype, a->out, a->n); break;
    case FAC__PERMUTATION: fac__random_permutation(g, a->dtype, a->out, a->n); break;
    case FAC__BERNOULLI: fac__random_bernoulli(g, a->dtype, a->out, a->n, a->a); break;
    case FAC__BERNOULLI_EACH: fac__random_bernoulli_tensor(g, a->dtype, a->out, a->p_dtype, a->p, a->n); break;
    case FAC__EXPONENTIAL: fac__random_exponential(g, a->dtype, a->out, a->n, a->a); break;
    }
}

const fac__kernel fac__k_random = {"random", {run_random}};

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

const fac__kernel fac__k_triangle = {"triangle", {run_triangle}};
