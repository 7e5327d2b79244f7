/* Floor 7. What programs of torch.export call besides operators: Python's arithmetic on sizes, and assertions about them. */
#include <math.h>
#include <string.h>

#include "core/raise.h"
#include "core/tensor_impl.h"
#include "export_archive.h"

#define NUMBER(i) (args[i].v.scalar)

static bool are_numbers(const fac_value *args, int n_args, int wanted)
{
    bool good = n_args == wanted;
    for (int i = 0; i < n_args && good; i++)
        good = args[i].kind == FAC_VALUE_SCALAR;
    return good || (fac__type_error("takes %d numbers", wanted), false);
}

static bool is_float(fac_scalar s)
{
    return s.kind == FAC_FLOAT64;
}

static int give(fac_value *results, fac_scalar s)
{
    results[0] = fac_value_scalar(s);
    return 1;
}

/* Whole numbers with whole numbers give whole numbers, where `whole` has no overflow; all else is done in doubles. */
#define ARITHMETIC(id, whole, real)                                                                                    \
    static int id(const fac_value *args, int n_args, fac_value *results, int max)                                      \
    {                                                                                                                  \
        if (!are_numbers(args, n_args, 2)) return -1;                                                                  \
        if (!is_float(NUMBER(0)) && !is_float(NUMBER(1))) {                                                            \
            int64_t a = NUMBER(0).v.i, b = NUMBER(1).v.i, c = 0;                                                       \
            if (!(whole)) return fac__value_error("%lld and %lld: " #id, (long long)a, (long long)b), -1;              \
            return give(results, fac_scalar_int(c));                                                                   \
        }                                                                                                              \
        double a = fac_scalar_to_double(NUMBER(0)), b = fac_scalar_to_double(NUMBER(1));                               \
        return give(results, fac_scalar_float(real));                                                                  \
    }
#define COMPARISON(id, op)                                                                                             \
    static int id(const fac_value *args, int n_args, fac_value *results, int max)                                      \
    {                                                                                                                  \
        if (!are_numbers(args, n_args, 2)) return -1;                                                                  \
        if (!is_float(NUMBER(0)) && !is_float(NUMBER(1)))                                                              \
            return give(results, fac_scalar_bool(NUMBER(0).v.i op NUMBER(1).v.i));                                     \
        return give(results, fac_scalar_bool(fac_scalar_to_double(NUMBER(0)) op fac_scalar_to_double(NUMBER(1))));     \
    }

/* a // b, rounded down; false where it cannot be. */
static bool floor_divided(int64_t a, int64_t b, int64_t *c)
{
    if (!b || (a == INT64_MIN && b == -1)) return false;
    *c = a / b - (a % b != 0 && (a < 0) != (b < 0));
    return true;
}

static bool power(int64_t a, int64_t b, int64_t *c)
{
    *c = 1;
    if (b < 0 || b > 64) return false;
    for (int64_t i = 0; i < b; i++)
        if (__builtin_mul_overflow(*c, a, c)) return false;
    return true;
}

ARITHMETIC(sum, !__builtin_add_overflow(a, b, &c), a + b)
ARITHMETIC(difference, !__builtin_sub_overflow(a, b, &c), a - b)
ARITHMETIC(product, !__builtin_mul_overflow(a, b, &c), a *b)
ARITHMETIC(floordiv, floor_divided(a, b, &c), floor(a / b))
ARITHMETIC(mod, floor_divided(a, b, &c) && (c = a - c * b, true), a - floor(a / b) * b)
ARITHMETIC(raised, power(a, b, &c), pow(a, b))
ARITHMETIC(greater, (c = a > b ? a : b, true), a > b ? a : b)
ARITHMETIC(smaller, (c = a < b ? a : b, true), a < b ? a : b)
COMPARISON(eq, ==)
COMPARISON(ne, !=)
COMPARISON(le, <=)
COMPARISON(ge, >=)
COMPARISON(lt, <)
COMPARISON(gt, >)

static bool truth(fac_scalar s)
{
    return fac_scalar_to_double(s) != 0;
}

static int both(const fac_value *args, int n_args, fac_value *results, int max)
{
    return are_numbers(args, n_args, 2) ? give(results, fac_scalar_bool(truth(NUMBER(0)) && truth(NUMBER(1)))) : -1;
}

static int either(const fac_value *args, int n_args, fac_value *results, int max)
{
    return are_numbers(args, n_args, 2) ? give(results, fac_scalar_bool(truth(NUMBER(0)) || truth(NUMBER(1)))) : -1;
}

static int negated(const fac_value *args, int n_args, fac_value *results, int max)
{
    return are_numbers(args, n_args, 1) ? give(results, fac_scalar_bool(!truth(NUMBER(0)))) : -1;
}

static int divided(const fac_value *args, int n_args, fac_value *results, int max)
{
    if (!are_numbers(args, n_args, 2)) return -1;
    if (!truth(NUMBER(1))) return fac__value_error("division by zero"), -1;
    return give(results, fac_scalar_float(fac_scalar_to_double(NUMBER(0)) / fac_scalar_to_double(NUMBER(1))));
}

static int negative(const fac_value *args, int n_args, fac_value *results, int max)
{
    if (!are_numbers(args, n_args, 1)) return -1;
    if (is_float(NUMBER(0))) return give(results, fac_scalar_float(-NUMBER(0).v.f));
    int64_t c;
    if (__builtin_sub_overflow((int64_t)0, NUMBER(0).v.i, &c)) return fac__value_error("beyond int64"), -1;
    return give(results, fac_scalar_int(c));
}

static int the_same(const fac_value *args, int n_args, fac_value *results, int max)
{
    return are_numbers(args, n_args, 1) ? give(results, NUMBER(0)) : -1;
}

static int to_int(const fac_value *args, int n_args, fac_value *results, int max)
{
    return are_numbers(args, n_args, 1) ? give(results, fac_scalar_int(fac_scalar_to_int(NUMBER(0)))) : -1;
}

static int to_float(const fac_value *args, int n_args, fac_value *results, int max)
{
    return are_numbers(args, n_args, 1) ? give(results, fac_scalar_float(fac_scalar_to_double(NUMBER(0)))) : -1;
}

static int square_root(const fac_value *args, int n_args, fac_value *results, int max)
{
    return are_numbers(args, n_args, 1) ? give(results, fac_scalar_float(sqrt(fac_scalar_to_double(NUMBER(0))))) : -1;
}

static int if_then_else(const fac_value *args, int n_args, fac_value *results, int max)
{
    return are_numbers(args, n_args, 3) ? give(results, truth(NUMBER(0)) ? NUMBER(1) : NUMBER(2)) : -1;
}

/* (condition, what to say). A tensor is looked at only where it can be: not in a step that is captured. */
static int assertion(const fac_value *args, int n_args, fac_value *results, int max)
{
    bool tensor = n_args && args[0].kind == FAC_VALUE_TENSOR;
    if (n_args < 1 || (args[0].kind != FAC_VALUE_SCALAR && !tensor)) return fac__type_error("takes a number"), -1;
    if (tensor ? fac__recording_now() || fac_item(args[0].v.tensor) != 0 : truth(NUMBER(0))) return 0;
    bool told = n_args > 1 && args[1].kind == FAC_VALUE_STRING;
    return fac__runtime_error("%.300s", told ? args[1].v.string : "an assertion of the program failed"), -1;
}

/* What only tells PyTorch's compiler something. */
static int nothing(const fac_value *args, int n_args, fac_value *results, int max)
{
    return 0;
}

fac__graph_function fac__export_function(const char *target)
{
    static const struct {
        const char *target;
        fac__graph_function function;
    } functions[] = {
        {"_operator.add", sum},
        {"_operator.sub", difference},
        {"_operator.mul", product},
        {"_operator.floordiv", floordiv},
        {"_operator.truediv", divided},
        {"_operator.mod", mod},
        {"_operator.pow", raised},
        {"_operator.neg", negative},
        {"_operator.pos", the_same},
        {"_operator.eq", eq},
        {"_operator.ne", ne},
        {"_operator.le", le},
        {"_operator.ge", ge},
        {"_operator.lt", lt},
        {"_operator.gt", gt},
        {"_operator.and_", both},
        {"_operator.or_", either},
        {"math.trunc", to_int},
        {"torch.sym_int", to_int},
        {"torch.sym_float", to_float},
        {"torch.sym_not", negated},
        {"torch.sym_max", greater},
        {"torch.sym_min", smaller},
        {"torch.sym_ite", if_then_else},
        {"torch.sym_sqrt", square_root},
        {"torch._sym_sqrt", square_root},
        {"torch.ops.aten._assert_scalar.default", assertion},
        {"torch.ops.aten._assert_async.msg", assertion},
        {"torch.ops.aten._assert_async.default", assertion},
        {"torch.ops.aten._assert_tensor_metadata.default", nothing},
        {"torch.ops.aten.sym_constrain_range.default", nothing},
        {"torch.ops.aten.sym_constrain_range_for_size.default", nothing},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!strcmp(functions[i].target, target)) return functions[i].function;
    return NULL;
}
