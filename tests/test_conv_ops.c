/* Convolution, pooling and folding: results and gradients as PyTorch recorded them, keywords, errors. */
#include "recorded.h"

static void test_recorded(void **state)
{
    replay_recorded("conv_ops.txt");
}

static void test_calls(void **state)
{
    fac_scope {
        fac_tensor *x = fac_reshape(fac_arange(0, 16, 1, .dtype = FAC_FLOAT32), FAC_SHAPE(1, 1, 4, 4)), *indices;
        fac_tensor *w = fac_literal("[[[[1., 0.], [0., 1.]]]]"), *b = fac_literal("[100.]");
        check_values(fac_conv2d(x, w, b), "[[[[105., 107., 109.], [113., 115., 117.], [121., 123., 125.]]]]");
        check_values(fac_conv2d(x, w, NULL, .stride = 2), "[[[[5., 9.], [21., 25.]]]]");
        check_values(fac_conv2d(x, w, NULL, .strides = FAC_DIMS(2, 3), .dilation = 1), "[[[[5.], [21.]]]]");
        check_values(fac_conv2d(fac_select(x, 0, 0), w, NULL, .stride = 3), "[[[5.]]]");
        check_values(fac_conv_transpose2d(fac_slice(fac_slice(x, 2, 0, 1, 1), 3, 1, 3, 1), w, NULL),
                     "[[[[1., 2., 0.], [0., 1., 2.]]]]");
        assert_int_equal(fac_size(fac_conv2d(x, w, NULL, .padding_name = "same"), 3), 4);
        assert_int_equal(fac_size(fac_conv2d(x, w, NULL, .padding = 2), 3), 7);
        check_values(fac_max_pool2d(x, 2, .indices = &indices), "[[[[5., 7.], [13., 15.]]]]");
        check_values(indices, "[[[[5, 7], [13, 15]]]]");
        check_values(fac_max_pool2d(x, FAC_DIMS(4, 2), .stride = 1), "[[[[13., 14., 15.]]]]");
        check_values(fac_avg_pool2d(x, 2), "[[[[2.5, 4.5], [10.5, 12.5]]]]");
        check_values(fac_avg_pool2d(x, 2, .divisor_override = 1, .stride = 3), "[[[[10.]]]]");
        check_values(fac_adaptive_avg_pool2d(x, 1), "[[[[7.5]]]]");
        check_values(fac_adaptive_avg_pool2d(x, FAC_DIMS(1, 2)), "[[[[6.5, 8.5]]]]");
        check_values(fac_adaptive_avg_pool2d(x, FAC_DIMS(FAC_SAME_SIZE, 1)), "[[[[1.5], [5.5], [9.5], [13.5]]]]");
        check_values(fac_adaptive_max_pool2d(x, 1, &indices), "[[[[15.]]]]");
        check_values(indices, "[[[[15]]]]");
        fac_tensor *columns = fac_im2col(x, 2, .stride = 2);
        check_values(columns, "[[[0., 2., 8., 10.], [1., 3., 9., 11.], [4., 6., 12., 14.], [5., 7., 13., 15.]]]");
        check_close(fac_col2im(columns, 4, 2, .stride = 2), x, 0);
        fac_tensor *h = fac_to(x, FAC_FLOAT16);
        check_close(fac_conv2d(h, fac_to(w, FAC_FLOAT16), NULL), fac_to(fac_conv2d(x, w, NULL), FAC_FLOAT16), 0);
    }
}

static void test_names(void **state)
{
    fac_scope {
        fac_tensor *x = fac_requires_grad_(fac_ones(FAC_SHAPE(1, 1, 4, 4)), true), *w = fac_ones(FAC_SHAPE(1, 1, 2, 2));
        assert_string_equal(fac_grad_fn_name(fac_conv2d(x, w, NULL)), "ConvolutionBackward0");
        assert_string_equal(fac_grad_fn_name(fac_conv_transpose2d(x, w, NULL)), "ConvolutionBackward0");
        assert_string_equal(fac_grad_fn_name(fac_max_pool2d(x, 2)), "MaxPool2DWithIndicesBackward0");
        assert_string_equal(fac_grad_fn_name(fac_avg_pool2d(x, 2)), "AvgPool2DBackward0");
        assert_string_equal(fac_grad_fn_name(fac_adaptive_avg_pool2d(x, 2)), "AdaptiveAvgPool2DBackward0");
        assert_string_equal(fac_grad_fn_name(fac_adaptive_avg_pool2d(x, 1)), "MeanBackward1");
    }
}

