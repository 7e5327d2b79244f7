/* Gradients: graph, engine, in-place changes, views, hooks, functions of one's own. Expected values are PyTorch 1.13's. */
#include "testing.h"

#include <pthread.h>

#include "core/memory.h"

static double sole(fac_tensor *t)
{
    return fac_item(t);
}

static fac_tensor *leaf(const char *text)
{
    return fac_literal(text, .requires_grad = true);
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

static void test_gradient_of_a_square(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[2.0]");
        fac_tensor *y = fac_pow_scalar(x, 2);
        assert_string_equal(fac_grad_fn_name(y), "PowBackward0");
        assert_true(fac_backward(y));
        check_values(fac_grad(x), "[4.]");
        assert_null(fac_error());
    }
}

static void test_gradients_add_up(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[1., 2., 3.]");
        for (int i = 0; i < 3; i++)
            assert_true(fac_backward(fac_sum(fac_mul(x, x))));
        check_values(fac_grad(x), "[6., 12., 18.]");
        assert_true(fac_set_grad(x, NULL));
        assert_null(fac_grad(x));
    }
}

static void test_broadcast_gradients_are_summed(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *a = leaf("[[1.], [2.]]"), *b = leaf("[10., 20., 30.]"), *c = leaf("2.");
        fac_backward(fac_sum(fac_mul(fac_mul(a, b), c)));
        check_values(fac_grad(a), "[[120.], [120.]]");
        check_values(fac_grad(b), "[6., 6., 6.]");
        check_values(fac_grad(c), "180.");
    }
}

static void test_gradient_argument(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[1., 2.]");
        fac_tensor *y = fac_mul_scalar(x, 3.0);
        expect_error(fac_backward(y), "grad can be implicitly created only for scalar outputs");
        expect_error(fac_backward(y, .gradient = fac_literal("[1.]")),
                     "Mismatch in shape: grad_output[0] has a shape of torch.Size([1]) and output[0] has a shape of "
                     "torch.Size([2]).");
        assert_true(fac_backward(y, .gradient = fac_literal("[1., 10.]")));
        check_values(fac_grad(x), "[3., 30.]");
    }
}

static void test_backward_twice(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[3.]");
        fac_tensor *y = fac_exp(x), *z = fac_mul(x, x);
        assert_true(fac_backward(z, .retain_graph = true));
        assert_true(fac_backward(z));
        check_values(fac_grad(x), "[12.]");
        expect_error(fac_backward(z), "Trying to backward through the graph a second time");
        expect_error(fac_backward(fac_detach(y)),
                     "element 0 of tensors does not require grad and does not have a grad_fn");
        /* what saves nothing has nothing to lose */
        z = fac_neg(fac_add(x, x));
        assert_true(fac_backward(z));
        assert_true(fac_backward(z));
        check_values(fac_grad(x), "[8.]");
        z = fac_add_scalar(x, 1);
        fac_exp_(fac_select(z, 0, 0)); /* a change of a view loses what it saved like any other */
        assert_true(fac_backward(z));
        expect_error(fac_backward(z), "Trying to backward through the graph a second time");
        z = fac_mul_scalar(x, 2); /* whose number PyTorch saves as a tensor */
        assert_true(fac_backward(z));
        expect_error(fac_backward(z), "Trying to backward through the graph a second time");
    }
}

static void test_leaf_frozen_before_backward(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[3.]"), *w = leaf("[5.]"), *y = fac_mul(x, w);
        fac_requires_grad_(w, false);
        assert_true(fac_backward(y));
        check_values(fac_grad(x), "[5.]");
        assert_null(fac_grad(w));
    }
}

static void test_grad_of_chosen_inputs(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[2.]"), *w = leaf("[5.]"), *unused = leaf("[1.]");
        fac_tensor *h = fac_mul(x, w), *y = fac_mul(h, h), *grads[3];
        fac_tensor *inputs[] = {x, h, unused};
        assert_true(fac_autograd_grad(&y, 1, inputs, 3, grads, .allow_unused = true, .retain_graph = true));
        check_values(grads[0], "[100.]");
        check_values(grads[1], "[20.]");
        assert_null(grads[2]);
        assert_null(fac_grad(x));
        expect_error(fac_autograd_grad(&y, 1, inputs, 3, grads), "appears to not have been used in the graph");
    }
}

