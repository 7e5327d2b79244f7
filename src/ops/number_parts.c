/* Floor 4. Mantissa and exponent, neighbours, and what complex numbers have and real ones only answer to
 * (facula/ops_special.h). */
#include "facula/ops_special.h"
#include "op.h"

fac_tensor *fac_frexp(fac_tensor *self, fac_tensor **exponent)
{
    FAC__OP("frexp");
    if (exponent) *exponent = NULL;
    FAC__NEED(self);
    fac_dtype dtype = (fac_dtype)self->dtype;
    if (!fac_dtype_is_floating(dtype)) return fac__runtime_error("torch.frexp() only supports floating-point dtypes");
    fac__arg arg = fac__tensor_arg(self);
    fac_tensor *e = exponent ? fac__pointwise_as(FAC__ROW_frexp_exponent, &arg, dtype, FAC_INT32, false, NULL) : NULL;
    if (exponent && !e) return NULL;
    fac_tensor *mantissa = fac__pointwise_as(FAC__ROW_frexp_mantissa, &arg, dtype, dtype, false, "FrexpBackward0");
    if (exponent && mantissa) *exponent = e;
    return mantissa;
}

fac_tensor *fac_ldexp(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("ldexp");
    FAC__NEED(self);
    FAC__NEED(other);
    return fac_mul(self, fac_pow_base(2.0, other));
}

fac_tensor *fac_ldexp_(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("ldexp_");
    FAC__NEED(self);
    FAC__NEED(other);
    return fac_mul_(self, fac_pow_base(2.0, other));
}

static fac_tensor *nextafter_any(fac_tensor *self, fac_tensor *other, bool inplace)
{
    FAC__OP("nextafter");
    FAC__NEED(self);
    FAC__NEED(other);
    fac__arg args[] = {fac__tensor_arg(self), fac__tensor_arg(other), fac__scalar_arg(fac_scalar_int(1))};
    fac_dtype common = fac__result_type(2, args);
    if (!fac_dtype_is_floating(common) || common == FAC_FLOAT16)
        return fac__runtime_error("\"nextafter_cpu\" not implemented for '%s'", fac__dtype_word(common));
    if (common == FAC_BFLOAT16) args[2].s = fac_scalar_int(65536);
    return fac__pointwise_as(FAC__ROW_nextafter, args, common, common, inplace, NULL);
}

fac_tensor *fac_nextafter(fac_tensor *self, fac_tensor *other)
{
    return nextafter_any(self, other, false);
}

fac_tensor *fac_nextafter_(fac_tensor *self, fac_tensor *other)
{
    return nextafter_any(self, other, true);
}

#define ITSELF(name)                                                                                                   \
    fac_tensor *fac_##name(fac_tensor *self)                                                                           \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        FAC__NEED(self);                                                                                               \
        return self;                                                                                                   \
    }                                                                                                                  \
    FAC__CALL(call_##name, R(fac_##name(T(0))))
ITSELF(real)
ITSELF(conj)
ITSELF(conj_physical)
ITSELF(conj_physical_)
ITSELF(resolve_conj)
ITSELF(resolve_neg)

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(frexp_, R2(exponent, fac_frexp(T(0), &exponent)))
FAC__CALL(ldexp_new, R(fac_ldexp(T(0), T(1))))
FAC__CALL(ldexp_inplace, R(fac_ldexp_(T(0), T(1))))
FAC__CALL(nextafter_new, R(fac_nextafter(T(0), T(1))))
FAC__CALL(nextafter_inplace, R(fac_nextafter_(T(0), T(1))))

/* clang-format off */
const fac__op fac__ops_number_parts[] = {
    {"frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)", frexp_, "self as mantissa * 2^exponent."},
    {"ldexp.Tensor(Tensor self, Tensor other) -> Tensor", ldexp_new, "self * 2^other"},
    {"ldexp_(Tensor(a!) self, Tensor other) -> Tensor(a!)", ldexp_inplace, "self * 2^other"},
    {"nextafter(Tensor self, Tensor other) -> Tensor", nextafter_new, "The next number from self on the way to other."},
    {"nextafter_(Tensor(a!) self, Tensor other) -> Tensor(a!)", nextafter_inplace, "The next number from self on the way to other."},
    {"real(Tensor(a) self) -> Tensor(a)", call_real, "self, as all tensors are real."},
    {"conj(Tensor(a) self) -> Tensor(a)", call_conj, "self, as all tensors are real."},
    {"_conj(Tensor(a) self) -> Tensor(a)", call_conj, "self, as all tensors are real."},
    {"conj_physical(Tensor self) -> Tensor", call_conj_physical, "self, as all tensors are real."},
    {"conj_physical_(Tensor(a!) self) -> Tensor(a!)", call_conj_physical_, "self, as all tensors are real."},
    {"resolve_conj(Tensor(a) self) -> Tensor(a)", call_resolve_conj, "self, as all tensors are real."},
    {"resolve_neg(Tensor(a) self) -> Tensor(a)", call_resolve_neg, "self, as all tensors are real."},
    {0},
};
/* clang-format on */
