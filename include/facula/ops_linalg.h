/* Floor 4: linear algebra: factorisations, and equations solved with them.
 *
 *     fac_linalg_solve(A, b)                             x with A x = b
 *     fac_linalg_solve_triangular(L, B, .left = false)   X with X L = B
 *     fac_tensor *r, *q = fac_linalg_qr(A, "reduced", &r)
 *
 * Matrices are the last two dimensions, the others a batch; where two operands meet, their batches broadcast. float32
 * and float64, which must agree; all work is done in float64 and rounded once. Formats are LAPACK's: pivots are int32
 * and count from 1, reflectors stand below the diagonal.
 *
 * All functions take the keywords of fac_linalg_options that their comment names, in { }. Results are new tensors of
 * the innermost scope; results beside the first go through pointers, which may be NULL. NULL after an error:
 * "linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices". The functions that end in _ex do
 * not check whether it worked, unless asked to, but say so in `info`, int32, one for each matrix: 0, or where it
 * failed, from 1. Everything is differentiable, any number of times, but geqrf and the ldl functions. */
#ifndef FACULA_OPS_LINALG_H
#define FACULA_OPS_LINALG_H

#include "facula/ops_matmul.h"

FAC_BEGIN

typedef struct fac_linalg_options {
    bool upper;         /* the triangle is the upper one: false */
    bool left;          /* the unknown stands right of the matrix, A X = B, not X A = B: true */
    bool unitriangular; /* the diagonal is taken as 1 and not read: false */
    bool adjoint;       /* the matrix is transposed: false */
    bool check_errors;  /* of _ex functions: fail as the others do: false */
} fac_linalg_options;
static inline fac_linalg_options fac_linalg_options_defaults(void)
{
    fac_linalg_options o;
    o.left = true;
    o.upper = o.unitriangular = o.adjoint = o.check_errors = false;
    return o;
}

/* ---- Cholesky (linalg_cholesky.c) ------------------------------------------------------------------------------ */

/* Lower triangular L with A = L L^T, or upper U with A = U^T U, of a symmetric positive definite A, of which only that
 * triangle is read. "linalg.cholesky: The factorization could not be completed because the input is not
 * positive-definite …". { upper }, _ex { upper, check_errors }. */
FAC_API fac_tensor *fac_linalg_cholesky_with(fac_tensor *A, fac_linalg_options options);
#define fac_linalg_cholesky(A, ...) fac_linalg_cholesky_with(A, FAC_OPTIONS(fac_linalg_options, __VA_ARGS__))
FAC_API fac_tensor *fac_linalg_cholesky_ex_with(fac_tensor *A, fac_tensor **info, fac_linalg_options options);
#define fac_linalg_cholesky_ex(A, info, ...)                                                                           \
    fac_linalg_cholesky_ex_with(A, info, FAC_OPTIONS(fac_linalg_options, __VA_ARGS__))
FAC_API fac_tensor *fac_cholesky(fac_tensor *self, bool upper);
/* X with A X = B, and the inverse of A, from the factor of A. */
FAC_API fac_tensor *fac_cholesky_solve(fac_tensor *B, fac_tensor *L, bool upper);
FAC_API fac_tensor *fac_cholesky_inverse(fac_tensor *L, bool upper);

/* ---- LU (linalg_lu.c) ------------------------------------------------------------------------------------------ */

/* A [m, n] = P L U: P [m, m] a permutation, L [m, k] with unit diagonal, U [k, n], k the smaller of m and n. Returns P.
 * Without pivoting: "… is not implemented on the CPU". */
FAC_API fac_tensor *fac_linalg_lu(fac_tensor *A, bool pivot, fac_tensor **L, fac_tensor **U);
/* Both in one matrix: L without its diagonal, and U. lu_factor fails where U has a zero on its diagonal.
 * _ex { check_errors }. */
FAC_API fac_tensor *fac_linalg_lu_factor(fac_tensor *A, bool pivot, fac_tensor **pivots);
FAC_API fac_tensor *fac_linalg_lu_factor_ex_with(fac_tensor *A, bool pivot, fac_tensor **pivots, fac_tensor **info,
                                                 fac_linalg_options options);
#define fac_linalg_lu_factor_ex(A, pivot, pivots, info, ...)                                                           \
    fac_linalg_lu_factor_ex_with(A, pivot, pivots, info, FAC_OPTIONS(fac_linalg_options, __VA_ARGS__))
