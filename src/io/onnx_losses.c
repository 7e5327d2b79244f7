/* Floor 7. ONNX's losses of classes. Those of numbers are formulas (onnx_formulas.c). */
#include "core/raise.h"
#include "facula/ops_loss.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "onnx_dims.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

static const char *const reductions[] = {"none", "mean", "sum"};

/* x, target, weight, reduction, ignored, of scores: also the logarithms of the probabilities. */
static int loss(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args;
    fac_tensor *x = args[0].v.tensor, *target = fac_to(args[1].v.tensor, FAC_INT64);
    fac_loss_options o = fac_loss_options_defaults();
    bool scores = fac_scalar_to_int(args[5].v.scalar);
    o.weight = args[2].kind == FAC_VALUE_TENSOR ? args[2].v.tensor : NULL;
    o.reduction = (fac_reduction)fac_scalar_to_int(args[3].v.scalar);
    o.ignore_index = fac_scalar_to_int(args[4].v.scalar);
    fac_tensor *y = scores ? fac_cross_entropy_with(x, target, o) : fac_nll_loss_with(x, target, o);
    results[0] = fac_value_tensor(y);
    if (!y || !scores || max < 2) return y ? 1 : -1;
    results[1] = fac_value_tensor(fac_log_softmax(x, 1, FAC_DTYPE_NONE));
    return results[1].v.tensor ? 2 : -1;
}

static bool load_loss(loader *l, const row *r)
{
    const char *word = fac__onnx_word(l, "reduction", "mean");
    bool scores = *r->onnx == 'S';
    int reduction = 0, n = scores && l->node->n_outputs > 1 ? 2 : 1;
    while (reduction < 3 && strcmp(reductions[reduction], word))
        reduction++;
    if (reduction == 3) return fac__onnx_error(l, "reduction='%.40s' is not known", word);
    if (!fac__onnx_given(l, 1)) return fac__onnx_error(l, "it has no target");
    const fac__term args[] = {fac__onnx_arg(l, 0),
                              fac__onnx_arg(l, 1),
                              fac__onnx_arg(l, 2),
                              fac__term_int(reduction),
                              fac__term_int(fac__onnx_int(l, "ignore_index", -100)),
                              fac__term_bool(scores)};
    int value = fac__onnx_function_many(l, r->onnx, loss, n, args, 6);
    for (int i = 0; i < n; i++)
        if (!fac__onnx_result(l, i, value < 0 ? -1 : value + i)) return false;
    return true;
}

static bool save_loss(saver *s, const row *r)
{
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *target = fac__onnx_tensor_at(s, 1);
    int64_t reduction, ignored;
    if (!fac__onnx_int_at(s, 3, &reduction) || !fac__onnx_int_at(s, 4, &ignored)) return false;
    if (x->ndim < 2) return fac__onnx_cannot(s, "its input has no batch");
    if (fac_dtype_is_floating(fac_dtype_of(target))) return fac__onnx_cannot(s, "its target is probabilities");
    if (fac__onnx_float_at(s, 5, 0) != 0) return fac__onnx_cannot(s, "ONNX's has no label_smoothing");
    const char *y =
        fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), fac__onnx_name_at(s, 1), fac__onnx_name_at(s, 2));
    fac__onnx_give_word(s, "reduction", reductions[reduction]);
    fac__onnx_give_int(s, "ignore_index", ignored);
    return fac__onnx_is(s, 0, y);
}

const fac__onnx_operator fac__onnx_losses[] = {
    {"SoftmaxCrossEntropyLoss", "cross_entropy_loss", load_loss, save_loss},
    {"NegativeLogLikelihoodLoss", "nll_loss", load_loss, save_loss},
    {NULL, NULL, NULL, NULL},
};
