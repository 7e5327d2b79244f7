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

/* Elements as they are, by their sizes; what they mean does not matter. */
typedef uint8_t __attribute__((may_alias)) of_1;
typedef uint16_t __attribute__((may_alias)) of_2;
typedef uint32_t __attribute__((may_alias)) of_4;
typedef uint64_t __attribute__((may_alias)) of_8;

/* A run of elements one after the other. */
#define RUN_LOOP(name, T)                                                                                              \
    static inline void name##_run(T *restrict to, const T *restrict from, int64_t n)                                   \
    {                                                                                                                  \
        for (int64_t i = 0; i < n; i++)                                                                                \
            to[i] = from[i];                                                                                           \
    }

/* Moves a matrix whose columns lie in a row: elements are read (or written) in their order in memory. */
#define ACROSS_LOOP(name, T)                                                                                           \
    static inline void name##_across(T *restrict to, int64_t to_row, int64_t to_col, const T *restrict from,           \
                                     int64_t from_row, int64_t from_col, int64_t rows, int64_t cols)                   \
    {                                                                                                                  \
        for (int64_t c = 0; c < cols; c++)                                                                             \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                to[r * to_row + c * to_col] = from[r * from_row + c * from_col];                                       \
    }

/* The whole move out of these: rows that lie in a row, rows that repeat one element, columns that lie in a row, and
 * everything else. */
#define MOVE_LOOP(name, T)                                                                                             \
    static void name(void *to_, int64_t to_row, int64_t to_col, const void *from_, int64_t from_row, int64_t from_col, \
                     int64_t rows, int64_t cols)                                                                       \
    {                                                                                                                  \
        T *to = to_;                                                                                                   \
        const T *from = from_;                                                                                         \
        if (to_col == 1 && from_col == 1) {                                                                            \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                name##_run(to + r * to_row, from + r * from_row, cols);                                                \
        } else if (to_col == 1 && from_col == 0) {                                                                     \
            for (int64_t r = 0; r < rows; r++) {                                                                       \
                const T value = from[r * from_row];                                                                    \
                for (int64_t c = 0; c < cols; c++)                                                                     \
                    to[r * to_row + c] = value;                                                                        \
            }                                                                                                          \
        } else if (rows > 1 && (from_row == 1 || to_row == 1)) {                                                       \
            name##_across(to, to_row, to_col, from, from_row, from_col, rows, cols);                                   \
        } else {                                                                                                       \
            for (int64_t r = 0; r < rows; r++)                                                                         \
                for (int64_t c = 0; c < cols; c++)                                                                     \
                    to[r * to_row + c * to_col] = from[r * from_row + c * from_col];                                   \
        }                                                                                                              \
    }
#define MOVE(name, T) RUN_LOOP(name, T) ACROSS_LOOP(name, T) MOVE_LOOP(name, T)

/* Elements of four bytes without conversion, the case that matters most (transposed float matrices), go 8 x 8 at a time
 * through registers. */
ACROSS_LOOP(plain_4, of_4)
static void transpose_4(of_4 *to, int64_t to_row, const of_4 *from, int64_t from_col, int64_t rows, int64_t cols)
{
    int64_t r8 = rows / 8 * 8, c8 = cols / 8 * 8;
    for (int64_t r = 0; r < r8; r += 8)
        for (int64_t c = 0; c < c8; c += 8)
            transpose_8x8(to + r * to_row + c, to_row, from + r + c * from_col, from_col);
    plain_4_across(to + r8 * to_row, to_row, 1, from + r8, 1, from_col, rows - r8, cols);
    plain_4_across(to + c8, to_row, 1, from + c8 * from_col, 1, from_col, r8, cols - c8);
}
RUN_LOOP(copy_4, of_4)
static void copy_4_across(of_4 *to, int64_t to_row, int64_t to_col, const of_4 *from, int64_t from_row,
                          int64_t from_col, int64_t rows, int64_t cols)
{
    if (to_col == 1 && from_row == 1)
        transpose_4(to, to_row, from, from_col, rows, cols);
    else if (to_row == 1 && from_col == 1)
        transpose_4(to, to_col, from, from_row, cols, rows);
    else
        plain_4_across(to, to_row, to_col, from, from_row, from_col, rows, cols);
}
MOVE_LOOP(copy_4, of_4)
MOVE(copy_1, of_1)
MOVE(copy_2, of_2)
MOVE(copy_8, of_8)

