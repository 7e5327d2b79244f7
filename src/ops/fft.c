/* Floor 4. Discrete Fourier transforms (facula/ops_fft.h). Three operations on pairs, each linear and the others'
 * gradient; the functions of torch.fft are compositions of them. */
#include "facula/ops_fft.h"

#include <math.h>
#include <string.h>

#include "backend/fft.h"
#include "facula/ops_create.h"
#include "facula/ops_join.h"
#include "plain.h"
#include "shaping.h"

/* ---- plans --------------------------------------------------------------------------------------------------- */

static bool factorise(int64_t n, fac__fft_plan *plan)
{
    plan->n = n;
    plan->count = 0;
    while (n % 4 == 0) {
        plan->factors[plan->count++] = 4;
        n /= 4;
    }
    for (int p = 2; p <= FAC__FFT_LARGEST_FACTOR && n > 1; p++)
        while (n % p == 0) {
            plan->factors[plan->count++] = p;
            n /= p;
        }
    return n == 1;
}

/* count pairs of doubles: the scope's. */
static fac_tensor *pairs(int64_t count)
{
    return fac__own(fac__new(FAC_FLOAT64, 2, (int64_t[]){count, 2}));
}

/* exp(-pi i k / half), with the angle in the first turn. */
static void root(double *out, int64_t k, int64_t half)
{
    double angle = 3.14159265358979323846 * (double)(k % (2 * half)) / (double)half;
    out[0] = cos(angle);
    out[1] = -sin(angle);
}

static bool mixed_radix_plan(fac__fft_plan *plan)
{
    fac_tensor *roots = pairs(plan->n);
    if (!roots) return false;
    double *to = fac__host(roots);
    for (int64_t k = 0; k < plan->n; k++)
        root(to + 2 * k, 2 * k, plan->n);
    plan->roots = fac__data(roots);
    return true;
}

/* Bluestein's: a convolution with the chirp over a power of 2 that holds it. */
static bool chirp_plan(int64_t size, fac__fft_plan *plan)
{
    int64_t n = 1;
    while (n < 2 * size - 1)
        n *= 2;
    factorise(n, plan);
    fac_tensor *chirps = pairs(size), *around = pairs(n), *filter = pairs(n);
    if (!chirps || !around || !filter || !mixed_radix_plan(plan)) return false;
    double *chirp = fac__host(chirps), *wrapped = fac__host(around);
    memset(wrapped, 0, (size_t)n * 2 * sizeof *wrapped);
    for (int64_t k = 0, square = 0; k < size; k++) { /* square: k * k, modulo the turn */
        root(chirp + 2 * k, square, size);
        for (int side = 0; side < 2; side++) {
            double *to = wrapped + 2 * (side ? (n - k) % n : k);
            to[0] = chirp[2 * k];
            to[1] = -chirp[2 * k + 1];
        }
        square = (square + 2 * k + 1) % (2 * size);
    }
    fac__fft_args args = {.kind = FAC__FFT_C2C,
                          .dtype = FAC_FLOAT64,
                          .forward = true,
                          .scale = 1.0 / (double)n,
                          .outer = 1,
                          .size = n,
                          .inner = 1,
                          .in_size = n,
                          .out_size = n,
                          .plan = *plan,
                          .in = fac__data(around),
                          .out = fac__data(filter)};
    FAC__LAUNCH(fac__k_fft, args);
    plan->chirp = fac__data(chirps);
    plan->filter = args.out;
    return true;
}

/* ---- one dimension, unrecorded -------------------------------------------------------------------------------- */

