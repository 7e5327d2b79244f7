/* Floor 4. Dropout in all its forms: noise times the input. After ATen's Dropout.cpp: which numbers are drawn in which order,
 * and in which order they are divided and multiplied. */
#include <math.h>

#include "facula/ops_create.h"
#include "facula/ops_embed.h"
#include "facula/ops_view.h"
#include "op.h"

typedef struct way {
    bool feature, alpha;
} way;

static fac_tensor *empty_features(const fac_tensor *x)
{
    if (x->ndim < 2) return fac__runtime_error("Feature dropout requires at least 2 dimensions in the input");
    int64_t shape[FAC_MAX_DIMS];
    for (int i = 0; i < x->ndim; i++)
        shape[i] = i < 2 ? x->shape[i] : 1;
    return fac__own(fac__new((fac_dtype)x->dtype, x->ndim, shape));
}

static fac_tensor *times(fac_tensor *x, fac_tensor *noise, bool inplace)
{
    return inplace ? fac_mul_(x, noise) : fac_mul(x, noise);
}

static fac_tensor *drop(fac_tensor *x, fac_dropout_options o, way w)
{
    if (!(o.p >= 0 && o.p <= 1))
        return fac__value_error("dropout probability has to be between 0 and 1, but got %g", o.p);
    if (o.p == 0 || !o.training || !x->numel) return x;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("result type Float can't be cast to the desired output type %s",
                                  fac__dtype_word((fac_dtype)x->dtype));
    if (o.p == 1) return times(x, fac_zeros(FAC_DIMS(), .dtype = (fac_dtype)x->dtype), o.inplace);
    fac_tensor *noise = w.feature ? empty_features(x) : fac__own(fac__new_like(x, (fac_dtype)x->dtype)), *shift = NULL;
    fac_no_grad {
        noise = fac_bernoulli_(noise, 1 - o.p);
        if (w.alpha) {
            const double alpha = 1.7580993408473766; /* selu's scale * alpha */
            double a = 1 / sqrt((alpha * alpha * o.p + 1) * (1 - o.p));
            shift = fac_add_scalar_(fac_mul_scalar_(fac_add_scalar(noise, -1), alpha * a), alpha * a * o.p);
            noise = fac_mul_scalar_(noise, a);
        } else {
            noise = fac_div_scalar_(noise, 1 - o.p);
        }
    }
    if (!noise || (w.alpha && !shift)) return NULL;
    fac_tensor *y = times(x, noise, o.inplace);
    return !w.alpha ? y : o.inplace ? fac_add_(y, shift) : fac_add(y, shift);
}

fac_tensor *fac_dropout_with(fac_tensor *input, fac_dropout_options options)
{
    FAC__OP("dropout");
    FAC__NEED(input);
    return drop(input, options, (way){false, false});
}

fac_tensor *fac_feature_dropout_with(fac_tensor *input, fac_dropout_options options)
{
    FAC__OP("feature_dropout");
    FAC__NEED(input);
    return drop(input, options, (way){true, false});
}

fac_tensor *fac_alpha_dropout_with(fac_tensor *input, fac_dropout_options options)
{
    FAC__OP("alpha_dropout");
    FAC__NEED(input);
    return drop(input, options, (way){false, true});
}

fac_tensor *fac_feature_alpha_dropout_with(fac_tensor *input, fac_dropout_options options)
{
    FAC__OP("feature_alpha_dropout");
    FAC__NEED(input);
    return drop(input, options, (way){true, true});
}

/* A sample without a batch dimension is a batch of one. */
static fac_tensor *drop_channels(fac_tensor *x, fac_dropout_options o, int batched)
{
    if (x->ndim == batched) return drop(x, o, (way){true, false});
    fac_tensor *one = fac_unsqueeze(x, 0), *y = one ? drop(one, o, (way){true, false}) : NULL;
    return y ? fac_squeeze_dim(y, 0) : NULL;
}

fac_tensor *fac_dropout1d_with(fac_tensor *input, fac_dropout_options options)
{
    FAC__OP("dropout1d");
    FAC__NEED(input);
    if (input->ndim != 2 && input->ndim != 3)
        return fac__runtime_error(
            "dropout1d: Expected 2D or 3D input, but received a %dD input. Note that dropout1d exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an "
            "optional batch dimension (i.e. 2D or 3D inputs).",
            input->ndim);
    return drop_channels(input, options, 3);
}

