/* Floor 0. Is a text UTF-8? */
#ifndef FACULA_UTF8_H
#define FACULA_UTF8_H

#include <stdbool.h>

/* As RFC 3629 has it: no surrogates, no form longer than needed, nothing above U+10FFFF. */
static inline bool fac__is_utf8(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int more = *p < 0x80                 ? 0
                   : *p >= 0xc2 && *p < 0xe0 ? 1
                   : *p >= 0xe0 && *p < 0xf0 ? 2
                   : *p >= 0xf0 && *p < 0xf5 ? 3
                                             : -1;
        if (more < 0) return false;
        unsigned char first = *p++, second = *p;
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
            (first == 0xf4 && second > 0x8f))
            return false;
        for (; more; more--, p++)
            if ((*p & 0xc0) != 0x80) return false;
    }
    return true;
}

#endif
