/* Floor 5: the modules of torch.nn, by their names: fac_nn_linear(2, 5), fac_nn_dropout(.p = 0.2). What a constructor returns
 * is the caller's, to be given to another module or to fac_module_free; NULL, with an error, when memory runs out or an
 * argument is bad. Parameters are drawn from the default generator exactly as PyTorch draws them.
 *
 *     fac_module *model = fac_nn_sequential(
 *         fac_nn_flatten(), fac_nn_linear(784, 256), fac_nn_relu(), fac_nn_linear(256, 10));
 *
 * Shapes, formulas and keywords are those of PyTorch's documentation of the module of the same name. Parameters and
 * buffers have PyTorch's names ("weight", "bias", "running_mean"): fac_get_parameter(layer, "weight").
 * Keyword .dtype: of the parameters; the default dtype where it is not given. */
#ifndef FACULA_NN_H
#define FACULA_NN_H

#include "facula/module.h"
#include "facula/ops_conv.h"
#include "facula/ops_embed.h"
#include "facula/ops_image.h"
#include "facula/ops_norm.h"
#include "facula/ops_rnn.h"

FAC_BEGIN

/* ---- containers --------------------------------------------------------------------------------------------- */

/* Its modules one after another; named "0", "1"… fac_nn_sequential() is empty and grows by fac_append. */
#define fac_nn_sequential(...) fac__CONTAINER(fac_nn_sequential_list, __VA_ARGS__)
/* A list of modules without a forward: fac_module_at(list, i), fac_children(list). */
#define fac_nn_module_list(...) fac__CONTAINER(fac_nn_module_list_list, __VA_ARGS__)
/* The same from an array, whose modules are taken. If one is NULL the others are freed, and the result is NULL. */
FAC_API fac_module *fac_nn_sequential_list(fac_module_list modules);
FAC_API fac_module *fac_nn_module_list_list(fac_module_list modules);
/* Adds a module at the end of a Sequential or ModuleList. Returns the module added; NULL after an error, and it is freed. */
FAC_API fac_module *fac_append(void *container, fac_module *module);
/* Child i, counted from the end if negative. Out of range is an error. */
FAC_API fac_module *fac_module_at(void *container, int64_t i);

/* Returns its input. */
FAC_API fac_module *fac_nn_identity(void);

/* ---- linear ------------------------------------------------------------------------------------------------- */

typedef struct fac_nn_linear_options {
    bool bias; /* true */
    fac_dtype dtype;
} fac_nn_linear_options;
static inline fac_nn_linear_options fac_nn_linear_options_defaults(void)
{
    fac_nn_linear_options o;
    o.bias = true;
    o.dtype = FAC_DTYPE_NONE;
    return o;
}
/* x [..., in_features] -> x weight^T + bias [..., out_features] */
FAC_API fac_module *fac_nn_linear_with(int64_t in_features, int64_t out_features, fac_nn_linear_options options);
#define fac_nn_linear(in_features, out_features, ...)                                                                  \
    fac_nn_linear_with(in_features, out_features, FAC_OPTIONS(fac_nn_linear_options, __VA_ARGS__))

/* ---- activations -------------------------------------------------------------------------------------------- */

/* The keywords of all activations; each takes some of them. What is not given (NAN) has the activation's default. */
typedef struct fac_nn_activation_options {
    double negative_slope, alpha, min_val, max_val, beta, threshold, value, lambd, lower, upper;
    double dim;              /* a whole number */
    const char *approximate; /* "none" or "tanh" */
    bool inplace;            /* write into the input */
} fac_nn_activation_options;
static inline fac_nn_activation_options fac_nn_activation_options_defaults(void)
{
    fac_nn_activation_options o;
    o.negative_slope = o.alpha = o.min_val = o.max_val = o.beta = o.threshold = o.value = o.lambd = o.lower = o.upper =
        o.dim = __builtin_nan("");
    o.approximate = NULL;
    o.inplace = false;
    return o;
}
/* All by the names of their functions: fac_nn_relu_with and so on are what the macros below call. */
/* clang-format off */
#define FAC_NN_ACTIVATIONS(X)                                                                                          \
    X(relu) X(relu6) X(leaky_relu) X(rrelu) X(elu) X(selu) X(celu) X(gelu) X(silu) X(mish) X(sigmoid) X(tanh)          \
    X(hardtanh) X(hardswish) X(hardsigmoid) X(softplus) X(softsign) X(tanhshrink) X(softshrink) X(hardshrink)          \
    X(log_sigmoid) X(threshold) X(softmax) X(log_softmax) X(softmin) X(glu)
