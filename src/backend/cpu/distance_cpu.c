/* Floor 1. Distances between rows on the CPU: rows of the first matrix are shared out. */
#include "backend/cpu/distance_rows.h"

static void run(void *context, int64_t begin, int64_t end)
{
    const fac__cdist_args *a = context;
    const fac__distance_rows *rows = &FAC__ISA_PICK(fac__distance_rows);
    int wide = a->dtype == FAC_FLOAT64;
    (a->g ? rows->backward : rows->forward)[wide](a, begin, end);
}

static void cdist(const void *args)
{
    const fac__cdist_args *a = args;
    int64_t work = a->columns * (a->n + 4) * (a->p == 0 || a->p == 1 || a->p == 2 ? 1 : 16);
    fac__parallel(a->batch * a->rows, 1 + 100000 / (work + 1), run, (void *)a);
}

static void cdist_memory(void *args, fac__memory *m)
{
    fac__cdist_args *a = args;
    FAC__READS(m, a->x1);
    FAC__READS(m, a->x2);
    if (a->g) {
        FAC__READS(m, a->g);
        FAC__READS(m, a->y);
        FAC__WRITES(m, a->gx);
    } else {
        FAC__WRITES(m, a->y);
    }
}

const fac__kernel fac__k_cdist = {.name = "cdist", .run = {cdist}, .memory = cdist_memory};
