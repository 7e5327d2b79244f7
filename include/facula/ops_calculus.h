/* Floor 4: differences, derivatives and integrals of sampled functions.
 *
 * All are compositions of differentiable operations. Results are new tensors of the innermost scope; NULL after an
 * error. */
#ifndef FACULA_OPS_CALCULUS_H
#define FACULA_OPS_CALCULUS_H

#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_diff_options {
    int64_t n;                    /* how often; 1 */
    int64_t dim;                  /* -1 */
    fac_tensor *prepend, *append; /* what to put before and behind self along dim first; NULL: nothing */
} fac_diff_options;
static inline fac_diff_options fac_diff_options_defaults(void)
{
    fac_diff_options o;
    o.n = 1;
    o.dim = -1;
    o.prepend = o.append = NULL;
    return o;
}
/* x[i + 1] - x[i] along dim (of bools: where they differ), which is one shorter, n times over. */
FAC_API fac_tensor *fac_diff_with(fac_tensor *self, fac_diff_options options);
#define fac_diff(x, ...) fac_diff_with(x, FAC_OPTIONS(fac_diff_options, __VA_ARGS__))

typedef struct fac_gradient_options {
    double spacing; /* between neighbours, in all dims; 1 */
    /* Or one distance for each of dims: spacing_count of them; */
    const double *spacings;
    int spacing_count;
    fac_tensor_list coordinates; /* or, for each of dims, a 1-d tensor that says where the samples stand. */
    fac_dims dims;               /* along which to differentiate; all of them */
    int edge_order;              /* 1: the ends' slope is that to their neighbour; 2: that of the parabola there */
} fac_gradient_options;
static inline fac_gradient_options fac_gradient_options_defaults(void)
{
    fac_gradient_options o;
    o.spacing = 1;
    o.spacings = NULL;
    o.spacing_count = 0;
    o.coordinates.items = NULL;
    o.coordinates.count = 0;
    o.dims = fac_dims_make(-1, NULL);
    o.edge_order = 1;
    return o;
}
/* The slope of samples along each of the dims, each of self's shape, by central differences of second order (B.
 * Fornberg, Generation of finite difference formulas on arbitrarily spaced grids, Math. of Comp. 51, 1988). Integers
 * give the default float dtype. The list belongs to the scope. */
FAC_API fac_tensor_list fac_gradient_with(fac_tensor *self, fac_gradient_options options);
#define fac_gradient(x, ...) fac_gradient_with(x, FAC_OPTIONS(fac_gradient_options, __VA_ARGS__))

/* The integral along dim by the trapezoidal rule, of samples dx apart, or at the places x: one for each sample along
 * dim, or a tensor that broadcasts against y. trapz is torch's other name. The cumulative forms give the integral from
 * the first sample to each of the others. No bools. */
FAC_API fac_tensor *fac_trapezoid(fac_tensor *y, double dx, int64_t dim);
FAC_API fac_tensor *fac_trapezoid_x(fac_tensor *y, fac_tensor *x, int64_t dim);
FAC_API fac_tensor *fac_cumulative_trapezoid(fac_tensor *y, double dx, int64_t dim);
FAC_API fac_tensor *fac_cumulative_trapezoid_x(fac_tensor *y, fac_tensor *x, int64_t dim);

FAC_END
#endif
