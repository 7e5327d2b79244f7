/* Floor 4. Eigenvalues of symmetric matrices, and singular values (facula/ops_spectral.h). The gradients are those of
 * PyTorch; Giles, An extended collection of matrix derivative results, 2008, derives them. */
#include <string.h>

#include "backend/spectral.h"
#include "facula/autograd.h"
#include "facula/ops_spectral.h"
#include "linalg_parts.h"

/* ---- what both share -------------------------------------------------------------------------------------------- */

/* A new tensor with x's batch and, of its last dimensions, these; columns < 0: only rows. The caller's. */
static fac_tensor *new_batch(const fac_tensor *x, int64_t rows, int64_t columns)
{
    fac_dims shape = fac__batch_with(fac__batch_of(x), columns < 0 ? 1 : 2, rows, columns);
    return fac__new((fac_dtype)x->dtype, shape.n, shape.d);
}

/* The working memory of a decomposition. */
typedef struct workspace {
    fac_tensor *scratch, *info;
    int64_t batch;
    int lanes;
} workspace;

static bool make_workspace(const fac_tensor *x, int64_t lane_size, workspace *w)
{
    w->batch = fac__batch_count(fac__batch_of(x));
    w->lanes = fac__threads() < w->batch ? fac__threads() : (int)w->batch;
    int64_t size = lane_size * w->lanes;
    w->scratch = fac__own(fac__new(FAC_FLOAT64, 1, &size));
    w->info = fac__own(fac__new(FAC_INT64, 1, &w->batch));
    return w->scratch && w->info;
}

/* Whether all went well; otherwise the error of the first that did not. */
static bool succeeded(const workspace *w, const fac_tensor *x, const char *op, const char *why)
{
    const int64_t *info = fac__host(w->info);
    int64_t b = 0;
    while (b < w->batch && info[b] == FAC__SPECTRAL_DONE)
        b++;
    if (b == w->batch) return true;
    if (x->ndim == 2) return fac__runtime_error("%s: The algorithm failed to converge because %s.", op, why), false;
    return fac__runtime_error("%s: (Batch element %lld): The algorithm failed to converge because %s.", op,
                              (long long)b, why),
           false;
}

/* 1 on the diagonal of n x n. */
static fac_tensor *identity_like(fac_tensor *x, int64_t n)
{
    return fac_eye(n, n, .dtype = (fac_dtype)x->dtype);
}

/* v[j] - v[i] at (i, j), and 1 on the diagonal. */
static fac_tensor *differences(fac_tensor *v)
{
    fac_tensor *apart = fac_sub(fac_unsqueeze(v, -2), fac_unsqueeze(v, -1));
    return apart ? fac_add(apart, identity_like(v, v->shape[v->ndim - 1])) : NULL;
}

/* x's columns, or rows, each times an element of v. */
static fac_tensor *scale_columns(fac_tensor *x, fac_tensor *v)
{
    return fac_mul(x, fac_unsqueeze(v, -2));
}
static fac_tensor *scale_rows(fac_tensor *v, fac_tensor *x)
{
    return fac_mul(fac_unsqueeze(v, -1), x);
}

/* ---- eigh ------------------------------------------------------------------------------------------------------- */

/* V (V^T gV / differences of L, with gL on the diagonal) V^T */
static void eigh_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *l = fac__saved(n, 0), *v = fac__saved(n, 1), *inner = NULL;
    if (!l || !v || (!gy[0] && !gy[1])) return;
    if (!gy[1]) {
        gx[0] = fac_matmul(scale_columns(v, gy[0]), fac_mT(v));
        return;
    }
    fac_tensor *off = fac_rsub_scalar(identity_like(v, l->shape[l->ndim - 1]), 1);
    inner = fac_mul(fac_div(fac_matmul(fac_mT(v), gy[1]), differences(l)), off);
    if (gy[0]) inner = fac_add(inner, fac_diag_embed(gy[0], 0, -2, -1));
    gx[0] = fac_matmul(v, fac_matmul(inner, fac_mT(v)));
}

