/* Floor 1. Losses of class indices on the CPU. Sums over samples are made in double by one thread, so they do not depend
 * on the number of threads. */
#include <math.h>
#include <string.h>

#include "backend/cpu/isa/isa.h"
#include "backend/cpu/loss_rows.h"

FAC__ISA_DECLARE(void, fac__cross_entropy_float, FAC__CROSS_ENTROPY_PARAMETERS);
FAC__ISA_DECLARE(void, fac__cross_entropy_double, FAC__CROSS_ENTROPY_PARAMETERS);
FAC__ISA_DECLARE(void, fac__cross_entropy_backward_float, FAC__CROSS_ENTROPY_PARAMETERS);
FAC__ISA_DECLARE(void, fac__cross_entropy_backward_double, FAC__CROSS_ENTROPY_PARAMETERS);

static double at(const fac__nll_args *a, const void *p, int64_t i)
{
    return fac__load_double(a->dtype, (const char *)p + i * (int64_t)fac_dtype_size(a->dtype));
}

static void put(const fac__nll_args *a, void *p, int64_t i, double v)
{
    fac__store_double(a->dtype, (char *)p + i * (int64_t)fac_dtype_size(a->dtype), v);
}

static double weight_of(const fac__nll_args *a, int64_t t)
{
    if (t == a->ignore_index) return 0;
    if (t < 0 || t >= a->classes) return NAN;
    return a->weight ? at(a, a->weight, t) : 1;
}

/* The result and the sum of weights. */
static void reduce(const fac__nll_args *a, double sum, double total)
{
    put(a, a->total, 0, total);
    put(a, a->y, 0, a->reduction == FAC__LOSS_MEAN ? sum / total : sum);
}

/* ---- nll ---------------------------------------------------------------------------------------------------- */

static void nll(const void *args)
{
    const fac__nll_args *a = args;
    double sum = 0, total = 0;
    for (int64_t n = 0, o = 0; n < a->n; n++)
        for (int64_t i = 0; i < a->inner; i++, o++) {
            int64_t t = a->target[o];
            double w = weight_of(a, t);
            double y = w == 0 ? 0 : isnan(w) ? w : -w * at(a, a->x, (n * a->classes + t) * a->inner + i);
            if (a->reduction == FAC__LOSS_NONE) put(a, a->y, o, y);
            sum += y;
            total += w;
        }
    if (a->reduction != FAC__LOSS_NONE) reduce(a, sum, total);
}

static void nll_backward(const void *args)
{
    const fac__nll_args *a = args;
    memset(a->dx, 0, (size_t)(a->n * a->classes * a->inner) * fac_dtype_size(a->dtype));
    double total = a->reduction == FAC__LOSS_MEAN ? at(a, a->total, 0) : 1;
    for (int64_t n = 0, o = 0; n < a->n; n++)
        for (int64_t i = 0; i < a->inner; i++, o++) {
            int64_t t = a->target[o];
            double w = weight_of(a, t);
            if (w == 0 || t < 0 || t >= a->classes) continue;
            double g = at(a, a->g, a->reduction == FAC__LOSS_NONE ? o : 0) / total;
            if (a->dtype == FAC_FLOAT32) g = (float)g; /* rounded where PyTorch rounds */
            put(a, a->dx, (n * a->classes + t) * a->inner + i, -w * g);
        }
}

static void results_memory(void *args, fac__memory *m)
{
    fac__nll_args *l = args;
    FAC__READS(m, l->x);
    FAC__READS(m, l->weight);
    FAC__READS(m, l->target);
    FAC__WRITES(m, l->y);
    if (l->reduction != FAC__LOSS_NONE) FAC__WRITES(m, l->total);
}

static void gradient_memory(void *args, fac__memory *m)
{
    fac__nll_args *l = args;
    FAC__READS(m, l->weight);
    FAC__READS(m, l->target);
    FAC__READS(m, l->g);
    if (l->reduction == FAC__LOSS_MEAN) FAC__READS(m, l->total);
    FAC__WRITES(m, l->dx);
}

const fac__kernel fac__k_nll = {.name = "nll", .run = {nll}, .memory = results_memory};
const fac__kernel fac__k_nll_backward = {.name = "nll_backward", .run = {nll_backward}, .memory = gradient_memory};

/* ---- cross entropy ------------------------------------------------------------------------------------------ */

static void forward_rows(void *context, int64_t begin, int64_t end)
{
    const fac__cross_entropy_args *a = context;
    if (a->nll.dtype == FAC_FLOAT32)
        FAC__ISA_PICK(fac__cross_entropy_float)(a, begin, end);
    else
        FAC__ISA_PICK(fac__cross_entropy_double)(a, begin, end);
}

static void backward_rows(void *context, int64_t begin, int64_t end)
{
    const fac__cross_entropy_args *a = context;
    if (a->nll.dtype == FAC_FLOAT32)
        FAC__ISA_PICK(fac__cross_entropy_backward_float)(a, begin, end);
    else
        FAC__ISA_PICK(fac__cross_entropy_backward_double)(a, begin, end);
}

static int64_t grain(const fac__cross_entropy_args *a)
{
    return 1 + (1 << 15) / (a->nll.classes + 1);
}

static void cross_entropy(const void *args)
{
    const fac__cross_entropy_args *a = args;
    const fac__nll_args *l = &a->nll;
    fac__parallel(l->n, grain(a), forward_rows, (void *)a);
    size_t size = fac_dtype_size(l->dtype);
    const char *losses = (const char *)a->rows + 2 * (size_t)l->n * size;
    if (l->reduction == FAC__LOSS_NONE) {
        memcpy(l->y, losses, (size_t)l->n * size);
        return;
    }
    double sum = 0, total = 0;
    for (int64_t i = 0; i < l->n; i++) {
        sum += at(l, losses, i);
        total += weight_of(l, l->target[i]);
    }
    reduce(l, sum, total);
}

static void cross_entropy_backward(const void *args)
{
    const fac__cross_entropy_args *a = args;
    fac__parallel(a->nll.n, grain(a), backward_rows, (void *)a);
}

static void rows_memory(void *args, fac__memory *m)
{
    fac__cross_entropy_args *a = args;
    results_memory(&a->nll, m);
    FAC__WRITES(m, a->rows);
}

static void rows_gradient_memory(void *args, fac__memory *m)
{
    fac__cross_entropy_args *a = args;
    FAC__READS(m, a->nll.x);
    FAC__READS(m, a->rows);
    gradient_memory(&a->nll, m);
}

const fac__kernel fac__k_cross_entropy = {.name = "cross_entropy", .run = {cross_entropy}, .memory = rows_memory};
const fac__kernel fac__k_cross_entropy_backward = {
    .name = "cross_entropy_backward", .run = {cross_entropy_backward}, .memory = rows_gradient_memory};
