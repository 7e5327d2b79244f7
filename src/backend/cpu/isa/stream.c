/* Floor 1. The copies of stream.h. Compiled once for each instruction set. */
#include "backend/cpu/stream.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "backend/cpu/isa/transpose.h"

/* Not by 64 bytes: what was stored a moment ago in smaller pieces could not be loaded before it has reached the cache. */
#if defined(__AVX__)
typedef __m256i vector;
#define LOAD(p) _mm256_loadu_si256((const vector *)(const void *)(p))
#define STORE(p, v) _mm256_stream_si256((vector *)(void *)(p), v)
#elif defined(__x86_64__)
typedef __m128i vector;
#define LOAD(p) _mm_loadu_si128((const vector *)(const void *)(p))
#define STORE(p, v) _mm_stream_si128((vector *)(void *)(p), v)
#endif

#define LINE ((size_t)64)
#if defined(__x86_64__)
/* Whole lines, to where they begin. */
static inline void stream_lines(char *to, const char *from, size_t bytes)
{
    for (; bytes >= LINE; bytes -= LINE, to += LINE, from += LINE)
        for (size_t i = 0; i < LINE; i += sizeof(vector))
            STORE(to + i, LOAD(from + i));
}
#else
#define stream_lines memcpy
#endif

void FAC__ISA(fac__stream)(void *to_, const void *from_, size_t bytes)
{
    char *to = to_;
    const char *from = from_;
    size_t head = -(uintptr_t)to % LINE; /* whole lines: parts of one would be read first after all */
    if (head >= bytes) head = bytes;
    size_t lines = (bytes - head) / LINE * LINE, tail = bytes - head - lines;
    if (head) memcpy(to, from, head);
    stream_lines(to + head, from + head, lines);
    if (tail) memcpy(to + head + lines, from + head + lines, tail);
}

/* Tiles of 32 x 16 go through L1, so that whole lines are written. Along `from`'s rows, which are as many as the prefetcher
 * does not follow any more: lines that come soon are asked for. */
void FAC__ISA(fac__stream_transposed)(uint32_t *to, int64_t to_row, const uint32_t *from, int64_t from_col,
                                      int64_t rows, int64_t cols)
{
    enum { ROWS = 16, COLS = FAC__STREAM_COLUMNS, AHEAD = 64 };
    int64_t r = 0;
    for (; cols == COLS && r + ROWS <= rows; r += ROWS) {
        uint32_t tile[ROWS * COLS] __attribute__((aligned(64)));
        for (int64_t c = 0; c < COLS; c += 8) {
            for (int64_t k = c; k < c + 8; k++)
                __builtin_prefetch(from + r + AHEAD + k * from_col);
            transpose_8x8(tile + c, COLS, from + r + c * from_col, from_col);
            transpose_8x8(tile + c + 8 * COLS, COLS, from + r + 8 + c * from_col, from_col);
        }
        for (int64_t k = 0; k < ROWS; k++)
            stream_lines((char *)(to + (r + k) * to_row), (const char *)(tile + k * COLS), COLS * sizeof *tile);
    }
    for (; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            to[r * to_row + c] = from[r + c * from_col];
}
