/* Floor 1. Normalisation with its statistics, forward and backward, each in as few passes over the data as it takes.
 * float32 and float64; everything is contiguous. Statistics add up in double.
 *
 *   batch  x [n, channels, inner]; mean and rstd [channels]; weight and bias by channel
 *   group  x [n, channels, inner]; mean and rstd [n, groups], over channels/groups * inner elements; weight and bias by channel
 *   layer  x [n, inner]; mean and rstd [n]; weight and bias [inner]; channels and groups are 1
 *
 * y = (x - mean) * rstd * weight + bias, rstd = 1 / sqrt(variance + eps). */
#ifndef FACULA_NORM_H
#define FACULA_NORM_H

#include "kernel.h"

typedef struct fac__norm_args {
    fac_dtype dtype;
    int64_t n, channels, inner, groups;
    double eps;
    const void *x, *weight, *bias; /* weight and bias may be NULL */
    void *y, *mean, *rstd;
    /* batch only. Without training mean and rstd come from the running statistics; with it these (if not NULL) become
     * (1 - momentum) of what they were and momentum of the new ones, the variance being the unbiased one. */
    bool training;
    double momentum;
    void *running_mean, *running_var;
    /* backward: reads x, weight, mean, rstd and dy */
    const void *dy;
    void *dx, *dweight, *dbias; /* each may be NULL: not wanted */
    void *work;                 /* group: [2, n, channels] doubles */
} fac__norm_args;

extern const fac__kernel fac__k_batch_norm, fac__k_batch_norm_backward;
extern const fac__kernel fac__k_group_norm, fac__k_group_norm_backward;
extern const fac__kernel fac__k_layer_norm, fac__k_layer_norm_backward;

#endif
