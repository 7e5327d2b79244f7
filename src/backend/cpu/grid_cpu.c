/* Floor 1. Grid sampling on the CPU. Along each axis a place becomes up to four taps: an element, its weight, and how the
 * weight changes with the grid's number. What a place takes is then a product over the axes, in all modes alike. Places go in
 * blocks: their taps are made once and used for all channels.
 *
 * How numbers become places is PyTorch's (aten/src/ATen/native/GridSamplerUtils.h). */
#include <string.h>
#include <tgmath.h>

#include "backend/grid.h"

enum { BLOCK = 32, MOST = 16 }; /* places, taps of all axes together: 4 x 4, or 2 x 2 x 2 */

#define T float
#define NAME(x) x##_float
#include "grid_body.h"
#undef T
#undef NAME
#define T double
#define NAME(x) x##_double
#include "grid_body.h"

static void grid(const void *args)
{
    const fac__grid_args *a = args;
    int64_t blocks = (a->points + BLOCK - 1) / BLOCK;
    fac__parallel(a->n * blocks, 1 + (1 << 10) / (a->c + 8), a->dtype == FAC_FLOAT32 ? forward_float : forward_double,
                  (void *)a);
}

static void grid_backward(const void *args)
{
    const fac__grid_args *a = args;
    fac__parallel(a->n, 1 + (1 << 15) / ((a->c + 8) * a->points + 1),
                  a->dtype == FAC_FLOAT32 ? backward_float : backward_double, (void *)a);
}

static void grid_memory(void *args, fac__memory *m)
{
    fac__grid_args *a = args;
    FAC__READS(m, a->x);
    FAC__READS(m, a->grid);
    FAC__WRITES(m, a->y);
}

static void backward_memory(void *args, fac__memory *m)
{
    fac__grid_args *a = args;
    FAC__READS(m, a->x);
    FAC__READS(m, a->grid);
    FAC__READS(m, a->dy);
    FAC__WRITES(m, a->dx);
    FAC__WRITES(m, a->dgrid);
}

const fac__kernel fac__k_grid = {.name = "grid", .run = {grid}, .memory = grid_memory};
const fac__kernel fac__k_grid_backward = {.name = "grid_backward", .run = {grid_backward}, .memory = backward_memory};
