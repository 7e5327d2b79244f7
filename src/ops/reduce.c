/* Floor 4. Sums, products, truth and extremes over dimensions (facula/ops_reduce.h). Each operation is followed by what
 * carries its gradient back. */
#include <math.h>

#include "facula/ops_view.h"
#include "reduction.h"
#include "tracing.h"

/* Every operation begins so. */
#define REDUCTION(op)                                                                                                  \
    FAC__OP(op);                                                                                                       \
    FAC__NEED(self);                                                                                                   \
    fac__reduction r;                                                                                                  \
    if (!fac__reduction_of(self, &options, &r)) return NULL

/* A node for it that remembers the reduction. */
static fac__node *record(const char *name, fac__backward_fn backward, int saved, fac_tensor *x, const fac__reduction *r)
{
    fac__node *n = fac__record(name, backward, 1, saved, sizeof *r, x);
    if (n && !n->failed) *(fac__reduction *)n->params = *r;
    return n;
}

/* The kernel adds in the result's compute type; a narrower dtype asked for is to be rounded to before. */
static fac_tensor *narrowed(fac_tensor *x, fac_dtype dtype)
{
    bool wraps = !fac_dtype_is_floating((fac_dtype)x->dtype) && fac_dtype_is_integral(dtype); /* after, as before */
    return fac__compute_type(dtype) == dtype || wraps ? x : fac__cast_plain(x, dtype);
}

/* ---- sums --------------------------------------------------------------------------------------------------- */

static void sum_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = fac__unreduce_expand(n->params, gy[0]);
}

fac_tensor *fac_sum_with(fac_tensor *self, fac_reduce_options options)
{
    REDUCTION("sum");
    if (fac__tracing()) return fac__traced_reduction("sum.dim_IntList", self, &r, options.dtype);
    fac_dtype dtype = fac__sum_dtype(self, options.dtype);
    fac_tensor *x = narrowed(self, dtype);
    FAC__NEED(x);
    fac__node *n = record(r.all_given ? "SumBackward0" : "SumBackward1", sum_backward, 0, self, &r);
    return fac__result(n, fac__reduce(FAC__SUM, x, &r, dtype));
}

static void nansum_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *x = fac__saved(n, 0);
    gx[0] = fac_mul(fac__unreduce_expand(n->params, gy[0]), fac_eq(x, x));
}

fac_tensor *fac_nansum_with(fac_tensor *self, fac_reduce_options options)
{
    REDUCTION("nansum");
    fac_dtype dtype = fac__sum_dtype(self, options.dtype);
    fac_tensor *x = narrowed(self, dtype);
    FAC__NEED(x);
    fac__node *n = record("NansumBackward0", nansum_backward, 1, self, &r);
    fac__save(n, 0, self);
    return fac__result(n, fac__reduce(FAC__NANSUM, x, &r, dtype));
}

fac_tensor *fac_sum_to_size(fac_tensor *self, fac_dims size)
{
    FAC__OP("sum_to_size");
    FAC__NEED(self);
    int lead = self->ndim - size.n;
    fac_dims dims = {.n = 0};
    bool fits = lead >= 0;
    for (int d = 0; d < self->ndim && fits; d++) {
        int64_t wanted = d < lead ? 1 : size.d[d - lead];
        if (d < lead || (wanted == 1 && self->shape[d] != 1))
            dims.d[dims.n++] = d;
        else
            fits = wanted == self->shape[d];
    }
    if (!fits)
        return fac__runtime_error("size {%s} is not expandable to size {%s}.", fac__shape_text(size.n, size.d),
                                  fac__shape_text(self->ndim, self->shape));
    if (size.n == 0) return fac_sum(self); /* a copy, of integers int64, where nothing is summed too */
    fac_tensor *y = dims.n ? fac_sum(self, .dims = dims, .keepdim = true) : self;
    return lead && y ? fac_view(y, size) : y;
}

static void mean_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const fac__reduction *r = n->params;
    gx[0] = fac__unreduce_expand(r, fac_div_scalar(gy[0], r->reduced));
}

