/* Floor 4. Losses with a margin, made of other operations. The part of a hinge is relu, whose gradient at 0 is 0. */
#include <math.h>
#include <string.h>

#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_norm.h"
#include "facula/ops_view.h"
#include "loss_parts.h"

static fac_tensor *zero(void)
{
    return fac__own(fac__new_scalar(fac_scalar_float(0)));
}

/* ---- targets of 1 and -1 ------------------------------------------------------------------------------------ */

fac_tensor *fac_soft_margin_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("soft_margin_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    if (!fac__broadcast_shapes(input->ndim, input->shape, target->ndim, target->shape, &ndim, shape)) return NULL;
    bool fits = ndim == input->ndim;
    for (int d = 0; d < ndim && fits; d++)
        fits = shape[d] == input->shape[d];
    if (!fits)
        return fac__runtime_error("output with shape %s doesn't match the broadcast shape %s",
                                  fac__shape_text(input->ndim, input->shape), fac__shape_text(ndim, shape));
    return fac__row_loss(FAC__ROW_soft_margin, "soft_margin_loss", "SoftMarginLossBackward0", input, target,
                         fac_scalar_none(), NULL, options.reduction);
}

fac_tensor *fac_hinge_embedding_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("hinge_embedding_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    fac_tensor *beyond = fac_clamp(fac_rsub_scalar(input, fac__or(options.margin, 1)), 0, fac_scalar_none());
    fac_tensor *unlike = fac_where(fac_ne_scalar(target, 1), beyond, zero());
    fac_tensor *like = fac_where(fac_ne_scalar(target, -1), input, zero());
    return fac__reduce_loss(fac_add(unlike, like), options.reduction);
}

