/* Floor 4. Max pooling by windows that begin at pseudo-random places: B. Graham, "Fractional max-pooling", 2014
 * (facula/ops_conv.h). Made of a gather of all windows and a maximum. */
#include "facula/ops_conv.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "op.h"
#include "plain.h"
#include "window.h"

static bool check(const char *op, const fac_tensor *x, const fac_tensor *samples, int spatial, const int64_t *kernel,
                  const int64_t *size)
{
    static const char *const names[] = {"time", "height", "width"};
    int lead = x->ndim - spatial;
    if (lead != 1 && lead != 2)
        return fac__runtime_error("%s(): Expected %dD or %dD tensor, but got: %s", op, spatial + 1, spatial + 2,
                                  fac__shape_text(x->ndim, x->shape)),
               false;
    for (int d = lead - 1; d < x->ndim; d++)
        if (!x->shape[d])
            return fac__runtime_error(
                       "%s(): Expected input to have non-zero size for non-batch dimensions, but got%s with dimension "
                       "%d being empty.",
                       op, fac__shape_text(x->ndim, x->shape), d),
                   false;
    for (int d = 0; d < spatial; d++) {
        int at = 3 - spatial + d;
        if (size[at] < 0) return fac__runtime_error("%s(): output_size must not be negative", op), false;
        if (kernel[at] <= 0) return fac__runtime_error("%s(): kernel_size must be positive", op), false;
        if (size[at] + kernel[at] - (spatial == 2) > x->shape[lead + d]) /* of three dimensions one less fits */
            return fac__runtime_error("%s(): pool %s %lld too large relative to input %s %lld", op, names[at],
                                      (long long)kernel[at], names[at], (long long)x->shape[lead + d]),
                   false;
    }
    if (x->dtype != FAC_FLOAT32 && x->dtype != FAC_FLOAT64)
        return fac__runtime_error("\"%s_out_frame\" not implemented for '%s'", op,
                                  fac__dtype_word((fac_dtype)x->dtype)),
               false;
    if (samples->dtype != x->dtype)
        return fac__runtime_error("expected scalar type %s but found %s", fac__dtype_word((fac_dtype)x->dtype),
                                  fac__dtype_word((fac_dtype)samples->dtype)),
               false;
    int64_t batch = lead == 2 ? x->shape[0] : 1;
    if (samples->ndim != 3 || samples->shape[0] < batch || samples->shape[1] != x->shape[lead - 1] ||
        samples->shape[2] != spatial)
        return fac__runtime_error("%s(): Expected _random_samples of shape [%lld, %lld, %d], but got %s", op,
                                  (long long)batch, (long long)x->shape[lead - 1], spatial,
                                  fac__shape_text(samples->ndim, samples->shape)),
               false;
    return true;
}

/* Where along a dimension each window has its elements, [planes, size, kernel]: window i begins at
 * floor((i + u) a) - floor(u a), a = (in - kernel) / (size - 1); the last one ends with the input. u: [planes]. */
static fac_tensor *places(fac_tensor *u, int64_t in, int64_t size, int64_t kernel)
{
    fac_dtype dtype = (fac_dtype)u->dtype;
    double rounded = size > 1 ? (double)(in - kernel) / (double)(size - 1) : 0;
    if (dtype == FAC_FLOAT32 && size > 1) rounded = (double)((float)(in - kernel) / (float)(size - 1));
    u = fac_unsqueeze(u, 1);
    fac_tensor *i = fac_arange(0, size, 1, .dtype = dtype), *last = fac_arange(0, size, 1);
    fac_tensor *begin =
        fac_sub(fac_trunc(fac_mul_scalar(fac_add(i, u), rounded)), fac_trunc(fac_mul_scalar(u, rounded)));
    begin = fac_masked_fill(fac_to(begin, FAC_INT64), fac_eq_scalar(last, size - 1), in - kernel);
    return fac_add(fac_unsqueeze(begin, 2), fac_arange(0, kernel, 1));
}