/* From one matrix to three. What is not to be unpacked is empty, of shape [0]. Returns P. */
FAC_API fac_tensor *fac_lu_unpack(fac_tensor *LU, fac_tensor *pivots, bool unpack_data, bool unpack_pivots,
                                  fac_tensor **L, fac_tensor **U);
/* X with A X = B from the factors of A. { left, adjoint } */
FAC_API fac_tensor *fac_linalg_lu_solve_with(fac_tensor *LU, fac_tensor *pivots, fac_tensor *B,
                                             fac_linalg_options options);
#define fac_linalg_lu_solve(LU, pivots, B, ...)                                                                        \
    fac_linalg_lu_solve_with(LU, pivots, B, FAC_OPTIONS(fac_linalg_options, __VA_ARGS__))

/* ---- equations (linalg_solve.c, linalg_triangular.c) ----------------------------------------------------------- */

/* X with A X = B. B is a matrix, or (1-d, or of A's shape without its last dimension) a vector. "… The solver failed
 * because the input matrix is singular." { left }, _ex { left, check_errors } */
FAC_API fac_tensor *fac_linalg_solve_with(fac_tensor *A, fac_tensor *B, fac_linalg_options options);
#define fac_linalg_solve(A, B, ...) fac_linalg_solve_with(A, B, FAC_OPTIONS(fac_linalg_options, __VA_ARGS__))
FAC_API fac_tensor *fac_linalg_solve_ex_with(fac_tensor *A, fac_tensor *B, fac_tensor **info,
                                             fac_linalg_options options);
#define fac_linalg_solve_ex(A, B, info, ...)                                                                           \
    fac_linalg_solve_ex_with(A, B, info, FAC_OPTIONS(fac_linalg_options, __VA_ARGS__))
/* _ex { check_errors }; a singular matrix's is NaN. */
FAC_API fac_tensor *fac_linalg_inv(fac_tensor *A);
FAC_API fac_tensor *fac_linalg_inv_ex_with(fac_tensor *A, fac_tensor **info, fac_linalg_options options);
#define fac_linalg_inv_ex(A, info, ...) fac_linalg_inv_ex_with(A, info, FAC_OPTIONS(fac_linalg_options, __VA_ARGS__))
/* A is a triangle; what is beyond is not read. { upper, left, unitriangular } */
FAC_API fac_tensor *fac_linalg_solve_triangular_with(fac_tensor *A, fac_tensor *B, fac_linalg_options options);
#define fac_linalg_solve_triangular(A, B, ...)                                                                         \
    fac_linalg_solve_triangular_with(A, B, FAC_OPTIONS(fac_linalg_options, __VA_ARGS__))
/* The same in torch's older words: with A^T where transpose is given; *coefficient is a copy of A. */
FAC_API fac_tensor *fac_triangular_solve(fac_tensor *B, fac_tensor *A, bool upper, bool transpose, bool unitriangular,
                                         fac_tensor **coefficient);

/* A seen as a square matrix of its dimensions before `ind` and from there on, inverted. */
FAC_API fac_tensor *fac_linalg_tensorinv(fac_tensor *self, int ind);
/* X with tensordot(A, X, X.ndim) = B; dims (n = -1: none) of A are first moved to its end. */
FAC_API fac_tensor *fac_linalg_tensorsolve(fac_tensor *A, fac_tensor *B, fac_dims dims);

/* ---- determinants (linalg_det.c) ------------------------------------------------------------------------------- */

/* [..., n, n] -> [...]. slogdet: the sign, and the logarithm of the absolute value. logdet: NaN where the determinant
 * is negative. */
FAC_API fac_tensor *fac_linalg_det(fac_tensor *A);
FAC_API fac_tensor *fac_linalg_slogdet(fac_tensor *A, fac_tensor **logabsdet);
FAC_API fac_tensor *fac_logdet(fac_tensor *A);

/* ---- QR (linalg_qr.c) ------------------------------------------------------------------------------------------ */

/* A [m, n] = Q R with orthonormal columns of Q and upper triangular R. mode "reduced": Q [m, k], R [k, n], k the
 * smaller of m and n; "complete": Q [m, m], R [m, n]; "r": R only, Q is empty, of shape [0]. Returns Q. */
