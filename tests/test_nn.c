/* Every layer against PyTorch's, from the same seed (tests/data/nn_layers.txt): text, parameters, results, gradients, buffers;
 * bad arguments and failed allocations. */
#include "recorded.h"

#include "core/memory.h"

/* ---- layers ------------------------------------------------------------------------------------------------- */

#define LAYER(name, make)                                                                                              \
    static fac_module *make_##name(void)                                                                               \
    {                                                                                                                  \
        return make;                                                                                                   \
    }
#define LAYERS(X)                                                                                                      \
    X(linear, fac_nn_linear(3, 4))                                                                                     \
    X(linear_plain, fac_nn_linear(3, 4, .bias = false))                                                                \
    X(linear_double, fac_nn_linear(3, 2, .dtype = FAC_FLOAT64))                                                        \
    X(identity, fac_nn_identity())                                                                                     \
    X(conv1d, fac_nn_conv1d(4, 3, 3))                                                                                  \
    X(conv2d, fac_nn_conv2d(4, 6, 3, .padding = 1))                                                                    \
    X(conv2d_rich, fac_nn_conv2d(4, 6, FAC_DIMS(3, 2), .stride = 2, .paddings = FAC_DIMS(0, 1), .dilation = 2,         \
                                 .groups = 2, .bias = false))                                                          \
    X(conv2d_same, fac_nn_conv2d(4, 2, FAC_DIMS(2, 3), .padding_name = "same"))                                        \
    X(conv2d_same_circular, fac_nn_conv2d(4, 2, FAC_DIMS(2, 3), .padding_name = "same", .padding_mode = "circular"))   \
    X(conv2d_reflect, fac_nn_conv2d(4, 2, 3, .paddings = FAC_DIMS(2, 1), .padding_mode = "reflect"))                   \
    X(conv3d, fac_nn_conv3d(2, 2, 2))                                                                                  \
    X(conv_transpose1d, fac_nn_conv_transpose1d(4, 3, 2, .stride = 2))                                                 \
    X(conv_transpose2d, fac_nn_conv_transpose2d(4, 6, 3, .stride = 2, .padding = 1, .output_padding = 1, .groups = 2)) \
    X(conv_transpose3d, fac_nn_conv_transpose3d(2, 2, 2))                                                              \
    X(max_pool1d, fac_nn_max_pool1d(2))                                                                                \
    X(max_pool2d, fac_nn_max_pool2d(FAC_DIMS(3, 2), .stride = 1, .padding = 1, .ceil_mode = true))                     \
    X(max_pool3d, fac_nn_max_pool3d(2))                                                                                \
    X(avg_pool1d, fac_nn_avg_pool1d(2))                                                                                \
    X(avg_pool2d, fac_nn_avg_pool2d(3, .stride = 2, .padding = 1, .count_include_pad = false))                         \
    X(avg_pool3d, fac_nn_avg_pool3d(2))                                                                                \
    X(adaptive_avg_pool1d, fac_nn_adaptive_avg_pool1d(3))                                                              \
    X(adaptive_avg_pool2d, fac_nn_adaptive_avg_pool2d(FAC_DIMS(FAC_SAME_SIZE, 2)))                                     \
    X(adaptive_avg_pool3d, fac_nn_adaptive_avg_pool3d(2))                                                              \
    X(adaptive_max_pool1d, fac_nn_adaptive_max_pool1d(3))                                                              \
    X(adaptive_max_pool2d, fac_nn_adaptive_max_pool2d(2))                                                              \
    X(adaptive_max_pool3d, fac_nn_adaptive_max_pool3d(2))                                                              \
    X(batch_norm1d, fac_nn_batch_norm1d(4))                                                                            \
    X(batch_norm1d_sequence, fac_nn_batch_norm1d(4, .eps = 1e-3, .momentum = NAN))                                     \
    X(batch_norm2d, fac_nn_batch_norm2d(4))                                                                            \
    X(batch_norm2d_bare, fac_nn_batch_norm2d(4, .affine = false, .track_running_stats = false))                        \
    X(batch_norm3d, fac_nn_batch_norm3d(2))                                                                            \
    X(instance_norm1d, fac_nn_instance_norm1d(4))                                                                      \
    X(instance_norm2d, fac_nn_instance_norm2d(4, .affine = true))                                                      \
    X(instance_norm2d_tracking, fac_nn_instance_norm2d(4, .track_running_stats = true))                                \
    X(instance_norm3d, fac_nn_instance_norm3d(2))                                                                      \
    X(layer_norm, fac_nn_layer_norm(6))                                                                                \
    X(layer_norm_plain, fac_nn_layer_norm(FAC_DIMS(5, 6), .eps = 1e-6, .affine = false))                               \
    X(group_norm, fac_nn_group_norm(2, 4))                                                                             \
    X(group_norm_plain, fac_nn_group_norm(1, 4, .affine = false))                                                      \
    X(local_response_norm, fac_nn_local_response_norm(2))                                                              \
    X(embedding, fac_nn_embedding(5, 4))                                                                               \
    X(embedding_rich,                                                                                                  \
      fac_nn_embedding(5, 4, .padding_idx = -2, .max_norm = 1.5, .norm_type = 3, .scale_grad_by_freq = true))          \
    X(dropout, fac_nn_dropout(.p = 0.2))                                                                               \
    X(dropout1d, fac_nn_dropout1d())                                                                                   \
    X(dropout2d, fac_nn_dropout2d())                                                                                   \
    X(dropout3d, fac_nn_dropout3d())                                                                                   \
    X(alpha_dropout, fac_nn_alpha_dropout(.p = 0.4))                                                                   \
    X(feature_alpha_dropout, fac_nn_feature_alpha_dropout(.p = 0.4))                                                   \
    X(flatten, fac_nn_flatten())                                                                                       \
    X(flatten_first, fac_nn_flatten(.start_dim = 0, .end_dim = 2))                                                     \
    X(unflatten, fac_nn_unflatten(1, FAC_DIMS(2, -1)))                                                                 \
    X(prelu, fac_nn_prelu())                                                                                           \
    X(prelu_channels, fac_nn_prelu(.num_parameters = 4, .init = 0.1))                                                  \
    X(mlp, fac_nn_sequential(fac_nn_linear(6, 4), fac_nn_tanh(),                                                       \
                             fac_nn_sequential(fac_nn_linear(4, 3), fac_nn_relu()), fac_nn_linear(3, 2)))              \
    X(lenet, fac_nn_sequential(fac_nn_conv2d(4, 3, 3), fac_nn_relu(), fac_nn_max_pool2d(2), fac_nn_flatten(),          \
                               fac_nn_linear(6, 3), fac_nn_softmax(1)))                                                \
    X(relu, fac_nn_relu())                                                                                             \
    X(relu6, fac_nn_relu6())                                                                                           \
    X(leaky_relu, fac_nn_leaky_relu())                                                                                 \
    X(leaky_relu_steep, fac_nn_leaky_relu(.negative_slope = 0.2))                                                      \
    X(rrelu, fac_nn_rrelu())                                                                                           \
    X(elu, fac_nn_elu())                                                                                               \
    X(elu_small, fac_nn_elu(.alpha = 0.5))                                                                             \
    X(selu, fac_nn_selu())                                                                                             \
    X(celu, fac_nn_celu(.alpha = 0.7))                                                                                 \
    X(gelu, fac_nn_gelu())                                                                                             \
    X(gelu_tanh, fac_nn_gelu(.approximate = "tanh"))                                                                   \
    X(silu, fac_nn_silu())                                                                                             \
    X(mish, fac_nn_mish())                                                                                             \
    X(sigmoid, fac_nn_sigmoid())                                                                                       \
    X(tanh, fac_nn_tanh())                                                                                             \
    X(hardtanh, fac_nn_hardtanh())                                                                                     \
    X(hardtanh_narrow, fac_nn_hardtanh(.min_val = -0.5, .max_val = 0.25))                                              \
    X(hardswish, fac_nn_hardswish())                                                                                   \
    X(hardsigmoid, fac_nn_hardsigmoid())                                                                               \
    X(softplus, fac_nn_softplus())                                                                                     \
    X(softplus_sharp, fac_nn_softplus(.beta = 2.5, .threshold = 1))                                                    \
    X(softsign, fac_nn_softsign())                                                                                     \
    X(tanhshrink, fac_nn_tanhshrink())                                                                                 \
    X(softshrink, fac_nn_softshrink())                                                                                 \
    X(hardshrink, fac_nn_hardshrink())                                                                                 \
    X(log_sigmoid, fac_nn_log_sigmoid())                                                                               \
    X(threshold, fac_nn_threshold(0.1, 20))                                                                            \
    X(softmax, fac_nn_softmax(1))                                                                                      \
    X(log_softmax, fac_nn_log_softmax(-1))                                                                             \
    X(softmin, fac_nn_softmin(0))                                                                                      \
    X(glu, fac_nn_glu())                                                                                               \
    X(lstm, fac_nn_lstm(3, 4))                                                                                         \
    X(lstm_rich,                                                                                                       \
      fac_nn_lstm(3, 4, .num_layers = 2, .bias = false, .batch_first = true, .dropout = 0.4, .bidirectional = true))   \
    X(lstm_projected, fac_nn_lstm(2, 4, .proj_size = 3))                                                               \
    X(gru, fac_nn_gru(3, 4))                                                                                           \
    X(gru_rich, fac_nn_gru(3, 2, .num_layers = 2, .dropout = 0.4, .bidirectional = true, .dtype = FAC_FLOAT64))        \
    X(rnn, fac_nn_rnn(3, 4, .num_layers = 3))                                                                          \
    X(rnn_relu, fac_nn_rnn(3, 4, .nonlinearity = "relu", .bias = false, .batch_first = true))                          \
    X(lstm_cell, fac_nn_lstm_cell(3, 4))                                                                               \
    X(gru_cell, fac_nn_gru_cell(3, 4, .bias = false))                                                                  \
    X(rnn_cell, fac_nn_rnn_cell(3, 4))                                                                                 \
    X(rnn_relu_cell, fac_nn_rnn_cell(3, 4, .nonlinearity = "relu"))                                                    \
    X(attention, fac_nn_multihead_attention(6, 2))                                                                     \
    X(attention_batch, fac_nn_multihead_attention(6, 3, .bias = false, .batch_first = true))                           \
    X(attention_alone, fac_nn_multihead_attention(4, 1))
