/* Factorisations and solvers: what they must satisfy, at sizes where work is done in blocks, and derivatives at square
 * matrices, second ones too. (Values are compared with PyTorch's by the conformance runner.) */
#include "testing.h"

static fac_tensor *double_randn(fac_dims shape)
{
    return fac_randn(shape, .dtype = FAC_FLOAT64);
}

static fac_tensor *identity(int64_t n)
{
    return fac_eye(n, n, .dtype = FAC_FLOAT64);
}

static const int64_t sides[] = {1, 2, 5, 63, 64, 65, 150};
enum { SIDES = sizeof sides / sizeof *sides };

/* ---- what factors and solutions satisfy ------------------------------------------------------------------------ */

static void check_lu(int64_t m, int64_t n)
{
    fac_tensor *a = double_randn(FAC_SHAPE(2, m, n)), *l, *u, *p = fac_linalg_lu(a, true, &l, &u);
    check_close(fac_matmul(p, fac_matmul(l, u)), a, 1e-12 * (double)(m + n));
    check_close(fac_triu(l, 1), fac_zeros_like(l), 0);
    check_close(fac_tril(u, -1), fac_zeros_like(u), 0);
    assert_true(fac_item(fac_amax(fac_abs(l))) <= 1); /* partial pivoting */
}

static void check_qr(int64_t m, int64_t n)
{
    fac_tensor *a = double_randn(FAC_SHAPE(2, m, n)), *r, *tau;
    static const char *const modes[] = {"reduced", "complete"};
    for (int i = 0; i < 2; i++) {
        fac_tensor *q = fac_linalg_qr(a, modes[i], &r);
        check_close(fac_matmul(q, r), a, 1e-13 * (double)(m + n));
        check_close(fac_matmul(fac_mT(q), q), fac_expand_as(identity(fac_size(q, -1)), fac_matmul(fac_mT(q), q)),
                    1e-13 * (double)(m + n));
    }
    fac_tensor *all = fac_linalg_qr(a, "complete", &r), *packed = fac_geqrf(a, &tau);
    fac_tensor *c = double_randn(FAC_SHAPE(2, m, 4)), *ct = fac_mT(c);
    check_close(fac_ormqr(packed, tau, c, true, false), fac_matmul(all, c), 1e-11);
    check_close(fac_ormqr(packed, tau, c, true, true), fac_matmul(fac_mT(all), c), 1e-11);
    check_close(fac_ormqr(packed, tau, ct, false, false), fac_matmul(ct, all), 1e-11);
    check_close(fac_ormqr(packed, tau, ct, false, true), fac_matmul(ct, fac_mT(all)), 1e-11);
}

static void test_factors(void **state)
{
    (void)state;
    fac_manual_seed(1);
    for (int i = 0; i < SIDES; i++)
        for (int j = 0; j < SIDES; j++)
            fac_scope {
                check_lu(sides[i], sides[j]);
                check_qr(sides[i], sides[j]);
            }
}

static void check_symmetric(int64_t n)
{
    fac_tensor *x = double_randn(FAC_SHAPE(2, n, n)), *b = double_randn(FAC_SHAPE(2, n, 3)), *pivots;
    fac_tensor *positive = fac_add(fac_matmul(x, fac_mT(x)), identity(n));
    for (int upper = 0; upper < 2; upper++) {
        fac_tensor *l = fac_linalg_cholesky(upper ? fac_triu(positive, 0) : fac_tril(positive, 0), .upper = upper);
        check_close(upper ? fac_matmul(fac_mT(l), l) : fac_matmul(l, fac_mT(l)), positive, 1e-11 * (double)n);
        check_close(fac_matmul(positive, fac_cholesky_solve(b, l, upper)), b, 1e-9);
        check_close(fac_cholesky_inverse(l, upper), fac_linalg_inv(positive), 1e-9);
    }
    fac_tensor *indefinite = fac_add(x, fac_mT(x)), *ld = fac_linalg_ldl_factor(indefinite, false, &pivots);
    check_close(fac_matmul(indefinite, fac_linalg_ldl_solve(ld, pivots, b, false)), b, 1e-7);
}

