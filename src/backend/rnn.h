/* Floor 1. One step of a recurrent layer, but for its products: what the gates do, forward and backward, in one pass. float32
 * and float64; everything is contiguous. A row of gates is [input, forget, cell, output] (LSTM), [reset, update, new]
 * (GRU), or one gate, each `hidden` wide. */
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
    int64_t batch, hidden;
    const void *h, *c; /* the state before the step [batch, hidden]: h of the GRU, c of the LSTM */
    void *gates;       /* [batch, gates * hidden]; forward finds x W_ih^T there, and leaves the gates' values */
    void *kept;        /* [batch, hidden]: tanh of the new c (LSTM), what comes of h in the new gate (GRU) */
    /* forward */
    const void *hh;          /* h W_hh^T, as wide as the gates */
    const void *b_ih, *b_hh; /* [gates * hidden] */
    void *h_next, *c_next;   /* the state after the step; c_next may be c */
    /* backward */
    const void *dy; /* gradient of h_next, where it is an output; may be NULL */
    void *dh,
        *dc; /* of the state after the step, from the steps after; dc becomes that of c. dh becomes that of h, but for
                       * what goes by W_hh (GRU), and is of no use afterwards (LSTM, RNN), where all does */
    void *dgates;    /* of x W_ih^T */
    void *dgates_hh; /* of h W_hh^T, where that is another (GRU) */
} fac__rnn_args;

extern const fac__kernel fac__k_rnn_step, fac__k_rnn_step_backward;

#endif
