/* Floor 4. The Cholesky factor of a symmetric positive definite matrix, and what is solved with it
 * (facula/ops_linalg.h). */
#include "linalg_parts.h"

/* ---- the factor ------------------------------------------------------------------------------------------------ */

/* Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527: dA = L^-T phi(L^T g) L^-1, made symmetric,
 * where phi takes the lower triangle with half of the diagonal. */
static void cholesky_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    bool upper = *(const bool *)n->params;
    fac_tensor *y = fac__saved(n, 0);
    if (!y) return;
    fac_tensor *L = upper ? fac_mT(y) : y, *g = upper ? fac_mT(gy[0]) : gy[0], *Lt = fac_mT(L);
    fac_tensor *phi = fac_tril(fac_matmul(Lt, g), 0);
    phi = phi ? fac_mul_scalar(fac_add(phi, fac_mT(fac_tril(phi, -1))), 0.5) : NULL;
    phi = phi ? fac_linalg_solve_triangular(Lt, phi, .upper = true) : NULL;
    if (phi) gx[0] = fac_linalg_solve_triangular(L, phi, .left = false);
}

static fac_tensor *factor(const char *name, fac_tensor *A, bool upper, fac_tensor **info)
{
    fac__node *n = fac__record(name, cholesky_backward, 1, 1, sizeof upper, A);
    if (n && !n->failed) *(bool *)n->params = upper;
    fac_tensor *y = NULL;
    *info = fac__own(fac__new(FAC_INT32, A->ndim - 2, A->shape));
    fac_scope {
        fac_dims batch = fac__batch_of(A);
        fac_tensor *a = *info ? fac__own(fac__wide(A, batch, upper)) : NULL;
        if (!a) break;
        fac__cholesky_args args = {
            .batch = fac__batch_count(batch), .n = fac__last(A, 1), .a = fac__data(a), .info = fac__data(*info)};
        FAC__LAUNCH(fac__k_cholesky, args);
        y = fac__narrow(a, (fac_dtype)A->dtype, upper);
    }
    fac__save_output(n, 0, y, 0);
    return fac__result(n, y);
}

static fac_tensor *checked(const char *op, fac_tensor *L, const fac_tensor *info)
{
    bool fine = L &&
                fac__linalg_succeeded(op, info,
                                      "The factorization could not be completed because the input is not "
                                      "positive-definite (the leading minor of order %d is not positive-definite).");
    return fine ? L : NULL;
}

static bool fit(const char *op, const fac_tensor *A, bool old)
{
    return fac__linalg_square(op, A) && (old || fac__linalg_floating(op, A, true)) &&
           fac__linalg_dtype("cholesky_cpu", A);
}

fac_tensor *fac_linalg_cholesky_ex_with(fac_tensor *A, fac_tensor **info, fac_linalg_options options)
{
    FAC__OP("linalg_cholesky_ex");
    FAC__NEED(A);
    fac_tensor *own, *L;
    if (info) *info = NULL;
    if (!fit("linalg.cholesky", A, false)) return NULL;
    L = factor("LinalgCholeskyExBackward0", A, options.upper, &own);
    if (options.check_errors) L = checked("linalg.cholesky_ex", L, own);
    if (info && L) *info = own;
    return L;
}

fac_tensor *fac_linalg_cholesky_with(fac_tensor *A, fac_linalg_options options)
{
    FAC__OP("linalg_cholesky");
    FAC__NEED(A);
    fac_tensor *info;
    if (!fit("linalg.cholesky", A, false)) return NULL;
    fac_tensor *L = factor("LinalgCholeskyExBackward0", A, options.upper, &info);
    return checked("linalg.cholesky", L, info);
}

fac_tensor *fac_cholesky(fac_tensor *self, bool upper)
{
    FAC__OP("cholesky");
    FAC__NEED(self);
    fac_tensor *info;
    if (!fit("cholesky", self, true)) return NULL;
    fac_tensor *L = factor("CholeskyBackward0", self, upper, &info);
    return checked("cholesky", L, info);
}

/* ---- solving with it ------------------------------------------------------------------------------------------- */

/* b = A^-1 b, both float64 copies. */
static void solve_in_place(const fac_tensor *L, fac_tensor *b, bool upper)
{
    for (int transposed = 0; transposed < 2; transposed++) {
        bool flip = upper != (bool)transposed; /* L, then L^T; of U = L^T the other way round */
        fac__trisolve_args args = {.batch = fac__batch_count(fac__batch_of(b)),
                                   .n = fac__last(b, 2),
                                   .k = fac__last(b, 1),
                                   .a = fac__matrices_of(L, flip),
                                   .b = fac__matrices_of(b, false),
                                   .upper = transposed};
        FAC__LAUNCH(fac__k_trisolve, args);
    }
}

/* Of a factor F that stands for A = F F^T, or F^T F, where g is the gradient of A: both triangles, as in PyTorch,
 * though only one is read. */
static fac_tensor *factor_gradient(fac_tensor *F, fac_tensor *g, bool upper)
{
    fac_tensor *both = g ? fac_add(g, fac_mT(g)) : NULL;
    return both ? fac_neg(upper ? fac_matmul(F, both) : fac_matmul(both, F)) : NULL;
}

