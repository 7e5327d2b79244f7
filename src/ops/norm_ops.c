/* Floor 4. Variance, standard deviation and norms over dimensions (facula/ops_reduce.h). */
#include <math.h>
#include <string.h>

#include "facula/autograd.h"
#include "facula/ops_spectral.h"
#include "facula/ops_view.h"
#include "reduction.h"
#include "tracing.h"

static fac_dims mask_dims(const fac__reduction *r)
{
    fac_dims dims = {.n = 0};
    for (int d = 0; d < r->input.n; d++)
        if (r->mask >> d & 1) dims.d[dims.n++] = d;
    return dims;
}

/* ---- variance ------------------------------------------------------------------------------------------------ */

typedef struct spread {
    fac__reduction r;
    double correction;
    bool root; /* std */
} spread;

/* 2 g (x - mean) / (count - correction); for std g / (2 std) stands for g. */
static fac_tensor *var_gradient(const spread *s, fac_tensor *x, fac_tensor *y, fac_tensor *g)
{
    if (s->root) g = fac__zero_where(fac_eq_scalar(y, 0), fac_div(g, fac_mul_scalar(y, 2)));
    if (!g) return NULL;
    fac_tensor *mean = x->ndim ? fac_mean(x, .dims = mask_dims(&s->r), .keepdim = true) : x;
    fac_tensor *scaled = fac_mul_scalar(fac__unreduce(&s->r, g), 2.0 / ((double)s->r.reduced - s->correction));
    return mean && scaled ? fac_mul(scaled, fac_sub(x, mean)) : NULL;
}

static void var_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const spread *s = n->params;
    fac_tensor *x = fac__saved(n, 0), *y = s->root ? fac__saved(n, 1) : NULL;
    if (!x || (s->root && !y)) return;
    if (gy[0]) gx[0] = var_gradient(s, x, y, gy[0]);
    if (n->n_out < 2 || !gy[1] || fac_get_error_code()) return;
    fac_tensor *of_mean = fac__unreduce_expand(&s->r, fac_div_scalar(gy[1], s->r.reduced));
    gx[0] = gx[0] && of_mean ? fac_add(gx[0], of_mean) : of_mean;
}

/* y = squares divided by, and its square root: rounded, and perhaps out of range, at the end only. */
static bool finish(fac_tensor *y, fac_tensor *squares, const spread *s)
{
    static const fac__program divide = {1, 1, 1, 1, {2}, {{FAC__ROW_div, {0, 1}}}};
    static const fac__program divide_root = {1, 1, 2, 1, {3}, {{FAC__ROW_div, {0, 1}}, {FAC__ROW_sqrt, {2}}}};
    double left = (double)s->r.reduced - s->correction;
    fac_scalar by = fac_scalar_float(left > 0 ? left : 0);
    return fac__run_program(s->root ? &divide_root : &divide, FAC_FLOAT64, y->ndim, y->shape, &squares, &by, &y);
}

/* What a trace is told: over which dimensions, by their numbers. */
static fac_tensor *traced(fac_tensor *self, const char *op, fac_value number, const fac__reduction *r)
{
    fac_dims dims = FAC_DIMS();
    for (int d = 0; d < self->ndim; d++)
        if (r->mask >> d & 1) dims.d[dims.n++] = d;
    bool norm = !strcmp(op, "norm.ScalarOpt_dim");
    const fac_keyword by_norm[] = {FAC__ARG(self), {NULL, number}, FAC__ARG(&dims), FAC__ARG(r->keepdim)};
    const fac_keyword by_spread[] = {
        FAC__ARG(self), FAC__ARG(&dims), {"correction", number}, FAC__KEYWORD("keepdim", r->keepdim)};
    return fac__traced(fac__tracing(), op, norm ? by_norm : by_spread, 4);
}

