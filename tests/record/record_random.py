#!/usr/bin/env python3
"""Records what PyTorch's CPU generator draws, for tests/test_random_core.c. Writes tests/data/random.txt.

A line "seed S" seeds; every other line is one call made after the one before it, from the default generator:
    op dtype n a b : hash v v v …
v are the bits of the first and last (at most 8) elements in hexadecimal, hash is FNV-1a of all elements' bytes, or "-"
where the values pass through the C library's double-precision functions and may differ by a unit in the last place.
Recorded with PyTorch 1.13 on a machine with AVX2, without MKL.
"""
import os

import torch

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
INTS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
lines = []


def record(op, t, a=0, b=0, exact=True):
    dtype = str(t.dtype).removeprefix("torch.")
    size = t.element_size()
    data = t.contiguous().view(torch.uint8 if size == 1 else BITS[size]).numpy().tobytes()
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    words = [int.from_bytes(data[i:i + size], "little") for i in range(0, len(data), size)]
    shown = words if len(words) <= 16 else words[:8] + words[-8:]
    lines.append(f"{op} {dtype} {t.numel()} {a} {b} : {format(h, 'x') if exact else '-'} " + " ".join(f"{w:x}" for w in shown))


def seed_with(seed):
    lines.append(f"seed {seed}")
    torch.manual_seed(seed if seed < 2**63 else seed - 2**64)


def everything(n):
    for dtype in FLOATS:
        wide = dtype == torch.float64
        for a, b in [(0, 1), (-0.37, 0.61)]:
            record("uniform", torch.empty(n, dtype=dtype).uniform_(a, b), a, b)
        for a, b in [(0, 1), (3.3, 0.7)]:
            exact = dtype == torch.float32 and n >= 16
            record("normal", torch.empty(n, dtype=dtype).normal_(a, b), a, b, exact)
        record("exponential", torch.empty(n, dtype=dtype).exponential_(1.7), 1.7, 0, False)
    for dtype in FLOATS + INTS + [torch.bool]:
        record("full", torch.empty(n, dtype=dtype).random_())
        if dtype != torch.bool:
            record("integers", torch.empty(n, dtype=dtype).random_(3, 100), 3, 100)
        if dtype != torch.float16:
            record("bernoulli", torch.empty(n, dtype=dtype).bernoulli_(0.3), 0.3)
            record("bernoulli_float32", torch.empty(n, dtype=dtype).bernoulli_(torch.arange(n) / n))
            record("bernoulli_float64", torch.empty(n, dtype=dtype).bernoulli_(torch.arange(n).double() / n))
        if n < 128 and dtype not in (torch.bool, torch.bfloat16):
            record("permutation", torch.randperm(n, dtype=dtype))
    for dtype in [torch.int64, torch.float32, torch.float64]:
        record("integers", torch.empty(n, dtype=dtype).random_(-2**61, 2**62), -2**61, 2**62)
    record("integers", torch.empty(n, dtype=torch.bfloat16).random_(-7, 2**40), -7, 2**40)


record("uniform", torch.rand(3, generator=torch.Generator()), 0, 1)  # unseeded
for seed in (0, 1, 2**31, 2**40 + 7):
    seed_with(seed)
    for n in (1, 15, 17, 100) if seed else (1, 5, 15, 16, 17, 31, 100, 1000):
        everything(n)
for seed in (42, 67280421310721, 2**64 - 1):
    seed_with(seed)
    for n in (1000, 7, 7, 5000, 1, 16, 3):
        record("uniform", torch.rand(n), 0, 1)
        record("normal", torch.randn(n), 0, 1, n >= 16)
    record("integers", torch.randint(10, (50,)), 0, 10)
    record("permutation", torch.randperm(20))
# The loader's draws: order, n, generator seed or -1, epochs until now; then what the default generator gives next.
for given in (-1, 9):
    for shuffle in (1, 0):
        seed_with(5)
        g = torch.Generator().manual_seed(given) if given >= 0 else None
        loader = torch.utils.data.DataLoader(list(range(50)), batch_size=7, shuffle=bool(shuffle), generator=g)
        for epoch in range(3):
            record(f"loader{shuffle}", torch.cat(list(loader)), given, epoch)
        record("uniform", torch.rand(2), 0, 1)

with open(os.path.join(os.path.dirname(__file__), "..", "data", "random.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
