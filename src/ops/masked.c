/* Floor 4. Reading and writing by masks, and finding what is not zero. */
#include <string.h>

#include "facula/ops_create.h"
#include "index_along.h"
#include "tracing.h"

/* ---- nonzero ------------------------------------------------------------------------------------------------- */

/* Coordinates of what is not 0 in x, count rows of x's dims; columns: as `dims` rows of count. The caller's. */
static fac_tensor *nonzero(fac_tensor *x, bool columns)
{
    fac_tensor *plain = x->contiguous ? fac__retain(x) : fac__copy_of(x);
    if (!plain) return NULL;
    int64_t count = fac__count_nonzero((fac_dtype)x->dtype, fac__host(plain), plain->numel);
    fac_tensor *y = fac__new(FAC_INT64, 2, columns ? (int64_t[]){x->ndim, count} : (int64_t[]){count, x->ndim});
    if (y) {
        fac__nonzero_args args = {.dtype = (fac_dtype)x->dtype,
                                  .ndim = x->ndim,
                                  .n = plain->numel,
                                  .x = fac__data(plain),
                                  .out = fac__data(y),
                                  .row_stride = columns ? 1 : x->ndim,
                                  .dim_stride = columns ? count : 1};
        memcpy(args.shape, x->shape, (size_t)x->ndim * sizeof *x->shape);
        FAC__LAUNCH(fac__k_nonzero, args);
    }
    fac_release(plain);
    return y;
}

fac_tensor *fac_nonzero(fac_tensor *self)
{
    FAC__OP("nonzero");
    FAC__NEED(self);
    return fac__own(nonzero(self, false));
}

fac_tensor *fac_argwhere(fac_tensor *self)
{
    FAC__OP("argwhere");
    return fac_nonzero(self);
}

fac_tensor_list fac_where_true(fac_tensor *condition)
{
    FAC__OP("where");
    FAC__NEED_OR(condition, fac__no_list);
    if (condition->ndim == 0) condition = fac_unsqueeze(condition, 0);
    fac_tensor *columns = condition ? fac__own(nonzero(condition, true)) : NULL;
    return columns ? fac_unbind(columns, 0) : fac__no_list;
}

/* ---- masks --------------------------------------------------------------------------------------------------- */

static bool is_mask(const fac_tensor *mask, const char *op)
{
    if (mask->dtype == FAC_BOOL || mask->dtype == FAC_UINT8) return true;
    return fac__runtime_error("%s only supports boolean masks, but got mask with dtype %s", op,
                              fac_dtype_name((fac_dtype)mask->dtype)),
           false;
}

/* The numbers, in row-major order, of what is true in the mask broadcast to that shape: int64 [count], the scope's. */
static fac_tensor *true_numbers(fac_tensor *mask, int ndim, const int64_t *shape)
{
    fac_tensor *whole = fac__own(fac__new((fac_dtype)mask->dtype, ndim, shape));
    if (!whole || !fac__copy_into(whole, mask)) return NULL;
    fac_tensor *flat = fac__new_view(whole, 1, &whole->numel, (int64_t[]){1}, 0);
    fac_tensor *numbers = flat ? fac__own(nonzero(flat, true)) : NULL;
    fac_release(flat);
    if (!numbers) return NULL;
    return fac__own(fac__new_view(numbers, 1, &numbers->shape[1], (int64_t[]){1}, 0));
}

/* ---- masked_fill --------------------------------------------------------------------------------------------- */

static void masked_fill_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *mask = fac__saved(n, 0);
    if (!mask) return;
    if (fac__wants(n, 0)) gx[0] = fac_masked_fill(gy[0], mask, 0);
    if (fac__wants(n, 1)) gx[1] = fac_masked_fill(gy[0], fac_logical_not(mask), 0); /* summed by the engine */
}

/* value: a 0-d tensor, or NULL for the number. */
static fac_tensor *masked_fill(const char *name, fac_tensor *self, fac_tensor *mask, fac_tensor *value,
                               fac_scalar number, bool inplace)
{
    static const fac__program by_tensor = {
        .n_in = 3, .n_code = 1, .n_out = 1, .out = {3}, .code = {{FAC__ROW_where, {0, 2, 1}}}};
    static const fac__program by_number = {
        .n_in = 2, .n_const = 1, .n_code = 1, .n_out = 1, .out = {3}, .code = {{FAC__ROW_where, {0, 2, 1}}}};
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    fac_dtype dtype = (fac_dtype)self->dtype;
    if (!is_mask(mask, "masked_fill")) return NULL;
    if (value && value->ndim)
        return fac__runtime_error(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with %d dimension(s).",
            value->ndim);
    if (!value && !fac__scalar_fits(number, dtype)) return NULL;
    if (!fac__broadcast_shapes(self->ndim, self->shape, mask->ndim, mask->shape, &ndim, shape)) return NULL;
    if (inplace && (ndim != self->ndim || memcmp(shape, self->shape, (size_t)ndim * sizeof *shape)))
        return fac__runtime_error("output with shape %s doesn't match the broadcast shape %s",
                                  fac__shape_text(self->ndim, self->shape), fac__shape_text(ndim, shape));
    if (inplace && !fac__inplace_begin(self)) return NULL;
    fac__node *n = fac__record(name, masked_fill_backward, 1, 1, 0, self, value);
    fac__save(n, 0, mask);
    if (value && value->dtype != self->dtype) { /* cast as a store would */
        fac_tensor *cast = fac__own(fac__new(dtype, 0, NULL));
        if (!cast || !fac__copy_into(cast, value)) return fac__node_release(n), NULL;
        value = cast;
    }
    fac_tensor *y = inplace ? self : fac__new(dtype, ndim, shape), *ins[] = {mask, self, value};
    bool ok =
        y && fac__run_program(value ? &by_tensor : &by_number, fac__compute_type(dtype), ndim, shape, ins, &number, &y);
    return fac__finish(n, y, inplace, ok);
}

