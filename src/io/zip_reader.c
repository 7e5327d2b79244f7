/* Floor 7. Reading zip files. The list of entries at the end says all; what stands before each entry is only asked
 * where its bytes begin, and must not contradict. */
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "zip.h"
#include "zip_format.h"

enum { LARGEST_COMMENT = 65535, LARGEST_LIST = 64 << 20 };

#define MALFORMED "its list of entries is malformed"

#define BAD(...) (fac__io_error(__VA_ARGS__), false)

/* What the records at the file's end say of the list. */
typedef struct list {
    uint64_t count, at, size;
} list;

static bool damaged(const fac__zip *z, const char *what)
{
    return BAD("%s: the zip file is damaged: %s", z->in->path, what);
}

/* ---- the list of entries ------------------------------------------------------------------------------------ */

static bool find_list64(const fac__zip *z, int64_t end, list *l, int64_t *limit)
{
    bool needed = l->at == ZIP_FULL || l->size == ZIP_FULL; /* else there may be as many entries as that by chance */
    unsigned char locator[ZIP_LOCATOR64_SIZE], record[ZIP_END64_SIZE];
    if (end < ZIP_LOCATOR64_SIZE + ZIP_END64_SIZE)
        return !needed || damaged(z, "it lacks its record of 64-bit numbers");
    if (!fac__input_read(z->in, end - ZIP_LOCATOR64_SIZE, locator, sizeof locator)) return false;
    if (!needed && fac__get32(locator) != ZIP_LOCATOR64) return true;
    uint64_t at = fac__get64(locator + 8);
    if (fac__get32(locator) != ZIP_LOCATOR64 || at > (uint64_t)(end - ZIP_LOCATOR64_SIZE - ZIP_END64_SIZE))
        return damaged(z, "it lacks its record of 64-bit numbers");
    if (!fac__input_read(z->in, (int64_t)at, record, sizeof record)) return false;
    if (fac__get32(record) != ZIP_END64) return damaged(z, "it lacks its record of 64-bit numbers");
    if (fac__get32(record + 16) || fac__get32(record + 20) || fac__get64(record + 24) != fac__get64(record + 32))
        return damaged(z, "it is a part of an archive of several files");
    *l = (list){fac__get64(record + 32), fac__get64(record + 48), fac__get64(record + 40)};
    *limit = (int64_t)at;
    return true;
}

/* The last record is where a comment of the length that it claims ends with the file. */
static bool find_list(const fac__zip *z, list *l)
{
    int64_t size = z->in->size, tail = size < ZIP_END_SIZE + LARGEST_COMMENT ? size : ZIP_END_SIZE + LARGEST_COMMENT;
    unsigned char *bytes = fac__alloc((size_t)tail);
    if (!bytes) return false;
    if (!fac__input_read(z->in, size - tail, bytes, tail)) return fac__free(bytes), false;
    int64_t i = tail - ZIP_END_SIZE;
    while (i >= 0 && !(fac__get32(bytes + i) == ZIP_END && i + ZIP_END_SIZE + fac__get16(bytes + i + 20) == tail))
        i--;
    unsigned char end[ZIP_END_SIZE] = {0};
    if (i >= 0) memcpy(end, bytes + i, sizeof end);
    fac__free(bytes);
    if (i < 0) return BAD("%s: the zip file is truncated, or none: it has no list of entries at its end", z->in->path);
    int64_t limit = size - tail + i;
    *l = (list){fac__get16(end + 10), fac__get32(end + 16), fac__get32(end + 12)};
    bool full = l->count == 0xffff || l->at == ZIP_FULL || l->size == ZIP_FULL;
    if (fac__get16(end + 4) || fac__get16(end + 6) || fac__get16(end + 8) != l->count)
        return damaged(z, "it is a part of an archive of several files");
    if (full && !find_list64(z, limit, l, &limit)) return false;
    if (l->at > (uint64_t)limit || l->size > (uint64_t)limit - l->at)
        return damaged(z, "its list of entries does not lie in it");
    if (l->size > LARGEST_LIST || l->count > l->size / ZIP_CENTRAL_SIZE)
        return damaged(z, "its list of entries has not the size that it claims");
    return true;
}

/* Numbers that did not fit into 32 bits, in this order, those only. */
static bool read_extra64(const unsigned char *extra, size_t n, uint64_t *const numbers[3])
{
    bool wanted = false;
    for (int i = 0; i < 3; i++)
        wanted |= *numbers[i] == ZIP_FULL;
    for (; wanted && n >= 4; n -= 4 + fac__get16(extra + 2), extra += 4 + fac__get16(extra + 2)) {
        size_t length = fac__get16(extra + 2);
        if (length > n - 4) return false;
        if (fac__get16(extra) != ZIP_EXTRA64) continue;
        const unsigned char *p = extra + 4;
        for (int i = 0; i < 3; i++)
            if (*numbers[i] == ZIP_FULL) {
                if (length < 8) return false;
                *numbers[i] = fac__get64(p);
                p += 8;
                length -= 8;
            }
        return true;
    }
    return !wanted;
}

