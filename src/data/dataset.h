/* Floor 7. What datasets and the loader know of each other. */
#ifndef FACULA_DATASET_H
#define FACULA_DATASET_H

#include <stdatomic.h>

#include "facula/data.h"

struct fac_dataset {
    atomic_int refs;
    fac_dataset_spec spec;
    size_t item_bytes[FAC_MAX_FIELDS];
};

fac_dataset *fac__dataset_keep(fac_dataset *d);
/* A tensor for n items of a field; for one item without the batch's dimension if n is -1. The caller's. */
fac_tensor *fac__dataset_room(const fac_dataset *d, int field, int64_t n);
/* Writes the items into tensors that have room for them. */
bool fac__dataset_fill(fac_dataset *d, const int64_t *indices, int64_t n, fac_tensor *const *into);
/* t itself, if it lies in a row and has the dtype, or else a copy that does. The caller's. */
fac_tensor *fac__rows_of(fac_tensor *t, fac_dtype dtype);

#endif
