/* Floor 1. Attention in float and double, on one thread. */
#include "backend/cpu/attention_heads.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/gemm_one.h"
#include "backend/cpu/isa/scalar_math.h"
#include "backend/cpu/scratch.h"

#define SIMD _Pragma("omp simd")
#define SIMD_REDUCE(how) _Pragma(SIMD_TEXT(omp simd reduction(how)))
#define SIMD_TEXT(...) #__VA_ARGS__
enum { QUERIES = FAC__ATTENTION_QUERIES, KEYS = 128 };

#define T float
#define DTYPE FAC_FLOAT32
#include "backend/cpu/isa/attention_body.h"
#undef T
#undef DTYPE
#define T double
#define DTYPE FAC_FLOAT64
#include "backend/cpu/isa/attention_body.h"
#undef T
#undef DTYPE

const fac__attention_part FAC__ISA(fac__attention_float)[2] = {forward_float, backward_float};
const fac__attention_part FAC__ISA(fac__attention_double)[2] = {forward_double, backward_double};
