/* A program outside of facula's tree, as C11: it is built against the installed library, and returns 0 if that works. */
#include <facula/facula.h>

#include <stdio.h>
#include <string.h>

/* A module of one's own. */
typedef struct {
    fac_module base;
    fac_module *layer;
} doubled;

static fac_tensor *doubled_forward(fac_module *self, fac_tensor *x)
{
    return fac_mul_scalar(fac_forward(((doubled *)self)->layer, x), 2);
}

static const fac_module_type doubled_type = {.name = "Doubled", .size = sizeof(doubled), .forward = doubled_forward};

static fac_module *doubled_new(void)
{
    doubled *net = (doubled *)fac_module_new(&doubled_type);
    if (!net) return NULL;
    fac_add_child(net, layer, fac_nn_linear(2, 1));
    return fac_module_ready(net);
}

/* The loss falls when the module is trained. */
static int learns(void)
{
    fac_manual_seed(0);
    fac_module *model = doubled_new();
    fac_optimizer *sgd = fac_sgd(fac_parameters(model), .lr = 0.005);
    fac_tensor *x = fac_literal("[[1, 2], [3, 4]]", .dtype = FAC_FLOAT32);
    fac_tensor *y = fac_literal("[[1], [-1]]", .dtype = FAC_FLOAT32);
    double first = 0, last = 0;
    for (int epoch = 0; epoch < 200; epoch++)
        fac_scope {
            fac_tensor *loss = fac_mse_loss(fac_forward(model, x), y);
            fac_zero_grad(sgd);
            fac_backward(loss);
            fac_step(sgd);
            last = fac_item(loss);
            if (epoch == 0) first = last;
        }
    fac_optimizer_free(sgd);
    fac_module_free(model);
    if (fac_error() || !(last < first / 2)) return printf("the loss goes from %g to %g\n", first, last), 0;
    return 1;
}

/* An error knows the line of the call that failed, and the program goes on. */
static int errors_have_lines(void)
{
    fac_error_handler handler = fac_set_error_handler(NULL);
    fac_tensor *a = fac_literal("[1, 2]"), *b = fac_literal("[1, 2, 3]");
    int line = __LINE__ + 1;
    fac_tensor *sum = fac_relu(fac_add(a, b));
    if (sum || !fac_error() || fac_error_line() != line || strcmp(fac_error_file(), __FILE__) != 0)
        return printf("'%s' is said to be of line %d, not %d\n", fac_error(), fac_error_line(), line), 0;
    fac_clear_error();
    fac_set_error_handler(handler);
    return 1;
}

int main(void)
{
    if (strcmp(fac_version(), "0.1.0") != 0) return puts("another version's library"), 1;
    return learns() && errors_have_lines() ? 0 : 1;
}
