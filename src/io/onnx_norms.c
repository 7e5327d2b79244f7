/* Floor 7. ONNX's operators that normalise. */
#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_norm.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

/* Ones or zeros, for a weight or bias that was left out. */
static const char *all_equal(saver *s, int64_t n, double value, fac_dtype dtype)
{
    fac_tensor *t = NULL;
    fac_scope
        t = fac_keep(fac_full(FAC_SHAPE(n), value, .dtype = dtype));
    return fac__onnx_put_constant(s, t);
}

static bool load_batch_norm(loader *l, const row *r)
{
    (void)r;
    if (fac__onnx_int(l, "training_mode", 0)) return fac__onnx_error(l, "it is of a network in training");
    if (!fac__onnx_int(l, "spatial", 1)) return fac__onnx_error(l, "its statistics are of each place");
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, "batch_norm.functional", fac__onnx_arg(l, 0), fac__onnx_arg(l, 3),
                                           fac__onnx_arg(l, 4), fac__onnx_arg(l, 1), fac__onnx_arg(l, 2),
                                           fac__term_bool(false),
                                           fac__term_float(1 - fac__onnx_float(l, "momentum", 0.9)),
                                           fac__term_float(fac__onnx_float(l, "epsilon", 1e-5))));
}

/* Weight and bias, or what stands for them; false after an error. */
static bool affine(saver *s, int at, int64_t n, fac_dtype dtype, const char **w, const char **b)
{
    *w = fac__onnx_name_at(s, at);
    *b = fac__onnx_name_at(s, at + 1);
    if (!**w) *w = all_equal(s, n, 1, dtype);
    if (!**b) *b = all_equal(s, n, 0, dtype);
    return *w && *b;
}

/* Without running statistics it is the batch's mean and variance, in evaluation, too. */
static bool save_by_batch(saver *s)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    const char *name = fac__onnx_name_at(s, 0), *eps, *y = name;
    int64_t axes[FAC_MAX_DIMS] = {0}, shape[FAC_MAX_DIMS] = {x->shape[1]};
    for (int i = 2; i < x->ndim; i++) {
        axes[i - 1] = i;
        shape[i - 1] = 1;
    }
    for (int pass = 0; pass < 2 && y; pass++) { /* less the mean; then over the root of the mean square */
        const char *what = pass ? fac__onnx_node(s, "Mul", y, y) : y,
                   *mean = what ? fac__onnx_node(s, "ReduceMean", what) : NULL;
        fac__onnx_give_ints(s, "axes", axes, x->ndim - 1);
        if (pass) {
            eps = mean ? fac__onnx_put_number(s, fac__onnx_float_at(s, 7, 1e-5), fac_dtype_of(x)) : NULL;
            mean = eps ? fac__onnx_node(s, "Add", mean, eps) : NULL;
            mean = mean ? fac__onnx_node(s, "Sqrt", mean) : NULL;
        }
        y = mean ? fac__onnx_node(s, pass ? "Div" : "Sub", y, mean) : NULL;
    }
    for (int i = 0; i < 2 && y; i++) {
        const char *given = fac__onnx_name_at(s, 3 + i);
        if (!*given) continue;
        const char *wide = fac__onnx_put_ints(s, shape, x->ndim - 1);
        given = wide ? fac__onnx_node(s, "Reshape", given, wide) : NULL;
        y = given ? fac__onnx_node(s, i ? "Add" : "Mul", y, given) : NULL;
    }
    return fac__onnx_is(s, 0, y);
}

static bool save_batch_norm(saver *s, const row *r)
{
    (void)r;
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    const char *w, *b;
    if (!fac__onnx_tensor_at(s, 1) || !fac__onnx_tensor_at(s, 2)) return save_by_batch(s);
    if (!affine(s, 3, x->shape[1], fac_dtype_of(x), &w, &b)) return false;
    const char *y = fac__onnx_node(s, "BatchNormalization", fac__onnx_name_at(s, 0), w, b, fac__onnx_name_at(s, 1),
                                   fac__onnx_name_at(s, 2));
    fac__onnx_give_float(s, "epsilon", fac__onnx_float_at(s, 7, 1e-5));
    fac__onnx_give_float(s, "momentum", 1 - fac__onnx_float_at(s, 6, 0.1));
    return fac__onnx_is(s, 0, y);
}

