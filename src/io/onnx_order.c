/* Floor 7. ONNX's operators that put elements in order, and those that go through them one after another. */
#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_sort.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

/* x, k, axis, largest. Of equal elements the one in front comes first, which facula's topk does not promise: a stable sort. */
static int top(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_dims k;
    int64_t axis = fac_scalar_to_int(args[2].v.scalar);
    fac_tensor *at = NULL;
    if (!fac__onnx_dims_of(&args[1], &k)) return -1;
    if (k.n != 1) return fac__value_error("k is %d numbers", k.n), -1;
    fac_tensor *y = fac_sort(args[0].v.tensor, .dim = axis, .descending = fac_scalar_to_int(args[3].v.scalar),
                             .stable = true, .indices = &at);
    y = y ? fac_narrow(y, (int)axis, 0, k.d[0]) : NULL;
    at = y ? fac_narrow(at, (int)axis, 0, k.d[0]) : NULL;
    results[0] = fac_value_tensor(y);
    results[1] = fac_value_tensor(at);
    return at ? 2 : -1;
}

static bool load_topk(loader *l, const row *r)
{
    const fac__onnx_attribute *k = fac__onnx_attribute_of(l->node, "k"); /* before opset 10 */
    if (!k && !fac__onnx_given(l, 1)) return fac__onnx_error(l, "it has no k");
    const fac__term args[] = {fac__onnx_arg(l, 0), k ? fac__term_int(k->i) : fac__onnx_ints(l, 1),
                              fac__term_int(fac__onnx_int(l, "axis", -1)),
                              fac__term_int(fac__onnx_int(l, "largest", 1))};
    int value = fac__onnx_function_many(l, r->onnx, top, 2, args, 4);
    return fac__onnx_result(l, 0, value) && fac__onnx_result(l, 1, value + 1);
}

/* k elements from the front: the values, and the places as the node's second output. */
static const char *put_top(saver *s, const char *k, int64_t dim, bool largest, const char **places)
{
    const char *y = k ? fac__onnx_node(s, "TopK", fac__onnx_name_at(s, 0), k) : NULL;
    fac__onnx_give_int(s, "axis", dim);
    fac__onnx_give_int(s, "largest", largest);
    fac__onnx_give_int(s, "sorted", 1);
    *places = y ? fac__onnx_give_output(s) : NULL;
    return y;
}

/* A number without a sign is not read from the call where it may be missing. */
static bool keyword(const saver *s, const char *name)
{
    const fac__trace_arg *a = fac__trace_arg_named(fac__onnx_saved(s), name);
    return a->value.kind == FAC_VALUE_SCALAR && fac_scalar_to_int(a->value.v.scalar);
}

/* sort and argsort: all elements of the dimension. */
static bool save_sort(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    const fac__trace_call *c = fac__onnx_saved(s);
    const fac__trace_arg *named = fac__trace_arg_named(c, "dim");
    bool stable = named->value.kind == FAC_VALUE_SCALAR, descending = keyword(s, "descending");
    int64_t dim = stable ? fac_scalar_to_int(named->value.v.scalar) : 0;
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!stable && !fac__onnx_int_at(s, 1, &dim)) return false;
    if (!stable) descending = fac__onnx_bool_at(s, 2);
    if (!x->ndim) return fac__onnx_cannot(s, "its input has no dimension");
    if (!fac__onnx_shape_of(s, fac__trace_arg_at(c, 0)->number, shape, &n)) return false;
    const char *k = fac__onnx_put_sizes(s, &shape[dim < 0 ? dim + n : dim], 1), *at;
    const char *y = put_top(s, k, dim, descending, &at);
    if (!strcmp(r->aten, "argsort")) return fac__onnx_is(s, 0, at);
    return fac__onnx_is(s, 0, y) && fac__onnx_is(s, 1, at);
}

static bool save_topk(saver *s, const row *r)
{
    (void)r;
    int64_t k, dim;
    const char *at;
    if (!fac__onnx_int_at(s, 1, &k) || !fac__onnx_int_at(s, 2, &dim)) return false;
    if (!fac__onnx_tensor_at(s, 0)->ndim) return fac__onnx_cannot(s, "its input has no dimension");
    const char *y = put_top(s, fac__onnx_put_ints(s, &k, 1), dim, fac__onnx_bool_at(s, 3), &at);
    return fac__onnx_is(s, 0, y) && fac__onnx_is(s, 1, at);
}

