/* Optimisers against PyTorch's steps (tests/data/optim.txt, made by tests/record/record_optim.py), bit for bit; states,
 * groups, clipping, errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/kernel.h"
#include "core/memory.h"
#include "core/tensor_impl.h"
#include "facula/error.h"
#include "facula/optim.h"

enum { N = 11 };

/* ---- inputs ------------------------------------------------------------------------------------------------- */

/* As value() and gradient() of the recording. */
static double value(int64_t k)
{
    return (double)((uint32_t)(k * 2654435761) >> 8) / (1 << 23) - 1;
}

static double gradient(int64_t step, int64_t i)
{
    return i == 4 ? 0 : value(1000 * step + i);
}

static void set(fac_tensor *t, int64_t i, double v)
{
    int64_t at = t->offset;
    for (int d = t->ndim - 1; d >= 0; d--) {
        at += i % t->shape[d] * t->strides[d];
        i /= t->shape[d];
    }
    fac__store_double((fac_dtype)t->dtype, t->storage->data + at * (int64_t)fac_dtype_size((fac_dtype)t->dtype), v);
}

static void set_all(fac_tensor *t, double v)
{
    for (int64_t i = 0; i < t->numel; i++)
        set(t, i, v);
}

/* A leaf of 1, 2 or no dimensions; what is made belongs to the scope. */
static fac_tensor *leaf(fac_dtype dtype, int ndim, const int64_t *shape)
{
    fac_tensor *t = fac__own(fac__new(dtype, ndim, shape));
    assert_non_null(t);
    for (int64_t i = 0; i < t->numel; i++)
        set(t, i, value(i + 7));
    t->requires_grad = true;
    return t;
}

/* N elements that lie apart, or in two strides, in memory that holds more. */
static fac_tensor *strided(fac_dtype dtype, int how)
{
    fac_tensor *base = fac__own(fac__new(dtype, 1, (int64_t[]){3 * N + 5}));
    set_all(base, 42);
    fac_tensor *t = how == 1 ? fac__new_view(base, 1, (int64_t[]){N}, (int64_t[]){3}, 2)
                             : fac__new_view(base, 3, (int64_t[]){1, N, 1}, (int64_t[]){1, 2, 7}, 1);
    assert_non_null(fac__own(t));
    for (int64_t i = 0; i < N; i++)
        set(t, i, value(i + 7));
    t->requires_grad = true;
    return t;
}

static void give_gradient(fac_tensor *p, int64_t step)
{
    fac_tensor *g = fac__new_like(p, (fac_dtype)p->dtype);
    assert_non_null(g);
    for (int64_t i = 0; i < g->numel; i++)
        set(g, i, gradient(step, i));
    assert_true(fac_set_grad(p, g));
    fac_release(g);
}

#define LIST(...)                                                                                                      \
    (fac_tensor_list)                                                                                                  \
    {                                                                                                                  \
        (fac_tensor *[]){__VA_ARGS__}, sizeof((fac_tensor *[]){__VA_ARGS__}) / sizeof(fac_tensor *)                    \
    }

static void expect_error(fac_error_code code, const char *text)
{
    assert_non_null(fac_error());
    assert_string_equal(fac_error(), text);
    assert_int_equal(fac_get_error_code(), code);
    fac_clear_error();
}

/* ---- recorded steps ------------------------------------------------------------------------------------------ */

