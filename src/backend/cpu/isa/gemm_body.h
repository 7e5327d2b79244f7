/* Floor 1. Matrix multiplication on one thread for the type T (gemm_kernels.c includes this for float and double), with tiles
 * of up to ROWS rows, which EACH_ROWS lists.
 *
 * C is cut into tiles. A tile reads A where it lies, or from a packed copy when its rows are too far apart to stay in
 * the first-level cache, and B in panels of W columns: where it lies if its rows are contiguous and few tiles read them,
 * else packed. k is cut into blocks of at most KC so that a panel stays near; every element adds in the same order
 * whatever way its tile takes, so results depend on nothing but the numbers. */
#include "backend/cpu/isa/gemm_tile.h"

#ifndef GEMM_SIZES
#define GEMM_SIZES
enum { KC = 320, MC = 12 * MR_MAX, NC = 512 };
/* Tiles of many rows have time to bring near what comes next: 5 % where a wide B is packed. It slows small ones down. */
enum { LOOKS_AHEAD = MR_MAX > 6 };
#define LINE (64 / (int64_t)sizeof(T)) /* of the cache */
#endif

typedef struct NAME(tiling) {
    int64_t k, a_row, a_col, b_row, c_row;
    int part;
    T alpha, beta;
    const T *bias; /* in place of C in beta * C; NULL: none */
    bool relu;
    const T *ahead; /* comes near meanwhile, a line of the cache for each of k */
    int64_t ahead_step;
} NAME(tiling);
typedef void (*NAME(tile_function))(const NAME(tiling) * t, const T *a, const T *b, T *c);

INLINE void NAME(tile)(const int MR, const int NV, const bool PART, const NAME(tiling) * t, const T *a, const T *b,
                       T *c)
{
    V acc[MR_MAX][NV_MAX];
    NAME(clear)(MR, NV, acc);
    if (t->beta != 0) UNROLL for (int i = 0; i < MR; i++)
        {
            __builtin_prefetch(c + i * t->c_row, 1);
            if (NV == 2) __builtin_prefetch(c + i * t->c_row + 2 * L - 1, 1);
        }
    if (LOOKS_AHEAD && NV == 2) {
        const T *ahead = t->ahead;
        for (int64_t l = 0; l < t->k; l++, a += t->a_col, b += t->b_row, ahead += t->ahead_step) {
            __builtin_prefetch(ahead);
            NAME(accumulate)(MR, NV, 0, 1, a, t->a_row, t->a_col, b, t->b_row, acc);
        }
    } else {
        NAME(accumulate)(MR, NV, PART ? t->part : 0, t->k, a, t->a_row, t->a_col, b, t->b_row, acc);
    }
    V alpha = SPLAT(t->alpha), beta = SPLAT(t->beta);
    const T *before = t->bias ? t->bias : c;
    int64_t before_row = t->bias ? 0 : t->c_row;
    UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++)
    {
        const T *p = before + i * before_row + j * L;
        if (t->beta == 0)
            acc[i][j] *= alpha;
        else
            acc[i][j] = NAME(fma)(acc[i][j], alpha, (PART ? NAME(load_part)(p, t->part) : LOAD(p)) * beta);
    }
    if (t->relu)
        UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++) acc[i][j] = NAME(relu)(acc[i][j]);
    UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++)
    {
        T *p = c + i * t->c_row + j * L;
        if (PART)
            NAME(store_part)(p, acc[i][j], t->part);
        else
            STORE(p, acc[i][j]);
    }
}
#define TILE(MR, NV, PART, name)                                                                                       \
    static void name(const NAME(tiling) * t, const T *a, const T *b, T *c)                                             \
    {                                                                                                                  \
        NAME(tile)(MR, NV, PART, t, a, b, c);                                                                          \
    }
