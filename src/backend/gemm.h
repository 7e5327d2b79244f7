/* Floor 1. Batched matrix multiplication on any layout. */
#ifndef FACULA_GEMM_H
#define FACULA_GEMM_H

#include "kernel.h"

/* C[b] = alpha * A[b] B[b] + beta * C[b], for each of batch. Strides in elements; a batch stride may be 0. beta 0 does not
 * read C, alpha 0 reads neither A nor B. All ten dtypes: float16 and bfloat16 multiply and add in float and round once;
 * integers wrap; bool is (or of and).
 *
 * Rounding of float32 and float64: an element of C adds up its products in increasing order of k, from 0, with fused
 * multiply-add where the machine has one; k above 640 is cut into blocks of 320, and what is then left above 320 into
 * halves; alpha times a block's sum is added to beta * C, one block after the other. This is the order of OpenBLAS, so
 * that results are PyTorch's, mostly to the bit. Only a vector times a matrix that lies the other way (contiguous along
 * k, 16384 elements and more) is summed in lanes. Nothing depends on the number of threads. */
typedef enum fac__gemm_activation { FAC__GEMM_LINEAR, FAC__GEMM_RELU } fac__gemm_activation;

/* What is done to a piece of C while it is in registers or in the cache. All zero: nothing.
 *
 * bias: a row of n elements of C's dtype that stands for every row of C in beta * C, which then is not read: to the bit
 * what copying it into C before would give, and so what a linear layer is (beta 1).
 * activation: applied to the finished sum, to the bit what the kernel of its name makes of C. Not for bool. */
typedef struct fac__gemm_epilogue {
    const void *bias; /* NULL: none */
    int64_t bias_step;
    fac__gemm_activation activation;
} fac__gemm_epilogue;

typedef struct fac__gemm_args {
    fac_dtype dtype;
    int64_t batch, m, n, k;
    const void *a, *b;
    void *c;
    int64_t a_row, a_col, a_batch, b_row, b_col, b_batch, c_row, c_col, c_batch;
    double alpha, beta;
    fac__gemm_epilogue epilogue;
} fac__gemm_args;

extern const fac__kernel fac__k_gemm;

#endif
