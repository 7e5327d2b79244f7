/* Floor 1. Checks of values on the CPU. They first ask whether anything is wrong, in loops without branches and shared out
 * among threads, and look for the first bad value only then. */
#include <stdatomic.h>

#include "backend/cpu/check_rows.h"

enum { GRAIN = 1 << 17 }; /* elements worth a thread */

static bool in_a_row(const fac__operand *o, int ndim, const int64_t *shape)
{
    int64_t n = 1;
    for (int d = ndim - 1; d >= 0; n *= shape[d--])
        if (shape[d] != 1 && o->strides[d] != n) return false;
    return true;
}

typedef struct job {
    fac__check_line wrong;
    void *context;
    const char *data;
    int64_t size;
    atomic_bool found;
} job;

static void part(void *context, int64_t begin, int64_t end)
{
    job *j = context;
    if (!atomic_load_explicit(&j->found, memory_order_relaxed) &&
        j->wrong(j->context, j->data + begin * j->size, 1, end - begin))
        atomic_store_explicit(&j->found, true, memory_order_relaxed);
}

/* Whether something is wrong with any line of the operand; in order: row by row, up to the first. */
static bool any(const fac__operand *o, int ndim, const int64_t *shape, fac__check_line wrong, void *context,
                bool in_order)
{
    int64_t coordinate[FAC_MAX_DIMS] = {0}, numel = 1, size = (int64_t)fac_dtype_size(o->dtype);
    for (int d = 0; d < ndim; d++)
        numel *= shape[d];
    if (numel == 0) return false;
    const char *p = o->data;
    if (in_a_row(o, ndim, shape)) {
        if (in_order || numel <= GRAIN) return wrong(context, p, 1, numel);
        job j = {wrong, context, p, size, false};
        fac__parallel(numel, GRAIN, part, &j);
        return atomic_load(&j.found);
    }
    int last = ndim - 1; /* there is a dimension, or all would be in a row */
    for (;;) {
        if (wrong(context, p, o->strides[last], shape[last])) return true;
        int d = last - 1;
        for (; d >= 0; d--) {
            p += o->strides[d] * size;
            if (++coordinate[d] < shape[d]) break;
            p -= o->strides[d] * shape[d] * size;
            coordinate[d] = 0;
        }
        if (d < 0) return false;
    }
}

/* ---- ranges of indices -------------------------------------------------------------------------------------------- */

typedef struct search {
    const fac__index_range_args *a;
    int64_t bad;
} search;

static bool first_out_of_range(void *context, const char *data, int64_t step, int64_t n)
{
    search *s = context;
    const fac__index_range_args *a = s->a;
    const int64_t *p = (const int64_t *)(const void *)data;
    for (int64_t k = 0; k < n; k++) {
        s->bad = p[k * step];
        if ((s->bad < a->low || s->bad >= a->high) && !(a->excepts && s->bad == a->except)) return true;
    }
    return false;
}

static bool index_range(const void *args)
{
    const fac__index_range_args *a = args;
    if (!any(&a->at, a->ndim, a->shape, FAC__ISA_PICK(fac__check_rows).out_of_range, (void *)a, false)) return true;
    search s = {.a = a};
    return !any(&a->at, a->ndim, a->shape, first_out_of_range, &s, true) || a->report(a, s.bad);
}

static void index_range_memory(void *args, fac__memory *m)
{
    fac__index_range_args *a = args;
    FAC__READS(m, a->at.data);
}

const fac__kernel fac__k_index_range = {.name = "index_range", .check = index_range, .memory = index_range_memory};

/* ---- zeros -------------------------------------------------------------------------------------------------------- */

static bool no_zero(const void *args)
{
    const fac__no_zero_args *a = args;
    int width = __builtin_ctzl(fac_dtype_size(a->at.dtype));
    fac__check_line has_zero = FAC__ISA_PICK(fac__check_rows).has_zero[width];
    return !any(&a->at, a->ndim, a->shape, has_zero, NULL, false) || a->report();
}

static void no_zero_memory(void *args, fac__memory *m)
{
    fac__no_zero_args *a = args;
    FAC__READS(m, a->at.data);
}

const fac__kernel fac__k_no_zero = {.name = "no_zero", .check = no_zero, .memory = no_zero_memory};
