"""Records cases of PyTorch's operators from its own operator database (torch 1.13), in the format that
build/tests/conformance reads.

    python3 record_conformance.py --out DIR [--op NAME]... [--limit N]

All samples of all real dtypes, with gradients; the error cases; one file an operator. N keeps that many samples of each
dtype, spread evenly. Results that are random, complex, sparse or larger than 20000 elements are left out.
torch.testing._internal needs numpy, scipy and expecttest."""
import argparse
import json
import math
import os
import struct
import sys
import warnings

import torch
from torch.testing._internal.common_methods_invocations import op_db

warnings.simplefilter("ignore")
NAMES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
DTYPES = list(NAMES)
BASE = {torch.float64: (1e-8, 1e-9), torch.float32: (1e-5, 1e-6), torch.float16: (2e-3, 1e-4),
        torch.bfloat16: (1.6e-2, 1e-3)}


class Unsayable(Exception):
    """Something that the format has no words for."""


class File:
    def __init__(self, op):
        self.op, self.cases, self.tensors = op, [], {}

    def put(self, name, t):
        if t.layout != torch.strided or t.device.type != 'cpu' or t.dtype not in NAMES or t.numel() > 20000:
            raise Unsayable(name)
        self.tensors[name] = t.detach().clone(memory_format=torch.contiguous_format)
        return name

    def write(self, folder):
        head, data = {}, b""
        for name, t in sorted(self.tensors.items(), key=lambda x: -x[1].element_size()):
            raw = t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() and t.dtype != torch.bool \
                else t.reshape(-1).to(torch.uint8).numpy().tobytes() if t.numel() else b""
            head[name] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        head["__metadata__"] = {"format": "facula-conformance-1", "op": self.op, "torch": torch.__version__,
                                "cases": json.dumps(self.cases)}
        text = json.dumps(head).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(folder, self.op + ".safetensors"), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + data)


def encode(v, case, leaves, file, in_index=False):
    if isinstance(v, torch.Tensor):
        for t, name in leaves:
            if t is v:
                break
        else:
            name = "%s.arg.%d" % (case, len(leaves))
            file.put(name, v)
            leaves.append((v, name))
        out = {"tensor": name}
        if v.requires_grad:
            out["requires_grad"] = True
        if not v.is_contiguous() and 0 not in v.shape:
            out["strides"] = list(v.stride())
        return out
    if v is None or isinstance(v, (bool, str)):
        return v
    if isinstance(v, int):
        if not -2**63 <= v < 2**63:
            raise Unsayable("int")
        return v
    if isinstance(v, float):
        if math.isnan(v) or math.isinf(v):
            return {"float": "nan" if math.isnan(v) else "inf" if v > 0 else "-inf"}
        return v
    if isinstance(v, torch.dtype):
        if v not in NAMES:
            raise Unsayable("dtype")
        return {"dtype": str(v)[6:]}
    if isinstance(v, torch.memory_format):
        return {"memory_format": str(v)[6:]}
    if isinstance(v, torch.layout):
        return {"layout": str(v)[6:]}
    if isinstance(v, torch.device):
        return {"device": str(v)}
    if isinstance(v, slice):
        return {"slice": [v.start, v.stop, v.step]}
    if v is Ellipsis:
        return {"ellipsis": True}
    if isinstance(v, (tuple, list)):
        return [encode(x, case, leaves, file) for x in v]
    raise Unsayable(type(v).__name__)


def flatten(out):
    if isinstance(out, torch.Tensor):
        return [out]
    if isinstance(out, (tuple, list)):
        return [t for x in out for t in flatten(x)]
    if isinstance(out, bool):
        return [torch.tensor(out)]
    if isinstance(out, int):
        return [torch.tensor(out, dtype=torch.int64)]
    if isinstance(out, float):
        return [torch.tensor(out, dtype=torch.float64)]
    if out is None:
        return []
    raise Unsayable(type(out).__name__)


def same(a, b):
    return len(a) == len(b) and all(torch.equal(torch.nan_to_num(x.double()), torch.nan_to_num(y.double())) for x, y in zip(a, b))


