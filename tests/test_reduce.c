/* Reductions, softmax, running sums: results and gradients as PyTorch recorded them, keywords, errors. */
#include "recorded.h"

static void test_recorded(void **state)
{
    replay_recorded("reduce_ops.txt");
}

static void test_keywords(void **state)
{
    fac_scope {
        fac_tensor *x = fac_literal("[[1., 2., 3.], [4., 5., 6.]]");
        check_values(fac_sum(x), "21.");
        check_values(fac_sum(x, .dim = 1), "[6., 15.]");
        check_values(fac_sum(x, .dim = -2, .keepdim = true), "[[5., 7., 9.]]");
        check_values(fac_sum(x, .dims = FAC_DIMS(0, 1)), "21.");
        check_values(fac_sum(x, .dims = FAC_DIMS(1), .dtype = FAC_FLOAT64), "[6., 15.]");
        assert_int_equal(fac_dtype_of(fac_sum(x, .dtype = FAC_FLOAT64)), FAC_FLOAT64);
        check_values(fac_mean(x, .dim = 0), "[2.5, 3.5, 4.5]");
        check_values(fac_var(x, .dim = 1, .unbiased = false), "[0.6666667, 0.6666667]");
        check_values(fac_std(x, .dim = 1, .correction = 1), "[1., 1.]");
        check_values(fac_norm(x, .p = 1, .dim = 1), "[6., 15.]");
        check_values(fac_norm(x, .p = INFINITY), "6.");
        check_values(fac_argmax(x), "5");
        check_values(fac_argmax(x, .dim = 0, .keepdim = true), "[[1, 1, 1]]");
        check_values(fac_all(x), "True");
        check_values(fac_any(fac_literal("[[0, 0], [0, 3]]"), .dim = 1), "[False, True]");
        fac_tensor *mean, *max, *indices;
        check_values(fac_var_mean(x, &mean, .dim = 1), "[1., 1.]");
        check_values(mean, "[2., 5.]");
        check_values(fac_aminmax(x, &max, .dim = 0), "[1., 2., 3.]");
        check_values(max, "[4., 5., 6.]");
        check_values(fac_max_dim(x, 1, false, &indices), "[3., 6.]");
        check_values(indices, "[2, 2]");
        check_values(fac_min_dim(x, 0, true, NULL), "[[1., 2., 3.]]");
        check_values(fac_max(fac_literal("[3, 7, 5]")), "7");
        check_values(fac_softmax(fac_literal("[0., 0.]"), 0, FAC_DTYPE_NONE), "[0.5, 0.5]");
        check_values(fac_softmin(fac_literal("[0., 0.]"), 0, FAC_DTYPE_NONE), "[0.5, 0.5]");
        check_values(fac_sum_to_size(x, FAC_SHAPE(1, 3)), "[[5., 7., 9.]]");
        assert_int_equal(fac_dtype_of(fac_sum_to_size(fac_literal("True"), FAC_SHAPE())), FAC_INT64);
    }
}

static void test_names(void **state)
{
    fac_scope {
        fac_tensor *x = fac_literal("[[1., 2.], [3., 4.]]", .requires_grad = true);
        assert_string_equal(fac_grad_fn_name(fac_sum(x)), "SumBackward0");
        assert_string_equal(fac_grad_fn_name(fac_sum(x, .dim = 0)), "SumBackward1");
        assert_string_equal(fac_grad_fn_name(fac_mean(x)), "MeanBackward0");
        assert_string_equal(fac_grad_fn_name(fac_mean(x, .dims = FAC_DIMS(0, 1))), "MeanBackward1");
        assert_string_equal(fac_grad_fn_name(fac_max(x)), "MaxBackward1");
        assert_string_equal(fac_grad_fn_name(fac_max_dim(x, 0, false, NULL)), "MaxBackward0");
        assert_string_equal(fac_grad_fn_name(fac_softmax(x, 1, FAC_DTYPE_NONE)), "SoftmaxBackward0");
        assert_string_equal(fac_grad_fn_name(fac_log_softmax(x, 1, FAC_DTYPE_NONE)), "LogSoftmaxBackward0");
        assert_null(fac_grad_fn_name(fac_argmax(x)));
        assert_null(fac_grad_fn_name(fac_sum(x, .dtype = FAC_INT64)));
    }
}

static void test_long_sums(void **state)
{
    /* One running float would end at 16777216. */
    fac_scope {
        fac_tensor *x = fac_ones(FAC_SHAPE(20000000), .dtype = FAC_FLOAT32);
        assert_true(fac_item(fac_sum(x)) == 20000000.);
        fac_tensor *h = fac_ones(FAC_SHAPE(3000), .dtype = FAC_FLOAT16);
        assert_true(fac_item(fac_sum(h)) == 3000.);
    }
}

