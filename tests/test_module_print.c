/* print(module): as PyTorch prints it (single layers are checked with their values in test_nn.c). */
#include "testing.h"

#include "nn/layer.h"

static void check_text(fac_module *m, const char *want)
{
    char *text = fac_module_to_string(m);
    assert_string_equal(text, want);
    free(text);
    fac_module_free(m);
}

static void test_nested(void **state)
{
    check_text(fac_nn_sequential(), "Sequential()");
    check_text(fac_nn_module_list(), "ModuleList()");
    check_text(fac_nn_relu(), "ReLU()");
    fac_module *m =
        fac_nn_sequential(fac_nn_conv2d(1, 32, 3, .padding = 1), fac_nn_batch_norm2d(32), fac_nn_relu(.inplace = true),
                          fac_nn_module_list(fac_nn_max_pool2d(2), fac_nn_sequential(fac_nn_dropout(.p = 0.25))),
                          fac_nn_flatten(), fac_nn_linear(6272, 10, .bias = false));
    check_text(m, "Sequential(\n"
                  "  (0): Conv2d(1, 32, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
                  "  (1): BatchNorm2d(32, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)\n"
                  "  (2): ReLU(inplace=True)\n"
                  "  (3): ModuleList(\n"
                  "    (0): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)\n"
                  "    (1): Sequential(\n"
                  "      (0): Dropout(p=0.25, inplace=False)\n"
                  "    )\n"
                  "  )\n"
                  "  (4): Flatten(start_dim=1, end_dim=-1)\n"
                  "  (5): Linear(in_features=6272, out_features=10, bias=False)\n"
                  ")");
}

/* Keywords that change what is printed. */
static void test_keywords(void **state)
{
    check_text(fac_nn_leaky_relu(.negative_slope = 0.2, .inplace = true),
               "LeakyReLU(negative_slope=0.2, inplace=True)");
    check_text(fac_nn_elu(.alpha = 2, .inplace = true), "ELU(alpha=2.0, inplace=True)");
    check_text(fac_nn_hardswish(.inplace = true), "Hardswish()");
    check_text(fac_nn_hardtanh(.min_val = -2.5), "Hardtanh(min_val=-2.5, max_val=1.0)");
    check_text(fac_nn_softplus(), "Softplus(beta=1, threshold=20)");
    check_text(fac_nn_threshold(0.1, 20, .inplace = true), "Threshold(threshold=0.1, value=20, inplace=True)");
    check_text(fac_nn_rrelu(), "RReLU(lower=0.125, upper=0.3333333333333333)");
    check_text(fac_nn_gelu(.approximate = "tanh"), "GELU(approximate='tanh')");
    check_text(fac_nn_softmax(-1), "Softmax(dim=-1)");
    check_text(
        fac_nn_conv2d(2, 4, FAC_DIMS(3, 5), .stride = 2, .paddings = FAC_DIMS(0, 1), .dilation = 2, .groups = 2,
                      .bias = false),
        "Conv2d(2, 4, kernel_size=(3, 5), stride=(2, 2), padding=(0, 1), dilation=(2, 2), groups=2, bias=False)");
    check_text(fac_nn_conv2d(2, 4, 3, .padding_name = "same", .padding_mode = "circular"),
               "Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1), padding=same, padding_mode=circular)");
    check_text(fac_nn_conv_transpose2d(2, 4, 3, .stride = 2, .padding = 1, .output_padding = 1),
               "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1))");
    check_text(fac_nn_conv1d(2, 4, 3), "Conv1d(2, 4, kernel_size=(3,), stride=(1,))");
    check_text(fac_nn_max_pool2d(FAC_DIMS(2, 3), .stride = 1, .padding = 1, .dilation = 2, .ceil_mode = true),
               "MaxPool2d(kernel_size=(2, 3), stride=1, padding=1, dilation=2, ceil_mode=True)");
    check_text(fac_nn_avg_pool2d(FAC_DIMS(2, 2)), "AvgPool2d(kernel_size=(2, 2), stride=(2, 2), padding=0)");
    check_text(fac_nn_avg_pool1d(2), "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))");
    check_text(fac_nn_adaptive_avg_pool2d(1), "AdaptiveAvgPool2d(output_size=1)");
    check_text(fac_nn_adaptive_avg_pool2d(FAC_DIMS(FAC_SAME_SIZE, 2)), "AdaptiveAvgPool2d(output_size=(None, 2))");
    check_text(fac_nn_batch_norm2d(4, .eps = 1e-3, .momentum = NAN, .affine = false, .track_running_stats = false),
               "BatchNorm2d(4, eps=0.001, momentum=None, affine=False, track_running_stats=False)");
    check_text(fac_nn_embedding(10, 3, .padding_idx = 0, .max_norm = 2, .norm_type = 3, .scale_grad_by_freq = true),
               "Embedding(10, 3, padding_idx=0, max_norm=2.0, norm_type=3.0, scale_grad_by_freq=True)");
    check_text(fac_nn_unflatten(1, FAC_DIMS(2, 3)), "Unflatten(dim=1, unflattened_size=(2, 3))");
    check_text(fac_nn_layer_norm(FAC_DIMS(2, 3), .eps = 1e-6, .affine = false),
               "LayerNorm((2, 3), eps=1e-06, elementwise_affine=False)");
}

