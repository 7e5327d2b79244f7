/* Floor 4. One layer of a recurrent network in one direction. All its steps are one node: the inputs' part is one product
 * for all steps, then a step is one product with W_hh and one kernel; backward the same, and one product for each weight
 * at the end. Where the gradient is to be differentiated again, and for what that does not fit (other dtypes, projections,
 * sizes that are wrong), there is the same thing made of plain operations. */
#include <string.h>

#include "backend/gemm.h"
#include "facula/ops_create.h"
#include "facula/ops_join.h"
#include "facula/ops_matmul.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "plain.h"
#include "rnn_parts.h"
#include "shaping.h"

/* What the node saves besides its inputs. By time, but for the cells before all steps but the first, in order of the steps. */
enum { Y = RNN_INPUTS, GATES, KEPT, CELLS, SAVED };

/* ---- made of plain operations ------------------------------------------------------------------------------- */

/* One step, in the order of ATen's cells; u is what comes of the input, v of h. */
static fac_tensor *plain_step(fac__rnn_kind kind, fac_tensor *u, fac_tensor *v, fac_tensor *h, fac_tensor **c)
{
    if (!u || !v) return NULL;
    if (kind == FAC__RNN_TANH) return fac_tanh(fac_add(v, u));
    if (kind == FAC__RNN_RELU) return fac_relu(fac_add(v, u));
    if (kind == FAC__GRU) {
        fac_tensor_list of_x = fac_chunk(u, 3, -1), of_h = fac_chunk(v, 3, -1);
        if (of_x.count != 3 || of_h.count != 3) return NULL;
        fac_tensor *reset = fac_sigmoid(fac_add(of_h.items[0], of_x.items[0]));
        fac_tensor *update = fac_sigmoid(fac_add(of_h.items[1], of_x.items[1]));
        fac_tensor *fresh = fac_tanh(fac_add(of_x.items[2], fac_mul(of_h.items[2], reset)));
        return fac_add(fac_mul(fac_sub(h, fresh), update), fresh);
    }
    fac_tensor_list gates = fac_chunk(fac_add(v, u), 4, -1);
    if (gates.count != 4) return NULL;
    fac_tensor *kept = fac_mul(fac_sigmoid(gates.items[1]), *c);
    *c = fac_add(kept, fac_mul(fac_sigmoid(gates.items[0]), fac_tanh(gates.items[2])));
    return *c ? fac_mul(fac_sigmoid(gates.items[3]), fac_tanh(*c)) : NULL;
}

static fac_tensor *composed(fac__rnn_layer p, fac_tensor *const *in, fac_tensor **c)
{
    int64_t steps = in[INPUT]->shape[0];
    fac_tensor *u = fac_linear(in[INPUT], in[W_IH], in[B_IH]), *h = in[H0];
    fac_tensor_list states = u ? fac__list_new(steps) : fac__no_list;
    *c = in[C0];
    if (!states.items) return NULL;
    for (int64_t s = 0; s < steps && h; s++) {
        int64_t t = p.reverse ? steps - 1 - s : s;
        h = plain_step(p.kind, fac_select(u, 0, t), fac_linear(h, in[W_HH], in[B_HH]), h, c);
        if (h && in[W_HR]) h = fac_linear(h, in[W_HR], NULL);
        states.items[t] = h;
    }
    return h ? fac_stack(states, 0) : NULL;
}

/* ---- forward ------------------------------------------------------------------------------------------------ */

/* c = a b + beta c, all contiguous; a factor may stand transposed. */
static void multiply(fac_dtype dtype, int64_t m, int64_t n, int64_t k, const void *a, bool ta, const void *b, bool tb,
                     void *c, double beta)
{
    fac__gemm_args args = {.dtype = dtype, .batch = 1, .m = m, .n = n, .k = k, .a = a, .b = b, .c = c};
    args.a_row = ta ? 1 : k;
    args.a_col = ta ? m : 1;
    args.b_row = tb ? 1 : n;
    args.b_col = tb ? k : 1;
    args.c_row = n;
    args.c_col = args.alpha = 1;
    args.beta = beta;
    FAC__LAUNCH(fac__k_gemm, args);
}

/* Part i of a tensor along its first dimension; the only one, where there is but one. */
static void *part(const fac_tensor *t, int64_t i)
{
    return (char *)fac__data(t) +
           (t->shape[0] > 1 ? i : 0) * t->strides[0] * (int64_t)fac_dtype_size((fac_dtype)t->dtype);
}

