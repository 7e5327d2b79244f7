/* Floor 1. Looking through floats for those that come before a given one in a sort. Compiled once for each instruction
 * set. */
#include "backend/cpu/sort_keys.h"

#include <string.h>

#include "backend/cpu/isa/isa.h"

/* A bit for each of 8 bytes that are 0 or 1, the first one's lowest. */
static inline uint64_t bits_of(const uint8_t *bytes)
{
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits |= (uint64_t)bytes[i] << i;
    return bits;
}

int64_t FAC__ISA(fac__find_before) FAC__FIND_BEFORE_PARAMETERS
{
    const int32_t turn = descending ? -1 : 0, limit = key ^ turn; /* ~k is smaller where k is larger */
    for (; from < n; from += FAC__FOUND) {
        uint8_t before[FAC__FOUND] = {0};
        int64_t count = n - from < FAC__FOUND ? n - from : FAC__FOUND;
        if (count == FAC__FOUND)
            for (int i = 0; i < FAC__FOUND; i++)
                before[i] = (fac__signed_key(x[from + i]) ^ turn) < limit;
        else
            for (int64_t i = 0; i < count; i++)
                before[i] = (fac__signed_key(x[from + i]) ^ turn) < limit;
        uint64_t words[FAC__FOUND / 8], any = 0;
        memcpy(words, before, sizeof words);
        for (int i = 0; i < FAC__FOUND / 8; i++)
            any |= words[i];
        if (!any) continue;
        for (int i = 0; i < FAC__FOUND / 8; i++)
            any = i ? any | bits_of(before + 8 * i) << 8 * i : bits_of(before);
        *flags = any;
        return from;
    }
    *flags = 0;
    return from;
}
