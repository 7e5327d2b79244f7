/* Floor 1. The rows of pointwise.def as loops, one for each compute type, and the loops that move elements in and out
 * of them; compiled once for each instruction set. The compiler vectorises them: the bodies are free of branches. */
#include "backend/cpu/isa/rows.h"

#include <string.h>

#include "backend/cpu/isa/scalar_math.h"
#include "backend/cpu/isa/transpose.h"
#include "core/half.h"
#if defined(__F16C__)
#include <immintrin.h>
#endif

/* ---- rows --------------------------------------------------------------------------------------------------- */

/* `omp simd` promises that iterations do not meet, which holds as y is an input itself or elsewhere. */
#define ROW_LOOP(name, T, suffix, arity, expr)                                                                         \
    void FAC__ISA(fac__row_##name##suffix)(void *y_, const void *a_, const void *b_, const void *c_, const void *d_,   \
                                           int64_t n);                                                                 \
    void FAC__ISA(fac__row_##name##suffix)(void *y_, const void *a_, const void *b_, const void *c_, const void *d_,   \
                                           int64_t n)                                                                  \
    {                                                                                                                  \
        T *y = y_;                                                                                                     \
        const T *a__ = a_, *b__ = b_, *c__ = c_, *d__ = d_;                                                            \
        _Pragma("omp simd") for (int64_t i = 0; i < n; i++)                                                            \
        {                                                                                                              \
            const T a = a__[i], b = (arity) > 1 ? b__[i] : 0, c = (arity) > 2 ? c__[i] : 0,                            \
                    d = (arity) > 3 ? d__[i] : 0;                                                                      \
            (void)a, (void)b, (void)c, (void)d;                                                                        \
            y[i] = (T)(expr);                                                                                          \
        }                                                                                                              \
    }

#define NUM(x) ((int64_t)(x))
#define FAC_ROW(name, arity, expr) ROW_LOOP(name, int64_t, _i64, arity, expr)
#include "facula/pointwise.def"
#undef NUM
#define NUM(x) ((float)(x))
#define FAC_ROW(name, arity, expr) ROW_LOOP(name, float, _f32, arity, expr)
#include "facula/pointwise.def"
#undef NUM
#define NUM(x) ((double)(x))
#define FAC_ROW(name, arity, expr) ROW_LOOP(name, double, _f64, arity, expr)
#include "facula/pointwise.def"

/* ---- moves -------------------------------------------------------------------------------------------------- */

/* A run of elements one after the other. */
#define RUN_LOOP(name, To, From, convert)                                                                              \
    static inline void name##_run(To *restrict to, const From *restrict from, int64_t n)                               \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            to[i] = (To)(convert(from[i]));                                                                            \
    }

/* Moves a matrix whose columns lie in a row: elements are read (or written) in their order in memory. */
#define ACROSS_LOOP(name, To, From, convert)                                                                           \
    static inline void name##_across(To *restrict to, int64_t to_row, int64_t to_col, const From *restrict from,       \
                                     int64_t from_row, int64_t from_col, int64_t rows, int64_t cols)                   \
    {                                                                                                                  \
        for (int64_t c = 0; c < cols; c++)                                                                             \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                to[r * to_row + c * to_col] = (To)(convert(from[r * from_row + c * from_col]));                        \
    }

/* The whole move out of these: rows that lie in a row, rows that repeat one element, columns that lie in a row, and
 * everything else. */
