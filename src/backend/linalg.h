/* Floor 1. Factorisations of matrices and what is solved with them, for each matrix of a batch. Everything is float64:
 * operations on float32 go through a copy, since rounding each step to float costs half of the digits of an
 * ill-conditioned problem, while the copy costs little beside n^3 work.
 *
 * Matrices are row by row without gaps, one after the other, unless they are a fac__matrices, which have strides: so a
 * transposed matrix is one with its strides swapped. Formats are LAPACK's: pivots count from 1, reflectors are H = I -
 * tau v v^T with v = (0, .., 0, 1, what stands below the diagonal). info is 0, or says from 1 where it went wrong. */
#ifndef FACULA_LINALG_H
#define FACULA_LINALG_H

#include "kernel.h"

typedef struct fac__matrices {
    double *data;
    int64_t row, col, batch; /* strides in elements; those of what is only read may be 0 */
} fac__matrices;

/* A [m, n] = P L U with partial pivoting, in place: L below the diagonal, U on and above it. Row i was swapped with row
 * pivots[i], i = 0, 1, ..; info: the first zero on U's diagonal. */
typedef struct fac__lu_args {
    int64_t batch, m, n;
    double *a;
    int32_t *pivots, *info; /* [batch, min(m, n)], [batch] */
} fac__lu_args;
extern const fac__kernel fac__k_lu;

/* B [n, k] with those swaps of rows, or (back) the opposite ones in opposite order, done to it. */
typedef struct fac__swap_rows_args {
    int64_t batch, n, k, pivot_count, pivot_batch;
    const int32_t *pivots;
    fac__matrices b;
    bool back;
} fac__swap_rows_args;
extern const fac__kernel fac__k_swap_rows;

/* A [n, n] = L L^T, in place; reads the lower triangle, zeroes what is above. info: the order of the first leading
 * minor that is not positive. */
typedef struct fac__cholesky_args {
    int64_t batch, n;
    double *a;
    int32_t *info;
} fac__cholesky_args;
extern const fac__kernel fac__k_cholesky;

/* X with A X = B, in B's place: A [n, n] is a triangle (what is beyond is not read), B [n, k]. unit: A's diagonal is
 * 1. */
typedef struct fac__trisolve_args {
    int64_t batch, n, k;
    fac__matrices a, b;
    bool upper, unit;
} fac__trisolve_args;
extern const fac__kernel fac__k_trisolve;

/* A [m, n] = Q R by Householder's reflectors, in place: R on and above the diagonal, reflectors below, tau
 * [min(m, n)]. work: [batch, fac__reflect_work(m, n, min(m, n))]. */
typedef struct fac__qr_args {
    int64_t batch, m, n;
    double *a, *tau, *work;
} fac__qr_args;
extern const fac__kernel fac__k_qr;

/* C [m, n] = H1 .. Hk C, or (back) Hk .. H1 C, in place, with the reflectors in the columns of A [m, columns].
 * work: [batch, fac__reflect_work(m, n, k)]. */
typedef struct fac__reflect_args {
    int64_t batch, m, n, k, columns;
    const double *a, *tau; /* tau [batch, k] */
    fac__matrices c;
    double *work;
    bool back;
} fac__reflect_args;
extern const fac__kernel fac__k_reflect;
/* Numbers of working memory for k reflectors on a matrix. */
int64_t fac__reflect_work(int64_t m, int64_t n, int64_t k);

/* A [n, n] symmetric = L D L^T by Bunch and Kaufman's pivoting, in place, of the lower triangle; the format is that of
 * LAPACK's sytrf. info: the first zero block of D. */
typedef struct fac__ldl_args {
    int64_t batch, n;
    double *a;
    int32_t *pivots, *info;
} fac__ldl_args;
extern const fac__kernel fac__k_ldl;

/* X with A X = B [n, k] from that, in B's place. */
typedef struct fac__ldl_solve_args {
    int64_t batch, n, k, a_batch, pivot_batch; /* strides of the factors' batches */
    const double *a;
    const int32_t *pivots;
    double *b;
} fac__ldl_solve_args;
extern const fac__kernel fac__k_ldl_solve;

/* The X [n, k] of least norm among those with least |A X - B|, A [m, n], B [m, k], by QR with column pivoting and,
 * where the rank is below n, a second one (Golub and Van Loan, Matrix Computations, 5.5). A is overwritten; B has
 * max(m, n) rows and gets X, and below it, where m > n and the rank is n, what the sums of squares of are the
 * residuals. Rows of R whose diagonal is at most rcond of the first count as 0; rank [batch] is the number of the
 * others. work: [batch, fac__lstsq_work(m, n, k)]. */
typedef struct fac__lstsq_args {
    int64_t batch, m, n, k;
    double *a, *b, *work;
    double rcond;
    int64_t *rank;
} fac__lstsq_args;
extern const fac__kernel fac__k_lstsq;
int64_t fac__lstsq_work(int64_t m, int64_t n, int64_t k);

#endif