#define FAC_NN_DECLARE(name) FAC_API fac_module *fac_nn_##name##_with(fac_nn_activation_options options);
FAC_NN_ACTIVATIONS(FAC_NN_DECLARE)
#undef FAC_NN_DECLARE
/* clang-format on */

/* Any of those below by the name of its function: fac_nn_activation("relu"). An unknown name is an error. A program that
 * asks by name links them all. */
FAC_API fac_module *fac_nn_activation_with(const char *name, fac_nn_activation_options options);
#define fac_nn_activation(name, ...) fac_nn_activation_with(name, FAC_OPTIONS(fac_nn_activation_options, __VA_ARGS__))

/* clang-format off */
#define FAC__NN_ACTIVATION(name, ...) fac_nn_##name##_with(FAC_OPTIONS(fac_nn_activation_options __VA_OPT__(, ) __VA_ARGS__))
#define fac_nn_relu(...) FAC__NN_ACTIVATION(relu, __VA_ARGS__)             /* .inplace = false */
#define fac_nn_relu6(...) FAC__NN_ACTIVATION(relu6, __VA_ARGS__)           /* .inplace = false */
#define fac_nn_leaky_relu(...) FAC__NN_ACTIVATION(leaky_relu, __VA_ARGS__) /* .negative_slope = 0.01, .inplace = false */
#define fac_nn_rrelu(...) FAC__NN_ACTIVATION(rrelu, __VA_ARGS__)           /* .lower = 1.0 / 8, .upper = 1.0 / 3; draws when training */
#define fac_nn_elu(...) FAC__NN_ACTIVATION(elu, __VA_ARGS__)               /* .alpha = 1, .inplace = false */
#define fac_nn_selu(...) FAC__NN_ACTIVATION(selu, __VA_ARGS__)             /* .inplace = false */
#define fac_nn_celu(...) FAC__NN_ACTIVATION(celu, __VA_ARGS__)             /* .alpha = 1, .inplace = false */
#define fac_nn_gelu(...) FAC__NN_ACTIVATION(gelu, __VA_ARGS__)             /* .approximate = "none", or "tanh" */
#define fac_nn_silu(...) FAC__NN_ACTIVATION(silu, __VA_ARGS__)             /* .inplace = false */
#define fac_nn_mish(...) FAC__NN_ACTIVATION(mish, __VA_ARGS__)             /* .inplace = false */
#define fac_nn_sigmoid() FAC__NN_ACTIVATION(sigmoid)
#define fac_nn_tanh() FAC__NN_ACTIVATION(tanh)
#define fac_nn_hardtanh(...) FAC__NN_ACTIVATION(hardtanh, __VA_ARGS__)     /* .min_val = -1, .max_val = 1, .inplace = false */
#define fac_nn_hardswish(...) FAC__NN_ACTIVATION(hardswish, __VA_ARGS__)   /* .inplace = false */
#define fac_nn_hardsigmoid(...) FAC__NN_ACTIVATION(hardsigmoid, __VA_ARGS__) /* .inplace = false */
#define fac_nn_softplus(...) FAC__NN_ACTIVATION(softplus, __VA_ARGS__)     /* .beta = 1, .threshold = 20 */
#define fac_nn_softsign() FAC__NN_ACTIVATION(softsign)
#define fac_nn_tanhshrink() FAC__NN_ACTIVATION(tanhshrink)
#define fac_nn_softshrink(...) FAC__NN_ACTIVATION(softshrink, __VA_ARGS__) /* .lambd = 0.5 */
#define fac_nn_hardshrink(...) FAC__NN_ACTIVATION(hardshrink, __VA_ARGS__) /* .lambd = 0.5 */
#define fac_nn_log_sigmoid() FAC__NN_ACTIVATION(log_sigmoid)
/* from: x where x > from, else to */
#define fac_nn_threshold(from, to, ...) FAC__NN_ACTIVATION(threshold, .threshold = (from), .value = (to) __VA_OPT__(, ) __VA_ARGS__)
/* over: the dimension */
#define fac_nn_softmax(over) FAC__NN_ACTIVATION(softmax, .dim = (over))
#define fac_nn_log_softmax(over) FAC__NN_ACTIVATION(log_softmax, .dim = (over))
#define fac_nn_softmin(over) FAC__NN_ACTIVATION(softmin, .dim = (over))
#define fac_nn_glu(...) FAC__NN_ACTIVATION(glu, __VA_ARGS__)               /* .dim = -1 */
/* clang-format on */

