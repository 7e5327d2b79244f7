/* Floor 7. What ONNX's convolutions and poolings have in common: kernels, strides, and padding of both ends by themselves. */
#ifndef FACULA_ONNX_WINDOWS_H
#define FACULA_ONNX_WINDOWS_H

#include "onnx_operators.h"

/* What an attribute gives for each dimension; otherwise all are this. */
fac_dims fac__onnx_spread(fac_dims given, int spatial, int64_t otherwise);
/* "conv2d" from "conv". */
const char *fac__onnx_by_dimensions(const char *base, int spatial, char *out, size_t room);
/* How many dimensions the kernel has, and its sizes: those of the attribute, or of the weight. 0 after an error. */
int fac__onnx_spatial_of(fac__onnx_loader *l, fac_dims *kernel);
/* The attributes' pads: begins and ends; zeros if there are none. */
void fac__onnx_pads(fac__onnx_loader *l, int spatial, fac_dims *begin, fac_dims *end);

/* Whether all are from `least` to 2^31; an error that calls them `what` if not. */
bool fac__onnx_fit(const fac__onnx_loader *l, const char *what, const fac_dims *d, int64_t least);

/* auto_pad's word. */
typedef enum fac__onnx_auto {
    FAC__ONNX_PADS,
    FAC__ONNX_SAME_UPPER,
    FAC__ONNX_SAME_LOWER,
    FAC__ONNX_VALID,
    FAC__ONNX_AUTO_UNKNOWN = -1 /* after an error */
} fac__onnx_auto;
fac__onnx_auto fac__onnx_auto_pad(fac__onnx_loader *l);
/* What SAME pads an axis with, such that the result has ceil(in / stride) elements. */
void fac__onnx_same(fac__onnx_auto how, int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t *begin,
                    int64_t *end);

/* The i-th argument of a call, a number or one for each dimension. */
bool fac__onnx_window_at(fac__onnx_saver *s, int i, int spatial, fac_dims *out);
void fac__onnx_give_pads(fac__onnx_saver *s, const fac_dims *begin, const fac_dims *end);

/* The rows of poolings: onnx_pools_save.c. */
bool fac__onnx_save_pool(fac__onnx_saver *s, const fac__onnx_operator *row);
bool fac__onnx_save_adaptive(fac__onnx_saver *s, const fac__onnx_operator *row);

/* x with a batch of one in front, and without it again. NULL passes through. */
const char *fac__onnx_put_batched(fac__onnx_saver *s, const char *x);
const char *fac__onnx_put_unbatched(fac__onnx_saver *s, const char *x);

#endif
