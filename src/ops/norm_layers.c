/* Floor 4. Normalisation by mean and variance: one kernel forward, one backward. Where the gradient is to be differentiated
 * again, it is the gradient of the same thing made of plain operations. */
#include <math.h>
#include <string.h>

#include "facula/ops_norm.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "norm_parts.h"
#include "plain.h"
#include "tracing.h"

/* ---- made of plain operations ------------------------------------------------------------------------------- */

/* weight or bias in a shape that broadcasts against x */
static fac_tensor *along(const fac__norm *p, fac_tensor *affine, const fac_tensor *x)
{
    if (p->kind == LAYER) return affine;
    fac_dims shape = {.n = x->ndim};
    for (int i = 0; i < x->ndim; i++)
        shape.d[i] = i == 1 ? p->args.channels : 1;
    return fac_view(affine, shape);
}

/* var + eps; an eps that is not known (NAN) is what makes it fit the statistics. */
static fac_tensor *with_eps(const fac__norm_args *a, fac_tensor *var, fac_tensor *rstd)
{
    if (!isnan(a->eps) || !var) return fac_add_scalar(var, a->eps);
    fac_tensor *sum = fac_reciprocal(fac_square(fac_view(rstd, fac_shape(var))));
    return fac_add(var, fac_sub(sum, fac_detach(var)));
}

static fac_tensor *composed(const fac__norm *p, fac_tensor *const *in)
{
    const fac__norm_args *a = &p->args;
    fac_tensor *x = in[X], *rows = x, *centred, *y;
    fac_dims over = FAC_DIMS(1);
    if (p->kind == BATCH) rows = fac_reshape(x, FAC_DIMS(a->n, a->channels, a->inner)), over = FAC_DIMS(0, 2);
    if (p->kind == GROUP) rows = fac_reshape(x, FAC_DIMS(a->n * a->groups, a->channels / a->groups * a->inner));
    if (p->kind == LAYER) rows = fac_reshape(x, FAC_DIMS(a->n, a->inner));
    if (p->kind == BATCH && !a->training) {
        fac_dims column = FAC_DIMS(a->channels, 1);
        y = fac_mul(fac_sub(rows, fac_view(in[MEAN], column)), fac_view(in[RSTD], column));
    } else {
        centred = fac_sub(rows, fac_mean(rows, .dims = over, .keepdim = true));
        fac_tensor *var = fac_mean(fac_square(centred), .dims = over, .keepdim = true);
        y = fac_mul(centred, fac_rsqrt(with_eps(a, var, in[RSTD])));
    }
    y = fac_reshape(y, fac_shape(x));
    if (in[WEIGHT]) y = fac_mul(y, along(p, in[WEIGHT], x));
    return in[BIAS] ? fac_add(y, along(p, in[BIAS], x)) : y;
}