typedef struct fac_nn_prelu_options {
    int64_t num_parameters; /* 1; or the number of channels */
    double init;            /* 0.25 */
    fac_dtype dtype;
} fac_nn_prelu_options;
static inline fac_nn_prelu_options fac_nn_prelu_options_defaults(void)
{
    fac_nn_prelu_options o;
    o.num_parameters = 1;
    o.init = 0.25;
    o.dtype = FAC_DTYPE_NONE;
    return o;
}
FAC_API fac_module *fac_nn_prelu_with(fac_nn_prelu_options options);
#define fac_nn_prelu(...) fac_nn_prelu_with(FAC_OPTIONS(fac_nn_prelu_options, __VA_ARGS__))

/* ---- convolution -------------------------------------------------------------------------------------------- */

/* Where a keyword takes one number for all spatial dimensions, its plural takes one for each: .stride = 2 or
 * .strides = FAC_DIMS(2, 1); so does kernel: 3 or FAC_DIMS(3, 5). */
typedef struct fac_nn_conv_options {
    int64_t stride, padding, dilation, output_padding; /* 1, 0, 1, 0; output_padding of the transposed ones only */
    fac_dims strides, paddings, dilations, output_paddings;
    int64_t groups;           /* 1 */
    bool bias;                /* true */
    const char *padding_name; /* "same" or "valid", in padding's place */
    const char *padding_mode; /* "zeros", "reflect", "replicate" or "circular" */
    fac_dtype dtype;
} fac_nn_conv_options;
static inline fac_nn_conv_options fac_nn_conv_options_defaults(void)
{
    fac_nn_conv_options o;
    o.stride = o.dilation = o.groups = 1;
    o.padding = o.output_padding = 0;
    o.strides = o.paddings = o.dilations = o.output_paddings = fac_dims_make(-1, NULL);
    o.bias = true;
    o.padding_name = NULL;
    o.padding_mode = "zeros";
    o.dtype = FAC_DTYPE_NONE;
    return o;
}
FAC_API fac_module *fac_nn_conv1d_with(int64_t in, int64_t out, fac_dims kernel, fac_nn_conv_options options);
FAC_API fac_module *fac_nn_conv2d_with(int64_t in, int64_t out, fac_dims kernel, fac_nn_conv_options options);
FAC_API fac_module *fac_nn_conv3d_with(int64_t in, int64_t out, fac_dims kernel, fac_nn_conv_options options);
FAC_API fac_module *fac_nn_conv_transpose1d_with(int64_t in, int64_t out, fac_dims kernel, fac_nn_conv_options options);
FAC_API fac_module *fac_nn_conv_transpose2d_with(int64_t in, int64_t out, fac_dims kernel, fac_nn_conv_options options);
FAC_API fac_module *fac_nn_conv_transpose3d_with(int64_t in, int64_t out, fac_dims kernel, fac_nn_conv_options options);
#define fac__nn_conv(form, in, out, kernel, ...)                                                                       \
    fac_nn_##form##_with(in, out, FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_nn_conv_options, __VA_ARGS__))
