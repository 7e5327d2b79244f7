/* Floor 8. A run in the terminal: one line on standard error that is drawn over itself, or, where that is no terminal, a line every
 * ten seconds. */
#ifndef FACULA_PROGRESS_H
#define FACULA_PROGRESS_H

#include "watch/run.h"

enum { FAC__TRAIL = 32 };

typedef struct fac__progress {
    bool terminal, utf8, colour;
    bool there;               /* the line is on the screen */
    double begun, drawn;      /* when, fac__seconds */
    double waited;            /* the run's, when it was drawn */
    int64_t first, last;      /* steps: the first, and the one that was drawn last */
    double rate;              /* steps a second, of late */
    double trail[FAC__TRAIL]; /* of the loss, each the mean of `each` drawings: from the beginning until now */
    int trail_count, each;
    double sum; /* of the drawings since the last in the trail, and how many */
    int sum_count;
} fac__progress;

bool fac__progress_open(fac_run *run);
/* Draws when it is time. */
void fac__progress_tick(fac_run *run);
/* Takes the line off the screen, for others to write there. */
void fac__progress_clear(fac_run *run);
/* The last line, which stays. */
void fac__progress_close(fac_run *run);

/* What the line says, as wide as the terminal is (0: as is needed), in progress_line.c. */
void fac__progress_line(const fac_run *run, int width, fac__text *out);
void fac__progress_summary(const fac_run *run, double seconds, fac__text *out);

#endif