static bool run_eigh(fac_tensor *x, bool upper, const char *op, fac_tensor *values, fac_tensor *vectors)
{
    bool ok = false;
    fac_scope {
        workspace w;
        fac_tensor *plain = fac__plain(x, (fac_dtype)x->dtype);
        int64_t n = fac__last(x, 1);
        if (!plain || !make_workspace(x, fac__eigh_scratch(n), &w)) break;
        if (!values->numel) {
            ok = true;
            break;
        }
        fac__eigh_args args = {.dtype = (fac_dtype)x->dtype,
                               .batch = w.batch,
                               .n = n,
                               .upper = upper,
                               .a = fac__data(plain),
                               .values = fac__data(values),
                               .vectors = vectors ? fac__data(vectors) : NULL,
                               .info = fac__data(w.info),
                               .scratch = fac__data(w.scratch),
                               .lanes = w.lanes};
        FAC__LAUNCH(fac__k_eigh, args);
        ok = succeeded(&w, x, op, "the input matrix is ill-conditioned or has too many repeated eigenvalues");
    }
    return ok;
}

/* Eigenvalues, and eigenvectors where they are wanted or the gradient will need them. */
static fac_tensor *eigh(fac_tensor *self, bool upper, const char *op, const char *node, fac_tensor **vectors)
{
    if (vectors) *vectors = NULL;
    if (!fac__linalg_square(op, self)) return NULL;
    if (!fac__linalg_dtype(!strcmp(op, "linalg.eigh") ? "linalg_eigh_cpu" : "symeig_cpu", self)) return NULL;
    int64_t n = fac__last(self, 1);
    fac__node *record = fac__record(node, eigh_backward, 2, 2, 0, self);
    fac_tensor *l = new_batch(self, n, -1), *v = l && (vectors || record) ? new_batch(self, n, n) : NULL;
    if (!l || (!v && (vectors || record)) || !run_eigh(self, upper, op, l, v)) {
        fac_release(l);
        fac_release(v);
        fac__done(record);
        return NULL;
    }
    fac__save_output(record, 0, l, 0);
    fac__save_output(record, 1, v, 1);
    v = fac__result_nr(record, v, 1);
    if (vectors) *vectors = v;
    return fac__result(record, l);
}

static fac_tensor *eigh_checked(fac_tensor *self, const char *UPLO, fac_tensor **vectors)
{
    FAC__OP("linalg.eigh");
    FAC__NEED(self);
    FAC__NEED(UPLO);
    bool upper = !strcmp(UPLO, "U") || !strcmp(UPLO, "u");
    if (!upper && strcmp(UPLO, "L") && strcmp(UPLO, "l"))
        return fac__runtime_error("Expected UPLO argument to be 'L' or 'U', but got %s", UPLO);
    return eigh(self, upper, "linalg.eigh", "LinalgEighBackward0", vectors);
}

fac_tensor *fac_linalg_eigh(fac_tensor *self, const char *UPLO, fac_tensor **eigenvectors)
{
    fac_tensor *unused;
    return eigh_checked(self, UPLO, eigenvectors ? eigenvectors : &unused);
}

fac_tensor *fac_linalg_eigvalsh(fac_tensor *self, const char *UPLO)
{
    return eigh_checked(self, UPLO, NULL);
}

fac_tensor *fac_symeig(fac_tensor *self, bool eigenvectors, bool upper, fac_tensor **vectors)
{
    FAC__OP("symeig");
    FAC__NEED(self);
    fac_tensor *v, *l = eigh(self, upper, "linalg.symeig", "SymeigBackward0", eigenvectors ? &v : NULL);
    if (l && !eigenvectors) v = fac_empty(FAC_DIMS(0), .dtype = (fac_dtype)self->dtype);
    if (vectors) *vectors = l ? v : NULL;
    return l;
}

/* ---- svd -------------------------------------------------------------------------------------------------------- */

static fac_tensor *skew(fac_tensor *x)
{
    return fac_sub(x, fac_mT(x));
}

/* What is outside of the span of u's columns: x - u u^T x. */
static fac_tensor *outside(fac_tensor *u, fac_tensor *x)
{
    return fac_sub(x, fac_matmul(u, fac_matmul(fac_mT(u), x)));
}

