/* Floor 1. Running sums of floats that lie in a row, in double. A vector's sums are made in log2(lanes) steps, each of which adds
 * the vector to itself moved by 1, 2, 4 lanes (Hillis and Steele 1986), so that only one addition a vector waits for the one
 * before. */
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/stream.h"

#include <string.h>
#if defined(__AVX512F__)
#include <immintrin.h>
enum { L = 8 };
#elif defined(__AVX__)
enum { L = 4 };
#else
enum { L = 2 };
#endif
typedef double V __attribute__((vector_size(L * sizeof(double))));
typedef float F __attribute__((vector_size(L * sizeof(float))));
#if defined(__clang__)
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
typedef int64_t lanes __attribute__((vector_size(L * sizeof(int64_t))));
#define SHUFFLE(x, y, ...) __builtin_shuffle(x, y, (lanes){__VA_ARGS__})
#endif

static inline __attribute__((always_inline)) V load(const float *p)
{
#if defined(__AVX512F__) /* which gcc 12 converts by halves */
    return (V)_mm512_cvtps_pd(_mm256_loadu_ps(p));
#else
    F x;
    memcpy(&x, p, sizeof x);
    return __builtin_convertvector(x, V);
#endif
}

static inline __attribute__((always_inline)) V sums_within(V x)
{
    const V zero = {0};
#if defined(__AVX512F__)
    x += SHUFFLE(zero, x, 0, 8, 9, 10, 11, 12, 13, 14);
    x += SHUFFLE(zero, x, 0, 1, 8, 9, 10, 11, 12, 13);
    x += SHUFFLE(zero, x, 0, 1, 2, 3, 8, 9, 10, 11);
#elif defined(__AVX__)
    x += SHUFFLE(zero, x, 0, 4, 5, 6);
    x += SHUFFLE(zero, x, 0, 1, 4, 5);
#else
    x += SHUFFLE(zero, x, 0, 2);
#endif
    return x;
}

static inline __attribute__((always_inline)) V last(V x)
{
#if defined(__AVX512F__)
    return SHUFFLE(x, x, 7, 7, 7, 7, 7, 7, 7, 7);
#elif defined(__AVX__)
    return SHUFFLE(x, x, 3, 3, 3, 3);
#else
    return SHUFFLE(x, x, 1, 1);
#endif
}

static double piece_sums(double sum, const float *in, float *out, int64_t n)
{
    V so_far = sum - (V){0};
    int64_t i = 0;
    for (; i + L <= n; i += L) {
        V x = sums_within(load(in + i));
        F y = __builtin_convertvector(so_far + x, F);
        memcpy(out + i, &y, sizeof y);
        so_far += last(x);
    }
    sum = so_far[0];
    for (; i < n; i++) {
        sum += (double)in[i];
        out[i] = (float)sum;
    }
    return sum;
}

double FAC__ISA(fac__running_sums)(double sum, const float *in, float *out, int64_t n, int64_t ahead)
{
    enum { PIECE = 256 };
    if (!ahead) return piece_sums(sum, in, out, n);
    float piece[PIECE] __attribute__((aligned(64)));
    for (int64_t from = 0; from < n; from += PIECE) {
        int64_t count = n - from < PIECE ? n - from : PIECE;
        fac__ask_for((const char *)(in + from + ahead), PIECE * sizeof(float));
        sum = piece_sums(sum, in + from, piece, count);
        FAC__ISA(fac__stream)(out + from, piece, (size_t)count * sizeof(float));
    }
    return sum;
}

double FAC__ISA(fac__sum_in_double)(const float *in, int64_t n)
{
    V sum[4] = {{0}};
    int64_t i = 0;
    for (; i + 4 * L <= n; i += 4 * L)
        for (int k = 0; k < 4; k++)
            sum[k] += load(in + i + k * L);
    V all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    double total = 0;
    for (int k = 0; k < L; k++)
        total += all[k];
    for (; i < n; i++)
        total += (double)in[i];
    return total;
}
