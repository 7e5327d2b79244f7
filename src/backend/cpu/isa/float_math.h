/* Floor 1. exp, log, tanh, pow, erf, sin and their kin for float, made so that loops over them vectorise: no jumps, no
 * calls. All but sin and cos follow SLEEF 3.5's algorithms with the fused multiply-add (N. Shibata, F. Petrogalli, "SLEEF:
 * a portable vectorized library of C standard mathematical functions", 2020), operation by operation, because PyTorch
 * computes them with it on AVX2: the bits are the same, and training goes the same way. */
#ifndef FACULA_FLOAT_MATH_H
#define FACULA_FLOAT_MATH_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/half.h"

/* Every call must dissolve in the loop around it, or the loop stays scalar. */
#define MATH static inline __attribute__((always_inline))

/* ---- multiply and add, rounded once ------------------------------------------------------------------------- */

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FAC__HAS_FMA 1
#else
#define FAC__HAS_FMA 0
#endif

/* Without the instruction by way of double, where a product of floats is exact: the same result but for rare double
 * roundings, so that digits do not depend on the machine. */
MATH float fma_f32(float a, float b, float c)
{
    return FAC__HAS_FMA ? __builtin_fmaf(a, b, c) : (float)((double)a * (double)b + (double)c);
}

/* ---- floats made of two, and of bits ------------------------------------------------------------------------ */

/* An unevaluated sum, lo below half an ulp of hi. The names say what goes in: a pair (p) or a float (f). add needs
 * |x| >= |y| or nearly so, sum does not. After T. J. Dekker, "A floating-point technique for extending the available
 * precision", 1971. */
typedef struct pair {
    float hi, lo;
} pair;

MATH pair add_pp(pair x, pair y)
{
    float s = x.hi + y.hi;
    return (pair){s, x.hi - s + y.hi + x.lo + y.lo};
}
MATH pair add_pf(pair x, float y)
{
    float s = x.hi + y;
    return (pair){s, x.hi - s + y + x.lo};
}
MATH pair add_fp(float x, pair y)
{
    float s = x + y.hi;
    return (pair){s, x - s + y.hi + y.lo};
}
MATH pair sum_ff(float x, float y)
{
    float s = x + y, v = s - x;
    return (pair){s, (x - (s - v)) + (y - v)};
}
MATH pair sum_pf(pair x, float y)
{
    pair s = sum_ff(x.hi, y);
    return (pair){s.hi, s.lo + x.lo};
}
MATH pair sum_fp(float x, pair y)
{
    pair s = sum_ff(x, y.hi);
    return (pair){s.hi, s.lo + y.lo};
}
MATH pair sum_pp(pair x, pair y)
{
    pair s = sum_ff(x.hi, y.hi);
    return (pair){s.hi, s.lo + (x.lo + y.lo)};
}
MATH pair mul_pp(pair x, pair y)
{
    float s = x.hi * y.hi;
    return (pair){s, fma_f32(x.hi, y.lo, fma_f32(x.lo, y.hi, fma_f32(x.hi, y.hi, -s)))};
}
MATH pair mul_pf(pair x, float y)
{
    float s = x.hi * y;
    return (pair){s, fma_f32(x.lo, y, fma_f32(x.hi, y, -s))};
}
MATH pair square_p(pair x)
{
    float s = x.hi * x.hi;
    return (pair){s, fma_f32(x.hi + x.hi, x.lo, fma_f32(x.hi, x.hi, -s))};
}
MATH pair div_pp(pair x, pair y)
{
    float t = 1.0f / y.hi, s = x.hi * t;
    float u = fma_f32(t, x.hi, -s), v = fma_f32(-y.lo, t, fma_f32(-y.hi, t, 1.0f));
    return (pair){s, fma_f32(s, v, fma_f32(x.lo, t, u))};
}
MATH pair reciprocal_p(pair x)
{
    float s = 1.0f / x.hi;
    return (pair){s, s * fma_f32(-x.lo, s, fma_f32(-x.hi, s, 1.0f))};
}
MATH pair scale_p(pair x, float s)
{
    return (pair){x.hi * s, x.lo * s};
}
MATH pair normalize_p(pair x)
{
    float s = x.hi + x.lo;
    return (pair){s, x.hi - s + x.lo};
}

