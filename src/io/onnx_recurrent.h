/* Floor 7. What reading and writing ONNX's recurrent layers share: the order of gates. */
#ifndef FACULA_ONNX_RECURRENT_H
#define FACULA_ONNX_RECURRENT_H

#include "onnx_operators.h"

typedef struct fac__onnx_gates {
    const char *onnx, *aten;
    int gates;
    int to_onnx[4], from_onnx[4]; /* place i of the one is place […] of the other */
} fac__onnx_gates;

enum { FAC__ONNX_LSTM, FAC__ONNX_GRU, FAC__ONNX_RNN };
extern const fac__onnx_gates fac__onnx_kinds[];

/* The rows of w, gate by gate, in that order; of the scope. */
fac_tensor *fac__onnx_ordered(fac_tensor *w, const int *order, int gates);

/* onnx_recurrent_save.c */
bool fac__onnx_save_recurrent(fac__onnx_saver *s, const fac__onnx_operator *row);
bool fac__onnx_save_cell(fac__onnx_saver *s, const fac__onnx_operator *row);

#endif
