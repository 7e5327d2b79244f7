/* Floor 6. GPT-2: Radford et al., Language Models are Unsupervised Multitask Learners, 2019. After GPT2LMHeadModel of Hugging
 * Face's transformers: its modules, names, and draws (those of version 4.40). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "facula/models.h"
#include "facula/ops_attention.h"
#include "facula/ops_create.h"
#include "facula/ops_matmul.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "nn/layer.h"

static const double deviation = 0.02; /* of weights at first */

/* ---- a linear layer whose weight lies [in, out] --------------------------------------------------------------- */

typedef struct conv1d {
    fac_module base;
    fac_tensor *weight, *bias;
} conv1d;

static fac_tensor *conv1d_forward(fac_module *self, fac_tensor *x)
{
    conv1d *m = (conv1d *)self;
    fac_dims shape = fac_shape(x);
    x = fac_reshape(x, FAC_DIMS(-1, shape.d[shape.n - 1]));
    shape.d[shape.n - 1] = fac_size(m->weight, 1);
    return fac_view(fac_addmm(m->bias, x, m->weight), shape);
}

static const fac_module_type conv1d_type = {.name = "Conv1D", .size = sizeof(conv1d), .forward = conv1d_forward};

static fac_module *conv1d_new(int64_t in, int64_t out)
{
    conv1d *m = fac_module_new(&conv1d_type);
    FAC__PARAMETER_OF(m, weight, FAC_DIMS(in, out), FAC_DTYPE_NONE);
    FAC__PARAMETER_OF(m, bias, FAC_DIMS(out), FAC_DTYPE_NONE);
    if (!m || m->base.failed) return fac_module_ready(m);
    fac_init_normal_(m->weight, 0, deviation);
    fac_init_zeros_(m->bias);
    return &m->base;
}

/* ---- attention ------------------------------------------------------------------------------------------------ */

typedef struct attention {
    fac_module base;
    int64_t heads;
    double dropout; /* of the weights; the module of that name is there to be printed */
    fac_module *c_attn, *c_proj, *attn_dropout, *resid_dropout;
} attention;

/* [B, T, C] of which each head sees C / heads channels: [B, heads, T, C / heads] */
static fac_tensor *split_heads(fac_tensor *x, int64_t heads)
{
    return fac_transpose(fac_unflatten(x, 2, FAC_DIMS(heads, -1)), 1, 2);
}

static fac_tensor *attention_forward(fac_module *self, fac_tensor *x)
{
    attention *m = (attention *)self;
    fac_tensor *qkv = fac_forward(m->c_attn, x); /* queries, keys and values side by side */
    int64_t channels = fac_size(x, 2);
    fac_tensor *q = split_heads(fac_narrow(qkv, 2, 0, channels), m->heads);
    fac_tensor *k = split_heads(fac_narrow(qkv, 2, channels, channels), m->heads);
    fac_tensor *v = split_heads(fac_narrow(qkv, 2, 2 * channels, channels), m->heads);
    fac_tensor *seen =
        fac_scaled_dot_product_attention(q, k, v, .is_causal = true, .dropout_p = self->training ? m->dropout : 0);
    return fac_forward(m->resid_dropout, fac_forward(m->c_proj, fac_flatten(fac_transpose(seen, 1, 2), 2, 3)));
}

static const fac_module_type attention_type = {
    .name = "GPT2Attention", .size = sizeof(attention), .forward = attention_forward};

static fac_module *attention_new(const fac_gpt2_options *o)
{
    attention *m = fac_module_new(&attention_type);
    if (!m) return NULL;
    m->heads = o->n_head;
    m->dropout = o->attn_pdrop;
    fac_add_child(m, c_attn, conv1d_new(o->n_embd, 3 * o->n_embd));
    fac_add_child(m, c_proj, conv1d_new(o->n_embd, o->n_embd));
    fac_add_child(m, attn_dropout, fac_nn_dropout(.p = o->attn_pdrop));
    fac_add_child(m, resid_dropout, fac_nn_dropout(.p = o->resid_pdrop));
    return fac_module_ready(m);
}

