#!/usr/bin/env python3
"""Writes tests/data/onnx/nodes.zip, models of one node each, and nodes.npz, their inputs and what onnxruntime makes of them
(NAME.in0, …, NAME.out0, …), for tests/test_onnx_nodes.c. Written with onnx 1.23 and onnxruntime 1.32.
"""
import io
import os
import zipfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

FOLDER = os.path.join(os.path.dirname(__file__), "..", "data", "onnx")
random = np.random.default_rng(0)
CASES = []


def r(*shape):
    return random.standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, dtype=np.int64)


def case(op, *inputs, known=(), outputs=1, opset=17, **attributes):
    """known: which inputs stand in the file; None: an input that is left out."""
    name = "%03d_%s" % (len(CASES), op)
    names = ["" if x is None else "x%d" % i for i, x in enumerate(inputs)]
    node = helper.make_node(op, names, ["y%d" % i for i in range(outputs)], name="node", **attributes)
    given = [(n, x) for i, (n, x) in enumerate(zip(names, inputs)) if n and i not in known]
    fixed = [numpy_helper.from_array(x, n) for i, (n, x) in enumerate(zip(names, inputs)) if n and i in known]
    values = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in given]

    def model_of(results):
        graph = helper.make_graph([node], op, values, results, fixed)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)

    session = onnxruntime.InferenceSession(model_of([onnx.ValueInfoProto(name=n) for n in node.output])
                                           .SerializeToString())
    results = session.run(None, dict(given))
    model = model_of([helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(y.dtype), y.shape)
                      for n, y in zip(node.output, results)])
    onnx.checker.check_model(model)
    CASES.append((name, model, [x for _, x in given], results))


def resize():
    x = r(1, 2, 4, 5)
    for mode in ("nearest", "linear", "cubic"):
        for way in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
            case("Resize", x, None, np.array([1, 1, 1.5, 0.6], np.float32), known=(2,), mode=mode,
                 coordinate_transformation_mode=way)
            case("Resize", x, None, None, ints(1, 2, 7, 3), known=(3,), mode=mode, coordinate_transformation_mode=way)
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        case("Resize", x, None, None, ints(1, 2, 3, 8), known=(3,), mode="nearest", nearest_mode=rounding,
             coordinate_transformation_mode="half_pixel")
    case("Resize", x, np.array([0, 0, .2, .1, 1, 1, .9, 1.3], np.float32), None, ints(1, 2, 3, 6), known=(1, 3),
         mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=9.0)
    case("Resize", x, None, None, ints(1, 2, 2, 3), known=(3,), mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5)
    case("Resize", x, None, np.array([.5, .6], np.float32), known=(2,), mode="linear", antialias=1, axes=[2, 3],
         exclude_outside=1, opset=18)
    case("Resize", x, None, None, ints(3, 9), known=(3,), mode="nearest", axes=[2, 3], opset=18,
         keep_aspect_ratio_policy="not_larger")
    case("Resize", x, np.array([1, 1, 2, 2], np.float32), known=(1,), mode="linear", opset=10)
    case("Upsample", x, np.array([1, 1, 2, 3], np.float32), known=(1,), mode="nearest", opset=9)


def windows():
    x, w = r(1, 2, 7, 8), r(3, 2, 3, 2)
    for pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        case("Conv", x, w, auto_pad=pad, strides=[2, 3])
        case("MaxPool", x, kernel_shape=[3, 2], auto_pad=pad, strides=[2, 2])
        case("AveragePool", x, kernel_shape=[3, 2], auto_pad=pad, strides=[2, 2])
    case("Conv", x, w, r(3), pads=[0, 1, 2, 0], dilations=[1, 2])
    v = r(2, 3, 3, 3)
    case("ConvTranspose", x, v, strides=[2, 2], pads=[0, 1, 2, 0], output_padding=[1, 0])
    case("ConvTranspose", x, v, r(3), strides=[2, 2], output_shape=[14, 15])
    case("ConvTranspose", x, v, strides=[2, 2], auto_pad="SAME_UPPER")
    case("MaxPool", x, kernel_shape=[3, 3], pads=[2, 1, 0, 2], strides=[2, 1], ceil_mode=1)
    for inside in (0, 1):
        case("AveragePool", x, kernel_shape=[3, 3], pads=[2, 1, 0, 2], strides=[2, 1], count_include_pad=inside)
        case("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], ceil_mode=1,
             count_include_pad=inside)
    case("AveragePool", x, kernel_shape=[2, 2], dilations=[2, 3], opset=19)
    case("LpPool", x, kernel_shape=[2, 3], p=3, pads=[1, 1, 0, 0])
    case("GlobalLpPool", x, p=2)
    case("DepthToSpace", r(1, 8, 2, 3), blocksize=2, mode="DCR")
    case("DepthToSpace", r(1, 8, 2, 3), blocksize=2, mode="CRD")
    case("SpaceToDepth", r(1, 2, 4, 6), blocksize=2)
    case("Col2Im", r(1, 12, 20), ints(6, 8), ints(2, 2), known=(1, 2), opset=18, strides=[2, 2], pads=[1, 1, 1, 1])
    grid = random.uniform(-1.2, 1.2, (1, 3, 4, 2)).astype(np.float32)
    for mode, padding in (("bilinear", "zeros"), ("nearest", "border"), ("bicubic", "reflection")):
        case("GridSample", x, grid, mode=mode, padding_mode=padding, align_corners=int(mode == "nearest"))


