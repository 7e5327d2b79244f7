/* Floor 4. Equations with symmetric matrices that need not be definite (facula/ops_linalg.h). PyTorch has no
 * derivatives here. */
#include "linalg_parts.h"

FAC__NO_DERIVATIVE(factor_backward, "derivative for aten::linalg_ldl_factor_ex is not implemented")
FAC__NO_DERIVATIVE(solve_backward, "derivative for aten::linalg_ldl_solve is not implemented")

static fac_tensor *factor(const char *check, fac_tensor *A, fac_tensor **pivots, fac_tensor **info)
{
    static const char op[] = "torch.linalg.ldl_factor_ex";
    if (pivots) *pivots = NULL;
    if (info) *info = NULL;
    if (!fac__linalg_square(op, A) || !fac__linalg_floating(op, A, true)) return NULL;
    if (!fac__linalg_dtype("ldl_factor_kernel_cpu", A)) return NULL;
    fac__node *n = fac__record("NotImplemented", factor_backward, 1, 0, 0, A);
    fac_tensor *y = NULL, *a = fac__own(fac__wide(A, fac__batch_of(A), false));
    fac_tensor *swaps = a ? fac__own(fac__new(FAC_INT32, A->ndim - 1, A->shape)) : NULL;
    fac_tensor *failed = swaps ? fac__own(fac__new(FAC_INT32, A->ndim - 2, A->shape)) : NULL;
    if (failed) {
        fac__ldl_args args = {.batch = fac__batch_count(fac__batch_of(A)),
                              .n = fac__last(A, 1),
                              .a = fac__data(a),
                              .pivots = fac__data(swaps),
                              .info = fac__data(failed)};
        FAC__LAUNCH(fac__k_ldl, args);
        fac_no_grad
            a = fac_tril(a, 0);
        bool fine = a && (!check || fac__linalg_succeeded(check, failed,
                                                          "The factorization could not be completed because the "
                                                          "input is singular (D[%d,%d] is zero)."));
        if (fine) y = fac__narrow(a, (fac_dtype)A->dtype, false);
    }
    y = fac__result(n, y);
    if (y && pivots) *pivots = swaps;
    if (y && info) *info = failed;
    return y;
}

fac_tensor *fac_linalg_ldl_factor_ex_with(fac_tensor *A, bool hermitian, fac_tensor **pivots, fac_tensor **info,
                                          fac_linalg_options options)
{
    FAC__OP("linalg_ldl_factor_ex");
    FAC__NEED(A);
    (void)hermitian;
    return factor(options.check_errors ? "torch.linalg.ldl_factor_ex" : NULL, A, pivots, info);
}

fac_tensor *fac_linalg_ldl_factor(fac_tensor *A, bool hermitian, fac_tensor **pivots)
{
    FAC__OP("linalg_ldl_factor");
    FAC__NEED(A);
    (void)hermitian;
    return factor("torch.linalg.ldl_factor", A, pivots, NULL);
}

/* Whether each pivot is a row, and negative ones come in pairs: what the kernel relies on. */
static bool pivots_fit(const fac_tensor *LD, const fac_tensor *pivots)
{
    int64_t n = fac__last(LD, 1);
    if (pivots->ndim != LD->ndim - 1 || (pivots->ndim && pivots->shape[pivots->ndim - 1] != n))
        return fac__runtime_error("torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but "
                                  "got pivots with shape %s instead",
                                  fac__shape_text(pivots->ndim, pivots->shape)),
               false;
    for (int d = 0; d < LD->ndim - 2; d++)
        if (pivots->shape[d] != LD->shape[d])
            return fac__runtime_error("torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, "
                                      "but got pivots with shape %s instead",
                                      fac__shape_text(pivots->ndim, pivots->shape)),
                   false;
    const int32_t *p = fac__host(pivots);
    for (int64_t i = 0; i < pivots->numel; i++) {
        int64_t row = p[i] < 0 ? -(int64_t)p[i] : p[i];
        bool paired = p[i] > 0 || (i % n + 1 < n && p[i + 1] < 0);
        if (p[i] < 0 && paired) i++;
        if (row < 1 || row > n || !paired)
            return fac__runtime_error("torch.linalg.ldl_solve: pivots are not those of a factorization"), false;
    }
    return true;
}