static void test_higher_order(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_literal("[0.5, -1.5]", .dtype = FAC_FLOAT64, .requires_grad = true);
        fac_tensor *y = fac_sum(fac_mul(fac_exp(x), fac_sin(x))), *g = NULL, *h = NULL;
        assert_true(fac_autograd_grad(&y, 1, &x, 1, &g, .create_graph = true));
        fac_tensor *s = fac_sum(g);
        assert_true(fac_autograd_grad(&s, 1, &x, 1, &h, .create_graph = true));
        /* (e^x sin x)'' = 2 e^x cos x */
        fac_tensor *want = fac_mul_scalar(fac_mul(fac_exp(x), fac_cos(x)), 2.0);
        check_close(h, want, 1e-12);
        s = fac_sum(h);
        assert_true(fac_autograd_grad(&s, 1, &x, 1, &g));
        /* ''' = 2 e^x (cos x - sin x) */
        want = fac_mul_scalar(fac_mul(fac_exp(x), fac_sub(fac_cos(x), fac_sin(x))), 2.0);
        check_close(g, want, 1e-12);
    }
}

static void test_no_grad_and_detach(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[1., 2.]"), *y = NULL;
        fac_no_grad
            y = fac_mul(x, x);
        assert_false(fac_requires_grad(y));
        assert_true(fac_is_grad_enabled());
        fac_no_grad {
            fac_enable_grad assert_true(fac_requires_grad(fac_mul(x, x)));
            assert_false(fac_is_grad_enabled());
        }
        for (int i = 0; i < 2; i++) {
            fac_no_grad {
                break;
            }
        }
        assert_true(fac_is_grad_enabled());
        fac_tensor *d = fac_detach(x);
        assert_true(fac_shares_storage(d, x));
        assert_false(fac_requires_grad(d));
        assert_true(fac_is_leaf(x) && fac_is_leaf(d) && !fac_is_leaf(fac_mul(x, x)));
        fac_tensor *z = fac_detach_(fac_mul(x, x));
        assert_true(fac_is_leaf(z) && !fac_requires_grad(z));
    }
}

static void test_leaves_only(void **state)
{
    (void)state;
    fac_scope {
        expect_error(fac_requires_grad_(fac_literal("[1, 2]"), true),
                     "only Tensors of floating point dtype can require gradients");
        fac_tensor *x = leaf("[1.]"), *y = fac_mul(x, x);
        expect_error(fac_requires_grad_(y, false), "you can only change requires_grad flags of leaf variables");
        expect_error(fac_set_grad(x, fac_literal("[1., 2.]")), "assigned grad has data of a different size");
        expect_error(fac_set_grad(x, fac_literal("[1]")), "assigned grad has data of a different type");
    }
}

/* ---- in place ----------------------------------------------------------------------------------------------- */

static void test_in_place(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[1., 2.]");
        expect_error(fac_add_scalar_(x, 1),
                     "a leaf Variable that requires grad is being used in an in-place operation.");
        fac_tensor *y = fac_mul_scalar(x, 2.0);
        fac_mul_(y, x);
        fac_exp_(y);
        fac_backward(fac_sum(y));
        /* of exp(2 x^2) */
        fac_tensor *v = fac_detach(x);
        check_close(fac_grad(x), fac_mul(fac_exp(fac_mul_scalar(fac_mul(v, v), 2.0)), fac_mul_scalar(v, 4.0)), 1e-6);
    }
}

static void test_saved_tensor_modified(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[1., 2.]");
        fac_tensor *y = fac_exp(x);
        fac_add_scalar_(y, 1);
        expect_error(
            fac_backward(fac_sum(y)),
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            "[torch.FloatTensor [2]], which is output 0 of ExpBackward0, is at version 1; expected version 0 instead.");
    }
}

