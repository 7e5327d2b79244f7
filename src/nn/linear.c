/* Floor 5. Linear layers. */
#include <stdio.h>

#include "facula/ops_matmul.h"
#include "nn/layer.h"

typedef struct linear {
    fac_module base;
    int64_t in_features, out_features;
    fac_tensor *weight, *bias;
} linear;

static fac_tensor *linear_forward(fac_module *self, fac_tensor *x)
{
    linear *l = (linear *)self;
    return fac_linear(x, l->weight, l->bias);
}

static int linear_extra(const fac_module *self, char *text, size_t size)
{
    const linear *l = (const linear *)self;
    return snprintf(text, size, "in_features=%lld, out_features=%lld, bias=%s", (long long)l->in_features,
                    (long long)l->out_features, fac__python_bool(l->bias));
}

static fac_module *make(const fac_module_type *type, int64_t in_features, int64_t out_features,
                        fac_nn_linear_options options)
{
    linear *l = fac_module_new(type);
    if (!l) return NULL;
    l->in_features = in_features;
    l->out_features = out_features;
    FAC__PARAMETER_OF(l, weight, FAC_DIMS(out_features, in_features), options.dtype);
    if (options.bias) FAC__PARAMETER_OF(l, bias, FAC_DIMS(out_features), options.dtype);
    fac__init_weight_and_bias(l->weight, l->bias);
    return fac_module_ready(l);
}

fac_module *fac_nn_linear_with(int64_t in_features, int64_t out_features, fac_nn_linear_options options)
{
    FAC__OP("Linear");
    static const fac_module_type type = {
        .name = "Linear", .size = sizeof(linear), .forward = linear_forward, .extra_repr = linear_extra};
    return make(&type, in_features, out_features, options);
}

fac_module *fac__attention_out(int64_t features, fac_nn_linear_options options)
{
    static const fac_module_type type = {.name = "NonDynamicallyQuantizableLinear",
                                         .size = sizeof(linear),
                                         .forward = linear_forward,
                                         .extra_repr = linear_extra};
    return make(&type, features, features, options);
}
