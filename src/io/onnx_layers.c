/* Floor 7. ONNX's operators that are layers: products, normalisation, sums over dimensions, attention. */
#include <math.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_matmul.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

static fac_tensor *result(const saver *s)
{
    return s->a->values[fac__onnx_saved(s)->first].t;
}

/* Ones or zeros, for a weight or bias that was left out. */
static const char *all_equal(saver *s, int64_t n, double value, fac_dtype dtype)
{
    fac_tensor *t = NULL;
    fac_scope
        t = fac_keep(fac_full(FAC_SHAPE(n), value, .dtype = dtype));
    return fac__onnx_put_constant(s, t);
}

/* ---- products -------------------------------------------------------------------------------------------------- */

/* alpha A' B' + beta C. With alpha and beta 1 and B transposed it is a linear layer. */
static bool load_gemm(loader *l, const row *r)
{
    (void)r;
    double alpha = fac__onnx_float(l, "alpha", 1), beta = fac__onnx_float(l, "beta", 1);
    fac__term a = fac__onnx_arg(l, 0), b = fac__onnx_arg(l, 1), c = fac__onnx_arg(l, 2);
    if (fac__onnx_int(l, "transA", 0)) a = fac__term_value(fac__onnx_call(l, "t", a));
    bool transposed = fac__onnx_int(l, "transB", 0), given = fac__onnx_given(l, 2);
    fac_tensor *bias = fac__onnx_known(l, 2);
    if (alpha == 1 && (beta == 1 || !given) && transposed && (!given || (bias && bias->ndim == 1)))
        return fac__onnx_result(l, 0, fac__onnx_call(l, "linear", a, b, c));
    if (transposed) b = fac__term_value(fac__onnx_call(l, "t", b));
    if (given) {
        const fac__named_term keywords[] = {{"beta", fac__term_float(beta)}, {"alpha", fac__term_float(alpha)}};
        return fac__onnx_result(l, 0, fac__onnx_call_n(l, "addmm", 1, (const fac__term[]){c, a, b}, 3, keywords, 2));
    }
    int y = fac__onnx_call(l, "mm", a, b);
    return fac__onnx_result(l, 0,
                            alpha == 1 ? y : fac__onnx_call(l, "mul", fac__term_value(y), fac__term_float(alpha)));
}

static bool save_linear(saver *s, const row *r)
{
    (void)r;
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *w = fac__onnx_tensor_at(s, 1);
    const char *in = fac__onnx_name_at(s, 0), *weight = fac__onnx_name_at(s, 1), *bias = fac__onnx_name_at(s, 2);
    if (w->ndim != 2) return fac__onnx_cannot(s, "its weight is no matrix");
    if (x->ndim == 2) {
        const char *y = fac__onnx_node(s, "Gemm", in, weight, bias);
        fac__onnx_give_int(s, "transB", 1);
        return fac__onnx_is(s, 0, y);
    }
    const char *turned = fac__onnx_node(s, "Transpose", weight);
    fac__onnx_give_ints(s, "perm", (int64_t[]){1, 0}, 2);
    const char *y = turned ? fac__onnx_node(s, "MatMul", in, turned) : NULL;
    return fac__onnx_is(s, 0, y && *bias ? fac__onnx_node(s, "Add", y, bias) : y);
}

static double keyword(const saver *s, const char *name, double otherwise)
{
    const fac__trace_arg *a = fac__trace_arg_named(fac__onnx_saved(s), name);
    return a->value.kind == FAC_VALUE_SCALAR ? fac_scalar_to_double(a->value.v.scalar) : otherwise;
}

static bool save_addmm(saver *s, const row *r)
{
    (void)r;
    const char *y =
        fac__onnx_node(s, "Gemm", fac__onnx_name_at(s, 1), fac__onnx_name_at(s, 2), fac__onnx_name_at(s, 0));
    fac__onnx_give_float(s, "alpha", keyword(s, "alpha", 1));
    fac__onnx_give_float(s, "beta", keyword(s, "beta", 1));
    return fac__onnx_is(s, 0, y);
}

/* ---- normalisation ---------------------------------------------------------------------------------------------- */

