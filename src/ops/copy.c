/* Floor 4. Moving values: copies, casts, fills. All are pointwise programs without code. */
#include <string.h>

#include "op.h"
#include "shaping.h"
#include "tracing.h"

/* ---- unrecorded --------------------------------------------------------------------------------------------- */

bool fac__copy_into(fac_tensor *dst, fac_tensor *src)
{
    static const fac__program copy = {.n_in = 1, .n_out = 1, .out = {0}};
    if (!dst || !src) return false;
    if (dst->contiguous && src->contiguous && dst->dtype == src->dtype && fac__same_shape(dst, src) &&
        dst->numel < 256 && !fac__recording_now()) {
        memmove(fac__host(dst), fac__host(src), (size_t)dst->numel * fac_dtype_size((fac_dtype)dst->dtype));
        return true;
    }
    return fac__run_program(&copy, fac__compute_type((fac_dtype)src->dtype), dst->ndim, dst->shape, &src, NULL, &dst);
}

bool fac__fill_into(fac_tensor *dst, fac_scalar value)
{
    static const fac__program fill = {.n_const = 1, .n_out = 1, .out = {0}};
    if (!dst) return false;
    fac_dtype compute = value.kind == FAC_FLOAT64 && dst->dtype != FAC_FLOAT64 &&
                                fac_dtype_is_floating((fac_dtype)dst->dtype)
                            ? FAC_FLOAT32
                            : fac__compute_type(value.kind == FAC_FLOAT64 ? FAC_FLOAT64 : (fac_dtype)dst->dtype);
    return fac__run_program(&fill, compute, dst->ndim, dst->shape, NULL, &value, &dst);
}

/* ---- recorded ----------------------------------------------------------------------------------------------- */

/* Of copies and casts: the gradient passes, the engine casts it. */
static void pass_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    (void)n;
    gx[0] = gy[0];
}

static void copy_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    if (fac__wants(n, 1)) gx[1] = gy[0];
}

static void zero_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    (void)n, (void)gy, (void)gx;
}

static fac_tensor *copied(const char *name, fac_tensor *x, fac_dtype dtype)
{
    fac__node *n = fac__record(name, pass_backward, 1, 0, 0, x);
    fac_tensor *y = fac__new_like(x, dtype);
    if (y) fac__copy_into(y, x);
    if (!fac_dtype_is_floating(dtype)) {
        fac__node_release(n);
        n = NULL;
    }
    return fac__result(n, y);
}

fac_tensor *fac_clone(fac_tensor *self)
{
    FAC__OP("clone");
    FAC__NEED(self);
    FAC__TRACE("clone", FAC__ARG(self));
    return copied("CloneBackward0", self, (fac_dtype)self->dtype);
}

fac_tensor *fac_contiguous(fac_tensor *self)
{
    FAC__OP("contiguous");
    FAC__NEED(self);
    FAC__TRACE("contiguous", FAC__ARG(self));
    return self->contiguous ? self : copied("CloneBackward0", self, (fac_dtype)self->dtype);
}

fac_tensor *fac_to(fac_tensor *self, fac_dtype dtype)
{
    FAC__OP("to");
    FAC__NEED(self);
    FAC__TRACE_IF(dtype != FAC_DTYPE_NONE && dtype != (fac_dtype)self->dtype, "to.dtype", FAC__ARG(self),
                  {NULL, fac__value_of_dtype(dtype)});
    return dtype == FAC_DTYPE_NONE || dtype == (fac_dtype)self->dtype ? self : copied("ToCopyBackward0", self, dtype);
}

fac_tensor *fac_copy_(fac_tensor *self, fac_tensor *src)
{
    FAC__OP("copy_");
    FAC__NEED(self);
    FAC__NEED(src);
    if (self == src) return self;
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    if (!fac__broadcast_shapes(self->ndim, self->shape, src->ndim, src->shape, &ndim, shape)) return NULL;
    if (ndim != self->ndim || memcmp(shape, self->shape, (size_t)ndim * sizeof *shape))
        return fac__runtime_error("output with shape %s doesn't match the broadcast shape %s",
                                  fac__shape_text(self->ndim, self->shape), fac__shape_text(ndim, shape));
    if (!fac__inplace_begin(self)) return NULL;
    fac__node *n = fac__record("CopyBackwards", copy_backward, 1, 0, 0, self, src);
    if (src->storage == self->storage) { /* read it all before writing */
        fac_tensor *whole = fac__own(fac__new_like(src, (fac_dtype)src->dtype));
        if (!whole) return fac__node_release(n), NULL;
        fac__copy_into(whole, src);
        src = whole;
    }
    fac__copy_into(self, src);
    return fac__inplace_end(self, n, -1);
}

