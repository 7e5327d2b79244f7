/* Floor 4. Norms of matrices, and what goes by norms (facula/ops_spectral.h). */
#include <math.h>
#include <string.h>

#include "facula/ops_spectral.h"
#include "linalg_parts.h"
#include "reduction.h"

/* ---- matrix_norm ------------------------------------------------------------------------------------------------ */

static bool is_single_or_double(const fac_tensor *x)
{
    if (x->dtype == FAC_FLOAT32 || x->dtype == FAC_FLOAT64) return true;
    return fac__runtime_error("linalg.matrix_norm: Low precision dtypes not supported. Got %s",
                              fac__dtype_word((fac_dtype)x->dtype)),
           false;
}

/* Two dimensions of x that differ, counted from the front. */
static bool two_dims(const fac_tensor *x, fac_dims dim, int d[2])
{
    if (dim.n != 2)
        return fac__runtime_error("linalg.matrix_norm: dim must be a 2-tuple. Got %s",
                                  fac__shape_text(dim.n < FAC_MAX_DIMS ? dim.n : FAC_MAX_DIMS, dim.d)),
               false;
    for (int i = 0; i < 2; i++)
        if ((d[i] = fac__wrap_dim(dim.d[i], x->ndim)) < 0) return false;
    if (d[0] != d[1]) return true;
    return fac__runtime_error("linalg.matrix_norm: dims must be different. Got (%lld, %lld)", (long long)dim.d[0],
                              (long long)dim.d[1]),
           false;
}

/* What is left of singular values over dimensions d of x, which were its last: the kept dims of 1 in their places. */
static fac_tensor *kept(fac_tensor *y, const int d[2], bool keepdim)
{
    if (!keepdim) return y;
    return fac_unsqueeze(fac_unsqueeze(y, d[0] < d[1] ? d[0] : d[1]), d[0] < d[1] ? d[1] : d[0]);
}

static fac_tensor *singular_values(fac_tensor *x, const int d[2])
{
    return fac_linalg_svdvals(fac_movedim(x, FAC_DIMS(d[0], d[1]), FAC_DIMS(-2, -1)));
}

static fac_tensor *extreme(fac_tensor *x, int dim, bool keepdim, bool largest)
{
    return largest ? fac_amax(x, .dim = dim, .keepdim = keepdim) : fac_amin(x, .dim = dim, .keepdim = keepdim);
}

fac_tensor *fac_linalg_matrix_norm_with(fac_tensor *self, fac_linalg_norm_options o)
{
    FAC__OP("linalg.matrix_norm");
    FAC__NEED(self);
    bool fro = o.name ? !strcmp(o.name, "fro") : isnan(o.ord), nuc = o.name && !strcmp(o.name, "nuc");
    double size = fabs(o.ord);
    if (o.name && !fro && !nuc) return fac__runtime_error("linalg.matrix_norm: Order %s not supported.", o.name);
    if (!o.name && !fro && size != 1 && size != 2 && !isinf(size))
        return fac__runtime_error("linalg.matrix_norm: Order %g not supported.", o.ord);
    if (!fac__linalg_matrix("linalg.matrix_norm", self, "A")) return NULL;
    int d[2];
    bool spectral = nuc || (!fro && size == 2);
    if (!fac__norm_dtype_fits(self, o.dtype, "linalg.matrix_norm") || (spectral && !is_single_or_double(self)) ||
        !two_dims(self, o.dim.n < 0 ? FAC_DIMS(-2, -1) : o.dim, d))
        return NULL;
    if (fro) return fac_vector_norm(self, .dims = FAC_DIMS(d[0], d[1]), .keepdim = o.keepdim, .dtype = o.dtype);
    if (spectral) {
        fac_tensor *s = singular_values(fac_to(self, o.dtype), d);
        return kept(nuc ? fac_sum(s, .dim = -1) : extreme(s, -1, false, o.ord > 0), d, o.keepdim);
    }
    int summed = d[isinf(size)], rest = d[!isinf(size)];
    if (!o.keepdim && summed < rest) rest--;
    fac_tensor *sums = fac_vector_norm(self, .p = 1, .dim = summed, .keepdim = o.keepdim, .dtype = o.dtype);
    return extreme(sums, rest, o.keepdim, o.ord > 0);
}

/* ---- norm ------------------------------------------------------------------------------------------------------- */

