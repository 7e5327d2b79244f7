/* Floor 7. A file that appears whole or not at all. */
#ifndef FACULA_ATOMIC_FILE_H
#define FACULA_ATOMIC_FILE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fac__file {
    int fd;
    char *path;      /* where it is to be, symbolic links followed */
    char *temporary; /* what it is called until then; NULL: path is written to directly */
} fac__file;

/* All report errors. Each of them may be the last, and leaves nothing behind when it fails. */
bool fac__file_create(fac__file *f, const char *path);
bool fac__file_write(fac__file *f, const void *data, size_t n);
/* Brings all that was written to the disk, under the other name still, and closes it: for one of several files, which
 * are committed when all of them are there. */
bool fac__file_finish(fac__file *f);
/* Finishes it, if that was not done, and puts it in place. */
bool fac__file_commit(fac__file *f);
/* Gives up a file that was created and not committed. */
void fac__file_abandon(fac__file *f);

#endif
