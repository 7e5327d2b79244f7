/* Floor 1. What rnn_cpu.c is made of, in each instruction set: what the gates do in one step, in one pass, for rows
 * begin..end of the batch. */
#ifndef FACULA_RNN_ROWS_H
#define FACULA_RNN_ROWS_H

#include "backend/cpu/isa/isa.h"
#include "backend/rnn.h"

/* One step, but for its products. */
typedef struct fac__rnn_step {
    int64_t hidden;
    const void *h, *c; /* the state before the step [batch, hidden]: h of the GRU, c of the LSTM */
    void *gates, *kept;
    /* forward */
    const void *hh; /* h W_hh^T, as wide as the gates */
    const void *b_ih, *b_hh;
    void *h_next, *c_next; /* the state after the step; c_next may be c */
    /* backward */
    const void *dy; /* may be NULL */
    void *dh, *dc; /* of the state after the step, from the steps after; dc becomes that of c. dh becomes that of h, but
                     * for what goes by W_hh (GRU), and is of no use afterwards (LSTM, RNN), where all does */
    void *dgates, *dgates_hh;
} fac__rnn_step;
typedef void (*fac__rnn_rows)(const fac__rnn_step *a, int64_t begin, int64_t end);
enum { FAC__RNN_KINDS = FAC__RNN_RELU + 1 };

/* by kind, then forward and backward */
FAC__ISA_DECLARE(extern const fac__rnn_rows, fac__rnn_rows_float, [FAC__RNN_KINDS][2]);
FAC__ISA_DECLARE(extern const fac__rnn_rows, fac__rnn_rows_double, [FAC__RNN_KINDS][2]);

#endif
