/* Archives of torch.export, as three versions of PyTorch wrote them: what they give and how they learn, beside what
 * PyTorch makes of them; damaged and hostile ones. tests/record/record_export.py has recorded them. */
#define _GNU_SOURCE
#include "file_bytes.h"

#include <dirent.h>

#include "core/memory.h"
#include "io/zip.h"

#define FOLDER FAC_TEST_DATA "/export/"

/* ---- as PyTorch runs them ------------------------------------------------------------------------------------- */

static fac_tensor *recorded(const fac_state *all, const char *what, const char *name)
{
    char key[300];
    snprintf(key, sizeof key, "%s.%s", what, name);
    return fac_state_get(all, key);
}

static int run(fac_module *m, const fac_state *all, const char *in, fac_value *outputs)
{
    fac_value inputs[8];
    int n = 0;
    for (char name[12]; n < 8; n++) {
        snprintf(name, sizeof name, "%d", n);
        fac_tensor *t = recorded(all, in, name);
        if (!t) break;
        inputs[n] = fac_value_tensor(t);
    }
    if (!n) return 0;
    int count = fac_graph_call(m, inputs, n, outputs, 8);
    if (count < 0) fail_msg("%s: %s", fac_error_op(), fac_error());
    return count;
}

static void check_outputs(fac_module *m, const fac_state *all, const char *in, const char *out)
{
    fac_value outputs[8];
    int n = run(m, all, in, outputs);
    for (int i = 0; i < n; i++) {
        char name[12];
        snprintf(name, sizeof name, "%d", i);
        check_close(outputs[i].v.tensor, recorded(all, out, name), 1e-5);
    }
}

/* Evaluation gives what the original gives in it, and changes nothing. */
static void check_evaluation(fac_module *m, const fac_state *all)
{
    if (!fac_state_get(all, "eval.0")) return;
    fac_state *state = fac_state_dict(m), *before = fac_state_new();
    for (int64_t i = 0; i < fac_state_count(state); i++)
        fac_state_set(before, fac_state_name_at(state, i), fac_clone(fac_state_tensor_at(state, i)));
    fac_eval(m);
    fac_tensor *y = fac_forward(m, fac_state_get(all, "in.0"));
    check_close(y, fac_state_get(all, "eval.0"), 1e-5);
    fac_train(m, true);
    for (int64_t i = 0; i < fac_state_count(state); i++)
        check_close(fac_state_tensor_at(state, i), fac_state_tensor_at(before, i), 0);
    fac_state_free(state);
    fac_state_free(before);
}

static void check_gradients(fac_module *m, const fac_state *all)
{
    fac_state *grads = fac_state_part(all, "grad.");
    assert_true(fac_state_count(grads) > 0);
    for (int64_t i = 0; i < fac_state_count(grads); i++) {
        fac_tensor *p = fac_get_parameter(m, fac_state_name_at(grads, i));
        check_close(fac_grad(p), fac_state_tensor_at(grads, i), 1e-5);
    }
    fac_state_free(grads);
}

/* Three steps of SGD. */
static void check_training(fac_module *m, const fac_state *all)
{
    fac_tensor *target = fac_state_get(all, "target"), *losses = fac_state_get(all, "loss");
    if (!target) return;
    fac_tensor *drawn = fac_rand(fac_shape(target));
    check_close(drawn, target, 0);
    fac_optimizer *sgd = fac_sgd(fac_parameters(m), .lr = 0.02);
    for (int step = 0; step < 3; step++) {
        fac_value outputs[8];
        fac_zero_grad(sgd);
        assert_true(run(m, all, "in", outputs) > 0);
        fac_tensor *loss = fac_mse_loss(outputs[0].v.tensor, target);
        assert_true(fac_backward(loss));
        if (step == 0) check_gradients(m, all);
        fac_step(sgd);
        assert_float_equal(fac_item(loss), fac_at(losses, FAC_DIMS(step)), 2e-5);
    }
    fac_optimizer_free(sgd);
}

/* All of it, under the same names; PyTorch 2.4 drops what an evaluation does not need. */
static void check_state(fac_module *m, const fac_state *all)
{
    fac_state *after = fac_state_part(all, "after."), *got = fac_state_dict(m);
    for (int64_t i = 0; i < fac_state_count(after); i++) {
        const char *name = fac_state_name_at(after, i);
        if (!fac_state_get(got, name)) fail_msg("there is no '%s'", name);
        check_close(fac_state_get(got, name), fac_state_tensor_at(after, i), 1e-5);
    }
    assert_true(fac_state_count(got) >= fac_state_count(after) && fac_state_count(after) > 0);
    fac_state_free(after);
    fac_state_free(got);
}

