/* Floor 4. Systems of equations and inverses, by LU factorisation (facula/ops_linalg.h). */
#include "linalg_parts.h"

#include <string.h>

/* ---- solve ----------------------------------------------------------------------------------------------------- */

typedef struct equation {
    bool left, vector; /* B is a vector for each matrix */
} equation;

/* dB = A^-T g, dA = -dB X^T. The factors of A serve unless the gradient is to be differentiated again. */
static void solve_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    equation e = *(const equation *)n->params;
    fac_tensor *A = fac__saved(n, 0), *X = fac__saved(n, 1), *LU = fac__saved(n, 2), *pivots = fac__saved(n, 3);
    if (!A || !X || !LU || !pivots) return;
    fac_tensor *g = e.vector ? fac_unsqueeze(gy[0], -1) : gy[0];
    if (e.vector) X = fac_unsqueeze(X, -1);
    if (fac_is_grad_enabled())
        g = fac_linalg_solve(fac_mT(A), g, .left = e.left);
    else
        g = fac_linalg_lu_solve(LU, pivots, fac_to(g, FAC_FLOAT64), .left = e.left, .adjoint = true);
    if (!g) return;
    X = fac_to(X, fac_dtype_of(g));
    if (fac__wants(n, 1)) gx[1] = e.vector ? fac_squeeze_dim(g, -1) : g;
    if (fac__wants(n, 0)) gx[0] = fac_neg(e.left ? fac_matmul(g, fac_mT(X)) : fac_matmul(fac_mT(X), g));
}

/* What the node keeps of a float64 factorisation. */
static void save_factors(fac__node *n, int slot, fac_tensor *lu, fac_tensor *pivots)
{
    fac__save(n, slot, lu);
    fac__save(n, slot + 1, pivots);
}

/* X in the shape that B had. */
static fac_tensor *without_last(fac_tensor *x)
{
    if (!x) return NULL;
    fac_tensor *y = fac__new_view(x, x->ndim - 1, x->shape, x->strides, x->offset);
    fac_release(x);
    return y;
}

static bool is_vector(const fac_tensor *A, const fac_tensor *B)
{
    if (B->ndim == 1) return true;
    return A->ndim - 1 == B->ndim && !memcmp(A->shape, B->shape, (size_t)B->ndim * sizeof *A->shape);
}

static fac_tensor *solve(const char *check, fac_tensor *A, fac_tensor *B, bool left, fac_tensor **info)
{
    fac_tensor *lu, *pivots, *x = NULL, *b;
    fac_dims batch;
    *info = NULL;
    if (!fac__linalg_floating("linalg.solve", A, true) || !fac__linalg_matrix("linalg.solve", A, "A")) return NULL;
    equation e = {left, is_vector(A, B)};
    if (e.vector && !left)
        return fac__runtime_error("linalg.solve: Vector broadcasting of the left hand side is not supported for "
                                  "left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)");
    fac_tensor *matrix = B;
    if (e.vector)
        fac_no_grad
            matrix = fac_unsqueeze(B, -1);
    if (!matrix || !fac__linalg_fit("linalg.solve", "A", A, matrix, left)) return NULL;
    if (!fac__linalg_dtype("lu_cpu", A) || !fac__batch_common(A, matrix, &batch)) return NULL;
    lu = fac__own(fac__wide(A, fac__batch_of(A), false));
    if (!lu || !fac__lu_in_place(lu, &pivots, info)) return NULL;
    if (check && !fac__linalg_succeeded(check, *info, "The solver failed because the input matrix is singular."))
        return NULL;
    fac__node *n = fac__record("LinalgSolveExBackward0", solve_backward, 1, 4, sizeof e, A, B);
    if (n && !n->failed) *(equation *)n->params = e;
    fac_scope {
        fac_tensor *all = lu, *swaps = pivots;
        int64_t count = fac__batch_count(batch), own = fac__batch_count(fac__batch_of(A));
        if (own != 1 && own != count)
            fac_no_grad {
                all = fac_contiguous(fac_expand(lu, fac__batch_with(batch, 2, fac__last(A, 1), fac__last(A, 1))));
                swaps = fac_contiguous(fac_expand(pivots, fac__batch_with(batch, 1, fac__last(A, 1), 0)));
            }
        b = all && swaps ? fac__own(fac__wide(matrix, batch, false)) : NULL;
        if (!b) break;
        fac__lu_solve_in_place(all, swaps, b, left, false);
        x = fac__narrow(b, (fac_dtype)B->dtype, false);
        if (e.vector) x = without_last(x);
    }
    fac__save(n, 0, A);
    fac__save_output(n, 1, x, 0);
    save_factors(n, 2, lu, pivots);
    return fac__result(n, x);
}

