/* Floor 0. Counts from Poisson's and the binomial distribution (draws.h), with the draws and the rounding of PyTorch's loops
 * (ATen/native/Distributions.cpp and .h). Small means count draws until they are used up; large ones take the
 * transformed rejection of W. Hörmann: "The transformed rejection method for generating Poisson random variables",
 * Insurance: Mathematics and Economics 12, 1993 (algorithm PTRS); "The generation of binomial random variates", Journal of
 * Statistical Computation and Simulation 46, 1993 (algorithm BTRS). */
#include <math.h>

#include "core/draws.h"
#include "core/tensor_impl.h"

static double unit(fac_generator *g)
{
    double u;
    fac__random_uniform(g, FAC_FLOAT64, &u, 1, 0, 1);
    return u;
}

/* ---- Poisson ------------------------------------------------------------------------------------------------ */

static double small_poisson(fac_generator *g, double rate)
{
    double limit = exp(-rate), product = 1, count = -1;
    do {
        product *= unit(g);
        count++;
    } while (product > limit);
    return count;
}

static double large_poisson(fac_generator *g, double rate)
{
    double root = sqrt(rate), b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b;
    double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), accept = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = unit(g) - 0.5, v = unit(g), us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + rate + 0.43);
        if (us >= 0.07 && v <= accept) return k;
        if (k < 0 || (us < 0.013 && v > us)) continue;
        if (log(v) + log(inverse_alpha) - log(a / (us * us) + b) <= -rate + k * log(rate) - lgamma(k + 1)) return k;
    }
}

void fac__random_poisson(fac_generator *g, fac_dtype dtype, void *out, const void *rates, int64_t n)
{
    size_t size = fac_dtype_size(dtype);
    for (int64_t i = 0; i < n; i++) {
        double rate = fac__load_double(dtype, (const char *)rates + (size_t)i * size);
        double count = rate >= 10 ? large_poisson(g, rate) : rate > 0 ? small_poisson(g, rate) : 0;
        fac__store_double(dtype, (char *)out + (size_t)i * size, count);
    }
}

/* ---- binomial ----------------------------------------------------------------------------------------------- */

/* ln k! less Stirling's approximation of it. */
static double stirling_rest(double k)
{
    static const double rests[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
                                   0.0166446911898211,  0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
                                   0.00925546218271273, 0.00833056343336287};
    if (k <= 9) return rests[(int)k];
    double square = (k + 1) * (k + 1);
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

/* A binomial distribution. PyTorch computes in double, but for what it makes of count and p alone, which it does in their
 * dtype: single says that this is float. */
typedef struct binomial {
    double count, p;
    bool single;
} binomial;

static double fit(const binomial *b, double v)
{
    return b->single ? (double)(float)v : v;
}

static double few(fac_generator *g, const binomial *d)
{
    double log_failure = d->single ? (double)log1pf((float)-d->p) : log1p(-d->p), sum = 0, found = -1;
    do {
        sum += ceil(log(unit(g)) / log_failure);
        found++;
    } while (sum <= d->count);
    return found;
}

static double many(fac_generator *g, const binomial *d)
{
    double count = d->count, p = d->p, mean = fit(d, count * p), failure = fit(d, 1 - p);
    double spread = fit(d, sqrt(fit(d, mean * failure))), b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p;
    double accept = 0.92 - 4.2 / b, odds = fit(d, p / failure), alpha = (2.83 + 5.1 / b) * spread;
    double m = floor(fit(d, fit(d, count + 1) * p));
    for (;;) {
        double u = unit(g) - 0.5, v = unit(g), us = 0.5 - fabs(u),
               k = fit(d, floor((2 * a / us + b) * u + (mean + 0.5)));
        if (k < 0 || k > count) continue;
        if (us >= 0.07 && v <= accept) return k;
        double rest = fit(d, fit(d, count - k) + 1), next = fit(d, k + 1);
        double bound = (m + 0.5) * log((m + 1) / (odds * (count - m + 1))) +
                       fit(d, count + 1) * log((count - m + 1) / rest) + (k + 0.5) * log(odds * rest / next) +
                       stirling_rest(m) + stirling_rest(count - m) - stirling_rest(k) - stirling_rest(count - k);
        if (log(v * alpha / (a / (us * us) + b)) <= bound) return k;
    }
}

static double draw_binomial(fac_generator *g, binomial d)
{
    if (d.count <= 0 || d.p <= 0) return 0;
    if (d.p >= 1) return d.count;
    if (isnan(d.p)) return NAN;
    bool mirrored = d.p > 0.5;
    if (mirrored) d.p = fit(&d, 1 - d.p);
    double found = fit(&d, d.count * d.p) >= 10 ? many(g, &d) : few(g, &d);
    return mirrored ? d.count - found : found;
}

void fac__random_binomial(fac_generator *g, fac_dtype dtype, void *out, const void *counts, const void *p, int64_t n)
{
    size_t size = fac_dtype_size(dtype);
    for (int64_t i = 0; i < n; i++) {
        binomial d = {fac__load_double(dtype, (const char *)counts + (size_t)i * size),
                      fac__load_double(dtype, (const char *)p + (size_t)i * size), dtype == FAC_FLOAT32};
        fac__store_double(dtype, (char *)out + (size_t)i * size, draw_binomial(g, d));
    }
}
