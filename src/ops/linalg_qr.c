/* Floor 4. QR factorisation by Householder's reflectors (facula/ops_linalg.h). */
#include "linalg_parts.h"

#include <string.h>

/* ---- reflectors ------------------------------------------------------------------------------------------------ */

/* The float64 copy a becomes R and reflectors; tau is the scope's. NULL after an error. */
static fac_tensor *reflectors(fac_tensor *a)
{
    int64_t m = fac__last(a, 2), n = fac__last(a, 1), count = fac__batch_count(fac__batch_of(a));
    int64_t k = m < n ? m : n;
    fac_dims shape = fac__batch_with(fac__batch_of(a), 1, k, 0);
    fac_tensor *tau = fac__own(fac__new(FAC_FLOAT64, shape.n, shape.d));
    fac_tensor *work = fac__wide_room(count, fac__reflect_work(m, n, k));
    if (!tau || !work) return NULL;
    fac__qr_args args = {
        .batch = count, .m = m, .n = n, .a = fac__data(a), .tau = fac__data(tau), .work = fac__data(work)};
    FAC__LAUNCH(fac__k_qr, args);
    return tau;
}

/* C = Q C, Q^T C (back), C Q^T or C Q (flip): all float64 in a row. false after an error. */
static bool reflect(const fac_tensor *a, const fac_tensor *tau, fac_tensor *c, bool flip, bool back)
{
    int64_t m = fac__last(c, flip ? 1 : 2), n = fac__last(c, flip ? 2 : 1);
    int64_t count = fac__batch_count(fac__batch_of(c));
    fac_tensor *work = fac__wide_room(count, fac__reflect_work(m, n, fac__last(tau, 1)));
    if (!work) return false;
    fac__reflect_args args = {.batch = count,
                              .m = m,
                              .n = n,
                              .k = fac__last(tau, 1),
                              .columns = fac__last(a, 1),
                              .a = fac__data(a),
                              .tau = fac__data(tau),
                              .c = fac__matrices_of(c, flip),
                              .work = fac__data(work),
                              .back = back};
    FAC__LAUNCH(fac__k_reflect, args);
    return true;
}

FAC__NO_DERIVATIVE(geqrf_backward, "the derivative for 'geqrf' is not implemented.")

fac_tensor *fac_geqrf(fac_tensor *self, fac_tensor **tau)
{
    FAC__OP("geqrf");
    FAC__NEED(self);
    if (tau) *tau = NULL;
    if (self->ndim < 2) return fac__runtime_error("torch.geqrf: input must have at least 2 dimensions.");
    if (!fac__linalg_dtype("geqrf_cpu", self)) return NULL;
    fac__node *n = fac__record("GeqrfBackward0", geqrf_backward, 2, 0, 0, self);
    fac_tensor *y = NULL, *scales = NULL;
    fac_scope {
        fac_tensor *a = fac__own(fac__wide(self, fac__batch_of(self), false)), *t = a ? reflectors(a) : NULL;
        if (!t) break;
        y = fac__narrow(a, (fac_dtype)self->dtype, false);
        scales = fac__narrow(t, (fac_dtype)self->dtype, false);
    }
    y = fac__result_nr(n, y, 0);
    scales = fac__result_nr(n, scales, 1);
    fac__done(n);
    if (!scales) return NULL;
    if (tau) *tau = scales;
    return y;
}

/* ---- QR -------------------------------------------------------------------------------------------------------- */

typedef enum qr_mode { REDUCED, COMPLETE, R_ONLY } qr_mode;

/* With V = gR R^T - Q^T gQ, and C(V) = V + V^T with half of the diagonal:
 *     m >= n:  dA = (gQ + Q C(upper part of V)) R^-T
 *     m < n:   dA = Q gR, and left of it + Q (lower part of V^T - V) R1^-T, R1 the square part of R
 * (Walter, Lehmann and Lamour, On evaluating higher-order derivatives of the QR decomposition, 2012). */