MATH float abs_f32(float x)
{
    return fac__bits_float(fac__float_bits(x) & 0x7fffffff);
}
/* x with its sign changed where y is negative. */
MATH float flip_sign(float x, float y)
{
    return fac__bits_float(fac__float_bits(x) ^ (fac__float_bits(y) & 0x80000000u));
}
/* Rounds |x| < 2^22 to an integer, ties to even, without the rounding instruction that old machines lack. */
typedef struct rounded {
    float value;
    int32_t n;
} rounded;
MATH rounded round_small(float x)
{
    float shifted = x + 12582912.0f;
    return (rounded){shifted - 12582912.0f, (int32_t)(fac__float_bits(shifted) - 0x4b400000u)};
}
/* x * 2^q for |q| < 254, in two steps so that neither factor overflows. */
MATH float scale_by_power(float x, int32_t q)
{
    int32_t half = q >> 1;
    return x * fac__bits_float((uint32_t)(half + 127) << 23) * fac__bits_float((uint32_t)(q - half + 127) << 23);
}
/* The same for q from -191 to 63, but for x that are too small. */
MATH float scale_down_by_power(float x, int32_t q)
{
    return x * fac__bits_float((uint32_t)(q + 64 + 127) << 23) * 0x1p-64f;
}
/* c ? a : b by masks: of a chain of conditionals the compiler makes jumps, which no loop over vectors can have. */
MATH float choose(bool c, float a, float b)
{
    uint32_t mask = 0 - (uint32_t)c;
    return fac__bits_float((fac__float_bits(a) & mask) | (fac__float_bits(b) & ~mask));
}
/* Horner's scheme. */
#define POLY3(x, a, b, c) fma_f32(fma_f32(a, x, b), x, c)
#define POLY4(x, a, b, c, d) fma_f32(POLY3(x, a, b, c), x, d)
#define POLY5(x, a, b, c, d, e) fma_f32(POLY4(x, a, b, c, d), x, e)
#define POLY6(x, a, b, c, d, e, f) fma_f32(POLY5(x, a, b, c, d, e), x, f)

/* ---- exponentials of float ---------------------------------------------------------------------------------- */

#define LOG2_E 1.442695041f
#define LN2_HIGH                                                                                                       \
    0.693145751953125f /* ln 2 in two parts; the first has trailing zeros, so that its multiples are exact */
#define LN2_LOW 1.428606765e-06f

/* exp(x) but for a power of two, which is left in *q. */
MATH float exp_reduced(float x, int32_t *q)
{
    rounded n = round_small(x * LOG2_E);
    float s = fma_f32(n.value, -LN2_LOW, fma_f32(n.value, -LN2_HIGH, x));
    float u = POLY6(s, 0.000198527617612853646f, 0.00139304355252534151f, 0.00833336077630519867f,
                    0.0416664853692054749f, 0.166666671633720398f, 0.5f);
    *q = n.n;
    return 1.0f + fma_f32(s * s, u, s);
}
/* Beyond these it is 0, or infinite, already. */
MATH float exp_f32(float x)
{
    int32_t q;
    float y = exp_reduced(x, &q);
    y = choose(x < -104.0f, 0.0f, scale_by_power(y, q));
    return choose(x > 100.0f, INFINITY, y);
}
/* The same for x that are not above 0, but for what rounding adds. */
MATH float exp_negative_f32(float x)
{
    int32_t q;
    float y = exp_reduced(x < -104.0f ? -104.0f : x, &q);
    return scale_down_by_power(y, q);
}

