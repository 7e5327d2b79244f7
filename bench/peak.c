/* peak [THREADS]: what the machine can do at most, for the limits in docs/performance.md: multiply-adds of float32 by each
 * instruction set, and copying, reading and adding up arrays in the caches and in memory, with ordinary and with streaming
 * stores, on one thread and on THREADS (all cores). A JSON line a figure: the best and the median of several runs. */
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "timing.h"

enum { RUNS = 11, FMA_ROUNDS = 2000000, SLICE = 64 };

/* ---- multiply-adds ------------------------------------------------------------------------------------------ */

/* Twelve sums that do not wait for each other. Each returns how many operations one round of its loop was. */
#define SUMS(type, x, next)                                                                                            \
    type s0 = x, s1 = x, s2 = x, s3 = x, s4 = x, s5 = x, s6 = x, s7 = x, s8 = x, s9 = x, sa = x, sb = x;               \
    for (int i = 0; i < FMA_ROUNDS; i++) {                                                                             \
        s0 = next(s0), s1 = next(s1), s2 = next(s2), s3 = next(s3), s4 = next(s4), s5 = next(s5);                      \
        s6 = next(s6), s7 = next(s7), s8 = next(s8), s9 = next(s9), sa = next(sa), sb = next(sb);                      \
        __asm__ volatile("" : KEEP(s0), KEEP(s1), KEEP(s2), KEEP(s3), KEEP(s4), KEEP(s5));                             \
        __asm__ volatile("" : KEEP(s6), KEEP(s7), KEEP(s8), KEEP(s9), KEEP(sa), KEEP(sb));                             \
    }

#ifdef __x86_64__
#define KEEP(s) "+x"(s)
static double sums_baseline(void)
{
    const __m128 one = _mm_set1_ps(0.5f);
#define NEXT(s) _mm_add_ps(_mm_mul_ps(s, one), one)
    SUMS(__m128, one, NEXT)
#undef NEXT
    return 2 * 4 * 12;
}
__attribute__((target("avx2,fma"))) static double sums_avx2(void)
{
    const __m256 one = _mm256_set1_ps(0.5f);
#define NEXT(s) _mm256_fmadd_ps(s, one, one)
    SUMS(__m256, one, NEXT)
#undef NEXT
    return 2 * 8 * 12;
}
#undef KEEP
#define KEEP(s) "+v"(s)
__attribute__((target("avx512f"))) static double sums_avx512(void)
{
    const __m512 one = _mm512_set1_ps(0.5f);
#define NEXT(s) _mm512_fmadd_ps(s, one, one)
    SUMS(__m512, one, NEXT)
#undef NEXT
    return 2 * 16 * 12;
}
#else
static double sums_baseline(void)
{
    enum { N = 64 };
    float s[N] = {0};
    for (int i = 0; i < FMA_ROUNDS; i++) {
        for (int k = 0; k < N; k++)
            s[k] = fmaf(s[k], 0.5f, 0.5f);
        __asm__ volatile("" : "+m"(s));
    }
    return 2 * N;
}
#endif

/* ---- memory ------------------------------------------------------------------------------------------------- */

typedef enum { COPY, COPY_STREAM, READ, TRIAD, TRIAD_STREAM, KINDS } kind;
static const char *const kind_names[KINDS] = {"copy", "copy_stream", "read", "triad", "triad_stream"};
static const int kind_arrays[KINDS] = {2, 2, 1, 3, 3};

/* n is a multiple of SLICE floats, arrays lie on cache lines. */
#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static void move(kind k, float *a, const float *b, const float *c, size_t n)
{
    const __m256 factor = _mm256_set1_ps(1.5f);
    __m256 s[4] = {factor, factor, factor, factor};
#define EACH(...)                                                                                                      \
    for (size_t i = 0; i < n; i += 32)                                                                                 \
        for (int u = 0; u < 4; u++) {                                                                                  \
            size_t at = i + (size_t)u * 8;                                                                             \
            __VA_ARGS__;                                                                                               \
        }
    switch (k) {
    case COPY: EACH(_mm256_store_ps(a + at, _mm256_load_ps(b + at))) break;
    case COPY_STREAM: EACH(_mm256_stream_ps(a + at, _mm256_load_ps(b + at))) break;
    case READ: EACH(s[u] = _mm256_add_ps(s[u], _mm256_load_ps(b + at))) break;
    case TRIAD:
        EACH(_mm256_store_ps(a + at, _mm256_fmadd_ps(factor, _mm256_load_ps(c + at), _mm256_load_ps(b + at)))) break;
    case TRIAD_STREAM:
        EACH(_mm256_stream_ps(a + at, _mm256_fmadd_ps(factor, _mm256_load_ps(c + at), _mm256_load_ps(b + at)))) break;
    default: break;
    }
    _mm_sfence();
    __asm__ volatile("" : : "m"(s), "r"(a), "r"(b) : "memory");
}
#else
static void move(kind k, float *a, const float *b, const float *c, size_t n)
{
    float sums[SLICE] = {0};
    if (k == COPY)
        memcpy(a, b, n * sizeof *a);
    else if (k == READ)
        for (size_t i = 0; i < n; i += SLICE)
            for (int u = 0; u < SLICE; u++)
                sums[u] += b[i + (size_t)u];
    else
        for (size_t i = 0; i < n; i++)
            a[i] = b[i] + 1.5f * c[i];
    __asm__ volatile("" : : "m"(sums), "r"(a), "r"(b) : "memory");
}
#endif

