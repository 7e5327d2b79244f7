/* The program that README.md shows: a small network learns XOR. */
#include <facula/facula.h>

int main(void)
{
    fac_manual_seed(0);
    fac_tensor *X = fac_literal("[[0, 0], [0, 1], [1, 0], [1, 1]]", .dtype = FAC_FLOAT32);
    fac_tensor *y = fac_literal("[[0], [1], [1], [0]]", .dtype = FAC_FLOAT32);
    fac_module *model = fac_nn_sequential(fac_nn_linear(2, 8), fac_nn_tanh(), fac_nn_linear(8, 1));
    fac_optimizer *sgd = fac_sgd(fac_parameters(model), .lr = 0.1);

    for (int epoch = 1; epoch <= 1000; epoch++)
        fac_scope { /* frees what one round made */
            fac_tensor *loss = fac_mse_loss(fac_forward(model, X), y);
            fac_zero_grad(sgd);
            fac_backward(loss);
            fac_step(sgd);
        }
    fac_no_grad
        fac_print(fac_forward(model, X));

    fac_optimizer_free(sgd);
    fac_module_free(model);
    return fac_error() ? 1 : 0;
}
