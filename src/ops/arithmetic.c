/* Floor 4. Element-wise operations whose dtype rule or arguments are no plain row's: add and sub with alpha, rounding
 * division, pow, where, clamp, addcmul. Their maths still are rows of pointwise.def. */
#include <string.h>

#include "backend/check.h"
#include "op.h"
#include "shaping.h"
#include "tracing.h"

static fac__arg tensor(fac_tensor *t)
{
    return fac__tensor_arg(t);
}

static fac__arg number(fac_scalar s)
{
    return fac__scalar_arg(s);
}

/* Out of the way of those that are not traced. alpha may be NULL. */
static __attribute__((noinline, cold)) fac_tensor *traced(const char *op, bool inplace, int n, const fac__arg *args,
                                                          const fac_scalar *alpha)
{
    fac_keyword given[4];
    for (int i = 0; i < n; i++) {
        given[i].name = NULL;
        given[i].value = args[i].t ? FAC__VALUE(args[i].t) : FAC__VALUE(args[i].s);
    }
    if (alpha) {
        given[n].name = "alpha";
        given[n++].value = FAC__VALUE(*alpha);
    }
    return fac__traced(fac__tracing(), fac__traced_name(op, inplace), given, n);
}

static bool missing(const fac__arg *a)
{
    return !a->t && a->s.kind == FAC_DTYPE_NONE;
}

/* ---- add, sub ----------------------------------------------------------------------------------------------- */