LAYERS(LAYER)

typedef struct maker {
    const char *name;
    fac_module *(*make)(void);
} maker;
#define ROW(name, make) {#name, make_##name},
static const maker makers[] = {LAYERS(ROW)};
enum { MAKERS = sizeof makers / sizeof *makers };

static fac_module *make_layer(const char *name)
{
    for (int i = 0; i < MAKERS; i++)
        if (!strcmp(makers[i].name, name)) return makers[i].make();
    fail_msg("no layer '%s'", name);
    return NULL;
}

/* The rest of the file's lines of one layer, checked one after another. */
static void check_layer(recorded *r)
{
    fac_tensor *x = NULL, *y = NULL, *grads[RECORDED_VALUES] = {NULL}, *leaves[RECORDED_VALUES];
    int leaf_count = 0, next_grad = 0;
    fac_manual_seed(5);
    fac_module *layer = make_layer(r->name);
    if (!layer) fail_msg("%s: %s", r->name, fac_error());
    char *text = fac_module_to_string(layer), *print = text;
    fac_state *named = fac_state_dict(layer);
    int64_t next = 0;
    while (recorded_line(r)) {
        const char *mark = recorded_word(r);
        if (!strcmp(mark, "end")) break;
        if (!strcmp(mark, "r")) {
            char *want = r->at, *line = strsep(&print, "\n");
            want[strcspn(want, "\n")] = 0;
            if (!line || strcmp(line, want)) fail_msg("%s prints %s, expected %s", r->name, line, want);
        } else if (!strcmp(mark, "p")) {
            const char *name = recorded_word(r);
            assert_string_equal(fac_state_name_at(named, next), name);
            fac_tensor *want = recorded_tensor(r, false, NULL);
            check_close(fac_state_tensor_at(named, next), want,
                        strstr(r->name, "embedding") ? 1e-6 : 0); /* to the bit */
            next++;
        } else if (!strcmp(mark, "x")) {
            assert_int_equal(next, fac_state_count(named));
            x = recorded_tensor(r, false, NULL);
            if (fac_dtype_is_floating(fac_dtype_of(x))) leaves[leaf_count++] = fac_requires_grad_(x, true);
            fac_tensor_list all = fac_parameters(layer);
            for (int64_t i = 0; i < all.count; i++)
                leaves[leaf_count++] = all.items[i];
            fac_manual_seed(6);
            y = fac_forward(layer, x);
        } else if (!strcmp(mark, "=")) {
            recorded_compare(r, "output", 0, y, recorded_tensor(r, false, NULL));
            fac_tensor *weights = recorded_weights(y);
            if (!fac_autograd_grad(&y, 1, leaves, leaf_count, grads, .grad_outputs = &weights))
                fail_msg("%s: %s", r->name, fac_error());
        } else if (!strcmp(mark, "g")) {
            recorded_compare(r, "gradient", next_grad, grads[next_grad], recorded_tensor(r, false, NULL));
            next_grad++;
        } else if (!strcmp(mark, "b")) {
            const char *name = recorded_word(r);
            recorded_compare(r, name, 1, fac_state_get(named, name), recorded_tensor(r, false, NULL));
        } else {
            fac_eval(layer);
            recorded_compare(r, "evaluation", 0, fac_forward(layer, x), recorded_tensor(r, false, NULL));
        }
    }
    assert_int_equal(next_grad, leaf_count);
    assert_null(print);
    free(text);
    fac_state_free(named);
    fac_module_free(layer);
}

