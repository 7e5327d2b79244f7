/* Floor 4: discrete Fourier transforms.
 *
 * There is no complex dtype: where PyTorch has complex numbers, facula has pairs (real, imaginary) in a last dimension
 * of 2, as PyTorch itself had before 1.8. Transforms are differentiable any number of times. float32 and float64; other
 * float dtypes are refused, integers and bool give the default float dtype. Results are new tensors of the innermost
 * scope; NULL after an error.
 *
 * Sizes with small prime factors take O(n log n) by the mixed-radix algorithm of Cooley and Tukey, others too, by
 * Bluestein's: C. Van Loan, Computational Frameworks for the Fast Fourier Transform, SIAM 1992, sections 1.2-1.4, 2.1
 * and 4.2.3. Arithmetic is in double. */
#ifndef FACULA_OPS_FFT_H
#define FACULA_OPS_FFT_H

#include "facula/ops_view.h"

FAC_BEGIN

/* ---- transforms of real tensors whose results are real (torch.fft) ----------------------------------------------
 *
 * A real input stands for a complex one without imaginary parts. */

typedef struct fac_fft_options {
    int64_t n;        /* size of the result along dim; FAC_OPEN: 2 (size - 1) */
    int64_t dim;      /* -1 */
    fac_dims s;       /* irfft2, irfftn, hfft2, hfftn: sizes of the result along dims; not given, or -1: the default */
    fac_dims dims;    /* and these dims: the last two for irfft2 and hfft2; else all, or as many last ones as s has */
    const char *norm; /* who scales by 1/n: "backward" (the inverse, the default), "forward", or "ortho", both by the
                         root */
} fac_fft_options;
static inline fac_fft_options fac_fft_options_defaults(void)
{
    fac_fft_options o;
    o.n = FAC_OPEN;
    o.dim = -1;
    o.s = o.dims = fac_dims_make(-1, NULL);
    o.norm = NULL;
    return o;
}
/* The inverse of the real transform: self is the half of a spectrum that determines the other. Keywords n, dim, norm. */
FAC_API fac_tensor *fac_fft_irfft_with(fac_tensor *self, fac_fft_options options);
#define fac_fft_irfft(x, ...) fac_fft_irfft_with(x, FAC_OPTIONS(fac_fft_options, __VA_ARGS__))
/* Over several dims, of which the last is the half one. Keywords s, dims, norm. */
FAC_API fac_tensor *fac_fft_irfft2_with(fac_tensor *self, fac_fft_options options);
FAC_API fac_tensor *fac_fft_irfftn_with(fac_tensor *self, fac_fft_options options);
#define fac_fft_irfft2(x, ...) fac_fft_irfft2_with(x, FAC_OPTIONS(fac_fft_options, __VA_ARGS__))
#define fac_fft_irfftn(x, ...) fac_fft_irfftn_with(x, FAC_OPTIONS(fac_fft_options, __VA_ARGS__))
/* The transform of a signal of which self is one half, the other being its mirror image. The same keywords. */
FAC_API fac_tensor *fac_fft_hfft_with(fac_tensor *self, fac_fft_options options);
FAC_API fac_tensor *fac_fft_hfft2_with(fac_tensor *self, fac_fft_options options);
FAC_API fac_tensor *fac_fft_hfftn_with(fac_tensor *self, fac_fft_options options);
#define fac_fft_hfft(x, ...) fac_fft_hfft_with(x, FAC_OPTIONS(fac_fft_options, __VA_ARGS__))
#define fac_fft_hfft2(x, ...) fac_fft_hfft2_with(x, FAC_OPTIONS(fac_fft_options, __VA_ARGS__))
#define fac_fft_hfftn(x, ...) fac_fft_hfftn_with(x, FAC_OPTIONS(fac_fft_options, __VA_ARGS__))

/* Frequency 0 to the middle of each of the dims (n = -1: all), and back. */
FAC_API fac_tensor *fac_fft_fftshift(fac_tensor *self, fac_dims dims);
FAC_API fac_tensor *fac_fft_ifftshift(fac_tensor *self, fac_dims dims);
/* The frequencies, in cycles per unit of d, that the transform of n samples d apart has at its places: [n], those from
 * the middle on negative; rfftfreq: of the half that irfft takes, [n / 2 + 1]. dtype: a floating one; NONE: the
 * default. */
FAC_API fac_tensor *fac_fft_fftfreq(int64_t n, double d, fac_dtype dtype);
FAC_API fac_tensor *fac_fft_rfftfreq(int64_t n, double d, fac_dtype dtype);

/* ---- with pairs ------------------------------------------------------------------------------------------------ */

/* PyTorch's operators _fft_c2c, _fft_r2c and _fft_c2r. dims count without the dimension of the pairs. normalization: 0
 * none, 1 by the root of the transform's size, 2 by the size. */

/* [..., 2] to the same shape: sum over k of x[k] exp(-2 pi i j k / n), the sign turned round unless forward. */
FAC_API fac_tensor *fac_fft_c2c(fac_tensor *self, fac_dims dims, int normalization, bool forward);
/* Forward, of a real tensor, to [..., 2]; onesided: of the last of dims only the first n / 2 + 1 are given, the others
 * mirror them. */
FAC_API fac_tensor *fac_fft_r2c(fac_tensor *self, fac_dims dims, int normalization, bool onesided);
/* Backward, of such a half [..., 2], to a real tensor that is last_dim_size long in the last of dims. */
FAC_API fac_tensor *fac_fft_c2r(fac_tensor *self, fac_dims dims, int normalization, int64_t last_dim_size);

/* ---- short-time transforms (stft.c) ---------------------------------------------------------------------------- */

typedef struct fac_stft_options {
    int64_t hop_length;   /* from frame to frame; FAC_OPEN: n_fft / 4 */
    int64_t win_length;   /* FAC_OPEN: n_fft */
    fac_tensor *window;   /* 1-d, win_length long; NULL: ones */
    bool center;          /* true: frame t is centred at t * hop_length, the signal padded by n_fft / 2 at both ends */
    const char *pad_mode; /* "reflect" */
    bool normalized;      /* false: no scaling; else by the root of n_fft */
    bool onesided;        /* true: the first n_fft / 2 + 1 frequencies */
    int64_t length;       /* istft: of the result; FAC_OPEN: all there is */
} fac_stft_options;
static inline fac_stft_options fac_stft_options_defaults(void)
{
    fac_stft_options o;
    o.hop_length = o.win_length = o.length = FAC_OPEN;
    o.window = NULL;
    o.center = o.onesided = true;
    o.pad_mode = "reflect";
    o.normalized = false;
    return o;
}
/* The spectra of overlapping frames of a signal [size] or [batch, size]: [(batch,) frequencies, frames, 2]. */
FAC_API fac_tensor *fac_stft_with(fac_tensor *self, int64_t n_fft, fac_stft_options options);
#define fac_stft(x, n_fft, ...) fac_stft_with(x, n_fft, FAC_OPTIONS(fac_stft_options, __VA_ARGS__))
/* The signal whose spectra these are, or the one nearest to it (D. Griffin, J. Lim, Signal estimation from modified
 * short-time Fourier transform, IEEE Trans. ASSP 32, 1984). */
FAC_API fac_tensor *fac_istft_with(fac_tensor *self, int64_t n_fft, fac_stft_options options);
#define fac_istft(x, n_fft, ...) fac_istft_with(x, n_fft, FAC_OPTIONS(fac_stft_options, __VA_ARGS__))

FAC_END
#endif
