/* Floor 1. Sums of rows of a table: a strip of columns of a bag stays in registers while its rows pass by. */
#include "backend/cpu/bag_rows.h"

#define INLINE static inline __attribute__((always_inline))
#define SIMD _Pragma("omp simd")
enum { STRIP = 128, AHEAD = 8 /* rows asked for before they are needed: they may be anywhere */ };

INLINE bool in_bag(const fac__bag_sum_args *a, int64_t row)
{
    return row >= 0 && row < a->rows && row != a->padding;
}

#define ROWS(T)                                                                                                                \
    /* y[0..n) = the sum of the rows' columns from `column` on, divided by `by`; n is at most STRIP, and mostly a constant. */ \
    INLINE void strip_##T(const fac__bag_sum_args *a, int64_t first, int64_t end, int64_t column, int64_t n, T by,             \
                          T *y)                                                                                                \
    {                                                                                                                          \
        T sum[STRIP] = {0};                                                                                                    \
        const T *table = (const T *)a->table + column, *factor = a->factor;                                                    \
        for (int64_t i = first; i < end; i++) {                                                                                \
            int64_t ahead = i + AHEAD < end ? a->index[i + AHEAD] : a->index[i];                                               \
            if (!in_bag(a, a->index[i])) continue;                                                                             \
            const T *row = table + a->index[i] * a->width;                                                                     \
            for (int64_t j = 0; in_bag(a, ahead) && j < n; j += 64 / (int64_t)sizeof(T))                                       \
                __builtin_prefetch(table + ahead * a->width + j);                                                              \
            if (factor) {                                                                                                      \
                T times = factor[i];                                                                                           \
                SIMD for (int64_t j = 0; j < n; j++) sum[j] += row[j] * times;                                                 \
            } else {                                                                                                           \
                SIMD for (int64_t j = 0; j < n; j++) sum[j] += row[j];                                                         \
            }                                                                                                                  \
        }                                                                                                                      \
        SIMD for (int64_t j = 0; j < n; j++) y[j] = sum[j] / by;                                                               \
    }                                                                                                                          \
    void FAC__ISA(fac__bag_rows_##T)(const fac__bag_sum_args *a, int64_t begin, int64_t end)                                   \
    {                                                                                                                          \
        for (int64_t b = begin; b < end; b++) {                                                                                \
            int64_t first = a->offset ? a->offset[b] : b * a->each, size = 0;                                                  \
            int64_t last = !a->offset ? first + a->each : b + 1 < a->offsets ? a->offset[b + 1] : a->count;                    \
            for (int64_t i = first; i < last; i++) {                                                                           \
                size += in_bag(a, a->index[i]);                                                                                \
                if (a->of) a->of[i] = b;                                                                                       \
            }                                                                                                                  \
            if (a->sizes) a->sizes[b] = size;                                                                                  \
            T by = a->mean && size > 1 ? (T)size : 1, *y = (T *)a->y + b * a->width;                                           \
            int64_t c = 0;                                                                                                     \
            for (; c + STRIP <= a->width; c += STRIP)                                                                          \
                strip_##T(a, first, last, c, STRIP, by, y + c);                                                                \
            for (; c + STRIP / 2 <= a->width; c += STRIP / 2)                                                                  \
                strip_##T(a, first, last, c, STRIP / 2, by, y + c);                                                            \
            if (c < a->width) strip_##T(a, first, last, c, a->width - c, by, y + c);                                           \
        }                                                                                                                      \
    }
ROWS(float)
ROWS(double)
