/* What can be done with a tree of modules: lists, names, states, copies, casts, errors, failed allocations. */
#include "testing.h"

#include <stdio.h>

#include "core/memory.h"

/* ---- a module of one's own ---------------------------------------------------------------------------------- */

typedef struct net {
    fac_module base;
    fac_module *first, *second;
    fac_tensor *scale, *steps;
    char *note; /* owned */
} net;

static int notes;

static fac_tensor *net_forward(fac_module *self, fac_tensor *x)
{
    net *n = (net *)self;
    return fac_mul(fac_forward(n->second, fac_relu(fac_forward(n->first, x))), n->scale);
}

static void net_free(fac_module *self)
{
    notes -= ((net *)self)->note != NULL;
    free(((net *)self)->note);
}

static bool net_copy(fac_module *self, const fac_module *from)
{
    const char *note = ((const net *)from)->note;
    ((net *)self)->note = note ? strdup(note) : NULL;
    notes += note != NULL;
    return true;
}

static const fac_module_type net_type = {
    .name = "Net", .size = sizeof(net), .forward = net_forward, .free = net_free, .copy = net_copy};

static fac_module *net_new(void)
{
    net *n = fac_module_new(&net_type);
    fac_add_child(n, first, fac_nn_linear(3, 4));
    fac_add_child(n, second, fac_nn_linear(4, 2));
    fac_scope {
        fac_add_parameter(n, scale, fac_ones(FAC_SHAPE(2)));
        fac_add_buffer(n, steps, fac_zeros(FAC_SHAPE(), .dtype = FAC_INT64));
    }
    if (n) n->note = strdup("a note"), notes++;
    return fac_module_ready(n);
}

static void check_names_of(fac_named_tensors all, const char *const *names)
{
    int count = 0;
    for (; names[count]; count++) {
        assert_true(count < all.count);
        assert_string_equal(all.items[count].name, names[count]);
    }
    assert_int_equal(all.count, count);
}

static void test_own_module(void **state)
{
    fac_module *m = net_new();
    net *n = (net *)m;
    fac_scope {
        static const char *const parameters[] = {"scale",         "first.weight", "first.bias",
                                                 "second.weight", "second.bias",  NULL};
        static const char *const buffers[] = {"steps", NULL};
        check_names_of(fac_named_parameters(n), parameters);
        check_names_of(fac_named_buffers(n), buffers);
        fac_tensor_list all = fac_parameters(n);
        assert_int_equal(all.count, 5);
        assert_ptr_equal(all.items[0], n->scale);
        assert_int_equal(fac_buffers(n).count, 1);
        assert_int_equal(fac_num_parameters(n), 2 + 12 + 4 + 8 + 2);
        assert_int_equal(fac_children(n).count, 2);
        assert_ptr_equal(fac_children(n).items[1], n->second);
        assert_ptr_equal(fac_get_submodule(n, "second"), n->second);
        assert_ptr_equal(fac_get_submodule(n, ""), n);
        assert_ptr_equal(fac_get_parameter(n, "first.weight"), all.items[1]);
        assert_ptr_equal(fac_get_parameter(n, "steps"), n->steps);
        expect_error(fac_get_submodule(n, "first.x"), "Linear has no attribute `x`");
        expect_error(fac_get_submodule(n, "scale"), "`scale` is not an nn.Module");
        expect_error(fac_get_parameter(n, "first.x"), "Linear has no attribute `x`");
        expect_error(fac_get_parameter(n, "first"), "`first` is not an nn.Parameter");
        fac_tensor *x = fac_ones(FAC_SHAPE(2, 3));
        assert_true(fac_backward(fac_sum(fac_forward(n, x))));
        assert_non_null(fac_grad(n->scale));
        fac_module_zero_grad(n);
        for (int i = 0; i < 5; i++)
            assert_null(fac_grad(all.items[i]));
        fac_module_requires_grad_(n, false);
        assert_false(fac_requires_grad(fac_forward(n, x)));
        fac_module_requires_grad_(n, true);
        assert_true(fac_requires_grad(n->scale));
        assert_true(n->base.training && n->first->training);
        fac_eval(n);
        assert_false(n->base.training || n->second->training);
        fac_train(n, true);
        assert_true(n->base.training && n->second->training);
    }
    fac_module_free(m);
    assert_int_equal(notes, 0);
}

