/* Floor 2. Beginning and ending a capture, and running what came of it. */
#include <string.h>
#include <time.h>

#include "core/memory.h"
#include "plan.h"

/* ---- capturing ------------------------------------------------------------------------------------------------ */

void fac_plan_free(fac_plan *plan)
{
    if (!plan) return;
    for (int64_t i = 0; i < plan->count; i++)
        fac__planned_free(&plan->steps[i]);
    for (int64_t i = 0; i < plan->n_leaves; i++) {
        fac_release(plan->leaves[i].before);
        fac_release(plan->leaves[i].after);
        fac_release(plan->leaves[i].t);
    }
    fac__recording_drop(&plan->memory);
    fac__free(plan->steps);
    fac__free(plan->leaves);
    fac__free(plan->facts);
    fac__free(plan->shared);
    fac__free(plan);
}

fac__capture_mark fac__capture_enter(fac_plan **plan, const char *file, int line)
{
    fac__capture_mark mark = {.plan = plan};
    if (plan && *plan) {
        fac_replay(*plan);
        return mark;
    }
    mark.go = mark.began = 1;
    mark.scope = fac__scope_enter();
    if (!plan) {
        fac__null_error("plan");
    } else if (fac__self()->recording) {
        fac__recording_refuse("capture another one");
    } else if ((mark.recorded = fac__calloc(sizeof *mark.recorded))) {
        mark.recorded->file = file;
        mark.recorded->line = line;
        fac__recording_begin(&mark.recorded->memory);
    }
    return mark;
}

/* The gradients as the step left them. */
static void note_gradients(fac_plan *plan)
{
    for (int64_t i = 0; i < plan->n_leaves; i++)
        plan->leaves[i].after = fac__retain(plan->leaves[i].t->grad);
}

void fac__capture_leave(fac__capture_mark *mark)
{
    if (!mark->began) return;
    fac_plan *plan = mark->recorded;
    fac__scope_leave(&mark->scope);
    if (!plan) return;
    fac__recording_end(&plan->memory);
    bool whole = mark->whole && !plan->memory.failed && !fac_get_error_code();
    note_gradients(plan);
    if (whole && fac__plan_make(plan))
        *mark->plan = plan;
    else
        fac_plan_free(plan);
}

/* ---- replaying ------------------------------------------------------------------------------------------------ */

static bool find_gradients(const fac_plan *plan)
{
    for (int64_t i = 0; i < plan->n_leaves; i++)
        if (plan->leaves[i].before && plan->leaves[i].t->grad != plan->leaves[i].before)
            return fac__runtime_error("a .grad that the captured step adds to or reads is another tensor now: set "
                                      "gradients to zero in the step, or capture it again"),
                   false;
    return true;
}

static void leave_gradients(const fac_plan *plan)
{
    for (int64_t i = 0; i < plan->n_leaves; i++) {
        const fac__leaf *leaf = &plan->leaves[i];
        if (leaf->t->grad == leaf->after) continue;
        fac__retain(leaf->after);
        fac_release(leaf->t->grad);
        leaf->t->grad = leaf->after;
    }
}

static bool run(fac__planned *step)
{
    if (step->refresh && !step->refresh(step->context, step->args)) return false;
    if (step->kernel->check) return step->kernel->check(step->args);
    if (step->ready)
        step->kernel->run_ready(step->args, step->ready);
    else
        step->kernel->run[FAC__CPU](step->args);
    return true;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The first ones are timed, step by step, for fac_plan_print. */
static bool run_all(fac_plan *plan, bool timed)
{
    int64_t before = timed ? now_ns() : 0;
    for (int64_t i = 0; i < plan->count; i++) {
        fac__planned *step = &plan->steps[i];
        if (step->group)
            fac__group_run(step);
        else if (!run(step))
            return false;
        if (timed) {
            int64_t after = now_ns();
            step->ns += after - before;
            before = after;
        }
        i += step->group;
    }
    return true;
}

bool fac_replay(fac_plan *plan)
{
    FAC__OP("replay");
    FAC__NEED_OR(plan, false);
    if (plan->running) return fac__runtime_error("a plan cannot be replayed by itself"), false;
    if (fac__recording_now()) return fac__recording_refuse("replay a plan"), false;
    if (!find_gradients(plan)) return false;
    fac__settle_threads();
    plan->running = true;
    bool ok = run_all(plan, plan->replays < FAC__TIMED_REPLAYS);
    plan->running = false;
    if (!ok) return false;
    plan->replays++;
    for (int64_t h = 0; h < plan->memory.count; h++)
        if (plan->facts[h].kept && plan->facts[h].written) plan->memory.held[h].storage->version++;
    leave_gradients(plan);
    return true;
}
