/* Derivatives of every operation against differences, in float64: the gradient of a weighted sum of the result, and then
 * the gradient of that gradient. Calls are made from the schemas, so a new operation is checked without being named here. */
#include "testing.h"

#include "op_calls.h"

/* What cannot be checked so: results that are random; writes to one place several times, as the grid's indices ask
 * for, of which any may win; gradients of symmetric matrices, where differences would have to go symmetrically, of
 * parts that are not determined (a full svd), and with singular values cut off (pinv with rcond):
 * tests/test_spectral.c has those. And cholesky's kin, of triangles and positive definite matrices
 * (tests/test_linalg.c), logdet and zeta, NaN for what the grid asks for, and what has no derivative
 * (nextafter). */
static const char *const left_out[] = {
    "dropout",
    "feature_dropout",
    "alpha_dropout",
    "feature_alpha_dropout",
    "gumbel_softmax",
    "rrelu",
    "bernoulli",
    "normal",
    "uniform",
    "rand",
    "random",
    "exponential",
    "poisson(",
    "binomial",
    "put",
    "index_put",
    "scatter.src",
    "max_unpool",
    "linalg_eigh",
    "linalg_eigvalsh",
    "symeig",
    "linalg_svd(",
    "linalg_pinv(",
    "svd_lowrank",
    "pca_lowrank",
    "linalg_pinv.rcond",
    "linalg_cholesky_ex",
    "cholesky_solve",
    "cholesky_inverse",
    "logdet",
    "linalg_ldl",
    "geqrf",
    "nextafter",
    "special_zeta",
    NULL,
};

static bool is_left_out(const char *schema)
{
    for (int i = 0; left_out[i]; i++)
        if (!strncmp(schema, left_out[i], strlen(left_out[i]))) return true;
    const char *open = strchr(schema, '(');
    const char *dot = memchr(schema, '.', (size_t)(open - schema));
    return (dot ? dot : open)[-1] == '_'; /* in place: leaves refuse */
}

enum { MAX_LEAVES = 12 };

typedef struct problem {
    call c;
    fac_tensor *leaves[MAX_LEAVES];
    int n;
} problem;

static void collect(problem *p, const fac_value *v)
{
    if (v->kind == FAC_VALUE_TENSOR && fac_requires_grad(v->v.tensor) && p->n < MAX_LEAVES)
        p->leaves[p->n++] = v->v.tensor;
    for (int64_t i = 0; v->kind == FAC_VALUE_TENSORS && i < v->v.tensors.count; i++)
        if (fac_requires_grad(v->v.tensors.items[i]) && p->n < MAX_LEAVES) p->leaves[p->n++] = v->v.tensors.items[i];
}

/* Fixed numbers that are the same at each call. */
static fac_tensor *weights_like(fac_tensor *t, int seed)
{
    fac_tensor *w = fac_empty_like(t);
    double *p = fac_data(w);
    for (int64_t i = 0; i < fac_numel(w); i++)
        p[i] = 0.5 + 0.3 * sin((double)(i + 1) * (1.7 + seed));
    return w;
}

/* The weighted sum of all float64 results that have a history; NULL where there is none. */
static fac_tensor *value(const problem *p)
{
    fac_value results[16];
    const call *c = &p->c;
    int n = fac_call(c->name, c->args, c->n_args, c->keywords, c->n_keywords, results, 16);
    fac_tensor *sum = NULL;
    for (int i = 0; i < n; i++) {
        fac_tensor *t = results[i].kind == FAC_VALUE_TENSOR ? results[i].v.tensor : NULL;
        if (!t || fac_dtype_of(t) != FAC_FLOAT64 || !fac_requires_grad(t)) continue;
        fac_tensor *part = fac_sum(fac_mul(t, weights_like(t, i)));
        sum = sum ? fac_add(sum, part) : part;
    }
    return sum;
}

/* The gradients of value(), weighted and summed. */
static fac_tensor *gradient_value(const problem *p)
{
    fac_tensor *s = value(p), *g[MAX_LEAVES], *sum = NULL;
    if (!s || !fac_autograd_grad(&s, 1, p->leaves, p->n, g, .create_graph = true, .allow_unused = true)) return NULL;
    for (int i = 0; i < p->n; i++) {
        if (!g[i]) continue;
        fac_tensor *part = fac_sum(fac_mul(g[i], weights_like(g[i], 7 + i)));
        sum = sum ? fac_add(sum, part) : part;
    }
    return sum;
}

