/* Learning-rate schedules against PyTorch's (tests/data/schedule.txt, made by tests/record/record_optim.py), saving
 * them in the middle, errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/tensor_impl.h"
#include "facula/error.h"
#include "facula/optim.h"

static void expect_error(fac_error_code code, const char *text)
{
    assert_non_null(fac_error());
    assert_string_equal(fac_error(), text);
    assert_int_equal(fac_get_error_code(), code);
    fac_clear_error();
}

/* An optimiser of two groups, as in the recording. */
static fac_optimizer *two_groups(const char *kind)
{
    fac_optimizer *o = NULL;
    fac_scope {
        fac_tensor *p[2];
        for (int i = 0; i < 2; i++) {
            p[i] = fac__own(fac__new(FAC_FLOAT32, 0, NULL));
            p[i]->requires_grad = true;
        }
        fac_tensor_list first = {p, 1}, second = {p + 1, 1};
        o = !strcmp(kind, "SGD")    ? fac_sgd(first, .lr = 0.3)
            : !strcmp(kind, "Adam") ? fac_adam(first, .lr = 0.3)
                                    : fac_adagrad(first, .lr = 0.3);
        assert_non_null(o);
        assert_true(fac_add_param_group(o, second, .lr = 0.07));
    }
    return o;
}

/* ---- against PyTorch ----------------------------------------------------------------------------------------- */

#define POSITIONAL(X) X(step_size) X(T_max) X(T_0) X(max_lr) X(total_steps)

/* What stands in a line, by name. */
typedef struct arguments {
    fac_schedule_options options;
    double step_size, T_max, T_0, max_lr, total_steps;
    int64_t milestones[8];
    int n_milestones;
    char texts[3][16];
} arguments;