/* exp of a pair, as a pair. */
MATH pair exp_pair(pair x)
{
    rounded n = round_small((x.hi + x.lo) * LOG2_E);
    pair s = sum_pf(sum_pf(x, n.value * -LN2_HIGH), n.value * -LN2_LOW);
    float u = POLY4(s.hi, 0.1980960224e-3f, 0.1394256484e-2f, 0.8333456703e-2f, 0.4166637361e-1f);
    pair t = sum_pf(mul_pf(s, u), 0.166666659414234245f);
    t = sum_pf(mul_pp(s, t), 0.5f);
    t = add_fp(1.0f, sum_pp(s, mul_pp(square_p(s), t)));
    bool tiny = x.hi < -104.0f;
    t.hi = choose(tiny, 0.0f, scale_by_power(t.hi, n.n));
    t.lo = choose(tiny, 0.0f, scale_by_power(t.lo, n.n));
    return t;
}

MATH float expm1_f32(float x)
{
    pair d = sum_pf(exp_pair((pair){x, 0.0f}), -1.0f);
    float y = d.hi + d.lo;
    y = choose(x > 88.7228317f, INFINITY, y);
    y = choose(x < -16.6355323f, -1.0f, y);
    return choose(x == 0.0f, x, y);
}
MATH float exp2_f32(float x)
{
    rounded n = round_small(x > 1000.0f ? 1000.0f : x < -1000.0f ? -1000.0f : x);
    float s = x - n.value;
    float u = POLY6(s, 0.1535920892e-3f, 0.1339262701e-2f, 0.9618384764e-2f, 0.5550347269e-1f, 0.2402264476e+0f,
                    0.6931471825e+0f);
    float y = scale_by_power(fma_f32(u, s, 1.0f), n.n);
    y = choose(x >= 128.0f, INFINITY, y);
    return choose(x < -150.0f, 0.0f, y);
}
MATH float tanh_f32(float x)
{
    float m = abs_f32(x);
    pair d = exp_pair((pair){m, 0.0f}), e = reciprocal_p(d);
    d = div_pp(add_pp(d, (pair){-e.hi, -e.lo}), add_pp(d, e));
    float y = d.hi + d.lo;
    y = choose(m > 8.664339742f, 1.0f, y);
    return choose(x != x, x, flip_sign(y, x));
}
MATH float sinh_f32(float x)
{
    float m = abs_f32(x);
    pair d = exp_pair((pair){m, 0.0f}), e = reciprocal_p(d);
    d = add_pp(d, (pair){-e.hi, -e.lo});
    float y = (d.hi + d.lo) * 0.5f;
    y = choose((m > 89.0f) | (y != y), INFINITY, y);
    return choose(x != x, x, flip_sign(y, x));
}
MATH float cosh_f32(float x)
{
    float m = abs_f32(x);
    pair d = exp_pair((pair){m, 0.0f});
    d = add_pp(d, reciprocal_p(d));
    float y = (d.hi + d.lo) * 0.5f;
    y = choose((m > 89.0f) | (y != y), INFINITY, y);
    return choose(x != x, x, y);
}

/* ---- logarithms of float ------------------------------------------------------------------------------------ */

/* x = m * 2^e with m from 0.75 to 1.5, and (m - 1) / (m + 1), whose odd powers the series is in. */
typedef struct parted {
    float e, m;
} parted;
MATH parted part(float x)
{
    bool small = x < 1.17549435e-38f; /* subnormals are scaled up first */
    float d = choose(small, x * 1.8446744073709552e19f, x);
    int32_t e = (int32_t)((fac__float_bits(d * (1.0f / 0.75f)) >> 23) & 0xff) - 127;
    float m = fac__bits_float(fac__float_bits(d) - ((uint32_t)e << 23));
    return (parted){(float)(e - (small ? 64 : 0)), m};
}
MATH pair log_ratio(float m)
{
    return div_pp(sum_ff(-1.0f, m), sum_ff(1.0f, m));
}
/* The values at the ends of the domain. */
MATH float log_ends(float x, float y)
{
    y = choose(x == INFINITY, INFINITY, y);
    y = choose((x < 0.0f) | (x != x), NAN, y);
    return choose(x == 0.0f, -INFINITY, y);
}

