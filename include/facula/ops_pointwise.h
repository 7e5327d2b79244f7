/* Floor 4: element-wise operations. Most are rows of pointwise.def, where each stands with its expression, its derivative
 * and a sentence: fac_exp(x), fac_exp_(x) in place, fac_mul(a, b), fac_mul_scalar(a, 2.5)…
 *
 * All broadcast their arguments (sizes equal or 1, from the right), promote dtypes as PyTorch's result_type does, and
 * return a new tensor of the innermost scope, NULL after an error. In-place forms write into and return their first
 * argument, whose shape and dtype must be able to hold the result. */
#ifndef FACULA_OPS_POINTWISE_H
#define FACULA_OPS_POINTWISE_H

#include "facula/tensor.h"

FAC_BEGIN

#define FAC_UNARY(name, rule, expr, da, doc)                                                                           \
    FAC_API fac_tensor *fac_##name(fac_tensor *self);                                                                  \
    FAC_API fac_tensor *fac_##name##_(fac_tensor *self);
#define FAC_UNARY_P(name, rule, params, n, expr, da, doc) FAC__UNARY_P##n(name)
#define FAC__UNARY_P1(name)                                                                                            \
    FAC_API fac_tensor *fac_##name(fac_tensor *self, double b);                                                        \
    FAC_API fac_tensor *fac_##name##_(fac_tensor *self, double b);
#define FAC__UNARY_P2(name)                                                                                            \
    FAC_API fac_tensor *fac_##name(fac_tensor *self, double b, double c);                                              \
    FAC_API fac_tensor *fac_##name##_(fac_tensor *self, double b, double c);
#define FAC__UNARY_P3(name)                                                                                            \
    FAC_API fac_tensor *fac_##name(fac_tensor *self, double b, double c, double d);                                    \
    FAC_API fac_tensor *fac_##name##_(fac_tensor *self, double b, double c, double d);
#define FAC_BINARY_T(name, rule, expr, da, db, doc)                                                                    \
    FAC_API fac_tensor *fac_##name(fac_tensor *self, fac_tensor *other);                                               \
    FAC_API fac_tensor *fac_##name##_(fac_tensor *self, fac_tensor *other);
#define FAC_BINARY(name, rule, expr, da, db, doc)                                                                      \
    FAC_BINARY_T(name, rule, expr, da, db, doc)                                                                        \
    FAC_API fac_tensor *fac_##name##_scalar(fac_tensor *self, fac_scalar other);                                       \
    FAC_API fac_tensor *fac_##name##_scalar_(fac_tensor *self, fac_scalar other);
#define FAC_TERNARY(name, rule, schema, expr, da, db, dc, doc)                                                         \
    FAC_API fac_tensor *fac_##name(fac_tensor *a, fac_tensor *b, fac_tensor *c);                                       \
    FAC_API fac_tensor *fac_##name##_(fac_tensor *a, fac_tensor *b, fac_tensor *c);
#define FAC_HELPER(name, n, expr, da, db, dc, dd)
#include "facula/pointwise.def"

/* a + alpha * b and a - alpha * b. Subtraction of bools is refused. rsub: other - self. */
FAC_API fac_tensor *fac_add(fac_tensor *self, fac_tensor *other);
FAC_API fac_tensor *fac_add_(fac_tensor *self, fac_tensor *other);
FAC_API fac_tensor *fac_add_scalar(fac_tensor *self, fac_scalar other);
FAC_API fac_tensor *fac_add_scalar_(fac_tensor *self, fac_scalar other);
FAC_API fac_tensor *fac_add_alpha(fac_tensor *self, fac_tensor *other, fac_scalar alpha);
FAC_API fac_tensor *fac_add_alpha_(fac_tensor *self, fac_tensor *other, fac_scalar alpha);
FAC_API fac_tensor *fac_sub(fac_tensor *self, fac_tensor *other);
FAC_API fac_tensor *fac_sub_(fac_tensor *self, fac_tensor *other);
FAC_API fac_tensor *fac_sub_scalar(fac_tensor *self, fac_scalar other);
FAC_API fac_tensor *fac_sub_scalar_(fac_tensor *self, fac_scalar other);
FAC_API fac_tensor *fac_sub_alpha(fac_tensor *self, fac_tensor *other, fac_scalar alpha);
FAC_API fac_tensor *fac_sub_alpha_(fac_tensor *self, fac_tensor *other, fac_scalar alpha);
FAC_API fac_tensor *fac_rsub_scalar(fac_tensor *self, fac_scalar other);

