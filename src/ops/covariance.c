/* Floor 4. Covariance and correlation of variables (facula/ops_spectral.h), made of other operations. */
#include "facula/autograd.h"
#include "facula/ops_create.h"
#include "facula/ops_matmul.h"
#include "facula/ops_reduce.h"
#include "facula/ops_spectral.h"
#include "facula/ops_view.h"
#include "op.h"

static bool is_true(fac_tensor *t)
{
    return t && fac_item(t) != 0;
}

/* Whether w can be a weight for each of n observations. */
static bool weights_fit(fac_tensor *w, const char *name, bool integral, int64_t n)
{
    if (!w) return true;
    fac_dtype dtype = (fac_dtype)w->dtype;
    if (w->ndim > 1)
        return fac__runtime_error("cov(): expected %s to have one or fewer dimensions but got %s with %d dimensions",
                                  name, name, w->ndim),
               false;
    if (integral ? !fac_dtype_is_integral(dtype) : !fac_dtype_is_floating(dtype))
        return fac__runtime_error("cov(): expected %s to have %s dtype but got %s with %s dtype", name,
                                  integral ? "integral" : "floating point", name, fac__dtype_word(dtype)),
               false;
    if (w->numel != n)
        return fac__runtime_error(
                   "cov(): expected %s to have the same numel as there are observations in the input but "
                   "got %lld != %lld",
                   name, (long long)w->numel, (long long)n),
               false;
    if (n && !is_true(fac_ge_scalar(fac_min(w), 0)))
        return fac__runtime_error("cov(): %s cannot be negative", name), false;
    return true;
}

static fac_tensor *cov(fac_tensor *self, int64_t correction, fac_tensor *fweights, fac_tensor *aweights)
{
    fac_tensor *x = self->ndim < 2 ? fac_reshape(self, FAC_DIMS(1, -1)) : self;
    if (!x) return NULL;
    int64_t n = x->shape[1];
    if (!weights_fit(fweights, "fweights", true, n) || !weights_fit(aweights, "aweights", false, n)) return NULL;
    fac_tensor *w = fweights && aweights ? fac_mul(fweights, aweights) : fweights ? fweights : aweights;
    fac_tensor *total = w ? fac_sum(w) : fac_scalar_tensor(n, .dtype = FAC_INT64);
    if (w && is_true(fac_eq_scalar(total, 0)))
        return fac__runtime_error("cov(): weights sum to zero, can't be normalized");
    fac_tensor *mean = fac_div(fac_sum(w ? fac_mul(x, w) : x, .dim = 1), total);
    fac_tensor *count = NULL;
    if (aweights && correction != 0)
        count = fac_sub(total, fac_div(fac_mul_scalar(fac_sum(fac_mul(w, aweights)), correction), total));
    else
        count = fac_sub_scalar(total, correction);
    if (is_true(fac_le_scalar(count, 0))) count = fac_zeros_like(count); /* and no -0 */
    x = fac_sub(x, fac_unsqueeze(mean, 1));
    fac_tensor *weighted = w ? fac_mul(x, w) : x;
    fac_dtype dtype = fac_promote_types(fac_dtype_of(x), fac_dtype_of(weighted));
    return fac_squeeze(fac_div(fac_mm(fac_to(x, dtype), fac_t(fac_to(weighted, dtype))), count));
}

static bool is_input(const fac_tensor *self, const char *op)
{
    if (self->ndim > 2)
        return fac__runtime_error(
                   "%s(): expected input to have two or fewer dimensions but got an input with %d dimensions", op,
                   self->ndim),
               false;
    if (self->dtype == FAC_BOOL) return fac__runtime_error("cov(): bool dtype is not supported for input"), false;
    return true;
}

fac_tensor *fac_cov_with(fac_tensor *self, fac_cov_options options)
{
    FAC__OP("cov");
    FAC__NEED(self);
    return is_input(self, "cov") ? cov(self, options.correction, options.fweights, options.aweights) : NULL;
}

fac_tensor *fac_corrcoef(fac_tensor *self)
{
    FAC__OP("corrcoef");
    FAC__NEED(self);
    fac_tensor *c = is_input(self, "corrcoef") ? cov(self, 1, NULL, NULL) : NULL;
    if (!c) return NULL;
    if (!c->ndim) return fac_div(c, c); /* 1, or NaN of one that does not vary */
    fac_tensor *std = fac_sqrt(fac_diag(c, 0));
    return fac_clamp(fac_div(fac_div(c, fac_unsqueeze(std, 1)), fac_unsqueeze(std, 0)), -1, 1);
}

/* ---- by name ---------------------------------------------------------------------------------------------------- */

FAC__CALL(cov_call, R(fac_cov(T(0), .correction = I(1), .fweights = T(2), .aweights = T(3))))
FAC__CALL(corrcoef, R(fac_corrcoef(T(0))))

const fac__op fac__ops_covariance[] = {
    {"cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor", cov_call,
     "Covariances of the rows."},
    {"corrcoef(Tensor self) -> Tensor", corrcoef, "Correlation coefficients of the rows."},
    {0},
};
