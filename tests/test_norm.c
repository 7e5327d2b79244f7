/* Normalisation and distances: results and gradients as PyTorch recorded them, running statistics, double gradients,
 * errors. */
#include "backend/cpu/scratch.h"
#include "recorded.h"

static void test_recorded(void **state)
{
    replay_recorded("norm_ops.txt");
}

static void test_names(void **state)
{
    fac_scope {
        fac_tensor *x = fac_requires_grad_(fac_randn(FAC_SHAPE(3, 4)), true), *one = fac_ones(FAC_SHAPE(4));
        assert_string_equal(fac_grad_fn_name(fac_batch_norm(x, one, one)), "NativeBatchNormBackward0");
        assert_string_equal(fac_grad_fn_name(fac_layer_norm(x, FAC_SHAPE(4))), "NativeLayerNormBackward0");
        assert_string_equal(fac_grad_fn_name(fac_group_norm(x, 2)), "NativeGroupNormBackward0");
        assert_string_equal(fac_grad_fn_name(fac_instance_norm(fac_unsqueeze(x, 0))), "ViewBackward0");
        assert_string_equal(fac_grad_fn_name(fac_normalize(x)), "DivBackward0");
        assert_string_equal(fac_grad_fn_name(fac_cosine_similarity(x, one)), "SumBackward1");
    }
}

/* Running statistics of any layout and dtype move; the variance is the unbiased one. */
static void test_running(void **state)
{
    fac_scope {
        fac_tensor *x = fac_literal("[[1., 10.], [3., 30.], [5., 80.]]");
        fac_tensor *mean = fac_literal("[0., 1.]"), *both = fac_zeros(FAC_SHAPE(2, 2)), *var = fac_select(both, 1, 0);
        int64_t version = fac_version_of(mean);
        fac_tensor *y = fac_batch_norm(x, mean, var, .training = true, .momentum = 0.5);
        check_values(y, "[[-1.2247426, -1.0190492], [0., -0.3396831], [1.2247426, 1.3587323]]");
        check_values(mean, "[1.5, 20.5]");
        check_values(both, "[[2., 0.], [650., 0.]]");
        assert_true(fac_version_of(mean) > version);
        check_values(fac_batch_norm(x, fac_literal("[1., 10.]"), fac_literal("[4., 25.]"), .eps = 0),
                     "[[0., 0.], [1., 4.], [2., 14.]]");
        check_values(mean, "[1.5, 20.5]");
        fac_tensor *half = fac_to(x, FAC_FLOAT16), *mean16 = fac_zeros(FAC_SHAPE(2), .dtype = FAC_FLOAT16);
        assert_int_equal(fac_dtype_of(fac_batch_norm(half, mean16, NULL, .training = true, .momentum = 1)),
                         FAC_FLOAT16);
        check_values(mean16, "[3., 40.]");
    }
}

/* Far from 0 the spread is what counts, and is not lost. */
static void test_far_from_zero(void **state)
{
    fac_scope {
        fac_manual_seed(1);
        fac_tensor *x = fac_randn(FAC_SHAPE(8, 4, 9), .dtype = FAC_FLOAT64),
                   *far = fac_to(fac_add_scalar(x, 4096), FAC_FLOAT32);
        x = fac_sub_scalar(fac_to(far, FAC_FLOAT64), 4096);
        fac_tensor *want = fac_to(fac_layer_norm(x, FAC_SHAPE(9)), FAC_FLOAT32);
        check_close(fac_layer_norm(far, FAC_SHAPE(9)), want, 3e-4);
        want = fac_to(fac_batch_norm(x, NULL, NULL, .training = true), FAC_FLOAT32);
        check_close(fac_batch_norm(far, NULL, NULL, .training = true), want, 3e-4);
        want = fac_to(fac_group_norm(x, 2), FAC_FLOAT32);
        check_close(fac_group_norm(far, 2), want, 3e-4);
    }
}

