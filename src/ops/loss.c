/* Floor 4. Losses of numbers, element by element: rows of pointwise.def and a reduction. mse_loss, the everyday one, has a
 * node of its own, whose backward is one pass in PyTorch's order of operations. */
#include "loss_parts.h"
#include "tracing.h"

#include <string.h>

/* ---- what all losses share ---------------------------------------------------------------------------------- */

bool fac__check_reduction(fac_reduction reduction)
{
    if (reduction >= FAC_NONE && reduction <= FAC_SUM) return true;
    return fac__value_error("%d is not a valid value for reduction", (int)reduction), false;
}

fac_tensor *fac__reduce_loss(fac_tensor *x, fac_reduction reduction)
{
    if (!x || reduction == FAC_NONE) return x;
    return reduction == FAC_MEAN ? fac_mean(x) : fac_sum(x);
}

fac_tensor *fac__named_loss(fac_tensor *y, const char *name)
{
    if (y && y->grad_fn) y->grad_fn->name = name;
    return y;
}

void fac__warn_sizes(const char *loss, const fac_tensor *input, const fac_tensor *target)
{
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    if (fac__same_shape(input, target) || atomic_flag_test_and_set(&warned)) return;
    fac__warn(
        "%s: Using a target size (torch.Size(%s)) that is different to the input size (torch.Size(%s)). This will "
        "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        loss, fac__shape_text(target->ndim, target->shape), fac__shape_text(input->ndim, input->shape));
}

fac_reduction fac__reduction_value(const fac_value *v)
{
    static const char *const words[] = {"none", "mean", "sum", "batchmean"};
    if (v->kind != FAC_VALUE_STRING) return (fac_reduction)fac_scalar_to_int(v->v.scalar);
    for (int i = 0; i < 4; i++)
        if (!strcmp(v->v.string, words[i])) return (fac_reduction)i;
    fac__value_error("%s is not a valid value for reduction", v->v.string);
    return (fac_reduction)-1;
}

/* ---- mse ---------------------------------------------------------------------------------------------------- */

#define MINUS FAC__ROW_sub_plain
#define TIMES FAC__ROW_mul

/* (norm * (a - b)) * g, as PyTorch's mse_loss_backward multiplies. */
static fac_tensor *mse_gradient(fac_tensor *a, fac_tensor *b, fac_tensor *g, double norm, fac_dtype dtype)
{
    if (fac_is_grad_enabled()) return fac_mul(fac_mul_scalar(fac_sub(a, b), norm), g);
    static const fac__program program = {.n_in = 3,
                                         .n_const = 1,
                                         .n_code = 3,
                                         .n_out = 1,
                                         .out = {6},
                                         .code = {{MINUS, {0, 1}}, {TIMES, {3, 4}}, {TIMES, {5, 2}}}};
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    if (!fac__broadcast_shapes(a->ndim, a->shape, b->ndim, b->shape, &ndim, shape)) return NULL;
    fac_tensor *y = fac__new(dtype, ndim, shape), *ins[] = {a, b, g};
    fac_scalar constant = fac_scalar_float(norm);
    if (y) fac__run_program(&program, fac__compute_type(dtype), ndim, shape, ins, &constant, &y);
    return fac__own(y);
}

typedef struct mse_params {
    double norm;
    fac_dtype dtype;
} mse_params;

static void mse_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const mse_params *p = n->params;
    fac_tensor *a = fac__saved(n, 0), *b = fac__saved(n, 1);
    if (!a || !b) return;
    if (fac__wants(n, 0)) gx[0] = mse_gradient(a, b, gy[0], p->norm, p->dtype);
    if (fac__wants(n, 1)) gx[1] = mse_gradient(b, a, gy[0], p->norm, p->dtype);
}

fac_tensor *fac_mse_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("mse_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    FAC__TRACE("mse_loss", FAC__ARG(input), FAC__ARG(target), FAC__ARG((int)options.reduction));
    if (!fac__check_reduction(options.reduction)) return NULL;
    fac__arg both[] = {fac__tensor_arg(input), fac__tensor_arg(target)};
    fac_dtype dtype = fac__result_type(2, both);
    if (!fac_dtype_is_floating(dtype))
        return fac__runtime_error("\"mse_cpu\" not implemented for '%s'", fac__dtype_word(dtype));
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    fac__warn_sizes("mse_loss", input, target);
    if (!fac__broadcast_shapes(input->ndim, input->shape, target->ndim, target->shape, &ndim, shape)) return NULL;
    fac_tensor *y = fac__new(dtype, ndim, shape), *ins[] = {input, target};
    if (!y) return NULL;
    static const fac__program program = {
        .n_in = 2, .n_code = 2, .n_out = 1, .out = {3}, .code = {{MINUS, {0, 1}}, {TIMES, {2, 2}}}};
    fac__run_program(&program, fac__compute_type(dtype), ndim, shape, ins, NULL, &y);
    double norm = options.reduction == FAC_MEAN ? 2.0 / (double)y->numel : 2.0;
    if (options.reduction != FAC_NONE) {
        fac_tensor *all = y;
        fac_no_grad
            y = fac_keep(fac__reduce_loss(all, options.reduction));
        fac_release(all);
        if (!y) return NULL;
    }
    fac__node *n = fac__record("MseLossBackward0", mse_backward, 1, 2, sizeof(mse_params), input, target);
    if (n && !n->failed) *(mse_params *)n->params = (mse_params){norm, dtype};
    fac__save(n, 0, input);
    fac__save(n, 1, target);
    return fac__result(n, y);
}

/* ---- other distances ---------------------------------------------------------------------------------------- */