static void test_views_in_place(void **state)
{
    (void)state;
    fac_scope {
        /* a constant base gets a history through its view */
        fac_tensor *w = leaf("[5., 6.]"), *base = fac_zeros(FAC_SHAPE(2, 2));
        fac_copy_(fac_select(base, 0, 1), w);
        assert_true(fac_requires_grad(base));
        assert_string_equal(fac_grad_fn_name(base), "CopySlices");
        fac_backward(fac_sum(fac_mul(base, base)));
        check_values(fac_grad(w), "[10., 12.]");
    }
    fac_scope {
        /* a view made before the base changed sees the change */
        fac_tensor *x = leaf("[1., 2., 3.]");
        fac_tensor *y = fac_mul_scalar(x, 1.0), *view = fac_narrow(y, 0, 1, 2);
        fac_mul_scalar_(y, 10.0);
        check_values(view, "[20., 30.]");
        fac_backward(fac_sum(fac_mul(view, view)));
        check_values(fac_grad(x), "[0., 400., 600.]");
    }
    fac_scope {
        /* multiplying one element in place: the others pass */
        fac_tensor *x = leaf("[1., 2., 3.]"), *w = leaf("7.");
        fac_tensor *y = fac_mul_scalar(x, 1.0);
        fac_mul_(fac_select(y, 0, 1), w);
        fac_backward(fac_sum(y));
        check_values(fac_grad(x), "[1., 7., 1.]");
        check_values(fac_grad(w), "2.");
        fac_tensor *z = leaf("[1., 2.]");
        expect_error(fac_zero_(fac_select(z, 0, 0)),
                     "a view of a leaf Variable that requires grad is being used in an in-place operation.");
        expect_error(fac_zero_(fac_expand(fac_zeros(FAC_SHAPE(1)), FAC_SHAPE(3))),
                     "unsupported operation: more than one element");
    }
    fac_scope {
        /* twice differentiated: exp(2 x^2) and x^4 */
        fac_tensor *x = leaf("[1., 2.]"), *y = fac_mul(x, x), *g = NULL, *h = NULL;
        fac_exp_(fac_narrow(y, 0, 0, 1));
        y = fac_sum(fac_mul(y, y));
        assert_true(fac_autograd_grad(&y, 1, &x, 1, &g, .create_graph = true));
        g = fac_sum(g);
        assert_true(fac_autograd_grad(&g, 1, &x, 1, &h));
        check_values(h, "[147.7811220, 48.]");
    }
    fac_scope {
        fac_tensor *y = fac_mul_scalar(leaf("[1., 2.]"), 1.0), *view = NULL;
        fac_no_grad
            view = fac_select(y, 0, 0);
        expect_error(fac_zero_(view), "A view was created in no_grad mode and is being modified inplace");
        fac_no_grad
            assert_non_null(fac_zero_(view));
    }
}

/* h is kept by the product's node, which the history that h gets leads to: they must not keep each other. */
static void test_histories_without_cycles(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[1., 2.]"), *w = leaf("[3., 4.]");
        int64_t used = 0;
        for (int i = 0; i < 3; i++) {
            fac_scope {
                fac_tensor *h = fac_mul_scalar(x, 1), *y = fac_mul(h, w);
                fac_add_(h, fac_sin(y));
                expect_error(fac_backward(fac_sum(h)), "modified by an inplace operation");
                h = fac_zeros(FAC_SHAPE(2));
                fac_add_(h, fac_mul(h, w));
                /* through a view, and through what another tensor got in place */
                h = fac_mul_scalar(x, 1);
                y = fac_mul(h, w);
                fac_add_(fac_narrow(h, 0, 0, 1), fac_narrow(y, 0, 1, 1));
                h = fac_mul_scalar(x, 1);
                y = fac_zeros(FAC_SHAPE(3));
                fac_add_(fac_narrow(y, 0, 0, 2), w);
                fac_mul_(fac_narrow(y, 0, 0, 2), h);
                fac_add_(h, fac_narrow(y, 0, 0, 2));
            }
            if (i > 0) assert_int_equal(fac_memory().used, used);
            used = fac_memory().used;
        }
    }
}

/* ---- gradients kept ---------------------------------------------------------------------------------------- */

static void test_gradients_with_a_history_are_apart(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *a = leaf("[1., 2.]"), *b = leaf("[3., 4.]"), *given = fac_literal("[1., 1.]");
        assert_true(fac_backward(fac_add(a, b), .gradient = given, .create_graph = true));
        fac_no_grad
            fac_mul_scalar_(fac_grad(a), 10);
        check_values(fac_grad(a), "[10., 10.]");
        check_values(fac_grad(b), "[1., 1.]");
        check_values(given, "[1., 1.]");
    }
}

