/* Floor 1. Orthogonal polynomials by their recurrences in the degree (NIST Handbook of Mathematical Functions, 18.9), in
 * double. A recurrence that has come to NaN stays there, so it ends. */
#include "backend/cpu/special_math.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* False: the polynomial is 0. */
static bool degree(double n, int64_t *to)
{
    bool sound = n > -1 && n < 9e18;
    *to = sound ? (int64_t)n : 0;
    return sound;
}

/* v, unless it is beyond the largest number. */
static double held(double v, double largest)
{
    return fabs(v) > largest ? copysign(INFINITY, v) : v;
}

/* ---- Chebyshev's: one recurrence from 1 and a first ------------------------------------------------------------ */

static double chebyshev(double x, double first, int64_t n, double largest)
{
    if (n == 0) return 1;
    double p = 1, q = first;
    for (int64_t k = 2; k <= n && !isnan(q); k++) {
        double r = held(held(2 * x * q, largest) - p, largest);
        p = q;
        q = r;
    }
    return q;
}

/* Inside of (-1, 1) high degrees are taken from the angle whose cosine is x (18.5.1 to 4). */
double fac__chebyshev_t(double x, double n, double largest)
{
    int64_t k;
    if (!degree(n, &k)) return 0;
    if (fabs(x) == 1) return x > 0 || k % 2 == 0 ? 1 : -1;
    return k > 6 && fabs(x) < 1 ? cos((double)k * acos(x)) : chebyshev(x, x, k, largest);
}

double fac__chebyshev_u(double x, double n, double largest)
{
    int64_t k;
    if (!degree(n, &k)) return 0;
    double m = (double)k + 1, angle = acos(x);
    if (fabs(x) == 1) return x > 0 || k % 2 == 0 ? m : -m;
    return k > 8 && fabs(x) < 1 ? sin(m * angle) / sin(angle) : chebyshev(x, 2 * x, k, largest);
}

double fac__chebyshev_v(double x, double n, double largest)
{
    int64_t k;
    if (!degree(n, &k)) return 0;
    double m = (double)k + 0.5, angle = acos(x);
    if (fabs(x) == 1) return x > 0 ? 1 : k % 2 == 0 ? 2 * m : -2 * m;
    return k > 8 && fabs(x) < 1 ? cos(m * angle) / cos(angle / 2) : chebyshev(x, 2 * x - 1, k, largest);
}

double fac__chebyshev_w(double x, double n, double largest)
{
    int64_t k;
    if (!degree(n, &k)) return 0;
    double m = (double)k + 0.5, angle = acos(x);
    if (fabs(x) == 1) return x > 0 ? 2 * m : k % 2 == 0 ? 1 : -1;
    return k > 8 && fabs(x) < 1 ? sin(m * angle) / sin(angle / 2) : chebyshev(x, 2 * x + 1, k, largest);
}

/* ---- the others ----------------------------------------------------------------------------------------------- */

/* next: the polynomial of degree k + 1 from q, that of degree k, and p, that of k - 1. Where `one` holds all are 1, or -1
 * if x is negative and the degree odd. */
#define POLYNOMIAL(name, one, first, next)                                                                             \
    double fac__##name(double x, double n, double largest)                                                             \
    {                                                                                                                  \
        int64_t last;                                                                                                  \
        if (!degree(n, &last)) return 0;                                                                               \
        if (last == 0 || (one)) return x < 0 && last % 2 ? -1 : 1;                                                     \
        double p = 1, q = first;                                                                                       \
        for (int64_t i = 1; i < last && !isnan(q); i++) {                                                              \
            double k = (double)i, r = held(next, largest);                                                             \
            p = q;                                                                                                     \
            q = r;                                                                                                     \
        }                                                                                                              \
        return q;                                                                                                      \
    }
#define HELD(v) held(v, largest)
POLYNOMIAL(hermite_h, false, 2 * x, HELD(2 * x * q) - HELD(2 * k * p))
POLYNOMIAL(hermite_he, false, x, HELD(x *q) - HELD(k * p))
POLYNOMIAL(laguerre_l, x == 0, 1 - x, HELD(HELD((2 * k + 1 - x) * q) - HELD(k * p)) / (k + 1))
POLYNOMIAL(legendre_p, fabs(x) == 1, x, HELD(HELD((2 * k + 1) * x * q) - HELD(k * p)) / (k + 1))