#define fac_nn_conv1d(in, out, ...) fac__nn_conv(conv1d, in, out, __VA_ARGS__)
#define fac_nn_conv2d(in, out, ...) fac__nn_conv(conv2d, in, out, __VA_ARGS__)
#define fac_nn_conv3d(in, out, ...) fac__nn_conv(conv3d, in, out, __VA_ARGS__)
#define fac_nn_conv_transpose1d(in, out, ...) fac__nn_conv(conv_transpose1d, in, out, __VA_ARGS__)
#define fac_nn_conv_transpose2d(in, out, ...) fac__nn_conv(conv_transpose2d, in, out, __VA_ARGS__)
#define fac_nn_conv_transpose3d(in, out, ...) fac__nn_conv(conv_transpose3d, in, out, __VA_ARGS__)

/* ---- pooling ------------------------------------------------------------------------------------------------ */

/* With the keywords of the functions (facula/ops_conv.h), but for indices: fac_nn_max_pool2d(2, .stride = 2). */
FAC_API fac_module *fac_nn_max_pool1d_with(fac_dims kernel, fac_pool_options options);
FAC_API fac_module *fac_nn_max_pool2d_with(fac_dims kernel, fac_pool_options options);
FAC_API fac_module *fac_nn_max_pool3d_with(fac_dims kernel, fac_pool_options options);
FAC_API fac_module *fac_nn_avg_pool1d_with(fac_dims kernel, fac_pool_options options);
FAC_API fac_module *fac_nn_avg_pool2d_with(fac_dims kernel, fac_pool_options options);
FAC_API fac_module *fac_nn_avg_pool3d_with(fac_dims kernel, fac_pool_options options);
#define fac__nn_pool(form, kernel, ...)                                                                                \
    fac_nn_##form##_with(FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_pool_options, __VA_ARGS__))
#define fac_nn_max_pool1d(...) fac__nn_pool(max_pool1d, __VA_ARGS__)
#define fac_nn_max_pool2d(...) fac__nn_pool(max_pool2d, __VA_ARGS__)
#define fac_nn_max_pool3d(...) fac__nn_pool(max_pool3d, __VA_ARGS__)
#define fac_nn_avg_pool1d(...) fac__nn_pool(avg_pool1d, __VA_ARGS__)
#define fac_nn_avg_pool2d(...) fac__nn_pool(avg_pool2d, __VA_ARGS__)
#define fac_nn_avg_pool3d(...) fac__nn_pool(avg_pool3d, __VA_ARGS__)
/* output_size: a number or FAC_DIMS, in which FAC_SAME_SIZE is torch's None. */
FAC_API fac_module *fac_nn_adaptive_avg_pool1d(fac_dims output_size);
FAC_API fac_module *fac_nn_adaptive_avg_pool2d(fac_dims output_size);
FAC_API fac_module *fac_nn_adaptive_avg_pool3d(fac_dims output_size);
FAC_API fac_module *fac_nn_adaptive_max_pool1d(fac_dims output_size);
FAC_API fac_module *fac_nn_adaptive_max_pool2d(fac_dims output_size);
FAC_API fac_module *fac_nn_adaptive_max_pool3d(fac_dims output_size);

/* ---- images ------------------------------------------------------------------------------------------------- */

/* fac_interpolate (facula/ops_image.h), with its keywords. */
FAC_API fac_module *fac_nn_upsample_with(fac_interpolate_options options);
#define fac_nn_upsample(...) fac_nn_upsample_with(FAC_OPTIONS(fac_interpolate_options, __VA_ARGS__))
FAC_API fac_module *fac_nn_pixel_shuffle(int64_t upscale_factor);
FAC_API fac_module *fac_nn_pixel_unshuffle(int64_t downscale_factor);
FAC_API fac_module *fac_nn_channel_shuffle(int64_t groups);
/* fac_im2col and fac_col2im (facula/ops_conv.h). Keywords stride, padding, dilation. */
FAC_API fac_module *fac_nn_unfold_with(fac_dims kernel, fac_conv_options options);
FAC_API fac_module *fac_nn_fold_with(fac_dims output_size, fac_dims kernel, fac_conv_options options);
#define fac__nn_unfold(kernel, ...) fac_nn_unfold_with(FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_conv_options, __VA_ARGS__))
#define fac_nn_unfold(...) fac__nn_unfold(__VA_ARGS__)
#define fac__nn_fold(output_size, kernel, ...)                                                                         \
    fac_nn_fold_with(FAC_AS_DIMS(output_size), FAC_AS_DIMS(kernel), FAC_OPTIONS(fac_conv_options, __VA_ARGS__))