static void test_retained_gradient_after_a_change_in_place(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[1., 2., 3.]"), *y = fac_retain_grad(fac_mul_scalar(x, 2)), *loss = NULL;
        fac_mul_scalar_(y, 3);
        fac_tensor *view = fac_retain_grad(fac_narrow(y, 0, 0, 2));
        fac_mul_scalar_(y, 7);
        fac_backward(fac_sum(fac_add(fac_mul_scalar(y, 5), fac_sum(view))));
        check_values(fac_grad(y), "[8., 8., 5.]");
        check_values(fac_grad(view), "[3., 3.]");
        check_values(fac_grad(x), "[336., 336., 210.]");
        fac_scope {
            /* gone before backward */
            y = fac_retain_grad(fac_mul_scalar(x, 2));
            fac_mul_scalar_(y, 3);
            loss = fac_keep(fac_sum(y));
        }
        assert_true(fac_set_grad(x, NULL));
        assert_true(fac_backward(loss));
        check_values(fac_grad(x), "[6., 6., 6.]");
        fac_release(loss);
    }
}

/* ---- hooks -------------------------------------------------------------------------------------------------- */

static fac_tensor *doubled(void *calls, fac_tensor *g)
{
    ++*(int *)calls;
    return fac_mul_scalar(g, 2.0);
}

static fac_tensor *counted(void *calls, fac_tensor *g)
{
    (void)g;
    ++*(int *)calls;
    return NULL;
}

static void test_hooks(void **state)
{
    (void)state;
    fac_scope {
        int twice = 0, count = 0;
        fac_tensor *x = leaf("[1., 2.]"), *y = fac_mul(x, x);
        assert_true(fac_register_hook(y, doubled, &twice));
        int id = fac_register_hook(x, counted, &count);
        assert_true(id);
        assert_ptr_equal(fac_retain_grad(y), y);
        fac_backward(fac_sum(y), .retain_graph = true);
        check_values(fac_grad(x), "[4., 8.]");
        check_values(fac_grad(y), "[2., 2.]");
        assert_int_equal(twice, 1);
        assert_int_equal(count, 1);
        assert_true(fac_remove_hook(x, id));
        expect_error(fac_remove_hook(x, id), "there is no hook");
        fac_backward(fac_sum(y));
        assert_int_equal(count, 1);
        expect_error(fac_register_hook(fac_detach(x), counted, &count),
                     "cannot register a hook on a tensor that doesn't require gradient");
    }
}

static void test_retained_gradients_are_apart(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[1., 2.]"), *given = fac_literal("[1., 1.]");
        fac_tensor *y = fac_retain_grad(fac_add_scalar(x, 1)), *z = fac_retain_grad(fac_add_scalar(y, 1));
        for (int i = 0; i < 2; i++)
            assert_true(fac_backward(z, .gradient = given, .retain_graph = true));
        check_values(fac_grad(y), "[2., 2.]");
        check_values(fac_grad(z), "[2., 2.]");
        check_values(given, "[1., 1.]");
    }
}

typedef struct registration {
    fac_tensor *t;
    int id, *calls;
} registration;

static fac_tensor *doubled_once(void *context, fac_tensor *g)
{
    registration *r = context;
    assert_true(fac_remove_hook(r->t, r->id));
    assert_true(fac_register_hook(r->t, counted, r->calls));
    return fac_mul_scalar(g, 2.0);
}

static void test_hook_that_removes_itself(void **state)
{
    (void)state;
    fac_scope {
        int twice = 0, count = 0;
        fac_tensor *x = leaf("[1., 2.]"), *y = fac_mul_scalar(x, 3);
        registration r = {y, 0, &count};
        r.id = fac_register_hook(y, doubled_once, &r);
        assert_true(fac_register_hook(y, doubled, &twice));
        assert_true(fac_backward(fac_sum(y), .retain_graph = true));
        check_values(fac_grad(x), "[12., 12.]");
        assert_int_equal(count, 0); /* registered while hooks ran */
        assert_true(fac_backward(fac_sum(y)));
        check_values(fac_grad(x), "[18., 18.]");
        assert_int_equal(twice, 2);
        assert_int_equal(count, 1);
    }
}

