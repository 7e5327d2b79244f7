/* Numbers at the ends of their range, which no case records: refused or right, and never overflowing on the way. The sanitizers
 * see to the latter. */
#include "testing.h"

static fac_tensor *ones(fac_dims shape)
{
    return fac_ones(shape);
}

static void test_windows(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = ones(FAC_SHAPE(1, 4, 6)), *w = ones(FAC_SHAPE(2, 4, 3));
        expect_error(fac_conv1d(x, w, NULL, .groups = (int64_t)1 << 62), "integer out of range");
        expect_error(fac_conv1d(x, w, NULL, .padding = (int64_t)1 << 62), "integer out of range");
        expect_error(fac_conv_transpose1d(x, fac_transpose(w, 0, 1), NULL, .stride = INT64_MAX),
                     "integer out of range");
        expect_error(fac_max_pool1d(x, FAC_DIMS(3), .dilation = INT64_MAX), "integer out of range");
        expect_error(fac_max_unpool1d(x, fac_zeros_like(x, .dtype = FAC_INT64), FAC_DIMS(INT64_MIN)),
                     "integer out of range");
        expect_error(fac_local_response_norm(x, INT64_MIN), "integer out of range");
        expect_error(fac_pixel_shuffle(ones(FAC_SHAPE(0, 2, 2)), INT64_MAX), "integer out of range");
        expect_error(fac_im2col(ones(FAC_SHAPE(1, 5, 5)), FAC_DIMS(1), .padding = INT32_MAX), "overflowed");
    }
}

/* As many steps as there are positions, not as many as the stride is long. */
static void test_long_stride(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_requires_grad_(fac_ones(FAC_SHAPE(1, 1, 2, 3), .dtype = FAC_FLOAT64), true);
        fac_tensor *w = fac_full(FAC_SHAPE(1, 1, 1, 2), 2, .dtype = FAC_FLOAT64);
        assert_true(fac_backward(fac_sum(fac_conv2d(x, w, NULL, .stride = INT32_MAX))));
        check_values(fac_grad(x), "[[[[2, 2, 0], [0, 0, 0]]]]");
    }
}

static void test_views(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = ones(FAC_SHAPE(4));
        expect_error(fac_as_strided(x, FAC_SHAPE(2), FAC_DIMS(1), INT64_MAX), "out of bounds");
        check_values(fac_neg(fac_as_strided(x, FAC_SHAPE(2, 1), FAC_DIMS(1, INT64_MAX), 0)), "[[-1], [-1]]");
        expect_error(fac_reshape(fac_ones(FAC_SHAPE(0)), FAC_SHAPE(INT64_MAX, 0, INT64_MAX)), "overflowed");
        assert_int_equal(fac_size(fac_eye(0, INT64_MAX), 1), INT64_MAX);
        expect_error(fac_rot90(ones(FAC_SHAPE(2, 2)), 1, FAC_DIMS(1, INT64_MIN)), "out of range");
        expect_error(fac_tensor_split(x, INT64_MAX, 0).items, "not enough memory");
        expect_error(fac_repeat_interleave(x, INT64_MAX, 0), "overflows");
    }
}

static void test_numbers(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_literal("[1, 2]", .dtype = FAC_INT64);
        fac_tensor *least = fac_full(FAC_SHAPE(2), (double)INT64_MIN, .dtype = FAC_INT64);
        check_close(fac_sub_alpha(fac_zeros_like(x), x, fac_scalar_int(INT64_MIN)), fac_mul(least, x), 0);
        check_close(fac_lcm(least, fac_full_like(x, -1)), least, 0);
        assert_true(isnan(fac_item(fac_round_decimals(ones(FAC_SHAPE()), INT32_MIN))));
        expect_error(fac_histogram(ones(FAC_SHAPE(2)), INT64_MAX), "overflowed");
        assert_int_equal(fac_numel(fac_pad(ones(FAC_SHAPE(0, 2, 3, 2)), FAC_DIMS(-2, 2, 1, 1), "circular", 0)), 0);
    }
}

static void test_no_history_for_integers(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_requires_grad_(fac_full(FAC_SHAPE(3), 2.5), true);
        fac_tensor *y = fac_zeros(FAC_SHAPE(2, 3), .dtype = FAC_INT64);
        assert_false(fac_requires_grad(fac_copy_(y, x)));
        assert_false(fac_requires_grad(fac_copy_(fac_select(y, 0, 0), x)));
        assert_false(fac_requires_grad(y));
        check_values(y, "[[2, 2, 2], [2, 2, 2]]");
    }
}

static void test_unknown_dtype(void **state)
{
    (void)state;
    fac_scope {
        fac_value n = fac_value_scalar(fac_scalar_int(3)), result;
        fac_keyword dtype = {"dtype", {.kind = FAC_VALUE_DTYPE, .v.dtype = (fac_dtype)125}};
        expect_error(fac_call("randperm", &n, 1, &dtype, 1, &result, 1), "the arguments fit none of");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_long_stride),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_no_history_for_integers),
        cmocka_unit_test(test_unknown_dtype),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
