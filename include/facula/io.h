/* Floor 7: files. A state (facula/state.h) is saved to a file and loaded from one; the files are those of PyTorch's and
 * Python's world. docs/formats.md says what each format holds, and how names map.
 *
 *     fac_state *state = fac_state_dict(model);
 *     fac_save(state, "model.safetensors");
 *     ...
 *     fac_state *loaded = fac_load("model.safetensors");
 *     fac_load_state_dict(model, loaded);
 *
 *     format             files                    read, written
 *     safetensors        .safetensors             both (https://github.com/huggingface/safetensors)
 *     safetensors-index  .safetensors.index.json  both: several safetensors files beside it, as Hugging Face has them
 *     npy                .npy                     both (https://numpy.org/neps/nep-0001-npy-format.html)
 *     npz                .npz                     both: a zip file of .npy files
 *     pytorch            .pt .pth                 both: what torch.save writes (zip files), and torch.load reads
 *     pytorch-legacy                              read: what torch.save wrote before PyTorch 1.6
 *     pytorch-export     .pt2                     read: what torch.export.save writes; the state of its program
 *     onnx               .onnx                    read: the tensors of a model (https://onnx.ai); facula/onnx.h has the rest
 */
#ifndef FACULA_IO_H
#define FACULA_IO_H

#include "facula/module.h"
#include "facula/state.h"

FAC_BEGIN

/* ---- states ------------------------------------------------------------------------------------------------- */

/* Writes the tensors, and the metadata where the format has a place for them, in the format that the path's suffix
 * names; safetensors where it names none. The file appears whole or not at all: it is written under another name beside
 * its place, brought to the disk, and renamed. When that fails, on a full disk for instance, or the program is killed,
 * what was there before is untouched (a killed one may leave a file that ends in .tmp). Strided tensors are written as
 * if they were contiguous. Anything but a regular file at that path (a device, a pipe) is written to directly.
 *
 *     safetensors  the bytes are those that Python's writer would write, sorted by dtype, then by name
 *     npy          for a state of one tensor, whose name is not kept; no bfloat16, no metadata
 *     npz          not compressed, each array at a multiple of 64 bytes; no bfloat16, no metadata
 *     pytorch      an OrderedDict, as a state_dict is. Tensors that share memory share it there, with their strides;
 *                  of a storage that only one tensor of the state uses only what this shows. Metadata become the
 *                  dictionary's attribute `metadata`
 *
 * "model.safetensors.index.json" is a set of files: model-00001-of-00003.safetensors and so on, and the index, which
 * says where each tensor is. Tensors are put into files in the order of the state. A file holds tensors of at most
 * .max_shard_size bytes, or one tensor that is larger by itself. Each file has the metadata; the index has them, too,
 * with the sum of all tensors' bytes as total_size. The set appears whole or not at all, like a file: its files take
 * names that nobody has (model.2-00001-of-00003.safetensors when there is a set), then the index is renamed into place,
 * and then those files named like that are removed which only the old index knew. A killed program leaves the old set
 * or the new one, and at worst files that no index names. Tensors that are mapped from the old set stay as they are.
 * Two programs may not save to one index at the same time. */
typedef struct fac_save_options {
    int64_t max_shard_size; /* bytes of tensors in each file of a set; 5,000,000,000 */
} fac_save_options;
static inline fac_save_options fac_save_options_defaults(void)
{
    fac_save_options o;
    o.max_shard_size = 5000000000;
    return o;
}
FAC_API bool fac_save_with(const fac_state *state, const char *path, fac_save_options options);
#define fac_save(state, path, ...) fac_save_with(state, path, FAC_OPTIONS(fac_save_options, __VA_ARGS__))

typedef struct fac_load_options {
    bool map; /* tensors are views of the file instead of copies; false */
} fac_load_options;
static inline fac_load_options fac_load_options_defaults(void)
{
    fac_load_options o;
    o.map = false;
    return o;
}