static fac_tensor *as_given(void *other, fac_tensor *g)
{
    (void)g;
    return other;
}

static void test_hook_of_another_shape(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[1., 2.]"), *y = fac_exp(x);
        fac_register_hook(y, as_given, fac_literal("[1.]"));
        expect_error(fac_backward(fac_sum(y)), "has changed the size of value");
        fac_register_hook(x, as_given, fac_literal("[1., 1.]", .dtype = FAC_FLOAT64));
        expect_error(fac_backward(fac_sum(x)), "has changed the type of value");
        assert_null(fac_grad(x));
    }
}

/* ---- functions of one's own ---------------------------------------------------------------------------------- */

typedef struct power_data {
    int exponent;
} power_data;

static bool cube_forward(fac_function_context *c, fac_tensor *const *in, int n_in, fac_tensor **out, int n_out)
{
    assert_int_equal(n_in, 1);
    assert_int_equal(n_out, 2);
    ((power_data *)fac_function_data(c))->exponent = 3;
    fac_save_for_backward(c, in[0]);
    out[0] = fac_pow_scalar(in[0], 3);
    out[1] = in[0];
    return true;
}

static bool cube_backward(fac_function_context *c, fac_tensor *const *grad_out, int n_out, fac_tensor **grad_in,
                          int n_in)
{
    (void)n_out;
    (void)n_in;
    assert_int_equal(((power_data *)fac_function_data(c))->exponent, 3);
    assert_true(fac_needs_input_grad(c, 0));
    assert_null(grad_out[1]);
    grad_in[0] = fac_mul(grad_out[0], fac_mul_scalar(fac_pow_scalar(fac_saved_tensor(c, 0), 2), 3.0));
    return true;
}

static const fac_function cube = {"CubeBackward", sizeof(power_data), cube_forward, cube_backward};

static bool double_forward(fac_function_context *c, fac_tensor *const *in, int n_in, fac_tensor **out, int n_out)
{
    (void)c, (void)n_in, (void)n_out;
    out[0] = fac_mul_scalar(in[0], 2);
    return true;
}

static bool double_backward(fac_function_context *c, fac_tensor *const *grad_out, int n_out, fac_tensor **grad_in,
                            int n_in)
{
    (void)c, (void)n_out, (void)n_in;
    grad_in[0] = fac_mul_scalar(grad_out[0], 2);
    return true;
}

static void test_own_function(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = leaf("[2.]"), *out[2], *g = NULL, *h = NULL;
        assert_true(fac_apply(&cube, &x, 1, out, 2));
        assert_string_equal(fac_grad_fn_name(out[0]), "CubeBackward");
        check_values(out[0], "[8.]");
        assert_true(fac_autograd_grad(out, 1, &x, 1, &g, .create_graph = true));
        check_values(g, "[12.]");
        assert_true(fac_autograd_grad(&g, 1, &x, 1, &h));
        check_values(h, "[12.]");
        fac_tensor *plain = fac_literal("[2.]");
        assert_true(fac_apply(&cube, &plain, 1, out, 2));
        assert_false(fac_requires_grad(out[0]));
        static const fac_function twice = {"DoubleBackward", 0, double_forward, double_backward};
        assert_true(fac_apply(&twice, &x, 1, out, 1));
        assert_true(fac_backward(out[0]) && fac_backward(out[0]));
        check_values(fac_grad(x), "[4.]");
    }
}

static bool flat_exp_forward(fac_function_context *c, fac_tensor *const *in, int n_in, fac_tensor **out, int n_out)
{
    (void)n_in, (void)n_out;
    out[0] = fac_view(fac_exp(in[0]), FAC_SHAPE(-1));
    return fac_save_for_backward(c, out[0]);
}

static bool flat_exp_backward(fac_function_context *c, fac_tensor *const *grad_out, int n_out, fac_tensor **grad_in,
                              int n_in)
{
    (void)n_out, (void)n_in;
    grad_in[0] = fac_view(fac_mul(grad_out[0], fac_saved_tensor(c, 0)), FAC_SHAPE(1, 1));
    return true;
}

