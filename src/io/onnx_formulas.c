/* Floor 7. Operations that are written as several of ONNX's operators, each by a formula: operands first, as on a calculator.
 *
 *     FORMULA(silu, "a a Sigmoid Mul")
 *
 * a to d are the call's arguments, tensors or numbers, in the dtype that is computed in; value and the like, keywords of that name; a
 * word with a capital an operator; "=t" gives what was computed last a name, by which it may be used again. */
#include <ctype.h>
#include <stdlib.h>

#include "core/raise.h"
#include "onnx_formulas.h"
#include "ops/op.h"

typedef fac__onnx_operator row;
typedef fac__onnx_saver saver;

/* clang-format off */
#define FORMULAS(FORMULA)                                                                                              \
    FORMULA(silu, "a a Sigmoid Mul")                                                                                   \
    FORMULA(mish, "a a Softplus Tanh Mul")                                                                             \
    FORMULA(gelu, "a a 1.4142135623730951 Div Erf 1 Add Mul 0.5 Mul")                                                  \
    FORMULA(gelu_tanh, "a a a Mul 0.044715 Mul 1 Add a Mul 0.7978845608028654 Mul Tanh 1 Add Mul 0.5 Mul")             \
    FORMULA(log_sigmoid, "a Neg Softplus Neg")                                                                         \
    FORMULA(softplus, "a b Mul =t c Greater a t Softplus b Div Where")                                                 \
    FORMULA(celu, "a 0 Max a b Div Exp 1 Sub b Mul 0 Min Add") \
    FORMULA(tanhshrink, "a a Tanh Sub")                                                                                \
    FORMULA(square, "a a Mul")                                                                                         \
    FORMULA(rsqrt, "a Sqrt Reciprocal")                                                                                \
    FORMULA(threshold, "a b Greater a c Where")                                                                        \
    FORMULA(erfc, "1 a Erf Sub")                                                                                       \
    FORMULA(log2, "a Log 0.6931471805599453 Div")                                                                      \
    FORMULA(log10, "a Log 2.302585092994046 Div")                                                                      \
    FORMULA(log1p, "a 1 Add Log")                                                                                      \
    FORMULA(expm1, "a Exp 1 Sub")                                                                                      \
    FORMULA(exp2, "2 a Pow")                                                                                           \
    FORMULA(trunc, "a Abs Floor a Sign Mul")                                                                           \
    FORMULA(frac, "a a Abs Floor a Sign Mul Sub")                                                                      \
    FORMULA(isfinite, "a IsInf a IsNaN Or Not")                                                                        \
    FORMULA(sinc, "a 0 Equal 1 a 3.141592653589793 Mul =t Sin t Div Where")                                            \
    FORMULA(hypot, "a a Mul b b Mul Add Sqrt")                                                                         \
    FORMULA(deg2rad, "a 0.017453292519943295 Mul")                                                                     \
    FORMULA(rad2deg, "a 57.29577951308232 Mul")                                                                        \
    FORMULA(lerp, "a b a Sub c Mul Add")                                                                               \
    FORMULA(addcmul, "a b c Mul value Mul Add")                                                                        \
    FORMULA(addcdiv, "a b c Div value Mul Add")                                                                        \
    FORMULA(nan_to_num, "a IsNaN b a Where =t IsInf t 0 Greater c d Where t Where")                                    \
    FORMULA(mse_loss, "a b Sub =t t Mul")                                                                              \
    FORMULA(l1_loss, "a b Sub Abs")                                                                                    \
    FORMULA(smooth_l1_loss, "a b Sub Abs =t d Less t t Mul 0.5 Mul d Div t d 0.5 Mul Sub Where")                       \
    FORMULA(huber_loss, "a b Sub Abs =t d Less t t Mul 0.5 Mul t d 0.5 Mul Sub d Mul Where")                           \
    FORMULA(binary_cross_entropy, "a Log -100 Max b Mul 1 a Sub Log -100 Max 1 b Sub Mul Add Neg")                     \
    FORMULA(binary_cross_entropy_with_logits, "a 0 Max a b Mul Sub a Abs Neg Exp 1 Add Log Add")                       \
    FORMULA(kl_div, "b 0 Greater b b Log Mul 0 Where b a Mul Sub")                                                     \
    FORMULA(soft_margin_loss, "a b Mul Neg Softplus")
/* clang-format on */

enum { DEPTH = 12, NAMES = 26 };

typedef struct machine {
    saver *s;
    fac_dtype dtype;
    const char *stack[DEPTH], *named[NAMES];
    int n;
    bool failed;
} machine;

static void push(machine *m, const char *name)
{
    m->failed |= !name || m->n == DEPTH;
    if (!m->failed) m->stack[m->n++] = name;
}