fac_tensor *fac_dropout2d_with(fac_tensor *input, fac_dropout_options options)
{
    FAC__OP("dropout2d");
    FAC__NEED(input);
    return drop(input, options, (way){true, false});
}

fac_tensor *fac_dropout3d_with(fac_tensor *input, fac_dropout_options options)
{
    FAC__OP("dropout3d");
    FAC__NEED(input);
    return drop_channels(input, options, input->ndim == 4 ? 5 : input->ndim);
}

/* ---- with the mask that was drawn ----------------------------------------------------------------------------- */

static fac_tensor *native_dropout(fac_tensor *x, double p, bool training, fac_tensor **mask)
{
    FAC__OP("native_dropout");
    FAC__NEED(x);
    if (!training) {
        *mask = fac_ones_like(x, .dtype = FAC_BOOL);
        return fac_clone(x);
    }
    if (!fac_dtype_is_floating((fac_dtype)x->dtype) && x->numel)
        return fac__runtime_error("result type Float can't be cast to the desired output type %s",
                                  fac__dtype_word((fac_dtype)x->dtype));
    *mask = x->numel ? fac_empty_like(x, .dtype = FAC_BOOL) : fac_empty_like(x);
    fac_no_grad
        *mask = fac_bernoulli_(*mask, 1 - p);
    return *mask ? fac_mul_scalar(fac_mul(x, *mask), p == 1 ? 0 : 1 / (1 - p)) : NULL;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

#define OPTIONS FAC_OPTIONS(fac_dropout_options, .p = F(1), .training = B(2))
#define OPTIONS_INPLACE FAC_OPTIONS(fac_dropout_options, .p = F(1), .training = B(2), .inplace = B(3))
#define FORM(name)                                                                                                     \
    FAC__CALL(name, R(fac_##name##_with(T(0), OPTIONS)))                                                               \
    FAC__CALL(name##_functional, R(fac_##name##_with(T(0), OPTIONS_INPLACE)))
FORM(dropout)
FAC__CALL(feature_dropout, R(fac_feature_dropout_with(T(0), OPTIONS)))
FORM(alpha_dropout)
FORM(feature_alpha_dropout)
FAC__CALL(dropout1d, R(fac_dropout1d_with(T(0), OPTIONS_INPLACE)))
FAC__CALL(dropout2d, R(fac_dropout2d_with(T(0), OPTIONS_INPLACE)))
FAC__CALL(dropout3d, R(fac_dropout3d_with(T(0), OPTIONS_INPLACE)))

FAC__CALL(native, {
    fac_tensor *mask = NULL;
    R(native_dropout(T(0), F(1), !GIVEN(2) || B(2), &mask));
    R(mask);
})
FAC__CALL(native_backward, R(fac_mul_scalar(fac_mul(T(0), T(1)), F(2))))

#define ATEN(name, doc)                                                                                                \
    {                                                                                                                  \
#name "(Tensor input, float p, bool train) -> Tensor", name, doc                                               \
    }
#define FUNCTIONAL(name, training, call, doc)                                                                          \
    {                                                                                                                  \
#name ".functional(Tensor input, float p=0.5, bool training=" #training ", bool inplace=False) -> Tensor",     \
            call, doc                                                                                                  \
    }
const fac__op fac__ops_dropout[] = {
    ATEN(dropout, "Elements set to 0 with probability p, the rest divided by 1 - p."),
    FUNCTIONAL(dropout, True, dropout_functional, "Elements set to 0 with probability p, the rest divided by 1 - p."),
    ATEN(feature_dropout, "Channels set to 0 with probability p, the rest divided by 1 - p."),
    ATEN(alpha_dropout, "Dropout that keeps the mean and variance of selu's results."),
    FUNCTIONAL(alpha_dropout, False, alpha_dropout_functional,
               "Dropout that keeps the mean and variance of selu's results."),
    ATEN(feature_alpha_dropout, "alpha_dropout of whole channels."),
    FUNCTIONAL(feature_alpha_dropout, False, feature_alpha_dropout_functional, "alpha_dropout of whole channels."),
    FUNCTIONAL(dropout1d, True, dropout1d, "Channels of sequences set to 0 with probability p."),
    FUNCTIONAL(dropout2d, True, dropout2d, "Channels of images set to 0 with probability p."),
    FUNCTIONAL(dropout3d, True, dropout3d, "Channels of volumes set to 0 with probability p."),
    {"native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)", native,
     "dropout, and True where an element was kept."},
    {"native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor", native_backward,
     "The input's gradient of native_dropout."},
    {0},
};
