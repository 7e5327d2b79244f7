/* Modules that are lists of calls: made by hand here, run, trained, copied, captured, printed. */
#include "testing.h"

#include "nn/graph_module_impl.h"

/* relu(x W' + b), dropout by the training flag, split into its two columns. */
static fac__graph *begin_graph(void)
{
    fac__graph *g = fac__graph_new();
    fac_scope {
        int x = fac__graph_input(g, "x", FAC_FLOAT32, FAC_DIMS(-1, 3));
        int w = fac__graph_parameter(g, "layers.0.weight", fac_literal("[[1, 2, 3], [0, -1, 1.]]"));
        int b = fac__graph_parameter(g, "layers.0.bias", fac_literal("[1, 0.]"));
        int y, z, parts[2];
        fac__term linear[] = {fac__term_value(x), fac__term_value(w), fac__term_value(b)};
        fac__graph_call(g, &(fac__new_call){.name = "fc", .op = "aten.linear.default", .args = linear, .n_args = 3}, 1,
                        &y);
        fac__term dropout[] = {fac__term_value(y), fac__term_float(0.999999), {.kind = FAC__TERM_TRAINING}};
        fac__graph_call(g, &(fac__new_call){.name = "drop", .op = "aten.dropout", .args = dropout, .n_args = 3}, 1, &z);
        fac__term sizes[] = {fac__term_int(1), fac__term_int(1)};
        fac__term split[] = {fac__term_value(z), fac__term_list(sizes, 2)};
        fac__named_term dim = {"dim", fac__term_int(1)};
        fac__graph_call(g,
                        &(fac__new_call){.name = "parts",
                                         .op = "aten.split_with_sizes.default",
                                         .args = split,
                                         .n_args = 2,
                                         .keywords = &dim,
                                         .n_keywords = 1},
                        2, parts);
        fac__graph_output(g, "left", fac__term_value(parts[0]));
        fac__graph_output(g, "right", fac__term_value(parts[1]));
    }
    return g;
}

static void test_runs(void **state)
{
    (void)state;
    fac_module *m = fac__graph_ready(begin_graph());
    assert_non_null(m);
    fac_scope {
        fac_eval(m);
        fac_tensor *x = fac_literal("[[1, 0, 0], [0, 1, 1.]]");
        fac_value in = fac_value_tensor(x), out[2];
        assert_int_equal(fac_graph_call(m, &in, 1, out, 2), 2);
        check_values(out[0].v.tensor, "[[2], [6.]]");
        check_values(out[1].v.tensor, "[[0], [0.]]");
        check_values(fac_forward(m, x), "[[2], [6.]]");
        fac_backward(fac_sum(out[0].v.tensor));
        check_values(fac_grad(fac_get_parameter(m, "layers.0.weight")), "[[1, 1, 1], [0, 0, 0.]]");
        fac_train(m, true); /* dropout drops all of so few */
        check_values(fac_forward(m, x), "[[0], [0.]]");
        assert_true(fac_is_graph(m));
        assert_int_equal(fac_graph_inputs(m), 1);
        assert_int_equal(fac_graph_outputs(m), 2);
        assert_string_equal(fac_graph_input_name(m, 0), "x");
        assert_string_equal(fac_graph_output_name(m, 1), "right");
        assert_null(fac_graph_input_name(m, 1));
        assert_int_equal(fac_graph_input_dtype(m, 0), FAC_FLOAT32);
        assert_int_equal(fac_graph_input_shape(m, 0).d[0], -1);
        assert_int_equal(fac_graph_input_shape(m, 1).n, -1);
    }
    fac_module_free(m);
}

static void test_print(void **state)
{
    (void)state;
    fac_module *m = fac__graph_ready(begin_graph());
    char *text = fac_module_to_string(m);
    assert_string_equal(text, "GraphModule(\n"
                              "  forward(x: float32[?, 3]):\n"
                              "  fc = aten.linear.default(x, layers.0.weight, layers.0.bias)\n"
                              "  drop = aten.dropout(fc, 0.999999, training and True)\n"
                              "  parts = aten.split_with_sizes.default(drop, [1, 1], dim=1)\n"
                              "  return parts[0], parts[1]\n"
                              "  (layers): Module(\n"
                              "    (0): Module()\n"
                              "  )\n"
                              ")");
    free(text);
    fac_module_free(m);
}

