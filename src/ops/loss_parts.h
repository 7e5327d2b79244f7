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

/* A row of two tensors (and perhaps a number, NONE for none), weighted (weight may be NULL) and reduced; node is the grad_fn's
 * name. Integers are refused in the words of PyTorch's kernel of that name. */
fac_tensor *fac__row_loss(fac__row row, const char *kernel, const char *node, fac_tensor *input, fac_tensor *target,
                          fac_scalar number, fac_tensor *weight, fac_reduction reduction);
/* options with an unset margin, p or eps (NAN) set to the loss's own default. */
static inline double fac__or(double given, double otherwise)
{
    return given == given ? given : otherwise;
}

/* ATen's number or torch.nn.functional's word ("mean") for a reduction; an error and no reduction for
 * other words. */
fac_reduction fac__reduction_value(const fac_value *v);

#endif
