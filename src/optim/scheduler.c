/* Floor 6. What all schedules share: keywords, steps, saving. */
#include "scheduler.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTIONS = offsetof(fac_schedule_options, anneal_strategy) / sizeof(double),
    NUMBERS = sizeof(fac__schedule_numbers) / sizeof(double)
};

static const char *const names[NUMBERS] = {
#define NAME(name) #name,
    FAC__SCHEDULE_NUMBERS(NAME)
#undef NAME
};

static double *numbers_of(const fac_scheduler *s)
{
    return (double *)(void *)&s->n;
}

/* ---- making and freeing ------------------------------------------------------------------------------------- */

static bool check_texts(const fac__schedule_kind *kind, const fac_schedule_options *o, fac__schedule_numbers *n)
{
    const char *extra = o->anneal_strategy && !kind->takes_strategy ? "anneal_strategy"
                        : o->mode && !kind->takes_modes             ? "mode"
                        : o->threshold_mode && !kind->takes_modes   ? "threshold_mode"
                                                                    : NULL;
    if (extra)
        return fac__type_error("%s.__init__() got an unexpected keyword argument '%s'", kind->name, extra), false;
    if (kind->takes_strategy) {
        const char *text = o->anneal_strategy ? o->anneal_strategy : "cos";
        n->linear = !strcmp(text, "linear");
        if (n->linear == 0 && strcmp(text, "cos") != 0)
            return fac__value_error("anneal_strategy must by one of 'cos' or 'linear', instead got %s", text), false;
    }
    if (kind->takes_modes) {
        const char *mode = o->mode ? o->mode : "min", *threshold = o->threshold_mode ? o->threshold_mode : "rel";
        n->mode_max = !strcmp(mode, "max");
        n->threshold_abs = !strcmp(threshold, "abs");
        if (n->mode_max == 0 && strcmp(mode, "min") != 0) return fac__value_error("mode %s is unknown!", mode), false;
        if (n->threshold_abs == 0 && strcmp(threshold, "rel") != 0)
            return fac__value_error("threshold mode %s is unknown!", threshold), false;
    }
    return true;
}

fac_scheduler *fac__scheduler_new(const fac__schedule_kind *kind, fac_optimizer *optimizer,
                                  fac_schedule_options options)
{
    FAC__OP(kind->name);
    FAC__NEED(optimizer);
    double presets[NUMBERS];
    fac__options_preset(presets, names, NUMBERS, kind->options);
    fac_scheduler *s = fac__calloc(sizeof *s);
    if (!s) return NULL;
    for (int i = 0; i < NUMBERS; i++)
        numbers_of(s)[i] = NAN;
    memcpy(numbers_of(s), &options, OPTIONS * sizeof(double));
    s->kind = kind;
    s->optimizer = optimizer;
    s->last_epoch = -1;
    s->n_groups = optimizer->n_groups;
    s->base_lrs = fac__calloc(3 * (size_t)s->n_groups * sizeof(double));
    if (!s->base_lrs || !fac__options_complete(numbers_of(s), presets, names, NUMBERS, kind->name) ||
        !check_texts(kind, &options, &s->n)) {
        fac_scheduler_free(s);
        return NULL;
    }
    s->last_lrs = s->base_lrs + s->n_groups;
    s->next_lrs = s->last_lrs + s->n_groups;
    return s;
}

void fac_scheduler_free(fac_scheduler *s)
{
    if (!s) return;
    fac__free(s->base_lrs);
    fac__free(s->milestones);
    fac__free(s);
}

/* ---- steps -------------------------------------------------------------------------------------------------- */

static bool compute(fac_scheduler *s)
{
    if (s->kind->advance && !s->kind->advance(s)) return false;
    for (int g = 0; g < s->n_groups; g++) {
        s->next_lrs[g] = s->kind->lr(s, s->optimizer->groups[g].options.lr, s->base_lrs[g]);
        if (!isfinite(s->next_lrs[g]))
            return fac__value_error("%s has no finite learning rate for epoch %lld", s->kind->name,
                                    (long long)s->last_epoch),
                   false;
    }
    return true;
}

static bool set_momentum(fac_optimizer *optimizer, double momentum)
{
    for (int g = 0; g < optimizer->n_groups; g++) {
        fac_optimizer_options *o = &optimizer->groups[g].options;
        *(isnan(o->beta1) ? &o->momentum : &o->beta1) = momentum;
        if (!fac__group_write(optimizer, &optimizer->groups[g])) return false;
    }
    return true;
}

static bool step(fac_scheduler *s)
{
    fac__schedule_numbers before = s->n;
    s->last_epoch++;
    double momentum = NAN;
    bool ok = compute(s);
    if (ok && s->kind->momentum) momentum = s->kind->momentum(s);
    if (!ok || (!isnan(momentum) && !set_momentum(s->optimizer, momentum))) {
        s->n = before;
        s->last_epoch--;
        return false;
    }
    for (int g = 0; g < s->n_groups; g++) {
        s->optimizer->groups[g].options.lr = s->last_lrs[g] = s->next_lrs[g];
        s->optimizer->groups[g].numbers_of = 0; /* they hold the learning rate: to be computed anew */
    }
    return true;
}

