#!/usr/bin/env python3
"""Prints the losses that tests/run_examples wants of examples/gpt2 --tiny: those of the same model, made by bench/torch_cases.py.

Recorded with PyTorch 1.13.
"""
import os
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench"))
from torch_cases import GPT2  # noqa: E402

torch.manual_seed(0)
model = GPT2(words=64, positions=32, width=16, heads=2, layers=2)
adamw = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
words, following = torch.randint(0, 64, (2, 16)), torch.randint(0, 64, (2, 16))
for _ in range(5):
    loss = model(words, following)
    adamw.zero_grad()
    loss.backward()
    adamw.step()
    print("%.6f" % loss.item(), end=" ")
print()
