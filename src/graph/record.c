/* Floor 2. Writing down what a step launches. Recording goes on while the step runs; errors make the plan fail, never the
 * step. */
#include <string.h>

#include "backend/pointwise.h"
#include "core/memory.h"
#include "plan.h"

static fac_plan *current(void)
{
    return (fac_plan *)(void *)fac__self()->recording;
}

/* ---- which memory a step uses --------------------------------------------------------------------------------- */

typedef struct finder {
    fac__memory memory;
    fac_plan *plan;
    fac__planned *step;
    fac__use *uses; /* NULL: only count */
    int count;
    bool lost; /* a pointer to no storage that is known */
} finder;

static int64_t held_at(const fac_plan *plan, const char *p)
{
    for (int64_t i = plan->memory.count - 1; i >= 0; i--) {
        const fac__storage *s = plan->memory.held[i].storage;
        if (s && p >= s->data && p <= s->data + s->nbytes) return i;
    }
    return -1;
}

static void found(fac__memory *m, void *pointer, fac__access how)
{
    finder *f = (finder *)(void *)m;
    if (f->uses) {
        char *p;
        memcpy(&p, pointer, sizeof p);
        int64_t held = held_at(f->plan, p);
        f->lost |= held < 0;
        f->uses[f->count] = (fac__use){(int32_t)((char *)pointer - (char *)f->step->args), (int32_t)held,
                                       held < 0 ? 0 : p - f->plan->memory.held[held].storage->data, how};
    }
    f->count++;
}

bool fac__planned_find_uses(fac_plan *plan, fac__planned *step)
{
    fac__free(step->uses);
    step->uses = NULL;
    step->n_uses = 0;
    if (!step->kernel->memory) return true;
    finder f = {.memory = {found}, .plan = plan, .step = step};
    step->kernel->memory(step->args, &f.memory);
    if (!f.count) return true;
    f.uses = step->uses = fac__alloc((size_t)f.count * sizeof *f.uses);
    if (!f.uses) return false;
    f.count = 0;
    step->kernel->memory(step->args, &f.memory);
    step->n_uses = f.count;
    if (f.lost) fac__recording_refuse("work on memory that belongs to no tensor");
    return !f.lost;
}

void fac__planned_free(fac__planned *step)
{
    fac__free(step->args);
    fac__free(step->uses);
    fac__free(step->context);
    fac__free(step->ready);
}

/* ---- steps ---------------------------------------------------------------------------------------------------- */

static fac__planned *append(fac_plan *plan, int64_t at)
{
    if (!FAC__GROW(plan->steps, plan->count)) return NULL;
    memmove(plan->steps + at + 1, plan->steps + at, (size_t)(plan->count - at) * sizeof *plan->steps);
    plan->count++;
    plan->steps[at] = (fac__planned){.args = NULL};
    return &plan->steps[at];
}

/* Arguments hold stale bytes where they are not used; without these, equal steps have equal arguments. */
static void copy_args(void *to, const fac__kernel *kernel, const void *from, size_t size)
{
    if (kernel != &fac__k_pointwise) {
        memcpy(to, from, size);
        return;
    }
    fac__pointwise_args *a = memset(to, 0, size);
    const fac__pointwise_args *b = from;
    a->program.n_in = b->program.n_in;
    a->program.n_const = b->program.n_const;
    a->program.n_code = b->program.n_code;
    a->program.n_out = b->program.n_out;
    memcpy(a->program.out, b->program.out, b->program.n_out);
    for (int i = 0; i < b->program.n_code; i++) {
        a->program.code[i].row = b->program.code[i].row;
        memcpy(a->program.code[i].in, b->program.code[i].in, (size_t)b->program.code[i].row->arity);
    }
    a->compute = b->compute;
    a->ndim = b->ndim;
    size_t dims = (size_t)b->ndim * sizeof *b->shape;
    memcpy(a->shape, b->shape, dims);
    for (int i = 0; i < b->program.n_const; i++)
        a->constants[i] = b->constants[i];
    for (int k = 0; k < b->program.n_in + b->program.n_out; k++) {
        bool input = k < b->program.n_in;
        fac__operand *o = input ? &a->in[k] : &a->out[k - b->program.n_in];
        const fac__operand *p = input ? &b->in[k] : &b->out[k - b->program.n_in];
        o->data = p->data;
        o->dtype = p->dtype;
        memcpy(o->strides, p->strides, dims);
    }
}