/* U ((skew(U^T gU) S + S skew(Vh gVh^T)) / (differences of S^2) + gS) Vh, and what gU and gVh have outside of the spans. */
static fac_tensor *svd_gradient(fac_tensor *u, fac_tensor *s, fac_tensor *vh, fac_tensor *gu, fac_tensor *gs,
                                fac_tensor *gvh)
{
    int64_t m = u->shape[u->ndim - 2], n = vh->shape[vh->ndim - 1];
    if (!gu && !gvh) return m >= n ? fac_matmul(u, scale_rows(gs, vh)) : fac_matmul(scale_columns(u, gs), vh);
    fac_tensor *inner = NULL;
    if (gu) inner = scale_columns(skew(fac_matmul(fac_mT(u), gu)), s);
    if (gvh) {
        fac_tensor *part = scale_rows(s, skew(fac_matmul(vh, fac_mT(gvh))));
        inner = gu ? fac_add(inner, part) : part;
    }
    inner = fac_div(inner, differences(fac_mul(s, s)));
    if (gs) inner = fac_add(inner, fac_diag_embed(gs, 0, -2, -1));
    if (m > n && gu) {
        fac_tensor *rest = outside(u, fac_div(gu, fac_unsqueeze(s, -2)));
        return fac_matmul(fac_add(fac_matmul(u, inner), rest), vh);
    }
    if (m < n && gvh) {
        fac_tensor *rest = fac_mT(outside(fac_mT(vh), fac_mT(fac_div(gvh, fac_unsqueeze(s, -1)))));
        return fac_matmul(u, fac_add(fac_matmul(inner, vh), rest));
    }
    return m >= n ? fac_matmul(u, fac_matmul(inner, vh)) : fac_matmul(fac_matmul(u, inner), vh);
}

static void svd_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *u = fac__saved(n, 0), *s = fac__saved(n, 1), *vh = fac__saved(n, 2), *gu = gy[0], *gvh = gy[2];
    if (!u || !s || !vh || (!gu && !gy[1] && !gvh)) return;
    if (*(const bool *)n->params) { /* what full_matrices adds is anything orthonormal: no gradient goes through it */
        int64_t k = s->shape[s->ndim - 1];
        u = fac_narrow(u, -1, 0, k);
        vh = fac_narrow(vh, -2, 0, k);
        gu = gu ? fac_narrow(gu, -1, 0, k) : NULL;
        gvh = gvh ? fac_narrow(gvh, -2, 0, k) : NULL;
    }
    if (u && vh && !fac_get_error_code()) gx[0] = svd_gradient(u, s, vh, gu, gy[1], gvh);
}

static bool run_svd(fac_tensor *x, bool full, fac_tensor *u, fac_tensor *s, fac_tensor *vh)
{
    bool ok = false;
    fac_scope {
        workspace w;
        fac_tensor *plain = fac__plain(x, (fac_dtype)x->dtype);
        int64_t m = fac__last(x, 2), n = fac__last(x, 1);
        if (!plain || !make_workspace(x, fac__svd_scratch(m, n), &w)) break;
        if (!m && !n) {
            ok = true;
            break;
        }
        fac__svd_args args = {.dtype = (fac_dtype)x->dtype,
                              .batch = w.batch,
                              .m = m,
                              .n = n,
                              .full = full,
                              .a = fac__data(plain),
                              .u = u ? fac__data(u) : NULL,
                              .s = fac__data(s),
                              .vh = vh ? fac__data(vh) : NULL,
                              .info = fac__data(w.info),
                              .scratch = fac__data(w.scratch),
                              .lanes = w.lanes};
        FAC__LAUNCH(fac__k_svd, args);
        ok = succeeded(&w, x, "linalg.svd", "the input matrix contained non-finite values");
    }
    return ok;
}

/* S, and U and Vh where they are wanted (both or none) or the gradient will need them. */
static fac_tensor *svd(fac_tensor *self, bool full, fac_tensor **u, fac_tensor **vh)
{
    if (!fac__linalg_matrix("linalg.svd", self, "A") || !fac__linalg_floating("linalg.svd", self, true) ||
        !fac__linalg_dtype("linalg_svd_cpu", self))
        return NULL;
    int64_t m = fac__last(self, 2), n = fac__last(self, 1), k = m < n ? m : n;
    fac__node *record = fac__record("LinalgSvdBackward0", svd_backward, 3, 3, sizeof full, self);
    bool all = u || record;
    fac_tensor *t[3] = {all ? new_batch(self, m, full ? m : k) : NULL, new_batch(self, k, -1),
                        all ? new_batch(self, full ? n : k, n) : NULL};
    if (!t[1] || (all && (!t[0] || !t[2])) || !run_svd(self, full, t[0], t[1], t[2])) {
        for (int i = 0; i < 3; i++)
            fac_release(t[i]);
        fac__done(record);
        return NULL;
    }
    if (record && !record->failed) *(bool *)record->params = full;
    for (int i = 0; i < 3; i++)
        fac__save_output(record, i, t[i], i);
    for (int i = 0; i < 3; i++)
        t[i] = fac__result_nr(record, t[i], i);
    fac__done(record);
    if (u) {
        *u = t[0];
        *vh = t[2];
    }
    return t[1];
}

