/* Floor 7: tensors shared with other libraries of the same process, without a copy, by DLPack
 * (https://dmlc.github.io/dlpack/latest/): NumPy, PyTorch, JAX, CuPy and others speak it. docs/embedding.md has an example.
 *
 * A program that includes DLPack's own header, dlpack/dlpack.h, sees the same struct; this header does without it. */
#ifndef FACULA_DLPACK_H
#define FACULA_DLPACK_H

#include "facula/tensor.h"

FAC_BEGIN

struct DLManagedTensor;

/* The tensor as DLPack describes it: shape, strides and dtype as they are, the memory shared, so that either side sees what the
 * other writes. The result is the caller's, until it is given to a consumer, and holds the memory; whoever has it last calls its
 * member `deleter`. NULL, with an error, for a tensor that requires grad (fac_detach it first), whose history the other side
 * could not know of, and in a step that is captured. */
FAC_API struct DLManagedTensor *fac_to_dlpack(fac_tensor *self);

/* A tensor over the memory that the struct describes, any strides but negative ones. The struct is the tensor's from then on: its
 * deleter is called when no tensor uses the memory any more, by the thread that drops the last one. NULL, with an error, and
 * the struct still the caller's: memory of another device than the CPU; a dtype that facula does not have (complex, unsigned of
 * more than 8 bits, vectors); more than FAC_MAX_DIMS dims; elements that do not lie on a multiple of their size. */
FAC_API fac_tensor *fac_from_dlpack(struct DLManagedTensor *managed);

FAC_END

#endif
