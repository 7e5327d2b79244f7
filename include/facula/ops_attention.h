/* Floor 4: attention, torch.nn.functional's. Results belong to the innermost scope; NULL after an error. */
#ifndef FACULA_OPS_ATTENTION_H
#define FACULA_OPS_ATTENTION_H

#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_attention_options {
    fac_tensor
        *attn_mask;   /* of a shape that broadcasts to [..., L, S]: bool, true where attention may go, or added; NULL */
    double dropout_p; /* of the attention weights: 0 */
    bool is_causal;   /* query i sees keys 0..i only: false */
    double scale;     /* NAN: 1 / sqrt(E) */
    fac_tensor **weights; /* gets the attention weights [..., L, S]; NULL */
} fac_attention_options;
static inline fac_attention_options fac_attention_options_defaults(void)
{
    fac_attention_options o;
    o.attn_mask = NULL;
    o.dropout_p = 0;
    o.is_causal = false;
    o.scale = __builtin_nan("");
    o.weights = NULL;
    return o;
}
/* softmax(query key^T scale + mask) value, of query [..., L, E], key [..., S, E] and value [..., S, V]: [..., L, V].
 * Without dropout and weights, in float32 and float64, it takes no matrix [L, S]; the result then lies in memory as query
 * does, as PyTorch 2's does: of heads that are parts of longer rows, fac_transpose(y, 1, 2) is contiguous. */
FAC_API fac_tensor *fac_scaled_dot_product_attention_with(fac_tensor *query, fac_tensor *key, fac_tensor *value,
                                                          fac_attention_options options);
#define fac_scaled_dot_product_attention(q, k, v, ...)                                                                 \
    fac_scaled_dot_product_attention_with(q, k, v, FAC_OPTIONS(fac_attention_options, __VA_ARGS__))

FAC_END
#endif
