/* Floor 1. The inner loops of reductions: one body (reduce_body.h) for the three compute types, compiled once for each
 * instruction set. */
#include "backend/cpu/isa/reduce_loops.h"

#include "backend/cpu/stream.h"

#include <math.h>
#include <string.h>

/* Bytes between what is computed and what is asked for, in loops that do more for an element than reading takes. */
enum { AHEAD = 4096 };

#define INLINE static inline __attribute__((always_inline))
#define SIMD_TEXT(text) #text
#define SIMD_REDUCE(how) _Pragma(SIMD_TEXT(omp simd reduction(how)))

#define FLOATING 0
#define T int64_t
#define A int64_t
#define I int64_t
#define NAME(x) x##_i64
#include "reduce_body.h"

#define FLOATING 1
#define T float
#define A double
#define I int32_t
#define NAME(x) x##_f32
#include "reduce_body.h"

#define FLOATING 1
#define T double
#define A double
#define I int64_t
#define NAME(x) x##_f64
#include "reduce_body.h"

#define LOOPS(shape, type, sum, nansum, mean)                                                                          \
    {                                                                                                                  \
        [FAC__SUM] = sum##_##shape##_##type, [FAC__PROD] = prod_##shape##_##type, [FAC__MAX] = max_##shape##_##type,   \
        [FAC__MIN] = min_##shape##_##type, [FAC__ARGMAX] = argmax_##shape##_##type,                                    \
        [FAC__ARGMIN] = argmin_##shape##_##type, [FAC__ANY] = any_##shape##_##type, [FAC__ALL] = all_##shape##_##type, \
        [FAC__NANSUM] = nansum##_##shape##_##type, [FAC__SUM_SQUARES] = squares_##shape##_##type,                      \
        [FAC__SUM_ABS] = magnitudes_##shape##_##type, [FAC__COUNT_NONZERO] = nonzero_##shape##_##type,                 \
        [FAC__MEAN_VAR] = mean                                                                                         \
    }

const fac__reduce_table FAC__ISA(fac__reduce_table) = {
    .rows = {[FAC__I64] = LOOPS(rows, i64, add, add, NULL),
             [FAC__F32] = LOOPS(rows, f32, sum, nansum, mean_rows_f32),
             [FAC__F64] = LOOPS(rows, f64, sum, nansum, mean_rows_f64)},
    .columns = {[FAC__I64] = LOOPS(columns, i64, add, add, NULL),
                [FAC__F32] = LOOPS(columns, f32, sum, nansum, mean_columns_f32),
                [FAC__F64] = LOOPS(columns, f64, sum, nansum, mean_columns_f64)},
};
