/* Floor 4. Powers and the exponential of matrices, powers of vectors (facula/ops_linalg.h). */
#include "linalg_parts.h"

#include <math.h>

/* ---- matrix_power ---------------------------------------------------------------------------------------------- */

static fac_tensor *power(fac_tensor *x, uint64_t n)
{
    if (n == 1) return fac_clone(x);
    if (n == 3) return fac_matmul(fac_matmul(x, x), x);
    fac_tensor *y = NULL;
    for (; n; n >>= 1) { /* by squaring, bits of n from the lowest */
        if (n & 1) y = y ? fac_matmul(y, x) : x;
        if (n > 1) x = fac_matmul(x, x);
        if (!x || ((n & 1) && !y)) return NULL;
    }
    return y;
}

fac_tensor *fac_linalg_matrix_power(fac_tensor *A, int64_t n)
{
    FAC__OP("linalg_matrix_power");
    FAC__NEED(A);
    if (!fac__linalg_square("linalg.matrix_power", A)) return NULL;
    fac_tensor *y = NULL;
    fac_scope {
        if (n == 0) {
            fac_tensor *eye = fac_eye(fac__last(A, 1), fac__last(A, 1), .dtype = (fac_dtype)A->dtype);
            y = eye ? fac_escape(fac_clone(fac_expand_as(eye, A))) : NULL;
        } else {
            fac_tensor *x = n < 0 ? fac_linalg_inv(A) : A;
            y = x ? fac_escape(power(x, n < 0 ? 0 - (uint64_t)n : (uint64_t)n)) : NULL;
        }
    }
    return y;
}

/* ---- matrix_exp ------------------------------------------------------------------------------------------------ */

/* c[0] + c[2] a^2 + c[4] a^4 + c[6] a^6 */
static fac_tensor *polynomial(const double *c, fac_tensor *eye, fac_tensor *const *even)
{
    fac_tensor *y = eye ? fac_mul_scalar(eye, c[0]) : NULL;
    for (int i = 1; i <= 3 && y; i++)
        y = fac_add_alpha(y, even[i], FAC_SCALAR(c[2 * i]));
    return y;
}

/* The [13/13] Pade approximant, for |A| up to 5.4 in the 1-norm (Higham, The scaling and squaring method for the matrix
 * exponential revisited, 2005). */
static fac_tensor *pade(fac_tensor *a)
{
    static const double c[] = {64764752532480000,
                               32382376266240000,
                               7771770303897600,
                               1187353796428800,
                               129060195264000,
                               10559470521600,
                               670442572800,
                               33522128640,
                               1323241920,
                               40840800,
                               960960,
                               16380,
                               182,
                               1};
    static const double high[2][7] = {{0, 0, 1323241920, 0, 960960, 0, 182}, {0, 0, 40840800, 0, 16380, 0, 1}};
    fac_tensor *eye = fac_eye(fac__last(a, 1), fac__last(a, 1), .dtype = FAC_FLOAT64), *even[4] = {NULL};
    even[1] = fac_matmul(a, a);
    even[2] = even[1] ? fac_matmul(even[1], even[1]) : NULL;
    even[3] = even[2] ? fac_matmul(even[2], even[1]) : NULL;
    fac_tensor *half[2]; /* its even and its odd part */
    for (int i = 0; i < 2; i++) {
        fac_tensor *top = even[3] ? polynomial(high[i], eye, even) : NULL;
        half[i] = top ? fac_add(fac_matmul(even[3], top), polynomial(c + i, eye, even)) : NULL;
    }
    fac_tensor *odd = half[1] ? fac_matmul(a, half[1]) : NULL;
    return odd ? fac_linalg_solve_ex(fac_sub(half[0], odd), fac_add(half[0], odd), NULL) : NULL;
}

/* exp(A) = exp(A / 2^s)^(2^s), with an s of its own for each matrix. */
static fac_tensor *exponential(fac_tensor *a)
{
    fac_tensor *norm = fac_amax(fac_sum(fac_abs(a), .dim = -2, .keepdim = true), .dim = -1, .keepdim = true);
    fac_tensor *s = norm ? fac_ceil(fac_log2(fac_div_scalar(norm, FAC_SCALAR(5.37)))) : NULL;
    s = s ? fac_clamp(fac_nan_to_num(s), FAC_SCALAR(0), FAC_SCALAR(1100)) : NULL;
    if (!s) return NULL;
    double most = fac_item(fac_max(s));
    fac_tensor *scaled = fac_mul(a, fac_exp2(fac_neg(s))), *y = scaled ? pade(scaled) : NULL;
    for (int i = 0; i < most && y; i++) {
        fac_tensor *more = fac_gt_scalar(s, FAC_SCALAR(i));
        y = more ? fac_where(more, fac_matmul(y, y), y) : NULL;
    }
    return y;
}

/* exp([[X, G], [0, X]]) has the derivative of exp at X along G in its corner, and with X = A^T it is the gradient. */
static void exp_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *A = fac__saved(n, 0), *x = A ? fac_mT(A) : NULL;
    if (!x) return;
    int64_t size = fac__last(x, 1);
    fac_tensor *top = fac_cat((fac_tensor_list){(fac_tensor *[]){x, gy[0]}, 2}, -1);
    fac_tensor *bottom = fac_cat((fac_tensor_list){(fac_tensor *[]){fac_zeros_like(x), x}, 2}, -1);
    if (!top || !bottom) return;
    fac_tensor *both = fac_cat((fac_tensor_list){(fac_tensor *[]){top, bottom}, 2}, -2);
    both = both ? fac_matrix_exp(both) : NULL;
    if (both) gx[0] = fac_narrow(fac_narrow(both, -2, 0, size), -1, size, size);
}