#define MOVE_LOOP(name, To, From, convert)                                                                             \
    static void name(void *to_, int64_t to_row, int64_t to_col, const void *from_, int64_t from_row, int64_t from_col, \
                     int64_t rows, int64_t cols)                                                                       \
    {                                                                                                                  \
        To *to = to_;                                                                                                  \
        const From *from = from_;                                                                                      \
        if (to_col == 1 && from_col == 1) {                                                                            \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                name##_run(to + r * to_row, from + r * from_row, cols);                                                \
        } else if (to_col == 1 && from_col == 0) {                                                                     \
            for (int64_t r = 0; r < rows; r++) {                                                                       \
                const To value = (To)(convert(from[r * from_row]));                                                    \
                for (int64_t c = 0; c < cols; c++)                                                                     \
                    to[r * to_row + c] = value;                                                                        \
            }                                                                                                          \
        } else if (rows > 1 && (from_row == 1 || to_row == 1)) {                                                       \
            name##_across(to, to_row, to_col, from, from_row, from_col, rows, cols);                                   \
        } else {                                                                                                       \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                for (int64_t c = 0; c < cols; c++)                                                                     \
                    to[r * to_row + c * to_col] = (To)(convert(from[r * from_row + c * from_col]));                    \
        }                                                                                                              \
    }
#define MOVE(name, To, From, convert)                                                                                  \
    RUN_LOOP(name, To, From, convert) ACROSS_LOOP(name, To, From, convert) MOVE_LOOP(name, To, From, convert)

#define AS_IS(x) x
#define TRUTH(x) ((x) != 0)
#define SMALL(x)                                                                                                       \
    ((int32_t)(x)) /* floats go to the narrow integers by way of int32: it vectorises, and wraps as PyTorch's do */
#define FROM_HALF(x) fac__float16_to_float(x)
#define FROM_BF16(x) fac__bfloat16_to_float(x)
#define TO_HALF(x) fac__float_to_float16((float)(x))
#define TO_BF16(x) fac__float_to_bfloat16((float)(x))

#if defined(__F16C__)
static inline void load_f16_f32_run(float *restrict to, const uint16_t *restrict from, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + i))));
    for (; i < n; i++)
        to[i] = _cvtsh_ss(from[i]);
}
static inline void store_f32_f16_run(uint16_t *restrict to, const float *restrict from, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        to[i] = _cvtss_sh(from[i], _MM_FROUND_TO_NEAREST_INT);
}
#else
RUN_LOOP(load_f16_f32, float, uint16_t, FROM_HALF)
RUN_LOOP(store_f32_f16, uint16_t, float, TO_HALF)
#endif
ACROSS_LOOP(load_f16_f32, float, uint16_t, FROM_HALF)
ACROSS_LOOP(store_f32_f16, uint16_t, float, TO_HALF)
MOVE_LOOP(load_f16_f32, float, uint16_t, FROM_HALF)
MOVE_LOOP(store_f32_f16, uint16_t, float, TO_HALF)

/* Elements of four bytes without conversion, the case that matters most (transposed float matrices), go 8 x 8 at a time
 * through registers. */
ACROSS_LOOP(plain_4, uint32_t, uint32_t, AS_IS)
static void transpose_4(uint32_t *to, int64_t to_row, const uint32_t *from, int64_t from_col, int64_t rows,
                        int64_t cols)
{
    int64_t r8 = rows / 8 * 8, c8 = cols / 8 * 8;
    for (int64_t r = 0; r < r8; r += 8)
        for (int64_t c = 0; c < c8; c += 8)
            transpose_8x8(to + r * to_row + c, to_row, from + r + c * from_col, from_col);
    plain_4_across(to + r8 * to_row, to_row, 1, from + r8, 1, from_col, rows - r8, cols);
    plain_4_across(to + c8, to_row, 1, from + c8 * from_col, 1, from_col, r8, cols - c8);
}
RUN_LOOP(copy_4, uint32_t, uint32_t, AS_IS)
static void copy_4_across(uint32_t *to, int64_t to_row, int64_t to_col, const uint32_t *from, int64_t from_row,
                          int64_t from_col, int64_t rows, int64_t cols)
{
    if (to_col == 1 && from_row == 1)
        transpose_4(to, to_row, from, from_col, rows, cols);
    else if (to_row == 1 && from_col == 1)
        transpose_4(to, to_col, from, from_row, cols, rows);
    else
        plain_4_across(to, to_row, to_col, from, from_row, from_col, rows, cols);
}
MOVE_LOOP(copy_4, uint32_t, uint32_t, AS_IS)