/* A batch as it is, or one for all, or broadcast; the scope's. */
static fac_tensor *pivots_for(fac_tensor *pivots, fac_dims batch, int64_t n)
{
    fac_dims all = fac__batch_with(batch, 1, n, 0);
    if (pivots->numel == n || pivots->numel == fac__batch_count(all)) return pivots;
    fac_tensor *y = NULL;
    fac_no_grad
        y = fac_contiguous(fac_expand(pivots, all));
    return y;
}

fac_tensor *fac_linalg_ldl_solve(fac_tensor *LD, fac_tensor *pivots, fac_tensor *B, bool hermitian)
{
    static const char op[] = "torch.linalg.ldl_solve";
    FAC__OP("linalg_ldl_solve");
    FAC__NEED(LD);
    FAC__NEED(pivots);
    FAC__NEED(B);
    (void)hermitian;
    fac_dims batch;
    if (!fac__linalg_square(op, LD) || !fac__linalg_floating(op, LD, true)) return NULL;
    if (B->ndim < 2)
        return fac__runtime_error("%s: Expected B to have at least 2 dimensions, but it has %d", op, B->ndim);
    if (!fac__linalg_old_fit(op, B, LD)) return NULL;
    if (fac_dtype_is_floating((fac_dtype)pivots->dtype) || pivots->dtype == FAC_BOOL)
        return fac__runtime_error("%s: Expected pivots to be integers. Got %s", op,
                                  fac__dtype_word((fac_dtype)pivots->dtype));
    fac_tensor *swaps = fac__plain(pivots, FAC_INT32), *x = NULL;
    if (!swaps || !pivots_fit(LD, swaps) || !fac__linalg_dtype("ldl_solve_kernel_cpu", LD)) return NULL;
    if (!fac__batch_common(LD, B, &batch)) return NULL;
    fac__node *node = fac__record("NotImplemented", solve_backward, 1, 0, 0, LD, B);
    fac_scope {
        int64_t n = fac__last(LD, 1);
        fac_tensor *ld = fac__own(fac__wide_read(LD, batch)), *b = ld ? fac__own(fac__wide(B, batch, false)) : NULL;
        swaps = b ? pivots_for(swaps, batch, n) : NULL;
        if (!swaps) break;
        fac__ldl_solve_args args = {.batch = fac__batch_count(batch),
                                    .n = n,
                                    .k = fac__last(B, 1),
                                    .a_batch = fac__matrices_of(ld, false).batch,
                                    .pivot_batch = swaps->numel == n ? 0 : n,
                                    .a = fac__data(ld),
                                    .pivots = fac__data(swaps),
                                    .b = fac__data(b)};
        FAC__LAUNCH(fac__k_ldl_solve, args);
        x = fac__narrow(b, (fac_dtype)B->dtype, false);
    }
    return fac__result(node, x);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(ldl_factor, R2(pivots, fac_linalg_ldl_factor(T(0), B(1), &pivots)))
FAC__CALL(ldl_factor_ex, R3(pivots, info, fac_linalg_ldl_factor_ex(T(0), B(1), &pivots, &info, .check_errors = B(2))))
FAC__CALL(ldl_solve, R(fac_linalg_ldl_solve(T(0), T(1), T(2), B(3))))

const fac__op fac__ops_linalg_ldl[] = {
    {"linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)", ldl_factor,
     "A = L D L^T, with L and D in one matrix."},
    {"linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor "
     "pivots, Tensor info)",
     ldl_factor_ex, "A = L D L^T, with L and D in one matrix, and where D is singular."},
    {"linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor", ldl_solve,
     "X with A X = B, from the L D L^T factors of A."},
    {0},
};
