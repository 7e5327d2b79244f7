/* PyTorch's Core ATen operators: each is there under its own name and overload, and with PyTorch's schema: arguments,
 * their order, which are keywords, types and defaults, and results. tests/data/core_aten.txt lists them. */
#include "testing.h"

#include "ops/schema.h"

/* The operator of exactly that name and overload. */
static const char *schema_named(const char *name)
{
    size_t n = strlen(name);
    const char *schema;
    for (int i = 0; (schema = fac_op_schema(i)); i++)
        if (!strncmp(schema, name, n) && schema[n] == '(') return schema;
    return NULL;
}

/* The n characters of text, with a SymInt as the int that it is here. */
static void plain_text(const char *text, int n, char *out, size_t room)
{
    size_t at = 0;
    for (const char *s = text; s < text + n && at + 2 < room;) {
        if (!strncmp(s, "SymInt", 6)) {
            at += (size_t)snprintf(out + at, room - at, "int");
            s += 6;
        } else {
            out[at++] = *s++;
        }
    }
    out[at] = 0;
}

typedef struct text {
    char type[64], name[64], value[64];
} text;

static text text_of(const fac__param *p)
{
    const char *end = p->name, *start;
    while (end[-1] == ' ')
        end--;
    for (start = end; start[-1] != '('; start--) { /* back to ", " or the first "("; Tensor(a!) has one of its own */
        if (start[-1] == ')')
            while (start[-1] != '(')
                start--;
        else if (start[-1] == ' ')
            break;
    }
    text t;
    plain_text(start, (int)(end - start), t.type, sizeof t.type);
    plain_text(p->name, p->name_length, t.name, sizeof t.name);
    snprintf(t.value, sizeof t.value, "no default");
    if (p->has_default) plain_text(p->default_text, p->default_length, t.value, sizeof t.value);
    return t;
}

static bool same_value(const fac_value *a, const fac_value *b)
{
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case FAC_VALUE_SCALAR:
        return a->v.scalar.kind == b->v.scalar.kind &&
               fac_scalar_to_double(a->v.scalar) == fac_scalar_to_double(b->v.scalar);
    case FAC_VALUE_STRING: return !strcmp(a->v.string, b->v.string);
    case FAC_VALUE_DTYPE: return a->v.dtype == b->v.dtype;
    case FAC_VALUE_INTS:
        return a->v.ints.count == b->v.ints.count &&
               !memcmp(a->v.ints.items, b->v.ints.items, (size_t)a->v.ints.count * sizeof(int64_t));
    default: return a->kind == FAC_VALUE_NONE;
    }
}

static bool same_default(const fac__param *a, const fac__param *b)
{
    if (!a->has_default || !b->has_default) return a->has_default == b->has_default;
    int64_t ints[2][FAC_MAX_DIMS];
    char words[2][64];
    fac_value x, y;
    return fac__default_value(a, &x, ints[0], words[0], sizeof words[0]) &&
           fac__default_value(b, &y, ints[1], words[1], sizeof words[1]) && same_value(&x, &y);
}

static int differ(const char *name, const char *what, const char *ours, const char *theirs)
{
    print_error("%s: %s: %s, in PyTorch %s\n", name, what, ours, theirs);
    return 1;
}

/* How many differences there are; prints each. */
static int differences(const char *ours, const char *theirs)
{
    fac__signature a, b;
    assert_true(fac__parse_schema(ours, &a));
    assert_true(fac__parse_schema(theirs, &b));
    char name[64], results[2][256];
    plain_text(theirs, b.full_length, name, sizeof name);
    int found = 0;
    if (a.count != b.count) found += differ(name, "another number of arguments", ours, theirs);
    for (int i = 0; i < a.count && i < b.count; i++) {
        const fac__param *p = &a.params[i], *q = &b.params[i];
        text x = text_of(p), y = text_of(q);
        if (strcmp(x.name, y.name)) found += differ(name, "argument", x.name, y.name);
        if (strcmp(x.type, y.type)) found += differ(name, y.name, x.type, y.type);
        if (p->keyword_only != q->keyword_only)
            found += differ(name, y.name, p->keyword_only ? "a keyword" : "by position", "not so");
        if (!same_default(p, q)) found += differ(name, y.name, x.value, y.value);
    }
    const char *arrows[] = {strstr(ours, " -> "), strstr(theirs, " -> ")};
    assert_true(arrows[0] && arrows[1]);
    for (int i = 0; i < 2; i++)
        plain_text(arrows[i], (int)strlen(arrows[i]), results[i], sizeof results[i]);
    if (strcmp(results[0], results[1])) found += differ(name, "results", results[0], results[1]);
    return found;
}

