/* Capture and replay: the same numbers as without, for optimisers, schedules, modules and random draws; what cannot be
 * captured; what planning leaves out; memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/gemm.h"
#include "core/memory.h"
#include "facula/facula.h"
#include "graph/plan.h"

/* ---- training, with and without --------------------------------------------------------------------------------- */

static int quiet(void **state)
{
    (void)state;
    fac_clear_error();
    fac_set_error_handler(NULL);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    fac_clear_error();
    return 0;
}

/* Different in each epoch, the same in each training. */
static void next_input(fac_tensor *x, int epoch)
{
    fac_scope {
        int64_t n = fac_numel(x);
        float *values = fac_data(x);
        for (int64_t i = 0; i < n; i++)
            values[i] = sinf((float)(i * 7 + epoch * 13 + 1));
    }
}

static bool same_values(fac_tensor *a, fac_tensor *b)
{
    size_t bytes = (size_t)fac_numel(a) * fac_dtype_size(fac_dtype_of(a));
    return fac_numel(a) == fac_numel(b) && !memcmp(fac_data(a), fac_data(b), bytes);
}

typedef struct trained {
    fac_module *model;
    fac_optimizer *optimizer;
    fac_scheduler *scheduler;
    fac_tensor *loss; /* of the last step */
} trained;

typedef struct recipe {
    fac_module *(*model)(void);
    fac_optimizer *(*optimizer)(fac_tensor_list);
    fac_scheduler *(*scheduler)(fac_optimizer *);
    fac_dims input;
    bool set_to_zero, scheduler_outside, clip;
} recipe;

static void train_step(const recipe *r, trained *t, fac_tensor *x)
{
    fac_zero_grad(t->optimizer, .set_to_none = !r->set_to_zero);
    fac_tensor *y = fac_forward(t->model, x);
    fac_tensor *loss = fac_mean(fac_mul(y, y));
    fac_backward(loss);
    if (r->clip) fac_clip_grad_norm_(fac_parameters(t->model), 0.1);
    fac_step(t->optimizer);
    if (t->scheduler && !r->scheduler_outside) fac_scheduler_step(t->scheduler);
    fac_copy_(t->loss, fac_detach(loss));
}

static trained train(const recipe *r, bool captured, int epochs)
{
    fac_manual_seed(3);
    trained t = {.model = r->model()};
    t.optimizer = r->optimizer(fac_parameters(t.model));
    t.scheduler = r->scheduler ? r->scheduler(t.optimizer) : NULL;
    t.loss = fac_scalar_tensor(0);
    fac_tensor *x = fac_zeros(r->input);
    fac_plan *plan = NULL;
    for (int epoch = 0; epoch < epochs; epoch++) {
        next_input(x, epoch);
        if (captured)
            fac_capture(&plan)
                train_step(r, &t, x);
        else
            fac_scope
                train_step(r, &t, x);
        if (t.scheduler && r->scheduler_outside) fac_scheduler_step(t.scheduler);
    }
    assert_null(fac_error());
    assert_int_equal(fac_plan_numbers(plan).replays, captured ? epochs - 1 : 0);
    fac_plan_free(plan);
    return t;
}

static void trained_free(trained *t)
{
    fac_scheduler_free(t->scheduler);
    fac_optimizer_free(t->optimizer);
    fac_module_free(t->model);
}

/* Everything that training changes: parameters, their gradients, buffers, the optimiser's states, the loss, and the random
 * numbers that come next. */
static void check_recipe(const char *name, const recipe *r)
{
    enum { EPOCHS = 6 };
    fac_scope {
        trained a = train(r, false, EPOCHS);
        fac_tensor *next_a = fac_rand(FAC_SHAPE(3));
        trained b = train(r, true, EPOCHS);
        fac_tensor *next_b = fac_rand(FAC_SHAPE(3));
        fac_tensor_list pa = fac_parameters(a.model), pb = fac_parameters(b.model);
        assert_int_equal(pa.count, pb.count);
        bool same = same_values(a.loss, b.loss) && same_values(next_a, next_b);
        for (int64_t i = 0; i < pa.count && same; i++)
            same = same_values(pa.items[i], pb.items[i]) && same_values(fac_grad(pa.items[i]), fac_grad(pb.items[i]));
        fac_state *states[2][2] = {{fac_state_dict(a.model), fac_optimizer_state_dict(a.optimizer)},
                                   {fac_state_dict(b.model), fac_optimizer_state_dict(b.optimizer)}};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(fac_state_count(states[0][k]), fac_state_count(states[1][k]));
            for (int64_t i = 0; i < fac_state_count(states[0][k]) && same; i++)
                same = same_values(fac_state_tensor_at(states[0][k], i), fac_state_tensor_at(states[1][k], i));
            fac_state_free(states[0][k]);
            fac_state_free(states[1][k]);
        }
        if (!same) fail_msg("%s: a captured training gives other numbers", name);
        trained_free(&a);
        trained_free(&b);
    }
}

