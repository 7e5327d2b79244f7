/* Floor 4: losses, torch.nn.functional's, with its names, keywords and defaults.
 *
 *     fac_tensor *loss = fac_cross_entropy(logits, labels, .label_smoothing = 0.1);
 *     fac_backward(loss);
 *
 * All take the same keywords; each uses .reduction and those named in its comment. Results are new tensors of the
 * innermost scope, 0-d unless .reduction = FAC_NONE; NULL after an error. Element-wise losses promote dtypes and
 * broadcast; where input and target differ in size, that is seldom meant, and a warning goes to the error handler as
 * code FAC_OK, once per program. All are differentiable twice, in every floating argument but weights. */
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
    fac_reduction reduction;                /* FAC_MEAN */
    fac_tensor *weight, *pos_weight;        /* NULL: all 1 */
    int64_t ignore_index;                   /* -100 */
    double label_smoothing;                 /* 0 */
    double beta, delta;                     /* 1, 1 */
    double margin, p, eps;                  /* NAN: the loss's own default */
    bool log_target, log_input, full, swap; /* false, true, false, false */
    int64_t blank;                          /* 0 */
    bool zero_infinity;                     /* false */
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
    o.blank = 0;
    o.zero_infinity = false;
    return o;
}

/* ---- of numbers (loss.c) ------------------------------------------------------------------------------------ */

/* (input - target)^2; |input - target|. */
FAC_API fac_tensor *fac_mse_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_mse_loss(x, y, ...) fac_mse_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
FAC_API fac_tensor *fac_l1_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_l1_loss(x, y, ...) fac_l1_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* Squares near 0, absolute values further away; with d = |input - target|
 * smooth_l1: d^2 / (2 beta) below beta, else d - beta / 2. Keyword beta; 0 is l1_loss.
 * huber:     d^2 / 2 up to delta, else delta (d - delta / 2). Keyword delta. */
FAC_API fac_tensor *fac_smooth_l1_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_smooth_l1_loss(x, y, ...) fac_smooth_l1_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
FAC_API fac_tensor *fac_huber_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_huber_loss(x, y, ...) fac_huber_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))

/* ---- of probabilities (loss_probability.c) ------------------------------------------------------------------ */

/* -(target log(input) + (1 - target) log(1 - input)), logarithms not below -100; input and target of one shape, input within
 * [0, 1]. Keyword weight, which broadcasts. */
FAC_API fac_tensor *fac_binary_cross_entropy_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_binary_cross_entropy(x, y, ...)                                                                            \
    fac_binary_cross_entropy_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* The same of sigmoid(input), exact for large inputs. Keywords weight, pos_weight (of the positive part). */
FAC_API fac_tensor *fac_binary_cross_entropy_with_logits_with(fac_tensor *input, fac_tensor *target,
                                                              fac_loss_options options);
#define fac_binary_cross_entropy_with_logits(x, y, ...)                                                                \
    fac_binary_cross_entropy_with_logits_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* target (log(target) - input), input being logarithms; with log_target exp(target) (target - input). FAC_BATCHMEAN is the
 * mathematical divergence; FAC_MEAN divides by all elements. */
FAC_API fac_tensor *fac_kl_div_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_kl_div(x, y, ...) fac_kl_div_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* exp(input) - target input, or with log_input = false input - target log(input + eps); full adds Stirling's formula for
 * targets above 1. Keyword eps: 1e-8. */
FAC_API fac_tensor *fac_poisson_nll_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_poisson_nll_loss(x, y, ...) fac_poisson_nll_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* (log(var) + (input - target)^2 / var) / 2, var at least eps (1e-6) but with the gradient of var itself; full adds
 * log(2 pi) / 2. var has input's shape, or lacks the last dimension or has size 1 there. */
FAC_API fac_tensor *fac_gaussian_nll_loss_with(fac_tensor *input, fac_tensor *target, fac_tensor *var,
                                               fac_loss_options options);
#define fac_gaussian_nll_loss(x, y, var, ...)                                                                          \
    fac_gaussian_nll_loss_with(x, y, var, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))

/* ---- with a margin (loss_margin.c) -------------------------------------------------------------------------- */

