/* Floor 7. Reading files through zlib. zlib's own gz functions would do, but for their calls to malloc, and that they
 * take what follows a damaged end for granted. */
#define _GNU_SOURCE
#include "byte_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/memory.h"
#include "core/raise.h"

enum { BUFFER = 1 << 16, MOST_DEFLATED = 1032 /* bytes that one byte of a deflate stream can stand for */ };

struct fac__source {
    char *path;
    int fd;
    int64_t file_size; /* -1: no regular file */
    bool gzip, stream_ended, file_ended;
    z_stream z; /* its input is the buffer's unread part, for plain files too */
    unsigned char buffer[BUFFER];
};

static void *zlib_alloc(void *opaque, unsigned items, unsigned size)
{
    return fac__alloc((size_t)items * size);
}

static void zlib_free(void *opaque, void *p)
{
    fac__free(p);
}

/* The file of that name, or of its twin with or without ".gz"; -1 and errno when there is none. path is changed to what
 * was opened. */
static int open_either(char *path)
{
    if (!strcmp(path, "-")) return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT) return fd;
    size_t n = strlen(path);
    bool compressed = n > 3 && !strcmp(path + n - 3, ".gz");
    strcpy(compressed ? path + n - 3 : path + n, compressed ? "" : ".gz");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) strcpy(compressed ? path + n - 3 : path + n, compressed ? ".gz" : "");
    return fd;
}

/* More input. False after an error; at the end of the file there is none. */
static bool fill(fac__source *s)
{
    while (s->z.avail_in == 0 && !s->file_ended) {
        ssize_t got = read(s->fd, s->buffer, BUFFER);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fac__io_error("%s: cannot be read: %s", s->path, strerror(errno)), false;
        s->z.next_in = s->buffer;
        s->z.avail_in = (unsigned)got;
        s->file_ended = got == 0;
    }
    return true;
}

fac__source *fac__source_open(const char *path, bool quiet)
{
    fac__source *s = fac__alloc(sizeof *s);
    if (!s) return NULL;
    memset(s, 0, offsetof(fac__source, buffer));
    s->path = fac__alloc(strlen(path) + 4);
    if (!s->path) {
        fac__free(s);
        return NULL;
    }
    strcpy(s->path, path);
    s->fd = open_either(s->path);
    if (s->fd < 0) {
        if (errno != ENOENT || !quiet) fac__io_error("%s: cannot be opened: %s", path, strerror(errno));
        fac__source_close(s);
        return NULL;
    }
    struct stat info;
    s->file_size = fstat(s->fd, &info) == 0 && S_ISREG(info.st_mode) ? (int64_t)info.st_size : -1;
    bool ok = fill(s);
    s->gzip = ok && s->z.avail_in >= 2 && s->buffer[0] == 0x1f && s->buffer[1] == 0x8b;
    if (s->gzip) {
        s->z.zalloc = zlib_alloc;
        s->z.zfree = zlib_free;
        ok = inflateInit2(&s->z, 15 + 16) == Z_OK; /* + 16: with gzip's header and check sum */
        if (!ok) {
            s->gzip = false;
            fac__memory_error(sizeof(z_stream));
        }
    }
    if (ok) return s;
    fac__source_close(s);
    return NULL;
}

void fac__source_close(fac__source *s)
{
    if (!s) return;
    if (s->gzip) inflateEnd(&s->z);
    if (s->fd >= 0) close(s->fd);
    fac__free(s->path);
    fac__free(s);
}

const char *fac__source_path(const fac__source *s)
{
    return s->path;
}

int64_t fac__source_limit(const fac__source *s)
{
    if (s->file_size < 0) return INT64_MAX;
    int64_t limit;
    return !s->gzip ? s->file_size : __builtin_mul_overflow(s->file_size, MOST_DEFLATED, &limit) ? INT64_MAX : limit;
}

/* Plain data: what is in the buffer, then from the file straight to where it belongs. */
static int64_t read_plain(fac__source *s, char *out, int64_t n)
{
    int64_t done = 0;
    while (done < n) {
        if (s->z.avail_in == 0 && n - done >= BUFFER) {
            ssize_t got = read(s->fd, out + done, (size_t)(n - done < 1 << 30 ? n - done : 1 << 30));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return fac__io_error("%s: cannot be read: %s", s->path, strerror(errno)), -1;
            if (got == 0) break;
            done += got;
            continue;
        }
        if (!fill(s)) return -1;
        if (s->z.avail_in == 0) break;
        int64_t some = n - done < s->z.avail_in ? n - done : s->z.avail_in;
        memcpy(out + done, s->z.next_in, (size_t)some);
        s->z.next_in += some;
        s->z.avail_in -= (unsigned)some;
        done += some;
    }
    return done;
}

static int64_t read_gzip(fac__source *s, char *out, int64_t n)
{
    int64_t done = 0;
    while (done < n) {
        if (!fill(s)) return -1;
        if (s->stream_ended) {
            if (s->z.avail_in == 0) break;
            if (inflateReset(&s->z) != Z_OK) return fac__memory_error(0), -1; /* files may be joined */
            s->stream_ended = false;
        }
        if (s->z.avail_in == 0) return fac__io_error("%s: the compressed data are truncated", s->path), -1;
        s->z.next_out = (unsigned char *)out + done;
        s->z.avail_out = (unsigned)(n - done < 1 << 30 ? n - done : 1 << 30);
        unsigned room = s->z.avail_out;
        int code = inflate(&s->z, Z_NO_FLUSH);
        done += room - s->z.avail_out;
        s->stream_ended = code == Z_STREAM_END;
        if (code == Z_MEM_ERROR) return fac__memory_error(0), -1;
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return fac__io_error("%s: the compressed data are damaged (%s)", s->path, s->z.msg ? s->z.msg : "not gzip"),
                   -1;
    }
    return done;
}

int64_t fac__source_read(fac__source *s, void *out, int64_t n)
{
    return s->gzip ? read_gzip(s, out, n) : read_plain(s, out, n);
}

int64_t fac__source_some(fac__source *s, void *out, int64_t n)
{
    if (s->gzip) return read_gzip(s, out, n);
    if (!fill(s)) return -1;
    return read_plain(s, out, n < s->z.avail_in ? n : s->z.avail_in);
}
