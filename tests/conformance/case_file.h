/* Conformance files: safetensors whose metadata hold recorded calls of PyTorch operators. */
#ifndef FACULA_CASE_FILE_H
#define FACULA_CASE_FILE_H

#include <facula/facula.h>
#include <jansson.h>

typedef struct case_file {
    char *bytes;
    size_t size, data; /* where the tensors' data begin */
    json_t *header, *cases;
    const char *op;
} case_file;

/* False, with a line on stderr, when the file is not of format facula-conformance-1. */
bool case_file_open(const char *path, case_file *f);
void case_file_close(case_file *f);

/* A tensor of the file, in the layout that `object` ({"tensor":…,"strides":…}) asks for, or plain where it is NULL.
 * The scope's; NULL on errors. */
fac_tensor *case_file_tensor(const case_file *f, const char *name, json_t *object);

#endif