#define LN2_PAIR ((pair){0.69314718246459960938f, -1.904654323148236017e-09f})

MATH float log_f32(float x)
{
    parted p = part(x);
    pair r = log_ratio(p.m), s = mul_pf(LN2_PAIR, p.e);
    float r2 = r.hi * r.hi, t = POLY3(r2, 0.3027294874e+0f, 0.3996108174e+0f, 0.6666694880e+0f);
    s = add_pf(add_pp(s, scale_p(r, 2.0f)), r2 * r.hi * t);
    return log_ends(x, s.hi + s.lo);
}
MATH float log10_f32(float x)
{
    parted p = part(x);
    pair r = log_ratio(p.m), s = mul_pf((pair){0.30103001f, -1.432098889e-08f}, p.e);
    float r2 = r.hi * r.hi, t = POLY3(r2, 0.1314289868e+0f, 0.1735493541e+0f, 0.2895309627e+0f);
    s = add_pf(add_pp(s, mul_pp(r, (pair){0.868588984f, -2.170757285e-08f})), r2 * r.hi * t);
    return log_ends(x, s.hi + s.lo);
}
MATH float log2_f32(float x)
{
    parted p = part(x);
    pair r = log_ratio(p.m);
    float r2 = r.hi * r.hi, t = POLY3(r2, 0.4374550283e+0f, 0.5764790177e+0f, 0.9618012905120f);
    pair s = sum_fp(p.e, mul_pp(r, (pair){2.8853900432586669922f, 3.2734474483568488616e-08f}));
    s = sum_pf(s, r2 * r.hi * t);
    return log_ends(x, s.hi + s.lo);
}
MATH float log1p_f32(float x)
{
    bool huge = x > 1e38f; /* 2^-e would be subnormal */
    float d = choose(huge, x * 0.25f, x), one = d + 1.0f;
    parted p = part(one);
    bool small = one < 1.17549435e-38f;
    /* m = (1 + x) * 2^-e - 1, without the rounding of 1 + x */
    float t = fac__bits_float((uint32_t)(127 - (int32_t)(small ? p.e + 64.0f : p.e)) << 23);
    float m = fma_f32(d, t, t - 1.0f), sum = 2.0f + m;
    pair r = div_pp((pair){m, 0.0f}, (pair){sum, 2.0f - sum + m}), s = mul_pf(LN2_PAIR, p.e);
    float r2 = r.hi * r.hi, u = POLY3(r2, 0.3027294874e+0f, 0.3996108174e+0f, 0.6666694880e+0f);
    s = add_pf(add_pp(s, scale_p(r, 2.0f)), r2 * r.hi * u);
    float y = s.hi + s.lo;
    y = choose(huge, y + 1.38629436f, y);
    y = choose(x == INFINITY, INFINITY, y);
    y = choose((x < -1.0f) | (x != x), NAN, y);
    y = choose(x == -1.0f, -INFINITY, y);
    return choose(x == 0.0f, x, y);
}

/* ---- powers of float ---------------------------------------------------------------------------------------- */