/* One tensor in two places is one parameter, with two names in the state. */
static void test_tied(void **state)
{
    fac_module *m = fac_nn_sequential(fac_nn_linear(3, 3, .bias = false), fac_nn_linear(3, 3, .bias = false));
    fac_scope {
        fac_tensor *w = fac_get_parameter(fac_module_at(m, 0), "weight"), *slot;
        fac__add_parameter(fac_module_at(m, -1), "weight", w, &slot);
        assert_ptr_equal(slot, w);
        assert_int_equal(fac_parameters(m).count, 1);
        assert_int_equal(fac_num_parameters(m), 9);
        fac_state *s = fac_state_dict(m);
        assert_int_equal(fac_state_count(s), 2);
        fac_state_free(s);
        fac_module *copy = fac_copy_module(m);
        assert_int_equal(fac_parameters(copy).count, 1);
        fac_module_free(copy);
        fac_tensor *x = fac_ones(FAC_SHAPE(1, 3)), *y = fac_linear(fac_linear(x, w, NULL), w, NULL);
        check_close(fac_forward(m, x), y, 0);
        expect_error(fac_module_at(m, 2), "index 2 is out of range");
    }
    fac_module_free(m);
}

static void test_adding(void **state)
{
    net *n = fac_module_new(&net_type);
    fac_scope {
        fac_tensor *t = fac_ones(FAC_SHAPE(2));
        assert_ptr_equal(fac_add_parameter(n, scale, t), t);
        assert_true(fac_requires_grad(t));
        /* what has a history becomes a leaf on the same memory */
        fac_tensor *made = fac_mul_scalar(t, 2), *taken = fac_add_parameter(n, scale, made);
        assert_true(taken != made && fac_is_leaf(taken) && fac_shares_storage(taken, made));
        assert_ptr_equal(n->scale, taken);
        assert_int_equal(fac_parameters(n).count, 1);
        /* a new child in an old one's place */
        fac_add_child(n, first, fac_nn_relu());
        fac_module *second = fac_add_child(n, first, fac_nn_tanh());
        assert_ptr_equal(fac_children(n).items[0], second);
        assert_int_equal(fac_children(n).count, 1);
        second = fac_add_child_named(n, "first", fac_nn_tanh());
        assert_ptr_equal(n->first, second);
        assert_false(n->base.failed);
        expect_error(fac_add_child_named(n, "a.b", fac_nn_relu()), "module name can't contain \".\", got: a.b");
        assert_true(n->base.failed);
        expect_error(fac_add_child_named(n, "", fac_nn_relu()), "module name can't be empty string \"\"");
        expect_error(fac_add_child_named(n, "scale", fac_nn_relu()), "attribute 'scale' already exists");
        expect_error(fac_add_child_named(n, "again", second), "Tanh is already part of Net");
        expect_error(fac_add_child_named(n, "self", &n->base), "Net cannot be part of itself");
        expect_error(fac_add_child_named(second, "self", &n->base), "Net cannot be part of itself");
        expect_error(fac_add_child(n, second, NULL), "argument 'module' must not be NULL");
        expect_error(fac_add_parameter(n, scale, NULL), "argument 'tensor' must not be NULL");
        expect_error(fac_add_parameter(n, steps, fac_zeros(FAC_SHAPE(2), .dtype = FAC_INT64)),
                     "Only Tensors of floating point and complex dtype can require gradients");
        expect_error(fac_module_free(second), "Tanh is part of Net and is freed with it");
        assert_null(fac_module_ready(n));
        net *nobody = NULL;
        expect_error(fac_add_child(nobody, first, fac_nn_relu()), "argument 'self' must not be NULL");
        expect_error(fac_add_parameter(nobody, scale, t), "argument 'm' must not be NULL");
        expect_error(fac_nn_sequential(fac_nn_relu(), NULL, fac_nn_relu()), "argument 'module' must not be NULL");
        fac_module *empty = fac_nn_sequential();
        assert_ptr_equal(fac_forward(empty, t), t);
        assert_int_equal(fac_parameters(empty).count, 0);
        assert_non_null(fac_parameters(empty).items);
        assert_non_null(fac_append(empty, fac_nn_relu()));
        fac_module_free(empty);
        fac_module *list = fac_nn_module_list(fac_nn_linear(2, 2), fac_nn_relu());
        expect_error(fac_forward(list, t), "Module [ModuleList] is missing the required \"forward\" function");
        fac_module_free(list);
        expect_error(fac_forward(NULL, t), "argument 'm' must not be NULL");
        expect_error(fac_parameters(NULL), "argument 'm' must not be NULL");
        fac_module_type small = {.name = "Small", .size = 8};
        expect_error(fac_module_new(&small), "a module type's size must be that of its struct");
    }
}

/* The macros' own variables have names that a program has not. */
static void test_names_of_variables(void **state)
{
    (void)state;
    net *self_ = (net *)net_new();
    fac_module *value_ = fac_nn_relu();
    double o_ = 0.5;
    fac_scope {
        assert_ptr_equal(fac_add_child(self_, first, value_), value_);
        fac_tensor *slot_ = fac_ones(FAC_SHAPE(2));
        assert_ptr_equal(fac_add_parameter(self_, scale, slot_), slot_);
    }
    fac_optimizer *sgd = fac_sgd(fac_parameters(self_), .lr = o_);
    assert_true(fac_lr(sgd) == 0.5);
    fac_optimizer_free(sgd);
    fac_module_free(self_);
}