def indices():
    x, at = r(3, 4), np.array([[0, -1, 2, 1], [1, 1, 0, -2]], np.int64)
    case("GatherElements", x, at, axis=0)
    case("GatherND", r(2, 3, 4), np.array([[1], [-1]], np.int64), batch_dims=1)
    case("GatherND", r(2, 3, 4), np.array([[1, 0], [0, -1]], np.int64))
    for reduction in ("none", "add", "mul"):
        case("ScatterElements", x, np.array([[0, 1, 2, 0], [2, -1, 1, 1]], np.int64), r(2, 4), axis=0,
             reduction=reduction)
        case("ScatterND", r(4, 3), np.array([[0], [2]], np.int64), r(2, 3), reduction=reduction)
    case("ScatterND", r(4, 3), np.array([[0, 1], [-1, 2]], np.int64), r(2), opset=13)
    case("ScatterElements", x, np.array([[1, 0]], np.int64), r(1, 2), axis=1, reduction="max", opset=18)
    case("OneHot", np.array([[1, -1], [0, 5]], np.int64), ints(4), np.array([-1, 2], np.float32), axis=1)
    case("NonZero", np.array([[1, 0], [0, 2]], np.float32))
    case("Compress", x, np.array([True, False, True]), axis=0)
    case("TopK", np.array([[1, 3, 3, 2, 3]], np.float32), ints(3), outputs=2)
    case("TopK", r(4, 3), ints(2), outputs=2, largest=0, axis=0)
    for exclusive in (0, 1):
        case("CumSum", x, ints(1).reshape(()), exclusive=exclusive, reverse=1)
    case("ReverseSequence", r(4, 3, 2), ints(2, 4, 1), time_axis=0, batch_axis=1)
    case("Split", r(7, 2), ints(2, 5), outputs=2)
    case("Split", r(7, 2), outputs=3, opset=18, num_outputs=3)
    case("Slice", r(7, 2), ints(6), ints(-9), ints(0), ints(-3))
    for mode in ("constant", "reflect", "edge"):
        case("Pad", r(3, 4), ints(1, 2, 0, 1), np.array(5, np.float32) if mode == "constant" else None, mode=mode)
    case("Pad", r(3, 4), ints(2, 3), None, ints(-1), mode="wrap", opset=19)
    case("Trilu", r(3, 4), ints(-1).reshape(()), upper=0)
    case("Unsqueeze", r(3, 4), ints(-1, 0))
    case("Squeeze", r(1, 3, 1), ints(0, -1))
    case("EyeLike", r(3, 4), k=1, dtype=7)
    case("Size", r(3, 4))
    case("ArgMax", np.array([[2, 2, 1], [1, 3, 3]], np.float32), axis=1, select_last_index=1)


