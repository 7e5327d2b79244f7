/* Floor 1. Sorting on the CPU: values become unsigned keys in the same order, and keys with their positions are
 * sorted. Rows are shared out among threads. */
#include <string.h>

#include "backend/cpu/isa/isa.h"
#include "backend/cpu/sort_keys.h"
#include "backend/sort.h"
#include "core/half.h"
#include "pairs.h"

typedef fac__pair pair;
FAC__ISA_DECLARE(int64_t, fac__find_before, FAC__FIND_BEFORE_PARAMETERS);

/* ---- keys ---------------------------------------------------------------------------------------------------- */

static uint64_t key_of_float(float f)
{
    uint32_t u = fac__float_bits(f);
    if (f != f) return UINT32_MAX;
    if (f == 0) u = 0; /* -0 is 0 */
    return u ^ (u >> 31 ? UINT32_MAX : UINT32_C(1) << 31);
}

static uint64_t key_of_double(double f)
{
    uint64_t u;
    memcpy(&u, &f, 8);
    if (f != f) return UINT64_MAX;
    if (f == 0) u = 0;
    return u ^ (u >> 63 ? UINT64_MAX : UINT64_C(1) << 63);
}

static uint64_t nan_key(fac_dtype d)
{
    return d == FAC_FLOAT64 ? UINT64_MAX : UINT32_MAX;
}

#define KEYS(type, expression)                                                                                         \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        type v = ((const type *)x)[begin + i];                                                                         \
        p[i] = (pair){(expression) ^ turn, begin + i};                                                                 \
    }                                                                                                                  \
    break

/* Pairs of n elements of a row from `begin` on; small keys come first. */
static void make_keys(const fac__sort_args *a, const void *x, int64_t begin, int64_t n, pair *p)
{
    const uint64_t turn = a->descending ? UINT64_MAX : 0;
    const uint64_t sign = UINT64_C(1) << 63;
    switch (a->dtype) {
    case FAC_BOOL:
    case FAC_UINT8: KEYS(uint8_t, v);
    case FAC_INT8: KEYS(int8_t, (uint64_t)(int64_t)v ^ sign);
    case FAC_INT16: KEYS(int16_t, (uint64_t)(int64_t)v ^ sign);
    case FAC_INT32: KEYS(int32_t, (uint64_t)(int64_t)v ^ sign);
    case FAC_INT64: KEYS(int64_t, (uint64_t)v ^ sign);
    case FAC_FLOAT16: KEYS(uint16_t, key_of_float(fac__float16_to_float(v)));
    case FAC_BFLOAT16: KEYS(uint16_t, key_of_float(fac__bfloat16_to_float(v)));
    case FAC_FLOAT32: KEYS(float, key_of_float(v));
    case FAC_FLOAT64: KEYS(double, key_of_double(v));
    default: break;
    }
}

/* ---- the sort ------------------------------------------------------------------------------------------------- */

/* Above this length of a row the order of equal elements is the stable one even where PyTorch's is another: to find
 * that out could cost several times as much as the sort. */
enum { FOLLOWED = 1 << 14 };

/* Most floats do not come before the k first so far: only those that do are made to pairs. */
static void offer_floats(const fac__sort_args *a, const uint32_t *x, pair *p)
{
    const uint64_t turn = a->descending ? UINT64_MAX : 0;
    for (int64_t i = a->k; i < a->n; i += FAC__FOUND) {
        int32_t key = (int32_t)((uint32_t)(p[0].key ^ turn) ^ UINT32_C(1) << 31);
        uint64_t flags;
        i = FAC__ISA_PICK(fac__find_before)(x, i, a->n, key, a->descending, &flags);
        for (; flags; flags &= flags - 1) {
            int64_t j = i + __builtin_ctzll(flags);
            pair other = {((uint32_t)fac__signed_key(x[j]) ^ UINT32_C(1) << 31) ^ turn, j};
            fac__pairs_heap_offer(p, a->k, &other);
        }
    }
}

