/* The code of docs/from-pytorch.md, and that it gives what PyTorch gives there. */
#define _GNU_SOURCE
#include "file_bytes.h"

static void tensors(void **unused)
{
    fac_scope {
        fac_tensor *x = fac_literal("[[1.0, 2.0], [3.0, 4.0]]");           /* torch.tensor([[1.0, 2.0], [3.0, 4.0]]) */
        fac_tensor *z = fac_zeros(FAC_SHAPE(2, 3), .dtype = FAC_INT64);    /* torch.zeros(2, 3, dtype=torch.int64) */
        fac_tensor *y = fac_mul_scalar(fac_add(x, fac_t(x)), 0.5);         /* (x + x.T) * 0.5 */
        fac_tensor *m = fac_mean(y, .dims = FAC_DIMS(0), .keepdim = true); /* y.mean(0, keepdim=True) */
        double first = fac_at(y, FAC_DIMS(0, 1));                          /* y[0, 1].item() */

        check_values(y, "[[1, 2.5], [2.5, 4]]");
        check_values(m, "[[1.75, 3.25]]");
        assert_true(first == 2.5 && fac_numel(z) == 6);
    }
}

static void overloads(void **unused)
{
    fac_scope {
        fac_tensor *x = fac_literal("[[1.0, 5.0, 3.0], [9.0, 7.0, 8.0]]"), *where;
        fac_tensor *all = fac_max(x);                                /* x.max() */
        fac_tensor *rows = fac_max_dim(x, 1, false, &where);         /* rows, where = x.max(dim=1) */
        fac_tensor *both = fac_cat(FAC_TENSORS(x, x), 0);            /* torch.cat([x, x]) */
        fac_tensor *big = fac_index(x, fac_gt_scalar(x, 4));         /* x[x > 4] */
        fac_tensor *last = fac_index(x, FAC_SLICE(1, FAC_OPEN), -1); /* x[1:, -1] */
        fac_index_set_scalar(x, FAC_INDEX(0, FAC_ALL), 0);           /* x[0, :] = 0 */
        fac_add_scalar_(x, 1);                                       /* x += 1 */

        assert_true(fac_item(all) == 9 && fac_numel(both) == 12 && fac_numel(big) == 4 && fac_numel(last) == 1);
        check_values(rows, "[5, 9]");
        check_values(where, "[1, 0]");
        check_values(x, "[[1, 1, 1], [10, 8, 9]]");
    }
}

static void gradients(void **unused)
{
    fac_scope {
        fac_tensor *x = fac_literal("2.0", .requires_grad = true), *gradient;
        fac_tensor *y = fac_pow_scalar(x, 3);
        fac_autograd_grad(&y, 1, &x, 1, &gradient,
                          .create_graph = true); /* torch.autograd.grad(y, x, create_graph=True) */
        fac_backward(gradient);                  /* gradient.backward() */
        fac_no_grad
            fac_sub_(x, fac_grad(x)); /* with torch.no_grad(): x -= x.grad */

        assert_true(fac_item(gradient) == 12 && fac_item(x) == -10);
    }
}

static void training(void **unused)
{
    fac_scope {
        fac_tensor *inputs = fac_randn(FAC_SHAPE(20, 4)), *classes = fac_randint(0, 3, FAC_SHAPE(20));
        fac_manual_seed(0);
        fac_module *model =
            fac_nn_sequential(fac_nn_linear(4, 16), fac_nn_relu(), fac_nn_dropout(.p = 0.1), fac_nn_linear(16, 3));
        fac_optimizer *adam = fac_adamw(fac_parameters(model), .lr = 1e-2, .beta1 = 0.9, .beta2 = 0.99);
        fac_scheduler *schedule = fac_cosine_annealing_lr(adam, 10, .eta_min = 1e-4);
        fac_dataset *data = fac_tensor_dataset(inputs, classes);
        fac_loader *loader = fac_data_loader(data, .batch_size = 8, .shuffle = true);

        for (int epoch = 0; epoch < 10; epoch++) {
            fac_for_batch(loader, x, y) { /* for x, y in loader: */
                fac_tensor *loss = fac_cross_entropy(fac_forward(model, x), y, .label_smoothing = 0.1);
                fac_zero_grad(adam);
                fac_backward(loss);
                fac_clip_grad_norm_(fac_parameters(model), 1.0);
                fac_step(adam);
            }
            fac_scheduler_step(schedule);
        }
        fac_eval(model); /* model.eval() */
        fac_no_grad {
            fac_tensor *answers = fac_argmax(fac_forward(model, inputs), .dims = FAC_DIMS(1));
            printf("%g right\n", fac_item(fac_sum(fac_eq(answers, classes))));
        }

        fac_state *state = fac_state_dict(model);
        fac_save(state, "model.pt"); /* torch.save(model.state_dict(), "model.pt") */
        fac_state_free(state);
        state = fac_load("model.pt");
        bool ok = fac_load_state_dict(model, state); /* model.load_state_dict(torch.load("model.pt")) */
        fac_state_free(state);
        fac_loader_free(loader);
        fac_dataset_free(data);
        fac_scheduler_free(schedule);
        fac_optimizer_free(adam);
        fac_module_free(model);

        assert_true(ok && !fac_error());
    }
}

static void by_name(void **unused)
{
    fac_scope {
        fac_tensor *x = fac_literal("[3, 1, 2]");
        fac_value sorted[2], args[] = {fac_value_tensor(x)};
        fac_keyword keywords[] = {{"descending", fac_value_scalar(fac_scalar_bool(true))}};
        int n = fac_call("sort", args, 1, keywords, 1, sorted, 2); /* torch.sort(x, descending=True) */

        assert_int_equal(n, 2);
        check_values(sorted[0].v.tensor, "[3, 2, 1]");
        check_values(sorted[1].v.tensor, "[0, 2, 1]");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tensors), cmocka_unit_test(overloads),
                                       cmocka_unit_test(gradients), cmocka_unit_test(training),
                                       cmocka_unit_test(by_name)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
