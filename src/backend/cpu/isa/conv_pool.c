/* Floor 1. The pooling that is worth vectors: max over 2 x 2. */
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/pool_rows.h"

/* The four in reading order: a later one wins if it is greater or NaN. Positions are 32 bits wide in a row's loop, as
 * the values of float are. */
#define MAX_2X2(T, POSITION)                                                                                           \
    void FAC__ISA(fac__pool_max_2x2_##T) FAC__POOL_MAX_2X2_PARAMETERS(T)                                               \
    {                                                                                                                  \
        for (int64_t r = 0; r < rows; r++) {                                                                           \
            const T *restrict p = x + 2 * r * in_width, *restrict q = p + in_width;                                    \
            T *restrict to = y + r * columns;                                                                          \
            int64_t *restrict at = indices ? indices + r * columns : NULL;                                             \
            POSITION below = (POSITION)in_width;                                                                       \
            if (at)                                                                                                    \
                for (int64_t j = 0; j < columns; j++) {                                                                \
                    T a = p[2 * j], b = p[2 * j + 1], c = q[2 * j], d = q[2 * j + 1];                                  \
                    POSITION o = 0;                                                                                    \
                    o = b > a || b != b ? 1 : o;                                                                       \
                    a = b > a || b != b ? b : a;                                                                       \
                    o = c > a || c != c ? below : o;                                                                   \
                    a = c > a || c != c ? c : a;                                                                       \
                    o = d > a || d != d ? below + 1 : o;                                                               \
                    a = d > a || d != d ? d : a;                                                                       \
                    to[j] = a;                                                                                         \
                    at[j] = o + 2 * (r * in_width + j);                                                                \
                }                                                                                                      \
            else                                                                                                       \
                for (int64_t j = 0; j < columns; j++) {                                                                \
                    T a = p[2 * j], b = p[2 * j + 1], c = q[2 * j], d = q[2 * j + 1];                                  \
                    a = b > a || b != b ? b : a;                                                                       \
                    a = c > a || c != c ? c : a;                                                                       \
                    to[j] = d > a || d != d ? d : a;                                                                   \
                }                                                                                                      \
        }                                                                                                              \
    }
MAX_2X2(float, int32_t)
MAX_2X2(double, int64_t)
