/* Floor 7. Recurrent layers, written as ONNX's operators: layer by layer, single steps as sequences of one. */
#include <stdio.h>

#include "core/raise.h"
#include "facula/ops_join.h"
#include "facula/ops_view.h"
#include "onnx_recurrent.h"
#include "onnx_windows.h"

typedef fac__onnx_operator row;
typedef fac__onnx_saver saver;

typedef struct layer {
    const fac__onnx_gates *k;
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
                fac_tensor *w = fac__onnx_ordered(param(l, d, i), l->k->to_onnx, l->k->gates);
                if (i == 2) {
                    fac_tensor *second = fac__onnx_ordered(param(l, d, 3), l->k->to_onnx, l->k->gates);
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
    bool lstm = l->k == &fac__onnx_kinds[FAC__ONNX_LSTM];
    int numbers[2] = {lstm ? hx->numbers[0] : hx->number, lstm ? hx->numbers[1] : -1};
    const char *w = put_weights(s, l, 0), *r = put_weights(s, l, 1), *b = l->biases ? put_weights(s, l, 2) : "";
    const char *h = put_state(s, l, numbers[0], s->a->values[numbers[0]].t), *c = "";
    if (lstm) c = put_state(s, l, numbers[1], s->a->values[numbers[1]].t);
    if (!w || !r || !b || !h || !c || !x) return NULL;
    const char *y = fac__onnx_node(s, l->k->onnx, x, w, r, b, "", h, c);
    fac__onnx_give_int(s, "hidden_size", fac_size(param(l, 0, 1), 1));
    if (l->directions == 2) fac__onnx_give_word(s, "direction", "bidirectional");
    if (relu) fac__onnx_give_words(s, "activations", l->directions == 2 ? "Relu Relu" : "Relu");
    if (l->k == &fac__onnx_kinds[FAC__ONNX_GRU]) fac__onnx_give_int(s, "linear_before_reset", 1);
    last[0] = fac__onnx_give_output(s);
    last[1] = lstm ? fac__onnx_give_output(s) : NULL;
    return put_joined(s, y, l->directions);
}

bool fac__onnx_save_recurrent(saver *s, const row *r)
{
    enum { MOST = 64 };
    const fac__trace_call *c = fac__onnx_saved(s);
    const fac__trace_arg *hx = fac__trace_arg_at(c, 1);
    layer l = {.k = &fac__onnx_kinds[!strcmp(r->onnx, "LSTM")  ? FAC__ONNX_LSTM
                                     : !strcmp(r->onnx, "GRU") ? FAC__ONNX_GRU
                                                               : FAC__ONNX_RNN]};
    l.params = fac__trace_arg_at(c, 2);
    l.biases = fac__onnx_bool_at(s, 3);
    l.directions = fac__onnx_bool_at(s, 7) ? 2 : 1;
    int64_t layers;
    bool turned = fac__onnx_bool_at(s, 8), lstm = l.k == &fac__onnx_kinds[FAC__ONNX_LSTM];
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
bool fac__onnx_save_cell(saver *s, const row *r)
{
    const fac__trace_call *c = fac__onnx_saved(s);
    bool lstm = !strcmp(r->onnx, "LSTM");
    layer l = {.k = &fac__onnx_kinds[lstm                      ? FAC__ONNX_LSTM
                                     : !strcmp(r->onnx, "GRU") ? FAC__ONNX_GRU
                                                               : FAC__ONNX_RNN],
               .directions = 1,
               .number = 0};
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
    if (l.k == &fac__onnx_kinds[FAC__ONNX_GRU]) fac__onnx_give_int(s, "linear_before_reset", 1);
    const char *last = y ? fac__onnx_give_output(s) : NULL, *cell = lstm && last ? fac__onnx_give_output(s) : NULL;
    if (!fac__onnx_is(s, 0, fac__onnx_put_unbatched(s, last))) return false;
    return !lstm || fac__onnx_is(s, 1, fac__onnx_put_unbatched(s, cell));
}
