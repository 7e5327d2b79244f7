/* Floor 1. Eigenvalues of symmetric matrices and singular values. Everything is computed in double, whatever the dtype;
 * all tensors lie in a row. */
#ifndef FACULA_SPECTRAL_H
#define FACULA_SPECTRAL_H

#include "kernel.h"

/* What a decomposition says of each matrix of the batch. */
enum { FAC__SPECTRAL_DONE = 0, FAC__SPECTRAL_NOT_FINITE = 1, FAC__SPECTRAL_NOT_CONVERGED = 2 };

/* A = V diag(values) V^T of batch n x n matrices, values ascending, eigenvectors as columns. Only one triangle is read.
 * Outputs of a matrix that fails are NaN. */
typedef struct fac__eigh_args {
    fac_dtype dtype; /* FAC_FLOAT32 or FAC_FLOAT64 */
    int64_t batch, n;
    bool upper; /* the triangle that is read */
    const void *a;
    void *values;
    void *vectors; /* NULL: not wanted */
    int64_t *info; /* batch */
    double *scratch;
    int lanes; /* at most so many threads work, each with fac__eigh_scratch(n) doubles */
} fac__eigh_args;
extern const fac__kernel fac__k_eigh;

static inline int64_t fac__eigh_scratch(int64_t n)
{
    return 2 * n * n + 4 * n;
}

/* A = U diag(S) Vh of batch m x n matrices, S descending. With k = min(m, n): u is m x k and vh k x n, or with `full` m x m
 * and n x n; both or none are wanted. */
typedef struct fac__svd_args {
    fac_dtype dtype;
    int64_t batch, m, n;
    bool full;
    const void *a;
    void *u, *s, *vh;
    int64_t *info;
    double *scratch; /* lanes * fac__svd_scratch(m, n) */
    int lanes;
} fac__svd_args;
extern const fac__kernel fac__k_svd;

static inline int64_t fac__svd_scratch(int64_t m, int64_t n)
{
    int64_t k = m < n ? m : n, p = m < n ? n : m;
    return k * p + 2 * k * k + 6 * k + p;
}

#endif
