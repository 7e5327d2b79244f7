/* Floor 8: watching a training while it runs, and steering it. A run is a folder, runs/NAME, to which a training loop writes as it
 * goes; the terminal, a browser, TensorBoard and `facula watch` show what is in there.
 *
 *     fac_run *run = fac_run_open("xor", .steps = 1000);
 *     fac_run_serve(run);
 *     for (int64_t step = 1; step <= 1000 && fac_run_step(run, step); step++) fac_scope {
 *         ...
 *         fac_run_log(run, "loss/train", step, fac_item(loss));
 *     }
 *     fac_run_close(run);
 *
 * Off means NULL: every function here takes a run that is NULL, does nothing at once, and returns true, so that the loop
 * goes on; fac_run_open itself returns NULL with an error when the folder cannot be made, and the training still works.
 * For the same reason a function that fails says so (false, with an error) but never stops the loop.
 *
 * A run is used by one thread, the training's. fac_run_serve alone starts a thread of its own, which only reads the
 * folder: nothing it does takes a lock of the training's. What is logged lies in shared memory of the file at once, so
 * that it outlives a kill -9 of the program. docs/watching.md has the formats. */
#ifndef FACULA_WATCH_H
#define FACULA_WATCH_H

#include "facula/module.h"
#include "facula/optim.h"
#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_run fac_run;

/* ---- a run -------------------------------------------------------------------------------------------------- */

typedef struct fac_run_open_options {
    const char *dir;  /* where the runs are: "runs", made when it is not there */
    int64_t steps;    /* how many steps there will be, for the time left: 0, not known */
    bool tensorboard; /* write TensorBoard's events.out.tfevents… as well: true */
    bool progress;    /* a progress line on standard error, and a plot of the loss on a terminal: true */
} fac_run_open_options;
static inline fac_run_open_options fac_run_open_options_defaults(void)
{
    fac_run_open_options o;
    o.dir = "runs";
    o.steps = 0;
    o.tensorboard = true;
    o.progress = true;
    return o;
}
/* Begins runs/NAME, or runs/NAME-2, NAME-3… when that is there already: a run is never written over. Names have letters, digits,
 * ".", "_" and "-", not a "." first, at most 100 bytes; anything else is an error, as is a disk that is full. name NULL: the
 * time of day, "2026-11-29-142501". To be closed with fac_run_close. */
FAC_API fac_run *fac_run_open_with(const char *name, fac_run_open_options options);
#define fac_run_open(name, ...) fac_run_open_with(name, FAC_OPTIONS(fac_run_open_options, __VA_ARGS__))
/* Writes what is due, stops serving, frees. The folder stays. */
FAC_API bool fac_run_close(fac_run *run);
/* "xor-2", and "runs/xor-2". They last as long as the run. */
FAC_API const char *fac_run_name(const fac_run *run);
FAC_API const char *fac_run_path(const fac_run *run);

/* ---- what is shown ------------------------------------------------------------------------------------------ */

/* A number of a step. What stands before a "/" in the name is the chart, what is behind it the curve: "loss/train", "loss/validation",
 * "accuracy/train"; a name without is a chart with one curve. At most 100 bytes of UTF-8 without control
 * characters, at most 1000 names a run. value may be infinite or NaN; it is shown as such. */
FAC_API bool fac_run_log(fac_run *run, const char *name, int64_t step, double value);

/* Something about the run that is said once: fac_run_note(run, "optimizer", "Adam"). Said again, it changes. */
FAC_API bool fac_run_note(fac_run *run, const char *key, const char *text);

/* printf, for a program whose standard output is the terminal too: the line of progress makes room for what is printed, and
 * comes again below. A run that is NULL prints as well. */
