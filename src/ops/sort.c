/* Floor 4. Sorting and selecting by rank (facula/ops_sort.h). The kernel sorts rows, so the dimension at hand is
 * moved to the end before and back after. */
#include <math.h>

#include "facula/autograd.h"
#include "facula/ops_sort.h"
#include "facula/ops_view.h"
#include "plain.h"
#include "ranking.h"
#include "reduction.h"
#include "select.h"
#include "tracing.h"

/* ---- the kernel ------------------------------------------------------------------------------------------------ */

/* t seen with dim and the last dimension swapped; the caller's. */
static fac_tensor *swapped(fac_tensor *t, int dim)
{
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
    for (int d = 0; d < t->ndim; d++) {
        int from = d == dim ? t->ndim - 1 : d == t->ndim - 1 ? dim : d;
        shape[d] = t->shape[from];
        strides[d] = t->strides[from];
    }
    return fac__new_view(t, t->ndim, shape, strides, t->offset);
}

/* Rows of results to the shape of x with k along dim; takes the reference and returns one. */
static fac_tensor *put_back(fac_tensor *rows, int dim)
{
    if (!rows || dim >= rows->ndim - 1) return rows;
    fac_tensor *view = fac__own(swapped(rows, dim)),
               *y = view ? fac__new((fac_dtype)rows->dtype, view->ndim, view->shape) : NULL;
    if (y && !fac__copy_into(y, view)) fac_release(y), y = NULL;
    fac_release(rows);
    return y;
}

bool fac__rank(fac_tensor *x, int dim, fac__sort_pick pick, bool descending, int64_t first, int64_t k,
               fac_tensor **values, fac_tensor **indices)
{
    bool ok = false;
    if (values) *values = NULL;
    if (indices) *indices = NULL;
    fac_scope {
        fac_tensor *rows = x->ndim && dim < x->ndim - 1 ? fac__own(swapped(x, dim)) : x;
        rows = fac__plain(rows, (fac_dtype)x->dtype);
        int64_t shape[FAC_MAX_DIMS], n = x->ndim ? x->shape[dim] : 1;
        for (int d = 0; rows && d < x->ndim; d++)
            shape[d] = d == x->ndim - 1 ? k : rows->shape[d];
        int64_t row_count = n ? x->numel / n : 0, lanes = fac__threads(); /* a thread works on a row at least */
        if (lanes > row_count) lanes = row_count ? row_count : 1;
        int64_t scratch_size = lanes * fac__sort_scratch(n);
        fac_tensor *scratch = rows ? fac__own(fac__new(FAC_UINT8, 1, &scratch_size)) : NULL;
        fac_tensor *v = scratch && values ? fac__new((fac_dtype)x->dtype, x->ndim, shape) : NULL;
        fac_tensor *i = scratch && indices ? fac__new(FAC_INT64, x->ndim, shape) : NULL;
        if (scratch && (v || !values) && (i || !indices)) {
            fac__sort_args args = {.dtype = (fac_dtype)x->dtype,
                                   .pick = pick,
                                   .rows = row_count,
                                   .n = n,
                                   .first = first,
                                   .k = k,
                                   .descending = descending,
                                   .x = fac__data(rows),
                                   .values = v ? fac__data(v) : NULL,
                                   .indices = i ? fac__data(i) : NULL,
                                   .scratch = fac__data(scratch),
                                   .lanes = (int)lanes};
            if (x->numel && k) FAC__LAUNCH(fac__k_sort, args);
            v = put_back(v, dim);
            i = put_back(i, dim);
        }
        ok = (v || !values) && (i || !indices) && scratch;
        if (values) *values = v;
        if (indices) *indices = i;
        if (!ok) {
            fac_release(v);
            fac_release(i);
        }
    }
    return ok;
}

/* A recorded selection: positions first .. first + k of the sorted dim, which goes if it is not kept. */
static fac_tensor *ranked(fac_tensor *x, const char *node, int dim, fac__sort_pick pick, bool descending, int64_t first,
                          int64_t k, bool keepdim, fac_tensor **indices)
{
    fac_tensor *v, *i;
    if (indices) *indices = NULL;
    fac__node *n = fac__select_record(node, x, dim, keepdim);
    if (!fac__rank(x, dim, pick, descending, first, k, &v, &i)) return fac__done(n), NULL;
    if (!keepdim && x->ndim) { /* k is 1 */
        fac_tensor *whole[2] = {v, i}, *part[2];
        int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
        int kept = 0;
        for (int d = 0; d < x->ndim; d++)
            if (d != dim) shape[kept++] = x->shape[d];
        fac__contiguous_strides(kept, shape, strides);
        for (int t = 0; t < 2; t++) {
            part[t] = fac__new_view(whole[t], kept, shape, strides, 0);
            fac_release(whole[t]);
        }
        v = part[0];
        i = part[1];
    }
    return fac__select_result(n, v, i, indices);
}

