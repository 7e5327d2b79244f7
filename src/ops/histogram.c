/* Floor 4. Histograms with edges, in any number of dimensions (facula/ops_sort.h). */
#include <math.h>

#include "backend/sort.h"
#include "facula/autograd.h"
#include "facula/ops_calculus.h"
#include "facula/ops_create.h"
#include "facula/ops_sort.h"
#include "facula/ops_view.h"
#include "plain.h"
#include "shaping.h"

/* One of them while it is made: points and weights in a row, edges of each dimension. */
typedef struct histogram {
    fac_tensor *points, *weights; /* [N, D], [N] or NULL */
    fac_tensor_list edges;
} histogram;

static bool check_points(const fac_tensor *x, const fac_tensor *weight)
{
    fac_dtype dtype = (fac_dtype)x->dtype;
    if (dtype != FAC_FLOAT32 && dtype != FAC_FLOAT64)
        return fac__runtime_error("\"histogramdd\" not implemented for '%s'", fac__dtype_word(dtype));
    if (x->ndim < 2) return fac__runtime_error("torch.histogramdd: input tensor should have at least 2 dimensions");
    if (!weight) return true;
    if (weight->dtype != dtype)
        return fac__runtime_error("torch.histogramdd: if weight tensor is provided, input tensor and weight tensor "
                                  "should have the same dtype, but got input(%s), and weight(%s)",
                                  fac_dtype_name(dtype), fac_dtype_name((fac_dtype)weight->dtype));
    bool same = weight->ndim == x->ndim - 1;
    for (int d = 0; same && d < weight->ndim; d++)
        same = weight->shape[d] == x->shape[d];
    return same ||
           fac__runtime_error("torch.histogramdd: if weight tensor is provided it should have the same shape as "
                              "the input tensor excluding its innermost dimension, but got input with shape %s "
                              "and weight with shape %s",
                              fac__shape_text(x->ndim, x->shape), fac__shape_text(weight->ndim, weight->shape));
}

static bool check_bins(int64_t bins, int64_t dim)
{
    return bins > 0 || fac__runtime_error("torch.histogram(): bins must be > 0, but got %lld for dimension %lld",
                                          (long long)bins, (long long)dim);
}

static bool check_edges(const fac_tensor *edges, const fac_tensor *x, int64_t dim)
{
    FAC__NEED_OR(edges, false);
    if (edges->dtype != x->dtype)
        return fac__runtime_error(
            "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got "
            "input with dtype %s and bins for dimension %lld with dtype %s",
            fac_dtype_name((fac_dtype)x->dtype), (long long)dim, fac_dtype_name((fac_dtype)edges->dtype));
    if (edges->ndim != 1)
        return fac__runtime_error("torch.histogramdd: bins tensor should have one dimension, but got %d dimensions in "
                                  "the bins tensor for dimension %lld",
                                  edges->ndim, (long long)dim);
    return check_bins(edges->shape[0] - 1, dim);
}

/* Of coordinate d: what is given, or what there is; widened where it is a single value. */
static bool range_of(const histogram *h, const double *given, int64_t d, double *low, double *high)
{
    *low = given ? given[2 * d] : 0;
    *high = given ? given[2 * d + 1] : 1;
    if (!given && h->points->numel) {
        fac_tensor *max = NULL, *min = fac_aminmax(fac_select(h->points, 1, d), &max);
        if (!min) return false;
        *low = fac_item(min);
        *high = fac_item(max);
    }
    if (!isfinite(*low) || !isfinite(*high))
        return fac__runtime_error("torch.histogramdd: dimension %lld's range [%g, %g] is not finite", (long long)d,
                                  *low, *high);
    if (*low > *high)
        return fac__runtime_error("torch.histogramdd: min should not exceed max, but got min %g max %g for dimension "
                                  "%lld",
                                  *low, *high, (long long)d);
    if (*low == *high) {
        *low -= 0.5;
        *high += 0.5;
    }
    return true;
}

