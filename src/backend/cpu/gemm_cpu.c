/* Floor 1. Matrix multiplication on the CPU: which way a problem takes, and how it is shared among threads. float and
 * double are multiplied in isa/gemm_body.h; half types pass through float in pieces; integers and bool take plain loops.
 * Knows nothing of tensors. */
#include "backend/cpu/gemm_one.h"
#include "backend/cpu/isa/gemm_tiny.h"
#include "backend/cpu/scratch.h"
#include "core/half.h"

#include <string.h>

static fac__gemm_args batch_entry(const fac__gemm_args *g, int64_t p)
{
    int64_t size = (int64_t)fac_dtype_size(g->dtype);
    fac__gemm_args one = *g;
    one.batch = 1;
    one.a = (const char *)g->a + p * g->a_batch * size;
    one.b = (const char *)g->b + p * g->b_batch * size;
    one.c = (char *)g->c + p * g->c_batch * size;
    return one;
}

/* Rows i.. and columns j.. of one matrix. */
static fac__gemm_args block(const fac__gemm_args *g, int64_t i, int64_t rows, int64_t j, int64_t columns)
{
    int64_t size = (int64_t)fac_dtype_size(g->dtype);
    fac__gemm_args part = *g;
    part.m = rows;
    part.n = columns;
    part.a = (const char *)g->a + i * g->a_row * size;
    part.b = (const char *)g->b + j * g->b_col * size;
    part.c = (char *)g->c + (i * g->c_row + j * g->c_col) * size;
    if (g->epilogue.bias) part.epilogue.bias = (const char *)g->epilogue.bias + j * size;
    return part;
}

/* ---- integers and bool ---- */

#define LOOPS(name, T, STORE, MADD)                                                                                    \
    static void name(const fac__gemm_args *g)                                                                          \
    {                                                                                                                  \
        for (int64_t i = 0; i < g->m; i++)                                                                             \
            for (int64_t j = 0; j < g->n; j++) {                                                                       \
                const T *a = (const T *)g->a + i * g->a_row, *b = (const T *)g->b + j * g->b_col;                      \
                T *c = (T *)g->c + i * g->c_row + j * g->c_col;                                                        \
                uint64_t sum = 0;                                                                                      \
                for (int64_t l = 0; l < g->k; l++)                                                                     \
                    sum = MADD(a[l * g->a_col], b[l * g->b_row], sum);                                                 \
                if (g->alpha != 1) sum *= (uint64_t)(int64_t)g->alpha;                                                 \
                if (g->beta != 0) sum += (uint64_t)(int64_t)g->beta * (uint64_t)*c;                                    \
                *c = STORE(sum);                                                                                       \
            }                                                                                                          \
    }
#define WRAP(x, y, s) ((uint64_t)(x) * (uint64_t)(y) + (s))
#define OR_AND(x, y, s) ((uint64_t)((s) || ((x) && (y))))
#define NOT_ZERO(x) ((x) != 0)
LOOPS(loops_bool, uint8_t, NOT_ZERO, OR_AND)
LOOPS(loops_uint8, uint8_t, (uint8_t), WRAP)
LOOPS(loops_int8, int8_t, (int8_t), WRAP)
LOOPS(loops_int16, int16_t, (int16_t), WRAP)
LOOPS(loops_int32, int32_t, (int32_t), WRAP)
LOOPS(loops_int64, int64_t, (int64_t), WRAP)

/* ---- float16 and bfloat16: in pieces of C that are summed in float over all of k and rounded once ---- */

enum { PIECE = 128 };

static float to_float(fac_dtype dtype, uint16_t h)
{
    return dtype == FAC_FLOAT16 ? fac__float16_to_float(h) : fac__bfloat16_to_float(h);
}

static void widen(fac_dtype dtype, const uint16_t *from, int64_t row, int64_t col, int64_t rows, int64_t cols,
                  float *to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            to[i * cols + j] = to_float(dtype, from[i * row + j * col]);
}

