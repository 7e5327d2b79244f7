/* Floor 7. ONNX's recurrent layers. They are of one layer and one or two directions; their weights [D, G H, ...] have the gates
 * in another order than PyTorch's, and both biases side by side. */
#include <stdio.h>
#include <strings.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_matmul.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_rnn.h"
#include "facula/ops_view.h"
#include "onnx_windows.h"
#include "ops/shaping.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

typedef struct kind {
    const char *onnx, *aten;
    int gates;
    int to_onnx[4], from_onnx[4]; /* place i of the one is place […] of the other */
} kind;

enum { LSTM, GRU, RNN };
static const kind kinds[] = {
    [LSTM] = {"LSTM", "lstm", 4, {0, 3, 1, 2}, {0, 2, 3, 1}}, /* i o f c; PyTorch: i f g o */
    [GRU] = {"GRU", "gru", 3, {1, 0, 2}, {1, 0, 2}},          /* z r h; r z n */
    [RNN] = {"RNN", "rnn", 1, {0}, {0}},
};

/* The rows of w, gate by gate, in that order. */
static fac_tensor *ordered(fac_tensor *w, const int *order, int gates)
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
static bool direction_params(const kind *k, int64_t d, const fac_value *args, fac_tensor **out)
{
    bool biased = args[4].kind == FAC_VALUE_TENSOR;
    fac_tensor *b = biased ? fac_select(args[4].v.tensor, 0, d) : NULL;
    if (biased && !b) return false;
    for (int i = 0; i < 2; i++) {
        fac_tensor *w = fac_select(args[2 + i].v.tensor, 0, d);
        if (!(out[i] = ordered(w, k->from_onnx, k->gates))) return false;
        if (!b) continue;
        int64_t half = fac_size(b, 0) / 2;
        if (!(out[2 + i] = ordered(fac_narrow(b, 0, i * half, half), k->from_onnx, k->gates))) return false;
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
        if (!direction_params(&kinds[which], d, args, params + d * each)) return -1;
    fac_tensor_list list = {params, directions * each};
    if (!first && backwards) x = fac_flip(x, FAC_DIMS(0));
    fac_rnn_options o = fac_rnn_options_defaults();
    o.has_biases = each == 4;
    o.bidirectional = directions == 2;
    o.hn = &hn;
    o.cn = &cn;
    y = first           ? reset_first_all(x, h0, params, directions, each, backwards, &hn)
        : which == LSTM ? fac_lstm_with(x, h0, c0, list, o)
        : which == GRU  ? fac_gru_with(x, h0, list, o)
        : relu          ? fac_rnn_relu_with(x, h0, list, o)
                        : fac_rnn_tanh_with(x, h0, list, o);
    if (y && backwards && !first) y = fac_flip(y, FAC_DIMS(0));
    y = y ? by_direction(y, directions) : NULL;
    if (y && turn) y = fac_permute(y, FAC_DIMS(2, 0, 1, 3));
    if (!y || !hn) return -1;
    results[0] = fac_value_tensor(y);
    results[1] = fac_value_tensor(turned(hn, turn));
    results[2] = fac_value_tensor(turned(which == LSTM ? cn : hn, turn));
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
    static const char *const usual[] = {[LSTM] = "Sigmoid Tanh Tanh", [GRU] = "Sigmoid Tanh", [RNN] = "Tanh"};
    const char *given = fac__onnx_word(l, "activations", "");
    if (fac__onnx_attribute_of(l->node, "clip")) return "clip";
    if (fac__onnx_int(l, "input_forget", 0)) return "input_forget";
    *relu = which == RNN && are_activations(given, "Relu", directions);
    return *given && !*relu && !are_activations(given, usual[which], directions) ? "activations" : NULL;
}

static bool load_recurrent(loader *l, const row *r)
{
    int which = !strcmp(r->onnx, "LSTM") ? LSTM : !strcmp(r->onnx, "GRU") ? GRU : RNN;
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
                              fac__term_bool(which == GRU && !fac__onnx_int(l, "linear_before_reset", 0))};
    int value = fac__onnx_function_many(l, r->onnx, recurrent, 3, args, 12);
    for (int i = 0; i < 3; i++)
        if (!fac__onnx_result(l, i, value < 0 ? -1 : value + i)) return false;
    return true;
}

