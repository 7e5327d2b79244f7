/* A file of tensors, whatever format it has: those of facula/io.h, and idx files. */
#ifndef FACULA_ANY_FILE_H
#define FACULA_ANY_FILE_H

#include <facula/facula.h>

/* Its state, the caller's. The tensor of an idx file is called "tensor", as that of a .npy file is. map: as fac_load. */
fac_state *load_any(const char *path, bool map);
/* "safetensors", "idx"…; for a file that load_any has read. */
const char *format_of(const char *path);

#endif
