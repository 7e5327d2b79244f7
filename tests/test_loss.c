/* Losses: results, gradients and gradients of gradients as PyTorch recorded them, names, bits, errors. */
#include "recorded.h"

static void test_recorded(void **state)
{
    replay_recorded("loss_ops.txt");
}

static fac_tensor *leaf(const char *text)
{
    return fac_requires_grad_(fac_literal(text), true);
}

/* What a program prints as grad_fn. */
static void test_names(void **state)
{
    fac_scope {
        fac_tensor *x = leaf("[[0.5, 0.25], [0.75, 0.5]]"), *t = fac_literal("[[1., 0.], [0., 1.]]"),
                   *c = fac_literal("[0, 1]");
        struct {
            fac_tensor *loss;
            const char *name;
        } all[] = {
            {fac_mse_loss(x, t), "MseLossBackward0"},
            {fac_mse_loss(x, t, .reduction = FAC_NONE), "MseLossBackward0"},
            {fac_l1_loss(x, t), "MeanBackward0"},
            {fac_l1_loss(x, t, .reduction = FAC_NONE), "AbsBackward0"},
            {fac_smooth_l1_loss(x, t), "SmoothL1LossBackward0"},
            {fac_huber_loss(x, t), "HuberLossBackward0"},
            {fac_binary_cross_entropy(x, t), "BinaryCrossEntropyBackward0"},
            {fac_binary_cross_entropy_with_logits(x, t), "BinaryCrossEntropyWithLogitsBackward0"},
            {fac_kl_div(x, t), "MeanBackward0"},
            {fac_kl_div(x, t, .reduction = FAC_BATCHMEAN), "DivBackward0"},
            {fac_soft_margin_loss(x, t), "SoftMarginLossBackward0"},
            {fac_multi_margin_loss(x, c), "MultiMarginLossBackward0"},
            {fac_cross_entropy(x, c), "NllLossBackward0"},
            {fac_cross_entropy(x, t), "DivBackward0"},
            {fac_nll_loss(x, c, .reduction = FAC_SUM), "NllLossBackward0"},
            {fac_nll_loss(fac_reshape(x, FAC_SHAPE(2, 2, 1)), fac_reshape(c, FAC_SHAPE(2, 1))), "NllLoss2DBackward0"},
        };
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
            assert_non_null(all[i].loss);
            assert_string_equal(fac_grad_fn_name(all[i].loss), all[i].name);
        }
    }
}

/* mse_loss is the lesson's: each bit of it and of its gradient is PyTorch's, which takes (2 / n * (a - b)) * g. */
static void test_mse_bits(void **state)
{
    fac_scope {
        float a[] = {0.1f, -0.7f, 3.3f}, b[] = {0.25f, 0.125f, -1.0f / 3}, scale = 0.3f;
        fac_tensor *x = fac_requires_grad_(fac_from_array(a, FAC_FLOAT32, FAC_SHAPE(3)), true);
        fac_tensor *loss = fac_mse_loss(x, fac_from_array(b, FAC_FLOAT32, FAC_SHAPE(3)));
        fac_backward(fac_mul_scalar(loss, scale));
        for (int i = 0; i < 3; i++) {
            float want = ((float)(2.0 / 3) * (a[i] - b[i])) * scale;
            assert_true(((float *)fac_data(fac_grad(x)))[i] == want);
        }
        float sum = 0;
        for (int i = 0; i < 3; i++)
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        assert_true((float)fac_item(loss) == sum / 3);
    }
}