/* ---- states ------------------------------------------------------------------------------------------------- */

static void test_state(void **state)
{
    fac_manual_seed(1);
    fac_module *a = fac_nn_sequential(fac_nn_linear(3, 2), fac_nn_batch_norm1d(2)),
               *b = fac_nn_sequential(fac_nn_linear(3, 2), fac_nn_batch_norm1d(2));
    fac_scope {
        fac_tensor *x = fac_randn(FAC_SHAPE(5, 3));
        fac_forward(a, x);
        fac_state *s = fac_state_dict(a);
        static const char *const names[] = {
            "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"};
        assert_int_equal(fac_state_count(s), 7);
        for (int i = 0; i < 7; i++)
            assert_string_equal(fac_state_name_at(s, i), names[i]);
        assert_false(fac_requires_grad(fac_state_tensor_at(s, 0)));
        assert_true(fac_shares_storage(fac_state_tensor_at(s, 0), fac_get_parameter(a, "0.weight")));
        assert_int_equal(fac_item_int(fac_state_get(s, "1.num_batches_tracked")), 1);
        int64_t version = fac_version_of(fac_get_parameter(b, "0.weight"));
        fac_tensor *weight = fac_get_parameter(b, "0.weight");
        assert_true(fac_load_state_dict(b, s));
        assert_ptr_equal(fac_get_parameter(b, "0.weight"), weight);
        assert_true(fac_version_of(weight) > version && fac_requires_grad(weight));
        fac_eval(a);
        fac_eval(b);
        check_close(fac_forward(b, x), fac_forward(a, x), 0);
        fac_state_free(s);
    }
    fac_module_free(a);
    fac_module_free(b);
}

static void test_state_errors(void **state)
{
    fac_module *m = fac_nn_sequential(fac_nn_linear(2, 3), fac_nn_batch_norm1d(3));
    fac_scope {
        fac_state *s = fac_state_new();
        fac_tensor *before = fac_clone(fac_get_parameter(m, "0.bias"));
        fac_state_set(s, "0.weight", fac_zeros(FAC_SHAPE(3, 3)));
        fac_state_set(s, "0.bias", fac_ones(FAC_SHAPE(3)));
        fac_state_set(s, "foo", fac_zeros(FAC_SHAPE(1)));
        fac_state_set(s, "bar", fac_zeros(FAC_SHAPE(1)));
        fac_clear_error();
        assert_false(fac_load_state_dict(m, s));
        assert_string_equal(
            fac_error(),
            "Error(s) in loading state_dict for Sequential:"
            "\n\tMissing key(s) in state_dict: \"1.weight\", \"1.bias\", \"1.running_mean\", \"1.running_var\". "
            "\n\tUnexpected key(s) in state_dict: \"foo\", \"bar\". "
            "\n\tsize mismatch for 0.weight: copying a param with shape torch.Size([3, 3]) from checkpoint, the "
            "shape in current model is torch.Size([3, 2]).");
        expect_error(fac_load_state_dict(m, s, .strict = false),
                     "Error(s) in loading state_dict for Sequential:\n\tsize mismatch for 0.weight");
        check_close(fac_detach(fac_get_parameter(m, "0.bias")), before, 0);
        fac_state_free(s);
        s = fac_state_new();
        fac_state_set(s, "0.bias", fac_ones(FAC_SHAPE(3), .dtype = FAC_FLOAT64));
        assert_true(fac_load_state_dict(m, s, .strict = false));
        check_values(fac_detach(fac_get_parameter(m, "0.bias")), "[1., 1., 1.]");
        /* A number may be a tensor of one dimension, as in files from before PyTorch 0.4. */
        fac_state_set(s, "1.num_batches_tracked", fac_full(FAC_SHAPE(1), 7, .dtype = FAC_INT64));
        assert_true(fac_load_state_dict(m, s, .strict = false));
        int64_t tracked = 0;
        fac_state *dict = fac_state_dict(m);
        assert_true(fac_state_get_int(dict, "1.num_batches_tracked", &tracked) && tracked == 7);
        fac_state_free(dict);
        expect_error(fac_load_state_dict(m, NULL), "argument 'state' must not be NULL");
        expect_error(fac_load_state_dict(NULL, s), "argument 'm' must not be NULL");
        fac_state_free(s);
        /* A very long account is cut off. */
        fac_module *large = fac_nn_sequential();
        for (int i = 0; i < 60; i++)
            fac_append(large, fac_nn_linear(1, 1));
        s = fac_state_new();
        expect_error(fac_load_state_dict(large, s), "Missing key(s) in state_dict: \"0.weight\", \"0.bias\"");
        fac_state_free(s);
        fac_module_free(large);
    }
    fac_module_free(m);
}

