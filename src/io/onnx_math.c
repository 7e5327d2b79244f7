/* Floor 7. ONNX's operators of one tensor, element by element. */
#include <math.h>

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

/* What a number is in the tensor's dtype: ONNX has no numbers beside tensors, and no promotion. */
static const char *number(saver *s, double n)
{
    return fac__onnx_put_number(s, n, result_dtype(s));
}

/* ---- one tensor, one number ----------------------------------------------------------------------------------- */

/* LeakyRelu(alpha) and its kin: one attribute, one number. */
static bool load_alpha(loader *l, const row *r)
{
    double otherwise = !strcmp(r->onnx, "LeakyRelu") ? 0.01 : 1;
    fac__term alpha = fac__term_float(fac__onnx_float(l, "alpha", otherwise));
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), alpha));
}

static bool save_alpha(saver *s, const row *r)
{
    bool elu = !strcmp(r->aten, "elu");
    if (!strcmp(r->aten, "celu") && result_dtype(s) != FAC_FLOAT32) /* which is all that ONNX's takes */
        return fac__onnx_save_formula(s, r);
    if (elu && (fac__onnx_float_at(s, 2, 1) != 1 || fac__onnx_float_at(s, 3, 1) != 1))
        return fac__onnx_cannot(s, "Elu has no scale");
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0));
    fac__onnx_give_float(s, "alpha", fac__onnx_float_at(s, 1, !strcmp(r->onnx, "LeakyRelu") ? 0.01 : 1));
    return fac__onnx_is(s, 0, y);
}

static bool load_hard_sigmoid(loader *l, const row *r)
{
    double alpha = fac__onnx_float(l, "alpha", 0.2), beta = fac__onnx_float(l, "beta", 0.5);
    fac__term x = fac__onnx_arg(l, 0);
    if (fabs(alpha - 1.0 / 6) < 1e-6 && beta == 0.5) return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, x));
    int y = fac__onnx_call(l, "mul", x, fac__term_float(alpha));
    y = fac__onnx_call(l, "add", fac__term_value(y), fac__term_float(beta));
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, "clamp", fac__term_value(y), fac__term_float(0), fac__term_float(1)));
}

static bool save_hard_sigmoid(saver *s, const row *r)
{
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0));
    fac__onnx_give_float(s, "alpha", 1.0 / 6);
    fac__onnx_give_float(s, "beta", 0.5);
    return fac__onnx_is(s, 0, y);
}

/* x, alpha, gamma: of other numbers than usual. */
static int selu(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    double gamma = fac_scalar_to_double(args[2].v.scalar);
    fac_tensor *y = fac_elu(args[0].v.tensor, fac_scalar_to_double(args[1].v.scalar), 1, 1);
    y = y ? fac_mul_scalar(y, gamma) : NULL;
    results[0] = fac_value_tensor(y);
    return y ? 1 : -1;
}

static bool load_selu(loader *l, const row *r)
{
    double alpha = fac__onnx_float(l, "alpha", 1.67326319217681884765625);
    double gamma = fac__onnx_float(l, "gamma", 1.05070102214813232421875);
    fac__term x = fac__onnx_arg(l, 0);
    if (fabs(alpha - 1.67326319) > 1e-6 || fabs(gamma - 1.05070102) > 1e-6)
        return fac__onnx_result(
            l, 0, fac__onnx_function(l, r->onnx, selu, x, fac__term_float(alpha), fac__term_float(gamma)));
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, x));
}

/* x, lambd, bias */
static int shrink(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    double lambd = fac_scalar_to_double(args[1].v.scalar), bias = fac_scalar_to_double(args[2].v.scalar);
    fac_tensor *moved = fac_sub(x, fac_mul_scalar(fac_sign(x), bias)), *zero = fac_mul_scalar(x, 0);
    fac_tensor *y = moved && zero ? fac_where(fac_gt_scalar(fac_abs(x), lambd), moved, zero) : NULL;
    results[0] = fac_value_tensor(y);
    return y ? 1 : -1;
}

static bool load_shrink(loader *l, const row *r)
{
    double bias = fac__onnx_float(l, "bias", 0), lambd = fac__onnx_float(l, "lambd", 0.5);
    fac__term x = fac__onnx_arg(l, 0);
    if (bias != 0 && bias != lambd)
        return fac__onnx_result(
            l, 0, fac__onnx_function(l, r->onnx, shrink, x, fac__term_float(lambd), fac__term_float(bias)));
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, bias != 0 ? "softshrink" : "hardshrink", x, fac__term_float(lambd)));
}