/* What is summed first is cast to the dtype asked for; the spread is rounded to its dtype at the end only. */
static void test_narrow_dtypes(void **state)
{
    fac_scope {
        fac_tensor *x = fac_literal("[2049, 2049, 4099]");
        check_values(fac_sum(x, .dtype = FAC_FLOAT16), "8192");
        check_values(fac_sum(fac_literal("[1, -1]"), .dtype = FAC_BOOL), "True");
        x = fac_repeat(fac_literal("[-300., 300., 100., 7.]", .dtype = FAC_FLOAT16), FAC_DIMS(8));
        check_values(fac_var(x), "48320");
        check_values(fac_std(x), "219.75");
        check_close(fac_std(fac_literal("[3e30, -1e30]")), fac_literal("2.8284271e30"), 1e-6);
    }
}

/* The norm of nothing: 0 to torch.norm, of some orders an error to linalg.vector_norm. */
static void test_norms_of_nothing(void **state)
{
    fac_scope {
        fac_tensor *e = fac_zeros(FAC_SHAPE(0, 2));
        check_values(fac_norm(e, .p = INFINITY), "0");
        check_values(fac_norm(e, .p = -1, .dim = 0), "[0, 0]");
        check_values(fac_vector_norm(e), "0");
        assert_int_equal(fac_numel(fac_vector_norm(e, .p = INFINITY, .dim = 1)), 0);
        expect_error(fac_vector_norm(e, .p = INFINITY), "cannot compute the inf norm on an empty tensor because");
        expect_error(fac_vector_norm(e, .p = -1, .dim = 0), "cannot compute the -1 norm on the dimension 0because");
        expect_error(fac_vector_norm(fac_literal("[1]")),
                     "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long");
    }
}

static void test_errors(void **state)
{
    fac_scope {
        fac_tensor *x = fac_zeros(FAC_SHAPE(2, 3)), *e = fac_zeros(FAC_SHAPE(0, 3)), *i = fac_literal("[1, 2]");
        expect_error(fac_sum(NULL), "");
        expect_error(fac_sum(x, .dim = 2), "Dimension out of range (expected to be in range of [-2, 1], but got 2)");
        expect_error(fac_sum(x, .dims = FAC_DIMS(0, -2)), "dim 0 appears multiple times in the list of dims");
        expect_error(fac_mean(i),
                     "mean(): could not infer output dtype. Input dtype must be either a floating point or "
                     "complex dtype. Got: Long");
        expect_error(fac_mean(x, .dtype = FAC_INT64), "Optional dtype must be either a floating point");
        expect_error(fac_max(e),
                     "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
                     "dim with the 'dim' argument.");
        expect_error(fac_max_dim(e, 0, false, NULL), "max(): Expected reduction dim 0 to have non-zero size.");
        expect_error(fac_amin(e), "amin(): Expected reduction dim to be specified");
        expect_error(fac_amax(e, .dims = FAC_DIMS()), "amax(): Expected reduction dim to be specified");
        fac_tensor *max;
        expect_error(fac_aminmax(e, &max), "cannot compute aminmax over an empty dimension");
        expect_error(fac_argmax(e), "argmax(): Expected reduction dim to be specified for input.numel() == 0.");
        expect_error(fac_argmax(e, .dim = 0), "argmax(): Expected reduction dim 0 to have non-zero size.");
        expect_error(fac_var(i), "std and var only support floating point and complex dtypes");
        expect_error(fac_norm(i), "norm(): input dtype should be either floating point or complex. Got Long instead.");
        expect_error(fac_nanmean(i), "nanmean(): expected input to have floating point dtype but got Long");
        expect_error(fac_softmax(i, 0, FAC_DTYPE_NONE), "\"softmax_lastdim_kernel_impl\" not implemented for 'Long'");
        expect_error(fac_softmax(x, 2, FAC_DTYPE_NONE), "Dimension out of range");
        expect_error(fac_cumsum(x, 5, FAC_DTYPE_NONE), "Dimension out of range");
        expect_error(fac_logcumsumexp(i, 0), "not implemented for 'Long'");
        expect_error(fac_trace(i), "trace: expected a matrix, but got tensor with dim 1");
        expect_error(fac_sum_to_size(x, FAC_SHAPE(2, 2)), "is not expandable to size");
        assert_int_equal(fac_dim(fac_max_dim(e, 1, false, NULL)), 1);
        assert_true(isnan(fac_item(fac_mean(e))));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),  cmocka_unit_test(test_keywords),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_sums), cmocka_unit_test(test_narrow_dtypes), cmocka_unit_test(test_norms_of_nothing),
        cmocka_unit_test(test_errors),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
