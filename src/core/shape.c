/* Floor 0. Arithmetic on shapes, strides and dimension numbers. */
#include "tensor_impl.h"

int64_t fac__shape_numel(int ndim, const int64_t *shape)
{
    if (ndim < 0 || ndim > FAC_MAX_DIMS)
        return fac__value_error("tensors of %d dimensions are not supported (at most %d)", ndim, FAC_MAX_DIMS), -1;
    int64_t numel = 1;
    bool overflow = false, empty = false;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0)
            return fac__runtime_error("Trying to create tensor with negative dimension %lld: %s", (long long)shape[i],
                                      fac__shape_text(ndim, shape)),
                   -1;
        if (shape[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(numel, shape[i], &numel))
            overflow = true;
    }
    if (overflow || (!empty && numel > INT64_MAX / 16)) /* strides must not overflow either, were it empty */
        return fac__runtime_error("Storage size calculation overflowed with sizes=%s", fac__shape_text(ndim, shape)),
               -1;
    return empty ? 0 : numel;
}

void fac__contiguous_strides(int ndim, const int64_t *shape, int64_t *strides)
{
    int64_t step = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        strides[i] = step;
        /* Wraps for a shape that fac__shape_numel refuses, which comes after it at times. */
        step = (int64_t)((uint64_t)step * (uint64_t)(shape[i] > 1 ? shape[i] : 1));
    }
}

void fac__update_layout(fac_tensor *t)
{
    int64_t step = 1;
    t->numel = 1;
    t->contiguous = true;
    for (int i = t->ndim - 1; i >= 0; i--) {
        t->numel *= t->shape[i];
        if (t->shape[i] == 1) continue;
        if (t->strides[i] != step) t->contiguous = false;
        step *= t->shape[i];
    }
    if (t->numel == 0) t->contiguous = true;
}

int fac__wrap_dim(int64_t dim, int ndim)
{
    int n = ndim ? ndim : 1;
    if (dim < -n || dim >= n)
        return fac__index_error("Dimension out of range (expected to be in range of [%d, %d], but got %lld)", -n, n - 1,
                                (long long)dim),
               -1;
    return (int)(dim < 0 ? dim + n : dim);
}

bool fac__broadcast_shapes(int na, const int64_t *a, int nb, const int64_t *b, int *n, int64_t *out)
{
    int64_t shape[FAC_MAX_DIMS]; /* out may be a or b */
    *n = na > nb ? na : nb;
    for (int i = 0; i < *n; i++) {
        int ia = i - (*n - na), ib = i - (*n - nb);
        int64_t x = ia >= 0 ? a[ia] : 1, y = ib >= 0 ? b[ib] : 1;
        if (x != y && x != 1 && y != 1)
            return fac__runtime_error(
                       "The size of tensor a (%lld) must match the size of tensor b (%lld) at non-singleton "
                       "dimension %d",
                       (long long)x, (long long)y, i),
                   false;
        shape[i] = x == 1 ? y : x;
    }
    for (int i = 0; i < *n; i++)
        out[i] = shape[i];
    return true;
}
