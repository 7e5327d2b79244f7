/* Floor 4. Searching in sorted sequences, and counting (facula/ops_sort.h). */
#include <math.h>
#include <string.h>

#include "facula/autograd.h"
#include "facula/ops_sort.h"
#include "facula/ops_view.h"
#include "op.h"
#include "plain.h"
#include "ranking.h"
#include "reduction.h"

/* ---- searching ------------------------------------------------------------------------------------------------ */

/* out's dtype says what is asked for. The caller's reference. */
static fac_tensor *search(fac_tensor *sorted, fac_tensor *values, fac_tensor *sorter, bool right, fac_dtype out)
{
    fac_tensor *y = fac__new_like(values, out);
    bool ok = y != NULL;
    fac_scope {
        fac_dtype common = fac__result_type(2, (fac__arg[]){fac__tensor_arg(sorted), fac__tensor_arg(values)});
        fac_tensor *s = fac__plain(sorted, common), *v = fac__plain(values, common);
        fac_tensor *order = sorter ? fac__plain(sorter, FAC_INT64) : NULL;
        ok = ok && s && v && (order || !sorter);
        if (ok && y->numel) {
            int64_t n = sorted->shape[sorted->ndim - 1];
            fac__search_args args = {.dtype = common,
                                     .n = n,
                                     .one_row = sorted->ndim == 1,
                                     .right = right,
                                     .sorted = fac__data(s),
                                     .values = fac__data(v),
                                     .sorter = order ? fac__data(order) : NULL,
                                     .out = fac__data(y),
                                     .out_dtype = out};
            args.m = sorted->ndim == 1 ? values->numel : values->shape[values->ndim - 1];
            args.rows = values->numel / args.m;
            FAC__LAUNCH(fac__k_search, args);
        }
    }
    if (!ok) fac_release(y), y = NULL;
    return fac__own(y);
}

static bool check_search(const fac_tensor *sorted, const fac_tensor *values, const fac_search_options *o)
{
    if (!sorted->ndim)
        return fac__runtime_error(
                   "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"),
               false;
    bool match = sorted->ndim == 1 || sorted->ndim == values->ndim;
    for (int d = 0; match && sorted->ndim > 1 && d < sorted->ndim - 1; d++)
        match = sorted->shape[d] == values->shape[d];
    if (!match)
        return fac__runtime_error(
                   "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
                   "boundaries tensor and input value tensor must match, but we got boundaries tensor %s and input "
                   "value tensor %s",
                   fac__shape_text(sorted->ndim, sorted->shape), fac__shape_text(values->ndim, values->shape)),
               false;
    if (o->sorter && !fac__same_shape(o->sorter, sorted))
        return fac__runtime_error(
                   "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor %s and "
                   "got sorter tensor %s",
                   fac__shape_text(sorted->ndim, sorted->shape), fac__shape_text(o->sorter->ndim, o->sorter->shape)),
               false;
    if (o->sorter && o->sorter->dtype != FAC_INT64)
        return fac__runtime_error("torch.searchsorted(): sorter must be a tensor of long dtype but got dtype %s",
                                  fac__dtype_word((fac_dtype)o->sorter->dtype)),
               false;
    if (!o->sorter || !sorted->numel) return true;
    /* Positions are read by the kernel as they are. */
    int64_t n = sorted->shape[sorted->ndim - 1];
    for (int least = 0; least < 2; least++) {
        fac__reduction r;
        fac_reduce_options all = fac_reduce_options_defaults();
        if (!fac__reduction_of(o->sorter, &all, &r)) return false;
        fac_tensor *extreme = fac__reduce(least ? FAC__MIN : FAC__MAX, o->sorter, &r, FAC_INT64);
        if (!extreme) return false;
        int64_t at = *(const int64_t *)fac__host(extreme);
        fac_release(extreme);
        if (at < 0 || at >= n) return fac__runtime_error("torch.searchsorted(): sorter index out of range"), false;
    }
    return true;
}

