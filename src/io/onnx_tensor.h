/* Floor 7. What onnx_read.c and onnx_tensor.c share. */
#ifndef FACULA_ONNX_TENSOR_H
#define FACULA_ONNX_TENSOR_H

#include "onnx_model.h"
#include "wire.h"

typedef struct fac__onnx_reader {
    fac__wire wire;
    fac__onnx_model *model;
} fac__onnx_reader;

/* A field as a text of the model; "" after an error. */
const char *fac__onnx_text(fac__onnx_reader *r, const fac__message *m, const fac__field *f);
/* A TensorProto: the caller's. NULL after an error. name may be NULL. */
fac_tensor *fac__onnx_tensor_of(fac__onnx_reader *r, fac__message m, const char **name);

#endif
