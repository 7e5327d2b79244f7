/* Floor 1. Batched matrix multiplication on any layout. */
#ifndef FACULA_GEMM_H
#define FACULA_GEMM_H

#include "kernel.h"

/* C[b] = alpha * A[b] B[b] + beta * C[b], for each of batch. Strides in elements; a batch stride may be 0. beta 0 does not
 * read C. All ten dtypes: float16 and bfloat16 multiply and add in float and round once; integers wrap; bool is
 * (or of and). Each element of C sums over k in increasing order with fused multiply-add where the machine has one,
 * from 0, in blocks of k of a fixed size, and beta*C (PyTorch's bias) is added to the finished sum. */
typedef struct fac__gemm_args {
    fac_dtype dtype;
    int64_t batch, m, n, k;
    const void *a, *b;
    void *c;
    int64_t a_row, a_col, a_batch, b_row, b_col, b_batch, c_row, c_col, c_batch;
    double alpha, beta;
} fac__gemm_args;

extern const fac__kernel fac__k_gemm;

#endif