fac_tensor *fac_linalg_svd(fac_tensor *self, bool full_matrices, fac_tensor **S, fac_tensor **Vh)
{
    FAC__OP("linalg.svd");
    fac_tensor *u = NULL, *vh = NULL, *s = self ? svd(self, full_matrices, &u, &vh) : NULL;
    if (S) *S = s;
    if (Vh) *Vh = vh;
    FAC__NEED(self);
    return u;
}

fac_tensor *fac_linalg_svdvals(fac_tensor *self)
{
    FAC__OP("linalg.svd");
    FAC__NEED(self);
    return svd(self, false, NULL, NULL);
}

fac_tensor *fac_svd(fac_tensor *self, bool some, bool compute_uv, fac_tensor **S, fac_tensor **V)
{
    FAC__OP("svd");
    fac_tensor *u = NULL, *s = NULL, *v = NULL;
    if (self && self->ndim < 2) {
        fac__runtime_error("linalg.svd: input should have at least 2 dimensions, but has %d dimensions instead",
                           self->ndim);
    } else if (self && compute_uv) {
        u = fac_linalg_svd(self, !some, &s, &v);
        v = u ? fac_mT(v) : NULL;
    } else if (self && (s = fac_linalg_svdvals(self))) {
        fac_dims shape = fac_shape(self), zeros[2] = {shape, shape};
        zeros[0].d[shape.n - 1] = shape.d[shape.n - 2];
        zeros[1].d[shape.n - 2] = shape.d[shape.n - 1];
        u = fac_zeros(zeros[0], .dtype = (fac_dtype)self->dtype);
        v = fac_zeros(zeros[1], .dtype = (fac_dtype)self->dtype);
    }
    if (S) *S = s;
    if (V) *V = v;
    FAC__NEED(self);
    return u;
}

/* ---- by name ---------------------------------------------------------------------------------------------------- */

static bool has_driver(const char *driver)
{
    if (!driver) return false;
    fac__runtime_error("torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER "
                       "backend.");
    return true;
}

FAC__CALL(linalg_eigh, R2(v, fac_linalg_eigh(T(0), STR(1), &v)))
FAC__CALL(linalg_eigvalsh, R(fac_linalg_eigvalsh(T(0), STR(1))))
FAC__CALL(symeig, R2(v, fac_symeig(T(0), B(1), B(2), &v)))
FAC__CALL(linalg_svd, R3(s, vh, has_driver(STR(2)) ? NULL : fac_linalg_svd(T(0), B(1), &s, &vh)))
FAC__CALL(linalg_svdvals, R(has_driver(STR(1)) ? NULL : fac_linalg_svdvals(T(0))))
FAC__CALL(svd_call, R3(s, v, fac_svd(T(0), B(1), B(2), &s, &v)))

const fac__op fac__ops_linalg_spectral[] = {
    {"linalg_eigh(Tensor self, str UPLO='L') -> (Tensor eigenvalues, Tensor eigenvectors)", linalg_eigh,
     "Eigenvalues, ascending, and eigenvectors of symmetric matrices."},
    {"linalg_eigvalsh(Tensor self, str UPLO='L') -> Tensor", linalg_eigvalsh,
     "Eigenvalues of symmetric matrices, ascending."},
    {"symeig(Tensor self, bool eigenvectors=False, bool upper=True) -> (Tensor eigenvalues, Tensor eigenvectors)",
     symeig, "The old name of linalg.eigh."},
    {"linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
     linalg_svd, "A = U diag(S) Vh with orthonormal columns of U and rows of Vh."},
    {"linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor", linalg_svdvals, "Singular values, descending."},
    {"svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)", svd_call,
     "A = U diag(S) V^T with orthonormal columns of U and V."},
    {0},
};
