/* Floor 1. Cross entropy over rows of class scores. exp is taken of flat blocks, several rows at a time, so that ten
 * classes vectorise as well as ten thousand. */
#include "backend/cpu/loss_rows.h"

#include "backend/cpu/isa/isa.h"
#include "backend/cpu/isa/scalar_math.h"

enum { BLOCK = 1024 }; /* elements whose exp is taken at once */

#define CROSS_ENTROPY(T, EXP_T, LOG_T)                                                                                 \
    static T weight_of_##T(const fac__nll_args *a, int64_t t)                                                          \
    {                                                                                                                  \
        if (t == a->ignore_index) return 0;                                                                            \
        if (t < 0 || t >= a->classes) return (T)NAN;                                                                   \
        return a->weight ? ((const T *)a->weight)[t] : 1;                                                              \
    }                                                                                                                  \
    static T max_##T(const T *x, int64_t n)                                                                            \
    {                                                                                                                  \
        T max = -(T)INFINITY;                                                                                          \
        _Pragma("omp simd reduction(max : max)") for (int64_t k = 0; k < n; k++) max = x[k] > max ? x[k] : max;        \
        return max;                                                                                                    \
    }                                                                                                                  \
    static T sum_##T(const T *x, int64_t n)                                                                            \
    {                                                                                                                  \
        T sum = 0;                                                                                                     \
        _Pragma("omp simd reduction(+ : sum)") for (int64_t k = 0; k < n; k++) sum += x[k];                            \
        return sum;                                                                                                    \
    }                                                                                                                  \
    /* exp(x - shift) of n elements. */                                                                                \
    static void exps_##T(T *restrict e, const T *restrict x, T shift, int64_t n)                                       \
    {                                                                                                                  \
        _Pragma("omp simd") for (int64_t k = 0; k < n; k++) e[k] = EXP_T(x[k] - shift);                                \
    }                                                                                                                  \
    /* Of several short rows: each by its own shift. */                                                                \
    static void exps_rows_##T(T *restrict e, const T *restrict x, const T *restrict shift, int64_t rows, int64_t n)    \
    {                                                                                                                  \
        for (int64_t r = 0; r < rows; r++)                                                                             \
            for (int64_t k = 0; k < n; k++)                                                                            \
                e[r * n + k] = x[r * n + k] - shift[r];                                                                \
        _Pragma("omp simd") for (int64_t k = 0; k < rows * n; k++) e[k] = EXP_T(e[k]);                                 \
    }                                                                                                                  \
    static T sum_exps_##T(const T *x, T shift, int64_t n)                                                              \
    {                                                                                                                  \
        T e[BLOCK], sum = 0;                                                                                           \
        for (int64_t k = 0; k < n; k += BLOCK) {                                                                       \
            int64_t count = n - k < BLOCK ? n - k : BLOCK;                                                             \
            exps_##T(e, x + k, shift, count);                                                                          \
            sum += sum_##T(e, count);                                                                                  \
        }                                                                                                              \
        return sum;                                                                                                    \
    }                                                                                                                  \
    void FAC__ISA(fac__cross_entropy_##T) FAC__CROSS_ENTROPY_PARAMETERS                                                \
    {                                                                                                                  \
        int64_t n = a->nll.classes, at_once = n < BLOCK ? BLOCK / n : 1;                                               \
        T e[BLOCK], *maxes = a->rows, *logs = maxes + a->nll.n, *losses = logs + a->nll.n;                             \
        for (int64_t i = begin; i < end; i += at_once) {                                                               \
            int64_t rows = end - i < at_once ? end - i : at_once;                                                      \
            const T *x = (const T *)a->nll.x + i * n;                                                                  \
            T *max = maxes + i;                                                                                        \
            for (int64_t r = 0; r < rows; r++) {                                                                       \
                max[r] = max_##T(x + r * n, n);                                                                        \
                if (max[r] == -(T)INFINITY) max[r] = 0;                                                                \
            }                                                                                                          \
            if (n <= BLOCK) exps_rows_##T(e, x, max, rows, n);                                                         \
            for (int64_t r = 0; r < rows; r++) {                                                                       \
                T sum = n <= BLOCK ? sum_##T(e + r * n, n) : sum_exps_##T(x, max[0], n);                               \
                int64_t t = a->nll.target[i + r];                                                                      \
                T w = weight_of_##T(&a->nll, t), ln = LOG_T(sum);                                                      \
                logs[i + r] = ln;                                                                                      \
                /* In PyTorch's order: x - max - log(sum). */                                                          \
                losses[i + r] = w == 0 ? 0 : w != w ? w : -w * (x[r * n + t] - max[r] - ln);                           \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    void FAC__ISA(fac__cross_entropy_backward_##T) FAC__CROSS_ENTROPY_PARAMETERS                                       \
    {                                                                                                                  \
        const fac__nll_args *l = &a->nll;                                                                              \
        int64_t n = l->classes, at_once = n < BLOCK ? BLOCK / n : 1;                                                   \
        const T *maxes = a->rows, *logs = maxes + l->n, *g = l->g, *x = l->x;                                          \
        for (int64_t i = begin; i < end; i += at_once) {                                                               \
            int64_t rows = end - i < at_once ? end - i : at_once;                                                      \
            T *dx = (T *)l->dx + i * n;                                                                                \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                for (int64_t k = 0; k < n; k++)                                                                        \
                    dx[r * n + k] = x[(i + r) * n + k] - maxes[i + r] - logs[i + r];                                   \
            _Pragma("omp simd") for (int64_t k = 0; k < rows * n; k++) dx[k] = EXP_T(dx[k]);                           \
            for (int64_t r = 0; r < rows; r++, dx += n) {                                                              \
                int64_t t = l->target[i + r];                                                                          \
                T w = weight_of_##T(l, t), scale = g[l->reduction == FAC__LOSS_NONE ? i + r : 0];                      \
                if (l->reduction == FAC__LOSS_MEAN) scale /= *(const T *)l->total;                                     \
                scale *= w;                                                                                            \
                for (int64_t k = 0; k < n; k++)                                                                        \
                    dx[k] = w == 0 ? 0 : dx[k] * scale;                                                                \
                if (w != 0 && t >= 0 && t < n) dx[t] -= scale;                                                         \
            }                                                                                                          \
        }                                                                                                              \
    }
CROSS_ENTROPY(float, exp_negative_f32, log_f32)
CROSS_ENTROPY(double, exp, log)
