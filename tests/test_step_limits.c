/* What a step that is captured cannot do: whatever would happen in the recording only, and not in its replays. */
#include "testing.h"

/* The call must be an error in a step that is captured. */
#define refused(call, what)                                                                                            \
    do {                                                                                                               \
        fac_plan *plan = NULL;                                                                                         \
        fac_capture(&plan)                                                                                             \
            (void)(call);                                                                                              \
        assert_null(plan);                                                                                             \
        if (!fac_error()) fail_msg("%s: expected an error: %s", #call, what);                                          \
        if (!strstr(fac_error(), "a step that is captured cannot " what)) fail_msg("%s: got %s", #call, fac_error());  \
        fac_clear_error();                                                                                             \
    } while (0)
/* It must be none, and a replay must find the same once more. */
#define allowed(call)                                                                                                  \
    do {                                                                                                               \
        fac_plan *plan = NULL;                                                                                         \
        fac_tensor *result = NULL;                                                                                     \
        fac_capture(&plan)                                                                                             \
            result = fac_keep(call);                                                                                   \
        if (!plan) fail_msg("%s: %s", #call, fac_error());                                                             \
        check_close(result, call, 0);                                                                                  \
        if (!fac_replay(plan)) fail_msg("%s: %s", #call, fac_error());                                                 \
        check_close(result, call, 0);                                                                                  \
        fac_release(result);                                                                                           \
        fac_plan_free(plan);                                                                                           \
    } while (0)

#define ELEMENTS "read or write the elements of a tensor itself"

static void test_elements(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_literal("[3., 1, 2]"), *i = fac_literal("[0, 2]");
        double values[3];
        refused(fac_item(fac_sum(x)), ELEMENTS);
        refused(fac_at(x, FAC_DIMS(1)), ELEMENTS);
        refused(fac_to_array(x, FAC_FLOAT64, values, 3), ELEMENTS);
        refused(fac_data(x), ELEMENTS);
        refused(fac_equal(x, x), ELEMENTS);
        refused(free(fac_to_string(x)), ELEMENTS);
        refused(fac_nonzero(x), ELEMENTS);
        refused(fac_unique(x), ELEMENTS);
        refused(fac_bincount(i, NULL, 0), ELEMENTS);
        refused(fac_repeat_interleave_tensor(x, fac_to(x, FAC_INT64), 0), ELEMENTS);
        /* A literal of the step is a constant, as are small tables that operations make. */
        allowed(fac_add(x, fac_literal("[1., 2, 3]")));
        allowed(fac_triu_indices(2, 2, 0));
        allowed(fac_fft_hfft(x));
        allowed(fac_fft_irfft(x, .n = 37)); /* Bluestein's plan */
    }
}

/* The copy of few elements goes by a kernel while something is recorded. */
static void test_small_copies(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_literal("[3., 1, 2]"), *y = NULL;
        fac_plan *plan = NULL;
        fac_capture(&plan)
            y = fac_keep(fac_clone(x));
        assert_non_null(plan);
        fac_mul_scalar_(x, 2);
        assert_true(fac_replay(plan));
        check_values(y, "[6, 2, 4]");
        fac_release(y);
        fac_plan_free(plan);
    }
}

static void test_outside(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_literal("[[3.], [1]]"), *out[1];
        float array[2] = {1, 2};
        fac_dataset *dataset = fac_tensor_dataset(x);
        fac_loader *loader = fac_data_loader(dataset, .batch_size = 1);
        fac_generator *g = fac_generator_new(1);
        fac_module *m = fac_nn_linear(1, 1);
        fac_optimizer *sgd = fac_sgd(fac_parameters(m), .lr = 1);
        fac_state *s = fac_state_new();
        fac_batch batch;
        int64_t zero = 0;
        refused(fac_loader_next(loader, &batch), "take a batch from a loader");
        refused(fac_dataset_get(dataset, 0, out), "take an item from a dataset");
        refused(fac_dataset_batch(dataset, &zero, 1, out), "take items from a dataset");
        refused(fac_from_array(array, FAC_FLOAT32, FAC_SHAPE(2)), "copy an array of the program");
        refused(fac_from_blob(array, FAC_FLOAT32, FAC_SHAPE(2), NULL, NULL), "make a tensor of the program's memory");
        refused(fac_resize_(x, FAC_SHAPE(1)), "resize a tensor in place");
        refused(fac_manual_seed(1), "seed a generator of random numbers");
        refused(fac_generator_random(g), "draw a random number without a tensor");
        refused(fac_generator_get_state(g), "read the state of a generator");
        refused(fac_generator_free(fac_generator_new(1)), "make a generator");
        refused(fac_print(x), "print");
        refused(fac_module_print(m), "print");
        refused(fac_module_to(m, FAC_FLOAT64), "change the dtype of a module");
        refused(fac_idx_read("/nowhere"), "read a file");
        refused(fac_load("/nowhere"), "read a file");
        refused(fac_save(s, "/nowhere/at/all"), "write a file");
        refused(fac_optimizer_state_dict(sgd), "take the state of an optimizer");
        /* Afterwards all is as before. */
        assert_true(fac_loader_next(loader, &batch));
        fac_state_free(s);
        fac_optimizer_free(sgd);
        fac_module_free(m);
        fac_generator_free(g);
        fac_loader_free(loader);
        fac_dataset_free(dataset);
    }
}

/* Indices and divisors are looked at by kernels. */
static void test_checks(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_literal("[[3., 1, 2], [0, 1, 2]]"), *i = fac_literal("[[0, 2], [1, 1]]"),
                   *c = fac_literal("[2, 0]");
        allowed(fac_gather(x, 1, i));
        allowed(fac_scatter(x, 1, i, fac_gather(x, 1, i)));
        allowed(fac_index_select(x, 1, c));
        allowed(fac_index_add(x, 1, c, fac_index_select(x, 1, c), 1));
        allowed(fac_index_copy(x, 1, c, fac_index_select(x, 1, c)));
        allowed(fac_index_fill(x, 1, c, 4));
        allowed(fac_take(x, i));
        allowed(fac_index(x, FAC_ALL, c));
        allowed(fac_embedding(c, fac_mT(x)));
        allowed(fac_cross_entropy(x, c));
        allowed(fac_nll_loss(x, c));
        allowed(fac_floor_divide(i, fac_add_scalar(c, 1)));
        allowed(fac_remainder(i, fac_add_scalar(c, 1)));
        fac_plan *plan = NULL;
        fac_tensor *losses = fac_zeros(FAC_SHAPE(2));
        fac_capture(&plan) {
            fac_copy_(losses, fac_cross_entropy(x, c, .reduction = FAC_NONE));
            fac_copy_(losses, fac_floor_divide(fac_ones_like(c), fac_add_scalar(c, 1)));
        }
        assert_non_null(plan);
        ((int64_t *)fac_data(c))[1] = -1;
        expect_error(fac_replay(plan), "Target -1 is out of bounds.");
        ((int64_t *)fac_data(c))[1] = -100; /* is ignored */
        assert_true(fac_replay(plan));
        ((int64_t *)fac_data(c))[1] = 1;
        assert_true(fac_replay(plan));
        fac_plan_free(plan);
        plan = NULL;
        fac_capture(&plan)
            fac_copy_(losses, fac_floor_divide(fac_ones_like(c), c));
        assert_non_null(plan);
        ((int64_t *)fac_data(c))[0] = 0;
        expect_error(fac_replay(plan), "ZeroDivisionError");
        fac_plan_free(plan);
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_small_copies),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
