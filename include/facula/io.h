/* Floor 7: files. States are saved as safetensors (https://github.com/huggingface/safetensors), which Python's package
 * of that name, and so the tools around PyTorch, read and write too.
 *
 *     fac_state *state = fac_state_dict(model);
 *     fac_save(state, "model.safetensors");
 *     ...
 *     fac_state *loaded = fac_load("model.safetensors");
 *     fac_load_state_dict(model, loaded);
 */
#ifndef FACULA_IO_H
#define FACULA_IO_H

#include "facula/state.h"

FAC_BEGIN

/* Writes the tensors and the metadata. The file appears whole or not at all: it is written under another name beside
 * its place, brought to the disk, and renamed. When that fails, on a full disk for instance, what was there before is
 * untouched. Strided tensors are written as if they were contiguous. Anything but a regular file at that path (a
 * device, a pipe) is written to directly. The bytes are those that Python's writer would write: sorted by dtype, then
 * by name. */
FAC_API bool fac_save(const fac_state *state, const char *path);

/* Reads such a file: a new state, the caller's to fac_state_free, its tensors in the order of the header. dtypes: BOOL,
 * U8, I8, I16, I32, I64, F16, BF16, F32, F64. NULL, with an error that says what is wrong and where, unless every byte
 * of the file is accounted for: header and tensors have the sizes they claim, no two overlap, nothing is left over. No
 * memory is asked for before that is known, beyond that of the header. */
FAC_API fac_state *fac_load(const char *path);

FAC_END
#endif
