/* Floor 4. What convolution, pooling and folding share: numbers for up to three spatial dimensions, kept in D, H, W
 * order with missing ones in front. */
#ifndef FACULA_WINDOW_H
#define FACULA_WINDOW_H

#include "op.h"

/* out[3] from a keyword's list (one number or `spatial`) or, where the list is not given, from its single number;
 * missing dimensions get `missing`. False with PyTorch's error for a list of another length. */
bool fac__window_list(const char *keyword, fac_dims list, int64_t single, int spatial, int64_t missing, int64_t *out);

/* The last `spatial` of three sizes as "2 x 2"; the text lives in a ring of 4 per thread. */
const char *fac__window_text(int spatial, const int64_t *sizes, const char *between);

#endif
