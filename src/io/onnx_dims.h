/* Floor 7. What functions of graphs that were read from ONNX files share: sizes among their arguments, and their result. */
#ifndef FACULA_ONNX_DIMS_H
#define FACULA_ONNX_DIMS_H

#include "core/raise.h"
#include "facula/ops_call.h"

static inline int fac__onnx_one_result(fac_tensor *t, fac_value *results)
{
    results[0] = fac_value_tensor(t);
    return t ? 1 : -1;
}

/* A list of ints among the arguments of a function, at most FAC_MAX_DIMS; false, with an error, for a longer one. */
static inline bool fac__onnx_dims_of(const fac_value *v, fac_dims *out)
{
    *out = FAC_DIMS();
    if (v->kind == FAC_VALUE_SCALAR) {
        *out = fac_dims_one(fac_scalar_to_int(v->v.scalar));
        return true;
    }
    if (v->kind == FAC_VALUE_NONE) return true;
    if (v->kind != FAC_VALUE_INTS || v->v.ints.count > FAC_MAX_DIMS)
        return fac__value_error("there are more than %d sizes", FAC_MAX_DIMS), false;
    *out = fac_dims_make((int)v->v.ints.count, v->v.ints.items);
    return true;
}

#endif
