/* The lesson's neural network: two layers learn XOR. With the same seed it prints the numbers the lesson's Python prints. */
#include <argp.h>
#include <facula/facula.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"

/* ---- the network: a module with two layers ------------------------------------------------------------------ */

typedef struct {
    fac_module base;
    fac_module *layer1, *layer2;
    fac_tensor *(*activation)(fac_tensor *);
} simple_nn;

static fac_tensor *simple_nn_forward(fac_module *self, fac_tensor *x)
{
    simple_nn *net = (simple_nn *)self;
    x = net->activation(fac_forward(net->layer1, x));
    return fac_forward(net->layer2, x);
}

static const fac_module_type simple_nn_type = {
    .name = "SimpleNN", .size = sizeof(simple_nn), .forward = simple_nn_forward};

static fac_module *simple_nn_new(int hidden, fac_tensor *(*activation)(fac_tensor *))
{
    simple_nn *net = fac_module_new(&simple_nn_type);
    if (!net) return NULL;
    net->activation = activation;
    fac_add_child(net, layer1, fac_nn_linear(2, hidden));
    fac_add_child(net, layer2, fac_nn_linear(hidden, 1));
    return fac_module_ready(net);
}

/* ---- options ------------------------------------------------------------------------------------------------ */

static struct {
    unsigned long long seed;
    int hidden, epochs;
    double lr;
    fac_tensor *(*activation)(fac_tensor *);
} options = {.seed = 0, .hidden = 5, .epochs = 1000, .lr = 0.01, .activation = fac_relu};

static const struct argp_option option_list[] = {
    {"seed", 's', "N", 0, "seed of the random numbers (0)", 0},
    {"hidden", 'n', "N", 0, "neurons in the hidden layer (5)", 0},
    {"lr", 'l', "F", 0, "learning rate (0.01)", 0},
    {"epochs", 'e', "N", 0, "rounds of training (1000)", 0},
    {"activation", 'a', "NAME", 0, "relu, tanh or sigmoid (relu)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 's': options.seed = (unsigned long long)whole(state, arg, 0, INT64_MAX); break;
    case 'n': options.hidden = (int)whole(state, arg, 1, 1000000); break;
    case 'l': options.lr = learning_rate(state, arg); break;
    case 'e': options.epochs = (int)whole(state, arg, 1, 1000000000); break;
    case 'a':
        if (!strcmp(arg, "relu"))
            options.activation = fac_relu;
        else if (!strcmp(arg, "tanh"))
            options.activation = fac_tanh;
        else if (!strcmp(arg, "sigmoid"))
            options.activation = fac_sigmoid;
        else
            argp_error(state, "there is no activation '%s': relu, tanh or sigmoid", arg);
        break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is not expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- the lesson --------------------------------------------------------------------------------------------- */

/* XOR is solved when every prediction is on the right side of one half. */
static bool solved(fac_tensor *predicted, fac_tensor *y)
{
    fac_tensor *right = fac_eq(fac_gt_scalar(predicted, 0.5), fac_gt_scalar(y, 0.5));
    return fac_item_int(fac_all(right)) != 0;
}

static const char *verdict(fac_tensor *predicted, fac_tensor *y)
{
    if (!fac_item_int(fac_all(fac_isfinite(predicted))))
        return "XOR is not solved: the steps were so long that the numbers grew beyond all bounds. Try a smaller --lr.";
    if (solved(predicted, y)) return "XOR is solved: every prediction is on the right side of 0.5.";
    return "XOR is not solved: not every prediction is on the right side of 0.5. "
           "Try more epochs, a larger --lr or --hidden, or another --seed.";
}

int main(int argc, char **argv)
{
    static const struct argp argp = {option_list, parse, NULL, "Trains the lesson's small network on XOR.",
                                     NULL,        NULL,  NULL};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);

    /* Create the model and the optimizer */
    fac_manual_seed(options.seed);
    fac_module *model = simple_nn_new(options.hidden, options.activation);
    fac_optimizer *optimizer = fac_sgd(fac_parameters(model), .lr = options.lr);

    /* Training data */
    fac_tensor *X = fac_literal("[[0, 0], [0, 1], [1, 0], [1, 1]]", .dtype = FAC_FLOAT32);
    fac_tensor *y = fac_literal("[[0], [1], [1], [0]]", .dtype = FAC_FLOAT32);

    /* Training loop. A fac_scope frees what one round made. */
    for (int epoch = 1; epoch <= options.epochs && !fac_error(); epoch++)
        fac_scope {
            /* Forward pass */
            fac_tensor *outputs = fac_forward(model, X);
            fac_tensor *loss = fac_mse_loss(outputs, y);

            /* Backward pass and optimize */
            fac_zero_grad(optimizer);
            fac_backward(loss);
            fac_step(optimizer);

            if (epoch % 100 == 0) printf("Epoch [%d/%d], Loss: %.4f\n", epoch, options.epochs, fac_item(loss));
        }

    /* Test the model */
    if (!fac_error())
        fac_no_grad {
            fac_tensor *predicted = fac_forward(model, X);
            printf("Final predictions:\n");
            fac_print(predicted);
            printf("%s\n", verdict(predicted, y));
        }

    fac_optimizer_free(optimizer);
    fac_module_free(model);
    return fac_error() ? 1 : 0;
}