/* a / b, rounded to an integer (in a float dtype if the inputs are floats): FAC_ROUND_FLOOR down, FAC_ROUND_TRUNC
 * towards zero. Integers divided by an integer 0: "ZeroDivisionError". */
typedef enum fac_rounding { FAC_ROUND_NONE, FAC_ROUND_FLOOR, FAC_ROUND_TRUNC } fac_rounding;
FAC_API fac_tensor *fac_div_mode(fac_tensor *self, fac_tensor *other, fac_rounding mode);
FAC_API fac_tensor *fac_div_mode_scalar(fac_tensor *self, fac_scalar other, fac_rounding mode);
FAC_API fac_tensor *fac_floor_divide(fac_tensor *self, fac_tensor *other);
FAC_API fac_tensor *fac_floor_divide_scalar(fac_tensor *self, fac_scalar other);

/* self ** exponent. Integers to a negative integer number are refused, as in PyTorch. */
FAC_API fac_tensor *fac_pow(fac_tensor *self, fac_tensor *exponent);
FAC_API fac_tensor *fac_pow_(fac_tensor *self, fac_tensor *exponent);
FAC_API fac_tensor *fac_pow_scalar(fac_tensor *self, fac_scalar exponent);
FAC_API fac_tensor *fac_pow_scalar_(fac_tensor *self, fac_scalar exponent);
FAC_API fac_tensor *fac_pow_base(fac_scalar self, fac_tensor *exponent); /* number ** tensor */

/* Elements of self where condition (bool or uint8) holds, else of other. */
FAC_API fac_tensor *fac_where(fac_tensor *condition, fac_tensor *self, fac_tensor *other);
/* Numbers in place of either or both; a fac_scalar_none() end is open in clamp. NaN stays NaN. */
FAC_API fac_tensor *fac_where_scalar(fac_tensor *condition, fac_scalar self, fac_scalar other);
FAC_API fac_tensor *fac_clamp(fac_tensor *self, fac_scalar min, fac_scalar max);
FAC_API fac_tensor *fac_clamp_(fac_tensor *self, fac_scalar min, fac_scalar max);
FAC_API fac_tensor *fac_clamp_tensor(fac_tensor *self, fac_tensor *min, fac_tensor *max); /* either may be NULL */

/* self + value * t1 * t2, self + value * t1 / t2 */
FAC_API fac_tensor *fac_addcmul(fac_tensor *self, fac_tensor *t1, fac_tensor *t2, fac_scalar value);
FAC_API fac_tensor *fac_addcmul_(fac_tensor *self, fac_tensor *t1, fac_tensor *t2, fac_scalar value);
FAC_API fac_tensor *fac_addcdiv(fac_tensor *self, fac_tensor *t1, fac_tensor *t2, fac_scalar value);
FAC_API fac_tensor *fac_addcdiv_(fac_tensor *self, fac_tensor *t1, fac_tensor *t2, fac_scalar value);

/* start + weight * (end - start), weight a number */
FAC_API fac_tensor *fac_lerp_scalar(fac_tensor *start, fac_tensor *end, fac_scalar weight);
FAC_API fac_tensor *fac_lerp_scalar_(fac_tensor *start, fac_tensor *end, fac_scalar weight);

/* Rounded to so many decimals (negative: to tens, hundreds…), the even one of two. */
FAC_API fac_tensor *fac_round_decimals(fac_tensor *self, int decimals);

