/* Random counts: PyTorch's numbers from the same seed, gradients, errors. */
#include "testing.h"

#include <stdio.h>

enum { KINDS = 8, TIMES = 12 };

static fac_tensor *repeated(const char *text, fac_dtype dtype)
{
    return fac_repeat(fac_to(fac_literal(text), dtype), FAC_SHAPE(TIMES));
}

static fac_tensor *drawn(const char *name, fac_dtype dtype)
{
    fac_manual_seed(3);
    if (!strcmp(name, "poisson")) return fac_poisson(repeated("[0., 0.5, 3., 9.9, 10., 25., 1000., 1000000.]", dtype));
    return fac_binomial(repeated("[0., 1., 5., 10., 30., 100., 1000., 1000000.]", dtype),
                        repeated("[0.1, 0.5, 0.3, 0.95, 0.02, 0.5, 0.7, 0.333]", dtype));
}

static void test_recorded(void **state)
{
    FILE *file = fopen(FAC_TEST_DATA "/counts.txt", "r");
    assert_non_null(file);
    char line[4096], name[32], type[32];
    int used, count = 0;
    for (; fgets(line, sizeof line, file) && sscanf(line, "%31s %31s%n", name, type, &used) == 2; count++)
        fac_scope {
            double got[KINDS * TIMES];
            fac_tensor *y = drawn(name, fac_dtype_from_name(type));
            assert_int_equal(fac_dtype_of(y), fac_dtype_from_name(type));
            assert_true(fac_to_array(y, FAC_FLOAT64, got, KINDS * TIMES));
            char *at = line + used;
            for (int i = 0; i < KINDS * TIMES; i++) {
                double want = strtod(at, &at);
                if (got[i] != want) fail_msg("%s %s: element %d is %g, expected %g", name, type, i, got[i], want);
            }
        }
    assert_int_equal(count, 5);
    fclose(file);
}

static void test_gradients(void **state)
{
    fac_scope {
        fac_tensor *x = fac_full(FAC_SHAPE(2, 3), 4., .requires_grad = true);
        fac_tensor *p = fac_full(FAC_SHAPE(3), 0.5, .requires_grad = true);
        assert_true(fac_backward(fac_sum(fac_add(fac_poisson(x), fac_binomial(x, p)))));
        check_values(fac_grad(x), "[[0., 0., 0.], [0., 0., 0.]]");
        check_values(fac_grad(p), "[0., 0., 0.]");
    }
}

static void test_errors(void **state)
{
    fac_scope {
        fac_tensor *x = fac_literal("[1., -1.]"), *i = fac_literal("[1, 2]");
        expect_error(fac_poisson(x), "invalid Poisson rate, expected rate to be non-negative");
        expect_error(fac_poisson(fac_literal("[nan]")), "invalid Poisson rate");
        expect_error(fac_poisson(i), "\"poisson_cpu\" not implemented for 'Long'");
        expect_error(fac_binomial(i, i), "\"binomial_cpu\" not implemented for 'Long'");
        expect_error(fac_binomial(x, fac_to(x, FAC_FLOAT64)), "Found dtype Double but expected Float");
        check_values(fac_binomial(x, x), "[1., 0.]");
        check_values(fac_binomial(fac_literal("[3.]"), fac_literal("[nan]")), "[nan]");
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
