/* Floor 1. What pool_cpu.c calls in isa/conv_pool.c: pooling a row of outputs at a time. */
#ifndef FACULA_POOL_ROWS_H
#define FACULA_POOL_ROWS_H

#include "backend/conv.h"

/* Positions begin, begin + step, … < end of one axis. size: what the axis gives to avg's divisor. */
typedef struct fac__window {
    int64_t begin, end, step, size;
} fac__window;

/* What output o sees along an axis, by PyTorch's rules. */
static inline fac__window fac__window_at(const fac__pool_args *a, int axis, int64_t o)
{
    int64_t in = a->in[axis], out = a->out[axis];
    if (a->kind == FAC__POOL_ADAPTIVE_AVG || a->kind == FAC__POOL_ADAPTIVE_MAX) {
        int64_t begin = o * in / out, end = ((o + 1) * in + out - 1) / out;
        return (fac__window){begin, end, 1, end - begin};
    }
    int64_t begin = o * a->stride[axis] - a->pad[axis];
    if (a->kind == FAC__POOL_MAX) {
        int64_t step = a->dilation[axis], end = begin + (a->kernel[axis] - 1) * step + 1;
        if (begin < 0) begin += (-begin + step - 1) / step * step;
        return (fac__window){begin, end < in ? end : in, step, 0};
    }
    int64_t end = begin + a->kernel[axis];
    if (end > in + a->pad[axis]) end = in + a->pad[axis];
    fac__window w = {begin < 0 ? 0 : begin, end < in ? end : in, 1, end - begin};
    if (!a->count_include_pad) w.size = w.end - w.begin;
    return w;
}

/* Max or avg pooling of one plane, or avg's gradient: x is dy then, and y is dx, zero before. T: float, double, float16,
 * bfloat16. */
typedef enum fac__pool_way { FAC__POOL_WAY_MAX, FAC__POOL_WAY_AVG, FAC__POOL_WAY_AVG_BACK } fac__pool_way;
#define FAC__POOL_ROWS_PARAMETERS (const fac__pool_args *a, const void *x, void *y, int64_t *indices, fac__pool_way way)

/* The gradient of max pooling of one plane of outputs dy, with the places of the maxima; false where it does not do this one. */
#define FAC__MAX_BACK_PARAMETERS (const fac__pool_args *a, const void *dy, void *dx, const int64_t *indices)

/* Elements of a row at a time, and outputs at a step; windows and strides must be small enough for that. */
enum { FAC__POOL_ROW = 1024, FAC__POOL_STEP = 16 };
static inline bool fac__pool_by_rows(const fac__pool_args *a)
{
    int64_t reach = (a->kernel[2] - 1) * (a->kind == FAC__POOL_MAX ? a->dilation[2] : 1) + 1;
    return (a->kind == FAC__POOL_MAX || a->kind == FAC__POOL_AVG) && a->in[0] * a->in[1] * a->in[2] <= INT32_MAX &&
           reach <= FAC__POOL_ROW / 2 && a->stride[2] <= FAC__POOL_ROW / 2 / FAC__POOL_STEP;
}

#endif