/* ---- the small network of a block ----------------------------------------------------------------------------- */

typedef struct mlp {
    fac_module base;
    fac_module *c_fc, *c_proj, *act, *dropout;
} mlp;

static fac_tensor *mlp_forward(fac_module *self, fac_tensor *x)
{
    mlp *m = (mlp *)self;
    x = fac_forward(m->act, fac_forward(m->c_fc, x));
    return fac_forward(m->dropout, fac_forward(m->c_proj, x));
}

static const fac_module_type mlp_type = {.name = "GPT2MLP", .size = sizeof(mlp), .forward = mlp_forward};

static fac_tensor *act_forward(fac_module *self, fac_tensor *x)
{
    (void)self;
    return fac_gelu_tanh(x);
}

static const fac_module_type act_type = {
    .name = "NewGELUActivation", .size = sizeof(fac_module), .forward = act_forward};

static fac_module *mlp_new(const fac_gpt2_options *o)
{
    mlp *m = fac_module_new(&mlp_type);
    if (!m) return NULL;
    fac_add_child(m, c_fc, conv1d_new(o->n_embd, 4 * o->n_embd));
    fac_add_child(m, c_proj, conv1d_new(4 * o->n_embd, o->n_embd));
    fac_add_child(m, act, fac_module_new(&act_type));
    fac_add_child(m, dropout, fac_nn_dropout(.p = o->resid_pdrop));
    return fac_module_ready(m);
}

/* ---- a block: both, each added to what comes in --------------------------------------------------------------- */

typedef struct block {
    fac_module base;
    fac_module *ln_1, *attn, *ln_2, *mlp;
} block;

static fac_tensor *block_forward(fac_module *self, fac_tensor *x)
{
    block *b = (block *)self;
    x = fac_add(x, fac_forward(b->attn, fac_forward(b->ln_1, x)));
    return fac_add(x, fac_forward(b->mlp, fac_forward(b->ln_2, x)));
}

static fac_module *block_new(const fac_gpt2_options *o)
{
    static const fac_module_type type = {.name = "GPT2Block", .size = sizeof(block), .forward = block_forward};
    block *b = fac_module_new(&type);
    if (!b) return NULL;
    fac_add_child(b, ln_1, fac_nn_layer_norm(o->n_embd));
    fac_add_child(b, attn, attention_new(o));
    fac_add_child(b, ln_2, fac_nn_layer_norm(o->n_embd));
    fac_add_child(b, mlp, mlp_new(o));
    return fac_module_ready(b);
}

/* ---- words to what is known of each place -------------------------------------------------------------------- */

typedef struct transformer {
    fac_module base;
    int64_t positions;
    fac_module *wte, *wpe, *drop, *h, *ln_f;
} transformer;

static fac_tensor *transformer_forward(fac_module *self, fac_tensor *words)
{
    transformer *m = (transformer *)self;
    int64_t length = words->ndim ? words->shape[words->ndim - 1] : 0;
    if (words->ndim != 2)
        return fac__runtime_error("expected indices of words [B, T], not a tensor of %d dimensions", words->ndim);
    if (length > m->positions)
        return fac__value_error("a sequence of %lld words does not fit the model's %lld positions", (long long)length,
                                (long long)m->positions);
    fac_tensor *places = fac_arange(0, length, 1);
    fac_tensor *x = fac_add(fac_forward(m->wte, words), fac_forward(m->wpe, places));
    x = fac_forward(m->drop, x);
    for (int i = 0; i < m->h->count; i++)
        x = fac_forward(m->h->members[i].child, x);
    return fac_forward(m->ln_f, x);
}

