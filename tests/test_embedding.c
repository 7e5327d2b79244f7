/* Embeddings, one-hot vectors, dropout and gates: results, gradients and random numbers as PyTorch recorded them. */
#include "recorded.h"

static void test_recorded(void **state)
{
    replay_recorded("embed_ops.txt");
}

static void test_names(void **state)
{
    fac_scope {
        fac_tensor *x = fac_requires_grad_(fac_randn(FAC_SHAPE(3, 4)), true);
        assert_string_equal(fac_grad_fn_name(fac_embedding(fac_literal("[0]"), x)), "EmbeddingBackward0");
        assert_string_equal(fac_grad_fn_name(fac_dropout(x)), "MulBackward0");
        assert_string_equal(fac_grad_fn_name(fac_alpha_dropout(x)), "AddBackward0");
        assert_string_equal(fac_grad_fn_name(fac_glu(x, 1)), "GluBackward0");
        assert_string_equal(fac_grad_fn_name(fac_rrelu(x, 0.1, 0.2, true)), "RreluWithNoiseBackward0");
        assert_string_equal(fac_grad_fn_name(fac_rrelu(x, 0.1, 0.2, false)), "RreluWithNoiseBackward0");
        assert_string_equal(fac_grad_fn_name(fac_prelu(x, fac_ones(FAC_SHAPE(1)))), "PreluBackward0");
        assert_ptr_equal(fac_dropout(x, .p = 0), x);
        assert_ptr_equal(fac_dropout(x, .training = false), x);
    }
}

/* Rows that are too long are shortened in place, and the gradient is of what they are then. */
static void test_max_norm(void **state)
{
    fac_scope {
        fac_tensor *w = fac_requires_grad_(fac_literal("[[3., 4.], [0.3, 0.4], [6., 8.]]"), true);
        fac_tensor *y = fac_embedding(fac_literal("[0, 1, 0]"), w, .max_norm = 1);
        check_values(y, "[[0.6, 0.8], [0.3, 0.4], [0.6, 0.8]]");
        check_values(w, "[[0.6, 0.8], [0.3, 0.4], [6., 8.]]");
        assert_true(fac_backward(fac_sum(y)));
        check_values(fac_grad(w), "[[2., 2.], [1., 1.], [0., 0.]]");
        check_values(fac_embedding(fac_literal("2"), w, .max_norm = 7, .norm_type = INFINITY), "[5.25, 7.]");
        fac_tensor *columns = fac_t(fac_literal("[[3., 0.], [4., 1.]]"));
        check_values(fac_embedding(fac_literal("[0]"), columns, .max_norm = 5), "[[3., 4.]]");
        check_values(fac_embedding(fac_literal("[0]"), columns, .max_norm = 2.5), "[[1.5, 2.]]");
        check_values(columns, "[[1.5, 2.], [0., 1.]]");
    }
}

/* A large table, on several threads: each element adds up in the order of the indices. */
static void test_order_of_sums(void **state)
{
    fac_scope {
        fac_manual_seed(4);
        fac_tensor *w = fac_zeros(FAC_SHAPE(7, 300), .requires_grad = true), *index = fac_randint(0, 7, FAC_SHAPE(500));
        fac_tensor *g = fac_randn(FAC_SHAPE(500, 300));
        assert_true(fac_backward(fac_embedding(index, w), .gradient = g));
        const float *from = fac_data(g), *got = fac_data(fac_grad(w));
        const int64_t *t = fac_data(index);
        for (int64_t c = 0; c < 300; c++) {
            float sum[7] = {0};
            for (int64_t i = 0; i < 500; i++)
                sum[t[i]] += from[i * 300 + c];
            for (int64_t r = 0; r < 7; r++)
                assert_true(got[r * 300 + c] == sum[r]);
        }
    }
}

static fac_tensor *draw(const char *name)
{
    fac_tensor *x = fac_reshape(fac_div_scalar(fac_sub_scalar(fac_arange(0, 24, 1), 11.5), 4), FAC_SHAPE(2, 3, 4));
    fac_tensor *images = fac_unsqueeze(x, 3);
    fac_manual_seed(3);
    if (!strcmp(name, "dropout")) return fac_dropout(x, .p = 0.3);
    if (!strcmp(name, "dropout_double")) return fac_dropout(fac_to(x, FAC_FLOAT64), .p = 0.3);
    if (!strcmp(name, "dropout_swapped")) return fac_dropout(fac_mT(x), .p = 0.3);
    if (!strcmp(name, "dropout1d")) return fac_dropout1d(x, .p = 0.3);
    if (!strcmp(name, "dropout1d_alone")) return fac_dropout1d(fac_select(x, 0, 0), .p = 0.3);
    if (!strcmp(name, "dropout2d")) return fac_dropout2d(images, .p = 0.3);
    if (!strcmp(name, "dropout3d")) return fac_dropout3d(images, .p = 0.3);
    if (!strcmp(name, "alpha_dropout")) return fac_alpha_dropout(x, .p = 0.3);
    if (!strcmp(name, "feature_alpha_dropout")) return fac_feature_alpha_dropout(x, .p = 0.3);
    return fac_rrelu(x, 1.0 / 8, 1.0 / 3, true);
}