static void test_names_and_schemas(void **state)
{
    (void)state;
    FILE *f = fopen(FAC_TEST_DATA "/core_aten.txt", "r");
    assert_non_null(f);
    char line[1024];
    int count = 0, missing = 0, different = 0;
    for (; fgets(line, sizeof line, f); count++) {
        line[strcspn(line, "\n")] = 0;
        char *tab = strchr(line, '\t');
        assert_non_null(tab);
        *tab = 0;
        const char *name = line + strlen("aten."), *schema = schema_named(name);
        if (!schema || !fac_op_exists(line)) {
            print_error("%s is missing\n", line);
            missing++;
        } else if (differences(schema, tab + 1)) {
            different++;
        }
    }
    fclose(f);
    assert_true(count > 180);
    if (missing || different) fail_msg("of %d operators %d missing, %d different", count, missing, different);
}

/* ---- values ------------------------------------------------------------------------------------------------- */

enum { MOST = 16 };

static fac_value ints(const int64_t *items, int64_t count)
{
    fac_value v = {.kind = FAC_VALUE_INTS};
    v.v.ints.items = items;
    v.v.ints.count = count;
    return v;
}
#define INTS(...)                                                                                                      \
    ints((const int64_t[]){__VA_ARGS__}, (int64_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))
#define INT(i) fac_value_scalar(fac_scalar_int(i))
#define FLOAT(x) fac_value_scalar(fac_scalar_float(x))
#define BOOL(b) fac_value_scalar(fac_scalar_bool(b))
#define TENSOR(t) fac_value_tensor(t)
#define NONE fac_value_none()

/* Calls and checks the number of results, which are tensors or None. */
static void call(const char *name, const fac_value *args, int n_args, fac_tensor **results, int n)
{
    fac_value got[MOST];
    int count = fac_call(name, args, n_args, NULL, 0, got, MOST);
    if (count != n) fail_msg("%s: %d results: %s", name, count, fac_error() ? fac_error() : "no error");
    for (int i = 0; i < n; i++)
        results[i] = got[i].kind == FAC_VALUE_TENSOR ? got[i].v.tensor : NULL;
}
#define CALL(name, results, n, ...)                                                                                    \
    call(name, (fac_value[]){__VA_ARGS__}, (int)(sizeof((fac_value[]){__VA_ARGS__}) / sizeof(fac_value)), results, n)

static fac_tensor *numbers(fac_dims shape)
{
    return fac_randn(shape, .dtype = FAC_FLOAT64, .requires_grad = true);
}

static fac_value all_wanted(void)
{
    static const fac_scalar yes = {FAC_BOOL, {.i = 1}};
    static fac_value three[3];
    for (int i = 0; i < 3; i++)
        three[i] = fac_value_scalar(yes);
    return (fac_value){.kind = FAC_VALUE_LIST, .v.list = {three, 3}};
}

/* got[] are what autograd gives for y's inputs, with g as y's gradient. */
static void check_gradients(fac_tensor *y, fac_tensor *g, fac_tensor **inputs, fac_tensor **got, int n)
{
    fac_tensor *want[MOST];
    assert_true(fac_autograd_grad(&y, 1, inputs, n, want, .grad_outputs = &g));
    for (int i = 0; i < n; i++)
        check_close(got[i], want[i], 1e-12);
}

