/* Floor 4. Attention as a composition (facula/ops_attention.h). */
#include "facula/ops_attention.h"

#include <math.h>

#include "facula/ops_create.h"
#include "facula/ops_embed.h"
#include "facula/ops_index.h"
#include "facula/ops_matmul.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "op.h"

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

fac_tensor *fac_scaled_dot_product_attention_with(fac_tensor *query, fac_tensor *key, fac_tensor *value,
                                                  fac_attention_options options)
{
    FAC__OP("scaled_dot_product_attention");
    FAC__NEED(query);
    FAC__NEED(key);
    FAC__NEED(value);
    if (options.weights) *options.weights = NULL;
    if (!check(query, key, value, &options)) return NULL;
    int64_t width = query->shape[query->ndim - 1];
    double scale = isnan(options.scale) ? 1 / sqrt((double)width) : options.scale;
    fac_tensor *a = fac_matmul(fac_mul_scalar(query, scale), fac_transpose(key, -2, -1)), *mask = options.attn_mask;
    if (options.is_causal)
        mask = fac_tril(fac_ones(FAC_DIMS(query->shape[query->ndim - 2], key->shape[key->ndim - 2]), .dtype = FAC_BOOL),
                        0);
    if (mask && a) a = masked(a, mask);
    a = a ? fac_softmax(a, -1, FAC_DTYPE_NONE) : NULL;
    if (options.dropout_p != 0) a = fac_dropout(a, .p = options.dropout_p);
    if (options.weights) *options.weights = a;
    return fac_matmul(a, value);
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
