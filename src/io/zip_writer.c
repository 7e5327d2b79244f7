/* Floor 7. Writing zip files. Entries are not compressed, so that they can be mapped, and begin at multiples of 64: the
 * gap is an extra field of the entry's header, the one that PyTorch uses for it. */
#include <string.h>

#include <zlib.h>

#include "core/raise.h"
#include "zip.h"
#include "zip_format.h"

enum { ALIGNED = 64, PADDING = 0x4246 /* "FB" */, VERSION = 20, VERSION64 = 45, DATE = 0x21 /* 1 January 1980 */ };

static void put(fac__text *t, int bytes, uint64_t v)
{
    char p[8];
    for (int i = 0; i < bytes; i++)
        p[i] = (char)(v >> 8 * i);
    fac__text_add(t, p, (size_t)bytes);
}

/* From the version on, what both headers of an entry have in the same order. */
static void put_common(fac__text *t, int version, bool wide, uint32_t sum, int64_t size, size_t name)
{
    put(t, 2, (uint64_t)version);
    put(t, 2, 0x800); /* names are UTF-8 */
    put(t, 2, 0);     /* stored */
    put(t, 4, (uint64_t)DATE << 16);
    put(t, 4, sum);
    put(t, 4, wide ? ZIP_FULL : (uint64_t)size);
    put(t, 4, wide ? ZIP_FULL : (uint64_t)size);
    put(t, 2, name);
}

static uint32_t checksum(uint32_t sum, const void *data, size_t n)
{
    return n ? (uint32_t)crc32_z(sum, data, n) : sum;
}

static bool emit(fac__zip_writer *z, const void *data, size_t n)
{
    z->at += (int64_t)n;
    return n == 0 || fac__file_write(z->f, data, n);
}

bool fac__zip_add(fac__zip_writer *z, const char *name, const void *head, size_t head_size, const void *data,
                  size_t data_size)
{
    size_t length = strlen(name);
    if (!length || length > 0xffff)
        return fac__value_error("a name of %zu bytes cannot be an entry of a zip file", length), false;
    int64_t size = (int64_t)(head_size + data_size), place = z->at;
    uint32_t sum = checksum(checksum((uint32_t)crc32(0, NULL, 0), head, head_size), data, data_size);
    bool wide = size >= ZIP_FULL, far = place >= ZIP_FULL;
    int64_t gap = -(place + ZIP_LOCAL_SIZE + (int64_t)length + (wide ? 20 : 0) + 4) & (ALIGNED - 1);

    fac__text local = {0};
    put(&local, 4, ZIP_LOCAL);
    put_common(&local, wide ? VERSION64 : VERSION, wide, sum, size, length);
    put(&local, 2, (uint64_t)gap + 4 + (wide ? 20 : 0));
    fac__text_add(&local, name, length);
    if (wide) {
        put(&local, 2, ZIP_EXTRA64);
        put(&local, 2, 16);
        put(&local, 8, (uint64_t)size);
        put(&local, 8, (uint64_t)size);
    }
    put(&local, 2, PADDING);
    put(&local, 2, (uint64_t)gap);
    fac__text_repeat(&local, 'Z', gap);
    bool ok = !local.failed && emit(z, local.p, local.n) && emit(z, head, head_size) && emit(z, data, data_size);
    fac__text_drop(&local);

    int numbers = (wide ? 2 : 0) + far;
    put(&z->list, 4, ZIP_CENTRAL);
    int version = wide || far ? VERSION64 : VERSION;
    put(&z->list, 2, (uint64_t)version); /* of the writer, on MS-DOS: no permissions follow */
    put_common(&z->list, version, wide, sum, size, length);
    put(&z->list, 2, numbers ? 4 + 8 * (uint64_t)numbers : 0);
    put(&z->list, 2, 0); /* no comment */
    put(&z->list, 2, 0); /* the first disk */
    put(&z->list, 2, 0);
    put(&z->list, 4, 0);
    put(&z->list, 4, far ? ZIP_FULL : (uint64_t)place);
    fac__text_add(&z->list, name, length);
    if (numbers) {
        put(&z->list, 2, ZIP_EXTRA64);
        put(&z->list, 2, 8 * (uint64_t)numbers);
        if (wide) {
            put(&z->list, 8, (uint64_t)size);
            put(&z->list, 8, (uint64_t)size);
        }
        if (far) put(&z->list, 8, (uint64_t)place);
    }
    z->count++;
    return ok && !z->list.failed;
}

bool fac__zip_finish(fac__zip_writer *z)
{
    uint64_t at = (uint64_t)z->at, size = z->list.n, count = (uint64_t)z->count;
    bool wide = at >= ZIP_FULL || size >= ZIP_FULL || count >= 0xffff;
    fac__text *t = &z->list;
    if (wide) {
        put(t, 4, ZIP_END64);
        put(t, 8, ZIP_END64_SIZE - 12);
        put(t, 2, VERSION64);
        put(t, 2, VERSION64);
        put(t, 8, 0); /* disks */
        put(t, 8, count);
        put(t, 8, count);
        put(t, 8, size);
        put(t, 8, at);
        put(t, 4, ZIP_LOCATOR64);
        put(t, 4, 0);
        put(t, 8, at + size);
        put(t, 4, 1);
    }
    put(t, 4, ZIP_END);
    put(t, 4, 0);
    put(t, 2, wide ? 0xffff : count);
    put(t, 2, wide ? 0xffff : count);
    put(t, 4, wide ? ZIP_FULL : size);
    put(t, 4, wide ? ZIP_FULL : at);
    put(t, 2, 0);
    return !t->failed && emit(z, t->p, t->n);
}

void fac__zip_drop(fac__zip_writer *z)
{
    fac__text_drop(&z->list);
}
