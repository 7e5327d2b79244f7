/* Floor 4. LU factorisation, and equations solved with the factors (facula/ops_linalg.h). */
#include "linalg_parts.h"

bool fac__lu_in_place(fac_tensor *a, fac_tensor **pivots, fac_tensor **info)
{
    int64_t m = fac__last(a, 2), n = fac__last(a, 1), count = m < n ? m : n;
    fac_dims batch = fac__batch_of(a), vectors = fac__batch_with(batch, 1, count, 0);
    *pivots = fac__own(fac__new(FAC_INT32, vectors.n, vectors.d));
    *info = *pivots ? fac__own(fac__new(FAC_INT32, batch.n, batch.d)) : NULL;
    if (!*info) return false;
    fac__lu_args args = {.batch = fac__batch_count(batch),
                         .m = m,
                         .n = n,
                         .a = fac__data(a),
                         .pivots = fac__data(*pivots),
                         .info = fac__data(*info)};
    FAC__LAUNCH(fac__k_lu, args);
    return true;
}

static void swap_rows(const fac_tensor *pivots, const fac_tensor *b, bool flip, bool back)
{
    int64_t count = fac__last(pivots, 1);
    bool one = pivots->numel == count;
    fac__swap_rows_args args = {.batch = fac__batch_count(fac__batch_of(b)),
                                .n = fac__last(b, flip ? 1 : 2),
                                .k = fac__last(b, flip ? 2 : 1),
                                .pivot_count = count,
                                .pivot_batch = one ? 0 : count,
                                .pivots = fac__data(pivots),
                                .b = fac__matrices_of(b, flip),
                                .back = back};
    FAC__LAUNCH(fac__k_swap_rows, args);
}

/* P L U X = B: swaps, L, U. The transposed: U^T, L^T, swaps back. With X on the left all is transposed once more. */
void fac__lu_solve_in_place(const fac_tensor *LU, const fac_tensor *pivots, fac_tensor *B, bool left, bool adjoint)
{
    bool flip = !left, transposed = adjoint != flip;
    if (!transposed) swap_rows(pivots, B, flip, false);
    for (int step = 0; step < 2; step++) {
        bool lower_factor = step == (int)transposed;
        fac__trisolve_args args = {.batch = fac__batch_count(fac__batch_of(B)),
                                   .n = fac__last(LU, 1),
                                   .k = fac__last(B, flip ? 2 : 1),
                                   .a = fac__matrices_of(LU, transposed),
                                   .b = fac__matrices_of(B, flip),
                                   .upper = lower_factor == transposed,
                                   .unit = lower_factor};
        FAC__LAUNCH(fac__k_trisolve, args);
    }
    if (transposed) swap_rows(pivots, B, flip, true);
}

/* ---- factors --------------------------------------------------------------------------------------------------- */

/* With M = P^T A = L U and parts L = [L1; L2], U = [U1 U2] around the square L1 and U1,
 *     dM = [dM1 dM2; dM3]:  L1^-1 dM1 U1^-1 = L1^-1 dL1 + dU1 U1^-1, a strictly lower and an upper triangle
 *     dL2 = (dM3 - L2 dU1) U1^-1,  dU2 = L1^-1 (dM2 - dL1 U2)
 * and the gradient is what is adjoint to that. g holds those of L below the diagonal, of U on and above it; the
 * products read no other. */