static fac_tensor *fill(const char *name, fac_tensor *self, fac_scalar value)
{
    if (!fac__inplace_begin(self)) return NULL;
    fac__node *n = fac__record(name, zero_backward, 1, 0, 0, self);
    fac__fill_into(self, value);
    return fac__inplace_end(self, n, -1);
}

fac_tensor *(fac_fill_)(fac_tensor *self, fac_scalar value)
{
    FAC__OP("fill_");
    FAC__NEED(self);
    if (!fac__scalar_fits(value, (fac_dtype)self->dtype)) return NULL;
    return fill("FillBackward0", self, value);
}

/* The value's gradient is the sum, as copy's is. */
static fac_tensor *fill_with(fac_tensor *self, fac_tensor *value)
{
    FAC__OP("fill_");
    FAC__NEED(self);
    FAC__NEED(value);
    if (value->ndim)
        return fac__runtime_error("fill_ only supports 0-dimension value tensor but got tensor with %d dimensions.",
                                  value->ndim);
    fac_scalar number = fac_dtype_is_floating((fac_dtype)value->dtype) ? fac_scalar_float(fac_item(value))
                                                                       : fac_scalar_int(fac_item_int(value));
    return fac__scalar_fits(number, (fac_dtype)self->dtype) ? fac_copy_(self, value) : NULL;
}

fac_tensor *fac_zero_(fac_tensor *self)
{
    FAC__OP("zero_");
    FAC__NEED(self);
    return fill("ZeroBackward0", self, fac_scalar_int(0));
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

/* x in that dtype (NONE: its own), new memory even where x is so already. */
static fac_tensor *to_copy(fac_tensor *x, fac_dtype dtype)
{
    return x && (!dtype || x->dtype == dtype) ? fac_clone(x) : fac_to(x, dtype);
}
#define TO(dtype, copy) R(copy ? to_copy(T(0), dtype) : fac_to(T(0), dtype))

FAC__CALL(clone, R(fac_clone(T(0))))
FAC__CALL(contiguous, R(fac_contiguous(T(0))))
FAC__CALL(to_dtype, TO(DT(1), B(3)))
FAC__CALL(to_device, TO(DT(2), B(4)))
FAC__CALL(to_other, TO(fac_dtype_of(T(1)), B(3)))
FAC__CALL(to_copy_call, R(to_copy(T(0), DT(1))))
FAC__CALL(copy_, R(fac_copy_(T(0), T(1))))
FAC__CALL(fill_scalar, R((fac_fill_)(T(0), S(1))))
FAC__CALL(fill_tensor, R(fill_with(T(0), T(1))))
FAC__CALL(zero_, R(fac_zero_(T(0))))
FAC__CALL(detach, R(fac_detach(T(0))))

const fac__op fac__ops_copy[] = {
    {"clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", clone, "A copy with memory of its own."},
    {"contiguous(Tensor self, *, MemoryFormat memory_format=None) -> Tensor", contiguous,
     "self, or a copy whose elements lie in a row."},
    {"to.dtype(Tensor self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? "
     "memory_format=None) -> Tensor",
     to_dtype, "self cast to dtype."},
    {"to.device(Tensor self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? "
     "memory_format=None) -> Tensor",
     to_device, "self cast to dtype."},
    {"to.other(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) "
     "-> Tensor",
     to_other, "self cast to the dtype of other."},
    {"_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? "
     "pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor",
     to_copy_call, "A copy of self, cast to dtype."},
    {"copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)", copy_,
     "src, broadcast and cast, into self."},
    {"fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)", fill_scalar, "value into all elements of self."},
    {"fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)", fill_tensor,
     "a 0-d tensor's value into all elements of self."},
    {"zero_(Tensor(a!) self) -> Tensor(a!)", zero_, "0 into all elements of self."},
    {"detach(Tensor(a) self) -> Tensor(a)", detach, "The same storage without history."},
    {0},
};
