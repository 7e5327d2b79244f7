/* Floor 7. ONNX's operators that go over dimensions: sums and their kin, extremes and where they are. */
#include <math.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

/* ---- loading --------------------------------------------------------------------------------------------------------- */

static const char *const kinds[] = {"ReduceSum",       "ReduceMean",   "ReduceMax",       "ReduceMin", "ReduceProd",
                                    "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "ReduceL1",  "ReduceL2"};
enum { SUM, MEAN, MAX, MIN, PROD, SQUARES, LOG_SUM, LOG_SUM_EXP, L1, L2 };

/* kind, x, axes, keepdims, noop: a sum has the dtype of what goes in. */
static int reduce(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[1].v.tensor, *y;
    fac_reduce_options o = fac_reduce_options_defaults();
    if (!fac__onnx_dims_of(&args[2], &o.dims)) return -1;
    int kind = (int)fac_scalar_to_int(args[0].v.scalar);
    o.keepdim = fac_scalar_to_int(args[3].v.scalar);
    if (kind == SQUARES) x = fac_square(x);
    if (kind == L1) x = fac_abs(x);
    if (!o.dims.n && fac_scalar_to_int(args[4].v.scalar)) { /* over nothing, but what is done to elements is done */
        y = kind == LOG_SUM ? fac_log(x) : kind == L2 ? fac_abs(x) : x;
        return fac__onnx_one_result(y == args[1].v.tensor ? fac_clone(y) : y, results);
    }
    if (kind == SUM || kind == PROD || kind == SQUARES || kind == L1 || kind == LOG_SUM) o.dtype = fac_dtype_of(x);
    o.p = 2;
    y = kind == MEAN          ? fac_mean_with(x, o)
        : kind == MAX         ? fac_amax_with(x, o)
        : kind == MIN         ? fac_amin_with(x, o)
        : kind == PROD        ? fac_prod_with(x, o)
        : kind == LOG_SUM_EXP ? fac_logsumexp_with(x, o)
        : kind == L2          ? fac_norm_with(x, o)
                              : fac_sum_with(x, o);
    return fac__onnx_one_result(kind == LOG_SUM ? fac_log(y) : y, results);
}

/* Axes: an attribute, or from some opset on an input; none: all, or, if it says so, no dimension at all. */
static bool load_reduce(loader *l, const row *r)
{
    fac_dims axes = fac__onnx_list(l, "axes");
    bool keep = fac__onnx_int(l, "keepdims", 1), noop = fac__onnx_int(l, "noop_with_empty_axes", 0), mean;
    int kind = 0;
    while (strcmp(kinds[kind], r->onnx))
        kind++;
    mean = kind == MEAN || kind == MAX || kind == MIN;
    if (fac__onnx_known(l, 1) && !fac__onnx_known_ints(l, 1, &axes)) return false;
    bool computed = fac__onnx_given(l, 1) && !fac__onnx_known(l, 1);
    if (mean && !computed && (axes.n > 0 || !noop)) { /* as the operation of that name */
        if (axes.n < 0) axes.n = 0;                   /* facula's word for all */
        return fac__onnx_result(
            l, 0, fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_dims(&axes), fac__term_bool(keep)));
    }
    if (axes.n < 0) axes.n = 0;
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, reduce, fac__term_int(kind), fac__onnx_arg(l, 0),
                                               computed ? fac__onnx_ints(l, 1) : fac__term_dims(&axes),
                                               fac__term_bool(keep), fac__term_bool(noop)));
}

/* op's name, x, axis, keepdims: the last of equal ones. */
static int last_index(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[1].v.tensor;
    int64_t axis = fac_scalar_to_int(args[2].v.scalar);
    bool keep = fac_scalar_to_int(args[3].v.scalar);
    fac_tensor *turned = fac_flip(x, FAC_DIMS(axis));
    fac_tensor *at = !strcmp(args[0].v.string, "argmax") ? fac_argmax(turned, .dim = axis, .keepdim = keep)
                                                         : fac_argmin(turned, .dim = axis, .keepdim = keep);
    return fac__onnx_one_result(at ? fac_rsub_scalar(at, fac_size(x, (int)axis) - 1) : NULL, results);
}

static bool load_arg(loader *l, const row *r)
{
    fac__term x = fac__onnx_arg(l, 0), axis = fac__term_int(fac__onnx_int(l, "axis", 0));
    fac__term keep = fac__term_bool(fac__onnx_int(l, "keepdims", 1)),
              op = fac__term_constant(fac_value_string(r->aten));
    if (fac__onnx_int(l, "select_last_index", 0))
        return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, last_index, op, x, axis, keep));
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, x, axis, keep));
}

