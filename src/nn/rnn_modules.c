/* Floor 5. Recurrent layers as modules: LSTM, GRU and RNN over sequences, and their cells. After torch.nn.modules.rnn: the order
 * of parameters, how they are drawn, and what is checked. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "facula/ops_rnn.h"
#include "facula/ops_view.h"
#include "nn/layer.h"
#include "ops/shaping.h"

typedef enum form { LSTM, GRU, TANH, RELU } form;

typedef struct recurrent {
    fac_module base;
    form form;
    bool cell;
    int64_t input_size, hidden_size;
    fac_nn_rnn_options o;
    int64_t count; /* parameters */
} recurrent;

static int directions(const recurrent *m)
{
    return m->o.bidirectional ? 2 : 1;
}

/* ---- forward ------------------------------------------------------------------------------------------------ */

typedef struct states {
    fac_tensor *h0, *c0, *hn, *cn;
} states;

/* The module's own parameters, which stand first among its members. */
static fac_tensor_list parameters_of(const recurrent *m)
{
    fac_tensor_list list = fac__list_new(m->count);
    for (int64_t i = 0; list.items && i < m->count; i++)
        list.items[i] = m->base.members[i].tensor;
    return list;
}

static bool check_state(const recurrent *m, const fac_tensor *state, const char *name, int64_t batch, int64_t width)
{
    int64_t want[] = {m->o.num_layers * directions(m), batch, width};
    char size[FAC__TUPLE_ROOM];
    if (!state || (state->ndim == 3 && !memcmp(state->shape, want, sizeof want))) return true;
    return fac__runtime_error("Expected %s size %s, got %s", name, fac__python_tuple(fac_dims_make(3, want), size),
                              fac__shape_text(state->ndim, state->shape)),
           false;
}

static bool check_dims(const recurrent *m, int ndim, const states *s)
{
    const char *kind = ndim == 3 ? "batched 3-D" : "unbatched 2-D";
    int h = s->h0 ? s->h0->ndim : ndim, c = s->c0 ? s->c0->ndim : ndim;
    if (h == ndim && c == ndim) return true;
    if (m->form == LSTM)
        fac__runtime_error("For %s input, hx and cx should also be %d-D but got (%d-D, %d-D) tensors", kind, ndim, h,
                           c);
    else
        fac__runtime_error("For %s input, hx should also be %d-D but got %d-D tensor", kind, ndim, h);
    return false;
}

static bool unsqueeze(fac_tensor **t, int dim)
{
    return !*t || (*t = fac_unsqueeze(*t, dim)) != NULL;
}
static bool squeeze(fac_tensor **t, int dim)
{
    return !*t || (*t = fac_squeeze_dim(*t, dim)) != NULL;
}

static fac_tensor *run_sequences(const recurrent *m, fac_tensor *x, states *s)
{
    const fac_nn_rnn_options *o = &m->o;
    bool alone = x->ndim == 2; /* one sequence */
    int batch_dim = o->batch_first ? 0 : 1;
    if (x->ndim != 2 && x->ndim != 3)
        return fac__runtime_error("%s: Expected input to be 2-D or 3-D but received %d-D tensor", m->base.type->name,
                                  x->ndim);
    if (!check_dims(m, x->ndim, s)) return NULL;
    if (alone && !(unsqueeze(&x, batch_dim) && unsqueeze(&s->h0, 1) && unsqueeze(&s->c0, 1))) return NULL;
    if (x->shape[2] != m->input_size)
        return fac__runtime_error("input.size(-1) must be equal to input_size. Expected %lld, got %lld",
                                  (long long)m->input_size, (long long)x->shape[2]);
    int64_t batch = x->shape[batch_dim];
    if (!check_state(m, s->h0, m->form == LSTM ? "hidden[0]" : "hidden", batch,
                     o->proj_size ? o->proj_size : m->hidden_size) ||
        !check_state(m, s->c0, "hidden[1]", batch, m->hidden_size))
        return NULL;
    fac_tensor_list params = parameters_of(m);
    if (!params.items) return NULL;
    fac_rnn_options way = {.has_biases = o->bias, .num_layers = o->num_layers, .dropout = o->dropout};
    way.train = m->base.training;
    way.bidirectional = o->bidirectional;
    way.batch_first = o->batch_first;
    way.hn = &s->hn;
    way.cn = &s->cn;
    fac_tensor *y = m->form == LSTM   ? fac_lstm_with(x, s->h0, s->c0, params, way)
                    : m->form == GRU  ? fac_gru_with(x, s->h0, params, way)
                    : m->form == TANH ? fac_rnn_tanh_with(x, s->h0, params, way)
                                      : fac_rnn_relu_with(x, s->h0, params, way);
    if (y && alone && !(squeeze(&y, batch_dim) && squeeze(&s->hn, 1) && squeeze(&s->cn, 1))) return NULL;
    return y;
}

