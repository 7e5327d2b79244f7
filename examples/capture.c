/* The lesson's training once more, captured: the first round runs and is written down, all others replay its kernels. Prints
 * how much faster that is, that the numbers are the same, and what a replay consists of. */
#include <argp.h>
#include <facula/facula.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"

static struct {
    int epochs;
} options = {.epochs = 1000};

static const struct argp_option option_list[] = {
    {"epochs", 'e', "N", 0, "rounds of training (1000)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'e': options.epochs = (int)whole(state, arg, 1, 1000000000); break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is not expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static fac_module *network(void)
{
    fac_manual_seed(0);
    return fac_nn_sequential(fac_nn_linear(2, 5), fac_nn_relu(), fac_nn_linear(5, 1));
}

/* One round: forward, backward, optimise. */
static fac_tensor *train(fac_module *model, fac_optimizer *optimizer, fac_tensor *X, fac_tensor *y)
{
    fac_tensor *loss = fac_mse_loss(fac_forward(model, X), y);
    fac_zero_grad(optimizer);
    fac_backward(loss);
    fac_step(optimizer);
    return loss;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {option_list, parse, NULL, "Trains the lesson's network with and without capture.",
                                     NULL,        NULL,  NULL};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    fac_tensor *X = fac_literal("[[0, 0], [0, 1], [1, 0], [1, 1]]", .dtype = FAC_FLOAT32);
    fac_tensor *y = fac_literal("[[0], [1], [1], [0]]", .dtype = FAC_FLOAT32);

    fac_module *plain = network();
    fac_optimizer *sgd = fac_sgd(fac_parameters(plain), .lr = 0.01);
    double started = now();
    for (int epoch = 0; epoch < options.epochs; epoch++)
        fac_scope
            train(plain, sgd, X, y);
    double plain_time = now() - started;

    fac_module *captured = network();
    fac_optimizer *again = fac_sgd(fac_parameters(captured), .lr = 0.01);
    fac_plan *plan = NULL;
    fac_tensor *loss = NULL;
    started = now();
    for (int epoch = 0; epoch < options.epochs; epoch++)
        fac_capture(&plan)
            loss = fac_keep(train(captured, again, X, y)); /* runs once: kept to be read later */
    double captured_time = now() - started;

    fac_plan_print(plan);
    printf("%d epochs: %.3f ms; captured: %.3f ms, %.1f times as fast\n", options.epochs, 1e3 * plain_time,
           1e3 * captured_time, plain_time / captured_time);
    fac_no_grad
        if (!fac_error()) {
            bool same = fac_equal(fac_forward(plain, X), fac_forward(captured, X));
            printf("Loss: %.4f. The predictions are %s.\n", fac_item(loss),
                   same ? "the same, to the bit" : "different");
        }

    fac_release(loss);
    fac_plan_free(plan);
    fac_optimizer_free(sgd);
    fac_optimizer_free(again);
    fac_module_free(plain);
    fac_module_free(captured);
    return fac_error() ? 1 : 0;
}
