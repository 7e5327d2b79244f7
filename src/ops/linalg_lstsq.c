/* Floor 4. Least squares (facula/ops_linalg.h). */
#include <float.h>
#include <string.h>

#include "facula/ops_spectral.h"
#include "linalg_parts.h"

typedef enum lstsq_driver { GELSY, GELS, GELSD, GELSS } lstsq_driver;
static const char *const drivers[] = {"gelsy", "gels", "gelsd", "gelss"};

typedef struct problem {
    lstsq_driver driver;
    double rcond;
    bool vector;
} problem;

/* What comes out, float64 but for the ranks: the scope's. Those that the driver does not make stay NULL. */
typedef struct answer {
    fac_tensor *x, *residuals, *rank, *singular_values;
} answer;

/* Sums of squares over the rows; where not all ranks are full there is more than one X, and PyTorch has no
 * residuals. */
static fac_tensor *squares(fac_tensor *rows, const fac_tensor *rank, int64_t full)
{
    const int64_t *p = fac__host(rank);
    for (int64_t i = 0; i < rank->numel; i++)
        if (p[i] != full) return NULL;
    return rows ? fac_sum(fac_square(rows), .dim = -2) : NULL;
}

static bool by_qr(fac_tensor *A, fac_tensor *B, fac_dims batch, const problem *p, answer *out)
{
    int64_t m = fac__last(A, 2), n = fac__last(A, 1), k = fac__last(B, 1), count = fac__batch_count(batch);
    fac_dims room = fac__batch_with(batch, 2, m > n ? m : n, k);
    fac_tensor *a = fac__own(fac__wide(A, batch, false)), *b = fac_zeros(room, .dtype = FAC_FLOAT64);
    out->rank = fac__own(fac__new(FAC_INT64, batch.n, batch.d));
    fac_tensor *top = b ? fac_narrow(b, -2, 0, m) : NULL, *work = fac__wide_room(count, fac__lstsq_work(m, n, k));
    if (!a || !top || !work || !out->rank || !fac__copy_into(top, B)) return false;
    fac__lstsq_args args = {.batch = count,
                            .m = m,
                            .n = n,
                            .k = k,
                            .a = fac__data(a),
                            .b = fac__data(b),
                            .work = fac__data(work),
                            .rcond = p->driver == GELS ? 0 : p->rcond,
                            .rank = fac__data(out->rank)};
    FAC__LAUNCH(fac__k_lstsq, args);
    out->x = fac_narrow(b, -2, 0, n);
    if (p->driver == GELSY) return out->x != NULL;
    int64_t full = m < n ? m : n;
    const int64_t *rank = fac__host(out->rank);
    for (int64_t i = 0; i < count; i++)
        if (rank[i] && rank[i] < full) /* nothing but zeros is allowed, as in LAPACK */
            return fac__runtime_error("torch.linalg.lstsq: The least squares solution could not be computed because "
                                      "the input matrix does not have full rank (error code: %lld).",
                                      (long long)rank[i] + 1),
                   false;
    if (m > n) out->residuals = fac_sum(fac_square(fac_narrow(b, -2, n, m - n)), .dim = -2);
    out->rank = NULL;
    return out->x && (m <= n || out->residuals);
}

static bool by_svd(fac_tensor *A, fac_tensor *B, fac_dims batch, const problem *p, answer *out)
{
    int64_t m = fac__last(A, 2), n = fac__last(A, 1), k = m < n ? m : n;
    fac_tensor *a = fac__own(fac__wide(A, batch, false)), *b = fac__own(fac__wide(B, batch, false)), *s, *vt;
    fac_tensor *u = a && b ? fac_linalg_svd(a, false, &s, &vt) : NULL;
    if (!u) return false;
    fac_tensor *least = k ? fac_mul_scalar(fac_narrow(s, -1, 0, 1), p->rcond) : s;
    fac_tensor *counts = fac_gt(s, least), *zero = counts ? fac_zeros_like(s) : NULL;
    fac_tensor *inverse = zero ? fac_where(counts, fac_reciprocal(s), zero) : NULL;
    fac_tensor *y = inverse ? fac_mul(fac_matmul(fac_mT(u), b), fac_unsqueeze(inverse, -1)) : NULL;
    out->x = y ? fac_matmul(fac_mT(vt), y) : NULL;
    out->rank = out->x ? fac_sum(counts, .dim = -1) : NULL;
    out->singular_values = s;
    if (out->rank && m > n) out->residuals = squares(fac_sub(b, fac_matmul(a, out->x)), out->rank, n);
    return out->rank != NULL;
}

