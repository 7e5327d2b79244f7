/* Floor 1. Kernels that look whether values are good, so that a replayed step finds out about bad ones, too. Each gives
 * false, with an error pending, at the first bad value, and writes nothing. */
#ifndef FACULA_CHECK_H
#define FACULA_CHECK_H

#include "kernel.h"

/* Indices, int64, from low to high - 1. */
typedef struct fac__index_range_args fac__index_range_args;
struct fac__index_range_args {
    fac__operand at;
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    int64_t low, high;
    bool excepts; /* one value more is good: */
    int64_t except;
    /* Raises the error about the first bad one in row-major order, and gives false. */
    bool (*report)(const fac__index_range_args *a, int64_t bad);
    int64_t dim, size; /* for its words */
};
extern const fac__kernel fac__k_index_range;

/* Whole numbers, or bool, none of which may be 0. */
typedef struct fac__no_zero_args {
    fac__operand at;
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    bool (*report)(void);
} fac__no_zero_args;
extern const fac__kernel fac__k_no_zero;

#endif
