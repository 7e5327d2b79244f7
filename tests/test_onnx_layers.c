/* Every layer, with usual and unusual arguments, and functions that networks call between them: written as ONNX, read and
 * compared, for inputs of another batch. test_onnx.c has the layers of every day and whole models. */
#define _GNU_SOURCE
#include "file_bytes.h"

#include "core/memory.h"
#include "onnx_round.h"

#ifndef STEP
#define STEP 17 /* of the many allocations, some */
#endif

/* As it is, without another batch. */
#define SAME(module, x) check_round(module, FAC_TENSORS(x), OPTIONS())

static fac_tensor *images(void)
{
    return fac_randn(FAC_SHAPE(2, 4, 9, 11));
}

static void windows(void **unused)
{
    fac_manual_seed(5);
    fac_tensor *x = images(), *line = fac_randn(FAC_SHAPE(2, 4, 9)), *volume = fac_randn(FAC_SHAPE(2, 4, 5, 6, 7));
    static const char *const modes[] = {"reflect", "replicate", "circular"};
    for (int i = 0; i < 3; i++)
        ROUND(fac_nn_conv2d(4, 2, 3, .paddings = FAC_DIMS(2, 1), .padding_mode = modes[i]), x);
    ROUND(fac_nn_conv3d(4, 2, 2, .groups = 2, .strides = FAC_DIMS(1, 2, 1)), volume);
    ROUND(fac_nn_conv_transpose1d(4, 2, 3, .stride = 2, .dilation = 2), line);
    SAME(fac_nn_conv2d(4, 2, 3), fac_randn(FAC_SHAPE(4, 5, 6)));
    SAME(fac_nn_conv_transpose3d(4, 2, 2, .stride = 2), fac_randn(FAC_SHAPE(4, 2, 3, 2)));
    ROUND(fac_nn_max_pool1d(3, .stride = 2, .padding = 1, .dilation = 2), line);
    ROUND(fac_nn_max_pool2d(2, .stride = 3, .padding = 1, .ceil_mode = true), x);
    SAME(fac_nn_max_pool3d(2, .stride = 1), fac_randn(FAC_SHAPE(4, 5, 6, 7)));
    ROUND(fac_nn_avg_pool2d(3, .stride = 2, .padding = 1, .ceil_mode = true), x);
    ROUND(fac_nn_avg_pool2d(3, .padding = 1, .ceil_mode = true, .count_include_pad = false), x);
    ROUND(fac_nn_avg_pool3d(2, .divisor_override = 5, .padding = 1), volume);
    ROUND(fac_nn_adaptive_avg_pool2d(FAC_DIMS(FAC_SAME_SIZE, 5)), x);
    ROUND(fac_nn_adaptive_avg_pool3d(FAC_DIMS(2, 3, 9)), volume);
    ROUND(fac_nn_adaptive_max_pool1d(4), line);
    ROUND(fac_nn_adaptive_max_pool2d(FAC_DIMS(3, 1)), x);
    ROUND(fac_nn_adaptive_max_pool3d(1), volume);
    SAME(fac_nn_adaptive_max_pool2d(FAC_DIMS(4, 5)), fac_randn(FAC_SHAPE(4, 9, 11)));
}