static void test_convolution(void **state)
{
    (void)state;
    fac_manual_seed(1);
    for (int transposed = 0; transposed < 2; transposed++)
        fac_scope {
            fac_tensor *in[3] = {numbers(FAC_SHAPE(2, 4, 5, 6)), numbers(FAC_SHAPE(4, transposed ? 3 : 2, 3, 2)),
                                 numbers(FAC_SHAPE(transposed ? 6 : 4))};
            fac_value stride = INTS(2, 1), pad = INTS(1, 0), dilation = INTS(1, 2), more = INTS(transposed, 0);
            fac_tensor *y, *got[3];
            CALL("aten.convolution", &y, 1, TENSOR(in[0]), TENSOR(in[1]), TENSOR(in[2]), stride, pad, dilation,
                 BOOL(transposed), more, INT(2));
            fac_tensor *g = fac_randn_like(y);
            CALL("aten.convolution_backward", got, 3, TENSOR(g), TENSOR(in[0]), TENSOR(in[1]), INTS(fac_numel(in[2])),
                 stride, pad, dilation, BOOL(transposed), more, INT(2), all_wanted());
            check_gradients(y, g, in, got, 3);
        }
}

/* The plain operation's result, mean and 1 / standard deviation over rows of x. */
static void check_statistics(fac_tensor **got, fac_tensor *y, fac_tensor *x, fac_dims rows, double eps)
{
    check_close(got[0], y, 1e-12);
    x = fac_reshape(x, rows);
    fac_tensor *var = fac_var(x, .dim = -1, .correction = 0);
    check_close(fac_reshape(got[1], FAC_DIMS(-1)), fac_mean(x, .dim = -1), 1e-12);
    check_close(fac_reshape(got[2], FAC_DIMS(-1)), fac_rsqrt(fac_add_scalar(var, eps)), 1e-12);
}

static void test_normalisation(void **state)
{
    (void)state;
    fac_manual_seed(2);
    fac_scope {
        fac_tensor *in[3] = {numbers(FAC_SHAPE(3, 4, 5)), numbers(FAC_SHAPE(4)), numbers(FAC_SHAPE(4))}, *x = in[0];
        fac_tensor *y, *native[3], *got[3], *g = fac_randn_like(x), *stats[2];
        fac_value w = TENSOR(in[1]), b = TENSOR(in[2]);

        y = fac_group_norm(x, 2, .weight = in[1], .bias = in[2], .eps = 0.1);
        CALL("aten.native_group_norm", native, 3, TENSOR(x), w, b, INT(3), INT(4), INT(5), INT(2), FLOAT(0.1));
        check_statistics(native, y, x, FAC_DIMS(-1, 10), 0.1);
        CALL("aten.native_group_norm_backward", got, 3, TENSOR(g), TENSOR(x), TENSOR(native[1]), TENSOR(native[2]), w,
             INT(3), INT(4), INT(5), INT(2), all_wanted());
        check_gradients(y, g, in, got, 3);

        y = fac_batch_norm(x, NULL, NULL, .weight = in[1], .bias = in[2], .eps = 0.1, .training = true);
        CALL("aten._native_batch_norm_legit.no_stats", native, 3, TENSOR(x), w, b, BOOL(true), FLOAT(0.1), FLOAT(0.1));
        check_statistics(native, y, fac_transpose(x, 0, 1), FAC_DIMS(4, -1), 0.1);
        CALL("aten.native_batch_norm_backward", got, 3, TENSOR(g), TENSOR(x), w, NONE, NONE, TENSOR(native[1]),
             TENSOR(native[2]), BOOL(true), FLOAT(0.1), all_wanted());
        check_gradients(y, g, in, got, 3);

        for (int i = 0; i < 2; i++)
            stats[i] = fac_rand(FAC_SHAPE(4), .dtype = FAC_FLOAT64);
        y = fac_batch_norm(x, stats[0], stats[1], .weight = in[1], .bias = in[2], .eps = 0.1);
        CALL("aten._native_batch_norm_legit_no_training", native, 3, TENSOR(x), w, b, TENSOR(stats[0]),
             TENSOR(stats[1]), FLOAT(0.1), FLOAT(0.1));
        check_close(native[0], y, 0);
        assert_int_equal(fac_numel(native[1]) + fac_numel(native[2]), 0);
        CALL("aten.native_batch_norm_backward", got, 3, TENSOR(g), TENSOR(x), w, TENSOR(stats[0]), TENSOR(stats[1]),
             NONE, NONE, BOOL(false), FLOAT(0.1), all_wanted());
        check_gradients(y, g, in, got, 3);

        fac_tensor *moved[2] = {fac_clone(stats[0]), fac_clone(stats[1])};
        y = fac_batch_norm(x, stats[0], stats[1], .training = true, .momentum = 0.3);
        CALL("aten._native_batch_norm_legit", native, 3, TENSOR(x), NONE, NONE, TENSOR(moved[0]), TENSOR(moved[1]),
             BOOL(true), FLOAT(0.3), FLOAT(1e-5));
        check_close(native[0], y, 0);
        for (int i = 0; i < 2; i++)
            check_close(moved[i], stats[i], 0);
    }
}