/* ---- conversions -------------------------------------------------------------------------------------------- */

/* A conversion is a loop over a run of elements; what does not lie in a row is brought into one, a block at a time. (Loops of
 * their own for every way to lie would be most of a small program.) */
typedef void (*run_loop)(void *to, const void *from, int64_t n);

/* A function of which there is to be one copy, and not one for each of those that call it. */
#if defined(__clang__)
#define ONE_COPY __attribute__((noinline))
#else
#define ONE_COPY __attribute__((noinline, noclone))
#endif

static ONE_COPY void convert(run_loop run, void *to_, size_t to_size, int64_t to_row, int64_t to_col, const void *from_,
                             size_t from_size, int64_t from_row, int64_t from_col, int64_t rows, int64_t cols)
{
    static const fac__move_loop copies[] = {[1] = copy_1, [2] = copy_2, [4] = copy_4, [8] = copy_8};
    enum { BLOCK = 256 };
    char *to = to_;
    const char *from = from_;
    if (cols == 1) { /* a column is a row */
        cols = rows, to_col = to_row, from_col = from_row;
        rows = 1;
    }
    if (cols == 1 || (to_col == 1 && from_col == 1)) {
        for (int64_t r = 0; r < rows; r++)
            run(to + r * to_row * (int64_t)to_size, from + r * from_row * (int64_t)from_size, cols);
        return;
    }
    char gathered[8 * BLOCK] __attribute__((aligned(64))), converted[8 * BLOCK] __attribute__((aligned(64)));
    if (from_row == 0 && from_col == 0) {
        run(converted, from, 1);
        copies[to_size](to, to_row, to_col, converted, 0, 0, rows, cols);
        return;
    }
    int64_t wide = cols < 16 ? cols : rows < 16 ? BLOCK / rows : 16, high = BLOCK / wide;
    for (int64_t r = 0; r < rows; r += high)
        for (int64_t c = 0; c < cols; c += wide) {
            int64_t h = rows - r < high ? rows - r : high, w = cols - c < wide ? cols - c : wide;
            copies[from_size](gathered, w, 1, from + (r * from_row + c * from_col) * (int64_t)from_size, from_row,
                              from_col, h, w);
            run(converted, gathered, h * w);
            copies[to_size](to + (r * to_row + c * to_col) * (int64_t)to_size, to_row, to_col, converted, w, 1, h, w);
        }
}