static void test_draws(void **state)
{
    FILE *file = fopen(FAC_TEST_DATA "/dropout.txt", "r");
    assert_non_null(file);
    char line[1024], name[32];
    int used, count = 0;
    for (; fgets(line, sizeof line, file) && sscanf(line, "%31s%n", name, &used) == 1; count++)
        fac_scope {
            double got[24];
            fac_tensor *y = draw(name);
            if (!y || !fac_to_array(y, FAC_FLOAT64, got, fac_numel(y))) fail_msg("%s: %s", name, fac_error());
            char *at = line + used;
            for (int64_t i = 0; i < fac_numel(y); i++) {
                double want = strtod(at, &at);
                if (fabs(got[i] - want) > 1e-6)
                    fail_msg("%s: element %d is %.9g, expected %.9g", name, (int)i, got[i], want);
            }
        }
    assert_int_equal(count, 10);
    fclose(file);
}

static void test_dropout_gradient(void **state)
{
    fac_scope {
        fac_tensor *x = fac_ones(FAC_SHAPE(100), .requires_grad = true), *y = fac_dropout(x, .p = 0.25);
        assert_true(fac_backward(fac_sum(y)));
        check_close(fac_grad(x), fac_detach(y), 0);
        fac_tensor *z = fac_ones(FAC_SHAPE(100));
        assert_ptr_equal(fac_dropout(z, .inplace = true), z);
        assert_true(fac_item(fac_sum(fac_eq_scalar(z, 0))) > 20);
        check_values(fac_dropout(fac_ones(FAC_SHAPE(2)), .p = 1), "[0., 0.]");
    }
}

