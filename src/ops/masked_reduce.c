/* Floor 4. torch.masked: reductions and normalisations that leave elements out (facula/ops_masked.h). An element that
 * is left out is replaced by the identity of the operation; then it is the plain operation's work. */
#include <math.h>

#include "facula/autograd.h"
#include "facula/ops_create.h"
#include "facula/ops_masked.h"
#include "facula/ops_sort.h"
#include "facula/ops_view.h"
#include "op.h"
#include "reduction.h"
#include "shaping.h"

/* ---- what is put in place of an element that is left out -------------------------------------------------------- */

typedef enum identity { ZERO, ONE, LOWEST, HIGHEST, NOT_A_NUMBER } identity;

static fac_scalar value_of(identity what, fac_dtype dtype)
{
    bool floating = fac_dtype_is_floating(dtype);
    int bits = 8 * (int)fac_dtype_size(dtype);
    switch (what) {
    case ZERO: return fac_scalar_int(0);
    case ONE: return fac_scalar_int(1);
    case LOWEST:
        if (floating) return fac_scalar_float(-INFINITY);
        return fac_scalar_int(dtype == FAC_UINT8 || dtype == FAC_BOOL ? 0 : INT64_MIN >> (64 - bits));
    case HIGHEST:
        if (floating) return fac_scalar_float(INFINITY);
        return fac_scalar_int(dtype == FAC_BOOL ? 1 : dtype == FAC_UINT8 ? 255 : INT64_MAX >> (64 - bits));
    default: return fac_scalar_float(NAN);
    }
}

/* The mask as a bool tensor of x's shape; NULL after an error. */
static fac_tensor *full_mask(const fac_tensor *x, fac_tensor *mask)
{
    if (mask->ndim > x->ndim)
        return fac__index_error(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)");
    fac_tensor *m = fac_expand(mask, fac_dims_make(x->ndim, x->shape));
    return m ? fac_to(m, FAC_BOOL) : NULL;
}

/* x with the identity where the mask (NULL: all true) is false. */
static fac_tensor *combined(fac_tensor *x, fac_tensor *mask, identity what)
{
    if (!x || !mask) return x;
    if (x->dtype == FAC_BOOL && (what == LOWEST || what == HIGHEST))
        return fac__runtime_error("there is no identity of amax and amin on bool input");
    fac_tensor *m = full_mask(x, mask), *none = m ? fac_full_like(x, value_of(what, (fac_dtype)x->dtype)) : NULL;
    return none ? fac_where(m, x, none) : NULL;
}

/* ---- dimensions -------------------------------------------------------------------------------------------------- */

/* Those of the options, all if there are none, wrapped and rising; n = -1 after an error. */
static fac_dims dims_of(const fac_tensor *x, const fac_masked_options *o)
{
    fac_dims dims = o->dim != FAC_ALL_DIMS ? fac_dims_one(o->dim) : o->dims, sorted = {.n = 0};
    if (dims.n <= 0)
        for (dims.n = 0; dims.n < x->ndim; dims.n++)
            dims.d[dims.n] = dims.n;
    if (!fac__wrap_dims(&dims, x->ndim, "dim=%d appears multiple times in the list of dims"))
        return (fac_dims){.n = -1};
    for (int d = 0; d < x->ndim; d++)
        for (int i = 0; i < dims.n; i++)
            if (dims.d[i] == d) sorted.d[sorted.n++] = d;
    return sorted;
}

/* The first of them, as a normalisation needs it; -1 after an error. */
static int dim_of(const fac_tensor *x, const fac_masked_options *o)
{
    if (o->dim == FAC_ALL_DIMS && o->dims.n < 1) return fac__type_error("a masked normalisation needs a dim"), -1;
    fac_dims dims = dims_of(x, o);
    return dims.n < 0 ? -1 : dims.n ? (int)dims.d[0] : 0;
}

static fac_dtype dtype_or(fac_dtype given, const fac_tensor *x)
{
    return given ? given : (fac_dtype)x->dtype;
}

/* Every function begins so: x is self without the elements that are left out. */
#define MASKED(op, what)                                                                                               \
    FAC__OP("masked." op);                                                                                             \
    FAC__NEED(self);                                                                                                   \
    fac_tensor *x = combined(self, options.mask, what);                                                                \
    FAC__NEED(x)
#define OVER_DIMS()                                                                                                    \
    fac_dims dims = dims_of(self, &options);                                                                           \
    if (dims.n < 0) return NULL
