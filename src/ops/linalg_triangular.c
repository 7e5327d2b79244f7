/* Floor 4. Equations with triangular matrices (facula/ops_linalg.h). */
#include "linalg_parts.h"

static fac_tensor *solve(fac_tensor *A, fac_tensor *B, fac_dims batch, fac_linalg_options o)
{
    fac_tensor *x = NULL;
    fac_scope {
        fac_tensor *a = fac__own(fac__wide_read(A, batch)), *b = a ? fac__own(fac__wide(B, batch, false)) : NULL;
        if (!b) break;
        bool flip = !o.left; /* X A = B is A^T X^T = B^T */
        fac__trisolve_args args = {.batch = fac__batch_count(batch),
                                   .n = fac__last(A, 1),
                                   .k = fac__last(B, flip ? 2 : 1),
                                   .a = fac__matrices_of(a, flip),
                                   .b = fac__matrices_of(b, flip),
                                   .upper = o.upper != flip,
                                   .unit = o.unitriangular};
        FAC__LAUNCH(fac__k_trisolve, args);
        x = fac__narrow(b, (fac_dtype)B->dtype, false);
    }
    return x;
}

/* op(A) X = B: dB = A^-T g, dA = -dB X^T where A was read. */
static void solve_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_linalg_options o = *(const fac_linalg_options *)n->params;
    fac_tensor *A = fac__saved(n, 0), *X = fac__saved(n, 1);
    if (!A || !X) return;
    gx[1] = fac_linalg_solve_triangular(fac_mT(A), gy[0], .upper = !o.upper, .left = o.left,
                                        .unitriangular = o.unitriangular);
    if (!fac__wants(n, 0) || !gx[1]) return;
    fac_tensor *g = fac_neg(o.left ? fac_matmul(gx[1], fac_mT(X)) : fac_matmul(fac_mT(X), gx[1]));
    if (g) gx[0] = o.upper ? fac_triu(g, o.unitriangular) : fac_tril(g, -(int)o.unitriangular);
}

static fac_tensor *recorded(const char *name, fac_tensor *A, fac_tensor *B, fac_linalg_options o)
{
    fac_dims batch;
    if (!fac__linalg_dtype("triangular_solve_cpu", A) || !fac__batch_common(A, B, &batch)) return NULL;
    fac__node *n = fac__record(name, solve_backward, 1, 2, sizeof o, A, B);
    if (n && !n->failed) *(fac_linalg_options *)n->params = o;
    fac_tensor *x = solve(A, B, batch, o);
    fac__save(n, 0, A);
    fac__save_output(n, 1, x, 0);
    return fac__result(n, x);
}

fac_tensor *fac_linalg_solve_triangular_with(fac_tensor *A, fac_tensor *B, fac_linalg_options options)
{
    FAC__OP("linalg_solve_triangular");
    FAC__NEED(A);
    FAC__NEED(B);
    if (!fac__linalg_fit("linalg.solve_triangular", "A", A, B, options.left)) return NULL;
    return recorded("LinalgSolveTriangularBackward0", A, B, options);
}

fac_tensor *fac_triangular_solve(fac_tensor *B, fac_tensor *A, bool upper, bool transpose, bool unitriangular,
                                 fac_tensor **coefficient)
{
    FAC__OP("triangular_solve");
    FAC__NEED(B);
    FAC__NEED(A);
    if (coefficient) *coefficient = NULL;
    if (B->ndim < 2 || A->ndim < 2)
        return fac__runtime_error(
            "torch.triangular_solve: Expected %s to have at least 2 dimensions, but it has %d dimensions instead",
            B->ndim < 2 ? "b" : "A", B->ndim < 2 ? B->ndim : A->ndim);
    fac_dims batch;
    if (!fac__linalg_old_fit("triangular_solve", B, A) || !fac__batch_common(A, B, &batch)) return NULL;
    fac_linalg_options o = fac_linalg_options_defaults();
    o.upper = upper != transpose;
    o.unitriangular = unitriangular;
    fac_tensor *a = transpose ? fac_mT(A) : A;
    fac_tensor *x = a ? recorded("TriangularSolveBackward0", a, B, o) : NULL;
    if (!x || !coefficient) return x;
    fac_tensor *all = fac_expand(A, fac__batch_with(batch, 2, fac__last(A, 2), fac__last(A, 1)));
    *coefficient = all ? fac_clone(all) : NULL;
    return *coefficient ? x : NULL;
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(solve_triangular,
          R(fac_linalg_solve_triangular(T(0), T(1), .upper = B(2), .left = B(3), .unitriangular = B(4))))
FAC__CALL(triangular_solve, R2(a, fac_triangular_solve(T(0), T(1), B(2), B(3), B(4), &a)))

const fac__op fac__ops_linalg_triangular[] = {
    {"linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> "
     "Tensor",
     solve_triangular, "X with A X = B, A a triangle."},
    {"triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> "
     "(Tensor solution, Tensor cloned_coefficient)",
     triangular_solve, "X with A X = B, A a triangle, and a copy of A."},
    {0},
};