/* A count that goes up by itself, and a sum that is kept in a constant. */
static fac_module *counter(void)
{
    fac__graph *g = fac__graph_new();
    fac_scope {
        int x = fac__graph_input(g, "x", FAC_FLOAT32, FAC_DIMS(2));
        int count = fac__graph_buffer(g, "count", fac_literal("0", .dtype = FAC_INT64));
        int sum = fac__graph_constant(g, "sum", fac_literal("[0, 0.]"));
        int one_more, added;
        fac__graph_call(g,
                        &(fac__new_call){.name = "one_more",
                                         .op = "aten.add.Tensor",
                                         .args = (fac__term[]){fac__term_value(count), fac__term_int(1)},
                                         .n_args = 2},
                        1, &one_more);
        fac__graph_call(g,
                        &(fac__new_call){.name = "added",
                                         .op = "aten.add.Tensor",
                                         .args = (fac__term[]){fac__term_value(sum), fac__term_value(x)},
                                         .n_args = 2},
                        1, &added);
        fac__graph_update(g, count, one_more);
        fac__graph_update(g, sum, added);
        fac__graph_output(g, "y", fac__term_value(added));
    }
    return fac__graph_ready(g);
}

static void test_updates_and_copies(void **state)
{
    (void)state;
    fac_module *m = counter();
    fac_scope {
        fac_tensor *x = fac_literal("[1, 2.]"), *y = fac_forward(m, x);
        check_values(y, "[1, 2.]");
        fac_module *other = fac_copy_module(m);
        y = fac_forward(m, x);
        check_values(y, "[2, 4.]");
        y = fac_forward(m, x);
        check_values(y, "[3, 6.]");
        fac_module_free(m);
        y = fac_forward(other, x);
        check_values(y, "[2, 4.]");
        assert_int_equal(fac_item_int(fac_get_parameter(other, "count")), 2);
        fac_state *s = fac_state_dict(other);
        assert_int_equal(fac_state_count(s), 1);
        fac_state_free(s);
        fac_module_free(other);
    }
}

static void test_captured(void **state)
{
    (void)state;
    fac_module *m = fac__graph_ready(begin_graph());
    fac_eval(m);
    fac_optimizer *sgd = fac_sgd(fac_parameters(m), .lr = 0.1);
    fac_plan *plan = NULL;
    fac_scope {
        fac_tensor *x = fac_literal("[[1, 0, 0], [0, 1, 1.]]");
        for (int i = 0; i < 3; i++)
            fac_capture(&plan) {
                fac_zero_grad(sgd);
                fac_backward(fac_sum(fac_forward(m, x)));
                fac_step(sgd);
            }
        fac_tensor *w = fac_get_parameter(m, "layers.0.weight");
        check_values(w, "[[0.7, 1.7, 2.7], [0, -1, 1]]");
    }
    fac_plan_free(plan);
    fac_optimizer_free(sgd);
    fac_module_free(m);
}

/* Sizes are values too: [n] of x, and a list with it. */
static int twice(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)max;
    int64_t *ints = n_args == 1 ? fac__graph_ints(2) : NULL;
    if (!ints) return -1;
    ints[0] = fac_scalar_to_int(args[0].v.scalar);
    ints[1] = 1;
    results[0] = (fac_value){.kind = FAC_VALUE_INTS, .v.ints = {ints, 2}};
    return 1;
}

static void test_functions(void **state)
{
    (void)state;
    fac__graph *g = fac__graph_new();
    int x = fac__graph_input(g, "x", FAC_DTYPE_NONE, fac_dims_make(-1, NULL)), n, shape, y, z;
    fac__graph_call(g,
                    &(fac__new_call){.name = "n",
                                     .op = "aten.sym_size.int",
                                     .args = (fac__term[]){fac__term_value(x), fac__term_int(0)},
                                     .n_args = 2},
                    1, &n);
    fac__term size = fac__term_value(n);
    fac__graph_call(g, &(fac__new_call){.name = "shape", .op = "twice", .function = twice, .args = &size, .n_args = 1},
                    1, &shape);
    fac__graph_call(g,
                    &(fac__new_call){.name = "y",
                                     .op = "aten.view",
                                     .args = (fac__term[]){fac__term_value(x), fac__term_value(shape)},
                                     .n_args = 2},
                    1, &y);
    fac__term sizes[] = {fac__term_int(1), size};
    fac__graph_call(g,
                    &(fac__new_call){.name = "z",
                                     .op = "aten.view",
                                     .args = (fac__term[]){fac__term_value(y), fac__term_list(sizes, 2)},
                                     .n_args = 2},
                    1, &z);
    fac__graph_output(g, "z", fac__term_value(z));
    fac__graph_output(g, "n", size);
    fac_module *m = fac__graph_ready(g);
    fac_scope {
        fac_value in = fac_value_tensor(fac_literal("[1, 2, 3.]")), out[2];
        assert_int_equal(fac_graph_call(m, &in, 1, out, 2), 2);
        check_values(out[0].v.tensor, "[[1, 2, 3.]]");
        assert_int_equal(fac_scalar_to_int(out[1].v.scalar), 3);
    }
    fac_module_free(m);
}

