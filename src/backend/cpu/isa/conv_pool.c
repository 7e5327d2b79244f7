/* Floor 1. Max and avg pooling by rows (conv_pool_body.h), for each dtype; and the pooling of most networks, max over
 * 2 x 2, in one pass. */
#include <string.h>

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

/* The gradient of that for floats, N outputs at a time: each one's goes to one of its four inputs, the rest gets 0. Two inputs
 * side by side are one number, as wide as a place. False, with dx half done, where a place is none of the four. */
enum { TO_FIRST = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 32, TO_SECOND = 32 - TO_FIRST };

#define ONLY_IF(N, mask, v) ((pairs_##N)(mask) & (v))
#define MAX_2X2_BACK(N, ...)                                                                                           \
    typedef int64_t places_##N __attribute__((vector_size(8 * (N)), aligned(8), may_alias));                           \
    typedef uint64_t pairs_##N __attribute__((vector_size(8 * (N)), aligned(4), may_alias));                           \
    typedef uint32_t bits_##N __attribute__((vector_size(4 * (N))));                                                   \
    typedef float floats_##N __attribute__((vector_size(4 * (N)), aligned(4), may_alias));                             \
    static bool max_2x2_back_##N(const fac__pool_args *a, const float *dy, const int64_t *places, float *dx)           \
    {                                                                                                                  \
        static const places_##N twice = {__VA_ARGS__};                                                                 \
        int64_t columns = a->out[2], width = a->in[2];                                                                 \
        places_##N elsewhere = {0};                                                                                    \
        for (int64_t row = 0; row < a->out[1]; row++, dy += columns, places += columns, dx += 2 * width) {             \
            for (int64_t from = 0; from < columns; from += N) {                                                        \
                int64_t j = from < columns - N ? from : columns - N;                                                   \
                floats_##N sum = *(const floats_##N *)(dy + j) + 0; /* its first member: -0 becomes 0 */               \
                pairs_##N share = __builtin_convertvector((bits_##N)sum, pairs_##N);                                   \
                places_##N o = *(const places_##N *)(places + j) - twice - 2 * (row * width + j), u = o - width;       \
                *(pairs_##N *)(dx + 2 * j) = ONLY_IF(N, o == 0, share << TO_FIRST) |                                   \
                                             ONLY_IF(N, o == 1, share << TO_SECOND);                                   \
                *(pairs_##N *)(dx + width + 2 * j) = ONLY_IF(N, u == 0, share << TO_FIRST) |                           \
                                                     ONLY_IF(N, u == 1, share << TO_SECOND);                           \
                elsewhere |= ((o & -2) != 0) & ((u & -2) != 0);                                                        \
            }                                                                                                          \
            if (width & 1) dx[width - 1] = dx[2 * width - 1] = 0;                                                      \
        }                                                                                                              \
        if (a->in[1] & 1) memset(dx, 0, (size_t)width * sizeof *dx);                                                   \
        int64_t any = 0;                                                                                               \
        for (int i = 0; i < N; i++)                                                                                    \
            any |= elsewhere[i];                                                                                       \
        return any == 0;                                                                                               \
    }
MAX_2X2_BACK(8, 0, 2, 4, 6, 8, 10, 12, 14)
MAX_2X2_BACK(4, 0, 2, 4, 6)

bool FAC__ISA(fac__max_2x2_back_float) FAC__MAX_BACK_PARAMETERS
{
    if (!is_2x2(a) || a->out[2] < 4) return false;
    return (a->out[2] < 8 ? max_2x2_back_4 : max_2x2_back_8)(a, dy, indices, dx);
}

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
