/* Archives of torch.export, as three versions of PyTorch wrote them: what they give and how they learn, beside what
 * PyTorch makes of them; damaged and hostile ones. tests/record/record_export.py has recorded them. */
#define _GNU_SOURCE
#include "file_bytes.h"

#include <dirent.h>

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

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_programs)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