/* ---- saving ------------------------------------------------------------------------------------------------------- */

typedef struct layer {
    const kind *k;
    int64_t directions, number;
    bool biases;
    const fac__trace_arg *params;
} layer;

static fac_tensor *param(const layer *l, int64_t d, int i)
{
    int64_t each = l->biases ? 4 : 2;
    return l->params->value.v.tensors.items[(l->number * l->directions + d) * each + i];
}

/* Weights i, or biases (i = 2), of all directions in ONNX's order. The caller's. */
static fac_tensor *rearranged(const layer *l, int i)
{
    fac_tensor *parts[4], *all = NULL;
    fac_scope {
        fac_no_grad {
            int n = 0;
            for (int64_t d = 0; d < l->directions; d++) {
                fac_tensor *w = ordered(param(l, d, i), l->k->to_onnx, l->k->gates);
                if (i == 2) {
                    fac_tensor *second = ordered(param(l, d, 3), l->k->to_onnx, l->k->gates);
                    w = w && second ? fac_cat(FAC_TENSORS(w, second), 0) : NULL;
                }
                if (w) parts[n++] = w;
            }
            all = n == l->directions ? fac_keep(fac_stack((fac_tensor_list){parts, n}, 0)) : NULL;
        }
    }
    return all;
}

/* Whether a value is made of nothing but constants. */
static bool is_fixed(const fac__trace *t, int number)
{
    const fac__trace_value *v = &t->values[number];
    if (v->source != FAC__TRACE_RESULT) return v->source == FAC__TRACE_CONSTANT;
    const fac__trace_call *c = &t->calls[v->at];
    for (int i = 0; i < c->n_args; i++) {
        const fac__trace_arg *a = &c->args[i];
        if (a->value.kind == FAC_VALUE_TENSOR && !is_fixed(t, a->number)) return false;
        for (int64_t k = 0; a->value.kind == FAC_VALUE_TENSORS && k < a->value.v.tensors.count; k++)
            if (!is_fixed(t, a->numbers[k])) return false;
    }
    return true;
}

/* An initializer "rnn.W_l0", made once. */
static const char *put_weights(saver *s, const layer *l, int i)
{
    static const char *const letters[] = {"W", "R", "B"};
    int64_t each = l->biases ? 4 : 2;
    const int *numbers = l->params->numbers + l->number * l->directions * each;
    for (int k = 0; k < l->directions * each; k++)
        if (!is_fixed(s->a, numbers[k])) return fac__onnx_cannot(s, "its weights depend on the input"), NULL;
    bool computed = s->a->values[numbers[i]].source != FAC__TRACE_CONSTANT;
    const char *given = s->names[numbers[i]], *dot = strrchr(given, '.');
    int stem = computed ? (int)strlen(given) : dot ? (int)(dot - given) : 0;
    char text[512];
    snprintf(text, sizeof text, "%.*s%s%s_l%d", stem, given, stem ? "." : "", letters[i], (int)l->number);
    for (int k = 0; k < s->model->n_initializers; k++)
        if (!strcmp(s->model->initializers[k].name, text)) return s->model->initializers[k].name;
    fac_tensor *t = rearranged(l, i);
    fac__onnx_tensor *added = t ? fac__onnx_add_tensor(s->model) : NULL;
    const char *name = fac__arena_text(&s->model->arena, text);
    if (!added || !name) return fac_release(t), s->model->failed = true, NULL;
    *added = (fac__onnx_tensor){name, t};
    return name;
}

static bool all_zero(const fac_tensor *t)
{
    double v[64];
    fac_tensor *flat = NULL;
    bool zero = true;
    fac_scope {
        flat = fac_reshape((fac_tensor *)t, FAC_DIMS(-1));
        for (int64_t at = 0; flat && at < flat->numel && zero; at += 64) {
            int64_t n = flat->numel - at < 64 ? flat->numel - at : 64;
            zero = fac_to_array(fac_narrow(flat, 0, at, n), FAC_FLOAT64, v, n);
            for (int64_t i = 0; i < n; i++)
                zero &= v[i] == 0;
        }
    }
    return flat && zero;
}