static fac_tensor *own(fac_dtype dtype, int64_t steps, int64_t batch, int64_t width)
{
    return fac__own(fac__new(dtype, 3, (int64_t[]){steps, batch, width}));
}

static fac_tensor *turned(fac_tensor *t)
{
    fac_tensor *view = NULL;
    fac_no_grad
        view = fac_t(t);
    return view;
}

/* Fills made[Y…] and the last c; those that backward needs are whole if keep. In contiguous, but for weights. */
static bool run(fac__rnn_layer p, fac_tensor *const *in, bool keep, fac_tensor **made, fac_tensor **last)
{
    int64_t steps = in[INPUT]->shape[0], batch = in[INPUT]->shape[1], hidden = in[W_HH]->shape[1],
            width = in[W_HH]->shape[0];
    fac_dtype dtype = (fac_dtype)in[INPUT]->dtype;
    /* Transposed once, rather than packed at each step. */
    fac_tensor *w_hh = fac__plain(steps > 1 ? turned(in[W_HH]) : in[W_HH], dtype), *w_ih = fac__plain(in[W_IH], dtype);
    fac_tensor *zeros = in[B_IH] && in[B_HH] ? NULL : fac_zeros(FAC_DIMS(width), .dtype = dtype);
    fac_tensor *b_ih = in[B_IH] ? in[B_IH] : zeros, *b_hh = in[B_HH] ? in[B_HH] : zeros;
    fac_tensor *gates = made[GATES] = own(dtype, steps, batch, width), *hh = own(dtype, 1, batch, width);
    fac_tensor *kept = made[KEPT] = own(dtype, keep ? steps : 1, batch, hidden);
    fac_tensor *cells = made[CELLS] = own(dtype, keep && steps > 2 ? steps - 1 : 1, batch, hidden);
    fac_tensor *y = made[Y] = own(dtype, steps, batch, hidden);
    *last = p.kind == FAC__LSTM ? fac__own(fac__new(dtype, 2, (int64_t[]){batch, hidden})) : NULL;
    if (!w_hh || !w_ih || !b_ih || !b_hh || !gates || !hh || !kept || !cells || !y || !*last != (p.kind != FAC__LSTM))
        return false;
    multiply(dtype, steps * batch, width, in[INPUT]->shape[2], fac__data(in[INPUT]), false, fac__data(w_ih), true,
             fac__data(gates), 0);
    fac__rnn_args a = {.dtype = dtype, .kind = p.kind, .reverse = p.reverse, .keeps = keep, .steps = steps};
    a.batch = batch;
    a.hidden = hidden;
    a.h0 = fac__data(in[H0]);
    a.c0 = in[C0] ? fac__data(in[C0]) : NULL;
    a.w_hh = fac__data(w_hh);
    a.gates = fac__data(gates);
    a.kept = fac__data(kept);
    a.cells = fac__data(cells);
    a.y = fac__data(y);
    a.b_ih = fac__data(b_ih);
    a.b_hh = fac__data(b_hh);
    a.hh = fac__data(hh);
    a.last_c = *last ? fac__data(*last) : NULL;
    if (y->numel) FAC__LAUNCH(fac__k_rnn, a);
    return true;
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

/* A copy of g that may be written to; zeros if it is NULL. */
static fac_tensor *start(fac_tensor *g, fac_dtype dtype, int64_t batch, int64_t hidden)
{
    fac_tensor *t = fac__own(fac__new(dtype, 2, (int64_t[]){batch, hidden}));
    bool filled = t && (g ? fac__copy_into(t, g) : fac__fill_into(t, fac_scalar_int(0)));
    return filled ? t : NULL;
}

/* The gradients of weights and inputs, from those of the gates. */
static void finish(fac__node *n, fac__rnn_layer p, fac_tensor *dgates, fac_tensor *dgates_hh, fac_tensor *y,
                   fac_tensor **gx)
{
    int64_t steps = y->shape[0], batch = y->shape[1], hidden = y->shape[2], width = dgates->shape[2];
    fac_dtype dtype = (fac_dtype)y->dtype;
    if (fac__wants(n, INPUT) || fac__wants(n, W_IH)) {
        fac_tensor *x = fac__plain(fac__saved(n, INPUT), dtype), *w = fac__plain(fac__saved(n, W_IH), dtype);
        if (!x || !w) return;
        int64_t in = x->shape[2];
        if (fac__wants(n, INPUT) && (gx[INPUT] = fac__own(fac__new_like(x, dtype))))
            multiply(dtype, steps * batch, in, width, fac__data(dgates), false, fac__data(w), false,
                     fac__data(gx[INPUT]), 0);
        if (fac__wants(n, W_IH) && (gx[W_IH] = fac__own(fac__new_like(w, dtype))))
            multiply(dtype, width, in, steps * batch, fac__data(dgates), true, fac__data(x), false, fac__data(gx[W_IH]),
                     0);
    }
    if (fac__wants(n, W_HH)) {
        fac_tensor *h0 = fac__plain(fac__saved(n, H0), dtype), *g = NULL;
        if (!h0 || !(g = gx[W_HH] = fac__own(fac__new(dtype, 2, (int64_t[]){width, hidden})))) return;
        multiply(dtype, width, hidden, batch, part(dgates_hh, p.reverse ? steps - 1 : 0), true, fac__data(h0), false,
                 fac__data(g), 0);
        multiply(dtype, width, hidden, (steps - 1) * batch, part(dgates_hh, !p.reverse), true, part(y, p.reverse),
                 false, fac__data(g), 1);
    }
    if (fac__wants(n, B_IH)) gx[B_IH] = fac_sum(dgates, .dims = FAC_DIMS(0, 1));
    bool same = dgates == dgates_hh && gx[B_IH];
    if (fac__wants(n, B_HH)) gx[B_HH] = same ? fac_clone(gx[B_IH]) : fac_sum(dgates_hh, .dims = FAC_DIMS(0, 1));
}

static void plain_gradients(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac__rnn_layer p = *(const fac__rnn_layer *)n->params;
    bool lstm = p.kind == FAC__LSTM, gru = p.kind == FAC__GRU;
    fac_tensor *y = fac__saved(n, Y), *gates = fac__saved(n, GATES), *kept = fac__saved(n, KEPT);
    fac_tensor *cells = fac__saved(n, CELLS), *w_hh = fac__saved(n, W_HH);
    if (!y || !gates || !kept || !cells || !w_hh) return;
    int64_t steps = y->shape[0], batch = y->shape[1], hidden = y->shape[2];
    fac_dtype dtype = (fac_dtype)y->dtype;
    fac_tensor *h0 = gru ? fac__plain(fac__saved(n, H0), dtype) : NULL;
    fac_tensor *c0 = lstm ? fac__plain(fac__saved(n, C0), dtype) : NULL, *dy = fac__plain(gy[0], dtype);
    fac_tensor *dh = start(NULL, dtype, batch, hidden), *dc = lstm ? start(gy[1], dtype, batch, hidden) : NULL;
    fac_tensor *dgates = fac__own(fac__new_like(gates, dtype)), *dgates_hh = dgates;
    if (gru) dgates_hh = fac__own(fac__new_like(gates, dtype));
    w_hh = fac__plain(w_hh, dtype);
    if (!w_hh || (gru && !h0) || (lstm && (!c0 || !dc)) || (gy[0] && !dy) || !dh || !dgates || !dgates_hh) return;
    fac__rnn_args a = {.dtype = dtype, .kind = p.kind, .reverse = p.reverse, .keeps = true, .steps = steps};
    a.batch = batch;
    a.hidden = hidden;
    a.h0 = h0 ? fac__data(h0) : NULL;
    a.c0 = c0 ? fac__data(c0) : NULL;
    a.w_hh = fac__data(w_hh);
    a.gates = fac__data(gates);
    a.kept = fac__data(kept);
    a.cells = fac__data(cells);
    a.y = fac__data(y);
    a.dy = dy ? fac__data(dy) : NULL;
    a.dh = fac__data(dh);
    a.dc = dc ? fac__data(dc) : NULL;
    a.wants_h0 = fac__wants(n, H0);
    a.dgates = fac__data(dgates);
    a.dgates_hh = gru ? fac__data(dgates_hh) : NULL;
    if (y->numel) FAC__LAUNCH(fac__k_rnn_backward, a);
    if (fac__wants(n, H0)) gx[H0] = dh;
    if (fac__wants(n, C0)) gx[C0] = dc;
    finish(n, p, dgates, dgates_hh, y, gx);
}

static void recorded_gradients(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *in[RNN_ALL] = {NULL}, *wanted[RNN_INPUTS], *grads[RNN_INPUTS], *out[2], *g[2], *c = NULL;
    int count = 0, roots = 0, which[RNN_INPUTS];
    for (int i = 0; i < RNN_INPUTS; i++) {
        fac_tensor *t = fac__saved(n, i);
        if (!t && fac_get_error_code()) return;
        if (!t) continue;
        /* A header of its own, so that the gradient stops here even where one input was made of another. */
        in[i] = fac__tracked(t) ? fac_view(t, fac_shape(t)) : fac_detach(t);
        if (!in[i]) return;
        if (!fac__wants(n, i)) continue;
        if (!fac__tracked(t)) fac_requires_grad_(in[i], true);
        which[count] = i;
        wanted[count++] = in[i];
    }
    fac_tensor *y = composed(*(const fac__rnn_layer *)n->params, in, &c);
    if (!y) return;
    if (gy[0]) out[roots] = y, g[roots++] = gy[0];
    if (n->n_out > 1 && gy[1]) out[roots] = c, g[roots++] = gy[1];
    if (!fac_autograd_grad(out, roots, wanted, count, grads, .grad_outputs = g, .create_graph = true,
                           .allow_unused = true))
        return;
    for (int i = 0; i < count; i++)
        gx[which[i]] = grads[i];
}

static void backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    if (fac_is_grad_enabled())
        recorded_gradients(n, gy, gx);
    else
        plain_gradients(n, gy, gx);
}

