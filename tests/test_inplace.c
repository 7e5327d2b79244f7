/* In-place forms by name against the operations that they are forms of, values and gradients; tensors that become views of
 * themselves. */
#include "recorded.h"

static fac_tensor *call(const char *name, fac_tensor *self, const fac_value *rest, int n)
{
    fac_value args[4] = {fac_value_tensor(self)}, result;
    for (int i = 0; i < n; i++)
        args[1 + i] = rest[i];
    return fac_call(name, args, n + 1, NULL, 0, &result, 1) == 1 ? result.v.tensor : NULL;
}

/* The gradient of x through the operation, of a sum with different weights; y gets its result. */
static fac_tensor *gradient(const char *name, const fac_value *rest, int n, fac_tensor **y)
{
    fac_manual_seed(3);
    fac_tensor *x = fac_randn(FAC_SHAPE(3, 3), .dtype = FAC_FLOAT64, .requires_grad = true);
    fac_tensor *h = fac_mul_scalar(x, 1.5);
    fac_tensor *in_place = call(name, h, rest, n);
    bool same = name[strlen(name) - 1] == '_' || strstr(name, "_.");
    assert_non_null(in_place);
    assert_int_equal(same, in_place == h);
    *y = fac_clone(in_place);
    fac_tensor *weight = fac_add_scalar(fac_arange(0, fac_numel(in_place), 1, .dtype = FAC_FLOAT64), 1);
    assert_true(fac_backward(fac_sum(fac_mul(fac_reshape(in_place, FAC_SHAPE(-1)), weight))));
    return fac_grad(x);
}

static void test_forms(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *m = fac_randn(FAC_SHAPE(3, 3), .dtype = FAC_FLOAT64),
                   *v = fac_randn(FAC_SHAPE(3), .dtype = FAC_FLOAT64),
                   *b = fac_randn(FAC_SHAPE(2, 3, 3), .dtype = FAC_FLOAT64);
        fac_value matrix = fac_value_tensor(m), vector = fac_value_tensor(v), batch = fac_value_tensor(b);
        fac_value zero = fac_value_scalar(fac_scalar_int(0)), two = fac_value_scalar(fac_scalar_int(2)),
                  part = fac_value_scalar(fac_scalar_float(0.3)), yes = fac_value_scalar(fac_scalar_bool(true));
        static const int64_t sizes[] = {9}, steps[] = {1};
        fac_value size = {.kind = FAC_VALUE_INTS, .v.ints = {sizes, 1}};
        fac_value step = {.kind = FAC_VALUE_INTS, .v.ints = {steps, 1}};
        const struct {
            const char *in_place, *plain;
            int n;
            fac_value rest[3];
        } forms[] = {
            {"addmm_", "addmm", 2, {matrix, matrix}},
            {"addr_", "addr", 2, {vector, vector}},
            {"addbmm_", "addbmm", 2, {batch, batch}},
            {"clamp_min_", "clamp_min", 1, {part}},
            {"clamp_max_.Tensor", "clamp_max.Tensor", 1, {matrix}},
            {"cumsum_", "cumsum", 1, {zero}},
            {"cumprod_", "cumprod", 1, {zero}},
            {"floor_divide_", "floor_divide", 1, {part}},
            {"float_power_.Scalar", "float_power.Tensor_Scalar", 1, {two}},
            {"nan_to_num_", "nan_to_num", 0, {zero}},
            {"rrelu_", "rrelu", 0, {zero}},
            {"dropout_", "dropout", 2, {part, yes}},
            {"alpha_dropout_", "alpha_dropout", 2, {part, yes}},
            {"feature_dropout_", "feature_dropout", 2, {part, yes}},
            {"feature_alpha_dropout_", "feature_alpha_dropout", 2, {part, yes}},
            {"unsqueeze_", "unsqueeze", 1, {zero}},
            {"t_", "t", 0, {zero}},
            {"swapaxes_", "swapaxes", 2, {zero, zero}},
            {"as_strided_", "as_strided", 2, {size, step}},
        };
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            fac_tensor *y[2];
            fac_tensor *a = gradient(forms[i].plain, forms[i].rest, forms[i].n, &y[0]);
            fac_tensor *c = gradient(forms[i].in_place, forms[i].rest, forms[i].n, &y[1]);
            check_close(y[1], y[0], 0);
            check_close(c, a, 1e-15);
        }
        fac_tensor *whole = fac_ones(FAC_SHAPE(2), .dtype = FAC_INT32);
        expect_error(call("cumsum_", fac_ones(FAC_SHAPE(2), .requires_grad = true), &zero, 1), "a leaf Variable");
        expect_error(call("clamp_min_", whole, &part, 1), "result type Float can't be cast");
        expect_error(call("float_power_", whole, &two, 1), "requires dtype Double");
    }
}

/* Views made before and after, and changes through them, after a tensor became its own transpose. */
static void test_own_view(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_literal("[[1., 2., 3.], [4., 5., 6.]]", .requires_grad = true);
        fac_tensor *h = fac_mul_scalar(x, 2), *before = fac_select(h, 0, 1);
        assert_ptr_equal(call("t_", h, NULL, 0), h);
        assert_string_equal(fac_grad_fn_name(h), "TBackward0");
        check_values(h, "[[2., 8.], [4., 10.], [6., 12.]]");
        fac_tensor *after = fac_select(h, 0, 2);
        fac_mul_scalar_(before, 3); /* the second column of h */
        check_values(h, "[[2., 24.], [4., 30.], [6., 36.]]");
        fac_mul_scalar_(after, 5); /* the last row of h */
        check_values(h, "[[2., 24.], [4., 30.], [30., 180.]]");
        check_values(before, "[24., 30., 180.]");
        fac_tensor *weight = fac_literal("[[1., 2.], [3., 4.], [5., 6.]]");
        assert_true(fac_backward(fac_add(fac_sum(fac_mul(h, weight)), fac_sum(before))));
        check_values(fac_grad(x), "[[2., 6., 50.], [18., 30., 210.]]");
    }
    fac_scope {
        fac_tensor *x = fac_ones(FAC_SHAPE(2, 3)), *w = fac_literal("[3., 3.]", .requires_grad = true);
        call("t_", x, NULL, 0);
        fac_mul_(fac_select(x, 0, 0), w); /* the history begins after it became a view */
        assert_true(fac_backward(fac_sum(fac_mul(x, fac_literal("[[1., 2.], [3., 4.], [5., 6.]]")))));
        check_values(fac_grad(w), "[1., 2.]");
        expect_error(call("t_", w, NULL, 0), "a leaf Variable");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_own_view)};
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
