/* Floor 5. Attention with several heads as a module. After torch.nn.MultiheadAttention and multi_head_attention_forward: the
 * order of parameters, how they are drawn, and what masks mean. */
#include <math.h>

#include "facula/ops_attention.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_matmul.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "nn/layer.h"

typedef struct attention {
    fac_module base;
    int64_t embed_dim, num_heads;
    fac_nn_attention_options o;
    fac_tensor *in_proj_weight, *in_proj_bias;
    fac_module *out_proj;
} attention;

/* Queries, keys and values of all heads, [T, N, E] each: one product for as many of them as come from one tensor. */
static bool project(const attention *m, fac_tensor *const *in, fac_tensor **out)
{
    for (int i = 0; i < 3;) {
        int same = 1;
        while (i + same < 3 && in[i + same] == in[i])
            same++;
        int64_t from = i * m->embed_dim, rows = same * m->embed_dim;
        fac_tensor *w = same == 3 ? m->in_proj_weight : fac_narrow(m->in_proj_weight, 0, from, rows);
        fac_tensor *b = same == 3 || !m->in_proj_bias ? m->in_proj_bias : fac_narrow(m->in_proj_bias, 0, from, rows);
        fac_tensor *y = w ? fac_linear(in[i], w, b) : NULL;
        fac_tensor_list parts = y ? fac_chunk(y, same, -1) : (fac_tensor_list){NULL, 0};
        if (parts.count != same) return false;
        for (int k = 0; k < same; k++)
            out[i++] = parts.items[k];
    }
    return true;
}

/* [T, N, E] as [N, H, T, E / H]. */
static fac_tensor *heads(const attention *m, fac_tensor *t)
{
    fac_dims shape = FAC_DIMS(t->shape[0], t->shape[1], m->num_heads, m->embed_dim / m->num_heads);
    return fac_permute(fac_reshape(t, shape), FAC_DIMS(1, 2, 0, 3));
}

/* Both masks as one of attention's, which is true where it may look, or added. NULL without an error if there is none. */
static fac_tensor *merged(const attention *m, const fac_multihead_options *o, int64_t batch, int64_t l, int64_t s)
{
    fac_tensor *mask = o->attn_mask, *pad = o->key_padding_mask;
    if (mask && mask->ndim == 3) mask = fac_view(mask, FAC_DIMS(batch, m->num_heads, l, s));
    if (pad) pad = fac_reshape(pad, FAC_DIMS(batch, 1, 1, s));
    if (mask && pad)
        return mask->dtype == FAC_BOOL
                   ? fac_logical_not(fac_logical_or(mask, pad))
                   : fac_masked_fill(fac_expand(mask, FAC_DIMS(batch, m->num_heads, l, s)), pad, -INFINITY);
    if (!mask) return pad ? fac_logical_not(pad) : NULL;
    return mask->dtype == FAC_BOOL ? fac_logical_not(mask) : mask;
}

static bool check(const attention *m, fac_tensor *const *in, const fac_multihead_options *o)
{
    int ndim = in[0]->ndim;
    if (ndim != 2 && ndim != 3)
        return fac__runtime_error("query should be unbatched 2D or batched 3D but received %d-D query tensor", ndim),
               false;
    for (int i = 0; i < 3; i++) {
        if (in[i]->ndim != ndim)
            return fac__runtime_error("For %s (%d-D) `query`, expected `key` and `value` to be %d-D but found %d-D and "
                                      "%d-D tensors respectively",
                                      ndim == 3 ? "batched" : "unbatched", ndim, ndim, in[1]->ndim, in[2]->ndim),
                   false;
        if (in[i]->shape[ndim - 1] != m->embed_dim)
            return fac__runtime_error("was expecting embedding dimension of %lld, but got %lld",
                                      (long long)m->embed_dim, (long long)in[i]->shape[ndim - 1]),
                   false;
    }
    if (o->key_padding_mask && o->key_padding_mask->dtype != FAC_BOOL)
        return fac__runtime_error("only bool and floating types of key_padding_mask are supported"), false;
    if (o->attn_mask && o->attn_mask->ndim != 2 && o->attn_mask->ndim != 3)
        return fac__runtime_error("attn_mask's dimension %d is not supported", o->attn_mask->ndim), false;
    return true;
}

