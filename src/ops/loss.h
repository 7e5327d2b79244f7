/* Floor 4. What the files of losses share. */
#ifndef FACULA_OPS_LOSS_INTERNAL_H
#define FACULA_OPS_LOSS_INTERNAL_H

#include "facula/ops_loss.h"
#include "facula/ops_reduce.h"
#include "op.h"

/* False, with an error, for a reduction that is none of the three. */
bool fac__check_reduction(fac_reduction reduction);
/* The losses of the elements reduced, recorded; x itself for FAC_NONE. */
fac_tensor *fac__reduce_loss(fac_tensor *x, fac_reduction reduction);
/* y, which was just made by a recorded operation, with the grad_fn's name that PyTorch gives to the whole loss. */
fac_tensor *fac__named_loss(fac_tensor *y, const char *name);
/* Warns, once for each flag, when input and target differ in shape. */
void fac__warn_sizes(const char *loss, const fac_tensor *input, const fac_tensor *target);

/* ATen's number or torch.nn.functional's word ("mean") for a reduction; any other value for bad ones. */
fac_reduction fac__reduction_value(const fac_value *v);

#endif