static void check_program(const char *name)
{
    char path[300];
    print_message("[          ] %s\n", name);
    snprintf(path, sizeof path, FOLDER "%s.pt2", name);
    fac_module *m = fac_export_load(path);
    if (!m) fail_msg("%s", fac_error());
    snprintf(path, sizeof path, FOLDER "%s.npz", name);
    fac_state *all = fac_load(path);
    assert_non_null(all);
    fac_manual_seed(7);
    fac_scope {
        check_evaluation(m, all);
        check_outputs(m, all, "in", "out");
        check_outputs(m, all, "in2", "out2");
        check_training(m, all);
        check_state(m, all);
    }
    fac_state_free(all);
    fac_module_free(m);
}

static void test_programs(void **state)
{
    (void)state;
    DIR *d = opendir(FOLDER);
    assert_non_null(d);
    int count = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char name[100];
        const char *suffix = strstr(e->d_name, ".npz");
        if (!suffix) continue;
        snprintf(name, sizeof name, "%.*s", (int)(suffix - e->d_name), e->d_name);
        check_program(name);
        count++;
    }
    closedir(d);
    assert_true(count >= 15);
}

/* A captured step does what the step does. */
static void test_captured(void **state)
{
    static const char *const names[] = {"cnn_eval", "transformer_core", "lstm", "cnn_2.8"};
    (void)state;
    for (int k = 0; k < 4; k++) {
        char path[300];
        snprintf(path, sizeof path, FOLDER "%s.pt2", names[k]);
        fac_module *plain = fac_export_load(path), *captured = fac_copy_module(plain);
        snprintf(path, sizeof path, FOLDER "%s.npz", names[k]);
        fac_state *all = fac_load(path);
        fac_optimizer *sgd = fac_sgd(fac_parameters(plain), .lr = 0.02),
                      *same = fac_sgd(fac_parameters(captured), .lr = 0.02);
        fac_plan *plan = NULL;
        fac_scope {
            fac_tensor *target = fac_state_get(all, "target");
            fac_value outputs[8];
            fac_manual_seed(3);
            for (int step = 0; step < 3; step++) {
                fac_zero_grad(sgd);
                run(plain, all, "in", outputs);
                fac_backward(fac_mse_loss(outputs[0].v.tensor, target));
                fac_step(sgd);
            }
            fac_manual_seed(3);
            for (int step = 0; step < 3; step++)
                fac_capture(&plan) {
                    fac_zero_grad(same);
                    run(captured, all, "in", outputs);
                    fac_backward(fac_mse_loss(outputs[0].v.tensor, target));
                    fac_step(same);
                }
            assert_non_null(plan);
            fac_state *a = fac_state_dict(plain), *b = fac_state_dict(captured);
            for (int64_t i = 0; i < fac_state_count(a); i++)
                check_close(fac_state_tensor_at(b, i), fac_state_tensor_at(a, i), 0);
            fac_state_free(a);
            fac_state_free(b);
        }
        fac_plan_free(plan);
        fac_optimizer_free(sgd);
        fac_optimizer_free(same);
        fac_module_free(plain);
        fac_module_free(captured);
        fac_state_free(all);
    }
}

/* ---- as files ------------------------------------------------------------------------------------------------- */

static void test_state_of_file(void **state)
{
    static const char *const files[] = {FOLDER "mlp.pt2", FOLDER "mlp_2.4.pt2"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_string_equal(fac_file_format(files[i]), "pytorch-export");
        fac_state *s = fac_load(files[i]);
        assert_int_equal(fac_state_count(s), 4);
        assert_int_equal(fac_numel(fac_state_get(s, "layers.0.weight")), 32);
        fac_module *m = fac_nn_sequential(fac_nn_linear(4, 8), fac_nn_relu(), fac_nn_linear(8, 3));
        fac_state *part = fac_state_part(s, "layers.");
        assert_true(fac_load_state_dict(m, part));
        fac_module *program = fac_export_load(files[i]);
        fac_scope {
            fac_tensor *x = fac_rand(FAC_SHAPE(5, 4)), *y = fac_forward(m, x), *z = fac_forward(program, x);
            check_close(y, z, 1e-6);
        }
        assert_true(fac_load_state_dict(program, s));
        fac_module_free(program);
        fac_module_free(m);
        fac_state_free(part);
        fac_state_free(s);
    }
    assert_string_equal(fac_name_format("a.pt2"), "pytorch-export");
    fac_state *s = fac_state_new();
    expect_error(fac_save(s, "a.pt2"), "can only be read");
    fac_state_free(s);
}

