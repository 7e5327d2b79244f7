/* Floor 5. Normalisation as modules. */
#include <math.h>
#include <stdio.h>

#include "facula/ops_norm.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "nn/layer.h"

/* ---- batch and instance ------------------------------------------------------------------------------------- */

typedef struct batch {
    fac_module base;
    int64_t num_features;
    int least, most; /* dimensions of the input */
    bool by_instance;
    fac_nn_norm_options options;
    fac_tensor *weight, *bias, *running_mean, *running_var, *num_batches_tracked;
} batch;

static bool check_dims(const batch *m, const fac_tensor *x)
{
    if (x->ndim >= m->least && x->ndim <= m->most) return true;
    if (m->least < m->most)
        return fac__value_error("expected %dD or %dD input (got %dD input)", m->least, m->most, x->ndim), false;
    return fac__value_error("expected %dD input (got %dD input)", m->least, x->ndim), false;
}

/* The share of the new in the running statistics; counts the batch. NAN after an error. */
static double momentum_of(batch *m)
{
    bool counts = m->base.training && m->num_batches_tracked && !m->by_instance;
    if (counts) {
        fac_tensor *count = NULL;
        fac_no_grad
            count = fac_add_scalar_(m->num_batches_tracked, 1);
        if (!count) return NAN;
    }
    if (!isnan(m->options.momentum)) return m->options.momentum;
    return counts ? 1 / fac_item(m->num_batches_tracked) : 0;
}

static fac_tensor *batch_forward(fac_module *self, fac_tensor *x)
{
    batch *m = (batch *)self;
    if (!check_dims(m, x)) return NULL;
    double momentum = momentum_of(m);
    if (isnan(momentum)) return NULL;
    bool tracks = m->running_mean != NULL, use = !self->training || tracks;
    fac_tensor *mean = use ? m->running_mean : NULL, *var = use ? m->running_var : NULL;
    if (!m->by_instance)
        return fac_batch_norm(x, mean, var, .weight = m->weight, .bias = m->bias, .training = self->training || !tracks,
                              .momentum = momentum, .eps = m->options.eps);
    bool alone = x->ndim == m->least; /* a sample without a batch dimension */
    if (alone) x = fac_unsqueeze(x, 0);
    x = fac_instance_norm(x, .running_mean = m->running_mean, .running_var = m->running_var, .weight = m->weight,
                          .bias = m->bias, .use_input_stats = self->training || !tracks, .momentum = momentum,
                          .eps = m->options.eps);
    return x && alone ? fac_squeeze_dim(x, 0) : x;
}

static int batch_repr(const fac_module *self, char *text, size_t size)
{
    const batch *m = (const batch *)self;
    char eps[32], momentum[32] = "None";
    if (!isnan(m->options.momentum)) fac__python_float(m->options.momentum, momentum);
    return snprintf(text, size, "%lld, eps=%s, momentum=%s, affine=%s, track_running_stats=%s",
                    (long long)m->num_features, fac__python_float(m->options.eps, eps), momentum,
                    fac__python_bool(m->options.affine), fac__python_bool(m->options.track_running_stats));
}

static void add_affine(void *layer, fac_dims shape, fac_dtype dtype, fac_tensor **weight, fac_tensor **bias)
{
    fac_init_ones_(fac__layer_parameter(layer, "weight", shape, dtype, weight));
    fac_init_zeros_(fac__layer_parameter(layer, "bias", shape, dtype, bias));
}

static fac_module *make_batch(const fac_module_type *type, int64_t features, int least, int most, bool by_instance,
                              fac_nn_norm_options options)
{
    FAC__OP(type->name);
    batch *m = fac_module_new(type);
    if (!m) return NULL;
    if (options.affine < 0) options.affine = !by_instance;
    if (options.track_running_stats < 0) options.track_running_stats = !by_instance;
    m->num_features = features;
    m->least = least;
    m->most = most;
    m->by_instance = by_instance;
    m->options = options;
    if (options.affine) add_affine(m, FAC_DIMS(features), options.dtype, &m->weight, &m->bias);
    if (options.track_running_stats) {
        FAC__BUFFER_OF(m, running_mean, FAC_DIMS(features), options.dtype, 0);
        FAC__BUFFER_OF(m, running_var, FAC_DIMS(features), options.dtype, 1);
        if (FAC__BUFFER_OF(m, num_batches_tracked, FAC_DIMS(), FAC_INT64, 0)) {
            fac__find_member(&m->base, "num_batches_tracked", 19)->optional =
                true; /* as states without a version lack it */
        }
    }
    return fac_module_ready(m);
}

