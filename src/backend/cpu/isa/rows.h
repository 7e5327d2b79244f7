/* Floor 1. What rows.c gives in each instruction set, beside the rows: the loops that move elements. */
#ifndef FACULA_ROWS_H
#define FACULA_ROWS_H

#include "backend/cpu/isa/isa.h"
#include "backend/pointwise.h"

/* Moves a matrix of rows x cols elements between two strided places (strides in elements, the row's first), converting
 * from one dtype to another. */
typedef void (*fac__move_loop)(void *to, int64_t to_row, int64_t to_col, const void *from, int64_t from_row,
                               int64_t from_col, int64_t rows, int64_t cols);

typedef struct fac__move_table {
    fac__move_loop load[FAC__COMPUTE_COUNT][FAC_DTYPE_COUNT], store[FAC__COMPUTE_COUNT][FAC_DTYPE_COUNT];
    fac__move_loop copy[4]; /* elements of 1, 2, 4 and 8 bytes as they are */
} fac__move_table;

FAC__ISA_DECLARE(extern const fac__move_table, fac__move_table, );

#endif
