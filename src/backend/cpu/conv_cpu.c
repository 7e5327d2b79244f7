/* Floor 1. Convolution on the CPU: the plain loops. */
#include "backend/conv.h"

/* Visits every product of a convolution: BODY sees n, k, c (within its group), positions o (output), q (input), w. */
#define VISIT(...)                                                                                                     \
    int64_t cg = a->c / a->groups, kg = a->k / a->groups;                                                              \
    int64_t in = a->in[0] * a->in[1] * a->in[2], out = a->out[0] * a->out[1] * a->out[2];                              \
    int64_t taps = a->kernel[0] * a->kernel[1] * a->kernel[2];                                                         \
    for (int64_t n = 0; n < a->n; n++)                                                                                 \
        for (int64_t k = 0; k < a->k; k++)                                                                             \
            for (int64_t o = 0; o < out; o++)                                                                          \
                for (int64_t c = 0; c < cg; c++)                                                                       \
                    for (int64_t t = 0; t < taps; t++) {                                                               \
                        int64_t d = o / a->out[2] / a->out[1] * a->stride[0] - a->pad[0] +                             \
                                    t / a->kernel[2] / a->kernel[1] * a->dilation[0];                                  \
                        int64_t h = o / a->out[2] % a->out[1] * a->stride[1] - a->pad[1] +                             \
                                    t / a->kernel[2] % a->kernel[1] * a->dilation[1];                                  \
                        int64_t w = o % a->out[2] * a->stride[2] - a->pad[2] + t % a->kernel[2] * a->dilation[2];      \
                        if (d < 0 || d >= a->in[0] || h < 0 || h >= a->in[1] || w < 0 || w >= a->in[2]) continue;      \
                        int64_t xi = (n * a->c + k / kg * cg + c) * in + (d * a->in[1] + h) * a->in[2] + w;            \
                        int64_t yi = (n * a->k + k) * out + o, wi = (k * cg + c) * taps + t;                           \
                        __VA_ARGS__;                                                                                   \
                    }

#define LOOPS(T)                                                                                                       \
    static void forward_##T(const fac__conv_args *a)                                                                   \
    {                                                                                                                  \
        const T *x = a->x, *w_ = a->w, *bias = a->bias;                                                                \
        T *y = a->y;                                                                                                   \
        int64_t plane = a->out[0] * a->out[1] * a->out[2];                                                             \
        for (int64_t i = 0; i < a->n * a->k * plane; i++)                                                              \
            y[i] = bias ? bias[i / plane % a->k] : 0;                                                                  \
        VISIT(y[yi] += x[xi] * w_[wi])                                                                                 \
    }                                                                                                                  \
    static void input_##T(const fac__conv_args *a)                                                                     \
    {                                                                                                                  \
        const T *dy = a->dy, *w_ = a->w;                                                                               \
        T *dx = a->dx;                                                                                                 \
        for (int64_t i = 0; i < a->n * a->c * a->in[0] * a->in[1] * a->in[2]; i++)                                     \
            dx[i] = 0;                                                                                                 \
        VISIT(dx[xi] += dy[yi] * w_[wi])                                                                               \
    }                                                                                                                  \
    static void weight_##T(const fac__conv_args *a)                                                                    \
    {                                                                                                                  \
        const T *dy = a->dy, *x = a->x;                                                                                \
        T *dw = a->dw;                                                                                                 \
        for (int64_t i = 0; i < a->k * (a->c / a->groups) * a->kernel[0] * a->kernel[1] * a->kernel[2]; i++)           \
            dw[i] = 0;                                                                                                 \
        VISIT(dw[wi] += dy[yi] * x[xi])                                                                                \
    }
LOOPS(float)
LOOPS(double)

#define KERNEL(kernel, name, way)                                                                                      \
    static void run_##way(const void *args)                                                                            \
    {                                                                                                                  \
        const fac__conv_args *a = args;                                                                                \
        (a->dtype == FAC_FLOAT64 ? way##_double : way##_float)(a);                                                     \
    }                                                                                                                  \
    const fac__kernel kernel = {name, {run_##way}};
KERNEL(fac__k_conv, "conv", forward)
KERNEL(fac__k_conv_input, "conv_input", input)
KERNEL(fac__k_conv_weight, "conv_weight", weight)
