/* Floor 7. A file format: one row, defined in the format's own file and listed in formats.c. */
#ifndef FACULA_FORMAT_H
#define FACULA_FORMAT_H

#include "atomic_file.h"
#include "facula/state.h"
#include "input.h"

enum { FAC__HEAD = 1024 };

typedef struct fac__format {
    const char *name;
    const char *suffixes[3]; /* of the files' names; NULL behind the last */
    /* Is it of this format? By the first n bytes of it (FAC__HEAD, or all where it has fewer) and its size. */
    bool (*recognise)(const unsigned char *head, int64_t n, int64_t size);
    /* Adds what is in the file to an empty state, which after an error is dropped. */
    bool (*load)(fac__input *in, fac_state *state);
    /* Writes all of the file, which the caller brings into place, or gives up after an error. NULL: read only
     * (or a set of files, which fac_save knows). */
    bool (*save)(fac__file *f, const fac_state *state);
} fac__format;

extern const fac__format fac__format_safetensors, fac__format_safetensors_index, fac__format_npy, fac__format_npz,
    fac__format_export, fac__format_pytorch, fac__format_pytorch_legacy, fac__format_onnx;

/* What a tensor is called in the state of a file that has one, without a name. */
#define FAC__NAMELESS "tensor"

/* Saves as fac_save does to a path with the suffix of fac__format_safetensors_index: files of at most limit bytes of
 * tensors each, and the index. */
bool fac__save_shards(const fac_state *state, const char *path, int64_t limit);

/* Opens a file and reads it by that function: a new state, or NULL after an error. */
fac_state *fac__load_by(bool (*load)(fac__input *in, fac_state *state), const char *path, bool map);

#endif
