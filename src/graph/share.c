/* Floor 2. Temporaries share memory: each gets a place that is free from the first step that uses it to the last. The
 * largest choose first, each the lowest place where it overlaps none that lives at the same time (greedy by size, as in
 * Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020). */
#include <stdlib.h>

#include "core/memory.h"
#include "core/tensor_impl.h"
#include "plan.h"

enum { ALIGN = 64 };

typedef struct temporary {
    int64_t held, bytes;
} temporary;

static int larger_first(const void *a, const void *b)
{
    const temporary *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->held < y->held ? -1 : x->held > y->held;
}

static bool together(const fac__storage_facts *a, const fac__storage_facts *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest place where t fits among the first n, which have theirs. */
static int64_t choose(const fac_plan *plan, const temporary *all, int64_t n, const temporary *t)
{
    int64_t place = 0;
    for (int64_t i = 0; i < n;) {
        const fac__storage_facts *f = &plan->facts[all[i].held];
        bool clash = together(f, &plan->facts[t->held]) && place < f->place + all[i].bytes &&
                     f->place < place + t->bytes;
        if (clash) place = f->place + all[i].bytes;
        i = clash ? 0 : i + 1;
    }
    return place;
}

bool fac__plan_share(fac_plan *plan)
{
    temporary *all = fac__alloc((size_t)(plan->memory.count + 1) * sizeof *all);
    if (!all) return false;
    int64_t n = 0, end = 0, own = 0;
    for (int64_t h = 0; h < plan->memory.count; h++) {
        const fac__storage_facts *f = &plan->facts[h];
        if (f->kept || f->fixed || f->first > f->last) continue;
        int64_t bytes = ((int64_t)plan->memory.held[h].storage->nbytes + ALIGN - 1) / ALIGN * ALIGN;
        all[n++] = (temporary){h, bytes ? bytes : ALIGN};
        own += all[n - 1].bytes;
    }
    qsort(all, (size_t)n, sizeof *all, larger_first);
    for (int64_t i = 0; i < n; i++) {
        int64_t place = choose(plan, all, i, &all[i]);
        plan->facts[all[i].held].place = place;
        if (end < place + all[i].bytes) end = place + all[i].bytes;
    }
    plan->own_bytes = (size_t)own;
    plan->shared_bytes = (size_t)end;
    plan->shared = end ? fac__alloc((size_t)end) : NULL;
    bool ok = plan->shared || !end;
    for (int64_t i = 0; i < plan->count && ok; i++)
        for (int k = 0; k < plan->steps[i].n_uses; k++)
            fac__use_point(plan, &plan->steps[i], &plan->steps[i].uses[k]);
    /* Their own memory goes back, and so does that of what is not used at all. */
    for (int64_t h = 0; h < plan->memory.count && ok; h++) {
        const fac__storage_facts *f = &plan->facts[h];
        if (f->place < 0 && (f->kept || f->fixed)) continue;
        fac__storage_release(plan->memory.held[h].storage);
        plan->memory.held[h].storage = NULL;
    }
    fac__free(all);
    return ok;
}
