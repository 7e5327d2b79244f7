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

#define KIND(name, ints, floats)                                                                                       \
    extern const fac__reduce_loops FAC__ISA(fac__reduce_##name);                                                       \
    const fac__reduce_loops FAC__ISA(fac__reduce_##name) = {                                                           \
        .rows = {[FAC__I64] = ints##_rows_i64, [FAC__F32] = floats##_rows_f32, [FAC__F64] = floats##_rows_f64},        \
        .columns = {                                                                                                   \
            [FAC__I64] = ints##_columns_i64, [FAC__F32] = floats##_columns_f32, [FAC__F64] = floats##_columns_f64}};
KIND(SUM, add, sum)
KIND(PROD, prod, prod)
KIND(MAX, max, max)
KIND(MIN, min, min)
KIND(ARGMAX, argmax, argmax)
KIND(ARGMIN, argmin, argmin)
KIND(ANY, any, any)
KIND(ALL, all, all)
KIND(NANSUM, add, nansum)
KIND(SUM_SQUARES, squares, squares)
KIND(SUM_ABS, magnitudes, magnitudes)
KIND(COUNT_NONZERO, nonzero, nonzero)
#define mean_rows_i64 NULL /* means are of floats */
#define mean_columns_i64 NULL
KIND(MEAN_VAR, mean, mean)
