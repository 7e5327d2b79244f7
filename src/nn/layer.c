/* Floor 5. Making and drawing the parameters of layers, and texts as Python prints them. */
#include "nn/layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/op.h"

static fac_dtype or_default(fac_dtype dtype)
{
    return dtype == FAC_DTYPE_NONE ? fac_get_default_dtype() : dtype;
}

fac_tensor *fac__layer_parameter(void *layer, const char *name, fac_dims shape, fac_dtype dtype, fac_tensor **slot)
{
    fac_tensor *t = fac__new(or_default(dtype), shape.n, shape.d);
    fac_tensor *held = fac__add_parameter(layer, name, t, slot);
    fac_release(t);
    return held;
}

fac_tensor *fac__layer_buffer(void *layer, const char *name, fac_dims shape, fac_dtype dtype, double value,
                              fac_tensor **slot)
{
    fac_tensor *t = fac__new(or_default(dtype), shape.n, shape.d);
    if (t && !fac__fill_into(t, fac_scalar_float(value))) {
        fac_release(t);
        t = NULL;
    }
    fac_tensor *held = fac__add_buffer(layer, name, t, slot);
    fac_release(t);
    return held;
}

void fac__init_weight_and_bias(fac_tensor *weight, fac_tensor *bias)
{
    if (!weight) return;
    fac_init_kaiming_uniform_(weight, .a = sqrt(5));
    if (!bias) return;
    double fan_in = 1;
    for (int i = 1; i < weight->ndim; i++)
        fan_in *= (double)weight->shape[i];
    double bound = fan_in > 0 ? 1 / sqrt(fan_in) : 0;
    fac_init_uniform_(bias, -bound, bound);
}

const char *fac__python_float(double v, char *text)
{
    if (!isfinite(v)) return strcpy(text, isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
    int digits = 0;
    do
        snprintf(text, 32, "%.*e", digits, v);
    while (strtod(text, NULL) != v && ++digits < 17);
    int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent < -4 || exponent >= 16) return text;
    return snprintf(text, 32, "%.*f", digits > exponent ? digits - exponent : 1, v), text;
}

const char *fac__python_tuple(fac_dims d, char *text)
{
    char *p = text + sprintf(text, "(");
    for (int i = 0; i < d.n && i < FAC_MAX_DIMS; i++)
        p += sprintf(p, i ? ", %lld" : "%lld", (long long)d.d[i]);
    strcpy(p, d.n == 1 ? ",)" : ")");
    return text;
}