#define OVER_DIM()                                                                                                     \
    int dim = dim_of(self, &options);                                                                                  \
    if (dim < 0) return NULL

/* ---- reductions -------------------------------------------------------------------------------------------------- */

fac_tensor *fac_masked_sum_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("sum", ZERO);
    OVER_DIMS();
    return fac_sum(x, .dims = dims, .keepdim = options.keepdim, .dtype = fac__sum_dtype(self, options.dtype));
}

fac_tensor *fac_masked_prod_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("prod", ONE);
    OVER_DIMS();
    return fac_prod(x, .dims = dims, .keepdim = options.keepdim, .dtype = fac__sum_dtype(self, options.dtype));
}

fac_tensor *fac_masked_amax_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("amax", LOWEST);
    OVER_DIMS();
    return fac_to(fac_amax(x, .dims = dims, .keepdim = options.keepdim), dtype_or(options.dtype, self));
}

fac_tensor *fac_masked_amin_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("amin", HIGHEST);
    OVER_DIMS();
    return fac_to(fac_amin(x, .dims = dims, .keepdim = options.keepdim), dtype_or(options.dtype, self));
}

fac_tensor *fac_masked_logsumexp_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("logsumexp", LOWEST);
    OVER_DIMS();
    return fac_to(fac_logsumexp(x, .dims = dims, .keepdim = options.keepdim), dtype_or(options.dtype, self));
}

fac_tensor *fac_masked_norm_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("norm", options.p == -INFINITY ? HIGHEST : ZERO);
    OVER_DIMS();
    return fac_vector_norm(x, .p = options.p, .dims = dims, .keepdim = options.keepdim, .dtype = options.dtype);
}

fac_tensor *fac_masked_argmax_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("argmax", LOWEST);
    return fac_to(fac_argmax(x, .dim = options.dim, .keepdim = options.keepdim), dtype_or(options.dtype, self));
}

fac_tensor *fac_masked_argmin_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("argmin", HIGHEST);
    return fac_to(fac_argmin(x, .dim = options.dim, .keepdim = options.keepdim), dtype_or(options.dtype, self));
}

/* NaN leaves nanmedian's elements out. Whole numbers have no NaN to say that there is no median. */
fac_tensor *fac_masked_median_with(fac_tensor *self, fac_masked_options options)
{
    FAC__OP("masked.median");
    FAC__NEED(self);
    if (options.dim == FAC_ALL_DIMS && options.dims.n < 1) options.dim = -1;
    OVER_DIM();
    bool floating = fac_dtype_is_floating((fac_dtype)self->dtype);
    fac_tensor *x = floating ? self : fac_to(self, FAC_FLOAT32);
    x = x ? combined(x, options.mask, NOT_A_NUMBER) : NULL;
    fac_tensor *y = x ? fac_nanmedian_dim(x, dim, options.keepdim, NULL) : NULL;
    if (floating || !y) return y;
    fac_tensor *none = fac_any(fac_isnan(y));
    if (none && fac_item_int(none))
        return fac__value_error("masked median expects no fully masked out rows if dtype is not floating point");
    return none ? fac_to(y, dtype_or(options.dtype, self)) : NULL;
}

/* How many take part: of x's dims, or with those reduced. */
static fac_tensor *counted(fac_tensor *x, const fac_masked_options *o, fac_dims dims, bool keepdim)
{
    fac_tensor *ones = fac_ones_like(x, .dtype = FAC_INT64);
    ones = ones ? combined(ones, o->mask, ZERO) : NULL;
    return ones ? fac_sum(ones, .dims = dims, .keepdim = keepdim) : NULL;
}

fac_tensor *fac_masked_mean_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("mean", ZERO);
    OVER_DIMS();
    fac_tensor *count = counted(self, &options, dims, options.keepdim);
    fac_tensor *total = fac_sum(x, .dims = dims, .keepdim = options.keepdim, .dtype = dtype_or(options.dtype, self));
    return count && total ? fac_div(total, count) : NULL;
}