fac_tensor *fac_linalg_norm_with(fac_tensor *self, fac_linalg_norm_options o)
{
    FAC__OP("linalg.norm");
    FAC__NEED(self);
    bool ordered = o.name || !isnan(o.ord);
    if (o.dim.n >= 0 && o.dim.n != 1 && o.dim.n != 2)
        return fac__runtime_error("linalg.norm: If dim is specified, it must be of length 1 or 2. Got %s",
                                  fac__shape_text(o.dim.n < FAC_MAX_DIMS ? o.dim.n : FAC_MAX_DIMS, o.dim.d));
    if (o.dim.n < 0 && ordered && self->ndim != 1 && self->ndim != 2)
        return fac__runtime_error(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got %dD.", self->ndim);
    if (o.name || (ordered && (o.dim.n == 2 || (o.dim.n < 0 && self->ndim == 2)))) {
        if (o.dim.n < 0) o.dim = FAC_DIMS(0, 1);
        return fac_linalg_matrix_norm_with(self, o);
    }
    return fac_vector_norm(self, .p = ordered ? o.ord : 2, .dims = o.dim, .keepdim = o.keepdim, .dtype = o.dtype);
}

fac_tensor *fac_nuclear_norm(fac_tensor *self, fac_dims dim, bool keepdim)
{
    FAC__OP("nuclear_norm");
    FAC__NEED(self);
    if (dim.n < 0 && self->ndim != 2)
        return fac__runtime_error("Expected a tensor with 2 dimensions, but got a tensor with %d dimension%s instead.",
                                  self->ndim, self->ndim == 1 ? "" : "s");
    if (dim.n < 0) dim = FAC_DIMS(0, 1);
    if (dim.n != 2) return fac__runtime_error("nuclear norm requires a 'dim' argument of size 2");
    int d[2] = {fac__wrap_dim(dim.d[0], self->ndim), -1};
    if (d[0] < 0 || (d[1] = fac__wrap_dim(dim.d[1], self->ndim)) < 0) return NULL;
    if (d[0] == d[1]) return fac__runtime_error("duplicate or invalid dimensions");
    return kept(fac_sum(singular_values(self, d), .dim = -1), d, keepdim);
}

static fac_tensor *frobenius_norm(fac_tensor *self, fac_dims dims, bool keepdim)
{
    FAC__OP("frobenius_norm");
    FAC__NEED(self);
    if (dims.n > 2) return fac__runtime_error("Expected at most 2 dimensions, but got %d dimensions instead.", dims.n);
    return fac_norm(self, .dims = dims, .keepdim = keepdim);
}

/* ---- cond ------------------------------------------------------------------------------------------------------- */

/* From the inverse; infinite where there is none. */
static fac_tensor *cond_by_inverse(fac_tensor *self, const fac_linalg_norm_options *o)
{
    fac_tensor *info = NULL, *inverse = fac_linalg_inv_ex(self, &info), *singular = fac_gt_scalar(info, 0);
    if (!inverse || !singular) return NULL;
    fac_tensor *y = fac_mul(fac_linalg_matrix_norm_with(self, *o), fac_linalg_matrix_norm_with(inverse, *o));
    return fac_masked_fill(fac_nan_to_num(y, .nan = INFINITY, .posinf = INFINITY, .neginf = -INFINITY), singular,
                           INFINITY);
}

fac_tensor *fac_linalg_cond_with(fac_tensor *self, fac_linalg_norm_options o)
{
    FAC__OP("linalg.cond");
    FAC__NEED(self);
    double ord = !o.name && isnan(o.ord) ? 2 : o.ord;
    bool nuc = o.name && !strcmp(o.name, "nuc"), fro = o.name && !strcmp(o.name, "fro");
    bool spectral = !o.name && fabs(ord) == 2;
    if (self->ndim < 2) return fac__runtime_error("linalg.cond: The input tensor must have at least 2 dimensions.");
    if (o.name ? !nuc && !fro : fabs(ord) != 1 && fabs(ord) != 2 && !isinf(ord))
        return o.name ? fac__runtime_error("linalg.cond got an invalid norm type: %s", o.name)
                      : fac__runtime_error("linalg.cond got an invalid norm type: %g", ord);
    if (!spectral && !fac__linalg_square("linalg.cond", self)) return NULL;
    fac_dims batch = fac__batch_of(self);
    if (!self->numel) return fac_zeros(batch, .dtype = (fac_dtype)self->dtype);
    if (!spectral && !nuc) {
        o.dim.n = -1;
        o.keepdim = false;
        o.dtype = FAC_DTYPE_NONE;
        return cond_by_inverse(self, &o);
    }
    fac_tensor *s = fac_linalg_svdvals(self);
    if (nuc) return fac_mul(fac_sum(s, .dim = -1), fac_sum(fac_reciprocal(s), .dim = -1));
    fac_tensor *first = fac_select(s, -1, 0), *last = fac_select(s, -1, -1);
    return ord > 0 ? fac_div(first, last) : fac_div(last, first);
}

/* ---- renorm ----------------------------------------------------------------------------------------------------- */

fac_tensor *fac_renorm(fac_tensor *self, double p, int64_t dim, double maxnorm)
{
    FAC__OP("renorm");
    FAC__NEED(self);
    int d = fac__wrap_dim(dim, self->ndim);
    if (d < 0) return NULL;
    if (!(p > 0)) return fac__runtime_error("renorm: non-positive-norm not supported");
    if (!(maxnorm >= 0)) return fac__runtime_error("renorm: expected maxnorm to be >= 0 but got %g", maxnorm);
    if (self->ndim < 2)
        return fac__runtime_error("renorm: input needs at least 2 dimensions, got %d dimensions", self->ndim);
    fac_dims others = {.n = 0};
    for (int i = 0; i < self->ndim; i++)
        if (i != d) others.d[others.n++] = i;
    bool low = self->dtype == FAC_FLOAT16 || self->dtype == FAC_BFLOAT16;
    fac_tensor *norm =
        fac_vector_norm(self, .p = p, .dims = others, .keepdim = true, .dtype = low ? FAC_FLOAT32 : FAC_DTYPE_NONE);
    fac_tensor *down = fac_mul_scalar(fac_reciprocal(fac_add_scalar(norm, 1e-7)), maxnorm);
    fac_tensor *factor = norm ? fac_where(fac_gt_scalar(norm, maxnorm), down, fac_ones_like(norm)) : NULL;
    return factor ? fac_mul(self, fac_to(factor, (fac_dtype)self->dtype)) : NULL;
}

fac_tensor *fac_renorm_(fac_tensor *self, double p, int64_t dim, double maxnorm)
{
    FAC__OP("renorm_");
    FAC__NEED(self);
    fac_tensor *y = fac_renorm(self, p, dim, maxnorm);
    return y ? fac_copy_(self, y) : NULL;
}

/* ---- by name ---------------------------------------------------------------------------------------------------- */

static fac_linalg_norm_options keywords(fac_scalar ord, const char *name, fac_dims dim, bool keepdim, fac_dtype dtype)
{
    double number = ord.kind ? fac_scalar_to_double(ord) : (double)NAN;
    return (fac_linalg_norm_options){number, name, dim, keepdim, dtype};
}
static const fac_dims none = {.n = -1};
#define KEYWORDS(ord, name) keywords(ord, name, L(2), B(3), DT(4))
FAC__CALL(linalg_norm, R(fac_linalg_norm_with(T(0), KEYWORDS(S(1), NULL))))
FAC__CALL(linalg_norm_named, R(fac_linalg_norm_with(T(0), KEYWORDS(fac_scalar_none(), STR(1)))))
FAC__CALL(matrix_norm, R(fac_linalg_matrix_norm_with(T(0), KEYWORDS(S(1), NULL))))
FAC__CALL(matrix_norm_named, R(fac_linalg_matrix_norm_with(T(0), KEYWORDS(fac_scalar_none(), STR(1)))))
FAC__CALL(nuclear, R(fac_nuclear_norm(T(0), none, B(1))))
FAC__CALL(nuclear_dim, R(fac_nuclear_norm(T(0), L(1), B(2))))
FAC__CALL(frobenius, R(frobenius_norm(T(0), none, false)))
FAC__CALL(frobenius_dim, R(frobenius_norm(T(0), L(1), B(2))))
FAC__CALL(cond, R(fac_linalg_cond_with(T(0), keywords(S(1), NULL, none, false, FAC_DTYPE_NONE))))
FAC__CALL(cond_named, R(fac_linalg_cond_with(T(0), keywords(fac_scalar_none(), STR(1), none, false, FAC_DTYPE_NONE))))
FAC__CALL(renorm, R(fac_renorm(T(0), F(1), I(2), F(3))))
FAC__CALL(renorm_, R(fac_renorm_(T(0), F(1), I(2), F(3))))

#define REST "bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"
const fac__op fac__ops_linalg_norm[] = {
    {"linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, " REST, linalg_norm,
     "Norm of a vector or a matrix."},
    {"linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, " REST, linalg_norm_named,
     "Frobenius or nuclear norm of matrices."},
    {"linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2,-1], " REST, matrix_norm, "Norm of matrices."},
    {"linalg_matrix_norm.str_ord(Tensor self, str ord='fro', int[] dim=[-2,-1], " REST, matrix_norm_named,
     "Frobenius or nuclear norm of matrices."},
    {"nuclear_norm(Tensor self, bool keepdim=False) -> Tensor", nuclear, "Sum of the singular values of a matrix."},
    {"nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor", nuclear_dim,
     "Sum of singular values over two dimensions."},
    {"frobenius_norm(Tensor self) -> Tensor", frobenius, "Square root of the sum of squares."},
    {"frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", frobenius_dim,
     "Square root of the sum of squares over at most two dimensions."},
    {"linalg_cond(Tensor self, Scalar? p=None) -> Tensor", cond, "Condition number of matrices."},
    {"linalg_cond.p_str(Tensor self, str p) -> Tensor", cond_named, "Condition number of matrices by a named norm."},
    {"renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor", renorm,
     "Parts along dim scaled down to a p-norm of at most maxnorm."},
    {"renorm_(Tensor(a!) self, Scalar p, int dim, Scalar maxnorm) -> Tensor(a!)", renorm_,
     "Parts along dim scaled down to a p-norm of at most maxnorm."},
    {0},
};