/* Scores of many rows and of many classes, on one thread and several: the fused kernel against log_softmax and nll_loss. */
static void test_cross_entropy_blocks(void **state)
{
    static const int64_t shapes[][2] = {{1, 1}, {3, 1}, {1000, 10}, {7, 1024}, {3, 1025}, {5, 3000}, {300, 500}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        fac_scope {
            fac_manual_seed(i);
            fac_dims shape = FAC_SHAPE(shapes[i][0], shapes[i][1]);
            fac_tensor *x = fac_randn(shape, .requires_grad = true),
                       *copy = fac_requires_grad_(fac_clone(fac_detach(x)), true);
            fac_tensor *t = fac_randint(0, shape.d[1], FAC_SHAPE(shape.d[0]));
            fac_tensor *loss = fac_cross_entropy(x, t);
            check_close(loss, fac_nll_loss(fac_log_softmax(copy, 1, FAC_DTYPE_NONE), t), 1e-6);
            assert_true(fac_backward(loss));
            assert_true(fac_backward(fac_nll_loss(fac_log_softmax(copy, 1, FAC_DTYPE_NONE), t)));
            check_close(fac_grad(x), fac_grad(copy), 1e-6);
        }
}

static void test_cross_entropy_ends(void **state)
{
    fac_scope {
        fac_tensor *x = leaf("[[1., 2., 3.], [0., 0., 0.]]"), *none = fac_literal("[-100, -100]");
        assert_true(isnan(fac_item(fac_cross_entropy(x, none))));
        assert_true(fac_item(fac_cross_entropy(x, none, .reduction = FAC_SUM)) == 0);
        check_values(fac_cross_entropy(x, fac_literal("[2, -100]"), .reduction = FAC_NONE), "[0.4076059, 0.]");
        fac_backward(fac_cross_entropy(x, fac_literal("[2, -100]")));
        check_values(fac_grad(x), "[[0.0900306, 0.2447285, -0.3347590], [0., 0., 0.]]");
        check_values(fac_cross_entropy(leaf("[[-inf, 0., 1.]]"), fac_literal("[2]")), "0.3132617");
        assert_true(isinf(fac_item(fac_cross_entropy(leaf("[[-inf, 0., 1.]]"), fac_literal("[0]")))));
        assert_true(isnan(fac_item(fac_cross_entropy(leaf("[[nan, 0., 1.]]"), fac_literal("[1]")))));
        fac_tensor *bytes = fac_to(fac_literal("[2, 0]"), FAC_UINT8);
        check_close(fac_cross_entropy(x, bytes), fac_cross_entropy(x, fac_literal("[2, 0]")), 0);
    }
}

static int warnings;
static char warning[512];
static void count_warnings(fac_error_code code, const char *op, const char *message, const char *file, int line)
{
    (void)op, (void)file, (void)line;
    if (code != FAC_OK) return;
    warnings++;
    snprintf(warning, sizeof warning, "%s", message);
}

static void test_warning(void **state)
{
    fac_error_handler before = fac_set_error_handler(count_warnings);
    fac_scope {
        for (int i = 0; i < 3; i++)
            assert_non_null(fac_mse_loss(leaf("[[1.], [2.]]"), fac_literal("[1., 2.]")));
        assert_null(fac_error());
    }
    fac_set_error_handler(before);
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(
        warning, "Using a target size (torch.Size([2])) that is different to the input size (torch.Size([2, 1]))"));
}

