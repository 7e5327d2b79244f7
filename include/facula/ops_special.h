/* Floor 4: special functions that are no plain rows of pointwise.def (those are: fac_special_erfcx, fac_i0, fac_igamma…;
 * facula/aliases.h has torch.special's other names), and the parts of numbers.
 *
 * All work element by element, broadcast, and return new tensors of the innermost scope; NULL after an error. Integers and
 * bool count as the default float dtype. */
#ifndef FACULA_OPS_SPECIAL_H
#define FACULA_OPS_SPECIAL_H

#include "facula/tensor.h"

FAC_BEGIN

/* The n-th derivative of digamma, n >= 0. Differentiable. */
FAC_API fac_tensor *fac_polygamma(int64_t n, fac_tensor *self);
/* Logarithm of the multivariate gamma function of p >= 1 dimensions: the sum of lgamma(self - i / 2) over i < p, and
 * p (p - 1) / 4 log(pi). Not for bool. Differentiable. */
FAC_API fac_tensor *fac_mvlgamma(fac_tensor *self, int64_t p);

/* Orthogonal polynomials in x of degree n, which is cut to an integer; 0 where it is negative. Not differentiable, as in
 * PyTorch. The shifted ones are those of 2 x - 1. */
#define FAC__POLYNOMIALS(DO)                                                                                           \
    DO(chebyshev_polynomial_t)                                                                                         \
    DO(chebyshev_polynomial_u)                                                                                         \
    DO(chebyshev_polynomial_v)                                                                                         \
    DO(chebyshev_polynomial_w)                                                                                         \
    DO(shifted_chebyshev_polynomial_t)                                                                                 \
    DO(shifted_chebyshev_polynomial_u)                                                                                 \
    DO(shifted_chebyshev_polynomial_v)                                                                                 \
    DO(shifted_chebyshev_polynomial_w)                                                                                 \
    DO(hermite_polynomial_h)  /* the physicist's */                                                                    \
    DO(hermite_polynomial_he) /* the statistician's */                                                                 \
    DO(laguerre_polynomial_l)                                                                                          \
    DO(legendre_polynomial_p)
#define FAC__DECLARE_POLYNOMIAL(name)                                                                                  \
    FAC_API fac_tensor *fac_special_##name(fac_tensor *x, fac_tensor *n);                                              \
    FAC_API fac_tensor *fac_special_##name##_scalar(fac_tensor *x, fac_scalar n);
FAC__POLYNOMIALS(FAC__DECLARE_POLYNOMIAL)

/* ---- parts of numbers --------------------------------------------------------------------------------------- */

/* self = mantissa * 2^exponent, mantissa in [0.5, 1), of self's dtype and differentiable; the exponents, int32, go through
 * the pointer, which may be NULL. Floats only. */
FAC_API fac_tensor *fac_frexp(fac_tensor *self, fac_tensor **exponent);
/* self * 2^other */
FAC_API fac_tensor *fac_ldexp(fac_tensor *self, fac_tensor *other);
FAC_API fac_tensor *fac_ldexp_(fac_tensor *self, fac_tensor *other);
/* The number after self on the way to other. Floats other than float16 only. Its backward is an error, as in PyTorch. */
FAC_API fac_tensor *fac_nextafter(fac_tensor *self, fac_tensor *other);
FAC_API fac_tensor *fac_nextafter_(fac_tensor *self, fac_tensor *other);

/* self itself: all tensors are real. */
FAC_API fac_tensor *fac_real(fac_tensor *self);
FAC_API fac_tensor *fac_conj(fac_tensor *self);
FAC_API fac_tensor *fac_conj_physical(fac_tensor *self);
FAC_API fac_tensor *fac_conj_physical_(fac_tensor *self);
FAC_API fac_tensor *fac_resolve_conj(fac_tensor *self);
FAC_API fac_tensor *fac_resolve_neg(fac_tensor *self);

FAC_END

#endif
