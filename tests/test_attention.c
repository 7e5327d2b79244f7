/* Attention: the kernels beside the same thing made of plain operations, in results and gradients, for every kind of mask
 * and layout; gradients of gradients; where results lie; threads; failed allocations. */
#include "testing.h"

#include "backend/cpu/scratch.h"
#include "core/memory.h"

enum { PLAIN, CAUSAL, BOOL_MASK, ADDED_MASK, MASKS };

typedef struct problem {
    int64_t batch, heads, queries, keys, width, value_width;
    fac_dtype dtype;
    int mask;
    bool heads_apart; /* [batch, heads, rows, width] in memory; else the heads are parts of rows */
} problem;

/* Query, key, value, gradient of the result, mask; the same numbers at each call. */
typedef struct inputs {
    fac_tensor *in[3], *g, *mask;
} inputs;

static fac_tensor *leaf(const problem *p, int64_t rows, int64_t width)
{
    fac_tensor *t = p->heads_apart
                        ? fac_randn(FAC_SHAPE(p->batch, p->heads, rows, width), .dtype = p->dtype)
                        : fac_transpose(fac_randn(FAC_SHAPE(p->batch, rows, p->heads, width), .dtype = p->dtype), 1, 2);
    return fac_requires_grad_(t, true);
}

static inputs make(const problem *p)
{
    fac_manual_seed(3);
    inputs x = {
        {leaf(p, p->queries, p->width), leaf(p, p->keys, p->width), leaf(p, p->keys, p->value_width)}, NULL, NULL};
    x.g = fac_randn(FAC_SHAPE(p->batch, p->heads, p->queries, p->value_width), .dtype = p->dtype);
    if (p->mask == BOOL_MASK) x.mask = fac_gt_scalar(fac_rand(FAC_SHAPE(p->queries, p->keys)), 0.3);
    if (p->mask == ADDED_MASK) x.mask = fac_randn(FAC_SHAPE(p->heads, 1, p->keys));
    return x;
}

/* y and the gradients of the three. With the weights asked for, it is made of plain operations. */
static bool attend(const problem *p, inputs *x, bool composed, bool create_graph, fac_tensor *all[4])
{
    fac_tensor *weights;
    all[0] = fac_scaled_dot_product_attention(x->in[0], x->in[1], x->in[2], .attn_mask = x->mask,
                                              .is_causal = p->mask == CAUSAL, .weights = composed ? &weights : NULL);
    return fac_autograd_grad(&all[0], 1, x->in, 3, all + 1, .grad_outputs = &x->g, .create_graph = create_graph);
}

static void compare(const problem *p)
{
    double tolerance = p->dtype == FAC_FLOAT64 ? 1e-13 : 2e-5;
    fac_scope {
        inputs x = make(p);
        fac_tensor *kernels[4], *plain[4];
        if (!attend(p, &x, false, false, kernels) || !attend(p, &x, true, false, plain)) fail_msg("%s", fac_error());
        for (int i = 0; i < 4; i++)
            check_close(kernels[i], fac_detach(plain[i]), tolerance);
    }
}

static const problem sizes[] = {
    {2, 3, 70, 70, 16, 16, FAC_FLOAT32, 0, false},  {1, 2, 5, 7, 3, 4, FAC_FLOAT32, 0, true},
    {1, 1, 33, 300, 20, 8, FAC_FLOAT64, 0, true},   {2, 1, 300, 33, 16, 40, FAC_FLOAT32, 0, false},
    {1, 2, 1, 500, 64, 64, FAC_FLOAT32, 0, false},  {2, 2, 130, 260, 17, 5, FAC_FLOAT64, 0, false},
    {1, 3, 128, 128, 32, 32, FAC_FLOAT32, 0, true}, {3, 1, 2, 2, 1, 1, FAC_FLOAT64, 0, true},
};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void test_beside_plain_operations(void **state)
{
    for (int i = 0; i < SIZES; i++)
        for (int mask = 0; mask < MASKS; mask++) {
            problem p = sizes[i];
            p.mask = mask;
            compare(&p);
        }
}

/* Without working memory the keys are copied by each product: the same. */
static void test_without_scratch(void **state)
{
    fac__scratch_refuse(1);
    compare(&(problem){1, 2, 40, 40, 16, 16, FAC_FLOAT64, CAUSAL, false});
    fac__scratch_refuse(0);
}

/* The gradient of a gradient is that of the plain operations. */
static void test_twice(void **state)
{
    for (int mask = 0; mask < MASKS; mask++)
        fac_scope {
            problem p = {1, 2, 6, 5, 3, 4, FAC_FLOAT64, mask, false};
            fac_tensor *twice[2][3];
            for (int composed = 0; composed < 2; composed++) {
                inputs x = make(&p);
                fac_tensor *all[4];
                assert_true(attend(&p, &x, composed, true, all));
                fac_tensor *sum = fac_sum(
                    fac_cat(FAC_TENSORS(fac_flatten(fac_square(all[1]), 0, -1), fac_flatten(fac_square(all[2]), 0, -1),
                                        fac_flatten(fac_square(all[3]), 0, -1)),
                            0));
                assert_true(fac_autograd_grad(&sum, 1, x.in, 3, twice[composed]));
            }
            for (int i = 0; i < 3; i++)
                check_close(twice[0][i], twice[1][i], 1e-12);
        }
}

