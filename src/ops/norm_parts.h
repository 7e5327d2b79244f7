/* Floor 4. What norm_layers.c shares with norm_native.c, where the same operations give their statistics, and their
 * gradients are operations of their own. */
#ifndef FACULA_NORM_PARTS_H
#define FACULA_NORM_PARTS_H

#include "backend/norm.h"
#include "facula/ops_norm.h"
#include "op.h"

typedef enum fac__norm_kind { BATCH, GROUP, LAYER } fac__norm_kind;

typedef struct fac__norm {
    fac__norm_kind kind;
    fac__norm_args args; /* without pointers */
} fac__norm;

/* What a node saves, and a backward is given. Weight and bias may be NULL. */
enum { X, WEIGHT, BIAS, INPUTS, MEAN = INPUTS, RSTD, SAVED };

/* The sizes of each kind, and the dtype that it is computed in; false with PyTorch's error. */
bool fac__batch_sizes(const fac_tensor *input, const fac_tensor *running_mean, const fac_tensor *running_var,
                      const fac_norm_options *o, fac__norm_args *a);
bool fac__layer_sizes(const fac_tensor *input, fac_dims normalized_shape, const fac_norm_options *o, fac__norm_args *a);
bool fac__group_sizes(const fac_tensor *input, int64_t num_groups, const fac_norm_options *o, fac__norm_args *a);

/* Mean and 1 / standard deviation go to stats[2], if it is not NULL, in the dtype that it was computed in. */
fac_tensor *fac__batch_norm(fac_tensor *input, fac_tensor *running_mean, fac_tensor *running_var,
                            const fac_norm_options *o, fac_tensor **stats);
fac_tensor *fac__layer_norm(fac_tensor *input, fac_dims normalized_shape, const fac_norm_options *o,
                            fac_tensor **stats);
fac_tensor *fac__group_norm(fac_tensor *input, int64_t num_groups, const fac_norm_options *o, fac_tensor **stats);

/* The gradients wanted of input, weight and bias, from gy and what was saved (statistics contiguous and of the dtype it is
 * computed in). recorded: such that they can be differentiated again. */
bool fac__norm_gradients(const fac__norm *p, fac_tensor *const *saved, fac_tensor *gy, const bool *wants, bool recorded,
                         fac_tensor **gx);

#endif