FAC_API bool fac_run_print(fac_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From now on the run shows this module: its layers with their shapes, and of weights, gradients and outputs of layers histograms, norms,
 * how many are zero, how many units are dead (0 for a whole batch), NaN and infinite values, about which it also
 * warns. They are looked at now and then, so that it takes less than a hundredth of the time when nobody looks. Outputs are those of
 * the fac_forward between two fac_run_step; of a captured step there are none. The module must live until the run is closed
 * or another, or NULL, is given. */
FAC_API bool fac_run_module(fac_run *run, void *module);

/* What the module made of some samples, for the matrix of confusions, the worst mistakes, and a picture of each. Batch after
 * batch with the same step is one evaluation; a new step begins another. images: [N, H, W] or [N, C, H, W] with C 1 or 3,
 * of a floating dtype, from 0 to 1 (what is outside is cut), H and W at most 64, else no pictures are kept; or NULL. targets: int64 [N].
 * outputs: [N, K], K at most 1000, the logits that cross_entropy takes. */
FAC_API bool fac_run_evaluate(fac_run *run, int64_t step, fac_tensor *images, fac_tensor *targets, fac_tensor *outputs);
/* What the classes are called, for all that shows them. Copied. */
FAC_API bool fac_run_classes(fac_run *run, const char *const *names, int count);

/* Lets people draw an image in the browser and see what the module makes of it: in fac_run_step an image that was drawn goes
 * through it as float32 [1, 1, height, width] from 0 (empty) to 1, in evaluation mode and without gradients. height and width at most 64. The
 * module lives as in fac_run_module. */
FAC_API bool fac_run_drawing(fac_run *run, void *module, int height, int width);

/* ---- steering ----------------------------------------------------------------------------------------------- */

/* At the beginning of each step. Waits while the run is paused (answering drawings), takes up numbers that were changed,
 * and says whether to go on: false when somebody pressed stop. Costs some 20 ns when nothing is asked. */
FAC_API bool fac_run_step(fac_run *run, int64_t step);

/* A number that may be changed while the loop runs, from least to most; the control shows what *value is now. value lives as long as
 * the run. At most 32 numbers and buttons together. */
FAC_API bool fac_run_number(fac_run *run, const char *name, double *value, double least, double most);
/* The learning rate of this optimiser, as the number "learning rate"; it lives as long as the run. */
FAC_API bool fac_run_optimizer(fac_run *run, fac_optimizer *optimizer);
/* A button: fac_run_step sets *pressed to true when it was pressed; the loop sets it to false again. "reset", say. */
FAC_API bool fac_run_button(fac_run *run, const char *name, bool *pressed);

/* ---- the browser -------------------------------------------------------------------------------------------- */

typedef struct fac_run_serve_options {
    const char *address; /* "127.0.0.1" */
    int port;            /* 6060; 0: any that is free */
    const char *token;   /* must be given, of 16 characters or more, for an address other than the loopback; NULL */
    bool quiet;          /* do not print the address on standard error: false */
} fac_run_serve_options;
static inline fac_run_serve_options fac_run_serve_options_defaults(void)
{
    fac_run_serve_options o;
    o.address = "127.0.0.1";
    o.port = 6060;
    o.token = 0;
    o.quiet = false;
    return o;
}
/* Serves the page that shows this run, beside all others of its folder, until the run is closed, from a thread of its own.
 * Prints the address unless quiet. An error when the port is taken, or when facula was built without libmicrohttpd. */
FAC_API bool fac_run_serve_with(fac_run *run, fac_run_serve_options options);
#define fac_run_serve(run, ...) fac_run_serve_with(run, FAC_OPTIONS(fac_run_serve_options, __VA_ARGS__))
/* "http://127.0.0.1:6060/…", NULL when it is not served. Lasts until the run is closed. */
FAC_API const char *fac_run_url(const fac_run *run);
/* Goes on serving when the training is over, answering drawings, until stop is pressed in the browser or the program is interrupted
 * (Ctrl-C ends the wait, not the program). */
FAC_API bool fac_run_wait(fac_run *run);

/* Serves a folder of runs that other programs write or have written, in this thread, until SIGINT or SIGTERM. The runs
 * that still go on can be steered, as they can from their own page. */
FAC_API bool fac_watch_with(const char *dir, fac_run_serve_options options);
#define fac_watch(dir, ...) fac_watch_with(dir, FAC_OPTIONS(fac_run_serve_options, __VA_ARGS__))

FAC_END
#endif
