/* Floor 1. What pool_cpu.c calls in isa/conv_pool.c. */
#ifndef FACULA_POOL_ROWS_H
#define FACULA_POOL_ROWS_H

#include <stdint.h>

/* Max over 2 x 2 of one plane whose rows are in_width long; indices may be NULL. */
#define FAC__POOL_MAX_2X2_PARAMETERS(T)                                                                                \
    (const T *restrict x, T *restrict y, int64_t *restrict indices, int64_t rows, int64_t columns, int64_t in_width)

#endif
