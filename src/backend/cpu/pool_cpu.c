/* Floor 1. Pooling on the CPU, parallel over planes. What an output element sees along each axis is a window; max, avg
 * and the adaptive kinds differ only in how a window is found and what is done with its elements. Windows, divisors and
 * the order of sums are PyTorch's (aten/src/ATen/native/cpu: MaxPoolKernel, AvgPoolKernel, AdaptiveAvgPoolKernel). */
#include "backend/conv.h"
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/pool_rows.h"
#include "core/half.h"

FAC__ISA_DECLARE(void, fac__pool_max_2x2_float, FAC__POOL_MAX_2X2_PARAMETERS(float));
FAC__ISA_DECLARE(void, fac__pool_max_2x2_double, FAC__POOL_MAX_2X2_PARAMETERS(double));

/* Positions begin, begin + step, … < end of one axis. size: what the axis gives to avg's divisor. */
typedef struct window {
    int64_t begin, end, step, size;
} window;

static window window_at(const fac__pool_args *a, int axis, int64_t o)
{
    int64_t in = a->in[axis], out = a->out[axis];
    if (a->kind == FAC__POOL_ADAPTIVE_AVG || a->kind == FAC__POOL_ADAPTIVE_MAX) {
        int64_t begin = o * in / out, end = ((o + 1) * in + out - 1) / out;
        return (window){begin, end, 1, end - begin};
    }
    int64_t begin = o * a->stride[axis] - a->pad[axis];
    if (a->kind == FAC__POOL_MAX) {
        int64_t step = a->dilation[axis], end = begin + (a->kernel[axis] - 1) * step + 1;
        if (begin < 0) begin += (-begin + step - 1) / step * step;
        return (window){begin, end < in ? end : in, step, 0};
    }
    int64_t end = begin + a->kernel[axis];
    if (end > in + a->pad[axis]) end = in + a->pad[axis];
    window w = {begin < 0 ? 0 : begin, end < in ? end : in, 1, end - begin};
    if (!a->count_include_pad) w.size = w.end - w.begin;
    return w;
}

typedef struct windows {
    window d, h, w;
} windows;

static bool is_empty(const windows *v)
{
    return v->d.begin >= v->d.end || v->h.begin >= v->h.end || v->w.begin >= v->w.end;
}

static double divisor(const fac__pool_args *a, const windows *v)
{
    return (double)(a->kind == FAC__POOL_AVG && a->divisor ? a->divisor : v->d.size * v->h.size * v->w.size);
}

#define EACH(v)                                                                                                        \
    for (int64_t d = (v).d.begin; d < (v).d.end; d += (v).d.step)                                                      \
        for (int64_t h = (v).h.begin; h < (v).h.end; h += (v).h.step)                                                  \
            for (int64_t w = (v).w.begin; w < (v).w.end; w += (v).w.step)
/* Runs BODY for each output position o of a plane, with its windows in v. */
#define EACH_OUTPUT(...)                                                                                               \
    for (int64_t o = 0, od = 0; od < a->out[0]; od++) {                                                                \
        windows v = {.d = window_at(a, 0, od)};                                                                        \
        for (int64_t oh = 0; oh < a->out[1]; oh++) {                                                                   \
            v.h = window_at(a, 1, oh);                                                                                 \
            for (int64_t ow = 0; ow < a->out[2]; ow++, o++) {                                                          \
                v.w = window_at(a, 2, ow);                                                                             \
                __VA_ARGS__                                                                                            \
            }                                                                                                          \
        }                                                                                                              \
    }
#define AT(d, h, w) (((d)*a->in[1] + (h)) * a->in[2] + (w))

/* PyTorch divides an adaptive average by the window's sides one after another. */
#define DIVIDE(sum)                                                                                                    \
    (a->kind == FAC__POOL_AVG ? (sum) / (W)divisor(a, &v) : (sum) / (W)v.d.size / (W)v.h.size / (W)v.w.size)

