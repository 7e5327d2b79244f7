/* Floor 1. The functions in capitals that pointwise.def is written in, for int64_t, float and double. Those of float
 * are float_math.h's, or go by way of double; those of double are libm's. */
#ifndef FACULA_SCALAR_MATH_H
#define FACULA_SCALAR_MATH_H

#include "backend/cpu/isa/float_math.h"

MATH double fma_f64(double a, double b, double c)
{
    return FAC__HAS_FMA ? __builtin_fma(a, b, c) : a * b + c;
}
MATH int64_t fma_i64(int64_t a, int64_t b, int64_t c)
{
    return a * b + c;
}

/* ---- the rest of float, by way of double -------------------------------------------------------------------- */

#define BY_DOUBLE(name)                                                                                                \
    MATH float name##_f32(float x)                                                                                     \
    {                                                                                                                  \
        return (float)name((double)x);                                                                                 \
    }
BY_DOUBLE(tan)
BY_DOUBLE(asin)
BY_DOUBLE(acos)
BY_DOUBLE(atan)
BY_DOUBLE(asinh)
BY_DOUBLE(acosh)
BY_DOUBLE(atanh)
BY_DOUBLE(erfc)

MATH float atan2_f32(float y, float x)
{
    return (float)atan2((double)y, (double)x);
}
MATH float hypot_f32(float x, float y)
{
    float z = (float)__builtin_sqrt((double)x * x + (double)y * y); /* cannot overflow before the last step */
    return abs_f32(x) == INFINITY || abs_f32(y) == INFINITY ? INFINITY : z;
}
/* Exact, as fmod is: where the quotient is below 2^28, its product with y is exact in double. */
MATH float fmod_f32(float x, float y)
{
    double quotient = __builtin_trunc((double)x / (double)y), r = (double)x - quotient * (double)y;
    if (!(__builtin_fabs(quotient) < 268435456.0) || y == 0 || __builtin_isinf(y)) return fmodf(x, y);
    float z =
        (float)((r < 0) != (x < 0) && r != 0 ? r + copysign((double)y, (double)x) : r); /* rounded up to a whole */
    return __builtin_copysignf(z, x);
}

MATH double normal_cdf_f64(double x)
{
    return 0.5 * (1 + erf(x * 0.70710678118654752));
}

/* ---- special functions -------------------------------------------------------------------------------------- */

#define FAC__PI 3.14159265358979323846

static inline double lgamma_f64(double x)
{
#if defined(__GLIBC__)
    int sign; /* lgamma itself writes the sign where all threads see it */
    return lgamma_r(x, &sign);
#else
    return lgamma(x);
#endif
}
/* The logarithmic derivative of gamma: reflection to x > 0, recurrence to x >= 10, then the asymptotic series
 * (Abramowitz and Stegun, 6.3.5, 6.3.7 and 6.3.18). */
static inline double digamma_f64(double x)
{
    if (x == 0) return copysign(INFINITY, -x);
    double y = 0;
    if (x < 0) {
        if (x == floor(x)) return NAN;
        y = -FAC__PI / tan(FAC__PI * fmod(x, 1.0));
        x = 1 - x;
    }
    if (x == INFINITY) return y + x;
    for (; x < 10; x += 1)
        y -= 1 / x;
    double z = 1 / (x * x);
    double series =
        z * (1.0 / 12 -
             z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z / 12))))));
    return y + log(x) - 0.5 / x - series;
}
/* The n-th derivative of digamma, n >= 1: (-1)^(n+1) n! zeta(n + 1, x), Hurwitz' zeta by the Euler-Maclaurin formula;
 * for n = 1 also left of 0, by reflection. */
static inline double polygamma_f64(double n, double x)
{
    if (n == 0) return digamma_f64(x);
    if (n == 1 && x < 0.5) {
        double s = sin(FAC__PI * fmod(x, 1.0)); /* by the fraction, which is exact */
        return FAC__PI * FAC__PI / (s * s) - polygamma_f64(1, 1 - x);
    }
    double sum = 0, factor = (int64_t)n % 2 ? 1 : -1;
    if (x <= 0 && x == floor(x)) return factor * INFINITY;
    if (x < -10000) return NAN; /* the sum below would take too long */
    if (x == INFINITY) return 0;
    for (; x < 12; x += 1)
        sum += pow(x, -n - 1);
    /* sum over k >= 0 of (x + k)^-(n+1): integral, half the first term, and corrections by Bernoulli's numbers */
    static const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6};
    double power = pow(x, -n - 1), rising = n + 1, term = power / x;
    sum += power * x / n + power / 2;
    for (int k = 0; k < 7; k++) {
        double two_k = 2.0 * (k + 1);
        sum += bernoulli[k] * rising * term / tgamma(two_k + 1);
        rising *= (n + two_k) * (n + two_k + 1);
        term /= x * x;
    }
    return factor * tgamma(n + 1) * sum;
}
/* A first guess (M. Giles, "Approximating the erfinv function", 2010, with its single-precision coefficients) and two
 * steps of Newton's method. */
