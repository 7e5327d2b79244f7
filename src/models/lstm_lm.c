/* Floor 6. A language model of LSTM layers. After RNNModel of PyTorch's example word_language_model. */
#include "core/raise.h"
#include "facula/init.h"
#include "facula/models.h"
#include "facula/nn.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"

typedef struct lstm_lm {
    fac_module base;
    int64_t ntoken;
    fac_module *drop, *encoder, *rnn, *decoder;
} lstm_lm;

static fac_tensor *run(lstm_lm *net, fac_tensor *words, fac_tensor *h0, fac_tensor *c0, fac_tensor **hn,
                       fac_tensor **cn)
{
    fac_tensor *x = fac_forward(net->drop, fac_forward(net->encoder, words));
    x = fac_forward(net->drop, fac_lstm_forward(net->rnn, x, h0, c0, hn, cn));
    x = fac_view(fac_forward(net->decoder, x), FAC_DIMS(-1, net->ntoken));
    return fac_log_softmax(x, 1, FAC_DTYPE_NONE);
}

static fac_tensor *forward(fac_module *self, fac_tensor *words)
{
    return run((lstm_lm *)self, words, NULL, NULL, NULL, NULL);
}

fac_tensor *fac_lstm_lm_forward(void *model, fac_tensor *words, fac_tensor *h0, fac_tensor *c0, fac_tensor **hn,
                                fac_tensor **cn)
{
    FAC__OP("RNNModel");
    fac_module *m = model;
    FAC__NEED(m);
    FAC__NEED(words);
    if (m->type->forward != forward) return fac__type_error("%s is no language model of fac_lstm_lm", m->type->name);
    return run(model, words, h0, c0, hn, cn);
}

fac_module *fac_lstm_lm_with(int64_t ntoken, int64_t ninp, int64_t nhid, int64_t nlayers, fac_lstm_lm_options options)
{
    FAC__OP("RNNModel");
    static const fac_module_type type = {.name = "RNNModel", .size = sizeof(lstm_lm), .forward = forward};
    if (options.tie_weights && nhid != ninp)
        return fac__value_error("When using the tied flag, nhid must be equal to emsize");
    lstm_lm *net = fac_module_new(&type);
    if (!net) return NULL;
    net->ntoken = ntoken;
    fac_add_child(net, drop, fac_nn_dropout(.p = options.dropout));
    fac_add_child(net, encoder, fac_nn_embedding(ntoken, ninp));
    fac_add_child(net, rnn, fac_nn_lstm(ninp, nhid, .num_layers = nlayers, .dropout = options.dropout));
    fac_add_child(net, decoder, fac_nn_linear(nhid, ntoken));
    if (net->base.failed) return fac_module_ready(net);
    fac_tensor *first = fac_get_parameter(net->encoder, "weight");
    if (options.tie_weights) net->base.failed = !fac__add_parameter(net->decoder, "weight", first, NULL);
    fac_init_uniform_(first, -0.1, 0.1);
    fac_init_zeros_(fac_get_parameter(net->decoder, "bias"));
    fac_init_uniform_(fac_get_parameter(net->decoder, "weight"), -0.1, 0.1);
    return fac_module_ready(net);
}