static fac_module *transformer_new(const fac_gpt2_options *o)
{
    static const fac_module_type type = {
        .name = "GPT2Model", .size = sizeof(transformer), .forward = transformer_forward};
    transformer *m = fac_module_new(&type);
    if (!m) return NULL;
    m->positions = o->n_positions;
    fac_add_child(m, wte, fac_nn_embedding(o->vocab_size, o->n_embd));
    fac_add_child(m, wpe, fac_nn_embedding(o->n_positions, o->n_embd));
    fac_add_child(m, drop, fac_nn_dropout(.p = o->embd_pdrop));
    fac_add_child(m, h, fac_nn_module_list());
    for (int64_t i = 0; i < o->n_layer && m->h && !m->h->failed; i++)
        fac_append(m->h, block_new(o));
    m->base.failed |= m->h && m->h->failed;
    fac_add_child(m, ln_f, fac_nn_layer_norm(o->n_embd));
    return fac_module_ready(m);
}

/* Draws the weights again, as transformers does once a model is built: all alike, those before an addition smaller the more
 * layers there are. */
static void draw(fac_module *m, void *layers)
{
    if (m->type == &attention_type || m->type == &mlp_type)
        fac_init_normal_(fac_get_parameter(m, "c_proj.weight"), 0, deviation / sqrt(2.0 * (double)*(int64_t *)layers));
    else if (m->type == &conv1d_type || !strcmp(m->type->name, "Embedding"))
        fac_init_normal_(fac_get_parameter(m, "weight"), 0, deviation);
}

/* ---- the model ------------------------------------------------------------------------------------------------ */

typedef struct gpt2 {
    fac_module base;
    fac_module *transformer, *lm_head;
} gpt2;

static fac_tensor *forward(fac_module *self, fac_tensor *words)
{
    gpt2 *net = (gpt2 *)self;
    return fac_forward(net->lm_head, fac_forward(net->transformer, words));
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

/* The names of GPT2LMHeadModel. States of GPT2Model have none before "h.0…" and no lm_head; old ones hold attention's masks. */
static fac_state *adapt_state(const fac_module *self, const fac_state *given)
{
    static const char prefix[] = "transformer.";
    fac_state *state = fac_state_new();
    bool good = state != NULL;
    for (int64_t i = 0; i < fac_state_count(given) && good; i++) {
        const char *name = fac_state_name_at(given, i);
        char full[256];
        if (ends_with(name, ".attn.bias") || ends_with(name, ".attn.masked_bias")) continue;
        bool bare = strncmp(name, prefix, strlen(prefix)) != 0 && strcmp(name, "lm_head.weight") != 0;
        snprintf(full, sizeof full, "%s%s", bare ? prefix : "", name);
        good = fac_state_set(state, full, fac_state_tensor_at(given, i));
    }
    fac_tensor *first = good ? fac_state_get(state, "transformer.wte.weight") : NULL;
    if (first && !fac_state_get(state, "lm_head.weight")) good = fac_state_set(state, "lm_head.weight", first);
    if (good) return state;
    fac_state_free(state);
    return NULL;
}

fac_module *fac_gpt2_with(fac_gpt2_options o)
{
    FAC__OP("GPT2LMHeadModel");
    static const fac_module_type type = {
        .name = "GPT2LMHeadModel", .size = sizeof(gpt2), .forward = forward, .adapt_state = adapt_state};
    if (o.vocab_size < 1 || o.n_positions < 1 || o.n_embd < 1 || o.n_layer < 0 || o.n_head < 1)
        return fac__value_error("vocab_size, n_positions, n_embd and n_head must be above 0, and n_layer not below");
    if (o.n_embd % o.n_head)
        return fac__value_error("n_embd must be divisible by n_head (got %lld and %lld)", (long long)o.n_embd,
                                (long long)o.n_head);
    gpt2 *net = fac_module_new(&type);
    if (!net) return NULL;
    fac_add_child(net, transformer, transformer_new(&o));
    if (net->transformer) fac_module_apply(net->transformer, draw, &o.n_layer);
    fac_add_child(net, lm_head, fac_nn_linear(o.n_embd, o.vocab_size, .bias = false));
    if (net->base.failed) return fac_module_ready(net);
    fac_init_normal_(fac_get_parameter(net->lm_head, "weight"), 0, deviation);
    net->base.failed =
        !fac__add_parameter(net->lm_head, "weight", fac_get_parameter(net->transformer, "wte.weight"), NULL);
    return fac_module_ready(net);
}
