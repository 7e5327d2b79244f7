/* Floor 1. Checks of values on the CPU. They first ask whether anything is wrong, in loops without branches and shared out
 * among threads, and look for the first bad value only then. */
#include "backend/check.h"

#include <stdatomic.h>

enum { GRAIN = 1 << 17 }; /* elements worth a thread */

/* Whether something is wrong with n elements, `step` apart. */
typedef bool (*line)(void *context, const char *p, int64_t step, int64_t n);

static bool in_a_row(const fac__operand *o, int ndim, const int64_t *shape)
{
    int64_t n = 1;
    for (int d = ndim - 1; d >= 0; n *= shape[d--])
        if (shape[d] != 1 && o->strides[d] != n) return false;
    return true;
}

typedef struct job {
    line wrong;
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
static bool any(const fac__operand *o, int ndim, const int64_t *shape, line wrong, void *context, bool in_order)
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

static bool out_of_range(void *context, const char *data, int64_t step, int64_t n)
{
    const fac__index_range_args *a = ((search *)context)->a;
    const int64_t *p = (const int64_t *)(const void *)data;
    const uint64_t low = (uint64_t)a->low, most = (uint64_t)a->high - 1, except = (uint64_t)a->except;
    uint64_t signs = 0; /* its highest bit: whether some p - low or most - p is negative */
#define OUT(i) (((uint64_t)p[i] - low) | (most - (uint64_t)p[i]))
#define OTHER(i) (((uint64_t)p[i] ^ except) | (0 - ((uint64_t)p[i] ^ except))) /* it, too: whether p is not except */
    if (a->excepts && step == 1)
        for (int64_t k = 0; k < n; k++)
            signs |= OUT(k) & OTHER(k);
    else if (a->excepts)
        for (int64_t k = 0; k < n; k++)
            signs |= OUT(k * step) & OTHER(k * step);
    else if (step == 1)
        for (int64_t k = 0; k < n; k++)
            signs |= OUT(k);
    else
        for (int64_t k = 0; k < n; k++)
            signs |= OUT(k * step);
    return signs >> 63;
}

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
    search s = {.a = args};
    if (!any(&s.a->at, s.a->ndim, s.a->shape, out_of_range, &s, false)) return true;
    return !any(&s.a->at, s.a->ndim, s.a->shape, first_out_of_range, &s, true) || s.a->report(s.a, s.bad);
}

static void index_range_memory(void *args, fac__memory *m)
{
    fac__index_range_args *a = args;
    FAC__READS(m, a->at.data);
}

const fac__kernel fac__k_index_range = {.name = "index_range", .check = index_range, .memory = index_range_memory};

/* ---- zeros -------------------------------------------------------------------------------------------------------- */

#define HAS_ZERO(T)                                                                                                    \
    static bool has_zero_##T(void *context, const char *data, int64_t step, int64_t n)                                 \
    {                                                                                                                  \
        (void)context;                                                                                                 \
        const T *p = (const T *)(const void *)data;                                                                    \
        T zero = 0;                                                                                                    \
        if (step == 1)                                                                                                 \
            for (int64_t k = 0; k < n; k++)                                                                            \
                zero |= p[k] == 0;                                                                                     \
        else                                                                                                           \
            for (int64_t k = 0; k < n; k++)                                                                            \
                zero |= p[k * step] == 0;                                                                              \
        return zero;                                                                                                   \
    }
HAS_ZERO(uint8_t)
HAS_ZERO(uint16_t)
HAS_ZERO(uint32_t)
HAS_ZERO(uint64_t)

static bool no_zero(const void *args)
{
    const fac__no_zero_args *a = args;
    size_t size = fac_dtype_size(a->at.dtype);
    line has_zero = size == 1   ? has_zero_uint8_t
                    : size == 2 ? has_zero_uint16_t
                    : size == 4 ? has_zero_uint32_t
                                : has_zero_uint64_t;
    return !any(&a->at, a->ndim, a->shape, has_zero, NULL, false) || a->report();
}

static void no_zero_memory(void *args, fac__memory *m)
{
    fac__no_zero_args *a = args;
    FAC__READS(m, a->at.data);
}

const fac__kernel fac__k_no_zero = {.name = "no_zero", .check = no_zero, .memory = no_zero_memory};
