/* Floor 4. Losses of classes: nll_loss, and cross_entropy, whose everyday form (rows of scores, class indices) is one kernel
 * forward and one backward. */
#include <math.h>
#include <string.h>

#include "backend/check.h"
#include "backend/loss.h"
#include "facula/ops_index.h"
#include "facula/ops_view.h"
#include "loss_parts.h"
#include "tracing.h"

/* ---- class indices ------------------------------------------------------------------------------------------ */

typedef struct params {
    fac__nll_args sizes; /* without pointers */
    bool fused;          /* of scores: log_softmax is part of it */
} params;

enum { X, TARGET, WEIGHT, TOTAL, ROWS, SAVED };

static bool check_shapes(const fac_tensor *x, const fac_tensor *target)
{
    if (x->ndim < 1) return fac__value_error("Expected 1 or more dimensions (got 0)"), false;
    if (x->ndim > 1 && (!target->ndim || x->shape[0] != target->shape[0]))
        return fac__value_error("Expected input batch_size (%lld) to match target batch_size (%lld).",
                                (long long)x->shape[0], target->ndim ? (long long)target->shape[0] : 0),
               false;
    if (x->ndim <= 2 && target->ndim > 1)
        return fac__runtime_error("0D or 1D target tensor expected, multi-target not supported"), false;
    if (x->ndim == 1 && target->ndim)
        return fac__runtime_error("size mismatch (got input: %s, target: %s)", fac__shape_text(x->ndim, x->shape),
                                  fac__shape_text(target->ndim, target->shape)),
               false;
    if (x->ndim < 3) return true;
    if (x->ndim == 4 && target->ndim != 3)
        return fac__runtime_error(
                   "only batches of spatial targets supported (3D tensors) but got targets of dimension: %d",
                   target->ndim),
               false;
    int64_t want[FAC_MAX_DIMS] = {x->shape[0]};
    for (int i = 2; i < x->ndim; i++)
        want[i - 1] = x->shape[i];
    if (target->ndim == x->ndim - 1 && !memcmp(want, target->shape, (size_t)target->ndim * sizeof *want)) return true;
    return fac__runtime_error("Expected target size %s, got %s", fac__shape_text(x->ndim - 1, want),
                              fac__shape_text(target->ndim, target->shape)),
           false;
}

static bool check_weight(const fac_tensor *x, const fac_tensor *weight, int64_t classes)
{
    if (!weight) return true;
    if (weight->ndim != 1 || weight->numel != classes)
        return fac__runtime_error(
                   "weight tensor should be defined either for all %lld classes or no classes but got weight "
                   "tensor of shape: %s",
                   (long long)classes, fac__shape_text(weight->ndim, weight->shape)),
               false;
    if (weight->dtype != x->dtype)
        return fac__runtime_error("expected scalar type %s but found %s", fac__dtype_word((fac_dtype)x->dtype),
                                  fac__dtype_word((fac_dtype)weight->dtype)),
               false;
    return true;
}

/* int64 in a row; NULL after an error. */
static fac_tensor *indices_of(fac_tensor *target)
{
    if (target->dtype != FAC_INT64 && target->dtype != FAC_UINT8)
        return fac__runtime_error("expected scalar type Long but found %s", fac__dtype_word((fac_dtype)target->dtype));
    return fac_contiguous(fac_to(target, FAC_INT64));
}

static bool report_target(const fac__index_range_args *a, int64_t bad)
{
    (void)a;
    return fac__index_error("Target %lld is out of bounds.", (long long)bad), false;
}

static bool check_indices(const fac_tensor *target, int64_t classes, int64_t ignore_index)
{
    if (!target->numel) return true;
    fac__index_range_args a = {.at = {.data = fac__data(target), .dtype = FAC_INT64, .strides = {1}},
                               .ndim = 1,
                               .shape = {target->numel},
                               .high = classes,
                               .excepts = true,
                               .except = ignore_index,
                               .report = report_target};
    return FAC__LAUNCH_CHECK(fac__k_index_range, a);
}

