/* Floor 5. Initial values that make a matrix of a kind: identity, orthogonal, sparse. */
#include <math.h>

#include "facula/init.h"
#include "facula/ops_create.h"
#include "ops/op.h"

static void put(fac_tensor *t, const int64_t *index, double v)
{
    int64_t at = 0;
    for (int i = 0; i < t->ndim; i++)
        at += index[i] * t->strides[i];
    fac__store_double((fac_dtype)t->dtype, (char *)fac__host(t) + at * (int64_t)fac_dtype_size((fac_dtype)t->dtype), v);
}

fac_tensor *fac_init_eye_(fac_tensor *t)
{
    FAC__OP("eye_");
    FAC__NEED(t);
    if (t->ndim != 2) return fac__value_error("Only tensors with 2 dimensions are supported");
    if (!fac_init_zeros_(t)) return NULL;
    for (int64_t i = 0; i < t->shape[0] && i < t->shape[1]; i++)
        put(t, (int64_t[]){i, i}, 1);
    return t;
}

fac_tensor *fac_init_dirac_(fac_tensor *t, int64_t groups)
{
    FAC__OP("dirac_");
    FAC__NEED(t);
    if (t->ndim < 3 || t->ndim > 5) return fac__value_error("Only tensors with 3, 4, or 5 dimensions are supported");
    if (groups < 1 || t->shape[0] % groups) return fac__value_error("dim 0 must be divisible by groups");
    if (!fac_init_zeros_(t)) return NULL;
    int64_t each = t->shape[0] / groups, index[FAC_MAX_DIMS];
    for (int i = 2; i < t->ndim; i++)
        index[i] = t->shape[i] / 2;
    for (int64_t g = 0; g < groups && t->numel; g++)
        for (int64_t d = 0; d < each && d < t->shape[1]; d++) {
            index[0] = g * each + d;
            index[1] = d;
            put(t, index, 1);
        }
    return t;
}

/* ---- orthogonal --------------------------------------------------------------------------------------------- */

/* count vectors of `length` elements, element i of vector j at v[j * vector + i * step]: each is freed of what it shares
 * with those before, twice because once leaves rounding errors, and scaled to length 1. This is the Q of the QR
 * decomposition whose R has a positive diagonal. */
static void orthonormalise(double *v, int64_t count, int64_t length, int64_t vector, int64_t step)
{
    for (int64_t j = 0; j < count; j++) {
        double *x = v + j * vector, square = 0;
        for (int64_t k = 0; k < 2 * j; k++) {
            const double *y = v + k % j * vector;
            double dot = 0;
            for (int64_t i = 0; i < length; i++)
                dot += x[i * step] * y[i * step];
            for (int64_t i = 0; i < length; i++)
                x[i * step] -= dot * y[i * step];
        }
        for (int64_t i = 0; i < length; i++)
            square += x[i * step] * x[i * step];
        for (int64_t i = 0; i < length; i++)
            x[i * step] /= sqrt(square);
    }
}

fac_tensor *fac_init_orthogonal_(fac_tensor *t, double gain)
{
    FAC__OP("orthogonal_");
    FAC__NEED(t);
    if (t->ndim < 2) return fac__value_error("Only tensors with 2 or more dimensions are supported");
    if (!t->numel) return t;
    int64_t rows = t->shape[0], cols = t->numel / rows;
    fac_tensor *made = NULL;
    fac_scope {
        fac_tensor *drawn = fac_init_normal_(fac__own(fac__new_like(t, (fac_dtype)t->dtype)), 0, 1);
        fac_tensor *wide = drawn ? fac__own(fac__new_like(t, FAC_FLOAT64)) : NULL;
        if (wide && fac__copy_into(wide, drawn)) {
            if (rows < cols)
                orthonormalise(fac__host(wide), rows, cols, cols, 1);
            else
                orthonormalise(fac__host(wide), cols, rows, 1, cols);
            for (int64_t i = 0; i < t->numel; i++)
                ((double *)fac__host(wide))[i] *= gain;
            if (fac__copy_into(t, wide)) made = t;
        }
    }
    if (made) t->storage->version++;
    return made;
}

/* ---- sparse ------------------------------------------------------------------------------------------------- */

fac_tensor *fac_init_sparse_(fac_tensor *t, double sparsity, double std)
{
    FAC__OP("sparse_");
    FAC__NEED(t);
    if (t->ndim != 2) return fac__value_error("Only tensors with 2 dimensions are supported");
    if (!(sparsity >= 0 && sparsity <= 1))
        return fac__value_error("sparsity has to be between 0 and 1, but got %g", sparsity);
    if (!fac_init_normal_(t, 0, std)) return NULL;
    int64_t zeros = (int64_t)ceil(sparsity * (double)t->shape[0]);
    for (int64_t c = 0; c < t->shape[1]; c++) {
        bool good = false;
        fac_scope {
            fac_tensor *order = fac_randperm(t->shape[0]);
            good = order != NULL;
            for (int64_t i = 0; i < zeros && good; i++)
                put(t, (int64_t[]){((int64_t *)fac__host(order))[i], c}, 0);
        }
        if (!good) return NULL;
    }
    return t;
}