static void check_solutions(int64_t n)
{
    fac_tensor *a = fac_add(double_randn(FAC_SHAPE(3, n, n)), fac_mul_scalar(identity(n), 4)), *pivots;
    fac_tensor *b = double_randn(FAC_SHAPE(2, 1, n, 5)), *bt = fac_mT(b), *lu = fac_linalg_lu_factor(a, true, &pivots);
    double close = 1e-8;
    check_close(fac_matmul(a, fac_linalg_solve(a, b)), fac_expand(b, FAC_SHAPE(2, 3, n, 5)), close);
    check_close(fac_matmul(fac_linalg_solve(a, bt, .left = false), a), fac_expand(bt, FAC_SHAPE(2, 3, 5, n)), close);
    for (int adjoint = 0; adjoint < 2; adjoint++) {
        fac_tensor *op = adjoint ? fac_mT(a) : a;
        check_close(fac_linalg_lu_solve(lu, pivots, b, .adjoint = adjoint), fac_linalg_solve(op, b), close);
        check_close(fac_linalg_lu_solve(lu, pivots, bt, .adjoint = adjoint, .left = false),
                    fac_linalg_solve(op, bt, .left = false), close);
    }
    fac_tensor *t = fac_add(fac_div_scalar(a, (double)n), identity(n)); /* small enough off the diagonal */
    for (int i = 0; i < 8; i++) {
        bool upper = i & 1, left = i & 2, unit = i & 4;
        fac_tensor *part = upper ? fac_triu(t, unit) : fac_tril(t, -(int)unit);
        if (unit) part = fac_add(part, identity(n));
        fac_tensor *x =
            fac_linalg_solve_triangular(t, left ? b : bt, .upper = upper, .left = left, .unitriangular = unit);
        fac_tensor *back = left ? fac_matmul(part, x) : fac_matmul(x, part);
        check_close(back, fac_expand_as(left ? b : bt, back), close);
    }
}

static void test_solutions(void **state)
{
    (void)state;
    fac_manual_seed(2);
    for (int i = 0; i < SIDES; i++)
        fac_scope {
            check_symmetric(sides[i]);
            check_solutions(sides[i]);
        }
}

/* The shortest X with the least |A X - B|, for any rank: A^T (A X - B) = 0, and X is in the span of A's rows. */
static void test_lstsq(void **state)
{
    static const int64_t sizes[][2] = {{1, 1}, {6, 4}, {4, 6}, {90, 30}, {30, 90}, {70, 70}};
    (void)state;
    fac_manual_seed(3);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int lacking = 0; lacking < 2; lacking++)
            fac_scope {
                int64_t m = sizes[i][0], n = sizes[i][1], most = m < n ? m : n, r = lacking ? (most + 1) / 2 : most;
                fac_tensor *a = fac_matmul(double_randn(FAC_SHAPE(2, m, r)), double_randn(FAC_SHAPE(2, r, n)));
                fac_tensor *b = double_randn(FAC_SHAPE(2, m, 3)), *rank, *s,
                           *inverse = fac_linalg_pinv(a, .rtol = 1e-10);
                fac_tensor *want = fac_matmul(inverse, b);
                fac_tensor *y = fac_linalg_lstsq(a, b, .rcond = 1e-10, .rank = &rank);
                double close = 1e-9 * (1 + fac_item(fac_amax(fac_abs(want)))) * fac_item(fac_amax(fac_abs(inverse)));
                check_close(y, want, close + 1e-9);
                assert_int_equal(fac_item_int(fac_amax(rank)), r);
                check_close(
                    fac_linalg_lstsq(a, b, .rcond = 1e-10, .driver = "gelsd", .rank = &rank, .singular_values = &s),
                    want, close + 1e-9);
                assert_int_equal(fac_item_int(fac_amin(rank)), r);
                assert_int_equal(fac_size(s, -1), most);
            }
}

static void test_errors(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *zero = fac_zeros(FAC_SHAPE(2, 3, 3)), *pivots, *info;
        assert_null(fac_linalg_inv(zero));
        assert_string_equal(fac_error(), "linalg.inv: (Batch element 0): The diagonal element 1 is zero, the inversion "
                                         "could not be completed because the input matrix is singular.");
        fac_clear_error();
        assert_null(fac_linalg_solve(zero, fac_ones(FAC_SHAPE(3))));
        fac_clear_error();
        assert_non_null(fac_linalg_solve_ex(zero, fac_ones(FAC_SHAPE(3)), &info));
        assert_int_equal(fac_item_int(fac_amin(info)), 1);
        assert_null(fac_linalg_cholesky(fac_neg(fac_eye(3, 3))));
        fac_clear_error();
        assert_null(fac_linalg_lu_factor(zero, true, &pivots));
        assert_null(pivots);
        fac_clear_error();
        fac_tensor *outside = fac_full(FAC_SHAPE(3), 4, .dtype = FAC_INT32), *eye = fac_eye(3, 3);
        assert_null(fac_linalg_lu_solve(eye, outside, eye));
        fac_clear_error();
        assert_null(fac_linalg_ldl_solve(eye, outside, eye, false));
        fac_clear_error();
        assert_null(fac_linalg_ldl_solve(eye, fac_neg(fac_ones_like(outside)), eye, false)); /* one without a partner */
        fac_clear_error();
    }
}

