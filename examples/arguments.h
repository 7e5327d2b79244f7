/* What the examples' programs share: numbers of their command lines, and the time. */
#ifndef EXAMPLES_ARGUMENTS_H
#define EXAMPLES_ARGUMENTS_H

#include <argp.h>
#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <time.h>

/* What an option's text means; where it means nothing, argp_error says so and ends the program. */
static inline long long whole(struct argp_state *state, const char *text, long long least, long long most)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end || errno || n < least || n > most)
        argp_error(state, "'%s' is not a whole number from %lld to %lld", text, least, most);
    return n;
}

static inline double learning_rate(struct argp_state *state, const char *text)
{
    char *end;
    double lr = strtod(text, &end);
    if (end == text || *end || !(lr >= 0 && lr <= FLT_MAX))
        argp_error(state, "'%s' is not a learning rate: a number from 0 up", text);
    return lr;
}

/* Seconds of a clock that only goes on. */
static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