static void test_errors(void **state)
{
    (void)state;
    fac__graph *g = begin_graph();
    int y;
    expect_error(fac__graph_call(g, &(fac__new_call){.name = "node_7", .op = "aten.frobnicate"}, 1, &y),
                 "node_7 calls aten.frobnicate, which facula does not have");
    assert_null(fac__graph_ready(g));

    g = begin_graph();
    fac__term late = fac__term_value(99);
    expect_error(
        fac__graph_call(g, &(fac__new_call){.name = "a", .op = "aten.relu", .args = &late, .n_args = 1}, 1, &y),
        "used before");
    assert_null(fac__graph_ready(g));

    g = begin_graph();
    fac_scope
        expect_error(fac__graph_buffer(g, "layers.0.bias", fac_ones(FAC_SHAPE(2))), "two tensors of the name");
    assert_null(fac__graph_ready(g));
    g = begin_graph();
    fac_scope
        expect_error(fac__graph_buffer(g, "layers.0.bias.x", fac_ones(FAC_SHAPE(2))), "already exists");
    assert_null(fac__graph_ready(g));

    static char deep[200000];
    for (size_t n = 0; n < sizeof deep - 3; n += 2)
        memcpy(deep + n, "a.", 2);
    strcat(deep, "b");
    g = begin_graph();
    fac_scope
        expect_error(fac__graph_buffer(g, deep, fac_ones(FAC_SHAPE(2))), "more than 64 parts");
    assert_null(fac__graph_ready(g));

    fac_module *m = fac__graph_ready(begin_graph());
    fac_scope {
        expect_error(fac_forward(m, fac_ones(FAC_SHAPE(2, 4))),
                     "input 'x' has the shape [2, 4], where the graph was written for [?, 3]");
        fac_value in[2] = {fac_value_tensor(fac_ones(FAC_SHAPE(2, 3)))}, out;
        expect_error(fac_graph_call(m, in, 2, &out, 1), "2 inputs were given; this graph takes 1");
        expect_error(fac_graph_call(m, NULL, 1, &out, 1), "NULL");
        in[0] = fac_value_scalar(fac_scalar_int(3));
        fac_clear_error();
        assert_int_equal(fac_graph_call(m, in, 1, &out, 1), -1);
        assert_string_equal(fac_error_op(), "fc (aten.linear.default)");
        fac_clear_error();
    }
    fac_module_free(m);
    fac_module *plain = fac_nn_linear(1, 1);
    expect_error(fac_graph_inputs(plain), "Linear is no GraphModule");
    assert_false(fac_is_graph(plain));
    fac_module_free(plain);
}

/* Whichever allocation fails, there is an error and nothing is lost or read twice. */
static void test_no_memory(void **state)
{
    (void)state;
    bool went_well = false;
    for (int64_t n = 1; n < 2000 && !went_well; n++) {
        fac_clear_error();
        fac__alloc_fail_at(n);
        fac_scope {
            fac_module *m = fac__graph_ready(begin_graph()), *other = m ? fac_copy_module(m) : NULL;
            fac_tensor *y = other ? fac_forward(other, fac_literal("[[1, 0, 0], [0, 1, 1.]]")) : NULL;
            went_well = fac_get_error_code() == FAC_OK;
            assert_true(went_well == (y != NULL));
            fac_module_free(m);
            fac_module_free(other);
        }
    }
    fac__alloc_fail_at(0);
    assert_true(went_well);
    fac_clear_error();
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs),      cmocka_unit_test(test_print),     cmocka_unit_test(test_updates_and_copies),
        cmocka_unit_test(test_captured),  cmocka_unit_test(test_functions), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
