#!/usr/bin/env python3
"""Writes PyTorch's files in tests/data/formats/ for tests/test_torch_files.c:

    tests/record/record_torch_files.py 1     with PyTorch 1.13: torch1.pt, legacy.pth, module.pt, hostile.pt
    tests/record/record_torch_files.py 2     with PyTorch 2.x (2.15.0): torch2.pt
    tests/record/record_torch_files.py --check FOLDER
                                             reads with any PyTorch what that test wrote there
"""
import collections
import os
import sys

import torch

FOLDER = os.path.join(os.path.dirname(__file__), "..", "data", "formats")
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


def path(name):
    return os.path.join(FOLDER, name)


def matrix(dtype):
    unsigned = dtype in ("bool", "uint8", "uint16", "uint32", "uint64")
    return (torch.arange(6) - (0 if unsigned else 2)).to(getattr(torch, dtype)).reshape(2, 3)


def checkpoint():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(torch.arange(p.numel()).reshape(p.shape) + 10 * i)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    base = torch.arange(24.0)
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "dtypes": {dtype: matrix(dtype) for dtype in DTYPES},
        "views": {
            "whole": base,
            "column": base.reshape(4, 6)[1:3, 2],
            "transposed": base.reshape(4, 6).t(),
            "expanded": base[3:4].expand(2, 5),
            "empty": torch.zeros(3, 0),
        },
        "parameter": torch.nn.Parameter(torch.tensor([1.5, 2.5])),
        "epoch": 3,
        "large": [-(2**62), 2**62, 2**40, -1, 300, 70000],
        "seed": 2**64 - 1,
        "best": 0.25,
        "done": False,
        "nothing": None,
        "name": "näme",
        "list": [torch.tensor(7), ("a", {"b": 1})],
        "size": torch.Size([4, 5]),
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        "milestones": collections.Counter([3, 3, 5]),
        5: {},
    }


class Hostile:
    def __reduce__(self):
        return (os.system, ("touch /tmp/facula-hostile",))


def write1():
    torch.save(checkpoint(), path("torch1.pt"))
    torch.save(checkpoint(), path("legacy.pth"), _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(1, 1), path("module.pt"))
    torch.save({"weight": torch.zeros(1), "x": Hostile()}, path("hostile.pt"))
    torch.save({"weight": torch.zeros(1), "x": Hostile()}, path("hostile.pth"), _use_new_zipfile_serialization=False)
    torch.save({"z": torch.zeros(2, dtype=torch.complex64)}, path("complex.pt"))
    torch.save(torch.arange(5), path("tensor.pt"))


def write2():
    new = ["uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"]
    state = checkpoint()
    state["dtypes"].update({dtype: matrix(dtype) for dtype in new})
    tensor = torch.ones(2)
    tensor.note = "an attribute"
    state["noted"] = tensor
    torch.save(state, path("torch2.pt"))


def check(folder):
    """What test_torch_files leaves when FACULA_KEEP names a folder."""
    def load(name):
        at = os.path.join(folder, name)
        return torch.load(at, weights_only=True), torch.load(at)

    for state in load("state.pt"):
        assert type(state) is collections.OrderedDict
        assert list(state)[0] == "layer.weight"
        for dtype in DTYPES:
            t = state["dtypes." + dtype]
            assert t.dtype == getattr(torch, dtype) and torch.equal(t, matrix(dtype)), dtype
        assert state["step"].shape == () and state["step"].item() == 1234567890123
        assert state["empty"].shape == (3, 0)
        assert torch.equal(state["column"], state["layer.weight"][:, 1])
        assert torch.equal(state["transposed"], state["layer.weight"].t())
        assert state["transposed"].storage().data_ptr() == state["layer.weight"].storage().data_ptr()
        state["layer.weight"][0, 1] = 100
        assert state["column"][0] == 100
        assert state["alone"].storage().size() == 3
        assert state.metadata == {"format": "pt", "näme": "wert"}, state.metadata
        module = torch.nn.Sequential(collections.OrderedDict(layer=torch.nn.Linear(3, 2)))
        module.load_state_dict({k: v for k, v in state.items() if k.startswith("layer.")})
        assert torch.equal(module.layer.weight, state["layer.weight"])
    for state in load("none.pt"):
        assert state == collections.OrderedDict()
    print("PyTorch", torch.__version__, "reads them")


if sys.argv[1:] == ["1"]:
    write1()
elif sys.argv[1:] == ["2"]:
    write2()
elif sys.argv[1] == "--check":
    check(sys.argv[2])
