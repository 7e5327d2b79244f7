/* Floor 1. What softmax_kernels.c gives in each instruction set. */
#ifndef FACULA_SOFTMAX_LOOPS_H
#define FACULA_SOFTMAX_LOOPS_H

#include "backend/cpu/isa/isa.h"
#include "backend/reduce.h"

enum { FAC__SOFTMAX_COLUMNS = 256 }; /* of one unit of columns */

/* By rows, for inner 1: rows begin..end of the outer ones. By columns: units begin..end, of which each outer index has one
 * for every FAC__SOFTMAX_COLUMNS of inner. */
FAC__ISA_DECLARE(void, fac__softmax, (const fac__softmax_args *a, bool by_rows, int64_t begin, int64_t end));

#endif