static void pictures(void **unused)
{
    fac_manual_seed(6);
    fac_tensor *x = images(), *line = fac_randn(FAC_SHAPE(2, 4, 9)), *volume = fac_randn(FAC_SHAPE(2, 2, 3, 4, 5));
    ROUND(fac_nn_upsample(.scale_factor = 3), line);
    ROUND(fac_nn_upsample(.scale_h = 1.7, .scale_w = 0.4), x);
    ROUND(fac_nn_upsample(.size = FAC_DIMS(13, 7)), x);
    ROUND(fac_nn_upsample(.size = FAC_DIMS(4, 3, 9), .mode = "nearest-exact"), volume);
    ROUND(fac_nn_upsample(.scale_factor = 2, .mode = "linear", .align_corners = true), line);
    ROUND(fac_nn_upsample(.scale_factor = 1.3, .mode = "bilinear"), x);
    ROUND(fac_nn_upsample(.scale_factor = 0.7, .mode = "bilinear", .recompute_scale_factor = true), x);
    ROUND(fac_nn_upsample(.size = FAC_DIMS(5, 6), .mode = "bilinear", .antialias = true), x);
    ROUND(fac_nn_upsample(.scale_factor = 2, .mode = "trilinear"), volume);
    ROUND(fac_nn_upsample(.scale_factor = 2, .mode = "bicubic"), x);
    ROUND(fac_nn_upsample(.size = FAC_DIMS(13, 14), .mode = "bicubic", .align_corners = true), x);
    ROUND(fac_nn_upsample(.size = FAC_DIMS(5, 6), .mode = "bicubic", .antialias = true), x);
    ROUND(fac_nn_upsample(.size = FAC_DIMS(4, 5), .mode = "area"), x);
    ROUND(fac_nn_pixel_shuffle(2), x);
    ROUND(fac_nn_sequential(fac_nn_pixel_unshuffle(2), fac_nn_channel_shuffle(4)), fac_randn(FAC_SHAPE(2, 2, 4, 6)));
    ROUND(fac_nn_unfold(FAC_DIMS(3, 2), .stride = 2, .padding = 1), x);
    SAME(fac_nn_unfold(2, .dilation = 2), fac_randn(FAC_SHAPE(4, 6, 6)));
    ROUND(fac_nn_fold(FAC_DIMS(6, 8), 2, .stride = 2, .padding = 1), fac_randn(FAC_SHAPE(2, 12, 20)));
    SAME(fac_nn_fold(FAC_DIMS(6, 7), 2), fac_randn(FAC_SHAPE(12, 30)));
}

static void others(void **unused)
{
    fac_manual_seed(7);
    fac_tensor *x = images(), *rows = fac_randn(FAC_SHAPE(3, 8)), *sequence = fac_randn(FAC_SHAPE(4, 3, 5));
    ROUND(fac_nn_softplus(.beta = 2, .threshold = 1), rows);
    ROUND(fac_nn_celu(.alpha = 0.3), fac_to(rows, FAC_FLOAT64));
    ROUND(fac_nn_rrelu(), rows);
    ROUND(fac_nn_glu(.dim = 1), x);
    ROUND(fac_nn_batch_norm2d(4, .track_running_stats = false), x);
    ROUND(fac_nn_batch_norm2d(4, .track_running_stats = false, .affine = false), x);
    ROUND(fac_nn_instance_norm2d(4, .affine = true, .track_running_stats = true), x);
    ROUND(fac_nn_local_response_norm(3, .alpha = 0.1, .beta = 0.5, .k = 2), x);
    ROUND(fac_nn_unflatten(1, FAC_DIMS(2, -1)), x);
    ROUND(fac_nn_lstm_cell(8, 6), rows);
    ROUND(fac_nn_lstm_cell(8, 6, .bias = false), rows);
    ROUND(fac_nn_gru_cell(8, 6), rows);
    ROUND(fac_nn_rnn_cell(8, 6, .nonlinearity = "relu"), rows);
    ROUND(fac_nn_rnn(5, 6, .nonlinearity = "relu", .bidirectional = true), sequence, .batch_dim = 1);
    ROUND(fac_nn_lstm(5, 6, .proj_size = 3, .num_layers = 2, .bidirectional = true), sequence, .batch_dim = 1);
    ROUND(fac_nn_gru(5, 6, .num_layers = 2, .bidirectional = true), sequence, .batch_dim = 1);
    fac_module *m = fac_nn_embedding(10, 4, .max_norm = 1); /* changes its weight when it is looked at */
    expect_error(fac_onnx_save(m, FAC_TENSORS(fac_randint(0, 10, FAC_SHAPE(3))), "no.onnx"), "embedding");
    fac_module_free(m);
}

/* ---- functions ---------------------------------------------------------------------------------------------------- */

