/* Floor 4: any operation by its name, with arguments as data. */
#ifndef FACULA_OPS_CALL_H
#define FACULA_OPS_CALL_H

#include "facula/tensor.h"

FAC_BEGIN

typedef enum fac_value_kind {
    FAC_VALUE_NONE,
    FAC_VALUE_TENSOR,
    FAC_VALUE_SCALAR,  /* bool, int or float, by scalar.kind */
    FAC_VALUE_INTS,    /* int[]: ints.items[ints.count] */
    FAC_VALUE_TENSORS, /* Tensor[] (items may be NULL) */
    FAC_VALUE_STRING,
    FAC_VALUE_DTYPE,
    FAC_VALUE_LIST /* a list of values, where the others do not fit: index parts, scalars */
} fac_value_kind;

typedef struct fac_value fac_value;
struct fac_value {
    fac_value_kind kind;
    union {
        fac_tensor *tensor;
        fac_scalar scalar;
        struct {
            const int64_t *items;
            int64_t count;
        } ints;
        fac_tensor_list tensors;
        const char *string;
        fac_dtype dtype;
        struct {
            const fac_value *items;
            int64_t count;
        } list;
    } v;
};

FAC_END
#endif