fac_tensor *fac__row_loss(fac__row row, const char *kernel, const char *node, fac_tensor *input, fac_tensor *target,
                          fac_scalar number, fac_tensor *weight, fac_reduction reduction)
{
    fac__arg args[] = {fac__tensor_arg(input), fac__tensor_arg(target), fac__scalar_arg(number)};
    fac_dtype dtype = fac__result_type(2, args);
    if (!fac__check_reduction(reduction)) return NULL;
    if (!fac_dtype_is_floating(dtype))
        return fac__runtime_error("\"%s\" not implemented for '%s'", kernel, fac__dtype_word(dtype));
    fac_tensor *y = fac__pointwise(row, args, false);
    if (weight) y = fac_mul(y, weight);
    return fac__named_loss(fac__reduce_loss(y, reduction), node);
}

fac_tensor *fac_l1_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("l1_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    FAC__TRACE("l1_loss", FAC__ARG(input), FAC__ARG(target), FAC__ARG((int)options.reduction));
    fac__warn_sizes("l1_loss", input, target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    if (input->dtype == FAC_BOOL || target->dtype == FAC_BOOL)
        return fac__runtime_error("Subtraction, the `-` operator, with a bool tensor is not supported.");
    fac__arg args[] = {fac__tensor_arg(input), fac__tensor_arg(target)};
    fac_tensor *y = fac__pointwise(FAC__ROW_abs_difference, args, false);
    return fac__reduce_loss(fac__named_loss(y, "AbsBackward0"), options.reduction);
}

fac_tensor *fac_smooth_l1_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("smooth_l1_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    FAC__TRACE("smooth_l1_loss", FAC__ARG(input), FAC__ARG(target), FAC__ARG((int)options.reduction),
               FAC__ARG(options.beta));
    if (options.beta < 0) return fac__runtime_error("smooth_l1_loss does not support negative values for beta.");
    if (options.beta == 0) return fac_l1_loss_with(input, target, options);
    fac__warn_sizes("smooth_l1_loss", input, target);
    return fac__row_loss(FAC__ROW_smooth_l1, "smooth_l1_cpu", "SmoothL1LossBackward0", input, target,
                         fac_scalar_float(options.beta), NULL, options.reduction);
}

fac_tensor *fac_huber_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("huber_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    FAC__TRACE("huber_loss", FAC__ARG(input), FAC__ARG(target), FAC__ARG((int)options.reduction),
               FAC__ARG(options.delta));
    if (!(options.delta > 0)) return fac__runtime_error("huber_loss does not support non-positive values for delta.");
    fac__warn_sizes("huber_loss", input, target);
    fac_dtype own = (fac_dtype)input->dtype; /* of the result, whatever the target's */
    fac_dtype both = fac__result_type(2, (fac__arg[]){fac__tensor_arg(input), fac__tensor_arg(target)});
    if (!fac__can_cast(both, own))
        return fac__runtime_error("result type %s can't be cast to the desired output type %s", fac__dtype_word(both),
                                  fac__dtype_word(own));
    bool mixed = both != own;
    fac_tensor *y = fac__row_loss(FAC__ROW_huber, "huber_cpu", "HuberLossBackward0", input, target,
                                  fac_scalar_float(options.delta), NULL, mixed ? FAC_NONE : options.reduction);
    return mixed ? fac__reduce_loss(fac_to(y, own), options.reduction) : y;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

#define OPTIONS(...) FAC_OPTIONS(fac_loss_options, __VA_ARGS__)
#define REDUCTION(i) fac__reduction_value(&args[i])
FAC__CALL(mse_loss, R(fac_mse_loss_with(T(0), T(1), OPTIONS(.reduction = REDUCTION(2)))))
FAC__CALL(l1_loss, R(fac_l1_loss_with(T(0), T(1), OPTIONS(.reduction = REDUCTION(2)))))
FAC__CALL(smooth_l1_loss, R(fac_smooth_l1_loss_with(T(0), T(1), OPTIONS(.reduction = REDUCTION(2), .beta = F(3)))))
FAC__CALL(huber_loss, R(fac_huber_loss_with(T(0), T(1), OPTIONS(.reduction = REDUCTION(2), .delta = F(3)))))

/* Each twice: ATen's operator and torch.nn.functional's function. */
/* clang-format off */
const fac__op fac__ops_loss[] = {
    {"mse_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
     mse_loss, "(self - target)^2, reduced."},
    {"mse_loss.functional(Tensor input, Tensor target, *, str reduction='mean') -> Tensor",
     mse_loss, "(input - target)^2, reduced."},
    {"l1_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
     l1_loss, "|self - target|, reduced."},
    {"l1_loss.functional(Tensor input, Tensor target, *, str reduction='mean') -> Tensor",
     l1_loss, "|input - target|, reduced."},
    {"smooth_l1_loss(Tensor self, Tensor target, int reduction=Mean, float beta=1.0) -> Tensor",
     smooth_l1_loss, "Squares below beta, absolute values above."},
    {"smooth_l1_loss.functional(Tensor input, Tensor target, *, str reduction='mean', float beta=1.0) -> Tensor",
     smooth_l1_loss, "Squares below beta, absolute values above."},
    {"huber_loss(Tensor self, Tensor target, int reduction=Mean, float delta=1.0) -> Tensor",
     huber_loss, "Squares up to delta, lines of slope delta above."},
    {"huber_loss.functional(Tensor input, Tensor target, str reduction='mean', float delta=1.0) -> Tensor",
     huber_loss, "Squares up to delta, lines of slope delta above."},
    {0},
};
/* clang-format on */
