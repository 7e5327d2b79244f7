/* Floor 1. Matrix multiplication on one thread, in float and double. */
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/scratch.h"
#include "backend/gemm.h"

#define T float
#include "backend/cpu/isa/gemm_body.h"
#undef T
#define T double
#include "backend/cpu/isa/gemm_body.h"
#undef T

/* One matrix (batch is not looked at). */
void FAC__ISA(fac__gemm_one)(const fac__gemm_args *g)
{
    if (g->dtype == FAC_FLOAT64)
        multiply_double(g);
    else
        multiply_float(g);
}
