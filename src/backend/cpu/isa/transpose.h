/* Floor 1. A block of 8 x 8 elements of four bytes, transposed through registers. Included by files of this folder. */
#ifndef FACULA_TRANSPOSE_H
#define FACULA_TRANSPOSE_H

#include <stdint.h>

#if defined(__clang__)
#define SHUFFLE(mask, x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(mask, x, y, ...) __builtin_shuffle(x, y, (mask){__VA_ARGS__})
#endif
/* By what machines have instructions for: of two vectors, or of their halves, the elements by turns, then twos of them; then the
 * halves. */
#if defined(__AVX2__)
typedef uint32_t eight __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint64_t four __attribute__((vector_size(32)));
static inline __attribute__((always_inline)) void transpose_8x8(uint32_t *to, int64_t to_row, const uint32_t *from,
                                                                int64_t from_col)
{
    eight x[8], y[8];
    four z[8];
    for (int i = 0; i < 8; i++)
        x[i] = *(const eight *)(from + i * from_col);
    for (int i = 0; i < 8; i += 2) {
        y[i] = SHUFFLE(eight, x[i], x[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        y[i + 1] = SHUFFLE(eight, x[i], x[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            z[i + 2 * k] = SHUFFLE(four, (four)y[i + k], (four)y[i + k + 2], 0, 4, 2, 6);
            z[i + 2 * k + 1] = SHUFFLE(four, (four)y[i + k], (four)y[i + k + 2], 1, 5, 3, 7);
        }
    for (int i = 0; i < 4; i++) {
        *(eight *)(to + i * to_row) = (eight)SHUFFLE(four, z[i], z[i + 4], 0, 1, 4, 5);
        *(eight *)(to + (i + 4) * to_row) = (eight)SHUFFLE(four, z[i], z[i + 4], 2, 3, 6, 7);
    }
}
#else
typedef uint32_t four __attribute__((vector_size(16), aligned(4), may_alias));
typedef uint64_t two __attribute__((vector_size(16)));
static inline void transpose_4x4(uint32_t *to, int64_t to_row, const uint32_t *from, int64_t from_col)
{
    four x[4];
    two y[4];
    for (int i = 0; i < 4; i++)
        x[i] = *(const four *)(from + i * from_col);
    for (int i = 0; i < 4; i += 2) {
        y[i] = (two)SHUFFLE(four, x[i], x[i + 1], 0, 4, 1, 5);
        y[i + 1] = (two)SHUFFLE(four, x[i], x[i + 1], 2, 6, 3, 7);
    }
    for (int i = 0; i < 2; i++) {
        *(four *)(to + 2 * i * to_row) = (four)SHUFFLE(two, y[i], y[i + 2], 0, 2);
        *(four *)(to + (2 * i + 1) * to_row) = (four)SHUFFLE(two, y[i], y[i + 2], 1, 3);
    }
}
static inline void transpose_8x8(uint32_t *to, int64_t to_row, const uint32_t *from, int64_t from_col)
{
    for (int row = 0; row < 8; row += 4)
        for (int col = 0; col < 8; col += 4)
            transpose_4x4(to + row * to_row + col, to_row, from + row + col * from_col, from_col);
}
#endif
#undef SHUFFLE

#endif