static bool load_batch_norm(loader *l, const row *r)
{
    (void)r;
    if (fac__onnx_int(l, "training_mode", 0)) return fac__onnx_error(l, "it is of a network in training");
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

static bool save_batch_norm(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    const char *w, *b;
    if (!fac__onnx_tensor_at(s, 1) || !fac__onnx_tensor_at(s, 2))
        return fac__onnx_cannot(s, "it has no running mean and variance");
    if (!affine(s, 3, x->shape[1], fac_dtype_of(x), &w, &b)) return false;
    const char *y =
        fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), w, b, fac__onnx_name_at(s, 1), fac__onnx_name_at(s, 2));
    fac__onnx_give_float(s, "epsilon", fac__onnx_float_at(s, 7, 1e-5));
    fac__onnx_give_float(s, "momentum", 1 - fac__onnx_float_at(s, 6, 0.1));
    return fac__onnx_is(s, 0, y);
}

/* Over the dimensions that the weight has, as many from the last. */
static int layer_norm(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *w = args[1].v.tensor;
    int64_t axis = fac_scalar_to_int(args[3].v.scalar);
    int lead = (int)(axis < 0 ? axis + fac_dim(x) : axis);
    if (lead < 0 || lead >= fac_dim(x))
        return fac__value_error("axis %lld is none of the input's", (long long)axis), -1;
    fac_dims shape = {.n = fac_dim(x) - lead};
    for (int i = 0; i < shape.n; i++)
        shape.d[i] = fac_size(x, lead + i);
    fac_value call[] = {
        args[0], {.kind = FAC_VALUE_INTS, .v.ints = {shape.d, shape.n}}, fac_value_tensor(w), args[2], args[4]};
    return fac_call("layer_norm", call, 5, NULL, 0, results, 1);
}

static bool load_layer_norm(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, layer_norm, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__onnx_arg(l, 2), fac__term_int(fac__onnx_int(l, "axis", -1)),
                                               fac__term_float(fac__onnx_float(l, "epsilon", 1e-5))));
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
    if (!fac__onnx_bool_at(s, 5)) return fac__onnx_cannot(s, "ONNX's has no running statistics");
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

/* ---- softmax, sums ---------------------------------------------------------------------------------------------- */

/* Before opset 13 it went over all dimensions from axis on: those are one to facula only where axis is the last. */
static int old_softmax(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    int64_t axis = fac_scalar_to_int(args[1].v.scalar);
    bool log = fac_scalar_to_int(args[2].v.scalar) != 0;
    if (axis < 0) axis += fac_dim(x);
    fac_tensor *flat = axis >= 0 && axis < fac_dim(x) ? fac_flatten(x, (int)axis, -1) : NULL;
    if (!flat) return fac__value_error("axis %lld is none of the input's", (long long)axis), -1;
    fac_tensor *y = log ? fac_log_softmax(flat, axis, FAC_DTYPE_NONE) : fac_softmax(flat, axis, FAC_DTYPE_NONE);
    y = y ? fac_reshape(y, fac_shape(x)) : NULL;
    results[0] = fac_value_tensor(y);
    return y ? 1 : -1;
}

static bool load_softmax(loader *l, const row *r)
{
    bool old = l->model->opset < 13;
    int64_t axis = fac__onnx_int(l, "axis", old ? 1 : -1);
    if (old && axis != -1)
        return fac__onnx_result(l, 0,
                                fac__onnx_function(l, r->onnx, old_softmax, fac__onnx_arg(l, 0), fac__term_int(axis),
                                                   fac__term_bool(!strcmp(r->onnx, "LogSoftmax"))));
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_int(axis)));
}

static bool save_softmax(saver *s, const row *r)
{
    int64_t dim;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(result(s))), *y = x ? fac__onnx_node(s, r->onnx, x) : NULL;
    fac__onnx_give_int(s, "axis", dim);
    return fac__onnx_is(s, 0, y);
}

