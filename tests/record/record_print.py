#!/usr/bin/env python3
"""Records str(tensor) of PyTorch for tests/test_print.c. Writes tests/data/print.txt.

Each case is
    @ dtype grad default precision threshold edgeitems linewidth sci_mode flip size size …
    value value …     or     = multiplier modulus offset divisor
    the text, on as many lines as it has
grad is "-", "leaf" or the name of a grad_fn; flip 1 swaps the first and last dimensions of the tensor of these sizes; "="
says that element i is ((i * multiplier) % modulus - offset) / divisor. Recorded with PyTorch 1.13.
"""
import os

import torch

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()
out = []
nan, inf = float("nan"), float("inf")


def case(values, shape=None, dtype="float32", grad="-", default="float32", precision=4, threshold=1000, edgeitems=3,
         linewidth=80, sci=-1, flip=0):
    torch.set_default_dtype(getattr(torch, default))
    n = 1
    shape = (len(values),) if shape is None and isinstance(values, list) else shape
    for s in shape:
        n *= s
    if isinstance(values, tuple):
        mul, mod, off, div = values
        given = "= " + " ".join(map(str, values))
        values = [((i * mul) % mod - off) / div for i in range(n)]
    else:
        assert len(values) == n, (values, shape)
        given = " ".join(repr(float(v)) if "float" in dtype else str(int(v)) for v in values)
    if "float" not in dtype:
        values = [int(v) for v in values]
    t = torch.tensor(values, dtype=torch.float64 if "float" in dtype else torch.int64).to(getattr(torch, dtype))
    t = t.reshape(shape)
    if flip:
        t = t.transpose(0, -1)
    if grad != "-":
        t.requires_grad_()
    if grad == "AddBackward0":
        t = t + 0
    elif grad == "MulBackward0":
        t = t * 1
    torch.set_printoptions(precision=precision, threshold=threshold, edgeitems=edgeitems, linewidth=linewidth,
                           sci_mode=None if sci < 0 else bool(sci))
    head = ["@", dtype, grad, default, precision, threshold, edgeitems, linewidth, sci, flip, *shape]
    out.append(" ".join(map(str, head)) + "\n" + given + "\n" + str(t) + "\n")


# One row of values of every kind.
rows = [
    [0], [1], [-1], [0, 0, 0], [1, 2, 3], [-1, 10, 100], [0.5], [0.1, 0.22, 0.333], [1, 2.5, -3.75],
    [nan], [inf], [-inf], [nan, 1, 2], [inf, 1.5, -2], [nan, inf, -inf, 0], [nan, inf, -inf, 10, -100.5],
    [1e-5], [1e-4], [9.9e-5, 1], [1, 1000], [1, 1001], [1, 1001.5], [0.5, 501], [1e8], [1.1e8], [1e8, 1e8], [99999999],
    [123456789, 2], [1e10, 1e10], [1e38, -1e38], [1e-38, 1e-40], [3.4e38, 1e-45], [0.99999], [9.99995], [0.00015, 0.1],
    [-0.0], [-0.0, 1], [-0.0, 1.5], [1, 0, 0, 999, 1000], [1e3], [12345.678], [0.1, 100], [0.1, 100.1], [5e-324, 1],
    [16777216, 16777217], [100000, 99999.5], [1e-3] * 3, [2.5, 3.5, 4.5], [0.00005, 0.00015], [1e5, nan], [1e9, nan, inf],
    [65504, 1], [6e-8, 1e-7], [-1e-5, 1e5], [1.005, 2.675], [0.125, 0.0625, 0.03125],
]
for r in rows:
    case(r)
    case(r, dtype="float64")
for r in rows[:20] + rows[-9:]:
    case(r, dtype="float16")
    case(r, dtype="bfloat16")
for r in ([0], [1], [0, 1, 1], [1, 1]):
    case(r, dtype="bool")
for dtype in "uint8 int8 int16 int32 int64".split():
    for r in ([0], [1, 10, 100], [127, 0, 5]):
        case(r, dtype=dtype)
    if dtype != "uint8":
        case([-128, 5, 0], dtype=dtype)
case([-2**63, 2**63 - 1, 0], dtype="int64")
case([-2**31, 2**31 - 1, 0], dtype="int32")
# Shapes: no dimension, empty, nested, long lines, summaries.
for dtype in DTYPES:
    case([1], shape=(), dtype=dtype)
    for shape in ((0,), (0, 3), (2, 0), (1, 0, 2)):
        case([], shape=shape, dtype=dtype)
    case((7, 23, 11 if dtype not in ("bool", "uint8") else 0, 1), shape=(3, 4), dtype=dtype)
