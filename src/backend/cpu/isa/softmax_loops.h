/* Floor 1. What softmax_kernels.c gives in each instruction set. */
#ifndef FACULA_SOFTMAX_LOOPS_H
#define FACULA_SOFTMAX_LOOPS_H

#include "backend/cpu/isa/isa.h"
#include "backend/reduce.h"

enum { FAC__SOFTMAX_COLUMNS = 256 }; /* of one unit of by_columns */

/* by_rows, for inner 1: rows begin..end of the outer ones. by_columns: units begin..end, of which each outer index has
 * one for every FAC__SOFTMAX_COLUMNS of inner. */
typedef void (*fac__softmax_loop)(const fac__softmax_args *a, int64_t begin, int64_t end);
typedef struct fac__softmax_table {
    fac__softmax_loop by_rows[FAC_DTYPE_COUNT], by_columns[FAC_DTYPE_COUNT];
} fac__softmax_table;

FAC__ISA_DECLARE(extern const fac__softmax_table, fac__softmax_table, );

#endif
