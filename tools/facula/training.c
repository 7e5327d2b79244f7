/* The loop of a training, see training.h. */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "json_line.h"
#include "training.h"

/* ---- being interrupted --------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    interrupted = 1;
}

/* The first signal asks the loop to end; a second one ends the program. Where a script has it ignored, it is heard all the same: to
 * save does no harm. */
static void listen(struct sigaction before[2])
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    interrupted = 0;
    sigaction(SIGINT, &action, &before[0]);
    sigaction(SIGTERM, &action, &before[1]);
}

static void stop_listening(const struct sigaction before[2])
{
    sigaction(SIGINT, &before[0], NULL);
    sigaction(SIGTERM, &before[1], NULL);
}

/* ---- a step -------------------------------------------------------------------------------------------------- */

static void learn(training *t, fac_tensor *x, fac_tensor *y)
{
    t->outputs = fac_forward(t->model, x);
    t->loss = t->spec.classification ? fac_cross_entropy(t->outputs, y) : fac_mse_loss(t->outputs, y);
    fac_zero_grad(t->optimizer);
    fac_backward(t->loss);
    fac_step(t->optimizer);
}

/* Batches of the usual size are copied into the tensors that the captured step reads. */
static void learn_captured(training *t, fac_tensor *x, fac_tensor *y)
{
    if (!t->x) {
        t->x = fac_keep(fac_clone(x));
        t->y = fac_keep(fac_clone(y));
    }
    if (fac_size(x, 0) != fac_size(t->x, 0)) {
        learn(t, x, y);
        return;
    }
    fac_copy_(t->x, x);
    fac_copy_(t->y, y);
    fac_capture(&t->plan) {
        learn(t, t->x, t->y);
        t->plan_outputs = fac_keep(t->outputs);
        t->plan_loss = fac_keep(t->loss);
    }
    t->outputs = t->plan_outputs;
    t->loss = t->plan_loss;
}

static int64_t steps_of(const training *t)
{
    return t->recipe.epochs * fac_loader_count(t->loader);
}

void forgive_run(void)
{
    static bool said; /* a disk that is full is so for each of the run's files, again and again */
    if (!fac_error()) return;
    if (!said) fprintf(stderr, "facula train: %s\nfacula train: the training goes on all the same\n", fac_error());
    said = true;
    fac_clear_error();
}

static bool note_step(training *t, fac_tensor *y)
{
    position *at = &t->at;
    double loss = fac_item(t->loss), n = (double)fac_size(y, 0);
    at->batch++;
    at->step++;
    at->items += fac_size(y, 0);
    at->loss += loss * n;
    int64_t right = t->spec.classification ? fac_item_int(fac_sum(fac_eq(fac_argmax(t->outputs, .dim = 1), y))) : 0;
    at->right += right;
    if (fac_error()) return false;
    fac_run_log(t->run, "loss/train", at->step, loss);
    fac_run_log(t->run, "learning rate", at->step, fac_lr(t->optimizer));
    if (t->spec.classification) fac_run_log(t->run, "accuracy/train", at->step, (double)right / n);
    forgive_run();
    return true;
}

/* False when it is to end, or after an error. */
static bool step(training *t, fac_tensor *x, fac_tensor *y, fac_tensor *mean, fac_tensor *std)
{
    const recipe *r = &t->recipe;
    if (interrupted || !fac_run_step(t->run, t->at.step + 1)) return false;
    forgive_run();
    if (r->shift || r->flip)
        if (!augment(x, mixed((uint64_t)r->seed, (uint64_t)t->at.epoch, (uint64_t)t->at.batch), r->shift, r->flip))
            return false;
    if (!t->spec.classification) y = fac_div(fac_sub(y, mean), std);
    if (t->capture)
        learn_captured(t, x, y);
    else
        learn(t, x, y);
    if (fac_error() || !note_step(t, y)) return false;
    bool by_batch = t->schedule && strcmp(r->schedule, "step") != 0;
    if (by_batch && t->at.step < steps_of(t)) fac_scheduler_step(t->schedule);
    return !fac_error();
}