static bool recorded_gradients(const fac__norm *p, fac_tensor *const *saved, fac_tensor *g, const bool *wants,
                               fac_tensor **gx)
{
    fac_tensor *in[SAVED], *wanted[INPUTS], *grads[INPUTS];
    int count = 0, which[INPUTS];
    for (int i = 0; i < SAVED; i++) {
        fac_tensor *t = in[i] = saved[i];
        if (i >= INPUTS || !t) continue;
        /* A header of its own, so that the gradient stops here even where one input was made of another. */
        in[i] = fac__tracked(t) ? fac_view(t, fac_shape(t)) : fac_detach(t);
        if (!wants[i]) continue;
        if (!fac__tracked(t)) fac_requires_grad_(in[i], true);
        which[count] = i;
        wanted[count++] = in[i];
    }
    fac_tensor *y = composed(p, in);
    if (!y || !fac_autograd_grad(&y, 1, wanted, count, grads, .grad_outputs = &g, .create_graph = true)) return false;
    for (int i = 0; i < count; i++)
        gx[which[i]] = grads[i];
    return true;
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

static void *data_of(fac_tensor *t)
{
    return t ? fac__data(t) : NULL;
}

static void launch(fac__norm_kind k, fac__norm_args *a, bool backward)
{
    if (k == BATCH && backward)
        FAC__LAUNCH(fac__k_batch_norm_backward, *a);
    else if (k == BATCH)
        FAC__LAUNCH(fac__k_batch_norm, *a);
    else if (k == GROUP && backward)
        FAC__LAUNCH(fac__k_group_norm_backward, *a);
    else if (k == GROUP)
        FAC__LAUNCH(fac__k_group_norm, *a);
    else if (backward)
        FAC__LAUNCH(fac__k_layer_norm_backward, *a);
    else
        FAC__LAUNCH(fac__k_layer_norm, *a);
}

bool fac__norm_gradients(const fac__norm *p, fac_tensor *const *saved, fac_tensor *gy, const bool *wants, bool recorded,
                         fac_tensor **gx)
{
    if (recorded) return recorded_gradients(p, saved, gy, wants, gx);
    fac__norm_args a = p->args;
    fac_dtype dtype = a.dtype;
    fac_tensor *plain = fac__plain(saved[X], dtype), *w = fac__plain(saved[WEIGHT], dtype), *g = fac__plain(gy, dtype),
               *work = NULL;
    fac_tensor *made[INPUTS] = {NULL};
    bool good = plain && g && (w || !saved[WEIGHT]);
    for (int i = 0; i < INPUTS && good; i++)
        if (wants[i]) good = (made[i] = fac__own(fac__new_like(saved[i], dtype))) != NULL;
    int64_t size = 2 * a.n * a.channels;
    if (good && p->kind == GROUP) good = (work = fac__own(fac__new(FAC_FLOAT64, 1, &size))) != NULL;
    if (!good) return false;
    a.x = fac__data(plain);
    a.weight = data_of(w);
    a.mean = fac__data(saved[MEAN]);
    a.rstd = fac__data(saved[RSTD]);
    a.dy = fac__data(g);
    a.dx = data_of(made[X]);
    a.dweight = data_of(made[WEIGHT]);
    a.dbias = data_of(made[BIAS]);
    a.work = data_of(work);
    launch(p->kind, &a, true);
    memcpy(gx, made, sizeof made);
    return true;
}

static void backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *saved[SAVED];
    bool wants[INPUTS];
    for (int i = 0; i < SAVED; i++)
        saved[i] = fac__saved(n, i);
    for (int i = 0; i < INPUTS; i++)
        wants[i] = fac__wants(n, i);
    if (!saved[X] || fac_get_error_code()) return;
    fac__norm_gradients(n->params, saved, gy[0], wants, fac_is_grad_enabled(), gx);
}

/* ---- forward ------------------------------------------------------------------------------------------------ */

/* The computation's dtype; NONE after an error, in the words of PyTorch's kernel. */
static fac_dtype check_dtypes(const char *kernel, const fac_tensor *x, const fac_tensor *weight, const fac_tensor *bias)
{
    fac_dtype d = (fac_dtype)x->dtype, wide = fac__compute_type(d);
    if (!fac_dtype_is_floating(d))
        return fac__runtime_error("\"%s\" not implemented for '%s'", kernel, fac__dtype_word(d)), FAC_DTYPE_NONE;
    const fac_tensor *affine[] = {weight, bias};
    for (int i = 0; i < 2; i++)
        if (affine[i] && affine[i]->dtype != d && affine[i]->dtype != wide)
            return fac__runtime_error("expected scalar type %s but found %s", fac__dtype_word(d),
                                      fac__dtype_word((fac_dtype)affine[i]->dtype)),
                   FAC_DTYPE_NONE;
    return wide;
}

static fac_tensor *cast(fac_tensor *t, fac_dtype dtype)
{
    return t ? fac_to(t, dtype) : NULL;
}

/* x of the computation's dtype. Takes the sizes; statistics are new tensors of that shape, and go to stats[2], too, if it is
 * not NULL. */
