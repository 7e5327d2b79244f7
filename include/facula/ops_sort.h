/* Floor 4: order: sorting, selecting by rank, unique values, searching, counting.
 *
 * NaN is larger than every number. Equal elements keep their order if .stable is asked for; without, and where one of
 * several equal elements is chosen, the indices are those of PyTorch 1.13 on the CPU (but for sort and mode of more than
 * 16384 elements along dim, which are always stable). Values carry gradients, indices (int64) do
 * not. Results are new tensors of the innermost scope; NULL after an error. Pointers for second results may be NULL. */
#ifndef FACULA_OPS_SORT_H
#define FACULA_OPS_SORT_H

#include "facula/ops_reduce.h"

FAC_BEGIN

typedef struct fac_sort_options {
    int64_t dim;          /* -1 */
    bool descending;      /* false */
    bool stable;          /* false */
    bool largest, sorted; /* topk: true, true */
    fac_tensor **indices; /* gets where each value stood along dim */
} fac_sort_options;
static inline fac_sort_options fac_sort_options_defaults(void)
{
    fac_sort_options o;
    o.dim = -1;
    o.descending = o.stable = false;
    o.largest = o.sorted = true;
    o.indices = NULL;
    return o;
}

/* ---- sorting ------------------------------------------------------------------------------------------------- */

/* Sorted along dim. Keywords dim, descending, stable, indices. */
FAC_API fac_tensor *fac_sort_with(fac_tensor *self, fac_sort_options options);
#define fac_sort(x, ...) fac_sort_with(x, FAC_OPTIONS(fac_sort_options, __VA_ARGS__))
/* Only the indices. */
FAC_API fac_tensor *fac_argsort_with(fac_tensor *self, fac_sort_options options);
#define fac_argsort(x, ...) fac_argsort_with(x, FAC_OPTIONS(fac_sort_options, __VA_ARGS__))
/* Along the first dimension. */
FAC_API fac_tensor *fac_msort(fac_tensor *self);
/* The k largest (or smallest) along dim, in order if .sorted. Keywords dim, largest, sorted, indices. */
FAC_API fac_tensor *fac_topk_with(fac_tensor *self, int64_t k, fac_sort_options options);
#define fac_topk(x, k, ...) fac_topk_with(x, k, FAC_OPTIONS(fac_sort_options, __VA_ARGS__))

/* ---- one element by its rank ---------------------------------------------------------------------------------- */

/* The k-th smallest (from 1) along dim. */
FAC_API fac_tensor *fac_kthvalue(fac_tensor *self, int64_t k, int64_t dim, bool keepdim, fac_tensor **indices);
/* The lower median of all elements, and along dim; NaN if there is one. nanmedian leaves NaNs out. */
FAC_API fac_tensor *fac_median(fac_tensor *self);
FAC_API fac_tensor *fac_nanmedian(fac_tensor *self);
FAC_API fac_tensor *fac_median_dim(fac_tensor *self, int64_t dim, bool keepdim, fac_tensor **indices);
FAC_API fac_tensor *fac_nanmedian_dim(fac_tensor *self, int64_t dim, bool keepdim, fac_tensor **indices);
/* The most frequent value along dim, the smallest of several. */
FAC_API fac_tensor *fac_mode(fac_tensor *self, int64_t dim, bool keepdim, fac_tensor **indices);
/* The value that a fraction q of the elements lies below, along dim (FAC_ALL_DIMS: of all), between two elements by
 * interpolation "linear", "lower", "higher", "midpoint" or "nearest". q is a 0-d or 1-d tensor of self's dtype; a 1-d
 * q gives a first dimension of its size. nanquantile leaves NaNs out. */
FAC_API fac_tensor *fac_quantile(fac_tensor *self, fac_tensor *q, int64_t dim, bool keepdim, const char *interpolation);
FAC_API fac_tensor *fac_nanquantile(fac_tensor *self, fac_tensor *q, int64_t dim, bool keepdim,
                                    const char *interpolation);

/* ---- unique values (unique.c) ---------------------------------------------------------------------------------- */

typedef struct fac_unique_options {
    int64_t dim;          /* slices along dim in place of elements */
    bool sorted;          /* makes no difference: results are sorted */
    fac_tensor **inverse; /* gets for each element (or slice) which of the results it is */
    fac_tensor **counts;  /* gets how often each of the results occurs */
} fac_unique_options;
static inline fac_unique_options fac_unique_options_defaults(void)
{
    fac_unique_options o;
    o.dim = FAC_ALL_DIMS;
    o.sorted = true;
    o.inverse = o.counts = NULL;
    return o;
}
/* Every value once, sorted, 1-d; with .dim every slice once, in lexicographical order. A NaN equals nothing. */
FAC_API fac_tensor *fac_unique_with(fac_tensor *self, fac_unique_options options);
#define fac_unique(x, ...) fac_unique_with(x, FAC_OPTIONS(fac_unique_options, __VA_ARGS__))
/* Without those equal to the one before. */
FAC_API fac_tensor *fac_unique_consecutive_with(fac_tensor *self, fac_unique_options options);
#define fac_unique_consecutive(x, ...) fac_unique_consecutive_with(x, FAC_OPTIONS(fac_unique_options, __VA_ARGS__))

