"""Records the bits that PyTorch's vector loops give for float rows, for tests/test_pointwise_kernel.c.

Writes tests/data/pointwise_bits.txt, a line a case: the row, its number of inputs, and for each of 32 elements the inputs
and the result, as hexadecimal bits. 32 elements are whole vectors, so that PyTorch's scalar leftovers play no part.
"""
import pathlib

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
random = torch.Generator().manual_seed(0)
aten = torch.ops.aten


def numbers(scale):
    return torch.randn(32, generator=random) * scale


def fill(value):
    return torch.full((32,), value)


def positive(scale):
    return numbers(scale).exp()


x, y, z, p = numbers(3), numbers(3), numbers(3), torch.rand(32, generator=random)
cases = [
    ("exp", torch.exp, [numbers(30)]), ("exp", torch.exp, [x]), ("expm1", torch.expm1, [x]),
    ("log", torch.log, [positive(20)]), ("log", torch.log, [positive(0.1)]), ("log2", torch.log2, [positive(5)]),
    ("log10", torch.log10, [positive(5)]), ("log1p", torch.log1p, [positive(5)]), ("log1p", torch.log1p, [p]),
    ("tanh", torch.tanh, [x]), ("tanh", torch.tanh, [numbers(0.1)]), ("tanh", torch.tanh, [numbers(1e-4)]),
    ("sinh", torch.sinh, [x]), ("cosh", torch.cosh, [x]), ("erf", torch.erf, [x]), ("erf", torch.erf, [p]),
    ("sigmoid", torch.sigmoid, [x]), ("sigmoid", torch.sigmoid, [numbers(30)]), ("rsqrt", torch.rsqrt, [p]),
    ("pow", torch.pow, [positive(1), y]), ("elu", lambda a, *_: F.elu(a), [x, fill(1.0), fill(1.0), fill(1.0)]),
    ("silu", F.silu, [x]), ("mish", F.mish, [x]), ("log_sigmoid", F.logsigmoid, [x]),
    ("softplus", lambda a, *_: F.softplus(a), [x, fill(1.0), fill(20.0)]),
    ("gelu_tanh", lambda a: F.gelu(a, approximate="tanh"), [x]), ("hardswish", F.hardswish, [x]),
    ("hardsigmoid", F.hardsigmoid, [x]), ("logaddexp", torch.logaddexp, [x, y]), ("hypot", torch.hypot, [x, y]),
    ("tanh_backward", aten.tanh_backward, [x, torch.tanh(y)]),
    ("sigmoid_backward", aten.sigmoid_backward, [x, torch.sigmoid(y)]), ("silu_backward", aten.silu_backward, [x, y]),
    ("add_scaled", lambda a, b, c: torch.add(a, b, alpha=0.3), [x, y, fill(0.3)]),
    ("addcmul", lambda a, b, c, d: torch.addcmul(a, b, c, value=0.3), [x, y, z, fill(0.3)]),
    ("addcdiv", lambda a, b, c, d: torch.addcdiv(a, b, c, value=0.3), [x, y, z, fill(0.3)]),
    ("lerp", torch.lerp, [x, y, p]), ("squared_difference", lambda a, b: F.mse_loss(a, b, reduction="none"), [x, y]),
    ("smooth_l1", lambda a, b, c: F.smooth_l1_loss(a, b, reduction="none"), [x, y, fill(1.0)]),
    ("bce_with_logits", lambda a, b: F.binary_cross_entropy_with_logits(a, b, reduction="none"), [x, p]),
]


def bits(t):
    return [v & 0xFFFFFFFF for v in t.contiguous().view(torch.int32).tolist()]


with open(pathlib.Path(__file__).parent.parent / "data" / "pointwise_bits.txt", "w") as out:
    for row, function, inputs in cases:
        columns = [bits(t) for t in inputs] + [bits(function(*inputs))]
        print(row, len(inputs), *(f"{v:08x}" for element in zip(*columns) for v in element), file=out)
