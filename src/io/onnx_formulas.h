/* Floor 7. Nodes of ONNX by formulas (onnx_formulas.c says how these are written). */
#ifndef FACULA_ONNX_FORMULAS_H
#define FACULA_ONNX_FORMULAS_H

#include "onnx_operators.h"

/* The nodes of a formula over the arguments of the call that is saved; the name of the result, NULL after an error. */
const char *fac__onnx_put_formula(fac__onnx_saver *s, const char *text, fac_dtype dtype);
/* What a row's save is where the table of formulas has its operation. */
bool fac__onnx_save_formula(fac__onnx_saver *s, const fac__onnx_operator *row);
/* The dtype that the call's tensors and numbers have together. */
fac_dtype fac__onnx_common_dtype(const fac__onnx_saver *s);

#endif
