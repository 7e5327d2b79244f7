/* Floor 7. What a pickle's values live in: chunks, and arrays of pointers, all within limits. */
#include <stdarg.h>
#include <stdio.h>

#include "core/memory.h"
#include "core/raise.h"
#include "pickle.h"

/* A model of a hundred thousand tensors stays far below. */
enum { CHUNK = 1 << 16, LARGEST_MEMORY = 1 << 30, MOST_POINTERS = 1 << 26 };

typedef struct fac__chunk {
    struct fac__chunk *next;
    size_t size;
} chunk;

void *fac__pickle_error(const fac__pickle *p, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fac__io_error("%s: %s", p->from->in->path, text);
}

void *fac__pickle_alloc(fac__pickle *p, size_t n)
{
    n = (n + 7) & ~(size_t)7;
    if (!p->chunks || n > p->chunks->size - p->chunk_used) {
        size_t size = n + sizeof(chunk) > CHUNK ? n + sizeof(chunk) : CHUNK;
        if (size > LARGEST_MEMORY - p->memory) return fac__pickle_error(p, "the pickle makes too many values");
        chunk *c = fac__alloc(size);
        if (!c) return NULL;
        *c = (chunk){p->chunks, size};
        p->memory += size;
        p->chunks = c;
        p->chunk_used = sizeof *c;
    }
    void *block = (char *)p->chunks + p->chunk_used;
    p->chunk_used += n;
    return block;
}

fac__value *fac__pickle_new(fac__pickle *p, fac__value_kind kind)
{
    fac__value *v = fac__pickle_alloc(p, sizeof *v);
    if (v) *v = (fac__value){.kind = kind};
    return v;
}

bool fac__pickle_push(fac__pickle *p, fac__pointers *to, void *item)
{
    if (to->count >= MOST_POINTERS) return fac__pickle_error(p, "the pickle makes too many values"), false;
    if (!FAC__GROW(to->p, to->count)) return false;
    to->p[to->count++] = item;
    return true;
}

bool fac__pickle_append(fac__pickle *p, fac__value *to, fac__value *item)
{
    if (to->items.count == to->items.room) {
        int64_t room = to->items.room ? 2 * to->items.room : 4;
        fac__value **array = fac__pickle_alloc(p, (size_t)room * sizeof *array);
        if (!array) return false;
        if (to->items.count) memcpy(array, to->items.p, (size_t)to->items.count * sizeof *array);
        to->items.p = array;
        to->items.room = room;
    }
    to->items.p[to->items.count++] = item;
    return true;
}

void fac__pickle_begin(fac__pickle *p, fac__stream *from)
{
    memset(p, 0, sizeof *p);
    p->from = from;
}

void fac__pickle_end(fac__pickle *p)
{
    for (int64_t i = 0; i < p->storages.count; i++)
        fac_release(((fac__stored *)p->storages.p[i])->tensor);
    for (chunk *c = p->chunks, *next; c; c = next) {
        next = c->next;
        fac__free(c);
    }
    fac__free(p->stack.p);
    fac__free(p->memo.p);
    fac__free(p->storages.p);
}
