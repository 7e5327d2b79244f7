/* Floor 1. What rows.c gives in each instruction set: the loops that pointwise_cpu.c is made of. */
#ifndef FACULA_ROWS_H
#define FACULA_ROWS_H

#include "backend/cpu/isa/isa.h"
#include "backend/pointwise.h"

typedef enum fac__compute { FAC__I64, FAC__F32, FAC__F64, FAC__COMPUTE_COUNT } fac__compute;

/* y[i] = row(a[i], b[i], c[i], d[i]) for i < n; y may be one of the inputs, and those that the row lacks are ignored. */
typedef void (*fac__row_loop)(void *y, const void *a, const void *b, const void *c, const void *d, int64_t n);

/* Moves a matrix of rows x cols elements between two strided places (strides in elements, the row's first), converting
 * from one dtype to another. */
typedef void (*fac__move_loop)(void *to, int64_t to_row, int64_t to_col, const void *from, int64_t from_row,
                               int64_t from_col, int64_t rows, int64_t cols);

typedef struct fac__row_table {
    fac__row_loop rows[FAC__COMPUTE_COUNT][FAC__ROW_COUNT];
    fac__move_loop load[FAC__COMPUTE_COUNT][FAC_DTYPE_COUNT], store[FAC__COMPUTE_COUNT][FAC_DTYPE_COUNT];
    fac__move_loop copy[4]; /* elements of 1, 2, 4 and 8 bytes as they are */
} fac__row_table;

FAC__ISA_DECLARE(extern const fac__row_table, fac__row_table, );

#endif
