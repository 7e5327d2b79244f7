/* Tensors from text: torch.tensor's shapes, dtypes and values, and its errors. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/tensor_impl.h"
#include "facula/literal.h"
#include "facula/print.h"

static void test_prints_back(void **context)
{
    /* What torch.tensor(text, dtype) prints in PyTorch 1.13. */
    static const struct {
        const char *text;
        fac_dtype dtype;
        const char *printed;
    } cases[] = {
        {"[[1, 2], [3, 4]]", 0, "tensor([[1, 2],\n        [3, 4]])"},
        {" [ [1,2] ,[3,4 ] ] \n", FAC_FLOAT32, "tensor([[1., 2.],\n        [3., 4.]])"},
        {"[1, 2.5, -inf]", 0, "tensor([1.0000, 2.5000,   -inf])"},
        {"3", 0, "tensor(3)"},
        {"-3", 0, "tensor(-3)"},
        {"+7", 0, "tensor(7)"},
        {"1.", 0, "tensor(1.)"},
        {".5", 0, "tensor(0.5000)"},
        {"1e-3", 0, "tensor(0.0010)"},
        {"1E+2", 0, "tensor(100.)"},
        {"nan", 0, "tensor(nan)"},
        {"[nan, -nan, inf, +inf]", 0, "tensor([nan, nan, inf, inf])"},
        {"True", 0, "tensor(True)"},
        {"[True, false]", 0, "tensor([ True, False])"},
        {"[True, 2]", 0, "tensor([1, 2])"},
        {"[True, 2.0]", 0, "tensor([1., 2.])"},
        {"[]", 0, "tensor([])"},
        {"()", 0, "tensor([])"},
        {"[[], []]", 0, "tensor([], size=(2, 0))"},
        {"[[[]]]", 0, "tensor([], size=(1, 1, 0))"},
        {"[]", FAC_INT64, "tensor([], dtype=torch.int64)"},
        {"(1)", 0, "tensor(1)"},
        {"((1))", 0, "tensor(1)"},
        {"(1,)", 0, "tensor([1])"},
        {"([1, 2])", 0, "tensor([1, 2])"},
        {"[(1, 2), [(3), 4],]", 0, "tensor([[1, 2],\n        [3, 4]])"},
        {"[1, 2,]", 0, "tensor([1, 2])"},
        {"[-9223372036854775808, 9223372036854775807]", 0, "tensor([-9223372036854775808,  9223372036854775807])"},
        {"18446744073709551616", FAC_FLOAT32, "tensor(1.8447e+19)"},
        {"[1.5, 9223372036854775808]", 0, "tensor([1.5000e+00, 9.2234e+18])"},
        {"9007199254740993", FAC_FLOAT64, "tensor(9.0072e+15, dtype=torch.float64)"},
        {"1e40", 0, "tensor(inf)"},
        {"70000.", FAC_FLOAT16, "tensor(inf, dtype=torch.float16)"},
        {"-1", FAC_UINT8, "tensor(255, dtype=torch.uint8)"},
        {"-255", FAC_UINT8, "tensor(1, dtype=torch.uint8)"},
        {"1.7", FAC_INT64, "tensor(1)"},
        {"-1.7", FAC_INT8, "tensor(-1, dtype=torch.int8)"},
        {"[0, 5, -1]", FAC_BOOL, "tensor([False,  True,  True])"},
        {"[0.0, 2.5, nan]", FAC_BOOL, "tensor([False,  True,  True])"},
        {"9223372036854775808", FAC_BOOL, "tensor(True)"},
        {"True", FAC_BFLOAT16, "tensor(1., dtype=torch.bfloat16)"},
        {"[[[[[[[[1]]]]]]]]", 0, "tensor([[[[[[[[1]]]]]]]])"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fac_scope {
            fac_tensor *t = fac_literal(cases[i].text, .dtype = cases[i].dtype);
            if (!t) fail_msg("%s: %s", cases[i].text, fac_error());
            char *s = fac_to_string(t);
            if (strcmp(s, cases[i].printed)) fail_msg("%s\nwanted %s\ngot    %s", cases[i].text, cases[i].printed, s);
            free(s);
        }
}

static void test_default_dtype_and_grad(void **context)
{
    fac_scope {
        fac_set_default_dtype(FAC_FLOAT64);
        assert_int_equal(fac_dtype_of(fac_literal("[1, 2.0]")), FAC_FLOAT64);
        assert_int_equal(fac_dtype_of(fac_literal("[]")), FAC_FLOAT64);
        assert_int_equal(fac_dtype_of(fac_literal("[1]")), FAC_INT64);
        fac_set_default_dtype(FAC_FLOAT32);
        assert_true(fac_literal("1.0", .requires_grad = true)->requires_grad);
        assert_true(fac_literal("1", .requires_grad = true, .dtype = FAC_FLOAT16)->requires_grad);
        assert_false(fac_literal("1.0")->requires_grad);
    }
}

static void test_errors(void **context)
{
    static const struct {
        const char *text;
        fac_dtype dtype;
        fac_error_code code;
        const char *message;
    } cases[] = {
        {"[[1,2],[1,2,3]]", 0, FAC_ERROR_VALUE, "expected sequence of length 2 at dim 1 (got 3)"},
        {"[[1, 2], [3]]", 0, FAC_ERROR_VALUE, "expected sequence of length 2 at dim 1 (got 1)"},
        {"[[[1,2],[3,4]],[[5,6],[7]]]", 0, FAC_ERROR_VALUE, "expected sequence of length 2 at dim 2 (got 1)"},
        {"[[1], []]", 0, FAC_ERROR_VALUE, "expected sequence of length 1 at dim 1 (got 0)"},
        {"[[], [1]]", 0, FAC_ERROR_VALUE, "expected sequence of length 0 at dim 1 (got 1)"},
        {"[[1,2],3]", 0, FAC_ERROR_TYPE, "not a sequence"},
        {"[1,[2]]", 0, FAC_ERROR_TYPE, "'list' object cannot be interpreted as an integer"},
        {"[1.0,[2]]", 0, FAC_ERROR_TYPE, "must be real number, not list"},
        {"[[[[[[[[[[[[[1]]]]]]]]]]]]]", 0, FAC_ERROR_VALUE, "too many dimensions 'list' (at most 12)"},
        {"9223372036854775808", 0, FAC_ERROR_RUNTIME, "Overflow when unpacking long"},
        {"[1,-9223372036854775809]", 0, FAC_ERROR_RUNTIME, "Overflow when unpacking long"},
        {"99999999999999999999999999999", FAC_INT32, FAC_ERROR_RUNTIME, "Overflow when unpacking long"},
        {"300", FAC_UINT8, FAC_ERROR_RUNTIME, "value cannot be converted to type uint8 without overflow"},
        {"-256", FAC_UINT8, FAC_ERROR_RUNTIME, "value cannot be converted to type uint8 without overflow"},
        {"-0.5", FAC_UINT8, FAC_ERROR_RUNTIME, "value cannot be converted to type uint8 without overflow"},
        {"[1, 128]", FAC_INT8, FAC_ERROR_RUNTIME, "value cannot be converted to type int8 without overflow"},
        {"-32769", FAC_INT16, FAC_ERROR_RUNTIME, "value cannot be converted to type int16 without overflow"},
        {"3e9", FAC_INT32, FAC_ERROR_RUNTIME, "value cannot be converted to type int32 without overflow"},
        {"1e20", FAC_INT64, FAC_ERROR_RUNTIME, "value cannot be converted to type int64 without overflow"},
        {"nan", FAC_INT64, FAC_ERROR_RUNTIME, "value cannot be converted to type int64 without overflow"},
        {"inf", FAC_INT32, FAC_ERROR_RUNTIME, "value cannot be converted to type int32 without overflow"},
        {"", 0, FAC_ERROR_VALUE, "expected a number or a list at position 0, where the text ends"},
        {"[1, 2", 0, FAC_ERROR_VALUE, "expected ',' or the end of the list at position 5, where the text ends"},
        {"[1 2]", 0, FAC_ERROR_VALUE, "expected ',' or the end of the list at position 3, got '2]'"},
        {"[,]", 0, FAC_ERROR_VALUE, "expected a number or a list at position 1, got ',]'"},
        {"[1,,2]", 0, FAC_ERROR_VALUE, "position 3"},
        {"[1)", 0, FAC_ERROR_VALUE, "expected ']' at position 2, got ')'"},
        {"(1, 2]", 0, FAC_ERROR_VALUE, "expected ')' at position 5, got ']'"},
        {"(1", 0, FAC_ERROR_VALUE, "position 2, where the text ends"},
        {"]", 0, FAC_ERROR_VALUE, "position 0"},
        {"[1] 2", 0, FAC_ERROR_VALUE, "expected the end of the text at position 4, got '2'"},
        {"[1]]", 0, FAC_ERROR_VALUE, "expected the end of the text at position 3"},
        {"1, 2", 0, FAC_ERROR_VALUE, "expected the end of the text at position 1"},
        {"[abc]", 0, FAC_ERROR_VALUE, "expected a number or a list at position 1, got 'abc]'"},
        {"Truer", 0, FAC_ERROR_VALUE, "position 0"},
        {"1.2.3", 0, FAC_ERROR_VALUE, "expected the end of a number at position 3"},
        {"1e", 0, FAC_ERROR_VALUE, "expected an exponent at position 2"},
        {"1e+]", 0, FAC_ERROR_VALUE, "expected an exponent at position 3"},
        {"12px", 0, FAC_ERROR_VALUE, "expected the end of a number at position 2"},
        {"- 1", 0, FAC_ERROR_VALUE, "expected a number or a list at position 0"},
        {".", 0, FAC_ERROR_VALUE, "expected a number or a list at position 0"},
        {"--1", 0, FAC_ERROR_VALUE, "position 0"},
        {"None", 0, FAC_ERROR_VALUE, "position 0"},
        {"1", 99, FAC_ERROR_TYPE, "unknown dtype 99"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fac_scope {
            if (fac_literal(cases[i].text, .dtype = cases[i].dtype)) fail_msg("%s was taken", cases[i].text);
            if (fac_get_error_code() != cases[i].code || !strstr(fac_error(), cases[i].message))
                fail_msg("%s: %s", cases[i].text, fac_error());
            assert_string_equal(fac_error_op(), "literal");
            fac_clear_error();
        }
    assert_null(fac_literal(NULL));
    fac_clear_error();
    assert_null(fac_literal("[1, 2]", .requires_grad = true));
    assert_string_equal(fac_error(), "Only Tensors of floating point and complex dtype can require gradients");
    fac_clear_error();
}

static void test_long_texts(void **context)
{
    char *s = malloc(100000), *p = s;
    p += sprintf(p, "[");
    for (int i = 0; i < 5000; i++)
        p += sprintf(p, "%d.25, ", i);
    sprintf(p, "]");
    fac_scope {
        fac_tensor *t = fac_literal(s);
        assert_int_equal(fac_numel(t), 5000);
        assert_true(fac_at(t, FAC_DIMS(4321)) == 4321.25);
    }
    memset(s, '(', 5000);
    strcpy(s + 5000, "1");
    assert_null(fac_literal(s)); /* deep, but no recursion */
    fac_clear_error();
    memset(s, '1', 5000);
    assert_null(fac_literal(s, .dtype = FAC_FLOAT32));
    assert_non_null(strstr(fac_error(), "at most 400 characters"));
    fac_clear_error();
    s[350] = 0;
    assert_null(fac_literal(s, .dtype = FAC_FLOAT32));
    assert_string_equal(fac_error(), "int too large to convert to float");
    fac_clear_error();
    free(s);
}

static void test_locale(void **context)
{
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8")) setlocale(LC_NUMERIC, "fr_FR.UTF-8");
    fac_scope
        assert_true(fac_item(fac_literal("2.5e0")) == 2.5);
    setlocale(LC_NUMERIC, "C");
}

static void test_failed_allocations(void **context)
{
    for (int n = 1;; n++) {
        bool made = false;
        fac__alloc_fail_at(n);
        fac_scope
            made = fac_literal("[1, 2]") != NULL;
        fac__alloc_fail_at(0);
        if (made) {
            assert_true(n > 1);
            break;
        }
        assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
        fac_clear_error();
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prints_back), cmocka_unit_test(test_default_dtype_and_grad),
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_locale),      cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
