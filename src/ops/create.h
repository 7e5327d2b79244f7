/* Floor 4. What files that make tensors share. */
#ifndef FACULA_CREATE_H
#define FACULA_CREATE_H

#include "facula/ops_create.h"
#include "op.h"

/* Takes the reference to t, sets requires_grad, gives t to the scope. NULL gives NULL. */
fac_tensor *fac__created(fac_tensor *t, fac_create_options options);
/* A new tensor of that shape, of `dtype` or, where that is NONE, `otherwise`. The caller's. */
fac_tensor *fac__new_shaped(fac_dims shape, fac_dtype dtype, fac_dtype otherwise);
/* A tensor of these elements, the scope's: those of a list in a call, which does not change. */
fac_tensor *fac__of_array(const void *data, fac_dtype dtype, fac_dims shape);

#endif