static inline double erfinv_f64(double y)
{
    if (!(y > -1 && y < 1)) return y == 1 ? INFINITY : y == -1 ? -INFINITY : NAN;
    if (y == 0) return y;
    static const double near[] = {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                                  -0.00125372503, -0.00417768164, 0.246640727,    1.50140941};
    static const double far[] = {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                                 -0.0076224613,   0.00943887047,  1.00167406,    2.83297682};
    double w = -log1p(-y * y), x = 0, t = w < 5 ? w - 2.5 : sqrt(w) - 3;
    for (int k = 0; k < 9; k++)
        x = x * t + (w < 5 ? near[k] : far[k]);
    x *= y;
    for (int k = 0; k < 2; k++) { /* near 1 by erfc, which keeps the digits */
        double error = fabs(y) < 0.5 ? erf(x) - y : (1 - fabs(y) - erfc(fabs(x))) * (y < 0 ? -1 : 1);
        x -= error / (1.12837916709551257390 * exp(-x * x));
    }
    return x;
}
static inline float lgamma_f32(float x)
{
    return (float)lgamma_f64((double)x);
}
static inline float digamma_f32(float x)
{
    return (float)digamma_f64((double)x);
}
static inline float polygamma_f32(float n, float x)
{
    return (float)polygamma_f64((double)n, (double)x);
}
static inline float erfinv_f32(float x)
{
    return (float)erfinv_f64((double)x);
}

/* ---- rounding, remainders, signs, the larger and the smaller ------------------------------------------------- */

/* One text for float and double. */
#define FAC__REALS(T, s, b)                                                                                            \
    MATH T floor_##s(T x)                                                                                              \
    {                                                                                                                  \
        return __builtin_floor##b(x);                                                                                  \
    }                                                                                                                  \
    MATH T ceil_##s(T x)                                                                                               \
    {                                                                                                                  \
        return __builtin_ceil##b(x);                                                                                   \
    }                                                                                                                  \
    MATH T trunc_##s(T x)                                                                                              \
    {                                                                                                                  \
        return __builtin_trunc##b(x);                                                                                  \
    }                                                                                                                  \
    MATH T round_##s(T x) /* half to even */                                                                           \
    {                                                                                                                  \
        return __builtin_rint##b(x);                                                                                   \
    }                                                                                                                  \
    MATH T abs_real_##s(T x)                                                                                           \
    {                                                                                                                  \
        return __builtin_fabs##b(x);                                                                                   \
    }                                                                                                                  \
    MATH T max_##s(T a, T b_) /* NaN wins */                                                                           \
    {                                                                                                                  \
        return a > b_ || a != a ? a : b_;                                                                              \
    }                                                                                                                  \
    MATH T min_##s(T a, T b_)                                                                                          \
    {                                                                                                                  \
        return a < b_ || a != a ? a : b_;                                                                              \
    }                                                                                                                  \
    MATH T fmax_##s(T a, T b_) /* NaN loses */                                                                         \
    {                                                                                                                  \
        return a >= b_ || b_ != b_ ? a : b_;                                                                           \
    }                                                                                                                  \
    MATH T fmin_##s(T a, T b_)                                                                                         \
    {                                                                                                                  \
        return a <= b_ || b_ != b_ ? a : b_;                                                                           \
    }                                                                                                                  \
    MATH T remainder_##s(T a, T b_) /* of the divisor's sign, as Python's */                                           \
    {                                                                                                                  \
        T r = fmod_##s(a, b_);                                                                                         \
        return r != 0 && (r < 0) != (b_ < 0) ? r + b_ : r;                                                             \
    }                                                                                                                  \
    MATH T div_floor_##s(T a, T b_) /* as Python's: by way of the remainder, which is exact */                         \
    {                                                                                                                  \
        T r = fmod_##s(a, b_), q = (a - r) / b_;                                                                       \
        q = r != 0 && (r < 0) != (b_ < 0) ? q - 1 : q;                                                                 \
        T f = __builtin_floor##b(q);                                                                                   \
        f = q - f > (T)0.5 ? f + 1 : f;                                                                                \
        f = q != 0 ? f : __builtin_copysign##b((T)0, a / b_);                                                          \
        return b_ == 0 ? a / b_ : f;                                                                                   \
    }                                                                                                                  \
    MATH T div_trunc_##s(T a, T b_)                                                                                    \
    {                                                                                                                  \
        return __builtin_trunc##b(a / b_);                                                                             \
    }                                                                                                                  \
    MATH T copysign_##s(T a, T b_)                                                                                     \
    {                                                                                                                  \
        return __builtin_copysign##b(a, b_);                                                                           \
    }                                                                                                                  \
    MATH T signbit_##s(T x)                                                                                            \
    {                                                                                                                  \
        return __builtin_copysign##b((T)1, x) < 0;                                                                     \
    }