static bool load_isinf(loader *l, const row *r)
{
    bool negative = fac__onnx_int(l, "detect_negative", 1), positive = fac__onnx_int(l, "detect_positive", 1);
    const char *op = negative && positive ? r->aten : negative ? "isneginf" : "isposinf";
    if (!negative && !positive) return fac__onnx_error(l, "it looks for nothing");
    return fac__onnx_result(l, 0, fac__onnx_call(l, op, fac__onnx_arg(l, 0)));
}

static bool load_swish(loader *l, const row *r)
{
    double alpha = fac__onnx_float(l, "alpha", 1);
    fac__term x = fac__onnx_arg(l, 0);
    (void)r;
    if (alpha == 1) return fac__onnx_result(l, 0, fac__onnx_call(l, "silu", x));
    int gate = fac__onnx_call(l, "sigmoid", fac__term_value(fac__onnx_call(l, "mul", x, fac__term_float(alpha))));
    return fac__onnx_result(l, 0, fac__onnx_call(l, "mul", x, fac__term_value(gate)));
}

static bool save_shrink(saver *s, const row *r)
{
    double lambd = fac__onnx_float_at(s, 1, 0.5);
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0));
    fac__onnx_give_float(s, "lambd", lambd);
    fac__onnx_give_float(s, "bias", !strcmp(r->aten, "softshrink") ? lambd : 0);
    return fac__onnx_is(s, 0, y);
}

static bool load_gelu(loader *l, const row *r)
{
    bool tanh = !strcmp(fac__onnx_word(l, "approximate", "none"), "tanh");
    return fac__onnx_result(l, 0, fac__onnx_call(l, tanh ? "gelu_tanh" : r->aten, fac__onnx_arg(l, 0)));
}

static bool load_thresholded(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0),
                                           fac__term_float(fac__onnx_float(l, "alpha", 1)), fac__term_float(0)));
}

/* ONNX's has no factor, and no number from which on it is a line. */
static bool save_softplus(saver *s, const row *r)
{
    bool usual = fac__onnx_float_at(s, 1, 1) == 1 && fac__onnx_float_at(s, 2, 20) == 20;
    return usual ? fac__onnx_save_plain(s, r) : fac__onnx_save_formula(s, r);
}

/* ---- clipping -------------------------------------------------------------------------------------------------- */

/* An end: an attribute in old files, else an input, which may be left out. A number where it is known. */
static fac__term end_of(loader *l, const char *attribute, int input)
{
    if (fac__onnx_attribute_of(l->node, attribute)) return fac__term_float(fac__onnx_float(l, attribute, 0));
    fac_tensor *t = fac__onnx_known(l, input);
    if (!t || t->numel != 1) return fac__onnx_arg(l, input);
    double n;
    fac_to_array(t, FAC_FLOAT64, &n, 1);
    return fac_dtype_is_floating((fac_dtype)t->dtype) ? fac__term_float(n) : fac__term_int((int64_t)n);
}

static bool load_clip(loader *l, const row *r)
{
    fac__term x = fac__onnx_arg(l, 0), min = end_of(l, "min", 1), max = end_of(l, "max", 2);
    bool low = min.kind == FAC__TERM_CONSTANT && min.constant.kind == FAC_VALUE_NONE;
    bool high = max.kind == FAC__TERM_CONSTANT && max.constant.kind == FAC_VALUE_NONE;
    if (low && high) return fac__onnx_result(l, 0, fac__onnx_call(l, "clone", x));
    bool numbers = min.kind == FAC__TERM_CONSTANT && max.kind == FAC__TERM_CONSTANT;
    if (!numbers && min.kind == FAC__TERM_CONSTANT && !low)
        return fac__onnx_error(l, "one end is known, the other is not");
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, x, min, max));
}

static bool clip(saver *s, const char *min, const char *max)
{
    const char *x = fac__onnx_operand(s, 0, result_dtype(s));
    return fac__onnx_is(s, 0, x && min && max ? fac__onnx_node(s, "Clip", x, min, max) : NULL);
}

static bool save_clamp(saver *s, const row *r)
{
    (void)r;
    const char *ends[2] = {"", ""};
    bool tensors = false;
    for (int i = 0; i < 2; i++) {
        const fac__trace_arg *a = fac__trace_arg_at(fac__onnx_saved(s), i + 1);
        tensors |= a->value.kind == FAC_VALUE_TENSOR && a->value.v.tensor->ndim;
        if (a->value.kind != FAC_VALUE_NONE) ends[i] = fac__onnx_operand(s, i + 1, result_dtype(s));
    }
    if (!tensors) return clip(s, ends[0], ends[1]);
    const char *y = fac__onnx_operand(s, 0, result_dtype(s)); /* Clip's ends are numbers */
    for (int i = 0; i < 2 && y && ends[i]; i++)
        if (*ends[i]) y = fac__onnx_node(s, i ? "Min" : "Max", y, ends[i]);
    return fac__onnx_is(s, 0, ends[0] && ends[1] ? y : NULL);
}

