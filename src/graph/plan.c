/* Floor 2. Planning: what a captured step need not do again. The passes, in order:
 *
 *   constants   kernels whose inputs are the same in each replay have run once, and that is enough;
 *   duplicates  of two kernels that do the same to the same inputs the first is enough;
 *   unused      what writes only memory that nobody reads is left out;
 *   fuse.c      element-wise kernels that follow one another become one;
 *   epilogue.c  a product does relu on what it computes;
 *   slices.c    steps that work image by image run together, a few images at a time;
 *   share.c     temporaries whose lives do not overlap get the same memory.
 *
 * Memory is looked at by storages: a step uses all of one or nothing. That is sometimes more than is true, never less. */
#include <string.h>

#include "backend/pointwise.h"
#include "core/memory.h"
#include "plan.h"

void fac__use_point(const fac_plan *plan, fac__planned *step, const fac__use *use)
{
    char *p = plan->memory.held[use->held].storage->data + use->at;
    if (plan->facts && plan->facts[use->held].place >= 0)
        p = (char *)plan->shared + plan->facts[use->held].place + use->at;
    memcpy((char *)step->args + use->field, &p, sizeof p);
}

fac__access fac__use_of(const fac__planned *step, int32_t held)
{
    int how = 0;
    for (int k = 0; k < step->n_uses; k++)
        if (step->uses[k].held == held) how |= step->uses[k].how;
    return (fac__access)how;
}

bool fac__independent(const fac__planned *s, const fac__planned *t)
{
    if (t->kernel->check && s->kernel->check) return false;
    for (int k = 0; k < s->n_uses; k++)
        if ((s->uses[k].how | fac__use_of(t, s->uses[k].held)) >= FAC__WRITE && fac__use_of(t, s->uses[k].held))
            return false;
    return true;
}

void fac__plan_lives(fac_plan *plan)
{
    for (int64_t h = 0; h < plan->memory.count; h++) {
        plan->facts[h].written = false;
        plan->facts[h].first = INT64_MAX;
        plan->facts[h].last = -1;
    }
    for (int64_t i = 0; i < plan->count; i++) {
        const fac__planned *step = &plan->steps[i];
        if (step->dropped) continue;
        for (int k = 0; k < step->n_uses; k++) {
            fac__storage_facts *f = &plan->facts[step->uses[k].held];
            f->written |= (step->uses[k].how & FAC__WRITE) != 0;
            if (f->first > i) f->first = i;
            f->last = i;
        }
    }
}

/* What was made in the step and is held by the plan alone is a temporary. */
static void find_kept(fac_plan *plan)
{
    for (int64_t h = 0; h < plan->memory.count; h++) {
        const fac__held *held = &plan->memory.held[h];
        plan->facts[h].place = -1;
        plan->facts[h].kept = !held->made || atomic_load(&held->storage->refs) > 1;
        plan->facts[h].fixed = held->constant;
    }
}

static bool acts(const fac__planned *step)
{
    return step->kernel->effects || step->kernel->check || step->refresh || !step->n_uses;
}

/* ---- constants ------------------------------------------------------------------------------------------------ */

/* A storage that this step alone writes, from nothing. */
static bool written_only_by(const fac_plan *plan, int32_t held, int64_t at)
{
    for (int64_t i = 0; i < plan->count; i++) {
        if (plan->steps[i].dropped) continue;
        for (int k = 0; k < plan->steps[i].n_uses; k++) {
            const fac__use *use = &plan->steps[i].uses[k];
            if (use->held == held && ((use->how & FAC__WRITE) && (i != at || use->how == FAC__CHANGE))) return false;
        }
    }
    return true;
}

static bool is_constant(const fac_plan *plan, int64_t i)
{
    const fac__planned *step = &plan->steps[i];
    if (acts(step)) return false;
    for (int k = 0; k < step->n_uses; k++) {
        const fac__use *use = &step->uses[k];
        const fac__storage_facts *f = &plan->facts[use->held];
        if (use->how == FAC__READ ? !f->fixed : f->kept || f->fixed || !written_only_by(plan, use->held, i))
            return false;
    }
    return true;
}

