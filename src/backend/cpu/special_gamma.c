/* Floor 1. Gamma's logarithm, its derivatives, and the incomplete gamma functions, in double. */
#include "backend/cpu/special_math.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define PI 3.14159265358979323846

double fac__lgamma(double x)
{
#if defined(__GLIBC__)
    int sign; /* lgamma itself writes the sign where all threads see it */
    return lgamma_r(x, &sign);
#else
    return lgamma(x);
#endif
}

/* ---- zeta and the polygamma functions ------------------------------------------------------------------------- */

/* Terms to 9 and beyond one by one, the rest by the Euler-Maclaurin formula (NIST Handbook of Mathematical Functions,
 * 25.11.5): integral, half the first term, and corrections by Bernoulli's numbers, here B(2k) / (2k)!. */
static double zeta_sum(double s, double q)
{
    static const double corrections[] = {
        1.0 / 12,
        -1.0 / 720,
        1.0 / 30240,
        -1.0 / 1209600,
        1.0 / 47900160,
        -691.0 / 1307674368000,
        1.0 / 74724249600,
        -3617.0 / 10670622842880000,
        43867.0 / 5109094217170944000,
        -174611.0 / 802857662698291200000.0,
    };
    double sum = 0, power = pow(q, -s);
    for (int i = 0; i < 9 || q <= 9; i++) {
        sum += power;
        q += 1;
        power = pow(q, -s);
        if (fabs(power) < 0.5 * DBL_EPSILON * fabs(sum) && q > 1) return sum + power;
    }
    sum += power * q / (s - 1) + power / 2;
    double term = power * s / q;
    for (int k = 0; k < 10; k++) {
        double correction = corrections[k] * term;
        sum += correction;
        if (fabs(correction) < 0.5 * DBL_EPSILON * fabs(sum)) break;
        term *= (s + 2 * k + 1) / q * ((s + 2 * k + 2) / q);
    }
    return sum;
}

double fac__zeta(double s, double q)
{
    if (s == 1) return INFINITY;
    if (s < 1) return NAN;
    if (q <= 0) {
        if (q == floor(q)) return INFINITY;
        if (s != floor(s)) return NAN; /* a negative number to that power */
    }
    if (q > -64) return zeta_sum(s, q);
    /* From far left there are many terms: those below 0, mirrored, are the difference of two sums. */
    double fraction = q - floor(q), sign = fmod(s, 2) == 0 ? 1 : -1;
    return zeta_sum(s, fraction) + sign * (zeta_sum(s, 1 - fraction) - zeta_sum(s, 1 - q));
}

/* The logarithmic derivative of gamma: reflection to x > 0, recurrence to x >= 10, then the asymptotic series
 * (Abramowitz and Stegun, 6.3.5, 6.3.7 and 6.3.18). */
double fac__digamma(double x)
{
    if (x == 0) return copysign(INFINITY, -x);
    double y = 0;
    if (x < 0) {
        if (x == floor(x)) return NAN;
        y = -PI / tan(PI * fmod(x, 1.0));
        x = 1 - x;
    }
    if (x == INFINITY) return y + x;
    for (; x < 10; x += 1)
        y -= 1 / x;
    double z = 1 / (x * x);
    double series =
        z * (1.0 / 12 -
             z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760 - z / 12))))));
    return y + log(x) - 0.5 / x - series;
}

/* The n-th derivative of digamma: (-1)^(n+1) n! zeta(n + 1, x), for n = 1 by reflection left of 0, where s is
 * sin(pi x). As in PyTorch that sine is of a rounded angle, so that the poles are large numbers. */
static double polygamma(double n, double x, double s)
{
    if (n == 0) return fac__digamma(x);
    if (n == 1 && x < 0.5) return PI * PI / (s * s) - fac__zeta(2, 1 - x);
    if (n == 1 && x == INFINITY) return 0;
    return (fmod(n, 2) == 1 ? 1 : -1) * tgamma(n + 1) * fac__zeta(n + 1, x);
}

