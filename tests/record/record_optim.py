#!/usr/bin/env python3
"""Records the steps of PyTorch's optimisers, for tests/test_optim.c. Writes tests/data/optim.txt.

A line: class dtype option=value … : steps bits bits …, the bits of the parameter's elements after that many steps from
the same start. Parameter and gradients are made by value() below, which the test has too. Recorded with PyTorch 1.13.
"""
import os

import torch

N = 11  # more than one vector of AVX2, and a rest
STEPS = (1, 2, 7)
BITS = {torch.float32: torch.int32, torch.float64: torch.int64}


def value(k):
    """A number of 24 bits in [-1, 1), exact in float32."""
    return ((k * 2654435761 % 2**32) >> 8) / 2**23 - 1


def gradient(step, i):
    return 0.0 if i == 4 else value(1000 * step + i)


def record(kind, dtype, **options):
    p = torch.tensor([value(i + 7) for i in range(N)], dtype=dtype, requires_grad=True)
    given = dict(options)
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    optimizer = getattr(torch.optim, kind)([p], **options)
    text = " ".join(f"{k}={float(v)!r}" for k, v in given.items())
    for step in range(1, max(STEPS) + 1):
        p.grad = torch.tensor([gradient(step, i) for i in range(N)], dtype=dtype)
        optimizer.step()
        if step in STEPS:
            bits = [x & (2**(8 * p.element_size()) - 1) for x in p.detach().view(BITS[dtype]).tolist()]
            lines.append(f"{kind} {str(dtype)[6:]} {text} : {step} " + " ".join(f"{b:x}" for b in bits))


lines = []
for dtype in BITS:
    for more in ({}, {"weight_decay": 0.01}, {"maximize": True}, {"weight_decay": 0.3, "maximize": True}):
        record("SGD", dtype, lr=0.1, **more)
        record("SGD", dtype, lr=0.1, momentum=0.9, **more)
        record("SGD", dtype, lr=0.1, momentum=0.9, dampening=0.3, **more)
        record("SGD", dtype, lr=0.1, momentum=0.9, nesterov=True, **more)
        for kind in ("Adam", "AdamW"):
            record(kind, dtype, **more)
            record(kind, dtype, lr=0.03, amsgrad=True, **more)
            record(kind, dtype, lr=0.03, beta1=0.8, beta2=0.9, eps=0.01, **more)
        record("RMSprop", dtype, **more)
        record("RMSprop", dtype, lr=0.03, alpha=0.9, eps=0.01, **more)
        record("RMSprop", dtype, momentum=0.9, **more)
        record("RMSprop", dtype, centered=True, **more)
        record("RMSprop", dtype, momentum=0.5, centered=True, **more)
        record("Adagrad", dtype, **more)
        record("Adagrad", dtype, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.5, eps=0.01, **more)

with open(os.path.join(os.path.dirname(__file__), "..", "data", "optim.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
