/* Floor 4. Attention (facula/ops_attention.h): one kernel forward, one backward. Where the gradient is to be differentiated
 * again, and for what the kernels do not do (dropout, the weights themselves, halves, a mask that wants its gradient,
 * shapes that broadcast), there is the same thing made of plain operations. */
#include "facula/ops_attention.h"

#include <math.h>

#include "backend/attention.h"
#include "facula/autograd.h"
#include "facula/ops_create.h"
#include "facula/ops_embed.h"
#include "facula/ops_index.h"
#include "facula/ops_matmul.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "plain.h"
#include "tracing.h"

/* ---- made of plain operations ------------------------------------------------------------------------------- */

static bool check(const fac_tensor *q, const fac_tensor *k, const fac_tensor *v, const fac_attention_options *o)
{
    if (q->ndim < 2 || k->ndim < 2 || v->ndim < 2)
        return fac__runtime_error("scaled_dot_product_attention: Expected query, key, and value to all be at least 2 "
                                  "dimensional, but got Query dim: %d, Key dim: %d and Value dim: %d",
                                  q->ndim, k->ndim, v->ndim),
               false;
    fac_dtype dtype = (fac_dtype)q->dtype;
    if (k->dtype != dtype || v->dtype != dtype || !fac_dtype_is_floating(dtype)) {
        fac_dtype other = k->dtype != dtype ? (fac_dtype)k->dtype : (fac_dtype)v->dtype;
        return fac__runtime_error("expected scalar type %s but found %s",
                                  fac_dtype_is_floating(dtype) ? fac__dtype_word(dtype) : "Float",
                                  fac__dtype_word(other)),
               false;
    }
    if (o->attn_mask && o->is_causal)
        return fac__runtime_error(
                   "scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"),
               false;
    return true;
}

/* What mask lets through: bool keeps, numbers are added. */
static fac_tensor *masked(fac_tensor *scores, fac_tensor *mask)
{
    fac_tensor *y = mask->dtype == FAC_BOOL ? fac_masked_fill(scores, fac_logical_not(mask), -INFINITY)
                                            : fac_add(scores, fac_to(mask, (fac_dtype)scores->dtype));
    if (!y || fac__same_shape(y, scores)) return y;
    return fac__runtime_error("output with shape %s doesn't match the broadcast shape %s",
                              fac__shape_text(scores->ndim, scores->shape), fac__shape_text(y->ndim, y->shape));
}

static double scale_of(const fac_tensor *query, const fac_attention_options *o)
{
    return isnan(o->scale) ? 1 / sqrt((double)query->shape[query->ndim - 1]) : o->scale;
}

static fac_tensor *composed(fac_tensor *query, fac_tensor *key, fac_tensor *value, const fac_attention_options *o)
{
    fac_tensor *a = fac_matmul(fac_mul_scalar(query, scale_of(query, o)), fac_transpose(key, -2, -1));
    fac_tensor *mask = o->attn_mask;
    if (o->is_causal)
        mask = fac_tril(fac_ones(FAC_DIMS(query->shape[query->ndim - 2], key->shape[key->ndim - 2]), .dtype = FAC_BOOL),
                        0);
    if (mask && a) a = masked(a, mask);
    a = a ? fac_softmax(a, -1, FAC_DTYPE_NONE) : NULL;
    if (o->dropout_p != 0) a = fac_dropout(a, .p = o->dropout_p);
    if (o->weights) *o->weights = a;
    return fac_matmul(a, value);
}

/* ---- the kernels' arguments --------------------------------------------------------------------------------- */

enum { Q, K, V, INPUTS, Y = INPUTS, LOG_SUM, MASK, SAVED };

typedef struct params {
    double scale;
    bool causal;
} params;

/* Whether t is [the first batch dims of q, rows, width]. */
static bool shaped(const fac_tensor *t, const fac_tensor *q, int64_t rows, int64_t width)
{
    if (t->ndim != q->ndim || t->shape[t->ndim - 2] != rows || t->shape[t->ndim - 1] != width) return false;
    for (int d = 0; d < t->ndim - 2; d++)
        if (t->shape[d] != q->shape[d]) return false;
    return true;
}

static bool broadcasts(const fac_tensor *mask, const fac_tensor *q, int64_t keys)
{
    int lead = q->ndim - mask->ndim;
    bool fits = lead >= 0;
    for (int d = 0; d < mask->ndim && fits; d++)
        fits = mask->shape[d] == 1 || mask->shape[d] == (lead + d == q->ndim - 1 ? keys : q->shape[lead + d]);
    return fits;
}

