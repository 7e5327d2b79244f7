/* Decompositions: what they must satisfy for any matrix, accuracy where it is hard, and second derivatives of symmetric
 * ones. (Values are compared with PyTorch's by the conformance runner.) */
#include "testing.h"

static fac_tensor *double_randn(fac_dims shape)
{
    return fac_randn(shape, .dtype = FAC_FLOAT64);
}

static void check_orthonormal(fac_tensor *columns)
{
    fac_tensor *gram = fac_matmul(fac_mT(columns), columns);
    int64_t n = fac_size(gram, -1);
    check_close(gram, fac_expand(fac_eye(n, n, .dtype = FAC_FLOAT64), fac_shape(gram)), 1e-12);
}

static void check_svd(fac_tensor *a)
{
    double size = fac_item(fac_amax(fac_abs(a)));
    int64_t m = fac_size(a, -2), n = fac_size(a, -1), k = m < n ? m : n;
    for (int full = 0; full < 2; full++)
        fac_scope {
            fac_tensor *s, *vh, *u = fac_linalg_svd(a, full, &s, &vh);
            assert_non_null(u);
            assert_int_equal(fac_size(u, -1), full ? m : k);
            assert_int_equal(fac_size(vh, -2), full ? n : k);
            check_orthonormal(u);
            check_orthonormal(fac_mT(vh));
            fac_tensor *us = fac_mul(fac_narrow(u, -1, 0, k), fac_unsqueeze(s, -2));
            check_close(fac_matmul(us, fac_narrow(vh, -2, 0, k)), a, 1e-13 * size * (double)(m + n));
            check_close(fac_linalg_svdvals(a), s, 1e-14 * size * (double)(m + n));
            for (int64_t i = 1; i < k; i++)
                assert_true(fac_item(fac_min(fac_sub(fac_select(s, -1, i - 1), fac_select(s, -1, i)))) >= 0);
        }
}

