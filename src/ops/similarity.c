/* Floor 4. Normalisation by neighbours and by length, and how alike vectors are; made of other operations. */
#include "facula/ops_conv.h"
#include "facula/ops_join.h"
#include "facula/ops_norm.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "op.h"

static double or_default(double given, double otherwise)
{
    return given == given ? given : otherwise;
}

fac_tensor *fac_local_response_norm_with(fac_tensor *input, int64_t size, fac_similarity_options options)
{
    FAC__OP("local_response_norm");
    FAC__NEED(input);
    if (input->ndim < 3)
        return fac__value_error(
            "Expected 3D or higher dimensionality                          input (got %d dimensions)", input->ndim);
    if (!input->numel) return input;
    if (size != (int32_t)size) return fac__runtime_error("integer out of range");
    fac_tensor *square = fac_reshape(fac_mul(input, input), FAC_DIMS(input->shape[0], 1, input->shape[1], -1));
    square = fac_pad(square, FAC_DIMS(0, 0, size / 2, (size - 1) / 2), "constant", 0);
    fac_tensor *mean = fac_avg_pool2d(square, FAC_DIMS(size, 1), .stride = 1);
    mean = fac_reshape(mean, fac_shape(input));
    return fac_div(input, fac_pow_scalar(fac_add_scalar(fac_mul_scalar(mean, options.alpha), options.k), options.beta));
}

fac_tensor *fac_normalize_with(fac_tensor *input, fac_similarity_options options)
{
    FAC__OP("normalize");
    FAC__NEED(input);
    fac_tensor *length = fac_norm(input, .p = options.p, .dim = options.dim, .keepdim = true);
    return fac_div(input, fac_clamp(length, or_default(options.eps, 1e-12), fac_scalar_none()));
}

/* x divided by its length, at least eps; the gradient passes by the clamping of the square, as if that were the square. */
static fac_tensor *unit(fac_tensor *x, int64_t dim, double eps)
{
    fac_tensor *square = fac_sum(fac_square(x), .dim = dim, .keepdim = true);
    fac_no_grad
        fac_clamp_(square, eps * eps, fac_scalar_none());
    return fac_div(x, fac_sqrt(square));
}

fac_tensor *fac_cosine_similarity_with(fac_tensor *x1, fac_tensor *x2, fac_similarity_options options)
{
    FAC__OP("cosine_similarity");
    FAC__NEED(x1);
    FAC__NEED(x2);
    fac__arg both[] = {fac__tensor_arg(x1), fac__tensor_arg(x2)};
    fac_dtype dtype = fac__result_type(2, both);
    if (!fac_dtype_is_floating(dtype))
        return fac__runtime_error("expected common dtype to be floating point, yet common dtype is %s",
                                  fac__dtype_word(dtype));
    fac_dims shape = {0};
    if (!fac__broadcast_shapes(x1->ndim, x1->shape, x2->ndim, x2->shape, &shape.n, shape.d)) return NULL;
    double eps = or_default(options.eps, 1e-8);
    x1 = fac_expand(fac_to(x1, dtype), shape);
    x2 = fac_expand(fac_to(x2, dtype), shape);
    return fac_sum(fac_mul(unit(x1, options.dim, eps), unit(x2, options.dim, eps)), .dim = options.dim);
}

fac_tensor *fac_pairwise_distance_with(fac_tensor *x1, fac_tensor *x2, fac_similarity_options options)
{
    FAC__OP("pairwise_distance");
    FAC__NEED(x1);
    FAC__NEED(x2);
    fac_tensor *apart = fac_add_scalar(fac_sub(x1, x2), or_default(options.eps, 1e-6));
    return fac_norm(apart, .p = options.p, .dim = -1, .keepdim = options.keepdim);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

#define OPTIONS(...) FAC_OPTIONS(fac_similarity_options, __VA_ARGS__)
FAC__CALL(response, R(fac_local_response_norm_with(T(0), I(1), OPTIONS(.alpha = F(2), .beta = F(3), .k = F(4)))))
FAC__CALL(normalize, R(fac_normalize_with(T(0), OPTIONS(.p = F(1), .dim = I(2), .eps = F(3)))))
FAC__CALL(cosine, R(fac_cosine_similarity_with(T(0), T(1), OPTIONS(.dim = I(2), .eps = F(3)))))
FAC__CALL(distance, R(fac_pairwise_distance_with(T(0), T(1), OPTIONS(.p = F(2), .eps = F(3), .keepdim = B(4)))))

/* clang-format off */
const fac__op fac__ops_similarity[] = {
    {"local_response_norm(Tensor input, int size, float alpha=0.0001, float beta=0.75, float k=1.0) -> Tensor",
     response, "Divided by a power of the mean square over neighbouring channels."},
    {"normalize(Tensor input, float p=2.0, int dim=1, float eps=1e-12) -> Tensor", normalize, "Divided by the p-norm along dim."},
    {"cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor",
     cosine, "The cosine of the angle between vectors along dim."},
    {"pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> Tensor",
     distance, "The p-norm of x1 - x2 + eps along the last dimension."},
    {0},
};
/* clang-format on */