double fac__polygamma(double n, double x)
{
    return polygamma(n, x, sin(PI * x));
}

double fac__polygamma_float(float n, float x)
{
    return polygamma(n, x, (float)sin((float)PI * x));
}

/* ---- the incomplete gamma functions --------------------------------------------------------------------------- */

/* log(x / a) - (x - a) / a without cancellation near x = a. */
static double log_ratio(double a, double x)
{
    double m = (x - a) / a;
    if (x < a / 2) return log(x / a) - m;
    if (fabs(m) > 0.01) return log1p(m) - m;
    double sum = 0;
    for (int k = 10; k >= 2; k--)
        sum = (k % 2 ? 1.0 : -1.0) / k + m * sum;
    return m * m * sum;
}

/* x^a exp(-x) / gamma(a). For large a by Stirling's formula, so that large numbers cancel before they are rounded. */
static double density(double a, double x)
{
    if (a < 20) return exp(a * log(x) - x - fac__lgamma(a));
    double z = 1 / (a * a), stirling = (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z / 1680))) / a;
    return sqrt(a / (2 * PI)) * exp(a * log_ratio(a, x) - stirling);
}

/* Lower: the power series (NIST Handbook, 8.7.1). */
static double lower_series(double a, double x)
{
    double term = 1 / a, sum = term;
    for (double k = a + 1; term > 0.5 * DBL_EPSILON * sum; k += 1) {
        term *= x / k;
        sum += term;
    }
    return density(a, x) * sum;
}

/* Upper: the continued fraction (NIST Handbook, 8.9.2), evaluated forwards by Lentz's method. */
static double upper_fraction(double a, double x)
{
    double b = x + 1 - a, c = 1 / DBL_MIN, d = 1 / b, y = d, factor = 0;
    for (double i = 1; fabs(factor - 1) > DBL_EPSILON && i < 1e5; i += 1) {
        double numerator = -i * (i - a);
        b += 2;
        d = 1 / (numerator * d + b);
        c = b + numerator / c;
        factor = c * d;
        y *= factor;
    }
    return density(a, x) * y;
}

/* Upper, for large a: the normal distribution and corrections (N. Temme, "The asymptotic expansion of the incomplete
 * gamma functions", 1979; NIST Handbook, 8.12). Only small h matter, so the corrections are power series. */
static double upper_normal(double a, double x, double sign)
{
    double half = -log_ratio(a, x), h = (x < a ? -1 : 1) * sqrt(2 * half);
    double c0 = -1.0 / 3 + h * (1.0 / 12 - h * (2.0 / 135 - h * (1.0 / 864 + h / 2835)));
    double c1 = -1.0 / 540 - h * (1.0 / 288 - h / 378);
    return erfc(sign * h * sqrt(a / 2)) / 2 + sign * exp(-a * half) / sqrt(2 * PI * a) * (c0 + c1 / a);
}

static bool at_the_edge(double a, double x, double *lower)
{
    if (x < 0 || a < 0)
        *lower = NAN;
    else if (a == 0)
        *lower = x > 0 ? 1 : NAN;
    else if (x == 0)
        *lower = 0;
    else if (a == INFINITY)
        *lower = x == INFINITY ? NAN : 0;
    else if (x == INFINITY)
        *lower = 1;
    else if (isnan(a) || isnan(x))
        *lower = NAN;
    else
        return false;
    return true;
}

enum { LARGE = 100000 };

double fac__igamma(double a, double x)
{
    double lower;
    if (at_the_edge(a, x, &lower)) return lower;
    if (a > LARGE) return upper_normal(a, x, -1);
    return x < a + 1 ? lower_series(a, x) : 1 - upper_fraction(a, x);
}

double fac__igammac(double a, double x)
{
    double lower;
    if (at_the_edge(a, x, &lower)) return 1 - lower;
    if (a > LARGE) return upper_normal(a, x, 1);
    return x < a + 1 ? 1 - lower_series(a, x) : upper_fraction(a, x);
}
