/* Floor 7. Files that are read: bytes from anywhere in them, and stretches of bytes that become tensors, read or
 * mapped. */
#ifndef FACULA_INPUT_H
#define FACULA_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/tensor_impl.h"
#include "elements.h"

/* ---- files -------------------------------------------------------------------------------------------------- */

typedef struct fac__input {
    const char *path; /* the caller's */
    int fd;
    int64_t base; /* where it begins in the file; 0 but of a part of one */
    int64_t size;
    bool map; /* tensors are to be views of the file, where they can be */
    struct fac__mapping *mapping;
} fac__input;

/* Regular files only. */
bool fac__input_open(fac__input *in, const char *path, bool map);
void fac__input_close(fac__input *in);
/* n bytes of a file as if they were one: a file in an archive. Not to be closed, and read only as long as `whole` is open.
 * Nothing in it is mapped. */
fac__input fac__input_part(const fac__input *whole, int64_t at, int64_t n);
/* Exactly n bytes from the byte `at`. */
bool fac__input_read(const fac__input *in, int64_t at, void *out, int64_t n);

/* ---- stretches of a file, read from their beginning to their end -------------------------------------------- */

typedef struct fac__stream {
    fac__input *in;   /* whose mapping is made when it is first needed */
    const char *name; /* of an entry or tensor, the caller's; NULL: the file itself */
    int64_t at;       /* of the next byte in the file */
    int64_t packed;   /* bytes of the stretch from there on */
    int64_t left;     /* bytes that are still to come out: the same, unless it is deflated */
    bool summed;      /* has a check sum, which is still to be compared */
    uint32_t sum, wanted;
    struct fac__inflater *inflater; /* NULL: the bytes lie there as they are */
} fac__stream;

/* As they lie there; the caller sees to it that the file has them. */
fac__stream fac__stream_plain(fac__input *in, const char *name, int64_t at, int64_t n);
/* Deflated (zlib's raw format), n bytes when unpacked. False when memory runs out, or n cannot be. */
bool fac__stream_deflated(fac__stream *s, fac__input *in, const char *name, int64_t at, int64_t packed, int64_t n);
void fac__stream_close(fac__stream *s);
/* An error that names the file and the stretch first. False. */
bool fac__stream_error(const fac__stream *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Exactly n bytes; an error that it is truncated where there are fewer. */
bool fac__stream_read(fac__stream *s, void *out, int64_t n);
/* An error unless all has been read, and the check sum is right. What was mapped is not checked. */
bool fac__stream_done(fac__stream *s);
/* The next bytes as a tensor, the caller's, of the dtype that the element is read as. No memory is asked for before it
 * is known that the stretch is long enough. */
fac_tensor *fac__stream_tensor(fac__stream *s, int element, int ndim, const int64_t *shape, bool big_endian);

#endif