/* x, in a row, along dim, where `size` elements are transformed and out_size come out. The scope's. */
static fac_tensor *along(fac__fft_kind kind, fac_tensor *x, int dim, int64_t size, int64_t out_size, bool forward,
                         double scale)
{
    if (!x) return NULL;
    fac__fft_args args = {.kind = kind,
                          .dtype = (fac_dtype)x->dtype,
                          .forward = forward,
                          .scale = scale,
                          .outer = 1,
                          .size = size,
                          .inner = 1,
                          .in_size = x->shape[dim],
                          .out_size = out_size};
    int dims = x->ndim - (kind != FAC__FFT_R2C);
    fac_dims shape = {.n = dims + (kind != FAC__FFT_C2R)};
    for (int d = 0; d < dims; d++) {
        shape.d[d] = d == dim ? out_size : x->shape[d];
        if (d != dim) *(d < dim ? &args.outer : &args.inner) *= x->shape[d];
    }
    if (kind != FAC__FFT_C2R) shape.d[dims] = 2;
    if (!fac__dims_fit(shape)) return NULL;
    fac_tensor *y = fac__own(fac__new(args.dtype, shape.n, shape.d));
    if (!y || !y->numel) return y;
    if (factorise(size, &args.plan) ? !mixed_radix_plan(&args.plan) : !chirp_plan(size, &args.plan)) return NULL;
    args.in = fac__data(x);
    args.out = fac__data(y);
    FAC__LAUNCH(fac__k_fft, args);
    return y;
}

/* ---- the three operations -------------------------------------------------------------------------------------- */

typedef struct transform {
    fac_dims dims;
    int normalization;
    bool flag;    /* forward, or onesided */
    int64_t size; /* of what is real along the last of the dims */
} transform;

static double scale_of(int normalization, const fac_tensor *x, const transform *t)
{
    double n = 1;
    for (int i = 0; i < t->dims.n; i++)
        n *= (double)(i == t->dims.n - 1 && t->size ? t->size : x->shape[t->dims.d[i]]);
    return normalization == 1 ? 1 / sqrt(n) : normalization == 2 ? 1 / n : 1;
}

static bool check(const fac_tensor *x, transform *t, bool of_pairs)
{
    fac_dtype dtype = (fac_dtype)x->dtype;
    if (dtype != FAC_FLOAT32 && dtype != FAC_FLOAT64)
        return fac__runtime_error("Unsupported dtype %s", fac__dtype_word(dtype));
    if (of_pairs && (!x->ndim || x->shape[x->ndim - 1] != 2))
        return fac__runtime_error("a transform of complex numbers takes pairs in a last dimension of 2, but got %s",
                                  fac__shape_text(x->ndim, x->shape));
    if (!fac__wrap_dims(&t->dims, x->ndim - of_pairs, "FFT dims must be unique")) return false;
    if (x->ndim == of_pairs && t->dims.n)
        return fac__index_error("Dimension specified as 0 but tensor has no dimensions");
    for (int i = 0; i < t->dims.n; i++)
        if (!x->shape[t->dims.d[i]]) return fac__runtime_error("Invalid number of data points (0) specified");
    return true;
}

static fac__node *record(const char *name, fac__backward_fn backward, fac_tensor *x, const transform *t)
{
    fac__node *n = fac__record(name, backward, 1, 0, sizeof *t, x);
    if (n && !n->failed) *(transform *)n->params = *t;
    return n;
}

/* Hands over what was computed in the scope; a tensor of its own where nothing was to do. */
static fac_tensor *recorded(fac__node *n, fac_tensor *x, fac_tensor *y)
{
    if (y == x && y) {
        y = fac__new_like(x, (fac_dtype)x->dtype);
        if (y && !fac__copy_into(y, x)) {
            fac_release(y);
            y = NULL;
        }
        return fac__result(n, y);
    }
    return fac__result(n, fac__retain(y));
}

static void c2c_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const transform *t = n->params;
    gx[0] = fac_fft_c2c(gy[0], t->dims, t->normalization, !t->flag);
}

fac_tensor *fac_fft_c2c(fac_tensor *self, fac_dims dims, int normalization, bool forward)
{
    FAC__OP("_fft_c2c");
    FAC__NEED(self);
    transform t = {dims, normalization, forward, 0};
    if (!check(self, &t, true)) return NULL;
    fac__node *n = record("FftC2CBackward0", c2c_backward, self, &t);
    fac_tensor *x = fac__plain(self, (fac_dtype)self->dtype), *y = x;
    double scale = scale_of(normalization, self, &t);
    for (int i = 0; i < t.dims.n && y; i++) {
        int d = (int)t.dims.d[i];
        y = along(FAC__FFT_C2C, y, d, y->shape[d], y->shape[d], forward, i ? 1 : scale);
    }
    return recorded(n, self, y == x ? self : y);
}

