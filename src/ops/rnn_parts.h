/* Floor 4. One layer of a recurrent network in one direction: what rnn.c builds from. */
#ifndef FACULA_RNN_PARTS_H
#define FACULA_RNN_PARTS_H

#include "backend/rnn.h"
#include "op.h"

typedef struct fac__rnn_layer {
    fac__rnn_kind kind;
    bool reverse; /* from the last step to the first */
} fac__rnn_layer;

/* What goes in: x [T, N, I], states [N, H], weights and biases. C0 of the LSTM only; biases and W_HR may be NULL. */
enum { INPUT, H0, C0, W_IH, W_HH, B_IH, B_HH, RNN_INPUTS, W_HR = RNN_INPUTS, RNN_ALL };

/* The states h after each step [T, N, H]; *c gets the LSTM's last c [N, H]. */
fac_tensor *fac__rnn_run(fac__rnn_layer p, fac_tensor *const *in, fac_tensor **c);

#endif
