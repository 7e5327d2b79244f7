/* Floor 7. Elements of files become those of tensors, in place. */
#include "elements.h"

#include <string.h>

#include "data/byte_order.h"

static const struct {
    const char *name;
    uint8_t size, dtype;
} others[] = {
    [FAC__U16 - FAC_DTYPE_COUNT] = {"uint16", 2, FAC_INT32},
    [FAC__U32 - FAC_DTYPE_COUNT] = {"uint32", 4, FAC_INT64},
    [FAC__U64 - FAC_DTYPE_COUNT] = {"uint64", 8, FAC_INT64},
    [FAC__F8_E4M3 - FAC_DTYPE_COUNT] = {"float8_e4m3fn", 1, FAC_FLOAT16},
    [FAC__F8_E5M2 - FAC_DTYPE_COUNT] = {"float8_e5m2", 1, FAC_FLOAT16},
    [FAC__F8_E8M0 - FAC_DTYPE_COUNT] = {"float8_e8m0fnu", 1, FAC_FLOAT32},
};

size_t fac__element_size(int element)
{
    return element < FAC_DTYPE_COUNT ? fac_dtype_size((fac_dtype)element) : others[element - FAC_DTYPE_COUNT].size;
}

const char *fac__element_name(int element)
{
    return element < FAC_DTYPE_COUNT ? fac_dtype_name((fac_dtype)element) : others[element - FAC_DTYPE_COUNT].name;
}

int fac__element_from_name(const char *name)
{
    for (int e = FAC_DTYPE_COUNT; e < FAC__ELEMENTS; e++)
        if (!strcmp(others[e - FAC_DTYPE_COUNT].name, name)) return e;
    return (int)fac_dtype_from_name(name);
}

fac_dtype fac__element_dtype(int element)
{
    return (fac_dtype)(element < FAC_DTYPE_COUNT ? element : others[element - FAC_DTYPE_COUNT].dtype);
}

/* ---- numbers of 8 bits -------------------------------------------------------------------------------------- */

/* 4 bits of exponent with bias 7, 3 of fraction; no infinity, NaN where all are set. As float16's bits. */
static uint16_t from_e4m3(uint8_t v)
{
    uint16_t sign = (uint16_t)((v & 0x80) << 8), fraction = v & 7, exponent = v >> 3 & 15;
    if (exponent == 15 && fraction == 7) return sign | 0x7e00;
    if (exponent) return sign | (uint16_t)((exponent + 8) << 10 | fraction << 7);
    if (!fraction) return sign;
    exponent = 9; /* a fraction of 2^-6: shifted up until its first bit is the hidden one */
    while (fraction < 8) {
        fraction = (uint16_t)(fraction << 1);
        exponent--;
    }
    return sign | (uint16_t)(exponent << 10 | (fraction & 7) << 7);
}

/* 2^(v - 127), NaN for 255. As float32's bits. */
static uint32_t from_e8m0(uint8_t v)
{
    return v == 255 ? 0x7fc00000u : v ? (uint32_t)v << 23 : 1u << 22;
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

/* Each element is read before its place, which is none behind it, is written. */
#define WIDEN(from_type, to_type, expression)                                                                          \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        from_type v;                                                                                                   \
        memcpy(&v, from + i * (int64_t)sizeof v, sizeof v);                                                            \
        to_type wide = (to_type)(expression);                                                                          \
        memcpy(to + i * (int64_t)sizeof wide, &wide, sizeof wide);                                                     \
    }

int64_t fac__elements_finish(int element, void *data, int64_t n, bool big_endian, uint64_t *value)
{
    size_t size = fac__element_size(element);
    char *to = data, *from = to + n * (int64_t)(fac_dtype_size(fac__element_dtype(element)) - size);
    if (big_endian != fac__machine_is_big_endian()) fac__swap_bytes(from, n, size);
    switch (element) {
    case FAC_BOOL:
        for (int64_t i = 0; i < n; i++)
            if ((*value = (unsigned char)from[i]) > 1) return i;
        break;
    case FAC__U64:
        for (int64_t i = 0; i < n; i++) {
            memcpy(value, from + 8 * i, 8);
            if (*value > INT64_MAX) return i;
        }
        break;
    case FAC__U16: WIDEN(uint16_t, int32_t, v) break;
    case FAC__U32: WIDEN(uint32_t, int64_t, v) break;
    case FAC__F8_E4M3: WIDEN(uint8_t, uint16_t, from_e4m3(v)) break;
    case FAC__F8_E5M2: WIDEN(uint8_t, uint16_t, v << 8) break; /* the upper half of a float16 */
    case FAC__F8_E8M0: WIDEN(uint8_t, uint32_t, from_e8m0(v)) break;
    default: break;
    }
    return n;
}
