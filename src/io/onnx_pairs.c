/* Floor 7. ONNX's operators of two tensors and more, element by element: arithmetic, comparisons, logic. */
#include "core/raise.h"
#include "onnx_formulas.h"
#include "ops/op.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

static fac_dtype result_dtype(const saver *s)
{
    return fac_dtype_of(fac__onnx_traced(s));
}

static bool put_two(saver *s, const char *op, const char *a, const char *b, fac_dtype dtype)
{
    const char *y = a && b ? fac__onnx_node(s, op, a, b) : NULL;
    return fac__onnx_is(s, 0, fac__onnx_cast(s, y, dtype, result_dtype(s)));
}

/* In the dtype of the result; alpha times the second. */
static bool save_arithmetic(saver *s, const row *r)
{
    fac_dtype dtype = result_dtype(s);
    if (dtype == FAC_BOOL) return fac__onnx_cannot(s, "ONNX has no arithmetic of bools");
    bool swapped = !strcmp(r->aten, "rsub");
    const char *a = fac__onnx_operand(s, swapped ? 1 : 0, dtype), *b = fac__onnx_operand(s, swapped ? 0 : 1, dtype);
    const fac__trace_arg *alpha = fac__trace_arg_named(fac__onnx_saved(s), "alpha");
    double times = alpha->value.kind == FAC_VALUE_SCALAR ? fac_scalar_to_double(alpha->value.v.scalar) : 1;
    if (times != 1) {
        const char *n = fac__onnx_put_number(s, times, dtype), **what = swapped ? &a : &b;
        *what = n && *what ? fac__onnx_node(s, "Mul", *what, n) : NULL;
    }
    return put_two(s, r->onnx, a, b, dtype);
}

static fac__arg as_arg(const fac__trace_arg *a)
{
    return a->value.kind == FAC_VALUE_TENSOR ? fac__tensor_arg(a->value.v.tensor) : fac__scalar_arg(a->value.v.scalar);
}

/* In the dtype that both have together. */
static bool save_comparison(saver *s, const row *r)
{
    const fac__trace_call *c = fac__onnx_saved(s);
    fac__arg args[] = {as_arg(fac__trace_arg_at(c, 0)), as_arg(fac__trace_arg_at(c, 1))};
    fac_dtype dtype = fac__result_type(2, args);
    if (dtype == FAC_BOOL && strcmp(r->onnx, "Equal")) return fac__onnx_cannot(s, "ONNX does not order bools");
    return put_two(s, r->onnx, fac__onnx_operand(s, 0, dtype), fac__onnx_operand(s, 1, dtype), FAC_BOOL);
}

static bool save_not_equal(saver *s, const row *r)
{
    (void)r;
    static const row equal = {"Equal", "eq", NULL, NULL};
    if (!save_comparison(s, &equal)) return false;
    return fac__onnx_is(s, 0, fac__onnx_node(s, "Not", s->names[fac__onnx_saved(s)->first]));
}

static bool save_logical(saver *s, const row *r)
{
    const char *a = fac__onnx_operand(s, 0, FAC_BOOL), *b = fac__onnx_operand(s, 1, FAC_BOOL);
    return fac__onnx_is(s, 0, a && b ? fac__onnx_node(s, r->onnx, a, b) : NULL);
}

static bool save_not(saver *s, const row *r)
{
    const char *a = fac__onnx_operand(s, 0, FAC_BOOL);
    return fac__onnx_is(s, 0, a ? fac__onnx_node(s, r->onnx, a) : NULL);
}

/* The result has the dtype of the base, whatever the exponent's is. */
static int power(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *y = fac_pow(x, args[1].v.tensor);
    y = y ? fac_to(y, fac_dtype_of(x)) : NULL;
    results[0] = fac_value_tensor(y);
    return y ? 1 : -1;
}

/* pow, whose exponent is known, is a call with a number: faster, and as PyTorch writes it. */
static bool load_pow(loader *l, const row *r)
{
    fac_tensor *t = fac__onnx_known(l, 1);
    if (!t || t->numel != 1 || t->ndim)
        return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, power, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1)));
    double n;
    fac_to_array(t, FAC_FLOAT64, &n, 1);
    fac__term e = fac_dtype_is_floating((fac_dtype)t->dtype) ? fac__term_float(n) : fac__term_int((int64_t)n);
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), e));
}

/* Integers are divided without a rest, cut off towards 0. */
static int divide(const fac_value *args, int n_args, fac_value *results, int max)
{
    bool floating = false;
    for (int i = 0; i < n_args; i++)
        floating |= args[i].kind == FAC_VALUE_TENSOR && fac_dtype_is_floating(fac_dtype_of(args[i].v.tensor));
    fac_keyword mode = {"rounding_mode", fac_value_string("trunc")};
    return fac_call("div", args, n_args, &mode, !floating, results, max);
}

static bool load_div(loader *l, const row *r)
{
    return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, divide, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1)));
}

