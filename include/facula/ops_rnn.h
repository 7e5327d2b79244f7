/* Floor 4: recurrent layers. The operations of torch.lstm, torch.gru and their kin, with PyTorch's formulas and order of
 * parameters; facula/nn.h has the modules.
 *
 *     fac_tensor *hn, *cn;
 *     y = fac_lstm(x, h0, c0, FAC_TENSORS(w_ih, w_hh, b_ih, b_hh), .hn = &hn, .cn = &cn);
 *
 * Sizes: T steps, N sequences, I inputs, H hidden; L layers, D directions (2 if bidirectional), G gates (LSTM 4, GRU 3,
 * else 1). Floating dtypes, the same for all. Results are new tensors of the innermost scope; NULL after an error.
 * All are differentiable twice. */
#ifndef FACULA_OPS_RNN_H
#define FACULA_OPS_RNN_H

#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_rnn_options {
    bool has_biases;       /* true */
    int64_t num_layers;    /* 1 */
    double dropout;        /* 0: of the outputs of all layers but the last */
    bool train;            /* false: no dropout */
    bool bidirectional;    /* false */
    bool batch_first;      /* false; input and output are [N, T, …] then */
    fac_tensor **hn, **cn; /* get the last states of all layers and directions [L D, N, H]; may be NULL */
} fac_rnn_options;
static inline fac_rnn_options fac_rnn_options_defaults(void)
{
    fac_rnn_options o;
    o.has_biases = true;
    o.num_layers = 1;
    o.dropout = 0;
    o.train = o.bidirectional = o.batch_first = false;
    o.hn = o.cn = NULL;
    return o;
}

/* input [T, N, I] and the states before the first step, h0, c0 [L D, N, H] -> the outputs of the last layer at each step
 * [T, N, D H]. params are for each layer, and there for each direction, weight_ih [G H, I] (after the first layer [G H, D H]),
 * weight_hh [G H, H], and, with has_biases, bias_ih and bias_hh [G H]. h0 and c0 may be NULL: zeros.
 * Of the LSTM they may be followed by weight_hr [P, H], with which each h is multiplied: P stands in H's place for h0, hn and
 * the outputs then. */
FAC_API fac_tensor *fac_lstm_with(fac_tensor *input, fac_tensor *h0, fac_tensor *c0, fac_tensor_list params,
                                  fac_rnn_options options);
FAC_API fac_tensor *fac_gru_with(fac_tensor *input, fac_tensor *h0, fac_tensor_list params, fac_rnn_options options);
FAC_API fac_tensor *fac_rnn_tanh_with(fac_tensor *input, fac_tensor *h0, fac_tensor_list params,
                                      fac_rnn_options options);
FAC_API fac_tensor *fac_rnn_relu_with(fac_tensor *input, fac_tensor *h0, fac_tensor_list params,
                                      fac_rnn_options options);
#define fac_lstm(input, h0, c0, params, ...)                                                                           \
    fac_lstm_with(input, h0, c0, params, FAC_OPTIONS(fac_rnn_options, __VA_ARGS__))
#define fac_gru(input, h0, params, ...) fac_gru_with(input, h0, params, FAC_OPTIONS(fac_rnn_options, __VA_ARGS__))
#define fac_rnn_tanh(input, h0, params, ...)                                                                           \
    fac_rnn_tanh_with(input, h0, params, FAC_OPTIONS(fac_rnn_options, __VA_ARGS__))
#define fac_rnn_relu(input, h0, params, ...)                                                                           \
    fac_rnn_relu_with(input, h0, params, FAC_OPTIONS(fac_rnn_options, __VA_ARGS__))

/* One step: input [N, I], states [N, H] (NULL: zeros) -> the new h [N, H]. Biases may be NULL. cy gets the new c. */
FAC_API fac_tensor *fac_lstm_cell(fac_tensor *input, fac_tensor *h, fac_tensor *c, fac_tensor *w_ih, fac_tensor *w_hh,
                                  fac_tensor *b_ih, fac_tensor *b_hh, fac_tensor **cy);
FAC_API fac_tensor *fac_gru_cell(fac_tensor *input, fac_tensor *h, fac_tensor *w_ih, fac_tensor *w_hh, fac_tensor *b_ih,
                                 fac_tensor *b_hh);
FAC_API fac_tensor *fac_rnn_tanh_cell(fac_tensor *input, fac_tensor *h, fac_tensor *w_ih, fac_tensor *w_hh,
                                      fac_tensor *b_ih, fac_tensor *b_hh);
FAC_API fac_tensor *fac_rnn_relu_cell(fac_tensor *input, fac_tensor *h, fac_tensor *w_ih, fac_tensor *w_hh,
                                      fac_tensor *b_ih, fac_tensor *b_hh);

FAC_END
#endif