#define fmod_f64(x, y) fmod(x, y)
FAC__REALS(float, f32, f)
FAC__REALS(double, f64, )

/* Integers. A division by zero, which the operations refuse, gives 0. */
#define FAC__INTEGER(name, expr)                                                                                       \
    static inline int64_t name##_i64(int64_t a)                                                                        \
    {                                                                                                                  \
        return expr;                                                                                                   \
    }
#define FAC__INTEGERS(name, expr)                                                                                      \
    static inline int64_t name##_i64(int64_t a, int64_t b)                                                             \
    {                                                                                                                  \
        return expr;                                                                                                   \
    }
FAC__INTEGER(floor, a)
FAC__INTEGER(ceil, a)
FAC__INTEGER(trunc, a)
FAC__INTEGER(round, a)
FAC__INTEGER(abs_real, a < 0 ? -a : a)
FAC__INTEGER(signbit, a < 0)
FAC__INTEGERS(max, a > b ? a : b)
FAC__INTEGERS(min, a < b ? a : b)
FAC__INTEGERS(fmax, a > b ? a : b)
FAC__INTEGERS(fmin, a < b ? a : b)
FAC__INTEGERS(div_trunc, b == 0 ? 0 : b == -1 ? -a : a / b)
FAC__INTEGERS(fmod, b == 0 || b == -1 ? 0 : a % b)
static inline int64_t remainder_i64(int64_t a, int64_t b)
{
    int64_t r = fmod_i64(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static inline int64_t div_floor_i64(int64_t a, int64_t b)
{
    return div_trunc_i64(a, b) - (fmod_i64(a, b) != 0 && (a < 0) != (b < 0));
}
static inline int64_t pow_i64(int64_t a, int64_t b) /* wraps; below 0 only 1 and -1 have whole powers */
{
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    int64_t y = 1;
    for (; b; b >>= 1, a *= a)
        if (b & 1) y *= a;
    return y;
}
static inline int64_t gcd_i64(int64_t a, int64_t b)
{
    a = abs_real_i64(a), b = abs_real_i64(b);
    while (b) {
        int64_t r = fmod_i64(a, b);
        a = b, b = r;
    }
    return a;
}
static inline int64_t lcm_i64(int64_t a, int64_t b)
{
    int64_t g = gcd_i64(a, b);
    return g == 0 ? 0 : abs_real_i64(a / g * b);
}
/* Shifts by the width and more, or by less than 0, push all bits out. */
FAC__INTEGERS(shift_left, b<0 || b> 63 ? 0 : (int64_t)((uint64_t)a << b))
FAC__INTEGERS(shift_right, a >> (b < 0 || b > 63 ? 63 : b))

/* ---- the names that rows use -------------------------------------------------------------------------------- */

/* By the type of the first argument. Rows of functions that integers lack are compiled for them too, in double, but no operation runs them. */
#define FAC__OF3(x, name) _Generic((x), float : name##_f32, double : name##_f64, default : name##_i64)
#define FAC__OF2(x, name) _Generic((x), float : name##_f32, default : name##_f64)
#define FAC__OR_LIBM(x, name) _Generic((x), float : name##_f32, default : name)

#define FMA(a, b, c) FAC__OF3(a, fma)(a, b, c) /* a * b + c, rounded once */
#define ABS(x) FAC__OF3(x, abs_real)(x)
#define SIGN(x) (((x) > 0) - ((x) < 0))
#define MAX(a, b) FAC__OF3(a, max)(a, b) /* NaN if either is */
#define MIN(a, b) FAC__OF3(a, min)(a, b)
#define FMAX(a, b) FAC__OF3(a, fmax)(a, b) /* the other if one is NaN */
#define FMIN(a, b) FAC__OF3(a, fmin)(a, b)
#define FLOOR(x) FAC__OF3(x, floor)(x)
#define CEIL(x) FAC__OF3(x, ceil)(x)
#define TRUNC(x) FAC__OF3(x, trunc)(x)
#define ROUND(x) FAC__OF3(x, round)(x)
#define FMOD(a, b) _Generic((a), float : fmod_f32, double : fmod, default : fmod_i64)(a, b)
#define REMAINDER(a, b) FAC__OF3(a, remainder)(a, b)
#define DIV_FLOOR(a, b) FAC__OF3(a, div_floor)(a, b)
#define DIV_TRUNC(a, b) FAC__OF3(a, div_trunc)(a, b)
#define COPYSIGN(a, b) FAC__OF2(a, copysign)(a, b)
#define SIGNBIT(x) FAC__OF3(x, signbit)(x)
#define SQRT(x) _Generic((x), float : __builtin_sqrtf, default : __builtin_sqrt)(x)
#define POW(a, b) _Generic((a), float : pow_f32, double : pow, default : pow_i64)(a, b)
#define EXP(x) FAC__OR_LIBM(x, exp)(x)
#define EXP2(x) FAC__OR_LIBM(x, exp2)(x)
#define EXPM1(x) FAC__OR_LIBM(x, expm1)(x)
#define LOG(x) FAC__OR_LIBM(x, log)(x)
#define LOG2(x) FAC__OR_LIBM(x, log2)(x)
#define LOG10(x) FAC__OR_LIBM(x, log10)(x)
#define LOG1P(x) FAC__OR_LIBM(x, log1p)(x)
#define SIN(x) FAC__OR_LIBM(x, sin)(x)
#define COS(x) FAC__OR_LIBM(x, cos)(x)
#define TAN(x) FAC__OR_LIBM(x, tan)(x)
#define ASIN(x) FAC__OR_LIBM(x, asin)(x)
#define ACOS(x) FAC__OR_LIBM(x, acos)(x)
#define ATAN(x) FAC__OR_LIBM(x, atan)(x)
#define ATAN2(y, x) FAC__OR_LIBM(y, atan2)(y, x)
#define SINH(x) FAC__OR_LIBM(x, sinh)(x)
#define COSH(x) FAC__OR_LIBM(x, cosh)(x)
#define TANH(x) FAC__OR_LIBM(x, tanh)(x)
#define ASINH(x) FAC__OR_LIBM(x, asinh)(x)
#define ACOSH(x) FAC__OR_LIBM(x, acosh)(x)
#define ATANH(x) FAC__OR_LIBM(x, atanh)(x)
#define ERF(x) FAC__OR_LIBM(x, erf)(x)
#define ERFC(x) FAC__OR_LIBM(x, erfc)(x)
#define ERFINV(x) FAC__OF2(x, erfinv)(x)
#define NORMAL_CDF(x) FAC__OF2(x, normal_cdf)(x)
#define LGAMMA(x) FAC__OF2(x, lgamma)(x)
#define DIGAMMA(x) FAC__OF2(x, digamma)(x)
#define POLYGAMMA(n, x) FAC__OF2(x, polygamma)(n, x)
#define HYPOT(a, b) FAC__OR_LIBM(a, hypot)(a, b)
#define SIGMOID(x) (1 / (1 + EXP(-(x))))
#define LOGIT(x) LOG((x) / (1 - (x)))
#define GELU_CORE(x) TANH(NUM(0.79788456080286536) * FMA(NUM(0.044715), (x) * (x) * (x), x)) /* sqrt(2 / pi) */
#define MISH_CORE(x) TANH(LOG1P(EXP(x)))
#define INF ((float)INFINITY)

/* Integers only; floats never come here. */
#define AND(a, b) ((int64_t)(a) & (int64_t)(b))
#define OR(a, b) ((int64_t)(a) | (int64_t)(b))
#define XOR(a, b) ((int64_t)(a) ^ (int64_t)(b))
#define NOT(a) (~(int64_t)(a))
#define SHIFT_LEFT(a, b) shift_left_i64((int64_t)(a), (int64_t)(b))
#define SHIFT_RIGHT(a, b) shift_right_i64((int64_t)(a), (int64_t)(b))
#define GCD(a, b) gcd_i64((int64_t)(a), (int64_t)(b))
#define LCM(a, b) lcm_i64((int64_t)(a), (int64_t)(b))

#endif
