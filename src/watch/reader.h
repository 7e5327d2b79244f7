/* Floor 8. Reading the points of a run (folder.h) as they grow. Nothing that the file says is believed: records that make no sense are
 * counted and skipped, and memory stays bounded whatever comes. */
#ifndef FACULA_READER_H
#define FACULA_READER_H

#include "watch/buckets.h"
#include "watch/folder.h"

enum {
    FAC__READER_CURVE = 8192, /* buckets of a curve, at most */
    FAC__READER_RUN = 65536,  /* and of all curves of a run together, but for the least: */
    FAC__READER_LEAST = 64,   /* so many each curve has in any case */
    FAC__READER_FRESH = 2000, /* new values of a curve that are told as they are; more are reduced, */
    FAC__READER_NEWS = 32768, /* as they are when those of all curves are more */
};

typedef struct fac__read_curve {
    char name[FAC__CURVE_NAME + 1];
    fac__buckets whole, fresh; /* fresh: since fac__reader_told, if the reader collects */
} fac__read_curve;

typedef struct fac__reader {
    double started;  /* what times count from */
    int64_t records; /* that were read */
    int64_t values, damaged;
    int64_t step; /* of the last value */
    fac__read_curve *curves;
    int count;
    bool behind;   /* the last fac__reader_read stopped because of its `most` */
    bool collects; /* what comes from now on is kept as news, too */
    int64_t told;  /* the news begin at this record */
    bool forgot;   /* the values, after fac__reader_forget: all else is known */
} fac__reader;

/* How many records this one is: a name takes more than one. */
static inline int64_t fac__point_length(const fac__point *p)
{
    bool is_name = p->kind == FAC__NAME && p->bytes && p->bytes <= FAC__CURVE_NAME;
    return is_name ? 1 + (p->bytes + (int64_t)sizeof *p - 1) / (int64_t)sizeof *p : 1;
}

/* Reads what is new in the file, at most so many records. False when it cannot be read or memory ran out; what was read before
 * stays. */
bool fac__reader_read(fac__reader *r, int fd, int64_t most);
/* The number of the curve of that name; -1 if there is none. */
int fac__reader_find(const fac__reader *r, const char *name);
/* Puts the values with steps in from..to of one curve, or of all (curve -1), into out[curve], which is to be empty buckets; from the file, where
 * there are more than the reader remembers one by one. */
bool fac__reader_zoom(const fac__reader *r, int fd, int curve, int64_t from, int64_t to, fac__buckets *out);
/* The news were told. */
void fac__reader_told(fac__reader *r);
/* Gives back the memory that values take. Only fac__reader_drop may follow. */
void fac__reader_forget(fac__reader *r);
/* As before the first read. */
void fac__reader_drop(fac__reader *r);
/* Bytes that it holds. */
size_t fac__reader_bytes(const fac__reader *r);

#endif
