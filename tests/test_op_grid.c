/* One grid over every operation there is, made from its schema: odd shapes and dtypes, NULL tensors, and each allocation failing
 * in turn, forward and backward. An operation may refuse; it must say so, and must not crash, leak or leave an error
 * behind a result. (What the results are worth is for the other tests.) */
#include "testing.h"

#include "core/memory.h"
#include "op_calls.h"

static int run(const call *c, bool backward)
{
    fac_value results[16];
    int n = fac_call(c->name, c->args, c->n_args, c->keywords, c->n_keywords, results, 16);
    if (n > 0 && backward && results[0].kind == FAC_VALUE_TENSOR && fac_requires_grad(results[0].v.tensor))
        fac_backward(results[0].v.tensor, .gradient = fac_ones_like(results[0].v.tensor));
    return n;
}

static void check_clean(const call *c, int n)
{
    if (n < 0 && !fac_error()) fail_msg("%s failed without an error", c->name);
}

static void test_schemas(void **state)
{
    (void)state;
    int count = 0;
    for (const char *schema; (schema = fac_op_schema(count)); count++) {
        fac__signature s;
        assert_true(fac__parse_schema(schema, &s));
        const char *doc = fac_op_doc(count);
        if (!doc || strlen(doc) < 2) fail_msg("%s has no sentence", schema);
        for (int i = 0; i < count; i++)
            if (!strncmp(fac_op_schema(i), schema, (size_t)s.full_length + 1)) fail_msg("%s comes twice", schema);
    }
    assert_true(count > 400);
}

static void test_shapes_and_dtypes(void **state)
{
    (void)state;
    static const fac_dtype dtypes[DTYPES] = {FAC_FLOAT32, FAC_FLOAT64, FAC_INT64, FAC_BOOL, FAC_FLOAT16};
    static call c;
    int worked = 0, refused = 0;
    for (int i = 0; fac_op_schema(i); i++)
        for (int k = 0; k < SHAPES * DTYPES; k++)
            fac_scope {
                variant v = {k / DTYPES, dtypes[k % DTYPES], k % DTYPES == 0, false, -1};
                fac_clear_error();
                assert_true(make_call(fac_op_schema(i), &v, &c));
                int n = run(&c, true);
                check_clean(&c, n);
                *(n < 0 ? &refused : &worked) += 1;
            }
    fac_clear_error();
    print_message("%d calls worked, %d were refused\n", worked, refused);
    assert_true(worked > refused / 2);
}

static void test_missing_tensors(void **state)
{
    (void)state;
    static call c;
    for (int i = 0; fac_op_schema(i); i++)
        for (int missing = 0; missing < 4; missing++)
            fac_scope {
                variant v = {0, FAC_FLOAT32, false, false, missing};
                fac_clear_error();
                make_call(fac_op_schema(i), &v, &c);
                int n = run(&c, false);
                check_clean(&c, n);
            }
    fac_clear_error();
}

/* There is one device, the CPU; by any other name an operation is refused. */
static void test_unknown_device(void **state)
{
    (void)state;
    static call c;
    int checked = 0;
    for (int i = 0; fac_op_schema(i); i++) {
        fac__signature s;
        fac__parse_schema(fac_op_schema(i), &s);
        for (int k = 0; k < s.count; k++)
            if (s.params[k].type == FAC__P_DEVICE && s.params[k].keyword_only)
                fac_scope {
                    variant v = {0, FAC_FLOAT32, false, false, -1};
                    fac_clear_error();
                    make_call(fac_op_schema(i), &v, &c);
                    c.keywords[c.n_keywords++] = (fac_keyword){"device", fac_value_string("cuda")};
                    assert_int_equal(run(&c, false), -1);
                    check_clean(&c, -1);
                    fac_clear_error();
                    c.keywords[c.n_keywords - 1].value = fac_value_string("cpu");
                    checked += run(&c, false) > 0;
                }
    }
    fac_clear_error();
    assert_true(checked > 10);
}

/* The n-th allocation fails, for each n: an error, or a result that did without. */
static void test_failed_allocations(void **state)
{
    (void)state;
    static call c;
    enum { MOST = 1000 };
    for (int i = 0; fac_op_schema(i); i++)
        for (int n = 1, shape = 0; shape < 2; n++)
            fac_scope {
                if (n > MOST) fail_msg("%s needs more than %d allocations", c.name, MOST);
                variant v = {shape ? 4 : 0, FAC_FLOAT32, true, false, -1};
                fac_clear_error();
                make_call(fac_op_schema(i), &v, &c);
                int64_t before = fac__alloc_count();
                fac__alloc_fail_at(n);
                int r = run(&c, true);
                fac__alloc_fail_at(0);
                check_clean(&c, r);
                if (fac__alloc_count() - before < n) n = 0, shape++; /* it needs fewer: done with this shape */
            }
    fac_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_shapes_and_dtypes),
        cmocka_unit_test(test_missing_tensors),
        cmocka_unit_test(test_unknown_device),
        cmocka_unit_test(test_failed_allocations),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
