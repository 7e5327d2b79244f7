/* Floor 6. Saving what an optimiser knows, and taking it back. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optimizer.h"

typedef char name_text[96];

static const char *state_name(name_text name, int64_t param, const char *what)
{
    snprintf(name, sizeof(name_text), "state.%lld.%s", (long long)param, what);
    return name;
}

static const char *group_name(name_text name, int group, const char *what)
{
    snprintf(name, sizeof(name_text), "param_groups.%d.%s", group, what);
    return name;
}

/* ---- saving ------------------------------------------------------------------------------------------------- */

static bool save_param(fac_state *s, const fac__optimizer_kind *kind, const fac__param_state *p, int64_t index)
{
    name_text name;
    bool ok = p->step == 0 || fac_state_set_int(s, state_name(name, index, "step"), p->step);
    for (int k = 0; ok && k < FAC__SLOTS; k++)
        if (p->slots[k]) ok = fac_state_set(s, state_name(name, index, kind->slots[k]), p->slots[k]);
    return ok;
}

static bool save_group(fac_state *s, fac__group *group, int g, int64_t first)
{
    name_text name;
    for (int i = 0; i < FAC__OPTIONS; i++) {
        double v = *fac__option(&group->options, i);
        if (!isnan(v) && !fac_state_set_float(s, group_name(name, g, fac__option_names[i]), v)) return false;
    }
    if (!isnan(group->initial_lr) && !fac_state_set_float(s, group_name(name, g, "initial_lr"), group->initial_lr))
        return false;
    fac_tensor *indices = fac__new(FAC_INT64, 1, &group->count);
    if (!indices) return false;
    for (int64_t i = 0; i < group->count; i++)
        ((int64_t *)fac__host(indices))[i] = first + i;
    bool ok = fac_state_set(s, group_name(name, g, "params"), indices);
    fac_release(indices);
    return ok;
}

fac_state *fac_optimizer_state_dict(fac_optimizer *optimizer)
{
    FAC__OP("optimizer_state_dict");
    FAC__NEED(optimizer);
    if (fac__recording_now()) return fac__recording_refuse("take the state of an optimizer");
    fac_state *s = fac_state_new();
    bool ok = s != NULL;
    int64_t index = 0, first = 0;
    for (int g = 0; ok && g < optimizer->n_groups; g++)
        for (int64_t i = 0; ok && i < optimizer->groups[g].count; i++)
            ok = save_param(s, optimizer->kind, &optimizer->groups[g].params[i], index++);
    for (int g = 0; ok && g < optimizer->n_groups; first += optimizer->groups[g++].count)
        ok = save_group(s, &optimizer->groups[g], g, first);
    if (ok) return s;
    fac_state_free(s);
    return NULL;
}

/* ---- loading ------------------------------------------------------------------------------------------------ */

/* All that is loaded, until nothing can fail any more. */
typedef struct loaded {
    fac_optimizer_options options;
    double initial_lr;
    fac__param_state *params;
} loaded;

static bool load_param(const fac_state *s, const fac__optimizer_kind *kind, const fac_tensor *param, int64_t index,
                       fac__param_state *into)
{
    name_text name;
    fac_state_get_int(s, state_name(name, index, "step"), &into->step);
    for (int k = 0; k < FAC__SLOTS && kind->slots[k]; k++) {
        fac_tensor *from = fac_state_get(s, state_name(name, index, kind->slots[k]));
        if (!from) continue;
        if (!fac__same_shape(from, param))
            return fac__value_error("loaded state dict has %s of shape %s for a parameter of shape %s", name,
                                    fac__shape_text(from->ndim, from->shape),
                                    fac__shape_text(param->ndim, param->shape)),
                   false;
        into->slots[k] = fac__new_like(param, (fac_dtype)param->dtype);
        if (!into->slots[k] || !fac__copy_into(into->slots[k], from)) return false;
    }
    return true;
}

static bool load_group(const fac_state *s, const fac_optimizer *optimizer, int g, int64_t first, loaded *into)
{
    const fac__group *group = &optimizer->groups[g];
    name_text name;
    fac_tensor *indices = fac_state_get(s, group_name(name, g, "params"));
    if (!indices || indices->numel != group->count)
        return fac__value_error(
                   "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"),
               false;
    into->options = group->options;
    for (int i = 0; i < FAC__OPTIONS; i++) {
        double *v = fac__option(&into->options, i);
        if (isnan(*v)) continue;
        if (!fac_state_get_float(s, group_name(name, g, fac__option_names[i]), v) || isnan(*v))
            return fac__value_error("loaded state dict lacks the number '%s'", name), false;
    }
    into->initial_lr = group->initial_lr;
    fac_state_get_float(s, group_name(name, g, "initial_lr"), &into->initial_lr);
    into->params = fac__calloc((size_t)group->count * sizeof *into->params);
    bool ok = into->params != NULL;
    for (int64_t i = 0; ok && i < group->count; i++)
        ok = load_param(s, optimizer->kind, group->params[i].param, first + i, &into->params[i]);
    return ok;
}

static void drop_slots(fac__param_state *p)
{
    for (int k = 0; k < FAC__SLOTS; k++)
        fac_release(p->slots[k]);
}

/* Swaps what the group had and what was loaded. */
static void exchange(fac_optimizer *optimizer, fac__group *group, loaded *l)
{
    for (int64_t i = 0; i < group->count; i++) {
        fac__param_state old = group->params[i];
        group->params[i] = l->params[i];
        group->params[i].param = old.param;
        l->params[i] = old;
    }
    group->options = l->options;
    group->initial_lr = l->initial_lr;
    fac__group_write(optimizer, group);
}

bool fac_optimizer_load_state_dict(fac_optimizer *optimizer, const fac_state *state)
{
    FAC__OP("optimizer_load_state_dict");
    FAC__NEED_OR(optimizer, false);
    FAC__NEED_OR(state, false);
    if (fac__recording_now()) return fac__recording_refuse("load the state of an optimizer"), false;
    int n = optimizer->n_groups, saved = 0;
    name_text name;
    while (fac_state_get(state, group_name(name, saved, "params")))
        saved++;
    if (saved != n) return fac__value_error("loaded state dict has a different number of parameter groups"), false;
    loaded *all = fac__calloc((size_t)n * sizeof *all);
    bool ok = all != NULL;
    int64_t first = 0;
    for (int g = 0; ok && g < n; first += optimizer->groups[g++].count)
        ok = load_group(state, optimizer, g, first, &all[g]);
    for (int g = 0; ok && g < n; g++)
        exchange(optimizer, &optimizer->groups[g], &all[g]);
    for (int g = 0; all && g < n; g++) {
        for (int64_t i = 0; all[g].params && i < optimizer->groups[g].count; i++)
            drop_slots(&all[g].params[i]);
        fac__free(all[g].params);
    }
    fac__free(all);
    return ok;
}
