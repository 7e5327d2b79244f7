/* Floor 7. Writing a file under another name and renaming it when it is complete and on the disk. */
#define _GNU_SOURCE
#include "atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/raise.h"

void fac__file_abandon(fac__file *f)
{
    if (f->fd >= 0) close(f->fd);
    if (f->temporary) unlink(f->temporary);
    fac__free(f->temporary);
    fac__free(f->path);
    *f = (fac__file){-1, NULL, NULL};
}

static bool fail(fac__file *f, const char *what)
{
    int reason = errno;
    fac__io_error("%s: %s: %s", f->path, what, strerror(reason));
    fac__file_abandon(f);
    return false;
}

/* path with symbolic links followed, so that a link stays one. */
static char *resolve(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISLNK(info.st_mode)) return fac__strdup(path);
    char *real = realpath(path, NULL); /* NULL for a link to nothing, which is replaced by the file */
    char *copy = fac__strdup(real ? real : path);
    free(real);
    return copy;
}

bool fac__file_create(fac__file *f, const char *path)
{
    *f = (fac__file){-1, resolve(path), NULL};
    if (!f->path) return false;
    struct stat info;
    bool exists = stat(f->path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) return errno = EISDIR, fail(f, "cannot be written");
    if (exists && !S_ISREG(info.st_mode)) {
        f->fd = open(f->path, O_WRONLY | O_CLOEXEC);
        return f->fd >= 0 || fail(f, "cannot be opened for writing");
    }
    size_t room = strlen(f->path) + 40;
    char *temporary = fac__alloc(room);
    if (!temporary) return fac__file_abandon(f), false;
    static atomic_uint counter;
    do {
        snprintf(temporary, room, "%s.%ld-%u.tmp", f->path, (long)getpid(), atomic_fetch_add(&counter, 1));
        f->fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (f->fd < 0 && errno == EEXIST);
    if (f->fd < 0) {
        fac__free(temporary);
        return fail(f, "cannot be written");
    }
    f->temporary = temporary;
    if (exists && fchmod(f->fd, info.st_mode & 07777) != 0) return fail(f, "its permissions cannot be kept");
    return true;
}

bool fac__file_write(fac__file *f, const void *data, size_t n)
{
    const char *p = data;
    while (n) {
        ssize_t done = write(f->fd, p, n < 1 << 30 ? n : 1 << 30);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return fail(f, "cannot be written");
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* The new name is on the disk when its directory is. Where a file system cannot do that, the file is whole anyway. */
static void sync_directory(const char *path)
{
    char *end = strrchr(path, '/');
    char *directory = end ? strndup(path, (size_t)(end - path + 1)) : strdup(".");
    int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(directory);
}

bool fac__file_finish(fac__file *f)
{
    if (f->temporary && fsync(f->fd) != 0) return fail(f, "cannot be brought to the disk");
    int closed = close(f->fd);
    f->fd = -1;
    return closed == 0 || fail(f, "cannot be written");
}

bool fac__file_commit(fac__file *f)
{
    if (f->fd >= 0 && !fac__file_finish(f)) return false;
    if (f->temporary) {
        if (rename(f->temporary, f->path) != 0) return fail(f, "cannot be put in place");
        fac__free(f->temporary);
        f->temporary = NULL;
        sync_directory(f->path);
    }
    fac__file_abandon(f);
    return true;
}
