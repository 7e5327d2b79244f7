/* Floor 5: initial values, after torch.nn.init: each fills the tensor in place, from the default generator where it draws,
 * and returns it; NULL after an error. Nothing is recorded for gradients. Parameters are torch's, as are the numbers. */
#ifndef FACULA_INIT_H
#define FACULA_INIT_H

#include "facula/tensor.h"

FAC_BEGIN

/* Uniform in [a, b); normal; normal, cut off at a and b. */
FAC_API fac_tensor *fac_init_uniform_(fac_tensor *t, double a, double b);
FAC_API fac_tensor *fac_init_normal_(fac_tensor *t, double mean, double std);
FAC_API fac_tensor *fac_init_trunc_normal_(fac_tensor *t, double mean, double std, double a, double b);

FAC_API fac_tensor *fac_init_constant_(fac_tensor *t, double value);
FAC_API fac_tensor *fac_init_zeros_(fac_tensor *t);
FAC_API fac_tensor *fac_init_ones_(fac_tensor *t);

/* What a nonlinearity does to the spread: 1 for "linear", "sigmoid", "conv2d"…, 5/3 for "tanh", sqrt(2) for "relu", sqrt(2 / (1 +
 * param^2)) for "leaky_relu", 3/4 for "selu". param NAN: its default. NAN, with an error, for other names. */
FAC_API double fac_calculate_gain(const char *nonlinearity, double param);

/* Bounds by fan in and fan out: the second and the first size, times what further dimensions hold. Two dimensions at
 * least. */
FAC_API fac_tensor *fac_init_xavier_uniform_(fac_tensor *t, double gain);
FAC_API fac_tensor *fac_init_xavier_normal_(fac_tensor *t, double gain);

typedef struct fac_kaiming_options {
    double a;                 /* the slope of a leaky ReLU: 0 */
    const char *mode;         /* "fan_in" or "fan_out" */
    const char *nonlinearity; /* "leaky_relu" */
} fac_kaiming_options;
static inline fac_kaiming_options fac_kaiming_options_defaults(void)
{
    fac_kaiming_options o;
    o.a = 0;
    o.mode = "fan_in";
    o.nonlinearity = "leaky_relu";
    return o;
}
FAC_API fac_tensor *fac_init_kaiming_uniform_with(fac_tensor *t, fac_kaiming_options options);
FAC_API fac_tensor *fac_init_kaiming_normal_with(fac_tensor *t, fac_kaiming_options options);
#define fac_init_kaiming_uniform_(t, ...)                                                                              \
    fac_init_kaiming_uniform_with(t, FAC_OPTIONS(fac_kaiming_options, __VA_ARGS__))
#define fac_init_kaiming_normal_(t, ...) fac_init_kaiming_normal_with(t, FAC_OPTIONS(fac_kaiming_options, __VA_ARGS__))

/* ---- matrices (init_matrices.c) ----------------------------------------------------------------------------- */

/* The identity, of a matrix; of the weight of a convolution (3 to 5 dimensions), so that it passes channels on: dim 0 must be
 * divisible by groups (1 for most). */
FAC_API fac_tensor *fac_init_eye_(fac_tensor *t);
FAC_API fac_tensor *fac_init_dirac_(fac_tensor *t, int64_t groups);
/* Orthonormal rows or columns (whichever are fewer) times gain, of t seen as a matrix with t's first size of rows. Up to the
 * last digits torch's. */
FAC_API fac_tensor *fac_init_orthogonal_(fac_tensor *t, double gain);
/* A matrix of normal numbers; in each column a share of `sparsity` rows, drawn anew, is 0. */
FAC_API fac_tensor *fac_init_sparse_(fac_tensor *t, double sparsity, double std);

FAC_END
#endif
