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
    FAC_VALUE_LIST,  /* a list of values, where the others do not fit: index parts, scalars */
    FAC_VALUE_SLICE, /* in an index: a list of start, stop and step, each an int or none */
    FAC_VALUE_ELLIPSIS
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

/* A call of an operation by its name.
 *
 * name: PyTorch's, with or without overload and namespace: "add", "add.Tensor", "nn.functional.relu", "linalg.vector_norm",
 * "aten.mm"; torch's second names ("multiply", "arccos") too. Among overloads the first that the arguments fit is
 * taken. Arguments are given by position, then by keyword; defaults are filled in from the schema. Numbers keep their
 * kind: 2 and 2.0 promote differently. */
typedef struct fac_keyword {
    const char *name;
    fac_value value;
} fac_keyword;

/* Results, the operation's outputs in order, go to results[]; tensors belong to the scope. Returns their number, or -1
 * after an error: unknown name (lists the nearest), arguments that fit no overload (shows them and the schemas), or the operation's
 * own. At most 16 results; those above max are dropped, but counted. */
FAC_API int fac_call(const char *name, const fac_value *args, int n_args, const fac_keyword *keywords, int n_keywords,
                     fac_value *results, int max);

/* The operators there are: i from 0; NULL behind the last. "add.Tensor(Tensor self, …) -> Tensor" and its sentence. */
FAC_API const char *fac_op_schema(int i);
FAC_API const char *fac_op_doc(int i);
/* True if any overload of that name exists. */
FAC_API bool fac_op_exists(const char *name);

/* Short ways to write values. */
static inline fac_value fac_value_none(void)
{
    fac_value v;
    v.kind = FAC_VALUE_NONE;
    v.v.string = NULL;
    return v;
}
static inline fac_value fac_value_tensor(fac_tensor *t)
{
    fac_value v = fac_value_none();
    if (t) {
        v.kind = FAC_VALUE_TENSOR;
        v.v.tensor = t;
    }
    return v;
}
static inline fac_value fac_value_scalar(fac_scalar s)
{
    fac_value v;
    v.kind = FAC_VALUE_SCALAR;
    v.v.scalar = s;
    return v;
}
static inline fac_value fac_value_string(const char *s)
{
    fac_value v;
    v.kind = FAC_VALUE_STRING;
    v.v.string = s;
    return v;
}

FAC_END
#endif
