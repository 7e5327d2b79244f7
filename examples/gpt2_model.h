/* GPT-2, built from facula's modules: Radford et al., Language Models are Unsupervised Multitask Learners, 2019. A program
 * includes this for gpt2_new and gpt2_loss (examples/gpt2.c); the benchmark measures a block of it alone as well.
 *
 * Parameters come in the order in which a llm.c checkpoint stores those of one kind: a block's are ln_1, attn.c_attn,
 * attn.c_proj, ln_2, mlp.c_fc, mlp.c_proj, each weight [out, in] and then its bias. */
#ifndef FACULA_GPT2_MODEL_H
#define FACULA_GPT2_MODEL_H

#include <facula/facula.h>
#include <stdio.h>

typedef struct gpt2_sizes {
    int64_t layers, heads, channels, words, positions;
} gpt2_sizes;

/* ---- a block: attention and a small network, each added to what comes in ------------------------------------ */

typedef struct {
    fac_module base;
    int64_t heads;
    fac_module *ln_1, *c_attn, *attn_c_proj, *ln_2, *c_fc, *gelu, *mlp_c_proj;
} gpt2_block;

/* [B, T, C] of which each head sees C / heads channels: [B, heads, T, C / heads] */
static fac_tensor *gpt2_heads(fac_tensor *x, int64_t heads)
{
    return fac_transpose(fac_unflatten(x, 2, FAC_DIMS(heads, -1)), 1, 2);
}

static fac_tensor *gpt2_block_forward(fac_module *self, fac_tensor *x)
{
    gpt2_block *b = (gpt2_block *)self;
    fac_tensor *qkv = fac_forward(b->c_attn, fac_forward(b->ln_1, x)); /* queries, keys and values side by side */
    int64_t channels = fac_size(x, 2);
    fac_tensor *q = gpt2_heads(fac_narrow(qkv, 2, 0, channels), b->heads);
    fac_tensor *k = gpt2_heads(fac_narrow(qkv, 2, channels, channels), b->heads);
    fac_tensor *v = gpt2_heads(fac_narrow(qkv, 2, 2 * channels, channels), b->heads);
    fac_tensor *seen = fac_scaled_dot_product_attention(q, k, v, .is_causal = true);
    x = fac_add(x, fac_forward(b->attn_c_proj, fac_flatten(fac_transpose(seen, 1, 2), 2, 3)));
    fac_tensor *wide = fac_forward(b->gelu, fac_forward(b->c_fc, fac_forward(b->ln_2, x)));
    return fac_add(x, fac_forward(b->mlp_c_proj, wide));
}

static fac_module *gpt2_block_new(int64_t channels, int64_t heads)
{
    static const fac_module_type type = {.name = "Block", .size = sizeof(gpt2_block), .forward = gpt2_block_forward};
    gpt2_block *b = fac_module_new(&type);
    if (!b) return NULL;
    b->heads = heads;
    fac_add_child(b, ln_1, fac_nn_layer_norm(channels));
    fac_add_child(b, c_attn, fac_nn_linear(channels, 3 * channels));
    fac_add_child(b, attn_c_proj, fac_nn_linear(channels, channels));
    fac_add_child(b, ln_2, fac_nn_layer_norm(channels));
    fac_add_child(b, c_fc, fac_nn_linear(channels, 4 * channels));
    fac_add_child(b, gelu, fac_nn_gelu(.approximate = "tanh"));
    fac_add_child(b, mlp_c_proj, fac_nn_linear(4 * channels, channels));
    return fac_module_ready(b);
}

/* ---- the model ---------------------------------------------------------------------------------------------- */

typedef struct {
    fac_module base;
    fac_module *wte, *wpe, *h, *ln_f;
} gpt2;

/* Indices of words [B, T] to logits [B, T, words]. The first layer's weight is the last one's too. */
static fac_tensor *gpt2_forward(fac_module *self, fac_tensor *words)
{
    gpt2 *net = (gpt2 *)self;
    fac_tensor *places = fac_arange(0, fac_size(words, 1), 1);
    fac_tensor *x = fac_add(fac_forward(net->wte, words), fac_forward(net->wpe, places));
    x = fac_forward(net->ln_f, fac_forward(net->h, x));
    return fac_linear(x, fac_get_parameter(net->wte, "weight"), NULL);
}

/* With weights as GPT-2's begin: normal with a deviation of 0.02, biases as the modules make them. */
static fac_module *gpt2_new(gpt2_sizes sizes)
{
    static const fac_module_type type = {.name = "GPT2", .size = sizeof(gpt2), .forward = gpt2_forward};
    gpt2 *net = fac_module_new(&type);
    if (!net) return NULL;
    fac_add_child(net, wte, fac_nn_embedding(sizes.words, sizes.channels));
    fac_add_child(net, wpe, fac_nn_embedding(sizes.positions, sizes.channels));
    fac_add_child(net, h, fac_nn_sequential());
    for (int64_t i = 0; i < sizes.layers; i++)
        fac_append(net->h, gpt2_block_new(sizes.channels, sizes.heads));
    fac_add_child(net, ln_f, fac_nn_layer_norm(sizes.channels));
    fac_tensor_list p = fac_parameters(net);
    for (int64_t i = 0; p.items && i < p.count; i++)
        if (fac_dim(p.items[i]) > 1) fac_init_normal_(p.items[i], 0, 0.02);
    return fac_module_ready(net);
}

/* The mean loss of telling each next word. */
static inline fac_tensor *gpt2_loss(fac_module *model, fac_tensor *words, fac_tensor *next)
{
    return fac_cross_entropy(fac_flatten(fac_forward(model, words), 0, 1), fac_flatten(next, 0, 1));
}

#endif
