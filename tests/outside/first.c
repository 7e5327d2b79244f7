/* The first program of docs/getting-started.md: a straight line through points. */
#include <facula/facula.h>
#include <stdio.h>

int main(void)
{
    fac_manual_seed(0);
    fac_tensor *x = fac_linspace(0, 1, 20, .dtype = FAC_FLOAT32);
    fac_tensor *y = fac_add_scalar(fac_mul_scalar(x, 3), 2);
    fac_tensor *w = fac_randn(FAC_SHAPE(2), .requires_grad = true);

    for (int step = 0; step < 500; step++)
        fac_scope { /* what one step computes is freed at its end */
            fac_tensor *line = fac_add(fac_mul(fac_index(w, 0), x), fac_index(w, 1));
            fac_backward(fac_mse_loss(line, y));
            fac_no_grad
                fac_sub_(w, fac_mul_scalar(fac_grad(w), 0.3));
            fac_set_grad(w, NULL);
        }
    fac_print(w);
    if (fac_error()) fprintf(stderr, "first: %s\n", fac_error());
    return fac_error() ? 1 : 0;
}