/* Reads a file, whose format is found by what is in it: a new state, the caller's to fac_state_free. NULL, with an
 * error that says what is wrong and where, for a file that is cut, damaged, inconsistent or holds what no tensor can
 * be. No memory is asked for before it is known that the file can fill it.
 *
 * .map = true: tensors lie in the file, which is opened without being read; what is asked for comes from the disk when
 * it is first touched. Writing into such a tensor changes the tensor, never the file (pages are copied on write). As
 * long as one of these tensors is alive nobody may shorten the file or write over it in place, which would change them,
 * or end the program with SIGBUS; a file that is replaced by renaming another over it, as fac_save does it, is safe.
 * Copied all the same are bools, elements of another byte order or dtype, compressed ones, and those that do not lie on
 * a multiple of their size. Check sums of what is mapped are not verified.
 *
 * PyTorch's files are read without running anything that is in them: a class or function that is neither a tensor nor a
 * container (a whole module, for instance) is an error that names it. Nested dictionaries and lists become names joined
 * by ".": {"model": {"weight": w}, "sizes": [3, 4]} is "model.weight", "sizes.0", "sizes.1". Numbers become tensors
 * without dimensions (bool, int64, float64), texts metadata; None is left out. Views share storages as they did. One
 * tensor by itself is called "tensor".
 *
 * Numbers that facula has no dtype for are read as one that holds them all: uint16 as int32; uint32 as int64; uint64 as
 * int64, where all fit, otherwise an error; float8_e4m3fn and float8_e5m2 as float16; float8_e8m0fnu as float32. Others
 * (complex numbers, texts, objects) are an error that names the dtype. */
FAC_API fac_state *fac_load_with(const char *path, fac_load_options options);
#define fac_load(path, ...) fac_load_with(path, FAC_OPTIONS(fac_load_options, __VA_ARGS__))

/* fac_load of a safetensors file, and of no other: a program that is linked statically then has no other readers in it
 * (docs/embedding.md). */
FAC_API fac_state *fac_safetensors_load_with(const char *path, fac_load_options options);
#define fac_safetensors_load(path, ...) fac_safetensors_load_with(path, FAC_OPTIONS(fac_load_options, __VA_ARGS__))

/* One array of NumPy, by itself: versions 1 to 3 of the format, both byte orders; what lies in Fortran's order is
 * brought into C's. fac_load gives such a tensor the name "tensor". The tensor is the scope's. */
FAC_API fac_tensor *fac_npy_read(const char *path);
/* As numpy.save does. NumPy has no bfloat16: an error. */
FAC_API bool fac_npy_write(fac_tensor *tensor, const char *path);

/* ---- programs ----------------------------------------------------------------------------------------------- */

/* torch.export.load: the program in an archive that torch.export.save of PyTorch 2.4 or later has written, as a graph module
 * (facula/graph_module.h), the caller's to fac_module_free:
 *
 *     fac_module *model = fac_export_load("model.pt2");
 *     fac_tensor *y = fac_forward(model, x);
 *
 * It calls operators by their names, as the program does, in training or inference IR, before or after run_decompositions().
 * Parameters and buffers have their names in the original module, so that its state dicts fit. Sizes that were exported as
 * dynamic may be any; others are checked. What the program was exported with as a fixed number, text or None is no
 * input here. A network exported in training mode goes into evaluation by fac_eval; one exported in evaluation mode
 * stays so. Everything is on the CPU, whatever device the program names.
 *
 * Nothing that is in the file runs but these operators. NULL, with an error that names what it is: a damaged file, an operator
 * that facula does not have (all of them, with the nodes that call them), kinds of arguments and inputs
 * that it does not know: graphs in graphs (torch.cond), classes of one's own, several programs in an archive of which none is
 * called "model". */
FAC_API fac_module *fac_export_load(const char *path);

/* ---- asking ------------------------------------------------------------------------------------------------- */

/* The name of the format ("safetensors") by what is in the file. NULL, with an error, when it cannot be opened, or has
 * none of the formats above. */
FAC_API const char *fac_file_format(const char *path);
/* The name of the format that the path's suffix names; NULL, without an error, when it names none. Touches no file. */
FAC_API const char *fac_name_format(const char *path);

FAC_END
#endif