static bool save_softmin(saver *s, const row *r)
{
    int64_t dim;
    (void)r;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(result(s)));
    x = x ? fac__onnx_node(s, "Neg", x) : NULL;
    const char *y = x ? fac__onnx_node(s, "Softmax", x) : NULL;
    fac__onnx_give_int(s, "axis", dim);
    return fac__onnx_is(s, 0, y);
}

/* Axes: an attribute, or from some opset on an input; none: all, or, if it says so, no dimension at all. */
static bool load_reduce(loader *l, const row *r)
{
    fac_dims axes = fac__onnx_list(l, "axes");
    bool keep = fac__onnx_int(l, "keepdims", 1), named = axes.n >= 0;
    if (fac__onnx_given(l, 1) && !fac__onnx_known_ints(l, 1, &axes)) return false;
    named |= fac__onnx_given(l, 1);
    if (axes.n <= 0 && fac__onnx_int(l, "noop_with_empty_axes", 0))
        return fac__onnx_result(l, 0, fac__onnx_call(l, "clone", fac__onnx_arg(l, 0)));
    if (!named || axes.n < 0) axes.n = 0; /* facula's word for all */
    return fac__onnx_result(
        l, 0, fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_dims(&axes), fac__term_bool(keep)));
}

static bool save_reduce(saver *s, const row *r)
{
    fac_dims dims;
    if (!fac__onnx_dims_at(s, 1, &dims)) return false;
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(result(s)));
    bool input = !strcmp(r->onnx, "ReduceSum");
    if (!dims.n && fac__onnx_tensor_at(s, 0)->ndim) return fac__onnx_cannot(s, "it goes over no dimension");
    const char *axes = input && dims.n ? fac__onnx_put_ints(s, dims.d, dims.n) : "";
    const char *y = x && axes ? fac__onnx_node(s, r->onnx, x, axes) : NULL;
    if (!input && dims.n) fac__onnx_give_ints(s, "axes", dims.d, dims.n);
    fac__onnx_give_int(s, "keepdims", fac__onnx_bool_at(s, 2));
    return fac__onnx_is(s, 0, y);
}

static bool load_arg(loader *l, const row *r)
{
    if (fac__onnx_int(l, "select_last_index", 0)) return fac__onnx_error(l, "select_last_index cannot be read");
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_int(fac__onnx_int(l, "axis", 0)),
                                           fac__term_bool(fac__onnx_int(l, "keepdims", 1))));
}

static bool save_arg(saver *s, const row *r)
{
    int64_t dim;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0));
    fac__onnx_give_int(s, "axis", dim);
    fac__onnx_give_int(s, "keepdims", fac__onnx_bool_at(s, 2));
    return fac__onnx_is(s, 0, y);
}

static bool load_same(loader *l, const row *r)
{
    (void)r;
    return fac__onnx_result(l, 0, fac__onnx_call(l, "clone", fac__onnx_arg(l, 0)));
}

static bool load_dropout(loader *l, const row *r)
{
    double p = fac__onnx_float(l, "ratio", 0.5);
    fac_tensor *ratio = fac__onnx_known(l, 1);
    if (ratio && ratio->numel == 1) fac_to_array(ratio, FAC_FLOAT64, &p, 1);
    if (l->node->n_outputs > 1 && *l->node->outputs[1]) return fac__onnx_error(l, "its mask cannot be read");
    return fac__onnx_result(
        l, 0,
        fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_float(p), (fac__term){.kind = FAC__TERM_TRAINING}));
}

/* ---- attention ---------------------------------------------------------------------------------------------------- */

/* What is added to the scores: 0 where they count, -infinity where not. */
static const char *causal_mask(saver *s, int64_t rows, int64_t columns, fac_dtype dtype)
{
    fac_tensor *t = NULL;
    fac_scope {
        fac_tensor *ones = fac_full(FAC_SHAPE(rows, columns), -INFINITY, .dtype = dtype);
        t = fac_keep(ones ? fac_triu(ones, 1) : NULL);
    }
    return fac__onnx_put_constant(s, t);
}

