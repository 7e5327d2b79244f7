/* Floor 4. Activations that are no plain row of pointwise.def: they have a parameter, a dimension or random numbers. */
#include "facula/ops_create.h"
#include "facula/ops_embed.h"
#include "facula/ops_index.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "facula/random.h"
#include "plain.h"
#include "tracing.h"

/* y, which was just made by a recorded operation, with the grad_fn's name that PyTorch gives to the whole. */
static fac_tensor *named(fac_tensor *y, const char *name)
{
    if (y && y->grad_fn) y->grad_fn->name = name;
    return y;
}

fac_tensor *fac_glu(fac_tensor *self, int64_t dim)
{
    FAC__OP("glu");
    FAC__NEED(self);
    if (!self->ndim) return fac__runtime_error("glu does not support scalars because halving size must be even");
    int d = fac__wrap_dim(dim, self->ndim);
    if (d < 0) return NULL;
    int64_t size = self->shape[d];
    if (size % 2)
        return fac__runtime_error("Halving dimension must be even, but dimension %d is size %lld", d, (long long)size);
    if (!fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("\"glu_cpu\" not implemented for '%s'", fac__dtype_word((fac_dtype)self->dtype));
    fac_tensor *y = fac_mul(fac_narrow(self, d, 0, size / 2), fac_sigmoid(fac_narrow(self, d, size / 2, size / 2)));
    return named(y, "GluBackward0");
}

fac_tensor *fac_prelu(fac_tensor *self, fac_tensor *weight)
{
    FAC__OP("prelu");
    FAC__NEED(self);
    FAC__NEED(weight);
    FAC__TRACE("prelu", FAC__ARG(self), FAC__ARG(weight));
    if (weight->ndim > 1)
        return fac__runtime_error("prelu: Expected `weight` to be a scalar or 1D tensor, but got ndim = %d",
                                  weight->ndim);
    if (self->dtype != weight->dtype)
        return fac__runtime_error("Found dtype %s but expected %s", fac__dtype_word((fac_dtype)weight->dtype),
                                  fac__dtype_word((fac_dtype)self->dtype));
    if (!fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("\"prelu_cpu\" not implemented for '%s'", fac__dtype_word((fac_dtype)self->dtype));
    int64_t channels = self->ndim > 1 ? self->shape[1] : 1;
    if (weight->numel != 1 && weight->numel != channels)
        return fac__runtime_error(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = %lld and "
            "channel size = %lld.",
            (long long)weight->numel, (long long)channels);
    fac_dims shape = {.n = self->ndim};
    for (int i = 0; i < shape.n; i++)
        shape.d[i] = i == 1 ? weight->numel : 1;
    if (shape.n == 1 && weight->numel == 1) shape.d[0] = 1;
    fac_tensor *slopes = fac_reshape(weight, shape);
    if (!slopes) return NULL;
    fac__arg args[] = {fac__tensor_arg(self), fac__tensor_arg(slopes)};
    return fac__pointwise(FAC__ROW_prelu, args, false);
}

/* A slope for each element: 1 above 0, else drawn evenly. Only those draw. */
static fac_tensor *draw_slopes(fac_tensor *x, double lower, double upper)
{
    fac_tensor *noise = fac__own(fac__new_like(x, (fac_dtype)x->dtype)), *plain = fac__plain(x, (fac_dtype)x->dtype);
    if (!noise || !plain) return NULL;
    if (x->dtype != FAC_FLOAT64) lower = (float)lower, upper = (float)upper;
    int64_t size = (int64_t)fac_dtype_size((fac_dtype)x->dtype);
    const uint64_t mask = ((uint64_t)1 << 53) - 1;
    for (int64_t i = 0; i < x->numel * size; i += size) {
        double r = 1;
        if (fac__load_double((fac_dtype)x->dtype, (const char *)fac__host(plain) + i) <= 0)
            r = (double)(fac_generator_random64(NULL) & mask) * 0x1p-53 * (upper - lower) + lower;
        fac__store_double((fac_dtype)x->dtype, (char *)fac__host(noise) + i, r);
    }
    return noise;
}

fac_tensor *fac_rrelu(fac_tensor *self, double lower, double upper, bool training)
{
    FAC__OP("rrelu");
    FAC__NEED(self);
    if (!fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("\"rrelu_with_noise_out_cpu\" not implemented for '%s'",
                                  fac__dtype_word((fac_dtype)self->dtype));
    fac_tensor *slopes = training ? draw_slopes(self, lower, upper) : NULL;
    fac_tensor *y = training ? slopes ? fac_mul(self, slopes) : NULL : fac_leaky_relu(self, (lower + upper) / 2);
    return named(y, "RreluWithNoiseBackward0");
}

fac_tensor *fac_gumbel_softmax(fac_tensor *logits, double tau, bool hard, int64_t dim)
{
    FAC__OP("gumbel_softmax");
    FAC__NEED(logits);
    if (!fac_dtype_is_floating((fac_dtype)logits->dtype))
        return fac__runtime_error("\"exponential_\" not implemented for '%s'",
                                  fac__dtype_word((fac_dtype)logits->dtype));
    fac_tensor *draws = fac_empty_like(fac_detach(logits));
    fac_tensor *noise = draws ? fac_neg(fac_log(fac_exponential_(draws, 1))) : NULL;
    fac_tensor *y = fac_softmax(fac_div_scalar(fac_add(logits, noise), tau), dim, FAC_DTYPE_NONE), *index = NULL;
    if (!hard || !y) return y;
    if (!fac_max_dim(y, (int)dim, true, &index)) return NULL;
    return fac_add(fac_sub(fac_scatter_scalar(fac_zeros_like(y), (int)dim, index, 1), fac_detach(y)), y);
}

FAC__CALL(logsigmoid, R(fac_log_sigmoid(T(0))))
FAC__CALL(glu, R(fac_glu(T(0), I(1))))
FAC__CALL(prelu, R(fac_prelu(T(0), T(1))))
FAC__CALL(gumbel, R(fac_gumbel_softmax(T(0), F(1), B(2), I(4))))
FAC__CALL(rrelu, R(fac_rrelu(T(0), F(1), F(2), B(3))))

const fac__op fac__ops_gates[] = {
    {"glu(Tensor self, int dim=-1) -> Tensor", glu, "The first half along dim times the sigmoid of the second."},
    {"logsigmoid(Tensor input) -> Tensor", logsigmoid, "log(sigmoid(input)); ATen's name is log_sigmoid."},
    {"gumbel_softmax(Tensor logits, float tau=1, bool hard=False, float eps=1e-10, int dim=-1) -> Tensor", gumbel,
     "softmax of logits and Gumbel noise."},
    {"prelu(Tensor self, Tensor weight) -> Tensor", prelu, "self where it is positive, else self * weight."},
    {"rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? "
     "generator=None) "
     "-> Tensor",
     rrelu, "self where it is positive, else times a random slope."},
    {"rrelu.functional(Tensor input, float lower=0.125, float upper=0.3333333333333333, bool training=False, "
     "bool inplace=False) -> Tensor",
     rrelu, "input where it is positive, else times a random slope."},
    {0},
};