static void drop_constants(fac_plan *plan)
{
    for (int64_t i = 0; i < plan->count; i++) {
        fac__planned *step = &plan->steps[i];
        if (step->dropped || !is_constant(plan, i)) continue;
        step->dropped = true;
        plan->left_out++;
        for (int k = 0; k < step->n_uses; k++)
            if (step->uses[k].how & FAC__WRITE) plan->facts[step->uses[k].held].fixed = true;
    }
}

/* ---- duplicates ----------------------------------------------------------------------------------------------- */

/* Do both run the same kernel on the same inputs, each into a temporary that nothing else writes? */
static bool equal(const fac_plan *plan, int64_t a, int64_t b)
{
    const fac__planned *s = &plan->steps[a], *t = &plan->steps[b];
    if (s->kernel != t->kernel || s->size != t->size || s->n_uses != t->n_uses || acts(s)) return false;
    size_t from = 0;
    for (int k = 0; k < s->n_uses; k++) { /* uses come in the order of the fields, mostly; if not, they differ */
        const fac__use *u = &s->uses[k], *v = &t->uses[k];
        if (u->field != v->field || u->how != v->how || u->at != v->at || (size_t)u->field < from) return false;
        if (u->how == FAC__READ && u->held != v->held) return false;
        if (u->how == FAC__CHANGE) return false;
        if (memcmp((char *)s->args + from, (char *)t->args + from, (size_t)u->field - from) != 0) return false;
        from = (size_t)u->field + sizeof(void *);
        if (u->how == FAC__READ) continue;
        if (plan->facts[u->held].kept || plan->facts[v->held].kept || !written_only_by(plan, u->held, a) ||
            !written_only_by(plan, v->held, b))
            return false;
    }
    return memcmp((char *)s->args + from, (char *)t->args + from, s->size - from) == 0;
}

static bool inputs_last(const fac_plan *plan, int64_t a, int64_t b)
{
    for (int k = 0; k < plan->steps[a].n_uses; k++)
        for (int64_t i = a + 1; i < b && plan->steps[a].uses[k].how == FAC__READ; i++)
            if (!plan->steps[i].dropped && (fac__use_of(&plan->steps[i], plan->steps[a].uses[k].held) & FAC__WRITE))
                return false;
    return true;
}

/* Everybody who used what step b wrote uses what a wrote. */
static void replace(fac_plan *plan, int64_t a, int64_t b)
{
    for (int k = 0; k < plan->steps[b].n_uses; k++) {
        int32_t from = plan->steps[b].uses[k].held, to = plan->steps[a].uses[k].held;
        if (plan->steps[b].uses[k].how == FAC__READ) continue;
        for (int64_t i = b + 1; i < plan->count; i++)
            for (int u = 0; u < plan->steps[i].n_uses; u++) {
                fac__use *use = &plan->steps[i].uses[u];
                if (use->held != from) continue;
                use->held = to;
                fac__use_point(plan, &plan->steps[i], use);
            }
    }
    plan->steps[b].dropped = true;
    plan->left_out++;
}

/* Steps with equal kernels and first inputs are few, so that looking at all pairs of a bucket is cheap. */
static void drop_duplicates(fac_plan *plan)
{
    enum { BUCKETS = 1024 };
    int64_t newest[BUCKETS], *before = fac__alloc((size_t)(plan->count + 1) * sizeof *before);
    if (!before) return;
    memset(newest, -1, sizeof newest);
    for (int64_t b = 0; b < plan->count; b++) {
        const fac__planned *step = &plan->steps[b];
        if (step->dropped) continue;
        size_t h = (size_t)step->kernel >> 4;
        for (int k = 0; k < step->n_uses; k++)
            if (step->uses[k].how == FAC__READ) h = (h ^ (size_t)step->uses[k].held) * 0x9E3779B97F4A7C15u;
        h = (h >> 20) % BUCKETS;
        before[b] = newest[h];
        newest[h] = b;
        for (int64_t a = before[b]; a >= 0; a = before[a])
            if (!plan->steps[a].dropped && equal(plan, a, b) && inputs_last(plan, a, b)) {
                replace(plan, a, b);
                break;
            }
    }
    fac__free(before);
}