/* Whether the kernels do it. */
static bool fits(const fac_tensor *q, const fac_tensor *k, const fac_tensor *v, const fac_attention_options *o)
{
    if (o->weights || o->dropout_p != 0 || (q->dtype != FAC_FLOAT32 && q->dtype != FAC_FLOAT64)) return false;
    if (q->ndim > 4 || k->ndim != q->ndim || v->ndim != q->ndim) return false;
    if (!q->numel || !k->numel || !v->numel) return false;
    int64_t keys = k->shape[k->ndim - 2];
    return shaped(k, q, keys, q->shape[q->ndim - 1]) && shaped(v, q, keys, v->shape[v->ndim - 1]) &&
           (!o->attn_mask || (!fac__tracked(o->attn_mask) && broadcasts(o->attn_mask, q, keys)));
}

static fac__attention_rows rows_of(const fac_tensor *t)
{
    if (!t) return (fac__attention_rows){NULL, 0, 0, 0};
    const int64_t *strides = t->strides + t->ndim;
    return (fac__attention_rows){fac__data(t), t->ndim > 3 ? strides[-4] : 0, t->ndim > 2 ? strides[-3] : 0,
                                 strides[-2]};
}

/* t with its rows' numbers side by side: itself, or a copy. */
static fac_tensor *with_rows(fac_tensor *t)
{
    return !t || t->strides[t->ndim - 1] == 1 || t->shape[t->ndim - 1] == 1 ? t : fac__plain(t, (fac_dtype)t->dtype);
}

/* A new tensor of like's shape but for the width of its rows, and of like's order in memory: where heads were a part of
 * longer rows, the results' are, too, and need no copy to be put together. Retained. */
static fac_tensor *laid_like(const fac_tensor *like, int64_t width)
{
    int n = like->ndim, order[FAC_MAX_DIMS];
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS], step = width;
    for (int d = 0; d < n - 1; d++) { /* the widest step first */
        int at = d;
        for (; at > 0 && like->strides[order[at - 1]] < like->strides[d]; at--)
            order[at] = order[at - 1];
        order[at] = d;
    }
    for (int d = 0; d < n; d++)
        shape[d] = like->shape[d];
    shape[n - 1] = width;
    strides[n - 1] = 1;
    for (int i = n - 2; i >= 0; i--) {
        strides[order[i]] = step;
        step *= shape[order[i]];
    }
    fac_tensor *memory = fac__own(fac__new((fac_dtype)like->dtype, n, shape));
    return memory ? fac__new_view(memory, n, shape, strides, 0) : NULL;
}

/* All but results and gradients. q, k and v have their rows' numbers side by side. */
static fac__attention_args arguments(const params *p, const fac_tensor *q, const fac_tensor *k, const fac_tensor *v,
                                     const fac_tensor *mask)
{
    int n = q->ndim;
    fac__attention_args a = {.dtype = (fac_dtype)q->dtype, .causal = p->causal, .scale = p->scale};
    a.outer = n > 3 ? q->shape[n - 4] : 1;
    a.inner = n > 2 ? q->shape[n - 3] : 1;
    a.queries = q->shape[n - 2];
    a.keys = k->shape[n - 2];
    a.width = q->shape[n - 1];
    a.value_width = v->shape[n - 1];
    a.q = rows_of(q);
    a.k = rows_of(k);
    a.v = rows_of(v);
    if (!mask) return a;
    int64_t scores[4] = {a.outer, a.inner, a.queries, a.keys};
    fac__operand o = fac__operand_broadcast(mask, 4, scores);
    a.mask = o.data;
    a.mask_is_bool = mask->dtype == FAC_BOOL;
    a.mask_outer = o.strides[0];
    a.mask_inner = o.strides[1];
    a.mask_row = o.strides[2];
    a.mask_col = o.strides[3];
    return a;
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

static void plain_gradients(fac__node *n, fac_tensor *g, fac_tensor **gx)
{
    fac_tensor *saved[SAVED] = {NULL}, *made[INPUTS] = {NULL};
    for (int i = 0; i < SAVED; i++)
        if (i != MASK || n->saved[MASK].t)
            if (!(saved[i] = fac__saved(n, i))) return;
    fac_tensor *q = with_rows(saved[Q]), *k = with_rows(saved[K]), *v = with_rows(saved[V]), *dy = with_rows(g);
    if (!q || !k || !v || !dy) return;
    fac__attention_args a = arguments(n->params, q, k, v, saved[MASK]);
    for (int i = 0; i < INPUTS; i++)
        if (fac__wants(n, i) && !(made[i] = fac__own(laid_like(saved[i], saved[i]->shape[saved[i]->ndim - 1])))) return;
    a.y = rows_of(saved[Y]);
    a.log_sum = fac__data(saved[LOG_SUM]);
    a.dy = rows_of(dy);
    a.dq = rows_of(made[Q]);
    a.dk = rows_of(made[K]);
    a.dv = rows_of(made[V]);
    FAC__LAUNCH(fac__k_attention_backward, a);
    for (int i = 0; i < INPUTS; i++)
        gx[i] = made[i];
}

static void recorded_gradients(fac__node *n, fac_tensor *g, fac_tensor **gx)
{
    const params *p = n->params;
    fac_tensor *in[INPUTS], *wanted[INPUTS], *grads[INPUTS];
    fac_attention_options o = fac_attention_options_defaults();
    int count = 0, which[INPUTS];
    o.scale = p->scale;
    o.is_causal = p->causal;
    if (n->saved[MASK].t && !(o.attn_mask = fac__saved(n, MASK))) return;
    for (int i = 0; i < INPUTS; i++) {
        fac_tensor *t = fac__saved(n, i);
        if (!t) return;
        /* A header of its own, so that the gradient stops here even where one input was made of another. */
        in[i] = fac__tracked(t) ? fac_view_as(t, t) : fac_detach(t);
        if (!in[i]) return;
        if (!fac__wants(n, i)) continue;
        if (!fac__tracked(t)) fac_requires_grad_(in[i], true);
        which[count] = i;
        wanted[count++] = in[i];
    }
    fac_tensor *y = composed(in[Q], in[K], in[V], &o);
    if (!y || !fac_autograd_grad(&y, 1, wanted, count, grads, .grad_outputs = &g, .create_graph = true)) return;
    for (int i = 0; i < count; i++)
        gx[which[i]] = grads[i];
}

static void backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    (fac_is_grad_enabled() ? recorded_gradients : plain_gradients)(n, gy[0], gx);
}

