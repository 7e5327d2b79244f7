/* Floor 8. A curve of any length in bounded memory. Values come one after the other, whatever their steps are; so many of them share
 * a bucket, two buckets become one when there are too many, and each keeps its least and its greatest value: no extreme is lost. */
#ifndef FACULA_BUCKETS_H
#define FACULA_BUCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/text.h"

typedef struct fac__bucket {
    int64_t low, high;             /* its steps, the least and the greatest */
    int64_t least_step, most_step; /* where the least and the greatest value were */
    double least, most, sum;       /* of the finite values */
    int64_t record;                /* where its first value lies in the file of points */
    float least_time,
        most_time;        /* seconds since the run began; least_time is that of the first if no value is finite */
    uint32_t finite, odd; /* how many values are finite, and how many are not */
    bool most_first;      /* the greatest came before the least */
} fac__bucket;

enum { FAC__ODD = 100 }; /* values that are not finite are kept one by one, up to so many */
typedef struct fac__seen {
    int64_t step, record;
    double value;
    float time;
} fac__seen;

typedef struct fac__buckets {
    fac__bucket *items;
    int count, room, most; /* most: how many there may be, an even number */
    int64_t width, values; /* of each bucket but the last; of all */
    fac__seen first, last;
    fac__seen *odd;
    int odd_count;
} fac__buckets;

/* Made empty by {.most = …}; all return false when there is no memory, and stay whole. */
bool fac__buckets_add(fac__buckets *b, const fac__seen *v);
/* Has at most so many, from now on. */
void fac__buckets_limit(fac__buckets *b, int most);
/* Empty again, with the memory that it has. */
void fac__buckets_clear(fac__buckets *b);
void fac__buckets_drop(fac__buckets *b);

/* Writes the curve as JSON (what /api/curves answers for one), with the least and the greatest of so many buckets, or with all values
 * if they are not more than twice as many. */
void fac__buckets_write(fac__text *t, const char *name, const fac__buckets *b, int buckets);

#endif
