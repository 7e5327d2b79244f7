/* Floor 2. Steps that follow one another and all work image by image (row by row) need not wait for each other's last image: a
 * thread takes a few images through all of them. What one step writes is still in the thread's cache when the next reads it,
 * and threads meet once for the group and not after each step.
 *
 * A group's work falls into units: so many rows of each of its steps. Whatever memory one of its steps writes is used by all of
 * them in the same blocks, one for each unit; so a unit needs nothing of another. */
#include <string.h>

#include "core/memory.h"
#include "core/tensor_impl.h"
#include "plan.h"

enum {
    MOST_ARGS = 4096,    /* bytes of a step's arguments that are copied to the stack */
    WORTH = 64 * 1024,   /* bytes that a group touches; less is not worth a second thread */
    CACHE = 512 * 1024,  /* bytes that a chunk should touch at most */
    SHARED = 256 * 1024, /* of what all rows share */
    LEAST_UNITS = 8,     /* of a group */
    CHUNKS = 8,          /* at least, if there are so many units */
    AHEAD = 6            /* how far to look for a step that may join */
};

/* Bytes of the block of one row that a pointer points to; 0: all rows share what it points to. */
static int64_t row_bytes(const fac__planned *step, const fac__use *use)
{
    char args[MOST_ARGS] __attribute__((aligned(64)));
    const char *before, *after;
    memcpy(args, step->args, step->size);
    memcpy(&before, args + use->field, sizeof before);
    step->kernel->slice(args, 1, 2);
    memcpy(&after, args + use->field, sizeof after);
    return after - before;
}

static int64_t rows_of(const fac__planned *step)
{
    bool whole = step->dropped || step->refresh || step->kernel->check || step->kernel->effects ||
                 !step->kernel->rows || step->size > MOST_ARGS;
    return whole ? 0 : step->kernel->rows(step->args);
}

/* Does each unit read a large block that all rows share? A convolution of few pixels by many channels takes its time to fetch its
 * weight, which is best done once for all images. */
static bool shares_much(const fac_plan *plan, const fac__planned *step)
{
    for (int k = 0; k < step->n_uses; k++) {
        const fac__use *use = &step->uses[k];
        if ((int64_t)plan->memory.held[use->held].storage->nbytes > SHARED && !row_bytes(step, use)) return true;
    }
    return false;
}

static int64_t common(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Do both use the storage in the same blocks, or only read it? Then they do so in each unit too. */
static bool agree(const fac__planned *s, const fac__use *u, const fac__planned *t, const fac__use *v)
{
    if (u->held != v->held || (u->how | v->how) == FAC__READ) return true;
    int64_t bytes = row_bytes(s, u) * rows_of(s);
    return u->at == v->at && bytes == row_bytes(t, v) * rows_of(t) && bytes > 0;
}

/* May the two run unit by unit? */
static bool together(const fac__planned *s, const fac__planned *t)
{
    for (int a = 0; a < s->n_uses; a++)
        for (int b = 0; b < t->n_uses; b++)
            if (!agree(s, &s->uses[a], t, &t->uses[b])) return false;
    return true;
}

static int64_t bytes_of_unit(const fac_plan *plan, int64_t first, int64_t last, int64_t units)
{
    int64_t bytes = 0;
    for (int64_t i = first; i <= last; i++)
        for (int k = 0; k < plan->steps[i].n_uses; k++)
            bytes += row_bytes(&plan->steps[i], &plan->steps[i].uses[k]) * (rows_of(&plan->steps[i]) / units);
    return bytes;
}

static void make_group(fac_plan *plan, int64_t first, int64_t last, int64_t units)
{
    if (last == first) return;
    int64_t bytes = bytes_of_unit(plan, first, last, units);
    if (bytes * units < WORTH) return;
    int64_t chunk = CACHE / (bytes + 1), most = units / CHUNKS;
    if (chunk > most) chunk = most;
    plan->steps[first].group = last - first;
    plan->steps[first].units = units;
    plan->steps[first].chunk = chunk < 1 ? 1 : chunk;
}

/* The next step that may join the group first..last, moved to right behind it past others that do not need to come before it; 0
 * if there is none near. The return value is the units that the group then has. */
static int64_t join(fac_plan *plan, int64_t first, int64_t last, int64_t units)
{
    for (int64_t next = last + 1; next < plan->count && next <= last + AHEAD; next++) {
        int64_t rows = rows_of(&plan->steps[next]), fewer = rows ? common(units, rows) : 0;
        bool joins = fewer >= LEAST_UNITS && together(&plan->steps[next], &plan->steps[next]) &&
                     !shares_much(plan, &plan->steps[next]);
        for (int64_t i = first; i < next && joins; i++)
            joins = i <= last ? together(&plan->steps[i], &plan->steps[next])
                              : fac__independent(&plan->steps[i], &plan->steps[next]);
        if (!joins) continue;
        fac__planned step = plan->steps[next];
        memmove(plan->steps + last + 2, plan->steps + last + 1, (size_t)(next - last - 1) * sizeof step);
        plan->steps[last + 1] = step;
        return fewer;
    }
    return 0;
}

void fac__plan_group(fac_plan *plan)
{
    for (int64_t first = 0; first < plan->count;) {
        const fac__planned *step = &plan->steps[first];
        int64_t last = first, units = rows_of(step);
        if (units && (!together(step, step) || shares_much(plan, step))) units = 0;
        for (int64_t fewer; units >= LEAST_UNITS && (fewer = join(plan, first, last, units)); last++)
            units = fewer;
        make_group(plan, first, last, units);
        first = last + 1;
    }
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static void run_units(void *context, int64_t begin, int64_t end)
{
    const fac__planned *first = context;
    char args[MOST_ARGS] __attribute__((aligned(64)));
    fac__alone before = fac__alone_begin();
    for (const fac__planned *step = first; step <= first + first->group; step++) {
        int64_t rows = step->kernel->rows(step->args) / first->units;
        memcpy(args, step->args, step->size);
        step->kernel->slice(args, begin * rows, end * rows);
        step->kernel->run[FAC__CPU](args);
    }
    fac__alone_end(before);
}

void fac__group_run(const fac__planned *steps)
{
    fac__parallel(steps->units, steps->chunk, run_units, (void *)steps);
}
