/* Floor 4. Recurrent layers (facula/ops_rnn.h): stacks of layers in one or both directions, and single steps. What is checked
 * in which order is ATen's (ATen/native/RNN.cpp). */
#include "facula/ops_rnn.h"

#include "facula/ops_create.h"
#include "facula/ops_embed.h"
#include "facula/ops_join.h"
#include "facula/ops_matmul.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "rnn_parts.h"
#include "shaping.h"
#include "tracing.h"

/* ---- stacks ------------------------------------------------------------------------------------------------- */

static bool refuse(const char *text)
{
    return fac__runtime_error("%s", text), false;
}

static int64_t last_size(const fac_tensor *t)
{
    return t->ndim ? t->shape[t->ndim - 1] : 1;
}

/* How many parameters a layer has in a direction. 0 after an error. */
static int64_t count_params(fac__rnn_kind kind, const fac_tensor *h0, const fac_tensor *c0, fac_tensor_list params,
                            const fac_rnn_options *o)
{
    int64_t each = o->has_biases ? 4 : 2, projected = (each + 1) * (o->bidirectional ? 2 : 1);
    bool projects = kind == FAC__LSTM && params.count % projected == 0 && params.count / projected == o->num_layers;
    if (kind == FAC__LSTM && h0 && c0) projects = last_size(h0) != last_size(c0);
    if (params.count % (each + projects)) return refuse("got an incorrect number of RNN parameters");
    for (int64_t i = 0; i < params.count; i++)
        FAC__NEED_OR(params.items[i], 0);
    return each + projects;
}

static bool check_counts(int64_t states, int64_t params, int64_t num_layers, int64_t directions)
{
    if (states % directions || params % directions)
        return refuse("Odd number of params or hiddens given to a bidirectional RNN");
    if (states / directions != num_layers) return refuse("Expected more hidden states in stacked_rnn");
    if (params / directions != num_layers) return refuse("Expected more weights in stacked_rnn");
    return true;
}

/* states, or zeros for all layers and directions, as a list. size: along which dimension of `like` the width is found. */
static fac_tensor_list states_of(fac_tensor *states, const fac_tensor *x, int64_t count, int64_t width)
{
    if (!states)
        states = fac_zeros(FAC_DIMS(count, x->ndim > 1 ? x->shape[1] : 1, width), .dtype = (fac_dtype)x->dtype);
    return states ? fac_unbind(states, 0) : fac__no_list;
}

/* One layer: both directions side by side. The last states go to hn[directions], cn[directions]. */
static fac_tensor *layer(fac__rnn_kind kind, fac_tensor *x, fac_tensor *const *h0, fac_tensor *const *c0,
                         fac_tensor *const *params, int64_t each, const fac_rnn_options *o, fac_tensor **hn,
                         fac_tensor **cn)
{
    fac_tensor *y[2] = {NULL};
    int directions = o->bidirectional ? 2 : 1;
    for (int d = 0; d < directions; d++, params += each) {
        fac_tensor *in[RNN_ALL] = {x, h0[d], c0 ? c0[d] : NULL, params[0], params[1]};
        if (o->has_biases) in[B_IH] = params[2], in[B_HH] = params[3];
        if (each % 2) in[W_HR] = params[each - 1];
        if (!(y[d] = fac__rnn_run((fac__rnn_layer){kind, d == 1}, in, &cn[d]))) return NULL;
        hn[d] = fac_select(y[d], 0, d ? 0 : -1);
    }
    return directions == 1 ? y[0] : fac_cat(FAC_TENSORS(y[0], y[1]), -1);
}

