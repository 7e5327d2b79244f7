/* Floor 1. Running sums of floats in a row, computed in double as PyTorch does. The order of adding differs from its one sum
 * after the other, which a float shows about once in 100 million. */
#ifndef FACULA_RUNNING_SUMS_H
#define FACULA_RUNNING_SUMS_H

#include "backend/cpu/isa/isa.h"

/* out[i] = sum + in[0] + … + in[i]; gives the last before rounding. With `ahead`, results pass by the caches (fac__stream_end()
 * is to come after), and what is so many elements further on is asked for. */
FAC__ISA_DECLARE(double, fac__running_sums, (double sum, const float *in, float *out, int64_t n, int64_t ahead));
FAC__ISA_DECLARE(double, fac__sum_in_double, (const float *in, int64_t n));

#endif
