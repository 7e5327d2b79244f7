/* Floor 1. Stores that pass by the caches, for results too large to be found there by whoever reads them: the memory is
 * not read before it is written, and nothing else is thrown out for it. */
#ifndef FACULA_STREAM_H
#define FACULA_STREAM_H

#include "backend/cpu/isa/isa.h"

/* Copies; `from` is best still in the L1 cache, where a piece of the result was computed. fac__stream_end() after the
 * last one, before another thread may read. */
FAC__ISA_DECLARE(void, fac__stream, (void *to, const void *from, size_t bytes));

/* to[r * to_row + c] = from[r + c * from_col] for a strip of FAC__STREAM_COLUMNS columns, or fewer at an end. */
enum { FAC__STREAM_COLUMNS = 32 };
FAC__ISA_DECLARE(void, fac__stream_transposed,
                 (uint32_t * to, int64_t to_row, const uint32_t *from, int64_t from_col, int64_t rows, int64_t cols));

/* Asks for memory that is to be read soon. (Always inlined: gcc leaves out calls of functions that have no effect.) */
static inline __attribute__((always_inline)) void fac__ask_for(const char *from, size_t bytes)
{
    enum { LINE = 64, INTO_L2 = 2 };
    for (size_t i = 0; i < bytes; i += LINE)
        __builtin_prefetch(from + i, 0, INTO_L2);
}

/* Is so large a result worth it? What is smaller may still be in the last cache when it is used next. */
static inline bool fac__streams(int64_t bytes)
{
    return bytes >= 12 << 20;
}

static inline void fac__stream_end(void)
{
#if defined(__x86_64__)
    __builtin_ia32_sfence();
#endif
}

#endif