static void parse(char *text, arguments *a)
{
    memset(a, 0, sizeof *a);
    a->options = fac_schedule_options_defaults();
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=') + 1;
        value[-1] = 0;
        if (!strcmp(word, "milestones"))
            for (char *v = value; *v; v += *v == ',')
                a->milestones[a->n_milestones++] = strtoll(v, &v, 10);
#define NUMBER(name)                                                                                                   \
    if (!strcmp(word, #name)) a->name = atof(value);
        POSITIONAL(NUMBER)
#define OPTION(name)                                                                                                   \
    if (!strcmp(word, #name)) a->options.name = atof(value);
        FAC_SCHEDULE_OPTIONS(OPTION) if (!strcmp(word, "mode")) a->options.mode = strcpy(a->texts[0], value);
        if (!strcmp(word, "threshold_mode")) a->options.threshold_mode = strcpy(a->texts[1], value);
        if (!strcmp(word, "anneal_strategy")) a->options.anneal_strategy = strcpy(a->texts[2], value);
    }
}

static double falling(void *context, int64_t epoch)
{
    return 1 / (1 + 0.3 * (double)epoch);
}

static fac_scheduler *make(fac_optimizer *o, const char *text)
{
    char copy[256], *rest = copy + strcspn(text, " ");
    strcpy(copy, text);
    if (*rest) *rest++ = 0;
    arguments a;
    parse(rest, &a);
    if (!strcmp(copy, "StepLR")) return fac_step_lr_with(o, (int64_t)a.step_size, a.options);
    if (!strcmp(copy, "MultiStepLR")) return fac_multi_step_lr_with(o, a.milestones, a.n_milestones, a.options);
    if (!strcmp(copy, "ExponentialLR")) return fac_exponential_lr(o, a.options.gamma);
    if (!strcmp(copy, "ConstantLR")) return fac_constant_lr_with(o, a.options);
    if (!strcmp(copy, "LinearLR")) return fac_linear_lr_with(o, a.options);
    if (!strcmp(copy, "PolynomialLR")) return fac_polynomial_lr_with(o, a.options);
    if (!strcmp(copy, "CosineAnnealingLR")) return fac_cosine_annealing_lr_with(o, (int64_t)a.T_max, a.options);
    if (!strcmp(copy, "CosineAnnealingWarmRestarts"))
        return fac_cosine_annealing_warm_restarts_with(o, (int64_t)a.T_0, a.options);
    if (!strcmp(copy, "LambdaLR")) return fac_lambda_lr(o, falling, NULL);
    if (!strcmp(copy, "MultiplicativeLR")) return fac_multiplicative_lr(o, falling, NULL);
    if (!strcmp(copy, "OneCycleLR")) return fac_one_cycle_lr_with(o, a.max_lr, (int64_t)a.total_steps, a.options);
    if (!strcmp(copy, "ReduceLROnPlateau")) return fac_reduce_lr_on_plateau_with(o, a.options);
    fail_msg("%s?", copy);
    return NULL;
}

static double metric(int epoch)
{
    return epoch < 20 ? fmax(1 - 0.1 * epoch, 0.6) : 0.3;
}

static bool advance(fac_scheduler *s, const char *text, int epoch)
{
    return strstr(text, "Plateau") ? fac_plateau_step(s, metric(epoch)) : epoch == 30 || fac_scheduler_step(s);
}

/* Equal bits; where cosines and powers come from the C library, nearly. */
static bool agree(double found, double expected, const char *text)
{
    bool exact = !strstr(text, "Cos") && !strstr(text, "OneCycle") && !strstr(text, "power");
    return exact ? found == expected : fabs(found - expected) <= 1e-12 * fabs(expected) + 1e-17;
}

/* Each line as it is, and once more with optimiser and schedules saved after 11 epochs and taken up by new ones. */
static void recorded(void **state)
{
    for (int resume = 0; resume < 2; resume++) {
        FILE *f = fopen(FAC_TEST_DATA "/schedule.txt", "r");
        assert_non_null(f);
        static char line[8192];
        int lines = 0;
        while (fgets(line, sizeof line, f)) {
            char *at = strstr(line, " : "), *first = strchr(line, ' ') + 1, *second = strstr(first, " + ");
            *at = first[-1] = 0;
            if (second) *second = 0;
            const char *texts[] = {first, second ? second + 3 : NULL};
            fac_optimizer *o = two_groups(line);
            fac_scheduler *s[2] = {make(o, first), second ? make(o, second + 3) : NULL};
            assert_non_null(s[0]);
            at += 3;
            for (int epoch = 0; epoch < 31; epoch++) {
                const char *moment = isnan(fac_group_option(o, 0, "beta1")) ? "momentum" : "beta1";
                fac_clear_error();
                double found[] = {fac_lr(o), fac_group_option(o, 1, "lr"), fac_group_option(o, 0, moment)};
                for (int i = 0; i < 3; i++) {
                    uint64_t bits = strtoull(at, &at, 16);
                    double expected;
                    memcpy(&expected, &bits, sizeof bits);
                    if (!agree(found[i], expected, first))
                        fail_msg("%s, epoch %d, number %d: %.17g, not %.17g", first, epoch, i, found[i], expected);
                }
                int last = s[1] ? 1 : 0;
                assert_true(fac_last_lr(s[last], 0) == found[0] && fac_last_lr(s[last], 1) == found[1]);
                if (resume && epoch == 11) {
                    fac_state *saved[3] = {fac_optimizer_state_dict(o), fac_scheduler_state_dict(s[0]),
                                           s[1] ? fac_scheduler_state_dict(s[1]) : NULL};
                    for (int k = 0; k < 2; k++)
                        fac_scheduler_free(s[k]);
                    fac_optimizer_free(o);
                    o = two_groups(line);
                    for (int k = 0; k < 2; k++) {
                        s[k] = texts[k] ? make(o, texts[k]) : NULL;
                        assert_true(!s[k] || fac_scheduler_load_state_dict(s[k], saved[1 + k]));
                    }
                    assert_true(fac_optimizer_load_state_dict(o, saved[0]));
                    for (int k = 0; k < 3; k++)
                        fac_state_free(saved[k]);
                }
                for (int k = 0; k < 2; k++)
                    assert_true(!s[k] || advance(s[k], texts[k], epoch));
            }
            fac_scheduler_free(s[0]);
            fac_scheduler_free(s[1]);
            fac_optimizer_free(o);
            lines++;
        }
        fclose(f);
        assert_int_equal(lines, 40);
    }
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static void refused(void **state)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"StepLR step_size=0", "Expected positive integer step_size, but got 0"},
        {"StepLR step_size=3 eta_min=1", "StepLR.__init__() got an unexpected keyword argument 'eta_min'"},
        {"StepLR step_size=3 mode=max", "StepLR.__init__() got an unexpected keyword argument 'mode'"},
        {"LinearLR anneal_strategy=cos", "LinearLR.__init__() got an unexpected keyword argument 'anneal_strategy'"},
        {"ConstantLR factor=1.5", "Constant multiplicative factor expected to be between 0 and 1."},
        {"LinearLR start_factor=-0.5", "Starting multiplicative factor expected to be between 0 and 1."},
        {"LinearLR end_factor=1.5", "Ending multiplicative factor expected to be between 0 and 1."},
        {"CosineAnnealingLR T_max=0", "Expected positive integer T_max, but got 0"},
        {"CosineAnnealingWarmRestarts T_0=-1", "Expected positive integer T_0, but got -1"},
        {"CosineAnnealingWarmRestarts T_0=1 T_mult=1.5", "Expected integer T_mult >= 1, but got 1.5"},
        {"OneCycleLR max_lr=1 total_steps=0", "Expected positive integer total_steps, but got 0"},
        {"OneCycleLR max_lr=1 total_steps=9 pct_start=1.5", "Expected float between 0 and 1 pct_start, but got 1.5"},
        {"OneCycleLR max_lr=1 total_steps=9 anneal_strategy=sin",
         "anneal_strategy must by one of 'cos' or 'linear', instead got sin"},
        {"OneCycleLR max_lr=1 total_steps=10 pct_start=0.1", "OneCycleLR has no finite learning rate for epoch 0"},
        {"ReduceLROnPlateau factor=1", "Factor should be < 1.0."},
        {"ReduceLROnPlateau mode=up", "mode up is unknown!"},
        {"ReduceLROnPlateau threshold_mode=up", "threshold mode up is unknown!"},
    };
    fac_optimizer *o = two_groups("SGD"), *adagrad = two_groups("Adagrad");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(make(o, bad[i].text));
        expect_error(strstr(bad[i].error, "keyword") ? FAC_ERROR_TYPE : FAC_ERROR_VALUE, bad[i].error);
        assert_true(fac_lr(o) == 0.3);
    }
    assert_null(fac_one_cycle_lr(adagrad, 1, 10));
    expect_error(FAC_ERROR_VALUE, "optimizer must support momentum with `cycle_momentum` option enabled");
    assert_null(fac_multi_step_lr(o, NULL, 1));
    expect_error(FAC_ERROR_TYPE, "argument 'milestones' must not be NULL");
    assert_null(fac_multi_step_lr(o, NULL, -1));
    expect_error(FAC_ERROR_VALUE, "there cannot be -1 milestones");
    assert_null(fac_lambda_lr(o, NULL, NULL));
    expect_error(FAC_ERROR_TYPE, "argument 'factor' must not be NULL");
    assert_null(fac_step_lr(NULL, 3));
    expect_error(FAC_ERROR_TYPE, "argument 'optimizer' must not be NULL");
    assert_null(fac_reduce_lr_on_plateau(NULL));
    fac_clear_error();
    assert_false(fac_scheduler_step(NULL));
    expect_error(FAC_ERROR_TYPE, "argument 'scheduler' must not be NULL");
    assert_true(!fac_plateau_step(NULL, 1) && isnan(fac_last_lr(NULL, 0)) && !fac_scheduler_state_dict(NULL));
    fac_clear_error();
    fac_scheduler_free(NULL);

    fac_scheduler *plateau = fac_reduce_lr_on_plateau(o),
                  *linear = fac_linear_lr(o, .start_factor = 0, .total_iters = 3);
    assert_false(fac_scheduler_step(plateau));
    expect_error(FAC_ERROR_TYPE,
                 "ReduceLROnPlateau.step() missing 1 required positional argument: 'metrics' (call fac_plateau_step)");
    assert_false(fac_plateau_step(linear, 1));
    expect_error(FAC_ERROR_TYPE, "LinearLR takes no metric (call fac_scheduler_step)");
    assert_true(isnan(fac_last_lr(linear, 2)));
    expect_error(FAC_ERROR_INDEX, "the scheduler has 2 groups, there is no group 2");
    for (int i = 0; i < 2; i++) { /* 0 / 0; as often as one tries */
        assert_false(fac_scheduler_step(linear));
        expect_error(FAC_ERROR_VALUE, "LinearLR has no finite learning rate for epoch 1");
    }
    fac_scheduler_free(plateau);
    fac_scheduler_free(linear);

    fac_scheduler *cycle = fac_one_cycle_lr(o, 1, 5);
    for (int i = 0; i < 5; i++)
        assert_true(fac_scheduler_step(cycle));
    double lr = fac_lr(o), momentum = fac_group_option(o, 0, "momentum");
    assert_false(fac_scheduler_step(cycle));
    expect_error(FAC_ERROR_VALUE, "Tried to step 7 times. The specified number of total steps is 5");
    assert_true(fac_lr(o) == lr && fac_group_option(o, 0, "momentum") == momentum);
    fac_scheduler_free(cycle);
    fac_optimizer_free(adagrad);
    fac_optimizer_free(o);
}

