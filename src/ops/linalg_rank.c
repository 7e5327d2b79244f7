/* Floor 4. What counts as zero among singular values: pseudo-inverse and rank (facula/ops_spectral.h). */
#include <float.h>
#include <math.h>

#include "facula/autograd.h"
#include "facula/ops_spectral.h"
#include "linalg_parts.h"

static fac_tensor *number(double v)
{
    return fac_scalar_tensor(v, .dtype = FAC_FLOAT64);
}

/* max(atol, rtol * largest), in double where they are numbers; largest is [..., 1]. */
static fac_tensor *limit(const fac_rank_options *o, fac_tensor *x, fac_tensor *largest)
{
    int64_t m = x->shape[x->ndim - 2], n = x->shape[x->ndim - 1];
    double usual = (x->dtype == FAC_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON) * (double)(m > n ? m : n);
    bool has_atol = o->atol_tensor || !isnan(o->atol), has_rtol = o->rtol_tensor || !isnan(o->rtol);
    fac_tensor *atol = o->atol_tensor ? o->atol_tensor : number(has_atol ? o->atol : 0);
    fac_tensor *rtol = o->rtol_tensor ? o->rtol_tensor : number(has_rtol ? o->rtol : usual);
    if (has_atol && !has_rtol) rtol = fac_where(fac_gt_scalar(atol, 0), number(0), rtol);
    return fac_maximum(fac_unsqueeze(atol, -1), fac_mul(fac_unsqueeze(rtol, -1), largest));
}

/* ---- pinv ------------------------------------------------------------------------------------------------------ */

/* V diag(1 / S) U^T, where S is above the limit. */
static fac_tensor *pinv_value(fac_tensor *x, const fac_rank_options *o)
{
    fac_tensor *u, *v, *s, *size;
    if (o->hermitian) {
        s = fac_linalg_eigh(x, "L", &u);
        v = u;
        size = fac_abs(s);
    } else {
        u = fac_linalg_svd(x, false, &s, &v);
        v = fac_mT(v);
        size = s;
    }
    if (!size || !v) return NULL;
    if (!x->numel) { /* without a largest singular value */
        fac_dims shape = fac_shape(x);
        shape.d[shape.n - 2] = x->shape[x->ndim - 1];
        shape.d[shape.n - 1] = x->shape[x->ndim - 2];
        return fac_zeros(shape, .dtype = (fac_dtype)x->dtype);
    }
    fac_tensor *counts = fac_gt(size, limit(o, x, fac_amax(size, .dim = -1, .keepdim = true)));
    fac_tensor *inverse = fac_where(counts, fac_reciprocal(s), fac_zeros_like(s));
    return fac_matmul(fac_mul(v, fac_unsqueeze(inverse, -2)), fac_mT(u));
}

/* Golub and Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems, 1973; with the products
 * ordered so that the smaller matrices come first, as in PyTorch. */
static void pinv_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *a = fac__saved(n, 0), *p = fac__saved(n, 1);
    if (!a || !p) return;
    fac_tensor *pt = fac_mT(p), *gt = fac_mT(gy[0]);
    if (a->shape[a->ndim - 2] <= a->shape[a->ndim - 1]) {
        fac_tensor *k = fac_matmul(gt, p), *kpt = fac_matmul(k, pt);
        fac_tensor *inside = fac_sub(kpt, fac_mT(fac_matmul(p, k)));
        inside = fac_sub(inside, fac_matmul(fac_matmul(a, p), kpt));
        gx[0] = fac_add(inside, fac_matmul(fac_matmul(pt, p), fac_sub(gt, fac_matmul(k, a))));
    } else {
        fac_tensor *k = fac_matmul(p, gt), *ptk = fac_matmul(pt, k);
        fac_tensor *inside = fac_sub(ptk, fac_mT(fac_matmul(k, p)));
        inside = fac_add(inside, fac_matmul(fac_matmul(fac_sub(gt, fac_matmul(a, k)), p), pt));
        gx[0] = fac_sub(inside, fac_matmul(fac_matmul(ptk, p), a));
    }
}

