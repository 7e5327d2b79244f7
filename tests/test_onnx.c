/* ONNX files: what PyTorch wrote (tests/data/onnx, by tests/record/record_onnx.py), what we write, what is refused. */
#define _GNU_SOURCE
#include "file_bytes.h"

#include "core/memory.h"
#include "fuzz/fuzz_onnx.c"
#include "io/wire.h"
#include "io/zip.h"
#include "onnx_round.h"

#define DATA FAC_TEST_DATA "/onnx/"

/* ---- PyTorch's files ------------------------------------------------------------------------------------------- */

static fac_module *load(const char *name, fac_state **with)
{
    char path[300];
    snprintf(path, sizeof path, DATA "%s.npz", name);
    *with = fac_load(path);
    snprintf(path, sizeof path, DATA "%s.onnx", name);
    fac_module *m = fac_onnx_load(path);
    if (!m || !*with) fail_msg("%s: %s", path, fac_error());
    return m;
}

static fac_tensor *array(fac_state *state, const char *what, int i)
{
    char name[16];
    snprintf(name, sizeof name, "%s%d", what, i);
    return fac_state_get(state, name);
}

static void check_outputs(fac_module *m, fac_state *with)
{
    fac_value in[4], out[8];
    for (int i = 0; i < fac_graph_inputs(m); i++)
        in[i] = fac_value_tensor(array(with, "in", i));
    int n = fac_graph_call(m, in, fac_graph_inputs(m), out, 8);
    if (n < 1) fail_msg("%s: %s", fac_error_op(), fac_error());
    assert_null(array(with, "out", n));
    for (int i = 0; i < n; i++)
        check_close(out[i].v.tensor, array(with, "out", i), 1e-6);
}

