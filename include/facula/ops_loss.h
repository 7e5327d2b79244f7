/* Floor 4: losses, torch.nn.functional's, with its names, keywords and defaults.
 *
 *     fac_tensor *loss = fac_cross_entropy(logits, labels, .label_smoothing = 0.1);
 *     fac_backward(loss);
 *
 * All take the same keywords; each uses .reduction and those named in its comment. Results are new tensors of the
 * innermost scope, 0-d unless .reduction = FAC_NONE; NULL after an error. Element-wise losses promote dtypes and
 * broadcast; where input and target differ in size, that is seldom meant, and a warning goes to the error handler as
 * code FAC_OK, once per program. All are differentiable twice. */
#ifndef FACULA_OPS_LOSS_H
#define FACULA_OPS_LOSS_H

#include "facula/tensor.h"

FAC_BEGIN

/* What becomes of the losses of the elements (or samples). ATen's numbers. */
typedef enum fac_reduction {
    FAC_NONE = 0,
    FAC_MEAN = 1,
    FAC_SUM = 2,
    FAC_BATCHMEAN = 3 /* of kl_div: the sum, divided by the first size */
} fac_reduction;

typedef struct fac_loss_options {
    fac_reduction reduction; /* FAC_MEAN */
    fac_tensor *weight, *pos_weight; /* NULL: all 1 */
    int64_t ignore_index;            /* -100 */
    double label_smoothing;          /* 0 */
    double beta, delta;              /* 1, 1 */
    double margin, p, eps;           /* NAN: the loss's own default */
    bool log_target, log_input, full, swap; /* false, true, false, false */
} fac_loss_options;
static inline fac_loss_options fac_loss_options_defaults(void)
{
    fac_loss_options o;
    o.reduction = FAC_MEAN;
    o.weight = o.pos_weight = 0;
    o.ignore_index = -100;
    o.label_smoothing = 0;
    o.beta = o.delta = 1;
    o.margin = o.p = o.eps = __builtin_nan("");
    o.log_target = o.full = o.swap = false;
    o.log_input = true;
    return o;
}

/* ---- of numbers (loss.c) ------------------------------------------------------------------------------------ */

/* (input - target)^2; |input - target|. */
FAC_API fac_tensor *fac_mse_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_mse_loss(x, y, ...) fac_mse_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))

/* ---- of classes (loss_class.c) ------------------------------------------------------------------------------ */

/* Negative log likelihood of int64 class indices: input, of log-probabilities, [C], [N, C] or [N, C, d1, …], target []
 * , [N] or [N, d1, …]. Elements whose target is ignore_index count nothing. weight [C]: the mean is weighted by it.
 * Keywords weight, ignore_index. */
FAC_API fac_tensor *fac_nll_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_nll_loss(x, y, ...) fac_nll_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* nll_loss(log_softmax(input, 1), target), in one pass where input is [N, C] of float32 or float64. A target of input's
 * own shape and of floating dtype holds class probabilities. Keywords weight, ignore_index, label_smoothing. */
FAC_API fac_tensor *fac_cross_entropy_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_cross_entropy(x, y, ...) fac_cross_entropy_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))

FAC_END
#endif