/* ---- optimisers and schedules ----------------------------------------------------------------------------------- */

static fac_module *small_net(void)
{
    return fac_nn_sequential(fac_nn_linear(6, 8), fac_nn_tanh(), fac_nn_linear(8, 3));
}

#define OPTIMIZERS(X)                                                                                                  \
    X(sgd, fac_sgd(p, .lr = 0.05))                                                                                     \
    X(momentum, fac_sgd(p, .lr = 0.05, .momentum = 0.9, .dampening = 0.1))                                             \
    X(nesterov, fac_sgd(p, .lr = 0.05, .momentum = 0.9, .nesterov = 1, .weight_decay = 0.01))                          \
    X(adam, fac_adam(p, .lr = 0.01))                                                                                   \
    X(amsgrad, fac_adam(p, .lr = 0.01, .amsgrad = 1))                                                                  \
    X(adamw, fac_adamw(p, .lr = 0.01))                                                                                 \
    X(rmsprop, fac_rmsprop(p, .lr = 0.01, .momentum = 0.5, .centered = 1))                                             \
    X(adagrad, fac_adagrad(p, .lr = 0.05, .lr_decay = 0.1, .initial_accumulator_value = 0.2))
#define MAKE(name, ...)                                                                                                \
    static fac_optimizer *name(fac_tensor_list p)                                                                      \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }
OPTIMIZERS(MAKE)