/* The elements of all windows as numbers into the plane, [planes, size…, kernel…]. */
static fac_tensor *all_places(fac_tensor *samples, const fac_tensor *x, int spatial, const int64_t *kernel,
                              const int64_t *size)
{
    int64_t planes = samples->shape[0] * samples->shape[1];
    samples = fac_reshape(samples, FAC_DIMS(planes, spatial));
    fac_tensor *at = NULL;
    for (int d = 0; d < spatial && samples; d++) {
        int k = 3 - spatial + d, lead = x->ndim - spatial;
        int64_t in = x->shape[lead + d];
        /* of two dimensions the first sample is that of the width */
        fac_tensor *along = places(fac_select(samples, 1, spatial == 2 ? 1 - d : d), in, size[k], kernel[k]);
        fac_dims shape = {.n = 1 + 2 * spatial};
        for (int i = 0; i < shape.n; i++)
            shape.d[i] = 1;
        shape.d[0] = planes;
        shape.d[1 + d] = size[k];
        shape.d[1 + spatial + d] = kernel[k];
        along = fac_reshape(along, shape);
        at = d ? fac_add(fac_mul_scalar(at, in), along) : along;
        if (!at) return NULL;
    }
    return at;
}

static fac_tensor *pool(const char *op, fac_tensor *x, int spatial, fac_dims kernel, fac_dims output_size,
                        fac_tensor *samples, fac_tensor **indices)
{
    FAC__OP(op);
    if (indices) *indices = NULL;
    FAC__NEED(x);
    FAC__NEED(samples);
    int64_t k[3], size[3];
    if (!fac__window_list("kernel_size", kernel, 0, spatial, 1, k) ||
        !fac__window_list("output_size", output_size, 0, spatial, 1, size) || !check(op, x, samples, spatial, k, size))
        return NULL;
    int lead = x->ndim - spatial;
    int64_t batch = lead == 2 ? x->shape[0] : 1, windows = 1, each = 1;
    fac_dims shape = fac_dims_make(lead, x->shape);
    for (int d = 3 - spatial; d < 3; d++) {
        shape.d[shape.n++] = size[d];
        windows *= size[d];
        each *= k[d];
    }
    int64_t planes = batch * x->shape[lead - 1];
    fac_tensor *at = NULL, *which = NULL, *rows = fac_flatten(fac_flatten(x, lead, -1), 0, lead - 1), *y;
    fac_no_grad {
        if (batch < samples->shape[0]) samples = fac_narrow(samples, 0, 0, batch);
        at = samples ? all_places(samples, x, spatial, k, size) : NULL;
        if (at) at = fac_reshape(at, FAC_DIMS(planes, windows, each));
        if (at && at->numel) {
            fac_tensor *values = fac_gather(fac_detach(rows), 1, fac_reshape(at, FAC_DIMS(planes, windows * each)));
            values = fac_reshape(values, FAC_DIMS(planes, windows, each));
            if (fac_max_dim(values, 2, true, &which))
                at = fac_gather(at, 2, which);
            else
                at = NULL;
        }
        if (at) at = fac_reshape(at, FAC_DIMS(planes, windows));
    }
    if (!at || !rows) return NULL;
    y = fac_gather(rows, 1, at);
    if (y && indices && !(*indices = fac_reshape(at, shape))) return NULL;
    return y ? fac_reshape(y, shape) : NULL;
}

fac_tensor *(fac_fractional_max_pool2d)(fac_tensor *input, fac_dims kernel, fac_dims output_size,
                                        fac_tensor *random_samples, fac_tensor **indices)
{
    return pool("fractional_max_pool2d", input, 2, kernel, output_size, random_samples, indices);
}

fac_tensor *(fac_fractional_max_pool3d)(fac_tensor *input, fac_dims kernel, fac_dims output_size,
                                        fac_tensor *random_samples, fac_tensor **indices)
{
    return pool("fractional_max_pool3d", input, 3, kernel, output_size, random_samples, indices);
}

FAC__CALL(two, fac_tensor *indices = NULL; R((fac_fractional_max_pool2d)(T(0), L(1), L(2), T(3), &indices)); R(indices))
FAC__CALL(three, fac_tensor *indices = NULL; R((fac_fractional_max_pool3d)(T(0), L(1), L(2), T(3), &indices));
          R(indices))

const fac__op fac__ops_fractional_pool[] = {
    {"fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples) -> (Tensor, "
     "Tensor)",
     two, "Maxima of windows of fractional stride, placed by random samples in [0, 1), and where they are."},
    {"fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples) -> (Tensor, "
     "Tensor)",
     three, "Maxima of windows of fractional stride, placed by random samples in [0, 1), and where they are."},
    {0},
};