fac_tensor *fac_searchsorted_with(fac_tensor *sorted_sequence, fac_tensor *values, fac_search_options options)
{
    FAC__OP("searchsorted");
    FAC__NEED(sorted_sequence);
    FAC__NEED(values);
    if (!check_search(sorted_sequence, values, &options)) return NULL;
    return search(sorted_sequence, values, options.sorter, options.right, options.out_int32 ? FAC_INT32 : FAC_INT64);
}

fac_tensor *fac_bucketize_with(fac_tensor *values, fac_tensor *boundaries, fac_search_options options)
{
    FAC__OP("bucketize");
    FAC__NEED(values);
    FAC__NEED(boundaries);
    if (boundaries->ndim != 1)
        return fac__runtime_error("boundaries tensor must be 1 dimension, but got dim(%d)", boundaries->ndim);
    return search(boundaries, values, NULL, options.right, options.out_int32 ? FAC_INT32 : FAC_INT64);
}

fac_tensor *fac_isin(fac_tensor *elements, fac_tensor *test_elements, bool invert)
{
    FAC__OP("isin");
    FAC__NEED(elements);
    FAC__NEED(test_elements);
    fac_tensor *y = NULL;
    fac_scope
        fac_no_grad {
            fac_dtype common =
                fac__result_type(2, (fac__arg[]){fac__tensor_arg(elements), fac__tensor_arg(test_elements)});
            fac_tensor *tests = fac_reshape(fac_to(test_elements, common), fac_dims_one(test_elements->numel)), *sorted;
            fac_tensor *values = fac_to(elements, common);
            if (tests && values && fac__rank(tests, 0, FAC__PICK_STABLE, false, 0, tests->numel, &sorted, NULL)) {
                y = search(fac__own(sorted), values, NULL, false, FAC_BOOL);
                if (invert && y) y = fac_eq_scalar(y, false);
            }
            y = fac_escape(y);
        }
    return y;
}

/* ---- counting ------------------------------------------------------------------------------------------------- */

fac_tensor *fac_bincount(fac_tensor *self, fac_tensor *weights, int64_t minlength)
{
    FAC__OP("bincount");
    FAC__NEED(self);
    if (minlength < 0) return fac__runtime_error("minlength should be >= 0");
    if (fac_dtype_is_floating((fac_dtype)self->dtype) || self->dtype == FAC_BOOL)
        return fac__runtime_error("\"bincount_cpu\" not implemented for '%s'", fac__dtype_word((fac_dtype)self->dtype));
    if (self->ndim != 1) return fac__runtime_error("bincount only supports 1-d non-negative integral inputs.");
    if (weights && (weights->ndim != 1 || weights->numel != self->numel))
        return fac__runtime_error("weights should be 1-d and have the same length as input");
    fac_dtype count_dtype = !weights ? FAC_INT64 : weights->dtype == FAC_FLOAT32 ? FAC_FLOAT32 : FAC_FLOAT64;
    fac_tensor *y = NULL;
    fac_scope {
        fac_tensor *x = fac__plain(self, FAC_INT64), *w = weights ? fac__plain(weights, count_dtype) : NULL;
        int64_t bins = minlength;
        bool ok = x && (w || !weights);
        for (int64_t i = 0; ok && i < self->numel; i++) {
            int64_t v = ((const int64_t *)fac__host(x))[i];
            if (v < 0)
                ok = fac__runtime_error("bincount only supports 1-d non-negative integral inputs.") != NULL;
            else if (v >= bins)
                bins = v < INT64_MAX ? v + 1 : v; /* too many in any case */
        }
        if (ok && self->numel == 0) count_dtype = FAC_INT64;
        y = ok ? fac__new(count_dtype, 1, &bins) : NULL;
        if (fac__fill_into(y, fac_scalar_int(0)) && self->numel) {
            fac__bin_args args = {.dtype = FAC_INT64,
                                  .weight_dtype = count_dtype,
                                  .count_dtype = count_dtype,
                                  .count = self->numel,
                                  .bins = bins,
                                  .x = fac__data(x),
                                  .weights = w ? fac__data(w) : NULL,
                                  .counts = fac__data(y)};
            FAC__LAUNCH(fac__k_bin, args);
        }
    }
    return fac__own(y);
}

