/* Floor 4. Windows for short-time transforms (facula/ops_create.h). Values are computed in double. */
#include <math.h>
#include <string.h>

#include "create.h"

typedef double (*shape)(double t, const fac_window_options *o); /* at t from 0 to 1 */

static const double turn = 6.28318530717958647693;

static double bartlett(double t, const fac_window_options *o)
{
    (void)o;
    return 1 - fabs(2 * t - 1);
}

static double blackman(double t, const fac_window_options *o)
{
    (void)o;
    return 0.42 - 0.5 * cos(turn * t) + 0.08 * cos(2 * turn * t);
}

static double hamming(double t, const fac_window_options *o)
{
    return o->alpha - o->beta * cos(turn * t);
}

/* The modified Bessel function I0, by its power series; its terms fall once k exceeds x / 2. */
static double bessel(double x)
{
    double sum = 1, term = 1, quarter = x * x / 4;
    for (double k = 1; term > 1e-17 * sum && k < 10000; k++) {
        term *= quarter / (k * k);
        sum += term;
    }
    return sum;
}

static double kaiser(double t, const fac_window_options *o)
{
    double r = 2 * t - 1;
    return bessel(o->beta * sqrt(fmax(0, 1 - r * r))) / bessel(o->beta);
}

static fac_tensor *window(const char *op, shape f, int64_t n, fac_window_options o, double alpha, double beta)
{
    FAC__OP(op);
    fac_dtype dtype = o.dtype ? o.dtype : fac_get_default_dtype();
    if (!fac_dtype_is_floating(dtype))
        return fac__runtime_error("%s expects floating point dtypes, got: %s", op, fac_dtype_name(dtype));
    if (n < 0)
        return fac__runtime_error("%s requires non-negative window_length, got window_length=%lld", op, (long long)n);
    if (o.alpha < 0) o.alpha = alpha;
    if (o.beta < 0) o.beta = beta;
    fac_tensor *t = fac__new(dtype, 1, &n);
    double last = (double)(o.periodic ? n : n - 1);
    for (int64_t i = 0; t && i < n; i++)
        fac__store_double(dtype, (char *)fac__host(t) + (size_t)i * fac_dtype_size(dtype),
                          n == 1 ? 1 : f((double)i / last, &o));
    return fac__created(t, (fac_create_options){.requires_grad = o.requires_grad});
}

fac_tensor *fac_bartlett_window_with(int64_t window_length, fac_window_options options)
{
    return window("bartlett_window", bartlett, window_length, options, 0, 0);
}

fac_tensor *fac_blackman_window_with(int64_t window_length, fac_window_options options)
{
    return window("blackman_window", blackman, window_length, options, 0, 0);
}

fac_tensor *fac_hamming_window_with(int64_t window_length, fac_window_options options)
{
    return window("hamming_window", hamming, window_length, options, 0.54, 0.46);
}

fac_tensor *fac_hann_window_with(int64_t window_length, fac_window_options options)
{
    options.alpha = options.beta = 0.5;
    return window("hann_window", hamming, window_length, options, 0.5, 0.5);
}

fac_tensor *fac_kaiser_window_with(int64_t window_length, fac_window_options options)
{
    return window("kaiser_window", kaiser, window_length, options, 0, 12);
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

static fac_window_options options_of(fac_dtype dtype, bool periodic)
{
    fac_window_options o = fac_window_options_defaults();
    o.dtype = dtype;
    o.periodic = periodic;
    return o;
}

#define BOTH(name)                                                                                                     \
    FAC__CALL(name##_plain, R(fac_##name##_window_with(I(0), options_of(DT(1), true))))                                \
    FAC__CALL(name##_periodic, R(fac_##name##_window_with(I(0), options_of(DT(2), B(1)))))
BOTH(bartlett)
BOTH(blackman)
BOTH(hamming)
BOTH(hann)
BOTH(kaiser)
FAC__CALL(hamming_alpha, fac_window_options o = options_of(DT(3), B(1)); o.alpha = F(2);
          R(fac_hamming_window_with(I(0), o)))
FAC__CALL(hamming_both, fac_window_options o = options_of(DT(4), B(1)); o.alpha = F(2); o.beta = F(3);
          R(fac_hamming_window_with(I(0), o)))
FAC__CALL(kaiser_beta, fac_window_options o = options_of(DT(3), B(1)); o.beta = F(2);
          R(fac_kaiser_window_with(I(0), o)))

#define KEYWORDS "*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor"
#define ROWS(name, doc)                                                                                                \
    {#name "_window(int window_length, " KEYWORDS, name##_plain, doc},                                                 \
    {                                                                                                                  \
#name "_window.periodic(int window_length, bool periodic, " KEYWORDS, name##_periodic, doc                     \
    }

const fac__op fac__ops_signal_windows[] = {
    ROWS(bartlett, "A triangle, 0 at its ends."),
    ROWS(blackman, "0.42 - 0.5 cos + 0.08 cos of the double."),
    ROWS(hamming, "0.54 - 0.46 cos."),
    {"hamming_window.periodic_alpha(int window_length, bool periodic, float alpha, " KEYWORDS, hamming_alpha,
     "alpha - 0.46 cos."},
    {"hamming_window.periodic_alpha_beta(int window_length, bool periodic, float alpha, float beta, " KEYWORDS,
     hamming_both, "alpha - beta cos."},
    ROWS(hann, "0.5 - 0.5 cos."),
    ROWS(kaiser, "I0(12 sqrt(1 - r^2)) / I0(12)."),
    {"kaiser_window.beta(int window_length, bool periodic, float beta, " KEYWORDS, kaiser_beta,
     "I0(beta sqrt(1 - r^2)) / I0(beta)."},
    {0},
};