static void lu_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *LU = fac__saved(n, 0), *pivots = fac__saved(n, 1), *g = gy[0], *L, *U;
    if (!LU || !pivots) return;
    int64_t rows = fac__last(LU, 2), columns = fac__last(LU, 1), k = rows < columns ? rows : columns;
    fac_tensor *P = fac_lu_unpack(LU, pivots, true, true, &L, &U);
    if (!P) return;
    fac_tensor *L1t = fac_mT(fac_narrow(L, -2, 0, k)), *U1t = fac_mT(fac_narrow(U, -1, 0, k));
    fac_tensor *square = fac_narrow(fac_narrow(g, -2, 0, k), -1, 0, k);
    fac_tensor *lower = fac_matmul(L1t, square), *upper = fac_matmul(square, U1t), *rest = NULL;
    if (!lower || !upper) return;
    if (columns > k) {
        rest = fac_narrow(g, -1, k, columns - k);
        lower = fac_sub(lower, fac_matmul(rest, fac_mT(fac_narrow(U, -1, k, columns - k))));
        rest = fac_linalg_solve_triangular(L1t, rest, .upper = true, .unitriangular = true);
    } else if (rows > k) {
        rest = fac_narrow(g, -2, k, rows - k);
        upper = fac_sub(upper, fac_matmul(fac_mT(fac_narrow(L, -2, k, rows - k)), rest));
        rest = fac_linalg_solve_triangular(U1t, rest, .left = false);
    }
    fac_tensor *m = fac_add(fac_tril(lower, -1), fac_triu(upper, 0));
    m = m ? fac_linalg_solve_triangular(L1t, m, .upper = true, .unitriangular = true) : NULL;
    m = m ? fac_linalg_solve_triangular(U1t, m, .left = false) : NULL;
    if (m && rows != columns)
        m = rest ? fac_cat((fac_tensor_list){(fac_tensor *[]){m, rest}, 2}, columns > k ? -1 : -2) : NULL;
    if (m) gx[0] = fac_matmul(P, m);
}

static fac_tensor *factor(const char *op, fac_tensor *A, bool pivot, fac_tensor **pivots, fac_tensor **info)
{
    if (A->ndim < 2)
        return fac__runtime_error("%s: Expected tensor with 2 or more dimensions. Got size: %s instead", op,
                                  fac__shape_text(A->ndim, A->shape));
    if (!fac__linalg_dtype("lu_cpu", A)) return NULL;
    if (!pivot) return fac__runtime_error("linalg.lu_factor: LU without pivoting is not implemented on the CPU");
    fac__node *n = fac__record("LinalgLuFactorExBackward0", lu_backward, 1, 2, 0, A);
    fac_tensor *y = NULL, *a = fac__own(fac__wide(A, fac__batch_of(A), false));
    if (a && fac__lu_in_place(a, pivots, info)) y = fac__narrow(a, (fac_dtype)A->dtype, false);
    if (y) fac__save(n, 1, *pivots);
    fac__save_output(n, 0, y, 0);
    return fac__result(n, y);
}

static fac_tensor *checked(const char *op, fac_tensor *LU, const fac_tensor *info)
{
    bool fine = LU && fac__linalg_succeeded(op, info,
                                            "U[%d,%d] is zero and using it on lu_solve would result in a division by "
                                            "zero. If you still want to perform the factorization, consider calling "
                                            "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)");
    return fine ? LU : NULL;
}

fac_tensor *fac_linalg_lu_factor_ex_with(fac_tensor *A, bool pivot, fac_tensor **pivots, fac_tensor **info,
                                         fac_linalg_options options)
{
    FAC__OP("linalg_lu_factor_ex");
    FAC__NEED(A);
    fac_tensor *swaps, *failed;
    if (pivots) *pivots = NULL;
    if (info) *info = NULL;
    fac_tensor *LU = factor("torch.lu_factor", A, pivot, &swaps, &failed);
    if (options.check_errors) LU = checked("torch.linalg.lu_factor_ex", LU, failed);
    if (pivots && LU) *pivots = swaps;
    if (info && LU) *info = failed;
    return LU;
}

fac_tensor *fac_linalg_lu_factor(fac_tensor *A, bool pivot, fac_tensor **pivots)
{
    FAC__OP("linalg_lu_factor");
    FAC__NEED(A);
    fac_tensor *swaps, *info;
    if (pivots) *pivots = NULL;
    fac_tensor *LU = factor("torch.lu_factor", A, pivot, &swaps, &info);
    LU = checked("torch.linalg.lu_factor", LU, info);
    if (pivots && LU) *pivots = swaps;
    return LU;
}

bool fac__pivots_fit(const char *op, const fac_tensor *LU, const fac_tensor *pivots)
{
    int64_t rows = fac__last(LU, 2), k = rows < fac__last(LU, 1) ? rows : fac__last(LU, 1);
    if (pivots->ndim != LU->ndim - 1 || fac__last(pivots, 1) != k)
        return fac__runtime_error("%s: Number of pivots per batch should be same as the dimension of the matrix", op),
               false;
    for (int d = 0; d < LU->ndim - 2; d++)
        if (pivots->shape[d] != LU->shape[d])
            return fac__runtime_error("%s: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with "
                                      "shape %s instead",
                                      op, fac__shape_text(pivots->ndim, pivots->shape)),
                   false;
    const int32_t *p = fac__host(pivots);
    for (int64_t i = 0; i < pivots->numel; i++)
        if (p[i] < 1 || p[i] > rows)
            return fac__runtime_error("pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you "
                                      "properly pass the result of lu_factor?"),
                   false;
    return true;
}