/* ---- both --------------------------------------------------------------------------------------------------- */

static bool shaped(const fac_tensor *t, int64_t first, int64_t second)
{
    return t->ndim == (second < 0 ? 1 : 2) && t->shape[0] == first && (second < 0 || t->shape[1] == second);
}

/* Whether all sizes and dtypes are right for the kernels. */
static bool fits(fac__rnn_layer p, fac_tensor *const *in)
{
    const fac_tensor *x = in[INPUT], *w_hh = in[W_HH];
    if (in[W_HR] || (x->dtype != FAC_FLOAT32 && x->dtype != FAC_FLOAT64)) return false;
    for (int i = 0; i < RNN_INPUTS; i++)
        if (in[i] && in[i]->dtype != x->dtype) return false;
    if (x->ndim != 3 || w_hh->ndim != 2 || w_hh->shape[0] != w_hh->shape[1] * fac__rnn_gates(p.kind)) return false;
    int64_t batch = x->shape[1], hidden = w_hh->shape[1], width = w_hh->shape[0];
    return shaped(in[H0], batch, hidden) && (!in[C0] || shaped(in[C0], batch, hidden)) &&
           shaped(in[W_IH], width, x->shape[2]) && (!in[B_IH] || shaped(in[B_IH], width, -1)) &&
           (!in[B_HH] || shaped(in[B_HH], width, -1));
}