static fac__nll_args sizes_of(const fac_tensor *x, fac_reduction reduction, int64_t ignore_index)
{
    fac__nll_args a = {.dtype = (fac_dtype)x->dtype, .n = 1, .inner = 1, .ignore_index = ignore_index};
    a.reduction = reduction == FAC_NONE ? FAC__LOSS_NONE : reduction == FAC_MEAN ? FAC__LOSS_MEAN : FAC__LOSS_SUM;
    a.classes = x->shape[x->ndim == 1 ? 0 : 1];
    if (x->ndim > 1) a.n = x->shape[0];
    for (int i = 2; i < x->ndim; i++)
        a.inner *= x->shape[i];
    return a;
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

/* In memory of its own, in the kernel's layout. Belongs to the scope. */
static fac_tensor *plain(fac_tensor *t)
{
    fac_tensor *y = t;
    fac_no_grad
        y = fac_contiguous(t);
    return y;
}

/* The kernel's gradient for a gradient g of the loss, unrecorded; of nll itself, or with the softmax part. */
static fac_tensor *run_backward(fac__node *n, fac_tensor *x, fac_tensor *g, bool fused)
{
    const params *p = n->params;
    fac_tensor *weight = fac__saved(n, WEIGHT);
    fac__cross_entropy_args a = {.nll = p->sizes};
    fac_tensor *in = plain(x);
    g = plain(g);
    fac_tensor *dx = in && g ? fac__new_like(x, (fac_dtype)x->dtype) : NULL;
    if (!dx) return NULL;
    a.nll.x = fac__data(in);
    a.nll.weight = weight ? fac__data(weight) : NULL;
    a.nll.target = fac__data(fac__saved(n, TARGET));
    a.nll.total = fac__data(fac__saved(n, TOTAL));
    a.nll.g = fac__data(g);
    a.nll.dx = fac__data(dx);
    if (fused) {
        a.rows = fac__data(fac__saved(n, ROWS));
        FAC__LAUNCH(fac__k_cross_entropy_backward, a);
    } else {
        FAC__LAUNCH(fac__k_nll_backward, a.nll);
    }
    return fac__own(dx);
}

/* The same so that it can be differentiated again: nll's gradient for g = 1 is a constant K, and with softmax it is
 * g * (K - softmax(x) * sum(K)). */
static fac_tensor *recorded_backward(fac__node *n, fac_tensor *x, fac_tensor *g)
{
    const params *p = n->params;
    int64_t dim = x->ndim == 1 ? 0 : 1;
    fac_tensor *one = fac__grad_ones(g), *k = one ? run_backward(n, x, one, false) : NULL;
    if (k && p->fused)
        k = fac_sub(k, fac_mul(fac_softmax(x, dim, FAC_DTYPE_NONE), fac_sum(k, .dim = dim, .keepdim = true)));
    if (p->sizes.reduction == FAC__LOSS_NONE && x->ndim > 1) g = fac_unsqueeze(g, 1);
    return fac_mul(k, g);
}

static void backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const params *p = n->params;
    fac_tensor *x = fac__saved(n, X);
    if (!x || !fac__saved(n, TARGET)) return;
    gx[0] = fac_is_grad_enabled() ? recorded_backward(n, x, gy[0]) : run_backward(n, x, gy[0], p->fused);
}

/* ---- forward ------------------------------------------------------------------------------------------------ */

static fac_tensor *class_loss(fac_tensor *x, fac_tensor *target, const fac_loss_options *o, bool fused)
{
    if (!check_shapes(x, target)) return NULL;
    fac__cross_entropy_args a = {.nll = sizes_of(x, o->reduction, o->ignore_index)};
    target = indices_of(target);
    if (!target || !check_weight(x, o->weight, a.nll.classes)) return NULL;
    if (!check_indices(target, a.nll.classes, o->ignore_index)) return NULL;
    fac_tensor *weight = o->weight ? plain(o->weight) : NULL, *in = plain(x);
    if (!in || (o->weight && !weight)) return NULL;
    params kept = {a.nll, fused};
    int64_t rows_size = 3 * a.nll.n;
    fac_tensor *total = fac__own(fac__new(a.nll.dtype, 0, NULL));
    fac_tensor *rows = fused ? fac__own(fac__new(a.nll.dtype, 1, &rows_size)) : NULL;
    bool none = o->reduction == FAC_NONE;
    fac_tensor *y = total && (rows || !fused) ? fac__new(a.nll.dtype, none ? target->ndim : 0, target->shape) : NULL;
    if (!y) return NULL;
    a.nll.x = fac__data(in);
    a.nll.weight = weight ? fac__data(weight) : NULL;
    a.nll.target = fac__data(target);
    a.nll.y = fac__data(y);
    a.nll.total = fac__data(total);
    if (fused) {
        a.rows = fac__data(rows);
        FAC__LAUNCH(fac__k_cross_entropy, a);
    } else {
        FAC__LAUNCH(fac__k_nll, a.nll);
    }
    fac__node *n =
        fac__record(x->ndim > 2 ? "NllLoss2DBackward0" : "NllLossBackward0", backward, 1, SAVED, sizeof(params), x);
    if (n && !n->failed) *(params *)n->params = kept;
    fac__save(n, X, x);
    fac__save(n, TARGET, target);
    fac__save(n, WEIGHT, weight);
    fac__save(n, TOTAL, total);
    fac__save(n, ROWS, rows);
    return fac__result(n, y);
}

