/* Floor 1. The few vector operations that the multiplying kernels need, for float and double: v_float is as wide as the
 * instruction set. Compilers' vector extensions do most of it; intrinsics are here only where those have no words: the
 * fused multiply-add (contraction is off, so a * b + c would round twice), part loads and stores, transposition. */
#ifndef FACULA_GEMM_VECTOR_H
#define FACULA_GEMM_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define LANES(T) ((int)(VECTOR_BYTES / sizeof(T)))

#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("GCC unroll 32")

typedef float v_float __attribute__((vector_size(VECTOR_BYTES)));
typedef double v_double __attribute__((vector_size(VECTOR_BYTES)));
typedef v_float u_float __attribute__((aligned(4), may_alias)); /* in memory, anywhere */
typedef v_double u_double __attribute__((aligned(8), may_alias));

typedef int32_t i_float; /* as wide */
typedef int64_t i_double;

/* a * b + c, rounded once where the machine can. */
#if defined(__AVX512F__)
INLINE v_float fma_float(v_float a, v_float b, v_float c)
{
    return (v_float)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
INLINE v_double fma_double(v_double a, v_double b, v_double c)
{
    return (v_double)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
#elif defined(__FMA__)
INLINE v_float fma_float(v_float a, v_float b, v_float c)
{
    return (v_float)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
INLINE v_double fma_double(v_double a, v_double b, v_double c)
{
    return (v_double)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
#elif defined(__ARM_NEON) && defined(__aarch64__)
INLINE v_float fma_float(v_float a, v_float b, v_float c)
{
    return (v_float)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
INLINE v_double fma_double(v_double a, v_double b, v_double c)
{
    return (v_double)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#else
INLINE v_float fma_float(v_float a, v_float b, v_float c)
{
    return a * b + c;
}
INLINE v_double fma_double(v_double a, v_double b, v_double c)
{
    return a * b + c;
}
#endif

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define FMA1_float(a, b, c) __builtin_fmaf(a, b, c)
#define FMA1_double(a, b, c) __builtin_fma(a, b, c)
#else
#define FMA1_float(a, b, c) ((a) * (b) + (c))
#define FMA1_double(a, b, c) ((a) * (b) + (c))
#endif

/* NaN and -0 stay. Comparing makes integers of all ones or none. */
INLINE v_float relu_float(v_float x)
{
    return (v_float)((__typeof__(x < 0))x & ~(x < 0));
}
INLINE v_double relu_double(v_double x)
{
    return (v_double)((__typeof__(x < 0))x & ~(x < 0));
}

/* The first n lanes (0 < n <= lanes) of memory; what lies behind is neither read nor written. keep: the others are 0. */
#if defined(__AVX512F__)
INLINE v_float load_part_float(const float *p, int n)
{
    return (v_float)_mm512_maskz_loadu_ps((__mmask16)(0xffffu >> (16 - n)), p);
}
INLINE v_double load_part_double(const double *p, int n)
{
    return (v_double)_mm512_maskz_loadu_pd((__mmask8)(0xffu >> (8 - n)), p);
}
INLINE void store_part_float(float *p, v_float v, int n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)(0xffffu >> (16 - n)), (__m512)v);
}
INLINE v_float keep_part_float(v_float v, int n)
{
    return (v_float)_mm512_maskz_mov_ps((__mmask16)(0xffffu >> (16 - n)), (__m512)v);
}
INLINE void store_part_double(double *p, v_double v, int n)
{
    _mm512_mask_storeu_pd(p, (__mmask8)(0xffu >> (8 - n)), (__m512d)v);
}
#else
#if defined(__AVX__)
INLINE __m256i first_lanes_float(int n)
{
    static const int32_t mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(mask + 8 - n));
}
INLINE v_float load_part_float(const float *p, int n)
{
    return (v_float)_mm256_maskload_ps(p, first_lanes_float(n));
}
INLINE v_double load_part_double(const double *p, int n)
{
    static const int64_t mask[8] = {-1, -1, -1, -1};
    return (v_double)_mm256_maskload_pd(p, _mm256_loadu_si256((const __m256i *)(const void *)(mask + 4 - n)));
}
INLINE void store_part_float(float *p, v_float v, int n)
{
    _mm256_maskstore_ps(p, first_lanes_float(n), (__m256)v);
}
INLINE v_float keep_part_float(v_float v, int n)
{
    return (v_float)_mm256_and_ps((__m256)v, _mm256_castsi256_ps(first_lanes_float(n)));
}
#else
INLINE v_float load_part_float(const float *p, int n)
{
    v_float v = {0};
    for (int i = 0; i < n; i++)
        v[i] = p[i];
    return v;
}
INLINE v_double load_part_double(const double *p, int n)
{
    v_double v = {0};
    for (int i = 0; i < n; i++)
        v[i] = p[i];
    return v;
}
INLINE void store_part_float(float *p, v_float v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = v[i];
}
INLINE v_float keep_part_float(v_float v, int n)
{
    for (int i = n; i < LANES(float); i++)
        v[i] = 0;
    return v;
}
#endif
INLINE void store_part_double(double *p, v_double v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = v[i];
}
#endif

/* Lanes [first, end) of a vector, whatever these are; what is loaded has 0 in the others, which are not read. */
#if defined(__AVX512F__)
typedef __mmask16 lanes_float;
INLINE lanes_float lanes_between_float(int64_t first, int64_t end)
{
    unsigned low = first <= 0 ? 0 : first < 16 ? (1u << first) - 1 : 0xffff;
    unsigned high = end <= 0 ? 0 : end < 16 ? (1u << end) - 1 : 0xffff;
    return (__mmask16)(high & ~low);
}
INLINE v_float load_lanes_float(const float *p, lanes_float lanes)
{
    return (v_float)_mm512_maskz_loadu_ps(lanes, p);
}
#elif defined(__AVX2__)
typedef __m256i lanes_float;
INLINE lanes_float lanes_between_float(int64_t first, int64_t end)
{
    int low = first <= 0 ? 0 : first < 8 ? (int)first : 8, high = end <= 0 ? 0 : end < 8 ? (int)end : 8;
    return _mm256_andnot_si256(first_lanes_float(low), first_lanes_float(high));
}
INLINE v_float load_lanes_float(const float *p, lanes_float lanes)
{
    return (v_float)_mm256_maskload_ps(p, lanes);
}
#else
typedef struct lanes_float {
    int64_t first, end;
} lanes_float;
INLINE lanes_float lanes_between_float(int64_t first, int64_t end)
{
    return (lanes_float){first, end};
}
INLINE v_float load_lanes_float(const float *p, lanes_float lanes)
{
    if (lanes.first <= 0 && lanes.end >= LANES(float)) return (v_float) * (const u_float *)p;
    v_float v = {0};
    for (int i = 0; i < LANES(float); i++)
        if (i >= lanes.first && i < lanes.end) v[i] = p[i];
    return v;
}
#endif

/* Those lanes of v that are not 0, and those of place beside them, put in a row; how many. Whole vectors are written. */
#if defined(__AVX512F__)
INLINE int compress_float(v_float v, const int32_t *place, float *value, int32_t *at)
{
    __mmask16 m = _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    _mm512_storeu_ps(value, _mm512_maskz_compress_ps(m, (__m512)v));
    _mm512_storeu_si512(at, _mm512_maskz_compress_epi32(m, _mm512_loadu_si512(place)));
    return __builtin_popcount(m);
}
INLINE int compress_double(v_double v, const int32_t *place, double *value, int32_t *at)
{
    __mmask8 m = _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
    _mm512_storeu_pd(value, _mm512_maskz_compress_pd(m, (__m512d)v));
    _mm256_storeu_si256((__m256i *)(void *)at,
                        _mm256_maskz_compress_epi32(m, _mm256_loadu_si256((const __m256i *)(const void *)place)));
    return __builtin_popcount(m);
}
#endif

/* zip: a0 b0 a1 b1 … in two vectors, the lower half first; unzip takes two such vectors apart. */
#if defined(__AVX512F__)
INLINE void zip_float(v_float a, v_float b, v_float to[2])
{
    const __m512i at = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    to[0] = (v_float)_mm512_permutex2var_ps((__m512)a, at, (__m512)b);
    to[1] = (v_float)_mm512_permutex2var_ps((__m512)a, _mm512_add_epi32(at, _mm512_set1_epi32(8)), (__m512)b);
}
INLINE void unzip_float(v_float a, v_float b, v_float to[2])
{
    const __m512i at = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    to[0] = (v_float)_mm512_permutex2var_ps((__m512)a, at, (__m512)b);
    to[1] = (v_float)_mm512_permutex2var_ps((__m512)a, _mm512_add_epi32(at, _mm512_set1_epi32(1)), (__m512)b);
}
#elif defined(__AVX2__)
INLINE void zip_float(v_float a, v_float b, v_float to[2])
{
    __m256 low = _mm256_unpacklo_ps((__m256)a, (__m256)b), high = _mm256_unpackhi_ps((__m256)a, (__m256)b);
    to[0] = (v_float)_mm256_permute2f128_ps(low, high, 0x20);
    to[1] = (v_float)_mm256_permute2f128_ps(low, high, 0x31);
}
INLINE void unzip_float(v_float a, v_float b, v_float to[2])
{
    __m256d even = _mm256_castps_pd(_mm256_shuffle_ps((__m256)a, (__m256)b, 0x88));
    __m256d odd = _mm256_castps_pd(_mm256_shuffle_ps((__m256)a, (__m256)b, 0xdd));
    to[0] = (v_float)_mm256_castpd_ps(_mm256_permute4x64_pd(even, 0xd8));
    to[1] = (v_float)_mm256_castpd_ps(_mm256_permute4x64_pd(odd, 0xd8));
}
#else
INLINE void zip_float(v_float a, v_float b, v_float to[2])
{
    float all[2 * LANES(float)];
    for (int i = 0; i < LANES(float); i++)
        all[2 * i] = a[i], all[2 * i + 1] = b[i];
    memcpy(to, all, sizeof all);
}
INLINE void unzip_float(v_float a, v_float b, v_float to[2])
{
    float even[LANES(float)], odd[LANES(float)];
    for (int i = 0; i < LANES(float) / 2; i++) {
        even[i] = a[2 * i], even[i + LANES(float) / 2] = b[2 * i];
        odd[i] = a[2 * i + 1], odd[i + LANES(float) / 2] = b[2 * i + 1];
    }
    memcpy(&to[0], even, sizeof even);
    memcpy(&to[1], odd, sizeof odd);
}
#endif

/* to[j * to_step + i] = from[i * from_step + j] for a square of SQUARE(T) sides. */
#if defined(__AVX__)
#define SQUARE_float 8
#define SQUARE_double 4
INLINE void transpose_square_float(const float *from, int64_t from_step, float *to, int64_t to_step)
{
    __m256 r[8], s[8];
    UNROLL for (int i = 0; i < 4; i++) /* the left halves of rows i and i + 4, then the right halves */
    {
        const float *p = from + i * from_step, *q = p + 4 * from_step;
        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(q), 1);
        r[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + 4)), _mm_loadu_ps(q + 4), 1);
    }
    UNROLL for (int h = 0; h < 8; h += 4)
    {
        s[h] = _mm256_unpacklo_ps(r[h], r[h + 1]);
        s[h + 1] = _mm256_unpackhi_ps(r[h], r[h + 1]);
        s[h + 2] = _mm256_unpacklo_ps(r[h + 2], r[h + 3]);
        s[h + 3] = _mm256_unpackhi_ps(r[h + 2], r[h + 3]);
        _mm256_storeu_ps(to + h * to_step, _mm256_shuffle_ps(s[h], s[h + 2], 0x44));
        _mm256_storeu_ps(to + (h + 1) * to_step, _mm256_shuffle_ps(s[h], s[h + 2], 0xee));
        _mm256_storeu_ps(to + (h + 2) * to_step, _mm256_shuffle_ps(s[h + 1], s[h + 3], 0x44));
        _mm256_storeu_ps(to + (h + 3) * to_step, _mm256_shuffle_ps(s[h + 1], s[h + 3], 0xee));
    }
}
INLINE void transpose_square_double(const double *from, int64_t from_step, double *to, int64_t to_step)
{
    __m256d r[4];
    UNROLL for (int i = 0; i < 2; i++) /* the left halves of rows i and i + 2, then the right halves */
    {
        const double *p = from + i * from_step, *q = p + 2 * from_step;
        r[i] = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)), _mm_loadu_pd(q), 1);
        r[i + 2] = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p + 2)), _mm_loadu_pd(q + 2), 1);
    }
    UNROLL for (int h = 0; h < 4; h += 2)
    {
        _mm256_storeu_pd(to + h * to_step, _mm256_unpacklo_pd(r[h], r[h + 1]));
        _mm256_storeu_pd(to + (h + 1) * to_step, _mm256_unpackhi_pd(r[h], r[h + 1]));
    }
}
#else
#define SQUARE_float 4
#define SQUARE_double 2
#define TRANSPOSE_SQUARE(T)                                                                                            \
    INLINE void transpose_square_##T(const T *from, int64_t from_step, T *to, int64_t to_step)                         \
    {                                                                                                                  \
        UNROLL for (int i = 0; i < SQUARE_##T; i++) UNROLL for (int j = 0; j < SQUARE_##T; j++)                        \
            to[j * to_step + i] = from[i * from_step + j];                                                             \
    }
TRANSPOSE_SQUARE(float)
TRANSPOSE_SQUARE(double)
#endif

#endif