/* How many of the last dimensions an axis begins; -1, with an error, where it is none. */
static int tail_of(fac_tensor *x, int64_t axis)
{
    int n = fac_dim(x);
    if (axis < 0) axis += n;
    if (axis >= 0 && axis < n) return n - (int)axis;
    return fac__value_error("axis %lld is none of the input's", (long long)axis), -1;
}

static fac_dims last_sizes(fac_tensor *x, int n)
{
    fac_dims shape = {.n = n};
    for (int i = 0; i < n; i++)
        shape.d[i] = fac_size(x, fac_dim(x) - n + i);
    return shape;
}

/* x, weight, bias, axis, eps: also the means, and one over the standard deviations. */
static int layer_norm(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args;
    fac_tensor *x = args[0].v.tensor, *w = args[1].v.tensor;
    fac_tensor *b = args[2].kind == FAC_VALUE_TENSOR ? args[2].v.tensor : NULL;
    int n = tail_of(x, fac_scalar_to_int(args[3].v.scalar));
    if (n < 0) return -1;
    double eps = fac_scalar_to_double(args[4].v.scalar);
    fac_dims shape = last_sizes(x, n);
    bool same = fac_dim(w) == n && (!b || fac_dim(b) == n); /* others are broadcast */
    fac_tensor *y = fac_layer_norm(x, shape, .weight = same ? w : NULL, .bias = same ? b : NULL, .eps = eps);
    if (!same) y = fac_mul(y, w);
    if (!same && b) y = fac_add(y, b);
    results[0] = fac_value_tensor(y);
    if (!y || max < 3) return y ? 1 : -1;
    fac_dims dims = {.n = n};
    for (int i = 0; i < n; i++)
        dims.d[i] = -1 - i;
    fac_tensor *mean = fac_mean(x, .dims = dims, .keepdim = true),
               *var = fac_var(x, .dims = dims, .correction = 0, .keepdim = true);
    results[1] = fac_value_tensor(mean);
    results[2] = fac_value_tensor(fac_rsqrt(fac_add_scalar(var, eps)));
    return mean && results[2].v.tensor ? 3 : -1;
}

static bool load_layer_norm(loader *l, const row *r)
{
    bool more = l->node->n_outputs > 1;
    const fac__term args[] = {fac__onnx_arg(l, 0), fac__onnx_arg(l, 1), fac__onnx_arg(l, 2),
                              fac__term_int(fac__onnx_int(l, "axis", -1)),
                              fac__term_float(fac__onnx_float(l, "epsilon", 1e-5))};
    if (!fac__onnx_given(l, 1)) return fac__onnx_error(l, "it has no scale");
    int value = fac__onnx_function_many(l, r->onnx, layer_norm, more ? 3 : 1, args, 5);
    for (int i = 0; i < (more ? 3 : 1); i++)
        if (!fac__onnx_result(l, i, value < 0 ? -1 : value + i)) return false;
    return true;
}

static bool save_layer_norm(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    fac_dims shape;
    const char *w = fac__onnx_name_at(s, 2);
    if (!fac__onnx_dims_at(s, 1, &shape)) return false;
    if (!*w) {
        fac_tensor *ones = NULL;
        fac_scope
            ones = fac_keep(fac_full(shape, 1, .dtype = fac_dtype_of(x)));
        w = fac__onnx_put_constant(s, ones);
    }
    const char *y = w ? fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), w, fac__onnx_name_at(s, 3)) : NULL;
    fac__onnx_give_int(s, "axis", -shape.n);
    fac__onnx_give_float(s, "epsilon", fac__onnx_float_at(s, 4, 1e-5));
    return fac__onnx_is(s, 0, y);
}

static bool load_instance_norm(loader *l, const row *r)
{
    (void)r;
    const fac__named_term keywords[] = {{"weight", fac__onnx_arg(l, 1)},
                                        {"bias", fac__onnx_arg(l, 2)},
                                        {"eps", fac__term_float(fac__onnx_float(l, "epsilon", 1e-5))}};
    return fac__onnx_result(
        l, 0,
        fac__onnx_call_n(l, "instance_norm.functional", 1, (const fac__term[]){fac__onnx_arg(l, 0)}, 1, keywords, 3));
}

