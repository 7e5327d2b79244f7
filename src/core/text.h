/* Floor 0. Text that grows. A failed allocation is remembered: check once, at the end, with fac__text_take. */
#ifndef FACULA_TEXT_H
#define FACULA_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "raise.h"

typedef struct fac__text {
    char *p; /* n bytes and a zero */
    size_t n, room;
    bool failed; /* an error is pending */
} fac__text;

/* Room for n more bytes and the zero; false when there is none. */
static inline bool fac__text_reserve(fac__text *t, size_t n)
{
    if (t->failed) return false;
    if (t->n + n < t->room) return true;
    size_t room = t->room ? t->room : 256;
    while (room <= t->n + n)
        room *= 2;
    char *p = fac__realloc(t->p, room);
    if (!p) return t->failed = true, false;
    t->p = p;
    t->room = room;
    return true;
}

static inline void fac__text_add(fac__text *t, const char *s, size_t n)
{
    if (!fac__text_reserve(t, n)) return;
    memcpy(t->p + t->n, s, n);
    t->n += n;
    t->p[t->n] = 0;
}

static inline void fac__text_repeat(fac__text *t, char c, int64_t n)
{
    if (n <= 0 || !fac__text_reserve(t, (size_t)n)) return;
    memset(t->p + t->n, c, (size_t)n);
    t->n += (size_t)n;
    t->p[t->n] = 0;
}

__attribute__((format(printf, 2, 3))) static inline void fac__text_format(fac__text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !fac__text_reserve(t, (size_t)n)) return;
    va_start(args, format);
    t->n += (size_t)vsnprintf(t->p + t->n, (size_t)n + 1, format, args);
    va_end(args);
}

static inline void fac__text_drop(fac__text *t)
{
    fac__free(t->p);
    *t = (fac__text){0};
}

/* The text as a block for the C library's free(); NULL, with an error pending, if memory ran out on the way. Drops
 * t. */
static inline char *fac__text_take(fac__text *t)
{
    char *s = !t->failed && fac__text_reserve(t, 0) ? malloc(t->n + 1) : NULL;
    if (s) {
        memcpy(s, t->p ? t->p : "", t->n);
        s[t->n] = 0;
    } else if (!t->failed) {
        fac__memory_error(t->n + 1);
    }
    fac__text_drop(t);
    return s;
}

#endif
