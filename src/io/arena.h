/* Floor 7. Memory for many small things that are given back together. */
#ifndef FACULA_ARENA_H
#define FACULA_ARENA_H

#include <stddef.h>
#include <string.h>

#include "core/memory.h"

typedef struct fac__arena_block {
    struct fac__arena_block *next;
    size_t used, room;
} fac__arena_block;

typedef struct fac__arena {
    fac__arena_block *blocks;
} fac__arena;

/* n bytes, zeroed; NULL when memory runs out. */
static inline void *fac__arena_zeroed(fac__arena *a, size_t n)
{
    enum { BLOCK = 8192, HEAD = (sizeof(fac__arena_block) + 15) / 16 * 16 };
    fac__arena_block *b = a->blocks;
    n = (n + 15) / 16 * 16;
    if (!b || b->room - b->used < n) {
        size_t room = n + HEAD > BLOCK ? n + HEAD : BLOCK;
        b = fac__alloc(room);
        if (!b) return NULL;
        *b = (fac__arena_block){a->blocks, HEAD, room};
        a->blocks = b;
    }
    void *p = (char *)b + b->used;
    b->used += n;
    return memset(p, 0, n);
}

static inline char *fac__arena_text(fac__arena *a, const char *text)
{
    size_t n = strlen(text);
    char *copy = fac__arena_zeroed(a, n + 1);
    return copy ? memcpy(copy, text, n) : NULL;
}

static inline void fac__arena_drop(fac__arena *a)
{
    while (a->blocks) {
        fac__arena_block *next = a->blocks->next;
        fac__free(a->blocks);
        a->blocks = next;
    }
}

#endif
