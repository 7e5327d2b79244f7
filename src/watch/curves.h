/* Floor 8. The curves of a run, found by their names. */
#ifndef FACULA_CURVES_H
#define FACULA_CURVES_H

#include <stdint.h>

#include "watch/folder.h"

typedef struct fac__curve {
    char name[FAC__CURVE_NAME + 1];
    uint8_t bytes;      /* of the name */
    double sum;         /* of what was logged since the progress line was drawn */
    int64_t count;      /* how many these are */
    double last, shown; /* the newest; and what stands in that line */
} fac__curve;

enum { FAC__CURVE_CACHE = 256, FAC__CURVE_TABLE = 2048 };
typedef struct fac__curves {
    fac__curve *items;
    int count;
    /* By the address of the text, which is most often a literal's; what it finds is compared. */
    struct {
        const char *name;
        int curve;
    } cache[FAC__CURVE_CACHE];
    uint16_t table[FAC__CURVE_TABLE]; /* by the text: open addressing, number of the curve + 1 */
} fac__curves;

/* The curve's number, a new one for a new name (equal to the former count); -1 after an error. */
int fac__curve_find(fac__curves *c, const char *name);
void fac__curves_free(fac__curves *c);

#endif
