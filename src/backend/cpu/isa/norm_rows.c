/* Floor 1. The loops of normalisation. Sums that make statistics are in double. Those of gradients are in the dtype over
 * blocks, and in double over the blocks. */
#include "backend/cpu/norm_rows.h"

enum { BLOCK = 256, ROW_BLOCK = 16 };

#define SIMD _Pragma("omp simd")
#define SIMD_SUM(...) _Pragma(SIMD_TEXT(omp simd reduction(+ : __VA_ARGS__)))
#define SIMD_TEXT(...) #__VA_ARGS__
#define ROWS for (int64_t r = 0; r < rows; r++)
#define EACH for (int64_t i = 0; i < n; i++)
#define COLUMNS for (int64_t c = 0; c < columns; c++)

#define LOOPS(T)                                                                                                       \
    static double sum_##T(const void *x_, int64_t n)                                                                   \
    {                                                                                                                  \
        const T *x = x_;                                                                                               \
        double sum = 0;                                                                                                \
        SIMD_SUM(sum) EACH sum += (double)x[i];                                                                        \
        return sum;                                                                                                    \
    }                                                                                                                  \
    static double deviations_##T(const void *x_, double mean, int64_t n)                                               \
    {                                                                                                                  \
        const T *x = x_;                                                                                               \
        double sum = 0;                                                                                                \
        SIMD_SUM(sum) EACH sum += ((double)x[i] - mean) * ((double)x[i] - mean);                                       \
        return sum;                                                                                                    \
    }                                                                                                                  \
    static void dots_##T(double *out, const void *dy_, const void *x_, double mean_, const void *weight_, int64_t n)   \
    {                                                                                                                  \
        const T *dy = dy_, *x = x_, *weight = weight_;                                                                 \
        const T mean = (T)mean_;                                                                                       \
        for (int64_t count; n > 0; n -= count, dy += count, x += count, weight = weight ? weight + count : NULL) {     \
            T sum = 0, dot = 0;                                                                                        \
            count = n < BLOCK ? n : BLOCK;                                                                             \
            if (weight) {                                                                                              \
                SIMD_SUM(sum, dot) for (int64_t i = 0; i < count; i++)                                                 \
                {                                                                                                      \
                    T g = dy[i] * weight[i];                                                                           \
                    sum += g;                                                                                          \
                    dot += g * (x[i] - mean);                                                                          \
                }                                                                                                      \
            } else {                                                                                                   \
                SIMD_SUM(sum, dot) for (int64_t i = 0; i < count; i++)                                                 \
                {                                                                                                      \
                    sum += dy[i];                                                                                      \
                    dot += dy[i] * (x[i] - mean);                                                                      \
                }                                                                                                      \
            }                                                                                                          \
            out[0] += (double)sum;                                                                                     \
            out[1] += (double)dot;                                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    static void scale_##T(void *y_, const void *x_, double mean_, double a_, double b_, int64_t n)                     \
    {                                                                                                                  \
        T *y = y_, mean = (T)mean_, a = (T)a_, b = (T)b_;                                                              \
        const T *x = x_;                                                                                               \
        SIMD EACH y[i] = (x[i] - mean) * a + b;                                                                        \
    }                                                                                                                  \
    static void apply_##T(void *y_, const void *x_, double mean_, double rstd_, const void *weight_,                   \
                          const void *bias_, int64_t n)                                                                \
    {                                                                                                                  \
        T *y = y_, mean = (T)mean_, rstd = (T)rstd_;                                                                   \
        const T *x = x_, *weight = weight_, *bias = bias_;                                                             \
        if (weight && bias)                                                                                            \
            SIMD EACH y[i] = (x[i] - mean) * rstd * weight[i] + bias[i];                                               \
        else if (weight)                                                                                               \
            SIMD EACH y[i] = (x[i] - mean) * rstd * weight[i];                                                         \
        else if (bias)                                                                                                 \
            SIMD EACH y[i] = (x[i] - mean) * rstd + bias[i];                                                           \
        else                                                                                                           \
            SIMD EACH y[i] = (x[i] - mean) * rstd;                                                                     \
    }                                                                                                                  \
    static void back_##T(void *dx_, const void *dy_, const void *x_, double mean_, const void *weight_, double a_,     \
                         double b_, double c_, int64_t n)                                                              \
    {                                                                                                                  \
        T *dx = dx_, mean = (T)mean_, a = (T)a_, b = (T)b_, c = (T)c_;                                                 \
        const T *dy = dy_, *x = x_, *weight = weight_;                                                                 \
        if (weight)                                                                                                    \
            SIMD EACH dx[i] = dy[i] * weight[i] * a + (x[i] - mean) * b + c;                                           \
        else                                                                                                           \
            SIMD EACH dx[i] = dy[i] * a + (x[i] - mean) * b + c;                                                       \
    }                                                                                                                  \
    static void column_sums_##T(double *restrict sum, const void *x_, int64_t rows, int64_t stride, int64_t columns)   \
    {                                                                                                                  \
        const T *x = x_;                                                                                               \
        ROWS SIMD COLUMNS sum[c] += (double)x[r * stride + c];                                                         \
    }                                                                                                                  \
    static void column_deviations_##T(double *restrict sum, const void *x_, const double *mean, int64_t rows,          \
                                      int64_t stride, int64_t columns)                                                 \
    {                                                                                                                  \
        const T *x = x_;                                                                                               \
        ROWS SIMD COLUMNS                                                                                              \
        {                                                                                                              \
            double d = (double)x[r * stride + c] - mean[c];                                                            \
            sum[c] += d * d;                                                                                           \
        }                                                                                                              \
    }                                                                                                                  \
    static void column_dots_##T(double *restrict sum, double *restrict dot, const void *dy_, const void *x_,           \
                                const double *mean, int64_t rows, int64_t stride, int64_t columns)                     \
    {                                                                                                                  \
        const T *dy = dy_, *x = x_;                                                                                    \
        ROWS SIMD COLUMNS                                                                                              \
        {                                                                                                              \
            double g = (double)dy[r * stride + c];                                                                     \
            sum[c] += g;                                                                                               \
            dot[c] += g * ((double)x[r * stride + c] - mean[c]);                                                       \
        }                                                                                                              \
    }                                                                                                                  \
    static void column_row_dots_##T(double *restrict sum, double *restrict dot, const void *dy_, const void *x_,       \
                                    const void *mean_, const void *rstd_, int64_t rows, int64_t stride,                \
                                    int64_t columns)                                                                   \
    {                                                                                                                  \
        const T *dy = dy_, *x = x_, *mean = mean_, *rstd = rstd_;                                                      \
        for (int64_t first = 0; first < rows; first += ROW_BLOCK) {                                                    \
            T some[FAC__NORM_COLUMNS] = {0}, products[FAC__NORM_COLUMNS] = {0};                                        \
            int64_t end = rows - first < ROW_BLOCK ? rows : first + ROW_BLOCK;                                         \
            for (int64_t r = first; r < end; r++) {                                                                    \
                const T m = mean[r], s = rstd[r];                                                                      \
                SIMD COLUMNS                                                                                           \
                {                                                                                                      \
                    T g = dy[r * stride + c];                                                                          \
                    some[c] += g;                                                                                      \
                    products[c] += g * ((x[r * stride + c] - m) * s);                                                  \
                }                                                                                                      \
            }                                                                                                          \
            SIMD COLUMNS                                                                                               \
            {                                                                                                          \
                sum[c] += (double)some[c];                                                                             \
                dot[c] += (double)products[c];                                                                         \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void column_scale_##T(void *y_, const void *x_, const double *mean, const double *a, const double *b,       \
                                 int64_t rows, int64_t stride, int64_t columns)                                        \
    {                                                                                                                  \
        T *y = y_;                                                                                                     \
        const T *x = x_;                                                                                               \
        ROWS SIMD COLUMNS y[r * stride + c] = (x[r * stride + c] - (T)mean[c]) * (T)a[c] + (T)b[c];                    \
    }                                                                                                                  \
    static void column_back_##T(void *dx_, const void *dy_, const void *x_, const double *mean, const double *a,       \
                                const double *b, const double *k, int64_t rows, int64_t stride, int64_t columns)       \
    {                                                                                                                  \
        T *dx = dx_;                                                                                                   \
        const T *dy = dy_, *x = x_;                                                                                    \
        ROWS SIMD COLUMNS dx[r * stride + c] = dy[r * stride + c] * (T)a[c] +                                          \
                                               (x[r * stride + c] - (T)mean[c]) * (T)b[c] + (T)k[c];                   \
    }                                                                                                                  \
    const fac__norm_rows FAC__ISA(fac__norm_rows_##T) =                                                                \
        {                                                                                                              \
            sum_##T,          deviations_##T,                                                                          \
            dots_##T,         scale_##T,                                                                               \
            apply_##T,        back_##T,                                                                                \
            column_sums_##T,  column_deviations_##T,                                                                   \
            column_dots_##T,  column_row_dots_##T,                                                                     \
            column_scale_##T, column_back_##T,                                                                         \
    };
LOOPS(float)
LOOPS(double)