static void qr_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    qr_mode mode = *(const qr_mode *)n->params;
    fac_tensor *Q = fac__saved(n, 0), *R = fac__saved(n, 1), *V = NULL, *g = NULL;
    if (!Q || !R) return;
    int64_t k = fac__last(R, 2), columns = fac__last(R, 1);
    if (mode == R_ONLY) {
        fac__runtime_error("The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
                           "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr.");
        return;
    }
    if (mode == COMPLETE && k > columns) {
        fac__runtime_error("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.");
        return;
    }
    if (gy[1]) V = fac_matmul(gy[1], fac_mT(R));
    if (gy[0]) {
        fac_tensor *q = fac_matmul(fac_mT(Q), gy[0]);
        V = gy[1] ? fac_sub(V, q) : fac_neg(q);
    }
    if (!V) return;
    if (columns <= k) {
        fac_tensor *upper = fac_triu(V, 0);
        g = upper ? fac_matmul(Q, fac_add(upper, fac_mT(fac_triu(V, 1)))) : NULL;
        if (g && gy[0]) g = fac_add(gy[0], g);
        gx[0] = g ? fac_linalg_solve_triangular(fac_mT(R), g, .left = false) : NULL;
        return;
    }
    g = fac_matmul(Q, fac_tril(fac_sub(fac_mT(V), V), -1));
    g = g ? fac_linalg_solve_triangular(fac_mT(fac_narrow(R, -1, 0, k)), g, .left = false) : NULL;
    g = g ? fac_pad(g, FAC_DIMS(0, columns - k), "constant", 0) : NULL;
    gx[0] = g && gy[1] ? fac_add(g, fac_matmul(Q, gy[1])) : g;
}

/* The upper triangle in the first rows of a float64 matrix; the caller's. */
static fac_tensor *triangle(fac_tensor *a, int64_t rows, fac_dtype dtype)
{
    fac_tensor *r = NULL;
    fac_no_grad
        r = fac_triu(fac_narrow(a, -2, 0, rows), 0);
    return r ? fac__narrow(r, dtype, false) : NULL;
}

fac_tensor *fac_linalg_qr(fac_tensor *A, const char *mode, fac_tensor **R)
{
    FAC__OP("linalg_qr");
    FAC__NEED(A);
    FAC__NEED(mode);
    if (R) *R = NULL;
    if (!fac__linalg_matrix("linalg.qr", A, "A") || !fac__linalg_floating("linalg.qr", A, true)) return NULL;
    qr_mode kind = !strcmp(mode, "complete") ? COMPLETE : !strcmp(mode, "r") ? R_ONLY : REDUCED;
    if (kind == REDUCED && strcmp(mode, "reduced"))
        return fac__runtime_error(
            "qr received unrecognized mode '%s' but expected one of 'reduced' (default), 'r', or 'complete'", mode);
    if (!fac__linalg_dtype("geqrf_cpu", A)) return NULL;
    fac_dtype dtype = (fac_dtype)A->dtype;
    fac__node *n = fac__record("LinalgQrBackward0", qr_backward, 2, 2, sizeof kind, A);
    if (n && !n->failed) *(qr_mode *)n->params = kind;
    int64_t m = fac__last(A, 2), k = fac__last(A, 1) < m ? fac__last(A, 1) : m, rows = kind == COMPLETE ? m : k;
    fac_tensor *q = NULL, *r = NULL;
    fac_scope {
        fac_dims batch = fac__batch_of(A);
        fac_tensor *a = fac__own(fac__wide(A, batch, false)), *tau = a ? reflectors(a) : NULL;
        if (!tau) break;
        r = triangle(a, rows, dtype);
        if (kind == R_ONLY) {
            q = fac__new(dtype, 1, (int64_t[]){0});
            break;
        }
        fac_tensor *eye = fac__own(fac__wide_eye(batch, m, rows));
        if (eye && reflect(a, tau, eye, false, false)) q = fac__narrow(eye, dtype, false);
    }
    fac__save_output(n, 0, q, 0);
    fac__save_output(n, 1, r, 1);
    q = fac__result_nr(n, q, 0);
    r = fac__result_nr(n, r, 1);
    fac__done(n);
    if (!r) return NULL;
    if (R) *R = r;
    return q;
}

