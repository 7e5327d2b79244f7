/* Floor 4. Losses of probabilities and of parameters of distributions. */
#include <math.h>

#include "facula/ops_create.h"
#include "facula/ops_view.h"
#include "loss_parts.h"
#include "tracing.h"

static void *size_error(const char *format, const fac_tensor *target, const fac_tensor *input)
{
    return fac__value_error(format, fac__shape_text(target->ndim, target->shape),
                            fac__shape_text(input->ndim, input->shape));
}

/* ---- binary cross entropy ----------------------------------------------------------------------------------- */

typedef struct extremes {
    fac_dtype dtype;
    const void *min, *max;
} extremes;

static bool check_extremes(const void *args)
{
    const extremes *a = args;
    if (fac__load_double(a->dtype, a->min) >= 0 && fac__load_double(a->dtype, a->max) <= 1) return true;
    return fac__runtime_error("all elements of input should be between 0 and 1"), false;
}

static void extremes_memory(void *args, fac__memory *m)
{
    extremes *a = args;
    FAC__READS(m, a->min);
    FAC__READS(m, a->max);
}
static const fac__kernel k_within_unit = {.name = "within_unit", .check = check_extremes, .memory = extremes_memory};

static bool within_unit(fac_tensor *x)
{
    if (!x->numel || !fac_dtype_is_floating((fac_dtype)x->dtype)) return true;
    bool within = false;
    fac_no_grad
        fac_scope {
            fac_tensor *max = NULL, *min = fac_aminmax(x, &max);
            if (!min) break;
            extremes args = {(fac_dtype)x->dtype, fac__data(min), fac__data(max)};
            within = FAC__LAUNCH_CHECK(k_within_unit, args);
        }
    return within;
}

fac_tensor *fac_binary_cross_entropy_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("binary_cross_entropy");
    FAC__NEED(input);
    FAC__NEED(target);
    FAC__TRACE("binary_cross_entropy", FAC__ARG(input), FAC__ARG(target), FAC__ARG(options.weight),
               FAC__ARG((int)options.reduction));
    if (!fac__same_shape(input, target))
        return size_error(
            "Using a target size (torch.Size(%s)) that is different to the input size (torch.Size(%s)) is "
            "deprecated. Please ensure they have the same size.",
            target, input);
    if (input->dtype != target->dtype)
        return fac__runtime_error("Found dtype %s but expected %s", fac__dtype_word((fac_dtype)target->dtype),
                                  fac__dtype_word((fac_dtype)input->dtype));
    if (!within_unit(input)) return NULL;
    return fac__row_loss(FAC__ROW_bce, "binary_cross_entropy", "BinaryCrossEntropyBackward0", input, target,
                         fac_scalar_none(), options.weight, options.reduction);
}

fac_tensor *fac_binary_cross_entropy_with_logits_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("binary_cross_entropy_with_logits");
    FAC__NEED(input);
    FAC__NEED(target);
    FAC__TRACE("binary_cross_entropy_with_logits", FAC__ARG(input), FAC__ARG(target), FAC__ARG(options.weight),
               FAC__ARG(options.pos_weight), FAC__ARG((int)options.reduction));
    const char *node = "BinaryCrossEntropyWithLogitsBackward0";
    if (!fac__same_shape(input, target))
        return size_error("Target size (torch.Size(%s)) must be the same as input size (torch.Size(%s))", target,
                          input);
    if (!options.pos_weight)
        return fac__row_loss(FAC__ROW_bce_with_logits, node, node, input, target, fac_scalar_none(), options.weight,
                             options.reduction);
    if (!fac__check_reduction(options.reduction)) return NULL;
    /* (1 - t) x - (1 + (w - 1) t) log(sigmoid(x)) */
    fac_tensor *positive = fac_add_scalar(fac_mul(fac_sub_scalar(options.pos_weight, 1), target), 1);
    fac_tensor *y = fac_sub(fac_mul(fac_rsub_scalar(target, 1), input), fac_mul(positive, fac_log_sigmoid(input)));
    if (options.weight) y = fac_mul(y, options.weight);
    return fac__named_loss(fac__reduce_loss(y, options.reduction), node);
}

/* ---- Kullback-Leibler --------------------------------------------------------------------------------------- */

fac_tensor *fac_kl_div_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("kl_div");
    FAC__NEED(input);
    FAC__NEED(target);
    bool batch = options.reduction == FAC_BATCHMEAN;
    if (batch) options.reduction = FAC_SUM;
    if (!fac__check_reduction(options.reduction)) return NULL;
    FAC__TRACE_IF(!batch && !options.log_target, "kl_div", FAC__ARG(input), FAC__ARG(target),
                  FAC__ARG((int)options.reduction));
    if (!fac_dtype_is_floating(fac_dtype_of(input)) || !fac_dtype_is_floating(fac_dtype_of(target)))
        return fac__runtime_error("kl_div: Integral inputs not supported.");
    const char *const names[] = {options.log_target ? "MulBackward0" : "SubBackward0", "MeanBackward0", "SumBackward0"};
    fac_tensor *y = fac__row_loss(options.log_target ? FAC__ROW_kl_div_log : FAC__ROW_kl_div, "kl_div",
                                  names[options.reduction], input, target, fac_scalar_none(), NULL, options.reduction);
    return y && batch && input->ndim ? fac_div_scalar(y, input->shape[0]) : y;
}

/* ---- of distributions --------------------------------------------------------------------------------------- */

