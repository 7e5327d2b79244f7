/* The lesson's gradients: facula remembers how a value was computed and finds its derivative by walking back. */
#include <facula/facula.h>
#include <stdio.h>

int main(void)
{
    fac_tensor *x = fac_literal("[2.0]", .requires_grad = true);
    fac_tensor *y = fac_pow_scalar(x, 2);
    fac_backward(y);
    printf("Gradient of y with respect to x: ");
    fac_print(fac_grad(x));

    /* The result itself shows that it has a history. */
    printf("y = ");
    fac_print(y);

    /* Gradients add up in .grad until they are cleared: 4 + 4. */
    fac_backward(fac_pow_scalar(x, 2));
    printf("after a second backward: ");
    fac_print(fac_grad(x));

    /* Where no gradient is wanted, nothing is remembered. */
    fac_no_grad {
        printf("without history: ");
        fac_print(fac_pow_scalar(x, 2));
    }
    return fac_error() ? 1 : 0;
}
