/* Floor 7. ONNX's operators that are layers: products, softmax, dropout, attention. */
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

/* Gemm is of matrices only. */
static bool save_baddbmm(saver *s, const row *r)
{
    (void)r;
    const char *y = fac__onnx_node(s, "MatMul", fac__onnx_name_at(s, 1), fac__onnx_name_at(s, 2));
    const char *given = fac__onnx_name_at(s, 0), **terms[] = {&y, &given};
    double factors[] = {keyword(s, "alpha", 1), keyword(s, "beta", 1)};
    for (int i = 0; i < 2; i++) {
        if (factors[i] == 1) continue;
        const char *by = fac__onnx_put_number(s, factors[i], fac_dtype_of(fac__onnx_traced(s)));
        *terms[i] = by && *terms[i] ? fac__onnx_node(s, "Mul", *terms[i], by) : NULL;
    }
    if (factors[1] == 0) return fac__onnx_is(s, 0, y);
    return fac__onnx_is(s, 0, y && given ? fac__onnx_node(s, "Add", y, given) : NULL);
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

/* ---- softmax ---------------------------------------------------------------------------------------------- */

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
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(fac__onnx_traced(s))),
               *y = x ? fac__onnx_node(s, r->onnx, x) : NULL;
    fac__onnx_give_int(s, "axis", dim);
    return fac__onnx_is(s, 0, y);
}

static bool save_softmin(saver *s, const row *r)
{
    int64_t dim;
    (void)r;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(fac__onnx_traced(s)));
    x = x ? fac__onnx_node(s, "Neg", x) : NULL;
    const char *y = x ? fac__onnx_node(s, "Softmax", x) : NULL;
    fac__onnx_give_int(s, "axis", dim);
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
    if (fac__onnx_given(l, 1) && !ratio) return fac__onnx_error(l, "its ratio has to be known beforehand");
    fac_tensor *training = fac__onnx_known(l, 2);
    double drops = 0;
    if (training && training->numel == 1) fac_to_array(training, FAC_FLOAT64, &drops, 1);
    if ((fac__onnx_given(l, 2) && !training) || drops != 0)
        return fac__onnx_error(l, "it drops in evaluation, too: random numbers of another library cannot be drawn");
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
    {"MatMul", "mv", NULL, fac__onnx_save_plain},
    {"MatMul", "dot", NULL, fac__onnx_save_plain},
    {"", "baddbmm", NULL, save_baddbmm},
    {"Softmax", "softmax", load_softmax, save_softmax},
    {"LogSoftmax", "log_softmax", load_softmax, save_softmax},
    {"", "softmin", NULL, save_softmin},
    {"", "scaled_dot_product_attention", NULL, save_attention},
    {"Dropout", "dropout", load_dropout, NULL},
    {"Identity", "clone", load_same, fac__onnx_save_plain},
    {"Identity", "contiguous", load_same, fac__onnx_save_plain},
    {NULL, NULL, NULL, NULL},
};
