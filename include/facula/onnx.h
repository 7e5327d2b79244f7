/* Floor 7: ONNX files (https://onnx.ai), the form in which networks go from one library to another. docs/formats.md lists the
 * operators that are read and written.
 *
 *     fac_module *model = fac_onnx_load("resnet18.onnx");
 *     fac_tensor *scores = fac_forward(model, images);
 *     ...
 *     fac_onnx_save(model, FAC_TENSORS(images), "mine.onnx", .dynamic_batch = true);
 */
#ifndef FACULA_ONNX_H
#define FACULA_ONNX_H

#include "facula/graph_module.h"

FAC_BEGIN

/* Reads a network: a graph module (facula/graph_module.h), the caller's, in training mode as any new module; call fac_eval on
 * it for use. Its inputs and outputs are called as in the file. The tensors that the file holds for its nodes (initializers) are
 * parameters if they are of a floating dtype, and then can be trained; running means and variances of batch normalisation, and
 * tensors of other dtypes, are buffers. They go by the file's names: so
 * fac_state_dict, fac_load_state_dict and fac_save know them as the library that wrote the file did.
 *
 * Operators of opset 7 and later, as PyTorch and others write them. Shapes may be computed (Shape, Gather, Concat, …). Elements may lie in
 * other files, if these are in the model's folder. What facula cannot do is an error that names the node and its operator:
 * operators that docs/formats.md does not list, attributes that it does not know, graphs within graphs (If, Loop), types that
 * it has no dtype for. NULL after an error. */
FAC_API fac_module *fac_onnx_load(const char *path);

/* Gives the outputs of a network; their number, or -1 after an error. Outputs belong to the scope. */
typedef int (*fac_onnx_forward)(void *module, fac_tensor *const *inputs, int n_inputs, fac_tensor **outputs, int max);

typedef struct fac_onnx_options {
    bool dynamic_batch; /* false: the file is for inputs of the examples' shapes only */
    int64_t batch_dim;  /* the dimension that is the batch's in all inputs: 0 */
    /* What is to be written in place of the module's forward: for several inputs or outputs, or a part of it. It is called
     * several times. NULL */
    fac_onnx_forward forward;
    const char *const *input_names;  /* one for each input. NULL: "input"; several are "input_0", "input_1", … */
    const char *const *output_names; /* one for each output. NULL: "output" */
} fac_onnx_options;
static inline fac_onnx_options fac_onnx_options_defaults(void)
{
    fac_onnx_options o;
    o.dynamic_batch = false;
    o.batch_dim = 0;
    o.forward = NULL;
    o.input_names = o.output_names = NULL;
    return o;
}

/* Writes a network as it is in evaluation mode, of opset 17. The module is run on the example inputs (FAC_TENSORS(x)), and the
 * operations that it calls are written down: so loops and branches of its C code are those that it took. Parameters and
 * buffers keep their names, but those of recurrent layers, which ONNX wants in another order.
 *
 * With .dynamic_batch = true the network is run again with other sizes of the batch, to see what depends on it.
 *
 * The file is never silently another network. Operations that are not to be written, changes in place, elements that are read
 * into C variables, random numbers are errors that name them. And before the file is put in its place, what it says is read back and
 * run on other inputs (the examples' elements in another order), and its outputs are compared with the network's: a difference is
 * an error. A model of more than 2 GB, which an ONNX file cannot have, is an error, too. The file appears whole or not
 * at all, as with fac_save. */
FAC_API bool fac_onnx_save_with(void *module, fac_tensor_list inputs, const char *path, fac_onnx_options options);
#define fac_onnx_save(module, inputs, path, ...)                                                                       \
    fac_onnx_save_with(module, inputs, path, FAC_OPTIONS(fac_onnx_options, __VA_ARGS__))

/* The operators that are read and written: i from 0, NULL behind the last. "" where a side has no one name for it. */
FAC_API const char *fac_onnx_operator(int i, const char **operation, bool *read, bool *written);

FAC_END
#endif
