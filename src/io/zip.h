/* Floor 7. Archives in the zip format, with zip64 for large ones: entries that lie there as they are, or deflated. */
#ifndef FACULA_ZIP_H
#define FACULA_ZIP_H

#include "atomic_file.h"
#include "core/text.h"
#include "input.h"

/* ---- reading ------------------------------------------------------------------------------------------------ */

enum { FAC__ZIP_LONGEST_NAME = 4096 };

typedef struct fac__zip_entry {
    char *name;
    int64_t at;           /* where its bytes begin in the file */
    int64_t packed, size; /* bytes there, and when unpacked */
    int64_t header;
    uint32_t sum; /* CRC-32 */
    bool deflated;
} fac__zip_entry;

typedef struct fac__zip {
    fac__input *in;
    int64_t count;
    fac__zip_entry *entries; /* as they lie in the file */
    fac__zip_entry **sorted; /* by name */
} fac__zip;

/* Reads the list of entries, and sees to it that they lie in the file, one behind the other, each under the name that
 * it has in the list, no two under the same. False after an error; then, too, the caller closes it. */
bool fac__zip_open(fac__zip *z, fac__input *in);
void fac__zip_close(fac__zip *z);
/* NULL, without an error, where there is none. */
const fac__zip_entry *fac__zip_find(const fac__zip *z, const char *name);
/* The bytes of an entry; the caller closes the stretch. False after an error. */
bool fac__zip_stream(const fac__zip *z, const fac__zip_entry *entry, fac__stream *s);

/* ---- writing ------------------------------------------------------------------------------------------------ */

typedef struct fac__zip_writer {
    fac__file *f;
    int64_t at, count;
    fac__text list;
} fac__zip_writer;

/* An entry of two parts, of which either may be empty, as they are. Its bytes begin at a multiple of 64 in the file. */
bool fac__zip_add(fac__zip_writer *z, const char *name, const void *head, size_t head_size, const void *data,
                  size_t size);
bool fac__zip_finish(fac__zip_writer *z);
void fac__zip_drop(fac__zip_writer *z);

#endif
