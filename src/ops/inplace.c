/* Floor 4. In-place forms by name of operations that have none of their own: their result is copied into self, or self
 * becomes the view that they give. Parameters are the same, in the same order, so that the operation's thunk takes them. */
#include <string.h>

#include "op.h"
#include "schema.h"

/* The operation's result for these arguments, with `self` in the place of the first; NULL after an error. */
static fac_tensor *result_of(const char *name, fac_tensor *self, int n, const fac_value *args)
{
    const fac__op *op = fac__op_named(name);
    fac_value copy[FAC__MAX_PARAMS], results[FAC__MAX_RESULTS];
    if (!op || !self) return NULL;
    memcpy(copy, args, (size_t)n * sizeof *args);
    copy[0] = fac__value_tensor(self);
    return op->call(copy, results) == 1 ? results[0].v.tensor : NULL;
}

static fac_tensor *into(const char *name, int n, const fac_value *args)
{
    fac_tensor *self = T(0);
    FAC__NEED(self);
    if (!fac__inplace_begin(self)) return NULL;
    /* What the operation saves for its backward is not to change. */
    fac_tensor *y = result_of(name, fac__tracked(self) ? fac_clone(self) : self, n, args);
    if (y && !fac__can_cast((fac_dtype)y->dtype, (fac_dtype)self->dtype))
        return fac__runtime_error("result type %s can't be cast to the desired output type %s",
                                  fac__dtype_word((fac_dtype)y->dtype), fac__dtype_word((fac_dtype)self->dtype));
    return y ? fac_copy_(self, y) : NULL;
}

static fac_tensor *as_view(const char *name, int n, const fac_value *args)
{
    fac_tensor *self = T(0);
    FAC__NEED(self);
    return fac__view_end(self, result_of(name, fac__view_begin(self), n, args));
}

/* float_power computes in float64, which self has to be. */
static fac_tensor *float_power_into(const char *name, const fac_value *args)
{
    fac_tensor *self = T(0);
    if (self && self->dtype != FAC_FLOAT64)
        return fac__runtime_error(
            "the base given to float_power_ has dtype %s but the operation's result requires dtype "
            "Double",
            fac__dtype_word((fac_dtype)self->dtype));
    return into(name, 2, args);
}

#define INTO(id, name, n) FAC__CALL(id, R(into(name, n, args)))
#define AS_VIEW(id, name, n) FAC__CALL(id, R(as_view(name, n, args)))
INTO(addmm_, "addmm", 5)
INTO(addmv_, "addmv", 5)
INTO(addr_, "addr", 5)
INTO(addbmm_, "addbmm", 5)
INTO(baddbmm_, "baddbmm", 5)
INTO(clamp_min_, "clamp_min", 2)
INTO(clamp_max_, "clamp_max", 2)
INTO(cumsum_, "cumsum", 3)
INTO(cumprod_, "cumprod", 3)
INTO(floor_divide_, "floor_divide", 2)
INTO(div_mode_, "div.Tensor_mode", 3)
FAC__CALL(float_power_tensor_, R(float_power_into("float_power.Tensor_Tensor", args)))
FAC__CALL(float_power_scalar_, R(float_power_into("float_power.Tensor_Scalar", args)))
INTO(nan_to_num_, "nan_to_num", 4)
INTO(rrelu_, "rrelu", 5)
INTO(dropout_, "dropout", 3)
INTO(alpha_dropout_, "alpha_dropout", 3)
INTO(feature_dropout_, "feature_dropout", 3)
INTO(feature_alpha_dropout_, "feature_alpha_dropout", 3)
AS_VIEW(squeeze_, "squeeze", 1)
AS_VIEW(squeeze_dim_, "squeeze.dim", 2)
AS_VIEW(squeeze_dims_, "squeeze.dims", 2)
AS_VIEW(unsqueeze_, "unsqueeze", 2)
AS_VIEW(t_, "t", 1)
AS_VIEW(transpose_, "transpose.int", 3)
AS_VIEW(as_strided_, "as_strided", 4)
FAC__CALL(detach_, R(fac_detach_(T(0))))

