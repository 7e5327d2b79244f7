#!/usr/bin/env python3
"""Writes archives of torch.export into tests/data/export/ for tests/test_export.c, with what PyTorch makes of them:

    tests/record/record_export.py 2.15      with PyTorch 2.15.0: all; the names of files do not say it
    tests/record/record_export.py 2.8       with PyTorch 2.8.0: some, NAME_2.8.pt2
    tests/record/record_export.py 2.4       with PyTorch 2.4.1: some, in the older layout, NAME_2.4.pt2

NAME.npz has, in the order in which they are to be done after manual_seed(7):
    in.I, out.I             inputs, and what the program gives
    eval.I                  outputs of the module that was exported in evaluation mode, before
    in2.I, out2.I           the same of other sizes, where the program takes them
    target, loss            the first output's squares of differences to the target, mean, in 3 steps of SGD with lr 0.02
    grad.PARAMETER          the gradients of the first step
    after.NAME              the state dict at the end
"""
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

FOLDER = pathlib.Path(__file__).parent.parent / "data" / "export"
torch.set_num_threads(1)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, x):
        return self.layers(x)


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2, groups=2, bias=False)
        self.bn2 = nn.BatchNorm2d(6)
        self.drop = nn.Dropout(0.25)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        y = self.bn2(self.conv2(x))
        y += 0.5
        y = F.relu(y, inplace=True)
        return F.log_softmax(self.fc(self.drop(F.adaptive_avg_pool2d(y, 1).flatten(1))), dim=-1)