/* self ** exponent computed, and returned, in float64. */
FAC_API fac_tensor *fac_float_power(fac_tensor *self, fac_tensor *exponent);

typedef struct fac_nan_to_num_options {
    double nan, posinf, neginf; /* 0; NAN: the dtype's largest and smallest number */
} fac_nan_to_num_options;
static inline fac_nan_to_num_options fac_nan_to_num_options_defaults(void)
{
    fac_nan_to_num_options o;
    o.nan = 0;
    o.posinf = o.neginf = __builtin_nan("");
    return o;
}
/* NaN and infinities replaced by numbers; integers are copied. */
FAC_API fac_tensor *fac_nan_to_num_with(fac_tensor *self, fac_nan_to_num_options options);
#define fac_nan_to_num(x, ...) fac_nan_to_num_with(x, FAC_OPTIONS(fac_nan_to_num_options, __VA_ARGS__))

/* ---- closeness ---------------------------------------------------------------------------------------------- */

typedef struct fac_close_options {
    double rtol, atol; /* 1e-5, 1e-8 */
    bool equal_nan;    /* false */
} fac_close_options;
static inline fac_close_options fac_close_options_defaults(void)
{
    fac_close_options o;
    o.rtol = 1e-5;
    o.atol = 1e-8;
    o.equal_nan = false;
    return o;
}
/* bool, element by element: |self - other| <= atol + rtol * |other|. Dtypes must be equal; shapes broadcast. */
FAC_API fac_tensor *fac_isclose_with(fac_tensor *self, fac_tensor *other, fac_close_options options);
#define fac_isclose(x, y, ...) fac_isclose_with(x, y, FAC_OPTIONS(fac_close_options, __VA_ARGS__))
/* True if that holds everywhere; false, too, after an error. */
FAC_API bool fac_allclose_with(fac_tensor *self, fac_tensor *other, fac_close_options options);
#define fac_allclose(x, y, ...) fac_allclose_with(x, y, FAC_OPTIONS(fac_close_options, __VA_ARGS__))
/* True if shapes and all elements are equal (NaN is not), compared in the dtype to which both promote. */
FAC_API bool fac_equal(fac_tensor *self, fac_tensor *other);

/* ---- copies and casts --------------------------------------------------------------------------------------- */

/* self.copy_(src): src broadcast and cast into self, which is returned. Differentiable in src. */
FAC_API fac_tensor *fac_copy_(fac_tensor *self, fac_tensor *src);
FAC_API fac_tensor *fac_fill_(fac_tensor *self, fac_scalar value);
FAC_API fac_tensor *fac_zero_(fac_tensor *self);
/* A copy with memory of its own. */
FAC_API fac_tensor *fac_clone(fac_tensor *self);
/* self.to(dtype): self itself if it is of that dtype already. */
FAC_API fac_tensor *fac_to(fac_tensor *self, fac_dtype dtype);
/* The same by the dtype's own name, as in x.float(). */
FAC_API fac_tensor *fac_bool(fac_tensor *self);
FAC_API fac_tensor *fac_byte(fac_tensor *self);
FAC_API fac_tensor *fac_char(fac_tensor *self);
FAC_API fac_tensor *fac_short(fac_tensor *self);
FAC_API fac_tensor *fac_int(fac_tensor *self);
FAC_API fac_tensor *fac_long(fac_tensor *self);
FAC_API fac_tensor *fac_half(fac_tensor *self);
FAC_API fac_tensor *fac_bfloat16(fac_tensor *self);
FAC_API fac_tensor *fac_float(fac_tensor *self);
FAC_API fac_tensor *fac_double(fac_tensor *self);
/* self if its elements lie in a row, else a copy where they do. */
FAC_API fac_tensor *fac_contiguous(fac_tensor *self);

FAC_END

