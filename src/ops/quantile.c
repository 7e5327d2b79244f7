/* Floor 4. Quantiles (facula/ops_sort.h): sorted, two neighbours gathered, interpolated; all by recorded operations. */
#include <string.h>

#include "facula/ops_index.h"
#include "facula/ops_sort.h"
#include "facula/ops_view.h"
#include "op.h"

static bool check(const fac_tensor *x, const fac_tensor *q, const char *op, const char *interpolation)
{
    static const char *const known[] = {"linear", "lower", "higher", "midpoint", "nearest"};
    bool ok = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ok = ok || !strcmp(interpolation, known[i]);
    if (x->numel == 0) return fac__runtime_error("%s() input tensor must be non-empty", op), false;
    if (q->ndim > 1) return fac__runtime_error("%s() q must be a scalar or 1D tensor", op), false;
    if (x->dtype != FAC_FLOAT32 && x->dtype != FAC_FLOAT64)
        return fac__runtime_error("%s() input tensor must be either float or double dtype", op), false;
    if (x->dtype != q->dtype)
        return fac__runtime_error("%s() q tensor must be same dtype as the input tensor", op), false;
    if (!ok)
        return fac__runtime_error(
                   "%s() interpolation must be one of linear, lower, higher, midpoint or nearest, but got %s", op,
                   interpolation),
               false;
    for (int64_t i = 0; i < q->numel; i++) {
        double v = q->ndim ? fac_at(q, fac_dims_one(i)) : fac_item(q);
        if (!(v >= 0 && v <= 1)) return fac__runtime_error("%s() q values must be in the range [0, 1]", op), false;
    }
    return true;
}

/* Where the quantiles lie in each sorted row [..., n]: [..., number of q]. */
static fac_tensor *ranks(fac_tensor *sorted, fac_tensor *q, bool leave_nan_out)
{
    fac_tensor *numbers = fac_eq(sorted, sorted);
    if (!numbers) return NULL;
    fac_tensor *count = fac_sum(numbers, .dim = -1, .keepdim = true);
    int64_t last = sorted->shape[sorted->ndim - 1] - 1;
    if (leave_nan_out) {
        fac_tensor *rank = count ? fac_mul(q, fac_sub_scalar(count, 1)) : NULL;
        return rank ? fac_clamp(rank, 0.0, fac_scalar_none()) : NULL;
    }
    fac_tensor *whole = count ? fac_eq_scalar(count, last + 1) : NULL,
               *end = fac__own(fac__new_scalar(fac_scalar_int(last)));
    fac_tensor *rank = fac_mul_scalar(q, last);
    return whole && end && rank ? fac_where(whole, rank, end) : NULL; /* a row with NaN gives its last element, NaN */
}

static fac_tensor *interpolate(fac_tensor *sorted, fac_tensor *rank, const char *how)
{
    int last = sorted->ndim - 1;
    switch (how[0] == 'l' ? how[1] : how[0]) {
    case 'o': rank = fac_floor(rank); break; /* lower */
    case 'h': rank = fac_ceil(rank); break;
    case 'n': rank = fac_round(rank); break;
    }
    fac_tensor *below = fac_to(rank, FAC_INT64);
    fac_tensor *low = below ? fac_gather(sorted, last, below) : NULL;
    if (!low || how[0] == 'h' || how[0] == 'n' || how[1] == 'o') return low;
    fac_tensor *high = fac_gather(sorted, last, fac_to(fac_ceil(rank), FAC_INT64));
    if (!high) return NULL;
    if (how[0] == 'm') return fac_lerp_scalar(low, high, 0.5);
    fac_tensor *weight = fac_sub(rank, below);
    return weight ? fac_lerp(low, high, weight) : NULL;
}

static fac_tensor *quantile(fac_tensor *x, fac_tensor *q, int64_t dim, bool keepdim, const char *how,
                            bool leave_nan_out)
{
    bool all = dim == FAC_ALL_DIMS;
    int d = all ? 0 : fac__wrap_dim(dim, x->ndim), ndim = x->ndim;
    if (d < 0) return NULL;
    fac_tensor *rows = all || !ndim ? fac_reshape(x, fac_dims_one(-1))
                                    : fac_movedim(x, fac_dims_one(d), fac_dims_one(-1));
    fac_tensor *sorted = rows ? fac_sort(rows) : NULL;
    fac_tensor *rank = sorted ? ranks(sorted, q->ndim ? q : fac_reshape(q, fac_dims_one(1)), leave_nan_out) : NULL;
    fac_tensor *y = rank ? interpolate(sorted, rank, how) : NULL;
    y = y ? fac_movedim(y, fac_dims_one(-1), fac_dims_one(0)) : NULL; /* [number of q, rest...] */
    fac_dims shape = {.n = 0};
    if (q->ndim) shape.d[shape.n++] = q->numel;
    for (int i = 0; i < ndim; i++)
        if (!all && i != d)
            shape.d[shape.n++] = x->shape[i];
        else if (keepdim)
            shape.d[shape.n++] = 1;
    return y ? fac_reshape(y, shape) : NULL;
}

static fac_tensor *checked(fac_tensor *self, fac_tensor *q, int64_t dim, bool keepdim, const char *how, const char *op,
                           bool leave_nan_out)
{
    FAC__OP(op);
    FAC__NEED(self);
    FAC__NEED(q);
    FAC__NEED(how);
    if (!check(self, q, op, how)) return NULL;
    fac_tensor *y = NULL;
    fac_scope
        y = fac_escape(quantile(self, q, dim, keepdim, how, leave_nan_out));
    return y;
}

fac_tensor *fac_quantile(fac_tensor *self, fac_tensor *q, int64_t dim, bool keepdim, const char *interpolation)
{
    return checked(self, q, dim, keepdim, interpolation, "quantile", false);
}

fac_tensor *fac_nanquantile(fac_tensor *self, fac_tensor *q, int64_t dim, bool keepdim, const char *interpolation)
{
    return checked(self, q, dim, keepdim, interpolation, "nanquantile", true);
}

/* A number as q takes self's dtype. */
static fac_tensor *number(fac_scalar q, const fac_tensor *self)
{
    fac_tensor *t = fac__own(fac__new_scalar(fac_scalar_float(fac_scalar_to_double(q))));
    if (t) t->wrapped = false;
    return t && self ? fac_to(t, (fac_dtype)self->dtype) : t;
}
#define DIM(i) (GIVEN(i) ? I(i) : FAC_ALL_DIMS)

FAC__CALL(quantile_, R(fac_quantile(T(0), T(1), DIM(2), B(3), STR(4))))
FAC__CALL(nanquantile_, R(fac_nanquantile(T(0), T(1), DIM(2), B(3), STR(4))))
FAC__CALL(quantile_number, R(fac_quantile(T(0), number(S(1), T(0)), DIM(2), B(3), STR(4))))
FAC__CALL(nanquantile_number, R(fac_nanquantile(T(0), number(S(1), T(0)), DIM(2), B(3), STR(4))))

#define REST "int? dim=None, bool keepdim=False, *, str interpolation=\"linear\") -> Tensor"
const fac__op fac__ops_quantile[] = {
    {"quantile(Tensor self, Tensor q, " REST, quantile_, "The values that fractions q of the elements lie below."},
    {"quantile.scalar(Tensor self, float q, " REST, quantile_number,
     "The value that a fraction q of the elements lies below."},
    {"nanquantile(Tensor self, Tensor q, " REST, nanquantile_, "The same, NaNs left out."},
    {"nanquantile.scalar(Tensor self, float q, " REST, nanquantile_number, "The same, NaNs left out."},
    {0},
};