static fac_tensor *normalise(fac__norm_kind k, const char *name, fac__norm_args a, fac_tensor *x, fac_tensor *weight,
                             fac_tensor *bias, fac_dims shape, fac_tensor **stats)
{
    fac__norm kept = {k, a};
    if (!x) return NULL;
    fac_tensor *plain = fac__plain(x, a.dtype), *w = fac__plain(weight, a.dtype), *b = fac__plain(bias, a.dtype);
    fac_tensor *mean = fac__own(fac__new(a.dtype, shape.n, shape.d)),
               *rstd = fac__own(fac__new(a.dtype, shape.n, shape.d));
    if (!plain || (weight && !w) || (bias && !b) || !mean || !rstd) return NULL;
    fac_tensor *y = fac__new_like(x, a.dtype);
    if (!y) return NULL;
    kept.args.running_mean = kept.args.running_var = NULL;
    a.x = fac__data(plain);
    a.weight = data_of(w);
    a.bias = data_of(b);
    a.y = fac__data(y);
    a.mean = fac__data(mean);
    a.rstd = fac__data(rstd);
    if (x->numel) launch(k, &a, false);
    fac__node *n = fac__record(name, backward, 1, SAVED, sizeof(fac__norm), x, weight, bias);
    if (n && !n->failed) *(fac__norm *)n->params = kept;
    fac__save(n, X, x);
    fac__save(n, WEIGHT, weight);
    fac__save(n, BIAS, bias);
    fac__save(n, MEAN, mean);
    fac__save(n, RSTD, rstd);
    if (stats) stats[0] = mean, stats[1] = rstd;
    return fac__result(n, y);
}

static int64_t product(const fac_tensor *x, int from)
{
    int64_t p = 1;
    for (int i = from; i < x->ndim; i++)
        p *= x->shape[i];
    return p;
}

static bool check_channels(const char *name, const fac_tensor *t, int64_t channels)
{
    if (!t || t->numel == channels) return true;
    return fac__runtime_error("%s should contain %lld elements not %lld", name, (long long)channels,
                              (long long)t->numel),
           false;
}

/* Running statistics as the kernel wants them, and back where that made a copy. */
static bool give_back(fac_tensor *running, fac_tensor *used)
{
    if (!running || !used) return true;
    running->storage->version++;
    return running == used || fac__copy_into(running, used);
}

/* The checks and the sizes of each kind. */
bool fac__batch_sizes(const fac_tensor *input, const fac_tensor *running_mean, const fac_tensor *running_var,
                      const fac_norm_options *o, fac__norm_args *a)
{
    int64_t channels = input->ndim < 2 ? 0 : input->shape[1], inner = product(input, 2); /* PyTorch takes [0], too */
    if (!o->training && !running_mean) return fac__runtime_error("running_mean must be defined in evaluation mode");
    if (!o->training && !running_var) return fac__runtime_error("running_var must be defined in evaluation mode");
    if (!check_channels("running_mean", running_mean, channels) ||
        !check_channels("running_var", running_var, channels) || !check_channels("weight", o->weight, channels) ||
        !check_channels("bias", o->bias, channels))
        return false;
    if (input->ndim < 2 && input->numel)
        return fac__index_error("Dimension out of range (expected to be in range of [-1, 0], but got 1)");
    *a = (fac__norm_args){.n = input->shape[0], .channels = channels, .inner = inner, .groups = 1, .eps = o->eps};
    a->training = o->training;
    a->momentum = o->momentum;
    return (a->dtype = check_dtypes("batch_norm", input, o->weight, o->bias)) != FAC_DTYPE_NONE;
}

fac_tensor *fac__batch_norm(fac_tensor *input, fac_tensor *running_mean, fac_tensor *running_var,
                            const fac_norm_options *o, fac_tensor **stats)
{
    FAC__NEED(input);
    fac__norm_args a;
    if (!fac__batch_sizes(input, running_mean, running_var, o, &a)) return NULL;
    fac_tensor *mean = fac__plain(running_mean, a.dtype), *var = fac__plain(running_var, a.dtype);
    if ((running_mean && !mean) || (running_var && !var)) return NULL;
    a.running_mean = data_of(mean);
    a.running_var = data_of(var);
    fac_tensor *y = normalise(BATCH, "NativeBatchNormBackward0", a, fac_to(input, a.dtype), cast(o->weight, a.dtype),
                              cast(o->bias, a.dtype), FAC_DIMS(a.channels), stats);
    if (y && o->training && !(give_back(running_mean, mean) && give_back(running_var, var))) return NULL;
    return cast(y, (fac_dtype)input->dtype);
}