/* clang-format off */
#define PRODUCT(name, a, b, doc)                                                                                        \
    {#name "(Tensor(a!) self, Tensor " a ", Tensor " b ", *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)", name, doc}
#define DROPOUT(name, doc) {#name "(Tensor(a!) self, float p, bool train) -> Tensor(a!)", name, doc}

const fac__op fac__ops_inplace[] = {
    PRODUCT(addmm_, "mat1", "mat2", "beta * self + alpha * (mat1 @ mat2), into self"),
    PRODUCT(addmv_, "mat", "vec", "beta * self + alpha * (mat @ vec), into self"),
    PRODUCT(addr_, "vec1", "vec2", "beta * self + alpha * the outer product, into self"),
    PRODUCT(addbmm_, "batch1", "batch2", "beta * self + alpha * the sum of the products, into self"),
    PRODUCT(baddbmm_, "batch1", "batch2", "beta * self + alpha * the products, into self"),
    {"clamp_min_(Tensor(a!) self, Scalar min) -> Tensor(a!)", clamp_min_, "At least min, in place."},
    {"clamp_min_.Tensor(Tensor(a!) self, Tensor min) -> Tensor(a!)", clamp_min_, "At least min, in place."},
    {"clamp_max_(Tensor(a!) self, Scalar max) -> Tensor(a!)", clamp_max_, "At most max, in place."},
    {"clamp_max_.Tensor(Tensor(a!) self, Tensor max) -> Tensor(a!)", clamp_max_, "At most max, in place."},
    {"cumsum_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)", cumsum_, "Sums up to each element along dim, in place."},
    {"cumprod_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)", cumprod_, "Products up to each element along dim, in place."},
    {"floor_divide_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)", floor_divide_, "self / other, rounded down, into self"},
    {"floor_divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)", floor_divide_, "self / other, rounded down, into self"},
    {"div_.Tensor_mode(Tensor(a!) self, Tensor other, *, str? rounding_mode) -> Tensor(a!)", div_mode_, "self / other, rounded, into self"},
    {"div_.Scalar_mode(Tensor(a!) self, Scalar other, *, str? rounding_mode) -> Tensor(a!)", div_mode_, "self / other, rounded, into self"},
    {"float_power_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)", float_power_tensor_, "The power of a float64 tensor, in place."},
    {"float_power_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)", float_power_scalar_, "The power of a float64 tensor, in place."},
    {"nan_to_num_(Tensor(a!) self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor(a!)", nan_to_num_, "NaN and infinities replaced by numbers, in place."},
    {"rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None) -> Tensor(a!)", rrelu_, "leaky_relu with a random slope, in place."},
    DROPOUT(dropout_, "dropout in place."),
    DROPOUT(alpha_dropout_, "alpha_dropout in place."),
    DROPOUT(feature_dropout_, "feature_dropout in place."),
    DROPOUT(feature_alpha_dropout_, "feature_alpha_dropout in place."),
    {"squeeze_(Tensor(a!) self) -> Tensor(a!)", squeeze_, "self becomes its squeeze."},
    {"squeeze_.dim(Tensor(a!) self, int dim) -> Tensor(a!)", squeeze_dim_, "self becomes its squeeze."},
    {"squeeze_.dims(Tensor(a!) self, int[] dim) -> Tensor(a!)", squeeze_dims_, "self becomes its squeeze."},
    {"unsqueeze_(Tensor(a!) self, int dim) -> Tensor(a!)", unsqueeze_, "self becomes its unsqueeze."},
    {"t_(Tensor(a!) self) -> Tensor(a!)", t_, "self becomes its transpose."},
    {"transpose_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)", transpose_, "self becomes its transpose."},
    {"swapdims_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)", transpose_, "self becomes its transpose."},
    {"swapaxes_(Tensor(a!) self, int axis0, int axis1) -> Tensor(a!)", transpose_, "self becomes its transpose."},
    {"as_strided_(Tensor(a!) self, int[] size, int[] stride, int? storage_offset=None) -> Tensor(a!)", as_strided_, "self becomes that view of its storage."},
    {"detach_(Tensor(a!) self) -> Tensor(a!)", detach_, "self without history."},
    {0},
};
/* clang-format on */
