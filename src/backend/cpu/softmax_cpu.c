/* Floor 1. Softmax on the CPU: hands rows, or blocks of columns, to the threads. */
#include "backend/cpu/isa/softmax_loops.h"

enum { GRAIN = 1 << 16 }; /* elements worth a thread */

static void rows(void *context, int64_t begin, int64_t end)
{
    FAC__ISA_PICK(fac__softmax)(context, true, begin, end);
}

static void columns(void *context, int64_t begin, int64_t end)
{
    FAC__ISA_PICK(fac__softmax)(context, false, begin, end);
}

static void softmax(const void *args)
{
    fac__softmax_args a = *(const fac__softmax_args *)args;
    if (a.outer == 0 || a.n == 0 || a.inner == 0) return;
    int64_t width = a.inner < FAC__SOFTMAX_COLUMNS ? a.inner : FAC__SOFTMAX_COLUMNS;
    int64_t units = a.outer * ((a.inner + FAC__SOFTMAX_COLUMNS - 1) / FAC__SOFTMAX_COLUMNS);
    fac__range_body body = a.inner == 1 ? rows : columns;
    if (a.outer * a.n * a.inner <= GRAIN)
        body(&a, 0, units);
    else
        fac__parallel(units, 1 + (GRAIN - 1) / (a.n * width), body, &a);
}

static void softmax_memory(void *args, fac__memory *m)
{
    fac__softmax_args *a = args;
    if (a->backward) {
        FAC__READS(m, a->y);
        FAC__READS(m, a->g);
    } else {
        FAC__READS(m, a->x);
    }
    FAC__WRITES(m, a->out);
}

static int64_t outer_rows(const void *args)
{
    return ((const fac__softmax_args *)args)->outer;
}

static void slice_rows(void *args, int64_t begin, int64_t end)
{
    fac__softmax_args *a = args;
    int64_t at = begin * a->n * a->inner * (int64_t)fac_dtype_size(a->dtype);
    a->outer = end - begin;
    if (a->x) a->x = (const char *)a->x + at;
    if (a->y) a->y = (const char *)a->y + at;
    if (a->g) a->g = (const char *)a->g + at;
    a->out = (char *)a->out + at;
}

const fac__kernel fac__k_softmax = {
    .name = "softmax", .run = {softmax}, .memory = softmax_memory, .rows = outer_rows, .slice = slice_rows};
