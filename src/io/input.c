/* Floor 7. Reading files by pread, zlib and mmap. */
#define _GNU_SOURCE
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/memory.h"
#include "core/raise.h"
#include "data/byte_order.h"

/* ---- files -------------------------------------------------------------------------------------------------- */

/* All of a file, held by the input and by each tensor that lies in it. */
typedef struct fac__mapping {
    atomic_int refs;
    char *data;
    size_t size;
} fac__mapping;

static void let_go(void *context)
{
    fac__mapping *m = context;
    if (!m || atomic_fetch_sub(&m->refs, 1) > 1) return;
    munmap(m->data, m->size);
    fac__free(m);
}

bool fac__input_open(fac__input *in, const char *path, bool map)
{
    /* O_NONBLOCK: a pipe nobody writes to is to be refused, not waited for. It means nothing to regular files. */
    *in = (fac__input){.path = path, .fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), .map = map};
    if (in->fd < 0) return fac__io_error("%s: cannot be opened: %s", path, strerror(errno)), false;
    struct stat info;
    bool known = fstat(in->fd, &info) == 0, regular = known && S_ISREG(info.st_mode);
    if (!known) fac__io_error("%s: cannot be read: %s", path, strerror(errno));
    if (known && !regular) fac__io_error("%s: not a regular file", path);
    if (!regular) return fac__input_close(in), false;
    in->size = (int64_t)info.st_size;
    /* The disk is to go on while memory is made for what has come. */
    if (!map) posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return true;
}

void fac__input_close(fac__input *in)
{
    let_go(in->mapping);
    if (in->fd >= 0) close(in->fd);
    in->fd = -1;
    in->mapping = NULL;
}

fac__input fac__input_part(const fac__input *whole, int64_t at, int64_t n)
{
    return (fac__input){.path = whole->path, .fd = whole->fd, .base = whole->base + at, .size = n};
}

bool fac__input_read(const fac__input *in, int64_t at, void *out, int64_t n)
{
    char *p = out;
    at += in->base;
    while (n > 0) {
        ssize_t got = pread(in->fd, p, (size_t)(n < 1 << 30 ? n : 1 << 30), (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fac__io_error("%s: cannot be read: %s", in->path, strerror(errno)), false;
        if (got == 0) return fac__io_error("%s: became shorter while it was read", in->path), false;
        p += got;
        at += got;
        n -= got;
    }
    return true;
}

/* The mapping is private: what is written into a tensor goes to a page of its own. */
static fac__mapping *mapping_of(fac__input *in)
{
    if (in->mapping) return in->mapping;
    fac__mapping *m = fac__alloc(sizeof *m);
    if (!m) return NULL;
    m->size = (size_t)in->size;
    m->data = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, in->fd, 0);
    if (m->data == MAP_FAILED) {
        fac__free(m);
        return fac__io_error("%s: cannot be mapped: %s", in->path, strerror(errno));
    }
    atomic_init(&m->refs, 1);
    return in->mapping = m;
}

/* ---- stretches ---------------------------------------------------------------------------------------------- */

enum { BUFFER = 1 << 16, MOST_DEFLATED = 1032 /* bytes that one byte of a deflate stream can stand for */ };

typedef struct fac__inflater {
    z_stream z;
    bool ended;
    unsigned char buffer[BUFFER];
} fac__inflater;

static void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    return fac__alloc((size_t)items * size);
}

static void zlib_free(void *opaque, void *p)
{
    fac__free(p);
}

fac__stream fac__stream_plain(fac__input *in, const char *name, int64_t at, int64_t n)
{
    return (fac__stream){.in = in, .name = name, .at = at, .packed = n, .left = n, .sum = (uint32_t)crc32(0, NULL, 0)};
}

bool fac__stream_deflated(fac__stream *s, fac__input *in, const char *name, int64_t at, int64_t packed, int64_t n)
{
    *s = fac__stream_plain(in, name, at, packed);
    int64_t most;
    if (!__builtin_mul_overflow(packed, (int64_t)MOST_DEFLATED, &most) && n > most)
        return fac__stream_error(s, "is damaged: %lld bytes cannot become %lld", (long long)packed, (long long)n);
    s->left = n;
    fac__inflater *i = fac__alloc(sizeof *i);
    if (!i) return false;
    memset(i, 0, offsetof(fac__inflater, buffer));
    i->z.zalloc = zlib_alloc;
    i->z.zfree = zlib_free;
    if (inflateInit2(&i->z, -15) != Z_OK) { /* minus: raw */
        fac__free(i);
        return fac__memory_error(sizeof(z_stream)), false;
    }
    s->inflater = i;
    return true;
}

void fac__stream_close(fac__stream *s)
{
    if (!s->inflater) return;
    inflateEnd(&s->inflater->z);
    fac__free(s->inflater);
    s->inflater = NULL;
}

bool fac__stream_error(const fac__stream *s, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (s->name)
        fac__io_error("%s: '%s' %s", s->in->path, s->name, text);
    else
        fac__io_error("%s: the file %s", s->in->path, text);
    return false;
}