/* An output that is a view of something is an output all the same. */
static void test_own_function_saves_a_view(void **state)
{
    (void)state;
    static const fac_function flat_exp = {"FlatExpBackward", 0, flat_exp_forward, flat_exp_backward};
    fac_scope {
        fac_tensor *x = leaf("[[2.]]"), *y, *g = NULL, *h = NULL;
        assert_true(fac_apply(&flat_exp, &x, 1, &y, 1));
        assert_true(fac_autograd_grad(&y, 1, &x, 1, &g, .create_graph = true));
        assert_true(fac_autograd_grad(&g, 1, &x, 1, &h));
        check_values(h, "[[7.3890561]]");
    }
}

static bool misfit_forward(fac_function_context *c, fac_tensor *const *in, int n_in, fac_tensor **out, int n_out)
{
    (void)c, (void)n_in, (void)n_out;
    out[0] = fac_mul(in[0], in[1]);
    return true;
}

static bool misfit_backward(fac_function_context *c, fac_tensor *const *grad_out, int n_out, fac_tensor **grad_in,
                            int n_in)
{
    (void)c, (void)n_out, (void)n_in;
    grad_in[0] = grad_out[0];
    grad_in[1] = fac_ones(FAC_SHAPE(3));
    return true;
}

static bool failing(fac_function_context *c, fac_tensor *const *in, int n_in, fac_tensor **out, int n_out)
{
    (void)c, (void)in, (void)n_in, (void)out, (void)n_out;
    return false;
}

static void test_failing_function(void **state)
{
    (void)state;
    fac_scope {
        static const fac_function bad = {"Bad", 0, failing, failing};
        static const fac_function bad_backward = {"BadBackward", sizeof(power_data), cube_forward, failing};
        fac_tensor *x = leaf("[2.]"), *out[2];
        expect_error(fac_apply(&bad, &x, 1, out, 2), "the forward of Bad failed");
        assert_true(fac_apply(&bad_backward, &x, 1, out, 2));
        expect_error(fac_backward(out[0]), "the backward of BadBackward failed");
        expect_error(fac_apply(NULL, &x, 1, out, 2), "must not be NULL");
        static const fac_function misfit = {"MisfitBackward", 0, misfit_forward, misfit_backward};
        fac_tensor *two[] = {leaf("[1., 2.]"), leaf("[3., 4.]")};
        assert_true(fac_apply(&misfit, two, 2, out, 1));
        expect_error(fac_backward(fac_sum(out[0])), "Function MisfitBackward returned an invalid gradient at index 1 - "
                                                    "got [3] but expected shape compatible with [2]");
        fac_function empty = {.name = "Empty", .forward = cube_forward};
        expect_error(fac_apply(&empty, &x, 1, out, 2), "argument 'f->backward' must not be NULL");
        empty = (fac_function){.name = "Empty", .backward = cube_backward};
        expect_error(fac_apply(&empty, &x, 1, out, 2), "argument 'f->forward' must not be NULL");
        fac_function huge = {"Huge", SIZE_MAX, cube_forward, cube_backward};
        expect_error(fac_apply(&huge, &x, 1, out, 2), "not enough memory");
    }
}

/* ---- threads ------------------------------------------------------------------------------------------------ */

enum { THREADS = 4, ROUNDS = 200 };

typedef struct crowd {
    fac_tensor *w;
    pthread_barrier_t start, end;
} crowd;

static void *use_shared_leaf(void *context)
{
    crowd *c = context;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&c->start);
        fac_scope
            fac_neg(c->w);
        pthread_barrier_wait(&c->end);
    }
    return NULL;
}

/* A leaf that several threads compute with at once has one place where gradients add up: another would be lost, which
 * the build with sanitizers reports. */
static void test_leaf_shared_by_threads(void **state)
{
    (void)state;
    crowd c;
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&c.start, NULL, THREADS + 1), 0);
    assert_int_equal(pthread_barrier_init(&c.end, NULL, THREADS + 1), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_shared_leaf, &c), 0);
    for (int i = 0; i < ROUNDS; i++)
        fac_scope {
            c.w = leaf("[1., 2.]");
            pthread_barrier_wait(&c.start);
            pthread_barrier_wait(&c.end);
        }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&c.start);
    pthread_barrier_destroy(&c.end);
}

