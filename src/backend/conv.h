/* Floor 1. Convolution and pooling on contiguous N, C, D, H, W memory; fewer spatial dimensions are leading sizes of 1. */
#ifndef FACULA_CONV_H
#define FACULA_CONV_H

#include "kernel.h"

/* Forward: y[n,k,o] = bias[k] + sum over c, kernel of x[n,c,o*stride - pad + kernel*dilation] * w[k,c,kernel].
 * x [n, c, in], w [k, c/groups, kernel], y [n, k, out]; bias may be NULL. float32 and float64 (the op converts the rest). */
typedef struct fac__conv_args {
    fac_dtype dtype;
    int64_t n, c, k, groups;
    int64_t in[3], out[3], kernel[3], stride[3], pad[3], dilation[3];
    const void *x, *w, *bias, *dy;
    void *y, *dx, *dw; /* each kernel writes one */
} fac__conv_args;
extern const fac__kernel fac__k_conv;        /* reads x, w, bias; writes y */
extern const fac__kernel fac__k_conv_input;  /* reads dy, w;      writes dx */
extern const fac__kernel fac__k_conv_weight; /* reads dy, x;      writes dw */

/* Pooling over n planes (batch * channels). All floating dtypes. */
typedef enum fac__pool_kind {
    FAC__POOL_MAX,
    FAC__POOL_AVG,
    FAC__POOL_ADAPTIVE_AVG,
    FAC__POOL_ADAPTIVE_MAX
} fac__pool_kind;
typedef struct fac__pool_args {
    fac__pool_kind kind;
    fac_dtype dtype;
    int64_t planes;
    int64_t in[3], out[3], kernel[3], stride[3], pad[3], dilation[3]; /* adaptive: only in and out count */
    bool count_include_pad;
    int64_t divisor; /* of avg; 0: the window's size by PyTorch's rule (windows clipped to in + pad) */
    const void *x, *dy;
    void *y, *dx;
    int64_t *indices; /* of max: flat position within the plane's D*H*W; NaN wins; read by the backward kernel */
} fac__pool_args;
extern const fac__kernel fac__k_pool;          /* writes y (and indices, may be NULL) */
extern const fac__kernel fac__k_pool_backward; /* reads dy (and indices); writes all of dx */

#endif