/* P with P M = M with the swaps taken back. */
static fac_tensor *permutation(fac_tensor *LU, fac_tensor *pivots)
{
    fac_tensor *p = NULL, *plain = fac__plain(pivots, FAC_INT32);
    if (!plain || !fac__pivots_fit("torch.lu_unpack", LU, plain)) return NULL;
    fac_tensor *eye = fac__own(fac__wide_eye(fac__batch_of(LU), fac__last(LU, 2), fac__last(LU, 2)));
    if (eye) swap_rows(plain, eye, false, true);
    if (eye) p = fac__narrow(eye, (fac_dtype)LU->dtype, false);
    return fac__own(p);
}

fac_tensor *fac_lu_unpack(fac_tensor *LU, fac_tensor *pivots, bool unpack_data, bool unpack_pivots, fac_tensor **L,
                          fac_tensor **U)
{
    FAC__OP("lu_unpack");
    FAC__NEED(LU);
    FAC__NEED(pivots);
    if (L) *L = NULL;
    if (U) *U = NULL;
    if (!fac__linalg_matrix("torch.lu_unpack", LU, "LU_data")) return NULL;
    if (pivots->dtype != FAC_INT32)
        return fac__runtime_error("torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
                                  "dtype.");
    fac_dtype dtype = (fac_dtype)LU->dtype;
    int64_t rows = fac__last(LU, 2), columns = fac__last(LU, 1), k = rows < columns ? rows : columns;
    fac_tensor *P = unpack_pivots ? permutation(LU, pivots) : fac_zeros(FAC_SHAPE(0), .dtype = dtype);
    if (P && L)
        *L = unpack_data ? fac_add(fac_tril(fac_narrow(LU, -1, 0, k), -1), fac_eye(rows, k, .dtype = dtype))
                         : fac_zeros(FAC_SHAPE(0), .dtype = dtype);
    if (P && U) *U = unpack_data ? fac_triu(fac_narrow(LU, -2, 0, k), 0) : fac_zeros(FAC_SHAPE(0), .dtype = dtype);
    return (L && !*L) || (U && !*U) ? NULL : P;
}

fac_tensor *fac_linalg_lu(fac_tensor *A, bool pivot, fac_tensor **L, fac_tensor **U)
{
    FAC__OP("linalg_lu");
    FAC__NEED(A);
    fac_tensor *pivots, *info;
    if (L) *L = NULL;
    if (U) *U = NULL;
    fac_tensor *LU = factor("linalg.lu", A, pivot, &pivots, &info);
    return LU ? fac_lu_unpack(LU, pivots, true, true, L, U) : NULL;
}

/* ---- solving --------------------------------------------------------------------------------------------------- */

/* op(A) X = B: dB = op(A)^-T g, dop(A) = -dB X^T. Of A = P M, M = L U, dL = strictly lower part of dM U^T, dU = upper
 * part of L^T dM. */
static void solve_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_linalg_options o = *(const fac_linalg_options *)n->params;
    fac_tensor *LU = fac__saved(n, 0), *pivots = fac__saved(n, 1), *X = fac__saved(n, 2), *L, *U;
    if (!LU || !pivots || !X) return;
    fac_tensor *g = gx[1] = fac_linalg_lu_solve(LU, pivots, gy[0], .left = o.left, .adjoint = !o.adjoint);
    if (!fac__wants(n, 0) || !g) return;
    bool straight = o.left != o.adjoint;
    fac_tensor *first = straight ? g : X, *second = straight ? X : g;
    fac_tensor *gA = o.left ? fac_matmul(first, fac_mT(second)) : fac_matmul(fac_mT(first), second);
    fac_tensor *P = gA ? fac_lu_unpack(LU, pivots, true, true, &L, &U) : NULL;
    fac_tensor *gM = P ? fac_neg(fac_matmul(fac_mT(P), gA)) : NULL;
    if (!gM) return;
    gx[0] = fac_add(fac_tril(fac_matmul(gM, fac_mT(U)), -1), fac_triu(fac_matmul(fac_mT(L), gM), 0));
}

