/* Floor 8. The file of points. It grows by pieces that are on the disk before they are mapped: a disk that is full is then an
 * error, where writing to the memory would be a signal that kills. */
#include "watch/points.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/raise.h"

enum { PAGE = 64 << 10, FIRST = 2 * PAGE, MOST = 64 * PAGE }; /* PAGE: a multiple of any machine's */

static bool fail(fac__points *p, const char *what, int reason)
{
    fac__io_error("%s: %s: %s", p->path, what, strerror(reason));
    p->failed = true;
    return false;
}

bool fac__points_create(fac__points *p, const char *path)
{
    *p = (fac__points){.fd = -1, .path = fac__strdup(path)};
    if (!p->path) return false;
    p->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (p->fd < 0) return fail(p, "cannot be written", errno);
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0) return fail(p, "cannot be locked", errno);
    return fac__points_reach(p, 1);
}

static void unmap(fac__points *p)
{
    if (p->window) munmap(p->window, (size_t)(p->end - p->begin));
    p->window = NULL;
    p->begin = p->end = p->used;
}

bool fac__points_reach(fac__points *p, int n)
{
    if (p->failed) return false;
    if (p->end - p->used >= n * (int64_t)sizeof(fac__point)) return true;
    int64_t begin = p->used / PAGE * PAGE, size = begin < FIRST ? FIRST : begin < MOST ? begin : MOST;
    int64_t end = begin + size;
    unmap(p);
    int reason;
    do
        reason = posix_fallocate(p->fd, p->length, end - p->length);
    while (reason == EINTR);
    if (reason) return fail(p, "cannot be made longer, so that no more values are written", reason);
    p->length = end;
    void *window = mmap(NULL, (size_t)(end - begin), PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, begin);
    if (window == MAP_FAILED) return fail(p, "cannot be mapped", errno);
    p->window = window;
    p->begin = begin;
    p->end = end;
    return true;
}

bool fac__points_name(fac__points *p, uint32_t curve, const char *name)
{
    size_t bytes = strlen(name), records = (bytes + sizeof(fac__point) - 1) / sizeof(fac__point);
    if (!fac__points_reach(p, 1 + (int)records)) return false;
    fac__point *at = (fac__point *)(p->window + (p->used - p->begin));
    at->curve = curve;
    at->bytes = (uint32_t)bytes;
    memcpy(at + 1, name, bytes); /* what is behind it is 0 */
    __atomic_store_n(&at->kind, (uint32_t)FAC__NAME, __ATOMIC_RELEASE);
    p->used += (int64_t)((1 + records) * sizeof *at);
    return true;
}

bool fac__points_close(fac__points *p)
{
    unmap(p);
    bool good = !p->failed;
    if (p->fd >= 0) {
        if (ftruncate(p->fd, p->used) != 0 && good) good = fail(p, "cannot be cut to its length", errno);
        close(p->fd);
    }
    fac__free(p->path);
    *p = (fac__points){.fd = -1};
    return good;
}
