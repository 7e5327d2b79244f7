/* Floor 2. Merging element-wise steps: where one (the first) writes a tensor that another (the second) reads, and both walk
 * over the same elements in the same type, their programs become one, and the tensor between them stays in registers. It
 * is stored only if somebody else reads it.
 *
 * The result is that of the two to the bit: rows see the same values in the same type, and a tensor of a narrower dtype,
 * which rounds, is never skipped. */
#include <string.h>

#include "backend/pointwise.h"
#include "core/memory.h"
#include "plan.h"

/* Of two steps the merged one, and the places that operands and registers come to. */
typedef struct merger {
    const fac__pointwise_args *a, *b; /* the first and the second */
    fac__pointwise_args merged;
    uint8_t regs_a[FAC__PW_IN + FAC__PW_CONST + FAC__PW_CODE], regs_b[FAC__PW_IN + FAC__PW_CONST + FAC__PW_CODE];
} merger;

static const fac__pointwise_args *program_of(const fac__planned *step)
{
    return step->kernel == &fac__k_pointwise && !step->refresh && !step->dropped ? step->args : NULL;
}

/* ---- the same elements ------------------------------------------------------------------------------------------ */

static bool same_shape(const fac__pointwise_args *a, const fac__pointwise_args *b)
{
    return a->ndim == b->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape);
}

static void set_layout(fac__operand *o, int layout, const fac__pointwise_args *shape)
{
    int64_t stride = layout;
    memset(o->strides, 0, sizeof o->strides);
    for (int d = shape->ndim - 1; d >= 0; d--) {
        o->strides[d] = stride;
        stride *= shape->shape[d];
    }
}

/* Says the same work in the shape of another, if all operands allow it. */
static bool reshape(fac__pointwise_args *a, const fac__pointwise_args *like)
{
    if (same_shape(a, like)) return true;
    if (fac__pointwise_numel(a) != fac__pointwise_numel(like)) return false;
    for (int k = 0; k < a->program.n_in; k++)
        if (fac__pointwise_layout(a, &a->in[k]) < 0) return false;
    for (int k = 0; k < a->program.n_out; k++)
        if (fac__pointwise_layout(a, &a->out[k]) < 0) return false;
    fac__pointwise_args was = *a;
    a->ndim = like->ndim;
    memcpy(a->shape, like->shape, sizeof a->shape);
    for (int k = 0; k < a->program.n_in; k++)
        set_layout(&a->in[k], fac__pointwise_layout(&was, &was.in[k]), a);
    for (int k = 0; k < a->program.n_out; k++)
        set_layout(&a->out[k], fac__pointwise_layout(&was, &was.out[k]), a);
    return true;
}

/* Do both name the same elements? */
static bool same_operand(const fac__operand *o, const fac__operand *p, const fac__pointwise_args *shape)
{
    if (o->data != p->data || o->dtype != p->dtype) return false;
    for (int d = 0; d < shape->ndim; d++)
        if (shape->shape[d] != 1 && o->strides[d] != p->strides[d]) return false;
    return true;
}

/* ---- the program ------------------------------------------------------------------------------------------------ */

static int add_input(fac__pointwise_args *m, const fac__operand *o)
{
    for (int k = 0; k < m->program.n_in; k++)
        if (same_operand(&m->in[k], o, m)) return k;
    if (m->program.n_in == FAC__PW_IN) return -1;
    m->in[m->program.n_in] = *o;
    return m->program.n_in++;
}

static int add_constant(fac__pointwise_args *m, fac_scalar s)
{
    for (int k = 0; k < m->program.n_const; k++)
        if (m->constants[k].kind == s.kind && !memcmp(&m->constants[k].v, &s.v, sizeof s.v)) return k;
    if (m->program.n_const == FAC__PW_CONST) return -1;
    m->constants[m->program.n_const] = s;
    return m->program.n_const++;
}

/* Which output of the first has the elements of this input of the second? */
static int passed(const merger *g, const fac__operand *in)
{
    for (int o = 0; o < g->a->program.n_out; o++)
        if (same_operand(&g->a->out[o], in, g->a)) return o;
    return -1;
}

/* A value that is stored and loaded again is the value in the register. */
static bool survives(const fac__pointwise_args *a, int o)
{
    return a->out[o].dtype == a->compute;
}

