/* Floor 4. Element-wise operations with options of their own: rounding to decimals, closeness, replacing NaN, float
 * powers; and the two comparisons of whole tensors. Compositions of rows. */
#include <math.h>
#include <string.h>

#include "facula/ops_reduce.h"
#include "op.h"
#include "tracing.h"

static fac_tensor *apply(fac__row row, fac_tensor *a, double b, double c, double d)
{
    fac__arg args[] = {fac__tensor_arg(a), fac__scalar_arg(fac_scalar_float(b)), fac__scalar_arg(fac_scalar_float(c)),
                       fac__scalar_arg(fac_scalar_float(d))};
    return fac__pointwise_as(row, args, (fac_dtype)a->dtype, (fac_dtype)a->dtype, false, NULL);
}

fac_tensor *fac_round_decimals(fac_tensor *self, int decimals)
{
    FAC__OP("round");
    FAC__NEED(self);
    if (!decimals) return fac_round(self);
    if (!fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("\"round_cpu\" not implemented for '%s'", fac__dtype_word((fac_dtype)self->dtype));
    double ten = pow(10, fabs((double)decimals));
    fac_tensor *scaled = decimals > 0 ? (fac_mul_scalar)(self, fac_scalar_float(ten))
                                      : (fac_div_scalar)(self, fac_scalar_float(ten));
    scaled = fac_round(scaled);
    return decimals > 0 ? (fac_div_scalar)(scaled, fac_scalar_float(ten))
                        : (fac_mul_scalar)(scaled, fac_scalar_float(ten));
}

fac_tensor *fac_nan_to_num_with(fac_tensor *self, fac_nan_to_num_options o)
{
    FAC__OP("nan_to_num");
    FAC__NEED(self);
    if (!fac_dtype_is_floating((fac_dtype)self->dtype)) return fac_clone(self);
    double most = fac__largest((fac_dtype)self->dtype);
    FAC__TRACE("nan_to_num", FAC__ARG(self), FAC__ARG(o.nan), FAC__ARG(isnan(o.posinf) ? most : o.posinf),
               FAC__ARG(isnan(o.neginf) ? -most : o.neginf));
    return apply(FAC__ROW_nan_to_num, self, o.nan, isnan(o.posinf) ? most : o.posinf,
                 isnan(o.neginf) ? -most : o.neginf);
}

fac_tensor *fac_isclose_with(fac_tensor *self, fac_tensor *other, fac_close_options o)
{
    FAC__OP("isclose");
    FAC__NEED(self);
    FAC__NEED(other);
    if (self->dtype != other->dtype)
        return fac__runtime_error("%s did not match %s", fac__dtype_word((fac_dtype)self->dtype),
                                  fac__dtype_word((fac_dtype)other->dtype));
    if (!(o.rtol >= 0)) return fac__runtime_error("rtol must be greater than or equal to zero, but got %g", o.rtol);
    if (!(o.atol >= 0)) return fac__runtime_error("atol must be greater than or equal to zero, but got %g", o.atol);
    fac_tensor *close = NULL;
    fac_no_grad {
        bool floating = fac_dtype_is_floating((fac_dtype)self->dtype);
        close = fac_eq(self, other);
        if (floating && o.equal_nan) close = fac_logical_or(close, fac_logical_and(fac_isnan(self), fac_isnan(other)));
        if (o.rtol == 0 && o.atol == 0) break;
        if (!floating) {
            self = fac_to(self, fac_get_default_dtype());
            other = fac_to(other, fac_get_default_dtype());
        }
        fac_tensor *distance = fac_abs(fac_sub(self, other));
        fac_tensor *allowed =
            (fac_add_scalar)(fac_abs((fac_mul_scalar)(other, fac_scalar_float(o.rtol))), fac_scalar_float(o.atol));
        close = fac_logical_or(close, fac_logical_and(fac_isfinite(distance), fac_le(distance, allowed)));
    }
    return close;
}

bool fac_allclose_with(fac_tensor *self, fac_tensor *other, fac_close_options o)
{
    bool all = false;
    fac_scope {
        fac_tensor *t = fac_isclose_with(self, other, o);
        t = t ? fac_all(t) : NULL;
        all = t && fac_item_int(t);
    }
    return all;
}

bool fac_equal(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("equal");
    FAC__NEED_OR(self, false);
    FAC__NEED_OR(other, false);
    if (!fac__same_shape(self, other)) return false;
    bool all = false;
    fac_scope {
        fac_tensor *t = fac_eq(self, other);
        t = t ? fac_all(t) : NULL;
        all = t && fac_item_int(t);
    }
    return all;
}

static fac_tensor *float_power(fac__arg base, fac__arg exponent)
{
    FAC__OP("float_power");
    fac__arg *both[] = {&base, &exponent};
    for (int i = 0; i < 2; i++) {
        fac__arg *a = both[i];
        if (a->t && !(a->t = fac_to(a->t, FAC_FLOAT64))) return NULL;
        if (!a->t && a->s.kind == FAC_DTYPE_NONE) return fac__null_error(i ? "exponent" : "self");
        if (!a->t) a->s = fac_scalar_float(fac_scalar_to_double(a->s));
    }
    if (base.t && !exponent.t) return (fac_pow_scalar)(base.t, exponent.s); /* with pow's simpler ways */
    fac__arg args[] = {base, exponent};
    return fac__pointwise_as(FAC__ROW_pow, args, FAC_FLOAT64, FAC_FLOAT64, false,
                             exponent.t ? "PowBackward1" : "PowBackward0");
}

fac_tensor *fac_float_power(fac_tensor *self, fac_tensor *exponent)
{
    return float_power(fac__tensor_arg(self), fac__tensor_arg(exponent));
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

static fac__arg either(const fac_value *v)
{
    return v->kind == FAC_VALUE_TENSOR ? fac__tensor_arg(v->v.tensor) : fac__scalar_arg(v->v.scalar);
}

static fac_tensor *gelu_named(fac_tensor *x, const char *approximate, bool inplace)
{
    bool tanh = approximate && !strcmp(approximate, "tanh");
    if (!tanh && approximate && strcmp(approximate, "none"))
        return fac__runtime_error("approximate argument must be either none or tanh.");
    if (inplace) return tanh ? fac_gelu_tanh_(x) : fac_gelu_(x);
    return tanh ? fac_gelu_tanh(x) : fac_gelu(x);
}

static fac_close_options close_options(fac_scalar rtol, fac_scalar atol, bool equal_nan)
{
    return (fac_close_options){fac_scalar_to_double(rtol), fac_scalar_to_double(atol), equal_nan};
}

static fac_nan_to_num_options replacements(const fac_value *v)
{
    fac_nan_to_num_options o = fac_nan_to_num_options_defaults();
    double *to[] = {&o.nan, &o.posinf, &o.neginf};
    for (int i = 0; i < 3; i++)
        if (v[i].kind == FAC_VALUE_SCALAR) *to[i] = fac_scalar_to_double(v[i].v.scalar);
    return o;
}

FAC__CALL(round_decimals, R(fac_round_decimals(T(0), (int)I(1))))
FAC__CALL(gelu, R(gelu_named(T(0), STR(1), false)))
FAC__CALL(gelu_, R(gelu_named(T(0), STR(1), true)))
FAC__CALL(nan_to_num, R(fac_nan_to_num_with(T(0), replacements(args + 1))))
FAC__CALL(isclose, R(fac_isclose_with(T(0), T(1), close_options(S(2), S(3), B(4)))))
FAC__CALL(allclose, RS(fac_scalar_bool(fac_allclose_with(T(0), T(1), close_options(S(2), S(3), B(4))))))
FAC__CALL(equal, RS(fac_scalar_bool(fac_equal(T(0), T(1)))))
FAC__CALL(float_power_any, R(float_power(either(&args[0]), either(&args[1]))))

/* clang-format off */
const fac__op fac__ops_numeric[] = {
    {"round.decimals(Tensor self, *, int decimals) -> Tensor", round_decimals, "Rounded to so many decimals, to even."},
    {"gelu(Tensor self, *, str approximate='none') -> Tensor", gelu, "self times the normal distribution's share below it."},
    {"gelu_(Tensor(a!) self, *, str approximate='none') -> Tensor(a!)", gelu_, "self times the normal distribution's share below it."},
    {"nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor", nan_to_num, "NaN and infinities replaced by numbers."},
    {"isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor", isclose, "Where |self - other| <= atol + rtol * |other|."},
    {"allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool", allclose, "True if isclose holds everywhere."},
    {"equal(Tensor self, Tensor other) -> bool", equal, "True if shapes and all elements are equal."},
    {"float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", float_power_any, "The power, in float64."},
    {"float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", float_power_any, "The power, in float64."},
    {"float_power.Scalar(Scalar self, Tensor exponent) -> Tensor", float_power_any, "The power, in float64."},
    {0},
};
/* clang-format on */
