/* Training that is saved, dropped, loaded and goes on gives the bits of training that was never interrupted. */
#include "testing.h"

#include <stdio.h>
#include <unistd.h>

enum { STEPS = 8, SAVED_AFTER = 3 };

typedef struct training {
    fac_module *model;
    fac_optimizer *optimizer;
    fac_scheduler *schedule;
} training;

static training begin(void)
{
    training t;
    t.model = fac_nn_sequential(fac_nn_linear(6, 16), fac_nn_batch_norm1d(16), fac_nn_relu(), fac_nn_dropout(.p = 0.3),
                                fac_nn_linear(16, 3));
    t.optimizer = fac_adam(fac_parameters(t.model), .lr = 0.01, .amsgrad = true);
    t.schedule = fac_step_lr(t.optimizer, 2, .gamma = 0.5);
    assert_non_null(t.schedule);
    return t;
}

static void end(training *t)
{
    fac_scheduler_free(t->schedule);
    fac_optimizer_free(t->optimizer);
    fac_module_free(t->model);
}

static double step(training *t)
{
    double value = NAN;
    fac_scope {
        fac_tensor *x = fac_randn(FAC_SHAPE(5, 6)), *y = fac_randint(0, 3, FAC_SHAPE(5));
        fac_tensor *loss = fac_cross_entropy(fac_forward(t->model, x), y);
        fac_zero_grad(t->optimizer);
        assert_true(fac_backward(loss));
        assert_true(fac_step(t->optimizer));
        assert_true(fac_scheduler_step(t->schedule));
        value = fac_item(loss);
    }
    return value;
}

static void save(training *t, const char *path)
{
    fac_scope {
        fac_state *all = fac_state_new(), *model = fac_state_dict(t->model);
        fac_state *optimizer = fac_optimizer_state_dict(t->optimizer),
                  *schedule = fac_scheduler_state_dict(t->schedule);
        assert_true(fac_state_add(all, "model.", model));
        assert_true(fac_state_add(all, "optimizer.", optimizer));
        assert_true(fac_state_add(all, "schedule.", schedule));
        assert_true(fac_state_set(all, "generator", fac_generator_get_state(NULL)));
        assert_true(fac_save(all, path));
        fac_state_free(all);
        fac_state_free(model);
        fac_state_free(optimizer);
        fac_state_free(schedule);
    }
}

static void load(training *t, const char *path)
{
    fac_scope {
        fac_state *all = fac_load(path);
        assert_non_null(all);
        fac_state *model = fac_state_part(all, "model."), *optimizer = fac_state_part(all, "optimizer.");
        fac_state *schedule = fac_state_part(all, "schedule.");
        assert_true(fac_load_state_dict(t->model, model));
        assert_true(fac_optimizer_load_state_dict(t->optimizer, optimizer));
        assert_true(fac_scheduler_load_state_dict(t->schedule, schedule));
        assert_true(fac_generator_set_state(NULL, fac_state_get(all, "generator")));
        fac_state_free(all);
        fac_state_free(model);
        fac_state_free(optimizer);
        fac_state_free(schedule);
    }
}

static void test_resumed_training_is_the_same(void **state)
{
    (void)state;
    char path[] = "/tmp/facula-resume-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    double whole[STEPS], part[STEPS];

    fac_manual_seed(11);
    training t = begin();
    for (int i = 0; i < STEPS; i++) {
        if (i == SAVED_AFTER) save(&t, path);
        whole[i] = step(&t);
    }
    end(&t);

    fac_manual_seed(99); /* other weights, other draws: all must come from the file */
    t = begin();
    load(&t, path);
    for (int i = SAVED_AFTER; i < STEPS; i++)
        part[i] = step(&t);
    end(&t);
    unlink(path);

    assert_null(fac_error());
    assert_memory_equal(whole + SAVED_AFTER, part + SAVED_AFTER, (STEPS - SAVED_AFTER) * sizeof *whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_resumed_training_is_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
