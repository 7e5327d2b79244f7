/* Floor 1. Max and avg pooling by rows (conv_pool_body.h), for each dtype; and the pooling of most networks, max over
 * 2 x 2, in one pass. */
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/pool_rows.h"
#include "core/half.h"

/* One plane, if it is pooled so; nothing is cut off but a last odd row or column. */
static bool is_2x2(const fac__pool_args *a)
{
    return a->kind == FAC__POOL_MAX && a->in[0] == 1 && a->kernel[0] == 1 && a->out[0] == 1 && a->kernel[1] == 2 &&
           a->kernel[2] == 2 && a->stride[1] == 2 && a->stride[2] == 2 && !a->pad[0] && !a->pad[1] && !a->pad[2] &&
           a->dilation[1] == 1 && a->dilation[2] == 1 && a->out[1] == a->in[1] / 2 && a->out[2] == a->in[2] / 2;
}

/* The four in reading order: a later one wins if it is greater or NaN. Positions are as wide as the values, so that both
 * fill a vector. A row is done in steps of N columns, the last of which overlaps the one before. Functions of their own,
 * because compilers take loops apart that they see in a larger whole. */
#define TAKE(v, position)                                                                                              \
    o = (v) > a || (v) != (v) ? (position) : o;                                                                        \
    a = (v) > a || (v) != (v) ? (v) : a;
#define MAX_2X2_ROW(name, T, POSITION, N, ...)                                                                         \
    static __attribute__((noinline)) void name(const T *restrict p, const T *restrict q, int64_t columns,              \
                                               POSITION below, T *restrict to, int64_t *restrict places, int64_t at)   \
    {                                                                                                                  \
        for (int64_t from = 0; from < columns; from += N) {                                                            \
            int64_t first = from < columns - N ? from : columns - N;                                                   \
            for (int64_t j = first; j < first + N; j++) {                                                              \
                T a = p[2 * j];                                                                                        \
                POSITION o = 0;                                                                                        \
                TAKE(p[2 * j + 1], 1)                                                                                  \
                TAKE(q[2 * j], below)                                                                                  \
                TAKE(q[2 * j + 1], below + 1)                                                                          \
                to[j] = a;                                                                                             \
                __VA_ARGS__;                                                                                           \
            }                                                                                                          \
        }                                                                                                              \
    }
#define MAX_2X2_ROWS(T, POSITION, N)                                                                                   \
    MAX_2X2_ROW(max_2x2_row_##T##_##N, T, POSITION, N, (void)o)                                                        \
    MAX_2X2_ROW(max_2x2_places_##T##_##N, T, POSITION, N, places[j] = o + at + 2 * j)
#define MAX_2X2(T, POSITION, N, HALF)                                                                                  \
    MAX_2X2_ROWS(T, POSITION, N)                                                                                       \
    MAX_2X2_ROWS(T, POSITION, HALF)                                                                                    \
    MAX_2X2_ROWS(T, POSITION, 1)                                                                                       \
    static bool max_2x2_##T(const fac__pool_args *a, const T *x, T *y, int64_t *indices)                               \
    {                                                                                                                  \
        static const __typeof__(&max_2x2_row_##T##_1) rows[][2] = {                                                    \
            {max_2x2_row_##T##_##N, max_2x2_places_##T##_##N},                                                         \
            {max_2x2_row_##T##_##HALF, max_2x2_places_##T##_##HALF},                                                   \
            {max_2x2_row_##T##_1, max_2x2_places_##T##_1}};                                                            \
        int64_t columns = a->out[2], width = a->in[2];                                                                 \
        if (!is_2x2(a)) return false;                                                                                  \
        __typeof__(&max_2x2_row_##T##_1) row = rows[(columns < N) + (columns < HALF)][indices != NULL];                \
        for (int64_t r = 0; r < a->out[1]; r++, y += columns, x += 2 * width)                                          \
            row(x, x + width, columns, (POSITION)width, y, indices ? indices + r * columns : NULL, 2 * r * width);     \
        return true;                                                                                                   \
    }
MAX_2X2(float, int32_t, 8, 4)
MAX_2X2(double, int64_t, 4, 2)

/* clang-format off: what conv_pool_body.h wants to know of a dtype */
#define POOL_DTYPE float
#define BITS float
#define WORK float
#define PLACE int32_t
#define TO_WORK(x) (x)
#define FROM_WORK(x) (x)
#define QUICK max_2x2_float
#include "backend/cpu/isa/conv_pool_body.h"
#define POOL_DTYPE double
#define BITS double
#define WORK double
#define PLACE int64_t
#define TO_WORK(x) (x)
#define FROM_WORK(x) (x)
#define QUICK max_2x2_double
#include "backend/cpu/isa/conv_pool_body.h"
#define POOL_DTYPE float16
#define BITS uint16_t
#define WORK float
#define PLACE int32_t
#define TO_WORK(x) fac__float16_to_float(x)
#define FROM_WORK(x) fac__float_to_float16(x)
#define QUICK(...) false
#include "backend/cpu/isa/conv_pool_body.h"
#define POOL_DTYPE bfloat16
#define BITS uint16_t
#define WORK float
#define PLACE int32_t
#define TO_WORK(x) fac__bfloat16_to_float(x)
#define FROM_WORK(x) fac__float_to_bfloat16(x)
#define QUICK(...) false
#include "backend/cpu/isa/conv_pool_body.h"
/* clang-format on */
