/* Operations whose arguments the grid over all operations cannot guess: resampling, grids, attention, CTC, bags of
 * embeddings. Their values are checked by tests/conformance; here it is derivatives, failed allocations and what is refused. */
#include "core/memory.h"
#include "testing.h"

typedef fac_tensor *(*function)(fac_tensor *const *in);

static fac_tensor *cubic(fac_tensor *const *in)
{
    return fac_interpolate(in[0], .scale_factor = 1.7, .mode = "bicubic");
}
static fac_tensor *smooth(fac_tensor *const *in)
{
    return fac_interpolate(in[0], .size = FAC_DIMS(2, 7), .mode = "bilinear", .antialias = true);
}
static fac_tensor *aligned(fac_tensor *const *in)
{
    return fac_interpolate(in[0], .size = fac_dims_one(6), .mode = "bilinear", .align_corners = true);
}
static fac_tensor *nearest(fac_tensor *const *in)
{
    return fac_interpolate(in[0], .scale_h = 2, .scale_w = 0.5);
}
static fac_tensor *sampled(fac_tensor *const *in)
{
    return fac_grid_sample(in[0], fac_affine_grid(in[1], FAC_DIMS(2, 1, 3, 3), false), .padding_mode = "border");
}
static fac_tensor *sampled_cubic(fac_tensor *const *in)
{
    return fac_grid_sample(in[0], fac_affine_grid(in[1], FAC_DIMS(2, 1, 3, 3), true), .mode = "bicubic",
                           .padding_mode = "reflection", .align_corners = true);
}
static fac_tensor *shuffled(fac_tensor *const *in)
{
    return fac_channel_shuffle(fac_pixel_unshuffle(fac_pixel_shuffle(in[0], 2), 2), 2);
}
static fac_tensor *attended(fac_tensor *const *in)
{
    fac_tensor *weights = NULL;
    return fac_scaled_dot_product_attention(in[0], in[0], in[0], .is_causal = true, .weights = &weights);
}
static fac_tensor *spelled(fac_tensor *const *in)
{
    fac_tensor *probs = fac_log_softmax(fac_reshape(in[0], FAC_DIMS(8, 2, 8)), 2, FAC_DTYPE_NONE);
    int64_t steps[] = {8, 6};
    fac_tensor *targets = fac_literal("[[1, 2, 2], [3, 0, 0]]", .dtype = FAC_INT64);
    return fac_ctc_loss(probs, targets, fac_from_array(steps, FAC_INT64, FAC_SHAPE(2)),
                        fac_literal("[3, 1]", .dtype = FAC_INT64), .zero_infinity = true);
}
static fac_tensor *in_bags(fac_tensor *const *in, const char *mode, fac_tensor *weights)
{
    return fac_embedding_bag(fac_literal("[0, 7, 7, 3, 1]", .dtype = FAC_INT64), fac_reshape(in[0], FAC_DIMS(8, 16)),
                             .offsets = fac_literal("[0, 0, 3]", .dtype = FAC_INT64), .mode = mode, .padding_idx = 3,
                             .per_sample_weights = weights);
}
static fac_tensor *bag_sum(fac_tensor *const *in)
{
    return in_bags(in, "sum", fac_narrow(fac_reshape(in[1], FAC_DIMS(-1)), 0, 0, 5));
}
static fac_tensor *bag_mean(fac_tensor *const *in)
{
    return in_bags(in, "mean", NULL);
}
static fac_tensor *bag_max(fac_tensor *const *in)
{
    return in_bags(in, "max", NULL);
}

static const struct {
    const char *name;
    function f;
    bool twice;
} all[] = {{"cubic", cubic, true},       {"smooth", smooth, true},     {"aligned", aligned, true},
           {"nearest", nearest, true},   {"sampled", sampled, false},  {"sampled_cubic", sampled_cubic, false},
           {"shuffled", shuffled, true}, {"attended", attended, true}, {"spelled", spelled, false},
           {"bag_sum", bag_sum, true},   {"bag_mean", bag_mean, true}, {"bag_max", bag_max, true}};
