/* Floor 4. Operations that PyTorch's graphs call where people write something else. */
#include <float.h>
#include <math.h>

#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
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

/* x / sqrt(mean(x^2) + eps) * weight over the last dimensions; eps is that of the dtype where it is not given. */
static fac_tensor *rms_norm(fac_tensor *x, int n, fac_tensor *weight, fac_scalar eps)
{
    FAC__OP("rms_norm");
    FAC__NEED(x);
    fac_dtype dtype = (fac_dtype)x->dtype;
    fac_dims dims = {.n = n};
    for (int i = 0; i < n && i < FAC_MAX_DIMS; i++)
        dims.d[i] = i - n;
    if (n < 1 || n > x->ndim)
        return fac__runtime_error("rms_norm: expected normalized_shape to have 1 to %d dimensions, but it has %d",
                                  x->ndim, n);
    bool half = dtype == FAC_FLOAT16 || dtype == FAC_BFLOAT16;
    double least = dtype == FAC_FLOAT64 ? DBL_EPSILON : FLT_EPSILON;
    fac_tensor *wide = half ? fac_to(x, FAC_FLOAT32) : x;
    fac_tensor *square = fac_mean(fac_square(wide), .dims = dims, .keepdim = true);
    fac_tensor *y = fac_mul(wide, fac_rsqrt(fac_add_scalar(square, eps.kind ? fac_scalar_to_double(eps) : least)));
    if (weight) y = fac_mul(y, weight);
    return half ? fac_to(y, dtype) : y;
}

/* v * g / |v|, the norm being that of all dimensions but one. */
static fac_tensor *weight_norm(fac_tensor *v, fac_tensor *g, int64_t dim)
{
    FAC__OP("_weight_norm");
    FAC__NEED(v);
    FAC__NEED(g);
    int kept = fac__wrap_dim(dim, v->ndim);
    fac_dims dims = {.n = 0};
    if (kept < 0) return NULL;
    for (int i = 0; i < v->ndim; i++)
        if (i != kept) dims.d[dims.n++] = i;
    fac_tensor *square = fac_square(v);
    if (dims.n) square = fac_sum(square, .dims = dims, .keepdim = true);
    return fac_mul(v, fac_div(g, fac_sqrt(square)));
}

/* The sum over some dimensions of the product of three tensors, each with new dimensions of size 1. */
static fac_tensor *trilinear(fac_tensor *const *factors, const fac_dims *expand, fac_dims sum)
{
    FAC__OP("_trilinear");
    fac_tensor *product = NULL;
    for (int k = 0; k < 3; k++) {
        fac_tensor *t = factors[k];
        for (int i = 0; i < expand[k].n && i < FAC_MAX_DIMS; i++)
            t = fac_unsqueeze(t, (int)expand[k].d[i]);
        product = k ? fac_mul(product, t) : t;
    }
    return sum.n ? fac_sum(product, .dims = sum) : product;
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
FAC__CALL(rms_norm_call, R(rms_norm(T(0), L(1).n, T(2), S(3))))
FAC__CALL(weight_norm_call, R(weight_norm(T(0), T(1), I(2))))
FAC__CALL(trilinear_call, fac_tensor *factors[] = {T(0), T(1), T(2)}; fac_dims expand[] = {L(3), L(4), L(5)};
          R(trilinear(factors, expand, L(6))))
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
    {"rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor", rms_norm_call,
     "x / sqrt(mean(x^2) + eps) * weight over the last dimensions."},
    {"_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor", weight_norm_call,
     "v * g / |v|, the norm of all dimensions but dim."},
    {"_trilinear(Tensor i1, Tensor i2, Tensor i3, int[] expand1, int[] expand2, int[] expand3, int[] sumdim, int "
     "unroll_dim=1) -> Tensor",
     trilinear_call, "The sum over sumdim of the product of three tensors, each unsqueezed."},
    {0},
};
