/* Floor 1. Pooling on the CPU, parallel over planes. What an output sees along each axis is a window (pool_rows.h). Max and
 * avg go by rows (isa/conv_pool.c); the adaptive kinds, whose windows differ from output to output, and giant windows go
 * output by output here. Windows, divisors and the order of sums are PyTorch's (aten/src/ATen/native/cpu:
 * MaxPoolKernel, AvgPoolKernel, AdaptiveAvgPoolKernel). */
#include <string.h>

#include "backend/conv.h"
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/pool_rows.h"
#include "core/half.h"

/* What there is for a dtype: by rows, and output by output. max_back may be NULL. */
typedef struct ways {
    void(*rows) FAC__POOL_ROWS_PARAMETERS;
    bool(*max_back) FAC__MAX_BACK_PARAMETERS;
    void (*max)(const fac__pool_args *a, int64_t plane, int64_t in, int64_t out);
    void (*avg)(const fac__pool_args *a, int64_t plane, int64_t in, int64_t out);
    void (*backward)(const fac__pool_args *a, int64_t plane, int64_t in, int64_t out);
} ways;

typedef struct windows {
    fac__window d, h, w;
} windows;

static bool is_empty(const windows *v)
{
    return v->d.begin >= v->d.end || v->h.begin >= v->h.end || v->w.begin >= v->w.end;
}

#define EACH(v)                                                                                                        \
    for (int64_t d = (v).d.begin; d < (v).d.end; d += (v).d.step)                                                      \
        for (int64_t h = (v).h.begin; h < (v).h.end; h += (v).h.step)                                                  \
            for (int64_t w = (v).w.begin; w < (v).w.end; w += (v).w.step)
/* Runs BODY for each output position o of a plane, with its windows in v. */
#define EACH_OUTPUT(...)                                                                                               \
    for (int64_t o = 0, od = 0; od < a->out[0]; od++) {                                                                \
        windows v = {.d = fac__window_at(a, 0, od)};                                                                   \
        for (int64_t oh = 0; oh < a->out[1]; oh++) {                                                                   \
            v.h = fac__window_at(a, 1, oh);                                                                            \
            for (int64_t ow = 0; ow < a->out[2]; ow++, o++) {                                                          \
                v.w = fac__window_at(a, 2, ow);                                                                        \
                __VA_ARGS__                                                                                            \
            }                                                                                                          \
        }                                                                                                              \
    }
#define AT(d, h, w) (((d)*a->in[1] + (h)) * a->in[2] + (w))

/* PyTorch divides an adaptive average by the window's sides one after another. */
#define DIVIDE(sum)                                                                                                    \
    (a->kind == FAC__POOL_AVG ? (sum) / (W)(a->divisor ? a->divisor : v.d.size * v.h.size * v.w.size)                  \
                              : (sum) / (W)v.d.size / (W)v.h.size / (W)v.w.size)

