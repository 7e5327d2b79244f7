/* Floor 5: modules that are lists of calls. A network that comes from a file, as fac_export_load reads it, has no forward
 * in C: it is a graph module, which calls operations by their names (facula/ops_call.h), one after the other. It is a
 * module like any other: it has parameters and buffers under the names that they have in the file, a state dict, can be
 * trained, copied, captured (fac_capture), and printed, which shows its calls.
 *
 * Of one input and one output it is used by fac_forward; of several by fac_graph_call.
 *
 * fac_eval puts layers that behave otherwise in training (dropout, batch norm) into evaluation; after fac_train they do what the file
 * says that they do. A network that was written in evaluation mode stays in it. */
#ifndef FACULA_GRAPH_MODULE_H
#define FACULA_GRAPH_MODULE_H

#include "facula/module.h"
#include "facula/ops_call.h"

FAC_BEGIN

/* True if the module is a graph module. */
FAC_API bool fac_is_graph(const void *module);

/* Runs it with as many inputs as it has. Outputs go to outputs[], tensors belong to the scope. Returns their number, those above
 * max dropped but counted; or -1 after an error, whose fac_error_op is the call that failed: its name in the
 * file, and the operation's ("linear_1 (aten.linear.default)"). An input whose shape is not one that the graph was written for is
 * an error. */
FAC_API int fac_graph_call(void *module, const fac_value *inputs, int n_inputs, fac_value *outputs, int max);

/* What goes in and comes out: how many, the names that they have in the file, and what is known of an input's dtype and shape:
 * FAC_DTYPE_NONE for a number, or where nothing is known; n = -1 where the shape is not known, and a size of -1 where
 * any will do. i from 0; NULL, NONE and n = -1 where there is none. */
FAC_API int fac_graph_inputs(const void *module);
FAC_API int fac_graph_outputs(const void *module);
FAC_API const char *fac_graph_input_name(const void *module, int i);
FAC_API const char *fac_graph_output_name(const void *module, int i);
FAC_API fac_dtype fac_graph_input_dtype(const void *module, int i);
FAC_API fac_dims fac_graph_input_shape(const void *module, int i);

FAC_END
#endif