static bool save_hardtanh(saver *s, const row *r)
{
    bool six = !strcmp(r->aten, "relu6");
    return clip(s, number(s, six ? 0 : fac__onnx_float_at(s, 1, -1)), number(s, six ? 6 : fac__onnx_float_at(s, 2, 1)));
}

/* The slope is broadcast as in ONNX: from the last dimension; PyTorch's is for dimension 1. */
static int prelu(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *zero = fac_mul_scalar(x, 0);
    fac_tensor *y = fac_where(fac_gt(x, zero), x, fac_mul(x, args[1].v.tensor));
    results[0] = fac_value_tensor(y);
    return y ? 1 : -1;
}

static bool load_prelu(loader *l, const row *r)
{
    fac_tensor *slope = fac__onnx_known(l, 1);
    if (slope && slope->numel == 1 && slope->ndim == 1) return fac__onnx_load_plain(l, r);
    return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, prelu, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1)));
}

static bool save_prelu(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *w = fac__onnx_tensor_at(s, 1);
    const char *slope = fac__onnx_name_at(s, 1);
    if (w->numel > 1 && x->ndim > 2) {
        int64_t shape[FAC_MAX_DIMS] = {w->numel};
        for (int i = 1; i < x->ndim - 1; i++)
            shape[i] = 1;
        const char *dims = fac__onnx_put_ints(s, shape, x->ndim - 1);
        slope = dims ? fac__onnx_node(s, "Reshape", slope, dims) : NULL;
    }
    return fac__onnx_is(s, 0, slope ? fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), slope) : NULL);
}

/* ---- the rows -------------------------------------------------------------------------------------------------- */

#define PLAIN(onnx, aten)                                                                                              \
    {                                                                                                                  \
        onnx, aten, fac__onnx_load_plain, fac__onnx_save_plain                                                         \
    }
const fac__onnx_operator fac__onnx_math[] = {
    PLAIN("Relu", "relu"),
    PLAIN("Sigmoid", "sigmoid"),
    PLAIN("Tanh", "tanh"),
    PLAIN("Exp", "exp"),
    PLAIN("Log", "log"),
    PLAIN("Sqrt", "sqrt"),
    PLAIN("Abs", "abs"),
    PLAIN("Neg", "neg"),
    PLAIN("Floor", "floor"),
    PLAIN("Ceil", "ceil"),
    PLAIN("Round", "round"),
    PLAIN("Sign", "sign"),
    PLAIN("Reciprocal", "reciprocal"),
    PLAIN("Sin", "sin"),
    PLAIN("Cos", "cos"),
    PLAIN("Tan", "tan"),
    PLAIN("Asin", "asin"),
    PLAIN("Acos", "acos"),
    PLAIN("Atan", "atan"),
    PLAIN("Sinh", "sinh"),
    PLAIN("Cosh", "cosh"),
    PLAIN("Asinh", "asinh"),
    PLAIN("Acosh", "acosh"),
    PLAIN("Atanh", "atanh"),
    PLAIN("Erf", "erf"),
    PLAIN("IsNaN", "isnan"),
    {"IsInf", "isinf", load_isinf, fac__onnx_save_plain},
    PLAIN("Softsign", "softsign"),
    PLAIN("HardSwish", "hardswish"),
    {"Softplus", "softplus", fac__onnx_load_plain, save_softplus},
    {"Mish", "mish", fac__onnx_load_plain, fac__onnx_save_formula},
    {"Gelu", "gelu", load_gelu, fac__onnx_save_formula},
    {"LeakyRelu", "leaky_relu", load_alpha, save_alpha},
    {"Elu", "elu", load_alpha, save_alpha},
    {"Celu", "celu", load_alpha, save_alpha},
    {"Selu", "selu", load_selu, fac__onnx_save_plain},
    {"HardSigmoid", "hardsigmoid", load_hard_sigmoid, save_hard_sigmoid},
    {"Shrink", "softshrink", load_shrink, save_shrink},
    {"Shrink", "hardshrink", load_shrink, save_shrink},
    {"ThresholdedRelu", "threshold", load_thresholded, NULL},
    {"PRelu", "prelu", load_prelu, save_prelu},
    {"Clip", "clamp", load_clip, save_clamp},
    {"", "hardtanh", NULL, save_hardtanh},
    {"", "relu6", NULL, save_hardtanh},
    {"Swish", "", load_swish, NULL},
    {"Det", "linalg_det", fac__onnx_load_plain, NULL},
    {NULL, NULL, NULL, NULL},
};