fac_tensor *fac_mean_with(fac_tensor *self, fac_reduce_options options)
{
    REDUCTION("mean");
    if (fac__tracing()) return fac__traced_reduction("mean.dim", self, &r, options.dtype);
    fac_dtype dtype = options.dtype ? options.dtype : (fac_dtype)self->dtype;
    if (!fac_dtype_is_floating(dtype))
        return fac__runtime_error(
            "mean(): could not infer output dtype. %s dtype must be either a floating point or complex "
            "dtype. Got: %s",
            options.dtype ? "Optional" : "Input", fac__dtype_word(dtype));
    fac_tensor *x = narrowed(self, dtype);
    FAC__NEED(x);
    fac__node *n = record(r.all_given ? "MeanBackward0" : "MeanBackward1", mean_backward, 0, self, &r);
    fac_tensor *y = fac__reduce(FAC__SUM, x, &r, dtype);
    static const fac__program divide = {1, 1, 1, 1, {2}, {{FAC__ROW_div, {0, 1}}}};
    fac_scalar count = fac_scalar_int(r.reduced);
    if (y && !fac__run_program(&divide, fac__compute_type(dtype), y->ndim, y->shape, &y, &count, &y)) {
        fac_release(y);
        y = NULL;
    }
    return fac__result(n, y);
}

fac_tensor *fac_nanmean_with(fac_tensor *self, fac_reduce_options options)
{
    REDUCTION("nanmean");
    if (!fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("nanmean(): expected input to have floating point dtype but got %s",
                                  fac__dtype_word((fac_dtype)self->dtype));
    fac_tensor *y = NULL;
    fac_scope {
        fac_reduce_options count = options;
        count.dtype = FAC_DTYPE_NONE;
        y = fac_escape(fac_div(fac_nansum_with(self, options), fac_sum_with(fac_eq(self, self), count)));
    }
    return y;
}

fac_tensor *fac_trace(fac_tensor *self)
{
    FAC__OP("trace");
    FAC__NEED(self);
    if (self->ndim != 2) return fac__runtime_error("trace: expected a matrix, but got tensor with dim %d", self->ndim);
    return fac_sum(fac_diagonal(self, 0, 0, 1));
}

fac_tensor *fac_count_nonzero_with(fac_tensor *self, fac_reduce_options options)
{
    REDUCTION("count_nonzero");
    return fac__own(fac__reduce(FAC__COUNT_NONZERO, self, &r, FAC_INT64));
}

/* ---- products ----------------------------------------------------------------------------------------------- */

/* Products of all elements before each one along dim, 1 for the first. */
static fac_tensor *product_before(fac_tensor *x, int dim)
{
    if (!x) return NULL;
    fac_tensor *ones = fac__own(fac__new_like(x, (fac_dtype)x->dtype));
    if (!ones || !fac__fill_into(ones, fac_scalar_int(1))) return NULL;
    fac_tensor *running = fac_cumprod(fac_narrow(x, dim, 0, x->shape[dim] - 1), dim, FAC_DTYPE_NONE);
    return running ? fac_slice_scatter(ones, running, dim, 1, FAC_OPEN, 1) : NULL;
}

/* The product of all others, without a division, so that zeros need no case of their own. */
static fac_tensor *product_of_others(fac_tensor *x, int dim)
{
    fac_tensor *before = product_before(x, dim);
    fac_tensor *after = fac_flip(product_before(fac_flip(x, fac_dims_one(dim)), dim), fac_dims_one(dim));
    return before && after ? fac_mul(before, after) : NULL;
}

static void prod_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const fac__reduction *r = n->params;
    fac_tensor *x = fac__saved(n, 0), *g = fac__unreduce(r, gy[0]);
    if (!x || !g) return;
    if (x->numel == 0 || x->ndim == 0) {
        gx[0] = x->ndim ? fac_mul(fac_expand(g, r->input), x) : g;
        return;
    }
    if (r->mask & (r->mask - 1)) { /* all dimensions */
        fac_tensor *flat = product_of_others(fac_reshape(x, fac_dims_one(-1)), 0);
        gx[0] = flat ? fac_mul(g, fac_reshape(flat, r->input)) : NULL;
    } else {
        fac_tensor *others = product_of_others(x, __builtin_ctz(r->mask));
        gx[0] = others ? fac_mul(g, others) : NULL;
    }
}