static void half_one(const fac__gemm_args *g)
{
    float *wide = fac__scratch(FAC__SCRATCH_GEMM_WIDE, 3 * PIECE * PIECE * sizeof(float)), few[3];
    int64_t side = wide ? PIECE : 1; /* no memory: one element at a time */
    float *a = wide ? wide : few, *b = a + side * side, *c = b + side * side;
    for (int64_t i = 0; i < g->m; i += side)
        for (int64_t j = 0; j < g->n; j += side) {
            int64_t m = g->m - i < side ? g->m - i : side, n = g->n - j < side ? g->n - j : side;
            for (int64_t l = 0, k; l < g->k || l == 0; l += k) {
                k = g->k - l < side ? g->k - l : side;
                if (k == 0) k = 1;
                fac__gemm_args w = {.dtype = FAC_FLOAT32,
                                    .batch = 1,
                                    .m = m,
                                    .n = n,
                                    .k = g->k ? k : 0,
                                    .a = a,
                                    .b = b,
                                    .c = c,
                                    .a_row = k,
                                    .a_col = 1,
                                    .b_row = n,
                                    .b_col = 1,
                                    .c_row = n,
                                    .c_col = 1,
                                    .alpha = 1,
                                    .beta = l ? 1 : 0};
                if (g->k) {
                    widen(g->dtype, (const uint16_t *)g->a + i * g->a_row + l * g->a_col, g->a_row, g->a_col, m, k, a);
                    widen(g->dtype, (const uint16_t *)g->b + l * g->b_row + j * g->b_col, g->b_row, g->b_col, k, n, b);
                }
                FAC__ISA_PICK(fac__gemm_one)(&w);
            }
            for (int64_t p = 0; p < m; p++)
                for (int64_t q = 0; q < n; q++) {
                    uint16_t *to = (uint16_t *)g->c + (i + p) * g->c_row + (j + q) * g->c_col;
                    float sum = (float)g->alpha * c[p * n + q];
                    if (g->beta != 0) sum += (float)g->beta * to_float(g->dtype, *to);
                    *to = g->dtype == FAC_FLOAT16 ? fac__float_to_float16(sum) : fac__float_to_bfloat16(sum);
                }
        }
}

/* ---- epilogues apart from the product, where isa/gemm_body.h does not do them ---- */

static void spread_bias(const fac__gemm_args *g)
{
    size_t size = fac_dtype_size(g->dtype);
    for (int64_t p = 0; p < g->batch; p++)
        for (int64_t i = 0; i < g->m; i++) {
            char *c = (char *)g->c + (p * g->c_batch + i * g->c_row) * (int64_t)size;
            const char *bias = g->epilogue.bias;
            if (g->c_col == 1 && g->epilogue.bias_step == 1)
                memcpy(c, bias, (size_t)g->n * size);
            else
                for (int64_t j = 0; j < g->n; j++)
                    memcpy(c + j * g->c_col * (int64_t)size, bias + j * g->epilogue.bias_step * (int64_t)size, size);
        }
}

#define EACH_OF_C(T, negative)                                                                                         \
    for (int64_t p = 0; p < g->batch; p++)                                                                             \
        for (int64_t i = 0; i < g->m; i++)                                                                             \
            for (int64_t j = 0; j < g->n; j++) {                                                                       \
                T *c = (T *)g->c + p * g->c_batch + i * g->c_row + j * g->c_col;                                       \
                if (negative) *c = 0;                                                                                  \
            }                                                                                                          \
    break
static void activate(const fac__gemm_args *g)
{
    switch (g->dtype) {
    case FAC_FLOAT32: EACH_OF_C(float, *c < 0);
    case FAC_FLOAT64: EACH_OF_C(double, *c < 0);
    case FAC_FLOAT16: /* by their bits: from below -0 to -infinity */
    case FAC_BFLOAT16: EACH_OF_C(uint16_t, *c > 0x8000 && *c <= (g->dtype == FAC_FLOAT16 ? 0xfc00 : 0xff80));
    case FAC_INT8: EACH_OF_C(int8_t, *c < 0);
    case FAC_INT16: EACH_OF_C(int16_t, *c < 0);
    case FAC_INT32: EACH_OF_C(int32_t, *c < 0);
    case FAC_INT64: EACH_OF_C(int64_t, *c < 0);
    default: break;
    }
}

static void product(const fac__gemm_args *g);

static void with_epilogue(const fac__gemm_args *g)
{
    bool wide = g->dtype == FAC_FLOAT32 || g->dtype == FAC_FLOAT64;
    if (wide && g->c_col == 1 && g->n > 1 && g->m > 1 && (!g->epilogue.bias || g->epilogue.bias_step == 1)) {
        product(g);
        return;
    }
    fac__gemm_args plain = *g;
    plain.epilogue = (fac__gemm_epilogue){0};
    if (g->epilogue.bias && g->beta != 0) spread_bias(g);
    product(&plain);
    if (g->epilogue.activation == FAC__GEMM_RELU) activate(g);
}

/* ---- sharing ---- */

static void one(const fac__gemm_args *g)
{
    switch (g->dtype) {
    case FAC_FLOAT32:
    case FAC_FLOAT64: FAC__ISA_PICK(fac__gemm_one)(g); break;
    case FAC_FLOAT16:
    case FAC_BFLOAT16: half_one(g); break;
    case FAC_BOOL: loops_bool(g); break;
    case FAC_UINT8: loops_uint8(g); break;
    case FAC_INT8: loops_int8(g); break;
    case FAC_INT16: loops_int16(g); break;
    case FAC_INT32: loops_int32(g); break;
    default: loops_int64(g);
    }
}

typedef struct grid {
    const fac__gemm_args *g;
    int64_t rows, columns; /* of a block */
    int64_t down, across;  /* blocks in a matrix */
} grid;

