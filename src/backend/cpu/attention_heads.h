/* Floor 1. What attention_cpu.c is made of, in each instruction set. */
#ifndef FACULA_ATTENTION_HEADS_H
#define FACULA_ATTENTION_HEADS_H

#include "backend/attention.h"
#include "backend/cpu/isa/isa.h"

enum { FAC__ATTENTION_QUERIES = 32 }; /* in a block */

/* Forward: blocks begin..end of queries, of which a head has one for every FAC__ATTENTION_QUERIES of its queries.
 * Backward: heads begin..end. */
typedef void (*fac__attention_part)(const fac__attention_args *a, int64_t begin, int64_t end);

/* forward, backward */
FAC__ISA_DECLARE(extern const fac__attention_part, fac__attention_float, [2]);
FAC__ISA_DECLARE(extern const fac__attention_part, fac__attention_double, [2]);

#endif
