/* Floor 4. Short-time Fourier transforms (facula/ops_fft.h): frames are views, the way back adds them up again. */
#include "facula/autograd.h"
#include "facula/ops_conv.h"
#include "facula/ops_create.h"
#include "facula/ops_fft.h"
#include "facula/ops_join.h"
#include "facula/ops_reduce.h"
#include "op.h"

typedef struct frames {
    int64_t n_fft, hop, window_size;
} frames;

static bool complete(frames *f, int64_t n_fft, const fac_stft_options *o)
{
    f->n_fft = n_fft;
    f->hop = o->hop_length == FAC_OPEN ? n_fft / 4 : o->hop_length;
    f->window_size = o->win_length == FAC_OPEN ? n_fft : o->win_length;
    if (f->hop <= 0) return fac__runtime_error("expected hop_length > 0, but got hop_length=%lld", (long long)f->hop);
    if (f->window_size <= 0 || f->window_size > n_fft)
        return fac__runtime_error("expected 0 < win_length <= n_fft, but got win_length=%lld",
                                  (long long)f->window_size);
    const fac_tensor *w = o->window;
    if (w && (w->ndim != 1 || w->shape[0] != f->window_size))
        return fac__runtime_error(
            "expected a 1D window tensor of size equal to win_length=%lld, but got window with size "
            "%s",
            (long long)f->window_size, fac__shape_text(w->ndim, w->shape));
    return true;
}

/* Of size n_fft, the window in its middle; NULL, too, where there is nothing to multiply by. */
static fac_tensor *centred_window(const frames *f, fac_tensor *window, fac_dtype dtype)
{
    if (!window && f->window_size == f->n_fft) return NULL;
    if (!window) window = fac_ones(fac_dims_one(f->window_size), .dtype = dtype);
    int64_t before = (f->n_fft - f->window_size) / 2;
    if (f->window_size == f->n_fft || !window) return window;
    return fac_pad(window, FAC_DIMS(before, f->n_fft - f->window_size - before), "constant", 0);
}

/* x padded at both ends by half a frame. */
static fac_tensor *padded(fac_tensor *x, int64_t n_fft, const char *mode)
{
    FAC__NEED(mode);
    if (x->ndim > 2) return x; /* refused below */
    fac_dims shape = fac_shape(x), extended = {.n = 3, .d = {1, 1, 1}};
    for (int d = 0; d < shape.n; d++)
        extended.d[3 - shape.n + d] = shape.d[d];
    fac_tensor *y = fac_reshape(x, extended);
    y = y ? fac_pad(y, FAC_DIMS(n_fft / 2, n_fft / 2), mode, 0) : NULL;
    if (!y || !shape.n) return y;
    shape.d[shape.n - 1] = fac_size(y, -1);
    return fac_reshape(y, shape);
}

fac_tensor *fac_stft_with(fac_tensor *self, int64_t n_fft, fac_stft_options options)
{
    FAC__OP("stft");
    FAC__NEED(self);
    frames f;
    fac_tensor *x = options.center ? padded(self, n_fft, options.pad_mode) : self;
    if (!x) return NULL;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype) || x->ndim < 1 || x->ndim > 2)
        return fac__runtime_error("expected a 1D or 2D tensor of floating types");
    int64_t size = x->shape[x->ndim - 1];
    if (n_fft <= 0 || n_fft > size)
        return fac__runtime_error("expected 0 < n_fft < %lld, but got n_fft=%lld", (long long)size, (long long)n_fft);
    if (!complete(&f, n_fft, &options)) return NULL;
    fac_tensor *cut = fac_unfold(x, -1, n_fft, f.hop);
    fac_tensor *window = centred_window(&f, options.window, (fac_dtype)x->dtype);
    if (window) cut = fac_mul(cut, window);
    if (!cut || (!window && (options.window || f.window_size < n_fft))) return NULL;
    fac_tensor *y = fac_fft_r2c(cut, fac_dims_one(-1), options.normalized, options.onesided);
    return y ? fac_transpose(y, -3, -2) : NULL;
}

/* ---- back ---------------------------------------------------------------------------------------------------- */

/* [batch, frames, n_fft] added up to [batch, signal]. */
static fac_tensor *overlapped(const frames *f, fac_tensor *cut, int64_t size)
{
    fac_tensor *columns = cut ? fac_transpose(cut, 1, 2) : NULL;
    fac_tensor *y =
        columns ? fac_col2im(columns, FAC_DIMS(1, size), FAC_DIMS(1, f->n_fft), .strides = FAC_DIMS(1, f->hop)) : NULL;
    return y ? fac_reshape(y, FAC_SHAPE(y->shape[0], size)) : NULL;
}

