/* Sorting, selecting by rank, unique values, searching and counting: results as PyTorch recorded them, properties on
 * many elements, errors. */
#include "recorded.h"

static void test_recorded(void **state)
{
    replay_recorded("sort_ops.txt");
}

static void test_calls(void **state)
{
    fac_scope {
        fac_tensor *x = fac_literal("[[3, 1, 2], [1, 1, 0]]"), *indices, *inverse, *counts;
        check_values(fac_sort(x, .indices = &indices), "[[1, 2, 3], [0, 1, 1]]");
        check_values(indices, "[[1, 2, 0], [2, 0, 1]]");
        check_values(fac_sort(x, .dim = 0, .descending = true), "[[3, 1, 2], [1, 1, 0]]");
        check_values(fac_argsort(x, .descending = true), "[[0, 2, 1], [0, 1, 2]]");
        check_values(fac_topk(x, 2), "[[3, 2], [1, 1]]");
        check_values(fac_topk(x, 1, .largest = false, .dim = 0, .indices = &indices), "[[1, 1, 0]]");
        check_values(indices, "[[1, 0, 1]]");
        check_values(fac_kthvalue(x, 2, 1, false, &indices), "[2, 1]");
        check_values(indices, "[2, 0]");
        check_values(fac_median(x), "1");
        check_values(fac_mode(x, 1, true, NULL), "[[1], [1]]");
        check_values(fac_unique(x, .inverse = &inverse, .counts = &counts), "[0, 1, 2, 3]");
        check_values(inverse, "[[3, 1, 2], [1, 1, 0]]");
        check_values(counts, "[1, 3, 1, 1]");
        check_values(fac_unique(x, .dim = 0, .inverse = &inverse), "[[1, 1, 0], [3, 1, 2]]");
        check_values(inverse, "[1, 0]");
        check_values(fac_unique_consecutive(fac_literal("[1, 1, 2, 1]"), .counts = &counts), "[1, 2, 1]");
        check_values(counts, "[2, 1, 1]");
        fac_tensor *edges = fac_literal("[1, 3, 5]");
        check_values(fac_searchsorted(edges, fac_literal("[3, 6]")), "[1, 3]");
        check_values(fac_searchsorted(edges, fac_literal("[3, 6]"), .right = true), "[2, 3]");
        assert_int_equal(fac_dtype_of(fac_bucketize(x, edges, .out_int32 = true)), FAC_INT32);
        check_values(fac_isin(x, edges, false), "[[True, True, False], [True, True, False]]");
        check_values(fac_bincount(fac_literal("[2, 0, 2]"), NULL, 0), "[1, 0, 2]");
        check_values(fac_histc(fac_literal("[0., 1., 2., 2.]"), 2, 0, 2), "[1., 3.]");
        /* Ranges whose width is nothing, or beyond the largest number: the first bin, as in PyTorch. */
        fac_tensor *large = fac_literal("[1e308, 1e308]", .dtype = FAC_FLOAT64);
        check_values(fac_histc(large, 4, 0, 0), "[2., 0., 0., 0.]");
        check_values(fac_histc(large, 4, -1e308, 1e308), "[2., 0., 0., 0.]");
        check_values(fac_quantile(fac_literal("[4., 1., 3.]"), fac_literal("0.75"), FAC_ALL_DIMS, false, "linear"),
                     "3.5");
    }
}

/* Ordered, stable and a permutation, for lengths on both sides of where the way of sorting changes. */
static void test_large(void **state)
{
    fac_manual_seed(1);
    const int64_t sizes[] = {1, 47, 48, 49, 1000, 100000};
    for (int s = 0; s < 6; s++)
        for (int kind = 0; kind < 3; kind++)
            fac_scope {
                fac_tensor *x = kind == 0   ? fac_randn(FAC_SHAPE(sizes[s]))
                                : kind == 1 ? fac_randint(-5, 5, FAC_SHAPE(sizes[s]))
                                            : fac_to(fac_randn(FAC_SHAPE(sizes[s])), FAC_FLOAT64);
                fac_tensor *indices, *y = fac_sort(x, .indices = &indices, .stable = true, .descending = kind == 2);
                check_close(y, fac_gather(x, 0, indices), 0);
                double *v = malloc((size_t)sizes[s] * sizeof *v);
                assert_true(fac_to_array(y, FAC_FLOAT64, v, sizes[s]));
                const int64_t *at = fac_data(indices);
                for (int64_t i = 1; i < sizes[s]; i++) {
                    assert_true(kind == 2 ? v[i - 1] >= v[i] : v[i - 1] <= v[i]);
                    if (v[i - 1] == v[i]) assert_true(at[i - 1] < at[i]);
                }
                free(v);
                check_close(fac_sort(indices), fac_arange(0, sizes[s], 1), 0);
            }
}

/* Of equal elements PyTorch's CPU kernels come to these. */
static void test_ties(void **state)
{
    fac_scope {
        fac_tensor *x = fac_remainder_scalar(fac_arange(0, 20, 1), 3), *indices;
        fac_sort(x, .indices = &indices);
        check_values(indices, "[18, 3, 15, 6, 12, 9, 0, 10, 19, 16, 13, 7, 4, 1, 11, 8, 14, 5, 17, 2]");
        check_values(fac_argsort(x, .descending = true),
                     "[2, 17, 5, 14, 8, 11, 10, 19, 16, 13, 7, 4, 1, 0, 9, 12, 6, 15, 3, 18]");
        fac_topk(x, 5, .indices = &indices);
        check_values(indices, "[5, 11, 8, 14, 17]");
        fac_kthvalue(x, 9, 0, false, &indices);
        check_values(indices, "7");
        fac_mode(x, 0, false, &indices);
        check_values(indices, "0");
        fac_median_dim(x, 0, false, &indices);
        check_values(indices, "7");
        fac_topk(fac_remainder_scalar(fac_arange(0, 200, 1), 7), 3, .indices = &indices);
        check_values(indices, "[20, 13, 6]");
    }
}