fac_tensor *fac_prod_with(fac_tensor *self, fac_reduce_options options)
{
    REDUCTION("prod");
    uint32_t all = (1u << self->ndim) - 1;
    if (r.mask != all && (r.mask & (r.mask - 1))) { /* some, but several: one after another */
        fac_tensor *y = self;
        for (int d = self->ndim - 1; d >= 0 && y; d--)
            if (r.mask >> d & 1) y = fac_prod(y, .dim = d, .keepdim = r.keepdim, .dtype = options.dtype);
        return y;
    }
    fac_dtype dtype = fac__sum_dtype(self, options.dtype);
    FAC__TRACE_IF(r.mask == all && !r.keepdim, "prod", FAC__ARG(self), {"dtype", fac__value_of_dtype(dtype)});
    FAC__TRACE_IF(r.mask && !(r.mask & (r.mask - 1)), "prod.dim_int", FAC__ARG(self), FAC__ARG(__builtin_ctz(r.mask)),
                  FAC__ARG(r.keepdim), {"dtype", fac__value_of_dtype(dtype)});
    fac_tensor *x = narrowed(self, dtype);
    FAC__NEED(x);
    fac__node *n = record(r.all_given ? "ProdBackward0" : "ProdBackward1", prod_backward, 1, self, &r);
    fac__save(n, 0, self);
    return fac__result(n, fac__reduce(FAC__PROD, x, &r, dtype));
}

/* ---- logsumexp ---------------------------------------------------------------------------------------------- */

static void logsumexp_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const fac__reduction *r = n->params;
    fac_tensor *x = fac__saved(n, 0), *y = fac__unreduce(r, fac__saved(n, 1)), *g = fac__unreduce(r, gy[0]);
    gx[0] = x && y && g ? fac_mul(g, fac_exp(fac_sub(x, y))) : NULL;
}

/* log(sum(exp(x - m))) + m with the maximum m, which counts as 0 where it is infinite. */
static fac_tensor *logsumexp(fac_tensor *x, const fac__reduction *r)
{
    fac_reduce_options keep = fac_reduce_options_defaults();
    keep.keepdim = true;
    keep.dims.n = 0;
    for (int d = 0; d < x->ndim; d++)
        if (r->mask >> d & 1) keep.dims.d[keep.dims.n++] = d;
    fac_tensor *sum, *max = NULL;
    if (x->numel) {
        max = fac_amax_with(x, keep);
        fac_tensor *infinite = fac_eq_scalar(fac_abs(max), INFINITY);
        max = infinite ? fac_where(infinite, fac_mul_scalar(fac_sign(max), 0), max) : NULL;
        sum = fac_sum_with(fac_exp(fac_sub(x, max)), keep);
    } else {
        sum = fac_sum_with(fac_exp(x), keep);
    }
    fac_tensor *y = fac_log(sum);
    if (max) y = fac_add(y, max);
    return y && !r->keepdim ? fac_reshape(y, fac_dims_make(r->ndim, r->shape)) : y;
}

fac_tensor *fac_logsumexp_with(fac_tensor *self, fac_reduce_options options)
{
    REDUCTION("logsumexp");
    if (fac__tracing()) return fac__traced_reduction("logsumexp", self, &r, FAC_DTYPE_NONE);
    fac_tensor *y = NULL;
    fac__node *n = record("LogsumexpBackward0", logsumexp_backward, 2, self, &r);
    fac__save(n, 0, self);
    fac_scope
        fac_no_grad {
            fac_tensor *x = fac_dtype_is_floating((fac_dtype)self->dtype) ? self
                                                                          : fac_to(self, fac_get_default_dtype());
            y = x ? fac_keep(logsumexp(x, &r)) : NULL;
        }
    fac__save_output(n, 1, y, 0);
    return fac__result(n, y);
}

/* ---- truth -------------------------------------------------------------------------------------------------- */

static fac_dtype truth_dtype(const fac_tensor *x)
{
    return x->dtype == FAC_UINT8 ? FAC_UINT8 : FAC_BOOL;
}

fac_tensor *fac_all_with(fac_tensor *self, fac_reduce_options options)
{
    REDUCTION("all");
    if (fac__tracing()) return fac__traced_reduction("all.dims", self, &r, FAC_DTYPE_NONE);
    return fac__own(fac__reduce(FAC__ALL, self, &r, truth_dtype(self)));
}