/* ---- derivatives ----------------------------------------------------------------------------------------------- */

typedef fac_tensor *(*function)(fac_tensor *x);

static fac_tensor *positive(fac_tensor *x)
{
    return fac_add(fac_matmul(x, fac_mT(x)), identity(fac_size(x, -1)));
}
static fac_tensor *of_cholesky(fac_tensor *x)
{
    return fac_linalg_cholesky(positive(x));
}
static fac_tensor *of_cholesky_upper(fac_tensor *x)
{
    return fac_linalg_cholesky(positive(x), .upper = true);
}
static fac_tensor *of_cholesky_solve(fac_tensor *x)
{
    return fac_cholesky_solve(x, fac_linalg_cholesky(positive(x)), false);
}
static fac_tensor *of_cholesky_inverse(fac_tensor *x)
{
    return fac_cholesky_inverse(fac_linalg_cholesky(positive(x), .upper = true), true);
}
static fac_tensor *of_lu(fac_tensor *x)
{
    fac_tensor *l, *u;
    return fac_linalg_lu(x, true, &l, &u) ? fac_add(fac_matmul(u, l), fac_square(l)) : NULL;
}
static fac_tensor *of_wide_lu(fac_tensor *x)
{
    return fac_linalg_lu_factor(fac_narrow(x, -2, 0, 2), true, NULL);
}
static fac_tensor *of_tall_lu(fac_tensor *x)
{
    return fac_linalg_lu_factor(fac_narrow(x, -1, 0, 2), true, NULL);
}
static fac_tensor *of_lu_solve(fac_tensor *x)
{
    fac_tensor *pivots, *lu = fac_linalg_lu_factor(x, true, &pivots), *y = fac_square(x);
    y = fac_add(y, fac_linalg_lu_solve(lu, pivots, y));
    y = fac_linalg_lu_solve(lu, pivots, y, .adjoint = true);
    y = fac_linalg_lu_solve(lu, pivots, y, .left = false);
    return fac_linalg_lu_solve(lu, pivots, y, .left = false, .adjoint = true);
}
static fac_tensor *of_solve(fac_tensor *x)
{
    return fac_linalg_solve(fac_add_scalar(x, 2), fac_linalg_solve(x, fac_square(x), .left = false));
}
static fac_tensor *of_vector_solve(fac_tensor *x)
{
    return fac_linalg_solve(x, fac_select(x, -1, 0));
}
static fac_tensor *of_triangular(fac_tensor *x)
{
    fac_tensor *c, *y = fac_linalg_solve_triangular(x, fac_exp(x), .upper = true, .left = false);
    y = fac_triangular_solve(y, x, false, true, true, &c);
    return fac_add(y, c);
}
static fac_tensor *of_det(fac_tensor *x)
{
    return fac_linalg_det(x);
}
static fac_tensor *of_slogdet(fac_tensor *x)
{
    fac_tensor *y;
    return fac_linalg_slogdet(x, &y) ? y : NULL;
}
static fac_tensor *of_inv(fac_tensor *x)
{
    return fac_linalg_inv(x);
}
static fac_tensor *of_qr(fac_tensor *x)
{
    fac_tensor *r, *q = fac_linalg_qr(x, "reduced", &r);
    return q ? fac_add(fac_matmul(r, q), fac_square(q)) : NULL;
}
static fac_tensor *of_tall_qr(fac_tensor *x)
{
    fac_tensor *r, *q = fac_linalg_qr(fac_narrow(x, -1, 0, 2), "reduced", &r);
    return q ? fac_matmul(q, fac_square(r)) : NULL;
}
static fac_tensor *of_wide_qr(fac_tensor *x)
{
    fac_tensor *r, *q = fac_linalg_qr(fac_narrow(x, -2, 0, 2), "complete", &r);
    return q ? fac_matmul(fac_square(q), r) : NULL;
}
static fac_tensor *of_reflectors(fac_tensor *x)
{
    fac_tensor *tau = fac_select(x, -1, 0), *q = fac_linalg_householder_product(x, tau);
    return fac_ormqr(x, tau, fac_ormqr(x, tau, q, false, true), true, true);
}
static fac_tensor *of_lstsq(fac_tensor *x)
{
    fac_tensor *tall = fac_narrow(x, -1, 0, 2), *wide = fac_narrow(x, -2, 0, 2);
    fac_tensor *y = fac_linalg_lstsq(tall, x), *z = fac_linalg_lstsq(wide, fac_narrow(x, -2, 1, 2), .driver = "gelsd");
    return fac_matmul(y, fac_matmul(z, fac_mT(y)));
}
static fac_tensor *of_exp(fac_tensor *x)
{
    return fac_matrix_exp(x);
}
static fac_tensor *of_power(fac_tensor *x)
{
    return fac_add(fac_linalg_matrix_power(x, 5), fac_linalg_matrix_power(x, -2));
}
static fac_tensor *of_cross(fac_tensor *x)
{
    return fac_linalg_cross(x, fac_exp(fac_mT(x)), -1);
}

