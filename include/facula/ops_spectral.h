/* Floor 4: eigenvalues and singular values, what is made of them, norms of matrices, and distances between rows.
 *
 *     fac_tensor *s, *vh, *u = fac_linalg_svd(x, false, &s, &vh);
 *     fac_linalg_norm(x, .name = "nuc", .dim = FAC_DIMS(0, 1))
 *     fac_cdist(x, y, 2, NULL)
 *
 * Matrices are the last two dimensions, [..., m, n], of a float32 or float64 tensor; those before are a batch. Everything is
 * computed in double, whatever the dtype. Results are new tensors of the innermost scope; NULL after an error. Second
 * and third results go through pointers, which may be NULL; they belong to the scope too. A matrix with infinities or NaNs
 * is an error, in PyTorch's words. */
#ifndef FACULA_OPS_SPECTRAL_H
#define FACULA_OPS_SPECTRAL_H

#include "facula/tensor.h"

FAC_BEGIN

/* ---- decompositions (linalg_spectral.c) ---------------------------------------------------------------------- */

/* Symmetric A = V diag(L) V^T; only the lower (UPLO "L") or upper ("U") triangle is read. Returns L [..., n], ascending;
 * *eigenvectors gets V [..., n, n], whose columns are unique up to sign, if no eigenvalue is repeated. Householder's
 * reduction and the implicit QR algorithm. */
FAC_API fac_tensor *fac_linalg_eigh(fac_tensor *self, const char *UPLO, fac_tensor **eigenvectors);
FAC_API fac_tensor *fac_linalg_eigvalsh(fac_tensor *self, const char *UPLO);
/* torch.symeig, deprecated in PyTorch: eigh, with an empty V unless eigenvectors are asked for. */
FAC_API fac_tensor *fac_symeig(fac_tensor *self, bool eigenvectors, bool upper, fac_tensor **vectors);

/* A = U diag(S) Vh, with orthonormal columns of U and rows of Vh. Returns U [..., m, k], *S gets [..., k], descending,
 * *Vh [..., k, n], k = min(m, n); with full_matrices U is [..., m, m] and Vh [..., n, n]. The gradient is finite only if no
 * singular value is repeated, or if only S is used; the part of U and Vh that full_matrices adds has none. Triangular
 * factor with pivoting, then one-sided Jacobi: small singular values are as accurate as large ones. */
FAC_API fac_tensor *fac_linalg_svd(fac_tensor *self, bool full_matrices, fac_tensor **S, fac_tensor **Vh);
FAC_API fac_tensor *fac_linalg_svdvals(fac_tensor *self);
/* torch.svd: some is not full_matrices, *V gets V, not its transpose. Without compute_uv U [..., m, m] and V
 * [..., n, n] are zeros. */
FAC_API fac_tensor *fac_svd(fac_tensor *self, bool some, bool compute_uv, fac_tensor **S, fac_tensor **V);

/* ---- rank (linalg_rank.c) ------------------------------------------------------------------------------------ */

/* Singular values up to max(atol, rtol * the largest) count as zero. Not given: atol 0, and rtol max(m, n) times the
 * dtype's epsilon, or 0 with an atol above 0. */
typedef struct fac_rank_options {
    double atol, rtol;                     /* NAN: not given */
    fac_tensor *atol_tensor, *rtol_tensor; /* one for each matrix, in place of the numbers; NULL */
    bool hermitian;                        /* symmetric matrices, of which the lower triangle is read: false */
} fac_rank_options;
static inline fac_rank_options fac_rank_options_defaults(void)
{
    fac_rank_options o;
    o.atol = o.rtol = __builtin_nan("");
    o.atol_tensor = o.rtol_tensor = NULL;
    o.hermitian = false;
    return o;
}
/* The Moore-Penrose inverse [..., n, m]. Its gradient supposes that the rank stays as it is. */
FAC_API fac_tensor *fac_linalg_pinv_with(fac_tensor *self, fac_rank_options options);
#define fac_linalg_pinv(x, ...) fac_linalg_pinv_with(x, FAC_OPTIONS(fac_rank_options, __VA_ARGS__))
/* The same with rtol = rcond. */
FAC_API fac_tensor *fac_pinverse(fac_tensor *self, double rcond);
/* How many singular values are not zero: int64 [...]. */
FAC_API fac_tensor *fac_linalg_matrix_rank_with(fac_tensor *self, fac_rank_options options);
#define fac_linalg_matrix_rank(x, ...) fac_linalg_matrix_rank_with(x, FAC_OPTIONS(fac_rank_options, __VA_ARGS__))

/* ---- norms (linalg_norm.c) ----------------------------------------------------------------------------------- */

typedef struct fac_linalg_norm_options {
    double ord;       /* NAN: not given */
    const char *name; /* "fro" or "nuc", in place of ord; NULL */
    fac_dims dim;     /* not given; matrix_norm: (-2, -1) */
    bool keepdim;     /* false */
    fac_dtype dtype;  /* of the result and the arithmetic; NONE: that of the input */
} fac_linalg_norm_options;
static inline fac_linalg_norm_options fac_linalg_norm_options_defaults(void)
{
    fac_linalg_norm_options o;
    o.ord = __builtin_nan("");
    o.name = NULL;
    o.dim = fac_dims_make(-1, NULL);
    o.keepdim = false;
    o.dtype = FAC_DTYPE_NONE;
    return o;
}
/* Of matrices over two dimensions: "fro" (the default; square root of the sum of squares), "nuc" (sum of singular values),
 * ord 2 and -2 (largest and smallest of them), 1 and -1 (of the columns' sums of sizes), INFINITY and -INFINITY (of the
 * rows'). Only "fro", 1 and INFINITY take float16 and bfloat16. */