static bool add_code(fac__program *m, const fac__program *p, uint8_t *regs)
{
    if (m->n_code + p->n_code > FAC__PW_CODE) return false;
    int first = p->n_in + p->n_const;
    for (int i = 0; i < p->n_code; i++) {
        fac__instr *code = &m->code[m->n_code];
        code->row = p->code[i].row;
        for (int k = 0; k < code->row->arity; k++)
            code->in[k] = regs[p->code[i].in[k]];
        regs[first + i] = (uint8_t)(FAC__REG_CODE | m->n_code++);
    }
    return true;
}

static bool add_registers(merger *g, const fac__pointwise_args *p, uint8_t *regs, bool second)
{
    for (int k = 0; k < p->program.n_in; k++) {
        int from = second ? passed(g, &p->in[k]) : -1, at = from < 0 ? add_input(&g->merged, &p->in[k]) : 0;
        if (at < 0 || (from >= 0 && !survives(g->a, from))) return false;
        regs[k] = from < 0 ? (uint8_t)(FAC__REG_INPUT | at) : g->regs_a[g->a->program.out[from]];
    }
    for (int k = 0; k < p->program.n_const; k++) {
        int at = add_constant(&g->merged, p->constants[k]);
        if (at < 0) return false;
        regs[p->program.n_in + k] = (uint8_t)(FAC__REG_NUMBER | at);
    }
    return add_code(&g->merged.program, &p->program, regs);
}

static bool add_output(fac__pointwise_args *m, const fac__operand *o, uint8_t reg)
{
    if (m->program.n_out == FAC__PW_OUT) return false;
    m->out[m->program.n_out] = *o;
    m->program.out[m->program.n_out++] = reg;
    return true;
}

/* stored[o]: output o of the first is wanted by others, or after the second. */
static bool merge(merger *g, const bool *stored)
{
    fac__pointwise_args *m = &g->merged;
    m->compute = g->a->compute;
    m->ndim = g->a->ndim;
    memcpy(m->shape, g->a->shape, sizeof m->shape);
    if (!add_registers(g, g->a, g->regs_a, false) || !add_registers(g, g->b, g->regs_b, true)) return false;
    for (int o = 0; o < g->a->program.n_out; o++)
        if (stored[o] && !add_output(m, &g->a->out[o], g->regs_a[g->a->program.out[o]])) return false;
    for (int o = 0; o < g->b->program.n_out; o++)
        if (!add_output(m, &g->b->out[o], g->regs_b[g->b->program.out[o]])) return false;
    fac__program *p = &m->program;
    for (int i = 0; i < p->n_code; i++)
        for (int k = 0; k < p->code[i].row->arity; k++)
            p->code[i].in[k] = fac__settle_register(p->code[i].in[k], p);
    for (int o = 0; o < p->n_out; o++)
        p->out[o] = fac__settle_register(p->out[o], p);
    return true;
}

/* ---- the order -------------------------------------------------------------------------------------------------- */

/* Where the merged step may stand: at the second, if the first may be moved past all between; at the first, if the second
 * may be moved before them; -1: nowhere. */
static int64_t meeting_place(const fac_plan *plan, int64_t a, int64_t b)
{
    bool later = true, earlier = true;
    for (int64_t i = a + 1; i < b && (later || earlier); i++) {
        if (plan->steps[i].dropped) continue;
        later = later && fac__independent(&plan->steps[a], &plan->steps[i]);
        earlier = earlier && fac__independent(&plan->steps[b], &plan->steps[i]);
    }
    return later ? b : earlier ? a : -1;
}

/* In one program inputs are read before outputs are written, box by box: an output may share a storage with an input, or
 * another output, only if it is the very same elements. */
static bool apart(const merger *g, const fac__planned *first, const fac__planned *second)
{
    const fac__planned *both[2] = {first, second};
    for (int s = 0; s < 2; s++)
        for (int k = 0; k < both[s]->n_uses; k++) {
            const fac__use *out = &both[s]->uses[k];
            if (!(out->how & FAC__WRITE)) continue;
            for (int t = 0; t < 2; t++)
                for (int j = 0; j < both[t]->n_uses; j++) {
                    const fac__use *other = &both[t]->uses[j];
                    if (other->held != out->held || (s == t && k == j)) continue;
                    const char *args[2] = {(const char *)(s ? g->b : g->a), (const char *)(t ? g->b : g->a)};
                    const fac__operand *o = (const void *)(args[0] + out->field - offsetof(fac__operand, data));
                    const fac__operand *p = (const void *)(args[1] + other->field - offsetof(fac__operand, data));
                    if (!same_operand(o, p, g->a)) return false;
                }
        }
    return true;
}