#define fac_nn_fold(...) fac__nn_fold(__VA_ARGS__)

/* ---- normalisation ------------------------------------------------------------------------------------------ */

typedef struct fac_nn_norm_options {
    double eps;              /* 1e-5 */
    double momentum;         /* 0.1; NAN is torch's None: the plain mean over all batches so far */
    int affine;              /* weight and bias: 1, but 0 for InstanceNorm */
    int track_running_stats; /* 1, but 0 for InstanceNorm */
    fac_dtype dtype;
} fac_nn_norm_options;
static inline fac_nn_norm_options fac_nn_norm_options_defaults(void)
{
    fac_nn_norm_options o;
    o.eps = 1e-5;
    o.momentum = 0.1;
    o.affine = o.track_running_stats = -1;
    o.dtype = FAC_DTYPE_NONE;
    return o;
}
/* Buffers running_mean, running_var [C] and num_batches_tracked (int64). 1d: [N, C] or [N, C, L]; 2d: [N, C, H, W]; 3d:
 * [N, C, D, H, W]. Keywords eps, momentum, affine, track_running_stats, dtype. */
FAC_API fac_module *fac_nn_batch_norm1d_with(int64_t num_features, fac_nn_norm_options options);
FAC_API fac_module *fac_nn_batch_norm2d_with(int64_t num_features, fac_nn_norm_options options);
FAC_API fac_module *fac_nn_batch_norm3d_with(int64_t num_features, fac_nn_norm_options options);
#define fac_nn_batch_norm1d(n, ...) fac_nn_batch_norm1d_with(n, FAC_OPTIONS(fac_nn_norm_options, __VA_ARGS__))
#define fac_nn_batch_norm2d(n, ...) fac_nn_batch_norm2d_with(n, FAC_OPTIONS(fac_nn_norm_options, __VA_ARGS__))
#define fac_nn_batch_norm3d(n, ...) fac_nn_batch_norm3d_with(n, FAC_OPTIONS(fac_nn_norm_options, __VA_ARGS__))
/* 1d: [N, C, L]; 2d: [N, C, H, W]; 3d: [N, C, D, H, W]; N may be left out. Keywords as above. */
FAC_API fac_module *fac_nn_instance_norm1d_with(int64_t num_features, fac_nn_norm_options options);
FAC_API fac_module *fac_nn_instance_norm2d_with(int64_t num_features, fac_nn_norm_options options);
FAC_API fac_module *fac_nn_instance_norm3d_with(int64_t num_features, fac_nn_norm_options options);
#define fac_nn_instance_norm1d(n, ...) fac_nn_instance_norm1d_with(n, FAC_OPTIONS(fac_nn_norm_options, __VA_ARGS__))
#define fac_nn_instance_norm2d(n, ...) fac_nn_instance_norm2d_with(n, FAC_OPTIONS(fac_nn_norm_options, __VA_ARGS__))
#define fac_nn_instance_norm3d(n, ...) fac_nn_instance_norm3d_with(n, FAC_OPTIONS(fac_nn_norm_options, __VA_ARGS__))
/* Over the last dimensions: fac_nn_layer_norm(64), fac_nn_layer_norm(FAC_DIMS(3, 4)). Keywords eps, affine (torch's
 * elementwise_affine), dtype. */
FAC_API fac_module *fac_nn_layer_norm_with(fac_dims normalized_shape, fac_nn_norm_options options);
#define fac__nn_layer_norm(shape, ...)                                                                                 \
    fac_nn_layer_norm_with(FAC_AS_DIMS(shape), FAC_OPTIONS(fac_nn_norm_options, __VA_ARGS__))
