/* Floor 4. What the products of matrices (matmul.c) and those with vectors (matvec.c) share. */
#ifndef FACULA_PRODUCT_H
#define FACULA_PRODUCT_H

#include "facula/ops_matmul.h"
#include "op.h"

/* t times a number, in t's dtype; t itself for 1. */
fac_tensor *fac__scaled(fac_tensor *t, double by);
/* False, with an error, if the dtypes differ. */
bool fac__same_dtype(const fac_tensor *a, const fac_tensor *b);
/* Whether bias broadcasts to the product's shape, in the words of expand where it does not. */
bool fac__bias_fits(fac_tensor *bias, int ndim, const int64_t *shape);
/* beta and alpha, arguments of that number, as options. */
#define SCALED(beta, alpha) ((fac_addmm_options){F(beta), F(alpha)})

#endif