/* g with zeros behind it along dim, so that it is size long. */
static fac_tensor *lengthened(fac_tensor *g, int dim, int64_t size)
{
    fac_dims shape = fac_shape(g);
    if (shape.d[dim] >= size) return g;
    shape.d[dim] = size - shape.d[dim];
    fac_tensor *zeros = fac_zeros(shape, .dtype = (fac_dtype)g->dtype);
    return zeros ? fac_cat((fac_tensor_list){(fac_tensor *[]){g, zeros}, 2}, dim) : NULL;
}

static void r2c_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const transform *t = n->params;
    fac_tensor *g = lengthened(gy[0], (int)t->dims.d[t->dims.n - 1], t->size);
    g = g ? fac_fft_c2c(g, t->dims, t->normalization, false) : NULL;
    gx[0] = g ? fac_select(g, -1, 0) : NULL;
}

fac_tensor *fac_fft_r2c(fac_tensor *self, fac_dims dims, int normalization, bool onesided)
{
    FAC__OP("_fft_r2c");
    FAC__NEED(self);
    transform t = {dims, normalization, onesided, 0};
    if (!check(self, &t, false)) return NULL;
    if (!t.dims.n) return fac__runtime_error("_fft_r2c must transform at least one axis");
    int last = (int)t.dims.d[t.dims.n - 1];
    t.size = self->shape[last];
    fac__node *n = record("FftR2CBackward0", r2c_backward, self, &t);
    fac_tensor *y = along(FAC__FFT_R2C, fac__plain(self, (fac_dtype)self->dtype), last, t.size,
                          onesided ? t.size / 2 + 1 : t.size, true, scale_of(normalization, self, &t));
    for (int i = 0; i < t.dims.n - 1 && y; i++) {
        int d = (int)t.dims.d[i];
        y = along(FAC__FFT_C2C, y, d, y->shape[d], y->shape[d], true, 1);
    }
    return recorded(n, self, y);
}

/* What has a mirror image counts twice. */
static void c2r_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const transform *t = n->params;
    fac_tensor *g = fac_fft_r2c(gy[0], t->dims, t->normalization, true);
    if (!g) return;
    int last = (int)t->dims.d[t->dims.n - 1];
    fac_dims shape = {.n = g->ndim};
    for (int d = 0; d < g->ndim; d++)
        shape.d[d] = d == last ? g->shape[d] : 1;
    fac_tensor *weights = fac_full(shape, 2, .dtype = (fac_dtype)g->dtype);
    if (!weights || !fac__fill_into(fac_narrow(weights, last, 0, 1), fac_scalar_int(1))) return;
    if (t->size % 2 == 0 && !fac__fill_into(fac_narrow(weights, last, t->size / 2, 1), fac_scalar_int(1))) return;
    gx[0] = fac_mul(g, weights);
}

fac_tensor *fac_fft_c2r(fac_tensor *self, fac_dims dims, int normalization, int64_t last_dim_size)
{
    FAC__OP("_fft_c2r");
    FAC__NEED(self);
    transform t = {dims, normalization, false, last_dim_size};
    if (!check(self, &t, true)) return NULL;
    if (!t.dims.n) return fac__runtime_error("_fft_c2r must transform at least one axis");
    int last = (int)t.dims.d[t.dims.n - 1];
    if (last_dim_size < 1)
        return fac__runtime_error("Invalid number of data points (%lld) specified", (long long)last_dim_size);
    if (self->shape[last] != last_dim_size / 2 + 1)
        return fac__runtime_error("a real transform of size %lld has %lld frequencies, but got %lld",
                                  (long long)last_dim_size, (long long)(last_dim_size / 2 + 1),
                                  (long long)self->shape[last]);
    fac__node *n = record("FftC2RBackward0", c2r_backward, self, &t);
    fac_tensor *y = fac__plain(self, (fac_dtype)self->dtype);
    for (int i = 0; i < t.dims.n - 1 && y; i++) {
        int d = (int)t.dims.d[i];
        y = along(FAC__FFT_C2C, y, d, y->shape[d], y->shape[d], false, 1);
    }
    y = along(FAC__FFT_C2R, y, last, last_dim_size, last_dim_size, false, scale_of(normalization, self, &t));
    return recorded(n, self, y);
}

/* ---- torch.fft ------------------------------------------------------------------------------------------------- */