/* Names and shapes as they were exported; sizes that are dynamic may be any. */
static void test_inputs(void **state)
{
    (void)state;
    fac_module *m = fac_export_load(FOLDER "sizes.pt2");
    assert_int_equal(fac_graph_inputs(m), 2);
    assert_int_equal(fac_graph_outputs(m), 6);
    assert_string_equal(fac_graph_input_name(m, 0), "a");
    fac_dims a = fac_graph_input_shape(m, 0), b = fac_graph_input_shape(m, 1);
    assert_true(a.n == 2 && a.d[0] == -1 && a.d[1] == 3 && b.d[0] == 2);
    fac_scope {
        expect_error(fac_forward(m, fac_rand(FAC_SHAPE(4, 3))), "2 inputs and 6 outputs");
        fac_value in[2] = {fac_value_tensor(fac_rand(FAC_SHAPE(4, 3))), fac_value_tensor(fac_rand(FAC_SHAPE(3, 3)))};
        expect_error(fac_graph_call(m, in, 2, NULL, 0),
                     "input 'b' has the shape [3, 3], where the graph was written for [2, 3]");
    }
    fac_module_free(m);
}

/* Where a text is in n bytes, -1: nowhere. */
static int64_t place(const char *p, int64_t n, const char *text)
{
    const char *at = memmem(p, (size_t)n, text, strlen(text));
    return at ? at - p : -1;
}

/* The archive mlp.pt2 with the first `from` in it replaced by another text; as a file. */
static void write_changed(const char *path, const char *from, const char *to)
{
    fac__input in;
    fac__zip z;
    fac__file f;
    bool found = false;
    assert_true(fac__input_open(&in, FOLDER "mlp.pt2", false) && fac__zip_open(&z, &in) && fac__file_create(&f, path));
    fac__zip_writer w = {.f = &f};
    for (int64_t i = 0; i < z.count; i++) {
        int64_t n = z.entries[i].size, at;
        char *p = malloc((size_t)n + strlen(to) + 1);
        fac__stream s;
        assert_true(p && fac__zip_stream(&z, &z.entries[i], &s) && fac__stream_read(&s, p, n));
        fac__stream_close(&s);
        if (!found && !strstr(z.entries[i].name, ".pt") && (at = place(p, n, from)) >= 0) {
            size_t old = strlen(from), new = strlen(to);
            memmove(p + at + new, p + at + old, (size_t)n - (size_t)at - old);
            memcpy(p + at, to, new);
            n += (int64_t) new - (int64_t)old;
            found = true;
        }
        assert_true(fac__zip_add(&w, z.entries[i].name, "", 0, p, (size_t)n));
        free(p);
    }
    if (!found) fail_msg("mlp.pt2 has no %s", from);
    assert_true(fac__zip_finish(&w) && fac__file_commit(&f));
    fac__zip_drop(&w);
    fac__zip_close(&z);
    fac__input_close(&in);
}