case([0.1], shape=())
case([nan], shape=())
case([1e-7], shape=())
for shape in ((1, 1), (2, 3), (3, 1), (1, 5), (2, 2, 2), (1, 2, 1, 3), (2, 1, 2, 2), (1, 1, 1, 1, 1), (2, 2, 1, 2, 2)):
    for f in ((7, 23, 11, 1), (7, 23, 11, 3), (13, 101, 0, 0.0007)):
        case(f, shape=shape)
    case((3, 17, 8, 1), shape=shape, dtype="int64")
    case((3, 17, 8, 8), shape=shape, dtype="float64", grad="leaf")
for n in (5, 9, 10, 11, 19, 20, 25, 26, 60, 100, 999, 1000, 1001, 3000):
    for f in ((7, 23, 11, 1), (7, 23, 11, 3), (1, 100000, 0, 1)):
        case(f, shape=(n,))
    case((1, 100000, 0, 1), shape=(n,), dtype="int64")
    case((1, 2, 0, 1), shape=(n,), dtype="bool")
for shape in ((40, 40), (7, 200), (1001, 1), (1, 1001), (6, 6, 40), (7, 7, 30), (2, 3, 200), (10, 2, 2, 40), (3, 400), (2, 2, 2, 2, 100)):
    case((7, 23, 11, 1), shape=shape)
    case((7919, 100003, 5000, 100), shape=shape)
    case((1, 5000, 0, 1), shape=shape, dtype="int64")
case((7919, 100003, 5000, 100), shape=(4, 30), flip=1)
case((7919, 100003, 5000, 100), shape=(40, 41), flip=1, dtype="float64")
case((1, 5000, 0, 1), shape=(2, 3, 4), flip=1, dtype="int64")
# The suffixes, and where they break.
for grad in ("leaf", "AddBackward0", "MulBackward0"):
    for dtype in ("float32", "float64", "float16"):
        for n in (1, 3, 5, 6, 7, 8, 9, 10, 20):
            case((7, 23, 11, 3), shape=(n,), dtype=dtype, grad=grad)
        case((7, 23, 11, 3), shape=(3, 3), dtype=dtype, grad=grad)
        case([], shape=(0, 4), dtype=dtype, grad=grad)
        case([0.25], shape=(), dtype=dtype, grad=grad)
for n in range(7, 16):
    case((7, 23, 11, 1), shape=(2, n), grad="leaf")
# Exactly where a suffix and scientific mode begin.
for n in range(1, 14):
    for digits in (1, 10, 100, 1000):
        case([digits] * n, grad="leaf")
        case([digits] * n, dtype="int32")
for r in ([1, 1000.05], [1, 1000.0625], [1.5, 1500], [1.5, 1500.25], [0.0001, 0.05], [100000001.0], [100000000.0]):
    case(r)
    case(r, dtype="float64")
# The default dtype.
for default in ("float64", "float32"):
    for dtype in ("float32", "float64", "int64", "float16"):
        case([1.5, 2], dtype=dtype, default=default)
        case([], shape=(0,), dtype=dtype, default=default)
        case([], shape=(3, 0), dtype=dtype, default=default)
# Options.
for sci in (0, 1):
    for r in rows[:32]:
        case(r, sci=sci)
for precision in (0, 1, 2, 3, 6, 8, 10):
    for r in ([1.23456789, 2], [1, 2], [1e-6, 1], [0.5, 1.5, 2.5], [123.456]):
        case(r, precision=precision)
        case(r, precision=precision, dtype="float64")
for linewidth in (0, 10, 20, 40, 79, 120, 200):
    case((7, 23, 11, 3), shape=(30,), linewidth=linewidth)
    case((7, 23, 11, 3), shape=(2, 30), linewidth=linewidth, grad="leaf")
    case((7, 23, 11, 1), shape=(12,), linewidth=linewidth, dtype="int32")
for edgeitems in (1, 2, 4, 20):
    case((7, 23, 11, 3), shape=(50, 50), edgeitems=edgeitems)
    case((7, 23, 11, 3), shape=(2000,), edgeitems=edgeitems)
for threshold in (0, 5, 11, 12):
    case((7, 23, 11, 3), shape=(3, 4), threshold=threshold)
    case((1, 100, 0, 1), shape=(12,), threshold=threshold, dtype="int64")
    case([1.5], shape=(), threshold=threshold)
case((7, 23, 11, 3), shape=(3000,), threshold=10**9)

with open(os.path.join(os.path.dirname(__file__), "..", "data", "print.txt"), "w") as f:
    f.write("".join(out))
print(len(out), "cases")