fac_tensor *fac_linalg_solve_ex_with(fac_tensor *A, fac_tensor *B, fac_tensor **info, fac_linalg_options options)
{
    FAC__OP("linalg_solve_ex");
    FAC__NEED(A);
    FAC__NEED(B);
    fac_tensor *own;
    if (info) *info = NULL;
    fac_tensor *x = solve(options.check_errors ? "linalg.solve_ex" : NULL, A, B, options.left, &own);
    if (x && info) *info = own;
    return x;
}

fac_tensor *fac_linalg_solve_with(fac_tensor *A, fac_tensor *B, fac_linalg_options options)
{
    FAC__OP("linalg_solve");
    FAC__NEED(A);
    FAC__NEED(B);
    fac_tensor *info;
    return solve("torch.linalg.solve", A, B, options.left, &info);
}

/* ---- inverse --------------------------------------------------------------------------------------------------- */

static void inverse_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *y = fac__saved(n, 0), *t = y ? fac_mT(y) : NULL;
    if (t) gx[0] = fac_neg(fac_matmul(t, fac_matmul(gy[0], t)));
}

static fac_tensor *inverse(const char *check, fac_tensor *A, fac_tensor **info)
{
    *info = NULL;
    if (!fac__linalg_square("linalg.inv", A) || !fac__linalg_floating("linalg.inv", A, false)) return NULL;
    fac__node *n = fac__record("LinalgInvExBackward0", inverse_backward, 1, 1, 0, A);
    fac_tensor *y = NULL, *pivots;
    fac_dims batch = fac__batch_of(A);
    fac_tensor *lu = fac__own(fac__wide(A, batch, false));
    bool fine = lu && fac__lu_in_place(lu, &pivots, info) &&
                (!check || fac__linalg_succeeded(check, *info,
                                                 "The diagonal element %d is zero, the inversion could not be "
                                                 "completed because the input matrix is singular."));
    fac_tensor *b = fine ? fac__own(fac__wide_eye(batch, fac__last(A, 1), fac__last(A, 1))) : NULL;
    if (b) fac__lu_solve_in_place(lu, pivots, b, true, false);
    if (b) y = fac__narrow(b, (fac_dtype)A->dtype, false);
    fac__save_output(n, 0, y, 0);
    return fac__result(n, y);
}

fac_tensor *fac_linalg_inv_ex_with(fac_tensor *A, fac_tensor **info, fac_linalg_options options)
{
    FAC__OP("linalg_inv_ex");
    FAC__NEED(A);
    fac_tensor *own;
    if (info) *info = NULL;
    fac_tensor *y = inverse(options.check_errors ? "linalg.inv_ex" : NULL, A, &own);
    if (y && info) *info = own;
    return y;
}

fac_tensor *fac_linalg_inv(fac_tensor *A)
{
    FAC__OP("linalg_inv");
    FAC__NEED(A);
    fac_tensor *info;
    return inverse("linalg.inv", A, &info);
}

/* ---- tensors as matrices --------------------------------------------------------------------------------------- */