/* The least and the greatest element as doubles. */
static bool range_of(fac_tensor *x, double *low, double *high)
{
    fac_tensor *max;
    fac_tensor *min = fac_aminmax(x, &max);
    if (!min) return false;
    *low = fac_item(min);
    *high = fac_item(max);
    return true;
}

fac_tensor *fac_histc(fac_tensor *self, int64_t bins, double min, double max)
{
    FAC__OP("histc");
    FAC__NEED(self);
    fac_dtype dtype = (fac_dtype)self->dtype;
    if (!fac_dtype_is_floating(dtype) || dtype == FAC_FLOAT16)
        return fac__runtime_error("\"histogram_cpu\" not implemented for '%s'", fac__dtype_word(dtype));
    if (bins < 1)
        return fac__runtime_error("torch.histogram(): bins must be > 0, but got %lld for dimension 0", (long long)bins);
    fac_tensor *y = fac__new(dtype, 1, &bins);
    bool ok = fac__fill_into(y, fac_scalar_int(0));
    fac_scope
        fac_no_grad {
            if (ok && min == max && self->numel) ok = range_of(self, &min, &max);
            if (ok && min == max) {
                min -= 1;
                max += 1;
            }
            if (ok && !(isfinite(min) && isfinite(max)))
                ok = fac__runtime_error("torch.histc: range of [%g, %g] is not finite", min, max) != NULL;
            if (ok && min > max) ok = fac__runtime_error("torch.histc: max must be larger than min") != NULL;
            fac_tensor *x = ok ? fac__plain(self, dtype) : NULL;
            if (x && self->numel) {
                fac__bin_args args = {.dtype = dtype,
                                      .count_dtype = dtype,
                                      .count = self->numel,
                                      .bins = bins,
                                      .low = min,
                                      .high = max,
                                      .x = fac__data(x),
                                      .counts = fac__data(y)};
                FAC__LAUNCH(fac__k_bin, args);
            }
            ok = x != NULL;
        }
    if (!ok) fac_release(y), y = NULL;
    return fac__own(y);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

static fac_tensor *searchsorted_by_name(fac_tensor *sorted, fac_tensor *values, bool int32, bool right,
                                        const char *side, fac_tensor *sorter)
{
    if (side && strcmp(side, "left") && strcmp(side, "right"))
        return fac__runtime_error("torch.searchsorted(): side can only be 'left' or 'right' but got %s", side);
    if (side && right && !strcmp(side, "left"))
        return fac__runtime_error(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was "
            "True");
    return fac_searchsorted(sorted, values, .right = right || (side && side[0] == 'r'), .out_int32 = int32,
                            .sorter = sorter);
}
FAC__CALL(searchsorted, R(searchsorted_by_name(T(0), T(1), B(2), B(3), STR(4), T(5))))
FAC__CALL(bucketize, R(fac_bucketize(T(0), T(1), .out_int32 = B(2), .right = B(3))))
FAC__CALL(isin, R(fac_isin(T(0), T(1), B(3))))
FAC__CALL(bincount, R(fac_bincount(T(0), T(1), I(2))))
FAC__CALL(histc, R(fac_histc(T(0), I(1), F(2), F(3))))

const fac__op fac__ops_search[] = {
    {"searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? "
     "side=None, Tensor? "
     "sorter=None) -> Tensor",
     searchsorted, "Where values would go in a sorted sequence."},
    {"bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor", bucketize,
     "Between which boundaries values lie."},
    {"isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> "
     "Tensor",
     isin, "Whether elements are among others."},
    {"bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor", bincount,
     "How often each number occurs."},
    {"histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", histc, "Counts in equal bins."},
    {0},
};