/* With weight and bias or without them, and the gradient's own gradient. */
static void test_layer_norm(void **state)
{
    (void)state;
    fac_manual_seed(3);
    for (int affine = 0; affine < 2; affine++)
        fac_scope {
            fac_tensor *in[3] = {numbers(FAC_SHAPE(3, 2, 4)), numbers(FAC_SHAPE(2, 4)), numbers(FAC_SHAPE(2, 4))};
            fac_tensor *g = numbers(FAC_SHAPE(3, 2, 4)), *native[3], *got[3];
            if (!affine) in[1] = in[2] = NULL;
            fac_tensor *y = fac_layer_norm(in[0], FAC_DIMS(2, 4), .weight = in[1], .bias = in[2], .eps = 0.1);
            CALL("aten.native_layer_norm", native, 3, TENSOR(in[0]), INTS(2, 4), TENSOR(in[1]), TENSOR(in[2]),
                 FLOAT(0.1));
            check_statistics(native, y, in[0], FAC_DIMS(3, 8), 0.1);
            CALL("aten.native_layer_norm_backward", got, 3, TENSOR(g), TENSOR(in[0]), INTS(2, 4), TENSOR(native[1]),
                 TENSOR(native[2]), TENSOR(in[1]), TENSOR(in[2]), all_wanted());
            assert_true(affine || (!got[1] && !got[2]));
            int n = affine ? 3 : 1, inputs = affine ? 2 : 1;
            fac_tensor *want[3], *again[2][3], *of[3] = {g, in[0], in[1]}, *ones = fac_ones_like(g);
            assert_true(fac_autograd_grad(&y, 1, in, n, want, .grad_outputs = &g, .create_graph = true));
            for (int i = 0; i < n; i++)
                check_close(got[i], want[i], 1e-12);
            ones = fac_mul(ones, fac_literal("[[1., 2., -3., 4.], [0., 1., 5., 6.]]", .dtype = FAC_FLOAT64));
            assert_true(fac_autograd_grad(got, 1, of, inputs + 1, again[0], .grad_outputs = &ones));
            assert_true(fac_autograd_grad(want, 1, of, inputs + 1, again[1], .grad_outputs = &ones));
            for (int i = 0; i < inputs + 1; i++)
                check_close(again[0][i], again[1][i], 1e-10);
        }
}