static bool save_instance_norm(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    const char *w, *b;
    if (!fac__onnx_bool_at(s, 5)) return save_batch_norm(s, r); /* by running statistics */
    if (!affine(s, 3, x->shape[1], fac_dtype_of(x), &w, &b)) return false;
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), w, b);
    fac__onnx_give_float(s, "epsilon", fac__onnx_float_at(s, 7, 1e-5));
    return fac__onnx_is(s, 0, y);
}

/* Groups as the channels of a normalisation by itself, then weights and biases of the real channels. */
static bool save_group_norm(saver *s, const row *r)
{
    (void)r;
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    fac_dtype dtype = fac_dtype_of(x);
    int64_t groups, channels[FAC_MAX_DIMS] = {x->shape[1]};
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!fac__onnx_int_at(s, 1, &groups) || !fac__onnx_shape_of(s, fac__onnx_saved(s)->first, shape, &n)) return false;
    for (int i = 1; i < n - 1; i++)
        channels[i] = 1;
    const char *dims = fac__onnx_put_ints(s, (int64_t[]){0, groups, -1}, 3); /* 0: as it is */
    const char *y = dims ? fac__onnx_node(s, "Reshape", fac__onnx_name_at(s, 0), dims) : NULL;
    const char *one = all_equal(s, groups, 1, dtype), *zero = all_equal(s, groups, 0, dtype);
    if (!y || !one || !zero) return false;
    y = fac__onnx_node(s, "InstanceNormalization", y, one, zero);
    fac__onnx_give_float(s, "epsilon", fac__onnx_float_at(s, 4, 1e-5));
    const char *back = y ? fac__onnx_put_sizes(s, shape, n) : NULL;
    y = back ? fac__onnx_node(s, "Reshape", y, back) : NULL;
    for (int i = 0; i < 2 && y; i++) {
        const char *given = fac__onnx_name_at(s, 2 + i);
        if (!*given) continue;
        const char *wide = fac__onnx_put_ints(s, channels, n - 1);
        given = wide ? fac__onnx_node(s, "Reshape", given, wide) : NULL;
        y = given ? fac__onnx_node(s, i ? "Add" : "Mul", y, given) : NULL;
    }
    return fac__onnx_is(s, 0, y);
}

/* x, scale, bias, groups, eps: of opset 18 to 20 a scale is a group's, later a channel's. */
static int group_norm(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *w[2] = {args[1].v.tensor, args[2].v.tensor};
    int64_t groups = fac_scalar_to_int(args[3].v.scalar);
    if (fac_dim(x) < 2 || groups < 1) return fac__value_error("%lld groups", (long long)groups), -1;
    for (int i = 0; i < 2 && fac_numel(w[i]) == groups; i++)
        if (!(w[i] = fac_repeat_interleave(w[i], fac_size(x, 1) / groups, 0))) return -1;
    fac_tensor *y =
        fac_group_norm(x, groups, .weight = w[0], .bias = w[1], .eps = fac_scalar_to_double(args[4].v.scalar));
    return fac__onnx_one_result(y, results);
}

static bool load_group_norm(loader *l, const row *r)
{
    if (!fac__onnx_given(l, 2)) return fac__onnx_error(l, "it has no bias");
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, group_norm, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__onnx_arg(l, 2), fac__term_int(fac__onnx_int(l, "num_groups", 0)),
                                               fac__term_float(fac__onnx_float(l, "epsilon", 1e-5))));
}

/* x, scale, axis, eps: over the root of the mean square. */
static int rms_norm(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_dims dims = {.n = tail_of(x, fac_scalar_to_int(args[2].v.scalar))};
    if (dims.n < 0) return -1;
    for (int i = 0; i < dims.n; i++)
        dims.d[i] = -1 - i;
    bool narrow = fac_dtype_of(x) == FAC_FLOAT16 || fac_dtype_of(x) == FAC_BFLOAT16;
    fac_tensor *wide = narrow ? fac_to(x, FAC_FLOAT32) : x; /* in float, as stash_type says by default */
    fac_tensor *square = fac_mean(fac_square(wide), .dims = dims, .keepdim = true);
    fac_tensor *y = fac_mul(wide, fac_rsqrt(fac_add_scalar(square, fac_scalar_to_double(args[3].v.scalar))));
    return fac__onnx_one_result(fac_mul(fac_to(y, fac_dtype_of(x)), args[1].v.tensor), results);
}

static bool load_rms_norm(loader *l, const row *r)
{
    if (!fac__onnx_given(l, 1)) return fac__onnx_error(l, "it has no scale");
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, rms_norm, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__term_int(fac__onnx_int(l, "axis", -1)),
                                               fac__term_float(fac__onnx_float(l, "epsilon", 1e-5))));
}