static void blocks(void *context, int64_t begin, int64_t end)
{
    const grid *s = context;
    for (int64_t p = begin; p < end; p++) {
        int64_t per = s->down * s->across, i = p % per / s->across * s->rows, j = p % s->across * s->columns;
        fac__gemm_args g = batch_entry(s->g, p / per);
        int64_t columns = p % s->across == s->across - 1 ? g.n - j : s->columns;
        g = block(&g, i, g.m - i < s->rows ? g.m - i : s->rows, j, columns);
        one(&g);
    }
}

/* Halves the longer side of a block, or the other, in steps that suit the tiles. */
static bool halve(grid *s)
{
    int64_t rows = (s->rows / 2 + 83) / 84 * 84, columns = (s->columns / 2 + 31) / 32 * 32;
    bool down = s->rows > 1 && rows < s->rows && (s->rows > s->columns || columns >= s->columns);
    if (down)
        s->rows = rows;
    else if (columns < s->columns)
        s->columns = columns;
    else
        return false;
    return true;
}

enum { BLOCK_WORK = 1 << 17 }; /* multiply-adds: no block is worth less than 2 us */

/* C^T = B^T A^T, whose rows are C's columns. */
static fac__gemm_args turn(const fac__gemm_args *g)
{
    fac__gemm_args t = *g;
    t.m = g->n, t.n = g->m;
    t.a = g->b, t.a_row = g->b_col, t.a_col = g->b_row, t.a_batch = g->b_batch;
    t.b = g->a, t.b_row = g->a_col, t.b_col = g->a_row, t.b_batch = g->a_batch;
    t.c_row = g->c_col, t.c_col = g->c_row;
    return t;
}

static void product(const fac__gemm_args *g)
{
    fac__gemm_args turned;
    if ((g->c_col != 1 && g->c_row == 1) || (g->n == 1 && g->m != 1)) {
        turned = turn(g);
        g = &turned;
    }
    double work = (double)g->m * (double)g->n * (double)(g->k + 1);
    if (!fac_dtype_is_floating(g->dtype)) work *= 16; /* plain loops are that much slower */
    if (work * (double)g->batch < 2 * BLOCK_WORK || fac__threads() == 1) {
        for (int64_t p = 0; p < g->batch; p++) {
            fac__gemm_args entry = batch_entry(g, p);
            one(&entry);
        }
        return;
    }
    grid s = {g, g->m, g->n, 1, 1};
    while (s.down * s.across * g->batch < 4 * fac__threads() && work / (double)(s.down * s.across) >= 2 * BLOCK_WORK &&
           halve(&s)) {
        s.down = (g->m + s.rows - 1) / s.rows;
        /* A vector's way, and so its rounding, goes by how many columns there are: none gets the few that are left. */
        s.across = g->m == 1 ? g->n / s.columns : (g->n + s.columns - 1) / s.columns;
    }
    int64_t items = g->batch * s.down * s.across,
            grain = 1 + (int64_t)(BLOCK_WORK * (double)(s.down * s.across) / work);
    fac__parallel(items, grain, blocks, &s);
}

static void run(const void *args)
{
    const fac__gemm_args *g = args;
    if (g->m <= 0 || g->n <= 0 || g->batch <= 0) return;
    if (g->epilogue.bias || g->epilogue.activation != FAC__GEMM_LINEAR)
        with_epilogue(g);
    else
        product(g);
}

/* Tiny products get the layout that suits them, and the loops for it. */
static size_t ready(const void *args, void *state)
{
    const fac__gemm_args *g = args;
    fac__gemm_args *r = state;
    if (g->dtype != FAC_FLOAT32 || g->batch != 1 || g->alpha == 0 || g->k > FAC__TINY_DEPTH || g->m * g->n <= 0 ||
        g->m * g->n * g->k > FAC__TINY_WORK || (g->c_col != 1 && g->c_row != 1 && g->n != 1))
        return 0;
    /* Either C or its transpose: what has contiguous rows, and need not bring B into order for it. */
    bool rows = g->c_col == 1 || g->n == 1, columns = g->c_row == 1 || g->m == 1, bias = g->epilogue.bias;
    if (bias && (!rows || (g->epilogue.bias_step != 1 && g->n > 1))) return 0;
    if (!r) return sizeof *r;
    bool turned = columns && !bias && (!rows || (g->b_col != 1 && g->a_row == 1) || (g->n == 1 && g->a_row == 1));
    *r = turned ? turn(g) : *g;
    return sizeof *r;
}

static void run_ready(const void *args, const void *state)
{
    (void)args;
    FAC__ISA_PICK(fac__gemm_tiny)(state);
}

static void gemm_memory(void *args, fac__memory *m)
{
    fac__gemm_args *g = args;
    if (g->alpha != 0) {
        FAC__READS(m, g->a);
        FAC__READS(m, g->b);
    }
    if (g->beta != 0) FAC__READS(m, g->epilogue.bias);
    if (g->beta == 0 || g->epilogue.bias)
        FAC__WRITES(m, g->c);
    else
        FAC__CHANGES(m, g->c);
}

const fac__kernel fac__k_gemm = {
    .name = "gemm", .run = {run}, .memory = gemm_memory, .ready = ready, .run_ready = run_ready};