#define POOL(T, COMPUTE, LOAD, STORE, MAX_BACK)                                                                        \
    static void max_##T(const fac__pool_args *a, int64_t plane, int64_t in, int64_t out)                               \
    {                                                                                                                  \
        typedef COMPUTE W;                                                                                             \
        const T##_bits *x = (const T##_bits *)a->x + plane * in;                                                       \
        T##_bits *y = (T##_bits *)a->y + plane * out;                                                                  \
        int64_t *indices = a->indices ? a->indices + plane * out : NULL;                                               \
        EACH_OUTPUT({                                                                                                  \
            W best = -(W)__builtin_inf();                                                                              \
            int64_t where = AT(v.d.begin, v.h.begin, v.w.begin);                                                       \
            EACH(v)                                                                                                    \
            {                                                                                                          \
                W value = LOAD(x[AT(d, h, w)]);                                                                        \
                if (value > best || value != value) best = value, where = AT(d, h, w);                                 \
            }                                                                                                          \
            y[o] = STORE(best);                                                                                        \
            if (indices) indices[o] = where;                                                                           \
        })                                                                                                             \
    }                                                                                                                  \
    static void avg_##T(const fac__pool_args *a, int64_t plane, int64_t in, int64_t out)                               \
    {                                                                                                                  \
        typedef COMPUTE W;                                                                                             \
        const T##_bits *x = (const T##_bits *)a->x + plane * in;                                                       \
        T##_bits *y = (T##_bits *)a->y + plane * out;                                                                  \
        EACH_OUTPUT({                                                                                                  \
            W sum = 0;                                                                                                 \
            EACH(v) sum += LOAD(x[AT(d, h, w)]);                                                                       \
            y[o] = STORE(is_empty(&v) ? 0 : DIVIDE(sum));                                                              \
        })                                                                                                             \
    }                                                                                                                  \
    static void backward_##T(const fac__pool_args *a, int64_t plane, int64_t in, int64_t out)                          \
    {                                                                                                                  \
        typedef COMPUTE W;                                                                                             \
        const T##_bits *dy = (const T##_bits *)a->dy + plane * out;                                                    \
        T##_bits *dx = (T##_bits *)a->dx + plane * in;                                                                 \
        if (a->kind == FAC__POOL_MAX || a->kind == FAC__POOL_ADAPTIVE_MAX) {                                           \
            const int64_t *indices = a->indices + plane * out;                                                         \
            for (int64_t o = 0; o < out; o++)                                                                          \
                if (indices[o] >= 0 && indices[o] < in)                                                                \
                    dx[indices[o]] = STORE((W)LOAD(dx[indices[o]]) + (W)LOAD(dy[o]));                                  \
            return;                                                                                                    \
        }                                                                                                              \
        EACH_OUTPUT({                                                                                                  \
            W share = DIVIDE((W)LOAD(dy[o]));                                                                          \
            EACH(v) dx[AT(d, h, w)] = STORE((W)LOAD(dx[AT(d, h, w)]) + share);                                         \
        })                                                                                                             \
    }                                                                                                                  \
    FAC__ISA_DECLARE(void, fac__pool_rows_##T, FAC__POOL_ROWS_PARAMETERS);                                             \
    static ways ways_##T(void)                                                                                         \
    {                                                                                                                  \
        return (ways){FAC__ISA_PICK(fac__pool_rows_##T), MAX_BACK, max_##T, avg_##T, backward_##T};                    \
    }
typedef uint16_t float16_bits;
typedef uint16_t bfloat16_bits;
typedef float float_bits;
typedef double double_bits;
FAC__ISA_DECLARE(bool, fac__max_2x2_back_float, FAC__MAX_BACK_PARAMETERS);
POOL(float16, float, fac__float16_to_float, fac__float_to_float16, NULL)
POOL(bfloat16, float, fac__bfloat16_to_float, fac__float_to_bfloat16, NULL)
POOL(float, float, , , FAC__ISA_PICK(fac__max_2x2_back_float))
POOL(double, double, , , NULL)

static ways ways_of(fac_dtype dtype)
{
    return dtype == FAC_FLOAT32   ? ways_float()
           : dtype == FAC_FLOAT64 ? ways_double()
           : dtype == FAC_FLOAT16 ? ways_float16()
                                  : ways_bfloat16();
}

static bool is_max(const fac__pool_args *a)
{
    return a->kind == FAC__POOL_MAX || a->kind == FAC__POOL_ADAPTIVE_MAX;
}

static void forward_planes(void *context, int64_t begin, int64_t end)
{
    const fac__pool_args *a = context;
    int64_t in = a->in[0] * a->in[1] * a->in[2], out = a->out[0] * a->out[1] * a->out[2];
    int64_t size = (int64_t)fac_dtype_size(a->dtype);
    ways w = ways_of(a->dtype);
    for (int64_t p = begin; p < end; p++) {
        const char *x = (const char *)a->x + p * in * size;
        char *y = (char *)a->y + p * out * size;
        int64_t *indices = a->indices ? a->indices + p * out : NULL;
        if (fac__pool_by_rows(a))
            w.rows(a, x, y, indices, is_max(a) ? FAC__POOL_WAY_MAX : FAC__POOL_WAY_AVG);
        else if (is_max(a))
            w.max(a, p, in, out);
        else
            w.avg(a, p, in, out);
    }
}

static void backward_planes(void *context, int64_t begin, int64_t end)
{
    const fac__pool_args *a = context;
    int64_t in = a->in[0] * a->in[1] * a->in[2], out = a->out[0] * a->out[1] * a->out[2];
    int64_t size = (int64_t)fac_dtype_size(a->dtype);
    ways w = ways_of(a->dtype);
    for (int64_t p = begin; p < end; p++) {
        char *dx = (char *)a->dx + p * in * size;
        const char *dy = (const char *)a->dy + p * out * size;
        if (is_max(a) && w.max_back && w.max_back(a, dy, dx, a->indices + p * out)) continue;
        memset(dx, 0, (size_t)(in * size)); /* the bits of 0 */
        if (fac__pool_by_rows(a) && !is_max(a))
            w.rows(a, dy, dx, NULL, FAC__POOL_WAY_AVG_BACK);
        else
            w.backward(a, p, in, out);
    }
}

static void over_planes(const fac__pool_args *a, fac__range_body body)
{
    int64_t in = a->in[0] * a->in[1] * a->in[2], out = a->out[0] * a->out[1] * a->out[2];
    int64_t taps = is_max(a) && a->dx ? 1 : a->kernel[0] * a->kernel[1] * a->kernel[2];
    if (a->kind == FAC__POOL_ADAPTIVE_AVG || a->kind == FAC__POOL_ADAPTIVE_MAX) taps = out ? in / out + 1 : 1;
    int64_t work = in + out * (taps + 1);
    fac__parallel(a->planes, 1 + (1 << 16) / (work + 1), body, (void *)a);
}

static void run_forward(const void *args)
{
    over_planes(args, forward_planes);
}

static void run_backward(const void *args)
{
    over_planes(args, backward_planes);
}

static void pool_memory(void *args, fac__memory *m)
{
    fac__pool_args *a = args;
    FAC__READS(m, a->x);
    FAC__WRITES(m, a->y);
    if (is_max(a)) FAC__WRITES(m, a->indices);
}

static void backward_memory(void *args, fac__memory *m)
{
    fac__pool_args *a = args;
    FAC__READS(m, a->dy);
    if (is_max(a)) FAC__READS(m, a->indices);
    FAC__WRITES(m, a->dx);
}

static int64_t planes(const void *args)
{
    return ((const fac__pool_args *)args)->planes;
}

static void slice_planes(void *args, int64_t begin, int64_t end)
{
    fac__pool_args *a = args;
    int64_t in = a->in[0] * a->in[1] * a->in[2] * begin, out = a->out[0] * a->out[1] * a->out[2] * begin;
    int64_t size = (int64_t)fac_dtype_size(a->dtype);
    a->planes = end - begin;
    if (a->x) a->x = (const char *)a->x + in * size;
    if (a->dx) a->dx = (char *)a->dx + in * size;
    if (a->y) a->y = (char *)a->y + out * size;
    if (a->dy) a->dy = (const char *)a->dy + out * size;
    if (a->indices) a->indices += out;
}

const fac__kernel fac__k_pool = {
    .name = "pool", .run = {run_forward}, .memory = pool_memory, .rows = planes, .slice = slice_planes};
const fac__kernel fac__k_pool_backward = {
    .name = "pool_backward", .run = {run_backward}, .memory = backward_memory, .rows = planes, .slice = slice_planes};