/* x, axis: ones where the first of the largest is. */
static int hardmax(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *flat = x;
    int64_t axis = fac_scalar_to_int(args[1].v.scalar);
    bool old = fac_scalar_to_int(args[2].v.scalar); /* before opset 13: over all dimensions from axis on */
    if (old) {
        axis += axis < 0 ? fac_dim(x) : 0;
        flat = fac_flatten(x, (int)axis, -1);
    }
    fac_tensor *at = fac_argmax(flat, .dim = axis, .keepdim = true);
    fac_tensor *y = at ? fac_scatter_scalar(fac_zeros_like(flat), (int)axis, at, 1) : NULL;
    return fac__onnx_one_result(y ? fac_reshape(y, fac_shape(x)) : NULL, results);
}

static bool load_hardmax(loader *l, const row *r)
{
    bool old = l->model->opset < 13;
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, hardmax, fac__onnx_arg(l, 0),
                                               fac__term_int(fac__onnx_int(l, "axis", old ? 1 : -1)),
                                               fac__term_bool(old)));
}

/* ---- saving ---------------------------------------------------------------------------------------------------------- */

/* A node over these dimensions; opset 13 moved ReduceSum's axes to an input, opset 18 the others'. */
static const char *put_reduce(saver *s, const char *op, const char *x, fac_dims dims, bool keep)
{
    bool input = !strcmp(op, "ReduceSum");
    const char *axes = input && dims.n ? fac__onnx_put_ints(s, dims.d, dims.n) : "";
    const char *y = x && axes ? fac__onnx_node(s, op, x, axes) : NULL;
    if (!input && dims.n) fac__onnx_give_ints(s, "axes", dims.d, dims.n);
    fac__onnx_give_int(s, "keepdims", keep);
    return y;
}

/* The dimensions at place i, which are not none of many. */
static bool dims_at(saver *s, int i, fac_dims *dims)
{
    if (!fac__onnx_dims_at(s, i, dims)) return false;
    if (dims->n < 0) dims->n = 0;
    return dims->n || !fac__onnx_tensor_at(s, 0)->ndim || fac__onnx_cannot(s, "it goes over no dimension");
}

static bool save_reduce(saver *s, const row *r)
{
    fac_dims dims;
    if (!dims_at(s, 1, &dims)) return false;
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(fac__onnx_traced(s)));
    return fac__onnx_is(s, 0, put_reduce(s, r->onnx, x, dims, fac__onnx_bool_at(s, 2)));
}

/* All dimensions, or one. */
static bool save_prod(saver *s, const row *r)
{
    fac_dims dims = FAC_DIMS();
    int64_t dim;
    if (fac__trace_arg_at(fac__onnx_saved(s), 1)->value.kind == FAC_VALUE_SCALAR) {
        if (!fac__onnx_int_at(s, 1, &dim)) return false;
        dims = fac_dims_one(dim);
    }
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(fac__onnx_traced(s)));
    return fac__onnx_is(s, 0, put_reduce(s, r->onnx, x, dims, fac__onnx_bool_at(s, 2)));
}

/* Of numbers: the least of 0 and 1, or the largest. */
static bool save_truth(saver *s, const row *r)
{
    fac_dims dims;
    if (!dims_at(s, 1, &dims)) return false;
    const char *x = fac__onnx_cast(s, fac__onnx_operand(s, 0, FAC_BOOL), FAC_BOOL, FAC_INT32);
    const char *y = put_reduce(s, r->aten[1] == 'l' ? "ReduceMin" : "ReduceMax", x, dims, fac__onnx_bool_at(s, 2));
    return fac__onnx_is(s, 0, fac__onnx_cast(s, y, FAC_INT32, fac_dtype_of(fac__onnx_traced(s))));
}

static bool save_norm(saver *s, const row *r)
{
    (void)r;
    fac_dims dims;
    double p = fac__onnx_float_at(s, 1, 2);
    bool keep = fac__onnx_bool_at(s, 3);
    if (!dims_at(s, 2, &dims)) return false;
    const char *x = fac__onnx_name_at(s, 0);
    if (p == 1 || p == 2) return fac__onnx_is(s, 0, put_reduce(s, p == 1 ? "ReduceL1" : "ReduceL2", x, dims, keep));
    if (p == 0) return fac__onnx_cannot(s, "it counts elements");
    x = fac__onnx_node(s, "Abs", x);
    if (isinf(p)) return fac__onnx_is(s, 0, put_reduce(s, p > 0 ? "ReduceMax" : "ReduceMin", x, dims, keep));
    const char *power = fac__onnx_put_number(s, p, fac_dtype_of(fac__onnx_traced(s)));
    const char *root = fac__onnx_put_number(s, 1 / p, fac_dtype_of(fac__onnx_traced(s)));
    const char *y = x && power ? put_reduce(s, "ReduceSum", fac__onnx_node(s, "Pow", x, power), dims, keep) : NULL;
    return fac__onnx_is(s, 0, y && root ? fac__onnx_node(s, "Pow", y, root) : NULL);
}