static fac_tensor *network(fac__rnn_kind kind, fac_tensor *input, fac_tensor *h0, fac_tensor *c0,
                           fac_tensor_list params, fac_rnn_options o)
{
    FAC__NEED(input);
    FAC__NEED(params.items);
    int64_t directions = o.bidirectional ? 2 : 1, each = count_params(kind, h0, c0, params, &o);
    if (!each) return NULL;
    fac_tensor *x = o.batch_first ? fac_transpose(input, 0, 1) : input;
    if (!x) return NULL;
    if (!x->ndim || !x->shape[0]) return fac__runtime_error("Expected sequence length to be larger than 0 in RNN");
    int64_t count = params.count /
                    each; /* of the layers that have weights; whether they are num_layers is seen below */
    const fac_tensor *w_hh = params.count > 1 ? params.items[1] : x;
    fac_tensor_list h = states_of(h0, x, count, last_size(w_hh)), c = fac__no_list, hn, cn;
    if (kind == FAC__LSTM) c = states_of(c0, x, count, w_hh->ndim ? w_hh->shape[0] / 4 : 0);
    if (!h.items || (kind == FAC__LSTM && !c.items)) return NULL;
    if (!check_counts(h.count, params.count / each, o.num_layers, directions) ||
        (kind == FAC__LSTM && !check_counts(c.count, params.count / each, o.num_layers, directions)))
        return NULL;
    hn = fac__list_new(count);
    cn = fac__list_new(count);
    if (!hn.items || !cn.items) return NULL;
    for (int64_t l = 0; l < o.num_layers && x; l++) {
        int64_t at = l * directions;
        x = layer(kind, x, h.items + at, c.items ? c.items + at : NULL, params.items + at * each, each, &o,
                  hn.items + at, cn.items + at);
        if (x && o.dropout != 0 && o.train && l < o.num_layers - 1) x = fac_dropout(x, .p = o.dropout);
    }
    if (!x || (o.batch_first && !(x = fac_transpose(x, 0, 1)))) return NULL;
    fac_tensor *h_last = o.hn ? fac_stack(hn, 0) : NULL, *c_last = o.cn && kind == FAC__LSTM ? fac_stack(cn, 0) : NULL;
    if ((o.hn && !h_last) || (o.cn && kind == FAC__LSTM && !c_last)) return NULL;
    if (o.hn) *o.hn = h_last;
    if (o.cn) *o.cn = c_last;
    return x;
}

static void forget(const fac_rnn_options *o)
{
    if (o->hn) *o->hn = NULL;
    if (o->cn) *o->cn = NULL;
}

/* One direction of an LSTM with projections, step by step, as what it is made of: the call by name has none. p: w_ih, w_hh, the
 * biases if there are any, w_hr; h and c are changed. [T, N, P] */
static fac_tensor *projected_direction(fac_tensor *x, fac_tensor *const *p, bool biases, bool backwards, fac_tensor **h,
                                       fac_tensor **c)
{
    int64_t steps = fac_size(x, 0), n = fac_size(p[0], 0) / 4;
    fac_tensor *all = fac_linear(x, p[0], biases ? p[2] : NULL);
    fac_tensor_list states = fac__list_new(steps);
    for (int64_t t = 0; states.items && t < steps; t++) {
        int64_t at = backwards ? steps - 1 - t : t;
        fac_tensor *gates = fac_add(fac_select(all, 0, at), fac_linear(*h, p[1], biases ? p[3] : NULL)), *g[4];
        for (int i = 0; i < 4; i++)
            g[i] = i == 2 ? fac_tanh(fac_narrow(gates, 1, 2 * n, n)) : fac_sigmoid(fac_narrow(gates, 1, i * n, n));
        *c = fac_add(fac_mul(g[1], *c), fac_mul(g[0], g[2]));
        *h = fac_linear(fac_mul(g[3], fac_tanh(*c)), p[biases ? 4 : 2], NULL);
        if (!(states.items[at] = *h)) return NULL;
    }
    return states.items ? fac_stack(states, 0) : NULL;
}