/* The counts, in the points' dtype; density NULL when there is none. */
static fac_tensor *counted(const histogram *h, bool density)
{
    fac_dtype dtype = (fac_dtype)h->points->dtype;
    fac__histogram_args args = {.dtype = dtype, .count = h->points->shape[0], .dims = (int)h->edges.count};
    fac_dims shape = {.n = args.dims};
    for (int d = 0; d < args.dims; d++) {
        fac_tensor *edges = fac__plain(h->edges.items[d], dtype);
        if (!edges) return NULL;
        shape.d[d] = args.bins[d] = edges->shape[0] - 1;
        args.edges[d] = fac__data(edges);
    }
    fac_tensor *counts = fac_zeros(shape, .dtype = FAC_FLOAT64);
    fac_tensor *x = fac__plain(h->points, dtype), *w = h->weights ? fac__plain(h->weights, dtype) : NULL;
    if (!counts || !x || (h->weights && !w)) return NULL;
    args.x = fac__data(x);
    args.weights = w ? fac__data(w) : NULL;
    args.counts = fac__data(counts);
    if (args.dims) FAC__LAUNCH(fac__k_histogram, args); /* points without coordinates are nowhere */
    fac_tensor *y = fac_to(counts, dtype);
    if (!density) return y;
    y = fac_div(y, fac_sum(y));
    for (int d = 0; d < args.dims && y; d++) {
        fac_dims along = {.n = args.dims};
        for (int k = 0; k < args.dims; k++)
            along.d[k] = k == d ? -1 : 1;
        fac_tensor *widths = fac_diff(h->edges.items[d]);
        y = widths ? fac_div(y, fac_reshape(widths, along)) : NULL;
    }
    return y;
}

/* With edges where there is a list of them, else with equal bins. NULL after an error. */
static fac_tensor *histogram_of(fac_tensor *x, const fac_tensor_list *given, fac_dims bins,
                                const fac_histogram_options *o, fac_tensor_list *edges)
{
    if (!check_points(x, o->weight)) return NULL;
    int64_t dims = x->shape[x->ndim - 1], sequences = given ? given->count : bins.n;
    if (sequences != dims)
        return fac__runtime_error("torch.histogramdd: expected %lld sequences of bin edges for a %lld-dimensional "
                                  "histogram but got %lld",
                                  (long long)dims, (long long)dims, (long long)sequences);
    if (dims > FAC_MAX_DIMS)
        return fac__runtime_error("a histogram of %lld dimensions is not supported", (long long)dims);
    fac_dims flat = {.n = 2, .d = {dims ? x->numel / dims : 0, dims}};
    histogram h = {fac_reshape(x, flat), o->weight ? fac_reshape(o->weight, fac_dims_one(-1)) : NULL,
                   fac__list_new(dims)};
    if (!h.points || (o->weight && !h.weights) || !h.edges.items) return NULL;
    for (int64_t d = 0; d < dims; d++) {
        double low, high;
        if (given ? !check_edges(given->items[d], x, d)
                  : !check_bins(bins.d[d], d) || !range_of(&h, o->range, d, &low, &high))
            return NULL;
        h.edges.items[d] = given ? given->items[d]
                                 : fac_linspace(low, high, bins.d[d] < INT64_MAX ? bins.d[d] + 1 : bins.d[d],
                                                .dtype = (fac_dtype)x->dtype);
        if (!h.edges.items[d]) return NULL;
    }
    *edges = h.edges;
    return counted(&h, o->density);
}

static fac_tensor *points_histogram(fac_tensor *x, const fac_tensor_list *given, fac_dims bins,
                                    const fac_histogram_options *o)
{
    fac_tensor *y = NULL;
    fac_tensor_list edges = fac__no_list;
    fac_no_grad
        y = histogram_of(x, given, bins, o, &edges);
    if (o->lists) *o->lists = y ? edges : fac__no_list;
    return y;
}

fac_tensor *fac_histogramdd_with(fac_tensor *self, fac_dims bins, fac_histogram_options options)
{
    FAC__OP("histogramdd");
    FAC__NEED(self);
    return points_histogram(self, NULL, bins, &options);
}

fac_tensor *fac_histogramdd_edges_with(fac_tensor *self, fac_tensor_list edges, fac_histogram_options options)
{
    FAC__OP("histogramdd");
    FAC__NEED(self);
    if (edges.count) FAC__NEED(edges.items);
    return points_histogram(self, &edges, (fac_dims){.n = 0}, &options);
}

/* The elements of x as points of one coordinate. */
static fac_tensor *values_histogram(fac_tensor *x, const fac_tensor_list *given, int64_t bins, fac_histogram_options o)
{
    fac_tensor *y = NULL;
    fac_tensor_list edges = fac__no_list;
    fac_no_grad {
        fac_tensor *points = fac_reshape(x, FAC_SHAPE(x->numel, 1));
        if (o.weight) o.weight = fac_reshape(o.weight, fac_dims_one(o.weight->numel));
        y = points ? histogram_of(points, given, fac_dims_one(bins), &o, &edges) : NULL;
    }
    if (o.edges) *o.edges = y ? edges.items[0] : NULL;
    return y;
}