/* The mean of squared differences, times what a correction makes of their number. */
static bool save_spread(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    const fac__trace_call *c = fac__onnx_saved(s);
    double correction = fac_scalar_to_double(fac__trace_arg_named(c, "correction")->value.v.scalar), n = 1;
    bool keep = fac_scalar_to_int(fac__trace_arg_named(c, "keepdim")->value.v.scalar);
    fac_dims dims;
    fac__onnx_size shape[FAC_MAX_DIMS];
    int ndim;
    if (!dims_at(s, 1, &dims) || !fac__onnx_shape_of(s, fac__trace_arg_at(c, 0)->number, shape, &ndim)) return false;
    for (int i = 0; i < dims.n; i++) {
        n *= (double)x->shape[dims.d[i]];
        if (shape[dims.d[i]].times && correction != 0)
            return fac__onnx_cannot(s, "it goes over the batch, whose size is in the formula");
    }
    const char *name = fac__onnx_name_at(s, 0), *mean = put_reduce(s, "ReduceMean", name, dims, true);
    const char *apart = mean ? fac__onnx_node(s, "Sub", name, mean) : NULL;
    const char *square = apart ? fac__onnx_node(s, "Mul", apart, apart) : NULL;
    const char *y = put_reduce(s, "ReduceMean", square, dims, keep);
    if (correction != 0) {
        const char *by = fac__onnx_put_number(s, n / fmax(n - correction, 0), fac_dtype_of(x));
        y = y && by ? fac__onnx_node(s, "Mul", y, by) : NULL;
    }
    if (!strcmp(r->aten, "std")) y = y ? fac__onnx_node(s, "Sqrt", y) : NULL;
    return fac__onnx_is(s, 0, y);
}

static const char *put_arg(saver *s, const char *op, int64_t dim, bool keep)
{
    const char *y = fac__onnx_node(s, op, fac__onnx_name_at(s, 0));
    fac__onnx_give_int(s, "axis", dim);
    fac__onnx_give_int(s, "keepdims", keep);
    return y;
}

static bool save_arg(saver *s, const row *r)
{
    int64_t dim;
    return fac__onnx_int_at(s, 1, &dim) && fac__onnx_is(s, 0, put_arg(s, r->onnx, dim, fac__onnx_bool_at(s, 2)));
}

/* Values, and where they are. */
static bool save_extreme(saver *s, const row *r)
{
    int64_t dim;
    bool keep = fac__onnx_bool_at(s, 2), largest = !strcmp(r->aten, "max");
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *y =
        put_reduce(s, largest ? "ReduceMax" : "ReduceMin", fac__onnx_name_at(s, 0), fac_dims_one(dim), keep);
    return fac__onnx_is(s, 0, y) &&
           (!fac__onnx_wanted(s, 1) || fac__onnx_is(s, 1, put_arg(s, largest ? "ArgMax" : "ArgMin", dim, keep)));
}

const fac__onnx_operator fac__onnx_reduce[] = {
    {"ReduceMean", "mean", load_reduce, save_reduce},
    {"ReduceSum", "sum", load_reduce, save_reduce},
    {"ReduceMax", "amax", load_reduce, save_reduce},
    {"ReduceMin", "amin", load_reduce, save_reduce},
    {"ReduceProd", "prod", load_reduce, save_prod},
    {"ReduceSumSquare", "", load_reduce, NULL},
    {"ReduceLogSum", "", load_reduce, NULL},
    {"ReduceLogSumExp", "logsumexp", load_reduce, save_reduce},
    {"ReduceL1", "", load_reduce, NULL},
    {"ReduceL2", "norm", load_reduce, save_norm},
    {"ArgMax", "argmax", load_arg, save_arg},
    {"ArgMin", "argmin", load_arg, save_arg},
    {"Hardmax", "", load_hardmax, NULL},
    {"", "max", NULL, save_extreme},
    {"", "min", NULL, save_extreme},
    {"", "all", NULL, save_truth},
    {"", "any", NULL, save_truth},
    {"", "var", NULL, save_spread},
    {"", "std", NULL, save_spread},
    {NULL, NULL, NULL, NULL},
};