/* Numbers may be written as they are: fac_mul_scalar(x, 2). */
#define fac_add_scalar(x, s) fac_add_scalar(x, FAC_SCALAR(s))
#define fac_sub_scalar(x, s) fac_sub_scalar(x, FAC_SCALAR(s))
#define fac_mul_scalar(x, s) fac_mul_scalar(x, FAC_SCALAR(s))
#define fac_div_scalar(x, s) fac_div_scalar(x, FAC_SCALAR(s))
#define fac_add_scalar_(x, s) fac_add_scalar_(x, FAC_SCALAR(s))
#define fac_sub_scalar_(x, s) fac_sub_scalar_(x, FAC_SCALAR(s))
#define fac_mul_scalar_(x, s) fac_mul_scalar_(x, FAC_SCALAR(s))
#define fac_div_scalar_(x, s) fac_div_scalar_(x, FAC_SCALAR(s))
#define fac_rsub_scalar(x, s) fac_rsub_scalar(x, FAC_SCALAR(s))
#define fac_add_alpha(x, y, s) fac_add_alpha(x, y, FAC_SCALAR(s))
#define fac_add_alpha_(x, y, s) fac_add_alpha_(x, y, FAC_SCALAR(s))
#define fac_sub_alpha(x, y, s) fac_sub_alpha(x, y, FAC_SCALAR(s))
#define fac_sub_alpha_(x, y, s) fac_sub_alpha_(x, y, FAC_SCALAR(s))
#define fac_pow_scalar(x, s) fac_pow_scalar(x, FAC_SCALAR(s))
#define fac_pow_scalar_(x, s) fac_pow_scalar_(x, FAC_SCALAR(s))
#define fac_pow_base(s, x) fac_pow_base(FAC_SCALAR(s), x)
#define fac_remainder_scalar(x, s) fac_remainder_scalar(x, FAC_SCALAR(s))
#define fac_fmod_scalar(x, s) fac_fmod_scalar(x, FAC_SCALAR(s))
#define fac_floor_divide_scalar(x, s) fac_floor_divide_scalar(x, FAC_SCALAR(s))
#define fac_div_mode_scalar(x, s, mode) fac_div_mode_scalar(x, FAC_SCALAR(s), mode)
#define fac_eq_scalar(x, s) fac_eq_scalar(x, FAC_SCALAR(s))
#define fac_ne_scalar(x, s) fac_ne_scalar(x, FAC_SCALAR(s))
#define fac_lt_scalar(x, s) fac_lt_scalar(x, FAC_SCALAR(s))
#define fac_le_scalar(x, s) fac_le_scalar(x, FAC_SCALAR(s))
#define fac_gt_scalar(x, s) fac_gt_scalar(x, FAC_SCALAR(s))
#define fac_ge_scalar(x, s) fac_ge_scalar(x, FAC_SCALAR(s))
#define fac_clamp(x, low, high) fac_clamp(x, FAC_SCALAR(low), FAC_SCALAR(high))
#define fac_clamp_(x, low, high) fac_clamp_(x, FAC_SCALAR(low), FAC_SCALAR(high))
#define fac_where_scalar(c, a, b) fac_where_scalar(c, FAC_SCALAR(a), FAC_SCALAR(b))
#define fac_addcmul(x, a, b, s) fac_addcmul(x, a, b, FAC_SCALAR(s))
#define fac_addcmul_(x, a, b, s) fac_addcmul_(x, a, b, FAC_SCALAR(s))
#define fac_addcdiv(x, a, b, s) fac_addcdiv(x, a, b, FAC_SCALAR(s))
#define fac_addcdiv_(x, a, b, s) fac_addcdiv_(x, a, b, FAC_SCALAR(s))
#define fac_lerp_scalar(x, y, s) fac_lerp_scalar(x, y, FAC_SCALAR(s))
#define fac_lerp_scalar_(x, y, s) fac_lerp_scalar_(x, y, FAC_SCALAR(s))
#define fac_fill_(x, s) fac_fill_(x, FAC_SCALAR(s))

#endif