/* "backward" scales where the transform is the inverse one, "forward" where it is not; -1 after an error. */
static int normalization_of(const char *norm, bool inverse)
{
    if (!norm || !strcmp(norm, "backward")) return inverse ? 2 : 0;
    if (!strcmp(norm, "forward")) return inverse ? 0 : 2;
    if (!strcmp(norm, "ortho")) return 1;
    return fac__runtime_error("Invalid normalization mode: \"%s\"", norm), -1;
}

/* The dims, and the sizes there of what is to be transformed: the input's, unless s says otherwise. */
static bool canonical(const char *op, const fac_tensor *x, fac_dims s, fac_dims *dims, fac_dims *sizes)
{
    if (dims->n >= 0 && s.n >= 0 && dims->n != s.n)
        return fac__runtime_error("When given, dim and shape arguments must have the same length");
    if (s.n > x->ndim)
        return fac__runtime_error("Got shape with %d values but input tensor only has %d dimensions.", s.n, x->ndim);
    if (dims->n < 0) {
        int count = s.n >= 0 ? s.n : x->ndim;
        for (dims->n = 0; dims->n < count; dims->n++)
            dims->d[dims->n] = x->ndim - count + dims->n;
    }
    if (!dims->n || !x->ndim) return fac__runtime_error("%s must transform at least one axis", op);
    if (!fac__wrap_dims(dims, x->ndim, "FFT dims must be unique")) return false;
    sizes->n = dims->n;
    for (int i = 0; i < dims->n; i++) {
        int64_t size = x->shape[dims->d[i]];
        bool last = i == dims->n - 1;
        sizes->d[i] = s.n >= 0 && s.d[i] != -1 ? s.d[i] : last ? 2 * (size - 1) : size;
        if (sizes->d[i] < 1)
            return fac__runtime_error("Invalid number of data points (%lld) specified", (long long)sizes->d[i]);
    }
    return true;
}

/* The transform to a real tensor, of real numbers that stand for complex ones. For these the backward transform and the
 * forward one, whose input is the conjugate, differ in their scale only. */
static fac_tensor *to_real(const char *op, fac_tensor *x, fac_dims s, fac_dims dims, const char *norm, bool inverse)
{
    FAC__OP(op);
    FAC__NEED(x);
    fac_dims sizes;
    int normalization = normalization_of(norm, inverse);
    if (normalization < 0 || !canonical(op, x, s, &dims, &sizes)) return NULL;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype)) x = fac_to(x, fac_get_default_dtype());
    for (int i = 0; i < dims.n && x; i++) {
        int64_t wanted = i == dims.n - 1 ? sizes.d[i] / 2 + 1 : sizes.d[i];
        int d = (int)dims.d[i];
        x = x->shape[d] > wanted ? fac_narrow(x, d, 0, wanted) : lengthened(x, d, wanted);
    }
    fac_tensor *zeros = x ? fac_zeros_like(x) : NULL;
    fac_tensor *both = zeros ? fac_stack((fac_tensor_list){(fac_tensor *[]){x, zeros}, 2}, -1) : NULL;
    return both ? fac_fft_c2r(both, dims, normalization, sizes.d[dims.n - 1]) : NULL;
}

static fac_tensor *one_dim(const char *op, fac_tensor *x, fac_fft_options o, bool inverse)
{
    FAC__OP(op);
    FAC__NEED(x);
    if (!x->ndim) return fac__runtime_error("Invalid number of data points (-2) specified");
    if (o.n != FAC_OPEN && o.n < 1)
        return fac__runtime_error("Invalid number of data points (%lld) specified", (long long)o.n);
    fac_dims s = o.n == FAC_OPEN ? (fac_dims){.n = -1} : fac_dims_one(o.n);
    return to_real(op, x, s, fac_dims_one(o.dim), o.norm, inverse);
}

static fac_dims last_two(fac_dims dims)
{
    return dims.n < 0 ? FAC_DIMS(-2, -1) : dims;
}

fac_tensor *fac_fft_irfft_with(fac_tensor *self, fac_fft_options options)
{
    return one_dim("irfft", self, options, true);
}

fac_tensor *fac_fft_irfft2_with(fac_tensor *self, fac_fft_options options)
{
    return to_real("irfft2", self, options.s, last_two(options.dims), options.norm, true);
}