/* ---- unused --------------------------------------------------------------------------------------------------- */

/* From the end: a storage is wanted if it is kept, or if a step that is needed reads it later. */
static bool drop_unused(fac_plan *plan)
{
    bool *wanted = fac__alloc((size_t)(plan->memory.count + 1) * sizeof *wanted);
    if (!wanted) return false;
    for (int64_t h = 0; h < plan->memory.count; h++)
        wanted[h] = plan->facts[h].kept;
    for (int64_t i = plan->count - 1; i >= 0; i--) {
        fac__planned *step = &plan->steps[i];
        if (step->dropped) continue;
        bool needed = acts(step);
        for (int k = 0; k < step->n_uses; k++)
            needed |= (step->uses[k].how & FAC__WRITE) && wanted[step->uses[k].held];
        if (needed) {
            for (int k = 0; k < step->n_uses; k++)
                if (step->uses[k].how & FAC__READ) wanted[step->uses[k].held] = true;
        } else {
            step->dropped = true;
            plan->left_out++;
        }
    }
    fac__free(wanted);
    return true;
}

/* ---- all ------------------------------------------------------------------------------------------------------ */

/* Removes the dropped ones from the list. */
static void close_gaps(fac_plan *plan)
{
    int64_t n = 0;
    for (int64_t i = 0; i < plan->count; i++) {
        if (plan->steps[i].dropped)
            fac__planned_free(&plan->steps[i]);
        else
            plan->steps[n++] = plan->steps[i];
    }
    plan->count = n;
}

/* The steps of a group run unit by unit: what one uses must last as long as the group. */
static void stretch_lives(fac_plan *plan)
{
    for (int64_t i = 0; i < plan->count; i += plan->steps[i].group + 1) {
        int64_t end = i + plan->steps[i].group;
        for (int64_t j = i; j <= end; j++)
            for (int k = 0; k < plan->steps[j].n_uses; k++) {
                fac__storage_facts *f = &plan->facts[plan->steps[j].uses[k].held];
                if (f->first > i) f->first = i;
                if (f->last < end) f->last = end;
            }
    }
}

/* Kernels that gain by it decide now what their arguments mean. Without memory for it they do without. */
static void make_ready(fac_plan *plan)
{
    for (int64_t i = 0; i < plan->count; i++) {
        fac__planned *step = &plan->steps[i];
        size_t size = step->kernel->ready ? step->kernel->ready(step->args, NULL) : 0;
        step->ready = size ? fac__alloc(size) : NULL;
        if (!step->ready || step->kernel->ready(step->args, step->ready)) continue;
        fac__free(step->ready);
        step->ready = NULL;
    }
}

bool fac__plan_make(fac_plan *plan)
{
    plan->launched = plan->count;
    plan->facts = fac__calloc((size_t)(plan->memory.count + 1) * sizeof *plan->facts);
    if (!plan->facts) return false;
    find_kept(plan);
    drop_constants(plan);
    drop_duplicates(plan);
    if (!drop_unused(plan)) return false;
    close_gaps(plan);
    fac__plan_lives(plan);
    if (!fac__plan_fuse(plan) || !fac__plan_epilogues(plan)) return false;
    close_gaps(plan);
    fac__plan_lives(plan);
    fac__plan_group(plan);
    fac__plan_lives(plan);
    stretch_lives(plan);
    if (!fac__plan_share(plan)) return false;
    make_ready(plan);
    return true;
}
