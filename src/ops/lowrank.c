/* Floor 4. Singular values of nearly low-rank matrices from random products (facula/ops_spectral.h). */
#include "facula/ops_spectral.h"
#include "linalg_parts.h"

/* (a - m) x; m may be NULL. */
static fac_tensor *product(fac_tensor *a, fac_tensor *m, fac_tensor *x)
{
    fac_tensor *y = fac_matmul(a, x);
    return m ? fac_sub(y, fac_matmul(m, x)) : y;
}

static fac_tensor *orthonormal(fac_tensor *x)
{
    return fac_linalg_qr(x, "reduced", NULL);
}

/* q orthonormal columns that reach about as far as those of a - m: algorithm 4.4. */
static fac_tensor *basis(fac_tensor *a, fac_tensor *m, int64_t q, int64_t rounds)
{
    fac_tensor *at = fac_mT(a), *mt = m ? fac_mT(m) : NULL;
    if (!at || (m && !mt)) return NULL;
    fac_tensor *random = fac_randn(FAC_SHAPE(a->shape[a->ndim - 1], q), .dtype = (fac_dtype)a->dtype);
    fac_tensor *x = orthonormal(product(a, m, random));
    for (int64_t i = 0; i < rounds && x; i++) {
        x = orthonormal(product(at, mt, x));
        x = orthonormal(product(a, m, x));
    }
    return x;
}

/* Algorithm 5.1, of the matrix or its transpose, so that what is decomposed is small; S and V are not NULL. */
static fac_tensor *svd_lowrank(fac_tensor *a, fac_tensor *m, int64_t q, int64_t rounds, fac_tensor **S, fac_tensor **V)
{
    bool wide = a->shape[a->ndim - 2] < a->shape[a->ndim - 1] || a->shape[a->ndim - 1] > q;
    fac_tensor *at = fac_mT(a), *mt = m ? fac_mT(m) : NULL, *vh = NULL;
    if (!at || (m && !mt)) return NULL;
    fac_tensor *x = wide ? basis(at, mt, q, rounds) : basis(a, m, q, rounds);
    fac_tensor *small = wide ? product(a, m, x) : fac_mT(product(at, mt, x));
    fac_tensor *u = fac_linalg_svd(small, false, S, &vh), *v = u ? fac_mT(vh) : NULL;
    if (!v) return NULL;
    *V = wide ? fac_matmul(x, v) : v;
    return wide ? u : fac_matmul(x, u);
}

static bool is_input(const fac_tensor *a, const char *op)
{
    if (!fac__linalg_matrix(op, a, "A")) return false;
    if (a->dtype == FAC_FLOAT32 || a->dtype == FAC_FLOAT64) return true;
    return fac__runtime_error("%s: expected a float32 or float64 tensor. Got %s", op,
                              fac__dtype_word((fac_dtype)a->dtype)),
           false;
}

/* What both do with q and niter, and with the results. */
static fac_tensor *lowrank(fac_tensor *a, const fac_lowrank_options *o, int64_t q, fac_tensor **S, fac_tensor **V)
{
    int64_t m = a->shape[a->ndim - 2], n = a->shape[a->ndim - 1], most = m < n ? m : n;
    fac_tensor *u, *s = NULL, *v = NULL;
    if (q < 0 || q > most)
        return fac__value_error("q(=%lld) must be non-negative integer and not greater than min(m, n)=%lld",
                                (long long)q, (long long)most);
    if (o->niter < 0) return fac__value_error("niter(=%lld) must be non-negative integer", (long long)o->niter);
    u = svd_lowrank(a, o->M, q, o->niter, &s, &v);
    if (S) *S = u ? s : NULL;
    if (V) *V = u ? v : NULL;
    return u;
}

fac_tensor *fac_svd_lowrank_with(fac_tensor *A, fac_tensor **S, fac_tensor **V, fac_lowrank_options options)
{
    FAC__OP("svd_lowrank");
    if (S) *S = NULL;
    if (V) *V = NULL;
    FAC__NEED(A);
    return is_input(A, "svd_lowrank") ? lowrank(A, &options, options.q == -1 ? 6 : options.q, S, V) : NULL;
}

fac_tensor *fac_pca_lowrank_with(fac_tensor *A, fac_tensor **S, fac_tensor **V, fac_lowrank_options options)
{
    FAC__OP("pca_lowrank");
    if (S) *S = NULL;
    if (V) *V = NULL;
    FAC__NEED(A);
    if (!is_input(A, "pca_lowrank")) return NULL;
    int64_t m = A->shape[A->ndim - 2], n = A->shape[A->ndim - 1], q = m < n ? m : n;
    if (q > 6) q = 6;
    options.M = NULL;
    if (options.center) A = fac_sub(A, fac_mean(A, .dim = -2, .keepdim = true));
    return A ? lowrank(A, &options, options.q == -1 ? q : options.q, S, V) : NULL;
}

/* ---- by name ---------------------------------------------------------------------------------------------------- */

static fac_lowrank_options rank_and_rounds(fac_scalar q, fac_scalar niter)
{
    fac_lowrank_options o = fac_lowrank_options_defaults();
    if (q.kind) o.q = fac_scalar_to_int(q) == -1 ? -2 : fac_scalar_to_int(q); /* -1 is refused, not the default */
    if (niter.kind) o.niter = fac_scalar_to_int(niter);
    return o;
}
FAC__CALL(svd_lowrank_call, fac_lowrank_options o = rank_and_rounds(S(1), S(2)); o.M = T(3);
          R3(s, v, fac_svd_lowrank_with(T(0), &s, &v, o)))
FAC__CALL(pca_lowrank_call, fac_lowrank_options o = rank_and_rounds(S(1), S(3)); o.center = B(2);
          R3(s, v, fac_pca_lowrank_with(T(0), &s, &v, o)))

const fac__op fac__ops_lowrank[] = {
    {"svd_lowrank(Tensor A, int? q=6, int? niter=2, Tensor? M=None) -> (Tensor U, Tensor S, Tensor V)",
     svd_lowrank_call, "The largest singular values and their vectors, from random products."},
    {"pca_lowrank(Tensor A, int? q=None, bool center=True, int niter=2) -> (Tensor U, Tensor S, Tensor V)",
     pca_lowrank_call, "Principal components of the rows, from random products."},
    {0},
};
