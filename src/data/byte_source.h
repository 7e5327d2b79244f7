/* Floor 7. Bytes from a file, plain or compressed with gzip, one after the other. */
#ifndef FACULA_BYTE_SOURCE_H
#define FACULA_BYTE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fac__source fac__source;

/* "-" is the standard input. Looks for path, else path with ".gz" added or taken away. When there is no such file NULL comes back, with an error
 * unless `quiet`; other failures always set one. */
fac__source *fac__source_open(const char *path, bool quiet);
void fac__source_close(fac__source *s);
const char *fac__source_path(const fac__source *s);
/* Up to n bytes, fewer only at the end of the data; -1, with an error, when reading fails or the data are damaged. */
int64_t fac__source_read(fac__source *s, void *out, int64_t n);
/* At least one byte, as many as are there at once; 0 only at the end of the data. */
int64_t fac__source_some(fac__source *s, void *out, int64_t n);
/* The most bytes that the file can hold, decompressed; INT64_MAX when it is no regular file. */
int64_t fac__source_limit(const fac__source *s);

#endif
