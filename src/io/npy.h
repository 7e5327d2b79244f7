/* Floor 7. One array in NumPy's format, in a file of its own or in an archive. */
#ifndef FACULA_NPY_H
#define FACULA_NPY_H

#include "core/text.h"
#include "input.h"

bool fac__npy_recognise(const unsigned char *head, int64_t n);
/* The array from the beginning of the stretch to its end: a new tensor, the caller's. */
fac_tensor *fac__npy_read(fac__stream *s);
/* What stands before the elements of t, a multiple of 64 bytes long. False, with an error, for a dtype that NumPy does
 * not have, or when memory runs out; the caller drops the text in any case. */
bool fac__npy_describe(const fac_tensor *t, fac__text *head);

#endif
