/* Floor 7. ONNX's recurrent layers. They are of one layer and one or two directions; their weights [D, G H, ...] have the gates
 * in another order than PyTorch's, and both biases side by side. */
#include <strings.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_matmul.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_rnn.h"
#include "facula/ops_view.h"
#include "onnx_recurrent.h"
#include "ops/shaping.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;

const fac__onnx_gates fac__onnx_kinds[] = {
    [FAC__ONNX_LSTM] = {"LSTM", "lstm", 4, {0, 3, 1, 2}, {0, 2, 3, 1}}, /* i o f c; PyTorch: i f g o */
    [FAC__ONNX_GRU] = {"GRU", "gru", 3, {1, 0, 2}, {1, 0, 2}},          /* z r h; r z n */
    [FAC__ONNX_RNN] = {"RNN", "rnn", 1, {0}, {0}},
};

/* The rows of w, gate by gate, in that order. */
fac_tensor *fac__onnx_ordered(fac_tensor *w, const int *order, int gates)
{
    if (!w || gates == 1) return w;
    fac_tensor *parts[4];
    int64_t rows = fac_size(w, 0) / gates;
    for (int i = 0; i < gates; i++)
        if (!(parts[i] = fac_narrow(w, 0, order[i] * rows, rows))) return NULL;
    return fac_cat((fac_tensor_list){parts, gates}, 0);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

/* The parameters of one direction as PyTorch has them: w_ih, w_hh and, if there are any, b_ih, b_hh. */
static bool direction_params(const fac__onnx_gates *k, int64_t d, const fac_value *args, fac_tensor **out)
{
    bool biased = args[4].kind == FAC_VALUE_TENSOR;
    fac_tensor *b = biased ? fac_select(args[4].v.tensor, 0, d) : NULL;
    if (biased && !b) return false;
    for (int i = 0; i < 2; i++) {
        fac_tensor *w = fac_select(args[2 + i].v.tensor, 0, d);
        if (!(out[i] = fac__onnx_ordered(w, k->from_onnx, k->gates))) return false;
        if (!b) continue;
        int64_t half = fac_size(b, 0) / 2;
        if (!(out[2 + i] = fac__onnx_ordered(fac_narrow(b, 0, i * half, half), k->from_onnx, k->gates))) return false;
    }
    return true;
}

/* [T, N, D H] as [T, D, N, H] */
static fac_tensor *by_direction(fac_tensor *y, int64_t directions)
{
    fac_dims s = fac_shape(y);
    y = y ? fac_reshape(y, FAC_DIMS(s.d[0], s.d[1], directions, s.d[2] / directions)) : NULL;
    return y ? fac_permute(y, FAC_DIMS(0, 2, 1, 3)) : NULL;
}

/* A GRU's direction whose reset gate stands before the product: w_ih, w_hh, b_ih, b_hh. x [T, N, I], h [N, H]; the states of
 * all steps [T, N, H]. */
static fac_tensor *reset_first(fac_tensor *x, fac_tensor *h, fac_tensor **p, bool biases, bool backwards)
{
    int64_t steps = fac_size(x, 0), n = fac_size(p[1], 1);
    fac_tensor *all[3], *u[3], *c[3] = {NULL}; /* r, z, n: of the input for all steps, of the state */
    for (int g = 0; g < 3; g++) {
        fac_tensor *b = biases ? fac_narrow(p[2], 0, g * n, n) : NULL;
        all[g] = fac_linear(x, fac_narrow(p[0], 0, g * n, n), b);
        u[g] = fac_narrow(p[1], 0, g * n, n);
        if (biases) c[g] = fac_narrow(p[3], 0, g * n, n);
        if (biases && (!b || !c[g])) return NULL;
    }
    fac_tensor_list states = fac__list_new(steps);
    for (int64_t t = 0; states.items && t < steps; t++) {
        int64_t at = backwards ? steps - 1 - t : t;
        fac_tensor *gate[2];
        for (int g = 0; g < 2; g++)
            gate[g] = fac_sigmoid(fac_add(fac_select(all[g], 0, at), fac_linear(h, u[g], c[g])));
        fac_tensor *fresh = fac_tanh(fac_add(fac_select(all[2], 0, at), fac_linear(fac_mul(gate[0], h), u[2], c[2])));
        h = fac_add(fresh, fac_mul(gate[1], fac_sub(h, fresh)));
        if (!(states.items[at] = h)) return NULL;
    }
    return states.items ? fac_stack(states, 0) : NULL;
}

/* All directions: y [T, N, D H], and the last states. */
static fac_tensor *reset_first_all(fac_tensor *x, fac_tensor *h0, fac_tensor **params, int64_t directions, int each,
                                   bool backwards, fac_tensor **last)
{
    fac_tensor *y[2] = {NULL}, *hn[2] = {NULL};
    for (int64_t d = 0; d < directions; d++) {
        fac_tensor **p = params + d * each, *h = h0 ? fac_select(h0, 0, d) : NULL;
        bool back = backwards || d;
        if (h0 && !h) return NULL;
        if (!h) h = fac_zeros(FAC_SHAPE(fac_size(x, 1), fac_size(p[1], 1)), .dtype = fac_dtype_of(x));
        if (!fac_size(x, 0)) return fac__value_error("a sequence of no elements");
        y[d] = reset_first(x, h, p, each == 4, back);
        if (!y[d] || !(hn[d] = fac_select(y[d], 0, back ? 0 : -1))) return NULL;
    }
    *last = fac_stack((fac_tensor_list){hn, directions}, 0);
    return fac_cat((fac_tensor_list){y, directions}, -1);
}

/* What is [N, D, …], with layout 1, as [D, N, …], and back. */
static fac_tensor *turned(fac_tensor *t, bool turn)
{
    return t && turn ? fac_transpose(t, 0, 1) : t;
}

/* kind, x, w, r, b, h0, c0, directions, backwards, relu, layout, reset gate first */
static int recurrent(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    int which = (int)fac_scalar_to_int(args[0].v.scalar), each = args[4].kind == FAC_VALUE_TENSOR ? 4 : 2;
    int64_t directions = fac_scalar_to_int(args[7].v.scalar);
    bool backwards = fac_scalar_to_int(args[8].v.scalar), relu = fac_scalar_to_int(args[9].v.scalar);
    fac_tensor *x = args[1].v.tensor, *params[8], *hn = NULL, *cn = NULL, *y;
    fac_tensor *h0 = args[5].kind == FAC_VALUE_TENSOR ? args[5].v.tensor : NULL;
    fac_tensor *c0 = args[6].kind == FAC_VALUE_TENSOR ? args[6].v.tensor : NULL;
    bool turn = fac_scalar_to_int(args[10].v.scalar), first = fac_scalar_to_int(args[11].v.scalar);
    x = turned(x, turn);
    h0 = turned(h0, turn);
    c0 = turned(c0, turn);
    for (int64_t d = 0; d < directions; d++)
        if (!direction_params(&fac__onnx_kinds[which], d, args, params + d * each)) return -1;
    fac_tensor_list list = {params, directions * each};
    if (!first && backwards) x = fac_flip(x, FAC_DIMS(0));
    fac_rnn_options o = fac_rnn_options_defaults();
    o.has_biases = each == 4;
    o.bidirectional = directions == 2;
    o.hn = &hn;
    o.cn = &cn;
    y = first                     ? reset_first_all(x, h0, params, directions, each, backwards, &hn)
        : which == FAC__ONNX_LSTM ? fac_lstm_with(x, h0, c0, list, o)
        : which == FAC__ONNX_GRU  ? fac_gru_with(x, h0, list, o)
        : relu                    ? fac_rnn_relu_with(x, h0, list, o)
                                  : fac_rnn_tanh_with(x, h0, list, o);
    if (y && backwards && !first) y = fac_flip(y, FAC_DIMS(0));
    y = y ? by_direction(y, directions) : NULL;
    if (y && turn) y = fac_permute(y, FAC_DIMS(2, 0, 1, 3));
    if (!y || !hn) return -1;
    results[0] = fac_value_tensor(y);
    results[1] = fac_value_tensor(turned(hn, turn));
    results[2] = fac_value_tensor(turned(which == FAC__ONNX_LSTM ? cn : hn, turn));
    return 3;
}

/* Whether the activations are these, once for each direction. */
static bool are_activations(const char *given, const char *usual, int directions)
{
    size_t n = strlen(usual);
    for (int d = 0; d < directions; d++) {
        if (strncasecmp(given, usual, n)) return false;
        given += n;
        given += *given == ' ';
    }
    return !*given;
}

/* An attribute that is not as it usually is; NULL: there is none. */
static const char *unusual(loader *l, int which, int directions, bool *relu)
{
    static const char *const usual[] = {
        [FAC__ONNX_LSTM] = "Sigmoid Tanh Tanh", [FAC__ONNX_GRU] = "Sigmoid Tanh", [FAC__ONNX_RNN] = "Tanh"};
    const char *given = fac__onnx_word(l, "activations", "");
    if (fac__onnx_attribute_of(l->node, "clip")) return "clip";
    if (fac__onnx_int(l, "input_forget", 0)) return "input_forget";
    *relu = which == FAC__ONNX_RNN && are_activations(given, "Relu", directions);
    return *given && !*relu && !are_activations(given, usual[which], directions) ? "activations" : NULL;
}

static bool load_recurrent(loader *l, const row *r)
{
    int which = !strcmp(r->onnx, "LSTM") ? FAC__ONNX_LSTM : !strcmp(r->onnx, "GRU") ? FAC__ONNX_GRU : FAC__ONNX_RNN;
    const char *direction = fac__onnx_word(l, "direction", "forward");
    bool two = !strcmp(direction, "bidirectional"), relu = false;
    const char *what = unusual(l, which, two ? 2 : 1, &relu);
    if (what) return fac__onnx_error(l, "its %s cannot be read", what);
    if (fac__onnx_given(l, 4)) return fac__onnx_error(l, "sequences of different lengths cannot be read");
    if (fac__onnx_given(l, 7)) return fac__onnx_error(l, "peepholes cannot be read");
    if (!fac__onnx_given(l, 2)) return fac__onnx_error(l, "a weight is missing");
    const fac__term args[] = {fac__term_int(which),
                              fac__onnx_arg(l, 0),
                              fac__onnx_arg(l, 1),
                              fac__onnx_arg(l, 2),
                              fac__onnx_arg(l, 3),
                              fac__onnx_arg(l, 5),
                              fac__onnx_arg(l, 6),
                              fac__term_int(two ? 2 : 1),
                              fac__term_bool(!strcmp(direction, "reverse")),
                              fac__term_bool(relu),
                              fac__term_bool(fac__onnx_int(l, "layout", 0)),
                              fac__term_bool(which == FAC__ONNX_GRU && !fac__onnx_int(l, "linear_before_reset", 0))};
    int value = fac__onnx_function_many(l, r->onnx, recurrent, 3, args, 12);
    for (int i = 0; i < 3; i++)
        if (!fac__onnx_result(l, i, value < 0 ? -1 : value + i)) return false;
    return true;
}

const fac__onnx_operator fac__onnx_recurrent[] = {
    {"LSTM", "lstm", load_recurrent, fac__onnx_save_recurrent},
    {"GRU", "gru", load_recurrent, fac__onnx_save_recurrent},
    {"RNN", "rnn_tanh", load_recurrent, fac__onnx_save_recurrent},
    {"RNN", "rnn_relu", load_recurrent, fac__onnx_save_recurrent},
    {"LSTM", "lstm_cell", NULL, fac__onnx_save_cell},
    {"GRU", "gru_cell", NULL, fac__onnx_save_cell},
    {"RNN", "rnn_tanh_cell", NULL, fac__onnx_save_cell},
    {"RNN", "rnn_relu_cell", NULL, fac__onnx_save_cell},
    {NULL, NULL, NULL, NULL},
};