static const function functions[] = {
    of_cholesky, of_cholesky_upper, of_cholesky_solve, of_cholesky_inverse, of_lu,    of_wide_lu, of_tall_lu,
    of_lu_solve, of_solve,          of_vector_solve,   of_triangular,       of_det,   of_slogdet, of_inv,
    of_qr,       of_tall_qr,        of_wide_qr,        of_reflectors,       of_lstsq, of_exp,     of_power,
    of_cross,
};

static fac_tensor *weighted(fac_tensor *y, int seed)
{
    if (!y) return NULL;
    fac_tensor *w = fac_arange(1, fac_numel(y) + 1, 1, .dtype = FAC_FLOAT64);
    return fac_sum(fac_mul(y, fac_reshape(fac_sin(fac_mul_scalar(w, 1.7 + seed)), fac_shape(y))));
}

static fac_tensor *gradient(function f, fac_tensor *x, bool again)
{
    fac_tensor *y = weighted(f(x), 0), *g;
    return y && fac_autograd_grad(&y, 1, &x, 1, &g, .create_graph = again) ? g : NULL;
}

/* The order-th derivative of f against differences of the one below. */
static void check_derivative(int which, int order)
{
    fac_tensor *x = fac_add(double_randn(FAC_SHAPE(3, 3)), fac_mul_scalar(identity(3), 3)), *g = NULL;
    fac_requires_grad_(x, true);
    if (order == 1) {
        g = gradient(functions[which], x, false);
    } else {
        fac_tensor *first = weighted(gradient(functions[which], x, true), 3);
        assert_true(first && fac_autograd_grad(&first, 1, &x, 1, &g));
    }
    assert_non_null(g);
    g = fac_contiguous(g);
    for (int64_t i = 0; i < fac_numel(x); i++)
        fac_scope {
            double *p = (double *)fac_data(x) + i, x0 = *p, y[2];
            for (int k = 0; k < 2; k++) {
                *p = x0 + (k ? 1e-6 : -1e-6);
                y[k] = fac_item(order == 1 ? weighted(functions[which](x), 0)
                                           : weighted(gradient(functions[which], x, false), 3));
            }
            *p = x0;
            double got = ((double *)fac_data(g))[i], want = (y[1] - y[0]) / 2e-6;
            if (fabs(got - want) > 1e-6 * (1 + fabs(want)))
                fail_msg("function %d, derivative %d at %d: %.9g, by differences %.9g", which, order, (int)i, got,
                         want);
        }
}

static void test_derivatives(void **state)
{
    (void)state;
    fac_manual_seed(4);
    for (int order = 1; order <= 2; order++)
        for (int i = 0; i < (int)(sizeof functions / sizeof *functions); i++)
            fac_scope
                check_derivative(i, order);
}

/* det is smooth at singular matrices: there its gradient is the adjugate, transposed. */
static void test_singular_det(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_literal("[[1., 2., 3.], [2., 4., 6.], [1., 0., 1.]]", .dtype = FAC_FLOAT64);
        fac_requires_grad_(x, true);
        fac_backward(fac_linalg_det(x));
        check_close(fac_grad(x), fac_literal("[[4., 4., -4.], [-2., -2., 2.], [0., 0., 0.]]", .dtype = FAC_FLOAT64),
                    1e-12);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factors), cmocka_unit_test(test_solutions),   cmocka_unit_test(test_lstsq),
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_derivatives), cmocka_unit_test(test_singular_det),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