static fac_tensor *orders(fac_module *self, fac_tensor *x)
{
    fac_tensor *at, *y = fac_sort(x, .dim = 1, .descending = true, .indices = &at);
    y = fac_add(y, fac_argmax(fac_select(x, 0, 0)));
    fac_tensor *top = fac_topk(x, 3, .dim = 1), *most = fac_max_dim(x, 1, true, &at);
    y = fac_add(y, fac_gather(x, 1, fac_argsort(x, .dim = 1, .stable = true)));
    y = fac_add(y, fac_cumsum(fac_flip(x, FAC_DIMS(1)), 1, FAC_DTYPE_NONE));
    y = fac_add(y, fac_to(fac_add(at, fac_argmin(x, .dim = 1, .keepdim = true)), FAC_FLOAT32));
    y = fac_sub(y, fac_mul(most, fac_min_dim(top, 1, true, NULL)));
    return fac_cat(FAC_TENSORS(y, top, fac_roll(x, FAC_DIMS(3), FAC_DIMS(1))), 1);
}

static fac_tensor *places(fac_module *self, fac_tensor *x)
{
    fac_tensor *at = fac_argmax(x, .dim = 1, .keepdim = true), *fixed = fac_literal("[0, 2, 2]", .dtype = FAC_INT64);
    fac_tensor *y = fac_scatter(x, 1, at, fac_mul_scalar(x, 2));
    y = fac_add(y, fac_scatter_scalar(x, 1, at, 7));
    y = fac_add(fac_scatter_add(y, 1, at, x), fac_index_add(x, 1, fixed, fac_narrow(x, 1, 0, 3), 1));
    y = fac_add(y, fac_one_hot(fac_squeeze_dim(at, 1), fac_size(x, 1)));
    y = fac_add(y, fac_repeat_interleave(fac_narrow(x, 1, 0, 4), 2, 1));
    y = fac_add(fac_repeat(y, FAC_DIMS(1, 2)), fac_tile(x, FAC_DIMS(2)));
    fac_tensor_list columns = fac_unbind(y, 1);
    return columns.items ? fac_add(y, fac_unsqueeze(columns.items[3], 1)) : NULL;
}

static fac_tensor *sums(fac_module *self, fac_tensor *x)
{
    fac_tensor *y = fac_add(fac_std(x, .dim = 1), fac_var(x, .dim = 1, .correction = 0));
    y = fac_add(y, fac_add(fac_norm(x, .p = 3, .dim = 1), fac_norm(x, .p = INFINITY, .dim = 1)));
    y = fac_add(y, fac_add(fac_prod(x, .dim = 1), fac_logsumexp(x, .dim = 1)));
    y = fac_add(y, fac_to(fac_logical_xor(fac_all(fac_gt_scalar(x, -2), .dim = 1), fac_any(x, .dim = 1)), FAC_FLOAT32));
    y = fac_add(y, fac_mv(x, fac_ones(FAC_SHAPE(8))));
    fac_tensor *batch = fac_unsqueeze(x, 1), *turned = fac_unsqueeze(x, 2);
    y = fac_add(
        y, fac_sum(fac_baddbmm(batch, fac_bmm(batch, turned), batch, .beta = 2, .alpha = 0.5), .dims = FAC_DIMS(1, 2)));
    return fac_add(fac_sum(fac_normalize(x), .dim = 1), fac_add(y, fac_cosine_similarity(x, fac_square(x))));
}

static fac_tensor *elements(fac_module *self, fac_tensor *x)
{
    fac_tensor *up = fac_add_scalar(fac_abs(x), 0.5), *y = fac_add(fac_erfc(x), fac_log2(up));
    y = fac_add(y, fac_add(fac_log1p(up), fac_add(fac_expm1(x), fac_add(fac_exp2(x), fac_log10(up)))));
    y = fac_add(y, fac_add(fac_trunc(fac_mul_scalar(x, 5)), fac_frac(x)));
    y = fac_add(y, fac_add(fac_remainder_scalar(x, 0.3), fac_add(fac_fmod_scalar(x, 0.3), fac_floor_divide(x, up))));
    y = fac_add(y, fac_div_mode(fac_mul_scalar(x, 4), up, FAC_ROUND_TRUNC));
    y = fac_add(y, fac_add(fac_addcmul(x, x, up, 2), fac_addcdiv(x, x, up, -1)));
    y = fac_add(y, fac_add(fac_lerp_scalar(x, up, 0.3), fac_hypot(x, up)));
    y = fac_add(y, fac_nan_to_num(fac_div_scalar(fac_relu(x), 0), .nan = 3, .posinf = 2));
    y = fac_add(y, fac_clamp_tensor(x, fac_neg(up), fac_mul_scalar(up, 0.1)));
    return fac_masked_fill(y, fac_bitwise_and(fac_isfinite(x), fac_isinf(y)), 1);
}