class Transformer(nn.Module):
    """A decoder: words and positions, a block, and the words again by the same weights."""

    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(11, 8)
        self.wpe = nn.Embedding(8, 8)
        self.ln1 = nn.LayerNorm(8)
        self.attention = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)
        self.ln2 = nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.wte.weight
        self.register_buffer("mask", torch.tril(torch.ones(8, 8, dtype=torch.bool)), persistent=False)

    def forward(self, words):
        b, n = words.shape
        x = self.wte(words) + self.wpe(torch.arange(n))
        q, k, v = self.attention(self.ln1(x)).split(8, dim=2)
        q, k, v = (t.view(b, n, 2, 4).transpose(1, 2) for t in (q, k, v))
        w = (q @ k.transpose(-2, -1)) * 0.5
        w = w.masked_fill(~self.mask[:n, :n], float("-inf")).softmax(-1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True) + w @ v
        x = x + self.out(y.transpose(1, 2).reshape(b, n, 8))
        return self.head(x + self.mlp(self.ln2(x)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)

    def forward(self, x):
        return self.layer(x)


class LSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.rnn = nn.LSTM(4, 5, num_layers=2, batch_first=True)
        self.fc = nn.Linear(5, 7)

    def forward(self, words):
        y, (h, c) = self.rnn(self.embed(words))
        return self.fc(y), h, c


class Sizes(nn.Module):
    """Several inputs and outputs, sizes as numbers, a buffer that counts, constants."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, a, b, *, scale=2.0):
        self.count.add_(1)
        n = a.shape[0] * 2 + 1
        c = torch.cat([a, b], 0).unflatten(1, (3, 1)).squeeze(-1)
        padded = F.pad(a, (0, 0, 0, n - a.shape[0]))
        first, *rest = torch.unbind(torch.stack([a, a + 1, a * 3]), 0)
        rows = b[torch.tensor([1, 0, 1])]
        top, where = torch.topk(a.flatten(), 2)
        return (c * self.weight).sum(1, keepdim=True) * scale, padded, rest[1] - first, rows, top, where


def mlp():
    return MLP(), (torch.randn(5, 4),), None, None


def cnn(training, dropout=0.25):
    batch = {0: Dim("batch", min=2, max=64)}
    model = CNN().train(training)
    model.drop.p = dropout
    return (model, (torch.randn(4, 1, 12, 12),), (torch.randn(7, 1, 12, 12),), {"x": batch})


def words(model, n, other=None):
    rows = {0: Dim("rows", max=100), 1: Dim("length", max=7)} if other else None
    top = model.fc.out_features if hasattr(model, "fc") else 11
    second = (torch.randint(top, other),) if other else None
    return model, (torch.randint(top, (3, n)),), second, {"words": rows} if rows else None


def sizes():
    n = Dim("n", max=50)
    return (Sizes(), (torch.randn(4, 3), torch.randn(2, 3)), (torch.randn(6, 3), torch.randn(2, 3)),
            {"a": {0: n}, "b": {}})


CASES = {
    "2.15": {
        "mlp": mlp,
        "cnn": lambda: cnn(True),
        "cnn_eval": lambda: cnn(False),
        "cnn_core": lambda: cnn(True),
        "transformer": lambda: words(Transformer(), 5, (2, 6)),
        "transformer_core": lambda: words(Transformer(), 5),
        "encoder": lambda: (Encoder(), (torch.randn(2, 3, 8),), None, None),
        "lstm": lambda: words(LSTM(), 6),
        "lstm_core": lambda: words(LSTM(), 2),
        "sizes": sizes,
    },
    "2.8": {"cnn_2.8": lambda: cnn(True), "sizes_2.8": sizes},
    "2.4": {
        "mlp_2.4": mlp,
        "cnn_2.4": lambda: cnn(True, 0.0),  # whose random numbers were others
        "cnn_eval_2.4": lambda: cnn(False),
        "transformer_2.4": lambda: words(Transformer(), 5),
        "lstm_2.4": lambda: words(LSTM(), 6),
    },
}
# Inference IR of what is in training mode cannot be trained by itself: it changes running statistics that it needs.
FORWARD_ONLY = ["cnn_2.4", "cnn_core"]


def record(name, case):
    torch.manual_seed(0)
    model, first, second, dynamic = case()
    program = torch.export.export(model, first, dynamic_shapes=dynamic)
    if name.endswith("_core"):
        program = program.run_decompositions()
    for node in program.graph.nodes:  # where it comes from in the source
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node"):
            node.meta.pop(key, None)
    torch.export.save(program, FOLDER / f"{name}.pt2")
    module = torch.export.load(FOLDER / f"{name}.pt2").module()
    values = {}

    def run(prefix, inputs):
        outputs = module(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        for what, tensors in ((f"in{prefix}", inputs), (f"out{prefix}", outputs)):
            for i, t in enumerate(tensors):
                values[f"{what}.{i}"] = t.detach().clone()
        return outputs

    if name.startswith("cnn"):
        with torch.no_grad():
            values["eval.0"] = model.eval()(*first)
    torch.manual_seed(7)
    outputs = run("", first)
    if second:
        run("2", second)
    if name in FORWARD_ONLY:
        values |= {f"after.{key}": t for key, t in module.state_dict().items()}
    else:
        train(module, first, torch.rand(outputs[0].shape), values)
    np.savez_compressed(FOLDER / f"{name}.npz", **{k: v.detach().numpy() for k, v in values.items()})
    print(name, values.get("loss"))


def train(module, first, target, values):
    values["target"] = target
    optimizer = torch.optim.SGD(module.parameters(), lr=0.02)
    losses = []
    for step in range(3):
        optimizer.zero_grad()
        outputs = module(*first)
        loss = ((outputs[0] if isinstance(outputs, tuple) else outputs) - target).pow(2).mean()
        loss.backward()
        if step == 0:
            for key, p in module.named_parameters():
                if p.grad is not None:
                    values[f"grad.{key}"] = p.grad.clone()
        optimizer.step()
        losses.append(loss.item())
    values["loss"] = torch.tensor(losses)
    for key, t in module.state_dict().items():
        values[f"after.{key}"] = t


if __name__ == "__main__":
    for name, case in CASES[sys.argv[1]].items():
        if len(sys.argv) < 3 or name in sys.argv[2:]:
            record(name, case)