static fac_tensor *projected(fac_tensor *x, fac_tensor *h0, fac_tensor *c0, fac_tensor_list params,
                             const fac_rnn_options *o)
{
    int directions = o->bidirectional ? 2 : 1, each = o->has_biases ? 5 : 3;
    int64_t count = o->num_layers * directions;
    if (params.count != count * each) return fac__runtime_error("got an incorrect number of RNN parameters");
    fac_tensor_list hn = fac__list_new(count), cn = fac__list_new(count);
    if (o->batch_first) x = fac_transpose(x, 0, 1);
    for (int64_t layer = 0; layer < o->num_layers && hn.items && cn.items; layer++) {
        fac_tensor *y[2] = {NULL};
        for (int d = 0; d < directions; d++) {
            int64_t i = layer * directions + d;
            fac_tensor *const *p = params.items + i * each;
            int64_t n = fac_size(x, 1), hidden = fac_size(p[0], 0) / 4, out = fac_size(p[1], 1);
            fac_tensor *h = h0 ? fac_select(h0, 0, i) : fac_zeros(FAC_DIMS(n, out), .dtype = (fac_dtype)x->dtype);
            fac_tensor *c = c0 ? fac_select(c0, 0, i) : fac_zeros(FAC_DIMS(n, hidden), .dtype = (fac_dtype)x->dtype);
            if (!(y[d] = projected_direction(x, p, o->has_biases, d, &h, &c))) return NULL;
            hn.items[i] = h;
            cn.items[i] = c;
        }
        x = directions == 2 ? fac_cat(FAC_TENSORS(y[0], y[1]), -1) : y[0];
    }
    if (!hn.items || !cn.items) return NULL;
    if (o->hn && !(*o->hn = fac_stack(hn, 0))) return NULL;
    if (o->cn && !(*o->cn = fac_stack(cn, 0))) return NULL;
    return o->batch_first ? fac_transpose(x, 0, 1) : x;
}

/* What a trace is told. States that are not given are zeros, there. */
static fac_tensor *traced(fac__tracer *tracer, const char *op, bool two, fac_tensor *x, fac_tensor *h0, fac_tensor *c0,
                          fac_tensor_list params, const fac_rnn_options *o)
{
    FAC__NEED(x);
    FAC__NEED(params.items);
    if (x->ndim != 3 || params.count < 2 || params.items[1]->ndim != 2)
        return fac__runtime_error("%s: only sequences [T, N, I] can be traced", op);
    int64_t wanted = o->num_layers * (o->bidirectional ? 2 : 1) * (o->has_biases ? 4 : 2);
    if (params.count != wanted) return projected(x, h0, c0, params, o);
    fac_dims shape = FAC_DIMS(o->num_layers * (o->bidirectional ? 2 : 1), x->shape[o->batch_first ? 0 : 1],
                              params.items[1]->shape[1]);
    if (!h0) h0 = fac_zeros(shape, .dtype = (fac_dtype)x->dtype);
    if (!c0 && two) c0 = fac_zeros(shape, .dtype = (fac_dtype)x->dtype);
    fac_tensor *states[] = {h0, c0};
    fac_value state = two ? FAC__VALUE(((fac_tensor_list){states, 2})) : FAC__VALUE(h0);
    const fac_keyword given[] = {FAC__ARG(x),
                                 {NULL, state},
                                 FAC__ARG(params),
                                 FAC__ARG(o->has_biases),
                                 FAC__ARG(o->num_layers),
                                 FAC__ARG(o->dropout),
                                 FAC__ARG(o->train),
                                 FAC__ARG(o->bidirectional),
                                 FAC__ARG(o->batch_first)};
    fac_value results[FAC__TRACED_RESULTS];
    if (tracer->call(tracer, op, given, 9, results) < 2 + two) return NULL;
    if (o->hn) *o->hn = results[1].v.tensor;
    if (o->cn && two) *o->cn = results[2].v.tensor;
    return results[0].v.tensor;
}

fac_tensor *fac_lstm_with(fac_tensor *input, fac_tensor *h0, fac_tensor *c0, fac_tensor_list params,
                          fac_rnn_options options)
{
    FAC__OP("lstm");
    forget(&options);
    if (fac__tracing()) return traced(fac__tracing(), "lstm.input", true, input, h0, c0, params, &options);
    return network(FAC__LSTM, input, h0, c0, params, options);
}

#define NETWORK(name, kind)                                                                                            \
    fac_tensor *fac_##name##_with(fac_tensor *input, fac_tensor *h0, fac_tensor_list params, fac_rnn_options options)  \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        forget(&options);                                                                                              \
        if (fac__tracing()) return traced(fac__tracing(), #name ".input", false, input, h0, NULL, params, &options);   \
        return network(kind, input, h0, NULL, params, options);                                                        \
    }
NETWORK(gru, FAC__GRU)
NETWORK(rnn_tanh, FAC__RNN_TANH)
NETWORK(rnn_relu, FAC__RNN_RELU)

/* ---- single steps ------------------------------------------------------------------------------------------- */

