/* Floor 1. What distance_cpu.c calls in isa/distance_rows.c: rows begin..end of batch * rows. */
#ifndef FACULA_DISTANCE_ROWS_H
#define FACULA_DISTANCE_ROWS_H

#include "backend/cpu/isa/isa.h"
#include "backend/distance.h"

typedef void (*fac__distance_range)(const fac__cdist_args *a, int64_t begin, int64_t end);
typedef struct fac__distance_rows {
    fac__distance_range forward[2], backward[2]; /* of float, double */
} fac__distance_rows;

FAC__ISA_DECLARE(extern const fac__distance_rows, fac__distance_rows, );

#endif