/* Targets are 1 or -1 here. log(1 + exp(-target input)). */
FAC_API fac_tensor *fac_soft_margin_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_soft_margin_loss(x, y, ...) fac_soft_margin_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* input where target is 1, max(0, margin - input) where it is -1. Keyword margin: 1. */
FAC_API fac_tensor *fac_hinge_embedding_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_hinge_embedding_loss(x, y, ...)                                                                            \
    fac_hinge_embedding_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* max(0, -target (input1 - input2) + margin). Keyword margin: 0. */
FAC_API fac_tensor *fac_margin_ranking_loss_with(fac_tensor *input1, fac_tensor *input2, fac_tensor *target,
                                                 fac_loss_options options);
#define fac_margin_ranking_loss(x1, x2, y, ...)                                                                        \
    fac_margin_ranking_loss_with(x1, x2, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* 1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1; inputs [N, D] and target [N], or [D] and [].
 * Keyword margin: 0. */
FAC_API fac_tensor *fac_cosine_embedding_loss_with(fac_tensor *input1, fac_tensor *input2, fac_tensor *target,
                                                   fac_loss_options options);
#define fac_cosine_embedding_loss(x1, x2, y, ...)                                                                      \
    fac_cosine_embedding_loss_with(x1, x2, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* max(0, d(anchor, positive) - d(anchor, negative) + margin), d being fac_pairwise_distance with p (2) and eps (1e-6); with
 * swap the negative's distance to the nearer of the two. Keywords margin (1), p, eps, swap. */
FAC_API fac_tensor *fac_triplet_margin_loss_with(fac_tensor *anchor, fac_tensor *positive, fac_tensor *negative,
                                                 fac_loss_options options);
#define fac_triplet_margin_loss(a, p, n, ...)                                                                          \
    fac_triplet_margin_loss_with(a, p, n, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* Of class indices: the sum over the other classes i of max(0, margin - input[target] + input[i])^p / C, for input [N, C] and
 * target [N], or [C] and []. Keywords margin (1), p (1 or 2), weight [C] (of the target's class). */
FAC_API fac_tensor *fac_multi_margin_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_multi_margin_loss(x, y, ...) fac_multi_margin_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* Of several classes a sample: target, of input's shape, holds their indices and then -1; the sum over them and over the
 * other classes i of max(0, 1 - input[target] + input[i]) / C. */
FAC_API fac_tensor *fac_multilabel_margin_loss_with(fac_tensor *input, fac_tensor *target, fac_loss_options options);
#define fac_multilabel_margin_loss(x, y, ...)                                                                          \
    fac_multilabel_margin_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))
/* Mean over the classes (the last dimension) of the binary cross entropy of sigmoid(input); target 0 or 1. Keyword weight. */
FAC_API fac_tensor *fac_multilabel_soft_margin_loss_with(fac_tensor *input, fac_tensor *target,
                                                         fac_loss_options options);
#define fac_multilabel_soft_margin_loss(x, y, ...)                                                                     \
    fac_multilabel_soft_margin_loss_with(x, y, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))

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

/* ---- of sequences (ctc.c) ----------------------------------------------------------------------------------- */

/* Connectionist temporal classification: minus the log probability that log_probs [T, N, C] (or [T, C]), logarithms over C
 * classes, of which .blank says nothing, spell targets: [N, S], or all in a row [sum of target_lengths]. Lengths are integer
 * tensors [N]. FAC_MEAN divides each loss by its target's length first. zero_infinity: losses of targets that do not fit, and
 * their gradients, are 0. Losses are [N] (or []) with FAC_NONE. Differentiable once, in log_probs; the gradient takes them as
 * log_softmax's results, as PyTorch's does. Graves et al., Connectionist Temporal Classification, ICML 2006. */
FAC_API fac_tensor *fac_ctc_loss_with(fac_tensor *log_probs, fac_tensor *targets, fac_tensor *input_lengths,
                                      fac_tensor *target_lengths, fac_loss_options options);
#define fac_ctc_loss(log_probs, targets, input_lengths, target_lengths, ...)                                           \
    fac_ctc_loss_with(log_probs, targets, input_lengths, target_lengths, FAC_OPTIONS(fac_loss_options, __VA_ARGS__))

FAC_END
#endif