static fac_tensor *run_step(const recurrent *m, fac_tensor *x, states *s)
{
    bool alone = x->ndim == 1;
    if (x->ndim != 1 && x->ndim != 2)
        return fac__runtime_error("%s: Expected input to be 1-D or 2-D but received %d-D tensor", m->base.type->name,
                                  x->ndim);
    if (alone && !(unsqueeze(&x, 0) && unsqueeze(&s->h0, 0) && unsqueeze(&s->c0, 0))) return NULL;
    const fac__member *p = m->base.members;
    fac_tensor *w_ih = p[0].tensor, *w_hh = p[1].tensor, *b_ih = m->o.bias ? p[2].tensor : NULL,
               *b_hh = m->o.bias ? p[3].tensor : NULL;
    s->hn = m->form == LSTM   ? fac_lstm_cell(x, s->h0, s->c0, w_ih, w_hh, b_ih, b_hh, &s->cn)
            : m->form == GRU  ? fac_gru_cell(x, s->h0, w_ih, w_hh, b_ih, b_hh)
            : m->form == TANH ? fac_rnn_tanh_cell(x, s->h0, w_ih, w_hh, b_ih, b_hh)
                              : fac_rnn_relu_cell(x, s->h0, w_ih, w_hh, b_ih, b_hh);
    if (s->hn && alone && !(squeeze(&s->hn, 0) && squeeze(&s->cn, 0))) return NULL;
    return s->hn;
}

static fac_tensor *forward(fac_module *self, fac_tensor *x)
{
    const recurrent *m = (const recurrent *)self;
    states s = {NULL, NULL, NULL, NULL};
    return m->cell ? run_step(m, x, &s) : run_sequences(m, x, &s);
}

static fac_tensor *forward_states(fac_module *self, fac_tensor *x, bool lstm, states *s)
{
    FAC__NEED(self);
    FAC__NEED(x);
    const recurrent *m = (const recurrent *)self;
    if (self->type->forward != forward || (m->form == LSTM) != lstm)
        return fac__type_error("%s is no module with %s", self->type->name,
                               lstm ? "two states (LSTM)" : "one state (GRU, RNN)");
    return m->cell ? run_step(m, x, s) : run_sequences(m, x, s);
}

fac_tensor *fac_lstm_forward(void *module, fac_tensor *input, fac_tensor *h0, fac_tensor *c0, fac_tensor **hn,
                             fac_tensor **cn)
{
    FAC__OP("LSTM");
    states s = {h0, c0, NULL, NULL};
    fac_tensor *y = forward_states(module, input, true, &s);
    if (hn) *hn = y ? s.hn : NULL;
    if (cn) *cn = y ? s.cn : NULL;
    return y;
}

fac_tensor *fac_rnn_forward(void *module, fac_tensor *input, fac_tensor *h0, fac_tensor **hn)
{
    FAC__OP("RNN");
    states s = {h0, NULL, NULL, NULL};
    fac_tensor *y = forward_states(module, input, false, &s);
    if (hn) *hn = y ? s.hn : NULL;
    return y;
}

/* ---- making ------------------------------------------------------------------------------------------------- */

static int repr(const fac_module *self, char *text, size_t size)
{
    const recurrent *m = (const recurrent *)self;
    const fac_nn_rnn_options *o = &m->o;
    char number[32], s[256];
    int n = snprintf(s, sizeof s, "%lld, %lld", (long long)m->input_size, (long long)m->hidden_size);
#define ALSO(condition, ...)                                                                                           \
    if (condition) n += snprintf(s + n, sizeof s - (size_t)n, ", " __VA_ARGS__)
    ALSO(o->proj_size, "proj_size=%lld", (long long)o->proj_size);
    ALSO(o->num_layers != 1, "num_layers=%lld", (long long)o->num_layers);
    ALSO(!o->bias, "bias=False");
    ALSO(o->batch_first, "batch_first=True");
    ALSO(o->dropout != 0, "dropout=%s", fac__python_float(o->dropout, number));
    ALSO(o->bidirectional, "bidirectional=True");
    ALSO(m->cell && m->form == RELU, "nonlinearity=relu");
#undef ALSO
    return snprintf(text, size, "%s", s);
}