enum { COUNT = sizeof all / sizeof *all };

/* An image [2, 4, 4, 4] and two affine maps [2, 2, 3]. */
static void make_inputs(fac_tensor **in)
{
    fac_manual_seed(5);
    in[0] = fac_rand(FAC_SHAPE(2, 4, 4, 4), .dtype = FAC_FLOAT64);
    in[1] = fac_mul_scalar(fac_rand(FAC_SHAPE(2, 2, 3), .dtype = FAC_FLOAT64), 0.8);
    for (int i = 0; i < 2; i++)
        fac_requires_grad_(in[i], true);
}

/* Of what is made, a sum with weights that are all different; order 1: of its gradients. */
static fac_tensor *value(function f, fac_tensor *const *in, int order)
{
    fac_tensor *y = f(in), *sum = y ? fac_sum(fac_mul(y, fac_sin(fac_mul_scalar(y, 3)))) : NULL, *g[2];
    if (!order || !sum) return sum;
    if (!fac_autograd_grad(&sum, 1, (fac_tensor **)in, 2, g, .create_graph = true, .allow_unused = true)) return NULL;
    sum = fac_sum(fac_mul(g[0], fac_cos(in[0])));
    return g[1] ? fac_add(sum, fac_sum(fac_mul(g[1], fac_cos(in[1])))) : sum;
}

static void check_derivative(function f, const char *name, int order)
{
    fac_tensor *in[2], *g[2];
    make_inputs(in);
    fac_tensor *s = value(f, in, order);
    if (!s || !fac_autograd_grad(&s, 1, in, 2, g, .allow_unused = true)) fail_msg("%s: %s", name, fac_error());
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; g[k] && i < fac_numel(in[k]); i++) {
            double *x = (double *)fac_data(in[k]) + i, x0 = *x, y[2], h = 1e-6;
            for (int side = 0; side < 2; side++) {
                *x = x0 + (side ? h : -h);
                fac_scope
                    y[side] = fac_item(value(f, in, order));
            }
            *x = x0;
            double want = (y[1] - y[0]) / (2 * h), got = ((double *)fac_data(fac_contiguous(g[k])))[i];
            if (fabs(got - want) > 1e-5 * (1 + fabs(want)))
                fail_msg("%s: derivative of order %d by input %d [%d]: %.9g, by differences %.9g", name, order + 1, k,
                         (int)i, got, want);
        }
}

static void test_derivatives(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        fac_scope {
            check_derivative(all[i].f, all[i].name, 0);
            if (all[i].twice) check_derivative(all[i].f, all[i].name, 1);
        }
}

static void test_refused_second_derivatives(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        fac_scope {
            fac_tensor *in[2], *g[2];
            make_inputs(in);
            fac_tensor *s = all[i].twice ? NULL : value(all[i].f, in, 1);
            if (s) expect_error(fac_autograd_grad(&s, 1, in, 2, g, .allow_unused = true), "is not implemented");
        }
}

/* The n-th allocation fails, for each n: an error, and nothing else. */
static void test_failed_allocations(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        for (int n = 1, done = 0; !done; n++)
            fac_scope {
                fac_tensor *in[2], *g[2];
                make_inputs(in);
                int64_t before = fac__alloc_count();
                fac__alloc_fail_at(n);
                fac_tensor *s = value(all[i].f, in, 0);
                bool ok = s && fac_autograd_grad(&s, 1, in, 2, g, .allow_unused = true);
                fac__alloc_fail_at(0);
                if (!ok && !fac_error()) fail_msg("%s: failed without an error at allocation %d", all[i].name, n);
                done = fac__alloc_count() - before < n;
                if (done && !ok) fail_msg("%s: %s", all[i].name, fac_error());
                fac_clear_error();
            }
}

