#!/usr/bin/env python3
"""Records ranges, random tensors and x[...] from PyTorch, for tests/test_create.c and tests/test_index.c. Writes
tests/data/shape_ops.txt, a line for each case, fields separated by " : ":

    range OP DTYPE start end step-or-steps : n FNV-1a of the bytes
    random NAME : bits of all elements in hexadecimal; each after torch.manual_seed(7). NAME is known to the test.
    get SHAPE PARTS : SHAPE : values : gradient
        x = 0, 1, 2… of SHAPE in float64; y = x[PARTS]; gradient of sum(y * (1, 2, 3…)) in x
    put SHAPE PARTS add : SHAPE : values : gradient of x : gradient of v
        v = 100, 101… of the second SHAPE; y = x with y[PARTS] = v, or added if add is 1; gradients of sum(y * (1, 2, 3…))

PARTS are separated by "|": i-1 an integer, s1,_,2 a slice (_: open), e the ellipsis, n a new axis, b1 a bool, t2,3:0 1 2 1 0 -1
an index tensor with its shape, m… a mask. A shape is sizes with commas between; 0-d is "-".
Recorded with PyTorch 1.13 on a machine with AVX2.
"""
import os
import random

import torch

BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
lines = []


def words(t):
    size = t.element_size()
    data = t.contiguous().view(torch.uint8 if size == 1 else BITS[size]).numpy().tobytes()
    return data, [int.from_bytes(data[i:i + size], "little") for i in range(0, len(data), size)]


