/* Floor 4: embeddings, and what draws random numbers or has a parameter among the activations. torch.nn.functional's names.
 * Results belong to the innermost scope; NULL after an error. */
#ifndef FACULA_OPS_EMBED_H
#define FACULA_OPS_EMBED_H

#include "facula/tensor.h"

FAC_BEGIN

/* ---- embedding (embedding.c) -------------------------------------------------------------------------------- */

typedef struct fac_embedding_options {
    int64_t padding_idx; /* a row that gets no gradient; FAC_NO_PADDING: none. Negative ones count from the end */
    double max_norm;     /* NAN: none. Else rows that are looked up and longer are first shortened to it, in place */
    double norm_type;    /* 2: which norm that is */
    bool scale_grad_by_freq; /* divide a row's gradient by how often it was looked up: false */
} fac_embedding_options;
#define FAC_NO_PADDING INT64_MIN
static inline fac_embedding_options fac_embedding_options_defaults(void)
{
    fac_embedding_options o;
    o.padding_idx = FAC_NO_PADDING;
    o.max_norm = __builtin_nan("");
    o.norm_type = 2;
    o.scale_grad_by_freq = false;
    return o;
}
/* Rows of weight [V, D] by int64 or int32 indices of any shape: [..., D]. The gradient is dense, and adds up in the order of
 * the indices. An index out of range is an IndexError. */
FAC_API fac_tensor *fac_embedding_with(fac_tensor *indices, fac_tensor *weight, fac_embedding_options options);
#define fac_embedding(indices, weight, ...)                                                                            \
    fac_embedding_with(indices, weight, FAC_OPTIONS(fac_embedding_options, __VA_ARGS__))

typedef struct fac_bag_options {
    fac_tensor *offsets;            /* where each bag begins in 1-d indices; NULL where indices are 2-d, a bag a row */
    fac_tensor *per_sample_weights; /* of "sum": a factor for each index, of the indices' shape; NULL */
    const char *mode;               /* "mean" (the default), "sum" or "max" */
    bool include_last_offset;       /* the last offset is the end of the last bag: false */
    int64_t padding_idx;        /* a row that counts nothing; FAC_NO_PADDING: none. Negative ones count from the end */
    double max_norm, norm_type; /* as fac_embedding's */
    bool scale_grad_by_freq;    /* as fac_embedding's */
} fac_bag_options;
static inline fac_bag_options fac_bag_options_defaults(void)
{
    fac_bag_options o;
    o.offsets = o.per_sample_weights = NULL;
    o.mode = "mean";
    o.include_last_offset = o.scale_grad_by_freq = false;
    o.padding_idx = FAC_NO_PADDING;
    o.max_norm = __builtin_nan("");
    o.norm_type = 2;
    return o;
}
/* Rows of weight [V, D] by their indices (int64 or int32), summed, averaged or maximised over each bag: [bags, D]. An empty
 * bag gives zeros. */
FAC_API fac_tensor *fac_embedding_bag_with(fac_tensor *indices, fac_tensor *weight, fac_bag_options options);
#define fac_embedding_bag(indices, weight, ...)                                                                        \
    fac_embedding_bag_with(indices, weight, FAC_OPTIONS(fac_bag_options, __VA_ARGS__))
/* int64 class numbers of any shape to [..., num_classes] with a 1 at the class, int64; num_classes -1: the largest + 1. */
FAC_API fac_tensor *fac_one_hot(fac_tensor *self, int64_t num_classes);

/* ---- dropout (dropout.c) ------------------------------------------------------------------------------------ */

typedef struct fac_dropout_options {
    double p;      /* 0.5 */
    bool training; /* true; false returns the input itself */
    bool inplace;  /* false */
} fac_dropout_options;
static inline fac_dropout_options fac_dropout_options_defaults(void)
{
    fac_dropout_options o;
    o.p = 0.5;
    o.training = true;
    o.inplace = false;
    return o;
}
/* Elements set to 0 with probability p and divided by 1 - p otherwise. Draws what PyTorch without MKL draws from the
 * default generator. p outside of [0, 1] is an error. */
FAC_API fac_tensor *fac_dropout_with(fac_tensor *input, fac_dropout_options options);
#define fac_dropout(x, ...) fac_dropout_with(x, FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
/* Whole channels (dimension 1), one draw each. 1d: [N, C, L] or [C, L]; 2d: [N, C, H, W], or [N, C, L] as 1d does; 3d: [N, C, D,
 * H, W] or [C, D, H, W]; feature: any of two dimensions or more. */
FAC_API fac_tensor *fac_dropout1d_with(fac_tensor *input, fac_dropout_options options);
FAC_API fac_tensor *fac_dropout2d_with(fac_tensor *input, fac_dropout_options options);
FAC_API fac_tensor *fac_dropout3d_with(fac_tensor *input, fac_dropout_options options);
FAC_API fac_tensor *fac_feature_dropout_with(fac_tensor *input, fac_dropout_options options);
#define fac_dropout1d(x, ...) fac_dropout1d_with(x, FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
#define fac_dropout2d(x, ...) fac_dropout2d_with(x, FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
#define fac_dropout3d(x, ...) fac_dropout3d_with(x, FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
#define fac_feature_dropout(x, ...) fac_feature_dropout_with(x, FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
/* Keeps the mean and variance that selu makes: dropped elements (or channels) become selu's lower end, and all is scaled. */
FAC_API fac_tensor *fac_alpha_dropout_with(fac_tensor *input, fac_dropout_options options);
FAC_API fac_tensor *fac_feature_alpha_dropout_with(fac_tensor *input, fac_dropout_options options);
#define fac_alpha_dropout(x, ...) fac_alpha_dropout_with(x, FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
#define fac_feature_alpha_dropout(x, ...)                                                                              \
    fac_feature_alpha_dropout_with(x, FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))

/* ---- activations that are no plain rows (gates.c) ----------------------------------------------------------- */

/* a * sigmoid(b), a and b being the halves of x along dim. */
FAC_API fac_tensor *fac_glu(fac_tensor *self, int64_t dim);
/* x where x > 0, else x * weight; weight of one element, or one for each channel (dimension 1). */
FAC_API fac_tensor *fac_prelu(fac_tensor *self, fac_tensor *weight);
/* x where x > 0, else x * r; r is drawn evenly from [lower, upper) for each such x when training, else their mean. */
FAC_API fac_tensor *fac_rrelu(fac_tensor *self, double lower, double upper, bool training);
/* softmax((logits + noise) / tau) along dim, the noise drawn from Gumbel's distribution; hard: the largest as 1, the rest as
 * 0, with the soft one's gradient. Jang et al., Categorical reparameterization with Gumbel-Softmax, 2016. */
FAC_API fac_tensor *fac_gumbel_softmax(fac_tensor *logits, double tau, bool hard, int64_t dim);

FAC_END
#endif
