/* One grid over every operation there is, made from its schema: odd shapes and dtypes, NULL tensors, and each allocation failing
 * in turn, forward and backward. An operation may refuse; it must say so, and must not crash, leak or leave an error
 * behind a result. (What the results are worth is for the other tests.) */
#include "testing.h"

#include "core/memory.h"
#include "ops/schema.h"

enum { SHAPES = 5, DTYPES = 5 };

/* How the arguments of one call are made. */
typedef struct variant {
    int shape;
    fac_dtype dtype;
    bool grad;
    int null_tensor; /* this tensor argument (counted from 0) is missing; -1: none */
} variant;

static fac_dims shape_of(int i)
{
    switch (i) {
    case 0: return FAC_SHAPE(2, 3);
    case 1: return FAC_SHAPE();
    case 2: return FAC_SHAPE(0, 3);
    case 3: return FAC_SHAPE(2, 1, 2, 1, 1, 2, 1, 3);
    default: return FAC_SHAPE(2, 3, 4, 4);
    }
}

static bool starts(const fac__param *p, const char *word)
{
    return (int)strlen(word) <= p->name_length && !strncmp(p->name, word, strlen(word));
}

static fac_tensor *tensor_for(const fac__param *p, const variant *v)
{
    fac_dims shape = shape_of(v->shape);
    if (starts(p, "ind") || starts(p, "target")) return fac_zeros(shape, .dtype = FAC_INT64);
    if (starts(p, "mask") || starts(p, "condition")) return fac_zeros(shape, .dtype = FAC_BOOL);
    fac_tensor *t = fac_full(shape, 0.75, .dtype = FAC_FLOAT32);
    t = fac_to(t, v->dtype);
    if (v->grad && fac_dtype_is_floating(v->dtype)) fac_requires_grad_(t, true);
    return t;
}

static const int64_t some_ints[] = {1, 1};

/* A value for the parameter; the call is made with all that have no default. */
static fac_value value_for(const fac__param *p, const variant *v, fac_tensor **list)
{
    fac_value x = fac_value_none();
    switch (p->type) {
    case FAC__P_TENSOR: return fac_value_tensor(tensor_for(p, v));
    case FAC__P_TENSORS:
        x.kind = FAC_VALUE_TENSORS;
        list[0] = tensor_for(p, v);
        list[1] = tensor_for(p, v);
        x.v.tensors = (fac_tensor_list){list, 2};
        return x;
    case FAC__P_SCALAR: return fac_value_scalar(fac_scalar_int(2));
    case FAC__P_INT: return fac_value_scalar(fac_scalar_int(starts(p, "dim") ? 0 : 1));
    case FAC__P_FLOAT: return fac_value_scalar(fac_scalar_float(0.5));
    case FAC__P_BOOL: return fac_value_scalar(fac_scalar_bool(false));
    case FAC__P_INTS:
        x.kind = FAC_VALUE_INTS;
        x.v.ints.items = some_ints;
        x.v.ints.count = starts(p, "dim") ? 1 : 2;
        return x;
    case FAC__P_STRING: return fac_value_string("mean");
    case FAC__P_DTYPE:
        x.kind = FAC_VALUE_DTYPE;
        x.v.dtype = FAC_FLOAT32;
        return x;
    case FAC__P_FLOATS:
    case FAC__P_ANY:
        x.kind = FAC_VALUE_LIST;
        x.v.list.items = NULL;
        x.v.list.count = 0;
        return x;
    default: return x;
    }
}

typedef struct call {
    char name[160];
    fac_value args[FAC__MAX_PARAMS];
    fac_keyword keywords[FAC__MAX_PARAMS];
    char words[FAC__MAX_PARAMS][48];
    int n_args, n_keywords, n_tensors;
    fac_tensor *lists[FAC__MAX_PARAMS][2];
} call;

static bool make_call(const char *schema, const variant *v, call *c)
{
    fac__signature s;
    if (!fac__parse_schema(schema, &s)) return false;
    memset(c, 0, sizeof *c);
    snprintf(c->name, sizeof c->name, "%.*s", s.full_length, schema);
    for (int i = 0; i < s.count; i++) {
        const fac__param *p = &s.params[i];
        if (p->has_default) continue;
        fac_value x = value_for(p, v, c->lists[i]);
        if (p->type == FAC__P_TENSOR && c->n_tensors++ == v->null_tensor) {
            x.kind = FAC_VALUE_TENSOR;
            x.v.tensor = NULL;
        }
        if (p->keyword_only) {
            snprintf(c->words[i], sizeof c->words[i], "%.*s", p->name_length, p->name);
            c->keywords[c->n_keywords++] = (fac_keyword){c->words[i], x};
        } else {
            c->args[c->n_args++] = x;
        }
    }
    return true;
}

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
        for (int k = 0; k < SHAPES * DTYPES; k++) fac_scope {
                variant v = {k / DTYPES, dtypes[k % DTYPES], k % DTYPES == 0, -1};
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
        for (int missing = 0; missing < 4; missing++) fac_scope {
                variant v = {0, FAC_FLOAT32, false, missing};
                fac_clear_error();
                make_call(fac_op_schema(i), &v, &c);
                int n = run(&c, false);
                check_clean(&c, n);
            }
    fac_clear_error();
}

/* The n-th allocation fails, for each n: an error, or a result that did without. */
static void test_failed_allocations(void **state)
{
    (void)state;
    static call c;
    for (int i = 0; fac_op_schema(i); i++)
        for (int n = 1, shape = 0; n < 200 && shape < 2; n++) fac_scope {
                variant v = {shape ? 4 : 0, FAC_FLOAT32, true, -1};
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
        cmocka_unit_test(test_failed_allocations),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
