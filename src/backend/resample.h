/* Floor 1. Resampling along one axis: each place of the result takes a few places of the input with weights. Several axes
 * are resampled one after another. */
#ifndef FACULA_RESAMPLE_H
#define FACULA_RESAMPLE_H

#include "kernel.h"

/* What each of n places takes: `count` places and, of the kernel's dtype, their weights; both [n, count]. */
typedef struct fac__taps {
    int64_t count;
    const int64_t *at;
    const void *weight;
} fac__taps;

/* x [outer, in, inner] to y [outer, out, inner]. float32 and float64. */
typedef struct fac__resample_args {
    fac_dtype dtype;
    int64_t outer, in, out, inner;
    fac__taps taps; /* of the out places */
    const void *x;
    void *y;
    const void *dy;
    void *dx;
} fac__resample_args;
extern const fac__kernel fac__k_resample;          /* y[o] = sum over taps of weight * x[at] */
extern const fac__kernel fac__k_resample_backward; /* dx = 0; dx[at] += weight * dy[o] */

/* One place each along three axes at once, copied: elements of 1, 2, 4 or 8 bytes. */
typedef struct fac__pick_args {
    size_t element;
    int64_t planes, in[3], out[3];
    const int64_t *at[3]; /* [out] */
    const void *x;
    void *y;
} fac__pick_args;
extern const fac__kernel fac__k_pick;

#endif