fac_tensor *fac_matrix_exp(fac_tensor *A)
{
    FAC__OP("matrix_exp");
    FAC__NEED(A);
    if (!fac__linalg_square("linalg.matrix_exp", A) || !fac__linalg_floating("matrix_exp", A, true)) return NULL;
    fac__node *n = fac__record("LinalgMatrixExpBackward0", exp_backward, 1, 1, 0, A);
    fac__save(n, 0, A);
    fac_tensor *y = NULL;
    fac_scope
        fac_no_grad {
            fac_tensor *x = A->numel ? exponential(fac_to(A, FAC_FLOAT64)) : A;
            y = x ? x == A ? fac__new_like(A, (fac_dtype)A->dtype) : fac__narrow(x, (fac_dtype)A->dtype, false) : NULL;
        }
    return fac__result(n, y);
}

/* ---- vander ---------------------------------------------------------------------------------------------------- */

fac_tensor *fac_linalg_vander(fac_tensor *x, int64_t N)
{
    FAC__OP("linalg_vander");
    FAC__NEED(x);
    fac_dtype dtype = (fac_dtype)x->dtype;
    if (dtype == FAC_BOOL || (fac_dtype_is_floating(dtype) && fac_dtype_size(dtype) == 2))
        return fac__runtime_error("linalg.vander supports floating point, complex, and integer tensors, but got %s",
                                  fac__dtype_word(dtype));
    x = fac_atleast_1d(x);
    if (!x) return NULL;
    if (N < 0) N = fac__last(x, 1);
    if (N <= 1) return fac__runtime_error("N must be greater than 1.");
    if (x->ndim == FAC_MAX_DIMS) return fac__value_error("at most %d dimensions", FAC_MAX_DIMS);
    fac_dims shape = fac_shape(x);
    shape.d[shape.n++] = N - 1;
    fac_tensor *y = NULL;
    fac_scope {
        fac_tensor *each = fac_expand(fac_unsqueeze(x, -1), shape);
        fac_tensor *powers = each ? fac_cumprod(each, -1, FAC_DTYPE_NONE) : NULL;
        if (!powers) break;
        shape.d[shape.n - 1] = 1;
        fac_tensor *ones = fac_ones(shape, .dtype = fac_dtype_of(powers));
        y = ones ? fac_escape(fac_cat((fac_tensor_list){(fac_tensor *[]){ones, powers}, 2}, -1)) : NULL;
    }
    return y;
}

fac_tensor *fac_vander(fac_tensor *x, int64_t N, bool increasing)
{
    FAC__OP("vander");
    FAC__NEED(x);
    if (x->ndim != 1) return fac__runtime_error("x must be a one-dimensional tensor.");
    if (N < 0) N = x->numel;
    fac_tensor *y = NULL;
    fac_scope {
        fac_tensor *each = fac_expand(fac_unsqueeze(x, 1), FAC_SHAPE(x->numel, N > 1 ? N - 1 : 0));
        fac_tensor *powers = each ? fac_cumprod(each, 1, FAC_DTYPE_NONE) : NULL;
        if (!powers) break;
        fac_tensor *ones = fac_ones(FAC_SHAPE(x->numel, N > 0), .dtype = fac_dtype_of(powers));
        y = ones ? fac_cat((fac_tensor_list){(fac_tensor *[]){ones, powers}, 2}, 1) : NULL;
        y = y && !increasing ? fac_flip(y, FAC_DIMS(1)) : y;
        y = fac_escape(y);
    }
    return y;
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

static fac_tensor *vander_by_name(fac_tensor *x, const fac_value *n, bool increasing)
{
    bool given = n->kind == FAC_VALUE_SCALAR;
    int64_t N = given ? fac_scalar_to_int(n->v.scalar) : -1;
    return given && N < 0 ? fac__runtime_error("N must be non-negative.") : fac_vander(x, N, increasing);
}

FAC__CALL(matrix_power, R(fac_linalg_matrix_power(T(0), I(1))))
FAC__CALL(matrix_exp, R(fac_matrix_exp(T(0))))
FAC__CALL(linalg_vander, R(fac_linalg_vander(T(0), GIVEN(1) ? (I(1) < 0 ? 0 : I(1)) : -1)))
FAC__CALL(vander, R(vander_by_name(T(0), &args[1], B(2))))

const fac__op fac__ops_linalg_power[] = {
    {"linalg_matrix_power(Tensor self, int n) -> Tensor", matrix_power, "A matrix multiplied n times."},
    {"matrix_exp(Tensor self) -> Tensor", matrix_exp, "The exponential of a matrix."},
    {"linalg_vander(Tensor x, *, int? N=None) -> Tensor", linalg_vander, "Powers 0 to N - 1 of each element."},
    {"vander(Tensor x, int? N=None, bool increasing=False) -> Tensor", vander, "Powers of each element, as columns."},
    {0},
};
