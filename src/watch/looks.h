/* Floor 8. The looks at a run's layers: lines of JSON in a file that grows. Some of the places where lines begin are remembered, so that any line is
 * found without reading the file from its begin. */
#ifndef FACULA_LOOKS_H
#define FACULA_LOOKS_H

#include <sys/types.h>

#include "core/text.h"

typedef struct fac__looks {
    ino_t file;
    int64_t *begins; /* of every stride-th line */
    int count;
    int64_t stride, lines; /* lines: whole ones that were seen */
    int64_t scanned;       /* bytes of the file */
} fac__looks;

enum {
    FAC__LOOKS = 200,           /* in an answer, at most */
    FAC__LOOK_BYTES = 1 << 20,  /* of a line, at most: a longer one is left out */
    FAC__LOOKS_BYTES = 8 << 20, /* of an answer */
};

/* Counts the lines that are new, in some of the file if it is very long; false when it cannot be read. */
bool fac__looks_scan(fac__looks *l, int fd);
/* Adds ", "-separated looks from that line on, thinned out evenly when there are more than FAC__LOOKS; always the last one. What is
 * no JSON object is left out. */
void fac__looks_write(fac__text *t, const fac__looks *l, int fd, int64_t from);
void fac__looks_drop(fac__looks *l);

#endif
