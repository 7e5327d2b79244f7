/* Floor 8. Writing JSON into a text: what a printf does not do, or too slowly for curves of many points. */
#ifndef FACULA_JSON_TEXT_H
#define FACULA_JSON_TEXT_H

#include "core/text.h"

/* "a \"b\"", with quotes. What is not UTF-8 becomes "?", so that this is JSON whatever s is. */
void fac__json_string(fac__text *t, const char *s);
/* At most 9 digits, integers below 1e15 with all of theirs; null for NaN and infinities, which JSON does not have. */
void fac__json_number(fac__text *t, double value);
void fac__json_integer(fac__text *t, int64_t value);

/* How many of the n bytes at s, n > 0, are a character of UTF-8; 0: it is not UTF-8 (too long a form, a surrogate, beyond U+10FFFF). */
int fac__utf8_character(const char *s, size_t n);

#endif
