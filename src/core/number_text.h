/* Floor 0. Numbers in texts, whatever the program's locale is. */
#ifndef FACULA_NUMBER_TEXT_H
#define FACULA_NUMBER_TEXT_H

#include <locale.h>
#include <stdlib.h>

enum { FAC__LONGEST_NUMBER = 400 };

/* The first n bytes, which are a decimal number of at most FAC__LONGEST_NUMBER bytes. strtod expects the decimal point of the
 * program's locale; the text has a point. */
static inline double fac__text_to_double(const char *digits, size_t n)
{
    char copy[FAC__LONGEST_NUMBER + 32];
    const char *point = localeconv()->decimal_point;
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (digits[i] != '.')
            copy[k++] = digits[i];
        else
            for (const char *q = point; *q && k < FAC__LONGEST_NUMBER + 16; q++)
                copy[k++] = *q;
    }
    copy[k] = 0;
    return strtod(copy, NULL);
}

#endif