/* A step in front of all others, which fills a constant that a kernel is about to change with what it holds now. */
static bool restore(fac_plan *plan, int64_t held)
{
    fac__held *h = &plan->memory.held[held];
    fac_tensor *copy;
    int64_t n = (int64_t)h->storage->nbytes;
    fac__recording_pause();
    copy = fac__new(FAC_UINT8, 1, &n);
    fac__recording_resume();
    fac__planned *step = copy ? append(plan, 0) : NULL;
    fac__pointwise_args *args = step ? fac__calloc(sizeof *args) : NULL;
    if (!args) {
        fac_release(copy);
        return false;
    }
    memcpy(copy->storage->data, h->storage->data, (size_t)n);
    *step = (fac__planned){.kernel = &fac__k_pointwise, .args = args, .size = sizeof *args};
    args->program = (fac__program){.n_in = 1, .n_out = 1};
    args->compute = FAC_INT64;
    args->ndim = 1;
    args->shape[0] = n;
    args->in[0] = (fac__operand){.data = fac__data(copy), .dtype = FAC_UINT8, .strides = {1}};
    args->out[0] = (fac__operand){.data = h->storage->data, .dtype = FAC_UINT8, .strides = {1}};
    plan->memory.held[held].constant = false;
    bool ok = fac__planned_find_uses(plan, step);
    fac_release(copy);
    return ok;
}

static bool record(fac_plan *plan, const fac__kernel *kernel, const void *args, size_t size, fac__refresh refresh,
                   const void *context, size_t context_size)
{
    fac__planned *step = append(plan, plan->count);
    if (!step) return false;
    step->kernel = kernel;
    step->size = size;
    step->refresh = refresh;
    step->outside = fac__self()->tracer != NULL;
    step->op = fac__self()->op;
    step->args = fac__alloc(size);
    step->context = context_size ? fac__alloc(context_size) : NULL;
    if (!step->args || (context_size && !step->context)) return false;
    copy_args(step->args, kernel, args, size);
    if (context_size) memcpy(step->context, context, context_size);
    if (!fac__planned_find_uses(plan, step)) return false;
    int n_uses = step->n_uses;
    for (int i = 0; i < n_uses; i++) {
        fac__use use = plan->steps[plan->count - 1].uses[i];
        if ((use.how & FAC__WRITE) && plan->memory.held[use.held].constant && !restore(plan, use.held)) return false;
    }
    return true;
}

void fac__record_refreshed(const fac__kernel *kernel, const void *args, size_t size, fac__refresh refresh,
                           const void *context, size_t context_size)
{
    fac_plan *plan = current();
    if (!plan->memory.failed && !record(plan, kernel, args, size, refresh, context, context_size))
        plan->memory.failed = true;
}

void fac__record_launch(const fac__kernel *kernel, const void *args, size_t size)
{
    fac__record_refreshed(kernel, args, size, NULL, NULL, 0);
}

/* ---- gradients -------------------------------------------------------------------------------------------------- */

void fac__record_grad(fac_tensor *t, bool read)
{
    fac_plan *plan = current();
    for (int64_t i = 0; i < plan->n_leaves; i++)
        if (plan->leaves[i].t == t) return;
    if (read && !t->grad) {
        fac__recording_refuse("make the first gradient of a tensor, as a replay would not add to it: set "
                              "gradients to zero in the step, as fac_zero_grad does");
        return;
    }
    if (!FAC__GROW(plan->leaves, plan->n_leaves)) {
        plan->memory.failed = true;
        return;
    }
    plan->leaves[plan->n_leaves++] = (fac__leaf){.t = fac__retain(t), .before = read ? fac__retain(t->grad) : NULL};
}