static void solve_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    bool upper = *(const bool *)n->params;
    fac_tensor *L = fac__saved(n, 0), *X = fac__saved(n, 1);
    if (!L || !X) return;
    gx[0] = fac_cholesky_solve(gy[0], L, upper);
    if (fac__wants(n, 1) && gx[0]) gx[1] = factor_gradient(L, fac_matmul(gx[0], fac_mT(X)), upper);
}

fac_tensor *fac_cholesky_solve(fac_tensor *B, fac_tensor *L, bool upper)
{
    FAC__OP("cholesky_solve");
    FAC__NEED(B);
    FAC__NEED(L);
    if (B->ndim < 2 || L->ndim < 2)
        return fac__runtime_error("%s should have at least 2 dimensions, but has %d dimensions instead",
                                  B->ndim < 2 ? "b" : "u", B->ndim < 2 ? B->ndim : L->ndim);
    fac_dims batch;
    if (!fac__linalg_old_fit("cholesky_solve", B, L) || !fac__batch_common(B, L, &batch)) return NULL;
    if (!fac__linalg_dtype("cholesky_solve_cpu", L)) return NULL;
    fac__node *n = fac__record("CholeskySolveBackward0", solve_backward, 1, 2, sizeof upper, B, L);
    if (n && !n->failed) *(bool *)n->params = upper;
    fac_tensor *x = NULL;
    fac_scope {
        fac_tensor *l = fac__own(fac__wide_read(L, batch)), *b = l ? fac__own(fac__wide(B, batch, false)) : NULL;
        if (!b) break;
        solve_in_place(l, b, upper);
        x = fac__narrow(b, (fac_dtype)B->dtype, false);
    }
    fac__save(n, 0, L);
    fac__save_output(n, 1, x, 0);
    return fac__result(n, x);
}

static void inverse_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    bool upper = *(const bool *)n->params;
    fac_tensor *L = fac__saved(n, 0), *inverse = fac__saved(n, 1);
    if (!L || !inverse) return;
    fac_tensor *g = fac_matmul(inverse, fac_matmul(gy[0], inverse));
    gx[0] = factor_gradient(L, g, upper);
}

/* Whether the diagonals have no zero. */
static bool invertible(const fac_tensor *L)
{
    const double *p = fac__host(L);
    int64_t n = fac__last(L, 1), count = fac__batch_count(fac__batch_of(L));
    for (int64_t b = 0; b < count; b++)
        for (int64_t i = 0; i < n; i++) {
            if (p[(b * n + i) * n + i] != 0) continue;
            char where[48] = "";
            if (L->ndim > 2) snprintf(where, sizeof where, "(Batch element %lld): ", (long long)b);
            return fac__runtime_error("cholesky_inverse: %sThe diagonal element %lld is zero, the inversion could not "
                                      "be completed because the input matrix is singular.",
                                      where, (long long)i + 1),
                   false;
        }
    return true;
}

fac_tensor *fac_cholesky_inverse(fac_tensor *L, bool upper)
{
    FAC__OP("cholesky_inverse");
    FAC__NEED(L);
    if (!fac__linalg_square("cholesky_inverse", L) || !fac__linalg_dtype("cholesky_inverse_out_cpu", L)) return NULL;
    fac__node *n = fac__record("CholeskyInverseBackward0", inverse_backward, 1, 2, sizeof upper, L);
    if (n && !n->failed) *(bool *)n->params = upper;
    fac_tensor *y = NULL;
    fac_scope {
        fac_dims batch = fac__batch_of(L);
        fac_tensor *l = fac__own(fac__wide(L, batch, false));
        fac_tensor *b = l && invertible(l) ? fac__own(fac__wide_eye(batch, fac__last(L, 1), fac__last(L, 1))) : NULL;
        if (!b) break;
        solve_in_place(l, b, upper);
        y = fac__narrow(b, (fac_dtype)L->dtype, false);
    }
    fac__save(n, 0, L);
    fac__save_output(n, 1, y, 0);
    return fac__result(n, y);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(linalg_cholesky, R(fac_linalg_cholesky(T(0), .upper = B(1))))
FAC__CALL(linalg_cholesky_ex, R2(info, fac_linalg_cholesky_ex(T(0), &info, .upper = B(1), .check_errors = B(2))))
FAC__CALL(cholesky, R(fac_cholesky(T(0), B(1))))
FAC__CALL(cholesky_solve, R(fac_cholesky_solve(T(0), T(1), B(2))))
FAC__CALL(cholesky_inverse, R(fac_cholesky_inverse(T(0), B(1))))

const fac__op fac__ops_linalg_cholesky[] = {
    {"linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor", linalg_cholesky, "L with A = L L^T."},
    {"linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
     linalg_cholesky_ex, "L with A = L L^T, and whether there is one."},
    {"cholesky(Tensor self, bool upper=False) -> Tensor", cholesky, "L with A = L L^T."},
    {"cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor", cholesky_solve,
     "X with A X = B, from the Cholesky factor of A."},
    {"cholesky_inverse(Tensor self, bool upper=False) -> Tensor", cholesky_inverse,
     "The inverse of A, from its Cholesky factor."},
    {0},
};
