/* Floor 5. Initial values of parameters: torch.nn.init's formulas, in doubles as Python computes them. */
#include "facula/init.h"

#include <math.h>
#include <string.h>

#include "facula/ops_create.h"
#include "ops/op.h"

/* ---- draws -------------------------------------------------------------------------------------------------- */

fac_tensor *fac_init_uniform_(fac_tensor *t, double a, double b)
{
    FAC__NEED(t);
    fac_no_grad
        t = fac_uniform_(t, a, b);
    return t;
}

fac_tensor *fac_init_normal_(fac_tensor *t, double mean, double std)
{
    FAC__NEED(t);
    fac_no_grad
        t = fac_normal_(t, mean, std);
    return t;
}

static double normal_cdf(double x)
{
    return (1.0 + erf(x / sqrt(2.0))) / 2.0;
}

/* Of the uniform numbers between the ends' quantiles the inverse of the distribution. */
fac_tensor *fac_init_trunc_normal_(fac_tensor *t, double mean, double std, double a, double b)
{
    FAC__OP("trunc_normal_");
    FAC__NEED(t);
    if (!(std > 0) || !(a <= b)) return fac__value_error("trunc_normal_ expects std > 0 and a <= b");
    double low = normal_cdf((a - mean) / std), high = normal_cdf((b - mean) / std);
    fac_no_grad {
        t = fac_erfinv_(fac_uniform_(t, 2 * low - 1, 2 * high - 1));
        t = fac_add_scalar_(fac_mul_scalar_(t, std * sqrt(2.0)), mean);
        t = fac_clamp_(t, a, b);
    }
    return t;
}

/* ---- constants ---------------------------------------------------------------------------------------------- */

fac_tensor *fac_init_constant_(fac_tensor *t, double value)
{
    FAC__OP("constant_");
    FAC__NEED(t);
    if (!fac__fill_into(t, fac_scalar_float(value))) return NULL;
    t->storage->version++;
    return t;
}

fac_tensor *fac_init_zeros_(fac_tensor *t)
{
    return fac_init_constant_(t, 0);
}

fac_tensor *fac_init_ones_(fac_tensor *t)
{
    return fac_init_constant_(t, 1);
}

/* ---- by fan in and fan out ---------------------------------------------------------------------------------- */

double fac_calculate_gain(const char *nonlinearity, double param)
{
    FAC__OP("calculate_gain");
    FAC__NEED_OR(nonlinearity, NAN);
    static const char *const plain[] = {"linear",           "conv1d",           "conv2d",           "conv3d",
                                        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!strcmp(nonlinearity, plain[i])) return 1;
    if (!strcmp(nonlinearity, "tanh")) return 5.0 / 3;
    if (!strcmp(nonlinearity, "relu")) return sqrt(2.0);
    if (!strcmp(nonlinearity, "selu")) return 3.0 / 4;
    double slope = isnan(param) ? 0.01 : param;
    if (!strcmp(nonlinearity, "leaky_relu")) return sqrt(2.0 / (1 + slope * slope));
    return fac__value_error("Unsupported nonlinearity %s", nonlinearity), NAN;
}

static bool fans(const fac_tensor *t, double *in, double *out)
{
    if (t->ndim < 2)
        return fac__value_error("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"),
               false;
    double field = 1;
    for (int i = 2; i < t->ndim; i++)
        field *= (double)t->shape[i];
    *in = (double)t->shape[1] * field;
    *out = (double)t->shape[0] * field;
    return true;
}

/* A tensor without elements has nothing to fill, and its fans would divide by 0. */
static fac_tensor *spread(fac_tensor *t, double std, bool uniform)
{
    if (!t->numel) return t;
    double bound = sqrt(3.0) * std;
    return uniform ? fac_init_uniform_(t, -bound, bound) : fac_init_normal_(t, 0, std);
}

static fac_tensor *xavier(fac_tensor *t, double gain, bool uniform)
{
    double in, out;
    if (!fans(t, &in, &out)) return NULL;
    return spread(t, gain * sqrt(2.0 / (in + out)), uniform);
}

fac_tensor *fac_init_xavier_uniform_(fac_tensor *t, double gain)
{
    FAC__OP("xavier_uniform_");
    FAC__NEED(t);
    return xavier(t, gain, true);
}

fac_tensor *fac_init_xavier_normal_(fac_tensor *t, double gain)
{
    FAC__OP("xavier_normal_");
    FAC__NEED(t);
    return xavier(t, gain, false);
}

static fac_tensor *kaiming(fac_tensor *t, fac_kaiming_options o, bool uniform)
{
    FAC__NEED(o.mode);
    bool by_out = !strcmp(o.mode, "fan_out");
    if (!by_out && strcmp(o.mode, "fan_in"))
        return fac__value_error("Mode %s not supported, please use one of ['fan_in', 'fan_out']", o.mode);
    double in, out, gain = fac_calculate_gain(o.nonlinearity, o.a);
    if (isnan(gain) || !fans(t, &in, &out)) return NULL;
    return spread(t, gain / sqrt(by_out ? out : in), uniform);
}

fac_tensor *fac_init_kaiming_uniform_with(fac_tensor *t, fac_kaiming_options options)
{
    FAC__OP("kaiming_uniform_");
    FAC__NEED(t);
    return kaiming(t, options, true);
}

fac_tensor *fac_init_kaiming_normal_with(fac_tensor *t, fac_kaiming_options options)
{
    FAC__OP("kaiming_normal_");
    FAC__NEED(t);
    return kaiming(t, options, false);
}
