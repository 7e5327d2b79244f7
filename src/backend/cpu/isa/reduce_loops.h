/* Floor 1. What reduce_kernels.c gives in each instruction set: the loops that reduce_cpu.c is made of. */
#ifndef FACULA_REDUCE_LOOPS_H
#define FACULA_REDUCE_LOOPS_H

#include "backend/cpu/isa/rows.h"
#include "backend/reduce.h"

enum { FAC__REDUCE_OUTPUTS = 512 }; /* most outputs of one segment */

/* A piece of a reduction: `outputs` results over n elements each, merged into what earlier pieces gave. Elements are of
 * a compute type. By rows, an output's elements lie one after the other and outputs are `stride` apart; by columns,
 * outputs lie one after the other and their elements are `stride` apart. */
typedef struct fac__segment {
    const void *x;
    int64_t stride, outputs, n;
    int64_t before;         /* elements that earlier pieces had; at 0 the results are set */
    void *value;            /* double, or int64_t where that is the compute type; MEAN_VAR: the mean */
    void *extra;            /* MEAN_VAR: sums of squared differences, double; ARGMAX, ARGMIN: positions, int64_t */
    int64_t position, step; /* of the first element, and from one to the next */
    /* Of float sums, see reduce_body.h: how far apart what lies one after the other is; by rows, whether PyTorch would
     * take vectors; by columns, how many it would sum side by side; whether it adds pieces in the compute type. */
    int64_t apart, vectors;
    bool rounded;
} fac__segment;

typedef void (*fac__segment_loop)(const fac__segment *s);

/* The loops of a kind in one instruction set. MAX and MIN find values only; ARGMAX and ARGMIN values and positions. */
typedef struct fac__reduce_loops {
    fac__segment_loop rows[FAC__COMPUTE_COUNT], columns[FAC__COMPUTE_COUNT];
} fac__reduce_loops;

#endif