#define POOL(T, COMPUTE, LOAD, STORE)                                                                                  \
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
        for (int64_t i = 0; i < in; i++)                                                                               \
            dx[i] = 0; /* the bits of 0 */                                                                             \
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
    }
typedef uint16_t float16_bits;
typedef uint16_t bfloat16_bits;
typedef float float_bits;
typedef double double_bits;
POOL(float16, float, fac__float16_to_float, fac__float_to_float16)
POOL(bfloat16, float, fac__bfloat16_to_float, fac__float_to_bfloat16)
POOL(float, float, , )
POOL(double, double, , )

typedef struct ways {
    void (*max)(const fac__pool_args *a, int64_t plane, int64_t in, int64_t out);
    void (*avg)(const fac__pool_args *a, int64_t plane, int64_t in, int64_t out);
    void (*backward)(const fac__pool_args *a, int64_t plane, int64_t in, int64_t out);
} ways;

static const ways *ways_of(fac_dtype dtype)
{
    static const ways table[FAC_DTYPE_COUNT] = {[FAC_FLOAT16] = {max_float16, avg_float16, backward_float16},
                                                [FAC_BFLOAT16] = {max_bfloat16, avg_bfloat16, backward_bfloat16},
                                                [FAC_FLOAT32] = {max_float, avg_float, backward_float},
                                                [FAC_FLOAT64] = {max_double, avg_double, backward_double}};
    return &table[dtype];
}

static bool is_max(const fac__pool_args *a)
{
    return a->kind == FAC__POOL_MAX || a->kind == FAC__POOL_ADAPTIVE_MAX;
}

/* The pooling of most networks: 2 x 2 side by side, nothing cut off but a last odd row or column. */
static bool is_2x2(const fac__pool_args *a)
{
    return a->kind == FAC__POOL_MAX && (a->dtype == FAC_FLOAT32 || a->dtype == FAC_FLOAT64) && a->in[0] == 1 &&
           a->kernel[0] == 1 && a->kernel[1] == 2 && a->kernel[2] == 2 && a->stride[1] == 2 && a->stride[2] == 2 &&
           !a->pad[0] && !a->pad[1] && !a->pad[2] && a->dilation[1] == 1 && a->dilation[2] == 1 && a->out[0] == 1 &&
           a->out[1] == a->in[1] / 2 && a->out[2] == a->in[2] / 2;
}

static void forward_planes(void *context, int64_t begin, int64_t end)
{
    const fac__pool_args *a = context;
    int64_t in = a->in[0] * a->in[1] * a->in[2], out = a->out[0] * a->out[1] * a->out[2];
    const ways *w = ways_of(a->dtype);
    bool quick = is_2x2(a);
    for (int64_t p = begin; p < end; p++) {
        int64_t *indices = a->indices ? a->indices + p * out : NULL;
        if (quick && a->dtype == FAC_FLOAT32) FAC__ISA_PICK(fac__pool_max_2x2_float)
        ((const float *)a->x + p * in, (float *)a->y + p * out, indices, a->out[1], a->out[2], a->in[2]);
        else if (quick) FAC__ISA_PICK(fac__pool_max_2x2_double)((const double *)a->x + p * in, (double *)a->y + p * out,
                                                                indices, a->out[1], a->out[2], a->in[2]);
        else(is_max(a) ? w->max : w->avg)(a, p, in, out);
    }
}

static void backward_planes(void *context, int64_t begin, int64_t end)
{
    const fac__pool_args *a = context;
    int64_t in = a->in[0] * a->in[1] * a->in[2], out = a->out[0] * a->out[1] * a->out[2];
    for (int64_t p = begin; p < end; p++)
        ways_of(a->dtype)->backward(a, p, in, out);
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

const fac__kernel fac__k_pool = {"pool", {run_forward}};
const fac__kernel fac__k_pool_backward = {"pool_backward", {run_backward}};