static fac_tensor *add_or_sub(bool subtract, fac__arg a, fac__arg b, fac_scalar alpha, bool inplace)
{
    FAC__OP(subtract ? "sub" : "add");
    if (missing(&a)) return fac__null_error("self");
    if (missing(&b)) return fac__null_error("other");
    fac__arg args[] = {a, b, number(alpha)};
    if (fac__tracing() && a.t) return traced(subtract ? "sub" : "add", inplace, 2, args, &alpha);
    if (fac__tracing() && subtract) return traced("rsub", inplace, 2, (fac__arg[]){b, a}, &alpha);
    fac_dtype common = fac__result_type(2, args);
    const char *name = subtract ? "SubBackward0" : "AddBackward0";
    bool a_bool = (a.t ? (fac_dtype)a.t->dtype : a.s.kind) == FAC_BOOL;
    bool b_bool = (b.t ? (fac_dtype)b.t->dtype : b.s.kind) == FAC_BOOL;
    if (subtract && a_bool && b_bool)
        return fac__runtime_error(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead.");
    if (subtract && (a_bool || b_bool))
        return fac__runtime_error(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert "
            "a mask, use the `~` or `logical_not()` operator instead.");
    if (alpha.kind == FAC_FLOAT64 && !fac_dtype_is_floating(common))
        return fac__runtime_error("For integral input tensors, argument alpha must not be a floating point number.");
    if (alpha.kind == FAC_BOOL && common != FAC_BOOL)
        return fac__runtime_error("Boolean alpha only supported for Boolean results.");
    if (fac_scalar_to_double(alpha) == 1)
        return fac__pointwise_as(subtract ? FAC__ROW_sub_plain : FAC__ROW_add_plain, args, common, common, inplace,
                                 name);
    if (subtract) {
        if (alpha.kind == FAC_FLOAT64)
            args[2].s.v.f = -alpha.v.f;
        else
            args[2].s = fac_scalar_int((int64_t)(0 - (uint64_t)alpha.v.i)); /* wraps, as PyTorch's does */
    }
    return fac__pointwise_as(FAC__ROW_add_scaled, args, common, common, inplace, name);
}

static const fac_scalar one = {FAC_INT64, {1}};

/* clang-format off */
#define DEFINE(name, subtract)                                                                                            \
    fac_tensor *fac_##name(fac_tensor *a, fac_tensor *b) { return add_or_sub(subtract, tensor(a), tensor(b), one, false); } \
    fac_tensor *fac_##name##_(fac_tensor *a, fac_tensor *b) { return add_or_sub(subtract, tensor(a), tensor(b), one, true); } \
    fac_tensor *(fac_##name##_scalar)(fac_tensor *a, fac_scalar b) { return add_or_sub(subtract, tensor(a), number(b), one, false); } \
    fac_tensor *(fac_##name##_scalar_)(fac_tensor *a, fac_scalar b) { return add_or_sub(subtract, tensor(a), number(b), one, true); } \
    fac_tensor *(fac_##name##_alpha)(fac_tensor *a, fac_tensor *b, fac_scalar s) { return add_or_sub(subtract, tensor(a), tensor(b), s, false); } \
    fac_tensor *(fac_##name##_alpha_)(fac_tensor *a, fac_tensor *b, fac_scalar s) { return add_or_sub(subtract, tensor(a), tensor(b), s, true); }
DEFINE(add, false)
DEFINE(sub, true)
#undef DEFINE
/* clang-format on */

fac_tensor *(fac_rsub_scalar)(fac_tensor *self, fac_scalar other)
{
    FAC__NEED(self);
    return add_or_sub(true, number(other), tensor(self), one, false);
}

/* ---- division ----------------------------------------------------------------------------------------------- */

static bool report_zero(void)
{
    return fac__runtime_error("ZeroDivisionError"), false;
}

bool fac__check_divisor(const fac__arg *args, fac_dtype common)
{
    fac__arg b = args[1];
    if (args[0].t && !args[0].t->numel) return true;
    if (!fac__to_common(&b, common)) return false;
    if (!b.t) return fac_scalar_to_int(b.s) != 0 || report_zero();
    if (!b.t->numel) return true;
    fac__no_zero_args a = {.at = fac__operand_of(b.t), .ndim = b.t->ndim, .report = report_zero};
    memcpy(a.shape, b.t->shape, (size_t)b.t->ndim * sizeof *b.t->shape);
    return FAC__LAUNCH_CHECK(fac__k_no_zero, a);
}

static fac_tensor *divide(fac__arg a, fac__arg b, fac_rounding mode)
{
    FAC__OP(mode == FAC_ROUND_FLOOR ? "floor_divide" : "div");
    if (missing(&a)) return fac__null_error("self");
    if (missing(&b)) return fac__null_error("other");
    fac__arg args[] = {a, b};
    if (fac__tracing() && mode == FAC_ROUND_NONE) return traced("div", false, 2, args, NULL);
    if (fac__tracing() && mode == FAC_ROUND_FLOOR) return traced("floor_divide", false, 2, args, NULL);
    if (mode == FAC_ROUND_NONE) return fac__pointwise(FAC__ROW_div, args, false);
    fac_dtype common = fac__result_type(2, args);
    if (fac__tracing() && fac_dtype_is_floating(common)) return fac_trunc(divide(a, b, FAC_ROUND_NONE));
    if (!fac_dtype_is_floating(common) && !fac__check_divisor(args, common)) return NULL;
    fac__row row = mode == FAC_ROUND_FLOOR ? FAC__ROW_div_floor : FAC__ROW_div_trunc;
    return fac__pointwise_as(row, args, common, common, false, "DivBackward1");
}

fac_tensor *fac_div_mode(fac_tensor *a, fac_tensor *b, fac_rounding mode)
{
    return divide(tensor(a), tensor(b), mode);
}

fac_tensor *(fac_div_mode_scalar)(fac_tensor *a, fac_scalar b, fac_rounding mode)
{
    return divide(tensor(a), number(b), mode);
}

fac_tensor *fac_floor_divide(fac_tensor *a, fac_tensor *b)
{
    return divide(tensor(a), tensor(b), FAC_ROUND_FLOOR);
}

fac_tensor *(fac_floor_divide_scalar)(fac_tensor *a, fac_scalar b)
{
    return divide(tensor(a), number(b), FAC_ROUND_FLOOR);
}

/* ---- pow ---------------------------------------------------------------------------------------------------- */

static fac_tensor *power(fac__arg base, fac__arg exponent, bool inplace)
{
    FAC__OP(inplace ? "pow_" : "pow");
    if (missing(&base)) return fac__null_error("self");
    if (missing(&exponent)) return fac__null_error("exponent");
    fac__arg args[] = {base, exponent};
    if (fac__tracing()) return traced("pow", inplace, 2, args, NULL);
    fac_dtype common = fac__result_type(2, args);
    double e = exponent.t ? 0 : fac_scalar_to_double(exponent.s);
    if (!exponent.t && !fac_dtype_is_floating(common) && e < 0)
        return fac__runtime_error("Integers to negative integer powers are not allowed.");
    if (base.t && !exponent.t && !fac__scalar_fits(exponent.s, common)) return NULL;
    const char *name = exponent.t ? "PowBackward1" : "PowBackward0";
    /* As PyTorch does: a number's everyday values are computed, and so rounded, in simpler ways. */
    if (base.t && !exponent.t && fac_dtype_is_floating(common)) {
        static const struct {
            double exponent;
            fac__row row;
        } simple[] = {{0.5, FAC__ROW_sqrt}, {3, FAC__ROW_cube}, {-0.5, FAC__ROW_rsqrt}, {-1, FAC__ROW_reciprocal}};
        for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
            if (e == simple[i].exponent) return fac__pointwise_as(simple[i].row, args, common, common, inplace, name);
    }
    if (base.t && !exponent.t && e == 2) return fac__pointwise_as(FAC__ROW_square, args, common, common, inplace, name);
    return fac__pointwise_as(FAC__ROW_pow, args, common, common, inplace, name);
}

/* clang-format off */
fac_tensor *fac_pow(fac_tensor *a, fac_tensor *b) { return power(tensor(a), tensor(b), false); }
fac_tensor *fac_pow_(fac_tensor *a, fac_tensor *b) { return power(tensor(a), tensor(b), true); }
fac_tensor *(fac_pow_scalar)(fac_tensor *a, fac_scalar b) { return power(tensor(a), number(b), false); }
fac_tensor *(fac_pow_scalar_)(fac_tensor *a, fac_scalar b) { return power(tensor(a), number(b), true); }
fac_tensor *(fac_pow_base)(fac_scalar a, fac_tensor *b) { return power(number(a), tensor(b), false); }
/* clang-format on */

/* ---- where, clamp ------------------------------------------------------------------------------------------- */

static fac_tensor *choose(fac_tensor *condition, fac__arg a, fac__arg b)
{
    FAC__OP("where");
    FAC__NEED(condition);
    if (missing(&a)) return fac__null_error("self");
    if (missing(&b)) return fac__null_error("other");
    if (condition->dtype != FAC_BOOL && condition->dtype != FAC_UINT8)
        return fac__runtime_error("where expected condition to be a boolean tensor, but got a tensor with dtype %s",
                                  fac__dtype_word((fac_dtype)condition->dtype));
    fac__arg args[] = {tensor(condition), a, b};
    if (fac__tracing()) return traced("where", false, 3, args, NULL);
    fac_dtype common = fac__result_type(2, args + 1);
    return fac__pointwise_as(FAC__ROW_where, args, common, common, false, NULL);
}

fac_tensor *fac_where(fac_tensor *condition, fac_tensor *self, fac_tensor *other)
{
    return choose(condition, tensor(self), tensor(other));
}

fac_tensor *(fac_where_scalar)(fac_tensor *condition, fac_scalar self, fac_scalar other)
{
    return choose(condition, number(self), number(other));
}

static fac_tensor *clamp(fac_tensor *x, fac__arg min, fac__arg max, bool inplace)
{
    FAC__OP("clamp");
    FAC__NEED(x);
    bool low = !missing(&min), high = !missing(&max);
    if (!low && !high) return fac__runtime_error("torch.clamp: At least one of 'min' or 'max' must not be None");
    if (fac__tracing()) return traced("clamp", inplace, 3, (fac__arg[]){tensor(x), min, max}, NULL);
    fac__arg args[] = {tensor(x), low ? min : max, max};
    fac_dtype common = fac__result_type(low && high ? 3 : 2, args);
    fac__row row = low && high ? FAC__ROW_clamp : low ? FAC__ROW_clamp_min : FAC__ROW_clamp_max;
    return fac__pointwise_as(row, args, common, common, inplace, min.t || max.t ? "ClampBackward0" : "ClampBackward1");
}

fac_tensor *(fac_clamp)(fac_tensor *x, fac_scalar min, fac_scalar max)
{
    return clamp(x, number(min), number(max), false);
}

fac_tensor *(fac_clamp_)(fac_tensor *x, fac_scalar min, fac_scalar max)
{
    return clamp(x, number(min), number(max), true);
}

fac_tensor *fac_clamp_tensor(fac_tensor *x, fac_tensor *min, fac_tensor *max)
{
    return clamp(x, tensor(min), tensor(max), false);
}

/* ---- addcmul, addcdiv, lerp --------------------------------------------------------------------------------- */

static fac_tensor *fused(fac__row row, const char *op, const char *name, fac_tensor *self, fac_tensor *a, fac_tensor *b,
                         fac_scalar value, bool inplace)
{
    FAC__OP(op);
    FAC__NEED(self);
    FAC__NEED(a);
    FAC__NEED(b);
    FAC__TRACE_IF(!inplace, op, FAC__ARG(self), FAC__ARG(a), FAC__ARG(b), FAC__KEYWORD("value", value));
    fac__arg args[] = {tensor(self), tensor(a), tensor(b), number(value)};
    fac_dtype common = fac__result_type(3, args);
    if (row == FAC__ROW_addcdiv && !fac_dtype_is_floating(fac_promote_types((fac_dtype)a->dtype, (fac_dtype)b->dtype)))
        return fac__runtime_error(
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will "
            "perform a true division of tensor1 and tensor2.");
    return fac__pointwise_as(row, args, common, common, inplace, name);
}

/* clang-format off */
#define DEFINE(op, name)                                                                                                  \
    fac_tensor *(fac_##op)(fac_tensor *x, fac_tensor *a, fac_tensor *b, fac_scalar v) { return fused(FAC__ROW_##op, #op, name, x, a, b, v, false); } \
    fac_tensor *(fac_##op##_)(fac_tensor *x, fac_tensor *a, fac_tensor *b, fac_scalar v) { return fused(FAC__ROW_##op, #op "_", name, x, a, b, v, true); }
DEFINE(addcmul, "AddcmulBackward0")
DEFINE(addcdiv, "AddcdivBackward0")
#undef DEFINE
/* clang-format on */

static fac_tensor *lerp_number(fac_tensor *start, fac_tensor *end, fac_scalar weight, bool inplace)
{
    FAC__OP("lerp");
    FAC__NEED(start);
    FAC__NEED(end);
    if (start->dtype != end->dtype)
        return fac__runtime_error("expected dtype %s for `end` but got dtype %s",
                                  fac_dtype_name((fac_dtype)start->dtype), fac_dtype_name((fac_dtype)end->dtype));
    FAC__TRACE_IF(!inplace, "lerp.Scalar", FAC__ARG(start), FAC__ARG(end), FAC__ARG(weight));
    fac__arg args[] = {tensor(start), tensor(end), number(weight)};
    return fac__pointwise_as(FAC__ROW_lerp, args, (fac_dtype)start->dtype, (fac_dtype)start->dtype, inplace,
                             "LerpBackward0");
}

fac_tensor *(fac_lerp_scalar)(fac_tensor *start, fac_tensor *end, fac_scalar weight)
{
    return lerp_number(start, end, weight, false);
}

fac_tensor *(fac_lerp_scalar_)(fac_tensor *start, fac_tensor *end, fac_scalar weight)
{
    return lerp_number(start, end, weight, true);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

static fac__arg either(const fac_value *v)
{
    return v->kind == FAC_VALUE_TENSOR   ? tensor(v->v.tensor)
           : v->kind == FAC_VALUE_SCALAR ? number(v->v.scalar)
                                         : tensor(NULL);
}

static fac_rounding rounding(const char *mode, bool *ok)
{
    *ok = !mode || !strcmp(mode, "floor") || !strcmp(mode, "trunc");
    if (!*ok)
        fac__runtime_error("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '%s'", mode);
    return !mode ? FAC_ROUND_NONE : mode[0] == 'f' ? FAC_ROUND_FLOOR : FAC_ROUND_TRUNC;
}

static fac_tensor *divide_named(const fac_value *a, const fac_value *b, const char *mode)
{
    bool ok;
    fac_rounding r = rounding(mode, &ok);
    return ok ? divide(either(a), either(b), r) : NULL;
}

FAC__CALL(add, R(add_or_sub(false, either(&args[0]), either(&args[1]), S(2), false)))
FAC__CALL(add_, R(add_or_sub(false, either(&args[0]), either(&args[1]), S(2), true)))
FAC__CALL(sub, R(add_or_sub(true, either(&args[0]), either(&args[1]), S(2), false)))
FAC__CALL(sub_, R(add_or_sub(true, either(&args[0]), either(&args[1]), S(2), true)))
FAC__CALL(rsub, R(add_or_sub(true, either(&args[1]), either(&args[0]), S(2), false)))
FAC__CALL(div_mode, R(divide_named(&args[0], &args[1], STR(2))))
FAC__CALL(floor_divide, R(divide(either(&args[0]), either(&args[1]), FAC_ROUND_FLOOR)))
FAC__CALL(pow_any, R(power(either(&args[0]), either(&args[1]), false)))
FAC__CALL(pow_inplace, R(power(either(&args[0]), either(&args[1]), true)))
FAC__CALL(where_any, R(choose(T(0), either(&args[1]), either(&args[2]))))
FAC__CALL(clamp_any, R(clamp(T(0), either(&args[1]), either(&args[2]), false)))
FAC__CALL(clamp_inplace, R(clamp(T(0), either(&args[1]), either(&args[2]), true)))
FAC__CALL(clamp_min_any, R(clamp(T(0), either(&args[1]), tensor(NULL), false)))
FAC__CALL(clamp_max_any, R(clamp(T(0), tensor(NULL), either(&args[1]), false)))
FAC__CALL(addcmul, R((fac_addcmul)(T(0), T(1), T(2), S(3))))
FAC__CALL(addcmul_, R((fac_addcmul_)(T(0), T(1), T(2), S(3))))
FAC__CALL(addcdiv, R((fac_addcdiv)(T(0), T(1), T(2), S(3))))
FAC__CALL(addcdiv_, R((fac_addcdiv_)(T(0), T(1), T(2), S(3))))
FAC__CALL(lerp_scalar, R((fac_lerp_scalar)(T(0), T(1), S(2))))
FAC__CALL(lerp_scalar_, R((fac_lerp_scalar_)(T(0), T(1), S(2))))

/* clang-format off */
const fac__op fac__ops_arithmetic[] = {
    {"add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", add, "self + alpha * other"},
    {"add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", add, "self + alpha * other"},
    {"add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)", add_, "self + alpha * other, into self"},
    {"add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)", add_, "self + alpha * other, into self"},
    {"sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", sub, "self - alpha * other"},
    {"sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", sub, "self - alpha * other"},
    {"sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)", sub_, "self - alpha * other, into self"},
    {"sub_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)", sub_, "self - alpha * other, into self"},
    {"rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", rsub, "other - alpha * self"},
    {"rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", rsub, "other - alpha * self"},
    {"div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", div_mode, "self / other, rounded down (floor) or towards zero (trunc)."},
    {"div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor", div_mode, "self / other, rounded down (floor) or towards zero (trunc)."},
    {"floor_divide(Tensor self, Tensor other) -> Tensor", floor_divide, "self / other, rounded down."},
    {"floor_divide.Scalar(Tensor self, Scalar other) -> Tensor", floor_divide, "self / other, rounded down."},
    {"pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", pow_any, "self to the power of exponent."},
    {"pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", pow_any, "self to the power of exponent."},
    {"pow.Scalar(Scalar self, Tensor exponent) -> Tensor", pow_any, "A number to the power of a tensor."},
    {"pow_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)", pow_inplace, "self to the power of exponent, into self."},
    {"pow_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)", pow_inplace, "self to the power of exponent, into self."},
    {"where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", where_any, "self where condition holds, else other."},
    {"where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor", where_any, "self where condition holds, else other."},
    {"where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor", where_any, "self where condition holds, else other."},
    {"where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor", where_any, "self where condition holds, else other."},
    {"clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", clamp_any, "self held between min and max."},
    {"clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", clamp_any, "self held between min and max."},
    {"clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)", clamp_inplace, "self held between min and max, in place."},
    {"clamp_min(Tensor self, Scalar min) -> Tensor", clamp_min_any, "self, at least min."},
    {"clamp_min.Tensor(Tensor self, Tensor min) -> Tensor", clamp_min_any, "self, at least min."},
    {"clamp_max(Tensor self, Scalar max) -> Tensor", clamp_max_any, "self, at most max."},
    {"clamp_max.Tensor(Tensor self, Tensor max) -> Tensor", clamp_max_any, "self, at most max."},
    {"addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", addcmul, "self + value * tensor1 * tensor2"},
    {"addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)", addcmul_, "self + value * tensor1 * tensor2, into self"},
    {"addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", addcdiv, "self + value * tensor1 / tensor2"},
    {"addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)", addcdiv_, "self + value * tensor1 / tensor2, into self"},
    {"lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor", lerp_scalar, "self + weight * (end - self)"},
    {"lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)", lerp_scalar_, "self + weight * (end - self), into self"},
    {0},
};
/* clang-format on */