#define fac_nn_layer_norm(...) fac__nn_layer_norm(__VA_ARGS__)
/* Keywords eps, affine, dtype. num_groups divides num_channels. */
FAC_API fac_module *fac_nn_group_norm_with(int64_t num_groups, int64_t num_channels, fac_nn_norm_options options);
#define fac_nn_group_norm(groups, channels, ...)                                                                       \
    fac_nn_group_norm_with(groups, channels, FAC_OPTIONS(fac_nn_norm_options, __VA_ARGS__))
/* Keywords alpha, beta, k. */
FAC_API fac_module *fac_nn_local_response_norm_with(int64_t size, fac_similarity_options options);
#define fac_nn_local_response_norm(size, ...)                                                                          \
    fac_nn_local_response_norm_with(size, FAC_OPTIONS(fac_similarity_options, __VA_ARGS__))

/* ---- recurrent ---------------------------------------------------------------------------------------------- */

typedef struct fac_nn_rnn_options {
    int64_t num_layers;       /* 1 */
    bool bias;                /* true */
    bool batch_first;         /* false; input and output are [N, T, …] then */
    double dropout;           /* 0: of the outputs of all layers but the last, in training mode */
    bool bidirectional;       /* false */
    int64_t proj_size;        /* LSTM: 0, or the size h is projected to */
    const char *nonlinearity; /* RNN: "tanh", or "relu" */
    fac_dtype dtype;
} fac_nn_rnn_options;
static inline fac_nn_rnn_options fac_nn_rnn_options_defaults(void)
{
    fac_nn_rnn_options o;
    o.num_layers = 1;
    o.bias = true;
    o.batch_first = o.bidirectional = false;
    o.dropout = 0;
    o.proj_size = 0;
    o.nonlinearity = "tanh";
    o.dtype = FAC_DTYPE_NONE;
    return o;
}
/* Layers of facula/ops_rnn.h, with parameters weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 (weight_hr_l0), those of the
 * other direction with _reverse behind, and so on with l1. input [T, N, I], or one sequence [T, I]. fac_forward begins with
 * zeros as states and gives the outputs of the last layer at each step, [T, N, D H]. */
FAC_API fac_module *fac_nn_lstm_with(int64_t input_size, int64_t hidden_size, fac_nn_rnn_options options);
FAC_API fac_module *fac_nn_gru_with(int64_t input_size, int64_t hidden_size, fac_nn_rnn_options options);
FAC_API fac_module *fac_nn_rnn_with(int64_t input_size, int64_t hidden_size, fac_nn_rnn_options options);
#define fac_nn_lstm(in, hidden, ...) fac_nn_lstm_with(in, hidden, FAC_OPTIONS(fac_nn_rnn_options, __VA_ARGS__))
#define fac_nn_gru(in, hidden, ...) fac_nn_gru_with(in, hidden, FAC_OPTIONS(fac_nn_rnn_options, __VA_ARGS__))
#define fac_nn_rnn(in, hidden, ...) fac_nn_rnn_with(in, hidden, FAC_OPTIONS(fac_nn_rnn_options, __VA_ARGS__))
/* One step: input [N, I] or [I], the result is the new h. Parameters weight_ih, weight_hh, bias_ih, bias_hh. Keywords bias,
 * nonlinearity, dtype. */
FAC_API fac_module *fac_nn_lstm_cell_with(int64_t input_size, int64_t hidden_size, fac_nn_rnn_options options);
FAC_API fac_module *fac_nn_gru_cell_with(int64_t input_size, int64_t hidden_size, fac_nn_rnn_options options);
FAC_API fac_module *fac_nn_rnn_cell_with(int64_t input_size, int64_t hidden_size, fac_nn_rnn_options options);
#define fac_nn_lstm_cell(in, hidden, ...)                                                                              \
    fac_nn_lstm_cell_with(in, hidden, FAC_OPTIONS(fac_nn_rnn_options, __VA_ARGS__))
