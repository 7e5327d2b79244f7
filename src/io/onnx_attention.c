/* Floor 7. ONNX's Attention and RotaryEmbedding (of opset 23), read; scaled_dot_product_attention is written by onnx_layers.c. */
#include <math.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_matmul.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;

static fac_tensor *tensor_at(const fac_value *args, int i)
{
    return args[i].kind == FAC_VALUE_TENSOR ? args[i].v.tensor : NULL;
}

/* [B, S, H D] as [B, H, S, D]; what has four dimensions already stays. */
static fac_tensor *by_heads(fac_tensor *x, int64_t heads)
{
    if (fac_dim(x) == 4) return x;
    if (fac_dim(x) != 3 || heads < 1 || fac_size(x, 2) % heads)
        return fac__value_error("%lld heads do not fit an input of %d dimensions", (long long)heads, fac_dim(x));
    x = fac_reshape(x, FAC_SHAPE(fac_size(x, 0), fac_size(x, 1), heads, fac_size(x, 2) / heads));
    return x ? fac_transpose(x, 1, 2) : NULL;
}

/* ---- Attention -------------------------------------------------------------------------------------------------------- */

/* q, k, v, mask, past k, past v, how many keys count, then numbers. */
enum { Q, K, V, MASK, PAST_K, PAST_V, VALID, Q_HEADS, K_HEADS, CAUSAL, SCALE, SOFTCAP, MODE, COUNT };

/* What is added to the scores [B, H, L, S]: the mask, bool ones as 0 and -infinity, keys that do not count, and those behind. */
static fac_tensor *masked(const fac_value *args, fac_tensor *scores, int64_t past)
{
    fac_tensor *mask = tensor_at(args, MASK), *valid = tensor_at(args, VALID);
    fac_dtype dtype = fac_dtype_of(scores);
    int64_t length = fac_size(scores, 2), keys = fac_size(scores, 3);
    fac_tensor *zero = fac_scalar_tensor(0.0, .dtype = dtype), *never = fac_scalar_tensor(-INFINITY, .dtype = dtype);
    if (!zero || !never) return NULL;
    if (mask) {
        if (fac_dtype_of(mask) == FAC_BOOL) mask = fac_where(mask, zero, never);
        int64_t missing = keys - fac_size(mask, -1); /* a shorter mask: the keys behind do not count */
        if (missing > 0 && fac_size(mask, -1) != 1) mask = fac_pad(mask, FAC_DIMS(0, missing), "constant", -INFINITY);
        if (!(scores = fac_add(scores, mask))) return NULL;
    }
    fac_tensor *places = fac_arange(0, keys, 1);
    if (valid) {
        fac_tensor *counts = fac_reshape(fac_to(valid, FAC_INT64), FAC_DIMS(-1, 1, 1, 1));
        if (!(scores = fac_where(fac_lt(places, counts), scores, never))) return NULL;
    }
    if (!fac_scalar_to_int(args[CAUSAL].v.scalar)) return scores;
    fac_tensor *rows = fac_reshape(fac_arange(past, past + length, 1), FAC_DIMS(-1, 1));
    if (valid) /* the queries are the last of what counts */
        rows = fac_add(rows, fac_sub_scalar(fac_reshape(fac_to(valid, FAC_INT64), FAC_DIMS(-1, 1, 1, 1)), length));
    return rows ? fac_where(fac_le(places, rows), scores, never) : NULL;
}

/* Rows in which nothing counts are zeros. */
static fac_tensor *weights_of(fac_tensor *scores)
{
    fac_tensor *none = fac_eq_scalar(fac_amax(scores, .dim = -1, .keepdim = true), -INFINITY);
    fac_tensor *weights = fac_softmax(scores, -1, FAC_DTYPE_NONE);
    return none && weights ? fac_masked_fill(weights, none, 0) : NULL;
}