/* Every dtype into a compute type and back; `narrow` is how that type becomes an integer of 32 bits or less. */
#define MOVES(T, s, narrow)                                                                                            \
    MOVE(load_bool_##s, T, uint8_t, AS_IS)                                                                             \
    MOVE(load_i8_##s, T, int8_t, AS_IS)                                                                                \
    MOVE(load_i16_##s, T, int16_t, AS_IS)                                                                              \
    MOVE(load_i32_##s, T, int32_t, AS_IS)                                                                              \
    MOVE(load_i64_##s, T, int64_t, AS_IS)                                                                              \
    MOVE(load_bf16_##s, T, uint16_t, FROM_BF16)                                                                        \
    MOVE(load_f64_##s, T, double, AS_IS)                                                                               \
    MOVE(store_##s##_bool, uint8_t, T, TRUTH)                                                                          \
    MOVE(store_##s##_i8, int8_t, T, narrow)                                                                            \
    MOVE(store_##s##_i16, int16_t, T, narrow)                                                                          \
    MOVE(store_##s##_i32, int32_t, T, narrow)                                                                          \
    MOVE(store_##s##_i64, int64_t, T, AS_IS)                                                                           \
    MOVE(store_##s##_bf16, uint16_t, T, TO_BF16)                                                                       \
    MOVE(store_##s##_f64, double, T, AS_IS)
MOVES(int64_t, i64, AS_IS)
MOVES(float, f32, SMALL)
MOVES(double, f64, SMALL)
MOVE(load_f32_i64, int64_t, float, AS_IS)
MOVE(load_f32_f64, double, float, AS_IS)
MOVE(store_i64_f32, float, int64_t, AS_IS)
MOVE(store_f64_f32, float, double, AS_IS)
MOVE(load_f16_i64, int64_t, uint16_t, FROM_HALF)
MOVE(load_f16_f64, double, uint16_t, FROM_HALF)
MOVE(store_i64_f16, uint16_t, int64_t, TO_HALF)
MOVE(store_f64_f16, uint16_t, double, TO_HALF)
MOVE(copy_1, uint8_t, uint8_t, AS_IS)
MOVE(copy_2, uint16_t, uint16_t, AS_IS)
MOVE(copy_8, uint64_t, uint64_t, AS_IS)

#define load_f32_f32 copy_4
#define store_f32_f32 copy_4

/* ---- the table ---------------------------------------------------------------------------------------------- */

#define LOADS(s)                                                                                                       \
    {                                                                                                                  \
        [FAC_BOOL] = load_bool_##s, [FAC_UINT8] = load_bool_##s, [FAC_INT8] = load_i8_##s, [FAC_INT16] = load_i16_##s, \
        [FAC_INT32] = load_i32_##s, [FAC_INT64] = load_i64_##s, [FAC_FLOAT16] = load_f16_##s,                          \
        [FAC_BFLOAT16] = load_bf16_##s, [FAC_FLOAT32] = load_f32_##s, [FAC_FLOAT64] = load_f64_##s                     \
    }
/* int8 and uint8 differ only in how they are read. */
#define STORES(s)                                                                                                      \
    {                                                                                                                  \
        [FAC_BOOL] = store_##s##_bool, [FAC_UINT8] = store_##s##_i8, [FAC_INT8] = store_##s##_i8,                      \
        [FAC_INT16] = store_##s##_i16, [FAC_INT32] = store_##s##_i32, [FAC_INT64] = store_##s##_i64,                   \
        [FAC_FLOAT16] = store_##s##_f16, [FAC_BFLOAT16] = store_##s##_bf16, [FAC_FLOAT32] = store_##s##_f32,           \
        [FAC_FLOAT64] = store_##s##_f64                                                                                \
    }

const fac__move_table FAC__ISA(fac__move_table) = {
    .load = {[FAC__I64] = LOADS(i64), [FAC__F32] = LOADS(f32), [FAC__F64] = LOADS(f64)},
    .store = {[FAC__I64] = STORES(i64), [FAC__F32] = STORES(f32), [FAC__F64] = STORES(f64)},
    .copy = {copy_1, copy_2, copy_4, copy_8},
};
