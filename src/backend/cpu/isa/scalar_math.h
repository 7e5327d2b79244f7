/* Floor 1. The functions in capitals that pointwise.def is written in, for int64_t, float and double. Those of float
 * are float_math.h's, or go by way of double; those of double are libm's. SPECIAL ones are compiled once, elsewhere. */
#ifndef FACULA_SCALAR_MATH_H
#define FACULA_SCALAR_MATH_H

#include "backend/cpu/isa/float_math.h"
#include "backend/cpu/special_math.h"

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

/* ---- parts of a number --------------------------------------------------------------------------------------- */

static inline double mantissa_f64(double x)
{
    int exponent;
    return frexp(x, &exponent);
}
static inline double exponent_f64(double x)
{
    int exponent = 0;
    (void)frexp(x, &exponent);
    return __builtin_isfinite(x) ? exponent : 0;
}
static inline double nextafter_f64(double a, double b, double step)
{
    (void)step;
    return nextafter(a, b);
}
/* In steps of so many units in float's last place: 65536 where a is a bfloat16. */
static inline float nextafter_f32(float a, float b, float step)
{
    union {
        float f;
        int32_t i;
    } x = {a};
    if (a != a || b != b) return a + b;
    if (a == b) return b;
    if (a == 0)
        x.i = (int32_t)step;
    else
        x.i += (int32_t)((a < b) == (a > 0) ? step : -step);
    return a == 0 ? __builtin_copysignf(x.f, b) : x.f;
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
    if (g == -1) return abs_real_i64(a * b); /* a / -1 may not fit */
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
#define EXP_NEGATIVE(x) _Generic((x), float : exp_negative_f32, default : exp)(x) /* of x that are not above 0 */
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
#define NORMAL_CDF(x) FAC__OF2(x, normal_cdf)(x)
#define MANTISSA(x) mantissa_f64(x)
#define EXPONENT(x) exponent_f64(x)
#define NEXTAFTER(a, b, step) FAC__OF2(a, nextafter)(a, b, step)
#define POLYGAMMA(n, x) _Generic((x), float : fac__polygamma_float, default : fac__polygamma)(n, x)
#define LARGEST(x) _Generic((x), float : __FLT_MAX__, default : __DBL_MAX__)
#define SPECIAL(name, ...) fac__##name(__VA_ARGS__) /* of backend/cpu/special_math.h, in double */
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