/* Many rows at once are the rows one by one. */
static void test_rows(void **state)
{
    fac_scope {
        fac_tensor *x = fac_randint(0, 50, FAC_SHAPE(300, 70)), *indices;
        fac_tensor *y = fac_sort(x, .dim = 0, .indices = &indices);
        for (int i = 0; i < 70; i += 23) {
            fac_tensor *one;
            check_close(fac_select(y, 1, i), fac_sort(fac_select(x, 1, i), .indices = &one), 0);
            check_close(fac_select(indices, 1, i), one, 0);
        }
    }
}

static void test_errors(void **state)
{
    fac_scope {
        fac_tensor *x = fac_zeros(FAC_SHAPE(2, 3)), *i = fac_literal("[1, 2]"), *e = fac_zeros(FAC_SHAPE(0, 3));
        expect_error(fac_sort(NULL), "");
        expect_error(fac_sort(x, .dim = 2), "Dimension out of range");
        expect_error(fac_topk(x, 4), "selected index k out of range");
        expect_error(fac_kthvalue(x, 0, -1, false, NULL), "kthvalue(): selected number k out of range for dimension 1");
        expect_error(fac_kthvalue(e, 1, 0, false, NULL), "kthvalue(): Expected reduction dim 0 to have non-zero size.");
        expect_error(fac_median_dim(e, 0, false, NULL), "median(): Expected reduction dim 0 to have non-zero size.");
        expect_error(fac_mode(e, 0, false, NULL), "mode(): Expected reduction dim 0 to have non-zero size.");
        expect_error(fac_unique(fac_zeros(FAC_SHAPE(2, 0)), .dim = 0),
                     "There are 0 sized dimensions, and they aren't selected");
        expect_error(fac_searchsorted(x, i),
                     "boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries");
        expect_error(fac_searchsorted(fac_literal("1"), i), "boundaries tensor should have positive dimension");
        expect_error(fac_searchsorted(i, i, .sorter = fac_literal("[0, 2]")), "sorter index out of range");
        expect_error(fac_searchsorted(i, i, .sorter = fac_literal("[0, -1]")), "sorter index out of range");
        expect_error(fac_searchsorted(i, i, .sorter = fac_literal("[0]")), "must have the same size");
        expect_error(fac_bucketize(i, x), "boundaries tensor must be 1 dimension, but got dim(2)");
        expect_error(fac_bincount(x, NULL, 0), "\"bincount_cpu\" not implemented for 'Float'");
        expect_error(fac_bincount(fac_literal("[-1]"), NULL, 0),
                     "bincount only supports 1-d non-negative integral inputs.");
        expect_error(fac_bincount(i, fac_literal("[1.]"), 0),
                     "weights should be 1-d and have the same length as input");
        expect_error(fac_bincount(i, NULL, -1), "minlength should be >= 0");
        expect_error(fac_histc(x, 0, 0, 0), "bins must be > 0, but got 0");
        expect_error(fac_histc(x, 3, 2, 1), "torch.histc: max must be larger than min");
        expect_error(fac_histc(fac_literal("[1., nan]"), 3, 0, 0), "is not finite");
        expect_error(fac_histc(i, 3, 0, 0), "\"histogram_cpu\" not implemented for 'Long'");
        expect_error(fac_quantile(x, fac_literal("1.5"), 0, false, "linear"), "q values must be in the range [0, 1]");
        expect_error(fac_quantile(x, fac_literal("0.5"), 0, false, "cubic"),
                     "interpolation must be one of linear, lower");
        expect_error(fac_quantile(e, fac_literal("0.5"), 0, false, "linear"), "input tensor must be non-empty");
    }
}

/* The few first of many floats are found in a way of their own; the same numbers as doubles are not. Many are equal. */
static void few_of_many_floats(void **state)
{
    fac_manual_seed(5);
    for (int round = 0; round < 6; round++)
        fac_scope {
            int64_t n = 700 + 37 * round, k = 1 + 2 * round;
            bool largest = round % 2;
            fac_tensor *x = fac_trunc(fac_mul_scalar(fac_randn(FAC_SHAPE(9, n)), round < 4 ? 3 : 1000));
            fac_fill_(fac_select(x, 1, 3), -0.0);
            fac_fill_(fac_select(x, 1, n - 1), INFINITY);
            if (round > 2) fac_fill_(fac_select(x, 1, 300), NAN);
            fac_tensor *got, *want;
            fac_tensor *values = fac_topk(x, k, .largest = largest, .indices = &got);
            fac_tensor *others = fac_topk(fac_to(x, FAC_FLOAT64), k, .largest = largest, .indices = &want);
            check_close(got, want, 0);
            check_close(fac_to(values, FAC_FLOAT64), others, 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),      cmocka_unit_test(test_calls), cmocka_unit_test(test_large),
        cmocka_unit_test(test_ties),          cmocka_unit_test(test_rows),  cmocka_unit_test(test_errors),
        cmocka_unit_test(few_of_many_floats),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
