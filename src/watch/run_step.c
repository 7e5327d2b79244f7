/* Floor 8. What happens between two steps of a training: it is steered, and now and then something is written. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "watch/clock.h"
#include "watch/evaluation.h"
#include "watch/layers.h"
#include "watch/progress.h"

static const struct timespec moment = {.tv_nsec = 5000000};

void fac__run_tick(fac_run *run)
{
    run->due = fac__wall_ms() + FAC__TICK;
    fac__steering_show(&run->steering);
    if (!run->told) fac__run_tell(run);
    fac__evaluation_write(run, false);
    double now = fac__wall_seconds();
    if (run->events.used && now - run->events.written >= 1) fac__events_flush(&run->events, now);
    fac__progress_tick(run);
}

/* Heeds what somebody asks; returns whether the training is to wait. */
static bool heed(fac_run *run)
{
    fac__steering *s = &run->steering;
    fac__steering_take(s);
    fac__drawing_answer(run);
    uint32_t steps = fac__peek(s->control->steps_asked);
    bool paused = fac__peek(s->control->paused), single = paused && steps != s->steps_seen;
    s->steps_seen = single ? s->steps_seen + 1 : paused ? s->steps_seen : steps; /* those of a pause alone count */
    return paused && !single && !fac__peek(s->control->stop);
}

static void rest(fac_run *run)
{
    nanosleep(&moment, NULL);
    int64_t now = fac__wall_ms();
    fac__poke(run->steering.control->beat, now);
    if (now >= run->due) fac__run_tick(run);
}

static bool step_with_work(fac_run *run)
{
    FAC__OP("run_step");
    fac__control *c = run->steering.control;
    fac__layers_finish(run);
    fac__run_tick(run);
    double begun = fac__seconds();
    while (heed(run)) {
        atomic_store(&c->waiting, 1);
        rest(run);
    }
    if (fac__peek(c->waiting)) run->waited += fac__seconds() - begun;
    atomic_store(&c->waiting, 0);
    fac__layers_begin(run);
    return !fac__peek(c->stop);
}

/* Later than a tick from now is earlier, too: the clock was set back. */
static bool is_due(const fac_run *run, int64_t now)
{
    return (uint64_t)(run->due - now - 1) >= FAC__TICK;
}

bool fac_run_step(fac_run *run, int64_t step)
{
    if (!run) return true;
    fac__control *c = run->steering.control;
    int64_t now = fac__wall_ms();
    run->step = step;
    run->stepped = true;
    fac__poke(c->step, step);
    fac__poke(c->beat, now);
    if (__builtin_expect(!is_due(run, now) && !fac__steering_asked(&run->steering), 1)) return true;
    return step_with_work(run);
}

void fac__run_stepless(fac_run *run, int64_t step)
{
    int64_t now = fac__wall_ms();
    if (step > run->step) run->step = step;
    fac__poke(run->steering.control->step, run->step);
    fac__poke(run->steering.control->beat, now);
    if (!is_due(run, now)) return;
    fac__layers_finish(run);
    fac__run_tick(run);
    fac__layers_begin(run);
}

/* ---- after the training -------------------------------------------------------------------------------------- */

/* While a wait goes on, in whatever thread, Ctrl-C counts here. */
static atomic_uint interrupts;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int waits;
static struct sigaction before;

static void interrupted(int signal)
{
    (void)signal;
    atomic_fetch_add(&interrupts, 1);
}

static void listen_to_interrupts(void)
{
    pthread_mutex_lock(&lock);
    if (waits++ == 0) {
        struct sigaction action = {.sa_handler = interrupted};
        sigemptyset(&action.sa_mask);
        sigaction(SIGINT, NULL, &before);
        if (before.sa_handler != SIG_IGN) sigaction(SIGINT, &action, NULL); /* in the background it stays ignored */
    }
    pthread_mutex_unlock(&lock);
}

static void leave_interrupts(void)
{
    pthread_mutex_lock(&lock);
    if (--waits == 0) sigaction(SIGINT, &before, NULL);
    pthread_mutex_unlock(&lock);
}

bool fac_run_wait(fac_run *run)
{
    FAC__OP("run_wait");
    if (!run) return true;
    fac__control *c = run->steering.control;
    fac__layers_finish(run);
    bool good = fac__evaluation_write(run, true);
    good &= fac__events_flush(&run->events, fac__wall_seconds());
    bool shown = run->progress != NULL;
    fac__progress_close(run);
    good &= fac__run_end(run);
    if (!run->serving || fac__peek(c->stop)) return good;
    if (shown) fprintf(stderr, "%s is there until stop is pressed, or Ctrl-C\n", run->url ? run->url : run->name);
    unsigned heard = atomic_load(&interrupts);
    listen_to_interrupts();
    atomic_store(&c->waiting, 1);
    while (!fac__peek(c->stop) && atomic_load(&interrupts) == heard) {
        fac__steering_take(&run->steering);
        fac__drawing_answer(run);
        rest(run);
    }
    atomic_store(&c->waiting, 0);
    leave_interrupts();
    return good;
}