static void recorded(void **unused)
{
    static const char *const names[] = {"mlp",   "cnn9",  "cnn11", "cnn16", "norms",
                                        "views", "words", "lstm",  "gru",   "rnn"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fac_scope {
            print_message("[          ] %s\n", names[i]);
            fac_state *with;
            fac_module *m = load(names[i], &with);
            fac_eval(m);
            check_outputs(m, with);
            fac_plan *plan = NULL; /* the sizes that it computes are known without looking into tensors */
            fac_tensor *x = array(with, "in", 0), *y = NULL, *before = fac_keep(fac_forward(m, x));
            bool computes = !strcmp(names[i], "views"); /* what it pads by it computes in tensors */
            for (int k = 0; k < 2 && fac_graph_outputs(m) == 1 && !computes; k++)
                fac_capture(&plan)
                    y = fac_keep(fac_forward(m, x));
            if (plan) check_close(y, before, 0);
            fac_release(y);
            fac_release(before);
            fac_plan_free(plan);
            fac_module *copy = fac_copy_module(m);
            check_outputs(copy, with);
            fac_module_free(copy);
            fac_module_free(m);
            fac_state_free(with);
        }
}

/* Another batch, other words. */
static void other_sizes(void **unused)
{
    fac_state *with;
    fac_module *m = load("words", &with);
    fac_eval(m);
    fac_scope {
        fac_tensor *x = array(with, "in", 0), *three = fac_cat(FAC_TENSORS(x, x, x), 0);
        fac_tensor *y = fac_forward(m, three);
        check_close(fac_narrow(y, 0, 2, 2), array(with, "out", 0), 1e-6);
        expect_error(fac_forward(m, fac_full(FAC_SHAPE(2, 6), 20, .dtype = FAC_INT64)), "index");
    }
    fac_module_free(m);
    fac_state_free(with);
}

static void trained(void **unused)
{
    fac_state *with;
    fac_module *m = load("mlp", &with);
    assert_non_null(fac_get_parameter(m, "0.weight"));
    assert_int_equal(fac_num_parameters(m), 212);
    fac_optimizer *sgd = fac_sgd(fac_parameters(m), .lr = 0.1);
    fac_tensor *wanted = fac_state_get(with, "losses");
    for (int step = 0; step < 3; step++)
        fac_scope {
            fac_tensor *y = fac_literal("[0, 1, 2, 3, 0]", .dtype = FAC_INT64);
            fac_tensor *loss = fac_cross_entropy(fac_forward(m, array(with, "in", 0)), y);
            fac_zero_grad(sgd);
            assert_true(fac_backward(loss));
            fac_step(sgd);
            assert_float_equal(fac_item(loss), fac_item(fac_select(wanted, 0, step)), 1e-6);
        }
    fac_optimizer_free(sgd);
    fac_module_free(m);
    fac_state_free(with);
}

/* ---- our files -------------------------------------------------------------------------------------------------- */

static int three_outputs(void *module, fac_tensor *const *in, int n_inputs, fac_tensor **out, int max)
{
    out[0] = fac_lstm_forward(module, in[0], in[1], in[2], &out[1], &out[2]);
    return out[0] ? 3 : -1;
}

static void layers(void **unused)
{
    fac_manual_seed(3);
    fac_tensor *x = fac_randn(FAC_SHAPE(3, 8)), *image = fac_randn(FAC_SHAPE(2, 3, 13, 13));
    ROUND(fac_nn_sequential(fac_nn_linear(8, 16), fac_nn_relu(.inplace = true), fac_nn_linear(16, 4, .bias = false)),
          x);
    static const char *const names[] = {
        "relu6",   "leaky_relu", "elu",        "selu",        "celu",        "gelu",     "silu",        "mish",
        "sigmoid", "tanh",       "hardtanh",   "hardswish",   "hardsigmoid", "softplus", "softsign",    "tanhshrink",
        "softmax", "softshrink", "hardshrink", "log_sigmoid", "threshold",   "softmin",  "log_softmax", "glu"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ROUND(fac_nn_activation_with(names[i], fac_nn_activation_options_defaults()), x);
    ROUND(fac_nn_gelu(.approximate = "tanh"), x);
    ROUND(fac_nn_sequential(fac_nn_conv2d(3, 4, 3, .padding_name = "same"), fac_nn_batch_norm2d(4),
                            fac_nn_max_pool2d(3, .stride = 2, .padding = 1, .ceil_mode = true), fac_nn_group_norm(2, 4),
                            fac_nn_conv_transpose2d(4, 6, 3, .stride = 2, .output_padding = 1, .groups = 2),
                            fac_nn_instance_norm2d(6), fac_nn_avg_pool2d(2, .padding = 1, .count_include_pad = false),
                            fac_nn_prelu(.num_parameters = 6), fac_nn_adaptive_avg_pool2d(FAC_DIMS(1, 1)),
                            fac_nn_flatten(), fac_nn_dropout(), fac_nn_layer_norm(6)),
          image);
    ROUND(fac_nn_sequential(fac_nn_conv1d(8, 4, 1, .dilation = 2), fac_nn_adaptive_avg_pool1d(1)),
          fac_randn(FAC_SHAPE(2, 8, 5)));
    ROUND(fac_nn_embedding(20, 4), fac_randint(0, 20, FAC_SHAPE(3, 5)));
    ROUND(fac_nn_multihead_attention(8, 2, .batch_first = true), fac_randn(FAC_SHAPE(3, 4, 8)));
    ROUND(fac_nn_lstm(5, 6, .num_layers = 2, .bidirectional = true), fac_randn(FAC_SHAPE(4, 3, 5)), .batch_dim = 1);
    ROUND(fac_nn_gru(5, 6, .batch_first = true, .bias = false), fac_randn(FAC_SHAPE(3, 4, 5)));
    ROUND(fac_nn_rnn(5, 6, .nonlinearity = "relu"), fac_randn(FAC_SHAPE(4, 3, 5)), .batch_dim = 1);
    fac_tensor *sequence = fac_randn(FAC_SHAPE(4, 3, 5)), *h = fac_randn(FAC_SHAPE(2, 3, 6));
    check_round(fac_nn_lstm(5, 6, .num_layers = 2), FAC_TENSORS(sequence, h, fac_tanh(h)),
                OPTIONS(.dynamic_batch = true, .batch_dim = 1, .forward = three_outputs));
}

static int encode(void *module, fac_tensor *const *in, int n_inputs, fac_tensor **out, int max)
{
    out[0] = fac_vae_encode(module, in[0], &out[1]);
    return out[0] ? 2 : -1;
}

static void models(void **unused)
{
    fac_manual_seed(4);
    ROUND(fac_lenet(), fac_randn(FAC_SHAPE(1, 1, 28, 28)));
    ROUND(fac_resnet18(.num_classes = 3, .small_images = true), fac_randn(FAC_SHAPE(1, 3, 16, 16)));
    ROUND(fac_mobilenet_v2(.num_classes = 3, .width_mult = 0.25), fac_randn(FAC_SHAPE(1, 3, 32, 32)));
    ROUND(fac_gpt2(.vocab_size = 64, .n_positions = 16, .n_embd = 16, .n_layer = 2, .n_head = 2),
          fac_randint(0, 64, FAC_SHAPE(2, 7)));
    ROUND(fac_lstm_lm(20, 6, 6, 2, .tie_weights = true), fac_randint(0, 20, FAC_SHAPE(7, 3)), .batch_dim = 1);
    ROUND(fac_vae(.in_features = 16), fac_rand(FAC_SHAPE(2, 16)), .forward = encode);
}

/* What is written by hand in C: operators between the layers. */
static fac_tensor *mixed_forward(fac_module *self, fac_tensor *x)
{
    fac_tensor *a = fac_add_alpha(x, fac_mul_scalar(x, 2), fac_scalar_float(0.5)), *b = fac_rsub_scalar(a, 1);
    fac_tensor *c = fac_where(fac_ge(a, b), fac_div_scalar(a, 3), fac_pow_scalar(b, 2));
    fac_tensor *d = fac_cat(FAC_TENSORS(c, fac_zeros(fac_shape(c)), fac_clamp(c, -1, 1)), -1);
    fac_tensor *e = fac_matmul(fac_unsqueeze(d, 1), fac_unsqueeze(d, 2));
    fac_tensor *f = fac_stack(FAC_TENSORS(fac_slice(d, 1, 0, 8, 2), fac_narrow(d, 1, 3, 4)), 0);
    f = fac_permute(f, FAC_DIMS(1, 2, 0));
    f = fac_reshape(fac_pad(f, FAC_DIMS(1, 1), "constant", 2), FAC_DIMS(fac_size(x, 0), -1));
    fac_tensor *g = fac_add(fac_mean(f, .dim = 1, .keepdim = true), fac_sum(fac_select(f, 1, 2)));
    fac_tensor *h = fac_to(fac_logical_not(fac_gt_scalar(x, 0)), FAC_FLOAT32);
    fac_tensor *i =
        fac_masked_fill(fac_triu(fac_bmm(fac_unsqueeze(x, 2), fac_unsqueeze(x, 1)), 1), fac_lt_scalar(e, 0), 7);
    fac_tensor *j = fac_sub(fac_amax(i, .dim = 2), fac_amin(fac_tril(i, 0), .dim = 1));
    fac_tensor *k = fac_add(j, fac_argmax(i, .dim = 1));
    fac_tensor *l = fac_expand(fac_maximum(fac_squeeze_dim(e, 1), g), FAC_DIMS(fac_size(x, 0), 8));
    return fac_add(fac_add(l, k), fac_exp(fac_neg(h)));
}

static void by_hand(void **unused)
{
    static const fac_module_type type = {.name = "Mixed", .size = sizeof(fac_module), .forward = mixed_forward};
    ROUND(fac_module_new(&type), fac_randn(FAC_SHAPE(3, 8)));
}

/* ---- what cannot be written -------------------------------------------------------------------------------------- */

static fac_tensor *random_forward(fac_module *self, fac_tensor *x)
{
    return fac_add(x, fac_randn(FAC_SHAPE(4)));
}
static fac_tensor *item_forward(fac_module *self, fac_tensor *x)
{
    return fac_mul_scalar(x, fac_item(fac_sum(x)));
}
static fac_tensor *running_forward(fac_module *self, fac_tensor *x)
{
    return fac_add(fac_relu(x), fac_logcumsumexp(x, 0));
}
static fac_tensor *change_forward(fac_module *self, fac_tensor *x)
{
    return fac_relu_(fac_view(x, FAC_DIMS(-1)));
}
static fac_tensor *batch_forward(fac_module *self, fac_tensor *x)
{
    return fac_mul_scalar(x, (double)fac_size(x, 0));
}
static fac_tensor *constant_forward(fac_module *self, fac_tensor *x)
{
    fac_tensor *zero = fac_zeros(FAC_SHAPE(4)), *y = fac_add(x, zero);
    fac_fill_(zero, 1);
    return fac_add(y, zero);
}
static int made;
static fac_tensor *branch_forward(fac_module *self, fac_tensor *x)
{
    return made++ % 2 ? fac_relu(x) : fac_tanh(x);
}

static void refused(void **unused)
{
    static const struct {
        fac_tensor *(*forward)(fac_module *self, fac_tensor *x);
        const char *words;
    } cases[] = {{random_forward, "random"},
                 {item_forward, "a forward pass that is traced cannot read"},
                 {running_forward, "logcumsumexp"},
                 {change_forward, "relu_ changes what an input"},
                 {batch_forward, "something else for other inputs (mul"},
                 {constant_forward, "fill_ changes a tensor in place"},
                 {branch_forward, "something else"}};
    fac_tensor *x = fac_rand(FAC_SHAPE(3, 4));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fac_module_type type = {.name = "Case", .size = sizeof(fac_module), .forward = cases[i].forward};
        fac_module *m = fac_module_new(&type);
        expect_error(fac_onnx_save(m, FAC_TENSORS(x), "no.onnx", .dynamic_batch = true), cases[i].words);
        assert_int_not_equal(access("no.onnx", F_OK), 0);
        fac_module_free(m);
    }
    fac_module *m = fac_vae(.in_features = 4);
    expect_error(fac_onnx_save(m, FAC_TENSORS(x), "no.onnx"), "random");
    expect_error(fac_onnx_save(m, FAC_TENSORS(x, x), "no.onnx"), ".forward");
    expect_error(fac_onnx_save(m, FAC_TENSORS(x), "no.onnx", .dynamic_batch = true, .batch_dim = 2), "dimension 2");
    expect_error(fac_onnx_save(NULL, FAC_TENSORS(x), "no.onnx"), "module");
    fac_module_free(m);
    m = fac_nn_linear(4, 2);
    expect_error(fac_onnx_save(m, FAC_TENSORS(x), "/no/such/folder/m.onnx"), "/no/such/folder");
    fac_module_free(m);
}

/* ---- files that are made by hand ---------------------------------------------------------------------------------- */

/* A model of one node of that operator, over an input x and a tensor w, whose message is given; so is an attribute, or NULL. */
static void write_model(const char *path, const char *op, const fac__text *tensor, const fac__text *attribute)
{
    fac__text model = {0}, graph = {0}, node = {0}, value = {0}, opset = {0};
    fac__wire_put_text(&node, 1, "x");
    fac__wire_put_text(&node, 1, "w");
    fac__wire_put_text(&node, 2, "y");
    fac__wire_put_text(&node, 3, "the_node");
    fac__wire_put_text(&node, 4, op);
    if (attribute) fac__wire_put_message(&node, 5, attribute);
    fac__wire_put_message(&graph, 1, &node);
    fac__wire_put_message(&graph, 5, tensor);
    fac__wire_put_text(&value, 1, "x");
    fac__wire_put_message(&graph, 11, &value);
    fac__text_drop(&value);
    fac__wire_put_text(&value, 1, "y");
    fac__wire_put_message(&graph, 12, &value);
    fac__wire_put_int(&opset, 2, 17);
    fac__wire_put_int(&model, 1, 8);
    fac__wire_put_message(&model, 8, &opset);
    fac__wire_put_message(&model, 7, &graph);
    write_bytes(path, model.p, model.n);
    fac__text *all[] = {&model, &graph, &node, &value, &opset};
    for (int i = 0; i < 5; i++)
        fac__text_drop(all[i]);
}

static fac__text tensor_head(int64_t type, int64_t size)
{
    fac__text t = {0};
    fac__wire_put_int(&t, 1, size);
    fac__wire_put_int(&t, 2, type);
    fac__wire_put_text(&t, 8, "w");
    return t;
}

static void put_entry(fac__text *t, const char *key, const char *value)
{
    fac__text entry = {0};
    fac__wire_put_text(&entry, 1, key);
    fac__wire_put_text(&entry, 2, value);
    fac__wire_put_message(t, 13, &entry);
    fac__text_drop(&entry);
}

static void check_sum(const char *path, const char *values)
{
    fac_module *m = fac_onnx_load(path);
    if (!m) fail_msg("%s", fac_error());
    fac_scope
        check_values(fac_forward(m, fac_zeros(FAC_SHAPE(2))), values);
    fac_module_free(m);
}

static void elements(void **unused)
{
    fac__text t = tensor_head(1, 2); /* floats one by one, as unpacked numbers */
    fac__wire_put_float(&t, 4, 1.5f);
    fac__wire_put_float(&t, 4, -2);
    write_model("one.onnx", "Add", &t, NULL);
    check_sum("one.onnx", "[1.5, -2]");
    write_model("one.onnx", "Frobnicate", &t, NULL);
    expect_error(fac_onnx_load("one.onnx"), "node 'the_node' (Frobnicate): facula does not have this operator");
    fac__wire_put_float(&t, 4, 3);
    write_model("one.onnx", "Add", &t, NULL);
    expect_error(fac_onnx_load("one.onnx"), "");
    fac__text_drop(&t);
    t = tensor_head(10, 2); /* float16 as numbers: the bits */
    fac__wire_put_bytes(&t, 5, "\x80\x78\x80\x80\x02", 5);
    write_model("one.onnx", "Add", &t, NULL);
    check_sum("one.onnx", "[1, -0]");
    fac__text_drop(&t);
    t = tensor_head(8, 2);
    write_model("one.onnx", "Add", &t, NULL);
    expect_error(fac_onnx_load("one.onnx"), "tensor 'w' is of type 8");
    fac__text_drop(&t);
    t = tensor_head(1, INT64_MAX);
    write_model("one.onnx", "Add", &t, NULL);
    expect_error(fac_onnx_load("one.onnx"), "'w' has fewer elements");
    fac__text_drop(&t);
}

/* What would make a node mean something else, unseen. */
static void attributes(void **unused)
{
    fac__text t = tensor_head(1, 1), inside = {0}, attribute = {0};
    fac__wire_put_float(&t, 4, 1);
    fac__wire_put_text(&attribute, 1, "then_branch");
    fac__wire_put_message(&attribute, 6, &inside);
    write_model("attribute.onnx", "If", &t, &attribute);
    expect_error(fac_onnx_load("attribute.onnx"), "node 'the_node' (If): its attribute 'then_branch' is a graph");
    fac_state *state = fac_load("attribute.onnx"); /* its tensors can be had */
    assert_int_equal(fac_state_count(state), 1);
    fac_state_free(state);
    fac__text_drop(&attribute);
    fac__wire_put_text(&attribute, 1, "saturation");
    fac__wire_put_int(&attribute, 3, 1);
    write_model("attribute.onnx", "Add", &t, &attribute);
    expect_error(fac_onnx_load("attribute.onnx"), "node 'the_node' (Add): its attribute 'saturation' is not known");
    fac__text_drop(&attribute);
    fac__text_drop(&t);
}

static void external(void **unused)
{
    static const struct {
        const char *location, *offset, *length, *words;
    } cases[] = {{"w.bin", "4", "8", NULL},
                 {"../w.bin", "4", "8", "no file beside the model"},
                 {"/etc/passwd", "0", "8", "no file beside the model"},
                 {"a/../../w.bin", "4", "8", "no file beside the model"},
                 {"", "4", "8", "no file beside the model"},
                 {"none.bin", "4", "8", "none.bin"},
                 {"w.bin", "8", "8", "too short"},
                 {"w.bin", "4", "4", "too short"},
                 {"w.bin", "-4", "8", "no size"},
                 {"w.bin", "9223372036854775807", "8", "too short"}};
    const float data[] = {0, 3, 4};
    write_bytes("w.bin", data, sizeof data);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fac__text t = tensor_head(1, 2);
        put_entry(&t, "location", cases[i].location);
        put_entry(&t, "offset", cases[i].offset);
        put_entry(&t, "length", cases[i].length);
        fac__wire_put_int(&t, 14, 1);
        write_model("external.onnx", "Add", &t, NULL);
        fac__text_drop(&t);
        if (cases[i].words)
            expect_error(fac_onnx_load("external.onnx"), cases[i].words);
        else
            check_sum("external.onnx", "[3, 4]");
    }
}

