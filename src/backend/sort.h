/* Floor 1. Sorting rows, and searching in sorted ones. All dtypes; NaN is larger than everything else. */
#ifndef FACULA_SORT_H
#define FACULA_SORT_H

#include "kernel.h"

/* Which of equal elements is taken, or comes first: the one that PyTorch's kernels come to (backend/cpu/pairs.h), but
 * for long rows in PICK_SORT and PICK_MODE the order is stable. */
typedef enum fac__sort_pick {
    FAC__PICK_STABLE,       /* positions first .. first + k of each row, sorted stably */
    FAC__PICK_SORT,         /* … not stably */
    FAC__PICK_TOP,          /* the first k */
    FAC__PICK_TOP_UNSORTED, /* … in any order */
    FAC__PICK_KTH,          /* position `first` */
    FAC__PICK_MEDIAN,    /* one element a row: the lower median in a stable order, or the first NaN if there is one */
    FAC__PICK_NANMEDIAN, /* … of what is not NaN */
    FAC__PICK_MODE       /* the most frequent value, the smallest of several */
} fac__sort_pick;

/* x is rows * n elements in a row; values and indices (either may be NULL) are rows * k; k and n are not 0. */
typedef struct fac__sort_args {
    fac_dtype dtype;
    fac__sort_pick pick;
    int64_t rows, n, first, k;
    bool descending;
    const void *x;
    void *values;
    int64_t *indices;
    void *scratch; /* lanes * fac__sort_scratch(n) bytes; at most `lanes` threads work */
    int lanes;
} fac__sort_args;
extern const fac__kernel fac__k_sort;

static inline int64_t fac__sort_scratch(int64_t n)
{
    return 48 * (n > 0 ? n : 1);
}

/* For each of rows * m values the place in its sorted row of n elements where it would go: before equal elements, or
 * behind them if `right`. */
typedef struct fac__search_args {
    fac_dtype dtype;
    int64_t rows, n, m;
    bool one_row; /* all rows search in the same one */
    bool right;
    const void *sorted, *values;
    const int64_t *sorter; /* rows of positions that sort `sorted`, or NULL */
    void *out;
    fac_dtype out_dtype; /* FAC_INT64 or FAC_INT32: the place; FAC_BOOL: whether the value is there */
} fac__search_args;
extern const fac__kernel fac__k_search;

/* counts[i] += weight of the values in bin i of n equal ones over [low, high]; the rest is left out. For integers
 * (bincount) bin i is the value i. Weights may be NULL: 1 each. counts is int64 for no weights of integers, else of
 * the weights' dtype, or for histc of the values'. */
typedef struct fac__bin_args {
    fac_dtype dtype, weight_dtype, count_dtype;
    int64_t count, bins;
    double low, high;
    const void *x, *weights;
    void *counts; /* zeroed before */
} fac__bin_args;
extern const fac__kernel fac__k_bin;

/* The same in several dimensions, with edges: counts, an array of bins[0] by bins[1] and so on, += the weight (NULL: 1)
 * of each point. A point with a coordinate outside is left out, the last edge is inside; a NaN is taken for it. */
typedef struct fac__histogram_args {
    fac_dtype dtype; /* of x, edges and weights: float32 or float64 */
    int64_t count;
    int dims;
    int64_t bins[FAC_MAX_DIMS];
    const void *edges[FAC_MAX_DIMS]; /* bins + 1 each, rising */
    const void *x, *weights;         /* [count, dims], [count] */
    double *counts;                  /* zeroed before */
} fac__histogram_args;
extern const fac__kernel fac__k_histogram;

#endif