static fac_tensor *masked_fill_number(fac_tensor *self, fac_tensor *mask, fac_scalar value, bool inplace)
{
    FAC__TRACE(inplace ? "masked_fill_.Scalar" : "masked_fill.Scalar", FAC__ARG(self), FAC__ARG(mask), FAC__ARG(value));
    if (!fac_dtype_is_floating((fac_dtype)self->dtype) && value.kind == FAC_FLOAT64 && self->dtype != FAC_BOOL) {
        if (!fac__scalar_fits(value, (fac_dtype)self->dtype)) return NULL;
        value = fac_scalar_int((int64_t)value.v.f);
    }
    if (self->dtype == FAC_BOOL) value = fac_scalar_int(fac_scalar_to_double(value) != 0);
    return masked_fill("MaskedFillBackward0", self, mask, NULL, value, inplace);
}

/* ---- masked_select, masked_scatter --------------------------------------------------------------------------- */

static void masked_select_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const fac_dims *shape = n->params; /* of self and mask broadcast */
    fac_tensor *mask = fac__saved(n, 0);
    if (mask) gx[0] = fac_masked_scatter(fac_zeros(*shape, .dtype = fac_dtype_of(gy[0])), mask, gy[0]);
}

fac_tensor *fac_masked_select(fac_tensor *self, fac_tensor *mask)
{
    FAC__OP("masked_select");
    FAC__NEED(self);
    FAC__NEED(mask);
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    if (mask->dtype != FAC_BOOL && mask->dtype != FAC_UINT8)
        return fac__runtime_error("masked_select: expected BoolTensor or ByteTensor for mask");
    if (!fac__broadcast_shapes(self->ndim, self->shape, mask->ndim, mask->shape, &ndim, shape)) return NULL;
    fac_tensor *y = NULL;
    fac_scope {
        fac_no_grad {
            fac_tensor *numbers = true_numbers(mask, ndim, shape);
            fac_tensor *whole = numbers ? fac_expand(self, fac_dims_make(ndim, shape)) : NULL;
            y = whole ? fac_keep(fac_take(whole, numbers)) : NULL;
        }
    }
    fac__node *n = fac__record("MaskedSelectBackward0", masked_select_backward, 1, 1, sizeof(fac_dims), self);
    if (n && n->params) *(fac_dims *)n->params = fac_dims_make(ndim, shape);
    fac__save(n, 0, mask);
    if (!y) return fac__node_release(n), NULL;
    return fac__result(n, y);
}

static void masked_scatter_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const fac_dims *source = n->params;
    fac_tensor *mask = fac__saved(n, 0);
    if (!mask) return;
    if (fac__wants(n, 0)) gx[0] = fac_masked_fill(gy[0], mask, 0);
    if (!fac__wants(n, 1)) return;
    fac_dims flat = FAC_SHAPE(1);
    for (int i = 0; i < source->n; i++)
        flat.d[0] *= source->d[i];
    fac_tensor *used = fac__grow(fac_masked_select(gy[0], mask), &flat); /* what was left over gets zeros */
    gx[1] = used ? fac_reshape(used, *source) : NULL;
}