fac_tensor *fac_linalg_lu_solve_with(fac_tensor *LU, fac_tensor *pivots, fac_tensor *B, fac_linalg_options options)
{
    FAC__OP("linalg_lu_solve");
    FAC__NEED(LU);
    FAC__NEED(pivots);
    FAC__NEED(B);
    fac_dims batch;
    if (!fac__linalg_floating("torch.linalg.lu_solve", LU, true)) return NULL;
    if (pivots->dtype != FAC_INT32)
        return fac__runtime_error("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32");
    if (!fac__linalg_fit("linalg.lu_solve", "LU", LU, B, options.left)) return NULL;
    fac_tensor *plain = fac__plain(pivots, FAC_INT32);
    if (!plain || !fac__pivots_fit("linalg.lu_solve", LU, plain)) return NULL;
    if (!fac__linalg_dtype("linalg.lu_solve_cpu", LU) || !fac__batch_common(LU, B, &batch)) return NULL;
    fac__node *n = fac__record("LinalgLuSolveBackward0", solve_backward, 1, 3, sizeof options, LU, B);
    if (n && !n->failed) *(fac_linalg_options *)n->params = options;
    fac_tensor *x = NULL;
    fac_scope {
        fac_tensor *lu = fac__own(fac__wide_read(LU, batch)), *b = lu ? fac__own(fac__wide(B, batch, false)) : NULL;
        fac_dims all = fac__batch_with(batch, 1, fac__last(LU, 1), 0);
        if (b && plain->numel != fac__last(LU, 1) && plain->numel != fac__batch_count(all))
            fac_no_grad
                plain = fac_contiguous(fac_expand(plain, all));
        if (!b || !plain) break;
        fac__lu_solve_in_place(lu, plain, b, options.left, options.adjoint);
        x = fac__narrow(b, (fac_dtype)B->dtype, false);
    }
    fac__save(n, 0, LU);
    fac__save(n, 1, pivots);
    fac__save_output(n, 2, x, 0);
    return fac__result(n, x);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(lu, R3(l, u, fac_linalg_lu(T(0), B(1), &l, &u)))
FAC__CALL(lu_factor, R2(pivots, fac_linalg_lu_factor(T(0), B(1), &pivots)))
FAC__CALL(lu_factor_ex, R3(pivots, info, fac_linalg_lu_factor_ex(T(0), B(1), &pivots, &info, .check_errors = B(2))))
/* torch.lu(A, pivot=True, get_infos=False), which does not check */
FAC__CALL(old_lu, R3(pivots, info, fac_linalg_lu_factor_ex(T(0), B(1), &pivots, &info)); if (!B(2)) count = 2)
FAC__CALL(lu_unpack, R3(l, u, fac_lu_unpack(T(0), T(1), B(2), B(3), &l, &u)))
FAC__CALL(lu_solve, R(fac_linalg_lu_solve(T(0), T(1), T(2), .left = B(3), .adjoint = B(4))))
FAC__CALL(old_lu_solve, R(fac_linalg_lu_solve(T(1), T(2), T(0))))

const fac__op fac__ops_linalg_lu[] = {
    {"linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)", lu, "A = P L U"},
    {"linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)", lu_factor,
     "A = P L U, with L and U in one matrix."},
    {"linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, "
     "Tensor info)",
     lu_factor_ex, "A = P L U, with L and U in one matrix, and where U has a zero."},
    {"lu(Tensor A, bool pivot=True, bool get_infos=False) -> Tensor[]", old_lu, "The same as linalg.lu_factor_ex."},
    {"_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor LU, Tensor pivots, Tensor info)",
     lu_factor_ex, "The same as linalg.lu_factor_ex."},
    {"lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor "
     "L, Tensor U)",
     lu_unpack, "P, L and U from the two in one matrix and the pivots."},
    {"linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor", lu_solve,
     "X with A X = B, from the LU factors of A."},
    {"lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor", old_lu_solve,
     "X with A X = self, from the LU factors of A."},
    {0},
};
