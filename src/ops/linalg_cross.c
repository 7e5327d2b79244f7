/* Floor 4. Cross products (facula/ops_linalg.h). */
#include "linalg_parts.h"

static fac_tensor *cross(fac_tensor *a, fac_tensor *b, int dim);

/* d(a x b) = da x b + a x db */
static void cross_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    int dim = *(const int *)n->params;
    fac_tensor *a = fac__wants(n, 1) ? fac__saved(n, 0) : NULL, *b = fac__wants(n, 0) ? fac__saved(n, 1) : NULL;
    if (b) gx[0] = cross(b, gy[0], dim);
    if (a) gx[1] = cross(gy[0], a, dim);
}

static fac_tensor *cross(fac_tensor *a, fac_tensor *b, int dim)
{
    fac__node *n = fac__record("LinalgCrossBackward0", cross_backward, 1, 2, sizeof dim, a, b);
    if (n && !n->failed) *(int *)n->params = dim;
    fac__save(n, 0, a);
    fac__save(n, 1, b);
    fac_tensor *y = NULL;
    fac_scope
        fac_no_grad {
            fac_dims to[2] = {FAC_DIMS(-1), FAC_DIMS(-2)}, along = FAC_DIMS(dim);
            fac_tensor *ahead[2], *part[2]; /* element i of ahead[k] is a[i + 1 + k] */
            for (int k = 0; k < 2; k++)
                ahead[k] = fac_roll(a, to[k], along);
            for (int k = 0; k < 2; k++)
                part[k] = ahead[k] ? fac_mul(ahead[k], fac_roll(b, to[1 - k], along)) : NULL;
            fac_tensor *difference = part[0] && part[1] ? fac_sub(part[0], part[1]) : NULL;
            y = difference ? fac__retain(difference) : NULL;
        }
    return fac__result(n, y);
}

fac_tensor *fac_linalg_cross(fac_tensor *self, fac_tensor *other, int dim)
{
    FAC__OP("linalg_cross");
    FAC__NEED(self);
    FAC__NEED(other);
    if (self->ndim != other->ndim)
        return fac__runtime_error("linalg.cross: inputs must have the same number of dimensions.");
    int d = fac__wrap_dim(dim, self->ndim), n;
    if (d < 0) return NULL;
    if (!self->ndim || self->shape[d] != 3 || other->shape[d] != 3)
        return fac__runtime_error("linalg.cross: inputs dimension %d must have length 3. Got %lld and %lld", dim,
                                  (long long)(self->ndim ? self->shape[d] : 1),
                                  (long long)(self->ndim ? other->shape[d] : 1));
    if (self->dtype != other->dtype)
        return fac__runtime_error("expected scalar type %s but found %s", fac__dtype_word((fac_dtype)self->dtype),
                                  fac__dtype_word((fac_dtype)other->dtype));
    if (self->dtype == FAC_FLOAT16 || self->dtype == FAC_BOOL)
        return fac__runtime_error("\"cross\" not implemented for '%s'", fac__dtype_word((fac_dtype)self->dtype));
    int64_t shape[FAC_MAX_DIMS];
    if (!fac__broadcast_shapes(self->ndim, self->shape, other->ndim, other->shape, &n, shape)) return NULL;
    return cross(self, other, d);
}

fac_tensor *fac_cross(fac_tensor *self, fac_tensor *other, int64_t dim)
{
    FAC__OP("cross");
    FAC__NEED(self);
    FAC__NEED(other);
    if (dim != FAC_OPEN) return fac_linalg_cross(self, other, (int)dim);
    int d = 0;
    while (d < self->ndim && self->shape[d] != 3)
        d++;
    if (d == self->ndim) return fac__runtime_error("no dimension of size 3 in input");
    return fac_linalg_cross(self, other, d);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

FAC__CALL(linalg_cross, R(fac_linalg_cross(T(0), T(1), (int)I(2))))
FAC__CALL(old_cross, R(fac_cross(T(0), T(1), GIVEN(2) ? I(2) : FAC_OPEN)))

const fac__op fac__ops_linalg_cross[] = {
    {"linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor", linalg_cross,
     "The cross product of vectors of three elements."},
    {"cross(Tensor self, Tensor other, int? dim=None) -> Tensor", old_cross,
     "The cross product of vectors of three elements."},
    {0},
};
