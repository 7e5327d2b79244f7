/* Floor 1. Sorting and selecting pairs of a key and a position, by key. Which of several equal keys comes first is
 * defined: PyTorch's CPU kernels leave that to the algorithms of GNU's C++ library, so those are followed here, swap by
 * swap. */
#ifndef FACULA_PAIRS_H
#define FACULA_PAIRS_H

#include <stdint.h>

typedef struct fac__pair {
    uint64_t key;
    int64_t index;
} fac__pair;

/* By radix, stable, in time proportional to n. q has room for n more; returns the one of p and q with the result. */
fac__pair *fac__pairs_radix_sort(fac__pair *p, fac__pair *q, int64_t n);
/* As std::sort; q and r have room for n more. By radix, and by introsort what that leaves open. */
fac__pair *fac__pairs_sort(fac__pair *p, fac__pair *q, fac__pair *r, int64_t n);
/* p[nth] is what it would be if all were sorted, nothing before it is larger, nothing behind it smaller: by introselect,
 * as std::nth_element. */
void fac__pairs_select(fac__pair *p, int64_t nth, int64_t n);
/* The same by quickselect as in Press et al., Numerical Recipes, 3rd ed. (2007), section 8.5. */
void fac__pairs_quickselect(fac__pair *p, int64_t nth, int64_t n);
/* As std::partial_sort: the k smallest in a heap, p[0 .. k), to which the others are shown one by one, in order; then
 * the heap is sorted. */
void fac__pairs_heap(fac__pair *p, int64_t k);
static inline void fac__pairs_heap_offer(fac__pair *p, int64_t k, fac__pair *other);
void fac__pairs_heap_sort(fac__pair *p, int64_t k);

/* Sifts value down from a hole at the heap's position `hole`. */
void fac__pairs_heap_sift(fac__pair *p, int64_t k, int64_t hole, fac__pair value);

static inline void fac__pairs_heap_offer(fac__pair *p, int64_t k, fac__pair *other)
{
    if (other->key >= p[0].key) return;
    fac__pair value = *other;
    *other = p[0];
    fac__pairs_heap_sift(p, k, 0, value);
}

#endif