/* x, axis, p: over the norm; 0 stays 0. */
static int lp_norm(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_tensor *norm = fac_norm(x, .p = fac_scalar_to_double(args[2].v.scalar),
                                .dim = fac_scalar_to_int(args[1].v.scalar), .keepdim = true);
    return fac__onnx_one_result(norm ? fac_div(x, fac_masked_fill(norm, fac_eq_scalar(norm, 0), 1)) : NULL, results);
}

static bool load_lp_norm(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, lp_norm, fac__onnx_arg(l, 0),
                                               fac__term_int(fac__onnx_int(l, "axis", -1)),
                                               fac__term_int(fac__onnx_int(l, "p", 2))));
}

/* x, axes */
static int mean_variance(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_dims axes;
    if (!fac__onnx_dims_of(&args[1], &axes)) return -1;
    fac_tensor *apart = fac_sub(x, fac_mean(x, .dims = axes, .keepdim = true));
    fac_tensor *root = fac_sqrt(fac_mean(fac_square(apart), .dims = axes, .keepdim = true));
    return fac__onnx_one_result(root ? fac_div(apart, fac_add_scalar(root, 1e-9)) : NULL, results);
}

static bool load_mean_variance(loader *l, const row *r)
{
    fac_dims axes = fac__onnx_list(l, "axes");
    if (axes.n < 0) axes = FAC_DIMS(0, 2, 3);
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, mean_variance, fac__onnx_arg(l, 0), fac__term_dims(&axes)));
}

/* x, size, alpha, beta, bias: the mean of squares is over the channels around each; one more behind of an even size. */
static int local_response(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *square = fac_square(x), *sum = NULL;
    int64_t size = fac_scalar_to_int(args[1].v.scalar);
    if (fac_dim(x) < 2 || size < 1) return fac__value_error("a size of %lld", (long long)size), -1;
    int64_t channels = fac_size(x, 1), first = -(size - 1) / 2, last = size / 2;
    if (first < -channels) first = -channels;
    if (last > channels) last = channels;
    for (int64_t k = first; k <= last; k++) { /* the channels k behind, where there are */
        int64_t from = k > 0 ? k : 0, to = k > 0 ? channels : channels + k;
        if (from >= to) continue;
        fac_dims pads = {.n = 2 * (fac_dim(x) - 1)};
        pads.d[pads.n - 2] = k < 0 ? -k : 0;
        pads.d[pads.n - 1] = k > 0 ? k : 0;
        fac_tensor *part = fac_pad(fac_narrow(square, 1, from, to - from), pads, "constant", 0);
        sum = sum ? fac_add(sum, part) : part;
        if (!sum) return -1;
    }
    double alpha = fac_scalar_to_double(args[2].v.scalar) / (double)size, beta = fac_scalar_to_double(args[3].v.scalar);
    fac_tensor *by = fac_add_scalar(fac_mul_scalar(sum, alpha), fac_scalar_to_double(args[4].v.scalar));
    return fac__onnx_one_result(by ? fac_div(x, fac_pow_scalar(by, beta)) : NULL, results);
}

static bool load_local_response(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, local_response, fac__onnx_arg(l, 0),
                                               fac__term_int(fac__onnx_int(l, "size", 0)),
                                               fac__term_float(fac__onnx_float(l, "alpha", 1e-4)),
                                               fac__term_float(fac__onnx_float(l, "beta", 0.75)),
                                               fac__term_float(fac__onnx_float(l, "bias", 1))));
}

const fac__onnx_operator fac__onnx_norms[] = {
    {"BatchNormalization", "batch_norm", load_batch_norm, save_batch_norm},
    {"LayerNormalization", "layer_norm", load_layer_norm, save_layer_norm},
    {"InstanceNormalization", "instance_norm", load_instance_norm, save_instance_norm},
    {"GroupNormalization", "", load_group_norm, NULL},
    {"", "group_norm", NULL, save_group_norm},
    {"RMSNormalization", "", load_rms_norm, NULL},
    {"LpNormalization", "", load_lp_norm, NULL},
    {"MeanVarianceNormalization", "", load_mean_variance, NULL},
    {"LRN", "", load_local_response, NULL},
    {NULL, NULL, NULL, NULL},
};
