#!/usr/bin/env python3
"""Writes tests/data/onnx/NAME.onnx with PyTorch's exporter, and what PyTorch makes of some inputs in NAME.npz (in0, out0,
…; of mlp the losses of three steps of SGD, too), for tests/test_onnx.c. Written with PyTorch 1.13.
"""
import os

import numpy as np
import torch
from torch import nn

FOLDER = os.path.join(os.path.dirname(__file__), "..", "data", "onnx")


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [t for part in value for t in tensors(part)]


def record(name, model, *inputs, batch=None, opset=14, **more):
    model.eval()
    names = ["in%d" % i for i in range(len(inputs))]
    axes = {n: {batch: "batch"} for n in names} if batch is not None else None
    torch.onnx.export(model, inputs, os.path.join(FOLDER, name + ".onnx"), opset_version=opset, input_names=names,
                      dynamic_axes=axes)
    with torch.no_grad():
        outputs = tensors(model(*inputs))
    arrays = {n: t.numpy() for n, t in zip(names, inputs)}
    arrays.update({"out%d" % i: t.numpy() for i, t in enumerate(outputs)})
    np.savez(os.path.join(FOLDER, name + ".npz"), **arrays, **more)


def losses(model, x, y):
    result, sgd = [], torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        sgd.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        sgd.step()
        result.append(loss.item())
    return np.array(result)


class Views(nn.Module):
    """Shapes that are computed from the input's."""

    def forward(self, x):
        b, t, c = x.shape
        y = x.view(b, t, 2, c // 2).transpose(1, 2)
        z = (y @ y.transpose(-2, -1)) / np.sqrt(c // 2)
        z = z.masked_fill(torch.ones(t, t).tril() == 0, float("-inf")).softmax(-1)
        w = (z @ y).permute(0, 2, 1, 3).contiguous().view(b, t, c)
        w = torch.cat([w, x], -1)[:, 1:, ::2]
        first, second = w.chunk(2, -1)
        zeros = torch.zeros(b, 1, c // 2).expand(b, t - 1, c // 2)
        return (first * second + zeros, torch.stack([first, second], 1).mean(1).flatten(1), w.sum((1, 2)),
                torch.where(w > 0, w, w ** 2)[:, -1], nn.functional.pad(torch.clamp(w, -1, 0.5), (1, 2)))


class Words(nn.Module):
    """An encoder layer over words and their places."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(20, 8), nn.Embedding(16, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
        self.out = nn.Linear(8, 20)

    def forward(self, x):
        return self.out(self.layer(self.words(x) + self.places(torch.arange(x.shape[1]))))


class Recurrent(nn.Module):
    def __init__(self, kind, **more):
        super().__init__()
        self.rnn = kind(5, 6, num_layers=2, bidirectional=True, **more)

    def forward(self, x):
        return self.rnn(x)


def write():
    torch.manual_seed(0)
    r = torch.randn
    mlp = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    x, y = r(5, 8), torch.tensor([0, 1, 2, 3, 0])
    state = {k: v.clone() for k, v in mlp.state_dict().items()}
    steps = losses(mlp, x, y)
    mlp.load_state_dict(state)
    record("mlp", mlp, x, batch=0, losses=steps)
    layers = [nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU6(), nn.MaxPool2d(2),
              nn.Conv2d(4, 8, 3, groups=2), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(),
              nn.Linear(8, 3), nn.LogSoftmax(1)]
    cnn = nn.Sequential(*layers)
    cnn(r(16, 1, 12, 12))  # running statistics
    for opset in (9, 11, 16):
        record("cnn%d" % opset, cnn, r(2, 1, 12, 12), batch=0, opset=opset)
    record("norms", nn.Sequential(nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True), nn.LayerNorm([8, 8]),
                                  nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1), nn.AvgPool2d(2),
                                  nn.PReLU(3), nn.ELU(), nn.GELU(), nn.SiLU()), r(2, 4, 8, 8), batch=0)
    record("views", Views(), r(2, 5, 8), batch=0)
    record("words", Words(), torch.randint(0, 20, (2, 6)), batch=0)
    record("lstm", Recurrent(nn.LSTM), r(4, 3, 5))
    record("gru", Recurrent(nn.GRU, batch_first=True), r(3, 4, 5))
    record("rnn", Recurrent(nn.RNN, nonlinearity="relu"), r(4, 3, 5), batch=1)


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    write()