static void test_optimizers(void **state)
{
    (void)state;
#define CHECK(name, ...)                                                                                               \
    check_recipe(#name, &(recipe){small_net, name, NULL, FAC_SHAPE(5, 6), false, false, false});                       \
    check_recipe(#name ", zeros", &(recipe){small_net, name, NULL, FAC_SHAPE(5, 6), true, false, true});
    OPTIMIZERS(CHECK)
}

static fac_scheduler *steps(fac_optimizer *o)
{
    return fac_step_lr(o, 2, .gamma = 0.5);
}

static fac_scheduler *one_cycle(fac_optimizer *o)
{
    return fac_one_cycle_lr(o, 0.1, 20);
}

static void test_schedules(void **state)
{
    (void)state;
    for (int outside = 0; outside < 2; outside++) {
        check_recipe("step_lr", &(recipe){small_net, adam, steps, FAC_SHAPE(5, 6), false, outside, false});
        check_recipe("one_cycle", &(recipe){small_net, momentum, one_cycle, FAC_SHAPE(5, 6), false, outside, false});
    }
}

/* ---- modules ---------------------------------------------------------------------------------------------------- */

/* A layer of each kind between two others that have parameters, and the shape of the input. */
#define LINES FAC_SHAPE(4, 6)
#define SIGNALS FAC_SHAPE(3, 4, 8)
#define IMAGES FAC_SHAPE(2, 4, 6, 6)
#define VOLUMES FAC_SHAPE(2, 4, 4, 4, 4)
#define MODULES(X)                                                                                                     \
    X(relu, LINES, fac_nn_relu())                                                                                      \
    X(gelu, LINES, fac_nn_gelu())                                                                                      \
    X(sigmoid, LINES, fac_nn_sigmoid())                                                                                \
    X(leaky_relu, LINES, fac_nn_leaky_relu())                                                                          \
    X(elu, LINES, fac_nn_elu())                                                                                        \
    X(prelu, LINES, fac_nn_prelu())                                                                                    \
    X(softplus, LINES, fac_nn_softplus())                                                                              \
    X(softmax, LINES, fac_nn_softmax(1))                                                                               \
    X(log_softmax, LINES, fac_nn_log_softmax(1))                                                                       \
    X(dropout, LINES, fac_nn_dropout())                                                                                \
    X(alpha_dropout, LINES, fac_nn_alpha_dropout())                                                                    \
    X(dropout2d, IMAGES, fac_nn_dropout2d())                                                                           \
    X(layer_norm, LINES, fac_nn_layer_norm(6))                                                                         \
    X(batch_norm1d, LINES, fac_nn_batch_norm1d(6))                                                                     \
    X(batch_norm2d, IMAGES, fac_nn_batch_norm2d(4))                                                                    \
    X(group_norm, IMAGES, fac_nn_group_norm(2, 4))                                                                     \
    X(instance_norm2d, IMAGES, fac_nn_instance_norm2d(4))                                                              \
    X(local_response_norm, IMAGES, fac_nn_local_response_norm(2))                                                      \
    X(linear, LINES, fac_nn_linear(6, 6))                                                                              \
    X(bilinear_free, LINES, fac_nn_sequential(fac_nn_linear(6, 12), fac_nn_linear(12, 6, .bias = 0)))                  \
    X(conv1d, SIGNALS, fac_nn_conv1d(4, 4, 3, .padding = 1))                                                           \
    X(conv2d, IMAGES, fac_nn_conv2d(4, 4, 3, .padding = 1))                                                            \
    X(depthwise, IMAGES, fac_nn_conv2d(4, 4, 3, .padding = 1, .groups = 4))                                            \
    X(conv3d, VOLUMES, fac_nn_conv3d(4, 4, 3, .padding = 1))                                                           \
    X(conv_transpose2d, IMAGES, fac_nn_conv_transpose2d(4, 4, 3, .padding = 1))                                        \
    X(max_pool2d, IMAGES, fac_nn_max_pool2d(3, .stride = 1, .padding = 1))                                             \
    X(avg_pool2d, IMAGES, fac_nn_avg_pool2d(3, .stride = 1, .padding = 1))                                             \
    X(max_pool1d, SIGNALS, fac_nn_max_pool1d(3, .stride = 1, .padding = 1))                                            \
    X(adaptive_avg_pool2d, IMAGES, fac_nn_adaptive_avg_pool2d(FAC_DIMS(6, 6)))                                         \
    X(adaptive_max_pool2d, IMAGES, fac_nn_adaptive_max_pool2d(FAC_DIMS(6, 6)))                                         \
    X(upsample, IMAGES, fac_nn_sequential(fac_nn_max_pool2d(2), fac_nn_upsample(.scale_factor = 2)))                   \
    X(upsample_bilinear, IMAGES,                                                                                       \
      fac_nn_sequential(fac_nn_max_pool2d(2), fac_nn_upsample(.scale_factor = 2, .mode = "bilinear")))                 \
    X(pixel_shuffle, IMAGES, fac_nn_sequential(fac_nn_pixel_shuffle(2), fac_nn_pixel_unshuffle(2)))                    \
    X(channel_shuffle, IMAGES, fac_nn_channel_shuffle(2))                                                              \
    X(flatten, IMAGES, fac_nn_sequential(fac_nn_flatten(), fac_nn_unflatten(1, FAC_DIMS(4, 6, 6))))                    \
    X(silu, LINES, fac_nn_silu())                                                                                      \
    X(mish, LINES, fac_nn_mish())                                                                                      \
    X(hardswish, LINES, fac_nn_hardswish())                                                                            \
    X(dropout3d, VOLUMES, fac_nn_dropout3d())                                                                          \
    X(feature_alpha_dropout, IMAGES, fac_nn_feature_alpha_dropout())                                                   \
    X(batch_norm3d, VOLUMES, fac_nn_batch_norm3d(4))                                                                   \
    X(instance_norm1d, SIGNALS, fac_nn_instance_norm1d(4, .affine = 1))                                                \
    X(max_pool3d, VOLUMES, fac_nn_max_pool3d(3, .stride = 1, .padding = 1))                                            \
    X(avg_pool3d, VOLUMES, fac_nn_avg_pool3d(3, .stride = 1, .padding = 1))                                            \
    X(conv_transpose1d, SIGNALS, fac_nn_conv_transpose1d(4, 4, 3, .padding = 1))                                       \
    X(unfold, IMAGES, fac_nn_sequential(fac_nn_unfold(2, .stride = 2), fac_nn_fold(FAC_DIMS(6, 6), 2, .stride = 2)))   \
    X(lstm, SIGNALS, fac_nn_lstm(8, 8, .num_layers = 2, .dropout = 0.3))                                               \
    X(gru, SIGNALS, fac_nn_gru(8, 4, .bidirectional = 1))                                                              \
    X(rnn, SIGNALS, fac_nn_rnn(8, 8))                                                                                  \
    X(lstm_cell, LINES, fac_nn_lstm_cell(6, 6))                                                                        \
    X(gru_cell, LINES, fac_nn_gru_cell(6, 6))                                                                          \
    X(attention_heads, SIGNALS, fac_nn_multihead_attention(8, 2))                                                      \
    X(identity, LINES, fac_nn_identity())

/* A weight for each element of an example, before and behind, so that gradients go through the layer both ways. */
typedef struct scaled {
    fac_module base;
    fac_module *before, *layer, *behind;
} scaled;

static fac_tensor *scaled_forward(fac_module *self, fac_tensor *x)
{
    scaled *s = (scaled *)self;
    fac_tensor *rows = fac_flatten(x, 1, -1), *y = fac_view_as(fac_forward(s->before, rows), x);
    y = fac_flatten(fac_forward(s->layer, y), 1, -1);
    return fac_forward(s->behind, y);
}

static const fac_module_type scaled_type = {.name = "Scaled", .size = sizeof(scaled), .forward = scaled_forward};

static fac_module *scaled_new(fac_dims input, fac_module *layer)
{
    int64_t n = 1;
    for (int d = 1; d < input.n; d++)
        n *= input.d[d];
    scaled *s = fac_module_new(&scaled_type);
    fac_add_child(s, before, fac_nn_linear(n, n));
    fac_add_child(s, layer, layer);
    fac_add_child(s, behind, fac_nn_linear(n, 3));
    return fac_module_ready(s);
}

#define MODEL(name, input, ...)                                                                                        \
    static fac_module *with_##name(void)                                                                               \
    {                                                                                                                  \
        return scaled_new(input, __VA_ARGS__);                                                                         \
    }
MODULES(MODEL)

static void test_modules(void **state)
{
    (void)state;
#define TRY(name, shape, ...) check_recipe(#name, &(recipe){with_##name, adam, NULL, shape, false, false, false});
    MODULES(TRY)
}

/* ---- other steps ------------------------------------------------------------------------------------------------- */

/* A function of inputs whose values change between replays. */
typedef fac_tensor *(*computed)(fac_tensor *x, fac_tensor *w, fac_tensor *classes);

static fac_tensor *cross_entropy(fac_tensor *x, fac_tensor *w, fac_tensor *classes)
{
    return fac_cross_entropy(fac_matmul(x, w), classes);
}

static fac_tensor *indexing(fac_tensor *x, fac_tensor *w, fac_tensor *classes)
{
    fac_tensor *rows = fac_index_select(w, 0, classes), *there = fac_gather(x, 1, fac_unsqueeze(classes, 1));
    return fac_sum(fac_mul(fac_embedding(classes, w), fac_add(rows, there)));
}

static fac_tensor *attention(fac_tensor *x, fac_tensor *w, fac_tensor *classes)
{
    (void)classes;
    fac_tensor *q = fac_view(fac_matmul(x, w), FAC_SHAPE(1, 2, 5, 3));
    return fac_mean(fac_scaled_dot_product_attention(q, q, q, .is_causal = true));
}

/* Values, not only shapes, come from a literal, which is changed in place, and from what is equal and unused. */
static fac_tensor *constants(fac_tensor *x, fac_tensor *w, fac_tensor *classes)
{
    (void)classes;
    fac_tensor *scale = fac_literal("[1, 2, 3, 4, 5, 6]", .dtype = FAC_FLOAT32);
    fac_mul_scalar_(scale, 2);
    fac_tensor *y = fac_matmul(fac_mul(x, scale), w);
    fac_exp(y);
    return fac_mean(fac_add(fac_sigmoid(y), fac_sigmoid(y)));
}

static fac_tensor *smoothed(fac_tensor *x, fac_tensor *w, fac_tensor *classes)
{
    return fac_cross_entropy(fac_matmul(x, w), classes, .label_smoothing = 0.1, .ignore_index = 2);
}

static fac_tensor *probabilities(fac_tensor *x, fac_tensor *w, fac_tensor *classes)
{
    (void)classes;
    fac_tensor *y = fac_sigmoid(fac_matmul(x, w));
    return fac_binary_cross_entropy(y, fac_zeros_like(y));
}

static fac_tensor *in_place(fac_tensor *x, fac_tensor *w, fac_tensor *classes)
{
    (void)classes;
    fac_tensor *y = fac_matmul(x, w);
    fac_add_(y, fac_clone(fac_narrow(y, 0, 0, 1)));
    fac_mul_scalar_(y, 3);
    fac_zero_(fac_select(y, 1, 0));
    return fac_sum(fac_mul(y, fac_t(fac_t(y))));
}

static fac_tensor *pieces(fac_tensor *x, fac_tensor *w, fac_tensor *classes)
{
    (void)classes;
    fac_tensor *y = fac_matmul(x, w);
    fac_tensor *all = fac_cat(FAC_TENSORS(y, fac_neg(y), fac_flip(y, FAC_DIMS(0))), 0);
    return fac_mean(fac_mul(all, fac_cumsum(all, 0, FAC_DTYPE_NONE)));
}

static void compute(computed f, bool captured, fac_tensor *results[3], fac_tensor *gradients[3])
{
    fac_manual_seed(1);
    fac_tensor *x = fac_zeros(FAC_SHAPE(10, 6)), *w = fac_randn(FAC_SHAPE(6, 3), .requires_grad = true);
    fac_tensor *classes = fac_zeros(FAC_SHAPE(10), .dtype = FAC_INT64), *y = fac_scalar_tensor(0);
    fac_plan *plan = NULL;
    for (int i = 0; i < 3; i++) {
        next_input(x, i);
        for (int k = 0; k < 10; k++)
            ((int64_t *)fac_data(classes))[k] = (k + i) % 3;
        if (captured)
            fac_capture(&plan) {
                fac_set_grad(w, NULL);
                fac_tensor *loss = f(x, w, classes);
                fac_backward(loss);
                fac_copy_(y, fac_detach(loss));
            }
        else
            fac_scope {
                fac_set_grad(w, NULL);
                fac_tensor *loss = f(x, w, classes);
                fac_backward(loss);
                fac_copy_(y, fac_detach(loss));
            }
        results[i] = fac_clone(y);
        gradients[i] = fac_clone(fac_grad(w));
    }
    assert_null(fac_error());
    assert_int_equal(fac_plan_numbers(plan).replays, captured ? 2 : 0);
    fac_plan_free(plan);
}

static void test_other_steps(void **state)
{
    (void)state;
    const computed all[] = {cross_entropy, indexing, attention, constants, in_place, pieces, probabilities, smoothed};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        fac_scope {
            fac_tensor *y[2][3], *g[2][3];
            compute(all[i], false, y[0], g[0]);
            compute(all[i], true, y[1], g[1]);
            for (int k = 0; k < 3; k++)
                if (!same_values(y[0][k], y[1][k]) || !same_values(g[0][k], g[1][k]))
                    fail_msg("step %d: pass %d of the captured one gives other numbers", (int)i, k);
        }
}

/* Gradients that add up, in the block and across replays. */
static void test_accumulation(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *w = fac_ones(FAC_SHAPE(2), .requires_grad = true);
        fac_plan *plan = NULL;
        fac_backward(fac_sum(fac_mul_scalar(w, 2)));
        for (int i = 0; i < 3; i++)
            fac_capture(&plan)
                fac_backward(fac_sum(fac_mul_scalar(w, 3)));
        assert_true(fac_item(fac_sum(fac_grad(w))) == 2 * (2 + 3 * 3));
        fac_set_grad(w, NULL);
        assert_false(fac_replay(plan));
        assert_non_null(strstr(fac_error(), "is another tensor now"));
        fac_clear_error();
        fac_plan_free(plan);
    }
}

static void test_version(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *w = fac_ones(FAC_SHAPE(2)), *v = fac_ones(FAC_SHAPE(2), .requires_grad = true);
        fac_plan *plan = NULL;
        fac_capture(&plan)
            fac_add_scalar_(w, 1);
        fac_tensor *y = fac_sum(fac_mul(w, v));
        assert_true(fac_replay(plan));
        assert_true(fac_item(w) != fac_item(w) || fac_at(w, FAC_DIMS(0)) == 3);
        fac_clear_error();
        assert_false(fac_backward(y)); /* w was changed since it was saved */
        assert_non_null(strstr(fac_error(), "modified by an inplace operation"));
        fac_clear_error();
        fac_plan_free(plan);
    }
}