static int attention(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *q = by_heads(args[Q].v.tensor, fac_scalar_to_int(args[Q_HEADS].v.scalar));
    fac_tensor *k = by_heads(args[K].v.tensor, fac_scalar_to_int(args[K_HEADS].v.scalar));
    fac_tensor *v = by_heads(args[V].v.tensor, fac_scalar_to_int(args[K_HEADS].v.scalar));
    fac_tensor *past_k = tensor_at(args, PAST_K), *past_v = tensor_at(args, PAST_V);
    int64_t past = past_k ? fac_size(past_k, 2) : 0, mode = fac_scalar_to_int(args[MODE].v.scalar);
    double cap = fac_scalar_to_double(args[SOFTCAP].v.scalar);
    if (past_k) k = fac_cat(FAC_TENSORS(past_k, k), 2);
    if (past_v) v = fac_cat(FAC_TENSORS(past_v, v), 2);
    if (!q || !k || !v) return -1;
    results[1] = fac_value_tensor(k);
    results[2] = fac_value_tensor(v);
    int64_t groups = fac_size(k, 1) ? fac_size(q, 1) / fac_size(k, 1) : 0;
    if (groups < 1 || groups * fac_size(k, 1) != fac_size(q, 1))
        return fac__value_error("%lld heads of queries share %lld of keys", (long long)fac_size(q, 1),
                                (long long)fac_size(k, 1)),
               -1;
    if (groups > 1) {
        k = fac_repeat_interleave(k, groups, 1);
        v = fac_repeat_interleave(v, groups, 1);
    }
    double scale = args[SCALE].kind == FAC_VALUE_SCALAR ? fac_scalar_to_double(args[SCALE].v.scalar)
                                                        : 1 / sqrt((double)fac_size(q, 3));
    fac_tensor *stages[4] = {NULL}; /* the scores, capped, with the mask, as weights */
    stages[0] = k ? fac_mul_scalar(fac_matmul(q, fac_transpose(k, 2, 3)), scale) : NULL;
    stages[1] = stages[0] && cap != 0 ? fac_mul_scalar(fac_tanh(fac_div_scalar(stages[0], cap)), cap) : stages[0];
    stages[2] = stages[1] ? masked(args, stages[1], past) : NULL;
    stages[3] = stages[2] ? weights_of(stages[2]) : NULL;
    fac_tensor *y = stages[3] ? fac_matmul(stages[3], v) : NULL;
    if (y && fac_dim(args[Q].v.tensor) == 3) {
        y = fac_transpose(y, 1, 2);
        y = fac_reshape(y, FAC_SHAPE(fac_size(y, 0), fac_size(y, 1), fac_size(y, 2) * fac_size(y, 3)));
    }
    results[0] = fac_value_tensor(y);
    results[3] = fac_value_tensor(stages[mode]);
    return y && results[3].v.tensor ? 4 : -1;
}

static bool load_attention(loader *l, const row *r)
{
    fac__term args[COUNT];
    bool scaled = fac__onnx_attribute_of(l->node, "scale");
    int64_t heads = fac__onnx_int(l, "q_num_heads", 0);
    if (!fac__onnx_given(l, 2)) return fac__onnx_error(l, "it has no value");
    if (fac__onnx_attribute_of(l->node, "softmax_precision") && fac__onnx_int(l, "softmax_precision", 1) != 1)
        return fac__onnx_error(l, "a softmax_precision other than float cannot be read");
    int64_t mode = fac__onnx_int(l, "qk_matmul_output_mode", 0);
    if (mode < 0 || mode > 3) return fac__onnx_error(l, "qk_matmul_output_mode=%lld is not known", (long long)mode);
    for (int i = 0; i <= VALID; i++)
        args[i] = fac__onnx_arg(l, i);
    args[Q_HEADS] = fac__term_int(heads);
    args[K_HEADS] = fac__term_int(fac__onnx_int(l, "kv_num_heads", heads));
    args[CAUSAL] = fac__term_bool(fac__onnx_int(l, "is_causal", 0));
    args[SCALE] = scaled ? fac__term_float(fac__onnx_float(l, "scale", 1)) : fac__term_none();
    args[SOFTCAP] = fac__term_float(fac__onnx_float(l, "softcap", 0));
    args[MODE] = fac__term_int(mode);
    int value = fac__onnx_function_many(l, r->onnx, attention, 4, args, COUNT);
    for (int i = 0; i < 4; i++)
        if (!fac__onnx_result(l, i, value < 0 ? -1 : value + i)) return false;
    return true;
}

