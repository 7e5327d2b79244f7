/* The training that the playground plays with: points, a network and an optimiser made from a state, epoch after epoch, and what is seen of
 * it. It knows nothing of threads or browsers. Whatever happened since it began is remembered (play_change), so that a program
 * can do the same.
 *
 * Functions that return bool return false after an error of facula's, which is then pending (fac_error). */
#ifndef PLAY_TRAIN_H
#define PLAY_TRAIN_H

#include <facula/facula.h>

#include "play_state.h"

enum {
    PLAY_CHANGES = 64, /* of one training */
    PLAY_MARKS = 400,  /* points of a curve */
    PLAY_LINES = 14,
    PLAY_GRID = 48 /* the plane is looked at in so many rows and columns */
};

/* What was changed between two epochs while the training went on. */
typedef struct play_change {
    int64_t epoch; /* how many were over */
    enum { PLAY_SET_LR, PLAY_SET_DECAY, PLAY_SET_BATCH, PLAY_SET_WEIGHT } what;
    double value;
    int layer, to, from; /* of a weight; from -1: the bias */
} play_change;

/* All that a program needs to know to do the same. */
typedef struct play_story {
    play_state began; /* the state that it began with */
    int64_t epoch;    /* how many are over */
    play_change changes[PLAY_CHANGES];
    int change_count;
    bool changes_lost; /* there were more */
} play_story;

/* Of the points that are learnt from [0] and those that are not [1]; NAN where there are none. */
typedef struct play_score {
    double loss[2], accuracy[2];
} play_score;

typedef struct play_mark {
    int64_t epoch;
    play_score score;
} play_mark;

typedef struct play_line {
    int64_t epoch, of; /* of: where it will pause, 0: nowhere */
    double loss;
} play_line;

/* A training step for batches of one size. */
typedef struct play_step {
    fac_plan *plan;
    fac_tensor *x, *y, *loss;
} play_step;

typedef struct play_training {
    play_state state; /* as it is now */
    play_story story;
    bool diverged; /* the loss is no number any more */

    fac_tensor *x[2], *y[2]; /* to learn from, [n, 2] and [n, 1]; to test with; NULL: none */
    fac_module *model;
    fac_optimizer *optimizer;
    fac_dataset *dataset;
    fac_loader *loader;    /* NULL: all points are one batch */
    play_step whole, rest; /* rest: the last batch, where it is smaller */

    fac_plan *scoring;
    fac_tensor *outputs[2], *losses[2];
    play_score score;
    int64_t scored; /* the epoch of score; -1: none */

    fac_plan *looking;
    fac_tensor *seen;                     /* the points to learn from, and those of the grid */
    fac_tensor *neurons[PLAY_LAYERS + 1]; /* what each layer makes of them; the last: the output */

    play_mark marks[PLAY_MARKS];
    int mark_count;
    int64_t mark_every;
    play_line lines[PLAY_LINES]; /* the last ones, oldest first */
    int line_count;
    int64_t line_every;
} play_training;

/* Begins a training, or another, of this state. The training is to be zero before the first time. */
bool play_begin(play_training *t, const play_state *state);
void play_end(play_training *t);

/* Goes on with another state, where only numbers that may change differ (learning rate, decay, batch, pauses, speed); else it begins
 * anew. */
bool play_change_to(play_training *t, const play_state *state);
/* Sets a weight, or with from -1 a bias. Layers count from 0, the last leads to the output. False without an error when there is no such
 * weight. */
bool play_set_weight(play_training *t, int layer, int to, int from, double value);
/* The weights of a layer [to, from], and its biases [to]. */
const float *play_weights(const play_training *t, int layer);
const float *play_biases(const play_training *t, int layer);
/* The neurons on both sides of the weights of a layer. */
int play_from(const play_state *state, int layer);
int play_to(const play_state *state, int layer);

/* Every point once. Nothing happens when there are no points to learn from. */
bool play_epoch(play_training *t);
/* Makes t->score that of the present epoch. */
bool play_score_now(play_training *t);

/* ---- what is seen ------------------------------------------------------------------------------------------- */

typedef struct play_window {
    double left, right, bottom, top;
} play_window;
play_window play_window_of(const play_state *state);

/* Rows of a map go from the top down. Neurons' maps are scaled so that the largest magnitude is 127, at 128 +- 127. */
typedef struct play_map {
    double least, most;
    bool dead; /* a ReLU that gives 0 for every point to learn from */
    uint8_t cells[PLAY_GRID / 2 * PLAY_GRID / 2];
} play_map;

typedef struct play_look {
    int cells; /* a side of the neurons' maps: 24, or 16 where there are many */
    play_map neurons[PLAY_LAYERS][PLAY_NEURONS];
    uint16_t surface[PLAY_GRID * PLAY_GRID]; /* how much it takes a place for a 1: 0 to 65535 */
} play_look;
bool play_look_now(play_training *t, play_look *look);

#endif
