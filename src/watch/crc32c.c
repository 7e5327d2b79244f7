/* Floor 8. CRC-32C, by the processor's own instruction where it has one. */
#include <pthread.h>
#include <string.h>

#include "watch/tensorboard.h"

/* Four tables, so that four bytes are done at a time: table[i][b] is the checksum of byte b and i zeros. */
static uint32_t table[4][256];

static void make_table(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        table[0][b] = crc;
    }
    for (int i = 1; i < 4; i++)
        for (int b = 0; b < 256; b++)
            table[i][b] = table[i - 1][b] >> 8 ^ table[0][table[i - 1][b] & 255];
}

uint32_t fac__crc32c_portable(uint32_t crc, const void *data, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_table);
    const uint8_t *p = data;
    for (; n >= 4; n -= 4, p += 4) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = table[3][crc & 255] ^ table[2][crc >> 8 & 255] ^ table[1][crc >> 16 & 255] ^ table[0][crc >> 24];
    }
    for (; n; n--, p++)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
    return crc;
}

#if defined __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *data, size_t n)
{
    const uint8_t *p = data;
    uint64_t c = crc, word;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        c = __builtin_ia32_crc32di(c, word);
    }
    crc = (uint32_t)c;
    for (; n; n--, p++)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}
#endif

uint32_t fac__masked_crc32c(const void *data, size_t n)
{
    uint32_t crc;
#if defined __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        crc = ~crc32c_sse42(~0u, data, n);
    else
#endif
        crc = ~fac__crc32c_portable(~0u, data, n);
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}
