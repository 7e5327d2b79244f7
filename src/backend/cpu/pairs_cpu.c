/* Floor 1. Sorting and selecting pairs. Introsort and introselect are Musser's (Introspective sorting and selection
 * algorithms, 1997): quicksort with the median of three as pivot, which turns to a heap when it gets too deep and leaves
 * short stretches to insertion sort. */
#include <stdbool.h>
#include <string.h>

#include "pairs.h"

typedef fac__pair pair;
enum { SHORT = 16 };

static inline void swap(pair *a, pair *b)
{
    pair t = *a;
    *a = *b;
    *b = t;
}

static void insertion_sort(pair *p, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        pair v = p[i];
        int64_t j = i;
        for (; j > 0 && p[j - 1].key > v.key; j--)
            p[j] = p[j - 1];
        p[j] = v;
    }
}

pair *fac__pairs_radix_sort(pair *p, pair *q, int64_t n)
{
    if (n <= 48) return insertion_sort(p, n), p;
    uint64_t any = 0; /* bytes that are the same in all are left out */
    for (int64_t i = 1; i < n; i++)
        any |= p[i].key ^ p[0].key;
    for (int shift = 0; shift < 64; shift += 8) {
        if (!(any >> shift & 255)) continue;
        int64_t start[257] = {0};
        for (int64_t i = 0; i < n; i++)
            start[(p[i].key >> shift & 255) + 1]++;
        for (int b = 0; b < 256; b++)
            start[b + 1] += start[b];
        for (int64_t i = 0; i < n; i++)
            q[start[p[i].key >> shift & 255]++] = p[i];
        pair *other = p;
        p = q;
        q = other;
    }
    return p;
}

/* ---- heaps: the largest first ------------------------------------------------------------------------------------ */

/* The hole goes down to a leaf, always to the larger child, the right one of equals; from there the value rises (Floyd). */
void fac__pairs_heap_sift(pair *p, int64_t k, int64_t hole, pair value)
{
    int64_t top = hole;
    for (int64_t child; (child = 2 * hole + 2) <= k; hole = child) {
        if (child == k || p[child].key < p[child - 1].key) child--;
        p[hole] = p[child];
    }
    for (int64_t parent; hole > top && p[parent = (hole - 1) / 2].key < value.key; hole = parent)
        p[hole] = p[parent];
    p[hole] = value;
}

void fac__pairs_heap(pair *p, int64_t k)
{
    for (int64_t i = k / 2 - 1; i >= 0; i--)
        fac__pairs_heap_sift(p, k, i, p[i]);
}

void fac__pairs_heap_sort(pair *p, int64_t k)
{
    while (k-- > 1) {
        pair value = p[k];
        p[k] = p[0];
        fac__pairs_heap_sift(p, k, 0, value);
    }
}

/* ---- introsort --------------------------------------------------------------------------------------------------- */

/* Splits p at a pivot, the median of the second, the middle and the last, which goes to the front first; returns where
 * the upper part begins. */
static int64_t split(pair *p, int64_t n)
{
    pair *a = p + 1, *b = p + n / 2, *c = p + n - 1;
    if (a->key < b->key)
        swap(p, b->key < c->key ? b : a->key < c->key ? c : a);
    else
        swap(p, a->key < c->key ? a : b->key < c->key ? c : b);
    uint64_t pivot = p->key;
    for (pair *low = p + 1, *high = p + n;; low++) {
        while (low->key < pivot)
            low++;
        do
            high--;
        while (pivot < high->key);
        if (low >= high) return low - p;
        swap(low, high);
    }
}

/* How often a stretch may be split before a heap takes over. */
static int depth_of(int64_t n)
{
    int depth = 0;
    for (; n > 1; n /= 2)
        depth += 2;
    return depth;
}

typedef struct tie_order {
    pair *p, *sorted;
    int64_t n;
} tie_order;

/* Whether a key from begin to end, excluded, occurs more than once in all. */
static bool has_equal(const tie_order *o, int64_t begin, int64_t end)
{
    for (int64_t i = begin ? begin : 1; i < o->n && i <= end; i++)
        if (o->sorted[i].key == o->sorted[i - 1].key) return true;
    return false;
}

/* Introsort of p where it matters: `sorted` has the same pairs in a stable order, which is the only one for a stretch
 * whose keys are all different; other stretches are replaced there. */
static void order_equals(const tie_order *o, int64_t begin, int64_t end, int depth)
{
    while (end - begin > SHORT && depth-- && has_equal(o, begin, end)) {
        int64_t cut = begin + split(o->p + begin, end - begin);
        order_equals(o, cut, end, depth);
        end = cut;
    }
    if (!has_equal(o, begin, end)) return;
    int64_t n = end - begin;
    if (n > SHORT) {
        fac__pairs_heap(o->p + begin, n);
        fac__pairs_heap_sort(o->p + begin, n);
    } else {
        insertion_sort(o->p + begin, n);
    }
    memcpy(o->sorted + begin, o->p + begin, (size_t)n * sizeof *o->p);
}

pair *fac__pairs_sort(pair *p, pair *q, pair *r, int64_t n)
{
    if (n <= SHORT) return insertion_sort(p, n), p;
    memcpy(r, p, (size_t)n * sizeof *p);
    pair *sorted = fac__pairs_radix_sort(p, q, n);
    order_equals(&(tie_order){r, sorted, n}, 0, n, depth_of(n));
    return sorted;
}

void fac__pairs_select(pair *p, int64_t nth, int64_t n)
{
    for (int depth = depth_of(n); n > 3; depth--) {
        if (depth == 0) {
            fac__pairs_heap(p, nth + 1);
            for (int64_t i = nth + 1; i < n; i++)
                fac__pairs_heap_offer(p, nth + 1, &p[i]);
            swap(p, p + nth);
            return;
        }
        int64_t cut = split(p, n);
        if (cut <= nth)
            p += cut, nth -= cut, n -= cut;
        else
            n = cut;
    }
    insertion_sort(p, n);
}

/* ---- quickselect ------------------------------------------------------------------------------------------------- */

static inline void order(pair *a, pair *b)
{
    if (a->key > b->key) swap(a, b);
}

void fac__pairs_quickselect(pair *p, int64_t nth, int64_t n)
{
    int64_t left = 0, right = n - 1;
    while (right > left + 1) { /* the median of three becomes the pivot p[left], with sentinels at both ends */
        swap(&p[left + (right - left) / 2], &p[left + 1]);
        order(&p[left + 1], &p[right]);
        order(&p[left], &p[right]);
        order(&p[left + 1], &p[left]);
        uint64_t pivot = p[left].key;
        int64_t i = left + 1, j = right;
        for (;;) {
            do
                i++;
            while (p[i].key < pivot);
            do
                j--;
            while (p[j].key > pivot);
            if (j < i) break;
            swap(&p[i], &p[j]);
        }
        swap(&p[left], &p[j]);
        if (j <= nth) left = i;
        if (j >= nth) right = j - 1;
    }
    if (right == left + 1) order(&p[left], &p[right]);
}