def tolerance(tensors, other):
    """What FORMAT says of dtypes, and 8 times the error that PyTorch itself has against the other precision."""
    kinds = [BASE[t.dtype] for t in tensors if t.dtype in BASE] or [(0.0, 0.0)]
    rtol, atol = max(kinds)
    for t, o in zip(tensors, other or []):
        if t.dtype in BASE and t.numel() and t.shape == o.shape:
            d = (t.double() - o.double()).abs()
            d = d[torch.isfinite(d)]
            if d.numel():
                atol = max(atol, min(8 * float(d.max()), 1e300))
    return rtol, atol


def recast(v, dtype):
    if isinstance(v, torch.Tensor):
        return v.detach().to(dtype).requires_grad_(v.requires_grad) if v.is_floating_point() else v
    if isinstance(v, (tuple, list)):
        return type(v)([recast(x, dtype) for x in v])
    if isinstance(v, dict):
        return {k: recast(x, dtype) for k, x in v.items()}
    return v


def arguments(op, sample):
    args = (sample.input,) + tuple(sample.args)
    if op.name == "__getitem__":
        index = sample.args[0]
        parts = isinstance(index, tuple) or (isinstance(index, list) and not all(type(i) is int for i in index))
        return (sample.input, list(index) if parts else [index])
    return args


def run(op, sample):
    return flatten(op(sample.input, *sample.args, **sample.kwargs))


def decoded(v, memo):
    """v as a reader of the file gets it: tensors of the same layout, but leaves with memory of their own."""
    if isinstance(v, torch.Tensor):
        if id(v) not in memo:
            d = v.detach()
            if v.layout != torch.strided or 0 in v.shape:
                n = d.clone()
            else:
                size = 1 + sum((s - 1) * t for s, t in zip(v.shape, v.stride()))
                n = d.as_strided((size,), (1,)).clone().as_strided(v.shape, v.stride()).detach()
            memo[id(v)] = (v, n.requires_grad_(v.requires_grad))
        return memo[id(v)][1]
    if isinstance(v, (tuple, list)):
        return type(v)([decoded(x, memo) for x in v])
    if isinstance(v, dict):
        return {k: decoded(x, memo) for k, x in v.items()}
    return v


# Outputs that are unique but for the signs of vectors, and gradients through them are not unique either.
SIGNS = {"linalg.eigh": (1,), "symeig": (1,), "linalg.svd": (0, 2), "svd": (0, 2), "linalg.qr": (0, 1), "qr": (0, 1)}


def record(op, sample, dtype, name, file):
    memo = {}
    sample = type(sample)(decoded(sample.input, memo), args=decoded(tuple(sample.args), memo),
                          kwargs=decoded(dict(sample.kwargs), memo))
    case = {"name": name, "op": op.name, "dtype": str(dtype)[6:]}
    if op.variant_test_name:
        case["variant"] = op.variant_test_name
    leaves = []
    case["args"] = [encode(a, name, leaves, file) for a in arguments(op, sample)]
    case["kwargs"] = {k: encode(v, name, leaves, file) for k, v in sample.kwargs.items()}
    outs = run(op, sample)
    if not same(outs, run(op, sample)):
        raise Unsayable("random")
    other = None
    if dtype in BASE and dtype != torch.float64:
        try:
            to = torch.float64 if dtype == torch.float32 else torch.float32
            twin = type(sample)(recast(sample.input, to), args=recast(sample.args, to), kwargs=recast(sample.kwargs, to))
            other = run(op, twin)
        except Exception:
            other = None
    case["rtol"], case["atol"] = tolerance(outs, other)
    if op.name in SIGNS:
        case["checks"] = ["abs" if i in SIGNS[op.name] else "equal" for i in range(len(outs))]
    case["outputs"] = [file.put("%s.out.%d" % (name, i), t) for i, t in enumerate(outs)]
    inputs = [(t, n) for t, n in leaves if t.requires_grad]
    roots = [t for t in outs if t.requires_grad]
    if inputs and roots and op.name not in SIGNS:
        gen = torch.Generator().manual_seed(7)
        gs = [torch.randn(t.shape, generator=gen, dtype=torch.float64).to(t.dtype) if t.requires_grad else None for t in outs]
        try:
            grads = torch.autograd.grad(roots, [t for t, _ in inputs], [g for g in gs if g is not None], allow_unused=True)
        except RuntimeError:
            file.cases.append(case)
            return
        case["grad_outputs"] = [None if g is None else file.put("%s.gout.%d" % (name, i), g) for i, g in enumerate(gs)]
        case["grads"] = {n: None if g is None else file.put("%s.grad.%d" % (name, i), g)
                         for i, ((_, n), g) in enumerate(zip(inputs, grads))}
        twins = None
        if other is not None:
            try:
                flat = []
                def find(v):
                    if isinstance(v, torch.Tensor) and v.requires_grad and not any(v is x for x in flat):
                        flat.append(v)
                    elif isinstance(v, (tuple, list)):
                        [find(x) for x in v]
                find((twin.input, twin.args, list(twin.kwargs.values())))
                tg = torch.autograd.grad([o for o in other if o.requires_grad], flat, [g.to(to) for g in gs if g is not None], allow_unused=True)
                pairs = [(a, b) for a, b in zip(grads, tg) if a is not None and b is not None]
                case["grad_rtol"], case["grad_atol"] = tolerance([a for a, _ in pairs], [b for _, b in pairs])
            except Exception:
                pass
        if "grad_rtol" not in case:
            case["grad_rtol"], case["grad_atol"] = tolerance([g for g in grads if g is not None], None)
    file.cases.append(case)


