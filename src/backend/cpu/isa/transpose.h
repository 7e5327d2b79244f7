/* Floor 1. A block of 8 x 8 elements of four bytes, transposed through registers. Included by files of this folder. */
#ifndef FACULA_TRANSPOSE_H
#define FACULA_TRANSPOSE_H

#include <stdint.h>

typedef uint32_t eight __attribute__((vector_size(32), aligned(4), may_alias));
#if defined(__clang__)
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(x, y, ...) __builtin_shuffle(x, y, (eight){__VA_ARGS__})
#endif
static inline __attribute__((always_inline)) void transpose_8x8(uint32_t *to, int64_t to_row, const uint32_t *from,
                                                                int64_t from_col)
{
    eight x[8], y[8]; /* swaps halves of pairs of vectors: single elements, then twos, then fours */
    for (int i = 0; i < 8; i++)
        x[i] = *(const eight *)(from + i * from_col);
    for (int i = 0; i < 8; i += 2) {
        y[i] = SHUFFLE(x[i], x[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        y[i + 1] = SHUFFLE(x[i], x[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int i = 0; i < 8; i += i % 4 == 1 ? 3 : 1) {
        x[i] = SHUFFLE(y[i], y[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
        x[i + 2] = SHUFFLE(y[i], y[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
    for (int i = 0; i < 4; i++) {
        *(eight *)(to + i * to_row) = SHUFFLE(x[i], x[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        *(eight *)(to + (i + 4) * to_row) = SHUFFLE(x[i], x[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}
#undef SHUFFLE

#endif
