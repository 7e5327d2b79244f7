/* Floor 2. A captured step: the kernels it launched, the memory they work on, and what a replay runs of them.
 *
 * record.c writes the list, plan.c with fuse.c, epilogue.c, slices.c and share.c makes it shorter, replay.c runs it,
 * plan_print.c shows it. */
#ifndef FACULA_PLAN_H
#define FACULA_PLAN_H

#include "facula/capture.h"
#include "launch.h"

enum { FAC__TIMED_REPLAYS = 10 };

/* A pointer in a step's arguments. */
typedef struct fac__use {
    int32_t field; /* where in the arguments, in bytes */
    int32_t held;  /* the storage that it points into: an index into plan.memory.held */
    int64_t at;    /* where in the storage, in bytes */
    fac__access how;
} fac__use;

typedef struct fac__planned {
    const fac__kernel *kernel;
    void *args; /* the plan's own copy */
    size_t size;
    fac__use *uses;
    int n_uses;
    fac__refresh refresh; /* may be NULL */
    void *context;
    /* This step and so many more run together, a chunk of their units at a time (slices.c); 0: it runs by itself. */
    int64_t group, units, chunk;
    void *ready;  /* what the kernel made of the arguments; NULL: nothing */
    bool dropped; /* by planning: not run in a replay */
    bool outside; /* while operations are traced: of one that is not, by that name */
    const char *op;
    int64_t ns; /* measured in the first replays */
} fac__planned;

/* A leaf whose .grad the step used. */
typedef struct fac__leaf {
    fac_tensor *t;      /* held */
    fac_tensor *before; /* what a replay must find: held; NULL: anything, the step replaces it */
    fac_tensor *after;  /* what the step left: held; may be NULL */
} fac__leaf;

/* What planning knows of a storage. */
typedef struct fac__storage_facts {
    bool kept;           /* its contents are seen from outside, or last from one replay to the next */
    bool fixed;          /* computed once, when the step was captured */
    bool written;        /* by the step */
    int64_t first, last; /* steps that use it; first > last: none */
    int64_t place;       /* in the plan's shared memory; -1: it has its own */
} fac__storage_facts;

struct fac_plan {
    fac__recording memory; /* first: the thread knows the plan by it while it is recorded */
    fac__planned *steps;
    int64_t count;
    fac__leaf *leaves;
    int64_t n_leaves;
    const char *file; /* where it was captured */
    int line;
    /* made by planning */
    fac__storage_facts *facts; /* one for each of memory.held */
    void *shared;              /* the memory that temporaries share */
    size_t shared_bytes, own_bytes;
    int64_t launched, left_out, fused; /* steps recorded; dropped as dead, equal or constant; merged into others */
    int64_t replays;
    bool running;
};

/* plan.c: makes a recorded plan ready. false, with an error pending, when memory runs out. */
bool fac__plan_make(fac_plan *plan);
/* Sets the pointer of a use to its storage's memory. */
void fac__use_point(const fac_plan *plan, fac__planned *step, const fac__use *use);
/* What a step does to a storage, 0 for nothing; and whether two steps may change places. */
fac__access fac__use_of(const fac__planned *step, int32_t held);
bool fac__independent(const fac__planned *s, const fac__planned *t);
/* Finds out anew, from the steps that are left, which storages are written, and from where to where they are used. */
void fac__plan_lives(fac_plan *plan);

/* fuse.c: merges pointwise steps that follow one another. */
bool fac__plan_fuse(fac_plan *plan);
/* epilogue.c: lets products do relu on what they compute. */
bool fac__plan_epilogues(fac_plan *plan);
/* slices.c: finds steps that may run together, image by image, and runs the group that begins with a step. */
void fac__plan_group(fac_plan *plan);
void fac__group_run(const fac__planned *steps);
/* share.c: lets temporaries whose lives do not overlap have the same memory. */
bool fac__plan_share(fac_plan *plan);

/* record.c: finds out anew which memory a step uses, after its arguments changed; false when memory runs out. */
bool fac__planned_find_uses(fac_plan *plan, fac__planned *step);
void fac__planned_free(fac__planned *step);

#endif
