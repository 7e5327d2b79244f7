/* Floor 4. Special functions that are more than a row of pointwise.def: those with an integer argument, and what PyTorch
 * also takes a number for (facula/ops_special.h). */
#include <math.h>

#include "facula/ops_create.h"
#include "facula/ops_reduce.h"
#include "facula/ops_special.h"
#include "facula/ops_view.h"
#include "op.h"

static fac_dtype floating(fac_dtype d)
{
    return fac_dtype_is_floating(d) ? d : fac_get_default_dtype();
}

/* ---- gamma's relatives ---------------------------------------------------------------------------------------- */

fac_tensor *fac_polygamma(int64_t n, fac_tensor *self)
{
    FAC__OP("polygamma");
    FAC__NEED(self);
    if (n < 0) return fac__runtime_error("polygamma(n, x) does not support negative n.");
    fac_dtype dtype = floating((fac_dtype)self->dtype);
    fac__arg args[] = {fac__scalar_arg(fac_scalar_int(n)), fac__tensor_arg(self)};
    return fac__pointwise_as(FAC__ROW_polygamma, args, dtype, dtype, false, NULL);
}

fac_tensor *fac_mvlgamma(fac_tensor *self, int64_t p)
{
    FAC__OP("mvlgamma");
    FAC__NEED(self);
    if (self->dtype == FAC_BOOL) return fac__runtime_error("The input tensor may not be a boolean tensor.");
    if (p < 1) return fac__runtime_error("p has to be greater than or equal to 1");
    fac_dtype dtype = floating((fac_dtype)self->dtype);
    fac_tensor *halves = fac_arange((1 - (double)p) / 2, 0.5, 0.5, .dtype = dtype);
    fac_tensor *all = halves ? fac_lgamma(fac_add(halves, fac_unsqueeze(self, -1))) : NULL;
    if (!all) return NULL;
    double pairs = (double)p * (double)(p - 1);
    return fac_add_scalar(fac_sum(all, .dim = -1), pairs * 0.25 * log(3.14159265358979323846));
}

/* ---- of a number and a tensor ----------------------------------------------------------------------------------- */

static fac_tensor *two(fac__row row, fac__arg a, fac__arg b)
{
    fac__arg args[] = {a, b};
    return fac__pointwise(row, args, false);
}

static fac_tensor *polynomial(fac__row row, fac__arg x, fac__arg n)
{
    fac__arg args[] = {x, n};
    FAC__OP(row->name);
    if (!x.t && x.s.kind == FAC_DTYPE_NONE) return fac__null_error("x");
    if (!n.t && n.s.kind == FAC_DTYPE_NONE) return fac__null_error("n");
    fac_dtype dtype = floating(fac__result_type(2, args));
    return fac__pointwise_as(row, args, dtype, dtype, false, NULL);
}

#define DEFINE(name)                                                                                                   \
    fac_tensor *fac_special_##name(fac_tensor *x, fac_tensor *n)                                                       \
    {                                                                                                                  \
        return polynomial(FAC__ROW_special_##name, fac__tensor_arg(x), fac__tensor_arg(n));                            \
    }                                                                                                                  \
    fac_tensor *fac_special_##name##_scalar(fac_tensor *x, fac_scalar n)                                               \
    {                                                                                                                  \
        return polynomial(FAC__ROW_special_##name, fac__tensor_arg(x), fac__scalar_arg(n));                            \
    }
FAC__POLYNOMIALS(DEFINE)

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(polygamma, R(fac_polygamma(I(0), T(1))))
FAC__CALL(mvlgamma, R(fac_mvlgamma(T(0), I(1))))
FAC__CALL(xlogy_number, R(two(FAC__ROW_xlogy, fac__scalar_arg(S(0)), fac__tensor_arg(T(1)))))
FAC__CALL(xlog1py_number, R(two(FAC__ROW_special_xlog1py, fac__scalar_arg(S(0)), fac__tensor_arg(T(1)))))
FAC__CALL(zeta_number, R(two(FAC__ROW_special_zeta, fac__scalar_arg(S(0)), fac__tensor_arg(T(1)))))
#define THUNKS(name)                                                                                                   \
    FAC__CALL(name, R(fac_special_##name(T(0), T(1))))                                                                 \
    FAC__CALL(name##_n, R(fac_special_##name##_scalar(T(0), S(1))))                                                    \
    FAC__CALL(name##_x, R(polynomial(FAC__ROW_special_##name, fac__scalar_arg(S(0)), fac__tensor_arg(T(1)))))
FAC__POLYNOMIALS(THUNKS)

/* clang-format off */
#define ROWS(name)                                                                                                     \
    {"special_" #name "(Tensor x, Tensor n) -> Tensor", name, "The polynomial in x of degree n."},                     \
    {"special_" #name ".n_scalar(Tensor x, Scalar n) -> Tensor", name##_n, "The polynomial in x of degree n."},        \
    {"special_" #name ".x_scalar(Scalar x, Tensor n) -> Tensor", name##_x, "The polynomial in x of degree n."},

const fac__op fac__ops_special[] = {
    {"polygamma(int n, Tensor self) -> Tensor", polygamma, "The n-th derivative of digamma."},
    {"mvlgamma(Tensor self, int p) -> Tensor", mvlgamma, "Logarithm of the multivariate gamma function."},
    {"xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor", xlogy_number, "self * log(other), and 0 where self is 0."},
    {"special_xlog1py.self_scalar(Scalar self, Tensor other) -> Tensor", xlog1py_number, "self * log(1 + other), and 0 where self is 0."},
    {"special_zeta.self_scalar(Scalar self, Tensor other) -> Tensor", zeta_number, "Hurwitz' zeta function."},
    FAC__POLYNOMIALS(ROWS)
    {0},
};
/* clang-format on */
