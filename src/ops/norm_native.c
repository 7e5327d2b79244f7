/* Floor 4. ATen's forms of batch_norm, layer_norm and group_norm: with their statistics, and their gradients. */
#include <math.h>

#include "facula/ops_create.h"
#include "norm_parts.h"
#include "plain.h"

/* ---- with statistics ---------------------------------------------------------------------------------------- */

#define OPTIONS(...) FAC_OPTIONS(fac_norm_options, __VA_ARGS__)

/* y and its statistics, which are of the parameters' dtype, else the input's. */
static int with_statistics(fac_tensor *x, fac_tensor *parameter, fac_tensor *y, fac_tensor *const *stats,
                           fac_value *results)
{
    results[0] = fac__value_tensor(y);
    for (int i = 0; i < 2; i++)
        results[1 + i] = fac__value_tensor(y ? fac_to(stats[i], fac_dtype_of(parameter ? parameter : x)) : NULL);
    return 3;
}

static int batch(fac_tensor *x, fac_tensor *running_mean, fac_tensor *running_var, fac_norm_options o,
                 fac_value *results)
{
    FAC__OP("native_batch_norm");
    fac_tensor *stats[2] = {NULL}, *y = fac__batch_norm(x, running_mean, running_var, &o, stats);
    if (y && !o.training) /* without training it has none */
        stats[0] = stats[1] = fac_empty(FAC_DIMS(0), .dtype = fac_dtype_of(x));
    return with_statistics(x, o.weight ? o.weight : o.bias ? o.bias : running_mean, y, stats, results);
}
#define BATCH_OPTIONS(train, at)                                                                                       \
    OPTIONS(.weight = T(1), .bias = T(2), .training = train, .momentum = F(at), .eps = F(at + 1))
FAC__CALL(native_batch, return batch(T(0), T(3), T(4), BATCH_OPTIONS(B(5), 6), results))
FAC__CALL(batch_no_stats, return batch(T(0), NULL, NULL, BATCH_OPTIONS(B(3), 4), results))
/* The running statistics as further results, in place of changing them. */
FAC__CALL(batch_functional, {
    fac_tensor *running[2] = {fac_clone(fac_detach(T(3))), fac_clone(fac_detach(T(4)))};
    batch(T(0), running[0], running[1], BATCH_OPTIONS(B(5), 6), results);
    for (count = 3; count < 5; count++)
        results[count] = fac__value_tensor(running[count - 3]);
})
FAC__CALL(batch_no_training, return batch(T(0), T(3), T(4), BATCH_OPTIONS(false, 5), results))

FAC__CALL(native_layer, {
    FAC__OP("native_layer_norm");
    fac_norm_options o = OPTIONS(.weight = T(2), .bias = T(3), .eps = F(4));
    fac_tensor *stats[2] = {NULL}, *y = fac__layer_norm(T(0), L(1), &o, stats);
    return with_statistics(T(0), T(2) ? T(2) : T(3), y, stats, results);
})
FAC__CALL(native_group, {
    FAC__OP("native_group_norm");
    fac_norm_options o = OPTIONS(.weight = T(1), .bias = T(2), .eps = F(7));
    fac_tensor *stats[2] = {NULL}, *y = fac__group_norm(T(0), I(6), &o, stats);
    return with_statistics(T(0), T(1) ? T(1) : T(2), y, stats, results);
})

/* ---- gradients ---------------------------------------------------------------------------------------------- */

/* Where there is no weight or bias to say what its gradient is like, like does; NULL: then there is none. */
static int gradients(const fac__norm *p, fac_tensor *g, fac_tensor *const *saved, fac_tensor *like,
                     const fac_value *mask, fac_value *results)
{
    fac_tensor *in[SAVED], *got[INPUTS] = {NULL};
    bool wants[INPUTS], recorded = fac__tracked(g), ok = true;
    int64_t count = p->kind == BATCH ? p->args.channels : p->args.n * (p->kind == GROUP ? p->args.groups : 1);
    if (g->dtype != saved[X]->dtype || !fac__same_shape(g, saved[X]))
        ok = fac__runtime_error("grad_out is not of the input's shape or dtype");
    for (int i = 0; i < SAVED && ok; i++) {
        fac_tensor *t = saved[i] || i != BIAS ? saved[i] : like;
        if (i >= INPUTS && (!t || t->numel != count))
            ok = fac__runtime_error("the statistics must have %lld elements each", (long long)count);
        in[i] = ok && t ? fac_to(t, p->args.dtype) : NULL;
        if (ok && i >= INPUTS) in[i] = fac__plain(in[i], p->args.dtype);
        ok = ok && (in[i] || !t);
        if (i >= INPUTS) continue;
        const fac_value *m = mask->kind == FAC_VALUE_LIST && i < mask->v.list.count ? &mask->v.list.items[i] : NULL;
        wants[i] = m && m->kind == FAC_VALUE_SCALAR && fac_scalar_to_int(m->v.scalar) && t;
        recorded = recorded || (t && fac__tracked(t));
    }
    ok = ok && fac__norm_gradients(p, in, g, wants, recorded, got);
    for (int i = 0; i < INPUTS; i++)
        results[i] = fac_value_tensor(ok && got[i] ? fac_to(got[i], fac_dtype_of(saved[X])) : NULL);
    return INPUTS;
}

