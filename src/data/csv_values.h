/* Floor 7. What a field of a table can be, and the set of texts that are met in a column. */
#ifndef FACULA_CSV_VALUES_H
#define FACULA_CSV_VALUES_H

#include "text_list.h"

/* Nothing, or one of the words for it: NA, NaN, null, None, ? … */
bool fac__csv_missing(const char *text);
/* A finite decimal number, with or without exponent. Infinite ones are taken for missing: NaN. */
bool fac__csv_number(const char *text, double *v);
/* 1: true, yes, t, y; 0: false, no, f, n; in any case. -1: neither. */
int fac__csv_bool(const char *text);

/* Different texts in the order in which they came, up to a number; from then on it is full, and holds none. */
typedef struct fac__text_set {
    fac__texts texts;
    int32_t *slots;
    int64_t n_slots, most;
    bool full;
} fac__text_set;

bool fac__text_set_add(fac__text_set *s, const char *text, size_t n);
/* Its place; -1. */
int64_t fac__text_set_find(const fac__text_set *s, const char *text, size_t n);
void fac__text_set_drop(fac__text_set *s);

#endif