static void test_pooling(void **state)
{
    (void)state;
    fac_manual_seed(4);
    fac_scope {
        fac_tensor *x = numbers(FAC_SHAPE(2, 3, 7, 6)), *y, *g, *got, *pair[2];
        fac_value kernel = INTS(3, 2), stride = INTS(2), pad = INTS(1, 0), one = INTS(1, 1), yes = BOOL(true);
        CALL("aten.avg_pool2d", &y, 1, TENSOR(x), kernel, stride, pad, yes, BOOL(false));
        g = fac_randn_like(y);
        CALL("aten.avg_pool2d_backward", &got, 1, TENSOR(g), TENSOR(x), kernel, stride, pad, yes, BOOL(false), NONE);
        check_gradients(y, g, &x, &got, 1);

        CALL("aten.max_pool2d_with_indices", pair, 2, TENSOR(x), kernel, stride, pad, one, yes);
        g = fac_randn_like(pair[0]);
        CALL("aten.max_pool2d_with_indices_backward", &got, 1, TENSOR(g), TENSOR(x), kernel, stride, pad, one, yes,
             TENSOR(pair[1]));
        check_gradients(pair[0], g, &x, &got, 1);

        CALL("aten._adaptive_avg_pool2d", &y, 1, TENSOR(x), INTS(3, 4));
        g = fac_randn_like(y);
        CALL("aten._adaptive_avg_pool2d_backward", &got, 1, TENSOR(g), TENSOR(x));
        check_gradients(y, g, &x, &got, 1);
    }
}

/* Gradients of max pooling are scattered by whatever indices are given: those of the forward pass, and others. */
static void test_max_pool_indices(void **state)
{
    (void)state;
    const fac_value two = INTS(2, 2), none = INTS(0, 0), one = INTS(1, 1);
    for (int64_t n = 2; n < 40; n++)
        fac_scope {
            int64_t all = (41 - n) * n;
            fac_tensor *x = fac_randn(FAC_SHAPE(2, 3, 41 - n, n)), *indices;
            fac_tensor *y = fac_max_pool2d(x, 2, .indices = &indices), *g = fac_randn_like(y);
            fac_tensor *row = fac_select(fac_select(indices, 2, 0), 2, fac_size(indices, 3) - 1); /* of the indices */
            for (int other = 0; other < 3; other++) {
                if (other) fac_fill_(row, other == 1 ? (double)(all - 1) : 0);
                fac_tensor *got, *places = fac_reshape(indices, FAC_SHAPE(2, 3, -1));
                fac_tensor *want =
                    fac_scatter_add(fac_zeros(FAC_SHAPE(2, 3, all)), 2, places, fac_reshape(g, FAC_SHAPE(2, 3, -1)));
                CALL("aten.max_pool2d_with_indices_backward", &got, 1, TENSOR(g), TENSOR(x), two, two, none, one,
                     BOOL(false), TENSOR(indices));
                check_close(got, fac_reshape(want, fac_shape(x)), 0);
            }
        }
}

static void test_embedding_and_dropout(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *w = numbers(FAC_SHAPE(5, 3)), *at = fac_literal("[[0, 1, 1], [4, 2, 0]]"), *y, *got, *pair[2];
        for (int by_frequency = 0; by_frequency < 2; by_frequency++) {
            CALL("aten.embedding", &y, 1, TENSOR(w), TENSOR(at), INT(2), BOOL(by_frequency));
            fac_tensor *g = fac_randn_like(y);
            CALL("aten.embedding_dense_backward", &got, 1, TENSOR(g), TENSOR(at), INT(5), INT(2), BOOL(by_frequency));
            check_gradients(y, g, &w, &got, 1);
        }
        /* ATen's -1 is no padding, torch.nn.functional's is the last row. */
        CALL("aten.embedding", &y, 1, TENSOR(w), TENSOR(at), INT(-1));
        assert_true(fac_backward(fac_sum(y)));
        assert_true(fac_at(fac_grad(w), FAC_DIMS(4, 0)) == 1);

        fac_tensor *x = numbers(FAC_SHAPE(20));
        fac_manual_seed(5);
        CALL("aten.native_dropout", pair, 2, TENSOR(x), FLOAT(0.25), BOOL(true));
        fac_manual_seed(5);
        check_close(pair[0], fac_dropout(x, .p = 0.25), 1e-15);
        fac_tensor *g = fac_randn_like(x);
        CALL("aten.native_dropout_backward", &got, 1, TENSOR(g), TENSOR(pair[1]), FLOAT(1 / 0.75));
        check_gradients(pair[0], g, &x, &got, 1);
        CALL("aten.native_dropout", pair, 2, TENSOR(x), FLOAT(0.25), BOOL(false));
        check_close(pair[0], x, 0);
        check_close(pair[1], fac_ones_like(x, .dtype = FAC_BOOL), 0);
    }
}