def spread(items, n):
    items = list(items)
    return items if not n or len(items) <= n else [items[i * len(items) // n] for i in range(n)]


def record_errors(op, file, count):
    for e in op.error_inputs("cpu"):
        s, name = e.sample_input, "%s.e%d" % (op.name, count)
        try:
            op(s.input, *s.args, **s.kwargs)
            continue
        except Exception as x:
            why = x
        try:
            leaves = []
            case = {"name": name, "op": op.name, "raises": type(why).__name__, "message": str(why).split("\n")[0][:200],
                    "args": [encode(a, name, leaves, file) for a in arguments(op, s)],
                    "kwargs": {k: encode(v, name, leaves, file) for k, v in s.kwargs.items()}}
            file.cases.append(case)
            count += 1
        except Unsayable:
            pass
    return count


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", required=True)
    p.add_argument("--op", action="append", help="only this operator; may be repeated")
    p.add_argument("--limit", type=int, default=0)
    p.add_argument("--reference", action="store_true", help="its reference inputs too (odd values, strides, broadcasting)")
    options = p.parse_args()
    os.makedirs(options.out, exist_ok=True)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    files = {}
    for op in op_db:
        if options.op and op.name not in options.op:
            continue
        file = files.setdefault(op.name, File(op.name))
        for dtype in DTYPES:
            if dtype not in op.dtypes:
                continue
            grad = op.supports_autograd and dtype in BASE
            sources = [(op.sample_inputs, grad)] + ([(op.reference_inputs, grad)] if options.reference else [])
            if grad:  # there are samples that come only so
                sources.append((op.sample_inputs, False))
            for source, with_grad in sources:
                try:
                    samples = spread(source("cpu", dtype, requires_grad=with_grad), options.limit)
                except Exception as e:
                    print("%s %s: %s" % (op.name, dtype, str(e).split("\n")[0]), file=sys.stderr)
                    continue
                for s in samples:
                    name = "%s.%d" % (op.name, len(file.cases))
                    try:
                        record(op, s, dtype, name, file)
                    except Unsayable:
                        pass
                    except Exception as e:
                        print("%s %s: %s" % (name, dtype, str(e).split("\n")[0]), file=sys.stderr)
        if not op.error_inputs_func:
            continue
        try:
            record_errors(op, file, sum("raises" in c for c in file.cases))
        except Exception as e:
            print("%s errors: %s" % (op.name, str(e).split("\n")[0]), file=sys.stderr)
    for file in files.values():
        used = set()
        for c in file.cases:
            used |= {n for n in file.tensors if n.startswith(c["name"] + ".")}
        file.tensors = {n: t for n, t in file.tensors.items() if n in used}
        if file.cases:
            try:
                file.write(options.out)
            except Exception as e:
                print("%s: %s" % (file.op, e), file=sys.stderr)
                continue
            print("%s: %d cases" % (file.op, len(file.cases)))


main()
