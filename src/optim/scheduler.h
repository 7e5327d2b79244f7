/* Floor 6. What a schedule is made of. One is added by writing its formula, a kind that names its keywords, and a
 * constructor; schedules.c has the short ones. */
#ifndef FACULA_SCHEDULER_H
#define FACULA_SCHEDULER_H

#include "optimizer.h"

/* Every number of every schedule: keywords, positional arguments, and what it remembers from step to step. NAN: it has
 * no such number. Saving and loading go through this list. */
#define FAC__SCHEDULE_NUMBERS(X)                                                                                       \
    FAC_SCHEDULE_OPTIONS(X)                                                                                            \
    X(step_size)                                                                                                       \
    X(T_max)                                                                                                           \
    X(T_0)                                                                                                             \
    X(max_lr)                                                                                                          \
    X(total_steps)                                                                                                     \
    X(linear)        /* 1: anneal_strategy is "linear" */                                                              \
    X(mode_max)      /* 1: mode is "max" */                                                                            \
    X(threshold_abs) /* 1: threshold_mode is "abs" */                                                                  \
    X(T_cur)                                                                                                           \
    X(T_i)                                                                                                             \
    X(best)                                                                                                            \
    X(num_bad_epochs)                                                                                                  \
    X(cooldown_counter)

typedef struct fac__schedule_numbers {
#define FIELD(name) double name;
    FAC__SCHEDULE_NUMBERS(FIELD)
#undef FIELD
} fac__schedule_numbers;

typedef struct fac__schedule_kind {
    const char *name;
    fac__preset options[12];
    bool takes_strategy, takes_modes; /* the keywords that are texts */
    /* Before the learning rates of a step, when last_epoch has gone on: may change numbers, or refuse. May be NULL. */
    bool (*advance)(fac_scheduler *s);
    /* A group's learning rate from what it is and what it was at first. NULL: is not stepped by fac_scheduler_step. */
    double (*lr)(const fac_scheduler *s, double lr, double base_lr);
    double (*momentum)(const fac_scheduler *s); /* of all groups; NULL or NAN: stays */
} fac__schedule_kind;

struct fac_scheduler {
    const fac__schedule_kind *kind;
    fac_optimizer *optimizer;
    fac__schedule_numbers n;
    int64_t last_epoch; /* steps taken, less the one at the beginning */
    int n_groups;       /* of the optimiser, at the beginning */
    double *base_lrs, *last_lrs, *next_lrs;
    int64_t n_milestones, *milestones;
    fac_lr_lambda lambda;
    void *context;
};

/* A schedule with its keywords filled in. The constructor sets its other numbers, and ends with fac__scheduler_start,
 * which takes the first step; after an error, or if not ok, it frees the schedule and returns NULL. NULL is fine. */
fac_scheduler *fac__scheduler_new(const fac__schedule_kind *kind, fac_optimizer *optimizer,
                                  fac_schedule_options options);
fac_scheduler *fac__scheduler_start(fac_scheduler *s, bool ok);

#endif