/* ---- sorting --------------------------------------------------------------------------------------------------- */

static int64_t length(const fac_tensor *x, int dim)
{
    return x->ndim ? x->shape[dim] : 1;
}

static fac__sort_pick order_of(fac_sort_options options)
{
    return options.stable ? FAC__PICK_STABLE : FAC__PICK_SORT;
}

/* What a trace is told. */
#define STABLE(o)                                                                                                      \
    FAC__KEYWORD("stable", (bool)true), FAC__KEYWORD("dim", (o).dim), FAC__KEYWORD("descending", (o).descending)

fac_tensor *fac_sort_with(fac_tensor *self, fac_sort_options options)
{
    FAC__OP("sort");
    FAC__NEED(self);
    if (options.stable) FAC__TRACE_TWO(options.indices, "sort.stable", FAC__ARG(self), STABLE(options));
    FAC__TRACE_TWO(options.indices, "sort", FAC__ARG(self), FAC__ARG(options.dim), FAC__ARG(options.descending));
    int dim = fac__wrap_dim(options.dim, self->ndim);
    if (dim < 0) return NULL;
    return ranked(self, options.stable ? "SortBackward1" : "SortBackward0", dim, order_of(options), options.descending,
                  0, length(self, dim), true, options.indices);
}

fac_tensor *fac_argsort_with(fac_tensor *self, fac_sort_options options)
{
    FAC__OP("argsort");
    FAC__NEED(self);
    FAC__TRACE_IF(options.stable, "argsort.stable", FAC__ARG(self), STABLE(options));
    FAC__TRACE("argsort", FAC__ARG(self), FAC__ARG(options.dim), FAC__ARG(options.descending));
    fac_tensor *indices;
    int dim = fac__wrap_dim(options.dim, self->ndim);
    if (dim < 0) return NULL;
    if (!fac__rank(self, dim, order_of(options), options.descending, 0, length(self, dim), NULL, &indices)) return NULL;
    return fac__own(indices);
}

fac_tensor *fac_msort(fac_tensor *self)
{
    return fac_sort(self, .dim = 0);
}

fac_tensor *fac_topk_with(fac_tensor *self, int64_t k, fac_sort_options options)
{
    FAC__OP("topk");
    FAC__NEED(self);
    FAC__TRACE_TWO(options.indices, "topk", FAC__ARG(self), FAC__ARG(k), FAC__ARG(options.dim),
                   FAC__ARG(options.largest), FAC__ARG(options.sorted));
    int dim = fac__wrap_dim(options.dim, self->ndim);
    if (dim < 0) return NULL;
    if (k < 0 || k > length(self, dim)) return fac__runtime_error("selected index k out of range");
    fac__sort_pick pick = options.sorted ? FAC__PICK_TOP : FAC__PICK_TOP_UNSORTED;
    return ranked(self, "TopkBackward0", dim, pick, options.largest, 0, k, true, options.indices);
}

/* ---- one element by its rank ------------------------------------------------------------------------------------ */

static bool not_empty(const fac_tensor *x, int dim, const char *op)
{
    if (!x->ndim || x->shape[dim]) return true;
    return fac__index_error("%s(): Expected reduction dim %d to have non-zero size.", op, dim), false;
}

fac_tensor *fac_kthvalue(fac_tensor *self, int64_t k, int64_t dim, bool keepdim, fac_tensor **indices)
{
    FAC__OP("kthvalue");
    FAC__NEED(self);
    int d = fac__wrap_dim(dim, self->ndim);
    if (d < 0 || !not_empty(self, d, "kthvalue")) return NULL;
    if (k < 1 || k > length(self, d))
        return fac__runtime_error("kthvalue(): selected number k out of range for dimension %d", d);
    return ranked(self, "KthvalueBackward0", d, FAC__PICK_KTH, false, k - 1, 1, keepdim, indices);
}

static bool ordered(const fac_tensor *x, const char *op)
{
    return x->dtype != FAC_BOOL || (fac__runtime_error("\"%s_cpu\" not implemented for 'Bool'", op), false);
}

#define PICK_DIM(name, node, pick)                                                                                     \
    fac_tensor *fac_##name(fac_tensor *self, int64_t dim, bool keepdim, fac_tensor **indices)                          \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        FAC__NEED(self);                                                                                               \
        int d = fac__wrap_dim(dim, self->ndim);                                                                        \
        if (d < 0 || !not_empty(self, d, pick == FAC__PICK_MODE ? "mode" : "median")) return NULL;                     \
        if (pick != FAC__PICK_MODE && !ordered(self, "median")) return NULL;                                           \
        return ranked(self, node, d, pick, false, 0, 1, keepdim, indices);                                             \
    }
