/* Floor 4. The public functions of pointwise.def, and their rows for the call by name. How a row is run is row_run.c's, apart from
 * these: a program that runs one is not to have the names of all. */
#include "facula/ops_create.h"
#include "facula/ops_view.h"
#include "op.h"
#include "tracing.h"

/* ---- the public functions of the table ------------------------------------------------------------------------ */

/* Out of the way of those that are not traced. Whoever is missing is told so by the operation itself. */
static __attribute__((noinline, cold)) fac_tensor *traced(fac__row row, fac__arg *args, bool inplace)
{
    fac_keyword given[4];
    for (int i = 0; i < row->arity; i++) {
        if (i < row->n_tensors && !args[i].t && args[i].s.kind == FAC_DTYPE_NONE)
            return fac__pointwise(row, args, inplace);
        given[i].name = NULL;
        given[i].value = args[i].t ? FAC__VALUE(args[i].t) : FAC__VALUE(args[i].s);
    }
    return fac__traced(fac__tracing(), fac__traced_name(row->name, inplace), given, row->arity);
}

static fac_tensor *apply(fac__row row, fac__arg *args, bool inplace)
{
    return fac__tracing() ? traced(row, args, inplace) : fac__pointwise(row, args, inplace);
}

static fac_tensor *one(fac__row row, fac_tensor *a, bool inplace)
{
    fac__arg args[] = {fac__tensor_arg(a)};
    return apply(row, args, inplace);
}

static fac_tensor *with_params(fac__row row, fac_tensor *a, double b, double c, double d, bool inplace)
{
    fac__arg args[] = {fac__tensor_arg(a), fac__scalar_arg(fac_scalar_float(b)), fac__scalar_arg(fac_scalar_float(c)),
                       fac__scalar_arg(fac_scalar_float(d))};
    return apply(row, args, inplace);
}

static fac_tensor *two(fac__row row, fac_tensor *a, fac_tensor *b, bool inplace)
{
    fac__arg args[] = {fac__tensor_arg(a), fac__tensor_arg(b)};
    return apply(row, args, inplace);
}

static fac_tensor *two_scalar(fac__row row, fac_tensor *a, fac_scalar b, bool inplace)
{
    fac__arg args[] = {fac__tensor_arg(a), fac__scalar_arg(b)};
    return apply(row, args, inplace);
}

static fac_tensor *three(fac__row row, fac_tensor *a, fac_tensor *b, fac_tensor *c, bool inplace)
{
    fac__arg args[] = {fac__tensor_arg(a), fac__tensor_arg(b), fac__tensor_arg(c)};
    return apply(row, args, inplace);
}

/* clang-format off */
#define FAC_UNARY(name, rule, expr, da, doc)                                                                              \
    fac_tensor *fac_##name(fac_tensor *a) { return one(FAC__ROW_##name, a, false); }                                      \
    fac_tensor *fac_##name##_(fac_tensor *a) { return one(FAC__ROW_##name, a, true); }
#define FAC_UNARY_P(name, rule, params, n, expr, da, doc) DEFINE_P##n(name)
#define DEFINE_P1(name)                                                                                                   \
    fac_tensor *fac_##name(fac_tensor *a, double b) { return with_params(FAC__ROW_##name, a, b, 0, 0, false); }           \
    fac_tensor *fac_##name##_(fac_tensor *a, double b) { return with_params(FAC__ROW_##name, a, b, 0, 0, true); }
#define DEFINE_P2(name)                                                                                                   \
    fac_tensor *fac_##name(fac_tensor *a, double b, double c) { return with_params(FAC__ROW_##name, a, b, c, 0, false); } \
    fac_tensor *fac_##name##_(fac_tensor *a, double b, double c) { return with_params(FAC__ROW_##name, a, b, c, 0, true); }
#define DEFINE_P3(name)                                                                                                   \
    fac_tensor *fac_##name(fac_tensor *a, double b, double c, double d) { return with_params(FAC__ROW_##name, a, b, c, d, false); } \
    fac_tensor *fac_##name##_(fac_tensor *a, double b, double c, double d) { return with_params(FAC__ROW_##name, a, b, c, d, true); }
#define FAC_BINARY_T(name, rule, expr, da, db, doc)                                                                       \
    fac_tensor *fac_##name(fac_tensor *a, fac_tensor *b) { return two(FAC__ROW_##name, a, b, false); }                    \
    fac_tensor *fac_##name##_(fac_tensor *a, fac_tensor *b) { return two(FAC__ROW_##name, a, b, true); }
