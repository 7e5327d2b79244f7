/* Floor 1. The heart of gemm and convolution, for the type T that the includer has defined: a tile of MR rows and NV
 * vectors of columns stays in registers while k runs. Per step it reads NV vectors of b and MR single values of a.
 * Included once for each T; MR and NV are constants wherever it is called, so all its loops unroll. */
#include "backend/cpu/isa/gemm_vector.h"

#ifndef TILE_NAMES
#define TILE_NAMES
#define TILE_JOIN2(a, b) a##_##b
#define TILE_JOIN(a, b) TILE_JOIN2(a, b)
#define NAME(x) TILE_JOIN(x, T) /* panel -> panel_float */
#define V NAME(v)
#define U NAME(u)
#define I NAME(i)
#define L LANES(T)
#define SPLAT(x) ((x) - (V){0}) /* x - 0 is x, for -0 too */
#define LOAD(p) ((V) * (const U *)(p))
#define STORE(p, v) (*(U *)(p) = (v))
/* Rows of the largest tile of two vectors: what the registers hold. */
#if defined(__AVX512F__)
#define MR_MAX 14
#elif defined(__aarch64__)
#define MR_MAX 12
#else
#define MR_MAX 6
#endif
#define NV_MAX 2
/* Runs X(mr) for mr = 1..MR_MAX. */
#if MR_MAX == 6
#define EACH_MR(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define EACH_MR_8 EACH_MR /* at most 8 */
#elif MR_MAX == 12
#define EACH_MR(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#else
#define EACH_MR(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#endif
#if MR_MAX > 6
#define EACH_MR_8(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#endif
#endif

INLINE void NAME(clear)(const int MR, const int NV, V acc[MR_MAX][NV_MAX])
{
    UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++) acc[i][j] = (V){0};
}

/* acc[i][j] += a[i * a_row] * bv[j]. */
INLINE void NAME(multiply_add)(const int MR, const int NV, const T *a, int64_t a_row, const V bv[NV_MAX],
                               V acc[MR_MAX][NV_MAX])
{
    UNROLL for (int i = 0; i < MR; i++)
    {
        V av = SPLAT(a[i * a_row]);
        UNROLL for (int j = 0; j < NV; j++) acc[i][j] = NAME(fma)(av, bv[j], acc[i][j]);
    }
}

/* acc[i][j] += a[i * a_row + l * a_col] * b[l * b_row + j * L ...] for l = 0..k-1, in this order.
 * part: 0, or how many lanes of the last vector of b there are. */
INLINE void NAME(accumulate)(const int MR, const int NV, int part, int64_t k, const T *a, int64_t a_row, int64_t a_col,
                             const T *b, int64_t b_row, V acc[MR_MAX][NV_MAX])
{
    for (int64_t l = 0; l < k; l++, a += a_col, b += b_row) {
        V bv[NV_MAX];
        UNROLL for (int j = 0; j < NV; j++) bv[j] = part && j == NV - 1 ? NAME(load_part)(b + j * L, part)
                                                                        : LOAD(b + j * L);
        NAME(multiply_add)(MR, NV, a, a_row, bv, acc);
    }
}

/* to[j * to_step + i] = from[i * from_step + j] for i < rows, j < columns. Squares at the edges overlap; two side by
 * side read whole lines of the cache, for from's rows may be such that only a few lines of them stay there. */
static void NAME(transpose)(const T *from, int64_t from_step, int64_t rows, int64_t columns, T *to, int64_t to_step)
{
    const int64_t s = NAME(SQUARE);
    if (rows < s || columns < s) {
        for (int64_t j = 0; j < columns; j++)
            for (int64_t i = 0; i < rows; i++)
                to[j * to_step + i] = from[i * from_step + j];
        return;
    }
    const int64_t line = 64 / (int64_t)sizeof(T);
    for (int64_t block = 0; block < rows; block += line)
        for (int64_t j = 0; j < columns; j += 2 * s) {
            int64_t left = j <= columns - s ? j : columns - s, right = j <= columns - 2 * s ? j + s : columns - s;
            for (int64_t i = block; i < rows && i < block + line; i += s) {
                if (i > rows - s) i = rows - s;
                NAME(transpose_square)(from + i * from_step + left, from_step, to + left * to_step + i, to_step);
                if (right > left)
                    NAME(transpose_square)(from + i * from_step + right, from_step, to + right * to_step + i, to_step);
            }
        }
}