/* A query that may look nowhere averages nothing: NaN, as in the plain operations; the others are not touched. */
static void test_nothing_seen(void **state)
{
    fac_scope {
        problem p = {1, 1, 3, 200, 4, 4, FAC_FLOAT32, PLAIN, true};
        inputs x = make(&p);
        x.mask = fac_ones(FAC_SHAPE(3, 200), .dtype = FAC_BOOL);
        fac_fill_(fac_select(x.mask, 0, 1), 0);
        fac_fill_(fac_narrow(fac_select(x.mask, 0, 2), 0, 0, 150), 0); /* the first block of keys not at all */
        fac_tensor *kernels[4], *plain[4];
        assert_true(attend(&p, &x, false, false, kernels) && attend(&p, &x, true, false, plain));
        for (int i = 0; i < 2; i++)
            check_close(kernels[i], fac_detach(plain[i]), 1e-5);
        assert_true(isnan(fac_item(fac_sum(fac_select(kernels[0], 2, 1)))));
        assert_false(isnan(fac_item(fac_sum(fac_select(kernels[0], 2, 2)))));
    }
}

/* Heads that were parts of rows are parts of rows in the results, which need no copy to be put together. */
static void test_layout(void **state)
{
    for (int apart = 0; apart < 2; apart++)
        fac_scope {
            problem p = {2, 3, 8, 8, 4, 4, FAC_FLOAT32, PLAIN, apart != 0};
            inputs x = make(&p);
            fac_tensor *all[4];
            assert_true(attend(&p, &x, false, false, all));
            for (int i = 0; i < 4; i++) {
                assert_int_equal(fac_is_contiguous(all[i]), apart);
                assert_int_equal(fac_is_contiguous(fac_transpose(all[i], 1, 2)), !apart);
            }
        }
    /* broadcast queries, rows that are columns, and vectors of no width: any strides */
    fac_scope {
        fac_tensor *q = fac_expand(fac_randn(FAC_SHAPE(1, 6, 4)), FAC_SHAPE(3, 6, 4));
        fac_tensor *k = fac_transpose(fac_randn(FAC_SHAPE(3, 4, 7)), 1, 2), *v = fac_randn(FAC_SHAPE(3, 7, 1)), *w;
        fac_tensor *y = fac_scaled_dot_product_attention(q, k, v);
        check_close(y, fac_scaled_dot_product_attention(q, k, v, .weights = &w), 1e-5);
        fac_tensor *flat = fac_scaled_dot_product_attention(fac_select(q, 0, 0), fac_select(k, 0, 0),
                                                            fac_select(v, 0, 0), .scale = 0.5);
        check_close(flat,
                    fac_scaled_dot_product_attention(fac_select(q, 0, 0), fac_select(k, 0, 0), fac_select(v, 0, 0),
                                                     .scale = 0.5, .weights = &w),
                    1e-5);
        assert_int_equal(fac_dim(flat), 2);
    }
}

static void test_thread_counts(void **state)
{
    int threads = fac_get_num_threads();
    fac_scope {
        problem p = {2, 3, 260, 260, 16, 16, FAC_FLOAT32, CAUSAL, false};
        fac_tensor *one[4], *more[4];
        inputs x = make(&p);
        fac_set_num_threads(1);
        assert_true(attend(&p, &x, false, false, one));
        for (int n = 2; n < 6; n++) {
            fac_set_num_threads(n);
            assert_true(attend(&p, &x, false, false, more));
            for (int i = 0; i < 4; i++)
                assert_true(fac_equal(one[i], more[i]));
        }
    }
    fac_set_num_threads(threads);
}

static void test_failed_allocations(void **state)
{
    for (int create_graph = 0; create_graph < 2; create_graph++)
        for (int64_t n = 1;; n++) {
            int64_t before = fac_memory().used, count = fac__alloc_count();
            bool far = false;
            fac_scope {
                problem p = {1, 2, 5, 4, 3, 2, FAC_FLOAT32, ADDED_MASK, false};
                inputs x = make(&p);
                fac_tensor *all[4] = {NULL};
                count = fac__alloc_count();
                fac__alloc_fail_at(n);
                bool good = attend(&p, &x, false, create_graph, all);
                far = fac__alloc_count() - count < n;
                fac__alloc_fail_at(0);
                assert_true((good && all[0]) || fac_error());
                fac_clear_error();
            }
            if (fac_memory().used != before) fail_msg("leaks when allocation %d fails", (int)n);
            if (far) break;
        }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beside_plain_operations),
        cmocka_unit_test(test_without_scratch),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_nothing_seen),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_thread_counts),
        cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