static fac_tensor *spread_of(fac_tensor *self, const char *op, const char *name, bool root, fac_tensor **mean,
                             const fac_reduce_options *o)
{
    spread s = {.correction = o->unbiased ? o->correction : 0, .root = root};
    if (mean) *mean = NULL;
    if (!fac__reduction_of(self, o, &s.r)) return NULL;
    if (!fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("%s only support floating point and complex dtypes", mean ? op : "std and var");
    if (fac__tracing() && !mean)
        return traced(self, root ? "std.correction" : "var.correction", FAC__VALUE(s.correction), &s.r);
    fac__node *n = fac__record(name, var_backward, mean ? 2 : 1, 2, sizeof s, self);
    fac_dtype dtype = (fac_dtype)self->dtype;
    fac_tensor *y = fac__new(dtype, s.r.ndim, s.r.shape), *m = y && mean ? fac__new(dtype, s.r.ndim, s.r.shape) : NULL;
    fac_tensor *squares = y ? fac__new(FAC_FLOAT64, s.r.ndim, s.r.shape) : NULL; /* of the differences from the mean */
    bool ok = squares && (m || !mean);
    if (ok && s.r.reduced) {
        /* The kernel gives the mean first; where it is not asked for, only the second output is set. */
        fac__reduce_into(FAC__MEAN_VAR, self, &s.r, m, squares);
    } else if (ok) {
        ok = fac__fill_into(squares, fac_scalar_float(NAN)) && (!m || fac__fill_into(m, fac_scalar_float(NAN)));
    }
    ok = ok && finish(y, squares, &s);
    fac_release(squares);
    if (!ok) {
        fac_release(y);
        fac_release(m);
        fac__done(n);
        return NULL;
    }
    if (n && !n->failed) {
        *(spread *)n->params = s;
        fac__save(n, 0, self);
        if (root) fac__save_output(n, 1, y, 0);
    }
    if (mean) *mean = fac__result_nr(n, m, 1);
    return fac__result(n, y);
}

#define SPREAD(name, node, root)                                                                                       \
    fac_tensor *fac_##name##_with(fac_tensor *self, fac_reduce_options options)                                        \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        FAC__NEED(self);                                                                                               \
        return spread_of(self, #name, node "Backward0", root, NULL, &options);                                         \
    }                                                                                                                  \
    fac_tensor *fac_##name##_mean_with(fac_tensor *self, fac_tensor **mean, fac_reduce_options options)                \
    {                                                                                                                  \
        FAC__OP(#name "_mean");                                                                                        \
        FAC__NEED(self);                                                                                               \
        fac_tensor *unused;                                                                                            \
        return spread_of(self, #name "_mean", node "MeanBackward0", root, mean ? mean : &unused, &options);            \
    }
SPREAD(var, "Var", false)
SPREAD(std, "Std", true)

/* ---- norms --------------------------------------------------------------------------------------------------- */

typedef struct norm {
    fac__reduction r;
    double p;
} norm;

/* The derivative of (sum |x|^p)^(1/p), which counts as 0 where the norm is 0. */
static fac_tensor *norm_gradient(const norm *m, fac_tensor *x, fac_tensor *y, fac_tensor *g)
{
    double p = m->p;
    if (p == 0) return fac_mul_scalar(fac__unreduce_expand(&m->r, fac_mul_scalar(g, 0)), 0);
    y = fac__unreduce(&m->r, y);
    g = fac__unreduce(&m->r, g);
    if (!y || !g) return NULL;
    if (p == 1) return fac_mul(fac_sign(x), g);
    if (p == 2) return fac_mul(g, fac__zero_where(fac_eq_scalar(y, 0), fac_div(x, y)));
    fac_tensor *size = fac_abs(x), *is_zero = fac_eq_scalar(y, 0);
    if (!size || !is_zero) return NULL;
    if (isinf(p)) { /* equal extremes share */
        fac_tensor *is = fac_where(fac_ne(y, y), fac_ne(x, x), fac_eq(size, y));
        if (!is) return NULL;
        fac_tensor *count = x->ndim ? fac_sum(is, .dims = mask_dims(&m->r), .keepdim = true) : fac_sum(is);
        return fac_mul(fac_sign(x), fac_mul(fac_div(g, count), is));
    }
    if (p < 1) {
        fac_tensor *part = fac__zero_where(fac_eq_scalar(x, 0), fac_mul(fac_sign(x), fac_pow_scalar(size, p - 1)));
        return part ? fac_mul(fac_mul(part, g), fac_pow_scalar(y, 1 - p)) : NULL;
    }
    fac_tensor *part = p < 2 ? fac_mul(fac_sign(x), fac_pow_scalar(size, p - 1))
                             : fac_mul(x, fac_pow_scalar(size, p - 2));
    fac_tensor *scale = fac__zero_where(is_zero, fac_div(g, fac_pow_scalar(y, p - 1)));
    return part && scale ? fac_mul(part, scale) : NULL;
}

static void norm_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *x = fac__saved(n, 0), *y = fac__saved(n, 1);
    if (x && y) gx[0] = norm_gradient(n->params, x, y, gy[0]);
}

/* In dtype's own arithmetic; x is of that dtype. The caller's reference. */
static fac_tensor *norm_value(const norm *m, fac_tensor *x)
{
    static const fac__program root = {1, 0, 1, 1, {1}, {{FAC__ROW_sqrt, {0}}}};
    fac_dtype dtype = (fac_dtype)x->dtype;
    if (!m->r.reduced) return fac__reduce(FAC__SUM, x, &m->r, dtype);
    if (isinf(m->p)) {
        fac_tensor *size = fac_abs(x);
        return size ? fac__reduce(m->p > 0 ? FAC__MAX : FAC__MIN, size, &m->r, dtype) : NULL;
    }
    if (m->p == 0) return fac__reduce(FAC__COUNT_NONZERO, x, &m->r, dtype);
    if (m->p == 1) return fac__reduce(FAC__SUM_ABS, x, &m->r, dtype);
    /* float16 and bfloat16: no rounding before the root */
    fac_dtype inside = m->p == 2 || fac__compute_type(dtype) == FAC_FLOAT64 ? fac__compute_type(dtype) : FAC_FLOAT32;
    if (m->p == 2) {
        fac_tensor *y = fac__reduce(FAC__SUM_SQUARES, x, &m->r, inside);
        if (!y || !fac__run_program(&root, inside, y->ndim, y->shape, &y, NULL, &y)) return fac_release(y), NULL;
        return fac_keep(fac_to(fac__own(y), dtype));
    }
    fac_tensor *powers = fac_pow_scalar(fac_abs(fac_to(x, inside)), m->p);
    fac_tensor *sum = powers ? fac__own(fac__reduce(FAC__SUM, powers, &m->r, inside)) : NULL;
    return sum ? fac_keep(fac_to(fac_pow_scalar(sum, 1 / m->p), dtype)) : NULL;
}

/* Norms that have no value where there are no elements; only torch.norm says 0. */
static bool has_norm(const norm *m)
{
    for (int d = 0; d < m->r.input.n && !m->r.all_given; d++)
        if ((m->r.mask >> d & 1) && !m->r.input.d[d])
            return fac__runtime_error("linalg.vector_norm cannot compute the %g norm on the dimension %dbecause this "
                                      "dimension is empty and the operation does not have an identity",
                                      m->p, d),
                   false;
    return fac__runtime_error("linalg.vector_norm cannot compute the %g norm on an empty tensor because the operation "
                              "does not have an identity",
                              m->p),
           false;
}

bool fac__norm_dtype_fits(const fac_tensor *x, fac_dtype dtype, const char *op)
{
    const char *is = fac__dtype_word((fac_dtype)x->dtype), *wanted = fac__dtype_word(dtype);
    if (!fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("%s: Expected a floating point or complex tensor as input. Got %s", op, is), false;
    if (dtype && !fac_dtype_is_floating(dtype))
        return fac__runtime_error("%s: dtype should be floating point or complex, but got %s", op, wanted), false;
    if (dtype && fac_promote_types((fac_dtype)x->dtype, dtype) != dtype)
        return fac__runtime_error("%s: the dtype of the input (%s) should be convertible without narrowing to the "
                                  "specified dtype (%s)",
                                  op, is, wanted),
               false;
    return true;
}

static fac_tensor *norm_of(fac_tensor *self, const char *op, const char *name, const fac_reduce_options *o)
{
    FAC__OP(op);
    FAC__NEED(self);
    norm m = {.p = o->p};
    if (!fac__reduction_of(self, o, &m.r)) return NULL;
    if (fac__tracing() && !o->dtype) return traced(self, "norm.ScalarOpt_dim", FAC__VALUE(o->p), &m.r);
    fac_dtype dtype = o->dtype ? o->dtype : (fac_dtype)self->dtype;
    bool vector = !strcmp(op, "linalg.vector_norm");
    if (vector && !fac__norm_dtype_fits(self, o->dtype, op)) return NULL;
    if (!fac_dtype_is_floating(dtype) || !fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("%s(): input dtype should be either floating point or complex. Got %s instead.", op,
                                  fac__dtype_word((fac_dtype)self->dtype));
    if (vector && !m.r.reduced && (m.p < 0 || isinf(m.p)) && !has_norm(&m)) return NULL;
    fac__node *n = fac__record(name, norm_backward, 1, 2, sizeof m, self);
    fac_tensor *y = NULL;
    fac_scope
        fac_no_grad {
            fac_tensor *x = fac__cast_plain(self, dtype);
            y = x ? norm_value(&m, x) : NULL;
        }
    if (n && !n->failed) {
        *(norm *)n->params = m;
        fac__save(n, 0, self);
        fac__save_output(n, 1, y, 0);
    }
    return fac__result(n, y);
}

fac_tensor *fac_norm_with(fac_tensor *self, fac_reduce_options options)
{
    return norm_of(self, "norm", options.dtype ? "NormBackward3" : "NormBackward1", &options);
}

fac_tensor *fac_vector_norm_with(fac_tensor *self, fac_reduce_options options)
{
    return norm_of(self, "linalg.vector_norm", "LinalgVectorNormBackward0", &options);
}

fac_tensor *fac_dist(fac_tensor *self, fac_tensor *other, double p)
{
    FAC__OP("dist");
    FAC__NEED(self);
    FAC__NEED(other);
    fac_tensor *y = NULL;
    fac_scope {
        fac_tensor *difference = fac_sub(self, other);
        y = difference ? fac_escape(fac_norm(difference, .p = p)) : NULL;
    }
    return y;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

static const fac_dims no_dims = {.n = -1};

/* unbiased and correction: at most one is given; None is 1. */
static fac_reduce_options spread_keywords(fac_dims dims, double correction, bool keepdim)
{
    fac_reduce_options o = fac__reduce_over(dims, keepdim, FAC_DTYPE_NONE);
    o.correction = correction;
    return o;
}
#define CORRECTION(i) (GIVEN(i) ? F(i) : 1)
#define SPREAD_CALLS(name)                                                                                             \
    FAC__CALL(name, R(fac_##name##_with(T(0), spread_keywords(no_dims, B(1), false))))                                 \
    FAC__CALL(name##_dim, R(fac_##name##_with(T(0), spread_keywords(L(1), B(2), B(3)))))                               \
    FAC__CALL(name##_correction, R(fac_##name##_with(T(0), spread_keywords(L(1), CORRECTION(2), B(3)))))               \
    FAC__CALL(name##_mean, R2(mean, fac_##name##_mean_with(T(0), &mean, spread_keywords(no_dims, B(1), false))))       \
    FAC__CALL(name##_mean_dim, R2(mean, fac_##name##_mean_with(T(0), &mean, spread_keywords(L(1), B(2), B(3)))))       \
    FAC__CALL(name##_mean_correction,                                                                                  \
              R2(mean, fac_##name##_mean_with(T(0), &mean, spread_keywords(L(1), CORRECTION(2), B(3)))))
SPREAD_CALLS(var)
SPREAD_CALLS(std)

static fac_reduce_options norm_keywords(fac_scalar p, fac_dims dims, bool keepdim, fac_dtype dtype)
{
    fac_reduce_options o = fac__reduce_over(dims, keepdim, dtype);
    if (p.kind) o.p = fac_scalar_to_double(p);
    return o;
}
FAC__CALL(norm_all, R(fac_norm_with(T(0), norm_keywords(S(1), no_dims, false, FAC_DTYPE_NONE))))
FAC__CALL(norm_dim, R(fac_norm_with(T(0), norm_keywords(S(1), L(2), B(3), FAC_DTYPE_NONE))))
FAC__CALL(norm_dim_dtype, R(fac_norm_with(T(0), norm_keywords(S(1), L(2), B(3), DT(4)))))
FAC__CALL(norm_dtype, R(fac_norm_with(T(0), norm_keywords(S(1), no_dims, false, DT(2)))))
static fac_tensor *named_norm(fac_tensor *x, const char *p, fac_reduce_options o)
{
    FAC__OP("norm");
    bool nuc = !strcmp(p, "nuc");
    if (!nuc && strcmp(p, "fro"))
        return fac__runtime_error("only valid string values are 'fro' and 'nuc', found %s", p);
    if (o.dtype) return fac__value_error("dtype argument is not supported in %s norm", nuc ? "nuclear" : "frobenius");
    if (nuc) return fac_nuclear_norm(x, o.dims, o.keepdim);
    if (o.dims.n > 2)
        return fac__runtime_error("Expected at most 2 dimensions, but got %d dimensions instead.", o.dims.n);
    return fac_norm_with(x, o);
}
FAC__CALL(norm_named, R(named_norm(T(0), STR(1), norm_keywords(fac_scalar_none(), L(2), B(3), DT(4)))))
FAC__CALL(vector_norm, R(fac_vector_norm_with(T(0), norm_keywords(S(1), L(2), B(3), DT(4)))))
FAC__CALL(dist, R(fac_dist(T(0), T(1), F(2))))

/* clang-format off */
#define ALL "bool unbiased=True) -> "
#define DIM "int[1]? dim, bool unbiased=True, bool keepdim=False) -> "
#define CORRECTED "int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> "
#define SPREAD_ROWS(name, what)                                                                                        \
    {#name "(Tensor self, " ALL "Tensor", name, what " of all elements."},                                             \
    {#name ".dim(Tensor self, " DIM "Tensor", name##_dim, what " over dimensions."},                                   \
    {#name ".correction(Tensor self, " CORRECTED "Tensor", name##_correction, what " with any correction."},           \
    {#name "_mean(Tensor self, " ALL "(Tensor, Tensor)", name##_mean, what " and mean."},                              \
    {#name "_mean.dim(Tensor self, " DIM "(Tensor, Tensor)", name##_mean_dim, what " and mean over dimensions."},      \
    {#name "_mean.correction(Tensor self, " CORRECTED "(Tensor, Tensor)", name##_mean_correction,                      \
     what " and mean with any correction."}
/* clang-format on */

const fac__op fac__ops_norm_ops[] = {
    SPREAD_ROWS(var, "Variance"),
    SPREAD_ROWS(std, "Standard deviation"),
    {"norm.Scalar(Tensor self, Scalar p=2) -> Tensor", norm_all, "(sum |x|^p)^(1/p)"},
    {"norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor", norm_dim,
     "Norm over dimensions."},
    {"norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor",
     norm_dim_dtype, "Norm over dimensions, in another dtype."},
    {"norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor", norm_dtype,
     "Norm in another dtype."},
    {"norm.named(Tensor self, str p='fro', int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
     norm_named, "The Frobenius norm, the root of the sum of squares, or the nuclear norm."},
    {"linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) "
     "-> Tensor",
     vector_norm, "(sum |x|^p)^(1/p)"},
    {"dist(Tensor self, Tensor other, Scalar p=2) -> Tensor", dist, "p-norm of the difference."},
    {0},
};
