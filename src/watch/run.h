/* Floor 8. A run as the training holds it: what its files in src/watch/ share. Each part has a file of its own; run.c puts
 * them together. */
#ifndef FACULA_RUN_H
#define FACULA_RUN_H

#include "core/text.h"
#include "facula/watch.h"
#include "watch/curves.h"
#include "watch/folder.h"
#include "watch/points.h"
#include "watch/steering.h"
#include "watch/tensorboard.h"

typedef struct fac__evaluation fac__evaluation; /* evaluation.h */
typedef struct fac__layers fac__layers;         /* layers.h */
typedef struct fac__progress fac__progress;     /* progress.h */

typedef struct fac__note {
    char *key, *text;
} fac__note;

struct fac_run {
    char *name, *path, *dir;      /* "xor-2", "runs/xor-2", "runs" */
    struct fac__serving *serving; /* serving.h: NULL while it is not served; stopped by fac_run_close */
    char *url;                    /* of what serves, which owns it; NULL */

    /* run.json */
    double started, ended; /* seconds since 1970; ended 0: it goes on */
    int64_t steps;         /* how many there will be, or 0 */
    fac__note *notes;
    int note_count;
    bool told; /* run.json says all this */

    int64_t step;  /* the last that was begun */
    bool stepped;  /* there was a fac_run_step; without, logging takes its place */
    double waited; /* seconds that it was paused */
    int64_t due;   /* when there is work to be done in fac_run_step, fac__wall_ms; at most FAC__TICK from now */
    fac__curves curves;
    fac__points points;
    fac__events events; /* fd -1 without TensorBoard */
    fac__steering steering;
    fac_module *drawn_for; /* what classifies drawings, of this size; NULL: nothing */
    int drawn_height, drawn_width;
    fac__layers *layers;         /* NULL: there was no module yet */
    fac__evaluation *evaluation; /* NULL: there was none yet */
    fac__progress *progress;     /* NULL: nothing is shown in the terminal */
};

enum { FAC__TICK = 50 }; /* milliseconds */

/* Writes a file of the run's folder whole. */
bool fac__run_write(const fac_run *run, const char *name, const fac__text *text);
/* run.json says what there is to say. */
bool fac__run_tell(fac_run *run);
/* And that the run has ended: for fac_run_close, and fac_run_wait before. */
bool fac__run_end(fac_run *run);
/* What is to be done now and then, beside the steps. */
void fac__run_tick(fac_run *run);
/* In the place of fac_run_step, for loops without. */
void fac__run_stepless(fac_run *run, int64_t step);
/* Classifies what was drawn, if it was not yet: drawing.c. */
void fac__drawing_answer(fac_run *run);

#endif
