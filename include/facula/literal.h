/* Floor 0: tensors from Python's notation, torch.tensor([[1, 2], [3, 4]]). */
#ifndef FACULA_LITERAL_H
#define FACULA_LITERAL_H

#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_literal_options {
    fac_dtype dtype;    /* NONE: inferred from the numbers */
    bool requires_grad; /* floating dtypes only */
} fac_literal_options;
static inline fac_literal_options fac_literal_options_defaults(void)
{
    fac_literal_options o;
    o.dtype = FAC_DTYPE_NONE;
    o.requires_grad = false;
    return o;
}

/* A new tensor of the numbers in text: a number, or lists of numbers nested to any depth up to FAC_MAX_DIMS.
 *
 *     fac_literal("[[0, 0], [0, 1]]", .dtype = FAC_FLOAT32)      shape [2, 2]
 *     fac_literal("[1, 2.5, -inf]")                              float32: the default dtype, as one is a float
 *     fac_literal("3")                                           int64 of no dimension
 *     fac_literal("[True, False]")                               bool
 *     fac_literal("[]")                                          float32 of shape [0]
 *
 * Numbers are Python's: 7, -7, 1., .5, 1e-3, inf, nan, True, False (true and false too). Lists may be tuples, in
 * parentheses, and end in a comma. Inferred are bool if all are bool, int64 if all are bool or int, otherwise the
 * default dtype. Floats become integers by truncation.
 *
 * NULL, with PyTorch's error, for lists of unequal lengths ("expected sequence of length 2 at dim 1 (got 3)"), for
 * integers that the dtype cannot hold, and for requires_grad of a dtype that is not floating; a text that is no literal
 * is reported with the position where it ceases to be one. */
FAC_API fac_tensor *fac_literal_with(const char *text, fac_literal_options options);
#define fac_literal(text, ...) fac_literal_with(text, FAC_OPTIONS(fac_literal_options, __VA_ARGS__))

FAC_END
#endif