/* A layer's part of the states of all; "" where they are zeros. */
static const char *put_state(saver *s, const layer *l, int number, fac_tensor *t)
{
    if (s->a->values[number].source == FAC__TRACE_CONSTANT && all_zero(t)) return "";
    int64_t from = l->number * l->directions, to = from + l->directions, axis = 0;
    const char *start = fac__onnx_put_ints(s, &from, 1), *end = fac__onnx_put_ints(s, &to, 1);
    const char *axes = fac__onnx_put_ints(s, &axis, 1);
    return start && end && axes ? fac__onnx_node(s, "Slice", s->names[number], start, end, axes) : NULL;
}

/* [T, D, N, H] as [T, N, D H] */
static const char *put_joined(saver *s, const char *y, int64_t directions)
{
    if (!y) return NULL;
    if (directions == 1) {
        const char *axis = fac__onnx_put_ints(s, (int64_t[]){1}, 1);
        return axis ? fac__onnx_node(s, "Squeeze", y, axis) : NULL;
    }
    y = fac__onnx_node(s, "Transpose", y);
    fac__onnx_give_ints(s, "perm", (int64_t[]){0, 2, 1, 3}, 4);
    const char *shape = fac__onnx_put_ints(s, (int64_t[]){0, 0, -1}, 3);
    return y && shape ? fac__onnx_node(s, "Reshape", y, shape) : NULL;
}

static const char *put_turned(saver *s, const char *x)
{
    const char *y = x ? fac__onnx_node(s, "Transpose", x) : NULL;
    fac__onnx_give_ints(s, "perm", (int64_t[]){1, 0, 2}, 3);
    return y;
}

/* One layer; gives its outputs and last states. */
static const char *put_layer(saver *s, const layer *l, const char *x, const fac__trace_arg *hx, bool relu,
                             const char **last)
{
    bool lstm = l->k == &kinds[LSTM];
    int numbers[2] = {lstm ? hx->numbers[0] : hx->number, lstm ? hx->numbers[1] : -1};
    const char *w = put_weights(s, l, 0), *r = put_weights(s, l, 1), *b = l->biases ? put_weights(s, l, 2) : "";
    const char *h = put_state(s, l, numbers[0], s->a->values[numbers[0]].t), *c = "";
    if (lstm) c = put_state(s, l, numbers[1], s->a->values[numbers[1]].t);
    if (!w || !r || !b || !h || !c || !x) return NULL;
    const char *y = fac__onnx_node(s, l->k->onnx, x, w, r, b, "", h, c);
    fac__onnx_give_int(s, "hidden_size", fac_size(param(l, 0, 1), 1));
    if (l->directions == 2) fac__onnx_give_word(s, "direction", "bidirectional");
    if (relu) fac__onnx_give_words(s, "activations", l->directions == 2 ? "Relu Relu" : "Relu");
    if (l->k == &kinds[GRU]) fac__onnx_give_int(s, "linear_before_reset", 1);
    last[0] = fac__onnx_give_output(s);
    last[1] = lstm ? fac__onnx_give_output(s) : NULL;
    return put_joined(s, y, l->directions);
}

static bool save_recurrent(saver *s, const row *r)
{
    enum { MOST = 64 };
    const fac__trace_call *c = fac__onnx_saved(s);
    const fac__trace_arg *hx = fac__trace_arg_at(c, 1);
    layer l = {.k = &kinds[!strcmp(r->onnx, "LSTM") ? LSTM : !strcmp(r->onnx, "GRU") ? GRU : RNN]};
    l.params = fac__trace_arg_at(c, 2);
    l.biases = fac__onnx_bool_at(s, 3);
    l.directions = fac__onnx_bool_at(s, 7) ? 2 : 1;
    int64_t layers;
    bool turned = fac__onnx_bool_at(s, 8), lstm = l.k == &kinds[LSTM];
    if (!fac__onnx_int_at(s, 4, &layers)) return false;
    if (layers > MOST) return fac__onnx_cannot(s, "it has more than %d layers", MOST);
    if (l.params->value.v.tensors.count != layers * l.directions * (l.biases ? 4 : 2))
        return fac__onnx_cannot(s, "ONNX's has no projections");
    if (fac__onnx_float_at(s, 5, 0) != 0 && fac__onnx_bool_at(s, 6)) return fac__onnx_cannot(s, "it drops outputs");
    const char *x = fac__onnx_name_at(s, 0), *lasts[2][MOST + 1] = {{NULL}};
    if (turned) x = put_turned(s, x);
    for (l.number = 0; l.number < layers && x; l.number++) {
        const char *last[2] = {NULL, NULL};
        x = put_layer(s, &l, x, hx, !strcmp(r->aten, "rnn_relu"), last);
        lasts[0][l.number] = last[0];
        lasts[1][l.number] = last[1];
    }
    if (turned) x = put_turned(s, x);
    if (!fac__onnx_is(s, 0, x)) return false;
    for (int i = 0; i < 1 + lstm && c->n_results > 1 + i; i++) {
        const char *all = lasts[i][0];
        if (layers > 1) {
            all = fac__onnx_put(s, "Concat", lasts[i]);
            fac__onnx_give_int(s, "axis", 0);
        }
        if (!fac__onnx_is(s, 1 + i, all)) return false;
    }
    return true;
}