static void test_refused(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_rand(FAC_SHAPE(1, 2, 4, 4)), *grid = fac_zeros(FAC_SHAPE(1, 3, 3, 2));
        expect_error(fac_interpolate(x), "either size or scale_factor should be defined");
        expect_error(fac_interpolate(x, .size = fac_dims_one(3), .scale_factor = 2),
                     "only one of size or scale_factor");
        expect_error(fac_interpolate(x, .size = FAC_DIMS(3, 3, 3)), "same number of spatial dimensions");
        expect_error(fac_interpolate(x, .scale_factor = 2, .mode = "linear"),
                     "Got 4D input, but linear mode needs 3D input");
        expect_error(fac_interpolate(x, .scale_factor = NAN), "should be greater than 0");
        expect_error(fac_interpolate(x, .scale_factor = INFINITY), "should be greater than 0");
        expect_error(fac_grid_sample(x, grid, .mode = NULL), "expected mode to be");
        expect_error(fac_grid_sample(fac_squeeze_dim(x, 0), grid), "same number of dimensions");
        expect_error(fac_pixel_shuffle(x, INT64_MAX), "integer out of range");
        expect_error(fac_pixel_shuffle(x, 1 << 20), "is not divisible by");
        expect_error(fac_affine_grid(grid, FAC_DIMS(1, 1, 2, 2), false), "Expected a batch of 2D affine matrices");
        fac_tensor *word = fac_literal("[9]", .dtype = FAC_INT64), *one = fac_literal("[1]", .dtype = FAC_INT64);
        expect_error(fac_ctc_loss(fac_rand(FAC_SHAPE(4, 1, 5)), word, one, one), "Target 9 is out of bounds");
        expect_error(fac_embedding_bag(word, fac_rand(FAC_SHAPE(4, 5)), .offsets = one), "offsets[0] has to be 0");
        expect_error(fac_embedding_bag(word, fac_rand(FAC_SHAPE(4, 5)), .offsets = fac_zeros_like(one)),
                     "out of range");
        fac_tensor *y = fac_celu(x, 0.0);
        assert_null(y);
        fac_clear_error();
    }
}

/* As PyTorch prints them; and what they do is what the functions do. */
static void test_modules(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_rand(FAC_SHAPE(1, 4, 4, 4));
        const struct {
            fac_module *m;
            const char *text;
            fac_tensor *y;
        } rows[] = {
            {fac_nn_upsample(.scale_factor = 2), "Upsample(scale_factor=2.0, mode=nearest)",
             fac_interpolate(x, .scale_factor = 2)},
            {fac_nn_upsample(.scale_h = 2, .scale_w = 1.5), "Upsample(scale_factor=(2.0, 1.5), mode=nearest)",
             fac_interpolate(x, .size = FAC_DIMS(8, 6))},
            {fac_nn_upsample(.size = FAC_DIMS(3, 5), .mode = "bilinear", .align_corners = true),
             "Upsample(size=(3, 5), mode=bilinear)",
             fac_interpolate(x, .size = FAC_DIMS(3, 5), .mode = "bilinear", .align_corners = true)},
            {fac_nn_pixel_shuffle(2), "PixelShuffle(upscale_factor=2)", fac_pixel_shuffle(x, 2)},
            {fac_nn_pixel_unshuffle(2), "PixelUnshuffle(downscale_factor=2)", fac_pixel_unshuffle(x, 2)},
            {fac_nn_channel_shuffle(2), "ChannelShuffle(groups=2)", fac_channel_shuffle(x, 2)},
            {fac_nn_unfold(FAC_DIMS(3, 2), .padding = 1), "Unfold(kernel_size=(3, 2), dilation=1, padding=1, stride=1)",
             fac_im2col(x, FAC_DIMS(3, 2), .padding = 1)},
            {fac_nn_sequential(fac_nn_unfold(2), fac_nn_fold(FAC_DIMS(4, 4), 2)), NULL,
             fac_col2im(fac_im2col(x, 2), FAC_DIMS(4, 4), 2)},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            char *text = fac_module_to_string(rows[i].m);
            if (rows[i].text) assert_string_equal(text, rows[i].text);
            free(text);
            check_close(fac_forward(rows[i].m, x), rows[i].y, 0);
            fac_module_free(rows[i].m);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_refused_second_derivatives),
        cmocka_unit_test(test_failed_allocations),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_modules),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
