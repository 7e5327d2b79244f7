/* Floor 1. Convolution in float and double, on tiles held in registers. */
#include "backend/cpu/conv_plan.h"
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/scratch.h"

/* What conv_winograd.h and conv_winograd_weight.h keep in the second-level cache: tiles, sums. */
enum { TILED_BYTES = 640 << 10, TILED_SUMS = 512 << 10 };

#define T float
#include "backend/cpu/isa/conv_correlate.h"
#include "backend/cpu/isa/conv_dots.h"
#include "backend/cpu/isa/conv_point.h"
#include "backend/cpu/isa/conv_sparse.h"
#include "backend/cpu/isa/conv_spread.h"
#include "backend/cpu/isa/conv_weight.h"
#include "backend/cpu/isa/conv_winograd.h"
#include "backend/cpu/isa/conv_winograd_weight.h"
#undef T
#define T double
#include "backend/cpu/isa/conv_correlate.h"
#include "backend/cpu/isa/conv_dots.h"
#include "backend/cpu/isa/conv_point.h"
#include "backend/cpu/isa/conv_sparse.h"
#include "backend/cpu/isa/conv_spread.h"
#include "backend/cpu/isa/conv_weight.h"
#undef T

bool FAC__ISA(fac__correlate) FAC__CORRELATE_PARAMETERS
{
    if (c->dtype == FAC_FLOAT64) return correlate_points_double(c) || correlation_double(c);
    return correlate_points_float(c) || correlation_float(c);
}

bool FAC__ISA(fac__spread) FAC__CORRELATE_PARAMETERS
{
    return c->dtype == FAC_FLOAT64 ? spread_out_double(c) : spread_out_float(c);
}

bool FAC__ISA(fac__conv_weight_dots) FAC__CORRELATE_PARAMETERS
{
    return c->dtype == FAC_FLOAT64 ? dot_weights_double(c) : dot_weights_float(c);
}

bool FAC__ISA(fac__conv_find_sparse) FAC__CONV_FIND_PARAMETERS
{
    return a->dtype == FAC_FLOAT64 ? find_sparse_double(a, sparse) : find_sparse_float(a, sparse);
}

bool FAC__ISA(fac__conv_input_sparse) FAC__CONV_PARAMETERS
{
    return a->dtype == FAC_FLOAT64 ? strew_double(a) : strew_float(a);
}

bool FAC__ISA(fac__conv_weight_sparse) FAC__CONV_PARAMETERS
{
    return a->dtype == FAC_FLOAT64 ? weigh_sparsely_double(a) : weigh_sparsely_float(a);
}

bool FAC__ISA(fac__conv_weight_sums) FAC__CONV_WEIGHT_PARAMETERS
{
    return a->dtype == FAC_FLOAT64 ? conv_weight_double(a, sparse) : conv_weight_float(a, sparse);
}

bool FAC__ISA(fac__correlate_tiled) FAC__CORRELATE_TILED_PARAMETERS
{
    return correlate_tiled_float(c, odd);
}

bool FAC__ISA(fac__conv_weight_tiled) FAC__CONV_PARAMETERS
{
    return conv_weight_tiled_float(a);
}
