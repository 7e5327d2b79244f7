/* Floor 1. Keys of floats as numbers of 32 bits, and the search with them that isa/sort_keys.c has. */
#ifndef FACULA_SORT_KEYS_H
#define FACULA_SORT_KEYS_H

#include <stdbool.h>
#include <stdint.h>

/* From a float's bits a number that is larger where the float is: -0 is 0, NaN the largest. Without branches. */
static inline int32_t fac__signed_key(uint32_t bits)
{
    int32_t magnitude = (int32_t)(bits & INT32_MAX), key = (int32_t)bits < 0 ? ~magnitude : magnitude;
    key = magnitude == 0 ? 0 : key;
    return magnitude > 0x7f800000 ? INT32_MAX : key;
}

/* The first of the blocks x[from .. from + FAC__FOUND), and so on, that has an element whose key is smaller (descending:
 * larger) than `key`: where it begins, and one bit for each element. Flags 0: none has. */
enum { FAC__FOUND = 64 };
#define FAC__FIND_BEFORE_PARAMETERS                                                                                    \
    (const uint32_t *x, int64_t from, int64_t n, int32_t key, bool descending, uint64_t *flags)

#endif
