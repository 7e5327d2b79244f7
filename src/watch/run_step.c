/* Floor 8. What happens between two steps of a training: it is steered, and now and then something is written. */
#include <time.h>

#include "core/raise.h"
#include "watch/clock.h"
#include "watch/run.h"

static const struct timespec moment = {.tv_nsec = 5000000};

void fac__run_tick(fac_run *run)
{
    fac__steering_show(&run->steering);
    run->due = fac__wall_ms() + FAC__TICK;
}

static void beat(fac_run *run, int64_t now)
{
    fac__poke(run->steering.control->beat, now);
}

/* Heeds what somebody asks; returns whether the training is to wait. */
static bool heed(fac_run *run)
{
    fac__steering *s = &run->steering;
    fac__steering_take(s);
    uint32_t steps = fac__peek(s->control->steps_asked);
    bool paused = fac__peek(s->control->paused), single = paused && steps != s->steps_seen;
    s->steps_seen = single ? s->steps_seen + 1 : paused ? s->steps_seen : steps; /* those of a pause alone count */
    return paused && !single && !fac__peek(s->control->stop);
}

static bool step_with_work(fac_run *run)
{
    FAC__OP("run_step");
    fac__control *c = run->steering.control;
    fac__run_tick(run);
    while (heed(run)) {
        atomic_store(&c->waiting, 1);
        nanosleep(&moment, NULL);
        beat(run, fac__wall_ms());
        fac__run_tick(run);
    }
    atomic_store(&c->waiting, 0);
    return !fac__peek(c->stop);
}

bool fac_run_step(fac_run *run, int64_t step)
{
    if (!run) return true;
    fac__control *c = run->steering.control;
    int64_t now = fac__wall_ms();
    run->step = step;
    fac__poke(c->step, step);
    beat(run, now);
    /* Later than a tick from now is earlier, too: the clock was set back. */
    bool due = (uint64_t)(run->due - now - 1) >= FAC__TICK;
    if (__builtin_expect(!due && !fac__steering_asked(&run->steering), 1)) return true;
    return step_with_work(run);
}