/* ---- size and memory ---------------------------------------------------------------------------------------- */

static void test_deep_graph(void **state)
{
    (void)state;
    fac_tensor *x = NULL, *y = NULL;
    fac_scope {
        x = fac_keep(leaf("1."));
        y = fac_keep(fac_mul_scalar(x, 1.0));
    }
    for (int i = 0; i < 200000; i++)
        fac_scope {
            fac_tensor *next = fac_keep(fac_mul_scalar(y, 1.0));
            fac_release(y);
            y = next;
        }
    assert_true(fac_backward(y));
    assert_true(sole(fac_grad(x)) == 1);
    fac_release(y);
    fac_release(x);
}

/* Every allocation of a step fails once: an error each time, no crash, nothing lost (the sanitizers look). */
static void test_failed_allocations(void **state)
{
    (void)state;
    bool done = false;
    for (int n = 1; n < 2000 && !done; n++)
        fac_scope {
            fac_tensor *x = leaf("[[1., 2.], [3., 4.]]"), *w = leaf("[0.5, 2.]");
            fac__alloc_fail_at(n);
            fac_tensor *y = fac_tanh(fac_mul(fac_exp(x), w));
            fac_tensor *z = fac_mul_scalar(y, 1.0);
            if (z) fac_mul_(fac_select(z, 0, 0), w);
            bool ok = fac_backward(fac_sum(fac_mul(z, z)));
            fac__alloc_fail_at(0);
            if (ok)
                done = true;
            else
                assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
            fac_clear_error();
        }
    assert_true(done);
}

static void test_steady_state_allocates_nothing(void **state)
{
    (void)state;
#ifdef FAC_TEST_SANITIZE
    skip(); /* nothing is kept for reuse, so that each use after free is seen */
#endif
    fac_scope {
        fac_tensor *x = leaf("[[1., 2.], [3., 4.]]");
        int64_t before = 0;
        for (int i = 0; i < 20; i++)
            fac_scope {
                if (i == 10) before = fac_memory().system_allocations;
                fac_backward(fac_sum(fac_tanh(fac_mul(x, x))));
                fac_set_grad(x, NULL);
            }
        assert_int_equal(fac_memory().system_allocations, before);
    }
}

static int clean(void **state)
{
    (void)state;
    fac_clear_error();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_gradient_of_a_square, clean),
        cmocka_unit_test_setup(test_gradients_add_up, clean),
        cmocka_unit_test_setup(test_broadcast_gradients_are_summed, clean),
        cmocka_unit_test_setup(test_gradient_argument, clean),
        cmocka_unit_test_setup(test_backward_twice, clean),
        cmocka_unit_test_setup(test_leaf_frozen_before_backward, clean),
        cmocka_unit_test_setup(test_grad_of_chosen_inputs, clean),
        cmocka_unit_test_setup(test_higher_order, clean),
        cmocka_unit_test_setup(test_no_grad_and_detach, clean),
        cmocka_unit_test_setup(test_leaves_only, clean),
        cmocka_unit_test_setup(test_in_place, clean),
        cmocka_unit_test_setup(test_saved_tensor_modified, clean),
        cmocka_unit_test_setup(test_views_in_place, clean),
        cmocka_unit_test_setup(test_histories_without_cycles, clean),
        cmocka_unit_test_setup(test_gradients_with_a_history_are_apart, clean),
        cmocka_unit_test_setup(test_retained_gradient_after_a_change_in_place, clean),
        cmocka_unit_test_setup(test_hooks, clean),
        cmocka_unit_test_setup(test_retained_gradients_are_apart, clean),
        cmocka_unit_test_setup(test_hook_that_removes_itself, clean),
        cmocka_unit_test_setup(test_hook_of_another_shape, clean),
        cmocka_unit_test_setup(test_own_function, clean),
        cmocka_unit_test_setup(test_own_function_saves_a_view, clean),
        cmocka_unit_test_setup(test_failing_function, clean),
        cmocka_unit_test_setup(test_leaf_shared_by_threads, clean),
        cmocka_unit_test_setup(test_deep_graph, clean),
        cmocka_unit_test_setup(test_failed_allocations, clean),
        cmocka_unit_test_setup(test_steady_state_allocates_nothing, clean),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
