/* Floor 7. A network that is written as an ONNX file is traced twice: what the two passes differ by depends on their inputs. */
#ifndef FACULA_ONNX_TWICE_H
#define FACULA_ONNX_TWICE_H

#include "onnx_operators.h"

/* Whether both are the same calls of the same values with the same numbers, but for shapes; else an error says where not. */
bool fac__onnx_same_calls(const fac__trace *a, const fac__trace *b);
/* The error. False. */
bool fac__onnx_differs(const char *what);

#endif