/* The k first by heap, as std::partial_sort does it: the rest needs to be seen only once. */
static pair *first_by_heap(const fac__sort_args *a, const void *x, pair *p)
{
    enum { BLOCK = 256 };
    make_keys(a, x, 0, a->k, p);
    fac__pairs_heap(p, a->k);
    if (a->dtype == FAC_FLOAT32) offer_floats(a, x, p);
    for (int64_t i = a->k; i < a->n && a->dtype != FAC_FLOAT32; i += BLOCK) {
        int64_t count = a->n - i < BLOCK ? a->n - i : BLOCK;
        pair *others = p + a->k;
        make_keys(a, x, i, count, others);
        for (int64_t j = 0; j < count; j++)
            fac__pairs_heap_offer(p, a->k, &others[j]);
    }
    fac__pairs_heap_sort(p, a->k);
    return p;
}

static int64_t most_frequent(const pair *p, int64_t n)
{
    int64_t best = 0, longest = 0;
    for (int64_t i = 0, begin = 0; i < n; i++) {
        if (i + 1 < n && p[i + 1].key == p[i].key) continue;
        if (i + 1 - begin > longest) longest = i + 1 - begin, best = i;
        begin = i + 1;
    }
    return best;
}

/* The first NaN's position for the median, else the middle of what is not NaN. */
static int64_t median(const fac__sort_args *a, const pair *sorted)
{
    int64_t numbers = a->n;
    while (fac_dtype_is_floating(a->dtype) && numbers && sorted[numbers - 1].key == nan_key(a->dtype))
        numbers--;
    if (a->pick == FAC__PICK_MEDIAN && numbers < a->n) return numbers;
    return numbers ? (numbers - 1) / 2 : 0;
}

/* The k pairs that are asked for, with scratch for 3 n of them. */
static const pair *picked(const fac__sort_args *a, const void *x, pair *p)
{
    int64_t n = a->n;
    pair *q = p + n, *r = q + n;
    bool top = a->pick == FAC__PICK_TOP || a->pick == FAC__PICK_TOP_UNSORTED;
    if (top && a->k <= n / 64) return first_by_heap(a, x, p);
    make_keys(a, x, 0, n, p);
    switch (a->pick) {
    case FAC__PICK_TOP_UNSORTED: fac__pairs_select(p, a->k - 1, n); return p;
    case FAC__PICK_TOP: /* the last of them is in its place then */
        fac__pairs_select(p, a->k - 1, n);
        q[a->k - 1] = p[a->k - 1];
        return fac__pairs_sort(p, q, r, a->k - 1);
    case FAC__PICK_KTH: fac__pairs_quickselect(p, a->first, n); return p + a->first;
    case FAC__PICK_SORT:
    case FAC__PICK_MODE: p = n <= FOLLOWED ? fac__pairs_sort(p, q, r, n) : fac__pairs_radix_sort(p, q, n); break;
    default: p = fac__pairs_radix_sort(p, q, n);
    }
    if (a->pick == FAC__PICK_MODE) return p + most_frequent(p, n);
    return p + (a->pick == FAC__PICK_SORT || a->pick == FAC__PICK_STABLE ? a->first : median(a, p));
}

static void sort_rows(void *context, int64_t begin, int64_t end)
{
    const fac__sort_args *a = context;
    size_t size = fac_dtype_size(a->dtype);
    pair *p = (pair *)(void *)((char *)a->scratch + fac__thread_index() * fac__sort_scratch(a->n));
    for (int64_t row = begin; row < end; row++) {
        const char *x = (const char *)a->x + (size_t)(row * a->n) * size;
        const pair *result = picked(a, x, p);
        for (int64_t i = 0; i < a->k; i++) {
            if (a->indices) a->indices[row * a->k + i] = result[i].index;
            if (a->values)
                memcpy((char *)a->values + (size_t)(row * a->k + i) * size, x + (size_t)result[i].index * size, size);
        }
    }
}

static void sort(const void *args)
{
    const fac__sort_args *a = args;
    int64_t grain = 1 + (1 << 14) / (a->n + 1);
    if (a->lanes < a->rows && a->lanes < fac__threads())
        sort_rows((void *)a, 0, a->rows);
    else
        fac__parallel(a->rows, grain, sort_rows, (void *)a);
}

/* ---- the search ----------------------------------------------------------------------------------------------- */

