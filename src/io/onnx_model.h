/* Floor 7. What an ONNX file says (https://github.com/onnx/onnx/blob/main/docs/IR.md; onnx.proto has the numbers of fields):
 * a graph of nodes, each an operator with names of what goes in and comes out, the tensors that are known beforehand, and the
 * network's own inputs and outputs. Reading and writing; what the operators mean is onnx_operators.h's. */
#ifndef FACULA_ONNX_MODEL_H
#define FACULA_ONNX_MODEL_H

#include "arena.h"
#include "core/tensor_impl.h"
#include "input.h"

enum {
    FAC__ONNX_FLOAT = 1,
    FAC__ONNX_INT,
    FAC__ONNX_TEXT,
    FAC__ONNX_TENSOR,
    FAC__ONNX_FLOATS = 6,
    FAC__ONNX_INTS,
    FAC__ONNX_TEXTS
};

typedef struct fac__onnx_attribute {
    const char *name;
    int type; /* of those above; others cannot be read */
    float f;
    int64_t i;
    const char *s; /* of several texts all, one behind the other with a space between */
    fac_tensor *t; /* the model's */
    const int64_t *ints;
    const float *floats;
    int count;  /* of these */
    bool graph; /* one or several graphs, which are not read */
    bool asked; /* somebody looked at it: what nobody does would change the node's meaning unseen */
} fac__onnx_attribute;

typedef struct fac__onnx_node {
    const char *name, *op, *domain; /* "" where there is none */
    const char **inputs, **outputs; /* "": left out */
    int n_inputs, n_outputs;
    fac__onnx_attribute *attributes;
    int n_attributes;
} fac__onnx_node;

typedef struct fac__onnx_tensor {
    const char *name;
    fac_tensor *t; /* the model's */
} fac__onnx_tensor;

typedef struct fac__onnx_value {
    const char *name;
    fac_dtype dtype; /* NONE: none of ours, or not said */
    fac_dims shape;  /* n = -1: not said; a size of -1: any, the batch's */
    bool wider;      /* the dtype holds more than the file's type does: uint16 is int32 */
} fac__onnx_value;

typedef struct fac__onnx_model {
    fac__arena arena; /* texts and lists */
    bool failed;      /* memory ran out: an error is pending */
    int64_t ir_version, opset;
    const char *producer;
    fac__onnx_node *nodes;
    fac__onnx_tensor *initializers;
    fac__onnx_value *inputs, *outputs;
    int n_nodes, n_initializers, n_inputs, n_outputs;
} fac__onnx_model;

/* Reads a file, and the files beside it that it names for its tensors. What it read until an error is to be dropped, too. */
bool fac__onnx_read(const char *path, fac__onnx_model *m);
bool fac__onnx_read_input(fac__input *in, fac__onnx_model *m);
bool fac__onnx_write(const char *path, const fac__onnx_model *m);
void fac__onnx_drop(fac__onnx_model *m);

/* Each appends one; NULL when memory runs out, which the model remembers. */
fac__onnx_node *fac__onnx_add_node(fac__onnx_model *m);
fac__onnx_tensor *fac__onnx_add_tensor(fac__onnx_model *m);
fac__onnx_value *fac__onnx_add_input(fac__onnx_model *m);
fac__onnx_value *fac__onnx_add_output(fac__onnx_model *m);

/* The attribute of that name; NULL if there is none. */
const fac__onnx_attribute *fac__onnx_attribute_of(const fac__onnx_node *n, const char *name);

/* ONNX's number of an element type; 0: it has none. And the other way: what fac__elements calls an element, 0: unknown. */
int fac__onnx_type_of(fac_dtype dtype);
int fac__onnx_element(int64_t type);

#endif