MATH float pow_f32(float x, float y)
{
    float m = abs_f32(x), n = abs_f32(y), bounded = choose(n < 16777216.0f, y, 0.0f);
    bool whole = (n >= 16777216.0f) | ((float)(int32_t)bounded == y);
    bool odd = (n < 16777216.0f) & ((float)(int32_t)bounded == y) & ((int32_t)bounded & 1);
    /* log |x| as a pair */
    parted p = part(m);
    pair r = log_ratio(p.m), r2 = square_p(r);
    float t = POLY3(r2.hi, 0.240320354700088500976562f, 0.285112679004669189453125f, 0.400007992982864379882812f);
    pair s = add_pp(mul_pf(LN2_PAIR, p.e), scale_p(r, 2.0f));
    pair c = {0.66666662693023681640625f, 3.69183861259614332084311e-09f};
    s = add_pp(s, mul_pp(mul_pp(r2, r), sum_pp(mul_pf(r2, t), c)));
    /* exp of y times that */
    pair d = mul_pf(s, y);
    rounded k = round_small((d.hi + d.lo) * LOG2_E);
    s = normalize_p(sum_pf(sum_pf(d, k.value * -LN2_HIGH), k.value * -LN2_LOW));
    float u = POLY5(s.hi, 0.00136324646882712841033936f, 0.00836596917361021041870117f, 0.0416710823774337768554688f,
                    0.166665524244308471679688f, 0.499999850988388061523438f);
    pair e = add_fp(1.0f, add_pp(s, mul_pf(square_p(s), u)));
    float z = scale_by_power(e.hi + e.lo, k.n);
    z = choose(d.hi < -104.0f, 0.0f, z);
    z = choose((d.hi > 100.0f) | (z != z), INFINITY, z);
    /* signs and the ends of the domain */
    z = choose(x > 0.0f, z, choose(whole, flip_sign(z, odd ? -1.0f : 1.0f), NAN));
    float toward = flip_sign(m - 1.0f, y);
    z = choose(n == INFINITY, choose(toward < 0.0f, 0.0f, choose(toward == 0.0f, 1.0f, INFINITY)), z);
    float end = choose(((fac__float_bits(y) >> 31) != 0) != (x == 0.0f), 0.0f, INFINITY);
    z = choose((m == INFINITY) | (x == 0.0f), flip_sign(end, choose(odd, x, 1.0f)), z);
    z = choose((x != x) | (y != y), NAN, z);
    return choose((y == 0.0f) | (x == 1.0f), 1.0f, z);
}

/* ---- erf, sin and cos of float ------------------------------------------------------------------------------ */

/* One of three, for |x| below 1.1, below 2.4, and above. */
#define BY_RANGE(a, b, c) (first ? (a) : second ? (b) : (c))
#define BY_RANGE_P(a, b, c)                                                                                            \
    ((pair){BY_RANGE((float)(a), (float)(b), (float)(c)),                                                              \
            BY_RANGE((float)((a) - (float)(a)), (float)((b) - (float)(b)), (float)((c) - (float)(c)))})
MATH float erf_f32(float x)
{
    float m = abs_f32(x);
    bool first = m < 1.1f, second = m < 2.4f;
    float u = first ? m * m : m;
    float t = POLY5(u, BY_RANGE(0.7089292194e-4f, -0.1792667899e-4f, -0.9495757695e-5f),
                    BY_RANGE(-0.7768311189e-3f, 0.3937633010e-3f, 0.2481465926e-3f),
                    BY_RANGE(0.5159463733e-2f, -0.3949181177e-2f, -0.2918176819e-2f),
                    BY_RANGE(-0.2683781274e-1f, 0.2445474640e-1f, 0.2059706673e-1f),
                    BY_RANGE(0.1128318012e+0f, -0.1070996150e+0f, -0.9901899844e-1f));
    pair d = mul_pf((pair){t, 0.0f}, u);
    d = sum_pp(d, BY_RANGE_P(-0.376125876000657465, -0.634588905908410390, -0.643598050547891613));
    d = sum_pp(mul_pf(d, u), BY_RANGE_P(1.12837916021059138, -1.12879855826694507, -1.12461487742845563));
    d = mul_pf(d, m);
    pair e = exp_pair(d), f = add_fp(1.0f, (pair){-e.hi, -e.lo});
    float y = choose(first, d.hi + d.lo, f.hi + f.lo);
    y = choose(m < 4.0f, y, 1.0f);
    return choose(x != x, x, flip_sign(y, x));
}

/* The normal distribution's share below x, to 1.7e-7: exp(-x^2 / 2) times a polynomial in t = 1 / (1 + 0.3375 |x|), the
 * form of Abramowitz and Stegun's 26.2.17, with coefficients fitted for seven terms. */