#define fac_nn_gru_cell(in, hidden, ...) fac_nn_gru_cell_with(in, hidden, FAC_OPTIONS(fac_nn_rnn_options, __VA_ARGS__))
#define fac_nn_rnn_cell(in, hidden, ...) fac_nn_rnn_cell_with(in, hidden, FAC_OPTIONS(fac_nn_rnn_options, __VA_ARGS__))
/* The same with the states: fac_lstm_forward of an LSTM or LSTMCell, fac_rnn_forward of a GRU, RNN, GRUCell or RNNCell. h0 and
 * c0 are the states before, [L D, N, H] ([L D, H] for one sequence; [N, H] or [H] of a cell); NULL: zeros. hn and cn get the
 * states afterwards in the same shape; they may be NULL, and may point to h0 and c0 themselves:
 *
 *     fac_tensor *h = NULL, *c = NULL;
 *     for (…) y = fac_lstm_forward(cell, x[i], h, c, &h, &c);
 */
FAC_API fac_tensor *fac_lstm_forward(void *module, fac_tensor *input, fac_tensor *h0, fac_tensor *c0, fac_tensor **hn,
                                     fac_tensor **cn);
FAC_API fac_tensor *fac_rnn_forward(void *module, fac_tensor *input, fac_tensor *h0, fac_tensor **hn);

/* ---- attention ------------------------------------------------------------------------------------------------ */

typedef struct fac_nn_attention_options {
    double dropout;   /* 0: of the attention weights, in training mode */
    bool bias;        /* true */
    bool batch_first; /* false; inputs and output are [N, T, E] then */
    fac_dtype dtype;
} fac_nn_attention_options;
static inline fac_nn_attention_options fac_nn_attention_options_defaults(void)
{
    fac_nn_attention_options o;
    o.dropout = 0;
    o.bias = true;
    o.batch_first = false;
    o.dtype = FAC_DTYPE_NONE;
    return o;
}
/* MultiheadAttention with parameters in_proj_weight [3 E, E], in_proj_bias, out_proj.weight and out_proj.bias. fac_forward
 * attends to the input itself, [T, N, E] or one sequence [T, E]. */
FAC_API fac_module *fac_nn_multihead_attention_with(int64_t embed_dim, int64_t num_heads,
                                                    fac_nn_attention_options options);
#define fac_nn_multihead_attention(embed_dim, num_heads, ...)                                                          \
    fac_nn_multihead_attention_with(embed_dim, num_heads, FAC_OPTIONS(fac_nn_attention_options, __VA_ARGS__))

typedef struct fac_multihead_options {
    fac_tensor *key_padding_mask; /* bool [N, S] ([S] of one sequence), true: the key is left out; NULL */
    fac_tensor *attn_mask;        /* [L, S] or [N H, L, S]: bool, true: may not attend, or added; NULL */
    fac_tensor **weights;         /* gets the attention weights [N, L, S]; NULL. They cost a matrix of that size */
    bool average_attn_weights;    /* true: over the heads; else they are [N, H, L, S] */
} fac_multihead_options;
static inline fac_multihead_options fac_multihead_options_defaults(void)
{
    fac_multihead_options o;
    o.key_padding_mask = o.attn_mask = NULL;
    o.weights = NULL;
    o.average_attn_weights = true;
    return o;
}
/* The module called with other keys and values: query [L, N, E], key and value [S, N, E]. */
FAC_API fac_tensor *fac_multihead_forward_with(void *module, fac_tensor *query, fac_tensor *key, fac_tensor *value,
                                               fac_multihead_options options);
#define fac_multihead_forward(module, query, key, value, ...)                                                          \
    fac_multihead_forward_with(module, query, key, value, FAC_OPTIONS(fac_multihead_options, __VA_ARGS__))

/* ---- embedding, dropout, shapes ------------------------------------------------------------------------------- */

/* Keywords of fac_embedding (facula/ops_embed.h): padding_idx (whose row begins as zeros), max_norm, norm_type,
 * scale_grad_by_freq. The weight, of the default dtype, is normal. */