static void bad_states(void **state)
{
    fac_optimizer *o = two_groups("SGD");
    fac_scheduler *s = fac_multi_step_lr(o, ((int64_t[]){3, 5}), 2), *other = fac_multi_step_lr(o, NULL, 0);
    fac_state *good = fac_scheduler_state_dict(s), *none = fac_state_new(), *of_other = fac_scheduler_state_dict(other);
    assert_false(fac_scheduler_load_state_dict(s, none));
    expect_error(FAC_ERROR_VALUE, "loaded state dict lacks the number 'last_epoch'");
    assert_true(fac_state_set_int(none, "last_epoch", 3));
    assert_false(fac_scheduler_load_state_dict(s, none));
    expect_error(FAC_ERROR_VALUE, "loaded state dict has a different number of parameter groups");
    assert_false(fac_scheduler_load_state_dict(s, of_other));
    expect_error(FAC_ERROR_VALUE, "loaded state dict has 0 milestones, not 2");
    assert_true(fac_state_set(none, "base_lrs", fac_state_get(good, "base_lrs")) &&
                fac_state_set(none, "last_lrs", fac_state_get(good, "base_lrs")) &&
                fac_state_set(none, "milestones", fac_state_get(good, "milestones")));
    assert_false(fac_scheduler_load_state_dict(s, none));
    expect_error(FAC_ERROR_VALUE, "loaded state dict lacks the number 'gamma'");
    assert_true(fac_scheduler_load_state_dict(s, good));
    assert_false(fac_scheduler_load_state_dict(s, NULL));
    fac_clear_error();
    fac_state_free(none);
    fac_state_free(good);
    fac_state_free(of_other);
    fac_scheduler_free(s);
    fac_scheduler_free(other);

    /* A number that makes no sense does not crash. */
    s = fac_step_lr(o, 3);
    good = fac_state_new();
    fac_state *saved = fac_scheduler_state_dict(s);
    for (int64_t i = 0; i < fac_state_count(saved); i++)
        if (strcmp(fac_state_name_at(saved, i), "step_size") != 0)
            assert_true(fac_state_set(good, fac_state_name_at(saved, i), fac_state_tensor_at(saved, i)));
    assert_true(fac_state_set_float(good, "step_size", 0) && fac_scheduler_load_state_dict(s, good));
    assert_true(fac_scheduler_step(s));
    fac_state_free(good);
    fac_state_free(saved);
    fac_scheduler_free(s);
    fac_optimizer_free(o);
}

static void failed_allocations(void **state)
{
    bool done = false;
    for (int64_t n = 1; !done; n++) {
        assert_true(n < 100);
        fac_optimizer *o = two_groups("Adam");
        fac__alloc_fail_at(n);
        fac_scheduler *s = fac_multi_step_lr(o, ((int64_t[]){3, 5}), 2);
        fac_state *saved = s ? fac_scheduler_state_dict(s) : NULL;
        done = saved && fac_scheduler_step(s) && fac_scheduler_load_state_dict(s, saved);
        fac__alloc_fail_at(0);
        fac_state_free(saved);
        fac_scheduler_free(s);
        fac_optimizer_free(o);
        if (done) break;
        assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
        fac_clear_error();
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded),
        cmocka_unit_test(refused),
        cmocka_unit_test(bad_states),
        cmocka_unit_test(failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
