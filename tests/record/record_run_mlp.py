#!/usr/bin/env python3
"""Writes tests/data/run_mlp.safetensors, what tests/outside/run_mlp.c runs: a small network that PyTorch has trained to tell
points (x, y) of which one coordinate alone is above 0 from others. Needs torch, numpy and safetensors. Written with torch 1.13
and safetensors 0.8.0.
"""
import os

import torch
from safetensors.numpy import save_file

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
x = torch.rand(256, 2) * 2 - 1
y = ((x[:, 0] > 0) != (x[:, 1] > 0)).long()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for _ in range(300):
    loss = torch.nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
save_file(state, os.path.join(os.path.dirname(__file__), "..", "data", "run_mlp.safetensors"))
points = torch.tensor([[0.5, 0.5], [-0.5, 0.5], [0.5, -0.5], [-0.5, -0.5]])
print(model(points).softmax(1))