static fac_tensor *losses(fac_module *self, fac_tensor *x)
{
    fac_tensor *p = fac_sigmoid(x), *label = fac_argmax(x, .dim = 1), *y;
    y = fac_add(fac_mse_loss(x, p), fac_add(fac_l1_loss(x, p, .reduction = FAC_SUM), fac_smooth_l1_loss(x, p)));
    y = fac_add(y, fac_add(fac_huber_loss(x, p, .delta = 0.5), fac_binary_cross_entropy(p, fac_square(p))));
    y = fac_add(y, fac_binary_cross_entropy_with_logits(x, p));
    fac_tensor *logs = fac_log_softmax(x, 1, FAC_DTYPE_NONE);
    y = fac_add(y, fac_add(fac_kl_div(logs, fac_exp(logs)), fac_nll_loss(logs, label)));
    return fac_add(y, fac_cross_entropy(x, label, .reduction = FAC_NONE));
}

static fac_tensor *grid(fac_module *self, fac_tensor *x)
{
    fac_tensor *g = fac_tanh(fac_permute(fac_narrow(x, 1, 0, 2), FAC_DIMS(0, 2, 3, 1)));
    fac_tensor *y = fac_grid_sample(x, g, .mode = "bicubic", .padding_mode = "border");
    return fac_add(y, fac_grid_sample(x, g, .padding_mode = "reflection", .align_corners = true));
}

static void functions(void **unused)
{
    fac_manual_seed(8);
    fac_tensor *(*const all[])(fac_module * self, fac_tensor * x) = {orders, places, sums, elements, losses, grid};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        fac_module_type type = {.name = "Function", .size = sizeof(fac_module), .forward = all[i]};
        ROUND(fac_module_new(&type), all[i] == grid ? fac_randn(FAC_SHAPE(2, 3, 4, 5)) : fac_randn(FAC_SHAPE(3, 8)));
    }
}

/* Whichever allocation fails, nothing is written, and everything is given back. */
static void check_memory(fac_module *m, fac_tensor *x)
{
    if (!m) fail_msg("%s", fac_error());
    for (int64_t n = 1;; n += STEP) {
        bool good = false;
        fac_scope {
            fac__alloc_fail_at(n);
            good = fac_onnx_save(m, FAC_TENSORS(x), "memory.onnx", .dynamic_batch = true);
            fac__alloc_fail_at(0);
        }
        if (good != !fac_error()) fail_msg("allocation %d: %s", (int)n, fac_error());
        fac_clear_error();
        if (good) break;
    }
    fac_module_free(m);
}

static void out_of_memory(void **unused)
{
    fac_tensor *x = images(), *rows = fac_randn(FAC_SHAPE(3, 8));
    check_memory(fac_nn_adaptive_avg_pool2d(FAC_DIMS(4, 11)), x);
    check_memory(fac_nn_avg_pool2d(3, .divisor_override = 5, .padding = 1), x);
    check_memory(fac_nn_upsample(.size = FAC_DIMS(5, 6), .mode = "bilinear", .antialias = true), x);
    check_memory(fac_nn_upsample(.scale_factor = 2, .mode = "bicubic"), x);
    check_memory(fac_nn_unfold(2), x);
    check_memory(fac_nn_fold(FAC_DIMS(6, 8), 2, .stride = 2, .padding = 1), fac_randn(FAC_SHAPE(2, 12, 20)));
    check_memory(fac_nn_batch_norm2d(4, .track_running_stats = false), x);
    check_memory(fac_nn_lstm_cell(8, 6), rows);
    fac_tensor *(*const all[])(fac_module * self, fac_tensor * x) = {orders, places, sums, elements, losses};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        fac_module_type type = {.name = "Function", .size = sizeof(fac_module), .forward = all[i]};
        check_memory(fac_module_new(&type), rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows), cmocka_unit_test(pictures), cmocka_unit_test(others),
                                       cmocka_unit_test(functions), cmocka_unit_test(out_of_memory)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