static void test_hostile(void **state)
{
    static const char *const cases[][3] = {
        {"aten.linear.default", "aten.frobnicate.default",
         "changed.pt2: the program calls what facula does not have: aten.frobnicate.default (node 'linear')"},
        {"torch.ops.aten.linear.default", "posix.system", "does not have: posix.system (node 'linear')"},
        {"{\"as_tensor\": {\"name\": \"linear\"}}, \"kind\": 1}",
         "{\"as_tensor\": {\"name\": \"later\"}}, \"kind\": 1}",
         "changed.pt2: 'relu' uses 'later', which there is not"},
        {"{\"as_tensor\": {\"name\": \"linear\"}}, \"kind\": 1}",
         "{\"as_graph\": {\"name\": \"linear\"}}, \"kind\": 1}",
         "'relu' has an argument of a kind that facula does not know: as_graph"},
        {"\"user_output\"", "\"gradient_to_parameter\"", "an output of a kind that facula does not know"},
        {"{\"parameter\": ", "{\"custom_obj\": ", "an input of a kind that facula does not know: custom_obj"},
        {"\"parameter_name\": \"layers.0.bias\"", "\"parameter_name\": \"layers.0.weight\"", "two tensors of the name"},
        {"\"parameter_name\": \"layers.0.bias\"", "\"parameter_name\": \"layers.7.bias\"",
         "lacks the tensor 'layers.7.bias'"},
        {"\"nodes\": [", "\"nodes\": 7, \"others\": [", "is damaged"},
        {"\"nodes\": [", "\"nodes\": [7, ", "is damaged"},
        {"\"nodes\": [", "\"nodes\": ", "line 1"},
        {"\"path_name\": \"weight_0\"", "\"path_name\": \"weight_9\"", "the archive lacks 'data/weights/weight_9'"},
        {"\"path_name\": \"weight_0\"", "\"path_name\": \"../../etc/passwd\"", "the archive lacks 'data/weights/../.."},
        {"\"use_pickle\": false", "\"use_pickle\": true", "'weight_0' is a tensor of a class of its own"},
        {"\"dtype\": 7", "\"dtype\": 9", "has a dtype that facula does not know"},
        {"\"relu\": {\"dtype\": 7", "\"relu\": {\"dtype\": 10", "'relu' has complex numbers"},
        {"\"sizes\": [{\"as_int\": 8}", "\"sizes\": [{\"as_int\": 8000000000000}", "storage"},
        {"\"strides\": [{\"as_int\": 4}", "\"strides\": [{\"as_int\": -4}", "the list of tensors is damaged"},
        {"\"storage_offset\": {\"as_int\": 0}", "\"storage_offset\": {\"as_int\": 9223372036854775807}", "storage"},
        {"\"config\": {", "\"config\": 7, \"other\": {", "the list of tensors in 'data/weights/' is damaged"},
        {"little", "middle", "is neither 'big' nor 'little'"},
        {"{\"name\": \"p_layers_0_weight\"}, \"parameter_name\"", "{\"name\": \"x\"}, \"parameter_name\"",
         "two values of the name 'x'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_changed("changed.pt2", cases[i][0], cases[i][1]);
        fac_module *m = fac_export_load("changed.pt2");
        if (m) fail_msg("%s was accepted", cases[i][1]);
        if (!strstr(fac_error(), cases[i][2])) fail_msg("expected: %s\ngot: %s", cases[i][2], fac_error());
        fac_clear_error();
    }
}

static void test_refused(void **state)
{
    (void)state;
    expect_error(fac_export_load(NULL), "NULL");
    expect_error(fac_export_load("nowhere.pt2"), "nowhere.pt2: cannot be opened");
    expect_error(fac_export_load(FAC_TEST_DATA "/formats/torch2.pt"), "this archive has no program");
    expect_error(fac_export_load(FAC_TEST_DATA "/formats/legacy.pth"), "zip");
}

/* Cut or changed anywhere it is refused, or read as something else, in peace. */
static void test_damaged(void **state)
{
    static const char *const names[] = {"mlp.pt2", "mlp_2.4.pt2"};
    static bytes b;
    (void)state;
    for (int f = 0; f < 2; f++) {
        char path[300];
        snprintf(path, sizeof path, FOLDER "%s", names[f]);
        read_bytes(path, &b);
        int fd = make_file(&b, path);
        for (size_t i = 0; i < b.n; i += 3) {
            unsigned char changed = b.p[i] ^ 0x11;
            assert_int_equal(pwrite(fd, &changed, 1, (off_t)i), 1);
            fac_module *m = fac_export_load(path);
            assert_true(!m == !!fac_error());
            fac_clear_error();
            fac_module_free(m);
            assert_int_equal(pwrite(fd, &b.p[i], 1, (off_t)i), 1);
        }
        for (size_t n = b.n; n-- > 0; n -= n < 7 ? n : 7) {
            assert_int_equal(ftruncate(fd, (off_t)n), 0);
            assert_null(fac_export_load(path));
            fac_clear_error();
        }
        close(fd);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    bool went_well = false;
    for (int64_t n = 1; n < 5000 && !went_well; n++) {
        fac_clear_error();
        fac__alloc_fail_at(n);
        fac_module *m = fac_export_load(FOLDER "mlp.pt2");
        fac__alloc_fail_at(0);
        went_well = m != NULL;
        if (!m != !!fac_error()) fail_msg("allocation %d: %s", (int)n, fac_error() ? fac_error() : "no error");
        if (!m) assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
        fac_module_free(m);
    }
    assert_true(went_well);
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_programs),      cmocka_unit_test(test_captured),
                                       cmocka_unit_test(test_state_of_file), cmocka_unit_test(test_inputs),
                                       cmocka_unit_test(test_hostile),       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_damaged),       cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
