/* Floor 1. Matrix multiplication on one thread, in float and double. */
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/scratch.h"
#include "backend/gemm.h"

#define T float
#define ROWS MR_MAX
#define EACH_ROWS EACH_MR
#include "backend/cpu/isa/gemm_body.h"
#undef T
#undef ROWS
#undef EACH_ROWS
/* Of doubles smaller tiles do, which halve what they are in a program: 8 rows of two vectors keep the units that multiply
 * busy, too. */
#define T double
#define ROWS (MR_MAX < 8 ? MR_MAX : 8)
#define EACH_ROWS EACH_MR_8
#include "backend/cpu/isa/gemm_body.h"
#undef T
#undef ROWS
#undef EACH_ROWS

/* One matrix (batch is not looked at). */
void FAC__ISA(fac__gemm_one)(const fac__gemm_args *g)
{
    if (g->dtype == FAC_FLOAT64)
        multiply_double(g);
    else
        multiply_float(g);
}