/* Large enough that several threads share the work: the same bits as one sample at a time gives. */
static void test_many(void **state)
{
    fac_scope {
        fac_manual_seed(2);
        fac_tensor *x = fac_randn(FAC_SHAPE(64, 150, 20)), *w = fac_randn(FAC_SHAPE(150)),
                   *b = fac_randn(FAC_SHAPE(150));
        fac_tensor *whole = fac_group_norm(x, 10, .weight = w, .bias = b), *one = fac_slice(x, 0, 63, 64, 1);
        check_close(fac_slice(whole, 0, 63, 64, 1), fac_group_norm(one, 10, .weight = w, .bias = b), 0);
        fac_tensor *rows = fac_reshape(x, FAC_SHAPE(64 * 20, 150));
        whole = fac_layer_norm(rows, FAC_SHAPE(150), .weight = w, .bias = b);
        check_close(fac_slice(whole, 0, 1279, 1280, 1),
                    fac_layer_norm(fac_slice(rows, 0, 1279, 1280, 1), FAC_SHAPE(150), .weight = w, .bias = b), 0);
        whole = fac_batch_norm(rows, NULL, NULL, .weight = w, .bias = b, .training = true);
        fac_tensor *last = fac_batch_norm(fac_slice(rows, 1, 149, 150, 1), NULL, NULL,
                                          .weight = fac_slice(w, 0, 149, 150, 1), .bias = fac_slice(b, 0, 149, 150, 1),
                                          .training = true);
        check_close(fac_slice(whole, 1, 149, 150, 1), last, 1e-6);
    }
}

/* An input that another one was made of: its gradient's gradient counts both ways once. */
static void test_shared_inputs(void **state)
{
    fac_scope {
        fac_tensor *x = fac_requires_grad_(fac_literal("[[1., 2., 4.], [3., 0., 1.]]", .dtype = FAC_FLOAT64), true);
        fac_tensor *g[2], *gg[2];
        for (int i = 0; i < 2; i++) {
            fac_tensor *w = fac_select(x, 0, 0), *y;
            if (i) {
                fac_tensor *centred = fac_sub(x, fac_mean(x, .dim = 1, .keepdim = true));
                fac_tensor *var = fac_mean(fac_square(centred), .dim = 1, .keepdim = true);
                y = fac_mul(fac_mul(centred, fac_rsqrt(fac_add_scalar(var, 1e-5))), w);
            } else {
                y = fac_layer_norm(x, FAC_SHAPE(3), .weight = w);
            }
            y = fac_sum(fac_mul(y, y));
            assert_true(fac_autograd_grad(&y, 1, &x, 1, &g[i], .create_graph = true));
            fac_tensor *again =
                fac_sum(fac_mul(g[i], fac_literal("[[1., -1., 2.], [3., 1., 0.]]", .dtype = FAC_FLOAT64)));
            assert_true(fac_autograd_grad(&again, 1, &x, 1, &gg[i]));
        }
        check_close(fac_detach(g[0]), fac_detach(g[1]), 1e-9);
        check_close(gg[0], gg[1], 1e-9);
    }
}

/* Gradients of weight and bias take another way where there is no memory for sums of parts. */
static void test_without_scratch(void **state)
{
    (void)state;
    fac_scope {
        fac_manual_seed(3);
        fac_tensor *x = fac_requires_grad_(fac_randn(FAC_SHAPE(301, 1000)), true);
        fac_tensor *w = fac_requires_grad_(fac_randn(FAC_SHAPE(1000)), true);
        fac_tensor *b = fac_requires_grad_(fac_randn(FAC_SHAPE(1000)), true), *leaves[] = {x, w, b}, *got[2][3];
        fac_tensor *g = fac_randn(FAC_SHAPE(301, 1000));
        for (int refuse = 0; refuse < 2; refuse++) {
            fac_tensor *y = fac_layer_norm(x, FAC_SHAPE(1000), .weight = w, .bias = b);
            fac__scratch_refuse(refuse);
            assert_true(fac_autograd_grad(&y, 1, leaves, 3, got[refuse], .grad_outputs = &g));
            fac__scratch_refuse(0);
        }
        for (int i = 0; i < 3; i++)
            assert_true(fac_allclose(got[0][i], got[1][i], .rtol = 1e-5, .atol = 1e-4));
        fac_tensor *rows = fac_mul(g, fac_layer_norm(x, FAC_SHAPE(1000)));
        assert_true(fac_allclose(got[0][1], fac_sum(rows, .dim = 0), .rtol = 1e-5, .atol = 1e-4));
        assert_true(fac_allclose(got[0][2], fac_sum(g, .dim = 0), .rtol = 1e-5, .atol = 1e-4));
    }
}