static const char *added_mask(saver *s, fac_dtype dtype)
{
    fac_tensor *mask = fac__onnx_tensor_at(s, 3);
    if (fac_dtype_of(mask) != FAC_BOOL) return fac__onnx_operand(s, 3, dtype);
    const char *zero = fac__onnx_put_number(s, 0, dtype), *no = fac__onnx_put_number(s, -INFINITY, dtype);
    return zero && no ? fac__onnx_node(s, "Where", fac__onnx_name_at(s, 3), zero, no) : NULL;
}

static bool save_attention(saver *s, const row *r)
{
    (void)r;
    fac_tensor *q = fac__onnx_tensor_at(s, 0), *k = fac__onnx_tensor_at(s, 1);
    fac_dtype dtype = fac_dtype_of(q);
    if (fac_dtype_of(k) != dtype || k->ndim != q->ndim) return fac__onnx_cannot(s, "query and key are not alike");
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!fac__onnx_shape_of(s, fac__trace_arg_at(fac__onnx_saved(s), 0)->number, shape, &n)) return false;
    bool causal = fac__onnx_bool_at(s, 5);
    if (shape[n - 1].times || (causal && shape[n - 2].times)) return fac__onnx_cannot(s, "its length is the batch's");
    int64_t perm[FAC_MAX_DIMS];
    for (int i = 0; i < n; i++)
        perm[i] = i < n - 2 ? i : 2 * n - 3 - i;
    double scale = keyword(s, "scale", 1 / sqrt((double)q->shape[n - 1]));
    const char *turned = fac__onnx_node(s, "Transpose", fac__onnx_name_at(s, 1));
    fac__onnx_give_ints(s, "perm", perm, n);
    const char *by = fac__onnx_put_number(s, scale, dtype);
    const char *scaled = by ? fac__onnx_node(s, "Mul", fac__onnx_name_at(s, 0), by) : NULL;
    const char *scores = scaled && turned ? fac__onnx_node(s, "MatMul", scaled, turned) : NULL;
    const char *mask = causal                      ? causal_mask(s, q->shape[n - 2], k->shape[n - 2], dtype)
                       : fac__onnx_tensor_at(s, 3) ? added_mask(s, dtype)
                                                   : "";
    if (!scores || !mask) return false;
    if (*mask) scores = fac__onnx_node(s, "Add", scores, mask);
    const char *weights = scores ? fac__onnx_node(s, "Softmax", scores) : NULL;
    fac__onnx_give_int(s, "axis", -1);
    return fac__onnx_is(s, 0, weights ? fac__onnx_node(s, "MatMul", weights, fac__onnx_name_at(s, 2)) : NULL);
}

/* ---- the rows ----------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_layers[] = {
    {"Gemm", "linear", load_gemm, save_linear},
    {"Gemm", "addmm", load_gemm, save_addmm},
    {"MatMul", "matmul", fac__onnx_load_plain, fac__onnx_save_plain},
    {"MatMul", "mm", NULL, fac__onnx_save_plain},
    {"MatMul", "bmm", NULL, fac__onnx_save_plain},
    {"BatchNormalization", "batch_norm", load_batch_norm, save_batch_norm},
    {"LayerNormalization", "layer_norm", load_layer_norm, save_layer_norm},
    {"InstanceNormalization", "instance_norm", load_instance_norm, save_instance_norm},
    {"", "group_norm", NULL, save_group_norm},
    {"Softmax", "softmax", load_softmax, save_softmax},
    {"LogSoftmax", "log_softmax", load_softmax, save_softmax},
    {"", "softmin", NULL, save_softmin},
    {"ReduceMean", "mean", load_reduce, save_reduce},
    {"ReduceSum", "sum", load_reduce, save_reduce},
    {"ReduceMax", "amax", load_reduce, save_reduce},
    {"ReduceMin", "amin", load_reduce, save_reduce},
    {"ArgMax", "argmax", load_arg, save_arg},
    {"ArgMin", "argmin", load_arg, save_arg},
    {"", "scaled_dot_product_attention", NULL, save_attention},
    {"Dropout", "dropout", load_dropout, NULL},
    {"Identity", "clone", load_same, fac__onnx_save_plain},
    {"Identity", "contiguous", load_same, fac__onnx_save_plain},
    {NULL, NULL, NULL, NULL},
};
