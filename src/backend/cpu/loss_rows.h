/* Floor 1. What loss_cpu.c calls in isa/loss_rows.c. */
#ifndef FACULA_LOSS_ROWS_H
#define FACULA_LOSS_ROWS_H

#include "backend/loss.h"

/* Rows begin..end: what backward needs to the first two thirds of a->rows, the losses to the last one. */
#define FAC__CROSS_ENTROPY_PARAMETERS (const fac__cross_entropy_args *a, int64_t begin, int64_t end)

#endif