MATH float normal_cdf_f32(float x)
{
    float m = abs_f32(x), t = 1.0f / fma_f32(0.3375f, m, 1.0f);
    float p = POLY6(t, 0.04530420133f, -0.2064301631f, 0.281259741f, -0.04462854756f, 0.1618514298f, 0.1275236035f);
    float tail = fma_f32(p, t, 0.135119748f) * t * exp_negative_f32(x * x * -0.5f);
    return x < 0.0f ? tail : 1.0f - tail;
}

/* How far a large x is from the nearest multiple of pi, whose oddness goes to *odd. With quarter = 1 of x + pi/2.
 * M. Payne and R. Hanek, "Radian reduction for trigonometric functions", 1983: of the product with 1/pi only those bits
 * are computed that matter, in fixed point. */
MATH double reduce_large(float x, uint32_t quarter, int32_t *odd)
{
    static const uint32_t inverse_pi[] = {0,          0x517cc1b7, 0x27220a94, 0xfe13abe8,
                                          0xfa9a6ee0, 0x6db14acc, 0x9e21c820, 0xff28b1d5};
    uint32_t bits = fac__float_bits(x), exponent = (bits >> 23) & 0xff, mantissa = (bits & 0x7fffff) | 0x800000;
    uint32_t at = (exponent < 119 ? 119 : exponent) - 119, word = at >> 5, shift = at & 31;
    uint64_t w0 = inverse_pi[word], w1 = inverse_pi[word + 1], w2 = inverse_pi[word + 2], w3 = inverse_pi[word + 3];
    uint64_t high = ((w0 << 32 | w1) << shift) | (w2 >> (32 - shift));
    uint64_t low = ((w2 << 32 | w3) << shift) >> 32;
    uint64_t turns = mantissa * high + (mantissa * low >> 32); /* units of 2^-63 times pi, modulo 2 pi */
    turns = (bits >> 31 ? 0 - turns : turns) + ((uint64_t)quarter << 62);
    *odd = (int32_t)((turns + ((uint64_t)1 << 62)) >> 63);
    uint64_t rest = turns << 1;
    double whole = (double)(int32_t)(rest >> 32), part = (double)(int32_t)((uint32_t)rest >> 1);
    return (whole * 4294967296.0 + part * 2.0) * 1.7030607900432772e-19; /* pi / 2^64 */
}
/* sin of x (quarter 0) or of x + pi/2 (quarter 1), in double, so that the result is all but rightly rounded. */
MATH float sin_or_cos(float x, int quarter)
{
    double n = (double)x * 0.31830988618379067 + (quarter ? 0.5 : 0.0);
    bool small = abs_f32(x) < 100000.0f;
    n = small ? n : 0.0;
    n = (n + 6755399441055744.0) - 6755399441055744.0; /* rounds to an integer */
    int32_t odd_small = (int32_t)n & 1, odd_large;
    double k = quarter ? n - 0.5 : n;
    double near = ((double)x - k * 3.1415926534682512) -
                  k * 1.2154201013012384e-10; /* pi in two parts, the first short */
    double large = reduce_large(x, (uint32_t)quarter, &odd_large);
    double d = small ? near : large, s = d * d;
    double u = -7.6471637318198164759e-13; /* Taylor's series: |d| is at most pi/2 */
    u = u * s + 1.6059043836821614599e-10;
    u = u * s - 2.5052108385441718775e-08;
    u = u * s + 2.7557319223985890653e-06;
    u = u * s - 1.9841269841269841270e-04;
    u = u * s + 8.3333333333333333333e-03;
    u = u * s - 1.6666666666666666667e-01;
    double y = (d + d * s * u) * (1 - 2 * (small ? odd_small : odd_large));
    return choose(abs_f32(x) < INFINITY, (float)y, NAN);
}
MATH float sin_f32(float x)
{
    return choose(x == 0.0f, x, sin_or_cos(x, 0));
}
MATH float cos_f32(float x)
{
    return sin_or_cos(x, 1);
}

#endif
