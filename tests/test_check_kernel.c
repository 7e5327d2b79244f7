/* The kernels that look at values (backend/check.h): they find the first bad one on any layout, with any number of
 * threads. */
#include "backend/check.h"
#include "graph/launch.h"
#include "testing.h"

enum { LARGE = 1 << 20 };

static bool report(const fac__index_range_args *a, int64_t bad)
{
    assert_int_equal(a->dim, 7);
    return fac_raise(FAC_ERROR_INDEX, "bad %lld", (long long)bad), false;
}

static bool report_zero(void)
{
    return fac_raise(FAC_ERROR_RUNTIME, "zero"), false;
}

static fac__index_range_args row(const int64_t *p, int64_t n, int64_t low, int64_t high)
{
    return (fac__index_range_args){.at = {(char *)p, FAC_INT64, {1}},
                                   .ndim = 1,
                                   .shape = {n},
                                   .low = low,
                                   .high = high,
                                   .report = report,
                                   .dim = 7};
}

static void test_range(void **state)
{
    (void)state;
    int64_t p[] = {0, 4, -1, 5, INT64_MIN, INT64_MAX};
    fac__index_range_args a = row(p, 2, 0, 5);
    assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a));
    assert_null(fac_error());
    a = row(p, 3, 0, 5);
    expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad -1");
    a.low = -1;
    assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a));
    a = row(p, 6, -1, 5);
    expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad 5");
    for (int64_t low = -3; low < 3; low++) {
        a = row(p + 4, 1, low, 5);
        expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad -9223372036854775808");
        a = row(p + 5, 1, low, 5);
        expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad 9223372036854775807");
    }
    a = row(p, 1, 0, 0);
    expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad 0");
    a = row(p, 0, 0, 0);
    assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a));
}

static void test_except(void **state)
{
    (void)state;
    int64_t p[] = {0, -100, 4, -100, -99, 9};
    fac__index_range_args a = row(p, 4, 0, 5);
    a.excepts = true;
    a.except = -100;
    assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a));
    a.shape[0] = 6;
    expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad -99");
    a.shape[0] = 3;
    a.at.strides[0] = 2;
    expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad -99");
    a.except = -99;
    assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a));
    a.at.data += 8; /* -100, -100, 9 */
    a.except = -100;
    expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad 9");
}

static void test_layouts(void **state)
{
    (void)state;
    int64_t p[24];
    for (int64_t i = 0; i < 24; i++)
        p[i] = i;
    /* [2, 3, 2] of [4, 3, 2] turned round: rows 0 and 2, the last two dimensions swapped. */
    fac__index_range_args a = row(p, 0, 0, 17);
    a.ndim = 3;
    memcpy(a.shape, (int64_t[]){2, 2, 3}, 3 * sizeof *a.shape);
    memcpy(a.at.strides, (int64_t[]){12, 1, 2}, 3 * sizeof *a.at.strides);
    assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a) == false);
    assert_string_equal(fac_error(), "bad 17");
    fac_clear_error();
    a.high = 18;
    assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a));
    a.high = 13; /* 13, 15 and 17 come after 12, 14, 16, of which 14 is the first bad one */
    expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad 14");
    a.at.strides[0] = 0;
    assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a));
    a.ndim = 0;
    assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a));
}

static void test_large(void **state)
{
    (void)state;
    int64_t *p = calloc(LARGE, sizeof *p);
    assert_non_null(p);
    fac__index_range_args a = row(p, LARGE, 0, 3);
    for (int threads = 1; threads < 4; threads++) {
        fac_set_num_threads(threads);
        assert_true(FAC__LAUNCH_CHECK(fac__k_index_range, a));
        p[LARGE - 1] = 3;
        expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad 3");
        p[LARGE / 3] = -1;
        expect_error(FAC__LAUNCH_CHECK(fac__k_index_range, a), "bad -1");
        p[LARGE / 3] = p[LARGE - 1] = 0;
    }
    free(p);
}

static void test_no_zero(void **state)
{
    (void)state;
    static const fac_dtype dtypes[] = {FAC_BOOL, FAC_UINT8, FAC_INT8, FAC_INT16, FAC_INT32, FAC_INT64};
    fac_scope
        for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
            fac_tensor *t = fac_full(FAC_SHAPE(4, 5), 1, .dtype = dtypes[i]);
            fac__no_zero_args a = {{fac_data(t), dtypes[i], {5, 1}}, 2, {4, 5}, report_zero};
            assert_true(FAC__LAUNCH_CHECK(fac__k_no_zero, a));
            fac_zero_(fac_select(fac_select(t, 0, 3), 0, 1));
            expect_error(FAC__LAUNCH_CHECK(fac__k_no_zero, a), "zero");
            a.at.strides[1] = 2;
            a.shape[1] = 3; /* passes over it */
            assert_true(FAC__LAUNCH_CHECK(fac__k_no_zero, a));
            a.at.data += fac_dtype_size(dtypes[i]);
            a.shape[1] = 2;
            expect_error(FAC__LAUNCH_CHECK(fac__k_no_zero, a), "zero");
        }
}

typedef struct names {
    fac__memory memory;
    int reads, others;
} names;
static void count(fac__memory *m, void *pointer, fac__access how)
{
    names *n = (names *)m;
    assert_non_null(*(void **)pointer);
    *(how == FAC__READ ? &n->reads : &n->others) += 1;
}

static void test_memory(void **state)
{
    (void)state;
    int64_t p[] = {1};
    names n = {{count}, 0, 0};
    fac__index_range_args a = row(p, 1, 0, 2);
    fac__no_zero_args z = {{(char *)p, FAC_INT64, {1}}, 1, {1}, report_zero};
    fac__k_index_range.memory(&a, &n.memory);
    fac__k_no_zero.memory(&z, &n.memory);
    assert_int_equal(n.reads, 2);
    assert_int_equal(n.others, 0);
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range), cmocka_unit_test(test_except),  cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_large), cmocka_unit_test(test_no_zero), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