FAC_API fac_module *fac_nn_embedding_with(int64_t num_embeddings, int64_t embedding_dim, fac_embedding_options options);
#define fac_nn_embedding(n, dim, ...) fac_nn_embedding_with(n, dim, FAC_OPTIONS(fac_embedding_options, __VA_ARGS__))

/* Keywords p = 0.5, inplace = false. They do nothing in evaluation mode. */
FAC_API fac_module *fac_nn_dropout_with(fac_dropout_options options);
FAC_API fac_module *fac_nn_dropout1d_with(fac_dropout_options options);
FAC_API fac_module *fac_nn_dropout2d_with(fac_dropout_options options);
FAC_API fac_module *fac_nn_dropout3d_with(fac_dropout_options options);
FAC_API fac_module *fac_nn_alpha_dropout_with(fac_dropout_options options);
FAC_API fac_module *fac_nn_feature_alpha_dropout_with(fac_dropout_options options);
#define fac_nn_dropout(...) fac_nn_dropout_with(FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
#define fac_nn_dropout1d(...) fac_nn_dropout1d_with(FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
#define fac_nn_dropout2d(...) fac_nn_dropout2d_with(FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
#define fac_nn_dropout3d(...) fac_nn_dropout3d_with(FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
#define fac_nn_alpha_dropout(...) fac_nn_alpha_dropout_with(FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))
#define fac_nn_feature_alpha_dropout(...)                                                                              \
    fac_nn_feature_alpha_dropout_with(FAC_OPTIONS(fac_dropout_options, __VA_ARGS__))

typedef struct fac_nn_flatten_options {
    int start_dim, end_dim; /* 1, -1 */
} fac_nn_flatten_options;
static inline fac_nn_flatten_options fac_nn_flatten_options_defaults(void)
{
    fac_nn_flatten_options o;
    o.start_dim = 1;
    o.end_dim = -1;
    return o;
}
/* Dimensions start_dim to end_dim become one; one becomes several, of which one size may be -1. */
FAC_API fac_module *fac_nn_flatten_with(fac_nn_flatten_options options);
#define fac_nn_flatten(...) fac_nn_flatten_with(FAC_OPTIONS(fac_nn_flatten_options, __VA_ARGS__))
FAC_API fac_module *fac_nn_unflatten(int dim, fac_dims unflattened_size);

FAC_END

#ifdef __cplusplus
static inline fac_module *fac__container(fac_module *(*make)(fac_module_list),
                                         std::initializer_list<fac_module *> modules)
{
    fac_module_list list;
    list.items = const_cast<fac_module **>(modules.begin());
    list.count = (int64_t)modules.size();
    return make(list);
}
#define fac__CONTAINER(make, ...) fac__container(make, {__VA_ARGS__})
#else
/* gcc and clang evaluate the elements from left to right, so parameters are drawn in the order of the text. */
#define fac__CONTAINER(make, ...)                                                                                      \
    __extension__({                                                                                                    \
        fac_module *modules_[] = {__VA_ARGS__ __VA_OPT__(, ) NULL};                                                    \
        fac_module_list list_ = {modules_, (int64_t)(sizeof modules_ / sizeof *modules_) - 1};                         \
        make(list_);                                                                                                   \
    })
#endif
#define fac_nn_adaptive_avg_pool1d(size) fac_nn_adaptive_avg_pool1d(FAC_AS_DIMS(size))
#define fac_nn_adaptive_avg_pool2d(size) fac_nn_adaptive_avg_pool2d(FAC_AS_DIMS(size))
#define fac_nn_adaptive_avg_pool3d(size) fac_nn_adaptive_avg_pool3d(FAC_AS_DIMS(size))
#define fac_nn_adaptive_max_pool1d(size) fac_nn_adaptive_max_pool1d(FAC_AS_DIMS(size))
#define fac_nn_adaptive_max_pool2d(size) fac_nn_adaptive_max_pool2d(FAC_AS_DIMS(size))
#define fac_nn_adaptive_max_pool3d(size) fac_nn_adaptive_max_pool3d(FAC_AS_DIMS(size))

#endif