/* ---- what cannot be captured ------------------------------------------------------------------------------------- */

static fac_tensor *shared_x;

static void take_item(void)
{
    fac_item(fac_sum(shared_x));
}

static void take_data(void)
{
    fac_data(fac_exp(shared_x));
}

static void take_text(void)
{
    free(fac_to_string(shared_x));
}

static void take_shape(void)
{
    fac_nonzero(shared_x);
}

static void take_array(void)
{
    float numbers[2] = {1, 2};
    fac_from_array(numbers, FAC_FLOAT32, FAC_SHAPE(2));
}

static void take_first_gradient(void)
{
    fac_tensor *w = fac_keep(fac_ones_like(shared_x, .requires_grad = true));
    fac_backward(fac_sum(fac_mul(w, shared_x)));
    fac_release(w);
}

static void capture_another(void)
{
    fac_plan *inner = NULL;
    fac_capture(&inner)
        fac_exp(shared_x);
    assert_null(inner);
}

static void mismatch(void)
{
    fac_add(shared_x, fac_ones(FAC_SHAPE(7)));
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        void (*step)(void);
        const char *error;
    } steps[] = {
        {take_item, "cannot read or write the elements of a tensor"},
        {take_data, "cannot read or write the elements of a tensor"},
        {take_text, "cannot read or write the elements of a tensor"},
        {take_shape, "cannot read or write the elements of a tensor"},
        {take_array, "a step that is captured cannot"},
        {take_first_gradient, "cannot make the first gradient"},
        {capture_another, "cannot capture another one"},
        {mismatch, "must match the size of tensor b"},
    };
    fac_scope {
        shared_x = fac_ones(FAC_SHAPE(2));
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            fac_plan *plan = NULL;
            for (int pass = 0; pass < 2; pass++) {
                bool ran = false;
                fac_capture(&plan) {
                    ran = true;
                    steps[i].step();
                }
                assert_true(ran);
                assert_null(plan);
                if (!fac_error() || !strstr(fac_error(), steps[i].error)) fail_msg("%d: %s", (int)i, fac_error());
                fac_clear_error();
            }
        }
    }
}