static void test_making_and_copying(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_literal("[[1., 2.], [3., 4.]]"), *y;
        fac_value number;
        CALL("aten._to_copy", &y, 1, TENSOR(x));
        assert_false(fac_shares_storage(x, y));
        check_close(y, x, 0);
        CALL("aten.copy", &y, 1, TENSOR(x), TENSOR(fac_literal("[5, 6]")));
        check_values(y, "[[5., 6.], [5., 6.]]");
        CALL("aten.fill.Scalar", &y, 1, TENSOR(x), INT(7));
        check_values(y, "[[7., 7.], [7., 7.]]");
        check_values(x, "[[1., 2.], [3., 4.]]");
        CALL("aten.empty_strided", &y, 1, INTS(2, 3), INTS(1, 2));
        assert_int_equal(fac_strides(y).d[0], 1);
        assert_int_equal(fac_strides(y).d[1], 2);
        expect_error(fac_empty_strided(FAC_SHAPE(2, 3), FAC_DIMS(1)),
                     "dimensionality of sizes (2) must match dimensionality of strides (1)");
        expect_error(fac_empty_strided(FAC_SHAPE(2), FAC_DIMS(-1)), "Storage size calculation overflowed");
        static const struct {
            const char *text;
            fac_dtype kind;
        } numbers[] = {{"[3]", FAC_INT64}, {"2.5", FAC_FLOAT64}, {"True", FAC_BOOL}};
        for (int i = 0; i < 3; i++) {
            fac_value arg = TENSOR(fac_literal(numbers[i].text));
            assert_int_equal(fac_call("aten._local_scalar_dense", &arg, 1, NULL, 0, &number, 1), 1);
            assert_int_equal(number.kind, FAC_VALUE_SCALAR);
            assert_int_equal(number.v.scalar.kind, numbers[i].kind);
        }
        CALL("aten.var.correction", &y, 1, TENSOR(x), INTS(0)); /* None is 1 */
        check_values(y, "[2., 2.]");
    }
}

static int atan2_into(fac_tensor *x, fac_tensor *out)
{
    fac_value args[] = {TENSOR(x), TENSOR(x)}, result;
    fac_keyword keyword = {"out", TENSOR(out)};
    int n = fac_call("aten.atan2.out", args, 2, &keyword, 1, &result, 1);
    assert_true(n < 0 || result.v.tensor == out);
    return n;
}

static void test_out(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_ones(FAC_SHAPE(2)), *out = fac_zeros(FAC_SHAPE(3), .dtype = FAC_FLOAT64);
        assert_int_equal(atan2_into(x, out), 1);
        check_values(out, "[0.7853981633974483, 0.7853981633974483]");
        assert_int_equal(atan2_into(x, x), 1);
        check_values(x, "[0.7853981633974483, 0.7853981633974483]");
        expect_error(atan2_into(x, fac_zeros(FAC_SHAPE(2), .dtype = FAC_INT64)),
                     "result type Float can't be cast to the desired output type Long");
        expect_error(atan2_into(x, fac_expand(fac_zeros(FAC_SHAPE(1)), FAC_DIMS(2))),
                     "more than one element of the written-to tensor refers to a single memory location");
        expect_error(atan2_into(numbers(FAC_SHAPE(2)), out),
                     "atan2(): functions with out=... arguments don't support automatic differentiation");
        expect_error(atan2_into(x, NULL), "the arguments fit none of");
        fac_value args[] = {TENSOR(fac_literal("[-1, 2]"))}, result;
        fac_keyword keyword = {"out", TENSOR(out)};
        assert_int_equal(fac_call("abs", args, 1, &keyword, 1, &result, 1), 1);
        check_values(out, "[1., 2.]");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_schemas),
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_normalisation),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_pooling),
        cmocka_unit_test(test_max_pool_indices),
        cmocka_unit_test(test_embedding_and_dropout),
        cmocka_unit_test(test_making_and_copying),
        cmocka_unit_test(test_out),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
