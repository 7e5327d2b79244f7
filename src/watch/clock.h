/* Floor 8. The time, as cheaply as the kernel tells it: the coarse clocks are read without asking the processor's, and are some
 * milliseconds late at most. */
#ifndef FACULA_CLOCK_H
#define FACULA_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "core/text.h"

/* Since 1970, in seconds and in milliseconds. */
static inline double fac__wall_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static inline int64_t fac__wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}
/* Written as JSON, to the millisecond. */
static inline void fac__text_time(fac__text *t, double seconds)
{
    int64_t whole = (int64_t)seconds;
    fac__text_format(t, "%lld.%03d", (long long)whole, (int)(1000 * (seconds - (double)whole)));
}

/* Of a clock that only goes on, precise: to measure what something took. */
static inline double fac__seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