FAC_API fac_tensor *fac_linalg_matrix_norm_with(fac_tensor *self, fac_linalg_norm_options options);
#define fac_linalg_matrix_norm(x, ...) fac_linalg_matrix_norm_with(x, FAC_OPTIONS(fac_linalg_norm_options, __VA_ARGS__))
/* A matrix norm if ord or name is given and there are two dimensions, else a vector norm, of all elements if dim is not
 * given either. */
FAC_API fac_tensor *fac_linalg_norm_with(fac_tensor *self, fac_linalg_norm_options options);
#define fac_linalg_norm(x, ...) fac_linalg_norm_with(x, FAC_OPTIONS(fac_linalg_norm_options, __VA_ARGS__))
/* Sum of singular values over two dims (dim.n = -1: of a matrix). */
FAC_API fac_tensor *fac_nuclear_norm(fac_tensor *self, fac_dims dim, bool keepdim);
/* norm(A) * norm(inverse of A), by the keywords ord and name; without any, and for 2 and -2, from singular values, and A
 * need not be square. INFINITY for singular matrices, 0 for empty ones. */
FAC_API fac_tensor *fac_linalg_cond_with(fac_tensor *self, fac_linalg_norm_options options);
#define fac_linalg_cond(x, ...) fac_linalg_cond_with(x, FAC_OPTIONS(fac_linalg_norm_options, __VA_ARGS__))
/* Parts along dim (self[:, i] for dim 1) whose p-norm is above maxnorm are scaled down to it. p > 0. */
FAC_API fac_tensor *fac_renorm(fac_tensor *self, double p, int64_t dim, double maxnorm);
FAC_API fac_tensor *fac_renorm_(fac_tensor *self, double p, int64_t dim, double maxnorm);

/* ---- low rank (lowrank.c) ------------------------------------------------------------------------------------ */

typedef struct fac_lowrank_options {
    int64_t q;     /* singular values wanted; -1: 6, or of pca_lowrank min(6, m, n) */
    int64_t niter; /* rounds that sharpen the basis: 2 */
    fac_tensor *M; /* svd_lowrank: is subtracted from A; NULL */
    bool center;   /* pca_lowrank: subtract the mean of the rows: true */
} fac_lowrank_options;
static inline fac_lowrank_options fac_lowrank_options_defaults(void)
{
    fac_lowrank_options o;
    o.q = -1;
    o.niter = 2;
    o.M = NULL;
    o.center = true;
    return o;
}
/* U [..., m, q], *S [..., q] and *V [..., n, q] with A about U diag(S) V^T, from products with q random vectors, drawn as by
 * fac_randn. Halko, Martinsson and Tropp, Finding structure with randomness, 2009, algorithms 4.4 and 5.1. */
FAC_API fac_tensor *fac_svd_lowrank_with(fac_tensor *A, fac_tensor **S, fac_tensor **V, fac_lowrank_options options);
#define fac_svd_lowrank(A, S, V, ...) fac_svd_lowrank_with(A, S, V, FAC_OPTIONS(fac_lowrank_options, __VA_ARGS__))
/* The same of A minus the mean of its rows: V's columns are the principal directions. */
FAC_API fac_tensor *fac_pca_lowrank_with(fac_tensor *A, fac_tensor **S, fac_tensor **V, fac_lowrank_options options);
#define fac_pca_lowrank(A, S, V, ...) fac_pca_lowrank_with(A, S, V, FAC_OPTIONS(fac_lowrank_options, __VA_ARGS__))

/* ---- distances (distance.c) ---------------------------------------------------------------------------------- */

/* p-norms of the differences of all rows of x1 [..., r, n] and x2 [..., c, n]: [..., r, c]; batches broadcast. p >= 0;
 * 0 counts what differs, INFINITY is the largest. compute_mode, for p = 2: "use_mm_for_euclid_dist" goes by a product of
 * matrices, which is fast and loses digits where rows are close to each other; "donot_use_mm_for_euclid_dist" does not;
 * "use_mm_for_euclid_dist_if_necessary" (or NULL) does for more than 25 rows. The gradient is 0 at distance 0. */
FAC_API fac_tensor *fac_cdist(fac_tensor *x1, fac_tensor *x2, double p, const char *compute_mode);
/* Of all pairs of rows i < j of self [n, m], in that order: [n (n - 1) / 2]. */
FAC_API fac_tensor *fac_pdist(fac_tensor *self, double p);

/* ---- covariance (covariance.c) ------------------------------------------------------------------------------- */

typedef struct fac_cov_options {
    int64_t correction;              /* the sum is divided by the number of observations less this: 1 */
    fac_tensor *fweights, *aweights; /* how often each observation was made (integers), how much it counts; NULL */
} fac_cov_options;
static inline fac_cov_options fac_cov_options_defaults(void)
{
    fac_cov_options o;
    o.correction = 1;
    o.fweights = o.aweights = NULL;
    return o;
}
/* Covariances of the rows (variables) of self [variables, observations]: a square matrix, or 0-d for one variable. */
FAC_API fac_tensor *fac_cov_with(fac_tensor *self, fac_cov_options options);
#define fac_cov(x, ...) fac_cov_with(x, FAC_OPTIONS(fac_cov_options, __VA_ARGS__))
/* cov scaled to ones on the diagonal, clipped to -1 … 1. */
FAC_API fac_tensor *fac_corrcoef(fac_tensor *self);

FAC_END
#endif