#define CONVERT_BY(name, To, From)                                                                                     \
    static void name(void *to, int64_t to_row, int64_t to_col, const void *from, int64_t from_row, int64_t from_col,   \
                     int64_t rows, int64_t cols)                                                                       \
    {                                                                                                                  \
        convert(name##_run, to, sizeof(To), to_row, to_col, from, sizeof(From), from_row, from_col, rows, cols);       \
    }
#define CONVERT(name, To, From, as)                                                                                    \
    static void name##_run(void *to_, const void *from_, int64_t n)                                                    \
    {                                                                                                                  \
        To *restrict to = to_;                                                                                         \
        const From *restrict from = from_;                                                                             \
        for (int64_t i = 0; i < n; i++)                                                                                \
            to[i] = (To)(as(from[i]));                                                                                 \
    }                                                                                                                  \
    CONVERT_BY(name, To, From)

#define AS_IS(x) x
#define TRUTH(x) ((x) != 0)
#define SMALL(x)                                                                                                       \
    ((int32_t)(x)) /* floats go to the narrow integers by way of int32: it vectorises, and wraps as PyTorch's do */
#define FROM_HALF(x) fac__float16_to_float(x)
#define FROM_BF16(x) fac__bfloat16_to_float(x)
#define TO_HALF(x) fac__float_to_float16((float)(x))
#define TO_BF16(x) fac__float_to_bfloat16((float)(x))

/* Every dtype into a compute type and back; `narrow` is how that type becomes an integer of 32 bits or less. */
#define CONVERSIONS(T, s, narrow)                                                                                      \
    CONVERT(load_bool_##s, T, uint8_t, AS_IS)                                                                          \
    CONVERT(load_i8_##s, T, int8_t, AS_IS)                                                                             \
    CONVERT(load_i16_##s, T, int16_t, AS_IS)                                                                           \
    CONVERT(load_i32_##s, T, int32_t, AS_IS)                                                                           \
    CONVERT(store_##s##_bool, uint8_t, T, TRUTH)                                                                       \
    CONVERT(store_##s##_i8, int8_t, T, narrow)                                                                         \
    CONVERT(store_##s##_i16, int16_t, T, narrow)                                                                       \
    CONVERT(store_##s##_i32, int32_t, T, narrow)
CONVERSIONS(int64_t, i64, AS_IS)
CONVERSIONS(float, f32, SMALL)
CONVERSIONS(double, f64, SMALL)
CONVERT(load_i64_f32, float, int64_t, AS_IS)
CONVERT(load_i64_f64, double, int64_t, AS_IS)
CONVERT(load_f32_i64, int64_t, float, AS_IS)
CONVERT(load_f32_f64, double, float, AS_IS)
CONVERT(load_f64_i64, int64_t, double, AS_IS)
CONVERT(load_f64_f32, float, double, AS_IS)
CONVERT(load_bf16_f32, float, uint16_t, FROM_BF16)
CONVERT(store_f32_bf16, uint16_t, float, TO_BF16)
#define store_f32_i64 load_f32_i64 /* what one loads the other stores */
#define store_f64_i64 load_f64_i64
#define store_i64_f32 load_i64_f32
#define store_f64_f32 load_f64_f32
#define store_i64_f64 load_i64_f64
#define store_f32_f64 load_f32_f64
#define load_i64_i64 copy_8
#define load_f32_f32 copy_4
#define load_f64_f64 copy_8
#define store_i64_i64 copy_8
#define store_f32_f32 copy_4
#define store_f64_f64 copy_8

#if defined(__F16C__)
static void load_f16_f32_run(void *to_, const void *from_, int64_t n)
{
    float *restrict to = to_;
    const uint16_t *restrict from = from_;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + i))));
    for (; i < n; i++)
        to[i] = _cvtsh_ss(from[i]);
}
static void store_f32_f16_run(void *to_, const void *from_, int64_t n)
{
    uint16_t *restrict to = to_;
    const float *restrict from = from_;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        to[i] = _cvtss_sh(from[i], _MM_FROUND_TO_NEAREST_INT);
}
CONVERT_BY(load_f16_f32, float, uint16_t)
CONVERT_BY(store_f32_f16, uint16_t, float)
#else
CONVERT(load_f16_f32, float, uint16_t, FROM_HALF)
CONVERT(store_f32_f16, uint16_t, float, TO_HALF)
#endif

/* Elements of 16 bits become integers and doubles, and these become such elements, by way of float. */
static ONE_COPY void by_float(run_loop first, size_t from_size, run_loop second, size_t to_size, void *to,
                              const void *from, int64_t n)
{
    enum { BLOCK = 256 };
    float block[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t m = n - i < BLOCK ? n - i : BLOCK;
        first(block, (const char *)from + i * (int64_t)from_size, m);
        second((char *)to + i * (int64_t)to_size, block, m);
    }
}
#define BY_FLOAT(name, To, From, first, second)                                                                        \
    static void name##_run(void *to, const void *from, int64_t n)                                                      \
    {                                                                                                                  \
        by_float(first##_run, sizeof(From), second##_run, sizeof(To), to, from, n);                                    \
    }                                                                                                                  \
    CONVERT_BY(name, To, From)
BY_FLOAT(load_f16_i64, int64_t, uint16_t, load_f16_f32, load_f32_i64)
BY_FLOAT(load_f16_f64, double, uint16_t, load_f16_f32, load_f32_f64)
BY_FLOAT(load_bf16_i64, int64_t, uint16_t, load_bf16_f32, load_f32_i64)
BY_FLOAT(load_bf16_f64, double, uint16_t, load_bf16_f32, load_f32_f64)
BY_FLOAT(store_i64_f16, uint16_t, int64_t, load_i64_f32, store_f32_f16)
BY_FLOAT(store_f64_f16, uint16_t, double, load_f64_f32, store_f32_f16)
BY_FLOAT(store_i64_bf16, uint16_t, int64_t, load_i64_f32, store_f32_bf16)
BY_FLOAT(store_f64_bf16, uint16_t, double, load_f64_f32, store_f32_bf16)

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