/* One entry of the list, from p, of which `left` bytes are left. Its length, or 0 after an error. */
static size_t read_entry(fac__zip *z, const unsigned char *p, size_t left, int64_t limit)
{
    if (left < ZIP_CENTRAL_SIZE || fac__get32(p) != ZIP_CENTRAL) return (void)damaged(z, MALFORMED), 0;
    size_t name = fac__get16(p + 28), extra = fac__get16(p + 30), comment = fac__get16(p + 32);
    size_t length = ZIP_CENTRAL_SIZE + name + extra + comment;
    if (length > left || !name || name > FAC__ZIP_LONGEST_NAME || memchr(p + ZIP_CENTRAL_SIZE, 0, name))
        return (void)damaged(z, MALFORMED), 0;
    fac__zip_entry *e = &z->entries[z->count];
    e->name = fac__alloc(name + 1);
    if (!e->name) return 0;
    memcpy(e->name, p + ZIP_CENTRAL_SIZE, name);
    e->name[name] = 0;
    z->count++;
    uint32_t flags = fac__get16(p + 8), method = fac__get16(p + 10);
    uint64_t packed = fac__get32(p + 20), size = fac__get32(p + 24), at = fac__get32(p + 42);
    if (flags & 1) return (void)BAD("%s: '%s' is encrypted", z->in->path, e->name), 0;
    if (method != 0 && method != 8)
        return (void)BAD("%s: '%s' is packed by method %u; only deflate is known", z->in->path, e->name,
                         (unsigned)method),
               0;
    uint64_t *const numbers[] = {&size, &packed, &at};
    if (!read_extra64(p + ZIP_CENTRAL_SIZE + name, extra, numbers) || at > (uint64_t)limit ||
        packed > (uint64_t)limit - at || size > INT64_MAX || (!method && packed != size))
        return (void)BAD("%s: the zip file is damaged: '%s' does not lie in it", z->in->path, e->name), 0;
    e->deflated = method == 8;
    e->sum = fac__get32(p + 16);
    e->packed = (int64_t)packed;
    e->size = (int64_t)size;
    e->header = (int64_t)at;
    return length;
}

static bool read_list(fac__zip *z, list l)
{
    z->entries = fac__alloc((size_t)l.count * sizeof *z->entries);
    z->sorted = fac__alloc((size_t)l.count * sizeof(fac__zip_entry *));
    unsigned char *bytes = z->entries && z->sorted ? fac__alloc((size_t)l.size) : NULL;
    bool ok = bytes && fac__input_read(z->in, (int64_t)l.at, bytes, (int64_t)l.size);
    size_t at = 0;
    while (ok && (uint64_t)z->count < l.count) {
        size_t length = read_entry(z, bytes + at, (size_t)l.size - at, (int64_t)l.at);
        ok = length > 0;
        at += length;
    }
    if (ok && at != l.size) ok = damaged(z, "its list of entries has not the size that it claims");
    fac__free(bytes);
    return ok;
}

/* ---- the entries -------------------------------------------------------------------------------------------- */

static int by_place(const void *x, const void *y)
{
    const fac__zip_entry *a = x, *b = y;
    return (a->header > b->header) - (a->header < b->header);
}

static int by_name(const void *x, const void *y)
{
    fac__zip_entry *const *a = x, *const *b = y;
    return strcmp((*a)->name, (*b)->name);
}

/* What stands before an entry's bytes has the same name, and is followed by no more than there is. */
static bool find_bytes(const fac__zip *z, fac__zip_entry *e, int64_t limit)
{
    unsigned char local[ZIP_LOCAL_SIZE];
    char name[FAC__ZIP_LONGEST_NAME];
    size_t length = strlen(e->name);
    bool ok = e->header + ZIP_LOCAL_SIZE + (int64_t)length <= limit;
    if (ok && !(fac__input_read(z->in, e->header, local, sizeof local) &&
                fac__input_read(z->in, e->header + ZIP_LOCAL_SIZE, name, (int64_t)length)))
        return false;
    ok = ok && fac__get32(local) == ZIP_LOCAL && fac__get16(local + 26) == length && !memcmp(name, e->name, length) &&
         fac__get16(local + 8) == (e->deflated ? 8 : 0);
    if (ok) e->at = e->header + ZIP_LOCAL_SIZE + (int64_t)length + fac__get16(local + 28);
    if (ok && e->at <= limit && e->packed <= limit - e->at) return true;
    return BAD("%s: the zip file is damaged: '%s' is not where the list says, or overlaps the next", z->in->path,
               e->name);
}

bool fac__zip_open(fac__zip *z, fac__input *in)
{
    *z = (fac__zip){.in = in};
    list l;
    if (!find_list(z, &l) || !read_list(z, l)) return false;
    qsort(z->entries, (size_t)z->count, sizeof *z->entries, by_place);
    for (int64_t i = 0; i < z->count; i++) {
        if (!find_bytes(z, &z->entries[i], i + 1 < z->count ? z->entries[i + 1].header : (int64_t)l.at)) return false;
        z->sorted[i] = &z->entries[i];
    }
    qsort(z->sorted, (size_t)z->count, sizeof *z->sorted, by_name);
    for (int64_t i = 0; i + 1 < z->count; i++)
        if (!strcmp(z->sorted[i]->name, z->sorted[i + 1]->name))
            return BAD("%s: the zip file is damaged: '%s' is in it twice", in->path, z->sorted[i]->name);
    return true;
}

void fac__zip_close(fac__zip *z)
{
    for (int64_t i = 0; i < z->count; i++)
        fac__free(z->entries[i].name);
    fac__free(z->entries);
    fac__free(z->sorted);
}

const fac__zip_entry *fac__zip_find(const fac__zip *z, const char *name)
{
    int64_t low = 0, high = z->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int order = strcmp(name, z->sorted[middle]->name);
        if (order == 0) return z->sorted[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

bool fac__zip_stream(const fac__zip *z, const fac__zip_entry *e, fac__stream *s)
{
    if (!e->deflated)
        *s = fac__stream_plain(z->in, e->name, e->at, e->size);
    else if (!fac__stream_deflated(s, z->in, e->name, e->at, e->packed, e->size))
        return false;
    s->summed = true;
    s->wanted = e->sum;
    return true;
}
