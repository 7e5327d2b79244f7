/* Floor 1. Tiny products (gemm_tiny.h): strips of C as wide as a vector, four rows at a time, nothing packed unless the
 * columns of B are contiguous. */
#include "backend/cpu/isa/gemm_tiny.h"

#include "backend/cpu/isa/gemm_vector.h"

enum { LANES_ = LANES(float) };

INLINE v_float load_row(const float *b, int width)
{
    if (width == LANES_) return *(const u_float *)(const void *)b;
    return load_part_float(b, width);
}

INLINE void rows_of(const int ROWS, const fac__gemm_args *g, const float *a, const float *b, int64_t b_row, float *c,
                    const float *before, int64_t before_row, int width)
{
    v_float acc[4] = {{0}};
    for (int64_t l = 0; l < g->k; l++) {
        v_float row = load_row(b + l * b_row, width);
        UNROLL for (int i = 0; i < ROWS; i++)
        {
            float x = a[i * g->a_row + l * g->a_col];
            acc[i] = fma_float((v_float){0} + x, row, acc[i]);
        }
    }
    v_float alpha = (v_float){0} + (float)g->alpha, beta = (v_float){0} + (float)g->beta;
    UNROLL for (int i = 0; i < ROWS; i++)
    {
        float *to = c + i * g->c_row;
        v_float sum = g->beta == 0 ? acc[i] * alpha
                                   : fma_float(acc[i], alpha, load_row(before + i * before_row, width) * beta);
        if (g->epilogue.activation == FAC__GEMM_RELU) sum = relu_float(sum);
        if (width == LANES_)
            *(u_float *)(void *)to = sum;
        else
            store_part_float(to, sum, width);
    }
}

void FAC__ISA(fac__gemm_tiny)(const fac__gemm_args *g)
{
    float strip[FAC__TINY_DEPTH * LANES_] __attribute__((aligned(VECTOR_BYTES)));
    for (int64_t j = 0; j < g->n; j += LANES_) {
        int width = g->n - j < LANES_ ? (int)(g->n - j) : LANES_;
        const float *a = g->a, *b = (const float *)g->b + j * g->b_col;
        float *c = (float *)g->c + j;
        int64_t b_row = g->b_row, i = 0;
        if (g->b_col != 1 && width > 1) {
            for (int64_t l = 0; l < g->k; l++)
                for (int x = 0; x < width; x++)
                    strip[l * LANES_ + x] = b[l * g->b_row + x * g->b_col];
            b = strip;
            b_row = LANES_;
        }
        const float *bias = g->epilogue.bias, *before = bias ? bias + j : c;
        int64_t before_row = bias ? 0 : g->c_row;
        for (; i + 4 <= g->m; i += 4)
            rows_of(4, g, a + i * g->a_row, b, b_row, c + i * g->c_row, before + i * before_row, before_row, width);
        for (; i < g->m; i++)
            rows_of(1, g, a + i * g->a_row, b, b_row, c + i * g->c_row, before + i * before_row, before_row, width);
    }
}
