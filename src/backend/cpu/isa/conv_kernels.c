/* Floor 1. Convolution in float and double, on tiles held in registers. */
#include "backend/cpu/conv_plan.h"
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/scratch.h"

#define T float
#include "backend/cpu/isa/conv_correlate.h"
#include "backend/cpu/isa/conv_dots.h"
#include "backend/cpu/isa/conv_sparse.h"
#include "backend/cpu/isa/conv_spread.h"
#include "backend/cpu/isa/conv_weight.h"
#undef T
#define T double
#include "backend/cpu/isa/conv_correlate.h"
#include "backend/cpu/isa/conv_dots.h"
#include "backend/cpu/isa/conv_sparse.h"
#include "backend/cpu/isa/conv_spread.h"
#include "backend/cpu/isa/conv_weight.h"
#undef T

bool FAC__ISA(fac__correlate) FAC__CORRELATE_PARAMETERS
{
    return c->dtype == FAC_FLOAT64 ? correlation_double(c) : correlation_float(c);
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

bool FAC__ISA(fac__conv_weight_sums) FAC__CONV_PARAMETERS
{
    return a->dtype == FAC_FLOAT64 ? conv_weight_double(a) : conv_weight_float(a);
}
