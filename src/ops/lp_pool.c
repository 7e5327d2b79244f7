/* Floor 4. Power-average pooling (facula/ops_conv.h), composed as PyTorch does. */
#include <math.h>

#include "facula/ops_conv.h"
#include "op.h"

typedef fac_tensor *(*average)(fac_tensor *x, fac_dims kernel, fac_pool_options options);

/* The average of x^p, by as many as a whole window has, to the power of 1 / p. */
static fac_tensor *lp_pool(fac_tensor *x, int spatial, fac_scalar p, fac_dims kernel, fac_pool_options o, average run)
{
    FAC__OP("lp_pool");
    FAC__NEED(x);
    o.padding = 0;
    o.paddings = fac_dims_make(-1, NULL);
    o.count_include_pad = true;
    o.divisor_override = 0;
    double size = 1;
    for (int d = 0; d < spatial; d++)
        size *= (double)kernel.d[kernel.n == 1 ? 0 : d];
    fac_tensor *y = run((fac_pow_scalar)(x, p), kernel, o);
    if (!y) return NULL;
    return fac_pow_scalar(fac_mul_scalar(fac_mul(fac_sign(y), fac_relu(fac_abs(y))), size),
                          1 / fac_scalar_to_double(p));
}

#define LP_POOL(spatial)                                                                                               \
    fac_tensor *fac_lp_pool##spatial##d_with(fac_tensor *input, fac_scalar norm_type, fac_dims kernel,                 \
                                             fac_pool_options options)                                                 \
    {                                                                                                                  \
        return lp_pool(input, spatial, norm_type, kernel, options, fac_avg_pool##spatial##d_with);                     \
    }
LP_POOL(1)
LP_POOL(2)

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(lp1, R(fac_lp_pool1d(T(0), S(1), L(2), .strides = L(3), .ceil_mode = B(4))))
FAC__CALL(lp2, R(fac_lp_pool2d(T(0), S(1), L(2), .strides = L(3), .ceil_mode = B(4))))

#define SCHEMA(n)                                                                                                      \
    "lp_pool" n "d(Tensor input, Scalar norm_type, int[" n "] kernel_size, int[" n                                     \
    "]? stride=None, bool ceil_mode=False) -> Tensor"
const fac__op fac__ops_lp_pool[] = {
    {SCHEMA("1"), lp1, "The norm of each window of one dimension."},
    {SCHEMA("2"), lp2, "The norm of each window of two dimensions."},
    {0},
};
