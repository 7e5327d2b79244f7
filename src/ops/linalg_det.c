/* Floor 4. Determinants, by LU factorisation (facula/ops_linalg.h). */
#include "linalg_parts.h"

#include <float.h>
#include <math.h>

/* Of the float64 factors: the diagonal of U and the sign of the permutation. */
typedef struct factors {
    fac_tensor *lu, *pivots, *diagonal, *sign;
} factors;

static fac_tensor *permutation_sign(fac_tensor *pivots)
{
    int64_t n = fac__last(pivots, 1);
    fac_tensor *still = fac_arange(1, n + 1, 1, .dtype = FAC_INT32);
    fac_tensor *swaps = still ? fac_sum(fac_ne(pivots, still), .dim = -1, .dtype = FAC_FLOAT64) : NULL;
    return swaps ? fac_rsub_scalar(fac_mul_scalar(fac_remainder_scalar(swaps, fac_scalar_int(2)), 2), FAC_SCALAR(1))
                 : NULL;
}

static bool factorise(fac_tensor *A, factors *f)
{
    fac_tensor *info;
    f->lu = fac__own(fac__wide(A, fac__batch_of(A), false));
    if (!f->lu || !fac__lu_in_place(f->lu, &f->pivots, &info)) return false;
    f->diagonal = fac_diagonal(f->lu, 0, -2, -1);
    f->sign = permutation_sign(f->pivots);
    return f->diagonal && f->sign;
}

/* d [...] as the matrices d I. */
static fac_tensor *on_diagonal(fac_tensor *d, fac_tensor *pivots)
{
    fac_tensor *column = d ? fac_unsqueeze(d, -1) : NULL;
    return column ? fac_diag_embed(fac_expand(column, fac_shape(pivots)), 0, -2, -1) : NULL;
}

/* ---- det ------------------------------------------------------------------------------------------------------- */

/* dA = g adj(A)^T: det is smooth where A is singular, so there an epsilon takes the place of a zero of U, in the
 * determinant and in the factors alike. */
static void det_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *A = fac__saved(n, 0), *lu = fac__saved(n, 1), *pivots = fac__saved(n, 2), *det = fac__saved(n, 3);
    if (!A || !lu || !pivots || !det) return;
    if (fac_is_grad_enabled()) {
        fac_tensor *d = on_diagonal(fac_mul(gy[0], det), pivots);
        if (d) gx[0] = fac_linalg_solve_ex(fac_mT(A), d, NULL);
        return;
    }
    fac_tensor *u = fac_diagonal(lu, 0, -2, -1), *zero = u ? fac_eq_scalar(u, FAC_SCALAR(0)) : NULL;
    fac_tensor *more = zero ? fac_mul_scalar(fac_to(zero, FAC_FLOAT64), DBL_EPSILON) : NULL;
    fac_tensor *g = more ? fac_mul(fac_prod(fac_add(u, more), .dim = -1), permutation_sign(pivots)) : NULL;
    fac_tensor *d = g ? on_diagonal(fac_mul(g, fac_to(gy[0], FAC_FLOAT64)), pivots) : NULL;
    fac_tensor *solid = d ? fac_add(lu, fac_diag_embed(more, 0, -2, -1)) : NULL;
    if (solid) gx[0] = fac_linalg_lu_solve(solid, pivots, d, .adjoint = true);
}

fac_tensor *fac_linalg_det(fac_tensor *A)
{
    FAC__OP("linalg_det");
    FAC__NEED(A);
    if (!fac__linalg_square("linalg.det", A) || !fac__linalg_floating("linalg.det", A, true)) return NULL;
    if (!fac__linalg_dtype("lu_cpu", A)) return NULL;
    fac__node *n = fac__record("LinalgDetBackward0", det_backward, 1, 4, 0, A);
    fac_tensor *y = NULL;
    factors f;
    fac_scope
        fac_no_grad {
            if (!factorise(A, &f)) break;
            fac_tensor *product = fac_mul(fac_prod(f.diagonal, .dim = -1), f.sign);
            y = product ? fac__narrow(product, (fac_dtype)A->dtype, false) : NULL;
            fac__save(n, 0, A);
            fac__save(n, 1, f.lu);
            fac__save(n, 2, f.pivots);
        }
    fac__save_output(n, 3, y, 0);
    return fac__result(n, y);
}

