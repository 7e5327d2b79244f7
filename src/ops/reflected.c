/* Floor 4. Python's reflected operators, by name: __rsub__(x, y) is what Python calls for y - x when x is a tensor and y
 * is not. And the operations that may have a number before their tensor. */
#include "facula/ops_create.h"
#include "facula/ops_matmul.h"
#include "op.h"

static fac_tensor *number_like(fac_scalar y, fac_tensor *x)
{
    fac__arg args[] = {fac__scalar_arg(y), fac__tensor_arg(x)};
    return x ? fac_scalar_tensor(y, .dtype = fac__result_type(2, args)) : NULL;
}

FAC__CALL(radd, R(fac_add(T(1), T(0))))
FAC__CALL(radd_number, R((fac_add_scalar)(T(0), S(1))))
FAC__CALL(rsub, R(fac_sub(T(1), T(0))))
FAC__CALL(rsub_number, R((fac_rsub_scalar)(T(0), S(1))))
FAC__CALL(rmul, R(fac_mul(T(1), T(0))))
FAC__CALL(rmul_number, R((fac_mul_scalar)(T(0), S(1))))
FAC__CALL(rdiv, R(fac_mul(fac_reciprocal(T(0)), T(1))))
FAC__CALL(rdiv_number, R((fac_mul_scalar)(fac_reciprocal(T(0)), S(1))))
FAC__CALL(rpow, R(fac_pow(fac_detach(T(1)), T(0)))) /* Python makes a new tensor of the base */
FAC__CALL(rpow_number, R(fac_pow(number_like(S(1), T(0)), T(0))))
FAC__CALL(rmod, R(fac_remainder(T(1), T(0))))
FAC__CALL(rmod_number, R(fac_remainder(number_like(S(1), T(0)), T(0))))
FAC__CALL(rand, R(fac_bitwise_and(T(1), T(0))))
FAC__CALL(rand_number, R((fac_bitwise_and_scalar)(T(0), S(1))))
FAC__CALL(ror, R(fac_bitwise_or(T(1), T(0))))
FAC__CALL(ror_number, R((fac_bitwise_or_scalar)(T(0), S(1))))
FAC__CALL(rxor, R(fac_bitwise_xor(T(1), T(0))))
FAC__CALL(rxor_number, R((fac_bitwise_xor_scalar)(T(0), S(1))))
FAC__CALL(rmatmul, R(fac_matmul(T(1), T(0))))

/* A number before a tensor, in torch's functions of two tensors. */
#define FORWARD(name)                                                                                                  \
    FAC__CALL(number_##name,                                                                                           \
              R(fac__pointwise(FAC__ROW_##name, (fac__arg[]){fac__scalar_arg(S(0)), fac__tensor_arg(T(1))}, false)))
FORWARD(remainder)
FORWARD(bitwise_and)
FORWARD(bitwise_or)
FORWARD(bitwise_xor)
FORWARD(bitwise_left_shift)
FORWARD(bitwise_right_shift)
FAC__CALL(number_rmod, R((fac_remainder_scalar)(T(1), S(0))))

/* clang-format off */
#define NUMBER_FIRST(name, doc) {#name ".Scalar_Tensor(Scalar self, Tensor other) -> Tensor", number_##name, doc}
#define BOTH(name, call, doc)                                                                                             \
    {name ".Tensor(Tensor self, Tensor other) -> Tensor", call, doc},                                                     \
    {name ".Scalar(Tensor self, Scalar other) -> Tensor", call##_number, doc}

const fac__op fac__ops_reflected[] = {
    BOTH("__radd__", radd, "other + self"),
    BOTH("__rsub__", rsub, "other - self"),
    BOTH("__rmul__", rmul, "other * self"),
    BOTH("__rdiv__", rdiv, "other / self, as other times the reciprocal of self."),
    BOTH("__rtruediv__", rdiv, "other / self, as other times the reciprocal of self."),
    BOTH("__rpow__", rpow, "other to the power of self; no gradient for other."),
    BOTH("__rmod__", rmod, "other % self, of self's sign."),
    BOTH("__rand__", rand, "Bits set in both."),
    BOTH("__ror__", ror, "Bits set in one or both."),
    BOTH("__rxor__", rxor, "Bits set in just one."),
    {"__rmod__.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", number_rmod, "other % self, of self's sign."},
    NUMBER_FIRST(remainder, "self % other, of other's sign."),
    NUMBER_FIRST(bitwise_and, "Bits set in both."),
    NUMBER_FIRST(bitwise_or, "Bits set in one or both."),
    NUMBER_FIRST(bitwise_xor, "Bits set in just one."),
    NUMBER_FIRST(bitwise_left_shift, "self * 2^other, bits that do not fit dropped."),
    NUMBER_FIRST(bitwise_right_shift, "self / 2^other, rounded down."),
    {"__rmatmul__(Tensor self, Tensor other) -> Tensor", rmatmul, "other @ self"},
    {0},
};
