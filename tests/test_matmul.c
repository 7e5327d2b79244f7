/* Products of matrices: results and gradients as PyTorch recorded them, leanness, errors. */
#include "recorded.h"

static void test_recorded(void **state)
{
    replay_recorded("matmul_ops.txt");
}

static void test_calls(void **state)
{
    fac_scope {
        fac_tensor *a = fac_literal("[[1., 2.], [3., 4.]]"), *v = fac_literal("[1., 10.]"),
                   *bias = fac_literal("[100., 200.]");
        check_values(fac_matmul(a, a), "[[7., 10.], [15., 22.]]");
        check_values(fac_matmul(a, fac_t(a)), "[[5., 11.], [11., 25.]]");
        check_values(fac_mv(a, v), "[21., 43.]");
        check_values(fac_linear(v, a, bias), "[121., 243.]");
        check_values(fac_addmm(bias, a, a), "[[107., 210.], [115., 222.]]");
        check_values(fac_addmm(bias, a, a, .beta = 0, .alpha = 2), "[[14., 20.], [30., 44.]]");
        fac_tensor *c = fac_literal("[100, -4]", .dtype = FAC_INT8);
        check_values(fac_addr(v, fac_literal("[3, -4]"), fac_literal("[1, 2]"), .alpha = 0.5),
                     "[[2.5, 13.], [-1., 6.]]");
        check_values(fac_addr(v, c, c, .beta = 0), "[[10000., -400.], [-400., 16.]]");
        check_values(fac_einsum("ij,j->i", a, v), "[21., 43.]");
        check_values(fac_tensordot_n(a, a, 1), "[[7., 10.], [15., 22.]]");
        check_values(fac_multi_dot(FAC_TENSORS(v, a, v)), "451.");
        fac_tensor *t = fac_literal("[[True, False], [False, False]]");
        check_values(fac_mm(t, t), "[[True, False], [False, False]]");
        fac_tensor *h = fac_to(a, FAC_FLOAT16);
        check_values(fac_mm(h, h), "[[7., 10.], [15., 22.]]");
    }
}

/* PyTorch's names of nodes, which printing shows. */
static void test_names(void **state)
{
    fac_scope {
        fac_tensor *a = fac_requires_grad_(fac_ones(FAC_SHAPE(2, 2)), true), *v = fac_ones(FAC_SHAPE(2));
        fac_tensor *b = fac_ones(FAC_SHAPE(3, 2, 2));
        assert_string_equal(fac_grad_fn_name(fac_mm(a, a)), "MmBackward0");
        assert_string_equal(fac_grad_fn_name(fac_matmul(a, v)), "MvBackward0");
        assert_string_equal(fac_grad_fn_name(fac_linear(a, a, v)), "AddmmBackward0");
        assert_string_equal(fac_grad_fn_name(fac_linear(a, a, NULL)), "MmBackward0");
        assert_string_equal(fac_grad_fn_name(fac_linear(b, a, v)), "ViewBackward0");
        assert_string_equal(fac_grad_fn_name(fac_matmul(b, a)), "UnsafeViewBackward0");
        assert_string_equal(fac_grad_fn_name(fac_bmm(b, fac_expand(a, FAC_SHAPE(3, 2, 2)))), "BmmBackward0");
        assert_string_equal(fac_grad_fn_name(fac_dot(fac_select(a, 0, 0), v)), "DotBackward0");
    }
}

/* A linear layer without a gradient for its input makes none, and a step asks the system for no memory. */
static void test_steady_state(void **state)
{
    fac_tensor *x = NULL, *w = NULL, *b = NULL;
    fac_scope {
        x = fac_keep(fac_ones(FAC_SHAPE(4, 3)));
        w = fac_keep(fac_requires_grad_(fac_ones(FAC_SHAPE(2, 3)), true));
        b = fac_keep(fac_requires_grad_(fac_ones(FAC_SHAPE(2)), true));
    }
    int64_t before = 0;
    for (int i = 0; i < 20; i++) {
        fac_scope {
            assert_true(fac_backward(fac_sum(fac_linear(x, w, b))));
            assert_null(fac_grad(x));
        }
        if (i == 4) before = fac_memory().system_allocations;
    }
    if (fac_memory().cached) /* under a sanitizer nothing is kept for reuse */
        assert_int_equal(fac_memory().system_allocations, before);
    check_values(fac_grad(w), "[[80., 80., 80.], [80., 80., 80.]]");
    check_values(fac_grad(b), "[80., 80.]");
    fac_release(x);
    fac_release(w);
    fac_release(b);
}