PICK_DIM(median_dim, "MedianBackward1", FAC__PICK_MEDIAN)
PICK_DIM(nanmedian_dim, "NanmedianBackward1", FAC__PICK_NANMEDIAN)
PICK_DIM(mode, "ModeBackward0", FAC__PICK_MODE)

static fac_tensor *median_of_all(fac_tensor *self, const char *op, const char *node, fac__sort_pick pick)
{
    FAC__OP(op);
    FAC__NEED(self);
    if (!ordered(self, "median")) return NULL;
    fac__reduction r;
    fac_reduce_options all = fac_reduce_options_defaults();
    if (!fac__reduction_of(self, &all, &r)) return NULL;
    fac__node *n = fac__shared_record(node, self, &r);
    fac_tensor *y = NULL;
    fac_scope {
        fac_tensor *flat = NULL, *value = NULL;
        fac_no_grad
            flat = fac_reshape(self, fac_dims_one(self->numel));
        y = flat ? fac__new((fac_dtype)self->dtype, 0, NULL) : NULL;
        bool ok = y != NULL;
        if (ok && !self->numel)
            ok = fac__fill_into(y, fac_scalar_float(NAN));
        else if (ok)
            ok = fac__rank(flat, 0, pick, false, 0, 1, &value, NULL) && fac__copy_into(y, value);
        fac_release(value);
        if (!ok) fac_release(y), y = NULL;
    }
    return fac__shared_result(n, self, y);
}

fac_tensor *fac_median(fac_tensor *self)
{
    return median_of_all(self, "median", "MedianBackward0", FAC__PICK_MEDIAN);
}

fac_tensor *fac_nanmedian(fac_tensor *self)
{
    return median_of_all(self, "nanmedian", "NanmedianBackward0", FAC__PICK_NANMEDIAN);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(sort, R2(indices, fac_sort(T(0), .dim = I(1), .descending = B(2), .indices = &indices)))
FAC__CALL(sort_stable,
          R2(indices, fac_sort(T(0), .dim = I(2), .descending = B(3), .stable = B(1), .indices = &indices)))
FAC__CALL(argsort, R(fac_argsort(T(0), .dim = I(1), .descending = B(2))))
FAC__CALL(argsort_stable, R(fac_argsort(T(0), .dim = I(2), .descending = B(3), .stable = true)))
FAC__CALL(msort, R(fac_msort(T(0))))
FAC__CALL(topk, R2(indices, fac_topk(T(0), I(1), .dim = I(2), .largest = B(3), .sorted = B(4), .indices = &indices)))
FAC__CALL(kthvalue, R2(indices, fac_kthvalue(T(0), I(1), I(2), B(3), &indices)))
FAC__CALL(median, R(fac_median(T(0))))
FAC__CALL(nanmedian, R(fac_nanmedian(T(0))))
FAC__CALL(median_dim, R2(indices, fac_median_dim(T(0), I(1), B(2), &indices)))
FAC__CALL(nanmedian_dim, R2(indices, fac_nanmedian_dim(T(0), I(1), B(2), &indices)))
FAC__CALL(mode, R2(indices, fac_mode(T(0), I(1), B(2), &indices)))

#define RANK_SCHEMA(name, arguments) name "(Tensor self" arguments ") -> (Tensor values, Tensor indices)"

const fac__op fac__ops_sort[] = {
    {RANK_SCHEMA("sort", ", int dim=-1, bool descending=False"), sort, "Sorted along dim."},
    {RANK_SCHEMA("sort.stable", ", *, bool? stable, int dim=-1, bool descending=False"), sort_stable,
     "Sorted along dim."},
    {"argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor", argsort, "Where the sorted elements stand."},
    {"argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor", argsort_stable,
     "Where the sorted elements stand."},
    {"msort(Tensor self) -> Tensor", msort, "Sorted along the first dimension."},
    {RANK_SCHEMA("topk", ", int k, int dim=-1, bool largest=True, bool sorted=True"), topk, "The k largest along dim."},
    {RANK_SCHEMA("kthvalue", ", int k, int dim=-1, bool keepdim=False"), kthvalue, "The k-th smallest along dim."},
    {"median(Tensor self) -> Tensor", median, "Lower median of all elements."},
    {"nanmedian(Tensor self) -> Tensor", nanmedian, "Lower median of what is not NaN."},
    {RANK_SCHEMA("median.dim", ", int dim, bool keepdim=False"), median_dim, "Lower median along dim."},
    {RANK_SCHEMA("nanmedian.dim", ", int dim, bool keepdim=False"), nanmedian_dim,
     "Lower median along dim of what is not NaN."},
    {RANK_SCHEMA("mode", ", int dim=-1, bool keepdim=False"), mode, "Most frequent value along dim."},
    {0},
};