typedef fac_tensor *(*function)(const problem *);

/* d f / d leaf[i] by central differences. */
static double slope(function f, const problem *p, int leaf, int64_t i)
{
    static const double h = 1e-6;
    double *x = (double *)fac_data(p->leaves[leaf]) + i, x0 = *x, y[2];
    for (int k = 0; k < 2; k++) {
        *x = x0 + (k ? h : -h);
        fac_scope {
            y[k] = NAN;
            fac_tensor *v = f(p);
            if (v) y[k] = fac_item(v);
        }
    }
    *x = x0;
    return (y[1] - y[0]) / (2 * h);
}

/* -1: nothing to check; 0: wrong; 1: right */
static int check(function f, const problem *p, const char *order)
{
    fac_tensor *s = f(p), *g[MAX_LEAVES];
    if (!s || !fac_requires_grad(s)) return -1;
    if (!fac_autograd_grad(&s, 1, p->leaves, p->n, g, .allow_unused = true)) {
        print_message("%s: %s backward: %s\n", p->c.name, order, fac_error());
        return 0;
    }
    for (int k = 0; k < p->n; k++)
        for (int64_t i = 0; i < fac_numel(p->leaves[k]); i++) {
            double got = g[k] ? ((double *)fac_data(fac_contiguous(g[k])))[i] : 0, want = slope(f, p, k, i);
            if (fabs(got - want) <= 1e-5 * (1 + fabs(want)) || (isnan(got) && isnan(want))) continue;
            print_message("%s: %s derivative by input %d [%d]: %.9g, by differences %.9g\n", p->c.name, order, k,
                          (int)i, got, want);
            return 0;
        }
    return 1;
}

/* Those that have no derivative by their first argument. */
static const char *const constant_first[] = {"igamma", NULL};

static bool make_problem(const char *schema, int shape, problem *p)
{
    variant v = {shape, FAC_FLOAT64, true, true, -1};
    fac_clear_error();
    p->n = 0;
    if (is_left_out(schema) || !make_call(schema, &v, &p->c)) return false;
    for (int i = 0; constant_first[i]; i++)
        if (!strncmp(schema, constant_first[i], strlen(constant_first[i])) && p->c.args[0].kind == FAC_VALUE_TENSOR)
            p->c.args[0].v.tensor = fac_detach(p->c.args[0].v.tensor);
    for (int i = 0; i < p->c.n_args; i++)
        collect(p, &p->c.args[i]);
    for (int i = 0; i < p->c.n_keywords; i++)
        collect(p, &p->c.keywords[i].value);
    return p->n > 0;
}

static void check_all(function f, const char *order, int shape, int least)
{
    static problem p;
    int right = 0, wrong = 0;
    for (int i = 0; fac_op_schema(i); i++)
        fac_scope {
            fac_manual_seed(3);
            if (!make_problem(fac_op_schema(i), shape, &p)) break;
            int r = check(f, &p, order);
            if (r == 1) right++;
            if (r == 0) wrong++;
        }
    fac_clear_error();
    print_message("%d right, %d wrong\n", right, wrong);
    assert_int_equal(wrong, 0);
    assert_true(right >= least);
}

static void test_first_derivatives(void **state)
{
    (void)state;
    check_all(value, "first", 0, 150);
}

static void test_first_derivatives_of_images(void **state)
{
    (void)state;
    check_all(value, "first", 4, 100);
}

static void test_second_derivatives(void **state)
{
    (void)state;
    check_all(gradient_value, "second", 0, 80);
}

/* PyTorch has no formula for some derivatives: an error, rather than a wrong zero. */
static void test_unknown_derivatives(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *a = fac_requires_grad_(fac_ones(FAC_SHAPE(2)), true), *x = fac_ones(FAC_SHAPE(2)), *g = NULL;
        fac_tensor *y = fac_sum(fac_igamma(a, x));
        assert_true(fac_requires_grad(y));
        assert_false(fac_autograd_grad(&y, 1, &a, 1, &g));
        assert_non_null(strstr(fac_error(), "the derivative for 'igamma: self' is not implemented."));
    }
    fac_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_derivatives),
        cmocka_unit_test(test_first_derivatives_of_images),
        cmocka_unit_test(test_second_derivatives),
        cmocka_unit_test(test_unknown_derivatives),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
