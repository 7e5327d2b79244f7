/* Floor 5. Embedding, dropout, PReLU, and modules that only change shapes. */
#include <math.h>
#include <stdio.h>

#include "facula/ops_embed.h"
#include "facula/ops_view.h"
#include "nn/layer.h"

/* ---- embedding ---------------------------------------------------------------------------------------------- */

typedef struct embedding {
    fac_module base;
    int64_t num_embeddings, embedding_dim;
    fac_embedding_options options;
    fac_tensor *weight;
} embedding;

static fac_tensor *embedding_forward(fac_module *self, fac_tensor *x)
{
    embedding *m = (embedding *)self;
    return fac_embedding_with(x, m->weight, m->options);
}

static int embedding_repr(const fac_module *self, char *text, size_t size)
{
    const embedding *m = (const embedding *)self;
    const fac_embedding_options *o = &m->options;
    char rest[256] = "", *p = rest, number[32];
    if (o->padding_idx != FAC_NO_PADDING) p += sprintf(p, ", padding_idx=%lld", (long long)o->padding_idx);
    if (!isnan(o->max_norm)) p += sprintf(p, ", max_norm=%s", fac__python_float(o->max_norm, number));
    if (o->norm_type != 2) p += sprintf(p, ", norm_type=%s", fac__python_float(o->norm_type, number));
    if (o->scale_grad_by_freq) p += sprintf(p, ", scale_grad_by_freq=True");
    return snprintf(text, size, "%lld, %lld%s", (long long)m->num_embeddings, (long long)m->embedding_dim, rest);
}

fac_module *fac_nn_embedding_with(int64_t num_embeddings, int64_t embedding_dim, fac_embedding_options options)
{
    FAC__OP("Embedding");
    static const fac_module_type type = {
        .name = "Embedding", .size = sizeof(embedding), .forward = embedding_forward, .extra_repr = embedding_repr};
    int64_t padding = options.padding_idx;
    bool pads = padding != FAC_NO_PADDING;
    if (pads && padding < 0) padding += num_embeddings;
    if (pads && (padding < 0 || padding >= num_embeddings))
        return fac__value_error("Padding_idx must be within num_embeddings");
    embedding *m = fac_module_new(&type);
    if (!m) return NULL;
    m->num_embeddings = num_embeddings;
    m->embedding_dim = embedding_dim;
    m->options = options;
    if (pads) m->options.padding_idx = padding;
    FAC__PARAMETER_OF(m, weight, FAC_DIMS(num_embeddings, embedding_dim), FAC_DTYPE_NONE);
    if (!m->weight || !fac_init_normal_(m->weight, 0, 1))
        m->base.failed = true;
    else if (pads)
        fac_no_grad
            fac_scope
                m->base.failed |= !fac_init_zeros_(fac_select(m->weight, 0, padding));
    return fac_module_ready(m);
}

/* ---- dropout ------------------------------------------------------------------------------------------------ */

typedef struct dropout {
    fac_module base;
    fac_tensor *(*run)(fac_tensor *x, fac_dropout_options options);
    fac_dropout_options options;
} dropout;

static fac_tensor *dropout_forward(fac_module *self, fac_tensor *x)
{
    dropout *m = (dropout *)self;
    m->options.training = self->training;
    return m->run(x, m->options);
}

static int dropout_repr(const fac_module *self, char *text, size_t size)
{
    const dropout *m = (const dropout *)self;
    char p[32];
    return snprintf(text, size, "p=%s, inplace=%s", fac__python_float(m->options.p, p),
                    fac__python_bool(m->options.inplace));
}

#define DROPOUT(id, title)                                                                                             \
    fac_module *fac_nn_##id##_with(fac_dropout_options options)                                                        \
    {                                                                                                                  \
        static const fac_module_type type = {                                                                          \
            .name = title, .size = sizeof(dropout), .forward = dropout_forward, .extra_repr = dropout_repr};           \
        if (!(options.p >= 0 && options.p <= 1))                                                                       \
            return fac__value_error("dropout probability has to be between 0 and 1, but got %g", options.p);           \
        dropout *m = fac_module_new(&type);                                                                            \
        if (!m) return NULL;                                                                                           \
        m->run = fac_##id##_with;                                                                                      \
        m->options = options;                                                                                          \
        return &m->base;                                                                                               \
    }
DROPOUT(dropout, "Dropout")
DROPOUT(dropout1d, "Dropout1d")
DROPOUT(dropout2d, "Dropout2d")
DROPOUT(dropout3d, "Dropout3d")
DROPOUT(alpha_dropout, "AlphaDropout")
DROPOUT(feature_alpha_dropout, "FeatureAlphaDropout")

/* ---- PReLU -------------------------------------------------------------------------------------------------- */

typedef struct prelu {
    fac_module base;
    int64_t num_parameters;
    fac_tensor *weight;
} prelu;

static fac_tensor *prelu_forward(fac_module *self, fac_tensor *x)
{
    return fac_prelu(x, ((prelu *)self)->weight);
}

static int prelu_repr(const fac_module *self, char *text, size_t size)
{
    return snprintf(text, size, "num_parameters=%lld", (long long)((const prelu *)self)->num_parameters);
}

fac_module *fac_nn_prelu_with(fac_nn_prelu_options options)
{
    FAC__OP("PReLU");
    static const fac_module_type type = {
        .name = "PReLU", .size = sizeof(prelu), .forward = prelu_forward, .extra_repr = prelu_repr};
    prelu *m = fac_module_new(&type);
    if (!m) return NULL;
    m->num_parameters = options.num_parameters;
    fac_init_constant_(FAC__PARAMETER_OF(m, weight, FAC_DIMS(options.num_parameters), options.dtype), options.init);
    return fac_module_ready(m);
}

/* ---- shapes ------------------------------------------------------------------------------------------------- */

typedef struct shaper {
    fac_module base;
    int first, last;
    fac_dims sizes;
} shaper;

static fac_tensor *flatten_forward(fac_module *self, fac_tensor *x)
{
    return fac_flatten(x, ((shaper *)self)->first, ((shaper *)self)->last);
}

static int flatten_repr(const fac_module *self, char *text, size_t size)
{
    const shaper *m = (const shaper *)self;
    return snprintf(text, size, "start_dim=%d, end_dim=%d", m->first, m->last);
}

fac_module *fac_nn_flatten_with(fac_nn_flatten_options options)
{
    static const fac_module_type type = {
        .name = "Flatten", .size = sizeof(shaper), .forward = flatten_forward, .extra_repr = flatten_repr};
    shaper *m = fac_module_new(&type);
    if (!m) return NULL;
    m->first = options.start_dim;
    m->last = options.end_dim;
    return &m->base;
}

static fac_tensor *unflatten_forward(fac_module *self, fac_tensor *x)
{
    return fac_unflatten(x, ((shaper *)self)->first, ((shaper *)self)->sizes);
}

static int unflatten_repr(const fac_module *self, char *text, size_t size)
{
    const shaper *m = (const shaper *)self;
    char sizes[FAC__TUPLE_ROOM];
    return snprintf(text, size, "dim=%d, unflattened_size=%s", m->first, fac__python_tuple(m->sizes, sizes));
}

fac_module *fac_nn_unflatten(int dim, fac_dims unflattened_size)
{
    static const fac_module_type type = {
        .name = "Unflatten", .size = sizeof(shaper), .forward = unflatten_forward, .extra_repr = unflatten_repr};
    shaper *m = fac_module_new(&type);
    if (!m) return NULL;
    m->first = dim;
    m->sizes = unflattened_size;
    return &m->base;
}
