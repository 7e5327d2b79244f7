/* Floor 8. What a run's module made of some samples: counted here, written to evaluation.json when the batches are through. */
#ifndef FACULA_EVALUATION_H
#define FACULA_EVALUATION_H

#include <stdint.h>

#include "watch/run.h"

enum { FAC__WORST = 48, FAC__FIRST = 24 };

typedef struct fac__sample {
    int64_t index; /* in the evaluation */
    int target, predicted;
    double loss, probability; /* of the target */
    int width, height, channels;
    uint8_t *pixels; /* channel by channel, row by row; meaningless where width is 0 */
} fac__sample;

struct fac__evaluation {
    int64_t step, count, right;
    double loss; /* the sum */
    int classes;
    int64_t *matrix; /* [target][predicted] */
    fac__sample worst[FAC__WORST + 1],
        first[FAC__FIRST]; /* worst: mistakes, the largest loss first; one place to spare */
    int worst_count, first_count;
    char **names;
    int name_count;
    bool changed;         /* since it was written */
    double written, cost; /* when, and seconds it took; fac__seconds */
};

/* Writes evaluation.json if it has changed, and now (or the last time is long enough ago). */
bool fac__evaluation_write(fac_run *run, bool now);
void fac__evaluation_free(fac__evaluation *e);

/* The file's text, in evaluation_text.c. */
void fac__evaluation_text(const fac__evaluation *e, fac__text *out);

#endif