static void test_errors(void **state)
{
    fac_scope {
        fac_tensor *a = fac_zeros(FAC_SHAPE(2, 3)), *b = fac_zeros(FAC_SHAPE(3, 4)), *v = fac_zeros(FAC_SHAPE(3));
        fac_tensor *u = fac_zeros(FAC_SHAPE(2)), *d = fac_to(b, FAC_FLOAT64), *s = fac_zeros(FAC_SHAPE());
        fac_tensor *a3 = fac_zeros(FAC_SHAPE(5, 2, 3)), *b3 = fac_zeros(FAC_SHAPE(5, 3, 4));
        expect_error(fac_mm(a, a), "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)");
        expect_error(fac_mm(a, v), "mat2 must be a matrix");
        expect_error(fac_mm(v, a), "self must be a matrix");
        expect_error(fac_mm(a, d), "expected scalar type Float but found Double");
        expect_error(fac_mm(a, NULL), "");
        expect_error(fac_mv(a, u), "size mismatch, got 2, 2x3,2");
        expect_error(fac_mv(v, v), "vector + matrix @ vector expected, got 1, 1, 1");
        expect_error(fac_dot(v, u), "inconsistent tensor size, expected tensor [3] and src [2]");
        expect_error(fac_dot(a, v), "1D tensors expected, but got 2D and 1D tensors");
        expect_error(fac_bmm(a3, a3),
                     "Expected size for first two dimensions of batch2 tensor to be: [5, 3] but got: [5, 2].");
        expect_error(fac_bmm(a, b3), "batch1 must be a 3D tensor");
        expect_error(fac_matmul(s, a), "both arguments to matmul need to be at least 1D, but they are 0D and 2D");
        expect_error(fac_matmul(a3, fac_zeros(FAC_SHAPE(3, 3, 4))),
                     "The size of tensor a (5) must match the size of tensor b (3)");
        expect_error(fac_matmul(a3, a), "mat1 and mat2 shapes cannot be multiplied (10x3 and 2x3)");
        expect_error(fac_linear(a, b, NULL), "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x3)");
        expect_error(fac_linear(a, fac_t(b), v),
                     "The expanded size of the tensor (4) must match the existing size (3)");
        expect_error(fac_linear(a, fac_t(b), d), "must have the same dtype");
        expect_error(fac_addmm(d, a, b), "self and mat2 must have the same dtype");
        expect_error(fac_addmv(v, a, v), "size mismatch, got 3, 2x3,3");
        expect_error(fac_outer(a, u), "outer: Expected 1-D argument self, but got 2-D");
        expect_error(fac_inner(a, b),
                     "inner() the last dimension must match on both input tensors but got shapes [2, 3] and [3, 4]");
        expect_error(
            fac_tensordot(a3, b3, FAC_DIMS(2), FAC_DIMS(0)),
            "contracted dimensions need to match, but first has size 3 in dim 2 and second has size 5 in dim 0");
        expect_error(fac_multi_dot(FAC_TENSORS(a)), "multi_dot(): expected at least 2 tensors but got 1");
        expect_error(fac_multi_dot(FAC_TENSORS(a, a)),
                     "multi_dot(): tensors 0 and 1 with shapes [2, 3] and [2, 3] cannot");
        expect_error(fac_einsum("ij,jk", a, a),
                     "einsum(): subscript j has size 2 for operand 1 which does not broadcast");
        expect_error(fac_einsum("ii", a),
                     "einsum(): subscript i is repeated for operand 0 but the sizes don't match, 3 != 2");
        expect_error(fac_einsum("ij->ijk", a), "einsum(): output subscript k does not appear in the equation");
        expect_error(fac_einsum("ij->ii", a), "einsum(): output subscript i appears more than once in the output");
        expect_error(fac_einsum("i", a),
                     "einsum(): the number of subscripts in the equation (1) does not match the number of "
                     "dimensions (2) for operand 0 and no ellipsis was given");
        expect_error(fac_einsum("ij,jk", a), "einsum(): fewer operands were provided than specified in the equation");
        expect_error(fac_einsum("ij", a, b), "einsum(): more operands were provided than specified in the equation");
        expect_error(fac_einsum("i1", a), "einsum(): invalid subscript given at index 1 in the equation string");
        expect_error(fac_einsum("i.j", a), "einsum(): found '.' for operand 0 that is not part of any ellipsis");
        expect_error(fac_einsum("ij,jk", a, NULL), "");
    }
}

/* One row, of which threads take columns: few of these, over very many k. */
static void test_one_row(void **state)
{
    int threads = fac_get_num_threads();
    fac_set_num_threads(4);
    fac_scope {
        fac_tensor *x = fac_ones(FAC_SHAPE(1, 25088)), *w = fac_full(FAC_SHAPE(64, 25088), 0.5);
        check_close(fac_linear(x, w, NULL), fac_full(FAC_SHAPE(1, 64), 12544.0), 0);
        check_close(fac_mm(w, fac_t(x)), fac_full(FAC_SHAPE(64, 1), 12544.0), 0);
    }
    fac_set_num_threads(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded), cmocka_unit_test(test_one_row),      cmocka_unit_test(test_calls),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_steady_state), cmocka_unit_test(test_errors),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