fac_tensor *fac_nll_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("nll_loss");
    FAC__NEED(input);
    FAC__NEED(target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    FAC__TRACE("nll_loss", FAC__ARG(input), FAC__ARG(target), FAC__ARG(options.weight),
               FAC__ARG((int)options.reduction), FAC__ARG(options.ignore_index));
    if (!fac_dtype_is_floating((fac_dtype)input->dtype))
        return fac__runtime_error("\"nll_loss_out_frame\" not implemented for '%s'",
                                  fac__dtype_word((fac_dtype)input->dtype));
    return class_loss(input, target, &options, false);
}

/* ---- class probabilities, label smoothing ------------------------------------------------------------------- */

/* weight, of the classes, in a shape that broadcasts against x */
static fac_tensor *weight_along(fac_tensor *weight, const fac_tensor *x, int dim)
{
    fac_dims shape = {.n = x->ndim};
    for (int i = 0; i < x->ndim; i++)
        shape.d[i] = i == dim ? weight->numel : 1;
    return fac_reshape(weight, shape);
}

static fac_tensor *of_probabilities(fac_tensor *x, fac_tensor *target, const fac_loss_options *o)
{
    if (!fac_dtype_is_floating((fac_dtype)target->dtype))
        return fac__runtime_error("Expected floating point type for target with class probabilities, got %s",
                                  fac__dtype_word((fac_dtype)target->dtype));
    if (o->ignore_index >= 0) return fac__runtime_error("ignore_index is not supported for floating point target");
    int dim = x->ndim == 1 ? 0 : 1;
    int64_t classes = x->shape[dim];
    fac_tensor *logs = fac_log_softmax(x, dim, FAC_DTYPE_NONE);
    if (o->label_smoothing > 0)
        target = fac_add_scalar(fac_mul_scalar(target, 1 - o->label_smoothing), o->label_smoothing / (double)classes);
    fac_tensor *each = fac_mul(logs, target);
    if (o->weight) each = fac_mul(each, weight_along(o->weight, x, dim));
    if (o->reduction == FAC_NONE) return fac_neg(fac_sum(each, .dim = dim));
    fac_tensor *sum = fac_neg(fac_sum(each));
    return o->reduction == FAC_SUM ? sum : fac_div_scalar(sum, (double)x->numel / (double)classes);
}

/* What a mean over the targets that count is divided by: float64, 0-d. */
static fac_tensor *total_weight(fac_tensor *target, const fac_loss_options *o)
{
    fac_tensor *total = NULL;
    fac_no_grad {
        fac_tensor *counts = fac_ne_scalar(target, o->ignore_index);
        if (o->weight) counts = fac_mul(fac_to(fac_take(o->weight, fac_mul(target, counts)), FAC_FLOAT64), counts);
        total = fac_sum(counts, .dtype = FAC_FLOAT64);
    }
    return total;
}