static fac_tensor *attend(const attention *m, fac_tensor *const *given, const fac_multihead_options *o)
{
    if (!check(m, given, o)) return NULL;
    bool alone = given[0]->ndim == 2;
    fac_tensor *in[3], *parts[3], *weights = NULL;
    for (int i = 0; i < 3; i++) {
        in[i] = i && given[i] == given[i - 1] ? in[i - 1]
                : alone                       ? fac_unsqueeze(given[i], 1)
                : m->o.batch_first            ? fac_transpose(given[i], 0, 1)
                                              : given[i];
        if (!in[i]) return NULL;
    }
    int64_t l = in[0]->shape[0], s = in[1]->shape[0], batch = in[0]->shape[1];
    if (!project(m, in, parts)) return NULL;
    fac_tensor *mask = merged(m, o, batch, l, s);
    if (!mask && (o->attn_mask || o->key_padding_mask)) return NULL;
    fac_tensor *y = fac_scaled_dot_product_attention(
        heads(m, parts[0]), heads(m, parts[1]), heads(m, parts[2]), .attn_mask = mask,
        .dropout_p = m->base.training ? m->o.dropout : 0, .weights = o->weights ? &weights : NULL);
    y = y ? fac_reshape(fac_permute(y, FAC_DIMS(2, 0, 1, 3)), FAC_DIMS(l, batch, m->embed_dim)) : NULL;
    y = y ? fac_forward(m->out_proj, y) : NULL;
    if (y && alone) y = fac_squeeze_dim(y, 1);
    if (y && !alone && m->o.batch_first) y = fac_transpose(y, 0, 1);
    if (!y || !o->weights) return y;
    if (o->average_attn_weights) weights = fac_mean(weights, .dim = 1);
    if (weights && alone) weights = fac_squeeze_dim(weights, 0);
    *o->weights = weights;
    return weights ? y : NULL;
}

static fac_tensor *forward(fac_module *self, fac_tensor *x)
{
    fac_multihead_options o = fac_multihead_options_defaults();
    return attend((const attention *)self, (fac_tensor *[]){x, x, x}, &o);
}

fac_tensor *fac_multihead_forward_with(void *module, fac_tensor *query, fac_tensor *key, fac_tensor *value,
                                       fac_multihead_options options)
{
    FAC__OP("MultiheadAttention");
    if (options.weights) *options.weights = NULL;
    FAC__NEED(module);
    FAC__NEED(query);
    FAC__NEED(key);
    FAC__NEED(value);
    const attention *m = module;
    if (m->base.type->forward != forward) return fac__type_error("%s is no MultiheadAttention", m->base.type->name);
    return attend(m, (fac_tensor *[]){query, key, value}, &options);
}

fac_module *fac_nn_multihead_attention_with(int64_t embed_dim, int64_t num_heads, fac_nn_attention_options options)
{
    FAC__OP("MultiheadAttention");
    static const fac_module_type type = {.name = "MultiheadAttention", .size = sizeof(attention), .forward = forward};
    if (num_heads <= 0 || embed_dim <= 0 || embed_dim % num_heads)
        return fac__value_error("embed_dim must be divisible by num_heads");
    attention *m = fac_module_new(&type);
    if (!m) return NULL;
    m->embed_dim = embed_dim;
    m->num_heads = num_heads;
    m->o = options;
    FAC__PARAMETER_OF(m, in_proj_weight, FAC_DIMS(3 * embed_dim, embed_dim), options.dtype);
    if (options.bias) FAC__PARAMETER_OF(m, in_proj_bias, FAC_DIMS(3 * embed_dim), options.dtype);
    fac_nn_linear_options plain = fac_nn_linear_options_defaults();
    plain.bias = options.bias;
    plain.dtype = options.dtype;
    fac_add_child(m, out_proj, fac__attention_out(embed_dim, plain));
    if (m->base.failed) return fac_module_ready(m);
    fac_init_xavier_uniform_(m->in_proj_weight, 1);
    if (options.bias && !(fac_init_zeros_(m->in_proj_bias) && fac_init_zeros_(m->out_proj->members[1].tensor)))
        m->base.failed = true;
    return fac_module_ready(m);
}
