/* Floor 7. The structs of DLPack 0.x, whose layout is its binary interface (https://dmlc.github.io/dlpack/latest/c_api.html). */
#ifndef FACULA_DLPACK_STRUCT_H
#define FACULA_DLPACK_STRUCT_H

#include <stdint.h>

enum { DL_CPU = 1, DL_CUDA_HOST = 3 }; /* devices whose memory the processor can use */
enum { DL_INT, DL_UINT, DL_FLOAT, DL_BFLOAT = 4, DL_COMPLEX, DL_BOOL };

typedef struct DLTensor {
    void *data;
    struct {
        int32_t type, id;
    } device;
    int32_t ndim;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } dtype;
    int64_t *shape, *strides; /* in elements; strides may be NULL: row-major */
    uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
    DLTensor tensor;
    void *context; /* the producer's */
    void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;

#endif
