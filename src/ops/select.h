/* Floor 4. Operations whose values are elements of the input, picked by an index along one dimension (max, median,
 * kthvalue, mode, sort, cummax…): the gradient goes to the elements picked. */
#ifndef FACULA_SELECT_H
#define FACULA_SELECT_H

#include "op.h"

/* A node for one result along dim of x; keepdim: whether the result still has that dimension. */
fac__node *fac__select_record(const char *name, fac_tensor *x, int dim, bool keepdim);
/* Takes both references, saves the indices, gives values back and the indices through the pointer (may be NULL).
 * NULL, and both released, when either is NULL. */
fac_tensor *fac__select_result(fac__node *n, fac_tensor *values, fac_tensor *indices, fac_tensor **indices_out);
/* Zeros of the input's shape with g added at the indices, which both have the input's dimensions. Differentiable. */
fac_tensor *fac__select_back(fac_dims input, int dim, fac_tensor *indices, fac_tensor *g);

#endif