static fac_tensor *smoothed(fac_tensor *x, fac_tensor *target, const fac_loss_options *o)
{
    int dim = x->ndim == 1 ? 0 : 1;
    fac_tensor *logs = fac_log_softmax(x, dim, FAC_DTYPE_NONE);
    fac_tensor *hard = logs ? class_loss(logs, target, o, false) : NULL;
    if (!hard) return NULL;
    target = indices_of(target);
    fac_tensor *soft = logs, *zero = fac__own(fac__new_scalar(fac_scalar_float(0)));
    if (o->weight) soft = fac_mul(soft, weight_along(o->weight, x, dim));
    soft = fac_neg(fac_sum(soft, .dim = dim));
    soft = fac_where(fac_eq_scalar(target, o->ignore_index), zero, soft);
    if (o->reduction != FAC_NONE) soft = fac_sum(soft);
    if (o->reduction == FAC_MEAN) soft = fac_div(soft, total_weight(target, o));
    double share = o->label_smoothing / (double)x->shape[dim];
    return fac_add(fac_mul_scalar(hard, 1 - o->label_smoothing), fac_mul_scalar(soft, share));
}

fac_tensor *fac_cross_entropy_with(fac_tensor *input, fac_tensor *target, fac_loss_options options)
{
    FAC__OP("cross_entropy");
    FAC__NEED(input);
    FAC__NEED(target);
    if (!fac__check_reduction(options.reduction)) return NULL;
    FAC__TRACE("cross_entropy_loss", FAC__ARG(input), FAC__ARG(target), FAC__ARG(options.weight),
               FAC__ARG((int)options.reduction), FAC__ARG(options.ignore_index), FAC__ARG(options.label_smoothing));
    if (fac__same_shape(input, target)) return of_probabilities(input, target, &options);
    if (!fac_dtype_is_floating((fac_dtype)input->dtype))
        return fac__runtime_error("\"log_softmax\" not implemented for '%s'", fac__dtype_word((fac_dtype)input->dtype));
    if (options.label_smoothing > 1)
        return fac__runtime_error("label_smoothing must be between 0.0 and 1.0. Got: %g", options.label_smoothing);
    if (input->ndim < 1) return fac__value_error("Expected 1 or more dimensions (got 0)");
    if (options.label_smoothing > 0) return smoothed(input, target, &options);
    bool plain_float = input->dtype == FAC_FLOAT32 || input->dtype == FAC_FLOAT64;
    if (input->ndim <= 2 && plain_float && input->shape[input->ndim - 1])
        return class_loss(input, target, &options, true);
    fac_tensor *logs = fac_log_softmax(input, input->ndim == 1 ? 0 : 1, FAC_DTYPE_NONE);
    return logs ? class_loss(logs, target, &options, false) : NULL;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

#define OPTIONS(weight_at, reduction_at, ignore_at)                                                                    \
    FAC_OPTIONS(fac_loss_options, .weight = T(weight_at), .reduction = fac__reduction_value(&args[reduction_at]),      \
                .ignore_index = I(ignore_at))
static fac_tensor *entropy(fac_tensor *x, fac_tensor *target, fac_loss_options options, double label_smoothing)
{
    options.label_smoothing = label_smoothing;
    return fac_cross_entropy_with(x, target, options);
}
FAC__CALL(nll_loss_nd, R(fac_nll_loss_with(T(0), T(1), OPTIONS(2, 3, 4))))
FAC__CALL(nll_loss, R(fac_nll_loss_with(T(0), T(1), OPTIONS(2, 4, 3))))
FAC__CALL(cross_entropy_loss, R(entropy(T(0), T(1), OPTIONS(2, 3, 4), F(5))))
FAC__CALL(cross_entropy, R(entropy(T(0), T(1), OPTIONS(2, 4, 3), F(5))))

const fac__op fac__ops_loss_class[] = {
    {"nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, int ignore_index=-100) -> "
     "Tensor",
     nll_loss_nd, "Negative log likelihood of class indices."},
    {"nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, int ignore_index=-100) -> Tensor",
     nll_loss_nd, "Negative log likelihood of class indices."},
    {"nll_loss.functional(Tensor input, Tensor target, Tensor? weight=None, *, int ignore_index=-100, "
     "str reduction='mean') -> Tensor",
     nll_loss, "Negative log likelihood of class indices."},
    {"cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, int ignore_index=-100, "
     "float label_smoothing=0.0) -> Tensor",
     cross_entropy_loss, "Negative log likelihood of softmax(self), of class indices or probabilities."},
    {"cross_entropy(Tensor input, Tensor target, Tensor? weight=None, *, int ignore_index=-100, str reduction='mean', "
     "float label_smoothing=0.0) -> Tensor",
     cross_entropy, "Negative log likelihood of softmax(input), of class indices or probabilities."},
    {0},
};