/* Text of one's own: a line, several, a very long one, with children and without. */
typedef struct labelled {
    fac_module base;
    fac_module *child;
    const char *label;
} labelled;

static int label(const fac_module *self, char *text, size_t size)
{
    return snprintf(text, size, "%s", ((const labelled *)self)->label);
}

static fac_module *labelled_new(const char *text, fac_module *child)
{
    static const fac_module_type type = {.name = "Labelled", .size = sizeof(labelled), .extra_repr = label};
    labelled *m = fac_module_new(&type);
    m->label = text;
    if (child) fac_add_child(m, child, child);
    return &m->base;
}

static void test_extra_text(void **state)
{
    check_text(labelled_new("", NULL), "Labelled()");
    check_text(labelled_new("a=1", NULL), "Labelled(a=1)");
    check_text(labelled_new("a=1\nb=2", NULL), "Labelled(\n  a=1\n  b=2\n)");
    check_text(labelled_new("", fac_nn_tanh()), "Labelled(\n  (child): Tanh()\n)");
    check_text(labelled_new("a=1", fac_nn_tanh()), "Labelled(\n  a=1\n  (child): Tanh()\n)");
    check_text(labelled_new("a=1", labelled_new("b\nc", fac_nn_tanh())),
               "Labelled(\n  a=1\n  (child): Labelled(\n    b\n    c\n    (child): Tanh()\n  )\n)");
    char much[1000], want[1100];
    memset(much, 'x', sizeof much - 1);
    much[sizeof much - 1] = 0;
    snprintf(want, sizeof want, "Labelled(%s)", much);
    check_text(labelled_new(much, NULL), want);
}

static void test_floats(void **state)
{
    static const struct {
        double v;
        const char *text;
    } all[] = {{0, "0.0"},
               {1, "1.0"},
               {-2.5, "-2.5"},
               {0.1, "0.1"},
               {1e-5, "1e-05"},
               {0.0001, "0.0001"},
               {1.0 / 3, "0.3333333333333333"},
               {1e15, "1000000000000000.0"},
               {1e16, "1e+16"},
               {1.5e300, "1.5e+300"},
               {INFINITY, "inf"},
               {123456.789, "123456.789"}};
    char text[32];
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_string_equal(fac__python_float(all[i].v, text), all[i].text);
}

/* Sizes that make no sense are refused when they are used; printed they are before. */
static void test_extreme_sizes(void **state)
{
    (void)state;
    fac_dims sizes = {.n = 1000};
    for (int i = 0; i < FAC_MAX_DIMS; i++)
        sizes.d[i] = INT64_MIN + 1 + i;
    fac_module *all[] = {fac_nn_unflatten(1, sizes), fac_nn_adaptive_avg_pool3d(sizes), fac_nn_avg_pool1d(sizes),
                         fac_nn_max_pool2d(sizes, .strides = sizes, .paddings = sizes, .dilations = sizes),
                         fac_nn_layer_norm(sizes, .affine = 0)};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *text = fac_module_to_string(all[i]);
        assert_non_null(strstr(text, "-9223372036854775807, -9223372036854775806"));
        free(text);
        fac_module_free(all[i]);
    }
}

static void test_null(void **state)
{
    expect_error(fac_module_to_string(NULL), "argument 'module' must not be NULL");
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested), cmocka_unit_test(test_keywords),      cmocka_unit_test(test_extra_text),
        cmocka_unit_test(test_floats), cmocka_unit_test(test_extreme_sizes), cmocka_unit_test(test_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