static bool check_options(form form, bool cell, int64_t hidden_size, const fac_nn_rnn_options *o)
{
    const char *wrong = NULL;
    if (!(o->dropout >= 0 && o->dropout <= 1))
        wrong = "dropout should be a number in range [0, 1] representing the probability of an element being zeroed";
    else if (!cell && hidden_size <= 0)
        wrong = "hidden_size must be greater than zero";
    else if (o->num_layers <= 0)
        wrong = "num_layers must be greater than zero";
    else if (o->proj_size && form != LSTM)
        wrong = "proj_size argument is only supported for LSTM, not RNN or GRU";
    else if (o->proj_size < 0)
        wrong = "proj_size should be a positive integer or zero to disable projections";
    else if (o->proj_size >= hidden_size && o->proj_size)
        wrong = "proj_size has to be smaller than hidden_size";
    return wrong ? fac__value_error("%s", wrong), false : true;
}

static void add_weights(recurrent *m, int64_t layer, int direction)
{
    static const int64_t gates[] = {[LSTM] = 4, [GRU] = 3, [TANH] = 1, [RELU] = 1};
    const fac_nn_rnn_options *o = &m->o;
    int64_t rows = gates[m->form] * m->hidden_size, out = o->proj_size ? o->proj_size : m->hidden_size;
    int64_t in = layer ? out * directions(m) : m->input_size;
    char tail[40] = "", name[80];
    if (!m->cell) snprintf(tail, sizeof tail, "_l%lld%s", (long long)layer, direction ? "_reverse" : "");
    fac_dims shapes[] = {FAC_DIMS(rows, in), FAC_DIMS(rows, out), FAC_DIMS(rows), FAC_DIMS(rows),
                         FAC_DIMS(out, m->hidden_size)};
    static const char *const names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"};
    for (int i = 0; i < 5; i++) {
        if (i == 4 ? !o->proj_size : i >= 2 && !o->bias) continue;
        snprintf(name, sizeof name, "%s%s", names[i], tail);
        fac__layer_parameter(m, name, shapes[i], o->dtype, NULL);
    }
}

static fac_module *make(const fac_module_type *type, form form, bool cell, int64_t input_size, int64_t hidden_size,
                        fac_nn_rnn_options options)
{
    FAC__OP(type->name);
    if (cell) {
        fac_nn_rnn_options plain = fac_nn_rnn_options_defaults();
        plain.bias = options.bias;
        plain.dtype = options.dtype;
        plain.nonlinearity = options.nonlinearity;
        options = plain;
    }
    if (form == TANH) {
        const char *name = options.nonlinearity ? options.nonlinearity : "tanh";
        if (!strcmp(name, "relu"))
            form = RELU;
        else if (strcmp(name, "tanh") != 0)
            return fac__value_error("Unknown nonlinearity '%s'", name);
    }
    options.nonlinearity = NULL;
    if (!check_options(form, cell, hidden_size, &options)) return NULL;
    recurrent *m = fac_module_new(type);
    if (!m) return NULL;
    m->form = form;
    m->cell = cell;
    m->input_size = input_size;
    m->hidden_size = hidden_size;
    m->o = options;
    for (int64_t l = 0; l < options.num_layers && !m->base.failed; l++)
        for (int d = 0; d < directions(m); d++)
            add_weights(m, l, d);
    m->count = m->base.count;
    double bound = hidden_size > 0 ? 1 / sqrt((double)hidden_size) : 0;
    for (int64_t i = 0; i < m->count; i++)
        fac_init_uniform_(m->base.members[i].tensor, -bound, bound);
    return fac_module_ready(m);
}

#define FORM(id, title, form, cell)                                                                                    \
    fac_module *fac_nn_##id##_with(int64_t input_size, int64_t hidden_size, fac_nn_rnn_options options)                \
    {                                                                                                                  \
        static const fac_module_type type = {                                                                          \
            .name = title, .size = sizeof(recurrent), .forward = forward, .extra_repr = repr};                         \
        return make(&type, form, cell, input_size, hidden_size, options);                                              \
    }
FORM(lstm, "LSTM", LSTM, false)
FORM(gru, "GRU", GRU, false)
FORM(rnn, "RNN", TANH, false)
FORM(lstm_cell, "LSTMCell", LSTM, true)
FORM(gru_cell, "GRUCell", GRU, true)
FORM(rnn_cell, "RNNCell", TANH, true)
