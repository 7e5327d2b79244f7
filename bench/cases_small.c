/* Small tensors: what an operation, and a step of the lesson's first network, cost beyond their arithmetic. */
#include "bench.h"

enum { REPEATED = 1000 };

/* ---- the lesson's network ----------------------------------------------------------------------------------- */

static void xor_setup(bench_state *s)
{
    s->t[0] = fac_literal("[[0, 0], [0, 1], [1, 0], [1, 1]]", .dtype = FAC_FLOAT32);
    s->t[1] = fac_literal("[[0], [1], [1], [0]]", .dtype = FAC_FLOAT32);
    fac_manual_seed(0);
    s->module = fac_nn_sequential(fac_nn_linear(2, 5), fac_nn_relu(), fac_nn_linear(5, 1));
    s->optimizer = fac_sgd(fac_parameters(s->module), .lr = 0.01);
    s->y = fac_keep(fac_zeros(FAC_SHAPE()));
}

static fac_tensor *xor_step(bench_state *s)
{
    fac_tensor *loss = fac_mse_loss(fac_forward(s->module, s->t[0]), s->t[1]);
    fac_zero_grad(s->optimizer);
    fac_backward(loss);
    fac_step(s->optimizer);
    return loss;
}

static void xor_epochs(bench_state *s)
{
    for (int epoch = 0; epoch < 1000; epoch++)
        fac_scope
            xor_step(s);
}

static void xor_epochs_captured(bench_state *s)
{
    for (int epoch = 0; epoch < 1000; epoch++)
        fac_capture(&s->plan)
            xor_step(s);
}

static void xor_epochs_item(bench_state *s)
{
    volatile double loss;
    for (int epoch = 0; epoch < 1000; epoch++)
        fac_scope
            loss = fac_item(xor_step(s));
    (void)loss;
}

/* The loss that PyTorch has after its first 1000 epochs. */
static bool xor_check(bench_state *s)
{
    double loss = fac_item(fac_mse_loss(fac_forward(s->module, s->t[0]), s->t[1]));
    return bench_near(s, "the loss after 1000 epochs", loss, 0.164422497, 1e-3);
}

/* ---- single operations -------------------------------------------------------------------------------------- */

static void ones_setup(bench_state *s)
{
    s->t[0] = fac_ones(FAC_SHAPE(1), .requires_grad = s->c->leaves > 0);
    s->t[1] = fac_ones(FAC_SHAPE(1), .requires_grad = s->c->leaves > 0);
    s->t[2] = fac_zeros(FAC_SHAPE(1));
}

static void add(bench_state *s)
{
    fac_tensor *a = s->t[0], *b = s->t[1];
    fac_no_grad
        for (int i = 0; i < REPEATED; i++)
            fac_scope
                fac_add(a, b);
}

static bool add_check(bench_state *s)
{
    return bench_near(s, "1 + 1", fac_item(fac_add(s->t[0], s->t[1])), 2, 0);
}

/* There is no out=: the nearest is a sum that lands in a tensor there was before. */
static void add_in_place(bench_state *s)
{
    fac_tensor *a = s->t[2], *b = s->t[1];
    fac_no_grad
        for (int i = 0; i < REPEATED; i++)
            fac_scope
                fac_add_(a, b);
}

static bool add_in_place_check(bench_state *s)
{
    return bench_near(s, "a thousand times 1", fac_item(s->t[2]), REPEATED, 0);
}

static void autograd(bench_state *s)
{
    fac_tensor *a = s->t[0], *b = s->t[1];
    for (int i = 0; i < REPEATED; i++)
        fac_scope
            fac_backward(fac_sum(fac_mul(a, b)));
}

static bool autograd_check(bench_state *s)
{
    return bench_near(s, "a thousand gradients", fac_item(fac_grad(s->t[0])), REPEATED, 0);
}

static void linear(bench_state *s)
{
    fac_tensor **t = s->t;
    fac_no_grad
        for (int i = 0; i < REPEATED; i++)
            fac_scope
                fac_linear(t[0], t[1], t[2]);
}

static bool linear_check(bench_state *s)
{
    double want = AT(s->t[2], 3), terms = 1;
    for (int k = 0; k < 8; k++) {
        want += AT(s->t[0], 0, k) * AT(s->t[1], 3, k);
        terms += fabs(AT(s->t[0], 0, k) * AT(s->t[1], 3, k));
    }
    return bench_near(s, "an output", AT(fac_linear(s->t[0], s->t[1], s->t[2]), 0, 3), want, terms);
}

const bench_case bench_small_cases[] = {
    {"lesson_xor", "1000 epochs", .setup = xor_setup, .step = xor_epochs, .check = xor_check},
    {"lesson_xor_captured", "1000 epochs", .setup = xor_setup, .step = xor_epochs_captured, .check = xor_check},
    {"lesson_xor_item", "1000 epochs, the loss read in each", .setup = xor_setup, .step = xor_epochs_item,
     .check = xor_check},
    {"op_overhead_add", "one a + b, 1 element, no grad", .setup = ones_setup, .step = add, .check = add_check,
     .units = REPEATED},
    {"op_overhead_add_out", "one sum into a tensor there was before, 1 element", .setup = ones_setup,
     .step = add_in_place, .check = add_in_place_check, .units = REPEATED},
    {"op_overhead_autograd", "one (a * b).sum().backward(), 1 element", .setup = ones_setup, .step = autograd,
     .check = autograd_check, .leaves = 2, .units = REPEATED},
    {"op_overhead_linear", "one linear layer, 1x8 -> 8, no grad", .in = {{1, 8}, {8, 8}, {8}}, .step = linear,
     .check = linear_check, .units = REPEATED},
    {0},
};
