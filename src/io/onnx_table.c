/* Floor 7. The rows of onnx_operators.h, all together. */
#include "onnx_operators.h"

const fac__onnx_operator *fac__onnx_operator_at(int i)
{
    static const fac__onnx_operator *const tables[] = {
        fac__onnx_math,   fac__onnx_pairs,     fac__onnx_layers,   fac__onnx_windows, fac__onnx_sizes,
        fac__onnx_parts,  fac__onnx_recurrent, fac__onnx_resize,   fac__onnx_pools,   fac__onnx_formulas,
        fac__onnx_images, fac__onnx_reduce,    fac__onnx_order,    fac__onnx_norms,   fac__onnx_indices,
        fac__onnx_losses, fac__onnx_create,    fac__onnx_attention};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const fac__onnx_operator *row = tables[t]; row->onnx; row++)
            if (i-- == 0) return row;
    return NULL;
}

const char *fac_onnx_operator(int i, const char **operation, bool *read, bool *written)
{
    const fac__onnx_operator *row = i < 0 ? NULL : fac__onnx_operator_at(i);
    if (!row) return NULL;
    if (operation) *operation = row->aten;
    if (read) *read = row->load != NULL;
    if (written) *written = row->save != NULL;
    return row->onnx;
}
