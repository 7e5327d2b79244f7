/* Floor 7. The elements of a tensor as files hold them: row-major, little-endian. */
#ifndef FACULA_ROW_MAJOR_H
#define FACULA_ROW_MAJOR_H

#include "atomic_file.h"
#include "core/tensor_impl.h"

/* t, or a tensor of the scope whose memory, from fac__host on, holds its elements that way. */
fac_tensor *fac__row_major(fac_tensor *t);
bool fac__write_row_major(fac__file *f, fac_tensor *t);

#endif
