/* Floor 7. What the elements of tensors in files may be: facula's dtypes, and others, whose numbers are read as one of
 * those that has them all. */
#ifndef FACULA_ELEMENTS_H
#define FACULA_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "facula/base.h"

/* A fac_dtype, or one of these. */
enum {
    FAC__U16 = FAC_DTYPE_COUNT, /* read as int32 */
    FAC__U32,                   /* int64 */
    FAC__U64,                   /* int64, where each number fits */
    FAC__F8_E4M3,               /* float16; finite numbers and NaN ("fn") */
    FAC__F8_E5M2,               /* float16 */
    FAC__F8_E8M0,               /* float32: powers of 2 */
    FAC__ELEMENTS
};

size_t fac__element_size(int element);
const char *fac__element_name(int element);   /* torch's, without "torch." */
int fac__element_from_name(const char *name); /* 0: none. torch's names, aliases of dtypes too */
fac_dtype fac__element_dtype(int element);    /* what it is read as */

/* Makes of the n elements in the last bytes of the block at data, which has room for n of the dtype they are read as,
 * that many of this dtype, in this machine's byte order. n, or where the first one stands that cannot be: a bool that
 * is neither 0 nor 1, an uint64 beyond int64; *value is what it is, then. */
int64_t fac__elements_finish(int element, void *data, int64_t n, bool big_endian, uint64_t *value);

#endif
