/* Floor 1. Moving elements by index: the one kernel behind indexing, gather, scatter, index_select, take, masks. */
#ifndef FACULA_INDEX_H
#define FACULA_INDEX_H

#include "kernel.h"

typedef enum fac__index_mode {
    FAC__INDEX_GET, /* values = table[index] */
    FAC__INDEX_PUT, /* table[index] = values */
    FAC__INDEX_ADD, /* table[index] += values, and so on; several values for one element come in row-major order */
    FAC__INDEX_MUL,
    FAC__INDEX_MAX, /* NaN wins */
    FAC__INDEX_MIN
} fac__index_mode;

/* An index of one dimension of the table. */
typedef struct fac__index_operand {
    fac__operand at;      /* int64, strides along the iteration's dims */
    int64_t size, stride; /* of the table's dimension; negative indices count from its end */
} fac__index_operand;

/* For each point of `shape`: the table's element is at the sum of table.strides over the point's coordinates and, for
 * each index, index * stride. Both operands have the table's dtype. Points whose index is out of range are passed over
 * (GET gives 0), so that a replayed program cannot leave its memory. */
typedef struct fac__index_args {
    fac__index_mode mode;
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    uint32_t disjoint; /* bit d: points that differ in dim d never meet in one element of the table */
    fac__operand table, values;
    int n_index;
    fac__index_operand index[FAC_MAX_DIMS];
} fac__index_args;
extern const fac__kernel fac__k_index;

/* Counts, and lists, what is not 0 (or false) of a contiguous tensor: out gets one row of ndim int64 coordinates for
 * each. */
typedef struct fac__nonzero_args {
    fac_dtype dtype;
    int ndim;
    int64_t shape[FAC_MAX_DIMS], n;
    const void *x;
    int64_t *out;
    int64_t row_stride, dim_stride; /* of out: where coordinate d of row i goes */
} fac__nonzero_args;
extern const fac__kernel fac__k_nonzero;
int64_t fac__count_nonzero(fac_dtype dtype, const void *x, int64_t n);

#endif
