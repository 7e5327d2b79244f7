/* Floor 1. The error function's scaled, logarithmic and inverse forms, and those of the normal distribution, in double. */
#include "backend/cpu/special_math.h"

#include <math.h>

#define SQRT_HALF 0.70710678118654752440
#define SQRT_PI 1.77245385090551602730
#define LOG_SQRT_2PI 0.91893853320467274178

/* A first guess (M. Giles, "Approximating the erfinv function", 2010, with its single-precision coefficients) and two
 * steps of Newton's method. */
double fac__erfinv(double y)
{
    if (!(y > -1 && y < 1)) return y == 1 ? INFINITY : y == -1 ? -INFINITY : NAN;
    if (y == 0) return y;
    static const double near[] = {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
                                  -0.00125372503, -0.00417768164, 0.246640727,    1.50140941};
    static const double far[] = {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
                                 -0.0076224613,   0.00943887047,  1.00167406,    2.83297682};
    double w = -log1p(-y * y), x = 0, t = w < 5 ? w - 2.5 : sqrt(w) - 3;
    for (int k = 0; k < 9; k++)
        x = x * t + (w < 5 ? near[k] : far[k]);
    x *= y;
    for (int k = 0; k < 2; k++) { /* near 1 by erfc, which keeps the digits */
        double error = fabs(y) < 0.5 ? erf(x) - y : (1 - fabs(y) - erfc(fabs(x))) * (y < 0 ? -1 : 1);
        x -= error / (1.12837916709551257390 * exp(-x * x));
    }
    return x;
}

/* exp(x * x), the square taken in two parts so that it is not rounded before it grows. */
static double exp_square(double x)
{
    double head = (float)x;
    return fabs(x) > 1e3 ? INFINITY : exp(head * head) * exp((x - head) * (x + head));
}

/* From 10 on by the asymptotic series (Abramowitz and Stegun, 7.1.23). */
double fac__erfcx(double x)
{
    if (x < 0) return 2 * exp_square(x) - fac__erfcx(-x);
    if (x < 10) return exp_square(x) * erfc(x);
    double z = 0.5 / (x * x), term = 1, sum = 1;
    for (int k = 1; k < 12; k++) {
        term *= -(2 * k - 1) * z;
        sum += term;
    }
    return sum / (SQRT_PI * x);
}

double fac__log_ndtr(double x)
{
    double t = x * SQRT_HALF;
    return x < -1 ? log(fac__erfcx(-t) / 2) - t * t : log1p(-erfc(t) / 2);
}

/* A first guess (Abramowitz and Stegun, 26.2.23) and two steps of Halley's method for ndtr(x) = p, both sides divided by
 * the density so that nothing underflows; the upper half is the lower one mirrored. */
double fac__ndtri(double p)
{
    if (!(p > 0 && p < 1)) return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
    double q = p < 0.5 ? p : 1 - p, log_q = log(q), t = sqrt(-2 * log_q);
    double x = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
    for (int k = 0; k < 2; k++) {
        double error = SQRT_PI * SQRT_HALF * fac__erfcx(-x * SQRT_HALF) - exp(log_q + x * x / 2 + LOG_SQRT_2PI);
        x -= error / (1 + x * error / 2);
    }
    return p < 0.5 ? x : -x;
}