fac_tensor *fac_any_with(fac_tensor *self, fac_reduce_options options)
{
    REDUCTION("any");
    if (fac__tracing()) return fac__traced_reduction("any.dims", self, &r, FAC_DTYPE_NONE);
    return fac__own(fac__reduce(FAC__ANY, self, &r, truth_dtype(self)));
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

static const fac_dims no_dims = {.n = -1};
#define ALL_DIMS(keyword_dtype) fac__reduce_over(no_dims, false, keyword_dtype)
#define OVER(dims, keepdim, dtype) fac__reduce_over(dims, keepdim, dtype)

FAC__CALL(sum, R(fac_sum_with(T(0), ALL_DIMS(DT(1)))))
FAC__CALL(sum_dim, R(fac_sum_with(T(0), OVER(L(1), B(2), DT(3)))))
FAC__CALL(nansum, R(fac_nansum_with(T(0), OVER(L(1), B(2), DT(3)))))
FAC__CALL(mean, R(fac_mean_with(T(0), ALL_DIMS(DT(1)))))
FAC__CALL(mean_dim, R(fac_mean_with(T(0), OVER(L(1), B(2), DT(3)))))
FAC__CALL(nanmean, R(fac_nanmean_with(T(0), OVER(L(1), B(2), DT(3)))))
FAC__CALL(prod, R(fac_prod_with(T(0), ALL_DIMS(DT(1)))))
FAC__CALL(prod_dim, R(fac_prod_with(T(0), OVER(L(1), B(2), DT(3)))))
FAC__CALL(logsumexp_, R(fac_logsumexp_with(T(0), OVER(L(1), B(2), FAC_DTYPE_NONE))))
FAC__CALL(count_nonzero, R(fac_count_nonzero_with(T(0), OVER(L(1), false, FAC_DTYPE_NONE))))
FAC__CALL(sum_to_size, R(fac_sum_to_size(T(0), L(1))))
FAC__CALL(trace, R(fac_trace(T(0))))
FAC__CALL(all, R(fac_all_with(T(0), ALL_DIMS(FAC_DTYPE_NONE))))
FAC__CALL(all_dim, R(fac_all_with(T(0), OVER(L(1), B(2), FAC_DTYPE_NONE))))
FAC__CALL(any, R(fac_any_with(T(0), ALL_DIMS(FAC_DTYPE_NONE))))
FAC__CALL(any_dim, R(fac_any_with(T(0), OVER(L(1), B(2), FAC_DTYPE_NONE))))

const fac__op fac__ops_reduce[] = {
    {"sum(Tensor self, *, ScalarType? dtype=None) -> Tensor", sum, "Sum of all elements."},
    {"sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", sum_dim,
     "Sum over dimensions."},
    {"nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", nansum,
     "Sum in which NaN counts as 0."},
    {"mean(Tensor self, *, ScalarType? dtype=None) -> Tensor", mean, "Mean of all elements."},
    {"mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", mean_dim,
     "Mean over dimensions."},
    {"nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", nanmean,
     "Mean of what is not NaN."},
    {"prod(Tensor self, *, ScalarType? dtype=None) -> Tensor", prod, "Product of all elements."},
    {"prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", prod_dim,
     "Product over a dimension."},
    {"logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", logsumexp_,
     "log(sum(exp(x))) without overflow."},
    {"count_nonzero(Tensor self, int? dim=None) -> Tensor", count_nonzero, "How many elements are not 0."},
    {"count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor", count_nonzero,
     "How many are not 0, over dimensions."},
    {"sum_to_size(Tensor self, int[] size) -> Tensor", sum_to_size, "Sums over what broadcasting would repeat."},
    {"trace(Tensor self) -> Tensor", trace, "Sum of a matrix's diagonal."},
    {"all(Tensor self) -> Tensor", all, "Whether all elements are not 0."},
    {"all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", all_dim, "Whether all along dim are not 0."},
    {"all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", all_dim,
     "The same over several dimensions."},
    {"any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor", any_dim,
     "The same over several dimensions."},
    {"any(Tensor self) -> Tensor", any, "Whether any element is not 0."},
    {"any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor", any_dim, "Whether any along dim is not 0."},
    {0},
};
