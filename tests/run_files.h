/* Runs made by hand, for the tests of what reads them: files of points with anything in them. */
#ifndef FACULA_RUN_FILES_H
#define FACULA_RUN_FILES_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "watch/folder.h"

/* Records of points, in memory. */
typedef struct point_file {
    fac__point *p;
    int64_t n, room;
} point_file;

static inline fac__point *point_add(point_file *f, int64_t n)
{
    if (f->n + n > f->room) f->p = realloc(f->p, (size_t)(f->room = (f->n + n) * 2) * sizeof *f->p);
    memset(f->p + f->n, 0, (size_t)n * sizeof *f->p);
    f->n += n;
    return f->p + f->n - n;
}

static inline void point_name(point_file *f, uint32_t curve, const char *name)
{
    size_t bytes = strlen(name);
    fac__point *p = point_add(f, 1 + (int64_t)((bytes + sizeof *p - 1) / sizeof *p));
    p->kind = FAC__NAME;
    p->curve = curve;
    p->bytes = (uint32_t)bytes;
    memcpy(p + 1, name, bytes);
}

static inline void point_value(point_file *f, uint32_t curve, int64_t step, double value, double time)
{
    fac__point *p = point_add(f, 1);
    p->kind = FAC__VALUE;
    p->curve = curve;
    p->step = step;
    p->value = value;
    p->time = time;
}

/* Writes `bytes` of anything as that file. */
static inline void file_write(const char *path, const void *data, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes) abort();
    close(fd);
}

#endif
