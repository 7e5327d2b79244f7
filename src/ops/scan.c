/* Floor 4. Running sums, products and extremes along a dimension (facula/ops_reduce.h). */
#include <math.h>

#include "facula/ops_index.h"
#include "facula/ops_view.h"
#include "reduction.h"
#include "select.h"
#include "tracing.h"

static void launch(fac__scan_kind kind, const fac_tensor *x, int dim, const fac_tensor *out, const fac_tensor *second)
{
    fac__scan_args args = {
        .kind = kind, .ndim = x->ndim, .dim = dim, .in = fac__operand_of(x), .out[0] = fac__operand_of(out)};
    if (second) args.out[1] = fac__operand_of(second);
    for (int d = 0; d < x->ndim; d++)
        args.shape[d] = x->shape[d];
    if (!x->ndim) { /* a row of one */
        args.ndim = 1;
        args.shape[0] = args.in.strides[0] = args.out[0].strides[0] = args.out[1].strides[0] = 1;
    }
    if (x->numel) FAC__LAUNCH(fac__k_scan, args);
}

/* ---- cumsum, cumprod, logcumsumexp ---------------------------------------------------------------------------- */

typedef struct scan_params {
    int dim;
    fac_dtype dtype; /* of self, in which gradients are summed */
} scan_params;

static fac_tensor *scan(fac_tensor *self, fac__scan_kind kind, const char *name, fac__backward_fn backward, int64_t dim,
                        fac_dtype dtype)
{
    int d = fac__wrap_dim(dim, self->ndim);
    if (d < 0) return NULL;
    if (!dtype) dtype = fac_dtype_is_floating((fac_dtype)self->dtype) ? (fac_dtype)self->dtype : FAC_INT64;
    fac_tensor *x = fac_dtype_is_floating((fac_dtype)self->dtype) ? fac__cast_plain(self, dtype) : self;
    FAC__NEED(x);
    bool needs_y = kind != FAC__CUMSUM;
    fac__node *n = fac__record(name, backward, 1, needs_y ? 2 : 0, sizeof(scan_params), self);
    fac_tensor *y = fac__new_like(x, dtype);
    if (y) launch(kind, x, d, y, NULL);
    if (n && !n->failed) {
        *(scan_params *)n->params = (scan_params){d, (fac_dtype)self->dtype};
        if (needs_y) fac__save(n, 0, self);
        if (needs_y) fac__save_output(n, 1, y, 0);
    }
    return fac__result(n, y);
}

static fac_tensor *sum_from_end(fac_tensor *t, int dim)
{
    if (!t || t->numel <= 1 || t->shape[dim] == 1) return t;
    return fac_flip(fac_cumsum(fac_flip(t, fac_dims_one(dim)), dim, FAC_DTYPE_NONE), fac_dims_one(dim));
}

static void cumsum_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const scan_params *p = n->params;
    gx[0] = sum_from_end(fac_to(gy[0], p->dtype), p->dim);
}

fac_tensor *fac_cumsum(fac_tensor *self, int64_t dim, fac_dtype dtype)
{
    FAC__OP("cumsum");
    FAC__NEED(self);
    FAC__TRACE("cumsum", FAC__ARG(self), FAC__ARG(dim), {"dtype", fac__value_of_dtype(dtype)});
    return scan(self, FAC__CUMSUM, "CumsumBackward0", cumsum_backward, dim, dtype);
}

/* dx[k] = sum over j >= k of g[j] times the product of x[0..j] without x[k]. In front of a row's first zero that is as
 * without zeros; for the first zero the products are those of a row that has a 1 in its place; all behind it have a zero. */
static fac_tensor *cumprod_gradient_with_zeros(fac_tensor *x, fac_tensor *y, fac_tensor *g, int dim)
{
    fac_tensor *zero = fac_eq_scalar(x, 0), *count = zero ? fac_cumsum(zero, dim, FAC_DTYPE_NONE) : NULL;
    if (!count) return NULL;
    fac_tensor *first = fac_logical_and(zero, fac_eq_scalar(count, 1));
    fac_tensor *filled = first ? fac_masked_fill(x, first, 1) : NULL;
    fac_tensor *without = filled ? fac_cumprod(filled, dim, FAC_DTYPE_NONE) : NULL;
    fac_tensor *before = fac_div(sum_from_end(fac_mul(y, g), dim), x);
    fac_tensor *at = without ? sum_from_end(fac_mul(without, g), dim) : NULL;
    if (!before || !at) return NULL;
    return fac_where(fac_eq_scalar(count, 0), before, fac_masked_fill(at, fac_logical_not(first), 0));
}

/* The same term by term: differentiable itself, where x has zeros too. */
static fac_tensor *cumprod_gradient_by_terms(fac_tensor *x, fac_tensor *g, int dim)
{
    int64_t size = x->shape[dim];
    fac_dims one_shape = fac_shape(x);
    one_shape.d[dim] = 1;
    fac_tensor *one = fac__own(fac__new((fac_dtype)x->dtype, one_shape.n, one_shape.d));
    fac_tensor *dx = fac__own(fac__new_like(x, (fac_dtype)x->dtype));
    if (!one || !dx || !fac__fill_into(one, fac_scalar_int(1))) return NULL;
    for (int64_t k = 0; k < size && dx; k++) {
        fac_tensor *before = fac_prod(fac_narrow(x, dim, 0, k), .dim = dim, .keepdim = true);
        fac_tensor *rest = fac_slice_scatter(fac_narrow(x, dim, k, size - k), one, dim, 0, 1, 1);
        fac_tensor *others = before && rest ? fac_mul(before, fac_cumprod(rest, dim, FAC_DTYPE_NONE)) : NULL;
        fac_tensor *terms = others ? fac_mul(fac_narrow(g, dim, k, size - k), others) : NULL;
        dx = terms ? fac_slice_scatter(dx, fac_sum(terms, .dim = dim, .keepdim = true), dim, k, k + 1, 1) : NULL;
    }
    return dx;
}

