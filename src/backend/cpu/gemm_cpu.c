/* Floor 1. Matrix multiplication on the CPU: which of the ways a problem takes. Knows nothing of tensors. */
#include "backend/gemm.h"
#include "core/half.h"

/* Straight loops for any dtype and any strides; W is the type that adds. */
#define LOOPS(name, T, W, LOAD, STORE, MADD)                                                                           \
    static void name(const fac__gemm_args *g)                                                                          \
    {                                                                                                                  \
        for (int64_t p = 0; p < g->batch; p++)                                                                         \
            for (int64_t i = 0; i < g->m; i++)                                                                         \
                for (int64_t j = 0; j < g->n; j++) {                                                                   \
                    const T *a = (const T *)g->a + p * g->a_batch + i * g->a_row;                                      \
                    const T *b = (const T *)g->b + p * g->b_batch + j * g->b_col;                                      \
                    T *c = (T *)g->c + p * g->c_batch + i * g->c_row + j * g->c_col;                                   \
                    W sum = 0;                                                                                         \
                    for (int64_t l = 0; l < g->k; l++)                                                                 \
                        sum = MADD(LOAD(a[l * g->a_col]), LOAD(b[l * g->b_row]), sum);                                 \
                    if (g->alpha != 1) sum *= (W)g->alpha;                                                             \
                    if (g->beta != 0) sum += (W)g->beta * (W)LOAD(*c);                                                 \
                    *c = STORE(sum);                                                                                   \
                }                                                                                                      \
    }
#define SAME(x) (x)
#define MULTIPLY_ADD(x, y, s) ((x) * (y) + (s))
#define WRAP(x, y, s) ((uint64_t)(x) * (uint64_t)(y) + (s))
#define OR_AND(x, y, s) ((uint64_t)((s) | ((x) && (y))))
#define NOT_ZERO(x) ((x) != 0)
LOOPS(loops_bool, uint8_t, uint64_t, SAME, NOT_ZERO, OR_AND)
LOOPS(loops_uint8, uint8_t, uint64_t, SAME, (uint8_t), WRAP)
LOOPS(loops_int8, int8_t, uint64_t, SAME, (int8_t), WRAP)
LOOPS(loops_int16, int16_t, uint64_t, SAME, (int16_t), WRAP)
LOOPS(loops_int32, int32_t, uint64_t, SAME, (int32_t), WRAP)
LOOPS(loops_int64, int64_t, uint64_t, SAME, (int64_t), WRAP)
LOOPS(loops_float16, uint16_t, float, fac__float16_to_float, fac__float_to_float16, MULTIPLY_ADD)
LOOPS(loops_bfloat16, uint16_t, float, fac__bfloat16_to_float, fac__float_to_bfloat16, MULTIPLY_ADD)
LOOPS(loops_float32, float, float, SAME, SAME, MULTIPLY_ADD)
LOOPS(loops_float64, double, double, SAME, SAME, MULTIPLY_ADD)

static void run(const void *args)
{
    static void (*const loops[FAC_DTYPE_COUNT])(const fac__gemm_args *) = {
        [FAC_BOOL] = loops_bool,       [FAC_UINT8] = loops_uint8,       [FAC_INT8] = loops_int8,
        [FAC_INT16] = loops_int16,     [FAC_INT32] = loops_int32,       [FAC_INT64] = loops_int64,
        [FAC_FLOAT16] = loops_float16, [FAC_BFLOAT16] = loops_bfloat16, [FAC_FLOAT32] = loops_float32,
        [FAC_FLOAT64] = loops_float64};
    const fac__gemm_args *g = args;
    loops[g->dtype](g);
}

const fac__kernel fac__k_gemm = {"gemm", {run}};