static int leave_early(fac_plan **plan, fac_tensor *x)
{
    fac_capture(plan) {
        fac_add_scalar_(x, 1);
        return 1;
    }
    return 0;
}

static void test_left_early(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_zeros(FAC_SHAPE(1));
        fac_plan *plan = NULL;
        for (int i = 0; i < 2; i++)
            assert_int_equal(leave_early(&plan, x), 1);
        fac_capture(&plan) {
            fac_add_scalar_(x, 1);
            break;
        }
        assert_null(plan);
        fac_capture(NULL)
            fac_add_scalar_(x, 1);
        assert_non_null(strstr(fac_error(), "plan"));
        fac_clear_error();
        assert_true(fac_item(x) == 4);
        assert_false(fac_replay(NULL));
        fac_clear_error();
        fac_plan_print(NULL);
        fac_plan_free(NULL);
    }
}

static void test_changed(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *w = fac_ones(FAC_SHAPE(2), .requires_grad = true);
        fac_tensor *classes = fac_zeros(FAC_SHAPE(1), .dtype = FAC_INT64);
        fac_optimizer *o = fac_sgd(FAC_TENSORS(w), .lr = 1);
        fac_plan *plan = NULL;
        fac_capture(&plan) {
            fac_zero_grad(o);
            fac_backward(fac_sum(fac_index_select(w, 0, classes)));
            fac_step(o);
        }
        assert_non_null(plan);
        fac_set_lr(o, 10); /* is followed */
        assert_true(fac_replay(plan));
        assert_true(fac_at(w, FAC_DIMS(0)) == 1 - 1 - 10);
        *(int64_t *)fac_data(classes) = 2; /* is checked, before anything is changed by it */
        assert_false(fac_replay(plan));
        assert_int_equal(fac_get_error_code(), FAC_ERROR_INDEX);
        fac_clear_error();
        assert_true(fac_at(w, FAC_DIMS(0)) == -10);
        *(int64_t *)fac_data(classes) = 1;
        assert_true(fac_replay(plan));
        fac_set_group_option(o, 0, "momentum", 0.9); /* is another step */
        assert_false(fac_replay(plan));
        assert_non_null(strstr(fac_error(), "capture it again"));
        fac_clear_error();
        fac_plan_free(plan);
        fac_optimizer_free(o);
    }
}