static void damaged(void **unused)
{
    static bytes b;
    read_bytes(DATA "mlp.onnx", &b);
    fac_state *state = fac_load(DATA "mlp.onnx");
    assert_int_equal(fac_state_count(state), 4);
    assert_string_equal(fac_file_format(DATA "mlp.onnx"), "onnx");
    fac_state_free(state);
    check_cut(&b);
    assert_true(check_flipped(&b) > 0);
    for (size_t i = 0; i < b.n; i++)
        check_changed("mlp", &b, i, 0x21);
}

/* What fuzzing has found or grown: as networks. */
static void fuzzed(void **unused)
{
    fac__input in;
    fac__zip z;
    assert_true(fac__input_open(&in, FAC_TEST_DATA "/fuzz/onnx.zip", false) && fac__zip_open(&z, &in));
    for (int64_t i = 0; i < z.count; i++) {
        unsigned char *data = malloc((size_t)z.entries[i].size + 1);
        fac__stream s;
        assert_true(data && fac__zip_stream(&z, &z.entries[i], &s) && fac__stream_read(&s, data, z.entries[i].size));
        fac__stream_close(&s);
        LLVMFuzzerTestOneInput(data, (size_t)z.entries[i].size); /* aborts where something is wrong */
        free(data);
    }
    assert_true(z.count > 0);
    fac__zip_close(&z);
    fac__input_close(&in);
}

