/* Floor 6. Lower learning rates when progress stops, as torch.optim.lr_scheduler.ReduceLROnPlateau. */
#include <math.h>

#include "scheduler.h"

static const fac__schedule_kind kind = {
    .name = "ReduceLROnPlateau",
    .options = {{"factor", 0.1}, {"patience", 10}, {"threshold", 1e-4}, {"cooldown", 0}, {"min_lr", 0}, {"eps", 1e-8}},
    .takes_modes = true,
};

fac_scheduler *fac_reduce_lr_on_plateau_with(fac_optimizer *optimizer, fac_schedule_options options)
{
    fac_scheduler *s = fac__scheduler_new(&kind, optimizer, options);
    if (!s) return NULL;
    FAC__OP(kind.name);
    bool ok = s->n.factor < 1;
    if (!ok) fac__value_error("Factor should be < 1.0.");
    s->n.best = s->n.mode_max != 0 ? -INFINITY : INFINITY;
    s->n.num_bad_epochs = s->n.cooldown_counter = 0;
    s->last_epoch = 0;
    return fac__scheduler_start(s, ok);
}

static bool is_better(const fac__schedule_numbers *n, double metric)
{
    if (n->mode_max == 0)
        return metric < (n->threshold_abs != 0 ? n->best - n->threshold : n->best * (1. - n->threshold));
    return metric > (n->threshold_abs != 0 ? n->best + n->threshold : n->best * (n->threshold + 1.));
}

bool fac_plateau_step(fac_scheduler *scheduler, double metric)
{
    FAC__OP("plateau_step");
    FAC__NEED_OR(scheduler, false);
    if (scheduler->kind != &kind)
        return fac__type_error("%s takes no metric (call fac_scheduler_step)", scheduler->kind->name), false;
    fac__schedule_numbers *n = &scheduler->n;
    scheduler->last_epoch++;
    if (is_better(n, metric)) {
        n->best = metric;
        n->num_bad_epochs = 0;
    } else {
        n->num_bad_epochs++;
    }
    if (n->cooldown_counter > 0) {
        n->cooldown_counter--;
        n->num_bad_epochs = 0;
    }
    bool reduce = n->num_bad_epochs > n->patience;
    if (reduce) {
        n->cooldown_counter = n->cooldown;
        n->num_bad_epochs = 0;
    }
    for (int g = 0; g < scheduler->n_groups; g++) {
        fac__group *group = &scheduler->optimizer->groups[g];
        double lr = fmax(group->options.lr * n->factor, n->min_lr);
        if (reduce && group->options.lr - lr > n->eps) {
            group->options.lr = lr;
            group->numbers_of = 0;
        }
        scheduler->last_lrs[g] = group->options.lr;
    }
    return true;
}
