/* Joining tensors and padding: values, dtypes, gradients, errors. */
#include "linear.h"

static fac_tensor *counted(int64_t rows, int64_t columns)
{
    return fac_reshape(fac_arange(0, (double)(rows * columns), 1), FAC_SHAPE(rows, columns));
}

static void test_cat(void **state)
{
    (void)state;
    fac_tensor *x = counted(2, 2), *y = fac_t(counted(2, 2));
    check_values(fac_cat(FAC_TENSORS(x, y), 0), "[[0., 1.], [2., 3.], [0., 2.], [1., 3.]]");
    check_values(fac_cat(FAC_TENSORS(x, y), -1), "[[0., 1., 0., 2.], [2., 3., 1., 3.]]");
    check_values(fac_cat(FAC_TENSORS(x, fac_zeros(FAC_SHAPE(0)), y), 1), "[[0., 1., 0., 2.], [2., 3., 1., 3.]]");
    check_values(fac_cat(FAC_TENSORS(fac_expand(fac_literal("[7, 8]"), FAC_SHAPE(2, 2))), 0), "[[7, 8], [7, 8]]");
    assert_int_equal(fac_numel(fac_cat(FAC_TENSORS(fac_zeros(FAC_SHAPE(0))), 3)), 0);
    assert_int_equal(fac_size(fac_cat(FAC_TENSORS(fac_zeros(FAC_SHAPE(2, 0)), fac_zeros(FAC_SHAPE(3, 0))), 0), 0), 5);
    check_values(fac_cat(fac_split(fac_arange(0, 5, 1), 2, 0), 0), "[0, 1, 2, 3, 4]");
}

static void test_dtypes(void **state)
{
    (void)state;
#define TYPE(a, b)                                                                                                     \
    fac_dtype_of(fac_cat(FAC_TENSORS(fac_zeros(FAC_SHAPE(1), .dtype = a), fac_zeros(FAC_SHAPE(1), .dtype = b)), 0))
    assert_int_equal(TYPE(FAC_FLOAT32, FAC_INT64), FAC_FLOAT32);
    assert_int_equal(TYPE(FAC_FLOAT16, FAC_BFLOAT16), FAC_FLOAT32);
    assert_int_equal(TYPE(FAC_UINT8, FAC_INT8), FAC_INT16);
    assert_int_equal(TYPE(FAC_BOOL, FAC_BOOL), FAC_BOOL);
#undef TYPE
    fac_tensor *zero = fac_scalar_tensor(1.5, .dtype = FAC_FLOAT64);
    assert_int_equal(fac_dtype_of(fac_stack(FAC_TENSORS(zero, fac_scalar_tensor(2)), 0)), FAC_FLOAT64);
    check_values(fac_cat(FAC_TENSORS(fac_literal("[1.5]"), fac_literal("[2]"), fac_literal("[True]")), 0),
                 "[1.5, 2., 1.]");
}

static void test_stacks(void **state)
{
    (void)state;
    fac_tensor *a = fac_literal("[1, 2]"), *b = fac_literal("[3, 4]"), *m = fac_literal("[[5], [6]]");
    check_values(fac_stack(FAC_TENSORS(a, b), 0), "[[1, 2], [3, 4]]");
    check_values(fac_stack(FAC_TENSORS(a, b), -1), "[[1, 3], [2, 4]]");
    check_values(fac_stack(FAC_TENSORS(m, fac_add_scalar(m, 1)), 1), "[[[5], [6]], [[6], [7]]]");
    check_values(fac_hstack(FAC_TENSORS(a, b)), "[1, 2, 3, 4]");
    check_values(fac_hstack(FAC_TENSORS(m, m)), "[[5, 5], [6, 6]]");
    check_values(fac_vstack(FAC_TENSORS(a, fac_t(m))), "[[1, 2], [5, 6]]");
    check_values(fac_dstack(FAC_TENSORS(a, b)), "[[[1, 3], [2, 4]]]");
    check_values(fac_column_stack(FAC_TENSORS(a, m)), "[[1, 5], [2, 6]]");
    check_values(fac_block_diag(FAC_TENSORS(m, a, fac_literal("7"))),
                 "[[5, 0, 0, 0], [6, 0, 0, 0], [0, 1, 2, 0], [0, 0, 0, 7]]");
    check_values(fac_cartesian_prod(FAC_TENSORS(a, b)), "[[1, 3], [1, 4], [2, 3], [2, 4]]");
    assert_ptr_equal(fac_cartesian_prod(FAC_TENSORS(a)), a);
    check_values(fac_combinations(fac_arange(0, 4, 1), 3, false), "[[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]");
    check_values(fac_combinations(a, 2, true), "[[1, 1], [1, 2], [2, 2]]");
    assert_int_equal(fac_size(fac_combinations(a, 3, false), 0), 0);
}

