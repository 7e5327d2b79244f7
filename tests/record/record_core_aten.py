#!/usr/bin/env python3
"""Records the schemas of PyTorch's Core ATen operators, for tests/test_core_aten.c. Writes tests/data/core_aten.txt.

Reads the names from the file that is there (add a line with a name to add an operator) and the schemas from torchgen's
native_functions.yaml. A line: name, tab, schema. Recorded with PyTorch 1.13; NEWER are the schemas of operators that it does not
have yet, or that have changed since, as of PyTorch 2.4.
"""
import os
import re

import torchgen

NEWER = """
_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor(a!) running_mean, Tensor(b!) running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)
_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)
_native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)
any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor
squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)
var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor
"""


def main():
    path = os.path.join(os.path.dirname(__file__), "../data/core_aten.txt")
    yaml = os.path.join(os.path.dirname(torchgen.__file__), "packaged/ATen/native/native_functions.yaml")
    with open(yaml) as f:
        schemas = re.findall(r"^- func: (.*)$", f.read(), re.M) + NEWER.strip().split("\n")
    schema_of = {s[: s.index("(")]: s for s in schemas}
    with open(path) as f:
        names = [line.split("\t")[0].strip() for line in f]
    with open(path, "w") as f:
        for name in names:
            f.write(f"{name}\t{schema_of[name.removeprefix('aten.')]}\n")


main()
