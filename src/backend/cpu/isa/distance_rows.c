/* Floor 1. Distances of one row to many, and the row's gradient. */
#include "backend/cpu/distance_rows.h"

#include <math.h>

enum { BLOCK = 256 }; /* elements of a gradient at once */

#define SIMD _Pragma("omp simd")
#define SIMD_REDUCE(how) _Pragma(SIMD_TEXT(omp simd reduction(how)))
#define SIMD_TEXT(...) #__VA_ARGS__
#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define EACH for (int64_t k = 0; k < n; k++)

/* What is common to a pair of rows in the gradient: what the slope of each element is multiplied by. */
static double pair_factor(double p, double g, double distance)
{
    if (distance == 0 || p == 0) return 0;
    return p == 1 || isinf(p) ? g : p == 2 ? g / distance : g / pow(distance, p - 1);
}

#define DISTANCES(T)                                                                                                   \
    static double distance_##T(const T *a, const T *b, int64_t n, double p)                                            \
    {                                                                                                                  \
        double y = 0;                                                                                                  \
        if (p == 0) {                                                                                                  \
            SIMD_REDUCE(+ : y) EACH y += a[k] != b[k];                                                                 \
        } else if (p == 1) {                                                                                           \
            SIMD_REDUCE(+ : y) EACH y += fabs((double)a[k] - (double)b[k]);                                            \
        } else if (p == 2) {                                                                                           \
            SIMD_REDUCE(+ : y) EACH y += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);                \
            y = sqrt(y);                                                                                               \
        } else if (isinf(p)) {                                                                                         \
            int64_t nans = 0;                                                                                          \
            SIMD_REDUCE(max : y) EACH y = LARGER(fabs((double)a[k] - (double)b[k]), y);                                \
            SIMD_REDUCE(+ : nans) EACH nans += a[k] - b[k] != a[k] - b[k];                                             \
            if (nans) y = NAN;                                                                                         \
        } else {                                                                                                       \
            EACH y += pow(fabs((double)a[k] - (double)b[k]), p);                                                       \
            y = pow(y, 1 / p);                                                                                         \
        }                                                                                                              \
        return y;                                                                                                      \
    }                                                                                                                  \
    static void forward_##T(const fac__cdist_args *args, int64_t begin, int64_t end)                                   \
    {                                                                                                                  \
        for (int64_t i = begin; i < end; i++) {                                                                        \
            const T *a = (const T *)args->x1 + i * args->n;                                                            \
            const T *b = (const T *)args->x2 + i / args->rows * args->columns * args->n;                               \
            T *y = (T *)args->y + i * args->columns;                                                                   \
            for (int64_t j = 0; j < args->columns; j++)                                                                \
                y[j] = (T)distance_##T(a, b + j * args->n, args->n, args->p);                                          \
        }                                                                                                              \
    }                                                                                                                  \
    /* sum += factor * the slope of each element. The largest of p = inf do not share: each has all of it. */          \
    static void add_slopes_##T(double *restrict sum, const T *a, const T *b, int64_t n, double p, double factor,       \
                               double distance)                                                                        \
    {                                                                                                                  \
        if (p == 2) {                                                                                                  \
            SIMD EACH sum[k] += factor * ((double)a[k] - (double)b[k]);                                                \
            return;                                                                                                    \
        }                                                                                                              \
        EACH                                                                                                           \
        {                                                                                                              \
            double d = (double)a[k] - (double)b[k], size = fabs(d), sign = (double)(d > 0) - (double)(d < 0);          \
            if (p == 1)                                                                                                \
                sum[k] += factor * sign;                                                                               \
            else if (isinf(p))                                                                                         \
                sum[k] += (T)size == (T)distance ? factor * sign : 0;                                                  \
            else                                                                                                       \
                sum[k] += d == 0 ? 0 : factor * sign * pow(size, p - 1);                                               \
        }                                                                                                              \
    }                                                                                                                  \
    static void backward_##T(const fac__cdist_args *args, int64_t begin, int64_t end)                                  \
    {                                                                                                                  \
        double sum[BLOCK];                                                                                             \
        for (int64_t i = begin; i < end; i++)                                                                          \
            for (int64_t from = 0, n; from < args->n; from += n) {                                                     \
                n = args->n - from < BLOCK ? args->n - from : BLOCK;                                                   \
                const T *a = (const T *)args->x1 + i * args->n + from;                                                 \
                const T *b = (const T *)args->x2 + i / args->rows * args->columns * args->n + from;                    \
                const T *g = (const T *)args->g + i * args->columns, *y = (const T *)args->y + i * args->columns;      \
                T *gx = (T *)args->gx + i * args->n + from;                                                            \
                EACH sum[k] = 0;                                                                                       \
                for (int64_t j = 0; j < args->columns; j++) {                                                          \
                    double factor = pair_factor(args->p, (double)g[j], (double)y[j]);                                  \
                    if (factor != 0) add_slopes_##T(sum, a, b + j * args->n, n, args->p, factor, (double)y[j]);        \
                }                                                                                                      \
                EACH gx[k] = (T)sum[k];                                                                                \
            }                                                                                                          \
    }
DISTANCES(float)
DISTANCES(double)

const fac__distance_rows FAC__ISA(fac__distance_rows) = {{forward_float, forward_double},
                                                         {backward_float, backward_double}};