/* ---- RotaryEmbedding ---------------------------------------------------------------------------------------------------- */

/* x, cosines, sines, positions, heads, size that turns, interleaved: pairs of elements turned by an angle that grows with the place. */
static int rotary(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *angle[2], *at = tensor_at(args, 3);
    int64_t heads = fac_scalar_to_int(args[4].v.scalar), size = fac_scalar_to_int(args[5].v.scalar);
    bool interleaved = fac_scalar_to_int(args[6].v.scalar), flat = fac_dim(x) == 3;
    x = by_heads(x, heads);
    if (!x) return -1;
    if (!size) size = fac_size(x, 3);
    if (size % 2 || size < 2 || size > fac_size(x, 3))
        return fac__value_error("%lld elements turn", (long long)size), -1;
    for (int i = 0; i < 2; i++) { /* [B, 1, S, size / 2] */
        angle[i] = args[1 + i].v.tensor;
        if (at) {
            fac_dims shape = FAC_DIMS(fac_size(at, 0), fac_size(at, 1), fac_size(angle[i], -1));
            angle[i] = fac_index_select(angle[i], 0, fac_reshape(fac_to(at, FAC_INT64), FAC_DIMS(-1)));
            angle[i] = angle[i] ? fac_reshape(angle[i], shape) : NULL;
        }
        angle[i] = angle[i] ? fac_unsqueeze(fac_narrow(angle[i], -1, 0, size / 2), 1) : NULL;
        if (!angle[i]) return -1;
    }
    fac_tensor *turning = fac_narrow(x, 3, 0, size), *rest = fac_narrow(x, 3, size, fac_size(x, 3) - size);
    fac_tensor *a = interleaved ? fac_slice(turning, 3, 0, size, 2) : fac_narrow(turning, 3, 0, size / 2);
    fac_tensor *b = interleaved ? fac_slice(turning, 3, 1, size, 2) : fac_narrow(turning, 3, size / 2, size / 2);
    fac_tensor *real = fac_sub(fac_mul(angle[0], a), fac_mul(angle[1], b));
    fac_tensor *imaginary = fac_add(fac_mul(angle[1], a), fac_mul(angle[0], b));
    if (!real || !imaginary || !rest) return -1;
    fac_tensor *y = interleaved ? fac_reshape(fac_stack(FAC_TENSORS(real, imaginary), -1), fac_shape(turning))
                                : fac_cat(FAC_TENSORS(real, imaginary), -1);
    y = y ? fac_cat(FAC_TENSORS(y, rest), -1) : NULL;
    if (y && flat) y = fac_reshape(fac_transpose(y, 1, 2), fac_shape(args[0].v.tensor));
    return fac__onnx_one_result(y, results);
}

static bool load_rotary(loader *l, const row *r)
{
    if (!fac__onnx_given(l, 2)) return fac__onnx_error(l, "it has no sines");
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, rotary, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__onnx_arg(l, 2), fac__onnx_arg(l, 3),
                                               fac__term_int(fac__onnx_int(l, "num_heads", 0)),
                                               fac__term_int(fac__onnx_int(l, "rotary_embedding_dim", 0)),
                                               fac__term_bool(fac__onnx_int(l, "interleaved", 0))));
}

const fac__onnx_operator fac__onnx_attention[] = {
    {"Attention", "", load_attention, NULL},
    {"RotaryEmbedding", "", load_rotary, NULL},
    {NULL, NULL, NULL, NULL},
};