fac_tensor *fac_poisson_nll_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("poisson_nll_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    double eps = fac__or(options.eps, 1e-8);
    fac_tensor *y = options.log_input ? fac_sub(fac_exp(input), fac_mul(target, input))
                                      : fac_sub(input, fac_mul(target, fac_log(fac_add_scalar(input, eps))));
    if (options.full) {
        fac_tensor *half = fac_mul_scalar(fac_log(fac_mul_scalar(target, 2 * 3.141592653589793)), 0.5);
        fac_tensor *stirling = fac_add(fac_sub(fac_mul(target, fac_log(target)), target), half);
        if (y && stirling) stirling = fac_to(stirling, fac_dtype_of(y)); /* it is added into the loss */
        y = fac_add(y, fac_where(fac_gt_scalar(target, 1), stirling, fac__own(fac__new_scalar(fac_scalar_float(0)))));
    }
    return fac__reduce_loss(y, options.reduction);
}

/* var in a shape that broadcasts against input */
static fac_tensor *fit_variance(fac_tensor *var, const fac_tensor *input)
{
    if (fac__same_shape(var, input)) return var;
    int lead = input->ndim - 1;
    for (int i = 0; i < lead; i++)
        if (i >= var->ndim || var->shape[i] != input->shape[i]) lead = -1;
    if (lead >= 0 && var->ndim == lead) return fac_unsqueeze(var, -1);
    if (lead >= 0 && var->ndim == lead + 1 && var->shape[lead] == 1) return var;
    return fac__value_error("var is of incorrect size");
}

fac_tensor *fac_gaussian_nll_loss_with(fac_tensor *input, fac_tensor *target, fac_tensor *var, fac_loss_options options)
{
    FAC__OP("gaussian_nll_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    FAC__NEED(var);
    if (!fac__check_reduction(options.reduction)) return NULL;
    var = fit_variance(var, input);
    fac_tensor *negative = NULL;
    fac_no_grad
        negative = fac_any(fac_lt_scalar(var, 0));
    if (!negative) return NULL;
    if (fac_item(negative) != 0) return fac__value_error("var has negative entry/entries");
    var = fac_clone(var);
    fac_no_grad
        fac_clamp_(var, fac__or(options.eps, 1e-6), fac_scalar_none());
    fac_tensor *y = fac_add(fac_log(var), fac_div(fac_square(fac_sub(input, target)), var));
    y = fac_mul_scalar(y, 0.5);
    if (options.full) y = fac_add_scalar(y, 0.5 * log(2 * 3.141592653589793));
    return fac__reduce_loss(y, options.reduction);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

#define OPTIONS(...) FAC_OPTIONS(fac_loss_options, __VA_ARGS__)
#define REDUCTION(i) fac__reduction_value(&args[i])
FAC__CALL(bce, R(fac_binary_cross_entropy_with(T(0), T(1), OPTIONS(.weight = T(2), .reduction = REDUCTION(3)))))
FAC__CALL(bce_logits_aten, R(fac_binary_cross_entropy_with_logits_with(
                               T(0), T(1), OPTIONS(.weight = T(2), .pos_weight = T(3), .reduction = REDUCTION(4)))))
FAC__CALL(bce_logits, R(fac_binary_cross_entropy_with_logits_with(
                          T(0), T(1), OPTIONS(.weight = T(2), .reduction = REDUCTION(3), .pos_weight = T(4)))))
FAC__CALL(kl_div, R(fac_kl_div_with(T(0), T(1), OPTIONS(.reduction = REDUCTION(2), .log_target = B(3)))))
FAC__CALL(poisson_aten, R(fac_poisson_nll_loss_with(T(0), T(1),
                                                    OPTIONS(.log_input = B(2), .full = B(3), .eps = F(4),
                                                            .reduction = REDUCTION(5)))))
FAC__CALL(gaussian, R(fac_gaussian_nll_loss_with(T(0), T(1), T(2),
                                                 OPTIONS(.full = B(3), .eps = F(4), .reduction = REDUCTION(5)))))

/* clang-format off */
const fac__op fac__ops_loss_probability[] = {
    {"binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean) -> Tensor",
     bce, "-(target log(self) + (1 - target) log(1 - self)), reduced."},
    {"binary_cross_entropy.functional(Tensor input, Tensor target, Tensor? weight=None, *, str reduction='mean') -> Tensor",
     bce, "-(target log(input) + (1 - target) log(1 - input)), reduced."},
    {"binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, "
     "int reduction=Mean) -> Tensor", bce_logits_aten, "binary_cross_entropy of sigmoid(self)."},
    {"binary_cross_entropy_with_logits.functional(Tensor input, Tensor target, Tensor? weight=None, *, "
     "str reduction='mean', Tensor? pos_weight=None) -> Tensor", bce_logits, "binary_cross_entropy of sigmoid(input)."},
    {"kl_div(Tensor self, Tensor target, int reduction=Mean, *, bool log_target=False) -> Tensor",
     kl_div, "target (log(target) - self), reduced."},
    {"kl_div.functional(Tensor input, Tensor target, *, str reduction='mean', bool log_target=False) -> Tensor",
     kl_div, "target (log(target) - input), reduced."},
    {"poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor",
     poisson_aten, "Negative log likelihood of a Poisson distribution."},
    {"poisson_nll_loss.functional(Tensor input, Tensor target, bool log_input=True, bool full=False, *, float eps=1e-08, "
     "str reduction='mean') -> Tensor", poisson_aten, "Negative log likelihood of a Poisson distribution."},
    {"gaussian_nll_loss(Tensor input, Tensor target, Tensor var, bool full=False, float eps=1e-06, str reduction='mean') "
     "-> Tensor", gaussian, "Negative log likelihood of a normal distribution."},
    {0},
};
/* clang-format on */
