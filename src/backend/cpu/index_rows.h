/* Floor 1. Reading elements by index, in each instruction set. */
#ifndef FACULA_INDEX_ROWS_H
#define FACULA_INDEX_ROWS_H

#include "backend/cpu/isa/isa.h"

/* v[k] = t[p[k]], for `size` elements t of 1, 2, 4 and 8 bytes; 0 where p[k] is out of range. Negative ones count from the
 * end. */
typedef void (*fac__pick_loop)(const void *t, void *v, const int64_t *p, int64_t size, int64_t n);
FAC__ISA_DECLARE(extern const fac__pick_loop, fac__pick_loops, [4]);

#endif