/* Several of them are taken two by two. */
static bool load_many(loader *l, const row *r)
{
    if (!fac__onnx_given(l, 0)) return fac__onnx_error(l, "it has no input");
    fac__term y = fac__onnx_arg(l, 0);
    if (l->node->n_inputs == 1) return fac__onnx_result(l, 0, fac__onnx_call(l, "clone", y));
    for (int i = 1; i < l->node->n_inputs; i++)
        y = fac__term_value(fac__onnx_call(l, r->aten, y, fac__onnx_arg(l, i)));
    return fac__onnx_result(l, 0, y.value);
}

static bool load_mean(loader *l, const row *r)
{
    fac__term y = fac__onnx_arg(l, 0);
    (void)r;
    if (!fac__onnx_given(l, 0)) return fac__onnx_error(l, "it has no input");
    for (int i = 1; i < l->node->n_inputs; i++)
        y = fac__term_value(fac__onnx_call(l, "add", y, fac__onnx_arg(l, i)));
    return fac__onnx_result(l, 0, fac__onnx_call(l, "div", y, fac__term_int(l->node->n_inputs)));
}

/* Numbers without a sign are wider here than there, but for uint8: their bits turned over are other ones. */
static bool load_bits(loader *l, const row *r)
{
    for (int i = 0; i < l->model->n_inputs; i++)
        if (l->model->inputs[i].wider) return fac__onnx_error(l, "of a type that facula does not have");
    return fac__onnx_load_plain(l, r);
}

static bool load_shift(loader *l, const row *r)
{
    const char *way = fac__onnx_word(l, "direction", "");
    (void)r;
    if (strcmp(way, "LEFT") && strcmp(way, "RIGHT")) return fac__onnx_error(l, "direction='%.40s' is not known", way);
    const char *op = *way == 'L' ? "bitwise_left_shift" : "bitwise_right_shift";
    return fac__onnx_result(l, 0, fac__onnx_call(l, op, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1)));
}

static bool load_mod(loader *l, const row *r)
{
    (void)r;
    const char *op = fac__onnx_int(l, "fmod", 0) ? "fmod" : "remainder";
    return fac__onnx_result(l, 0, fac__onnx_call(l, op, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1)));
}

static bool save_where(saver *s, const row *r)
{
    fac_dtype dtype = result_dtype(s);
    const char *c = fac__onnx_operand(s, 0, FAC_BOOL), *a = fac__onnx_operand(s, 1, dtype);
    const char *b = a ? fac__onnx_operand(s, 2, dtype) : NULL;
    return fac__onnx_is(s, 0, c && b ? fac__onnx_node(s, r->onnx, c, a, b) : NULL);
}

static bool save_masked_fill(saver *s, const row *r)
{
    (void)r;
    const char *mask = fac__onnx_operand(s, 1, FAC_BOOL), *value = fac__onnx_operand(s, 2, result_dtype(s));
    const char *x = fac__onnx_name_at(s, 0);
    return fac__onnx_is(s, 0, mask && value ? fac__onnx_node(s, "Where", mask, value, x) : NULL);
}

static bool save_cast(saver *s, const row *r)
{
    (void)r;
    return fac__onnx_is(s, 0, fac__onnx_operand(s, 0, result_dtype(s)));
}

/* ---- the rows -------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_pairs[] = {
    {"Add", "add", fac__onnx_load_plain, save_arithmetic},
    {"Sub", "sub", fac__onnx_load_plain, save_arithmetic},
    {"Sub", "rsub", fac__onnx_load_plain, save_arithmetic},
    {"Mul", "mul", fac__onnx_load_plain, save_arithmetic},
    {"Div", "div", load_div, save_arithmetic},
    {"Pow", "pow", load_pow, save_arithmetic},
    {"Mod", "remainder", load_mod, NULL},
    {"Max", "maximum", load_many, save_arithmetic},
    {"Min", "minimum", load_many, save_arithmetic},
    {"Sum", "add", load_many, NULL},
    {"Mean", "", load_mean, NULL},
    {"BitShift", "", load_shift, NULL},
    {"BitwiseAnd", "bitwise_and", fac__onnx_load_plain, NULL},
    {"BitwiseOr", "bitwise_or", fac__onnx_load_plain, NULL},
    {"BitwiseXor", "bitwise_xor", fac__onnx_load_plain, NULL},
    {"BitwiseNot", "bitwise_not", load_bits, NULL},
    {"Equal", "eq", fac__onnx_load_plain, save_comparison},
    {"", "ne", NULL, save_not_equal},
    {"Less", "lt", fac__onnx_load_plain, save_comparison},
    {"LessOrEqual", "le", fac__onnx_load_plain, save_comparison},
    {"Greater", "gt", fac__onnx_load_plain, save_comparison},
    {"GreaterOrEqual", "ge", fac__onnx_load_plain, save_comparison},
    {"And", "logical_and", fac__onnx_load_plain, save_logical},
    {"Or", "logical_or", fac__onnx_load_plain, save_logical},
    {"Xor", "logical_xor", fac__onnx_load_plain, save_logical},
    {"Not", "logical_not", fac__onnx_load_plain, save_not},
    {"Where", "where", fac__onnx_load_plain, save_where},
    {"", "masked_fill", NULL, save_masked_fill},
    {"", "to", NULL, save_cast},
    {NULL, NULL, NULL, NULL},
};