/* ---- slogdet --------------------------------------------------------------------------------------------------- */

/* dA = g A^-T; the sign has no slope. */
static void slogdet_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *A = fac__saved(n, 0), *lu = fac__saved(n, 1), *pivots = fac__saved(n, 2);
    if (!A || !lu || !pivots || !gy[1]) return;
    if (fac_is_grad_enabled()) {
        fac_tensor *d = on_diagonal(gy[1], pivots);
        if (d) gx[0] = fac_linalg_solve_ex(fac_mT(A), d, NULL);
    } else {
        fac_tensor *d = on_diagonal(fac_to(gy[1], FAC_FLOAT64), pivots);
        if (d) gx[0] = fac_linalg_lu_solve(lu, pivots, d, .adjoint = true);
    }
}

static fac_tensor *slogdet(fac_tensor *A, fac_tensor **logabsdet)
{
    fac__node *n = fac__record("LinalgSlogdetBackward0", slogdet_backward, 2, 3, 0, A);
    fac_tensor *sign = NULL, *logarithm = NULL;
    factors f;
    fac_scope
        fac_no_grad {
            if (!factorise(A, &f)) break;
            fac_tensor *signs = fac_mul(fac_prod(fac_sign(f.diagonal), .dim = -1), f.sign);
            fac_tensor *sum = signs ? fac_sum(fac_log(fac_abs(f.diagonal)), .dim = -1) : NULL;
            if (!sum) break;
            sign = fac__narrow(signs, (fac_dtype)A->dtype, false);
            logarithm = fac__narrow(sum, (fac_dtype)A->dtype, false);
            fac__save(n, 0, A);
            fac__save(n, 1, f.lu);
            fac__save(n, 2, f.pivots);
        }
    sign = fac__result_nr(n, sign, 0);
    *logabsdet = fac__result_nr(n, logarithm, 1);
    fac__done(n);
    return *logabsdet ? sign : NULL;
}

fac_tensor *fac_linalg_slogdet(fac_tensor *A, fac_tensor **logabsdet)
{
    FAC__OP("linalg_slogdet");
    FAC__NEED(A);
    fac_tensor *logarithm;
    if (logabsdet) *logabsdet = NULL;
    if (!fac__linalg_square("linalg.slogdet", A) || !fac__linalg_floating("linalg.slogdet", A, false)) return NULL;
    fac_tensor *sign = slogdet(A, &logarithm);
    if (sign && logabsdet) *logabsdet = logarithm;
    return sign;
}

fac_tensor *fac_logdet(fac_tensor *A)
{
    FAC__OP("logdet");
    FAC__NEED(A);
    fac_tensor *logarithm;
    if (!fac__linalg_square("logdet", A) || !fac__linalg_floating("logdet", A, false)) return NULL;
    fac_tensor *sign = slogdet(A, &logarithm), *negative = sign ? fac_lt_scalar(sign, FAC_SCALAR(0)) : NULL;
    fac_tensor *nan = negative ? fac_full_like(sign, NAN) : NULL;
    return nan ? fac_where(negative, nan, logarithm) : NULL;
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(det, R(fac_linalg_det(T(0))))
FAC__CALL(slogdet_, R2(logarithm, fac_linalg_slogdet(T(0), &logarithm)))
FAC__CALL(logdet, R(fac_logdet(T(0))))

const fac__op fac__ops_linalg_det[] = {
    {"linalg_det(Tensor A) -> Tensor", det, "The determinant."},
    {"linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)", slogdet_,
     "Sign and logarithm of the absolute value of the determinant."},
    {"logdet(Tensor self) -> Tensor", logdet, "The logarithm of the determinant."},
    {0},
};