#define FAC_BINARY(name, rule, expr, da, db, doc)                                                                         \
    FAC_BINARY_T(name, rule, expr, da, db, doc)                                                                           \
    fac_tensor *(fac_##name##_scalar)(fac_tensor *a, fac_scalar b) { return two_scalar(FAC__ROW_##name, a, b, false); }   \
    fac_tensor *(fac_##name##_scalar_)(fac_tensor *a, fac_scalar b) { return two_scalar(FAC__ROW_##name, a, b, true); }
#define FAC_TERNARY(name, rule, schema, expr, da, db, dc, doc)                                                            \
    fac_tensor *fac_##name(fac_tensor *a, fac_tensor *b, fac_tensor *c) { return three(FAC__ROW_##name, a, b, c, false); }\
    fac_tensor *fac_##name##_(fac_tensor *a, fac_tensor *b, fac_tensor *c) { return three(FAC__ROW_##name, a, b, c, true); }
#define FAC_HELPER(name, n, expr, da, db, dc, dd)
#include "facula/pointwise.def"

/* ---- by name -------------------------------------------------------------------------------------------------- */

/* The overloads .out: y into out, which gets y's shape and keeps its dtype. Returns out. */
static fac_tensor *into(fac_tensor *out, fac_tensor *y, const char *name)
{
    FAC__OP(name);
    if (!y) return NULL;
    FAC__NEED(out);
    if (fac_is_grad_enabled() && (fac_requires_grad(out) || fac_requires_grad(y)))
        return fac__runtime_error("%s(): functions with out=... arguments don't support automatic differentiation, "
                                  "but one of the arguments requires grad.",
                                  name);
    if (!fac__can_cast((fac_dtype)y->dtype, (fac_dtype)out->dtype))
        return fac__runtime_error("result type %s can't be cast to the desired output type %s",
                                  fac__dtype_word((fac_dtype)y->dtype), fac__dtype_word((fac_dtype)out->dtype));
    if (!fac__same_shape(out, y) && !fac_resize_(out, fac_shape(y))) return NULL;
    return fac_copy_(out, y);
}

#define FAC_UNARY_KEYED(name, rule, expr, da, doc)
#define FAC_UNARY(name, rule, expr, da, doc)                                                                              \
    FAC__CALL(call_##name, R(fac_##name(T(0))))                                                                           \
    FAC__CALL(call_##name##_, R(fac_##name##_(T(0))))                                                                     \
    FAC__CALL(call_##name##_out, R(into(T(1), fac_##name(T(0)), #name)))
#define FAC_UNARY_P(name, rule, params, n, expr, da, doc)                                                                 \
    FAC__CALL(call_##name, R(with_params(FAC__ROW_##name, T(0), F(1), n > 1 ? F(2) : 0, n > 2 ? F(3) : 0, false)))        \
    FAC__CALL(call_##name##_, R(with_params(FAC__ROW_##name, T(0), F(1), n > 1 ? F(2) : 0, n > 2 ? F(3) : 0, true)))
#define TWO(name)                                                                                                         \
    FAC__CALL(call_##name, R(fac_##name(T(0), T(1))))                                                                     \
    FAC__CALL(call_##name##_, R(fac_##name##_(T(0), T(1))))
#define FAC_BINARY_T(name, rule, expr, da, db, doc)                                                                       \
    TWO(name)                                                                                                             \
    FAC__CALL(call_##name##_out, R(into(T(2), fac_##name(T(0), T(1)), #name)))
#define FAC_BINARY(name, rule, expr, da, db, doc)                                                                         \
    TWO(name)                                                                                                             \
    FAC__CALL(call_##name##_scalar, R((fac_##name##_scalar)(T(0), S(1))))                                                 \
    FAC__CALL(call_##name##_scalar_, R((fac_##name##_scalar_)(T(0), S(1))))
#define FAC_TERNARY(name, rule, schema, expr, da, db, dc, doc)                                                            \
    FAC__CALL(call_##name, R(fac_##name(T(0), T(1), T(2))))                                                               \
    FAC__CALL(call_##name##_, R(fac_##name##_(T(0), T(1), T(2))))
#define FAC_HELPER(name, n, expr, da, db, dc, dd)
#include "facula/pointwise.def"

const fac__op fac__ops_pointwise[] = {
#define FAC_UNARY_KEYED(name, rule, expr, da, doc)
#define FAC_UNARY(name, rule, expr, da, doc)                                                                              \
    {#name "(Tensor self) -> Tensor", call_##name, doc}, {#name "_(Tensor(a!) self) -> Tensor(a!)", call_##name##_, doc}, \
    {#name ".out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)", call_##name##_out, doc},
#define FAC_UNARY_P(name, rule, params, n, expr, da, doc)                                                                 \
    {#name "(Tensor self, " params ") -> Tensor", call_##name, doc},                                                      \
    {#name "_(Tensor(a!) self, " params ") -> Tensor(a!)", call_##name##_, doc},
#define ROWS(name, overload, doc)                                                                                         \
    {#name overload "(Tensor self, Tensor other) -> Tensor", call_##name, doc},                                           \
    {#name "_" overload "(Tensor(a!) self, Tensor other) -> Tensor(a!)", call_##name##_, doc},
#define FAC_BINARY_T(name, rule, expr, da, db, doc)                                                                       \
    ROWS(name, "", doc)                                                                                                   \
    {#name ".out(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)", call_##name##_out, doc},
#define FAC_BINARY(name, rule, expr, da, db, doc)                                                                         \
    ROWS(name, ".Tensor", doc)                                                                                            \
    {#name ".Scalar(Tensor self, Scalar other) -> Tensor", call_##name##_scalar, doc},                                    \
    {#name "_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)", call_##name##_scalar_, doc},
#define FAC_TERNARY(name, rule, schema, expr, da, db, dc, doc)                                                            \
    {#name ".Tensor(" schema ") -> Tensor", call_##name, doc}, {#name "_.Tensor(" schema ") -> Tensor", call_##name##_, doc},
#define FAC_HELPER(name, n, expr, da, db, dc, dd)
#include "facula/pointwise.def"
    {0},
};
/* clang-format on */
