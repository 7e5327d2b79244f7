/* Floor 1. Attention, y = softmax(q k^T scale + mask) v, without a matrix of all queries by all keys: a block of queries
 * passes over the keys in blocks and keeps the largest score and the sum of exponentials so far (T. Dao and others,
 * "FlashAttention: fast and memory-efficient exact attention with IO-awareness", 2022). Backward computes the weights
 * again from the logarithms of the sums. float32 and float64. */
#ifndef FACULA_ATTENTION_H
#define FACULA_ATTENTION_H

#include "kernel.h"

/* Rows of numbers side by side, one matrix for each of outer * inner. Strides in elements. */
typedef struct fac__attention_rows {
    void *data; /* gradients: NULL where it is not wanted */
    int64_t outer, inner, row;
} fac__attention_rows;

typedef struct fac__attention_args {
    fac_dtype dtype;
    bool causal;                  /* query i sees keys 0..i only */
    int64_t outer, inner;         /* so many matrices */
    int64_t queries, keys, width; /* none is 0 */
    int64_t value_width;
    double scale;
    fac__attention_rows q, k, v, y; /* q and k are width wide, v and y value_width */
    void *log_sum;                  /* [outer, inner, queries]: log of the sum of exp(score). Forward fills it */
    const void *mask;               /* NULL, or of bool (true: is seen) or of dtype (is added), broadcast */
    bool mask_is_bool;
    int64_t mask_outer, mask_inner, mask_row, mask_col;
    fac__attention_rows dy, dq, dk, dv; /* backward */
} fac__attention_args;

extern const fac__kernel fac__k_attention, fac__k_attention_backward;

#endif