static void cumprod_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    int dim = ((const scan_params *)n->params)->dim;
    fac_tensor *x = fac__saved(n, 0), *y = fac__saved(n, 1), *all;
    if (!x || !y || !(all = fac_all(x))) return;
    fac_tensor *g = fac_to(gy[0], (fac_dtype)x->dtype);
    if (!x->ndim)
        gx[0] = g;
    else if (*(const bool *)fac__host(all))
        gx[0] = fac_div(sum_from_end(fac_mul(y, g), dim), x);
    else if (g && fac_is_grad_enabled())
        gx[0] = cumprod_gradient_by_terms(x, g, dim);
    else if (g)
        gx[0] = cumprod_gradient_with_zeros(x, y, g, dim);
}

fac_tensor *fac_cumprod(fac_tensor *self, int64_t dim, fac_dtype dtype)
{
    FAC__OP("cumprod");
    FAC__NEED(self);
    FAC__TRACE("cumprod", FAC__ARG(self), FAC__ARG(dim), {"dtype", fac__value_of_dtype(dtype)});
    return scan(self, FAC__CUMPROD, "CumprodBackward0", cumprod_backward, dim, dtype);
}

/* Sum from the end of g exp(x - y), in logarithms so that nothing overflows: the parts of g above and below 0 apart. */
static fac_tensor *log_part(fac_tensor *g, fac_tensor *x, fac_tensor *y, int dim)
{
    fac_tensor *none = fac__own(fac__new_scalar(fac_scalar_float(-INFINITY)));
    fac_tensor *positive = fac_gt_scalar(g, 0);
    fac_tensor *logs = none && positive ? fac_where(positive, fac_log(g), none) : NULL;
    if (!logs) return NULL;
    fac_tensor *sums =
        fac_flip(fac_logcumsumexp(fac_flip(fac_sub(logs, y), fac_dims_one(dim)), dim), fac_dims_one(dim));
    return sums ? fac_exp(fac_add(sums, x)) : NULL;
}

static void logcumsumexp_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    int dim = ((const scan_params *)n->params)->dim;
    fac_tensor *x = fac__saved(n, 0), *y = fac__saved(n, 1);
    if (!x || !y) return;
    if (!x->numel || !x->ndim) {
        gx[0] = gy[0];
        return;
    }
    if (fac_is_grad_enabled()) { /* less careful with large numbers, but itself differentiable */
        fac_tensor *sums = sum_from_end(fac_mul(gy[0], fac_exp(fac_neg(y))), dim);
        gx[0] = sums ? fac_mul(fac_exp(x), sums) : NULL;
        return;
    }
    fac_tensor *above = log_part(gy[0], x, y, dim), *below = log_part(fac_neg(gy[0]), x, y, dim);
    gx[0] = above && below ? fac_sub(above, below) : NULL;
}

fac_tensor *fac_logcumsumexp(fac_tensor *self, int64_t dim)
{
    FAC__OP("logcumsumexp");
    FAC__NEED(self);
    if (!fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("\"logcumsumexp_out_cpu\" not implemented for '%s'",
                                  fac__dtype_word((fac_dtype)self->dtype));
    return scan(self, FAC__LOGCUMSUMEXP, "LogcumsumexpBackward0", logcumsumexp_backward, dim, FAC_DTYPE_NONE);
}

/* ---- cummax, cummin ------------------------------------------------------------------------------------------- */

static fac_tensor *extreme(fac_tensor *self, fac__scan_kind kind, const char *name, int64_t dim, fac_tensor **indices)
{
    int d = fac__wrap_dim(dim, self->ndim);
    if (d < 0) return NULL;
    fac__node *n = fac__select_record(name, self, d, true);
    fac_tensor *index = fac__new_like(self, FAC_INT64);
    fac_tensor *y = index ? fac__new_like(self, (fac_dtype)self->dtype) : NULL;
    if (y) launch(kind, self, d, y, index);
    return fac__select_result(n, y, index, indices);
}

fac_tensor *fac_cummax(fac_tensor *self, int64_t dim, fac_tensor **indices)
{
    FAC__OP("cummax");
    FAC__NEED(self);
    return extreme(self, FAC__CUMMAX, "CummaxBackward0", dim, indices);
}

fac_tensor *fac_cummin(fac_tensor *self, int64_t dim, fac_tensor **indices)
{
    FAC__OP("cummin");
    FAC__NEED(self);
    return extreme(self, FAC__CUMMIN, "CumminBackward0", dim, indices);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(cumsum, R(fac_cumsum(T(0), I(1), DT(2))))
FAC__CALL(cumprod, R(fac_cumprod(T(0), I(1), DT(2))))
FAC__CALL(logcumsumexp, R(fac_logcumsumexp(T(0), I(1))))
FAC__CALL(cummax, R2(indices, fac_cummax(T(0), I(1), &indices)))
FAC__CALL(cummin, R2(indices, fac_cummin(T(0), I(1), &indices)))

const fac__op fac__ops_scan[] = {
    {"cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", cumsum,
     "Sums of the elements up to each one."},
    {"cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", cumprod,
     "Products of the elements up to each one."},
    {"logcumsumexp(Tensor self, int dim) -> Tensor", logcumsumexp, "log of the running sum of exp(x)."},
    {"cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)", cummax,
     "Largest element so far and where it is."},
    {"cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)", cummin,
     "Smallest element so far and where it is."},
    {0},
};