/* ---- products with Q ------------------------------------------------------------------------------------------- */

static bool one_less(const char *op, const fac_tensor *input, const fac_tensor *tau)
{
    if (input->ndim < 2) return fac__runtime_error("%s: input must have at least 2 dimensions.", op), false;
    if (tau->ndim != input->ndim - 1)
        return fac__runtime_error("%s: Expected tau to have one dimension less than input, but got tau.ndim equal to "
                                  "%d and input.ndim is equal to %d",
                                  op, tau->ndim, input->ndim),
               false;
    return true;
}

static bool same_batch(const char *op, const char *name, const fac_tensor *input, const fac_tensor *t)
{
    for (int d = 0; d < input->ndim - 2; d++)
        if (t->shape[d] != input->shape[d])
            return fac__runtime_error("%s: Expected batch dimensions of %s to be equal to input.shape[:-2], but got %s",
                                      op, name, fac__shape_text(input->ndim - 2, t->shape)),
                   false;
    return true;
}

/* The product in recorded steps, C - tau v (v^T C) for each reflector, where a gradient is wanted. */
static fac_tensor *reflected_in_steps(fac_tensor *input, fac_tensor *tau, fac_tensor *c, bool back)
{
    int64_t m = fac__last(input, 2), k = fac__last(tau, 1);
    fac_tensor *v = fac_add(fac_tril(fac_narrow(input, -1, 0, k), -1), fac_eye(m, k, .dtype = fac_dtype_of(input)));
    for (int64_t s = 0; s < k && v && c; s++) {
        int64_t i = back ? s : k - 1 - s;
        fac_tensor *column = fac_narrow(v, -1, i, 1), *scale = fac_unsqueeze(fac_narrow(tau, -1, i, 1), -1);
        fac_tensor *row = column && scale ? fac_matmul(fac_mT(column), c) : NULL;
        c = row ? fac_sub(c, fac_matmul(fac_mul(column, scale), row)) : NULL;
    }
    return v ? c : NULL;
}

/* C with Q or Q^T on one side. The dtypes and sizes have been checked. */
static fac_tensor *product(fac_tensor *input, fac_tensor *tau, fac_tensor *c, bool left, bool transpose)
{
    bool flip = !left, back = transpose != flip;
    fac_dtype dtype = (fac_dtype)input->dtype;
    fac_tensor *y = NULL;
    if (fac__tracked(input) || fac__tracked(tau) || fac__tracked(c)) {
        fac_scope {
            fac_tensor *a = fac_to(input, FAC_FLOAT64), *t = fac_to(tau, FAC_FLOAT64), *x = fac_to(c, FAC_FLOAT64);
            if (!a || !t || !x) break;
            x = reflected_in_steps(a, t, flip ? fac_mT(x) : x, back);
            x = x && flip ? fac_mT(x) : x;
            y = x ? fac_escape(fac_to(x, dtype)) : NULL;
        }
        return y;
    }
    fac_scope {
        fac_tensor *a = fac__own(fac__wide(input, fac__batch_of(input), false)), *t = fac__plain(tau, FAC_FLOAT64);
        fac_tensor *x = a && t ? fac__own(fac__wide(c, fac__batch_of(c), false)) : NULL;
        if (x && reflect(a, t, x, flip, back)) y = fac__narrow(x, dtype, false);
    }
    return fac__own(y);
}

fac_tensor *fac_linalg_householder_product(fac_tensor *input, fac_tensor *tau)
{
    static const char op[] = "torch.linalg.householder_product";
    FAC__OP("linalg_householder_product");
    FAC__NEED(input);
    FAC__NEED(tau);
    if (input->ndim >= 2 && fac__last(input, 2) < fac__last(input, 1))
        return fac__runtime_error("%s: input.shape[-2] must be greater than or equal to input.shape[-1]", op);
    if (input->ndim >= 2 && tau->ndim && fac__last(input, 1) < fac__last(tau, 1))
        return fac__runtime_error("%s: input.shape[-1] must be greater than or equal to tau.shape[-1]", op);
    if (!one_less(op, input, tau) || !same_batch(op, "tau", input, tau)) return NULL;
    if (tau->dtype != input->dtype)
        return fac__runtime_error("%s: tau dtype %s does not match input dtype %s", op,
                                  fac__dtype_word((fac_dtype)tau->dtype), fac__dtype_word((fac_dtype)input->dtype));
    if (!fac__linalg_dtype("orgqr_cpu", input)) return NULL;
    fac_tensor *eye = fac__own(fac__wide_eye(fac__batch_of(input), fac__last(input, 2), fac__last(input, 1)));
    return eye ? product(input, tau, eye, true, false) : NULL;
}

