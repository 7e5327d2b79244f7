/* Floor 1. Looking for bad values in a line, without branches. */
#include "backend/cpu/check_rows.h"

static bool out_of_range(void *context, const char *data, int64_t step, int64_t n)
{
    const fac__index_range_args *a = context;
    const int64_t *p = (const int64_t *)(const void *)data;
    const uint64_t low = (uint64_t)a->low, most = (uint64_t)a->high - 1, except = (uint64_t)a->except;
    uint64_t signs = 0; /* its highest bit: whether some p - low or most - p is negative */
#define OUT(i) (((uint64_t)p[i] - low) | (most - (uint64_t)p[i]))
#define OTHER(i) (((uint64_t)p[i] ^ except) | (0 - ((uint64_t)p[i] ^ except))) /* it, too: whether p is not except */
    if (a->excepts && step == 1)
        for (int64_t k = 0; k < n; k++)
            signs |= OUT(k) & OTHER(k);
    else if (a->excepts)
        for (int64_t k = 0; k < n; k++)
            signs |= OUT(k * step) & OTHER(k * step);
    else if (step == 1)
        for (int64_t k = 0; k < n; k++)
            signs |= OUT(k);
    else
        for (int64_t k = 0; k < n; k++)
            signs |= OUT(k * step);
    return signs >> 63;
}

#define HAS_ZERO(T)                                                                                                    \
    static bool has_zero_##T(void *context, const char *data, int64_t step, int64_t n)                                 \
    {                                                                                                                  \
        (void)context;                                                                                                 \
        const T *p = (const T *)(const void *)data;                                                                    \
        T zero = 0;                                                                                                    \
        if (step == 1)                                                                                                 \
            for (int64_t k = 0; k < n; k++)                                                                            \
                zero |= p[k] == 0;                                                                                     \
        else                                                                                                           \
            for (int64_t k = 0; k < n; k++)                                                                            \
                zero |= p[k * step] == 0;                                                                              \
        return zero;                                                                                                   \
    }
HAS_ZERO(uint8_t)
HAS_ZERO(uint16_t)
HAS_ZERO(uint32_t)
HAS_ZERO(uint64_t)

const fac__check_rows FAC__ISA(fac__check_rows) = {
    out_of_range, {has_zero_uint8_t, has_zero_uint16_t, has_zero_uint32_t, has_zero_uint64_t}};
