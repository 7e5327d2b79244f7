/* Floor 1. Rows of a table by their numbers. Numbers out of range give zeros and touch no memory; the op checks them. */
#ifndef FACULA_EMBEDDING_H
#define FACULA_EMBEDDING_H

#include "kernel.h"

typedef struct fac__embedding_args {
    fac_dtype dtype;
    int64_t rows, width, count; /* table [rows, width], indices [count]; all contiguous */
    const int64_t *index;
    void *table; /* written by renorm and, after it is set to 0, by backward */
    void *y;     /* [count, width] */
    const void *dy;
    /* of backward, for sums of rows: which row of dy each index has, and by what that counts; or NULL */
    const int64_t *from;
    const void *factor;
    int64_t padding; /* a row that gets no gradient; -1: none */
    bool by_frequency;
    int64_t *times;             /* by_frequency: working memory [rows] */
    double max_norm, norm_type; /* of renorm */
} fac__embedding_args;
extern const fac__kernel fac__k_embedding;          /* y = table[index] */
extern const fac__kernel fac__k_embedding_backward; /* table = 0; table[index] += dy, in the order of the indices */
extern const fac__kernel fac__k_embedding_renorm;   /* shortens the rows named to max_norm */

/* The sum or mean of each bag's rows, added up in the order of the indices. float32 and float64. */
typedef struct fac__bag_sum_args {
    fac_dtype dtype;
    bool mean;
    int64_t rows, width, count, bags; /* table [rows, width], indices [count] */
    int64_t padding;                  /* a row that is in no bag; -1: none */
    const int64_t *index,
        *offset; /* where bags begin, the first at 0, and where the last ends if there is one more; NULL: every `each` */
    int64_t offsets, each;
    const void *factor; /* of each index's row [count]; NULL */
    const void *table;
    void *y;             /* [bags, width] */
    int64_t *of, *sizes; /* the bag of each index; how many are in each; or NULL */
} fac__bag_sum_args;
extern const fac__kernel fac__k_bag_sum;

/* Of each bag, count[b] indices from begin[b] on, which row has the largest element of each column: the first of them; 0 for
 * an empty bag. float32 and float64. The op has checked the indices. */
typedef struct fac__bag_max_args {
    fac_dtype dtype;
    int64_t bags, width;
    const int64_t *index, *begin, *count;
    const void *table;
    int64_t *row; /* [bags, width] */
} fac__bag_max_args;
extern const fac__kernel fac__k_bag_max;

#endif