/* Whichever allocation fails, reading and writing end with an error, and give everything back. */
static void out_of_memory(void **unused)
{
    fac_module *m = fac_nn_sequential(fac_nn_linear(4, 3), fac_nn_relu(), fac_nn_lstm(3, 2));
    fac_tensor *x = fac_rand(FAC_SHAPE(2, 4));
    for (int way = 0; way < 2; way++)
        for (int64_t n = 1;; n++) {
            bool good = false;
            fac_scope {
                fac__alloc_fail_at(n);
                if (way) {
                    good = fac_onnx_save(m, FAC_TENSORS(x), "memory.onnx", .dynamic_batch = true);
                } else {
                    fac_module *read = fac_onnx_load(DATA "views.onnx");
                    good = read != NULL;
                    fac_module_free(read);
                }
                fac__alloc_fail_at(0);
            }
            if (good != !fac_error()) fail_msg("%s %d: %s", way ? "save" : "load", (int)n, fac_error());
            fac_clear_error();
            if (good) break;
        }
    fac_module_free(m);
}

/* ---- the page ------------------------------------------------------------------------------------------------------ */

/* docs/formats.md has a line for each row of the table. */
static void page(void **unused)
{
    static bytes b;
    read_bytes(FAC_TEST_DATA "/../../docs/formats.md", &b);
    b.p[b.n] = 0;
    const char *onnx, *op;
    bool read, written;
    int rows = 0;
    for (; (onnx = fac_onnx_operator(rows, &op, &read, &written)); rows++) {
        char line[200];
        snprintf(line, sizeof line, "| %s | %s | %s | %s |\n", *onnx ? onnx : "several", *op ? op : "several",
                 read ? "yes" : "", written ? "yes" : "");
        if (!strstr((const char *)b.p, line)) fail_msg("docs/formats.md lacks: %s", line);
    }
    assert_true(rows > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded),      cmocka_unit_test(other_sizes), cmocka_unit_test(trained),
        cmocka_unit_test(layers),        cmocka_unit_test(models),      cmocka_unit_test(by_hand),
        cmocka_unit_test(refused),       cmocka_unit_test(elements),    cmocka_unit_test(external),
        cmocka_unit_test(attributes),    cmocka_unit_test(damaged),     cmocka_unit_test(fuzzed),
        cmocka_unit_test(out_of_memory), cmocka_unit_test(page),
    };
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