/* X = A+ B: dB = (A+)^T g, and dA is that of the pseudo-inverse (Golub and Pereyra, The differentiation of
 * pseudo-inverses and nonlinear least squares problems, 1973), which is the X for the identity. */
static void lstsq_backward(fac__node *node, fac_tensor *const *gy, fac_tensor **gx)
{
    const problem *p = node->params;
    fac_tensor *A = fac_to(fac__saved(node, 0), FAC_FLOAT64), *B = fac_to(fac__saved(node, 1), FAC_FLOAT64);
    fac_tensor *g = fac_to(gy[0], FAC_FLOAT64);
    if (!A || !B || !g) return;
    if (p->vector) B = fac_unsqueeze(B, -1), g = fac_unsqueeze(g, -1);
    int64_t m = fac__last(A, 2);
    fac_tensor *eye = fac_eye(m, m, .dtype = FAC_FLOAT64);
    eye = eye ? fac_expand(eye, fac__batch_with(fac__batch_of(A), 2, m, m)) : NULL;
    fac_tensor *inverse = eye ? fac_linalg_lstsq(A, eye, .driver = drivers[p->driver], .rcond = p->rcond) : NULL;
    fac_tensor *t = inverse ? fac_mT(inverse) : NULL, *x = t ? fac_matmul(t, g) : NULL;
    if (!x) return;
    gx[1] = p->vector ? fac_squeeze_dim(x, -1) : x;
    if (!fac__wants(node, 0)) return;
    /* With H = (g B^T)^T: dA = -(A+ H A+)^T + (1 - A A+) H A+ (A+)^T + (A+)^T A+ H (1 - A+ A). */
    fac_tensor *h = fac_matmul(B, fac_mT(g)), *right = h ? fac_matmul(h, inverse) : NULL;
    fac_tensor *left = right ? fac_matmul(inverse, h) : NULL, *first = left ? fac_matmul(left, inverse) : NULL;
    fac_tensor *second = first ? fac_matmul(fac_sub(right, fac_matmul(A, fac_matmul(inverse, right))), t) : NULL;
    fac_tensor *third = second ? fac_matmul(t, fac_sub(left, fac_matmul(fac_matmul(left, inverse), A))) : NULL;
    if (third) gx[0] = fac_sub(fac_add(second, third), fac_mT(first));
}

static bool fit(const fac_tensor *A, const fac_tensor *B)
{
    int less = A->ndim - B->ndim;
    if (A->ndim < 2) return fac__runtime_error("torch.linalg.lstsq: input must have at least 2 dimensions."), false;
    if (B->ndim < 1) return fac__runtime_error("torch.linalg.lstsq: other must have at least 1 dimension."), false;
    if (A->dtype != B->dtype)
        return fac__runtime_error("torch.linalg.lstsq: Expected input and other to have the same dtype, but got "
                                  "input's dtype %s and other's dtype %s",
                                  fac__dtype_word((fac_dtype)A->dtype), fac__dtype_word((fac_dtype)B->dtype)),
               false;
    if (less < 0 || less > 1)
        return fac__runtime_error("torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and "
                                  "(input.dim() - other.dim()) <= 1"),
               false;
    if (fac__last(A, 2) != fac__last(B, 2 - less))
        return fac__runtime_error("torch.linalg.lstsq: input.size(-2) should match other.size(-%d)", 2 - less), false;
    if (A->dtype != FAC_FLOAT32 && A->dtype != FAC_FLOAT64)
        return fac__runtime_error("This function doesn't handle types other than float and double"), false;
    return true;
}

