/* Floor 7. Nodes that compute with sizes: onnx_lanes.c. */
#ifndef FACULA_ONNX_LANES_H
#define FACULA_ONNX_LANES_H

#include "onnx_operators.h"

typedef enum fac__onnx_lanes { FAC__ONNX_NO_LANE, FAC__ONNX_LANE, FAC__ONNX_LANE_FAILED } fac__onnx_lanes;

/* Loads the node, if it is one whose inputs are sizes and whose result is, too; else it is to be loaded as any other. */
fac__onnx_lanes fac__onnx_load_lanes(fac__onnx_loader *l);

#endif
