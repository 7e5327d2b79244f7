/* Floor 3. One run of backward. */
#ifndef FACULA_ENGINE_H
#define FACULA_ENGINE_H

#include "node.h"

typedef struct fac__backward_request {
    int n_roots, n_inputs;
    const fac__edge *root_edges; /* where to begin */
    fac_tensor *const *root_grads;
    const fac__edge *input_edges; /* n_inputs 0: fill .grad of the leaves; else only grads[], which get references */
    fac_tensor **grads;
    bool retain_graph, create_graph;
} fac__backward_request;

bool fac__run_backward(const fac__backward_request *request);

#endif