static void test_pad(void **state)
{
    (void)state;
    fac_tensor *x = counted(2, 3), *image = fac_reshape(counted(2, 3), FAC_SHAPE(1, 1, 2, 3)),
               *row = fac_unsqueeze(x, 0);
    check_values(fac_pad(x, FAC_DIMS(1, 2), "constant", 9), "[[9., 0., 1., 2., 9., 9.], [9., 3., 4., 5., 9., 9.]]");
    check_values(fac_constant_pad_nd(x, FAC_DIMS(-1, 1, 0, -1), 7), "[[1., 2., 7.]]");
    check_values(fac_constant_pad_nd(fac_literal("[1, 2]"), FAC_DIMS(1, 0), 2.5), "[2, 1, 2]");
    check_values(fac_constant_pad_nd(x, FAC_DIMS(-2, -1, 0, 1), 7), "[[], [], []]");
    check_values(fac_constant_pad_nd(fac_zeros(FAC_SHAPE(0)), FAC_DIMS(1, 1), 7), "[7., 7.]");
    check_values(fac_pad(x, FAC_DIMS(2, 1), "reflect", 0), "[[2., 1., 0., 1., 2., 1.], [5., 4., 3., 4., 5., 4.]]");
    check_values(fac_pad(x, FAC_DIMS(-1, 1), "reflect", 0), "[[1., 2., 1.], [4., 5., 4.]]");
    check_values(fac_pad(x, FAC_DIMS(5, 1), "replicate", 0),
                 "[[0., 0., 0., 0., 0., 0., 1., 2., 2.], [3., 3., 3., 3., 3., 3., 4., 5., 5.]]");
    check_values(fac_pad(row, FAC_DIMS(2, 1), "circular", 0), "[[[1., 2., 0., 1., 2., 0.], [4., 5., 3., 4., 5., 3.]]]");
    check_values(fac_pad(row, FAC_DIMS(-1, 1), "circular", 0), "[[[1., 2., 1.], [4., 5., 4.]]]");
    check_values(fac_pad(image, FAC_DIMS(1, 0, 0, 1), "reflect", 0),
                 "[[[[1., 0., 1., 2.], [4., 3., 4., 5.], [1., 0., 1., 2.]]]]");
}

#define LINEAR(name, expression)                                                                                       \
    static fac_tensor *name(fac_tensor *x)                                                                             \
    {                                                                                                                  \
        return expression;                                                                                             \
    }
LINEAR(joined,
       fac_cat(FAC_TENSORS(x, fac_mul_scalar(x, 2), fac_zeros(FAC_SHAPE(0)), fac_select(fac_unsqueeze(x, 0), 0, 0)), 1))
LINEAR(stacked, fac_stack(FAC_TENSORS(x, fac_mul_scalar(x, 3)), 1))
LINEAR(side_by_side, fac_hstack(FAC_TENSORS(x, x)))
LINEAR(columns, fac_column_stack(FAC_TENSORS(x, fac_select(x, 1, 0))))
LINEAR(blocks, fac_block_diag(FAC_TENSORS(x, fac_select(x, 0, 1), fac_t(x))))
LINEAR(products, fac_cartesian_prod(FAC_TENSORS(x, fac_mul_scalar(x, 2))))
LINEAR(choices, fac_combinations(x, 2, false))
LINEAR(framed, fac_constant_pad_nd(x, FAC_DIMS(1, -1, 2, 0), 0))
LINEAR(reflected, fac_pad(x, FAC_DIMS(2, 1, 1, 0), "reflect", 0))
LINEAR(replicated, fac_pad(x, FAC_DIMS(3, -1, 0, 4), "replicate", 0))
LINEAR(wrapped, fac_pad(x, FAC_DIMS(3, -1, 1, 2), "circular", 0))