/* ---- copies and casts --------------------------------------------------------------------------------------- */

static void test_copy(void **state)
{
    fac_module *m = net_new();
    fac_scope {
        fac_tensor *x = fac_ones(FAC_SHAPE(1, 3)), *y = fac_forward(m, x);
        fac_backward(fac_sum(y));
        fac_eval(((net *)m)->second);
        net *copy = (net *)fac_copy_module(m);
        check_close(fac_forward(copy, x), y, 0);
        assert_true(copy->scale != ((net *)m)->scale && copy->first != ((net *)m)->first);
        assert_false(fac_shares_storage(copy->scale, ((net *)m)->scale));
        assert_true(fac_is_leaf(copy->scale) && fac_requires_grad(copy->scale));
        assert_null(fac_grad(copy->scale));
        assert_false(copy->second->training);
        assert_string_equal(copy->note, "a note");
        assert_ptr_equal(fac_get_submodule(copy, "first"), copy->first);
        fac_no_grad
            fac_zero_(copy->scale);
        check_close(fac_forward(m, x), y, 0);
        fac_module_free(copy);
        fac_requires_grad_(((net *)m)->scale, false);
        copy = (net *)fac_copy_module(m);
        assert_false(fac_requires_grad(copy->scale));
        assert_true(fac_requires_grad(fac_get_parameter(copy, "first.weight")));
        fac_module_free(copy);
        static const fac_module_type strange = {.name = "Strange", .size = sizeof(net), .free = net_free};
        fac_module *s = fac_module_new(&strange);
        expect_error(fac_copy_module(s), "Strange cannot be copied: its type has free and no copy");
        fac_module_free(s);
    }
    fac_module_free(m);
    assert_int_equal(notes, 0);
}

static void test_to(void **state)
{
    fac_module *m = net_new();
    fac_scope {
        net *n = (net *)m;
        fac_tensor *scale = n->scale, *x = fac_ones(FAC_SHAPE(1, 3)), *y = fac_forward(m, x);
        fac_backward(fac_sum(y));
        assert_true(fac_module_to(m, FAC_FLOAT64));
        assert_ptr_equal(n->scale, scale);
        assert_int_equal(fac_dtype_of(scale), FAC_FLOAT64);
        assert_int_equal(fac_dtype_of(fac_grad(scale)), FAC_FLOAT64);
        assert_int_equal(fac_dtype_of(n->steps), FAC_INT64);
        x = fac_to(x, FAC_FLOAT64);
        check_close(fac_to(fac_forward(m, x), FAC_FLOAT32), y, 1e-6);
        assert_true(fac_backward(fac_sum(fac_forward(m, x))));
        check_close(fac_grad(fac_get_parameter(m, "second.bias")), fac_to(fac_literal("[2., 2.]"), FAC_FLOAT64), 1e-6);
        expect_error(fac_module_to(m, FAC_INT64),
                     "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int64");
    }
    fac_module_free(m);
}

/* ---- failures ----------------------------------------------------------------------------------------------- */

/* One of the things that ask for memory. */
static void use(fac_module *m, int what)
{
    fac_module *copy;
    fac_state *s;
    switch (what) {
    case 0: fac_parameters(m); break;
    case 1: fac_named_parameters(m); break;
    case 2: fac_children(m); break;
    case 3: fac_module_free(fac_copy_module(m)); break;
    case 4: fac_state_free(fac_state_dict(m)); break;
    case 5: fac_module_to(m, FAC_FLOAT64); break;
    case 6: fac_module_free(net_new()); break;
    default:
        s = fac_state_dict(m);
        copy = fac_copy_module(m);
        if (s && copy) fac_load_state_dict(copy, s);
        fac_module_free(copy);
        fac_state_free(s);
    }
}

static void test_failed_allocations_of_trees(void **state)
{
    for (int what = 0; what < 8; what++)
        for (int n = 1, far = 0; n < 400 && !far; n++) {
            fac_clear_error();
            int64_t before = fac_memory().used;
            fac_module *m = net_new();
            int64_t count = fac__alloc_count();
            fac__alloc_fail_at(n);
            fac_scope
                use(m, what);
            far = fac__alloc_count() - count < n;
            fac__alloc_fail_at(0);
            assert_true(far || fac_error());
            fac_module_free(m);
            if (fac_memory().used != before) fail_msg("use %d leaks when allocation %d fails", what, n);
        }
    fac_clear_error();
    assert_int_equal(notes, 0);
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_variables),
        cmocka_unit_test(test_own_module),
        cmocka_unit_test(test_tied),
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_state_errors),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_to),
        cmocka_unit_test(test_failed_allocations_of_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