static fac_optimizer *make(const char *kind, fac_tensor_list params, const char *options)
{
    fac_optimizer_options o = fac_optimizer_options_defaults();
    char name[40];
    double v;
    int length;
    for (; sscanf(options, " %39[a-z_0-9]=%lf%n", name, &v, &length) == 2; options += length) {
#define SET(option)                                                                                                    \
    if (!strcmp(name, #option)) o.option = v;
        FAC_OPTIMIZER_OPTIONS(SET)
    }
    static const struct {
        const char *name;
        fac_optimizer *(*make)(fac_tensor_list, fac_optimizer_options);
    } kinds[] = {{"SGD", fac_sgd_with},
                 {"Adam", fac_adam_with},
                 {"AdamW", fac_adamw_with},
                 {"RMSprop", fac_rmsprop_with},
                 {"Adagrad", fac_adagrad_with}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, kind)) return kinds[i].make(params, o);
    return NULL;
}

static bool equal_bits(const fac_tensor *p, const char *bits, bool report)
{
    double elements[N];
    assert_true(fac_to_array(p, FAC_FLOAT64, elements, N));
    for (int i = 0; i < N; i++) {
        char *end;
        uint64_t expected = strtoull(bits, &end, 16), found;
        if (p->dtype == FAC_FLOAT32) {
            float f = (float)elements[i];
            uint32_t u;
            memcpy(&u, &f, sizeof u);
            found = u;
        } else
            memcpy(&found, &elements[i], sizeof found);
        if (report && found != expected)
            print_message("element %d: %llx, not %llx\n", i, (unsigned long long)found, (unsigned long long)expected);
        if (found != expected) return false;
        bits = end;
    }
    return true;
}

static void recorded_steps(void **state)
{
    if (fac__cpu_isa() == FAC__BASELINE) skip(); /* the bits recorded are those of fused multiply-adds */
    FILE *f = fopen(FAC_TEST_DATA "/optim.txt", "r");
    assert_non_null(f);
    static char line[4096];
    int lines = 0;
    while (fgets(line, sizeof line, f)) {
        char kind[16], dtype_name[16];
        int used, steps, bits;
        char *colon = strstr(line, " : ");
        assert_non_null(colon);
        assert_int_equal(sscanf(line, "%15s %15s%n", kind, dtype_name, &used), 2);
        assert_int_equal(sscanf(colon, " : %d%n", &steps, &bits), 1);
        *colon = 0;
        fac_dtype dtype = fac_dtype_from_name(dtype_name);
        for (int how = 0; how < 3; how++)
            fac_scope {
                fac_tensor *p = how ? strided(dtype, how) : leaf(dtype, 1, (int64_t[]){N});
                fac_optimizer *optimizer = make(kind, LIST(p), line + used);
                assert_non_null(optimizer);
                for (int step = 1; step <= steps; step++) {
                    give_gradient(p, step);
                    assert_true(fac_step(optimizer));
                }
                if (!equal_bits(p, colon + bits, true)) fail_msg("%s, %d steps, layout %d", line, steps, how);
                if (how) {
                    double others = 0; /* what lies between the elements is left alone */
                    const char *data = p->storage->data;
                    for (int64_t i = 0; i < 3 * N + 5; i++)
                        others += fac__load_double(dtype, data + i * (int64_t)fac_dtype_size(dtype)) == 42;
                    assert_true(others == 2 * N + 5);
                }
                fac_optimizer_free(optimizer);
            }
        lines++;
    }
    fclose(f);
    assert_int_equal(lines, 408);
}

/* Large tensors, which go in pieces and over threads, step as small ones do. */
static void large_parameter(void **state)
{
    fac_scope {
        int64_t n = 300000;
        fac_tensor *p = leaf(FAC_FLOAT32, 1, &n), *q = leaf(FAC_FLOAT32, 1, (int64_t[]){17});
        fac_optimizer *a = fac_adam(LIST(p), .weight_decay = 0.1), *b = fac_adam(LIST(q), .weight_decay = 0.1);
        for (int step = 1; step <= 3; step++) {
            give_gradient(p, step);
            assert_true(fac_step(a));
        }
        for (int64_t begin = 17 * 4000; begin < 17 * 4001; begin += 17) {
            for (int64_t i = 0; i < 17; i++)
                set(q, i, value(begin + i + 7));
            for (int step = 1; step <= 3; step++) {
                give_gradient(q, step);
                for (int64_t i = 0; i < 17; i++)
                    set(fac_grad(q), i, gradient(step, begin + i));
                assert_true(fac_step(b));
            }
            assert_memory_equal((float *)fac_data(p) + begin, fac_data(q), 17 * sizeof(float));
        }
        fac_optimizer_free(a);
        fac_optimizer_free(b);
    }
}

/* ---- how steps treat parameters ------------------------------------------------------------------------------ */

static void parameters(void **state)
{
    fac_scope {
        fac_tensor *a = leaf(FAC_FLOAT32, 2, (int64_t[]){2, 3}), *b = leaf(FAC_FLOAT64, 0, NULL);
        fac_tensor *c = leaf(FAC_FLOAT32, 1, (int64_t[]){0});
        fac_optimizer *sgd = fac_sgd(LIST(a, b, c), .lr = 0.5);
        assert_non_null(sgd);
        give_gradient(a, 1);
        give_gradient(c, 1);
        int64_t version = fac_version_of(a);
        assert_true(fac_step(sgd));
        assert_true(fac_version_of(a) > version); /* a tensor saved for backward is now known to have changed */
        assert_true(fac_item(b) == value(7));     /* without a gradient nothing happens */
        assert_true(fac_requires_grad(a) && fac_is_leaf(a));
        assert_true(fac_at(a, FAC_DIMS(1, 1)) == (float)(value(11) - 0.5 * gradient(1, 4)));
        assert_true(fac_at(a, FAC_DIMS(1, 2)) == (float)(value(12) - 0.5 * gradient(1, 5)));

        fac_tensor *grad = fac_grad(a);
        assert_true(fac_zero_grad(sgd, .set_to_none = false));
        assert_ptr_equal(fac_grad(a), grad);
        assert_true(fac_at(grad, FAC_DIMS(1, 2)) == 0);
        assert_null(fac_grad(b));
        assert_true(fac_zero_grad(sgd));
        assert_null(fac_grad(a));
        fac_optimizer_free(sgd);
    }
    /* The optimiser holds what it was given. */
    fac_optimizer *adam = NULL;
    fac_scope
        adam = fac_adam(LIST(leaf(FAC_FLOAT32, 1, (int64_t[]){3})));
    assert_true(fac_step(adam));
    fac_optimizer_free(adam);
}

static void steady_state(void **state)
{
    fac_scope {
        fac_tensor *a = leaf(FAC_FLOAT32, 2, (int64_t[]){20, 30}), *b = strided(FAC_FLOAT32, 1);
        fac_optimizer *all[] = {fac_sgd(LIST(a, b), .lr = 0.5, .momentum = 0.9), fac_adam(LIST(a, b), .amsgrad = true),
                                fac_rmsprop(LIST(a, b), .centered = true, .momentum = 0.1), fac_adagrad(LIST(a, b))};
        give_gradient(a, 1);
        give_gradient(b, 1);
        for (int k = 0; k < 4; k++) {
            assert_true(fac_step(all[k]));
            int64_t before = fac__alloc_count();
            for (int i = 0; i < 10; i++)
                assert_true(fac_set_lr(all[k], 0.1 * i) && fac_step(all[k]));
            assert_int_equal(fac__alloc_count(), before);
            fac_optimizer_free(all[k]);
        }
    }
}

static void groups(void **state)
{
    fac_scope {
        fac_tensor *a = leaf(FAC_FLOAT32, 0, NULL), *b = leaf(FAC_FLOAT32, 0, NULL);
        fac_optimizer *sgd = fac_sgd(LIST(a), .lr = 0.5, .momentum = 0.9);
        assert_int_equal(fac_param_group_count(sgd), 1);
        assert_true(fac_add_param_group(sgd, LIST(b), .lr = 0.25, .momentum = 0));
        assert_int_equal(fac_param_group_count(sgd), 2);
        assert_true(fac_lr(sgd) == 0.5 && fac_group_option(sgd, 1, "lr") == 0.25);
        assert_true(fac_group_option(sgd, 1, "momentum") == 0 && fac_group_option(sgd, 1, "dampening") == 0);
        for (int step = 1; step <= 2; step++) {
            set_all(a, 1), set_all(b, 1);
            give_gradient(a, 1), set_all(fac_grad(a), 1);
            give_gradient(b, 1), set_all(fac_grad(b), 1);
            assert_true(fac_step(sgd));
        }
        assert_true(fac_item(a) == (float)(1 - 0.5 * (float)1.9));
        assert_true(fac_item(b) == 0.75);

        assert_true(fac_set_group_option(sgd, 1, "momentum", 0.5)); /* as schedules do */
        for (int step = 1; step <= 2; step++) {
            set_all(b, 1);
            assert_true(fac_step(sgd));
        }
        assert_true(fac_item(b) == 1 - 0.25 * 1.5);
        assert_true(fac_set_lr(sgd, 2) && fac_lr(sgd) == 2 && fac_group_option(sgd, 1, "lr") == 2);

        assert_false(fac_add_param_group(sgd, LIST(a)));
        expect_error(FAC_ERROR_VALUE, "some parameters appear in more than one parameter group");
        assert_true(isnan(fac_group_option(sgd, 2, "lr")));
        expect_error(FAC_ERROR_INDEX, "param_groups[2]: the optimizer has 2 groups");
        assert_false(fac_set_group_option(sgd, 0, "beta1", 0.5));
        expect_error(FAC_ERROR_VALUE, "SGD has no option 'beta1'");
        assert_false(fac_set_group_option(sgd, 0, "lr", NAN));
        expect_error(FAC_ERROR_VALUE, "lr must be a number, but got nan");
        fac_optimizer_free(sgd);
    }
}

/* ---- states -------------------------------------------------------------------------------------------------- */

/* Two optimisers of the same parameters' copies: one goes on, the other is made anew from a state after 3 steps. */
static void resumed(void **state)
{
    static const struct {
        const char *kind, *options;
        int entries; /* after a step, with two parameters */
    } all[] = {
        {"SGD", "lr=0.1", 9}, {"SGD", "lr=0.1 momentum=0.9 dampening=0.5", 11}, {"Adam", "amsgrad=1", 16},
        {"AdamW", "", 14},    {"RMSprop", "centered=1 momentum=0.3", 16},       {"Adagrad", "lr_decay=0.1", 11},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        fac_scope {
            fac_tensor *a = leaf(FAC_FLOAT32, 1, (int64_t[]){N}), *b = strided(FAC_FLOAT64, 1);
            fac_tensor *c = leaf(FAC_FLOAT32, 1, (int64_t[]){N}), *d = leaf(FAC_FLOAT64, 1, (int64_t[]){N});
            fac_optimizer *first = make(all[i].kind, LIST(a, b), all[i].options), *second = NULL;
            fac_state *s = NULL;
            for (int step = 1; step <= 6; step++) {
                give_gradient(a, step);
                if (step != 2)
                    give_gradient(b, step); /* so that their steps are not the same */
                else
                    fac_set_grad(b, NULL);
                assert_true(fac_set_lr(first, 0.1 / step));
                if (step == 4) {
                    s = fac_optimizer_state_dict(first);
                    assert_non_null(s);
                    assert_int_equal(fac_state_count(s), all[i].entries);
                    second = make(all[i].kind, LIST(c, d), "lr=7");
                    assert_true(fac_optimizer_load_state_dict(second, s));
                    assert_true(fac_lr(second) == 0.1 / 4);
                    for (int64_t k = 0; k < N; k++) {
                        set(c, k, ((float *)fac_data(a))[k]);
                        set(d, k, fac_at(b, FAC_DIMS(k)));
                    }
                }
                if (second) {
                    give_gradient(c, step);
                    give_gradient(d, step);
                    assert_true(fac_set_lr(second, 0.1 / step) && fac_step(second));
                }
                assert_true(fac_step(first));
            }
            for (int64_t k = 0; k < N; k++) {
                assert_true(fac_at(a, FAC_DIMS(k)) == fac_at(c, FAC_DIMS(k)));
                assert_true(fac_at(b, FAC_DIMS(k)) == fac_at(d, FAC_DIMS(k)));
            }
            fac_state_free(s);
            fac_optimizer_free(first);
            fac_optimizer_free(second);
        }
}

static void bad_states(void **state)
{
    fac_scope {
        fac_tensor *a = leaf(FAC_FLOAT32, 1, (int64_t[]){N}), *b = leaf(FAC_FLOAT32, 1, (int64_t[]){2});
        give_gradient(a, 1);
        give_gradient(b, 1);
        fac_optimizer *of_a = fac_adam(LIST(a)), *of_b = fac_adam(LIST(b)), *sgd = fac_sgd(LIST(a), .lr = 1);
        fac_optimizer *both = fac_adam(LIST(a, b)), *grouped = fac_adam(LIST(a));
        assert_true(fac_add_param_group(grouped, LIST(b)) && fac_step(of_a) && fac_step(sgd));
        fac_state *s = fac_optimizer_state_dict(of_a), *of_sgd = fac_optimizer_state_dict(sgd);
        assert_true(fac_state_get(s, "state.0.exp_avg") && fac_state_get(s, "param_groups.0.beta2"));
        double eps;
        int64_t step;
        assert_true(fac_state_get_float(s, "param_groups.0.eps", &eps) && eps == 1e-8);
        assert_true(fac_state_get_int(s, "state.0.step", &step) && step == 1);

        assert_false(fac_optimizer_load_state_dict(of_b, s));
        expect_error(FAC_ERROR_VALUE,
                     "loaded state dict has state.0.exp_avg of shape [11] for a parameter of shape [2]");
        assert_false(fac_optimizer_load_state_dict(both, s));
        expect_error(FAC_ERROR_VALUE,
                     "loaded state dict contains a parameter group that doesn't match the size of optimizer's group");
        assert_false(fac_optimizer_load_state_dict(grouped, s));
        expect_error(FAC_ERROR_VALUE, "loaded state dict has a different number of parameter groups");
        assert_false(fac_optimizer_load_state_dict(of_a, of_sgd));
        expect_error(FAC_ERROR_VALUE, "loaded state dict lacks the number 'param_groups.0.beta1'");
        assert_false(fac_optimizer_load_state_dict(of_a, NULL));
        expect_error(FAC_ERROR_TYPE, "argument 'state' must not be NULL");
        assert_null(fac_optimizer_state_dict(NULL));
        expect_error(FAC_ERROR_TYPE, "argument 'optimizer' must not be NULL");

        /* Every failed allocation leaves the optimiser as it was. */
        assert_true(fac_set_lr(of_a, 7) && fac_step(of_a));
        for (int64_t n = 1; fac_lr(of_a) == 7; n++) {
            assert_true(n < 30);
            double v = fac_at(a, FAC_DIMS(0));
            fac__alloc_fail_at(n);
            bool ok = fac_optimizer_load_state_dict(of_a, s);
            fac__alloc_fail_at(0);
            assert_true(ok || fac_get_error_code() == FAC_ERROR_MEMORY);
            fac_clear_error();
            assert_true(ok == (fac_lr(of_a) == 1e-3) && v == fac_at(a, FAC_DIMS(0)));
        }
        fac_state *again = NULL;
        for (int64_t n = 1; !again; n++) {
            assert_true(n < 100);
            fac__alloc_fail_at(n);
            again = fac_optimizer_state_dict(of_a);
            fac__alloc_fail_at(0);
            assert_true(again || fac_get_error_code() == FAC_ERROR_MEMORY);
            fac_clear_error();
        }
        assert_int_equal(fac_state_count(again), fac_state_count(s));
        fac_state_free(again);
        fac_state_free(s);
        fac_state_free(of_sgd);
        fac_optimizer *made[] = {of_a, of_b, sgd, both, grouped};
        for (int i = 0; i < 5; i++)
            fac_optimizer_free(made[i]);
    }
}

/* ---- clipping ------------------------------------------------------------------------------------------------ */

static void clipping(void **state)
{
    fac_scope {
        fac_tensor *a = leaf(FAC_FLOAT32, 1, (int64_t[]){2}), *b = strided(FAC_FLOAT32, 1),
                   *none = leaf(FAC_FLOAT32, 0, NULL);
        fac_tensor *p[] = {a, none, b};
        fac_tensor_list list = {p, 3};
        assert_true(fac_clip_grad_norm_(list, 1) == 0); /* there is none */
        give_gradient(a, 1);
        give_gradient(b, 1);
        set_all(fac_grad(b), 0);
        set(fac_grad(a), 0, 3), set(fac_grad(a), 1, -4);
        assert_true(fac_clip_grad_norm_(list, 10) == 5);
        assert_true(fac_at(fac_grad(a), FAC_DIMS(1)) == -4);
        assert_true(fac_clip_grad_norm_(list, 2) == 5);
        float factor = 1 / (5 + 1e-6f) * 2; /* as PyTorch rounds it */
        assert_true(fac_at(fac_grad(a), FAC_DIMS(0)) == 3 * factor && fac_at(fac_grad(a), FAC_DIMS(1)) == -4 * factor);
        assert_null(fac_grad(none));

        set(fac_grad(a), 0, 3), set(fac_grad(a), 1, -4), set(fac_grad(b), 5, 2);
        assert_true(fac_clip_grad_norm_(list, 100, .norm_type = INFINITY) == 4);
        assert_true(fac_clip_grad_norm_(list, 100, .norm_type = 1) == 9);
        assert_true(fac_clip_grad_value_(list, 2.5));
        assert_true(fac_at(fac_grad(a), FAC_DIMS(0)) == 2.5 && fac_at(fac_grad(a), FAC_DIMS(1)) == -2.5);
        assert_true(fac_at(fac_grad(b), FAC_DIMS(5)) == 2);

        set(fac_grad(a), 0, INFINITY);
        assert_true(isnan(fac_clip_grad_norm_(list, 1, .error_if_nonfinite = true)));
        assert_non_null(
            strstr(fac_error(), "The total norm of order 2.0 for gradients from `parameters` is non-finite"));
        fac_clear_error();
        assert_true(fac_at(fac_grad(a), FAC_DIMS(1)) == -2.5);
        assert_true(isinf(fac_clip_grad_norm_(list, 1)));
        assert_true(fac_at(fac_grad(a), FAC_DIMS(1)) == 0);

        assert_true(isnan(fac_clip_grad_norm_(LIST(a, NULL), 1)));
        expect_error(FAC_ERROR_TYPE, "argument 'params.items[i]' must not be NULL");
        assert_false(fac_clip_grad_value_(((fac_tensor_list){NULL, 2}), 1));
        expect_error(FAC_ERROR_TYPE, "argument 'params.items' must not be NULL");
        fac_raise(FAC_ERROR_INDEX, "before");
        assert_true(isnan(fac_clip_grad_norm_(((fac_tensor_list){NULL, 0}), 1)));
        expect_error(FAC_ERROR_INDEX, "before");
        for (int64_t n = 1, done = 0; !done; n++) {
            assert_true(n < 100);
            set_all(fac_grad(a), 3);
            fac__alloc_fail_at(n);
            done = fac_clip_grad_norm_(list, 1) > 0 && fac_clip_grad_value_(list, 0.1);
            fac__alloc_fail_at(0);
            assert_true(done || fac_get_error_code() == FAC_ERROR_MEMORY);
            fac_clear_error();
        }
    }
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static void refused(void **state)
{
    fac_scope {
        fac_tensor *p = leaf(FAC_FLOAT32, 1, (int64_t[]){3});
        static const struct {
            const char *kind, *options, *error;
        } bad[] = {
            {"SGD", "lr=-1", "Invalid learning rate: -1.0"},
            {"SGD", "lr=-1e-5", "Invalid learning rate: -1e-05"},
            {"SGD", "lr=-100000", "Invalid learning rate: -100000.0"},
            {"SGD", "lr=1 momentum=-0.1", "Invalid momentum value: -0.1"},
            {"SGD", "lr=1 weight_decay=-0.1", "Invalid weight_decay value: -0.1"},
            {"SGD", "lr=1 nesterov=1", "Nesterov momentum requires a momentum and zero dampening"},
            {"SGD", "lr=1 nesterov=1 momentum=0.9 dampening=0.1",
             "Nesterov momentum requires a momentum and zero dampening"},
            {"Adam", "lr=-1", "Invalid learning rate: -1.0"},
            {"Adam", "eps=-1", "Invalid epsilon value: -1.0"},
            {"Adam", "beta1=1", "Invalid beta parameter at index 0: 1.0"},
            {"Adam", "beta2=-0.5", "Invalid beta parameter at index 1: -0.5"},
            {"AdamW", "weight_decay=-0.5", "Invalid weight_decay value: -0.5"},
            {"RMSprop", "alpha=-0.5", "Invalid alpha value: -0.5"},
            {"RMSprop", "momentum=-0.5", "Invalid momentum value: -0.5"},
            {"Adagrad", "lr_decay=-0.5", "Invalid lr_decay value: -0.5"},
            {"Adagrad", "initial_accumulator_value=-0.5", "Invalid initial_accumulator_value value: -0.5"},
        };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            assert_null(make(bad[i].kind, LIST(p), bad[i].options));
            expect_error(FAC_ERROR_VALUE, bad[i].error);
        }
        assert_null(fac_sgd(LIST(p)));
        expect_error(FAC_ERROR_VALUE, "parameter group didn't specify a value of required optimization parameter lr");
        assert_null(fac_sgd(LIST(p), .lr = 1, .beta1 = 0.5));
        expect_error(FAC_ERROR_TYPE, "SGD.__init__() got an unexpected keyword argument 'beta1'");

        assert_null(fac_sgd(((fac_tensor_list){NULL, 0}), .lr = 1));
        expect_error(FAC_ERROR_VALUE, "optimizer got an empty parameter list");
        assert_null(fac_adam(LIST(p, NULL)));
        expect_error(FAC_ERROR_TYPE, "optimizer can only optimize Tensors, but one of the params is NoneType");
        assert_null(fac_adam(LIST(p, p)));
        expect_error(FAC_ERROR_VALUE, "optimizer contains a parameter group with duplicate parameters");
        fac_tensor *wide = fac__own(fac__new_view(p, 1, (int64_t[]){5}, (int64_t[]){0}, 0));
        assert_null(fac_adam(LIST(wide)));
        assert_non_null(strstr(fac_error(), "unsupported operation: more than one element of the written-to tensor"));
        fac_clear_error();
        /* Something that was computed. */
        fac_tensor *y = leaf(FAC_FLOAT32, 0, NULL);
        y->grad_fn = (struct fac__node *)y;
        assert_null(fac_adam(LIST(y)));
        y->grad_fn = NULL;
        expect_error(FAC_ERROR_VALUE, "can't optimize a non-leaf Tensor");

        /* An error before stays the first. */
        fac_raise(FAC_ERROR_INDEX, "before");
        assert_null(fac_sgd(((fac_tensor_list){NULL, 0}), .lr = 1));
        assert_false(fac_step(NULL));
        assert_false(fac_zero_grad(NULL));
        assert_true(isnan(fac_lr(NULL)));
        assert_false(fac_set_lr(NULL, 1));
        assert_false(fac_add_param_group(NULL, LIST(p)));
        expect_error(FAC_ERROR_INDEX, "before");
        assert_false(fac_step(NULL));
        expect_error(FAC_ERROR_TYPE, "argument 'optimizer' must not be NULL");
        assert_int_equal(fac_param_group_count(NULL), 0);
        fac_optimizer_free(NULL);
    }
}

/* Making, stepping and growing an optimiser while the n-th allocation fails, for each n: false and an error, and
 * parameters that have not stepped can step again later. */
static void failed_allocations(void **state)
{
    bool failed = true;
    for (int64_t n = 1; failed; n++)
        fac_scope {
            assert_true(n < 100);
            fac_tensor *a = leaf(FAC_FLOAT32, 1, (int64_t[]){N}), *b = leaf(FAC_FLOAT32, 1, (int64_t[]){N});
            give_gradient(a, 1);
            give_gradient(b, 1);
            fac__alloc_fail_at(n);
            fac_optimizer *adam = fac_adam(LIST(a), .amsgrad = true);
            bool ok = adam && fac_add_param_group(adam, LIST(b)) && fac_step(adam);
            fac__alloc_fail_at(0);
            failed = !ok;
            if (failed) {
                assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
                fac_clear_error();
            }
            if (failed && adam) assert_true(fac_step(adam));
            fac_optimizer_free(adam);
        }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_steps),     cmocka_unit_test(large_parameter), cmocka_unit_test(parameters),
        cmocka_unit_test(steady_state),       cmocka_unit_test(groups),          cmocka_unit_test(refused),
        cmocka_unit_test(failed_allocations), cmocka_unit_test(resumed),         cmocka_unit_test(bad_states),
        cmocka_unit_test(clipping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