static fac_tensor *masked_scatter(fac_tensor *self, fac_tensor *mask, fac_tensor *source, bool inplace)
{
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    if (!is_mask(mask, "masked_scatter")) return NULL;
    if (self->dtype != source->dtype)
        return fac__runtime_error("masked_scatter: expected self and source to have same dtypes but got %s and %s",
                                  fac__dtype_word((fac_dtype)self->dtype), fac__dtype_word((fac_dtype)source->dtype));
    if (!fac__broadcast_shapes(self->ndim, self->shape, mask->ndim, mask->shape, &ndim, shape)) return NULL;
    if (!inplace) self = fac_expand(self, fac_dims_make(ndim, shape));
    if (!self) return NULL;
    if (inplace && (ndim != self->ndim || memcmp(shape, self->shape, (size_t)ndim * sizeof *shape)))
        return fac__runtime_error("output with shape %s doesn't match the broadcast shape %s",
                                  fac__shape_text(self->ndim, self->shape), fac__shape_text(ndim, shape));
    fac_tensor *numbers = true_numbers(mask, ndim, shape);
    if (!numbers) return NULL;
    if (numbers->numel > source->numel)
        return fac__runtime_error("Number of elements of source < number of ones in mask");
    fac__node *n = fac__record("MaskedScatterBackward0", masked_scatter_backward, 1, 1, sizeof(fac_dims), self, source);
    if (n && n->params) *(fac_dims *)n->params = fac_shape(source);
    fac__save(n, 0, mask);
    fac_tensor *y = fac__target(self, inplace);
    bool ok = y != NULL;
    if (ok)
        fac_scope {
            fac_no_grad {
                fac_tensor *values = fac_narrow(fac_ravel(source), 0, 0, numbers->numel);
                fac_tensor *written = values ? fac_put(y, numbers, values, false) : NULL;
                ok = written && fac__copy_into(y, written);
            }
        }
    return fac__finish(n, y, inplace, ok);
}

#define PAIR(name, declared, arguments)                                                                                \
    fac_tensor *(fac_##name)declared                                                                                   \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        FAC__NEED(self);                                                                                               \
        FAC__NEED(mask);                                                                                               \
        bool inplace = false;                                                                                          \
        return arguments;                                                                                              \
    }                                                                                                                  \
    fac_tensor *(fac_##name##_)declared                                                                                \
    {                                                                                                                  \
        FAC__OP(#name "_");                                                                                            \
        FAC__NEED(self);                                                                                               \
        FAC__NEED(mask);                                                                                               \
        bool inplace = true;                                                                                           \
        return arguments;                                                                                              \
    }
PAIR(masked_fill, (fac_tensor * self, fac_tensor *mask, fac_scalar value),
     masked_fill_number(self, mask, value, inplace))
PAIR(masked_fill_tensor, (fac_tensor * self, fac_tensor *mask, fac_tensor *value),
     value ? masked_fill("MaskedFillBackward1", self, mask, value, fac_scalar_none(), inplace)
           : fac__null_error("value"))
PAIR(masked_scatter, (fac_tensor * self, fac_tensor *mask, fac_tensor *source),
     source ? masked_scatter(self, mask, source, inplace) : fac__null_error("source"))

/* ---- by name ------------------------------------------------------------------------------------------------- */

static int columns_of_nonzero(fac_tensor *x, fac_value *results)
{
    return fac__value_list(fac_where_true(x), results);
}

FAC__CALL(nonzero_call, R(fac_nonzero(T(0))))
/* Python's keyword: coordinates as rows, or a tensor for each dimension. */
FAC__CALL(nonzero_as, if (B(1)) count = columns_of_nonzero(T(0), results); else R(fac_nonzero(T(0))))
FAC__CALL(where_true, count = columns_of_nonzero(T(0), results))
FAC__CALL(fill_number, R((fac_masked_fill)(T(0), T(1), S(2))))
FAC__CALL(fill_number_, R((fac_masked_fill_)(T(0), T(1), S(2))))
FAC__CALL(fill_tensor, R(fac_masked_fill_tensor(T(0), T(1), T(2))))
FAC__CALL(fill_tensor_, R(fac_masked_fill_tensor_(T(0), T(1), T(2))))
FAC__CALL(masked_select, R(fac_masked_select(T(0), T(1))))
FAC__CALL(masked_scatter_call, R(fac_masked_scatter(T(0), T(1), T(2))))
FAC__CALL(masked_scatter_, R(fac_masked_scatter_(T(0), T(1), T(2))))

const fac__op fac__ops_masked[] = {
    {"nonzero(Tensor self) -> Tensor", nonzero_call, "Coordinates of what is not 0, a row each."},
    {"nonzero.as_tuple(Tensor self, *, bool as_tuple) -> Tensor[]", nonzero_as, "nonzero, or nonzero_numpy."},
    {"argwhere(Tensor self) -> Tensor", nonzero_call, "The same as nonzero."},
    {"nonzero_numpy(Tensor self) -> Tensor[]", where_true,
     "Coordinates of what is not 0, a tensor for each dimension."},
    {"where(Tensor condition) -> Tensor[]", where_true, "Coordinates of what is true, a tensor for each dimension."},
    {"masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor", fill_number,
     "value where mask is true, else self."},
    {"masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)", fill_number_,
     "value where mask is true."},
    {"masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor", fill_tensor,
     "value where mask is true, else self."},
    {"masked_fill_.Tensor(Tensor(a!) self, Tensor mask, Tensor value) -> Tensor(a!)", fill_tensor_,
     "value where mask is true."},
    {"masked_select(Tensor self, Tensor mask) -> Tensor", masked_select, "The elements where mask is true."},
    {"masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor", masked_scatter_call,
     "source's elements in a row where mask is true, else self."},
    {"masked_scatter_(Tensor(a!) self, Tensor mask, Tensor source) -> Tensor(a!)", masked_scatter_,
     "source's elements in a row where mask is true."},
    {0},
};