fac_tensor *fac__rnn_run(fac__rnn_layer p, fac_tensor *const *in, fac_tensor **c)
{
    static const char *const names[] = {"LstmLayerBackward0", "GruLayerBackward0", "RnnTanhLayerBackward0",
                                        "RnnReluLayerBackward0"};
    fac_tensor *plain[RNN_INPUTS], *made[SAVED] = {NULL}, *y = NULL, *last = NULL;
    *c = NULL;
    if (!fits(p, in)) return composed(p, in, c);
    fac__node *n = fac__record_n(names[p.kind], backward, p.kind == FAC__LSTM ? 2 : 1, SAVED, sizeof p, RNN_INPUTS, in);
    fac_scope {
        bool good = true;
        for (int i = 0; i < RNN_INPUTS && good; i++) {
            plain[i] = fac__plain(in[i], (fac_dtype)in[INPUT]->dtype);
            good = plain[i] || !in[i];
        }
        if (!good || !run(p, plain, n != NULL, made, &last)) break;
        if (n && !n->failed) *(fac__rnn_layer *)n->params = p;
        for (int i = 0; i < SAVED; i++)
            if (i != Y) fac__save(n, i, i < RNN_INPUTS ? in[i] : made[i]);
        fac__save_output(n, Y, made[Y], 0);
        y = fac__retain(made[Y]);
        *c = fac__retain(last);
    }
    y = fac__result_nr(n, y, 0);
    *c = fac__result_nr(n, *c, 1);
    fac__done(n);
    return y;
}