/* ---- an epoch ------------------------------------------------------------------------------------------------ */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The order of an epoch depends on the seed and the epoch alone, so that an epoch can be begun in its middle. */
static bool learn_epoch(training *t)
{
    int64_t done = t->at.batch, count = fac_loader_count(t->loader);
    bool go = true;
    fac_generator_seed(t->order, mixed((uint64_t)t->recipe.seed, (uint64_t)t->at.epoch, 1));
    fac_train(t->model, true);
    fac_loader_reset(t->loader);
    fac_scope {
        fac_dims shape = FAC_DIMS(t->spec.outputs);
        fac_tensor *mean = t->spec.classification ? NULL : numbers_of(t->spec.out_mean, shape);
        fac_tensor *std = t->spec.classification ? NULL : numbers_of(t->spec.out_std, shape);
        fac_batch batch;
        while (go && fac_loader_next(t->loader, &batch))
            if (batch.index >= done)
                fac_scope
                    go = step(t, batch.items[0], batch.items[1], mean, std);
    }
    return !fac_error() && t->at.batch == count;
}

static void say_epoch(training *t, const score *check, double seconds)
{
    const position *at = &t->at;
    double n = (double)at->items;
    if (t->json) {
        json_t *line = json_pack("{sI sI so}", "epoch", (json_int_t)at->epoch + 1, "step", (json_int_t)at->step, "loss",
                                 json_finite(at->loss / n));
        if (t->spec.classification) json_object_set_new(line, "accuracy", json_finite((double)at->right / n));
        if (check) json_object_set_new(line, "validation_loss", json_finite(check->loss));
        if (check && t->spec.classification)
            json_object_set_new(line, "validation_accuracy", json_finite(check->accuracy));
        if (check && !t->spec.classification) json_object_set_new(line, "validation_rmse", json_finite(check->rmse));
        json_object_set_new(line, "seconds", json_finite(seconds));
        print_json(line);
        return;
    }
    char learnt[64] = "", checked[96] = "";
    if (t->spec.classification) snprintf(learnt, sizeof learnt, "  accuracy %.2f %%", 100 * (double)at->right / n);
    if (check && t->spec.classification)
        snprintf(checked, sizeof checked, "  validation: loss %.4f  accuracy %.2f %%", check->loss,
                 100 * check->accuracy);
    else if (check)
        snprintf(checked, sizeof checked, "  validation: loss %.4f  error %.4g", check->loss, check->rmse);
    fac_run_print(t->run, "epoch %lld/%lld  loss %.4f%s%s  %.1f s\n", (long long)at->epoch + 1,
                  (long long)t->recipe.epochs, at->loss / n, learnt, checked, seconds);
}

/* Validates, and keeps the best. */
static bool check_epoch(training *t, score *check)
{
    position *at = &t->at;
    fac_eval(t->model);
    if (!score_model(t->model, &t->spec, t->check_loader, check, t->run, at->step)) return false;
    fac_run_log(t->run, "loss/validation", at->step, check->loss);
    if (t->spec.classification)
        fac_run_log(t->run, "accuracy/validation", at->step, check->accuracy);
    else
        fac_run_log(t->run, "error/validation", at->step, check->rmse);
    forgive_run();
    double value = t->spec.classification ? check->accuracy : -check->rmse;
    if (at->best >= value) return true; /* not when it is NaN: the first is the best */
    at->best = value;
    return checkpoint_save_model(t, t->best);
}

/* The state behind the epoch, which is the state before the next. */
static bool end_epoch(training *t, double seconds)
{
    position *at = &t->at;
    score check = {0};
    if (!isfinite(at->loss))
        return fac_raise(FAC_ERROR_VALUE, "the loss has grown beyond all bounds; a smaller --lr than %g may help",
                         t->recipe.lr);
    if (t->check && !check_epoch(t, &check)) return false;
    say_epoch(t, t->check ? &check : NULL, seconds);
    if (t->schedule && !strcmp(t->recipe.schedule, "step") && !fac_scheduler_step(t->schedule)) return false;
    at->epoch++;
    at->batch = at->items = at->right = 0;
    at->loss = 0;
    return checkpoint_save(t, t->save);
}

ending training_run(training *t)
{
    struct sigaction before[2];
    ending ending = FINISHED;
    listen(before);
    while (t->at.epoch < t->recipe.epochs && ending == FINISHED) {
        double begun = now();
        if (learn_epoch(t)) {
            if (!end_epoch(t, now() - begun)) ending = FAILED;
        } else if (fac_error() || !checkpoint_save(t, t->save)) {
            ending = FAILED;
        } else {
            ending = INTERRUPTED;
        }
        if (interrupted && ending == FINISHED && t->at.epoch < t->recipe.epochs) ending = INTERRUPTED;
    }
    stop_listening(before);
    return ending;
}