/* ---- one after another ------------------------------------------------------------------------------------------------- */

/* x, axis, exclusive, reverse, product */
static int scan(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_dims axis;
    bool exclusive = fac_scalar_to_int(args[2].v.scalar), reverse = fac_scalar_to_int(args[3].v.scalar);
    bool product = fac_scalar_to_int(args[4].v.scalar);
    if (!fac__onnx_dims_of(&args[1], &axis)) return -1;
    if (axis.n != 1) return fac__value_error("the axis is %d numbers", axis.n), -1;
    int64_t d = axis.d[0] < 0 ? axis.d[0] + fac_dim(x) : axis.d[0];
    if (d < 0 || d >= fac_dim(x)) return fac__value_error("axis %lld is none of the input's", (long long)d), -1;
    if (reverse) x = fac_flip(x, FAC_DIMS(d));
    fac_tensor *y = product ? fac_cumprod(x, d, fac_dtype_of(x)) : fac_cumsum(x, d, fac_dtype_of(x));
    int64_t n = fac_size(x, (int)d);
    if (exclusive && y && n) { /* what is in front of each */
        fac_tensor *first = fac_full_like(fac_narrow(x, (int)d, 0, 1), fac_scalar_int(product));
        y = first ? fac_cat(FAC_TENSORS(first, fac_narrow(y, (int)d, 0, n - 1)), (int)d) : NULL;
    }
    return fac__onnx_one_result(reverse ? fac_flip(y, FAC_DIMS(d)) : y, results);
}

static bool load_scan(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, scan, fac__onnx_arg(l, 0), fac__onnx_ints(l, 1),
                                               fac__term_int(fac__onnx_int(l, "exclusive", 0)),
                                               fac__term_int(fac__onnx_int(l, "reverse", 0)),
                                               fac__term_int(!strcmp(r->onnx, "CumProd"))));
}

static bool save_cumsum(saver *s, const row *r)
{
    int64_t dim;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *x = fac__onnx_operand(s, 0, fac_dtype_of(fac__onnx_traced(s)));
    const char *axis = fac__onnx_put_number(s, (double)dim, FAC_INT64);
    return fac__onnx_is(s, 0, x && axis ? fac__onnx_node(s, r->onnx, x, axis) : NULL);
}

/* x, lengths, time axis, batch axis: the first `length` of each sequence turned round. */
static int reverse_sequence(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    int64_t time = fac_scalar_to_int(args[2].v.scalar), batch = fac_scalar_to_int(args[3].v.scalar);
    if (fac_dim(x) < 2 || time == batch || time < 0 || time > 1 || batch < 0 || batch > 1)
        return fac__value_error("its axes are to be 0 and 1"), -1;
    fac_tensor *places = fac_arange(0, fac_size(x, (int)time), 1), *lengths = fac_unsqueeze(args[1].v.tensor, 1);
    fac_tensor *turned = fac_sub(fac_sub_scalar(lengths, 1), places); /* [batch, time] */
    fac_tensor *at = fac_where(fac_lt(places, lengths), turned, places);
    if (time == 0) at = fac_transpose(at, 0, 1);
    fac_dims shape = fac_shape(at), all = fac_shape(x);
    while (shape.n < all.n)
        shape.d[shape.n++] = 1;
    at = fac_expand(fac_reshape(at, shape), all);
    return fac__onnx_one_result(at ? fac_gather(x, (int)time, fac_contiguous(at)) : NULL, results);
}

static bool load_reverse_sequence(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, reverse_sequence, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__term_int(fac__onnx_int(l, "time_axis", 0)),
                                               fac__term_int(fac__onnx_int(l, "batch_axis", 1))));
}

const fac__onnx_operator fac__onnx_order[] = {
    {"TopK", "topk", load_topk, save_topk},
    {"TopK", "sort", NULL, save_sort},
    {"TopK", "argsort", NULL, save_sort},
    {"CumSum", "cumsum", load_scan, save_cumsum},
    {"CumProd", "", load_scan, NULL},
    {"ReverseSequence", "", load_reverse_sequence, NULL},
    {NULL, NULL, NULL, NULL},
};
