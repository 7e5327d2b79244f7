/* Floor 1. Steps of recurrent layers for the type T (rnn_rows.c includes this for float and double). */

static void NAME(lstm)(const fac__rnn_step *a, int64_t begin, int64_t end)
{
    const int64_t n = a->hidden;
    ROWS
    {
        ACTIVATE(SIGMOID, 4, 0);
        ACTIVATE(SIGMOID, 4, 1);
        ACTIVATE(TANH, 4, 2);
        ACTIVATE(SIGMOID, 4, 3);
        const T *in = GATE(a->gates, 4, 0), *forget = in + n, *cell = forget + n, *out = cell + n, *c = STATE(a->c);
        T *c_next = STATE(a->c_next), *h_next = STATE(a->h_next), *kept = STATE(a->kept);
        EACH
        {
            T state = forget[j] * c[j] + in[j] * cell[j], squashed = TANH(state);
            c_next[j] = state;
            kept[j] = squashed;
            h_next[j] = out[j] * squashed;
        }
    }
}

static void NAME(lstm_backward)(const fac__rnn_step *a, int64_t begin, int64_t end)
{
    const int64_t n = a->hidden;
    ROWS
    {
        const T *in = GATE(a->gates, 4, 0), *forget = in + n, *cell = forget + n, *out = cell + n;
        const T *c = STATE(a->c), *kept = STATE(a->kept), *dy = a->dy ? STATE(a->dy) : NULL;
        T *d_in = GATE(a->dgates, 4, 0), *d_forget = d_in + n, *d_cell = d_forget + n, *d_out = d_cell + n;
        T *dh = STATE(a->dh), *dc = STATE(a->dc);
        if (dy) EACH dh[j] += dy[j];
        EACH
        {
            T g = dc[j] + TANH_SLOPE(dh[j] * out[j], kept[j]);
            d_in[j] = SIGMOID_SLOPE(g * cell[j], in[j]);
            d_forget[j] = SIGMOID_SLOPE(g * c[j], forget[j]);
            d_cell[j] = TANH_SLOPE(g * in[j], cell[j]);
            d_out[j] = SIGMOID_SLOPE(dh[j] * kept[j], out[j]);
            dc[j] = g * forget[j];
        }
    }
}

static void NAME(gru)(const fac__rnn_step *a, int64_t begin, int64_t end)
{
    const int64_t n = a->hidden;
    ROWS
    {
        ACTIVATE(SIGMOID, 3, 0);
        ACTIVATE(SIGMOID, 3, 1);
        T *reset = GATE(a->gates, 3, 0), *update = reset + n, *fresh = update + n;
        const T *hh = GATE(a->hh, 3, 2), *b_ih = BIAS(a->b_ih, 2), *b_hh = BIAS(a->b_hh, 2), *h = STATE(a->h);
        T *h_next = STATE(a->h_next), *kept = STATE(a->kept);
        EACH
        {
            T part = hh[j] + b_hh[j], value = TANH((fresh[j] + b_ih[j]) + part * reset[j]);
            kept[j] = part;
            fresh[j] = value;
            h_next[j] = (h[j] - value) * update[j] + value;
        }
    }
}

static void NAME(gru_backward)(const fac__rnn_step *a, int64_t begin, int64_t end)
{
    const int64_t n = a->hidden;
    ROWS
    {
        const T *reset = GATE(a->gates, 3, 0), *update = reset + n, *fresh = update + n;
        const T *h = STATE(a->h), *kept = STATE(a->kept), *dy = a->dy ? STATE(a->dy) : NULL;
        T *d_reset = GATE(a->dgates, 3, 0), *d_update = d_reset + n, *d_fresh = d_update + n;
        T *hh_reset = GATE(a->dgates_hh, 3, 0), *hh_update = hh_reset + n, *hh_fresh = hh_update + n;
        T *dh = STATE(a->dh);
        if (dy) EACH dh[j] += dy[j];
        EACH
        {
            T g = dh[j], through = g * update[j], d = TANH_SLOPE(g - through, fresh[j]);
            d_fresh[j] = d;
            hh_fresh[j] = d * reset[j];
            d_reset[j] = hh_reset[j] = SIGMOID_SLOPE(d * kept[j], reset[j]);
            d_update[j] = hh_update[j] = SIGMOID_SLOPE(g * (h[j] - fresh[j]), update[j]);
            dh[j] = through;
        }
    }
}

#define PLAIN(name, act, slope)                                                                                        \
    static void NAME(name)(const fac__rnn_step *a, int64_t begin, int64_t end)                                         \
    {                                                                                                                  \
        const int64_t n = a->hidden;                                                                                   \
        ROWS                                                                                                           \
        {                                                                                                              \
            ACTIVATE(act, 1, 0);                                                                                       \
            const T *y = STATE(a->gates);                                                                              \
            T *h_next = STATE(a->h_next);                                                                              \
            EACH h_next[j] = y[j];                                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME(name##_backward)(const fac__rnn_step *a, int64_t begin, int64_t end)                              \
    {                                                                                                                  \
        const int64_t n = a->hidden;                                                                                   \
        ROWS                                                                                                           \
        {                                                                                                              \
            const T *y = STATE(a->gates), *dy = a->dy ? STATE(a->dy) : NULL;                                           \
            T *dh = STATE(a->dh), *d = STATE(a->dgates);                                                               \
            if (dy) EACH dh[j] += dy[j];                                                                               \
            EACH d[j] = slope(dh[j], y[j]);                                                                            \
        }                                                                                                              \
    }
PLAIN(rnn_tanh, TANH, TANH_SLOPE)
PLAIN(rnn_relu, RELU, RELU_SLOPE)
#undef PLAIN

const fac__rnn_rows FAC__ISA(NAME(fac__rnn_rows))[FAC__RNN_KINDS][2] = {
    [FAC__LSTM] = {NAME(lstm), NAME(lstm_backward)},
    [FAC__GRU] = {NAME(gru), NAME(gru_backward)},
    [FAC__RNN_TANH] = {NAME(rnn_tanh), NAME(rnn_tanh_backward)},
    [FAC__RNN_RELU] = {NAME(rnn_relu), NAME(rnn_relu_backward)},
};