static void test_errors(void **state)
{
    fac_scope {
        fac_tensor *w = fac_ones(FAC_SHAPE(3, 4)), *row = fac_ones(FAC_SHAPE(4)), *one = fac_literal("1.");
        expect_error(fac_embedding(NULL, w), "argument 'indices' must not be NULL");
        expect_error(fac_embedding(fac_literal("[0, 3]"), w), "index out of range in self");
        expect_error(fac_embedding(fac_literal("[-1]"), w), "index out of range in self");
        expect_error(fac_embedding(fac_literal("[1.]"), w),
                     "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
                     "but got torch.FloatTensor instead");
        expect_error(fac_embedding(fac_literal("[0]"), row), "'weight' must be 2-D");
        expect_error(fac_embedding(fac_literal("[0]"), w, .padding_idx = 3),
                     "Padding_idx must be within num_embeddings");
        expect_error(fac_embedding(fac_literal("[0]"), w, .padding_idx = -4),
                     "Padding_idx must be within num_embeddings");
        expect_error(fac_one_hot(fac_literal("[0, -1]"), -1), "Class values must be non-negative.");
        expect_error(fac_one_hot(fac_literal("[0, 2]"), 2), "Class values must be smaller than num_classes.");
        expect_error(fac_one_hot(w, 2), "one_hot is only applicable to index tensor.");
        expect_error(fac_one_hot(fac_zeros(FAC_SHAPE(0), .dtype = FAC_INT64), -1),
                     "Can not infer total number of classes from empty tensor.");
        expect_error(fac_dropout(w, .p = 1.5), "dropout probability has to be between 0 and 1, but got 1.5");
        expect_error(fac_dropout(w, .p = -0.1), "dropout probability has to be between 0 and 1, but got -0.1");
        expect_error(fac_dropout(fac_to(w, FAC_INT64)),
                     "result type Float can't be cast to the desired output type Long");
        expect_error(fac_feature_dropout(row), "Feature dropout requires at least 2 dimensions in the input");
        expect_error(fac_dropout1d(row), "dropout1d: Expected 2D or 3D input, but received a 1D input.");
        expect_error(fac_glu(fac_ones(FAC_SHAPE(3)), 0), "Halving dimension must be even, but dimension 0 is size 3");
        expect_error(fac_glu(one, 0), "glu does not support scalars because halving size must be even");
        expect_error(
            fac_prelu(w, fac_ones(FAC_SHAPE(3))),
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = 3 and channel size = 4.");
        expect_error(fac_prelu(w, w), "prelu: Expected `weight` to be a scalar or 1D tensor, but got ndim = 2");
    }
}

/* Tables whose gradients are made in several ranges: as index_add makes them, whatever the number of threads. */
static void large_gradients(void **state)
{
    int threads = fac_get_num_threads();
    for (int n = 1; n <= 3; n++)
        fac_scope {
            fac_set_num_threads(n);
            fac_manual_seed(3);
            fac_tensor *table = fac_requires_grad_(fac_randn(FAC_SHAPE(5000, 64)), true);
            fac_tensor *index = fac_randint(0, 5000, FAC_SHAPE(9000)), *g = fac_randn(FAC_SHAPE(9000, 64));
            fac_backward(fac_embedding(index, table, .padding_idx = 7), .gradient = g);
            g = fac_mul(g, fac_unsqueeze(fac_ne_scalar(index, 7), 1));
            fac_tensor *want = fac_index_add(fac_zeros(FAC_SHAPE(5000, 64)), 0, index, g, 1);
            assert_true(fac_equal(fac_grad(table), want));
        }
    fac_set_num_threads(threads);
}

/* Bags by the kernel, beside the same made of plain operations, which factors with a gradient ask for: every bit of results
 * and gradients, and the gradient of a gradient. Bits: 1 mean, 2 offsets end with the end, 4 padding, 8 by frequency,
 * 16 factors. */
static void test_bags(void **state)
{
    fac_tensor *w, *index, *ends, *starts, *factor;
    for (int way = 0; way < 32; way++)
        fac_scope {
            bool mean = way & 1, factors = way & 16;
            if (mean && factors) continue;
            fac_manual_seed(2);
            w = fac_requires_grad_(fac_randn(FAC_SHAPE(11, 200)), true);
            index = fac_randint(0, 11, FAC_SHAPE(40));
            starts = fac_literal("[0, 5, 5, 17]", .dtype = FAC_INT64);
            ends = fac_literal("[0, 5, 5, 17, 30]", .dtype = FAC_INT64); /* ten indices are in no bag */
            factor = factors ? fac_rand(FAC_SHAPE(40)) : fac_ones(FAC_SHAPE(40));
            fac_bag_options o = fac_bag_options_defaults();
            o.offsets = way & 2 ? ends : starts;
            o.include_last_offset = way & 2;
            if (way & 4) o.padding_idx = 3;
            o.scale_grad_by_freq = way & 8;
            o.mode = mean ? "mean" : "sum";
            if (factors) o.per_sample_weights = factor;
            fac_tensor *y = fac_embedding_bag_with(index, w, o);
            o.mode = "sum";
            o.per_sample_weights = fac_requires_grad_(fac_clone(factor), true);
            fac_tensor *z = fac_embedding_bag_with(index, w, o);
            if (mean) {
                fac_tensor *one = fac_ones(FAC_SHAPE(11, 1));
                o.per_sample_weights = NULL;
                z = fac_div(z, fac_clamp(fac_embedding_bag_with(index, one, o), 1, INT64_MAX));
            }
            fac_tensor *g = fac_requires_grad_(fac_randn(fac_shape(y)), true), *dy, *dz, *more, *dw[2][2];
            assert_true(fac_equal(y, z));
            assert_true(fac_autograd_grad(&y, 1, &w, 1, &dy, .grad_outputs = &g, .retain_graph = true));
            assert_true(fac_autograd_grad(&z, 1, &w, 1, &dz, .grad_outputs = &g, .retain_graph = true));
            check_close(dy, dz, (way & 24) == 24 ? 1e-6 : 0); /* two factors are multiplied first */
            for (int i = 0; i < 2; i++) {
                fac_tensor **of = i ? &z : &y;
                assert_true(fac_autograd_grad(of, 1, &w, 1, &dw[i][0], .grad_outputs = &g, .create_graph = true));
                check_close(fac_detach(dw[i][0]), dy, 1e-6);
                more = fac_sum(fac_square(dw[i][0]));
                assert_true(fac_autograd_grad(&more, 1, &g, 1, &dw[i][1]));
            }
            check_close(dw[0][1], dw[1][1], 1e-5);
            for (int threads = 1; threads < 4; threads++) {
                int before = fac_get_num_threads();
                fac_set_num_threads(threads);
                assert_true(fac_autograd_grad(&y, 1, &w, 1, &more, .grad_outputs = &g, .retain_graph = true));
                assert_true(fac_equal(more, dy));
                fac_set_num_threads(before);
            }
        }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded), cmocka_unit_test(test_names),
        cmocka_unit_test(test_max_norm), cmocka_unit_test(test_order_of_sums),
        cmocka_unit_test(test_draws),    cmocka_unit_test(test_dropout_gradient),
        cmocka_unit_test(test_bags),     cmocka_unit_test(large_gradients),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
