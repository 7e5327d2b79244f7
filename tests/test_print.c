/* Printing against PyTorch's own texts (tests/data/print.txt, made by tests/record/record_print.py), and its errors. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/tensor_impl.h"
#include "facula/print.h"

static char wanted_name[32]; /* the grad_fn that the tensor is to have; "" for none */

static const char *name_of(const fac_tensor *t)
{
    return wanted_name[0] ? wanted_name : NULL;
}

/* Element i of a recorded tensor: the next number of the text, or the formula behind a "=". */
static double element(char **text, int64_t i)
{
    long long mul, mod, off;
    double div;
    if (sscanf(*text, "= %lld %lld %lld %lf", &mul, &mod, &off, &div) == 4)
        return (double)((i * mul) % mod - off) / div;
    return strtod(*text, text);
}

static fac_tensor *recorded_tensor(fac_dtype dtype, int ndim, const int64_t *shape, char *values)
{
    fac_tensor *t = fac__own(fac__new(dtype, ndim, shape));
    assert_non_null(t);
    bool whole = values[0] != '=' && !fac_dtype_is_floating(dtype);
    for (int64_t i = 0; i < fac_numel(t); i++) {
        char *p = (char *)fac_data(t) + i * (int64_t)fac_dtype_size(dtype);
        if (whole)
            fac__store_int(dtype, p, strtoll(values, &values, 10));
        else
            fac__store_double(dtype, p, element(&values, i));
    }
    return t;
}

static void check_case(char *head, char *values, const char *text)
{
    char dtype[16], grad[32], default_dtype[16], *p = head + 2;
    fac_print_options o;
    long long threshold;
    int flip, used, ndim = 0;
    assert_int_equal(sscanf(p, "%15s %31s %15s %d %lld %d %d %d %d%n", dtype, grad, default_dtype, &o.precision,
                            &threshold, &o.edgeitems, &o.linewidth, &o.sci_mode, &flip, &used),
                     9);
    o.threshold = threshold;
    int64_t shape[FAC_MAX_DIMS];
    for (p += used; *p == ' ';)
        shape[ndim++] = strtoll(p, &p, 10);
    fac_scope {
        fac_tensor *t = recorded_tensor(fac_dtype_from_name(dtype), ndim, shape, values);
        if (flip) {
            int64_t strides[FAC_MAX_DIMS], last = ndim - 1, n = shape[0];
            memcpy(strides, t->strides, sizeof strides);
            shape[0] = shape[last];
            shape[last] = n;
            int64_t s = strides[0];
            strides[0] = strides[last];
            strides[last] = s;
            t = fac__own(fac__new_view(t, ndim, shape, strides, 0));
        }
        t->requires_grad = strcmp(grad, "-") != 0;
        strcpy(wanted_name, strstr(grad, "Backward") ? grad : "");
        fac_set_default_dtype(fac_dtype_from_name(default_dtype));
        fac_set_print_options_with(o);
        char *got = fac_to_string(t);
        assert_non_null(got);
        if (strcmp(got, text)) fail_msg("%s\n%.300s\nwanted\n%s\ngot\n%s", head, values, text, got);
        free(got);
    }
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *s = malloc(1 << 20);
    size_t n = fread(s, 1, (1 << 20) - 1, f);
    fclose(f);
    s[n] = 0;
    return s;
}

static void test_recorded(void **context)
{
    char *all = read_file(FAC_TEST_DATA "/print.txt");
    int cases = 0;
    for (char *p = all; *p == '@'; cases++) {
        char *values = strchr(p, '\n'), *text = strchr(values + 1, '\n'), *end = strstr(text + 1, "\n@");
        if (!end) end = text + strlen(text) - 1;
        *values = *text = *end = 0;
        check_case(p, values + 1, text + 1);
        p = end + 1;
    }
    free(all);
    assert_true(cases > 700);
    fac_set_print_options_with(fac_print_options_defaults());
    fac_set_default_dtype(FAC_FLOAT32);
    wanted_name[0] = 0;
}

static fac_tensor *small(void)
{
    fac_tensor *t = fac__own(fac__new(FAC_FLOAT32, 1, (int64_t[]){2}));
    ((float *)fac_data(t))[0] = 1.5f;
    ((float *)fac_data(t))[1] = -2;
    return t;
}

static void test_to_file(void **context)
{
    char got[200] = "";
    FILE *f = tmpfile();
    fac_scope {
        fac_fprint(f, small());
        fac_fprint(f, NULL);
    }
    rewind(f);
    size_t n = fread(got, 1, sizeof got - 1, f);
    fclose(f);
    got[n] = 0;
    assert_string_equal(got, "tensor([ 1.5000, -2.0000])\nNone\n");
}

static void test_locale(void **context)
{
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    bool found = false;
    for (int i = 0; i < 4 && !found; i++)
        found = setlocale(LC_NUMERIC, commas[i]) != NULL;
    fac_scope {
        char *s = fac_to_string(small());
        assert_string_equal(s, "tensor([ 1.5000, -2.0000])");
        free(s);
    }
    setlocale(LC_NUMERIC, "C");
}

static void test_errors(void **context)
{
    assert_null(fac_to_string(NULL));
    assert_int_equal(fac_get_error_code(), FAC_ERROR_TYPE);
    fac_clear_error();
    fac_set_print_options(.precision = -1);
    assert_int_equal(fac_get_error_code(), FAC_ERROR_VALUE);
    fac_clear_error();
    fac_set_print_options(.edgeitems = 0);
    assert_int_equal(fac_get_error_code(), FAC_ERROR_VALUE);
    fac_clear_error();
    fac_scope {
        fac_tensor *t = fac__own(fac__new(FAC_BOOL, 1, (int64_t[]){900}));
        memset(fac_data(t), 1, 900);
        for (int n = 1;; n++) {
            fac__alloc_fail_at(n);
            char *s = fac_to_string(t);
            fac__alloc_fail_at(0);
            if (s) {
                assert_true(n > 3);
                free(s);
                break;
            }
            assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
            fac_clear_error();
        }
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    fac__grad_fn_name = name_of;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_to_file),
        cmocka_unit_test(test_locale),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
