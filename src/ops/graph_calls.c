/* Floor 4. Operations that PyTorch's graphs call where people write something else. */
#include <math.h>

#include "facula/ops_reduce.h"
#include "op.h"

/* softmax, but 0 where all of a row is -inf, as it is for a query that may see no key. */
static fac_tensor *safe_softmax(fac_tensor *x, int64_t dim, fac_dtype dtype)
{
    FAC__OP("_safe_softmax");
    FAC__NEED(x);
    if (dtype) x = fac_to(x, dtype);
    fac_tensor *hidden = fac_all(fac_eq_scalar(x, -INFINITY), .dims = FAC_DIMS(dim), .keepdim = true);
    fac_tensor *zero = fac__own(fac__new_scalar(fac_scalar_float(0)));
    return fac_where(hidden, zero, fac_softmax(fac_where(hidden, zero, x), dim, FAC_DTYPE_NONE));
}

static fac_tensor *to_layout(fac_tensor *x, fac_dtype dtype, bool copy)
{
    FAC__OP("to");
    FAC__NEED(x);
    if (dtype && x->dtype != dtype) return fac_to(x, dtype);
    return copy ? fac_clone(x) : x;
}

FAC__CALL(lift, R(T(0)))
FAC__CALL(lift_copy, R(fac_clone(T(0))))
FAC__CALL(type_as, R(fac_to(T(0), fac_dtype_of(T(1)))))
FAC__CALL(to_layout_call, R(to_layout(T(0), DT(1), B(6))))
FAC__CALL(safe_softmax_call, R(safe_softmax(T(0), I(1), DT(2))))

const fac__op fac__ops_graph_calls[] = {
    {"lift_fresh(Tensor(a) self) -> Tensor(a)", lift, "A constant, as it is."},
    {"lift_fresh_copy(Tensor self) -> Tensor", lift_copy, "A constant's copy."},
    {"type_as(Tensor self, Tensor other) -> Tensor", type_as, "self cast to the dtype of other."},
    {"to.dtype_layout(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor",
     to_layout_call, "self cast to dtype."},
    {"_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", safe_softmax_call,
     "softmax, but 0 where all of a row is -inf."},
    {0},
};
