/* Floor 7. A list of texts that grows: names of classes, of columns, paths. */
#ifndef FACULA_TEXT_LIST_H
#define FACULA_TEXT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fac__texts {
    char **items;
    int64_t count;
} fac__texts;

/* Adds a copy of n bytes, with a zero behind them. False when memory runs out; the list is as before. */
bool fac__texts_add(fac__texts *t, const char *text, size_t n);
/* In the order of their bytes, from item `begin` on. */
void fac__texts_sort(fac__texts *t, int64_t begin);
/* The first that is the same; -1: there is none. */
int64_t fac__texts_find(const fac__texts *t, const char *text);
void fac__texts_drop(fac__texts *t);

#endif