static void test_errors(void **state)
{
    fac_scope {
        fac_tensor *x = fac_zeros(FAC_SHAPE(1, 3, 8, 8)), *w = fac_zeros(FAC_SHAPE(6, 3, 5, 5)),
                   *v = fac_zeros(FAC_SHAPE(3));
        fac_tensor *b = fac_zeros(FAC_SHAPE(5));
        expect_error(
            fac_conv2d(x, fac_zeros(FAC_SHAPE(6, 1, 5, 5)), NULL),
            "Given groups=1, weight of size [6, 1, 5, 5], expected input[1, 3, 8, 8] to have 1 channels, but got 3 "
            "channels instead");
        expect_error(fac_conv2d(fac_zeros(FAC_SHAPE(1, 3, 2, 2)), w, NULL),
                     "Calculated padded input size per channel: (2 x 2). Kernel size: (5 x 5). Kernel size can't be "
                     "greater than "
                     "actual input size");
        expect_error(fac_conv2d(x, w, b),
                     "Given weight of size [6, 3, 5, 5], expected bias to be 1-dimensional with 6 elements, "
                     "but got bias of size [5] instead");
        expect_error(fac_conv2d(x, NULL, NULL), "");
        expect_error(fac_conv2d(x, w, NULL, .stride = 0), "non-positive stride is not supported");
        expect_error(fac_conv2d(x, w, NULL, .padding = -1), "negative padding is not supported");
        expect_error(fac_conv2d(x, w, NULL, .dilation = 0), "non-positive dilation is not supported");
        expect_error(fac_conv2d(x, w, NULL, .groups = 0), "non-positive groups is not supported");
        expect_error(fac_conv2d(x, w, NULL, .groups = 4), "expected weight to be divisible by 4 at dimension 0");
        expect_error(fac_conv2d(x, w, NULL, .strides = FAC_DIMS(1, 2, 3)),
                     "expected stride to be a single integer value or a list of 2 values to match the convolution "
                     "dimensions, but "
                     "got stride=[1, 2, 3]");
        expect_error(fac_conv2d(v, w, NULL),
                     "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [3]");
        expect_error(fac_conv2d(x, w, NULL, .padding_name = "same", .stride = 2),
                     "padding='same' is not supported for strided convolutions");
        expect_error(fac_conv2d(x, w, NULL, .padding_name = "foo"), "Invalid padding string: 'foo'");
        expect_error(fac_conv2d(fac_to(x, FAC_FLOAT64), w, NULL), "expected scalar type Double but found Float");
        expect_error(fac_conv_transpose2d(x, w, NULL),
                     "Given transposed=1, weight of size [6, 3, 5, 5], expected input[1, 3, 8, 8] to "
                     "have 6 channels, but got 3 channels instead");
        expect_error(fac_conv_transpose2d(x, fac_zeros(FAC_SHAPE(3, 4, 3, 3)), NULL, .padding = 6),
                     "Calculated output size per channel: (-2 x -2). Output size is too small");
        expect_error(fac_conv_transpose2d(x, fac_zeros(FAC_SHAPE(3, 4, 3, 3)), NULL, .output_padding = 1),
                     "output padding must be smaller than either stride or dilation");
        expect_error(fac_max_pool2d(x, 9),
                     "Given input size: (3x8x8). Calculated output size: (3x0x0). Output size is too small");
        expect_error(fac_max_pool2d(x, 2, .padding = 2),
                     "pad should be at most half of kernel size, but got pad=2 and kernel_size=2");
        expect_error(fac_max_pool2d(x, 0), "stride should not be zero");
        expect_error(fac_max_pool2d(v, 2), "");
        expect_error(fac_max_pool2d(fac_zeros(FAC_SHAPE(1, 0, 8, 8)), 2), "but got:[1, 0, 8, 8]");
        expect_error(fac_max_pool2d(fac_to(x, FAC_INT64), 2), "\"max_pool2d\" not implemented for 'Long'");
        expect_error(fac_avg_pool2d(x, 2, .padding = -1), "pad must be non-negative, but got pad: -1");
        expect_error(fac_adaptive_avg_pool2d(x, -1), "elements of output_size must be greater than or equal to 0");
        expect_error(fac_adaptive_max_pool2d(fac_zeros(FAC_SHAPE(1, 3, 0, 8)), 2, NULL),
                     "with dimension 2 being empty");
        expect_error(fac_im2col(x, 9), "its components must be at least one");
        expect_error(fac_col2im(fac_zeros(FAC_SHAPE(1, 26, 36)), 8, 3),
                     "to be divisible by the product of kernel_size");
        expect_error(fac_col2im(fac_zeros(FAC_SHAPE(1, 27, 35)), 8, 3),
                     "to match the calculated number of sliding blocks");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_errors),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
