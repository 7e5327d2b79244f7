/* Floor 7. fac_idx_read for the library itself: the reference is the caller's, and with `quiet` a file that is not
 * there gives NULL without an error. */
#ifndef FACULA_IDX_H
#define FACULA_IDX_H

#include "facula/data.h"

fac_tensor *fac__idx_read(const char *path, bool quiet);

#endif