def fnv(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{h:x}"


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


# ---- ranges ----------------------------------------------------------------------------------------------------------


def ranges():
    rng = random.Random(1)
    floats = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
    ints = [torch.int8, torch.int16, torch.int32, torch.int64]
    for dtype in floats + ints + [torch.uint8]:
        for _ in range(8):
            start, step = round(rng.uniform(-9, 9), 2), round(rng.uniform(0.05, 3), 2)
            if dtype == torch.uint8:
                start = abs(start)
            if dtype not in floats:
                start, step = int(start), max(1, int(step))
            end = start + step * rng.choice([0, 1, 7, 8, 15, 31, 32])
            add = rng.choice([0, 1, -1])
            step, end = (step, end + add) if add >= 0 or end - 1 > start else (step, end)
            t = torch.arange(start, end, step, dtype=dtype)
            lines.append(f"range arange {name_of(dtype)} {start} {end} {step} : {t.numel()} {fnv(words(t)[0])}")
        for steps in [0, 1, 2, 9, 16, 31, 64, 100]:
            start, end = round(rng.uniform(0, 50), 2), round(rng.uniform(0, 100), 2)
            t = torch.linspace(start, end, steps, dtype=dtype)
            lines.append(f"range linspace {name_of(dtype)} {start} {end} {steps} : {t.numel()} {fnv(words(t)[0])}")


# ---- random ----------------------------------------------------------------------------------------------------------


def randoms():
    half = torch.full((3, 4), 0.5)
    cases = {
        "rand": lambda: torch.rand(3, 4),
        "rand_double": lambda: torch.rand(5, dtype=torch.float64),
        "randn": lambda: torch.randn(4, 5),
        "randn_small": lambda: torch.randn(3),
        "randint": lambda: torch.randint(-3, 9, (7,)),
        "randint_float": lambda: torch.randint(0, 9, (7,), dtype=torch.float32),
        "randperm": lambda: torch.randperm(9),
        "normal": lambda: torch.normal(2.0, 3.0, (17,)),
        "normal_tensors": lambda: torch.normal(torch.tensor([1.0, 2.0]), torch.tensor([[1.0], [2.0]])),
        "bernoulli": lambda: torch.bernoulli(half),
        "bernoulli_p": lambda: torch.bernoulli(half, 0.3),
        "rand_like_t": lambda: torch.rand_like(half.t()),
        "randn_like_t": lambda: torch.randn_like(torch.zeros(5, 8).t()),
        "uniform_t": lambda: torch.zeros(3, 4).t().uniform_(-1, 1),
        "uniform_slice": lambda: torch.zeros(3, 8)[:, ::2].uniform_(),
        "normal_slice": lambda: torch.zeros(3, 16)[:, ::2].normal_(1, 2),
        "bernoulli_t": lambda: torch.zeros(4, 3).t().bernoulli_(torch.linspace(0, 1, 4)),
        "random_permuted": lambda: torch.zeros(2, 3, 4, dtype=torch.int64).permute(1, 2, 0).random_(-5, 5),
        "exponential": lambda: torch.zeros(5, dtype=torch.float64).exponential_(2.0),
        "random_full": lambda: torch.zeros(5, dtype=torch.int16).random_(),
        "bernoulli_p_t": lambda: torch.bernoulli(half.t(), 0.3),
        "randn_like_slice": lambda: torch.randn_like(torch.zeros(3, 16)[:, ::2]),
        "rand_like_expanded": lambda: torch.rand_like(torch.zeros(1, 4).expand(3, 4)),
        "rand_like_permuted": lambda: torch.rand_like(torch.zeros(4, 2, 1).permute(1, 2, 0)),
        "randint_huge": lambda: torch.randint(0, 2**63 - 1, (4,), dtype=torch.float32),
    }
    for name, make in cases.items():
        torch.manual_seed(7)
        lines.append(f"random {name} : " + " ".join(f"{w:x}" for w in words(make())[1]))


# ---- x[...] ----------------------------------------------------------------------------------------------------------


def shape_text(shape):
    return ",".join(map(str, shape)) or "-"


def numbers(t):
    return " ".join(f"{v:g}" for v in t.flatten().tolist()) or "-"


def weights(y):
    return torch.arange(1, y.numel() + 1, dtype=torch.float64).reshape(y.shape)


def random_parts(rng, shape, tensors, distinct):
    """Parts that fit the shape, and their text; masks only behind nothing but whole parts (PyTorch's own limit)."""
    parts, text, d, tensor_shape = [], [], 0, rng.choice([(2,), (3,), (2, 2), (1,), (2, 1), (3, 2)])
    ellipsis = rng.random() < 0.2
    masked = False
    while d < len(shape) and rng.random() < 0.85:
        n = shape[d]
        kinds = ["i", "s", "s", "n", "b"] + (["t"] * 6 + ["m"] if tensors else [])
        kind = rng.choice(kinds)
        if ellipsis and rng.random() < 0.4 and not masked:
            parts.append(...)
            text.append("e")
            ellipsis, d = False, d + rng.randint(0, len(shape) - d)
            left = len(shape) - d
            # what stands behind the ellipsis must fill the rest exactly
            for k in range(left):
                i = rng.randrange(-shape[d + k], shape[d + k])
                parts.append(i)
                text.append(f"i{i}")
            return parts, text
        if kind == "i" and n and not masked:
            i = rng.randrange(-n, n)
            parts.append(i)
            text.append(f"i{i}")
            d += 1
        elif kind == "s" and not masked:
            a, b = [rng.choice([None, rng.randint(-n - 1, n + 1)]) for _ in range(2)]
            s = rng.choice([1, 1, 2, 3])
            parts.append(slice(a, b, s))
            text.append("s%s,%s,%d" % ("_" if a is None else a, "_" if b is None else b, s))
            d += 1
        elif kind == "n" and not masked and rng.random() < 0.5:
            parts.append(None)
            text.append("n")
        elif kind == "b" and not masked and rng.random() < 0.3:
            parts.append(True)
            text.append("b1")
        elif kind == "t" and n:
            lengths = [rng.choice([k, 1]) if not distinct else k for k in tensor_shape]
            count = 1
            for k in lengths:
                count *= k
            if distinct and count > n:
                continue
            values = rng.sample(range(n), count) if distinct else [rng.randrange(-n, n) for _ in range(count)]
            parts.append(torch.tensor(values, dtype=torch.int64).reshape(lengths))
            text.append(f"t{shape_text(lengths)}:" + " ".join(map(str, values)))
            d += 1
            tensors = not distinct  # a second one could make places meet
        elif kind == "m" and d + 1 <= len(shape) and all(p == slice(None) or isinstance(p, torch.Tensor) for p in parts):
            if masked or any(isinstance(p, torch.Tensor) for p in parts):
                continue
            k = rng.randint(1, min(2, len(shape) - d))
            size = shape[d:d + k]
            m = torch.tensor([rng.random() < 0.5 for _ in range(int(torch.tensor(size).prod()))]).reshape(size)
            parts.append(m)
            text.append(f"m{shape_text(size)}:" + " ".join(str(int(v)) for v in m.flatten()))
            d += k
            masked = True
    return parts, text


def gets(rng, count):
    while count:
        shape = rng.choice([(3,), (2, 3), (4, 3), (2, 3, 4), (3, 2, 3), (2, 3, 2, 3), (1, 3, 1), (5, 2)])
        parts, text = random_parts(rng, shape, True, False)
        x = torch.arange(float(torch.Size(shape).numel()), dtype=torch.float64).reshape(shape).requires_grad_()
        if not parts:
            continue
        try:
            y = x[tuple(parts)]
        except IndexError:
            continue
        if y.numel() > 60:
            continue
        (y * weights(y)).sum().backward()
        count -= 1
        lines.append(f"get {shape_text(shape)} {'|'.join(text)} : {shape_text(y.shape)} : {numbers(y)} : {numbers(x.grad)}")


def puts(rng, count):
    while count:
        shape = rng.choice([(3,), (4, 3), (2, 3, 4), (3, 2, 3), (5, 2)])
        add = rng.random() < 0.4
        parts, text = random_parts(rng, shape, True, not add)
        if not parts or (add and not all(isinstance(p, torch.Tensor) for p in parts)):
            continue
        x = torch.arange(float(torch.Size(shape).numel()), dtype=torch.float64).reshape(shape).requires_grad_()
        try:
            target = x[tuple(parts)].shape
        except IndexError:
            continue
        v_shape = [1 if rng.random() < 0.3 else n for n in target][rng.randint(0, len(target)):]
        v = (100 + torch.arange(float(torch.Size(v_shape).numel()), dtype=torch.float64)).reshape(v_shape).requires_grad_()
        y = x.clone()
        if add:
            y = y.index_put(tuple(parts), v, accumulate=True)
        else:
            y[tuple(parts)] = v
        (y * weights(y)).sum().backward()
        zeros = torch.zeros_like(v)
        count -= 1
        lines.append(f"put {shape_text(shape)} {'|'.join(text)} {int(add)} : {shape_text(v_shape)} : {numbers(y)} : "
                     f"{numbers(x.grad)} : {numbers(zeros if v.grad is None else v.grad)}")


ranges()
randoms()
gets(random.Random(2), 120)
puts(random.Random(3), 80)
out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/shape_ops.txt")
with open(out, "w") as f:
    f.write("\n".join(lines) + "\n")