fac_tensor *fac_histogram_with(fac_tensor *self, int64_t bins, fac_histogram_options options)
{
    FAC__OP("histogram");
    FAC__NEED(self);
    return values_histogram(self, NULL, bins, options);
}

fac_tensor *fac_histogram_edges_with(fac_tensor *self, fac_tensor *edges, fac_histogram_options options)
{
    FAC__OP("histogram");
    FAC__NEED(self);
    FAC__NEED(edges);
    return values_histogram(self, &(fac_tensor_list){&edges, 1}, 0, options);
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

/* A float[]? argument: two numbers for each of dims dimensions. false after an error; NULL for None. */
static bool range_by_name(const fac_value *v, int64_t dims, double *room, const double **range)
{
    *range = NULL;
    if (v->kind == FAC_VALUE_NONE) return true;
    bool ints = v->kind == FAC_VALUE_INTS;
    int64_t n = ints ? v->v.ints.count : v->v.list.count;
    if (n != 2 * dims || n > 2 * FAC_MAX_DIMS)
        return fac__runtime_error(
            "torch.histogramdd: for a %lld-dimensional histogram range should have %lld elements, "
            "but got %lld",
            (long long)dims, (long long)(2 * dims), (long long)n);
    for (int64_t i = 0; i < n; i++) {
        const fac_value *one = ints ? NULL : &v->v.list.items[i];
        if (one && one->kind != FAC_VALUE_SCALAR) return fac__type_error("range must be numbers");
        room[i] = one ? fac_scalar_to_double(one->v.scalar) : (double)v->v.ints.items[i];
    }
    *range = room;
    return true;
}

static int values_by_name(const fac_value *args, bool with_range, fac_value *results)
{
    fac_tensor *edges = NULL, *x = T(0);
    double room[2 * FAC_MAX_DIMS];
    fac_histogram_options o = fac_histogram_options_defaults();
    o.weight = T(2 + with_range);
    o.density = B(3 + with_range);
    o.edges = &edges;
    int count = 0;
    if (with_range)
        R(range_by_name(&args[2], 1, room, &o.range) ? fac_histogram_with(x, I(1), o) : NULL);
    else
        R(fac_histogram_edges_with(x, T(1), o));
    R(edges);
    return count;
}

static int points_by_name(const fac_value *args, bool given, fac_value *results)
{
    fac_tensor *x = T(0), *y = NULL;
    fac_tensor_list lists = fac__no_list;
    double room[2 * FAC_MAX_DIMS];
    int64_t dims = x && x->ndim ? x->shape[x->ndim - 1] : 0;
    fac_histogram_options o = fac_histogram_options_defaults();
    o.weight = T(3);
    o.density = B(4);
    o.lists = &lists;
    if (range_by_name(&args[2], dims, room, &o.range)) {
        fac_dims bins = L(1);
        if (args[1].kind == FAC_VALUE_SCALAR) { /* one number for all */
            bins.n = dims < FAC_MAX_DIMS ? (int)dims : FAC_MAX_DIMS;
            for (int d = 1; d < bins.n; d++)
                bins.d[d] = bins.d[0];
        }
        y = given ? fac_histogramdd_edges_with(x, TL(1), o) : fac_histogramdd_with(x, bins, o);
    }
    int count = 0;
    R(y);
    RL(lists);
    return count;
}

FAC__CALL(histogram_edges, count = values_by_name(args, false, results))
FAC__CALL(histogram_bins, count = values_by_name(args, true, results))
FAC__CALL(histogramdd_bins, count = points_by_name(args, false, results))
FAC__CALL(histogramdd_edges, count = points_by_name(args, true, results))

#define HISTOGRAMDD "float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)"

const fac__op fac__ops_histogram[] = {
    {"histogram.bins_tensor(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor hist, "
     "Tensor bin_edges)",
     histogram_edges, "Counts of values between edges."},
    {"histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> "
     "(Tensor hist, Tensor bin_edges)",
     histogram_bins, "Counts of values in equal bins, and the bins' edges."},
    {"histogramdd(Tensor self, int[] bins, " HISTOGRAMDD, histogramdd_bins, "Counts of points in a grid of bins."},
    {"histogramdd.int_bins(Tensor self, int bins, " HISTOGRAMDD, histogramdd_bins,
     "Counts of points, with as many bins in each dimension."},
    {"histogramdd.TensorList_bins(Tensor self, Tensor[] bins, " HISTOGRAMDD, histogramdd_edges,
     "Counts of points between edges."},
    {0},
};
