/* Floor 4. Gradients that cannot be differentiated again: as in PyTorch that is an error only when somebody tries. */
#ifndef FACULA_ONCE_H
#define FACULA_ONCE_H

#include "op.h"

static inline void fac__refuse_twice(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    (void)gy;
    (void)gx;
    fac__runtime_error("derivative for %s is not implemented", n->name);
}

/* dx, whose reference is taken, as what `name` made of these tensors. */
#define FAC__ONCE(name, dx, ...) fac__result(fac__record(name, fac__refuse_twice, 1, 0, 0, __VA_ARGS__), dx)

#endif