static bool check_state(const fac_tensor *input, const fac_tensor *state, int64_t hidden, int label)
{
    if (state->ndim != 2)
        return fac__runtime_error("hidden%d must have 2 dimensions, got %d", label, state->ndim), false;
    if (input->shape[0] != state->shape[0])
        return fac__runtime_error("Input batch size %lld doesn't match hidden%d batch size %lld",
                                  (long long)input->shape[0], label, (long long)state->shape[0]),
               false;
    if (state->shape[1] != hidden)
        return fac__runtime_error("hidden%d has inconsistent hidden_size: got %lld, expected %lld", label,
                                  (long long)state->shape[1], (long long)hidden),
               false;
    return true;
}

/* A step is a layer over a sequence of one. in[INPUT] [N, I]; states may be NULL. */
static fac_tensor *step(fac__rnn_kind kind, fac_tensor **in, fac_tensor **c)
{
    fac_tensor *x = in[INPUT];
    FAC__NEED(x);
    FAC__NEED(in[W_IH]);
    FAC__NEED(in[W_HH]);
    for (int i = W_IH; i <= W_HH; i++)
        if (in[i]->ndim != 2) return fac__runtime_error("weights must have 2 dimensions, got %d", in[i]->ndim);
    if (x->ndim != 2)
        return fac__index_error("Dimension out of range (expected to be in range of [%d, %d], but got 1)",
                                x->ndim ? -x->ndim : -1, x->ndim ? x->ndim - 1 : 0);
    if (x->shape[1] != in[W_IH]->shape[1])
        return fac__runtime_error("input has inconsistent input_size: got %lld expected %lld", (long long)x->shape[1],
                                  (long long)in[W_IH]->shape[1]);
    int64_t hidden = in[W_HH]->shape[1];
    for (int i = 0; i < 1 + (kind == FAC__LSTM); i++) {
        fac_tensor **state = &in[i ? C0 : H0];
        if (!*state) *state = fac_zeros(FAC_DIMS(x->shape[0], hidden), .dtype = (fac_dtype)x->dtype);
        if (!*state || !check_state(x, *state, hidden, i)) return NULL;
    }
    if (!(in[INPUT] = fac_unsqueeze(x, 0))) return NULL;
    fac_tensor *h = fac__rnn_run((fac__rnn_layer){kind, false}, in, c);
    return h ? fac_select(h, 0, 0) : NULL;
}

fac_tensor *fac_lstm_cell(fac_tensor *input, fac_tensor *h, fac_tensor *c, fac_tensor *w_ih, fac_tensor *w_hh,
                          fac_tensor *b_ih, fac_tensor *b_hh, fac_tensor **cy)
{
    FAC__OP("lstm_cell");
    fac_tensor *in[RNN_ALL] = {input, h, c, w_ih, w_hh, b_ih, b_hh, NULL}, *last = NULL;
    if (fac__tracing() && input && input->ndim == 2 && w_hh && w_hh->ndim == 2) {
        fac_dims shape = FAC_DIMS(input->shape[0], w_hh->shape[1]);
        fac_tensor *states[] = {h ? h : fac_zeros(shape, .dtype = (fac_dtype)input->dtype),
                                c ? c : fac_zeros(shape, .dtype = (fac_dtype)input->dtype)};
        fac_tensor_list hx = {states, 2};
        FAC__TRACE_TWO(cy, "lstm_cell", FAC__ARG(input), FAC__ARG(hx), FAC__ARG(w_ih), FAC__ARG(w_hh), FAC__ARG(b_ih),
                       FAC__ARG(b_hh));
    }
    h = step(FAC__LSTM, in, &last);
    if (cy) *cy = h ? last : NULL;
    return h;
}

#define CELL(name, kind)                                                                                               \
    fac_tensor *fac_##name(fac_tensor *input, fac_tensor *h, fac_tensor *w_ih, fac_tensor *w_hh, fac_tensor *b_ih,     \
                           fac_tensor *b_hh)                                                                           \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        fac_tensor *in[RNN_ALL] = {input, h, NULL, w_ih, w_hh, b_ih, b_hh, NULL}, *none;                               \
        if (fac__tracing() && !h && input && input->ndim == 2 && w_hh && w_hh->ndim == 2)                              \
            h = fac_zeros(FAC_DIMS(input->shape[0], w_hh->shape[1]), .dtype = (fac_dtype)input->dtype);                \
        FAC__TRACE_IF(input &&h, #name, FAC__ARG(input), FAC__ARG(h), FAC__ARG(w_ih), FAC__ARG(w_hh), FAC__ARG(b_ih),  \
                      FAC__ARG(b_hh));                                                                                 \
        return step(kind, in, &none);                                                                                  \
    }