FAC_API fac_tensor *fac_linalg_qr(fac_tensor *A, const char *mode, fac_tensor **R);
/* R and the reflectors of Q in one matrix; no derivative. */
FAC_API fac_tensor *fac_geqrf(fac_tensor *self, fac_tensor **tau);
/* The first n columns of Q = H1 H2 .. Hk, from reflectors [m, n] and tau [k], k <= n <= m. */
FAC_API fac_tensor *fac_linalg_householder_product(fac_tensor *input, fac_tensor *tau);
/* Q C, Q^T C (transpose), or with left = false C Q, C Q^T, from reflectors [.., k] and tau [k]. */
FAC_API fac_tensor *fac_ormqr(fac_tensor *input, fac_tensor *tau, fac_tensor *other, bool left, bool transpose);
/* X that makes |A X - B| least, A [m, n], and is itself the shortest where there are several. B is [m, k], or a vector
 * with one dimension less than A. driver: "gelsy" (NULL; QR with column pivoting), "gels" (A of full rank), "gelsd"
 * and "gelss" (by singular values). rcond (negative: epsilon of the dtype times the larger of m and n): what counts as
 * 0 beside the largest singular value. Of the other results those that a driver does not compute have shape [0]:
 * residuals, the sums of squares [k] (m > n and full rank; not gelsy); rank, int64 (not gels); singular_values [min(m,
 * n)] (gelsd, gelss). */
typedef struct fac_lstsq_options {
    double rcond;
    const char *driver;
    fac_tensor **residuals, **rank, **singular_values;
} fac_lstsq_options;
static inline fac_lstsq_options fac_lstsq_options_defaults(void)
{
    fac_lstsq_options o;
    o.rcond = -1;
    o.driver = NULL;
    o.residuals = o.rank = o.singular_values = NULL;
    return o;
}
FAC_API fac_tensor *fac_linalg_lstsq_with(fac_tensor *A, fac_tensor *B, fac_lstsq_options options);
#define fac_linalg_lstsq(A, B, ...) fac_linalg_lstsq_with(A, B, FAC_OPTIONS(fac_lstsq_options, __VA_ARGS__))

/* ---- symmetric, not definite (linalg_ldl.c) -------------------------------------------------------------------- */

/* A = L D L^T with D of 1x1 and 2x2 blocks, of the lower triangle, in LAPACK's sytrf format; no derivatives. hermitian
 * is the same for real numbers. _ex { check_errors } */
FAC_API fac_tensor *fac_linalg_ldl_factor(fac_tensor *A, bool hermitian, fac_tensor **pivots);
FAC_API fac_tensor *fac_linalg_ldl_factor_ex_with(fac_tensor *A, bool hermitian, fac_tensor **pivots, fac_tensor **info,
                                                  fac_linalg_options options);
#define fac_linalg_ldl_factor_ex(A, hermitian, pivots, info, ...)                                                      \
    fac_linalg_ldl_factor_ex_with(A, hermitian, pivots, info, FAC_OPTIONS(fac_linalg_options, __VA_ARGS__))
FAC_API fac_tensor *fac_linalg_ldl_solve(fac_tensor *LD, fac_tensor *pivots, fac_tensor *B, bool hermitian);

/* ---- functions of matrices (linalg_power.c), products of vectors (linalg_cross.c) ------------------------------ */

/* A multiplied n times; n < 0: of the inverse. Whole numbers too, if n >= 0. */
FAC_API fac_tensor *fac_linalg_matrix_power(fac_tensor *A, int64_t n);
/* The matrix exponential: 1 + A + A^2 / 2 + A^3 / 6 + .. */
FAC_API fac_tensor *fac_matrix_exp(fac_tensor *A);
/* x [..., n] (0-d: [1]) -> [..., n, N], powers 0 .. N-1 of each element; N < 0: n. Integers become int64. */
FAC_API fac_tensor *fac_linalg_vander(fac_tensor *x, int64_t N);
/* x [n] -> [n, N], powers N-1 .. 0, or the other way round. */
FAC_API fac_tensor *fac_vander(fac_tensor *x, int64_t N, bool increasing);
/* Vectors of 3 elements along dim; the other dimensions broadcast. cross with dim FAC_OPEN: the first dimension of
 * size 3. */
FAC_API fac_tensor *fac_linalg_cross(fac_tensor *self, fac_tensor *other, int dim);
FAC_API fac_tensor *fac_cross(fac_tensor *self, fac_tensor *other, int64_t dim);

FAC_END
#endif