static void test_gradients(void **state)
{
    (void)state;
#define CASE(f, ...)                                                                                                   \
    {                                                                                                                  \
#f, f, FAC_SHAPE(__VA_ARGS__)                                                                                  \
    }
    const linear_case cases[] = {CASE(joined, 2, 3),        CASE(stacked, 2, 3),      CASE(side_by_side, 2, 3),
                                 CASE(columns, 2, 3),       CASE(blocks, 2, 3),       CASE(products, 3),
                                 CASE(choices, 4),          CASE(framed, 2, 3),       CASE(reflected, 1, 1, 2, 3),
                                 CASE(replicated, 1, 2, 3), CASE(wrapped, 1, 2, 2, 4)};
    fac_manual_seed(2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_linear(&cases[i]);
    fac_tensor *x = fac_ones(FAC_SHAPE(2, 2), .requires_grad = true);
    assert_string_equal(fac_grad_fn_name(fac_cat(FAC_TENSORS(x, x), 0)), "CatBackward0");
    assert_string_equal(fac_grad_fn_name(fac_stack(FAC_TENSORS(x, x), 0)), "StackBackward0");
    assert_string_equal(fac_grad_fn_name(fac_pad(x, FAC_DIMS(1, 1), "replicate", 0)), "ReplicationPad1DBackward0");
    /* the gradient is cast to each input's dtype */
    fac_tensor *wide = fac_ones(FAC_SHAPE(2), .dtype = FAC_FLOAT64, .requires_grad = true);
    fac_tensor *narrow = fac_ones(FAC_SHAPE(1), .dtype = FAC_FLOAT16, .requires_grad = true);
    assert_true(fac_backward(fac_sum(fac_cat(FAC_TENSORS(wide, narrow), 0))));
    assert_int_equal(fac_dtype_of(fac_grad(narrow)), FAC_FLOAT16);
    assert_int_equal(fac_dtype_of(fac_grad(wide)), FAC_FLOAT64);
}

static void test_errors(void **state)
{
    (void)state;
    fac_tensor *x = counted(2, 3), *zero = fac_zeros(FAC_SHAPE()), *image = fac_zeros(FAC_SHAPE(1, 1, 2, 3));
    fac_tensor_list none = {(fac_tensor *[]){NULL}, 0};
    expect_error(fac_cat(none, 0), "torch.cat(): expected a non-empty list of Tensors");
    expect_error(fac_cat((fac_tensor_list){NULL, 0}, 0), "expected a non-empty list of Tensors");
    expect_error(fac_cat((fac_tensor_list){NULL, 2}, 0), "must not be NULL");
    expect_error(fac_cat(FAC_TENSORS(x, NULL), 0), "'tensors' must not be NULL");
    expect_error(fac_cat(FAC_TENSORS(x, fac_zeros(FAC_SHAPE(3))), 0),
                 "Tensors must have same number of dimensions: got 2 and 1");
    expect_error(fac_cat(FAC_TENSORS(x, fac_zeros(FAC_SHAPE(2, 4))), 0),
                 "Sizes of tensors must match except in dimension 0. Expected size 3 "
                 "but got size 4 for tensor number 1 in the list.");
    expect_error(fac_cat(FAC_TENSORS(x, zero), 0), "zero-dimensional tensor (at position 1) cannot be concatenated");
    expect_error(fac_cat(FAC_TENSORS(x), 3), "Dimension out of range (expected to be in range of [-2, 1], but got 3)");
    expect_error(fac_stack(none, 0), "stack expects a non-empty TensorList");
    expect_error(fac_stack(FAC_TENSORS(x, zero), 0),
                 "stack expects each tensor to be equal size, but got [2, 3] at entry 0 and [] at entry 1");
    expect_error(fac_stack(FAC_TENSORS(x), 4),
                 "Dimension out of range (expected to be in range of [-3, 2], but got 4)");
    expect_error(fac_hstack(none), "hstack expects a non-empty TensorList");
    expect_error(fac_vstack(FAC_TENSORS(x, NULL)), "must not be NULL");
    expect_error(fac_block_diag(FAC_TENSORS(image)),
                 "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input 0 has 4 dimensions");
    expect_error(fac_cartesian_prod(FAC_TENSORS(x)), "Expect a 1D vector, but got shape [2, 3]");
    expect_error(fac_combinations(x, 2, false), "Expect a 1D vector, but got shape [2, 3]");
    expect_error(fac_combinations(fac_zeros(FAC_SHAPE(2)), -1, false), "Expect a non-negative number, but got -1");
    expect_error(fac_combinations(fac_zeros(FAC_SHAPE(2)), 1ll << 40, true), "too many combinations");
    expect_error(fac_pad(x, FAC_DIMS(1), "constant", 0), "Padding length must be divisible by 2");
    expect_error(fac_pad(x, FAC_DIMS(1, 1, 1, 1, 1, 1), "constant", 0), "Padding length too large");
    expect_error(fac_pad(x, FAC_DIMS(-2, -2), "constant", 0),
                 "resulted in a negative output size, which is invalid. Check dimension 1");
    expect_error(fac_pad(x, FAC_DIMS(INT64_MAX, 1), "constant", 0), "padding by 9223372036854775807 is too much");
    expect_error(fac_constant_pad_nd(fac_arange(0, 2, 1), FAC_DIMS(1, 1), 1e30),
                 "value cannot be converted to type int64_t");
    expect_error(fac_pad(x, FAC_DIMS(3, 1), "reflect", 0),
                 "Argument #4: Padding size should be less than the corresponding input dimension, but "
                 "got: padding (3, 1) at dimension 1 of input [2, 3]");
    expect_error(fac_pad(x, FAC_DIMS(-4, 1), "replicate", 0), "input (W: 3) is too small. Calculated output W: 0");
    expect_error(fac_pad(fac_unsqueeze(x, 0), FAC_DIMS(4, 1), "circular", 0),
                 "Padding value causes wrapping around more than once.");
    expect_error(fac_pad(image, FAC_DIMS(1, 1), "reflect", 0),
                 "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now");
    expect_error(fac_pad(x, FAC_DIMS(1, 1), "foo", 0), "Unrecognised padding mode foo");
    expect_error(fac_pad(fac_zeros(FAC_SHAPE(2, 0)), FAC_DIMS(1, 1), "replicate", 0),
                 "other non-zero dimensions for input");
    expect_error(fac_pad(fac_to(x, FAC_INT64), FAC_DIMS(1, 1), "reflect", 0),
                 "\"reflection_pad1d\" not implemented for 'Long'");
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cat),       cmocka_unit_test(test_dtypes),
                                       cmocka_unit_test(test_stacks),    cmocka_unit_test(test_pad),
                                       cmocka_unit_test(test_gradients), cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