static void test_errors(void **state)
{
    fac_scope {
        fac_tensor *x = fac_ones(FAC_SHAPE(3, 4)), *one = fac_ones(FAC_SHAPE(4)), *three = fac_ones(FAC_SHAPE(3));
        fac_tensor *row = fac_ones(FAC_SHAPE(1, 4)), *ints = fac_to(x, FAC_INT64),
                   *wide = fac_ones(FAC_SHAPE(4), .dtype = FAC_FLOAT64);
        expect_error(fac_batch_norm(NULL, one, one), "argument 'input' must not be NULL");
        expect_error(fac_batch_norm(row, one, one, .training = true),
                     "Expected more than 1 value per channel when training, got input size torch.Size([1, 4])");
        expect_error(fac_batch_norm(x, one, three, .training = true), "running_var should contain 4 elements not 3");
        expect_error(fac_batch_norm(x, three, one), "running_mean should contain 4 elements not 3");
        expect_error(fac_batch_norm(x, NULL, NULL), "running_mean must be defined in evaluation mode");
        expect_error(fac_batch_norm(x, one, NULL), "running_var must be defined in evaluation mode");
        expect_error(fac_batch_norm(x, one, one, .weight = three), "weight should contain 4 elements not 3");
        expect_error(fac_batch_norm(x, one, one, .bias = three), "bias should contain 4 elements not 3");
        expect_error(fac_batch_norm(x, one, one, .weight = wide), "expected scalar type Float but found Double");
        expect_error(fac_batch_norm(ints, one, one), "\"batch_norm\" not implemented for 'Long'");
        expect_error(fac_batch_norm(one, NULL, NULL, .training = true), "Dimension out of range");
        expect_error(fac_layer_norm(x, FAC_SHAPE()), "Expected normalized_shape to be at least 1-dimensional");
        expect_error(fac_layer_norm(x, FAC_SHAPE(3)),
                     "Given normalized_shape=[3], expected input with shape [*, 3], but got input of size[3, 4]");
        expect_error(fac_layer_norm(x, FAC_SHAPE(2, 3, 4)),
                     "Given normalized_shape=[2, 3, 4], expected input with shape [*, 2, 3, 4]");
        expect_error(fac_layer_norm(x, FAC_SHAPE(4), .weight = three),
                     "Expected weight to be of same shape as normalized_shape, but got weight of shape [3] and "
                     "normalized_shape = [4]");
        expect_error(fac_layer_norm(x, FAC_SHAPE(4), .bias = three),
                     "Expected bias to be of same shape as normalized_shape");
        expect_error(fac_group_norm(x, 3), "Expected number of channels in input to be divisible by num_groups, but "
                                           "got input of shape [3, 4] and num_groups=3");
        expect_error(fac_group_norm(x, 0), "Expected num groups to be greater than 0, got 0");
        expect_error(fac_group_norm(one, 2), "Expected at least 2 dimensions for input tensor but received 1");
        expect_error(fac_group_norm(x, 2, .weight = three),
                     "Expected weight to be a vector of size equal to the number of channels in input, but got weight "
                     "of shape [3] and input of shape [3, 4]");
        expect_error(fac_group_norm(row, 4),
                     "Expected more than 1 value per channel when training, got input size [1, 4]");
        expect_error(fac_instance_norm(x),
                     "Expected more than 1 spatial element when training, got input size torch.Size([3, 4])");
        expect_error(fac_instance_norm(fac_unsqueeze(x, 0), .use_input_stats = false),
                     "Expected running_mean and running_var to be defined when use_input_stats is false");
        expect_error(fac_local_response_norm(x, 2), "(got 2 dimensions)");
        expect_error(fac_cosine_similarity(ints, ints),
                     "expected common dtype to be floating point, yet common dtype is Long");
        expect_error(fac_normalize(x, .dim = 5),
                     "Dimension out of range (expected to be in range of [-2, 1], but got 5)");
        expect_error(fac_pairwise_distance(x, NULL), "argument 'x2' must not be NULL");
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded), cmocka_unit_test(test_names),
        cmocka_unit_test(test_running),  cmocka_unit_test(test_far_from_zero),
        cmocka_unit_test(test_many),     cmocka_unit_test(test_shared_inputs),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_without_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
