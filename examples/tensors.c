/* The lesson's first steps: tensors, element-wise operations, matrix multiplication. */
#include <facula/facula.h>
#include <stdio.h>

int main(void)
{
    /* Creating tensors. A literal is written as Python writes it, and whole numbers make an int64 tensor. */
    fac_tensor *x = fac_literal("[1, 2, 3, 4, 5]");
    fac_tensor *y = fac_literal("[2, 4, 6, 8, 10]");

    /* Element-wise operations */
    fac_tensor *z = fac_add(x, y);
    printf("x + y = ");
    fac_print(z);

    /* Matrix multiplication */
    fac_tensor *A = fac_literal("[[1, 2], [3, 4]]");
    fac_tensor *B = fac_literal("[[5, 6], [7, 8]]");
    fac_tensor *C = fac_matmul(A, B);
    printf("A * B = ");
    fac_print(C);

    /* A number is a 0-dimensional tensor, a list a 1-dimensional one, a table a 2-dimensional one, and so on. */
    printf("dimensions: %d, %d, %d\n", fac_dim(fac_sum(x)), fac_dim(x), fac_dim(A));

    /* Shapes need not be equal: a row added to a table is added to each of its rows. */
    printf("A + [10, 20] = ");
    fac_print(fac_add(A, fac_literal("[10, 20]")));

    /* Whatever went wrong on the way has been reported, and is still known here. */
    return fac_error() ? 1 : 0;
}
