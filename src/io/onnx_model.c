/* Floor 7. An ONNX model in memory: its lists, and the numbers of its element types. */
#include "onnx_model.h"

#include "elements.h"

/* ---- lists --------------------------------------------------------------------------------------------------- */

#define LIST(function, type, list, many)                                                                               \
    type *function(fac__onnx_model *m)                                                                                 \
    {                                                                                                                  \
        if (!FAC__GROW(m->list, m->many)) return m->failed = true, NULL;                                               \
        m->list[m->many] = (type){0};                                                                                  \
        return &m->list[m->many++];                                                                                    \
    }
LIST(fac__onnx_add_node, fac__onnx_node, nodes, n_nodes)
LIST(fac__onnx_add_tensor, fac__onnx_tensor, initializers, n_initializers)
LIST(fac__onnx_add_input, fac__onnx_value, inputs, n_inputs)
LIST(fac__onnx_add_output, fac__onnx_value, outputs, n_outputs)

void fac__onnx_drop(fac__onnx_model *m)
{
    for (int i = 0; i < m->n_nodes; i++)
        for (int k = 0; k < m->nodes[i].n_attributes; k++)
            fac_release(m->nodes[i].attributes[k].t);
    for (int i = 0; i < m->n_initializers; i++)
        fac_release(m->initializers[i].t);
    fac__free(m->nodes);
    fac__free(m->initializers);
    fac__free(m->inputs);
    fac__free(m->outputs);
    fac__arena_drop(&m->arena);
    memset(m, 0, sizeof *m);
}

const fac__onnx_attribute *fac__onnx_attribute_of(const fac__onnx_node *n, const char *name)
{
    for (int i = 0; i < n->n_attributes; i++) {
        if (strcmp(n->attributes[i].name, name)) continue;
        n->attributes[i].asked = true;
        return &n->attributes[i];
    }
    return NULL;
}

/* ---- element types ------------------------------------------------------------------------------------------- */

static const struct {
    int type, element;
} types[] = {{1, FAC_FLOAT32}, {2, FAC_UINT8}, {3, FAC_INT8},      {4, FAC__U16},      {5, FAC_INT16},
             {6, FAC_INT32},   {7, FAC_INT64}, {9, FAC_BOOL},      {10, FAC_FLOAT16},  {11, FAC_FLOAT64},
             {12, FAC__U32},   {13, FAC__U64}, {16, FAC_BFLOAT16}, {17, FAC__F8_E4M3}, {19, FAC__F8_E5M2}};

int fac__onnx_type_of(fac_dtype dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].element == (int)dtype) return types[i].type;
    return 0;
}

int fac__onnx_element(int64_t type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type) return types[i].element;
    return 0;
}
