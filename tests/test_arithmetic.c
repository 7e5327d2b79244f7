/* Arithmetic and comparison of mixed dtypes, and their errors. Values are those of PyTorch 1.13. */
#include "testing.h"

static fac_tensor *of(fac_dtype dtype, const char *text)
{
    return fac_literal(text, .dtype = dtype);
}

/* Inputs are cast to the common dtype before anything is computed. */
static void test_common_dtype(void **state)
{
    (void)state;
    fac_tensor *bytes = of(FAC_UINT8, "[1, 250, 252]"), *chars = of(FAC_INT8, "[-48, 44, -5]");
    check_values(fac_lt(bytes, fac_literal("-5")), "[True, True, False]");
    check_values(fac_eq_scalar(chars, fac_scalar_int(300)), "[False, True, False]");
    check_values(fac_eq(chars, fac_literal("300")), "[False, True, False]");
    check_values(fac_fmax(chars, fac_literal("464")), "[-48, 44, -5]");
    check_values(fac_floor_divide(of(FAC_UINT8, "[100, 200]"), fac_literal("-5")), "[0, 0]");
    check_values(fac_gcd(of(FAC_UINT8, "[252, 7]"), fac_literal("-4")), "[252, 7]");
    check_values(fac_where(of(FAC_BOOL, "[1, 0]"), of(FAC_INT8, "[1, 2]"), fac_literal("300")), "[1, 44]");

    fac_tensor *half = of(FAC_FLOAT16, "[3, 0.7, 1.1]"), *brain = of(FAC_BFLOAT16, "[1, 3]");
    check_values(fac_mul_scalar(half, 0.1), "[0.2998046875, 0.07000732421875, 0.10992431640625]");
    check_values(fac_div(half, fac_literal("0.1")), "[30, 7.00390625, 11]");
    check_values(fac_maximum(of(FAC_FLOAT16, "[0.05, 0.2]"), fac_literal("0.1")), "[0.0999755859375, 0.199951171875]");
    check_values(fac_mul(brain, fac_literal("[1001, 257]")), "[1000, 768]");
    check_values(fac_sub(brain, of(FAC_FLOAT16, "2.59375")), "[-1.59375, 0.40625]");
    fac_tensor *longs = fac_literal("[257, 2]");
    fac_lt_(longs, of(FAC_BFLOAT16, "[256.5, 1]"));
    check_values(longs, "[0, 0]");
}

static void test_remainders_of_infinity(void **state)
{
    (void)state;
    fac_tensor *x = fac_literal("[5., -3.]"), *inf = fac_literal("inf");
    check_values(fac_fmod(x, inf), "[5, -3]");
    check_values(fac_remainder(x, inf), "[5, inf]");
    check_values(fac_floor_divide(x, inf), "[0, -1]");
}

static void test_equality(void **state)
{
    (void)state;
    fac_tensor *i = fac_literal("[1, 2]"), *x = fac_literal("[1., 2.]");
    assert_true(fac_equal(i, x));
    assert_false(fac_equal(i, fac_literal("[1., 2.5]")));
    assert_false(fac_equal(i, fac_literal("[[1, 2]]")));
    assert_null(fac_error());
    check_values(fac_pow_scalar(fac_literal("-inf"), 0.5), "nan"); /* a square root */
    fac_value args[] = {fac_value_tensor(fac_literal("-inf")), fac_value_scalar(fac_scalar_float(0.5))}, result;
    assert_int_equal(fac_call("float_power", args, 2, NULL, 0, &result, 1), 1);
    check_values(result.v.tensor, "nan");
}

static void test_errors(void **state)
{
    (void)state;
    fac_tensor *x = fac_literal("[1, 2]"), *none = fac_zeros(FAC_SHAPE(0), .dtype = FAC_INT64);
    expect_error(fac_fmod_scalar(x, fac_scalar_int(0)), "ZeroDivisionError");
    expect_error(fac_fmod_scalar(of(FAC_UINT8, "[1]"), fac_scalar_int(256)), "ZeroDivisionError");
    assert_int_equal(fac_numel(fac_fmod_scalar(none, fac_scalar_int(0))), 0);
    assert_non_null(fac_floor_divide_scalar(none, fac_scalar_int(0)));
    expect_error(fac_pow_scalar(of(FAC_INT8, "[1, 2]"), 300),
                 "value cannot be converted to type int8_t without overflow");
    expect_error(fac_sub_scalar(x, fac_scalar_bool(true)), "with a bool tensor is not supported");
    expect_error(fac_rsub_scalar(x, fac_scalar_bool(true)), "with a bool tensor is not supported");
}

static void test_fills(void **state)
{
    (void)state;
    fac_tensor *bytes = fac_zeros(FAC_SHAPE(2), .dtype = FAC_UINT8), *x = fac_zeros(FAC_SHAPE(2));
    expect_error(fac_fill_(bytes, 300), "value cannot be converted to type uint8_t without overflow");
    expect_error(fac_fill_(bytes, NAN), "value cannot be converted to type uint8_t without overflow");
    check_values(fac_fill_(bytes, -1), "[255, 255]");
    fac_value args[] = {fac_value_tensor(x), fac_value_tensor(fac_ones(FAC_SHAPE(2)))}, result;
    expect_error(fac_call("fill_", args, 2, NULL, 0, &result, 1),
                 "fill_ only supports 0-dimension value tensor but got tensor with 1 dimensions.");
    args[1] = fac_value_tensor(fac_literal("2"));
    assert_int_equal(fac_call("fill_", args, 2, NULL, 0, &result, 1), 1);
    check_values(x, "[2, 2]");
    /* what repeats no element may be written to */
    assert_non_null(fac_fill_(fac_expand(fac_zeros(FAC_SHAPE(1, 0)), FAC_SHAPE(5, 0)), 1));
    expect_error(fac_clamp(x, fac_scalar_none(), fac_scalar_none()), "torch.clamp: At least one of 'min' or 'max'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_common_dtype), cmocka_unit_test(test_remainders_of_infinity),
        cmocka_unit_test(test_equality),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_fills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