static int64_t place(const fac__search_args *a, const char *row, const int64_t *sorter, const char *value)
{
    size_t size = fac_dtype_size(a->dtype);
    bool floating = fac_dtype_is_floating(a->dtype);
    double f = floating ? fac__load_double(a->dtype, value) : 0;
    int64_t v = floating ? 0 : fac__load_int(a->dtype, value), low = 0, high = a->n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        const char *at = row + (size_t)(sorter ? sorter[middle] : middle) * size;
        bool stop; /* whether the value goes before this element: NaN goes behind all */
        if (floating) {
            double e = fac__load_double(a->dtype, at);
            stop = (a->right ? e > f : e >= f) || (e != e && f == f);
        } else {
            int64_t e = fac__load_int(a->dtype, at);
            stop = a->right ? e > v : e >= v;
        }
        if (stop)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void search_values(void *context, int64_t begin, int64_t end)
{
    const fac__search_args *a = context;
    size_t size = fac_dtype_size(a->dtype);
    for (int64_t i = begin; i < end; i++) {
        int64_t row = a->one_row ? 0 : i / a->m;
        const char *sorted = (const char *)a->sorted + (size_t)(row * a->n) * size;
        const char *value = (const char *)a->values + (size_t)i * size;
        const int64_t *sorter = a->sorter ? a->sorter + row * a->n : NULL;
        int64_t at = place(a, sorted, sorter, value);
        if (a->out_dtype == FAC_INT64)
            ((int64_t *)a->out)[i] = at;
        else if (a->out_dtype == FAC_INT32)
            ((int32_t *)a->out)[i] = (int32_t)at;
        else
            ((bool *)a->out)[i] = at < a->n &&
                                  fac__load_double(a->dtype, sorted + (size_t)at * size) ==
                                      fac__load_double(a->dtype, value) &&
                                  (fac_dtype_is_floating(a->dtype) || !memcmp(sorted + (size_t)at * size, value, size));
    }
}

static void search(const void *args)
{
    const fac__search_args *a = args;
    fac__parallel(a->rows * a->m, 1 << 10, search_values, (void *)a);
}

/* ---- bins ----------------------------------------------------------------------------------------------------- */

static void bin(const void *args)
{
    const fac__bin_args *a = args;
    size_t size = fac_dtype_size(a->dtype), weight = fac_dtype_size(a->weight_dtype),
           count = fac_dtype_size(a->count_dtype);
    bool floating = fac_dtype_is_floating(a->dtype), single = a->dtype != FAC_FLOAT64;
    for (int64_t i = 0; i < a->count; i++) {
        const char *at = (const char *)a->x + (size_t)i * size;
        int64_t b;
        if (floating) {
            double v = fac__load_double(a->dtype, at);
            if (!(v >= a->low && v <= a->high)) continue;
            double place =
                single ? (double)(((float)v - (float)a->low) * (float)a->bins / ((float)a->high - (float)a->low))
                       : (v - a->low) * (double)a->bins / (a->high - a->low);
            b = fac_scalar_to_int(fac_scalar_float(place)); /* a range too small or large for numbers gives NaN */
            if (b < 0) b = 0;
            if (b >= a->bins) b = a->bins - 1;
        } else {
            b = fac__load_int(a->dtype, at);
        }
        char *sum = (char *)a->counts + (size_t)b * count;
        double w = a->weights ? fac__load_double(a->weight_dtype, (const char *)a->weights + (size_t)i * weight) : 1;
        if (a->count_dtype == FAC_INT64)
            fac__store_int(a->count_dtype, sum, fac__load_int(a->count_dtype, sum) + (int64_t)w);
        else
            fac__store_double(a->count_dtype, sum, fac__load_double(a->count_dtype, sum) + w);
    }
}

static void sort_memory(void *args, fac__memory *m)
{
    fac__sort_args *a = args;
    FAC__READS(m, a->x);
    FAC__WRITES(m, a->values);
    FAC__WRITES(m, a->indices);
    FAC__WRITES(m, a->scratch);
}

static void search_memory(void *args, fac__memory *m)
{
    fac__search_args *a = args;
    FAC__READS(m, a->sorted);
    FAC__READS(m, a->sorter);
    FAC__READS(m, a->values);
    FAC__WRITES(m, a->out);
}

static void bin_memory(void *args, fac__memory *m)
{
    fac__bin_args *a = args;
    FAC__READS(m, a->x);
    FAC__READS(m, a->weights);
    FAC__CHANGES(m, a->counts);
}

const fac__kernel fac__k_sort = {.name = "sort", .run = {sort}, .memory = sort_memory};
const fac__kernel fac__k_search = {.name = "search", .run = {search}, .memory = search_memory};
const fac__kernel fac__k_bin = {.name = "bin", .run = {bin}, .memory = bin_memory};
