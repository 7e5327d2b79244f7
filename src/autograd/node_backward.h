/* Floor 3. The nodes that are autograd's own, for leaves, views and changes of views in place. Making them is node.c's; what they
 * do in backward is apart from that, so that a program that never goes backward has none of it, nor the operations that it
 * needs. */
#ifndef FACULA_NODE_BACKWARD_H
#define FACULA_NODE_BACKWARD_H

#include "node.h"

/* What FAC__UNVIEW and FAC__COPY_SLICES have for params: a view, and what it is a view of. */
typedef struct fac__geometry {
    int ndim;
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS], offset;
    fac__meta base;
    fac__node *inner; /* of FAC__COPY_SLICES */
} fac__geometry;

/* Of a node that is not an operation's. */
void fac__own_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx);

/* Calls the backward of any node. */
static inline void fac__node_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    if (n->kind == FAC__OPERATION)
        n->backward(n, gy, gx);
    else
        fac__own_backward(n, gy, gx);
}

#endif