/* ---- planning ---------------------------------------------------------------------------------------------------- */

static void test_fused(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_rand(FAC_SHAPE(3, 4)), *row = fac_rand(FAC_SHAPE(4)), *y = fac_zeros_like(x);
        fac_plan *plan = NULL;
        for (int i = 0; i < 2; i++)
            fac_capture(&plan) {
                fac_tensor *t = fac_tanh(fac_add(fac_mul(x, row), x));
                fac_copy_(y, fac_mul_scalar(t, 3));
            }
        fac_plan_stats n = fac_plan_numbers(plan);
        assert_int_equal(n.launches, 5);
        assert_int_equal(n.steps, 1);
        assert_int_equal(n.fused, 4);
        assert_int_equal(n.shared_bytes, 0);
        fac_copy_(x, fac_rand_like(x));
        assert_true(fac_replay(plan));
        assert_true(same_values(y, fac_mul_scalar(fac_tanh(fac_add(fac_mul(x, row), x)), 3)));
        fac_plan_print(plan);
        fac_plan_free(plan);
    }
}

/* The first layer's relu is done by its product; the second's result is also read without it. */
static void test_epilogue(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_randn(FAC_SHAPE(40, 70)), *w = fac_randn(FAC_SHAPE(90, 70)), *b = fac_randn(FAC_SHAPE(90));
        fac_tensor *w2 = fac_randn(FAC_SHAPE(90, 70)), *v = fac_randn(FAC_SHAPE(90, 90));
        fac_tensor *y = fac_zeros(FAC_SHAPE(40, 90)), *z = fac_zeros_like(y);
        fac_plan *plan = NULL;
        fac_capture(&plan) {
            fac_copy_(y, fac_matmul(fac_relu(fac_linear(x, w, b)), v));
            fac_tensor *twice = fac_linear(x, w2, b);
            fac_copy_(z, fac_sub(twice, fac_matmul(fac_relu(twice), v)));
        }
        bool first = false, second = false;
        for (int64_t i = 0; i < plan->count; i++) {
            if (plan->steps[i].kernel != &fac__k_gemm) continue;
            const fac__gemm_args *g = plan->steps[i].args;
            first |= g->b == fac_data(w) && g->epilogue.activation == FAC__GEMM_RELU;
            second |= g->b == fac_data(w2) && g->epilogue.activation == FAC__GEMM_RELU;
        }
        assert_true(first && !second);
        fac_copy_(x, fac_randn_like(x));
        assert_true(fac_replay(plan));
        assert_true(same_values(y, fac_matmul(fac_relu(fac_linear(x, w, b)), v)));
        fac_tensor *twice = fac_linear(x, w2, b);
        assert_true(same_values(z, fac_sub(twice, fac_matmul(fac_relu(twice), v))));
        fac_plan_free(plan);
    }
}