static void apply(machine *m, const char *op)
{
    if ((m->failed |= !op)) return;
    static const char *const two[] = {"Add", "Sub",     "Mul",  "Div",   "Pow", "Max",
                                      "Min", "Greater", "Less", "Equal", "Or",  "Mod"};
    int takes = strcmp(op, "Where") ? 1 : 3;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (!strcmp(op, two[i])) takes = 2;
    const char *inputs[4] = {NULL};
    if ((m->failed |= m->n < takes)) return;
    m->n -= takes;
    for (int i = 0; i < takes; i++)
        inputs[i] = m->stack[m->n + i];
    push(m, fac__onnx_put(m->s, op, inputs));
}

static const char *keyword(machine *m, const char *word)
{
    const fac__trace_arg *a = fac__trace_arg_named(fac__onnx_saved(m->s), word);
    double n = a->value.kind == FAC_VALUE_SCALAR ? fac_scalar_to_double(a->value.v.scalar) : 1;
    return fac__onnx_put_number(m->s, n, m->dtype);
}

const char *fac__onnx_put_formula(saver *s, const char *text, fac_dtype dtype)
{
    machine m = {.s = s, .dtype = dtype};
    for (const char *p = text; *p && !m.failed;) {
        char word[32];
        size_t n = strcspn(p, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        p += n + (p[n] == ' ');
        if (*word == '=')
            m.named[word[1] - 'a'] = m.n ? m.stack[m.n - 1] : NULL;
        else if (isupper((unsigned char)*word))
            apply(&m, fac__arena_text(&s->model->arena, word));
        else if (islower((unsigned char)*word) && word[1])
            push(&m, keyword(&m, word));
        else if (islower((unsigned char)*word) && *word > 'd')
            push(&m, m.named[*word - 'a']);
        else if (islower((unsigned char)*word))
            push(&m, fac__onnx_operand(s, *word - 'a', dtype));
        else
            push(&m, fac__onnx_put_number(s, strtod(word, NULL), dtype));
    }
    return m.failed || m.n != 1 ? NULL : m.stack[0];
}

static const char *formula_of(const char *aten)
{
#define PAIR(id, text) {#id, text},
    static const struct {
        const char *aten, *text;
    } all[] = {FORMULAS(PAIR)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i].aten, aten)) return all[i].text;
    return NULL;
}

fac_dtype fac__onnx_common_dtype(const saver *s)
{
    const fac__trace_call *c = fac__onnx_saved(s);
    fac__arg args[FAC__TRACED_RESULTS];
    int n = 0;
    for (int i = 0; i < c->n_args && n < FAC__TRACED_RESULTS; i++) {
        const fac_value *v = &c->args[i].value;
        if (v->kind == FAC_VALUE_TENSOR) args[n++] = fac__tensor_arg(v->v.tensor);
        if (v->kind == FAC_VALUE_SCALAR) args[n++] = fac__scalar_arg(v->v.scalar);
    }
    return fac__result_type(n, args);
}

bool fac__onnx_save_formula(saver *s, const row *r)
{
    fac_dtype result = fac_dtype_of(fac__onnx_traced(s));
    fac_dtype dtype = fac_dtype_is_floating(result) ? result : fac__onnx_common_dtype(s);
    const char *y = fac__onnx_put_formula(s, formula_of(r->aten), dtype);
    return fac__onnx_is(s, 0, result == FAC_BOOL ? y : fac__onnx_cast(s, y, dtype, result));
}

/* ---- losses ------------------------------------------------------------------------------------------------------- */

/* The loss of each element, then what .reduction says: the third argument, or, behind weights, a later one. */
static bool save_loss(saver *s, const row *r)
{
    int at = !strcmp(r->aten, "binary_cross_entropy")               ? 3
             : !strcmp(r->aten, "binary_cross_entropy_with_logits") ? 4
                                                                    : 2;
    fac_dtype dtype = fac_dtype_of(fac__onnx_traced(s));
    int64_t reduction;
    for (int i = 2; i < at; i++)
        if (fac__onnx_tensor_at(s, i)) return fac__onnx_cannot(s, "it has weights");
    if (fac__onnx_float_at(s, 3, 1) == 0 && at == 2) return fac__onnx_cannot(s, "its threshold is 0");
    if (fac__trace_arg_named(fac__onnx_saved(s), "log_target")->value.kind == FAC_VALUE_SCALAR)
        return fac__onnx_cannot(s, "its target is a logarithm");
    if (!fac__onnx_int_at(s, at, &reduction)) return false;
    const char *y = fac__onnx_put_formula(s, formula_of(r->aten), dtype);
    if (y && reduction) {
        y = fac__onnx_node(s, reduction == 1 ? "ReduceMean" : "ReduceSum", y);
        fac__onnx_give_int(s, "keepdims", 0);
    }
    return fac__onnx_is(s, 0, y);
}