/* Dimensions from..to, and their product. */
static fac_dims dims_of(const fac_tensor *t, int from, int to, int64_t *count)
{
    fac_dims d = fac_dims_make(to - from, t->shape + from);
    *count = fac__batch_count(d);
    return d;
}

fac_tensor *fac_linalg_tensorinv(fac_tensor *self, int ind)
{
    FAC__OP("linalg_tensorinv");
    FAC__NEED(self);
    if (ind <= 0) return fac__runtime_error("Expected a strictly positive integer for 'ind', but got %d", ind);
    int64_t rows, columns;
    int at = ind < self->ndim ? ind : self->ndim;
    fac_dims first = dims_of(self, 0, at, &rows), shape = dims_of(self, at, self->ndim, &columns);
    if (rows != columns)
        return fac__runtime_error("Expected self to satisfy the requirement prod(self.shape[ind:]) == "
                                  "prod(self.shape[:ind]), but got %lld != %lld",
                                  (long long)columns, (long long)rows);
    for (int d = 0; d < first.n; d++)
        shape.d[shape.n++] = first.d[d];
    fac_tensor *matrix = fac_reshape(self, FAC_SHAPE(rows, rows));
    fac_tensor *y = matrix ? fac_linalg_inv(matrix) : NULL;
    return y ? fac_reshape(y, shape) : NULL;
}

fac_tensor *fac_linalg_tensorsolve(fac_tensor *A, fac_tensor *B, fac_dims dims)
{
    FAC__OP("linalg_tensorsolve");
    FAC__NEED(A);
    FAC__NEED(B);
    if (dims.n > A->ndim) return fac__runtime_error("movedim: more dims than the tensor's %d", A->ndim);
    if (dims.n > 0) {
        fac_dims to = {.n = dims.n};
        for (int i = 0; i < dims.n; i++)
            to.d[i] = A->ndim - dims.n + i;
        A = fac_movedim(A, dims, to);
        if (!A) return NULL;
    }
    int64_t rows, columns;
    int at = B->ndim < A->ndim ? B->ndim : A->ndim;
    fac_dims shape = dims_of(A, at, A->ndim, &columns);
    dims_of(A, 0, at, &rows);
    if (rows != columns)
        return fac__runtime_error("Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
                                  "prod(self.shape[:other.ndim]), but got %lld != %lld",
                                  (long long)columns, (long long)rows);
    fac_tensor *matrix = fac_reshape(A, FAC_SHAPE(rows, rows));
    fac_tensor *x = matrix ? fac_linalg_solve(matrix, fac_ravel(B)) : NULL;
    return x ? fac_reshape(x, shape) : NULL;
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(linalg_solve, R(fac_linalg_solve(T(0), T(1), .left = B(2))))
FAC__CALL(linalg_solve_ex, R2(info, fac_linalg_solve_ex(T(0), T(1), &info, .left = B(2), .check_errors = B(3))))
FAC__CALL(linalg_inv, R(fac_linalg_inv(T(0))))
FAC__CALL(linalg_inv_ex, R2(info, fac_linalg_inv_ex(T(0), &info, .check_errors = B(1))))
FAC__CALL(tensorinv, R(fac_linalg_tensorinv(T(0), (int)I(1))))
FAC__CALL(tensorsolve, R(fac_linalg_tensorsolve(T(0), T(1), L(2))))

const fac__op fac__ops_linalg_solve[] = {
    {"linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor", linalg_solve, "X with A X = B"},
    {"linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)",
     linalg_solve_ex, "X with A X = B, and whether A is singular."},
    {"linalg_inv(Tensor A) -> Tensor", linalg_inv, "The inverse of a matrix."},
    {"linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)", linalg_inv_ex,
     "The inverse of a matrix, and whether there is one."},
    {"linalg_tensorinv(Tensor self, int ind=2) -> Tensor", tensorinv, "The inverse for tensordot."},
    {"linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor", tensorsolve,
     "X with tensordot(A, X) = B"},
    {0},
};
