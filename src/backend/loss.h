/* Floor 1. Losses of class indices. A target out of range that is not ignore_index touches no memory and makes the
 * loss NaN; the op checks it before. */
#ifndef FACULA_LOSS_H
#define FACULA_LOSS_H

#include "kernel.h"

typedef enum fac__loss_reduction { FAC__LOSS_NONE, FAC__LOSS_MEAN, FAC__LOSS_SUM } fac__loss_reduction;

/* y = -w[t] * x[n, t, i], for x [n, classes, inner] contiguous; NONE: y [n, inner]; else y [1] and total [1], the sum of
 * the weights, both in x's dtype. Any floating dtype.
 * Backward: dx = -w[t] * g at the targets and 0 elsewhere, g [n, inner] or [1], divided by total for MEAN. */
typedef struct fac__nll_args {
    fac_dtype dtype;
    fac__loss_reduction reduction;
    int64_t n, classes, inner, ignore_index;
    const void *x, *weight; /* weight may be NULL */
    const int64_t *target;
    void *y, *total; /* backward reads total */
    const void *g;
    void *dx;
} fac__nll_args;
extern const fac__kernel fac__k_nll, fac__k_nll_backward;

/* The same of log_softmax(x), in one pass; float32 and float64, inner = 1, classes >= 1. rows: working memory, [3 n] of x's
 * dtype; its first two thirds, max(x) and log(sum(exp(x - max))) of each row, are what backward reads. dx = (softmax(x) - onehot) * w[t] * g. */
typedef struct fac__cross_entropy_args {
    fac__nll_args nll;
    void *rows;
} fac__cross_entropy_args;
extern const fac__kernel fac__k_cross_entropy, fac__k_cross_entropy_backward;

#endif