/* Up to n bytes; -1 after an error. */
static int64_t unpack(fac__stream *s, void *out, int64_t n)
{
    fac__inflater *i = s->inflater;
    i->z.next_out = out;
    i->z.avail_out = (unsigned)n;
    while (i->z.avail_out && !i->ended) {
        if (!i->z.avail_in) {
            int64_t some = s->packed < BUFFER ? s->packed : BUFFER;
            if (!some) break;
            if (!fac__input_read(s->in, s->at, i->buffer, some)) return -1;
            s->at += some;
            s->packed -= some;
            i->z.next_in = i->buffer;
            i->z.avail_in = (unsigned)some;
        }
        int code = inflate(&i->z, Z_NO_FLUSH);
        i->ended = code == Z_STREAM_END;
        if (code == Z_MEM_ERROR) return fac__memory_error(0), -1;
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return fac__stream_error(s, "is damaged: %s", i->z.msg ? i->z.msg : "not deflated"), -1;
    }
    return n - i->z.avail_out;
}

bool fac__stream_read(fac__stream *s, void *out, int64_t n)
{
    if (n > s->left) return fac__stream_error(s, "is truncated");
    for (char *p = out; n > 0;) {
        /* Small enough that the check sum finds the bytes in the cache. */
        int64_t some = !s->summed && !s->inflater ? n : n < BUFFER ? n : BUFFER;
        if (s->inflater) {
            some = unpack(s, p, some);
            if (some == 0) fac__stream_error(s, "is damaged: it holds less than it says");
            if (some <= 0) return false;
        } else if (!fac__input_read(s->in, s->at, p, some)) {
            return false;
        } else {
            s->at += some;
            s->packed -= some;
        }
        if (s->summed) s->sum = (uint32_t)crc32(s->sum, (const unsigned char *)p, (unsigned)some);
        s->left -= some;
        p += some;
        n -= some;
    }
    return true;
}

bool fac__stream_done(fac__stream *s)
{
    if (s->left) return fac__stream_error(s, "is too long: %lld bytes are left over", (long long)s->left);
    if (s->inflater) {
        char more;
        int64_t got = unpack(s, &more, 1);
        if (got < 0) return false;
        if (got > 0 || !s->inflater->ended || s->packed || s->inflater->z.avail_in)
            return fac__stream_error(s, "is damaged: it holds more than it says");
    }
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return true; /* what is made up may reach what is behind this */
#endif
    return !s->summed || s->sum == s->wanted || fac__stream_error(s, "is damaged: its check sum is wrong");
}

/* The tensor in the mapping. */
static fac_tensor *map_tensor(fac__stream *s, fac_dtype dtype, int ndim, const int64_t *shape, int64_t bytes)
{
    fac__mapping *m = mapping_of(s->in);
    fac_tensor *t = m ? fac__new_foreign(m->data + s->at, dtype, ndim, shape, let_go, m) : NULL;
    if (!t) return NULL;
    atomic_fetch_add(&m->refs, 1);
    s->at += bytes;
    s->packed -= bytes;
    s->left -= bytes;
    s->summed = false;
    return t;
}

fac_tensor *fac__stream_tensor(fac__stream *s, int element, int ndim, const int64_t *shape, bool big_endian)
{
    fac_dtype dtype = fac__element_dtype(element);
    int64_t size = (int64_t)fac__element_size(element), wide = (int64_t)fac_dtype_size(dtype), n = 1, bytes;
    bool empty = false, fits = true;
    for (int d = 0; d < ndim; d++) {
        empty |= shape[d] == 0;
        if (shape[d]) fits &= !__builtin_mul_overflow(n, shape[d], &n);
    }
    fits &= !__builtin_mul_overflow(n, wide, &bytes); /* also where it is empty: strides are to be numbers */
    if (empty) n = 0;
    bytes = fits ? n * size : INT64_MAX;
    if (bytes > s->left)
        return fac__stream_error(s, "is truncated: it is too short for shape %s", fac__shape_text(ndim, shape)), NULL;
    bool here = size == 1 || big_endian == fac__machine_is_big_endian(); /* in this machine's order */
    if (s->in->map && !s->inflater && size == wide && here && s->at % size == 0 && bytes && dtype != FAC_BOOL)
        return map_tensor(s, dtype, ndim, shape, bytes);
    fac_tensor *t = fac__new(dtype, ndim, shape);
    if (!t) return NULL;
    char *data = fac__host(t);
    uint64_t value;
    int64_t good = fac__stream_read(s, data + n * (wide - size), bytes)
                       ? fac__elements_finish(element, data, n, big_endian, &value)
                       : -1;
    if (good == n) return t;
    if (good >= 0)
        fac__stream_error(s, "of dtype %s holds %llu at %lld%s", fac__element_name(element), (unsigned long long)value,
                          (long long)good, element == FAC_BOOL ? "" : ", beyond the numbers of int64");
    fac_release(t);
    return NULL;
}