/* A single step: a sequence of one. x, state (of an LSTM two), w_ih, w_hh, b_ih, b_hh */
static bool save_cell(saver *s, const row *r)
{
    const fac__trace_call *c = fac__onnx_saved(s);
    bool lstm = !strcmp(r->onnx, "LSTM");
    layer l = {.k = &kinds[lstm ? LSTM : !strcmp(r->onnx, "GRU") ? GRU : RNN], .directions = 1, .number = 0};
    int numbers[4];
    fac_tensor *tensors[4];
    l.biases = fac__onnx_tensor_at(s, 4) && fac__onnx_tensor_at(s, 5);
    if (!l.biases && (fac__onnx_tensor_at(s, 4) || fac__onnx_tensor_at(s, 5)))
        return fac__onnx_cannot(s, "it has one bias of two");
    for (int i = 0; i < (l.biases ? 4 : 2); i++) {
        numbers[i] = fac__trace_arg_at(c, 2 + i)->number;
        tensors[i] = fac__onnx_tensor_at(s, 2 + i);
    }
    fac__trace_arg params = {.numbers = numbers,
                             .value = {.kind = FAC_VALUE_TENSORS, .v.tensors = {tensors, l.biases ? 4 : 2}}};
    l.params = &params;
    const fac__trace_arg *hx = fac__trace_arg_at(c, 1);
    const char *states[2] = {"", ""}, *x = fac__onnx_put_batched(s, fac__onnx_name_at(s, 0));
    for (int i = 0; i < 1 + lstm; i++) {
        int number = lstm ? hx->numbers[i] : hx->number;
        bool zero = s->a->values[number].source == FAC__TRACE_CONSTANT && all_zero(s->a->values[number].t);
        if (!zero) states[i] = fac__onnx_put_batched(s, s->names[number]);
    }
    const char *w = put_weights(s, &l, 0), *u = put_weights(s, &l, 1), *b = l.biases ? put_weights(s, &l, 2) : "";
    if (!x || !states[0] || !states[1] || !w || !u || !b) return false;
    const char *y = fac__onnx_node(s, r->onnx, x, w, u, b, "", states[0], states[1]);
    fac__onnx_give_int(s, "hidden_size", fac_size(tensors[1], 1));
    if (!strcmp(r->aten, "rnn_relu_cell")) fac__onnx_give_words(s, "activations", "Relu");
    if (l.k == &kinds[GRU]) fac__onnx_give_int(s, "linear_before_reset", 1);
    const char *last = y ? fac__onnx_give_output(s) : NULL, *cell = lstm && last ? fac__onnx_give_output(s) : NULL;
    if (!fac__onnx_is(s, 0, fac__onnx_put_unbatched(s, last))) return false;
    return !lstm || fac__onnx_is(s, 1, fac__onnx_put_unbatched(s, cell));
}

const fac__onnx_operator fac__onnx_recurrent[] = {
    {"LSTM", "lstm", load_recurrent, save_recurrent},
    {"GRU", "gru", load_recurrent, save_recurrent},
    {"RNN", "rnn_tanh", load_recurrent, save_recurrent},
    {"RNN", "rnn_relu", load_recurrent, save_recurrent},
    {"LSTM", "lstm_cell", NULL, save_cell},
    {"GRU", "gru_cell", NULL, save_cell},
    {"RNN", "rnn_tanh_cell", NULL, save_cell},
    {"RNN", "rnn_relu_cell", NULL, save_cell},
    {NULL, NULL, NULL, NULL},
};