static void test_layers(void **state)
{
    recorded r = {.file = fopen(FAC_TEST_DATA "/nn_layers.txt", "r")};
    assert_non_null(r.file);
    int count = 0;
    for (; recorded_line(&r); count++) {
        assert_string_equal(recorded_word(&r), "layer");
        snprintf(r.name, sizeof r.name, "%s", recorded_word(&r));
        fac_scope
            check_layer(&r);
        assert_null(fac_error());
    }
    assert_int_equal(count, MAKERS);
    free(r.line);
    fclose(r.file);
}

/* In place: the input is what comes out, with the same values. */
static void test_inplace(void **state)
{
    static const char *const names[] = {"relu", "relu6", "leaky_relu", "elu",       "selu",        "celu",
                                        "silu", "mish",  "hardtanh",   "hardswish", "hardsigmoid", "threshold"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fac_scope {
            fac_tensor *x = fac_literal("[-2., -0.5, 0.5, 2.]"), *copy = fac_clone(x);
            fac_module *plain = fac_nn_activation(names[i]), *inplace = fac_nn_activation(names[i], .inplace = true);
            fac_tensor *want = fac_forward(plain, copy), *got = fac_forward(inplace, x);
            assert_ptr_equal(got, x);
            check_close(got, want, 0);
            fac_module_free(plain);
            fac_module_free(inplace);
        }
}

/* Where pooling comes behind ReLU, Sequential takes the maxima first: the same bits as one layer after the other. */
static void test_relu_and_pooling(void **state)
{
    for (int trial = 0; trial < 4; trial++)
        fac_scope {
            fac_tensor *start = fac_randn(FAC_SHAPE(2, 3, 9, 10)), *x[2], *y[2], *g = NULL;
            if (trial == 1) start = fac_sub_scalar(start, 1.5); /* whole windows are cut off */
            if (trial == 2) start = fac_round(start);           /* many are equal */
            if (trial == 3) fac_fill_(fac_select(start, 2, 4), NAN);
            fac_module *relu = fac_nn_relu(), *pool = fac_nn_max_pool2d(3, .stride = 2, .padding = 1),
                       *flat = fac_nn_flatten();
            fac_module *all = fac_nn_sequential(relu, pool, flat);
            for (int i = 0; i < 2; i++) {
                x[i] = fac_requires_grad_(fac_clone(start), true);
                y[i] = i ? fac_forward(all, x[i]) : fac_forward(flat, fac_forward(pool, fac_forward(relu, x[i])));
                if (!g) g = fac_randn_like(y[i]);
                fac_backward(y[i], .gradient = g);
            }
            check_close(y[1], y[0], 0);
            check_close(fac_grad(x[1]), fac_grad(x[0]), 0);
            fac_module_free(all);

            all = fac_nn_sequential(fac_nn_relu(), fac_nn_max_pool2d(2));
            assert_string_equal(fac_grad_fn_name(fac_forward(all, x[0])), "MaxPool2DWithIndicesBackward0");
            fac_module_free(all);
            all = fac_nn_sequential(fac_nn_relu(.inplace = true), fac_nn_max_pool2d(2), fac_nn_flatten());
            fac_forward(all, start);
            assert_true(fac_item(fac_min(fac_nan_to_num(start))) >= 0); /* who asks for it in place sees it */
            fac_module_free(all);
        }
}

/* ---- failures ----------------------------------------------------------------------------------------------- */

static void test_layer_errors(void **state)
{
    fac_scope {
        fac_module *bn1 = fac_nn_batch_norm1d(3), *bn2 = fac_nn_batch_norm2d(3);
        fac_tensor *x = fac_ones(FAC_SHAPE(2, 3));
        expect_error(fac_forward(bn1, fac_ones(FAC_SHAPE(3))), "expected 2D or 3D input (got 1D input)");
        expect_error(fac_forward(bn2, x), "expected 4D input (got 2D input)");
        expect_error(fac_forward(bn1, NULL), "argument 'x' must not be NULL");
        fac_module_free(bn1);
        fac_module_free(bn2);
        expect_error(fac_nn_conv2d(3, 4, 3, .groups = 2), "in_channels must be divisible by groups");
        expect_error(fac_nn_conv2d(4, 3, 3, .groups = 2), "out_channels must be divisible by groups");
        expect_error(fac_nn_conv2d(4, 3, FAC_DIMS(1, 2, 3)), "kernel takes 1 or 2 numbers, not 3");
        expect_error(fac_nn_conv2d(4, 3, 3, .padding_name = "full"),
                     "Invalid padding string 'full', should be one of {'same', 'valid'}");
        expect_error(fac_nn_conv2d(4, 3, 3, .padding_name = "same", .stride = 2),
                     "padding='same' is not supported for strided convolutions");
        expect_error(fac_nn_conv2d(4, 3, 3, .padding_mode = "x"), "padding_mode must be one of");
        expect_error(fac_nn_conv_transpose2d(4, 3, 3, .padding_mode = "reflect"),
                     "Only \"zeros\" padding mode is supported for ConvTranspose2d");
        expect_error(fac_nn_conv2d(4, 3, -3), "");
        expect_error(fac_nn_linear(-1, 2), "");
        expect_error(fac_nn_sequential_list((fac_module_list){NULL, 2}), "argument 'modules.items' must not be NULL");
        expect_error(fac_nn_group_norm(2, 3), "num_channels must be divisible by num_groups");
        expect_error(fac_nn_embedding(3, 2, .padding_idx = 3), "Padding_idx must be within num_embeddings");
        expect_error(fac_nn_dropout(.p = 2), "dropout probability has to be between 0 and 1, but got 2");
        expect_error(fac_nn_activation("softminus"), "there is no activation 'softminus'");
        expect_error(fac_nn_gelu(.approximate = "yes"), "approximate argument must be either none or tanh.");
        expect_error(fac_nn_linear(2, 2, .dtype = FAC_INT64), "Only Tensors of floating point");
    }
}

/* The n-th allocation fails, for each n: no crash, no leak, an error, NULL or a module that works. */
static void test_failed_allocations(void **state)
{
    for (int i = 0; i < MAKERS; i++)
        for (int n = 1; n < 400; n++) {
            fac_clear_error();
            int64_t before = fac_memory().used, count = fac__alloc_count();
            fac__alloc_fail_at(n);
            fac_module *m = makers[i].make();
            bool far = fac__alloc_count() - count < n;
            fac__alloc_fail_at(0);
            assert_true(m || fac_error());
            if (far) assert_non_null(m);
            fac_module_free(m);
            if (fac_memory().used != before) fail_msg("%s leaks when allocation %d fails", makers[i].name, n);
            if (far) break;
        }
    fac_clear_error();
}

/* Masks, other keys and values, and the weights of MultiheadAttention, as PyTorch gives them. */
static void test_attention(void **state)
{
    enum { NONE, BOOL, ADDED };
    static const struct {
        bool pads;
        int mask;
        const char *y, *weights;
    } cases[] = {
        {false, NONE,
         "[[0.05378057, 0.04521696, -0.03307476, -0.03762561], [-0.0009309241, 0.1288782, -0.02631572, -0.04897035], "
         "[0.03139251, 0.05484148, -0.02445693, -0.0326317]]",
         "[[0.2475884, 0.2489955, 0.2436278, 0.2597884], [0.2495019, 0.2452089, 0.2488429, 0.2564463], [0.2409069, "
         "0.2452992, 0.2831412, 0.2306527]]"},
        {true, NONE,
         "[[0.1674032, 0.06160715, -0.06307469, -0.0650945], [0.1035601, 0.1596516, -0.04134959, -0.06189961], "
         "[0.1437908, 0.06286818, -0.04159772, -0.04405493]]",
         "[[0.3305802, 0, 0.3210071, 0.3484128], [0.3311103, 0, 0.327812, 0.3410777], [0.3191591, 0, 0.3752819, "
         "0.305559]]"},
        {false, BOOL,
         "[[0.05902025, 0.4182322, -0.1342388, -0.2046561], [-0.1237731, 0.223321, -0.05067005, -0.09771565], "
         "[-0.002899152, -0.0293395, 0.006386814, 0.01121561]]",
         "[[1., 0, 0, 0], [0.5041291, 0.4958709, 0, 0], [0.3133044, 0.3188191, 0.3678765, 0]]"},
        {true, BOOL,
         "[[0.05902025, 0.4182322, -0.1342388, -0.2046561], [0.05902025, 0.4182322, -0.1342388, -0.2046561], "
         "[0.1416174, -0.0557698, -0.005313283, 0.01318949]]",
         "[[1., 0, 0, 0], [1, 0, 0, 0], [0.4598932, 0, 0.5401069, 0]]"},
        {true, ADDED,
         "[[0.14877, 0.1292006, -0.08476833, -0.09957308], [0.1125265, 0.08839185, -0.005831075, -0.01186982], "
         "[0.1028754, 0.2416243, -0.08572059, -0.1228436]]",
         "[[0.6483382, 0, 0.2418373, 0.1098245], [0.08346594, 0, 0.4329088, 0.4836252], [0.4850811, 0, 0.1943054, "
         "0.3206135]]"},
    };
    fac_scope {
        fac_manual_seed(5);
        fac_module *m = fac_nn_multihead_attention(4, 2);
        fac_tensor *q = fac_view(fac_sin(fac_arange(0, 12, 1, .dtype = FAC_FLOAT32)), FAC_SHAPE(3, 1, 4)), *w;
        fac_tensor *k = fac_view(fac_cos(fac_arange(0, 16, 1, .dtype = FAC_FLOAT32)), FAC_SHAPE(4, 1, 4));
        fac_tensor *v = fac_view(fac_sin(fac_arange(0, 8, 0.5, .dtype = FAC_FLOAT32)), FAC_SHAPE(4, 1, 4));
        fac_tensor *pad = fac_eq_scalar(fac_view(fac_arange(0, 4, 1), FAC_SHAPE(1, 4)), 1);
        fac_tensor *masks[] = {NULL, fac_triu(fac_ones(FAC_SHAPE(3, 4), .dtype = FAC_BOOL), 1),
                               fac_view(fac_cos(fac_arange(0, 24, 1, .dtype = FAC_FLOAT32)), FAC_SHAPE(2, 3, 4))};
        for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++) {
            fac_tensor *padding = cases[i].pads ? pad : NULL, *mask = masks[cases[i].mask];
            fac_tensor *y =
                fac_multihead_forward(m, q, k, v, .key_padding_mask = padding, .attn_mask = mask, .weights = &w);
            check_values(fac_squeeze_dim(y, 1), cases[i].y);
            check_values(fac_squeeze_dim(w, 0), cases[i].weights);
            /* one sequence, and without the weights */
            y = fac_multihead_forward(m, fac_squeeze_dim(q, 1), fac_squeeze_dim(k, 1), fac_squeeze_dim(v, 1),
                                      .key_padding_mask = padding ? fac_squeeze_dim(padding, 0) : NULL,
                                      .attn_mask = mask);
            check_values(y, cases[i].y);
        }
        (void)fac_multihead_forward(m, q, k, v, .weights = &w, .average_attn_weights = false);
        check_values(fac_squeeze_dim(w, 0),
                     "[[[0.2622237, 0.2719385, 0.1527929, 0.3130449], [0.2318813, 0.2310864, 0.3290056, 0.2080267], "
                     "[0.2487389, 0.240932, 0.2702007, 0.2401283]], [[0.2329531, 0.2260525, 0.3344626, 0.2065319], "
                     "[0.2671225, 0.2593314, 0.1686801, 0.304866], [0.2330748, 0.2496664, 0.2960817, 0.2211771]]]");
        expect_error(fac_multihead_forward(m, q, fac_squeeze_dim(k, 1), v), "For batched (3-D) `query`");
        expect_error(fac_multihead_forward(m, fac_ones(FAC_SHAPE(4)), k, v),
                     "query should be unbatched 2D or batched 3D");
        expect_error(fac_forward(m, fac_ones(FAC_SHAPE(2, 3))), "was expecting embedding dimension of 4, but got 3");
        expect_error(fac_multihead_forward(m, q, k, v, .key_padding_mask = fac_ones(FAC_SHAPE(1, 4))),
                     "key_padding_mask");
        fac_module *linear = fac_nn_linear(4, 4);
        expect_error(fac_multihead_forward(linear, q, k, v), "Linear is no MultiheadAttention");
        fac_module_free(linear);
        expect_error(fac_nn_multihead_attention(4, 3), "embed_dim must be divisible by num_heads");
        fac_module_free(m);
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relu_and_pooling), cmocka_unit_test(test_layers),
        cmocka_unit_test(test_attention),        cmocka_unit_test(test_inplace),
        cmocka_unit_test(test_layer_errors),     cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
