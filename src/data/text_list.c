/* Floor 7. See text_list.h. */
#include "text_list.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

bool fac__texts_add(fac__texts *t, const char *text, size_t n)
{
    if (!FAC__GROW(t->items, t->count)) return false;
    char *copy = fac__alloc(n + 1);
    if (!copy) return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    t->items[t->count++] = copy;
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void fac__texts_sort(fac__texts *t, int64_t begin)
{
    if (t->count > begin) qsort(t->items + begin, (size_t)(t->count - begin), sizeof *t->items, by_bytes);
}

int64_t fac__texts_find(const fac__texts *t, const char *text)
{
    for (int64_t i = 0; i < t->count; i++)
        if (!strcmp(t->items[i], text)) return i;
    return -1;
}

void fac__texts_drop(fac__texts *t)
{
    for (int64_t i = 0; i < t->count; i++)
        fac__free(t->items[i]);
    fac__free(t->items);
    *t = (fac__texts){0};
}