fac_tensor *fac_margin_ranking_loss_with(fac_tensor *input1, fac_tensor *input2, fac_tensor *target,
                                         fac_loss_options options)
{
    FAC__OP("margin_ranking_loss");
    FAC__NEED(input1);
    FAC__NEED(input2);
    FAC__NEED(target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    if (input1->ndim != input2->ndim || input1->ndim != target->ndim)
        return fac__runtime_error(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            "torch.Size(%s), input2: torch.Size(%s), target: torch.Size(%s) ",
            fac__shape_text(input1->ndim, input1->shape), fac__shape_text(input2->ndim, input2->shape),
            fac__shape_text(target->ndim, target->shape));
    fac_tensor *y = fac_add_scalar(fac_mul(fac_neg(target), fac_sub(input1, input2)), fac__or(options.margin, 0));
    return fac__reduce_loss(fac_clamp(y, 0, fac_scalar_none()), options.reduction);
}

fac_tensor *fac_cosine_embedding_loss_with(fac_tensor *input1, fac_tensor *input2, fac_tensor *target,
                                           fac_loss_options options)
{
    FAC__OP("cosine_embedding_loss");
    FAC__NEED(input1);
    FAC__NEED(input2);
    FAC__NEED(target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    int dim = target->ndim;
    if (dim > 1) return fac__runtime_error("0D or 1D target tensor expected, multi-target not supported");
    if (input1->ndim != dim + 1 || input2->ndim != dim + 1)
        return fac__runtime_error("%dD target tensor expects %dD input tensors, but found inputs with sizes %s and %s.",
                                  dim, dim + 1, fac__shape_text(input1->ndim, input1->shape),
                                  fac__shape_text(input2->ndim, input2->shape));
    const double epsilon = 1e-12;
    fac_tensor *product = fac_sum(fac_mul(input1, input2), .dim = dim);
    fac_tensor *square1 = fac_add_scalar(fac_sum(fac_mul(input1, input1), .dim = dim), epsilon);
    fac_tensor *square2 = fac_add_scalar(fac_sum(fac_mul(input2, input2), .dim = dim), epsilon);
    fac_tensor *cosine = fac_div(product, fac_sqrt(fac_mul(square1, square2)));
    fac_tensor *unlike = fac_clamp(fac_sub_scalar(cosine, fac__or(options.margin, 0)), 0, fac_scalar_none());
    fac_tensor *y = fac_add(fac_where(fac_eq_scalar(target, 1), fac_rsub_scalar(cosine, 1), zero()),
                            fac_where(fac_eq_scalar(target, -1), unlike, zero()));
    return fac__reduce_loss(y, options.reduction);
}

/* ---- triplets ----------------------------------------------------------------------------------------------- */

fac_tensor *fac_triplet_margin_loss_with(fac_tensor *anchor, fac_tensor *positive, fac_tensor *negative,
                                         fac_loss_options options)
{
    FAC__OP("triplet_margin_loss");
    FAC__NEED(anchor);
    FAC__NEED(positive);
    FAC__NEED(negative);
    if (!fac__check_reduction(options.reduction)) return NULL;
    if (anchor->ndim != positive->ndim || anchor->ndim != negative->ndim)
        return fac__runtime_error("All inputs should have same dimension but got %dD, %dD and %dD inputs.",
                                  anchor->ndim, positive->ndim, negative->ndim);
    double p = fac__or(options.p, 2), eps = fac__or(options.eps, 1e-6);
    fac_tensor *near = fac_pairwise_distance(anchor, positive, .p = p, .eps = eps);
    fac_tensor *far = fac_pairwise_distance(anchor, negative, .p = p, .eps = eps);
    if (options.swap) far = fac_minimum(far, fac_pairwise_distance(positive, negative, .p = p, .eps = eps));
    fac_tensor *y = fac_sub(fac_add_scalar(near, fac__or(options.margin, 1)), far);
    return fac__reduce_loss(fac_clamp(y, 0, fac_scalar_none()), options.reduction);
}

/* ---- classes ------------------------------------------------------------------------------------------------ */

/* [C] as [1, C]; NULL, with an error, for other than one or two dimensions. */
static fac_tensor *as_rows(fac_tensor *x)
{
    if (x->ndim == 2) return x;
    if (x->ndim < 2) return fac_reshape(x, FAC_DIMS(1, x->numel));
    return fac__runtime_error("Expected non-empty vector or matrix with optional 0-dim batch size, but got: %s",
                              fac__shape_text(x->ndim, x->shape));
}

/* A mean over classes and what is left of the samples. */
static fac_tensor *reduce_samples(fac_tensor *each, int64_t classes, fac_reduction reduction, bool scalar,
                                  const char *node)
{
    fac_tensor *y = fac_div_scalar(fac_sum(each, .dim = 1), classes);
    if (reduction == FAC_NONE && scalar) y = fac_reshape(y, FAC_DIMS());
    return fac__named_loss(fac__reduce_loss(y, reduction), node);
}

fac_tensor *fac_multi_margin_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("multi_margin_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    double p = fac__or(options.p, 1);
    if (p != 1 && p != 2) return fac__value_error("only p == 1 and p == 2 supported");
    if (target->dtype != FAC_INT64)
        return fac__runtime_error("expected scalar type Long but found %s", fac__dtype_word((fac_dtype)target->dtype));
    fac_tensor *x = as_rows(input);
    if (!x) return NULL;
    int64_t rows = x->shape[0], classes = x->shape[1];
    if (target->ndim > 1 || target->numel != rows)
        return fac__runtime_error("inconsistent target size, got: %s", fac__shape_text(target->ndim, target->shape));
    bool scalar = input->ndim < 2 && !target->ndim;
    target = fac_reshape(target, FAC_DIMS(rows, 1));
    for (int64_t i = 0; target && i < rows; i++) {
        double t = fac_at(target, FAC_DIMS(i, 0));
        if (t < 0 || t >= (double)classes) return fac__runtime_error("target out of range");
    }
    fac_tensor *own = fac_gather(x, 1, target);
    fac_tensor *each = fac_relu(fac_sub(fac_add_scalar(x, fac__or(options.margin, 1)), own));
    if (p == 2) each = fac_mul(each, each);
    if (options.weight)
        each = fac_mul(each, fac_gather(fac_expand(options.weight, FAC_DIMS(rows, classes)), 1, target));
    fac_tensor *others = fac_ne(fac_arange(0, classes, 1), target);
    each = fac_where(others, each, zero());
    return reduce_samples(each, classes, options.reduction, scalar, "MultiMarginLossBackward0");
}

/* Which classes a row of targets names, and which places of it do: up to the first -1. false when one is out of range. */
static bool read_labels(const fac_tensor *target, fac_tensor *index, fac_tensor *valid, fac_tensor *named)
{
    int64_t classes = target->shape[1];
    memset(fac__host(valid), 0, (size_t)valid->numel);
    memset(fac__host(named), 0, (size_t)named->numel);
    for (int64_t i = 0; i < target->shape[0]; i++) {
        int64_t *t = (int64_t *)fac__host(index) + i * classes;
        bool *v = (bool *)fac__host(valid) + i * classes, *n = (bool *)fac__host(named) + i * classes, on = true;
        for (int64_t k = 0; k < classes; k++) {
            if (t[k] < -1 || t[k] >= classes) return false;
            on = on && t[k] >= 0;
            v[k] = on;
            if (on)
                n[t[k]] = true;
            else
                t[k] = 0;
        }
    }
    return true;
}

fac_tensor *fac_multilabel_margin_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("multilabel_margin_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    if (!fac__same_shape(input, target))
        return fac__runtime_error("inconsistent size %s for argument #2 'target'",
                                  fac__shape_text(target->ndim, target->shape));
    if (target->dtype != FAC_INT64)
        return fac__runtime_error("expected scalar type Long but found %s", fac__dtype_word((fac_dtype)target->dtype));
    fac_tensor *x = as_rows(input), *t = x ? as_rows(target) : NULL, *index = t ? fac_clone(fac_contiguous(t)) : NULL;
    if (!index) return NULL;
    int64_t rows = x->shape[0], classes = x->shape[1];
    fac_tensor *valid = fac__own(fac__new_like(index, FAC_BOOL)), *named = fac__own(fac__new_like(index, FAC_BOOL));
    if (!valid || !named) return NULL;
    if (!read_labels(t, index, valid, named)) return fac__runtime_error("argument #2 'target' is out of range");
    /* [rows, label, other class] */
    fac_tensor *own = fac_reshape(fac_gather(x, 1, index), FAC_DIMS(rows, classes, 1));
    fac_tensor *each = fac_relu(fac_sub(fac_add_scalar(fac_unsqueeze(x, 1), 1), own));
    fac_tensor *counts = fac_logical_and(fac_unsqueeze(valid, 2), fac_unsqueeze(fac_logical_not(named), 1));
    each = fac_sum(fac_where(counts, each, zero()), .dim = 2);
    return reduce_samples(each, classes, options.reduction, input->ndim < 2, "MultilabelMarginLossBackward0");
}

fac_tensor *fac_multilabel_soft_margin_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("multilabel_soft_margin_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    fac_tensor *yes = fac_mul(target, fac_log_sigmoid(input));
    fac_tensor *no = fac_mul(fac_rsub_scalar(target, 1), fac_log_sigmoid(fac_neg(input)));
    fac_tensor *each = fac_neg(fac_add(yes, no));
    if (options.weight) each = fac_mul(each, options.weight);
    if (!each) return NULL;
    int64_t classes = input->ndim ? input->shape[input->ndim - 1] : 1;
    return fac__reduce_loss(fac_div_scalar(fac_sum(each, .dim = -1), classes), options.reduction);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

#define OPTIONS(...) FAC_OPTIONS(fac_loss_options, __VA_ARGS__)
#define REDUCTION(i) fac__reduction_value(&args[i])
FAC__CALL(soft_margin, R(fac_soft_margin_loss_with(T(0), T(1), OPTIONS(.reduction = REDUCTION(2)))))
FAC__CALL(hinge, R(fac_hinge_embedding_loss_with(T(0), T(1), OPTIONS(.margin = F(2), .reduction = REDUCTION(3)))))
FAC__CALL(ranking,
          R(fac_margin_ranking_loss_with(T(0), T(1), T(2), OPTIONS(.margin = F(3), .reduction = REDUCTION(4)))))
FAC__CALL(cosine,
          R(fac_cosine_embedding_loss_with(T(0), T(1), T(2), OPTIONS(.margin = F(3), .reduction = REDUCTION(4)))))
FAC__CALL(triplet, R(fac_triplet_margin_loss_with(T(0), T(1), T(2),
                                                  OPTIONS(.margin = F(3), .p = F(4), .eps = F(5), .swap = B(6),
                                                          .reduction = REDUCTION(7)))))
FAC__CALL(multi_margin,
          R(fac_multi_margin_loss_with(T(0), T(1),
                                       OPTIONS(.p = F(2), .margin = F(3), .weight = T(4), .reduction = REDUCTION(5)))))
FAC__CALL(multilabel, R(fac_multilabel_margin_loss_with(T(0), T(1), OPTIONS(.reduction = REDUCTION(2)))))
FAC__CALL(multilabel_soft,
          R(fac_multilabel_soft_margin_loss_with(T(0), T(1), OPTIONS(.weight = T(2), .reduction = REDUCTION(3)))))

/* clang-format off */
const fac__op fac__ops_loss_margin[] = {
    {"soft_margin_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
     soft_margin, "log(1 + exp(-target self)), reduced."},
    {"soft_margin_loss.functional(Tensor input, Tensor target, *, str reduction='mean') -> Tensor",
     soft_margin, "log(1 + exp(-target input)), reduced."},
    {"hinge_embedding_loss(Tensor self, Tensor target, float margin=1.0, int reduction=Mean) -> Tensor",
     hinge, "self where target is 1, max(0, margin - self) where it is -1."},
    {"hinge_embedding_loss.functional(Tensor input, Tensor target, float margin=1.0, *, str reduction='mean') -> Tensor",
     hinge, "input where target is 1, max(0, margin - input) where it is -1."},
    {"margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=Mean) -> Tensor",
     ranking, "max(0, -target (input1 - input2) + margin), reduced."},
    {"margin_ranking_loss.functional(Tensor input1, Tensor input2, Tensor target, float margin=0.0, *, "
     "str reduction='mean') -> Tensor", ranking, "max(0, -target (input1 - input2) + margin), reduced."},
    {"cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=Mean) -> Tensor",
     cosine, "1 - cos where target is 1, max(0, cos - margin) where it is -1."},
    {"cosine_embedding_loss.functional(Tensor input1, Tensor input2, Tensor target, float margin=0.0, *, "
     "str reduction='mean') -> Tensor", cosine, "1 - cos where target is 1, max(0, cos - margin) where it is -1."},
    {"triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2, float eps=1e-06, "
     "bool swap=False, int reduction=Mean) -> Tensor", triplet, "max(0, distance to positive - to negative + margin)."},
    {"triplet_margin_loss.functional(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2, "
     "float eps=1e-06, bool swap=False, *, str reduction='mean') -> Tensor",
     triplet, "max(0, distance to positive - to negative + margin)."},
    {"multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, "
     "int reduction=Mean) -> Tensor", multi_margin, "Hinge loss of class indices."},
    {"multi_margin_loss.functional(Tensor input, Tensor target, Scalar p=1, float margin=1.0, Tensor? weight=None, *, "
     "str reduction='mean') -> Tensor", multi_margin, "Hinge loss of class indices."},
    {"multilabel_margin_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
     multilabel, "Hinge loss of several class indices a sample."},
    {"multilabel_margin_loss.functional(Tensor input, Tensor target, *, str reduction='mean') -> Tensor",
     multilabel, "Hinge loss of several class indices a sample."},
    {"multilabel_soft_margin_loss(Tensor input, Tensor target, Tensor? weight=None, *, str reduction='mean') -> Tensor",
     multilabel_soft, "Mean over classes of the binary cross entropy of sigmoid(input)."},
    {0},
};
/* clang-format on */
