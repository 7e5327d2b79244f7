#!/usr/bin/env python3
"""Records hashes of the bits of PyTorch's float sums and softmaxes, for tests/test_reduce_kernel.c. Writes
tests/data/reduce_bits.h. Recorded with PyTorch 1.13 on AVX2, one thread."""
import os

import torch

torch.set_num_threads(1)
k, values = 12345, []
for _ in range(6400):
    k = (k * 1664525 + 1013904223) & 0xFFFFFFFF
    values.append((k >> 8) * 2.0**-20 - 8.0)
x = torch.tensor(values)


def hashed(t):
    h = 0
    for bits in t.contiguous().flatten().view(torch.int32).tolist():
        h = (h * 31 + (bits & 0xFFFFFFFF)) & 0xFFFFFFFF
    return h


sums, softmaxes = [], []
for rows, columns, row_stride, column_stride in [
        (1, 4, 4, 1), (1, 7, 7, 1), (1, 8, 8, 1), (1, 31, 31, 1), (1, 1000, 1, 1), (1, 6400, 1, 1), (64, 10, 10, 1),
        (64, 5, 5, 1), (64, 100, 100, 1), (100, 64, 64, 1), (3, 2000, 2000, 1), (2000, 3, 3, 1), (1000, 6, 6, 1),
        (64, 50, 100, 2), (50, 64, 1, 100), (600, 10, 1, 600), (300, 9, 20, 2)]:
    v = x.as_strided((rows, columns), (row_stride, column_stride))
    for mask, dims in ((1, (0,)), (2, (1,)), (3, (0, 1))):
        sums.append(f"{{{rows}, {columns}, {row_stride}, {column_stride}, {mask}, 0x{hashed(v.sum(dims)):08x}}}")
for rows, n in [(64, 3), (64, 7), (64, 8), (64, 10), (64, 100), (20, 257), (2, 3000)]:
    for log in (0, 1):
        f = torch.log_softmax if log else torch.softmax
        softmaxes.append(f"{{{log}, {rows}, {n}, 0x{hashed(f(x[:rows * n].reshape(rows, n), 1)):08x}}}")

with open(os.path.join(os.path.dirname(__file__), "..", "data", "reduce_bits.h"), "w") as f:
    f.write("/* Written by tests/record/record_reduce.py. */\n/* clang-format off */\n")
    f.write("static const struct { int64_t rows, columns, row_stride, column_stride; uint32_t reduced, hash; } sums[] = {\n    ")
    f.write(",\n    ".join(sums) + "\n};\n")
    f.write("static const struct { int log; int64_t rows, n; uint32_t hash; } softmaxes[] = {\n    ")
    f.write(",\n    ".join(softmaxes) + "\n};\n/* clang-format on */\n")