static int layer_gradients(const fac_value *args, fac_value *results)
{
    FAC__OP("native_layer_norm_backward");
    FAC__NEED_OR(T(0), 0);
    FAC__NEED_OR(T(1), 0);
    fac_tensor *saved[SAVED] = {T(1), T(5), T(6), T(3), T(4)};
    fac_norm_options o = OPTIONS(.weight = T(5), .bias = T(6), .eps = NAN);
    fac__norm p = {.kind = LAYER};
    if (!fac__layer_sizes(T(1), L(2), &o, &p.args)) return 0;
    return gradients(&p, T(0), saved, NULL, &args[7], results);
}

static int group_gradients(const fac_value *args, fac_value *results)
{
    FAC__OP("native_group_norm_backward");
    FAC__NEED_OR(T(0), 0);
    FAC__NEED_OR(T(1), 0);
    fac_tensor *saved[SAVED] = {T(1), T(4), NULL, T(2), T(3)};
    fac_norm_options o = OPTIONS(.weight = T(4), .eps = NAN);
    fac__norm p = {.kind = GROUP};
    if (!fac__group_sizes(T(1), I(8), &o, &p.args)) return 0;
    int64_t rows = p.args.n * p.args.channels;
    if (p.args.n != I(5) || p.args.channels != I(6) || (rows && T(1)->numel / rows != I(7)))
        return fac__runtime_error("the input is not of N * C * HxW elements"), 0;
    return gradients(&p, T(0), saved, fac_zeros(FAC_DIMS(p.args.channels), .dtype = p.args.dtype), &args[9], results);
}

/* Without training the statistics are the running ones. */
static int batch_gradients(const fac_value *args, fac_value *results)
{
    FAC__OP("native_batch_norm_backward");
    FAC__NEED_OR(T(0), 0);
    FAC__NEED_OR(T(1), 0);
    fac_tensor *saved[SAVED] = {T(1), T(2), NULL, T(5), T(6)};
    fac_norm_options o = OPTIONS(.weight = T(2), .training = B(7), .eps = F(8));
    fac__norm p = {.kind = BATCH};
    if (!fac__batch_sizes(T(1), T(3), T(4), &o, &p.args)) return 0;
    if (!o.training) {
        fac_no_grad {
            saved[MEAN] = T(3);
            saved[RSTD] = fac_rsqrt(fac_add_scalar(fac_to(T(4), p.args.dtype), o.eps));
        }
    }
    return gradients(&p, T(0), saved, fac_zeros(FAC_DIMS(p.args.channels), .dtype = p.args.dtype), &args[9], results);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

/* clang-format off */
const fac__op fac__ops_norm_native[] = {
    {"native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
     "float momentum, float eps) -> (Tensor, Tensor, Tensor)", native_batch, "batch_norm with its statistics."},
    {"_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, "
     "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)", native_batch, "batch_norm with its statistics."},
    {"_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps) "
     "-> (Tensor, Tensor, Tensor)", batch_no_stats, "batch_norm with its statistics; there are no running ones."},
    {"_native_batch_norm_legit_functional(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, "
     "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor running_mean_out, Tensor running_var_out)",
     batch_functional, "batch_norm with its statistics, and new running ones."},
    {"_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, "
     "float momentum, float eps) -> (Tensor, Tensor, Tensor)", batch_no_training, "batch_norm by the running statistics."},
    {"native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) "
     "-> (Tensor, Tensor, Tensor)", native_layer, "layer_norm with its statistics."},
    {"native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) "
     "-> (Tensor, Tensor, Tensor)", native_group, "group_norm with its statistics."},
    {"native_batch_norm_backward(Tensor grad_out, Tensor input, Tensor? weight, Tensor? running_mean, Tensor? running_var, "
     "Tensor? save_mean, Tensor? save_invstd, bool train, float eps, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
     batch_gradients, "Gradients of batch_norm's input, weight and bias."},
    {"native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, "
     "Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
     layer_gradients, "Gradients of layer_norm's input, weight and bias."},
    {"native_group_norm_backward(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, SymInt N, SymInt C, "
     "SymInt HxW, int group, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
     group_gradients, "Gradients of group_norm's input, weight and bias."},
    {0},
};
/* clang-format on */
