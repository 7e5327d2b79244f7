/* Floor 4. Which dtype a result has. */
#include <float.h>

#include "op.h"

/* Tensors with dimensions, 0-d tensors and numbers are promoted apart; a lower group counts only if it is of a higher
 * category (bool < integers < floats) than what stands above it. */
static fac_dtype combine(fac_dtype higher, fac_dtype lower)
{
    if (!higher || !lower) return higher ? higher : lower;
    if (fac_dtype_is_floating(higher)) return higher;
    if (higher == FAC_BOOL || fac_dtype_is_floating(lower)) return fac_promote_types(higher, lower);
    return higher;
}

/* Most operations have tensors of one dtype. */
static bool one_dtype(int n, const fac__arg *args)
{
    for (int i = 0; i < n; i++)
        if (!args[i].t || args[i].t->wrapped || args[i].t->dtype != args[0].t->dtype) return false;
    return n > 0;
}

fac_dtype fac__result_type(int n, const fac__arg *args)
{
    if (one_dtype(n, args)) return (fac_dtype)args[0].t->dtype;
    fac_dtype dims = FAC_DTYPE_NONE, zero = FAC_DTYPE_NONE, number = FAC_DTYPE_NONE;
    int doubles = 0; /* numbers that stand for tensors: where there is nothing else there is nothing to promote to */
    for (int i = 0; i < n; i++)
        doubles += args[i].t && args[i].t->wrapped && args[i].t->dtype == FAC_FLOAT64;
    if (n && doubles == n) return FAC_FLOAT64;
    for (int i = 0; i < n; i++) {
        const fac_tensor *t = args[i].t;
        fac_dtype d = t ? (fac_dtype)t->dtype : args[i].s.kind;
        if (!t || t->wrapped)
            number = fac_promote_types(number, d == FAC_FLOAT64 ? fac_get_default_dtype() : d);
        else if (t->ndim)
            dims = fac_promote_types(dims, d);
        else
            zero = fac_promote_types(zero, d);
    }
    return combine(dims, combine(zero, number));
}

bool fac__can_cast(fac_dtype from, fac_dtype to)
{
    if (fac_dtype_is_floating(from) && !fac_dtype_is_floating(to)) return false;
    return from == FAC_BOOL || to != FAC_BOOL;
}

double fac__largest(fac_dtype dtype)
{
    return dtype == FAC_FLOAT16    ? 65504
           : dtype == FAC_BFLOAT16 ? 3.3895313892515355e38
           : dtype == FAC_FLOAT32  ? FLT_MAX
                                   : DBL_MAX;
}

const char *fac__dtype_word(fac_dtype d)
{
    static const char *const words[FAC_DTYPE_COUNT] = {"Undefined", "Bool", "Byte",     "Char",  "Short", "Int",
                                                       "Long",      "Half", "BFloat16", "Float", "Double"};
    return words[(unsigned)d < FAC_DTYPE_COUNT ? d : 0];
}

fac_dims fac__value_dims(const fac_value *v)
{
    if (v->kind == FAC_VALUE_INTS)
        return fac_dims_make(v->v.ints.count < INT32_MAX ? (int)v->v.ints.count : INT32_MAX, v->v.ints.items);
    if (v->kind == FAC_VALUE_SCALAR) return fac_dims_one(fac_scalar_to_int(v->v.scalar));
    return fac_dims_make(-1, NULL);
}