def sums():
    x = r(2, 3, 4)
    for op in ("Prod", "SumSquare", "LogSumExp", "L1", "L2"):
        case("Reduce" + op, x, axes=[1], keepdims=0)
        case("Reduce" + op, x, ints(-1, 0), opset=18)
    case("ReduceLogSum", np.abs(x), axes=[1, 2])
    case("ReduceSum", x, ints(1), keepdims=0)
    case("ReduceSum", np.arange(6, dtype=np.int32).reshape(2, 3))
    case("ReduceMean", x, ints(2), opset=18)
    case("Hardmax", np.array([[2, 3, 3], [1, 0, 0]], np.float32))
    case("LpNormalization", x, axis=1, p=1)
    case("MeanVarianceNormalization", r(2, 3, 2, 2))
    case("LRN", r(1, 6, 2, 2), size=3, alpha=.2, beta=.6, bias=1.5)
    case("LayerNormalization", x, r(3, 4), r(3, 4), axis=1, outputs=3, epsilon=1e-3)
    case("GroupNormalization", r(2, 4, 3), r(4), r(4), num_groups=2, opset=21)
    case("Mean", r(2, 3), r(3), r(2, 1))
    case("IsInf", np.array([1, np.inf, -np.inf, np.nan], np.float32), detect_negative=0)
    case("Shrink", r(2, 5), lambd=.5, bias=.2)
    case("Selu", r(2, 5), alpha=2.0, gamma=.5)
    case("BitShift", np.array([1, 7, 200], np.uint8), np.array([1, 2, 3], np.uint8), direction="RIGHT")
    case("BitwiseAnd", np.array([12, 7], np.int32), np.array([10, -2], np.int32), opset=18)
    case("Mod", np.array([5, -5, 5], np.int64), np.array([3, 3, -3], np.int64))
    case("Pow", np.array([2, 3], np.int32), np.array([2, .5], np.float32))
    for reduction in ("none", "mean", "sum"):
        case("SoftmaxCrossEntropyLoss", r(3, 4), ints(1, 0, 3), reduction=reduction)
        case("NegativeLogLikelihoodLoss", r(2, 3, 2), np.array([[1, 0], [2, 1]], np.int64), np.abs(r(3)),
             reduction=reduction, ignore_index=0)


def recurrent():
    x, h = r(4, 3, 5), 6
    for way in ("forward", "reverse", "bidirectional"):
        d = 2 if way == "bidirectional" else 1
        for op, gates, more in (("LSTM", 4, {}), ("GRU", 3, {"linear_before_reset": 0}),
                                ("GRU", 3, {"linear_before_reset": 1}), ("RNN", 1, {"activations": ["Relu"] * d})):
            case(op, x, r(d, gates * h, 5), r(d, gates * h, h), r(d, 2 * gates * h), None, r(d, 3, h),
                 known=(1, 2, 3), outputs=2, hidden_size=h, direction=way, **more)
    case("LSTM", x, r(1, 24, 5), r(1, 24, h), known=(1, 2), outputs=3, hidden_size=h,
         activations=["Sigmoid", "Tanh", "Tanh"])


def attention():
    q, k, v = r(2, 3, 8), r(2, 5, 4), r(2, 5, 4)
    heads = {"q_num_heads": 4, "kv_num_heads": 2, "opset": 23}
    case("Attention", q, k, v, r(3, 5), softcap=2.0, **heads)
    case("Attention", q, k, v, is_causal=1, scale=.3, **heads)
    case("Attention", r(1, 2, 3, 4), r(1, 2, 2, 4), r(1, 2, 2, 4), None, r(1, 2, 1, 4), r(1, 2, 1, 4), outputs=3,
         is_causal=1, opset=23)
    angles = random.uniform(0, 3, (6, 2)).astype(np.float32)
    for interleaved in (0, 1):
        case("RotaryEmbedding", q, np.cos(angles), np.sin(angles), np.array([[0, 2, 1], [5, 4, 3]], np.int64),
             num_heads=2, interleaved=interleaved, opset=23)
    for op in ("HannWindow", "HammingWindow", "BlackmanWindow"):
        case(op, ints(7).reshape(()), periodic=int(op == "HannWindow"))
    case("CenterCropPad", r(4, 5), ints(3, 8), opset=18)


def write():
    resize()
    windows()
    indices()
    sums()
    recurrent()
    attention()
    arrays = {}
    with zipfile.ZipFile(os.path.join(FOLDER, "nodes.zip"), "w", zipfile.ZIP_DEFLATED) as z:
        for name, model, inputs, outputs in CASES:
            z.writestr(zipfile.ZipInfo(name + ".onnx"), model.SerializeToString(), zipfile.ZIP_DEFLATED)
            arrays.update({"%s.in%d" % (name, i): x for i, x in enumerate(inputs)})
            arrays.update({"%s.out%d" % (name, i): x for i, x in enumerate(outputs)})
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    with open(os.path.join(FOLDER, "nodes.npz"), "wb") as f:
        f.write(packed.getvalue())


if __name__ == "__main__":
    write()
