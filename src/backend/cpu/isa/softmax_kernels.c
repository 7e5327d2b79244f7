/* Floor 1. Softmax and log-softmax, forward and backward: one body (softmax_body.h) for the floating dtypes, compiled
 * once for each instruction set. */
#include "backend/cpu/isa/softmax_loops.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/isa/scalar_math.h"
#include "core/half.h"

#define INLINE static inline __attribute__((always_inline))
#define SIMD _Pragma("omp simd")
enum {
    BUFFER = 512, /* elements at a time, a multiple of every LANES */
    PAST = 16     /* what may be read behind them */
};
#define AS_IS(x) (x)

#define E float
#define T float
#define I int32_t
#define NAME(x) x##_f32
#define LOAD AS_IS
#define STORE AS_IS
#define LANES 8
#define EXACT 1
#include "softmax_body.h"

#define E double
#define T double
#define I int64_t
#define NAME(x) x##_f64
#define LOAD AS_IS
#define STORE AS_IS
#define LANES 4
#define EXACT 1
#include "softmax_body.h"

#define E uint16_t
#define T float
#define I int32_t
#define NAME(x) x##_f16
#define LOAD fac__float16_to_float
#define STORE fac__float_to_float16
#define LANES 8
#define EXACT 0
#include "softmax_body.h"

#define E uint16_t
#define T float
#define I int32_t
#define NAME(x) x##_bf16
#define LOAD fac__bfloat16_to_float
#define STORE fac__float_to_bfloat16
#define LANES 8
#define EXACT 0
#include "softmax_body.h"

const fac__softmax_table FAC__ISA(fac__softmax_table) = {
    .by_rows =
        {[FAC_FLOAT16] = rows_f16, [FAC_BFLOAT16] = rows_bf16, [FAC_FLOAT32] = rows_f32, [FAC_FLOAT64] = rows_f64},
    .by_columns = {[FAC_FLOAT16] = columns_f16,
                   [FAC_BFLOAT16] = columns_bf16,
                   [FAC_FLOAT32] = columns_f32,
                   [FAC_FLOAT64] = columns_f64},
};
