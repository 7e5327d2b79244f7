/* Floor 7. What reading and writing zip files share: the marks and sizes of records, and little-endian numbers in them.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT */
#ifndef FACULA_ZIP_FORMAT_H
#define FACULA_ZIP_FORMAT_H

#include <stdint.h>

#define ZIP_LOCAL 0x04034b50u     /* before each entry's bytes */
#define ZIP_CENTRAL 0x02014b50u   /* in the list of entries */
#define ZIP_END 0x06054b50u       /* behind the list, at the file's end */
#define ZIP_END64 0x06064b50u     /* before that, in files that zip's 32-bit numbers are too small for */
#define ZIP_LOCATOR64 0x07064b50u /* between the two: where the former is */

enum {
    ZIP_LOCAL_SIZE = 30,
    ZIP_CENTRAL_SIZE = 46,
    ZIP_END_SIZE = 22,
    ZIP_END64_SIZE = 56,
    ZIP_LOCATOR64_SIZE = 20,
    ZIP_EXTRA64 = 1, /* the extra field that has the numbers of 64 bits */
};
#define ZIP_FULL 0xffffffffu /* "see there" */

static inline uint32_t fac__get16(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}
static inline uint32_t fac__get32(const unsigned char *p)
{
    return fac__get16(p) | fac__get16(p + 2) << 16;
}
static inline uint64_t fac__get64(const unsigned char *p)
{
    return fac__get32(p) | (uint64_t)fac__get32(p + 4) << 32;
}

#endif