/* ---- both --------------------------------------------------------------------------------------------------- */

static fac_tensor *fused(fac_tensor *const *in, const fac_attention_options *o)
{
    params p = {scale_of(in[Q], o), o->is_causal};
    fac_tensor *mask = o->attn_mask, *q = with_rows(in[Q]), *k = with_rows(in[K]), *v = with_rows(in[V]);
    if (mask && mask->dtype != FAC_BOOL && !(mask = fac__cast_plain(mask, (fac_dtype)q->dtype))) return NULL;
    fac_tensor *log_sum = fac__own(fac__new((fac_dtype)in[Q]->dtype, in[Q]->ndim - 1, in[Q]->shape));
    if (!q || !k || !v || !log_sum) return NULL;
    fac_tensor *y = laid_like(q, v->shape[v->ndim - 1]);
    if (!y) return NULL;
    fac__attention_args a = arguments(&p, q, k, v, mask);
    a.y = rows_of(y);
    a.log_sum = fac__data(log_sum);
    FAC__LAUNCH(fac__k_attention, a);
    fac__node *n = fac__record_n("ScaledDotProductAttentionBackward0", backward, 1, SAVED, sizeof p, INPUTS, in);
    if (n && !n->failed) *(params *)n->params = p;
    for (int i = 0; i < INPUTS; i++)
        fac__save(n, i, in[i]);
    fac__save(n, LOG_SUM, log_sum);
    if (mask) fac__save(n, MASK, mask);
    fac__save_output(n, Y, y, 0);
    return fac__result(n, y);
}

fac_tensor *fac_scaled_dot_product_attention_with(fac_tensor *query, fac_tensor *key, fac_tensor *value,
                                                  fac_attention_options options)
{
    FAC__OP("scaled_dot_product_attention");
    FAC__NEED(query);
    FAC__NEED(key);
    FAC__NEED(value);
    FAC__TRACE_IF(!options.weights && options.dropout_p == 0, "scaled_dot_product_attention", FAC__ARG(query),
                  FAC__ARG(key), FAC__ARG(value), FAC__ARG(options.attn_mask), FAC__ARG(options.dropout_p),
                  FAC__ARG(options.is_causal),
                  {"scale", isnan(options.scale) ? fac_value_none() : FAC__VALUE(options.scale)});
    if (options.weights) *options.weights = NULL;
    if (!check(query, key, value, &options)) return NULL;
    if (!fits(query, key, value, &options)) return composed(query, key, value, &options);
    fac_tensor *y = NULL;
    fac_scope
        y = fac_escape(fused((fac_tensor *[]){query, key, value}, &options));
    return y;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(attention, R(fac_scaled_dot_product_attention(T(0), T(1), T(2), .attn_mask = T(3), .dropout_p = F(4),
                                                        .is_causal = B(5), .scale = GIVEN(6) ? F(6) : NAN)))
FAC__CALL(attention_weights,
          R2(weights, fac_scaled_dot_product_attention(T(0), T(1), T(2), .attn_mask = T(3), .dropout_p = F(4),
                                                       .is_causal = B(6), .weights = &weights)))

const fac__op fac__ops_attention[] = {
    {"scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float "
     "dropout_p=0.0, "
     "bool is_causal=False, *, float? scale=None) -> Tensor",
     attention, "Values averaged by how well their keys match each query."},
    {"_scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float "
     "dropout_p=0.0, "
     "bool need_attn_weights=True, bool is_causal=False) -> (Tensor, Tensor)",
     attention_weights, "The same, and the weights."},
    {0},
};