static fac_tensor *variance(fac_tensor *self, fac_masked_options options)
{
    FAC__NEED(self);
    fac_tensor *x = combined(self, options.mask, ZERO);
    FAC__NEED(x);
    OVER_DIMS();
    bool floating = fac_dtype_is_floating((fac_dtype)self->dtype);
    fac_dtype dtype = options.dtype ? options.dtype : floating ? (fac_dtype)self->dtype : FAC_FLOAT32;
    fac_tensor *count = counted(self, &options, dims, true);
    fac_tensor *total = fac_sum(x, .dims = dims, .keepdim = true, .dtype = dtype);
    fac_tensor *rest = count && total ? fac_sub(self, fac_div(total, count)) : NULL;
    rest = rest ? combined(fac_mul(rest, rest), options.mask, ZERO) : NULL;
    fac_tensor *squares = fac_sum(rest, .dims = dims, .keepdim = options.keepdim,
                                  .dtype = fac_dtype_is_floating(dtype) ? dtype : FAC_FLOAT32);
    if (!squares) return NULL;
    count = fac_reshape(count, fac_shape(squares));
    if (options.unbiased) count = fac_clamp(fac_sub_scalar(count, 1), 0, fac_scalar_none());
    return fac_to(fac_div(squares, count), dtype);
}

fac_tensor *fac_masked_var_with(fac_tensor *self, fac_masked_options options)
{
    FAC__OP("masked.var");
    return variance(self, options);
}

fac_tensor *fac_masked_std_with(fac_tensor *self, fac_masked_options options)
{
    FAC__OP("masked.std");
    fac_tensor *y = variance(self, options);
    return y ? fac_sqrt(y) : NULL;
}

/* ---- normalisations ---------------------------------------------------------------------------------------------- */

fac_tensor *fac_masked_softmax_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("softmax", LOWEST);
    OVER_DIM();
    return fac_softmax(x, dim, options.dtype);
}

fac_tensor *fac_masked_log_softmax_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("log_softmax", LOWEST);
    OVER_DIM();
    return fac_log_softmax(x, dim, options.dtype);
}

fac_tensor *fac_masked_softmin_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("softmin", HIGHEST);
    OVER_DIM();
    return fac_softmin(x, dim, options.dtype);
}

fac_tensor *fac_masked_cumsum_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("cumsum", ZERO);
    OVER_DIM();
    fac_dtype dtype = dtype_or(options.dtype, self);
    return fac_to(fac_cumsum(x, dim, dtype), dtype);
}

fac_tensor *fac_masked_cumprod_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("cumprod", ONE);
    OVER_DIM();
    fac_dtype dtype = dtype_or(options.dtype, self);
    return fac_to(fac_cumprod(x, dim, dtype), dtype);
}

fac_tensor *fac_masked_normalize_with(fac_tensor *self, fac_masked_options options)
{
    MASKED("normalize", ZERO);
    OVER_DIM();
    options.dims = fac_dims_one(dim);
    options.dim = FAC_ALL_DIMS;
    options.keepdim = true;
    fac_tensor *norm = fac_masked_norm_with(self, options);
    fac_tensor *least = norm ? fac_full(FAC_SHAPE(), options.eps, .dtype = (fac_dtype)norm->dtype) : NULL;
    return least ? fac_div(x, fac_maximum(norm, least)) : NULL;
}

fac_tensor *fac_masked_logaddexp(fac_tensor *self, fac_tensor *other, fac_tensor *self_mask, fac_tensor *other_mask,
                                 fac_dtype dtype)
{
    FAC__OP("masked.logaddexp");
    FAC__NEED(self);
    FAC__NEED(other);
    fac_tensor *a = combined(self, self_mask, LOWEST), *b = a ? combined(other, other_mask, LOWEST) : NULL;
    return b ? fac_to(fac_logaddexp(a, b), dtype_or(dtype, self)) : NULL;
}

/* ---- by name ----------------------------------------------------------------------------------------------------- */

/* dim, a number or several, is argument i, keepdim, dtype and mask j and on. */
static fac_masked_options reduction(const fac_value *args, int i, int j)
{
    fac_masked_options o = fac_masked_options_defaults();
    o.dims = L(i);
    o.keepdim = B(j);
    o.dtype = DT(j + 1);
    o.mask = T(j + 2);
    return o;
}

static fac_masked_options along(const fac_value *args, int i, int j)
{
    fac_masked_options o = fac_masked_options_defaults();
    if (GIVEN(i)) o.dim = I(i);
    o.dtype = DT(j);
    o.mask = T(j + 1);
    return o;
}

#define REDUCTION(name) FAC__CALL(masked_##name, R(fac_masked_##name##_with(T(0), reduction(args, 1, 2))))
REDUCTION(sum)
REDUCTION(prod)
REDUCTION(mean)
REDUCTION(amax)
REDUCTION(amin)
REDUCTION(logsumexp)

