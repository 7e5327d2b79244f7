/* Floor 0. float16 and bfloat16 as bits: conversions to and from float, rounding to nearest even as PyTorch does. */
#ifndef FACULA_HALF_H
#define FACULA_HALF_H

#include <stdint.h>
#include <string.h>

static inline float fac__bits_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static inline uint32_t fac__float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static inline float fac__bfloat16_to_float(uint16_t h)
{
    return fac__bits_float((uint32_t)h << 16);
}
static inline uint16_t fac__float_to_bfloat16(float f)
{
    uint32_t u = fac__float_bits(f);
    uint32_t rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
    return (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
}

/* Branch-free so that loops over it vectorise: scaling by powers of two moves the exponent, and lets the hardware
 * round subnormals. */
static inline float fac__float16_to_float(uint16_t h)
{
    uint32_t w = (uint32_t)h << 16, two_w = w + w, sign = w & 0x80000000u;
    float normal = fac__bits_float((two_w >> 4) + (0xe0u << 23)) * fac__bits_float(0x7800000); /* 2^-112 */
    float denormal = fac__bits_float((two_w >> 17) | (126u << 23)) - 0.5f;
    return fac__bits_float(sign | fac__float_bits(two_w < (1u << 27) ? denormal : normal));
}
static inline uint16_t fac__float_to_float16(float f)
{
    uint32_t u = fac__float_bits(f), sign = (u >> 16) & 0x8000, a = u & 0x7fffffff;
    uint32_t nan = a > 0x7f800000 ? 0x7e00 : 0;
    uint32_t subnormal = fac__float_bits(fac__bits_float(a) + 0.5f) - fac__float_bits(0.5f); /* rounds at 2^-24 */
    uint32_t normal = (a + 0xfff + ((a >> 13) & 1) - (112u << 23)) >> 13;
    uint32_t h = a < (113u << 23) ? subnormal : normal;
    h = a >= 0x477ff000u ? 0x7c00 : h; /* 65520 and more round to infinity */
    return (uint16_t)(sign | (nan ? nan : h));
}

#endif
