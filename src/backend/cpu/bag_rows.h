/* Floor 1. Sums of rows of a table, in each instruction set. */
#ifndef FACULA_BAG_ROWS_H
#define FACULA_BAG_ROWS_H

#include "backend/cpu/isa/isa.h"
#include "backend/embedding.h"

/* Bags begin..end. */
FAC__ISA_DECLARE(void, fac__bag_rows_float, (const fac__bag_sum_args *a, int64_t begin, int64_t end));
FAC__ISA_DECLARE(void, fac__bag_rows_double, (const fac__bag_sum_args *a, int64_t begin, int64_t end));

#endif