CELL(gru_cell, FAC__GRU)
CELL(rnn_tanh_cell, FAC__RNN_TANH)
CELL(rnn_relu_cell, FAC__RNN_RELU)

/* ---- by name ------------------------------------------------------------------------------------------------ */

/* The arguments of all but the LSTM begin with input, hx, params; the rest are these. */
static fac_rnn_options options(const fac_value *args, fac_tensor **hn, fac_tensor **cn)
{
    fac_rnn_options o = fac_rnn_options_defaults();
    o.has_biases = B(3);
    o.num_layers = I(4);
    o.dropout = F(5);
    o.train = B(6);
    o.bidirectional = B(7);
    o.batch_first = B(8);
    o.hn = hn;
    o.cn = cn;
    return o;
}

static bool two_states(const char *name, fac_tensor_list hx)
{
    if (hx.count != 2) return fac__runtime_error("%s expects two hidden states", name), false;
    FAC__NEED_OR(hx.items[0], false);
    FAC__NEED_OR(hx.items[1], false);
    return true;
}

FAC__CALL(lstm, FAC__OP("lstm"); if (!two_states("lstm", TL(1))) return 0; fac_tensor *hn = NULL, *cn = NULL;
          R(fac_lstm_with(T(0), TL(1).items[0], TL(1).items[1], TL(2), options(args, &hn, &cn))); R(hn); R(cn))
FAC__CALL(lstm_cell, FAC__OP("lstm_cell"); if (!two_states("lstm_cell", TL(1))) return 0; fac_tensor *c = NULL;
          R(fac_lstm_cell(T(0), TL(1).items[0], TL(1).items[1], T(2), T(3), T(4), T(5), &c)); R(c))
#define BY_NAME(name)                                                                                                  \
    FAC__CALL(name, FAC__OP(#name); FAC__NEED_OR(T(1), 0); fac_tensor *hn = NULL;                                      \
              R(fac_##name##_with(T(0), T(1), TL(2), options(args, &hn, NULL))); R(hn))                                \
    FAC__CALL(name##_cell, FAC__OP(#name "_cell"); FAC__NEED_OR(T(1), 0);                                              \
              R(fac_##name##_cell(T(0), T(1), T(2), T(3), T(4), T(5))))
BY_NAME(gru)
BY_NAME(rnn_tanh)
BY_NAME(rnn_relu)

#define REST                                                                                                           \
    "Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool "           \
    "batch_first) -> (Tensor, Tensor"
#define WEIGHTS "Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> "

/* clang-format off */
const fac__op fac__ops_rnn[] = {
    {"lstm.input(Tensor input, Tensor[] hx, " REST ", Tensor)", lstm,
     "Long short-term memory: layers of it, over sequences. Outputs and the last states."},
    {"gru.input(Tensor input, Tensor hx, " REST ")", gru, "Layers of gated recurrent units, over sequences."},
    {"rnn_tanh.input(Tensor input, Tensor hx, " REST ")", rnn_tanh,
     "Layers of h = tanh(W x + b + U h + c), over sequences."},
    {"rnn_relu.input(Tensor input, Tensor hx, " REST ")", rnn_relu,
     "Layers of h = relu(W x + b + U h + c), over sequences."},
    {"lstm_cell(Tensor input, Tensor[] hx, " WEIGHTS "(Tensor, Tensor)", lstm_cell,
     "One step of long short-term memory."},
    {"gru_cell(Tensor input, Tensor hx, " WEIGHTS "Tensor", gru_cell, "One step of a gated recurrent unit."},
    {"rnn_tanh_cell(Tensor input, Tensor hx, " WEIGHTS "Tensor", rnn_tanh_cell, "tanh(w_ih x + b_ih + w_hh h + b_hh)."},
    {"rnn_relu_cell(Tensor input, Tensor hx, " WEIGHTS "Tensor", rnn_relu_cell, "relu(w_ih x + b_ih + w_hh h + b_hh)."},
    {0},
};
/* clang-format on */
