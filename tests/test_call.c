/* Calls by name whose arguments are not what they say: refused, with the schemas, and not looked at. */
#include "testing.h"

static int call(const char *name, fac_value second)
{
    fac_value args[] = {fac_value_tensor(fac_ones(FAC_SHAPE(2, 3))), second}, results[2];
    return fac_call(name, args, 2, NULL, 0, results, 2);
}

static void test_unsound_values(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, 1};
    fac_scope {
        fac_value ints = {.kind = FAC_VALUE_INTS}, list = {.kind = FAC_VALUE_LIST}, text = fac_value_string(NULL);
        fac_value tensors = {.kind = FAC_VALUE_TENSORS}, unknown = {.kind = (fac_value_kind)99};
        for (int count = -1; count <= 2; count += 3) {
            ints.v.ints.count = list.v.list.count = tensors.v.tensors.count = count;
            expect_error(call("permute", ints), "the arguments fit none of");
            expect_error(call("sum", ints), "the arguments fit none of");
            expect_error(call("index", list), "the arguments fit none of");
            fac_value inner = {.kind = FAC_VALUE_LIST, .v.list = {&list, 1}};
            expect_error(call("index", inner), "the arguments fit none of");
            fac_value args[] = {tensors}, results[1];
            expect_error(fac_call("cat", args, 1, NULL, 0, results, 1), "the arguments fit none of");
        }
        expect_error(call("scatter_reduce", text), "the arguments fit none of");
        expect_error(call("permute", unknown), "the arguments fit none of");
        ints.v.ints.items = numbers;
        ints.v.ints.count = 2;
        assert_int_equal(call("permute", ints), 1);
    }
}

static void test_missing_arguments(void **state)
{
    (void)state;
    fac_scope {
        fac_value args[] = {fac_value_tensor(fac_ones(FAC_SHAPE(2, 3)))}, results[1];
        fac_keyword nameless = {NULL, fac_value_none()};
        expect_error(fac_call("sum", args, 1, &nameless, 1, results, 1), "the arguments fit none of");
        expect_error(fac_call(NULL, args, 1, NULL, 0, results, 1), "argument 'name' must not be NULL");
        expect_error(fac_call("sum", NULL, 1, NULL, 0, results, 1), "argument 'args' must not be NULL");
        expect_error(fac_call("sum", args, 1, NULL, 1, results, 1), "argument 'keywords' must not be NULL");
        expect_error(fac_call("sum", args, 1, NULL, 0, NULL, 1), "argument 'results' must not be NULL");
        assert_int_equal(fac_call("sum", args, 1, NULL, 0, NULL, 0), 1);
    }
}

/* What came, what could have come, and what was perhaps meant. */
static void test_errors_tell(void **state)
{
    (void)state;
    fac_scope {
        fac_value dtype = {.kind = FAC_VALUE_DTYPE, .v.dtype = (fac_dtype)99};
        fac_keyword beta = {"beta", fac_value_scalar(fac_scalar_bool(true))};
        fac_value args[] = {fac_value_tensor(fac_ones(FAC_SHAPE(2, 3))), fac_value_string("2")}, results[1];
        expect_error(fac_call("torch.add", args, 2, &beta, 1, results, 1),
                     "torch.add(Tensor, str, beta=bool): the arg");
        expect_error(fac_call("add", args, 2, NULL, 0, results, 1),
                     "\n    add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor\n    add.Scalar(");
        expect_error(call("softmax", dtype), "softmax(Tensor, ?): the arguments fit none of");
        expect_error(call("linalg.nor", dtype), "there is no operation 'linalg.nor'; near it: linalg_norm");
        expect_error(call("", dtype), "there is no operation ''");
    }
}