fac_tensor *fac_linalg_pinv_with(fac_tensor *self, fac_rank_options options)
{
    FAC__OP("linalg.pinv");
    FAC__NEED(self);
    if (self->ndim < 2 || (self->dtype != FAC_FLOAT32 && self->dtype != FAC_FLOAT64))
        return fac__runtime_error("linalg.pinv(%s{%s}): expected a tensor with 2 or more dimensions of float, double, "
                                  "cfloat or cdouble types",
                                  fac__dtype_word((fac_dtype)self->dtype), fac__shape_text(self->ndim, self->shape));
    fac__node *n = fac__record("LinalgPinvBackward0", pinv_backward, 1, 2, 0, self);
    fac_tensor *y = NULL;
    fac_scope
        fac_no_grad
            y = fac_keep(pinv_value(self, &options));
    fac__save(n, 0, self);
    fac__save_output(n, 1, y, 0);
    return fac__result(n, y);
}

fac_tensor *fac_pinverse(fac_tensor *self, double rcond)
{
    return fac_linalg_pinv(self, .rtol = rcond, .atol = 0);
}

/* ---- matrix_rank ----------------------------------------------------------------------------------------------- */

fac_tensor *fac_linalg_matrix_rank_with(fac_tensor *self, fac_rank_options options)
{
    FAC__OP("linalg.matrix_rank");
    FAC__NEED(self);
    if (!fac__linalg_matrix("torch.linalg.matrix_rank", self, "input")) return NULL;
    if (self->dtype != FAC_FLOAT32 && self->dtype != FAC_FLOAT64)
        return fac__runtime_error("This function doesn't handle types other than float and double");
    fac_tensor *y = NULL;
    fac_scope {
        fac_no_grad {
            fac_dims batch = fac_shape(self);
            batch.n -= 2;
            fac_tensor *s = options.hermitian ? fac_abs(fac_linalg_eigvalsh(self, "L")) : fac_linalg_svdvals(self);
            if (s && !self->numel)
                y = fac_escape(fac_zeros(batch, .dtype = FAC_INT64));
            else if (s)
                y = fac_escape(
                    fac_sum(fac_gt(s, limit(&options, self, fac_amax(s, .dim = -1, .keepdim = true))), .dim = -1));
        }
    }
    return y;
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

#define LIMITS(...) FAC_OPTIONS(fac_rank_options, __VA_ARGS__)
#define OR_NAN(i) (GIVEN(i) ? F(i) : (double)NAN)
#define RANK_CALLS(name)                                                                                               \
    FAC__CALL(name##_numbers,                                                                                          \
              R(fac_linalg_##name##_with(T(0), LIMITS(.atol = OR_NAN(1), .rtol = OR_NAN(2), .hermitian = B(3)))))      \
    FAC__CALL(name##_tensors,                                                                                          \
              R(fac_linalg_##name##_with(T(0), LIMITS(.atol_tensor = T(1), .rtol_tensor = T(2), .hermitian = B(3)))))
RANK_CALLS(pinv)
RANK_CALLS(matrix_rank)
FAC__CALL(pinv_rcond, R(fac_linalg_pinv(T(0), .atol = 0, .rtol = F(1), .hermitian = B(2))))
FAC__CALL(pinv_rcond_tensor, R(fac_linalg_pinv(T(0), .atol = 0, .rtol_tensor = T(1), .hermitian = B(2))))
FAC__CALL(pinverse, R(fac_pinverse(T(0), F(1))))
FAC__CALL(rank_tol, R(fac_linalg_matrix_rank(T(0), .atol = F(1), .rtol = 0, .hermitian = B(2))))
FAC__CALL(rank_tol_tensor, R(fac_linalg_matrix_rank(T(0), .atol_tensor = T(1), .rtol = 0, .hermitian = B(2))))

const fac__op fac__ops_linalg_rank[] = {
    {"linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
     pinv_numbers, "The Moore-Penrose inverse."},
    {"linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> "
     "Tensor",
     pinv_tensors, "The Moore-Penrose inverse."},
    {"linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor", pinv_rcond, "The Moore-Penrose inverse."},
    {"linalg_pinv.rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False) -> Tensor", pinv_rcond_tensor,
     "The Moore-Penrose inverse."},
    {"pinverse(Tensor self, float rcond=1e-15) -> Tensor", pinverse, "The Moore-Penrose inverse."},
    {"linalg_matrix_rank.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> "
     "Tensor",
     matrix_rank_numbers, "How many singular values are not zero."},
    {"linalg_matrix_rank.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) "
     "-> "
     "Tensor",
     matrix_rank_tensors, "How many singular values are not zero."},
    {"linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor", rank_tol,
     "How many singular values are above tol."},
    {"linalg_matrix_rank.tol_tensor(Tensor self, Tensor tol, bool hermitian=False) -> Tensor", rank_tol_tensor,
     "How many singular values are above tol."},
    {0},
};
