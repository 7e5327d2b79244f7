/* Floor 2: capture and replay. A step that does the same each time is run and written down once; from then on its kernels
 * alone run, without the code around them:
 *
 *     fac_plan *plan = NULL;
 *     for (int epoch = 0; epoch < 1000; epoch++)
 *         fac_capture(&plan) {
 *             fac_zero_grad(sgd);
 *             fac_backward(fac_mse_loss(fac_forward(model, X), y));
 *             fac_step(sgd);
 *         }
 *     fac_plan_free(plan);
 *
 * The first pass runs the block as a fac_scope would and records the kernels that it launches. Then the plan is made
 * shorter: chains of element-wise operations become one, what is not used is left out, what does not change is kept,
 * temporaries share memory, and what works image by image runs a few images at a time. Each later pass replays the plan and
 * skips the block. Results are those of the block itself.
 *
 * What goes in and out. Tensors made before the block keep their memory: a replay reads what they hold then, so new input
 * is copied into them, fac_copy_(X, batch). A tensor made in the block that is to be read after it is kept by
 * fac_keep in the block (which runs once), or copied into one made before; it holds the newest replay's values.
 * Parameters, their .grad, buffers, the states of optimisers and the random numbers go on as they would by themselves;
 * learning rates may be changed between replays, and schedules may be stepped inside the block or outside.
 * An optimiser or schedule that is stepped in the block, and a generator that it draws from, must live as long as the plan is
 * replayed.
 *
 * What cannot be captured: to read values in the block (fac_item, fac_data, fac_print, operations whose result's shape depends
 * on values), to take new data there (a loader's batch), to make the first gradient of a parameter without
 * fac_zero_grad before. That is an error; the block has run, no plan is made, and the next pass runs it again.
 * Numbers that the block computes in C, and branches that it takes, are those of the first pass. */
#ifndef FACULA_CAPTURE_H
#define FACULA_CAPTURE_H

#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_plan fac_plan;

typedef struct fac__capture_mark {
    fac_plan **plan, *recorded; /* recorded: NULL in a replay */
    fac__scope_mark scope;
    int began, go, whole; /* the block runs; it is to run now; it ran to its end */
} fac__capture_mark;
FAC_API fac__capture_mark fac__capture_enter(fac_plan **plan, const char *file, int line);
FAC_API void fac__capture_leave(fac__capture_mark *mark);

/* fac_capture(&plan) { ... }: see above. Where plan is NULL it is made, else replayed. Left by break or return the block is
 * not captured. Blocks do not nest. */
#define fac_capture(plan)                                                                                              \
    for (fac__capture_mark fac__captured                                                                               \
         __attribute__((cleanup(fac__capture_leave))) = fac__capture_enter(plan, __FILE__, __LINE__);                  \
         fac__captured.go; fac__captured.go = 0, fac__captured.whole = 1)

/* Runs the plan once more, as another pass of its block would. false after an error: an index that is out of range now,
 * or what was captured has been changed (a gradient replaced, an optimiser given other options). */
FAC_API bool fac_replay(fac_plan *plan);

/* Prints to stdout what a replay runs, in order, and how long each part took in the first replays. */
FAC_API void fac_plan_print(const fac_plan *plan);

typedef struct fac_plan_stats {
    int64_t launches;            /* kernels that the block launched */
    int64_t left_out, fused;     /* unused, equal or constant ones; those that became part of others */
    int64_t steps;               /* what a replay runs */
    int64_t shared_bytes, bytes; /* the memory that temporaries share, and what they would take without */
    int64_t replays;
} fac_plan_stats;
FAC_API fac_plan_stats fac_plan_numbers(const fac_plan *plan);

/* Frees the plan and what it holds; plan may be NULL. Tensors that others hold stay. */
FAC_API void fac_plan_free(fac_plan *plan);

FAC_END
#endif
