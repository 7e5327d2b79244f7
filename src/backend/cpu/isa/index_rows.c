/* Floor 1. The loops of index_rows.h. Compiled once for each instruction set. */
#include "backend/cpu/index_rows.h"

#if defined(__AVX512F__)
#include <immintrin.h>

/* Eight at a time, with those that are out of range masked out; how many that is in all. */
#define PICK_EIGHTS(vector, gather, zero, store)                                                                       \
    const __m512i sizes = _mm512_set1_epi64(size);                                                                     \
    for (; k + 8 <= n; k += 8) {                                                                                       \
        __m512i j = _mm512_loadu_si512(p + k);                                                                         \
        j = _mm512_add_epi64(j, _mm512_and_si512(_mm512_srai_epi64(j, 63), sizes));                                    \
        vector x = gather(zero, _mm512_cmplt_epu64_mask(j, sizes), j, t, sizeof *t);                                   \
        store((vector *)(void *)(v + k), x);                                                                           \
    }
#define PICK_4 PICK_EIGHTS(__m256i, _mm512_mask_i64gather_epi32, _mm256_setzero_si256(), _mm256_storeu_si256)
#define PICK_8 PICK_EIGHTS(__m512i, _mm512_mask_i64gather_epi64, _mm512_setzero_si512(), _mm512_storeu_si512)
#else
#define PICK_4
#define PICK_8
#endif

/* Element 0 stands for those that are out of range, so that there are no jumps. */
#define PICK_ROW(name, type, vectors)                                                                                  \
    static void pick_##name(const void *t_, void *restrict v_, const int64_t *p, int64_t size, int64_t n)              \
    {                                                                                                                  \
        const type *t = t_;                                                                                            \
        type *restrict v = v_;                                                                                         \
        int64_t k = 0;                                                                                                 \
        vectors;                                                                                                       \
        for (; k < n; k++) {                                                                                           \
            int64_t j = p[k] + (p[k] >> 63 & size);                                                                    \
            bool inside = (uint64_t)j < (uint64_t)size;                                                                \
            type x = t[inside ? j : 0];                                                                                \
            v[k] = inside ? x : 0;                                                                                     \
        }                                                                                                              \
    }
PICK_ROW(1, uint8_t, )
PICK_ROW(2, uint16_t, )
PICK_ROW(4, uint32_t, PICK_4)
PICK_ROW(8, uint64_t, PICK_8)

const fac__pick_loop FAC__ISA(fac__pick_loops)[4] = {pick_1, pick_2, pick_4, pick_8};