static bool check_spectra(const fac_tensor *x, int64_t n_fft, bool onesided, const frames *f)
{
    if (x->ndim < 3 || x->ndim > 4)
        return fac__runtime_error("expected a tensor with 3 or 4 dimensions, but got %d", x->ndim);
    if (x->shape[x->ndim - 1] != 2)
        return fac__runtime_error(
            "expected the last dimension to be 2 (corresponding to real and imaginary parts), but "
            "got %lld",
            (long long)x->shape[x->ndim - 1]);
    if (!x->numel) return fac__runtime_error("input tensor cannot be empty.");
    int64_t frequencies = onesided ? n_fft / 2 + 1 : n_fft;
    if (x->shape[x->ndim - 3] != frequencies)
        return fac__runtime_error("expected the frequency dimension (3rd to the last) of the input tensor to match %s "
                                  "when onesided=%s, but got %lld",
                                  onesided ? "n_fft / 2 + 1" : "n_fft", onesided ? "True" : "False",
                                  (long long)x->shape[x->ndim - 3]);
    if (f->hop > f->window_size) return fac__runtime_error("expected 0 < hop_length <= win_length");
    return true;
}

/* The sum of the squared windows that covers each sample, of which none may be 0. */
static fac_tensor *envelope(const frames *f, fac_tensor *window, int64_t count, fac_dtype dtype, int64_t begin,
                            int64_t end)
{
    if (!window) window = fac_ones(fac_dims_one(f->n_fft), .dtype = dtype);
    fac_tensor *square = window ? fac_expand(fac_square(window), FAC_SHAPE(1, count, f->n_fft)) : NULL;
    fac_tensor *sum = overlapped(f, square, f->n_fft + f->hop * (count - 1));
    sum = sum ? fac_slice(sum, 1, begin, end, 1) : NULL;
    bool covered = false;
    fac_no_grad {
        fac_tensor *least = sum ? fac_min(fac_abs(sum)) : NULL;
        covered = least && fac_item(least) > 1e-11;
        if (least && !covered) fac__runtime_error("window overlap add min: %g", fac_item(least));
    }
    return covered ? sum : NULL;
}

fac_tensor *fac_istft_with(fac_tensor *self, int64_t n_fft, fac_stft_options options)
{
    FAC__OP("istft");
    FAC__NEED(self);
    frames f;
    if (n_fft <= 0) return fac__runtime_error("expected n_fft > 0, but got n_fft=%lld", (long long)n_fft);
    if (!complete(&f, n_fft, &options) || !check_spectra(self, n_fft, options.onesided, &f)) return NULL;
    fac_tensor *x = self->ndim == 3 ? fac_unsqueeze(self, 0) : self;
    if (x && !options.onesided) x = fac_narrow(x, 1, 0, n_fft / 2 + 1); /* the rest is its mirror image */
    x = x ? fac_transpose(x, 1, 2) : NULL;
    fac_tensor *cut = x ? fac_fft_c2r(x, fac_dims_one(-1), options.normalized ? 1 : 2, n_fft) : NULL;
    fac_tensor *window = centred_window(&f, options.window, (fac_dtype)self->dtype);
    if (window) cut = fac_mul(cut, window);
    if (!cut || (!window && (options.window || f.window_size < n_fft))) return NULL;
    int64_t count = cut->shape[1], size = n_fft + f.hop * (count - 1), begin = options.center ? n_fft / 2 : 0;
    int64_t end = options.length != FAC_OPEN ? begin + options.length : options.center ? size - n_fft / 2 : size;
    fac_tensor *sum = overlapped(&f, cut, size);
    fac_tensor *windows = envelope(&f, window, count, (fac_dtype)self->dtype, begin, end);
    if (!sum || !windows) return NULL;
    fac_tensor *y = fac_div(fac_slice(sum, 1, begin, end, 1), windows);
    if (y && end > size) y = fac_pad(y, FAC_DIMS(0, end - size), "constant", 0);
    return y && self->ndim == 3 ? fac_select(y, 0, 0) : y;
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

/* The arguments that both have. */
static fac_stft_options options_of(const fac_value *args, int normalized)
{
    fac_stft_options o = fac_stft_options_defaults();
    if (GIVEN(2)) o.hop_length = I(2);
    if (GIVEN(3)) o.win_length = I(3);
    o.window = T(4);
    o.center = B(5);
    o.normalized = B(normalized);
    if (GIVEN(normalized + 1)) o.onesided = B(normalized + 1);
    return o;
}

static fac_tensor *stft_by_name(const fac_value *args)
{
    fac_stft_options o = options_of(args, 7);
    o.pad_mode = STR(6);
    if (GIVEN(9) && B(9)) return fac__runtime_error("stft: there are no complex tensors; return_complex must be False");
    return fac_stft_with(T(0), I(1), o);
}

static fac_tensor *istft_by_name(const fac_value *args)
{
    fac_stft_options o = options_of(args, 6);
    if (!GIVEN(7) && T(0) && fac_dim(T(0)) > 2) o.onesided = fac_size(T(0), -3) != I(1);
    if (GIVEN(8)) o.length = I(8);
    if (B(9)) return fac__runtime_error("istft: there are no complex tensors; return_complex must be False");
    return fac_istft_with(T(0), I(1), o);
}

FAC__CALL(stft, R(stft_by_name(args)))
FAC__CALL(istft, R(istft_by_name(args)))

const fac__op fac__ops_stft[] = {
    {"stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool "
     "center=True, str pad_mode='reflect', bool normalized=False, bool? onesided=None, bool? return_complex=None) -> "
     "Tensor",
     stft, "Spectra of overlapping frames, as pairs (real, imaginary)."},
    {"istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, "
     "bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor",
     istft, "The signal of such spectra."},
    {0},
};
