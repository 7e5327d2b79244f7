/* Floor 1. All steps of a recurrent layer in one direction, but for what is one product for all of them (that of the
 * inputs, and the gradients of weights and inputs): forward and backward. float32 and float64; everything is contiguous.
 * A row of gates is [input, forget, cell, output] (LSTM), [reset, update, new] (GRU), or one gate, each `hidden` wide.
 * Sequences of a batch know nothing of each other, so threads share them out and meet only at the end. */
#ifndef FACULA_RNN_H
#define FACULA_RNN_H

#include "kernel.h"

typedef enum fac__rnn_kind { FAC__LSTM, FAC__GRU, FAC__RNN_TANH, FAC__RNN_RELU } fac__rnn_kind;
static inline int fac__rnn_gates(fac__rnn_kind kind)
{
    return kind == FAC__LSTM ? 4 : kind == FAC__GRU ? 3 : 1;
}

typedef struct fac__rnn_args {
    fac_dtype dtype;
    fac__rnn_kind kind;
    bool reverse; /* the last of time is the first step */
    bool keeps;   /* kept and cells are there for all steps, not just for one */
    int64_t steps, batch, hidden;
    const void *h0, *c0; /* [batch, hidden]; c of the LSTM. Backward looks at the h0 of the GRU only */
    const void *w_hh;    /* [gates * hidden, hidden]; forward with more than one step: the transposed */
    void *gates; /* [steps, batch, gates * hidden]; forward finds x W_ih^T there, and leaves the gates' values */
    void *kept;  /* [steps, batch, hidden]: tanh of the new c (LSTM), what comes of h in the new gate (GRU) */
    void *cells; /* [steps - 1, batch, hidden], in order of the steps: c after all but the last (LSTM) */
    void *y;     /* [steps, batch, hidden]: h after each step */
    /* forward */
    const void *b_ih, *b_hh; /* [gates * hidden] */
    void *hh;                /* working memory [batch, gates * hidden] */
    void *last_c;            /* [batch, hidden]: c after all steps (LSTM) */
    /* backward */
    const void *dy; /* of y; may be NULL */
    void *dh;       /* [batch, hidden]: comes in as 0, becomes that of h0 if that is wanted */
    void *dc;       /* [batch, hidden]: comes in as that of last_c, becomes that of c0 (LSTM) */
    bool wants_h0;
    void *dgates;    /* of x W_ih^T */
    void *dgates_hh; /* of h W_hh^T, where that is another (GRU); else NULL */
} fac__rnn_args;

extern const fac__kernel fac__k_rnn, fac__k_rnn_backward;

#endif