#define TILES(MR)                                                                                                      \
    TILE(MR, 2, false, NAME(tile_two_##MR))                                                                            \
    TILE(MR, 1, false, NAME(tile_one_##MR))                                                                            \
    TILE(MR, 1, true, NAME(tile_part_##MR))
EACH_ROWS(TILES)
#undef TILE
#undef TILES

enum { NAME(TWO), NAME(ONE), NAME(PART) };
static const NAME(tile_function) NAME(tiles)[3][ROWS + 1] = {
#define ENTRY(MR) [MR] = NAME(tile_two_##MR),
    {EACH_ROWS(ENTRY)},
#undef ENTRY
#define ENTRY(MR) [MR] = NAME(tile_one_##MR),
    {EACH_ROWS(ENTRY)},
#undef ENTRY
#define ENTRY(MR) [MR] = NAME(tile_part_##MR),
    {EACH_ROWS(ENTRY)},
#undef ENTRY
};

/* Columns j.. of a matrix of n as one step of tiles: two vectors, one, or a part of one. */
INLINE int NAME(panel_kind)(int64_t left)
{
    return left >= 2 * L ? NAME(TWO) : left >= L ? NAME(ONE) : NAME(PART);
}
INLINE int64_t NAME(panel_width)(int64_t left)
{
    return left >= 2 * L ? 2 * L : left >= L ? L : left;
}

/* Panel [k][width] of B, contiguous. */
static void NAME(pack_b)(const T *b, int64_t b_row, int64_t b_col, int64_t k, int64_t width, T *to)
{
    if (b_col == 1) {
        if (width == 2 * L)
            for (int64_t l = 0; l < k; l++, b += b_row, to += 2 * L) {
                V v0 = LOAD(b), v1 = LOAD(b + L);
                STORE(to, v0);
                STORE(to + L, v1);
            }
        else
            for (int64_t l = 0; l < k; l++)
                memcpy(to + l * width, b + l * b_row, (size_t)width * sizeof(T));
    } else if (b_row == 1) {
        NAME(transpose)(b, b_col, width, k, to, width);
    } else {
        for (int64_t l = 0; l < k; l++)
            for (int64_t j = 0; j < width; j++)
                to[l * width + j] = b[l * b_row + j * b_col];
    }
}

/* [k][rows] of A, contiguous. */
static void NAME(pack_a)(const T *a, int64_t a_row, int64_t a_col, int64_t k, int64_t rows, T *to)
{
    NAME(pack_b)(a, a_col, a_row, k, rows, to);
}

/* C of any layout: a tile goes to a small square first. */
static void NAME(scatter)(const NAME(tiling) * t, NAME(tile_function) tile, int64_t rows, int64_t width, const T *a,
                          const T *b, T *c, int64_t c_row, int64_t c_col)
{
    T square[MR_MAX * NV_MAX * L];
    NAME(tiling) plain = *t;
    plain.c_row = NV_MAX * L;
    plain.alpha = 1;
    plain.beta = 0;
    tile(&plain, a, b, square);
    for (int64_t j = 0; j < width; j++)
        for (int64_t i = 0; i < rows; i++) {
            T *p = c + i * c_row + j * c_col;
            T sum = square[i * NV_MAX * L + j];
            *p = t->beta == 0 ? t->alpha * sum : NAME(FMA1)(sum, t->alpha, *p * t->beta);
        }
}

/* ---- a vector times a matrix: as fast as the matrix comes from memory ---- */

INLINE void NAME(put)(const fac__gemm_args *g, int64_t j, T sum)
{
    T *c = (T *)g->c + j * g->c_col;
    *c = g->beta == 0 ? (T)g->alpha * sum : NAME(FMA1)(sum, (T)g->alpha, *c * (T)g->beta);
}

/* Rows of B contiguous: eight of them at a time are added to a strip of sums. */
static void NAME(vector_rows)(const fac__gemm_args *g)
{
    enum { STRIP = 2048 };
    const T *a = g->a;
    T sums[STRIP];
    for (int64_t first = 0; first < g->n; first += STRIP) {
        int64_t n = g->n - first < STRIP ? g->n - first : STRIP, l = 0;
        memset(sums, 0, (size_t)n * sizeof(T));
        for (; l + 8 <= g->k; l += 8) {
            const T *b = (const T *)g->b + first + l * g->b_row;
            int64_t j = 0;
            for (; j + L <= n; j += L) {
                V sum = LOAD(sums + j);
                UNROLL for (int r = 0; r < 8; r++)
                    sum = NAME(fma)(SPLAT(a[(l + r) * g->a_col]), LOAD(b + r * g->b_row + j), sum);
                STORE(sums + j, sum);
            }
            for (; j < n; j++)
                for (int r = 0; r < 8; r++)
                    sums[j] = NAME(FMA1)(a[(l + r) * g->a_col], b[r * g->b_row + j], sums[j]);
        }
        for (; l < g->k; l++)
            for (int64_t j = 0; j < n; j++)
                sums[j] = NAME(FMA1)(a[l * g->a_col], ((const T *)g->b)[first + l * g->b_row + j], sums[j]);
        for (int64_t j = 0; j < n; j++)
            NAME(put)(g, first + j, sums[j]);
    }
}

/* Columns of B contiguous: sums in 2 * L lanes (these are not in order of k), four columns at a time. */
static void NAME(vector_columns)(const fac__gemm_args *g)
{
    const T *a = g->a;
    for (int64_t j = 0; j < g->n; j += 4) {
        int columns = g->n - j < 4 ? (int)(g->n - j) : 4;
        const T *b[4];
        for (int r = 0; r < 4; r++)
            b[r] = (const T *)g->b + (j + (r < columns ? r : 0)) * g->b_col;
        V sum[4][2] = {0};
        int64_t l = 0;
        for (; l + 2 * L <= g->k; l += 2 * L) {
            V a0 = LOAD(a + l), a1 = LOAD(a + l + L);
            UNROLL for (int r = 0; r < 4; r++)
            {
                sum[r][0] = NAME(fma)(a0, LOAD(b[r] + l), sum[r][0]);
                sum[r][1] = NAME(fma)(a1, LOAD(b[r] + l + L), sum[r][1]);
            }
        }
        for (int r = 0; r < columns; r++) {
            V both = sum[r][0] + sum[r][1];
            T lane[L], total = 0;
            STORE(lane, both);
            for (int half = L / 2; half; half /= 2)
                for (int i = 0; i < half; i++)
                    lane[i] += lane[i + half];
            for (int64_t rest = l; rest < g->k; rest++)
                total = NAME(FMA1)(a[rest], b[r][rest], total);
            NAME(put)(g, j + r, lane[0] + total);
        }
    }
}

/* ---- a matrix times a matrix ---- */

/* The next block of k: halves where two full ones do not fit any more, as OpenBLAS's level-3 driver cuts it. */
static int64_t NAME(block_of_k)(int64_t left)
{
    return left >= 2 * KC ? KC : left > KC ? (left / 2 + 15) / 16 * 16 : left;
}

/* An epilogue is for rows of C that are contiguous, and not for a vector times a matrix. */
static void NAME(multiply)(const fac__gemm_args *g)
{
    const T *a = g->a, *b = g->b;
    T *c = g->c;
    int64_t m = g->m, n = g->n, k = g->alpha == 0 ? 0 : g->k;
    if (m == 1 && k > 0 && n * k > 1 << 13) {
        if (g->b_col == 1) {
            NAME(vector_rows)(g);
            return;
        }
        if (g->b_row == 1 && g->a_col == 1 && n * k > 1 << 14) {
            NAME(vector_columns)(g);
            return;
        }
    }
    int64_t kc_max = k < KC ? k : KC;
    /* Rows that are whole pages apart share a few lines of the cache and throw each other out. */
    const int64_t page = 4096 / (int64_t)sizeof(T);
    bool pack_b = g->b_col != 1 || (m > 8 * MR_MAX && k > 16 && g->b_row >= page);
    bool pack_a = g->a_row != 1 && g->a_row % page == 0 && n > 2 * 2 * L && k > 16;
    T *b_packed = pack_b ? fac__scratch(FAC__SCRATCH_GEMM_B, (size_t)((n < NC ? n : NC) * kc_max) * sizeof(T)) : NULL;
    T *a_packed = pack_a ? fac__scratch(FAC__SCRATCH_GEMM_A, (size_t)((m < MC ? m : MC) * kc_max) * sizeof(T)) : NULL;
    T b_small[8 * 2 * L];
    if (pack_b && !b_packed) {
        if (g->b_col == 1)
            pack_b = false;
        else
            b_packed = b_small, kc_max = 8; /* no memory: slow, and rounded otherwise */
    }
    int64_t nc_max = b_packed == b_small ? 2 * L : NC;
    if (pack_a && !a_packed) pack_a = false;

    for (int64_t l = 0, kc; l < k || l == 0; l += kc) {
        kc = kc_max < 16 ? (k - l < kc_max ? k - l : kc_max) : NAME(block_of_k)(k - l);
        NAME(tiling) t = {.k = kc, .c_row = g->c_row, .alpha = (T)g->alpha, .beta = l ? 1 : (T)g->beta};
        const T *bias = l ? NULL : g->epilogue.bias;
        t.relu = l + kc >= k && g->epilogue.activation == FAC__GEMM_RELU;
        for (int64_t jc = 0; jc < n; jc += nc_max) {
            int64_t nc = n - jc < nc_max ? n - jc : nc_max;
            for (int64_t ic = 0; ic < m; ic += MC) {
                int64_t mc = m - ic < MC ? m - ic : MC;
                int64_t panels = (mc + ROWS - 1) / ROWS;
                for (int64_t j = 0, width; j < nc; j += width) {
                    width = NAME(panel_width)(nc - j);
                    const NAME(tile_function) *tiles = NAME(tiles)[NAME(panel_kind)(nc - j)];
                    t.part = (int)width;
                    t.bias = bias ? bias + jc + j : NULL;
                    const T *bp = b + l * g->b_row + (jc + j) * g->b_col;
                    t.b_row = g->b_row;
                    if (pack_b) {
                        T *to = b_packed + j * kc;
                        if (ic == 0) NAME(pack_b)(bp, g->b_row, g->b_col, kc, width, to);
                        bp = to;
                        t.b_row = width;
                    }
                    const T *next = NULL;
                    if (pack_b && g->b_col == 1 && ic == 0 && nc - j >= 4 * L)
                        next = b + l * g->b_row + (jc + j + width) * g->b_col;
                    for (int64_t p = 0; p < panels; p++) {
                        int64_t i = p * mc / panels, rows = (p + 1) * mc / panels - i;
                        if (next && p * LINE <= 2 * L)
                            t.ahead = next + (p * LINE < 2 * L ? p * LINE : 2 * L - 1), t.ahead_step = g->b_row;
                        else
                            t.ahead = bp, t.ahead_step = 0;
                        const T *ap = a + (ic + i) * g->a_row + l * g->a_col;
                        t.a_row = g->a_row;
                        t.a_col = g->a_col;
                        if (pack_a) {
                            T *to = a_packed + i * kc;
                            if (j == 0) NAME(pack_a)(ap, g->a_row, g->a_col, kc, rows, to);
                            ap = to;
                            t.a_row = 1;
                            t.a_col = rows;
                        }
                        T *cp = c + (ic + i) * g->c_row + (jc + j) * g->c_col;
                        if (g->c_col == 1)
                            tiles[rows](&t, ap, bp, cp);
                        else
                            NAME(scatter)(&t, tiles[rows], rows, width, ap, bp, cp, g->c_row, g->c_col);
                    }
                }
            }
        }
        if (k == 0) break;
    }
}
