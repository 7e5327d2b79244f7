/* Floor 2. Element-wise work that a product does by itself on each piece of its result, while that is in registers: relu. */
#include "backend/gemm.h"
#include "backend/pointwise.h"
#include "plan.h"

/* Is the step relu of all that the product writes, and nothing else? */
static bool is_relu_of(const fac__planned *step, const fac__gemm_args *g)
{
    if (step->kernel != &fac__k_pointwise || step->dropped || step->refresh) return false;
    const fac__pointwise_args *a = step->args;
    const fac__program *p = &a->program;
    if (p->n_code != 1 || p->n_in != 1 || p->n_out != 1 || p->code[0].row != FAC__ROW_relu || p->out[0] != 1)
        return false;
    return a->compute == g->dtype && a->in[0].dtype == g->dtype && a->out[0].dtype == g->dtype &&
           fac__pointwise_numel(a) == g->m * g->n && a->in[0].data == (const char *)g->c &&
           fac__pointwise_layout(a, &a->in[0]) == 1 && fac__pointwise_layout(a, &a->out[0]) == 1;
}

/* The product's result is a temporary that only step b reads. */
static bool read_only_by(const fac_plan *plan, int32_t held, int64_t b)
{
    if (plan->facts[held].kept) return false;
    for (int64_t i = 0; i < plan->count; i++)
        if (i != b && !plan->steps[i].dropped && (fac__use_of(&plan->steps[i], held) & FAC__READ)) return false;
    return true;
}

/* May the product be computed where b is, into what b writes? */
static bool may_move(const fac_plan *plan, int64_t a, int64_t b)
{
    const fac__planned *product = &plan->steps[a], *relu = &plan->steps[b];
    for (int k = 0; k < relu->n_uses; k++)
        if ((relu->uses[k].how & FAC__WRITE) && (fac__use_of(product, relu->uses[k].held) & FAC__READ)) return false;
    for (int64_t i = a + 1; i < b; i++)
        if (!plan->steps[i].dropped && !fac__independent(product, &plan->steps[i])) return false;
    return true;
}

/* The product of step a does b's work too, in b's place. */
static bool take_over(fac_plan *plan, int64_t a, int64_t b)
{
    fac__planned *product = &plan->steps[a], *relu = &plan->steps[b];
    fac__gemm_args *g = product->args;
    g->c = ((fac__pointwise_args *)relu->args)->out[0].data;
    g->epilogue.activation = FAC__GEMM_RELU;
    if (!fac__planned_find_uses(plan, product)) return false;
    fac__planned swapped = *relu;
    *relu = *product;
    *product = swapped;
    product->dropped = true;
    plan->fused++;
    return true;
}

bool fac__plan_epilogues(fac_plan *plan)
{
    for (int64_t a = 0; a < plan->count; a++) {
        const fac__planned *step = &plan->steps[a];
        const fac__gemm_args *g = step->args;
        if (step->dropped || step->kernel != &fac__k_gemm || g->epilogue.activation != FAC__GEMM_LINEAR) continue;
        bool row = g->batch == 1 && g->c_col == 1 && g->c_row == g->n && fac_dtype_is_floating(g->dtype);
        for (int k = 0; k < step->n_uses && row; k++) {
            if (step->uses[k].how != FAC__WRITE) continue;
            for (int64_t b = a + 1; b < plan->count; b++) {
                if (!(fac__use_of(&plan->steps[b], step->uses[k].held) & FAC__READ) || plan->steps[b].dropped) continue;
                if (is_relu_of(&plan->steps[b], g) && read_only_by(plan, step->uses[k].held, b) &&
                    may_move(plan, a, b) && !take_over(plan, a, b))
                    return false;
                break;
            }
            break;
        }
    }
    return true;
}
