/* Floor 6. The one-cycle schedule, as torch.optim.lr_scheduler.OneCycleLR: phases, through each of which learning rate
 * and momentum go from one value to another. */
#include <math.h>

#include "scheduler.h"

typedef struct phase {
    double end; /* the step at which it is over, or is the last one */
    double lr[2], momentum[2];
} phase;

/* Fills up to 3 phases and returns how many. */
static int list_phases(const fac__schedule_numbers *n, phase *phases)
{
    double high = n->max_lr, first = high / n->div_factor, last = first / n->final_div_factor, total = n->total_steps;
    double up = n->pct_start * total - 1;
    phases[0] = (phase){up, {first, high}, {n->max_momentum, n->base_momentum}};
    if (n->three_phase == 0) {
        phases[1] = (phase){total - 1, {high, last}, {n->base_momentum, n->max_momentum}};
        return 2;
    }
    phases[1] = (phase){2 * n->pct_start * total - 2, {high, first}, {n->base_momentum, n->max_momentum}};
    phases[2] = (phase){total - 1, {first, last}, {n->max_momentum, n->max_momentum}};
    return 3;
}

static double anneal(bool linear, const double *ends, double part)
{
    double start = ends[0], end = ends[1];
    return linear ? (end - start) * part + start : end + (start - end) / 2.0 * (cos(M_PI * part) + 1);
}

/* Learning rate or momentum, now. */
static double now(const fac_scheduler *s, bool momentum)
{
    phase phases[3];
    int count = list_phases(&s->n, phases), i = 0;
    double step = (double)s->last_epoch, begin = 0;
    while (i < count - 1 && step > phases[i].end)
        begin = phases[i++].end;
    return anneal(s->n.linear != 0, momentum ? phases[i].momentum : phases[i].lr,
                  (step - begin) / (phases[i].end - begin));
}

static bool advance(fac_scheduler *s)
{
    if ((double)s->last_epoch <= s->n.total_steps) return true;
    return fac__value_error("Tried to step %lld times. The specified number of total steps is %lld",
                            (long long)s->last_epoch + 1, (long long)s->n.total_steps),
           false;
}

static double lr(const fac_scheduler *s, double lr, double base_lr)
{
    return now(s, false);
}

static double momentum(const fac_scheduler *s)
{
    return s->n.cycle_momentum != 0 ? now(s, true) : NAN;
}

static const fac__schedule_kind kind = {
    .name = "OneCycleLR",
    .options = {{"pct_start", 0.3},
                {"cycle_momentum", 1},
                {"base_momentum", 0.85},
                {"max_momentum", 0.95},
                {"div_factor", 25},
                {"final_div_factor", 1e4},
                {"three_phase", 0}},
    .takes_strategy = true,
    .advance = advance,
    .lr = lr,
    .momentum = momentum,
};

fac_scheduler *fac_one_cycle_lr_with(fac_optimizer *optimizer, double max_lr, int64_t total_steps,
                                     fac_schedule_options options)
{
    FAC__OP("OneCycleLR");
    fac_scheduler *s = fac__scheduler_new(&kind, optimizer, options);
    if (!s) return NULL;
    bool ok = total_steps > 0;
    char text[48];
    if (!ok) fac__value_error("Expected positive integer total_steps, but got %lld", (long long)total_steps);
    if (ok && !(s->n.pct_start >= 0 && s->n.pct_start <= 1)) {
        fac__value_error("Expected float between 0 and 1 pct_start, but got %s", fac__float_text(s->n.pct_start, text));
        ok = false;
    }
    if (ok && s->n.cycle_momentum != 0 && isnan(optimizer->defaults.momentum) && isnan(optimizer->defaults.beta1)) {
        fac__value_error("optimizer must support momentum with `cycle_momentum` option enabled");
        ok = false;
    }
    s->n.max_lr = max_lr;
    s->n.total_steps = (double)total_steps;
    for (int g = 0; ok && g < s->n_groups; g++)
        optimizer->groups[g].initial_lr = max_lr / s->n.div_factor;
    return fac__scheduler_start(s, ok);
}
