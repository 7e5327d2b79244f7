/* A training as `facula train` does it: what was asked for, the loop, and the file that it can be resumed from. */
#ifndef FACULA_TRAINING_H
#define FACULA_TRAINING_H

#include "data_source.h"

/* What decides the result. It is saved with the model, and a resumed training goes on by it. */
typedef struct recipe {
    int64_t epochs, batch, seed;
    double lr, val_split;
    const char *optimizer, *schedule;
    bool shift, flip; /* augmentation */
} recipe;

/* The learning rate where none is given. */
double recipe_lr(const char *optimizer);
bool recipe_optimizer_ok(const char *name);
bool recipe_schedule_ok(const char *name);
extern const char recipe_optimizers[], recipe_schedules[]; /* "sgd, adam, …" */

/* Where a training stands: `batch` batches of epoch `epoch` (both from 0) have been learnt, `step` in all. */
typedef struct position {
    int64_t epoch, batch, step;
    double best;          /* the best validation until now; NAN: none yet */
    double loss;          /* of this epoch, summed over its items */
    int64_t right, items; /* of this epoch: classified right, and all */
} position;

typedef struct training {
    recipe recipe;
    json_t *kept; /* what the recipe's texts point into, or NULL */
    model_spec spec;
    fac_module *model, *network; /* normalised; and what is inside */
    fac_optimizer *optimizer;
    fac_scheduler *schedule;
    fac_dataset *learn, *check; /* the parts to learn from, and to validate with, which may be NULL */
    fac_loader *loader, *check_loader;
    fac_generator *order;
    fac_run *run; /* NULL: none */
    position at;
    bool json; /* say everything in JSON */
    const char *save;
    char *best; /* where the best is saved */
    /* the captured step, and the tensors that it reads and writes */
    bool capture;
    fac_plan *plan;
    fac_tensor *x, *y, *outputs, *loss, *plan_outputs, *plan_loss;
} training;

/* In this order: the parts of the data, which must live as long; the spec, for a model that is new; and what both and the
 * recipe say: network, optimiser, schedule. */
bool training_split(training *t, const data_source *data);
bool recipe_describe(training *t, const char *model, const data_source *data);
bool training_begin(training *t);
void training_free(training *t);

typedef enum ending { FINISHED, INTERRUPTED, FAILED } ending;
/* From where it stands to the end of the last epoch, or until SIGINT, SIGTERM or a stop in the browser; saves at the end of
 * each epoch and when it is interrupted. */
ending training_run(training *t);

/* An error in showing the training is said, once, and does not end it. */
void forgive_run(void);

/* What is found when a model is tried on a dataset. */
typedef struct score {
    double loss;     /* of an item, on the average */
    double accuracy; /* of classes */
    double rmse;     /* of numbers, in their own units; and the mean absolute error */
    double mae;
    int64_t items;
    int64_t *right, *of,
        *said; /* for each class, where asked for: how many were right, of how many, and how often it was said */
} score;
/* model: normalised, in evaluation mode. run and step: to show what it made of the items; NULL and 0. */
bool score_model(fac_module *model, const model_spec *spec, fac_loader *loader, score *score, fac_run *run,
                 int64_t step);

/* ---- what is said at the end (train_ending.c) ----------------------------------------------------------------- */

/* What was saved, and how good it is at the data to test with, if there are any. False after an error. */
bool say_end(training *t, fac_dataset *tests);
/* And how to go on. */
void say_interrupted(const training *t, const char *data, bool watched);
/* Of a training that was read from a file: false where there are epochs left. */
bool say_done(const training *t, const char *path);

/* ---- files (checkpoint.c) ------------------------------------------------------------------------------------ */

/* The network, and all there is to go on bit for bit. */
bool checkpoint_save(const training *t, const char *path);
/* The network alone. */
bool checkpoint_save_model(const training *t, const char *path);
/* Reads recipe and spec of a file, and its state, which is the caller's. NULL after an error. */
fac_state *checkpoint_open(training *t, const char *path);
/* After training_begin: weights, optimiser, schedule, random numbers and position. */
bool checkpoint_restore(training *t, const fac_state *state);
/* The file holds a training that is not at its end. */
bool checkpoint_unfinished(const char *path);
/* A file can be written there: better to know before the training than after it. */
bool checkpoint_can_save(const char *path);
/* Where the best is kept: beside "a/model.safetensors" it is "a/model.best.safetensors". For free(). */
char *checkpoint_best_name(const char *path);

#endif
