/* Floor 7. Turning around the bytes of numbers that a file holds the other way than this machine. */
#ifndef FACULA_BYTE_ORDER_H
#define FACULA_BYTE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool fac__machine_is_big_endian(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 0;
}

/* n numbers of `size` bytes: 1, 2, 4 or 8. */
static inline void fac__swap_bytes(void *data, int64_t n, size_t size)
{
    unsigned char *p = data;
#define FAC__SWAP(bits)                                                                                                \
    for (int64_t i = 0; i < n; i++, p += bits / 8) {                                                                   \
        uint##bits##_t v;                                                                                              \
        memcpy(&v, p, sizeof v);                                                                                       \
        v = __builtin_bswap##bits(v);                                                                                  \
        memcpy(p, &v, sizeof v);                                                                                       \
    }
    if (size == 2)
        FAC__SWAP(16)
    else if (size == 4)
        FAC__SWAP(32)
    else if (size == 8)
        FAC__SWAP(64)
#undef FAC__SWAP
}

#endif