/* ---- timing ------------------------------------------------------------------------------------------------- */

static void report(const char *what, const char *level, int threads, double work, const char *unit, double *times)
{
    sort_times(times, RUNS);
    printf("{\"what\":\"%s\",\"level\":\"%s\",\"threads\":%d,\"best\":%.4g,\"median\":%.4g,\"unit\":\"%s\"}\n", what,
           level, threads, work / times[0] * 1e-9, work / times[RUNS / 2] * 1e-9, unit);
    fflush(stdout);
}

/* Runs the statement on all threads RUNS times, the first time without looking at the clock. It begins when the first thread
 * does: one that is kept waiting behind the barrier must not look as if it had been fast. */
#define TIMES(threads, ...)                                                                                            \
    double times[RUNS];                                                                                                \
    for (int run = -1; run < RUNS; run++) {                                                                            \
        double start = INFINITY;                                                                                       \
        _Pragma("omp parallel num_threads(threads) reduction(min : start)")                                            \
        {                                                                                                              \
            _Pragma("omp barrier") start = now();                                                                      \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
        if (run >= 0) times[run] = now() - start;                                                                      \
    }

static void arithmetic(const char *name, double (*sums)(void), int threads)
{
    double per_round = 0;
    TIMES(threads, double work = sums(); _Pragma("omp master") per_round = work)
    report(name, "registers", threads, per_round * FMA_ROUNDS * threads, "GF/s", times);
}

static float *pages(size_t bytes)
{
    float *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) exit(1);
#ifdef MADV_HUGEPAGE
    madvise(p, bytes, MADV_HUGEPAGE);
#endif
    return p;
}

/* Three arrays that together take `bytes`. */
static void memory(const char *level, size_t bytes, bool streams, int threads)
{
    size_t n = bytes / 3 / sizeof(float) / (SLICE * (size_t)threads) * (SLICE * (size_t)threads),
           part = n / (size_t)threads;
    float *a = pages(bytes), *b = pages(bytes), *c = pages(bytes);
    int repeats = (int)(4e6 / (double)n) + 1;
#pragma omp parallel num_threads(threads)
    {
        size_t first = part * (size_t)omp_get_thread_num();
        for (size_t i = first; i < first + part; i++)
            a[i] = b[i] = c[i] = 1;
    }
    for (int k = 0; k < KINDS; k++) {
#ifndef __x86_64__
        if (k == COPY_STREAM || k == TRIAD_STREAM) continue;
#endif
        if (!streams && (k == COPY_STREAM || k == TRIAD_STREAM)) continue;
        TIMES(threads, size_t first = part * (size_t)omp_get_thread_num();
              for (int r = 0; r < repeats; r++) move((kind)k, a + first, b + first, c + first, part))
        report(kind_names[k], level, threads, (double)repeats * (double)n * sizeof(float) * kind_arrays[k], "GB/s",
               times);
    }
    munmap(a, bytes), munmap(b, bytes), munmap(c, bytes);
}

int main(int argc, char **argv)
{
    int all = argc > 1 ? atoi(argv[1]) : omp_get_num_procs();
    if (all < 1 || all > 1024 || argc > 2) return fprintf(stderr, "Usage: peak [THREADS]\n"), 2;
    for (int threads = 1; threads <= all; threads += all > 1 ? all - 1 : 1) {
        arithmetic("fma_baseline", sums_baseline, threads);
#ifdef __x86_64__
        __builtin_cpu_init();
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
        arithmetic("fma_avx2", sums_avx2, threads);
        if (__builtin_cpu_supports("avx512f")) arithmetic("fma_avx512", sums_avx512, threads);
#endif
        memory("cache_768K", 768 << 10, false, threads);
        memory("cache_12M", 12 << 20, false, threads);
        for (int i = 0; i < (threads > 1 ? 3 : 1); i++) /* some pages lie better than others */
            memory("memory_192M", 192 << 20, true, threads);
    }
    return 0;
}