static void test_svd(void **state)
{
    static const int64_t sizes[][2] = {{1, 1}, {1, 5}, {5, 1}, {4, 4}, {7, 3}, {3, 7}, {60, 40}, {40, 61}};
    fac_manual_seed(1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        fac_scope {
            fac_tensor *a = double_randn(FAC_SHAPE(2, sizes[i][0], sizes[i][1]));
            check_svd(a);
            check_svd(fac_mul_scalar(a, 1e-200)); /* squares underflow */
            check_svd(fac_mul_scalar(a, 1e200));
            check_svd(fac_zeros_like(a));
            check_svd(fac_ones_like(a)); /* rank 1 */
            check_svd(fac_to(fac_gt_scalar(a, 0.3), FAC_FLOAT64));
        }
}

/* Rows of very different size, of which the small ones are known as exactly as the large ones. */
static void test_small_singular_values(void **state)
{
    fac_scope {
        fac_tensor *rows = fac_literal("[[1., 1., 0.], [1e-20, -1e-20, 0.], [0., 0., 3e-90]]", .dtype = FAC_FLOAT64);
        fac_tensor *want = fac_literal("[1.4142135623730951, 1.4142135623730951e-20, 3e-90]", .dtype = FAC_FLOAT64);
        check_close(fac_div(fac_linalg_svdvals(rows), want), fac_ones_like(want), 1e-15);
        check_close(fac_div(fac_linalg_svdvals(fac_mT(rows)), want), fac_ones_like(want), 1e-15);
    }
}

static void check_eigh(fac_tensor *a)
{
    double size = fac_item(fac_amax(fac_abs(a)));
    fac_tensor *v, *l = fac_linalg_eigh(a, "L", &v);
    assert_non_null(l);
    check_orthonormal(v);
    check_close(fac_matmul(a, v), fac_mul(v, fac_unsqueeze(l, -2)), 1e-13 * size * (double)fac_size(a, -1));
    check_close(fac_sort(l), l, 0);
    check_close(fac_linalg_eigvalsh(fac_triu(a, 0), "U"), l, 1e-14 * size * (double)fac_size(a, -1));
}

static void test_eigh(void **state)
{
    fac_manual_seed(2);
    for (int64_t n = 1; n < 80; n += n < 5 ? 1 : 23)
        fac_scope {
            fac_tensor *a = double_randn(FAC_SHAPE(2, n, n));
            a = fac_add(a, fac_mT(a));
            check_eigh(a);
            check_eigh(fac_mul_scalar(a, 1e-200));
            check_eigh(fac_mul_scalar(a, 1e200));
            check_eigh(fac_zeros_like(a));
            check_eigh(fac_ones_like(a));
            check_eigh(fac_matmul(fac_narrow(a, -1, 0, 1), fac_mT(fac_narrow(a, -1, 0, 1))));
        }
}

static void test_refused(void **state)
{
    fac_scope {
        fac_tensor *a = fac_literal("[[1., nan], [nan, 2.]]"),
                   *b = fac_literal("[[[1., 0.], [0., 1.]], [[1., inf], [0., 1.]]]");
        expect_error(fac_linalg_svdvals(a), "the input matrix contained non-finite values");
        expect_error(fac_linalg_eigvalsh(a, "L"), "failed to converge");
        expect_error(fac_linalg_svdvals(b), "(Batch element 1)");
        expect_error(fac_linalg_eigh(fac_select(b, 0, 1), "U", NULL), "failed to converge");
        assert_non_null(fac_linalg_eigh(fac_select(b, 0, 1), "L", NULL)); /* it does not look there */
    }
}

/* ---- derivatives of functions of symmetric matrices ----------------------------------------------------------------- */

static fac_tensor *weights_like(fac_tensor *t)
{
    return fac_cos(fac_reshape(fac_arange(1, 1 + fac_numel(t), 1, .dtype = FAC_FLOAT64), fac_shape(t)));
}

static fac_tensor *of_values(fac_tensor *a)
{
    fac_tensor *l = fac_linalg_eigvalsh(a, "L");
    return fac_sum(fac_mul(fac_square(l), weights_like(l)));
}
/* Vectors through squares and products: their signs may change at any step. */
static fac_tensor *of_vectors(fac_tensor *a)
{
    fac_tensor *v, *l = fac_linalg_eigh(a, "L", &v);
    return fac_add(fac_sum(fac_mul(fac_square(v), weights_like(v))), fac_sum(fac_mul(fac_exp(l), weights_like(l))));
}
static fac_tensor *of_inverse(fac_tensor *a)
{
    fac_tensor *p = fac_linalg_pinv(fac_narrow(a, 0, 0, 2));
    return fac_sum(fac_mul(p, weights_like(p)));
}
static fac_tensor *of_svd(fac_tensor *a)
{
    fac_tensor *s, *vh, *u = fac_linalg_svd(fac_narrow(a, 0, 0, 2), false, &s, &vh);
    fac_tensor *uv = fac_matmul(u, vh), *squares = fac_square(vh);
    fac_tensor *y = fac_add(fac_sum(fac_mul(uv, weights_like(uv))), fac_sum(fac_mul(squares, weights_like(vh))));
    return fac_add(y, fac_sum(fac_mul(fac_square(s), weights_like(s))));
}
static fac_tensor *of_distances(fac_tensor *a)
{
    fac_tensor *y = fac_cdist(a, fac_narrow(a, 0, 1, 1), 2, "use_mm_for_euclid_dist");
    return fac_add(fac_sum(fac_mul(y, weights_like(y))), fac_sum(fac_square(fac_pdist(a, 1.5))));
}

typedef fac_tensor *(*function)(fac_tensor *);

/* The function of x + x^T, and its weighted gradient. */
static fac_tensor *value(function f, fac_tensor *x)
{
    return f(fac_add(x, fac_mT(x)));
}
static fac_tensor *slope(function f, fac_tensor *x)
{
    fac_tensor *y = value(f, x), *g;
    assert_true(fac_autograd_grad(&y, 1, &x, 1, &g, .create_graph = true));
    return fac_sum(fac_mul(g, fac_add_scalar(fac_square(weights_like(g)), 0.3)));
}

static void test_derivatives(void **state)
{
    static const function functions[] = {of_values, of_vectors, of_inverse, of_svd, of_distances};
    static fac_tensor *(*const orders[])(function, fac_tensor *) = {value, slope};
    fac_manual_seed(4);
    for (int i = 0; i < 5; i++)
        for (int order = 0; order < 2; order++)
            fac_scope {
                fac_tensor *x = double_randn(FAC_SHAPE(3, 3)), *g;
                fac_requires_grad_(x, true);
                fac_tensor *y = orders[order](functions[i], x);
                assert_true(fac_autograd_grad(&y, 1, &x, 1, &g));
                double *p = fac_data(x);
                for (int k = 0; k < 9; k++) {
                    double at = p[k], h = 1e-6, values[2];
                    for (int side = 0; side < 2; side++) {
                        p[k] = at + (side ? h : -h);
                        values[side] = fac_item(orders[order](functions[i], x));
                    }
                    p[k] = at;
                    double want = (values[1] - values[0]) / (2 * h), got = fac_at(g, FAC_DIMS(k / 3, k % 3));
                    if (fabs(got - want) > 1e-6 * (1 + fabs(want)))
                        fail_msg("function %d, order %d, [%d]: %.12g, by differences %.12g", i, order + 1, k, got,
                                 want);
                }
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_svd),     cmocka_unit_test(test_small_singular_values), cmocka_unit_test(test_eigh),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_derivatives),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
