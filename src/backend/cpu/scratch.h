/* Floor 1. Working memory of kernels: one buffer a thread and use, kept until the thread ends, so that a steady state
 * allocates nothing. It comes straight from the system: a kernel has no error to report, it takes a slower way. */
#ifndef FACULA_SCRATCH_H
#define FACULA_SCRATCH_H

#include <stddef.h>

typedef enum fac__scratch_use {
    FAC__SCRATCH_GEMM_A,
    FAC__SCRATCH_GEMM_B,
    FAC__SCRATCH_GEMM_WIDE, /* float16 and bfloat16 as float */
    FAC__SCRATCH_CONV_TAPS,
    FAC__SCRATCH_CONV_IMAGES,
    FAC__SCRATCH_CONV_ODD,
    FAC__SCRATCH_CONV, /* of the thread that starts a convolution, for all who work on it */
    FAC__SCRATCH_FFT,
    FAC__SCRATCH_NORM,
    FAC__SCRATCH_ATTENTION,   /* keys transposed */
    FAC__SCRATCH_ATTENTION_V, /* values */
    FAC__SCRATCH_USES
} fac__scratch_use;

/* At least n bytes, 64-byte aligned, undefined contents; the same bytes on each call for one use. NULL if there is no
 * memory. */
void *fac__scratch(fac__scratch_use use, size_t n);

/* For tests: from now on there is no memory (true), in any thread. */
void fac__scratch_refuse(int refuse);

#endif