static void test_errors(void **state)
{
    fac_scope {
        fac_tensor *x = fac_ones(FAC_SHAPE(4, 3)), *t = fac_zeros(FAC_SHAPE(4), .dtype = FAC_INT64),
                   *image = fac_ones(FAC_SHAPE(4, 3, 2, 1));
        fac_tensor *ints = fac_to(x, FAC_INT64);
        expect_error(fac_mse_loss(NULL, x), "argument 'input' must not be NULL");
        expect_error(fac_mse_loss(x, NULL), "argument 'target' must not be NULL");
        expect_error(fac_mse_loss(ints, ints), "\"mse_cpu\" not implemented for 'Long'");
        expect_error(fac_mse_loss(x, fac_ones(FAC_SHAPE(2, 3))),
                     "The size of tensor a (4) must match the size of tensor b (2)");
        expect_error(fac_mse_loss(x, x, .reduction = (fac_reduction)7), "7 is not a valid value for reduction");
        expect_error(fac_smooth_l1_loss(x, x, .beta = -1), "smooth_l1_loss does not support negative values for beta.");
        expect_error(fac_huber_loss(x, x, .delta = 0), "huber_loss does not support non-positive values for delta.");
        expect_error(fac_cross_entropy(x, fac_to(t, FAC_INT32)), "expected scalar type Long but found Int");
        expect_error(fac_cross_entropy(x, fac_literal("[0, 1, 2]")),
                     "Expected input batch_size (4) to match target batch_size (3).");
        expect_error(fac_cross_entropy(x, fac_literal("[0, 1, 2, 3]")), "Target 3 is out of bounds.");
        assert_non_null(fac_cross_entropy(x, t));
        expect_error(fac_cross_entropy(x, fac_literal("[0, -1, 2, 1]")), "Target -1 is out of bounds.");
        expect_error(fac_cross_entropy(x, t, .weight = fac_ones(FAC_SHAPE(2))),
                     "weight tensor should be defined either for all 3 classes");
        expect_error(fac_cross_entropy(x, t, .weight = fac_ones(FAC_SHAPE(3), .dtype = FAC_FLOAT64)),
                     "expected scalar type Float but found Double");
        expect_error(fac_cross_entropy(x, ints),
                     "Expected floating point type for target with class probabilities, got Long");
        expect_error(fac_cross_entropy(x, x, .ignore_index = 1),
                     "ignore_index is not supported for floating point target");
        expect_error(fac_cross_entropy(x, t, .label_smoothing = 2),
                     "label_smoothing must be between 0.0 and 1.0. Got: 2");
        expect_error(fac_cross_entropy(x, fac_reshape(t, FAC_SHAPE(4, 1))),
                     "0D or 1D target tensor expected, multi-target not supported");
        expect_error(fac_cross_entropy(fac_reshape(x, FAC_SHAPE(4, 3, 1)), t), "Expected target size [4, 1], got [4]");
        expect_error(fac_cross_entropy(image, fac_reshape(t, FAC_SHAPE(4, 1))),
                     "only batches of spatial targets supported (3D tensors) but got targets of dimension: 2");
        expect_error(fac_cross_entropy(fac_select(x, 0, 0), fac_literal("[1]")),
                     "size mismatch (got input: [3], target: [1])");
        expect_error(fac_nll_loss(fac_literal("1."), fac_literal("0")), "Expected 1 or more dimensions (got 0)");
        expect_error(fac_cross_entropy(fac_zeros(FAC_SHAPE(4, 0)), t), "Target 0 is out of bounds.");
        expect_error(fac_binary_cross_entropy(fac_mul_scalar(x, 2), x),
                     "all elements of input should be between 0 and 1");
        expect_error(fac_binary_cross_entropy(x, t), "Using a target size (torch.Size([4])) that is different to the "
                                                     "input size (torch.Size([4, 3])) is deprecated.");
        expect_error(fac_binary_cross_entropy_with_logits(x, t),
                     "Target size (torch.Size([4])) must be the same as input size (torch.Size([4, 3]))");
        expect_error(fac_multi_margin_loss(x, t, .p = 3), "only p == 1 and p == 2 supported");
        expect_error(fac_multi_margin_loss(x, fac_literal("[0, 1]")), "inconsistent target size, got: [2]");
        expect_error(fac_multilabel_margin_loss(x, t), "inconsistent size [4] for argument #2 'target'");
        expect_error(fac_multilabel_margin_loss(x, fac_mul_scalar(ints, 3)), "argument #2 'target' is out of range");
        expect_error(fac_cosine_embedding_loss(x, x, fac_literal("1")), "0D target tensor expects 1D input tensors");
        expect_error(fac_triplet_margin_loss(x, x, t),
                     "All inputs should have same dimension but got 2D, 2D and 1D inputs.");
        expect_error(fac_margin_ranking_loss(x, x, t),
                     "margin_ranking_loss : All input tensors should have same dimension");
        expect_error(fac_gaussian_nll_loss(x, x, fac_ones(FAC_SHAPE(3))), "var is of incorrect size");
        expect_error(fac_gaussian_nll_loss(x, x, fac_neg(x)), "var has negative entry/entries");
    }
}

/* A step with the everyday losses asks the system for nothing. */
static void test_steady_state(void **state)
{
#ifdef FAC_TEST_SANITIZE
    skip(); /* a sanitizer's build keeps no memory for reuse */
#endif
    fac_tensor *x = NULL, *y = NULL, *t = NULL;
    fac_scope {
        x = fac_keep(fac_ones(FAC_SHAPE(64, 10), .requires_grad = true));
        y = fac_keep(fac_zeros(FAC_SHAPE(64, 10)));
        t = fac_keep(fac_zeros(FAC_SHAPE(64), .dtype = FAC_INT64));
    }
    int64_t before = 0;
    for (int i = 0; i < 20; i++) {
        fac_scope
            assert_true(fac_backward(fac_add(fac_mse_loss(x, y), fac_cross_entropy(x, t))));
        if (i == 9) before = fac_memory().system_allocations;
    }
    assert_int_equal(fac_memory().system_allocations, before);
    fac_release(x);
    fac_release(y);
    fac_release(t);
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warning), /* before others warn */
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_mse_bits),
        cmocka_unit_test(test_cross_entropy_blocks),
        cmocka_unit_test(test_cross_entropy_ends),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_steady_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