static bool ormqr_dtype(const fac_tensor *input, const fac_tensor *t, const char *name)
{
    if (t->dtype == input->dtype) return true;
    return fac__runtime_error("torch.ormqr: Expected input and %s to have the same dtype, but input has dtype%s and %s "
                              "has dtype %s",
                              name, fac__dtype_word((fac_dtype)input->dtype), name,
                              fac__dtype_word((fac_dtype)t->dtype)),
           false;
}

fac_tensor *fac_ormqr(fac_tensor *input, fac_tensor *tau, fac_tensor *other, bool left, bool transpose)
{
    static const char op[] = "torch.ormqr";
    FAC__OP("ormqr");
    FAC__NEED(input);
    FAC__NEED(tau);
    FAC__NEED(other);
    if (input->ndim < 2 || other->ndim < 2)
        return fac__runtime_error("%s: %s must have at least 2 dimensions.", op, input->ndim < 2 ? "input" : "other");
    int64_t side = fac__last(other, left ? 2 : 1);
    if (tau->ndim && side < fac__last(tau, 1))
        return fac__runtime_error("%s: other.shape[-%d] must be greater than or equal to tau.shape[-1]", op, 1 + left);
    if (side != fac__last(input, 2))
        return fac__runtime_error("%s: other.shape[-%d] must be equal to input.shape[-2]", op, 1 + left);
    if (tau->ndim && fac__last(tau, 1) > fac__last(input, 1))
        return fac__runtime_error("%s: tau.shape[-1] must be less than or equal to input.shape[-1]", op);
    if (!one_less(op, input, tau)) return NULL;
    if (input->ndim != other->ndim)
        return fac__runtime_error("%s: Expected other to have the same number of dimensions as input, but got "
                                  "other.ndim equal to %d and input.ndim is equal to %d",
                                  op, other->ndim, input->ndim);
    if (!same_batch(op, "tau", input, tau) || !same_batch(op, "other", input, other)) return NULL;
    if (!ormqr_dtype(input, tau, "tau") || !ormqr_dtype(input, other, "other")) return NULL;
    return fac__linalg_dtype("ormqr_cpu", input) ? product(input, tau, other, left, transpose) : NULL;
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(linalg_qr, R2(r, fac_linalg_qr(T(0), STR(1), &r)))
FAC__CALL(qr, R2(r, fac_linalg_qr(T(0), B(1) ? "reduced" : "complete", &r)))
FAC__CALL(geqrf, R2(tau, fac_geqrf(T(0), &tau)))
FAC__CALL(householder_product, R(fac_linalg_householder_product(T(0), T(1))))
FAC__CALL(ormqr, R(fac_ormqr(T(0), T(1), T(2), B(3), B(4))))

const fac__op fac__ops_linalg_qr[] = {
    {"linalg_qr(Tensor A, str mode='reduced') -> (Tensor Q, Tensor R)", linalg_qr,
     "A = Q R, Q orthonormal, R upper triangular."},
    {"qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)", qr, "A = Q R, Q orthonormal, R upper triangular."},
    {"geqrf(Tensor self) -> (Tensor a, Tensor tau)", geqrf, "R and the reflectors of Q in one matrix."},
    {"linalg_householder_product(Tensor input, Tensor tau) -> Tensor", householder_product, "Q from its reflectors."},
    {"ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor", ormqr,
     "Q or its transposed times a matrix, from the reflectors of Q."},
    {0},
};