fac_tensor *fac_fft_irfftn_with(fac_tensor *self, fac_fft_options options)
{
    return to_real("irfftn", self, options.s, options.dims, options.norm, true);
}

fac_tensor *fac_fft_hfft_with(fac_tensor *self, fac_fft_options options)
{
    return one_dim("hfft", self, options, false);
}

fac_tensor *fac_fft_hfft2_with(fac_tensor *self, fac_fft_options options)
{
    return to_real("hfft2", self, options.s, last_two(options.dims), options.norm, false);
}

fac_tensor *fac_fft_hfftn_with(fac_tensor *self, fac_fft_options options)
{
    return to_real("hfftn", self, options.s, options.dims, options.norm, false);
}

static fac_tensor *shifted(const char *op, fac_tensor *x, fac_dims dims, int more)
{
    FAC__OP(op);
    FAC__NEED(x);
    fac_dims shifts;
    if (dims.n < 0)
        for (dims.n = 0; dims.n < x->ndim; dims.n++)
            dims.d[dims.n] = dims.n;
    shifts.n = dims.n;
    for (int i = 0; i < dims.n && i < FAC_MAX_DIMS; i++) {
        int d = fac__wrap_dim(dims.d[i], x->ndim);
        if (d < 0) return NULL;
        shifts.d[i] = x->ndim ? (x->shape[d] + more) / 2 : 0;
    }
    return fac_roll(x, shifts, dims);
}

fac_tensor *fac_fft_fftshift(fac_tensor *self, fac_dims dims)
{
    return shifted("fftshift", self, dims, 0);
}

fac_tensor *fac_fft_ifftshift(fac_tensor *self, fac_dims dims)
{
    return shifted("ifftshift", self, dims, 1);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

#define ONE_DIM(name) FAC__CALL(name, R(fac_fft_##name(T(0), .n = IO(1), .dim = I(2), .norm = STR(3))))
#define SEVERAL(name) FAC__CALL(name, R(fac_fft_##name(T(0), .s = L(1), .dims = L(2), .norm = STR(3))))
ONE_DIM(irfft)
ONE_DIM(hfft)
SEVERAL(irfft2)
SEVERAL(irfftn)
SEVERAL(hfft2)
SEVERAL(hfftn)
FAC__CALL(fftshift, R(fac_fft_fftshift(T(0), L(1))))
FAC__CALL(ifftshift, R(fac_fft_ifftshift(T(0), L(1))))
FAC__CALL(c2c, R(fac_fft_c2c(T(0), L(1), (int)I(2), B(3))))
FAC__CALL(r2c, R(fac_fft_r2c(T(0), L(1), (int)I(2), B(3))))
FAC__CALL(c2r, R(fac_fft_c2r(T(0), L(1), (int)I(2), I(3))))

#define ROW_ONE(name, doc)                                                                                             \
    {                                                                                                                  \
        "fft_" #name "(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor", name, doc                     \
    }
#define ROW_SEVERAL(name, dim, doc)                                                                                    \
    {                                                                                                                  \
        "fft_" #name "(Tensor self, int[1]? s=None, int[1]? dim=" dim ", str? norm=None) -> Tensor", name, doc         \
    }

const fac__op fac__ops_fft[] = {
    ROW_ONE(irfft, "Inverse transform to a real signal, of the half of its spectrum."),
    ROW_ONE(hfft, "Transform of a signal that its half determines."),
    ROW_SEVERAL(irfft2, "[-2,-1]", "irfft over the last two dimensions."),
    ROW_SEVERAL(irfftn, "None", "irfft over several dimensions."),
    ROW_SEVERAL(hfft2, "[-2,-1]", "hfft over the last two dimensions."),
    ROW_SEVERAL(hfftn, "None", "hfft over several dimensions."),
    {"fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor", fftshift, "Frequency 0 to the middle."},
    {"fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor", ifftshift, "Frequency 0 back to the front."},
    {"_fft_c2c(Tensor self, int[] dim, int normalization, bool forward) -> Tensor", c2c,
     "Fourier transform of pairs (real, imaginary)."},
    {"_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor", r2c,
     "Fourier transform of real numbers to pairs (real, imaginary)."},
    {"_fft_c2r(Tensor self, int[] dim, int normalization, int last_dim_size) -> Tensor", c2r, "Inverse of _fft_r2c."},
    {0},
};
