/* Floor 1. Resampling on the CPU, parallel over what lies outside of the axis. Where there is something inside, whole rows
 * are added up; else a row's elements are picked one by one, for which two taps, by far the most usual, have a loop of their
 * own. */
#include <string.h>

#include "backend/resample.h"

#define RESAMPLE(T)                                                                                                    \
    static void add_row_##T(T *restrict to, const T *restrict from, T weight, int64_t n)                               \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            to[i] += from[i] * weight;                                                                                 \
    }                                                                                                                  \
    static void rows_##T(const fac__resample_args *a, const T *restrict x, T *restrict y)                              \
    {                                                                                                                  \
        int64_t k = a->taps.count, n = a->inner;                                                                       \
        for (int64_t o = 0; o < a->out; o++, y += n) {                                                                 \
            const int64_t *at = a->taps.at + o * k;                                                                    \
            const T *w = (const T *)a->taps.weight + o * k, *row = x + at[0] * n;                                      \
            if (k == 2) {                                                                                              \
                const T *next = x + at[1] * n;                                                                         \
                for (int64_t i = 0; i < n; i++)                                                                        \
                    y[i] = row[i] * w[0] + next[i] * w[1];                                                             \
                continue;                                                                                              \
            }                                                                                                          \
            for (int64_t i = 0; i < n; i++)                                                                            \
                y[i] = row[i] * w[0];                                                                                  \
            for (int64_t t = 1; t < k; t++)                                                                            \
                add_row_##T(y, x + at[t] * n, w[t], n);                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    static void elements_##T(const fac__resample_args *a, const T *restrict x, T *restrict y)                          \
    {                                                                                                                  \
        const int64_t *at = a->taps.at;                                                                                \
        const T *w = a->taps.weight;                                                                                   \
        int64_t k = a->taps.count;                                                                                     \
        if (k == 2)                                                                                                    \
            for (int64_t o = 0; o < a->out; o++)                                                                       \
                y[o] = x[at[2 * o]] * w[2 * o] + x[at[2 * o + 1]] * w[2 * o + 1];                                      \
        else                                                                                                           \
            for (int64_t o = 0; o < a->out; o++, at += k, w += k) {                                                    \
                T sum = 0;                                                                                             \
                for (int64_t t = 0; t < k; t++)                                                                        \
                    sum += x[at[t]] * w[t];                                                                            \
                y[o] = sum;                                                                                            \
            }                                                                                                          \
    }                                                                                                                  \
    static void back_##T(const fac__resample_args *a, T *restrict dx, const T *restrict dy)                            \
    {                                                                                                                  \
        const int64_t *at = a->taps.at;                                                                                \
        const T *w = a->taps.weight;                                                                                   \
        int64_t k = a->taps.count, n = a->inner;                                                                       \
        memset(dx, 0, (size_t)(a->in * n) * sizeof(T));                                                                \
        for (int64_t o = 0; o < a->out; o++, dy += n, at += k, w += k)                                                 \
            for (int64_t t = 0; t < k; t++)                                                                            \
                if (n == 1)                                                                                            \
                    dx[at[t]] += *dy * w[t];                                                                           \
                else                                                                                                   \
                    add_row_##T(dx + at[t] * n, dy, w[t], n);                                                          \
    }                                                                                                                  \
    static void forward_##T(void *context, int64_t begin, int64_t end)                                                 \
    {                                                                                                                  \
        const fac__resample_args *a = context;                                                                         \
        for (int64_t i = begin; i < end; i++)                                                                          \
            (a->inner == 1 ? elements_##T : rows_##T)(a, (const T *)a->x + i * a->in * a->inner,                       \
                                                      (T *)a->y + i * a->out * a->inner);                              \
    }                                                                                                                  \
    static void backward_##T(void *context, int64_t begin, int64_t end)                                                \
    {                                                                                                                  \
        const fac__resample_args *a = context;                                                                         \
        for (int64_t i = begin; i < end; i++)                                                                          \
            back_##T(a, (T *)a->dx + i * a->in * a->inner, (const T *)a->dy + i * a->out * a->inner);                  \
    }
RESAMPLE(float)
RESAMPLE(double)

static void run(const fac__resample_args *a, fac__range_body of_float, fac__range_body of_double)
{
    int64_t work = a->inner * (a->in + a->out * a->taps.count);
    fac__parallel(a->outer, 1 + (1 << 16) / (work + 1), a->dtype == FAC_FLOAT32 ? of_float : of_double, (void *)a);
}

static void resample(const void *args)
{
    run(args, forward_float, forward_double);
}

static void resample_backward(const void *args)
{
    run(args, backward_float, backward_double);
}

#define PICK(T)                                                                                                        \
    static void pick_##T(const fac__pick_args *a, int64_t plane)                                                       \
    {                                                                                                                  \
        const T *x = (const T *)a->x + plane * a->in[0] * a->in[1] * a->in[2];                                         \
        T *y = (T *)a->y + plane * a->out[0] * a->out[1] * a->out[2];                                                  \
        const int64_t *at = a->at[2];                                                                                  \
        for (int64_t d = 0; d < a->out[0]; d++)                                                                        \
            for (int64_t h = 0; h < a->out[1]; h++, y += a->out[2]) {                                                  \
                const T *row = x + (a->at[0][d] * a->in[1] + a->at[1][h]) * a->in[2];                                  \
                if (h && a->at[1][h] == a->at[1][h - 1])                                                               \
                    memcpy(y, y - a->out[2], (size_t)a->out[2] * sizeof *y);                                           \
                else                                                                                                   \
                    for (int64_t w = 0; w < a->out[2]; w++)                                                            \
                        y[w] = row[at[w]];                                                                             \
            }                                                                                                          \
    }
PICK(uint8_t)
PICK(uint16_t)
PICK(uint32_t)
PICK(uint64_t)

static void pick_planes(void *context, int64_t begin, int64_t end)
{
    const fac__pick_args *a = context;
    for (int64_t p = begin; p < end; p++)
        switch (a->element) {
        case 1: pick_uint8_t(a, p); break;
        case 2: pick_uint16_t(a, p); break;
        case 4: pick_uint32_t(a, p); break;
        default: pick_uint64_t(a, p); break;
        }
}

static void pick(const void *args)
{
    const fac__pick_args *a = args;
    int64_t work = a->out[0] * a->out[1] * a->out[2];
    fac__parallel(a->planes, 1 + (1 << 16) / (work + 1), pick_planes, (void *)a);
}

static void resample_memory(void *args, fac__memory *m)
{
    fac__resample_args *a = args;
    FAC__READS(m, a->taps.at);
    FAC__READS(m, a->taps.weight);
    FAC__READS(m, a->x);
    FAC__WRITES(m, a->y);
}

static void backward_memory(void *args, fac__memory *m)
{
    fac__resample_args *a = args;
    FAC__READS(m, a->taps.at);
    FAC__READS(m, a->taps.weight);
    FAC__READS(m, a->dy);
    FAC__WRITES(m, a->dx);
}

static void pick_memory(void *args, fac__memory *m)
{
    fac__pick_args *a = args;
    for (int d = 0; d < 3; d++)
        FAC__READS(m, a->at[d]);
    FAC__READS(m, a->x);
    FAC__WRITES(m, a->y);
}

const fac__kernel fac__k_resample = {.name = "resample", .run = {resample}, .memory = resample_memory};
const fac__kernel fac__k_resample_backward = {
    .name = "resample_backward", .run = {resample_backward}, .memory = backward_memory};
const fac__kernel fac__k_pick = {.name = "pick", .run = {pick}, .memory = pick_memory};
