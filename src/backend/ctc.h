/* Floor 1. Connectionist temporal classification: sums over all ways to spell a target, with blanks between. */
#ifndef FACULA_CTC_H
#define FACULA_CTC_H

#include "kernel.h"

/* log_probs [t, n, c] and losses [n] of dtype, float32 or float64. Sample i spells the target_length[i] classes from
 * targets[begin[i]] on, in its first input_length[i] steps, 0 to t. The op has checked that all are classes. */
typedef struct fac__ctc_args {
    fac_dtype dtype;
    int64_t t, n, c, blank, states; /* states: twice the longest target, plus one */
    const int64_t *targets, *begin, *target_length, *input_length;
    const void *log_probs;
    void *alpha; /* [n, t, states]: written by forward, read by backward */
    void *loss;  /* the same */
    const void *dy;
    void *beta; /* working memory of backward [n, 2, states] */
    void *dx;
    bool zero_infinity; /* infinite losses have no gradient */
} fac__ctc_args;
extern const fac__kernel fac__k_ctc;
extern const fac__kernel fac__k_ctc_backward; /* writes all of dx */

#endif
