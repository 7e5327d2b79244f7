/* Floor 1. Bessel functions of order 0 and 1, modified ones, and Airy's, in double. Section numbers are those of the NIST
 * Handbook of Mathematical Functions. */
#include "backend/cpu/special_math.h"

#include <float.h>
#include <math.h>

#define PI 3.14159265358979323846
#define EULER 0.57721566490153286061

/* ---- J and Y: libm's, but for the ends of their domain ---------------------------------------------------------- */

double fac__bessel_j0(double x)
{
    return isinf(x) ? NAN : j0(x);
}

double fac__bessel_j1(double x)
{
    return isinf(x) ? NAN : j1(x);
}

double fac__bessel_y0(double x)
{
    return x == 0 ? -INFINITY : x < 0 || isinf(x) ? NAN : y0(x);
}

double fac__bessel_y1(double x)
{
    return x == 0 ? -INFINITY : x < 0 || isinf(x) ? NAN : y1(x);
}

double fac__spherical_bessel_j0(double x)
{
    return x == 0 ? 1 : isinf(x) ? 0 : sin(x) / x;
}

/* ---- I and K, scaled by exp(-x) and exp(x) --------------------------------------------------------------------- */

/* From here on the asymptotic series has all digits: its smallest term is about exp(-2x). */
enum { FAR = 25 };

/* The sum of a_k(v) / (sign x)^k (10.40.1 and 2, with 10.17.1): sign -1 for I, 1 for K. */
static double asymptotic(double v, double x, double sign)
{
    double term = 1, sum = 1;
    for (int k = 1; fabs(term) > 0.1 * DBL_EPSILON * sum; k++) {
        double odd = 2 * k - 1;
        term *= sign * (4 * v * v - odd * odd) / (8 * x * k);
        sum += term;
    }
    return sum;
}

/* The sum of (x^2 / 4)^k / (k! (k + v)!), v 0 or 1 (10.25.2). All terms are positive. */
static double series(int v, double x)
{
    double q = x * x / 4, term = 1, sum = 1;
    for (double k = 1; term > 0.1 * DBL_EPSILON * sum; k += 1) {
        term *= q / (k * (k + v));
        sum += term;
    }
    return sum;
}

double fac__i0e(double x)
{
    x = fabs(x);
    return x <= FAR ? exp(-x) * series(0, x) : asymptotic(0, x, -1) / sqrt(2 * PI * x);
}

double fac__i1e(double x)
{
    double a = fabs(x);
    return a <= FAR ? exp(-a) * (x / 2) * series(1, x) : copysign(asymptotic(1, a, -1) / sqrt(2 * PI * a), x);
}

double fac__i0(double x)
{
    return exp(fabs(x)) * fac__i0e(x);
}

double fac__i1(double x)
{
    return exp(fabs(x)) * fac__i1e(x);
}

/* I1' = I0 - I1 / x (10.29.2) */
double fac__i1_slope(double x)
{
    return fabs(x) > 0 ? fac__i0(x) - fac__i1(x) / x : 0.5; /* of NaN too */
}

double fac__i1e_slope(double x)
{
    return !(fabs(x) > 0) ? 0.5 : fac__i0e(x) - fac__i1e(x) * (copysign(1, x) + 1 / x);
}

/* K0 and K1 near 0, unscaled (10.31.1 and 2). */
static double k_near(int v, double x)
{
    double q = x * x / 4, term = 1, harmonic = 0, sum = v; /* harmonic numbers H(k), or H(k) + H(k + 1) */
    for (double k = 1; term * (1 + harmonic) > 0.1 * DBL_EPSILON * sum; k += 1) {
        term *= q / (k * (k + v));
        harmonic += 1 / k;
        sum += term * (v ? 2 * harmonic + 1 / (k + 1) : harmonic);
    }
    double logarithm = log(x / 2) + EULER;
    return v ? 1 / x + logarithm * (x / 2) * series(1, x) - x / 4 * sum : sum - logarithm * series(0, x);
}

/* K of order v times exp(x), x >= 2: the integral of exp(x - x cosh t) cosh vt over t > 0 (10.32.9) by the trapezoidal
 * rule, whose error falls like exp(-10 / step) for this integrand (L. Trefethen, J. Weideman, "The exponentially
 * convergent trapezoidal rule", 2014). Both cosines come from their recurrence. */
static double k_scaled(double v, double x)
{
    if (x > FAR) return sqrt(PI / (2 * x)) * asymptotic(v, x, 1);
    const double step = 0.15;
    double twice = 2 * cosh(step), twice_v = 2 * cosh(v * step);
    double c = 1, c_before = twice / 2, d = 1, d_before = twice_v / 2, sum = 0.5;
    for (;;) {
        double next = twice * c - c_before, next_d = twice_v * d - d_before;
        c_before = c, c = next;
        d_before = d, d = next_d;
        double exponent = x * (c - 1);
        if (!(exponent < 42)) return step * sum;
        sum += d * exp(-exponent);
    }
}

static double k_any(int v, double x, int scaled)
{
    if (x <= 0 || isnan(x)) return x == 0 ? INFINITY : NAN;
    if (x < 2) return k_near(v, x) * (scaled ? exp(x) : 1);
    return k_scaled(v, x) * (scaled ? 1 : exp(-x));
}

double fac__k0(double x)
{
    return k_any(0, x, 0);
}

double fac__k1(double x)
{
    return k_any(1, x, 0);
}

double fac__k0e(double x)
{
    return k_any(0, x, 1);
}

double fac__k1e(double x)
{
    return k_any(1, x, 1);
}

/* ---- Airy's function ------------------------------------------------------------------------------------------ */

/* By the power series (9.4.1), in a longer type against cancellation. */
static double airy_near(double x)
{
    long double f = 1, g = x, cube = (long double)x * x * x, term_f = f, term_g = g;
    for (int k = 1; fabsl(term_f) + fabsl(term_g) > LDBL_EPSILON * (fabsl(f) + fabsl(g)); k++) {
        term_f *= cube / ((3 * k - 1) * (3 * k));
        term_g *= cube / ((3 * k) * (3 * k + 1));
        f += term_f;
        g += term_g;
    }
    return (double)(0.355028053887817239260063186004L * f - 0.258819403792806798405183560189L * g);
}

/* At -z by the asymptotic form (9.7.9), whose even and odd terms are summed as long as they fall. The angle is rounded as
 * in PyTorch, which matters where it is large. */
static double airy_waves(double z, double zeta)
{
    double term = 1, last = INFINITY, even = 0, odd = 0, angle = zeta + PI / 4;
    for (int k = 0; fabs(term) < last && last > 0.1 * DBL_EPSILON;) {
        *(k % 2 ? &odd : &even) += k % 4 < 2 ? term : -term;
        last = fabs(term);
        double m = 2 * k++ + 1;
        term *= (4.0 / 9 - m * m) / (8 * zeta * k);
    }
    return (sin(angle) * even + cos(angle) * odd) / (sqrt(PI) * sqrt(sqrt(z)));
}

/* To the right by K of order 1/3 (9.6.2). */
double fac__airy_ai(double x)
{
    if (isnan(x) || isinf(x)) return NAN;
    double z = fabs(x), zeta = 2 * z * sqrt(z) / 3;
    if (x > 2.1) return sqrt(x / 3) / PI * k_scaled(1.0 / 3, zeta) * exp(-zeta);
    return x > -8 ? airy_near(x) : airy_waves(z, zeta);
}
