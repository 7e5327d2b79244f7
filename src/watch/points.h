/* Floor 8. Writing a run's points: records in memory that is the file's, so that what is there is there when the program is
 * killed. The format is folder.h's. */
#ifndef FACULA_POINTS_H
#define FACULA_POINTS_H

#include <stdatomic.h>

#include "watch/folder.h"

typedef struct fac__points {
    int fd;
    char *path;
    char *window;         /* the part of the file that is in memory */
    int64_t begin, end;   /* of it, in bytes of the file */
    int64_t used, length; /* bytes of records, and of the file */
    bool failed;          /* there was an error, which has been reported; nothing more is written */
} fac__points;

/* All report errors. The file must not be there. It is locked until it is closed, which cuts off what is not used. */
bool fac__points_create(fac__points *p, const char *path);
bool fac__points_close(fac__points *p);

/* Has the next n records in memory; false when the disk is full. At most 16 of them. */
bool fac__points_reach(fac__points *p, int n);
bool fac__points_name(fac__points *p, uint32_t curve, const char *name);

static inline bool fac__points_value(fac__points *p, uint32_t curve, int64_t step, double value, double time)
{
    if (__builtin_expect(p->end - p->used < (int64_t)sizeof(fac__point), 0) && !fac__points_reach(p, 1)) return false;
    fac__point *at = (fac__point *)(p->window + (p->used - p->begin));
    at->curve = curve;
    at->step = step;
    at->value = value;
    at->time = time;
    __atomic_store_n(&at->kind, (uint32_t)FAC__VALUE, __ATOMIC_RELEASE);
    p->used += (int64_t)sizeof(fac__point);
    return true;
}

#endif
