/* Floor 8. TensorBoard's event files. */
#include "watch/tensorboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/text.h"
#include "watch/folder.h"

enum { BUFFER = 128 << 10, RECORD = 256 }; /* bytes: of the buffer, and of a record at most */

static bool fail(fac__events *e, const char *what)
{
    fac__io_error("%s: %s: %s", e->path, what, strerror(errno));
    e->failed = true;
    return false;
}

/* ---- records ------------------------------------------------------------------------------------------------- */

/* The record's frame around what stands at data: its length and the checksums. The record's bytes. */
static size_t seal(uint8_t *record, size_t n)
{
    uint64_t length = n;
    memcpy(record, &length, 8);
    uint32_t crc = fac__masked_crc32c(record, 8);
    memcpy(record + 8, &crc, 4);
    crc = fac__masked_crc32c(record + 12, n);
    memcpy(record + 12 + n, &crc, 4);
    return n + 16;
}

static uint8_t *put_double(uint8_t *p, uint8_t key, double v)
{
    *p = key;
    memcpy(p + 1, &v, 8);
    return p + 9;
}

static uint8_t *put_varint(uint8_t *p, uint8_t key, uint64_t v)
{
    *p++ = key;
    for (; v >= 128; v >>= 7)
        *p++ = (uint8_t)(v | 128);
    *p++ = (uint8_t)v;
    return p;
}

/* A field of bytes, of which there are less than 128: its data is to follow. */
static uint8_t *put_bytes(uint8_t *p, uint8_t key, size_t n)
{
    *p = key;
    p[1] = (uint8_t)n;
    return p + 2;
}

/* Event {double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5}, Summary {repeated Value value = 1},
 * Value {string tag = 1; float simple_value = 2}: a key is the field's number times 8 plus 0 for a varint, 1 for 8 bytes, 2
 * for bytes with their length before them, 5 for 4 bytes. */
enum { WALL_TIME = 1 << 3 | 1, STEP = 2 << 3, VERSION = 3 << 3 | 2, SUMMARY = 5 << 3 | 2 };
enum { VALUE = 1 << 3 | 2, TAG = 1 << 3 | 2, SIMPLE_VALUE = 2 << 3 | 5 };
_Static_assert(FAC__CURVE_NAME + 2 + 5 + 2 < 128, "lengths are one byte");

bool fac__events_value(fac__events *e, const char *name, size_t bytes, int64_t step, double value, double time)
{
    if (e->failed || !e->buffer) return false;
    uint8_t *record = e->buffer + e->used, *p = record + 12;
    float simple = (float)value;
    p = put_double(p, WALL_TIME, time);
    p = put_varint(p, STEP, (uint64_t)step);
    p = put_bytes(p, SUMMARY, bytes + 9);
    p = put_bytes(p, VALUE, bytes + 7);
    p = put_bytes(p, TAG, bytes);
    memcpy(p, name, bytes);
    p[bytes] = SIMPLE_VALUE;
    memcpy(p + bytes + 1, &simple, 4);
    p += bytes + 5;
    e->used += seal(record, (size_t)(p - record) - 12);
    if (e->used <= BUFFER - RECORD && time - e->written < 1 && time >= e->written) return true;
    return fac__events_flush(e, time);
}

/* ---- the file ------------------------------------------------------------------------------------------------ */

bool fac__events_create(fac__events *e, const char *folder, double time)
{
    *e = (fac__events){.fd = -1, .written = time};
    char host[65] = "", name[160];
    gethostname(host, sizeof host - 1);
    for (char *p = host; *p; p++)
        if (*p == '/' || (unsigned char)*p <= ' ' || (unsigned char)*p > 126) *p = '_';
    snprintf(name, sizeof name, "events.out.tfevents.%010lld.%s.%ld.0", (long long)time, *host ? host : "localhost",
             (long)getpid());
    size_t room = strlen(folder) + strlen(name) + 2;
    e->path = fac__alloc(room);
    e->buffer = fac__alloc(BUFFER);
    if (!e->path || !e->buffer) return false;
    snprintf(e->path, room, "%s/%s", folder, name);
    e->fd = open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (e->fd < 0) return fail(e, "cannot be written");

    static const char version[] = "brain.Event:2";
    uint8_t *p = put_double(e->buffer + 12, WALL_TIME, time);
    p = put_bytes(p, VERSION, strlen(version));
    memcpy(p, version, strlen(version));
    e->used = seal(e->buffer, (size_t)(p - e->buffer) - 12 + strlen(version));
    return fac__events_flush(e, time);
}

bool fac__events_flush(fac__events *e, double time)
{
    e->written = time;
    if (e->failed || e->fd < 0) return !e->failed;
    for (size_t done = 0; done < e->used;) {
        ssize_t n = write(e->fd, e->buffer + done, e->used - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail(e, "cannot be written, so that TensorBoard gets no more values");
        done += (size_t)n;
    }
    e->used = 0;
    return true;
}

bool fac__events_close(fac__events *e)
{
    bool good = fac__events_flush(e, e->written);
    if (e->fd >= 0 && close(e->fd) != 0 && good) good = fail(e, "cannot be written");
    fac__free(e->buffer);
    fac__free(e->path);
    *e = (fac__events){.fd = -1};
    return good;
}