/* ---- others that have no operator ----------------------------------------------------------------------------------- */

/* Of floats; ONNX's Mod of integers has the sign of the divisor, as remainder has. */
static bool save_rest(saver *s, const row *r)
{
    fac_dtype dtype = fac_dtype_of(fac__onnx_traced(s));
    bool floating = fac_dtype_is_floating(dtype), fmod = !strcmp(r->aten, "fmod");
    const char *y;
    if (!strcmp(r->aten, "floor_divide"))
        y = fac__onnx_put_formula(s, floating ? "a b Div Floor" : "a a b Mod Sub b Div", dtype);
    else if (floating && !fmod)
        y = fac__onnx_put_formula(s, "a a b Div Floor b Mul Sub", dtype);
    else
        y = fac__onnx_put_formula(s, "a b Mod", dtype);
    if (fmod) fac__onnx_give_int(s, "fmod", 1);
    return fac__onnx_is(s, 0, y);
}

/* Of bools; those of integers are of opset 18. */
static bool save_bits(saver *s, const row *r)
{
    if (fac_dtype_of(fac__onnx_traced(s)) != FAC_BOOL)
        return fac__onnx_cannot(s, "opset %d has no operators for bits", FAC__ONNX_OPSET);
    const char *a = fac__onnx_operand(s, 0, FAC_BOOL),
               *b = strcmp(r->aten, "bitwise_not") ? fac__onnx_operand(s, 1, FAC_BOOL) : "";
    const char *op = !strcmp(r->aten, "bitwise_and")   ? "And"
                     : !strcmp(r->aten, "bitwise_or")  ? "Or"
                     : !strcmp(r->aten, "bitwise_xor") ? "Xor"
                                                       : "Not";
    return fac__onnx_is(s, 0, a && b ? fac__onnx_node(s, op, a, b) : NULL);
}

const fac__onnx_operator fac__onnx_formulas[] = {
    {"", "silu", NULL, fac__onnx_save_formula},
    {"", "gelu_tanh", NULL, fac__onnx_save_formula},
    {"", "log_sigmoid", NULL, fac__onnx_save_formula},
    {"", "tanhshrink", NULL, fac__onnx_save_formula},
    {"", "square", NULL, fac__onnx_save_formula},
    {"", "rsqrt", NULL, fac__onnx_save_formula},
    {"", "threshold", NULL, fac__onnx_save_formula},
    {"", "erfc", NULL, fac__onnx_save_formula},
    {"", "log2", NULL, fac__onnx_save_formula},
    {"", "log10", NULL, fac__onnx_save_formula},
    {"", "log1p", NULL, fac__onnx_save_formula},
    {"", "expm1", NULL, fac__onnx_save_formula},
    {"", "exp2", NULL, fac__onnx_save_formula},
    {"", "trunc", NULL, fac__onnx_save_formula},
    {"", "frac", NULL, fac__onnx_save_formula},
    {"", "isfinite", NULL, fac__onnx_save_formula},
    {"", "sinc", NULL, fac__onnx_save_formula},
    {"", "hypot", NULL, fac__onnx_save_formula},
    {"", "deg2rad", NULL, fac__onnx_save_formula},
    {"", "rad2deg", NULL, fac__onnx_save_formula},
    {"", "lerp", NULL, fac__onnx_save_formula},
    {"", "addcmul", NULL, fac__onnx_save_formula},
    {"", "addcdiv", NULL, fac__onnx_save_formula},
    {"", "nan_to_num", NULL, fac__onnx_save_formula},
    {"", "remainder", NULL, save_rest},
    {"", "fmod", NULL, save_rest},
    {"", "floor_divide", NULL, save_rest},
    {"", "bitwise_and", NULL, save_bits},
    {"", "bitwise_or", NULL, save_bits},
    {"", "bitwise_xor", NULL, save_bits},
    {"", "bitwise_not", NULL, save_bits},
    {"", "mse_loss", NULL, save_loss},
    {"", "l1_loss", NULL, save_loss},
    {"", "smooth_l1_loss", NULL, save_loss},
    {"", "huber_loss", NULL, save_loss},
    {"", "binary_cross_entropy", NULL, save_loss},
    {"", "binary_cross_entropy_with_logits", NULL, save_loss},
    {"", "kl_div", NULL, save_loss},
    {"", "soft_margin_loss", NULL, save_loss},
    {NULL, NULL, NULL, NULL},
};