#define FORM(id, title, least, most, by_instance)                                                                      \
    fac_module *fac_nn_##id##_with(int64_t num_features, fac_nn_norm_options options)                                  \
    {                                                                                                                  \
        static const fac_module_type type = {                                                                          \
            .name = title, .size = sizeof(batch), .forward = batch_forward, .extra_repr = batch_repr};                 \
        return make_batch(&type, num_features, least, most, by_instance, options);                                     \
    }
FORM(batch_norm1d, "BatchNorm1d", 2, 3, false)
FORM(batch_norm2d, "BatchNorm2d", 4, 4, false)
FORM(batch_norm3d, "BatchNorm3d", 5, 5, false)
FORM(instance_norm1d, "InstanceNorm1d", 2, 3, true)
FORM(instance_norm2d, "InstanceNorm2d", 3, 4, true)
FORM(instance_norm3d, "InstanceNorm3d", 4, 5, true)

/* ---- layer and group ---------------------------------------------------------------------------------------- */

typedef struct layer {
    fac_module base;
    fac_dims shape; /* layer: the normalised one */
    int64_t groups, channels;
    double eps;
    fac_tensor *weight, *bias;
} layer;

static fac_tensor *layer_forward(fac_module *self, fac_tensor *x)
{
    layer *m = (layer *)self;
    return fac_layer_norm(x, m->shape, .weight = m->weight, .bias = m->bias, .eps = m->eps);
}

static int layer_repr(const fac_module *self, char *text, size_t size)
{
    const layer *m = (const layer *)self;
    char shape[FAC__TUPLE_ROOM], eps[32];
    return snprintf(text, size, "%s, eps=%s, elementwise_affine=%s", fac__python_tuple(m->shape, shape),
                    fac__python_float(m->eps, eps), fac__python_bool(m->weight));
}

fac_module *fac_nn_layer_norm_with(fac_dims normalized_shape, fac_nn_norm_options options)
{
    FAC__OP("LayerNorm");
    static const fac_module_type type = {
        .name = "LayerNorm", .size = sizeof(layer), .forward = layer_forward, .extra_repr = layer_repr};
    layer *m = fac_module_new(&type);
    if (!m) return NULL;
    m->shape = normalized_shape;
    m->eps = options.eps;
    if (options.affine) add_affine(m, normalized_shape, options.dtype, &m->weight, &m->bias);
    return fac_module_ready(m);
}

static fac_tensor *group_forward(fac_module *self, fac_tensor *x)
{
    layer *m = (layer *)self;
    return fac_group_norm(x, m->groups, .weight = m->weight, .bias = m->bias, .eps = m->eps);
}

static int group_repr(const fac_module *self, char *text, size_t size)
{
    const layer *m = (const layer *)self;
    char eps[32];
    return snprintf(text, size, "%lld, %lld, eps=%s, affine=%s", (long long)m->groups, (long long)m->channels,
                    fac__python_float(m->eps, eps), fac__python_bool(m->weight));
}

fac_module *fac_nn_group_norm_with(int64_t num_groups, int64_t num_channels, fac_nn_norm_options options)
{
    FAC__OP("GroupNorm");
    static const fac_module_type type = {
        .name = "GroupNorm", .size = sizeof(layer), .forward = group_forward, .extra_repr = group_repr};
    if (num_groups < 1 || num_channels % num_groups)
        return fac__value_error("num_channels must be divisible by num_groups");
    layer *m = fac_module_new(&type);
    if (!m) return NULL;
    m->groups = num_groups;
    m->channels = num_channels;
    m->eps = options.eps;
    if (options.affine) add_affine(m, FAC_DIMS(num_channels), options.dtype, &m->weight, &m->bias);
    return fac_module_ready(m);
}

/* ---- local response ----------------------------------------------------------------------------------------- */

typedef struct response {
    fac_module base;
    int64_t size;
    fac_similarity_options options;
} response;

static fac_tensor *response_forward(fac_module *self, fac_tensor *x)
{
    response *m = (response *)self;
    return fac_local_response_norm_with(x, m->size, m->options);
}

static int response_repr(const fac_module *self, char *text, size_t size)
{
    const response *m = (const response *)self;
    char alpha[32], beta[32], k[32];
    return snprintf(text, size, "%lld, alpha=%s, beta=%s, k=%s", (long long)m->size,
                    fac__python_float(m->options.alpha, alpha), fac__python_float(m->options.beta, beta),
                    fac__python_float(m->options.k, k));
}

fac_module *fac_nn_local_response_norm_with(int64_t size, fac_similarity_options options)
{
    static const fac_module_type type = {.name = "LocalResponseNorm",
                                         .size = sizeof(response),
                                         .forward = response_forward,
                                         .extra_repr = response_repr};
    response *m = fac_module_new(&type);
    if (!m) return NULL;
    m->size = size;
    m->options = options;
    return &m->base;
}