/* Second names of operations stand for all their overloads. */
static void test_aliases(void **state)
{
    (void)state;
    fac_scope {
        fac_value two = fac_value_scalar(fac_scalar_int(2)), results[2];
        fac_value pair[] = {fac_value_tensor(fac_literal("[[1, 2, 3], [4, 5, 6]]")), two};
        assert_int_equal(fac_call("torch.multiply", pair, 2, NULL, 0, results, 2), 1);
        check_values(results[0].v.tensor, "[[2, 4, 6], [8, 10, 12]]");
        assert_int_equal(fac_call("subtract.Scalar", pair, 2, NULL, 0, results, 2), 1);
        assert_int_equal(fac_call("subtract_", pair, 2, NULL, 0, results, 2), 1);
        assert_ptr_equal(results[0].v.tensor, pair[0].v.tensor);
        assert_true(fac_op_exists("fft.irfft") && fac_op_exists("Tensor.arccos_") && fac_op_exists("clip.Tensor"));
        assert_false(fac_op_exists("multiply__") || fac_op_exists("multiply.none") || fac_op_exists("irfft"));
        expect_error(call("multipli", two), "there is no operation 'multipli'");
    }
}

/* What PyTorch's graphs write where people write something else. */
static void test_graph_calls(void **state)
{
    fac_scope {
        fac_value out[5],
            x = fac_value_tensor(fac_literal("[[0, 0], [-inf, -inf], [-inf, 1.]]", .requires_grad = true));
        fac_value args[] = {x, fac_value_scalar(fac_scalar_int(-1))};
        assert_int_equal(fac_call("aten._safe_softmax.default", args, 2, NULL, 0, out, 1), 1);
        check_values(out[0].v.tensor, "[[0.5, 0.5], [0, 0], [0, 1.]]");
        fac_backward(fac_sum(fac_square(out[0].v.tensor)));
        check_values(fac_grad(x.v.tensor), "[[0, 0], [0, 0], [0, 0.]]");

        fac_tensor *mean = fac_zeros(FAC_SHAPE(2)), *var = fac_ones(FAC_SHAPE(2));
        fac_value norm[] = {fac_value_tensor(fac_literal("[[1, 2], [3, 6.]]")),
                            fac_value_none(),
                            fac_value_none(),
                            fac_value_tensor(mean),
                            fac_value_tensor(var),
                            fac_value_scalar(fac_scalar_bool(true)),
                            fac_value_scalar(fac_scalar_float(0.5)),
                            fac_value_scalar(fac_scalar_float(0))};
        assert_int_equal(fac_call("aten._native_batch_norm_legit_functional", norm, 8, NULL, 0, out, 5), 5);
        check_values(out[0].v.tensor, "[[-1, -1], [1, 1.]]");
        check_values(out[3].v.tensor, "[1, 2.]");
        check_values(out[4].v.tensor, "[1.5, 4.5]");
        check_values(mean, "[0, 0.]"); /* unchanged */
        check_values(var, "[1, 1.]");

        fac_value rms[] = {fac_value_tensor(fac_literal("[[1, 2], [3, 4.]]")),
                           {.kind = FAC_VALUE_INTS, .v.ints = {(const int64_t[]){2}, 1}},
                           fac_value_tensor(fac_literal("[1, 2.]"))};
        assert_int_equal(fac_call("aten.rms_norm.default", rms, 3, NULL, 0, out, 1), 1);
        check_values(out[0].v.tensor, "[[0.632455, 2.529822], [0.848528, 2.262742]]");
        fac_value weight[] = {rms[0], fac_value_tensor(fac_literal("[[1], [2.]]"))};
        assert_int_equal(fac_call("aten._weight_norm.default", weight, 2, NULL, 0, out, 1), 1);
        check_values(out[0].v.tensor, "[[0.4472136, 0.8944272], [1.2, 1.6]]");

        fac_value types[] = {fac_value_tensor(mean), fac_value_tensor(fac_ones(FAC_SHAPE(1), .dtype = FAC_INT8))};
        assert_int_equal(fac_call("aten.type_as.default", types, 2, NULL, 0, out, 1), 1);
        assert_int_equal(fac_dtype_of(out[0].v.tensor), FAC_INT8);
        fac_keyword copy = {"copy", fac_value_scalar(fac_scalar_bool(true))};
        assert_int_equal(fac_call("aten.to.dtype_layout", types, 1, &copy, 1, out, 1), 1);
        assert_false(fac_shares_storage(out[0].v.tensor, mean));
        assert_int_equal(fac_call("aten.lift_fresh_copy", types, 1, NULL, 0, out, 1), 1);
        assert_false(fac_shares_storage(out[0].v.tensor, mean));
    }
    assert_null(fac_error());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsound_values), cmocka_unit_test(test_missing_arguments),
        cmocka_unit_test(test_errors_tell),    cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_graph_calls),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
