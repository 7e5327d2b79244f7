/* Floor 1. The special functions that are too long to be compiled into each row: once, in double. Rows of pointwise.def
 * call them as SPECIAL(name, x); float rows round what double gives. Where they have poles, NaN or infinities is as in
 * PyTorch. None of them fails, allocates or keeps a state. */
#ifndef FACULA_SPECIAL_MATH_H
#define FACULA_SPECIAL_MATH_H

/* ---- special_gamma.c ---------------------------------------------------------------------------------------- */

double fac__lgamma(double x);  /* log |gamma(x)| */
double fac__digamma(double x); /* its derivative */
double fac__polygamma(double n, double x);
double fac__polygamma_float(float n, float x); /* with the poles that float has */
double fac__zeta(double s, double q);          /* Hurwitz': the sum over k >= 0 of (q + k)^-s */
double fac__igamma(double a, double x);        /* regularised, lower: from 0 to 1 as x grows */
double fac__igammac(double a, double x);       /* 1 - igamma, exact where that is small */

/* ---- special_error.c ---------------------------------------------------------------------------------------- */

double fac__erfinv(double y);
double fac__erfcx(double x);    /* exp(x * x) * erfc(x) */
double fac__log_ndtr(double x); /* log of the normal distribution's share below x */
double fac__ndtri(double p);    /* the x below which that share is p */

/* ---- special_bessel.c --------------------------------------------------------------------------------------- */

double fac__bessel_j0(double x);
double fac__bessel_j1(double x);
double fac__bessel_y0(double x);
double fac__bessel_y1(double x);
double fac__spherical_bessel_j0(double x); /* sin(x) / x */
double fac__i0(double x);
double fac__i1(double x);
double fac__i0e(double x); /* times exp(-|x|) */
double fac__i1e(double x);
double fac__i1_slope(double x); /* derivative of i1 */
double fac__i1e_slope(double x);
double fac__k0(double x);
double fac__k1(double x);
double fac__k0e(double x); /* times exp(x) */
double fac__k1e(double x);
double fac__airy_ai(double x);

/* ---- special_polynomial.c: of degree n, cut to an integer; 0 where that is negative or no number --------------- */

/* Parts of the recurrence beyond `largest`, the type's largest number, are infinite, as they are where all of it is done in
 * that type. */

double fac__chebyshev_t(double x, double n, double largest);
double fac__chebyshev_u(double x, double n, double largest);
double fac__chebyshev_v(double x, double n, double largest);
double fac__chebyshev_w(double x, double n, double largest);
double fac__hermite_h(double x, double n, double largest);
double fac__hermite_he(double x, double n, double largest);
double fac__laguerre_l(double x, double n, double largest);
double fac__legendre_p(double x, double n, double largest);

#endif