/* Is output o of step a needed although step b has it in a register? Not if b overwrites it, or nobody else looks. */
static bool is_stored(const fac_plan *plan, int64_t a, int64_t b, const merger *g, int o)
{
    const fac__operand *out = &g->a->out[o];
    for (int k = 0; k < g->b->program.n_out; k++)
        if (same_operand(&g->b->out[k], out, g->a)) return false;
    const fac__planned *step = &plan->steps[a];
    for (int k = 0; k < step->n_uses; k++) {
        const fac__use *use = &step->uses[k];
        if (!(use->how & FAC__WRITE) || plan->memory.held[use->held].storage->data + use->at != out->data) continue;
        if (plan->facts[use->held].kept) return true;
        for (int64_t i = a + 1; i < plan->count; i++)
            if (i != b && !plan->steps[i].dropped && (fac__use_of(&plan->steps[i], use->held) & FAC__READ)) return true;
    }
    return false;
}

/* What b reads that a wrote must come from a's registers: another part of the same storage does not. */
static bool reads_only_passed(const merger *g, const fac__planned *first, const fac__planned *second)
{
    for (int k = 0; k < second->n_uses; k++) {
        const fac__use *use = &second->uses[k];
        if (!(use->how & FAC__READ) || !(fac__use_of(first, use->held) & FAC__WRITE)) continue;
        const fac__operand *in = (const void *)((const char *)g->b + use->field - offsetof(fac__operand, data));
        if (passed(g, in) < 0) return false;
    }
    return true;
}

static bool try_merge(fac_plan *plan, int64_t a, int64_t b, bool *out_of_memory)
{
    fac__planned *first = &plan->steps[a], *second = &plan->steps[b];
    const fac__pointwise_args *pa = program_of(first), *pb = program_of(second);
    if (!pa || !pb || pa->compute != pb->compute || fac__pointwise_numel(pa) != fac__pointwise_numel(pb)) return false;
    int64_t at = meeting_place(plan, a, b);
    if (at < 0) return false;
    fac__pointwise_args reshaped_a = *pa, reshaped_b = *pb;
    if (!reshape(&reshaped_b, pa) && !reshape(&reshaped_a, pb)) return false;
    merger g = {.a = &reshaped_a, .b = &reshaped_b};
    if (!apart(&g, first, second) || !reads_only_passed(&g, first, second)) return false;
    bool stored[FAC__PW_OUT];
    for (int o = 0; o < pa->program.n_out; o++)
        stored[o] = is_stored(plan, a, b, &g, o);
    if (!merge(&g, stored)) return false;
    fac__planned *target = &plan->steps[at], *gone = &plan->steps[at == a ? b : a];
    memcpy(target->args, &g.merged, sizeof g.merged);
    if (!fac__planned_find_uses(plan, target)) return !(*out_of_memory = true);
    gone->dropped = true;
    plan->fused++;
    return true;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

/* The last step before b that writes what its use k reads; -1: none. */
static int64_t writer_of(const fac_plan *plan, int64_t b, int k)
{
    const fac__use *use = &plan->steps[b].uses[k];
    if (!(use->how & FAC__READ) || !plan->facts[use->held].written) return -1;
    for (int64_t i = b - 1; i >= 0; i--)
        if (!plan->steps[i].dropped && (fac__use_of(&plan->steps[i], use->held) & FAC__WRITE)) return i;
    return -1;
}

bool fac__plan_fuse(fac_plan *plan)
{
    bool out_of_memory = false;
    for (int64_t b = 1; b < plan->count; b++) {
        bool again = program_of(&plan->steps[b]) != NULL;
        while (again && !out_of_memory && !plan->steps[b].dropped) {
            again = false;
            for (int k = 0; k < plan->steps[b].n_uses && !again; k++) {
                int64_t a = writer_of(plan, b, k);
                again = a >= 0 && try_merge(plan, a, b, &out_of_memory);
            }
        }
    }
    return !out_of_memory;
}
