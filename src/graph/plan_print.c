/* Floor 2. Showing a plan. */
#include <stdio.h>
#include <string.h>

#include "backend/pointwise.h"
#include "plan.h"

static const char *size_text(double bytes, char text[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    int u = 0;
    for (; bytes >= 1024 && u < 3; u++)
        bytes /= 1024;
    snprintf(text, 32, u ? "%.1f %s" : "%.0f %s", bytes, units[u]);
    return text;
}

/* "add mul relu [4, 5]" */
static void print_program(const fac__pointwise_args *a)
{
    printf(a->program.n_code ? "" : a->program.n_in ? " copy" : " fill");
    for (int i = 0; i < a->program.n_code; i++)
        printf(" %s", a->program.code[i].row->name);
    printf(" %s", fac__shape_text(a->ndim, a->shape));
}

/* " t3 w5 -> t7": t temporaries, w what lasts, c constants, by their number in the plan */
static void print_memory(const fac_plan *plan, const fac__planned *step, fac__access how)
{
    for (int k = 0; k < step->n_uses; k++) {
        const fac__use *use = &step->uses[k];
        const fac__storage_facts *f = &plan->facts[use->held];
        if (use->how & how) printf(" %c%d", f->kept ? 'w' : f->fixed ? 'c' : 't', (int)use->held);
    }
}

void fac_plan_print(const fac_plan *plan)
{
    if (!plan) {
        printf("(no plan)\n");
        return;
    }
    fac_plan_stats n = fac_plan_numbers(plan);
    char shared[32], own[32];
    int64_t timed = plan->replays < FAC__TIMED_REPLAYS ? plan->replays : FAC__TIMED_REPLAYS, total = 0;
    for (int64_t i = 0; i < plan->count; i++)
        total += plan->steps[i].ns;
    printf("plan of %s:%d: %lld kernels launched, %lld left out, %lld fused into others, %lld run; temporaries take %s "
           "instead of %s\n",
           plan->file, plan->line, (long long)n.launches, (long long)n.left_out, (long long)n.fused, (long long)n.steps,
           size_text((double)n.shared_bytes, shared), size_text((double)n.bytes, own));
    printf("      us     %%  kernel\n");
    int64_t more = 0; /* steps of the group that goes on */
    for (int64_t i = 0; i < plan->count; i++) {
        const fac__planned *step = &plan->steps[i];
        if (more && more--)
            printf("    with the former  %s", step->kernel->name);
        else if (timed)
            printf("%8.2f %5.1f  %s", (double)step->ns / 1e3 / (double)timed,
                   total ? 100.0 * (double)step->ns / (double)total : 0, step->kernel->name);
        else
            printf("       -     -  %s", step->kernel->name);
        if (step->kernel == &fac__k_pointwise) print_program(step->args);
        printf(" :");
        print_memory(plan, step, FAC__READ);
        printf(" ->");
        print_memory(plan, step, FAC__WRITE);
        if (step->group)
            printf("  (%lld steps, %lld of %lld rows at a time)", (long long)step->group + 1, (long long)step->chunk,
                   (long long)step->units);
        printf("\n");
        more = step->group ? step->group : more;
    }
    if (timed)
        printf("%8.2f 100.0  in all, the mean of %lld replays that were timed step by step\n",
               (double)total / 1e3 / (double)timed, (long long)timed);
}

fac_plan_stats fac_plan_numbers(const fac_plan *plan)
{
    fac_plan_stats n = {0};
    if (!plan) return n;
    n.launches = plan->launched;
    n.left_out = plan->left_out;
    n.fused = plan->fused;
    n.steps = plan->count;
    n.shared_bytes = (int64_t)plan->shared_bytes;
    n.bytes = (int64_t)plan->own_bytes;
    n.replays = plan->replays;
    return n;
}