/* t in that dtype, or where there is none an empty tensor; the scope's. */
static bool hand_out(fac_tensor **to, fac_tensor *t, fac_dtype dtype)
{
    if (!to) return true;
    *to = fac__own(t ? fac__narrow(t, dtype, false) : fac__new(dtype, 1, (int64_t[]){0}));
    return *to != NULL;
}

static fac_tensor *solve(fac_tensor *A, fac_tensor *B, const problem *p, const fac_lstsq_options *o)
{
    fac_tensor *x = NULL;
    fac_dtype dtype = (fac_dtype)A->dtype;
    fac_tensor **others[3] = {o->residuals, o->rank, o->singular_values};
    fac_scope
        fac_no_grad {
            answer out = {NULL, NULL, NULL, NULL};
            fac_dims batch;
            fac_tensor *b = p->vector ? fac_unsqueeze(B, -1) : B;
            if (!b || !fac__batch_common(A, b, &batch)) break;
            bool by_values = p->driver == GELSD || p->driver == GELSS;
            if (!(by_values ? by_svd : by_qr)(A, b, batch, p, &out)) break;
            fac_tensor *last = p->vector ? fac_squeeze_dim(out.x, -1) : out.x;
            bool fine = last && hand_out(o->residuals, out.residuals, dtype) && hand_out(o->rank, out.rank, FAC_INT64);
            if (!fine || !hand_out(o->singular_values, out.singular_values, dtype)) break;
            x = fac__plain(last, dtype);
            fac__retain(x);
            for (int i = 0; i < 3 && x; i++)
                if (others[i]) fac_escape(*others[i]);
        }
    for (int i = 0; i < 3 && !x; i++)
        if (others[i]) *others[i] = NULL;
    return x;
}

fac_tensor *fac_linalg_lstsq_with(fac_tensor *A, fac_tensor *B, fac_lstsq_options options)
{
    FAC__OP("linalg_lstsq");
    FAC__NEED(A);
    FAC__NEED(B);
    problem p = {.driver = GELSY, .rcond = options.rcond, .vector = A->ndim - B->ndim == 1};
    if (options.residuals) *options.residuals = NULL;
    if (options.rank) *options.rank = NULL;
    if (options.singular_values) *options.singular_values = NULL;
    if (!fit(A, B)) return NULL;
    while (options.driver && p.driver <= GELSS && strcmp(options.driver, drivers[p.driver]))
        p.driver++;
    if (p.driver > GELSS)
        return fac__runtime_error(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)");
    int64_t most = fac__last(A, 2) > fac__last(A, 1) ? fac__last(A, 2) : fac__last(A, 1);
    if (!(p.rcond >= 0)) p.rcond = (A->dtype == FAC_FLOAT32 ? (double)FLT_EPSILON : DBL_EPSILON) * (double)most;
    fac__node *n = fac__record("LinalgLstsqBackward0", lstsq_backward, 1, 2, sizeof p, A, B);
    if (n && !n->failed) *(problem *)n->params = p;
    fac__save(n, 0, A);
    fac__save(n, 1, B);
    return fac__result(n, solve(A, B, &p, &options));
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(lstsq, fac_tensor *residuals = NULL, *rank = NULL, *values = NULL;
          R(fac_linalg_lstsq(T(0), T(1), .rcond = GIVEN(2) ? F(2) : -1, .driver = STR(3), .residuals = &residuals,
                             .rank = &rank, .singular_values = &values));
          R(residuals); R(rank); R(values))

const fac__op fac__ops_linalg_lstsq[] = {
    {"linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor "
     "residuals, Tensor rank, Tensor singular_values)",
     lstsq, "X that makes |A X - B| least."},
    {0},
};