/* ---- searching and counting (search.c) ------------------------------------------------------------------------- */

typedef struct fac_search_options {
    bool right;         /* false: a value equal to an element goes before it */
    bool out_int32;     /* false: int64 */
    fac_tensor *sorter; /* int64, of the sequence's shape: positions that sort it */
} fac_search_options;
static inline fac_search_options fac_search_options_defaults(void)
{
    fac_search_options o;
    o.right = o.out_int32 = false;
    o.sorter = NULL;
    return o;
}
/* Where each value would go in a sorted sequence: 1-d, or a row of it for each row of values. */
FAC_API fac_tensor *fac_searchsorted_with(fac_tensor *sorted_sequence, fac_tensor *values, fac_search_options options);
#define fac_searchsorted(s, v, ...) fac_searchsorted_with(s, v, FAC_OPTIONS(fac_search_options, __VA_ARGS__))
/* Which bucket between 1-d boundaries each value falls into: the same, arguments the other way round. */
FAC_API fac_tensor *fac_bucketize_with(fac_tensor *values, fac_tensor *boundaries, fac_search_options options);
#define fac_bucketize(v, b, ...) fac_bucketize_with(v, b, FAC_OPTIONS(fac_search_options, __VA_ARGS__))
/* Whether each element occurs among the test elements; inverted: whether it does not. */
FAC_API fac_tensor *fac_isin(fac_tensor *elements, fac_tensor *test_elements, bool invert);
/* How often each number from 0 occurs in a vector of integers, or the sum of the weights of those (weights may be
 * NULL); at least minlength results. */
FAC_API fac_tensor *fac_bincount(fac_tensor *self, fac_tensor *weights, int64_t minlength);
/* Counts of floats in `bins` equal bins between min and max, both 0: of the data. The result has self's dtype. */
FAC_API fac_tensor *fac_histc(fac_tensor *self, int64_t bins, double min, double max);

/* ---- histograms with edges (histogram.c) ----------------------------------------------------------------------- */

typedef struct fac_histogram_options {
    const double *range;    /* low and high, one pair for each dimension; NULL: the least and the greatest value */
    fac_tensor *weight;     /* what each value counts; NULL: 1 */
    bool density;           /* scaled so that its integral is 1 */
    fac_tensor **edges;     /* histogram: gets the edges, one more than there are bins; may be NULL */
    fac_tensor_list *lists; /* histogramdd: gets them of all dimensions, in memory of the scope; may be NULL */
} fac_histogram_options;
static inline fac_histogram_options fac_histogram_options_defaults(void)
{
    fac_histogram_options o;
    o.range = NULL;
    o.weight = NULL;
    o.density = false;
    o.edges = NULL;
    o.lists = NULL;
    return o;
}
/* How many float32 or float64 values of self, of any shape, lie in each bin, as floats; values on an edge count in the
 * bin that begins there, but for the last edge. Equal bins, or between edges that are given, rising. */
FAC_API fac_tensor *fac_histogram_with(fac_tensor *self, int64_t bins, fac_histogram_options options);
FAC_API fac_tensor *fac_histogram_edges_with(fac_tensor *self, fac_tensor *edges, fac_histogram_options options);
#define fac_histogram(x, bins, ...) fac_histogram_with(x, bins, FAC_OPTIONS(fac_histogram_options, __VA_ARGS__))
#define fac_histogram_edges(x, edges, ...)                                                                             \
    fac_histogram_edges_with(x, edges, FAC_OPTIONS(fac_histogram_options, __VA_ARGS__))
/* The same of points: self is [..., D], the result has a dimension for each coordinate. weight is [...]. */
FAC_API fac_tensor *fac_histogramdd_with(fac_tensor *self, fac_dims bins, fac_histogram_options options);
FAC_API fac_tensor *fac_histogramdd_edges_with(fac_tensor *self, fac_tensor_list edges, fac_histogram_options options);
#define fac_histogramdd(x, bins, ...) fac_histogramdd_with(x, bins, FAC_OPTIONS(fac_histogram_options, __VA_ARGS__))
#define fac_histogramdd_edges(x, edges, ...)                                                                           \
    fac_histogramdd_edges_with(x, edges, FAC_OPTIONS(fac_histogram_options, __VA_ARGS__))

FAC_END
#endif
