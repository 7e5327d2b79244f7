/* Floor 4. A tensor's values as a kernel wants them, without a history of their own: the operation that calls
 * records. */
#ifndef FACULA_PLAIN_H
#define FACULA_PLAIN_H

#include "op.h"

/* x in a row and in that dtype: x itself where it is so, else a copy of the scope. NULL after an error, or for NULL. */
static inline fac_tensor *fac__plain(fac_tensor *x, fac_dtype dtype)
{
    if (!x || (x->contiguous && x->dtype == dtype)) return x;
    fac_tensor *y = fac__new_like(x, dtype);
    if (y && !fac__copy_into(y, x)) {
        fac_release(y);
        return NULL;
    }
    return fac__own(y);
}
/* The same, strides as they are. */
static inline fac_tensor *fac__cast_plain(fac_tensor *x, fac_dtype dtype)
{
    return !x || x->dtype == dtype ? x : fac__plain(x, dtype);
}

#endif