fac_scheduler *fac__scheduler_start(fac_scheduler *s, bool ok)
{
    if (!s) return NULL;
    FAC__OP(s->kind->name);
    for (int g = 0; g < s->n_groups; g++) {
        fac__group *group = &s->optimizer->groups[g];
        if (isnan(group->initial_lr) && s->kind->lr) group->initial_lr = group->options.lr;
        s->base_lrs[g] = s->kind->lr ? group->initial_lr : group->options.lr;
        s->last_lrs[g] = group->options.lr;
    }
    if (ok && s->kind->lr) ok = step(s);
    if (ok) return s;
    fac_scheduler_free(s);
    return NULL;
}

/* In a captured step: a replay takes a step of the schedule too. */
static bool step_again(const void *args)
{
    return fac_scheduler_step(*(fac_scheduler *const *)args);
}
static const fac__kernel k_schedule = {.name = "schedule", .check = step_again, .effects = true};

bool fac_scheduler_step(fac_scheduler *scheduler)
{
    FAC__OP("scheduler_step");
    FAC__NEED_OR(scheduler, false);
    if (!scheduler->kind->lr)
        return fac__type_error("%s.step() missing 1 required positional argument: 'metrics' (call fac_plateau_step)",
                               scheduler->kind->name),
               false;
    if (fac__recording_now()) fac__record_launch(&k_schedule, &scheduler, sizeof scheduler);
    return step(scheduler);
}

double fac_last_lr(const fac_scheduler *scheduler, int group)
{
    FAC__OP("last_lr");
    FAC__NEED_OR(scheduler, NAN);
    if (group >= 0 && group < scheduler->n_groups) return scheduler->last_lrs[group];
    return fac__index_error("the scheduler has %d groups, there is no group %d", scheduler->n_groups, group), NAN;
}

/* ---- saving ------------------------------------------------------------------------------------------------- */

/* n numbers of 8 bytes as a tensor in the state. */
static bool save_array(fac_state *state, const char *name, fac_dtype dtype, const void *numbers, int64_t n)
{
    fac_tensor *t = fac__new(dtype, 1, &n);
    if (!t) return false;
    if (n) memcpy(fac__data(t), numbers, 8 * (size_t)n);
    bool ok = fac_state_set(state, name, t);
    fac_release(t);
    return ok;
}

fac_state *fac_scheduler_state_dict(const fac_scheduler *scheduler)
{
    FAC__OP("scheduler_state_dict");
    FAC__NEED(scheduler);
    const fac_scheduler *s = scheduler;
    fac_state *state = fac_state_new();
    bool ok = state && fac_state_set_int(state, "last_epoch", s->last_epoch) &&
              save_array(state, "base_lrs", FAC_FLOAT64, s->base_lrs, s->n_groups) &&
              save_array(state, "last_lrs", FAC_FLOAT64, s->last_lrs, s->n_groups);
    if (ok && s->n_milestones) ok = save_array(state, "milestones", FAC_INT64, s->milestones, s->n_milestones);
    for (int i = 0; ok && i < NUMBERS; i++)
        if (!isnan(numbers_of(s)[i])) ok = fac_state_set_float(state, names[i], numbers_of(s)[i]);
    if (ok) return state;
    fac_state_free(state);
    return NULL;
}

static bool load(const fac_state *state, const fac_scheduler *s, fac_scheduler *into)
{
    fac_tensor *base = fac_state_get(state, "base_lrs"), *last = fac_state_get(state, "last_lrs");
    fac_tensor *milestones = fac_state_get(state, "milestones");
    if (!fac_state_get_int(state, "last_epoch", &into->last_epoch))
        return fac__value_error("loaded state dict lacks the number 'last_epoch'"), false;
    if (fac_numel(base) != s->n_groups || fac_numel(last) != s->n_groups)
        return fac__value_error("loaded state dict has a different number of parameter groups"), false;
    if (fac_numel(milestones) != s->n_milestones)
        return fac__value_error("loaded state dict has %lld milestones, not %lld", (long long)fac_numel(milestones),
                                (long long)s->n_milestones),
               false;
    for (int i = 0; i < NUMBERS; i++)
        if (!isnan(numbers_of(s)[i]) && !fac_state_get_float(state, names[i], &numbers_of(into)[i]))
            return fac__value_error("loaded state dict lacks the number '%s'", names[i]), false;
    /* None of these can fail any more. */
    return (!milestones || fac_to_array(milestones, FAC_INT64, s->milestones, s->n_milestones)) &&
           fac_to_array(base, FAC_FLOAT64, s->base_lrs, s->n_groups) &&
           fac_to_array(last, FAC_FLOAT64, s->last_lrs, s->n_groups);
}

bool fac_scheduler_load_state_dict(fac_scheduler *scheduler, const fac_state *state)
{
    FAC__OP("scheduler_load_state_dict");
    FAC__NEED_OR(scheduler, false);
    FAC__NEED_OR(state, false);
    fac_scheduler next = *scheduler;
    if (!load(state, scheduler, &next)) return false;
    *scheduler = next;
    return true;
}