static void test_left_out(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_rand(FAC_SHAPE(3, 3)), *y = fac_zeros_like(x);
        fac_plan *plan = NULL;
        fac_capture(&plan) {
            fac_tensor *mask = fac_tril(fac_ones(FAC_SHAPE(3, 3)), 0); /* constant: 2 kernels */
            fac_matmul(x, mask);                                       /* unused */
            fac_tensor *a = fac_matmul(x, x), *b = fac_matmul(x, x);   /* equal */
            fac_copy_(y, fac_mul(fac_sub(a, b), mask));                /* fused: 3 */
        }
        fac_plan_stats n = fac_plan_numbers(plan);
        assert_int_equal(n.launches, 8);
        assert_int_equal(n.left_out, 4);
        assert_int_equal(n.steps, 2);
        assert_true(fac_replay(plan));
        assert_true(fac_item(fac_sum(fac_abs(y))) == 0);
        fac_plan_free(plan);
    }
}

/* Ten matrices of one size, of which two live at a time. */
static void test_shared(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_div_scalar(fac_rand(FAC_SHAPE(16, 16)), 4), *y = fac_zeros_like(x), *last = NULL;
        fac_plan *plan = NULL;
        for (int i = 0; i < 2; i++)
            fac_capture(&plan) {
                fac_tensor *t = x;
                for (int k = 0; k < 10; k++)
                    t = fac_matmul(t, x);
                last = fac_keep(fac_softmax(t, 1, FAC_DTYPE_NONE)); /* outlives the block, so has memory of its own */
                fac_copy_(y, t);
            }
        fac_plan_stats n = fac_plan_numbers(plan);
        assert_int_equal(n.bytes, 10 * 16 * 16 * 4);
        assert_int_equal(n.shared_bytes, 2 * 16 * 16 * 4);
        fac_copy_(x, fac_mul_scalar(x, 2));
        assert_true(fac_replay(plan));
        fac_tensor *t = x;
        for (int k = 0; k < 10; k++)
            t = fac_matmul(t, x);
        assert_true(same_values(y, t));
        assert_true(same_values(last, fac_softmax(t, 1, FAC_DTYPE_NONE)));
        fac_plan_free(plan);
        assert_true(same_values(last, fac_softmax(t, 1, FAC_DTYPE_NONE)));
        fac_release(last);
    }
}

/* ---- image by image ----------------------------------------------------------------------------------------------- */

static fac_module *image_net(void)
{
    return fac_nn_sequential(fac_nn_conv2d(1, 6, 5, .padding = 2), fac_nn_relu(), fac_nn_max_pool2d(2),
                             fac_nn_conv2d(6, 16, 3), fac_nn_relu(), fac_nn_avg_pool2d(2), fac_nn_flatten(),
                             fac_nn_linear(144, 10));
}

/* Convolutions, activations and pools run as groups, forward and backward; the numbers are those of step by step. Batches that
 * eights do not divide have chunks of other sizes, or none. */