fac_tensor *fac_batch_norm_with(fac_tensor *input, fac_tensor *running_mean, fac_tensor *running_var,
                                fac_norm_options options)
{
    FAC__OP("batch_norm");
    FAC__TRACE_IF(input && (!options.training || !running_mean), "batch_norm.functional", FAC__ARG(input),
                  FAC__ARG(running_mean), FAC__ARG(running_var), FAC__ARG(options.weight), FAC__ARG(options.bias),
                  FAC__ARG(options.training), FAC__ARG(options.momentum), FAC__ARG(options.eps));
    if (options.training && input && input->ndim && input->shape[0] * product(input, 2) == 1)
        return fac__value_error("Expected more than 1 value per channel when training, got input size torch.Size(%s)",
                                fac__shape_text(input->ndim, input->shape));
    return fac__batch_norm(input, running_mean, running_var, &options, NULL);
}

bool fac__layer_sizes(const fac_tensor *input, fac_dims normalized_shape, const fac_norm_options *o, fac__norm_args *a)
{
    int n = normalized_shape.n, lead = input->ndim - n;
    if (n < 1)
        return fac__runtime_error(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []");
    const fac_tensor *affine[] = {o->weight, o->bias};
    for (int i = 0; i < 2; i++)
        if (affine[i] &&
            (affine[i]->ndim != n || memcmp(affine[i]->shape, normalized_shape.d, (size_t)n * sizeof(int64_t))))
            return fac__runtime_error("Expected %s to be of same shape as normalized_shape, but got %s of shape %s and "
                                      "normalized_shape = %s",
                                      i ? "bias" : "weight", i ? "bias" : "weight",
                                      fac__shape_text(affine[i]->ndim, affine[i]->shape),
                                      fac__shape_text(n, normalized_shape.d));
    if (lead < 0 || memcmp(input->shape + lead, normalized_shape.d, (size_t)n * sizeof(int64_t))) {
        const char *shape = fac__shape_text(n, normalized_shape.d);
        return fac__runtime_error(
            "Given normalized_shape=%s, expected input with shape [*, %s, but got input of size%s", shape, shape + 1,
            fac__shape_text(input->ndim, input->shape));
    }
    *a = (fac__norm_args){.n = 1, .channels = 1, .inner = product(input, lead), .groups = 1, .eps = o->eps};
    for (int i = 0; i < lead; i++)
        a->n *= input->shape[i];
    return (a->dtype = check_dtypes("LayerNormKernelImpl", input, o->weight, o->bias)) != FAC_DTYPE_NONE;
}

fac_tensor *fac__layer_norm(fac_tensor *input, fac_dims normalized_shape, const fac_norm_options *o, fac_tensor **stats)
{
    FAC__NEED(input);
    fac__norm_args a;
    if (!fac__layer_sizes(input, normalized_shape, o, &a)) return NULL;
    fac_dims shape = fac_shape(input);
    for (int i = input->ndim - normalized_shape.n; i < input->ndim; i++)
        shape.d[i] = 1;
    fac_tensor *y = normalise(LAYER, "NativeLayerNormBackward0", a, fac_to(input, a.dtype), cast(o->weight, a.dtype),
                              cast(o->bias, a.dtype), shape, stats);
    return cast(y, (fac_dtype)input->dtype);
}

fac_tensor *fac_layer_norm_with(fac_tensor *input, fac_dims normalized_shape, fac_norm_options options)
{
    FAC__OP("layer_norm");
    FAC__TRACE_IF(input && normalized_shape.n > 0, "layer_norm", FAC__ARG(input), FAC__ARG(&normalized_shape),
                  FAC__ARG(options.weight), FAC__ARG(options.bias), FAC__ARG(options.eps));
    return fac__layer_norm(input, normalized_shape, &options, NULL);
}

bool fac__group_sizes(const fac_tensor *input, int64_t num_groups, const fac_norm_options *o, fac__norm_args *a)
{
    if (input->ndim < 2)
        return fac__runtime_error("Expected at least 2 dimensions for input tensor but received %d", input->ndim);
    int64_t channels = input->shape[1], inner = product(input, 2);
    if (num_groups < 1)
        return fac__runtime_error("Expected num groups to be greater than 0, got %lld", (long long)num_groups);
    if (channels % num_groups)
        return fac__runtime_error(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape %s "
            "and num_groups=%lld",
            fac__shape_text(input->ndim, input->shape), (long long)num_groups);
    const fac_tensor *affine[] = {o->weight, o->bias};
    for (int i = 0; i < 2; i++)
        if (affine[i] && (affine[i]->ndim != 1 || affine[i]->numel != channels))
            return fac__runtime_error(
                "Expected %s to be a vector of size equal to the number of channels in input, but got %s "
                "of shape %s and input of shape %s",
                i ? "bias" : "weight", i ? "bias" : "weight", fac__shape_text(affine[i]->ndim, affine[i]->shape),
                fac__shape_text(input->ndim, input->shape));
    *a = (fac__norm_args){
        .n = input->shape[0], .channels = channels, .inner = inner, .groups = num_groups, .eps = o->eps};
    return (a->dtype = check_dtypes("GroupNormKernelImpl", input, o->weight, o->bias)) != FAC_DTYPE_NONE;
}

fac_tensor *fac__group_norm(fac_tensor *input, int64_t num_groups, const fac_norm_options *o, fac_tensor **stats)
{
    FAC__NEED(input);
    fac__norm_args a;
    if (!fac__group_sizes(input, num_groups, o, &a)) return NULL;
    if (!stats && a.channels / a.groups * a.inner * a.n == 1)
        return fac__value_error("Expected more than 1 value per channel when training, got input size %s",
                                fac__shape_text(input->ndim, input->shape));
    fac_tensor *y = normalise(GROUP, "NativeGroupNormBackward0", a, fac_to(input, a.dtype), cast(o->weight, a.dtype),
                              cast(o->bias, a.dtype), FAC_DIMS(a.n, a.groups), stats);
    return cast(y, (fac_dtype)input->dtype);
}

fac_tensor *fac_group_norm_with(fac_tensor *input, int64_t num_groups, fac_norm_options options)
{
    FAC__OP("group_norm");
    FAC__TRACE_IF(input, "group_norm", FAC__ARG(input), FAC__ARG(num_groups), FAC__ARG(options.weight),
                  FAC__ARG(options.bias), FAC__ARG(options.eps));
    return fac__group_norm(input, num_groups, &options, NULL);
}

/* As PyTorch does: a batch norm of one sample with N * C channels, and the running statistics' means over the samples. */
fac_tensor *fac_instance_norm_with(fac_tensor *input, fac_norm_options options)
{
    FAC__OP("instance_norm");
    FAC__NEED(input);
    FAC__TRACE("instance_norm.functional", FAC__ARG(input), FAC__ARG(options.running_mean),
               FAC__ARG(options.running_var), FAC__ARG(options.weight), FAC__ARG(options.bias),
               FAC__ARG(options.use_input_stats), FAC__ARG(options.momentum), FAC__ARG(options.eps));
    const fac_norm_options *o = &options;
    if (input->ndim < 2)
        return fac__index_error("Dimension out of range (expected to be in range of [-1, 0], but got 1)");
    if (o->use_input_stats && product(input, 2) == 1)
        return fac__value_error("Expected more than 1 spatial element when training, got input size torch.Size(%s)",
                                fac__shape_text(input->ndim, input->shape));
    if (!o->use_input_stats && !(o->running_mean && o->running_var))
        return fac__runtime_error("Expected running_mean and running_var to be defined when use_input_stats is false");
    int64_t n = input->shape[0], channels = input->shape[1];
    fac_tensor *running[] = {o->running_mean, o->running_var}, *repeated[2] = {NULL};
    if (!check_channels("running_mean", running[0], channels) || !check_channels("running_var", running[1], channels) ||
        !check_channels("weight", o->weight, channels) || !check_channels("bias", o->bias, channels))
        return NULL;
    for (int i = 0; i < 2; i++)
        if (running[i] && !(repeated[i] = fac_repeat(running[i], FAC_DIMS(n)))) return NULL;
    fac_dims shape = fac_shape(input);
    shape.d[0] = 1;
    shape.d[1] = n * channels;
    fac_norm_options inside = *o;
    inside.training = o->use_input_stats;
    if (o->weight && !(inside.weight = fac_repeat(o->weight, FAC_DIMS(n)))) return NULL;
    if (o->bias && !(inside.bias = fac_repeat(o->bias, FAC_DIMS(n)))) return NULL;
    fac_tensor *y = fac_batch_norm_with(fac_reshape(input, shape), repeated[0], repeated[1], inside);
    for (int i = 0; i < 2 && y && o->use_input_stats; i++) {
        if (!running[i]) continue;
        fac_tensor *mean = NULL;
        fac_no_grad
            mean = fac_mean(fac_view(repeated[i], FAC_DIMS(n, channels)), .dim = 0);
        if (!mean || !fac__copy_into(running[i], mean)) return NULL;
        running[i]->storage->version++;
    }
    return y ? fac_view(y, fac_shape(input)) : NULL;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

#define OPTIONS(...) FAC_OPTIONS(fac_norm_options, __VA_ARGS__)
FAC__CALL(batch_aten, R(fac_batch_norm_with(T(0), T(3), T(4),
                                            OPTIONS(.weight = T(1), .bias = T(2), .training = B(5), .momentum = F(6),
                                                    .eps = F(7)))))
FAC__CALL(batch, R(fac_batch_norm_with(T(0), T(1), T(2),
                                       OPTIONS(.weight = T(3), .bias = T(4), .training = B(5), .momentum = F(6),
                                               .eps = F(7)))))
FAC__CALL(layer, R(fac_layer_norm_with(T(0), L(1), OPTIONS(.weight = T(2), .bias = T(3), .eps = F(4)))))
FAC__CALL(group, R(fac_group_norm_with(T(0), I(1), OPTIONS(.weight = T(2), .bias = T(3), .eps = F(4)))))
FAC__CALL(instance_aten, R(fac_instance_norm_with(T(0), OPTIONS(.weight = T(1), .bias = T(2), .running_mean = T(3),
                                                                .running_var = T(4), .use_input_stats = B(5),
                                                                .momentum = F(6), .eps = F(7)))))
FAC__CALL(instance, R(fac_instance_norm_with(T(0), OPTIONS(.running_mean = T(1), .running_var = T(2), .weight = T(3),
                                                           .bias = T(4), .use_input_stats = B(5), .momentum = F(6),
                                                           .eps = F(7)))))

/* clang-format off */
const fac__op fac__ops_norm_layers[] = {
    {"batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
     "float momentum, float eps, bool cudnn_enabled) -> Tensor", batch_aten, "Mean 0 and variance 1 for each channel."},
    {"batch_norm.functional(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, "
     "bool training=False, float momentum=0.1, float eps=1e-05) -> Tensor", batch, "Mean 0 and variance 1 for each channel."},
    {"layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
     "bool cudnn_enable=True) -> Tensor", layer, "Mean 0 and variance 1 over the last dimensions."},
    {"group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
     "bool cudnn_enabled=True) -> Tensor", group, "Mean 0 and variance 1 over groups of channels of each sample."},
    {"instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
     "bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
     instance_aten, "Mean 0 and variance 1 for each channel of each sample."},
    {"instance_norm.functional(Tensor input, Tensor? running_mean=None, Tensor? running_var=None, Tensor? weight=None, "
     "Tensor? bias=None, bool use_input_stats=True, float momentum=0.1, float eps=1e-05) -> Tensor",
     instance, "Mean 0 and variance 1 for each channel of each sample."},
    {0},
};
/* clang-format on */
