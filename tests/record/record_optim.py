#!/usr/bin/env python3
"""Records the steps of PyTorch's optimisers, for tests/test_optim.c, and the learning rates of its schedules, for
tests/test_schedule.c. Writes tests/data/optim.txt and tests/data/schedule.txt.

A line of optim.txt: class dtype option=value … : steps bits bits …, the bits of the parameter's elements after that many steps from
the same start. Parameter and gradients are made by value() below, which the test has too.

A line of schedule.txt: optimizer class option=value … [+ class option=value …] : lr lr momentum …, the learning rates of
the two groups and the momentum of the first (beta1, or 0), as bits of float64, at first and after each of 30 steps.

Recorded with PyTorch 1.13.
"""
import os
import struct

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


def metric(epoch):
    """Falls, rests, falls again."""
    return max(1 - 0.1 * epoch, 0.6) if epoch < 20 else 0.3


def bits(v):
    return format(struct.unpack("<Q", struct.pack("<d", float(v)))[0], "x")


def parse(text):
    kind, *options = text.split()
    options = dict(o.split("=") for o in options)
    for name, v in options.items():
        if name == "milestones":
            options[name] = [int(x) for x in v.split(",")]
        elif name in ("mode", "threshold_mode", "anneal_strategy"):
            options[name] = v
        else:
            options[name] = int(v) if v.isdigit() and name != "pct_start" else float(v)
    if kind in ("LambdaLR", "MultiplicativeLR"):
        options["lr_lambda"] = lambda epoch: 1 / (1 + 0.3 * epoch)
    return getattr(torch.optim.lr_scheduler, kind), options


def record_schedule(optimizer_kind, text):
    params = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": [params[0]]}, {"params": [params[1]], "lr": 0.07}]
    optimizer = getattr(torch.optim, optimizer_kind)(groups, lr=0.3)
    schedules = [kind(optimizer, **options) for kind, options in map(parse, text.split(" + "))]
    values = []
    for epoch in range(31):
        first = optimizer.param_groups[0]
        momentum = first["betas"][0] if "betas" in first else first.get("momentum", 0)
        values += [optimizer.param_groups[0]["lr"], optimizer.param_groups[1]["lr"], momentum]
        optimizer.step()
        for s in schedules:
            if isinstance(s, torch.optim.lr_scheduler.ReduceLROnPlateau):
                s.step(metric(epoch))
            elif epoch < 30:
                s.step()
    lines.append(f"{optimizer_kind} {text} : " + " ".join(map(bits, values)))


lines = []
for text in (
    "StepLR step_size=7", "StepLR step_size=1 gamma=0.9",
    "MultiStepLR milestones=3,4,4,20", "MultiStepLR milestones=30,5 gamma=0.7",
    "ExponentialLR gamma=0.93",
    "ConstantLR", "ConstantLR factor=0.7 total_iters=12", "ConstantLR factor=0.7 total_iters=0",
    "LinearLR", "LinearLR start_factor=0.1 end_factor=0.8 total_iters=21", "LinearLR total_iters=0",
    "PolynomialLR", "PolynomialLR total_iters=25 power=2.5",
    "CosineAnnealingLR T_max=10", "CosineAnnealingLR T_max=7 eta_min=0.01", "CosineAnnealingLR T_max=1",
    "CosineAnnealingWarmRestarts T_0=4", "CosineAnnealingWarmRestarts T_0=3 T_mult=2 eta_min=0.01",
    "LambdaLR", "MultiplicativeLR",
    "OneCycleLR max_lr=0.5 total_steps=30", "OneCycleLR max_lr=0.5 total_steps=40 anneal_strategy=linear",
    "OneCycleLR max_lr=0.5 total_steps=31 three_phase=1 pct_start=0.4 div_factor=10 final_div_factor=100",
    "OneCycleLR max_lr=0.5 total_steps=31 cycle_momentum=0",
    "OneCycleLR max_lr=0.5 total_steps=31 base_momentum=0.5 max_momentum=0.75",
    "ReduceLROnPlateau", "ReduceLROnPlateau patience=2", "ReduceLROnPlateau patience=1 factor=0.5 cooldown=3 min_lr=0.05",
    "ReduceLROnPlateau mode=max patience=3", "ReduceLROnPlateau threshold_mode=abs threshold=0.15 patience=2 eps=0.01",
    "ReduceLROnPlateau mode=max threshold_mode=abs threshold=0.01 patience=2",
    "LinearLR + ExponentialLR gamma=0.9", "StepLR step_size=5 + CosineAnnealingLR T_max=20",
    "LinearLR start_factor=0.5 + ReduceLROnPlateau patience=1", "ExponentialLR gamma=0.9 + LambdaLR",
):
    record_schedule("SGD", text)
    if "OneCycle" in text:
        record_schedule("Adam", text)

with open(os.path.join(os.path.dirname(__file__), "..", "data", "schedule.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
