/* Time and order of times, for the programs of bench/. */
#ifndef FACULA_BENCH_TIMING_H
#define FACULA_BENCH_TIMING_H

#include <stdlib.h>
#include <time.h>

/* Seconds since some moment. */
static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Puts the times in order: the first is the shortest, the middle one the median. */
static inline void sort_times(double *times, int n)
{
    qsort(times, (size_t)n, sizeof *times, ascending);
}

#endif