#define SPREAD(name)                                                                                                   \
    FAC__CALL(masked_##name, fac_masked_options o = reduction(args, 1, 3); o.unbiased = B(2);                          \
              R(fac_masked_##name##_with(T(0), o)))
SPREAD(var)
SPREAD(std)

#define POSITION(name)                                                                                                 \
    FAC__CALL(masked_##name, fac_masked_options o = along(args, 1, 3); o.keepdim = B(2);                               \
              R(fac_masked_##name##_with(T(0), o)))
POSITION(argmax)
POSITION(argmin)
POSITION(median)

#define NORMALISATION(name) FAC__CALL(masked_##name, R(fac_masked_##name##_with(T(0), along(args, 1, 2))))
NORMALISATION(softmax)
NORMALISATION(log_softmax)
NORMALISATION(softmin)
NORMALISATION(cumsum)
NORMALISATION(cumprod)

FAC__CALL(masked_norm, fac_masked_options o = reduction(args, 2, 3); if (GIVEN(1)) o.p = F(1);
          R(fac_masked_norm_with(T(0), o)))
FAC__CALL(masked_normalize, fac_masked_options o = along(args, 2, 4); o.p = F(1); o.eps = F(3);
          R(fac_masked_normalize_with(T(0), o)))
FAC__CALL(masked_logaddexp, R(fac_masked_logaddexp(T(0), T(1), T(3), T(4), DT(2))))

#define KEEPDIM "*, bool? keepdim=False, ScalarType? dtype=None, Tensor? mask=None) -> Tensor"
#define ROW_REDUCTION(name, doc)                                                                                       \
    {                                                                                                                  \
        "masked_" #name "(Tensor input, int[1]? dim=None, " KEEPDIM, masked_##name, doc                                \
    }
#define ROW_SPREAD(name, doc)                                                                                          \
    {                                                                                                                  \
        "masked_" #name "(Tensor input, int[1]? dim=None, bool? unbiased=False, " KEEPDIM, masked_##name, doc          \
    }
#define ROW_POSITION(name, dim, doc)                                                                                   \
    {                                                                                                                  \
        "masked_" #name "(Tensor input, int? dim=" dim ", " KEEPDIM, masked_##name, doc                                \
    }
#define ROW_ALONG(name, doc)                                                                                           \
    {                                                                                                                  \
        "masked_" #name "(Tensor input, int dim, *, ScalarType? dtype=None, Tensor? mask=None) -> Tensor",             \
            masked_##name, doc                                                                                         \
    }

const fac__op fac__ops_masked_reduce[] = {
    ROW_REDUCTION(sum, "Sum where the mask is true."),
    ROW_REDUCTION(prod, "Product where the mask is true."),
    ROW_REDUCTION(mean, "Mean where the mask is true."),
    ROW_REDUCTION(amax, "Maximum where the mask is true."),
    ROW_REDUCTION(amin, "Minimum where the mask is true."),
    ROW_REDUCTION(logsumexp, "log(sum(exp(x))) where the mask is true."),
    ROW_SPREAD(var, "Variance where the mask is true."),
    ROW_SPREAD(std, "Standard deviation where the mask is true."),
    ROW_POSITION(argmax, "None", "Where the maximum is."),
    ROW_POSITION(argmin, "None", "Where the minimum is."),
    ROW_POSITION(median, "-1", "Lower median where the mask is true."),
    ROW_ALONG(softmax, "softmax where the mask is true, else 0."),
    ROW_ALONG(log_softmax, "log_softmax where the mask is true, else -inf."),
    ROW_ALONG(softmin, "softmin where the mask is true, else 0."),
    ROW_ALONG(cumsum, "Running sum of where the mask is true."),
    ROW_ALONG(cumprod, "Running product of where the mask is true."),
    {"masked_norm(Tensor input, float? ord=2.0, int[1]? dim=None, " KEEPDIM, masked_norm,
     "p-norm where the mask is true."},
    {"masked_normalize(Tensor input, float ord, int dim, *, float eps=1e-12, ScalarType? dtype=None, Tensor? "
     "mask=None) "
     "-> Tensor",
     masked_normalize, "Scaled to p-norm 1 along dim."},
    {"masked_logaddexp(Tensor input, Tensor other, *, ScalarType? dtype=None, Tensor? input_mask=None, Tensor? "
     "other_mask=None) -> Tensor",
     masked_logaddexp, "log(exp(x) + exp(y)) where the masks are true."},
    {0},
};