static void test_groups(void **state)
{
    (void)state;
    for (int64_t batch = 7; batch <= 37; batch += 10) {
        check_recipe("image_net", &(recipe){image_net, sgd, NULL, FAC_SHAPE(batch, 1, 16, 16), false, false, false});
        fac_scope {
            fac_module *net = image_net();
            fac_tensor *x = fac_rand(FAC_SHAPE(batch, 1, 16, 16));
            fac_plan *plan = NULL;
            fac_capture(&plan)
                fac_backward(fac_sum(fac_forward(net, fac_detach(x))));
            assert_null(plan); /* gradients are to be zeroed */
            fac_clear_error();
            fac_capture(&plan) {
                fac_module_zero_grad(net);
                fac_backward(fac_sum(fac_forward(net, x)));
            }
            int64_t grouped = 0, groups = 0;
            for (int64_t i = 0; i < plan->count; i++) {
                grouped += plan->steps[i].group;
                groups += plan->steps[i].group > 0;
            }
            if (batch < 8)
                assert_int_equal(groups, 0);
            else if (batch > 16)
                assert_true(groups >= 2 && grouped >= 7);
            fac_plan_print(plan);
            fac_plan_free(plan);
            fac_module_free(net);
        }
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* With each allocation failing in turn: there is an error and no plan, or a plan that works. */
static void test_out_of_memory(void **state)
{
    (void)state;
    bool done = false;
    for (int64_t n = 1; !done && n < 2000; n++)
        fac_scope {
            fac_manual_seed(0);
            fac_module *net = small_net();
            fac_optimizer *o = fac_adam(fac_parameters(net));
            fac_tensor *x = fac_ones(FAC_SHAPE(2, 6)), *total = fac_scalar_tensor(0);
            fac_plan *plan = NULL;
            fac__alloc_fail_at(n);
            fac_capture(&plan) {
                fac_zero_grad(o);
                fac_tensor *mask = fac_literal("[1, 0, 1]", .dtype = FAC_FLOAT32);
                fac_mul_scalar_(mask, 2);
                fac_tensor *loss = fac_mean(fac_mul(fac_forward(net, x), mask));
                fac_backward(loss);
                fac_step(o);
                fac_copy_(total, fac_detach(loss));
            }
            fac__alloc_fail_at(0);
            if (plan)
                assert_true(fac_replay(plan));
            else
                assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
            done = plan && !fac_error();
            fac_clear_error();
            fac_plan_free(plan);
            fac_optimizer_free(o);
            fac_module_free(net);
        }
    assert_true(done);
}

/* Replays ask for no memory. */
static void test_steady(void **state)
{
    (void)state;
    fac_scope {
        fac_module *net = small_net();
        fac_optimizer *o = fac_adam(fac_parameters(net));
        fac_tensor *x = fac_ones(FAC_SHAPE(2, 6));
        fac_plan *plan = NULL;
        fac_capture(&plan) {
            fac_zero_grad(o);
            fac_backward(fac_mean(fac_forward(net, x)));
            fac_step(o);
        }
        int64_t before = fac__alloc_count();
        for (int i = 0; i < 20; i++)
            assert_true(fac_replay(plan));
        assert_int_equal(fac__alloc_count(), before);
        fac_plan_free(plan);
        fac_optimizer_free(o);
        fac_module_free(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_optimizers, clean, clean),
        cmocka_unit_test_setup_teardown(test_schedules, clean, clean),
        cmocka_unit_test_setup_teardown(test_modules, clean, clean),
        cmocka_unit_test_setup_teardown(test_other_steps, clean, clean),
        cmocka_unit_test_setup_teardown(test_accumulation, quiet, clean),
        cmocka_unit_test_setup_teardown(test_version, quiet, clean),
        cmocka_unit_test_setup_teardown(test_refused, quiet, clean),
        cmocka_unit_test_setup_teardown(test_left_early, quiet, clean),
        cmocka_unit_test_setup_teardown(test_changed, quiet, clean),
        cmocka_unit_test_setup_teardown(test_fused, clean, clean),
        cmocka_unit_test_setup_teardown(test_epilogue, clean, clean),
        cmocka_unit_test_setup_teardown(test_left_out, clean, clean),
        cmocka_unit_test_setup_teardown(test_shared, clean, clean),
        cmocka_unit_test_setup_teardown(test_groups, quiet, clean),
        cmocka_unit_test_setup_teardown(test_out_of_memory, quiet, clean),
        cmocka_unit_test_setup_teardown(test_steady, clean, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
