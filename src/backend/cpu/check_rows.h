/* Floor 1. What check_cpu.c calls in isa/check_rows.c. */
#ifndef FACULA_CHECK_ROWS_H
#define FACULA_CHECK_ROWS_H

#include "backend/check.h"
#include "backend/cpu/isa/isa.h"

/* Whether something is wrong with any of n elements, `step` apart. */
typedef bool (*fac__check_line)(void *context, const char *p, int64_t step, int64_t n);
typedef struct fac__check_rows {
    fac__check_line out_of_range; /* its context: fac__index_range_args */
    fac__check_line has_zero[4];  /* of elements of 1, 2, 4 and 8 bytes */
} fac__check_rows;

FAC__ISA_DECLARE(extern const fac__check_rows, fac__check_rows, );

#endif
