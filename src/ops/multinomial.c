/* Floor 4. Categories drawn by their weights (facula/ops_create.h), with PyTorch's two ways to draw, for its numbers. */
#include <math.h>

#include "create.h"
#include "facula/autograd.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_sort.h"
#include "facula/ops_view.h"

static bool check(const fac_tensor *x, int64_t samples, bool replacement)
{
    int64_t categories = x->ndim ? x->shape[x->ndim - 1] : 0;
    if (x->ndim < 1 || x->ndim > 2) return fac__runtime_error("prob_dist must be 1 or 2 dim");
    if (!fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("multinomial only supports floating-point dtypes for input, got: %s",
                                  fac__dtype_word((fac_dtype)x->dtype));
    if (samples <= 0) return fac__runtime_error("cannot sample n_sample <= 0 samples");
    if (!replacement && samples > categories)
        return fac__runtime_error("cannot sample n_sample > prob_dist.size(-1) samples without replacement");
    if (categories > 1 << 24) return fac__runtime_error("number of categories cannot exceed 2^24");
    return true;
}

static bool check_weights(fac_tensor *x)
{
    fac_tensor *max = NULL, *min = fac_aminmax(x, &max);
    fac_tensor *none = min ? fac_any(fac_eq_scalar(fac_sum(x, .dim = -1), 0)) : NULL;
    if (!none) return false;
    if (!(fac_item(max) < INFINITY) || !(fac_item(min) >= 0))
        return fac__runtime_error("probability tensor contains either `inf`, `nan` or element < 0");
    if (fac_item_int(none)) return fac__runtime_error("invalid multinomial distribution (sum of probabilities <= 0)");
    return true;
}

/* The first of exponential waiting times at those rates; without replacement, the first ones. */
static fac_tensor *first_arrivals(fac_tensor *x, int64_t samples, fac_generator *generator)
{
    fac_tensor *times = fac_empty_like(x), *order = NULL;
    times = times ? fac_exponential_(times, 1, .generator = generator) : NULL;
    times = times ? fac_div(x, times) : NULL;
    if (!times || samples == 1) return times ? fac_argmax(times, .dim = -1, .keepdim = true) : NULL;
    return fac_topk(times, samples, .indices = &order) ? order : NULL;
}

/* Where uniform numbers fall among the running sums, which add up in x's own dtype. */
static fac_tensor *among_sums(fac_tensor *x, int64_t samples, fac_generator *generator)
{
    int64_t categories = x->shape[x->ndim - 1], rows = x->numel / categories;
    fac_dims shape = fac_shape(x);
    shape.d[shape.n - 1] = samples;
    fac_tensor *sums = fac_to(fac_clone(x), FAC_FLOAT64);
    fac_tensor *numbers = fac_rand(shape, .dtype = FAC_FLOAT64, .generator = generator);
    if (!sums || !numbers) return NULL;
    fac_dtype dtype = (fac_dtype)x->dtype;
    double *p = fac__host(sums), rounded;
    for (int64_t r = 0; r < rows; r++, p += categories) {
        for (int64_t j = 0; j < categories; j++) {
            fac__store_double(dtype, &rounded, p[j] + (j ? p[j - 1] : 0));
            p[j] = fac__load_double(dtype, &rounded);
        }
        for (int64_t j = 0; j < categories - 1; j++) {
            fac__store_double(dtype, &rounded, p[j] / p[categories - 1]);
            p[j] = fac__load_double(dtype, &rounded);
        }
        p[categories - 1] = 1;
    }
    return fac_searchsorted(sums, numbers);
}

fac_tensor *fac_multinomial_with(fac_tensor *self, int64_t num_samples, bool replacement, fac_create_options options)
{
    FAC__OP("multinomial");
    FAC__NEED(self);
    if (!check(self, num_samples, replacement)) return NULL;
    fac_dims shape = fac_shape(self);
    shape.d[shape.n - 1] = num_samples;
    if (self->ndim == 2 && !self->shape[0]) return fac_empty(shape, .dtype = FAC_INT64);
    if (!self->numel) return fac__runtime_error("invalid multinomial distribution (sum of probabilities <= 0)");
    fac_tensor *y = NULL;
    fac_no_grad
        if (check_weights(self))
            y = replacement && num_samples > 1 ? among_sums(self, num_samples, options.generator)
                                               : first_arrivals(self, num_samples, options.generator);
    return y;
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

FAC__CALL(multinomial, R(fac_multinomial(T(0), I(1), B(2))))

const fac__op fac__ops_multinomial[] = {
    {"multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor",
     multinomial, "Categories drawn by their weights."},
    {0},
};
