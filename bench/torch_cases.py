"""PyTorch's side of facula-bench: the same cases, sizes and work, for any version from 1.13.

    torch_cases.py [--case NAME[,NAME]] [--threads N] [--budget SECONDS] [--data DIR] [--list]

prints a JSON line a case, each measured in a process of its own. bench/compare runs it and sets up the environment.
"""
import argparse
import gzip
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

M4, M16 = 1 << 22, 1 << 24
DATA = "/usr/share/datasets/fashion-mnist"
CASES = {}


def case(name, setup, run, grad=False, units=1):
    """run(*setup()) is timed, and is `units` of what is reported."""
    CASES[name] = (setup, run, grad, units)


def both(name, shapes, forward, g_shape, leaves=None):
    """Forward and backward with a given cotangent, gradients dropped before."""
    def setup():
        xs = [torch.randn(s) if isinstance(s, (int, tuple)) else s() for s in shapes]
        for i in range(len(xs) if leaves is None else leaves):
            xs[i].requires_grad_()
        return xs + [torch.randn(g_shape) if g_shape else None]

    def run(*xs):
        for x in xs[:-1]:
            if x.requires_grad:
                x.grad = None
        forward(*xs[:-1]).backward(xs[-1])
    case(name, setup, run, True)


def randn(*shapes):
    return lambda: [torch.randn(s) for s in shapes]


# ---- small tensors ----

def xor():
    x = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
    y = torch.tensor([[0.], [1.], [1.], [0.]])
    model = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 1))
    return x, y, model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.01)


def xor_epochs(x, y, model, loss_of, sgd, item=False):
    for _ in range(1000):
        sgd.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        sgd.step()
        if item:
            loss.item()


def thousand(run):
    def runs(*xs):
        for _ in range(1000):
            run(*xs)
    return runs


def ones(grad):
    return lambda: [torch.ones(1, requires_grad=grad), torch.ones(1, requires_grad=grad)]


case("lesson_xor", xor, xor_epochs, True)
case("lesson_xor_item", xor, lambda *xs: xor_epochs(*xs, item=True), True)
case("op_overhead_add", ones(False), thousand(lambda a, b: a + b), units=1000)
case("op_overhead_add_out", lambda: [torch.ones(1) for _ in range(3)], thousand(lambda a, b, c: torch.add(a, b, out=c)), units=1000)
case("op_overhead_autograd", ones(True), thousand(lambda a, b: (a * b).sum().backward()), True, 1000)
case("op_overhead_linear", randn((1, 8), (8, 8), (8,)), thousand(F.linear), units=1000)
case("import_time", lambda: [], lambda: subprocess.run([sys.executable, "-c", "import torch; print(torch.ones(2, 2))"],
                                                       check=True, stdout=subprocess.DEVNULL))


# ---- training on Fashion-MNIST ----

def training(name, batch, model_of, optimizer_of, epoch=True):
    def read(file, skip):
        with gzip.open(os.path.join(DATA, file)) as f:
            return torch.frombuffer(bytearray(f.read()), dtype=torch.uint8, offset=skip)

    def setup():
        x = read("train-images-idx3-ubyte.gz", 16).view(-1, 1, 28, 28).float().div_(255)
        y = read("train-labels-idx1-ubyte.gz", 8).long()
        model = model_of()
        return x, y, model, optimizer_of(model.parameters()), nn.CrossEntropyLoss(), torch.randperm(len(x)), [0]

    def step(x, y, model, optimizer, loss_of, order, at):
        rows = order[at[0]:at[0] + batch]
        at[0] = (at[0] + batch) % (len(x) - batch)
        optimizer.zero_grad()
        loss_of(model(x.index_select(0, rows)), y.index_select(0, rows)).backward()
        optimizer.step()
    case(name, setup, step, True, batch / 60000 if epoch else 1)


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


def cnn(channels):
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, channels, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(144 * channels, 128), nn.ReLU(), nn.Linear(128, 10))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def ggml_fc():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 10))


def ggml_cnn():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(784, 10))


def adam(ps):
    return torch.optim.Adam(ps, lr=1e-3)


def adamw(ps):
    return torch.optim.AdamW(ps, lr=1e-3, foreach=True)


training("mlp_fashion_b64", 64, mlp, adam)
training("mlp_fashion_b64_sgd", 64, mlp, lambda ps: torch.optim.SGD(ps, lr=0.1))
training("mlp_fashion_b1024", 1024, mlp, adam)
training("cnn_fashion", 64, lambda: cnn(64), adam, False)
training("cnn_kann", 64, lambda: cnn(32), lambda ps: torch.optim.RMSprop(ps, lr=1e-3), False)
training("lenet_fashion", 64, lenet, lambda ps: torch.optim.SGD(ps, lr=0.01, momentum=0.9))
training("ggml_fc", 500, ggml_fc, adamw)
training("ggml_cnn", 500, ggml_cnn, adamw)


# ---- products and convolutions ----

def mm_out(a, b, c):
    torch.mm(a, b, out=c)


for n in (64, 256, 1024, 2048):
    case("gemm_%d" % n, randn((n, n), (n, n), (n, n)), mm_out)
case("gemm_skinny", randn((64, 784), (784, 256), (64, 256)), mm_out)
case("gemm_skinny_nt", lambda: [torch.randn(64, 784), torch.randn(256, 784).t(), torch.empty(64, 256)], mm_out)
case("gemm_skinny_wgrad", randn((256, 64), (64, 784), (256, 784)), mm_out)
case("gemv_4096", lambda: [torch.randn(1, 4096), torch.randn(4096, 4096).t(), torch.empty(1, 4096)], mm_out)
case("bmm", randn((32, 64, 64), (32, 64, 64), (32, 64, 64)), lambda a, b, c: torch.bmm(a, b, out=c))
case("bmm_attn_128", lambda: [torch.randn(64, 128, 32), torch.randn(64, 128, 32).transpose(1, 2)], torch.bmm)
for name, n, c, h, k, size, pad, groups in (("conv3x3_64_56", 8, 64, 56, 64, 3, 1, 1), ("conv1x1_256_14", 8, 256, 14, 256, 1, 0, 1),
                                            ("depthwise3x3_128_28", 8, 128, 28, 128, 3, 1, 128),
                                            ("conv3x3_32_26_b64", 64, 32, 26, 64, 3, 0, 1)):
    def conv(x, w, b, pad=pad, groups=groups):
        return F.conv2d(x, w, b, padding=pad, groups=groups)
    shapes, out = ((n, c, h, h), (k, c // groups, size, size), (k,)), h + 2 * pad - size + 1
    case(name + "_fwd", randn(*shapes), conv)
    both(name + "_fwdbwd", shapes, conv, (n, k, out, out))

# ---- element by element ----

case("add_16M", randn(M16, M16), torch.add)
for name, n in (("add_16M_out", M16), ("add_1M_out", 1 << 20), ("add_64K_out", 1 << 16)):
    case(name, randn(n, n, n), lambda a, b, c: torch.add(a, b, out=c))
case("gelu_4M", randn(M4), F.gelu)
case("gelu_tanh_4M", randn(M4), lambda x: F.gelu(x, approximate="tanh"))
case("exp_4M", randn(M4), torch.exp)
case("exp_4M_out", randn(M4, M4), lambda x, y: torch.exp(x, out=y))
case("tanh_4M", randn(M4), torch.tanh)
case("sigmoid_chain_4M", randn(M4), lambda x: x * torch.sigmoid(x) + 0.5)
both("gelu_4M_fwdbwd", (M4,), F.gelu, M4)
case("relu_16M", randn(M16), torch.relu)
case("copy_16M", randn(M16), torch.clone)
case("copy_16M_out", randn(M16, M16), lambda x, y: y.copy_(x))
case("transpose_copy_4096", randn((4096, 4096)), lambda x: x.t().contiguous())
case("transpose_copy_4096_out", randn((4096, 4096), (4096, 4096)), lambda x, y: y.copy_(x.t()))
case("cat_2x4M", randn(M4, M4), lambda x, y: torch.cat((x, y)))
case("randn_4M", randn(), lambda: torch.randn(M4))
case("rand_4M", randn(), lambda: torch.rand(M4))
case("randperm_60000", randn(), lambda: torch.randperm(60000))

# ---- rows ----

case("softmax_4096x1024", randn((4096, 1024)), lambda x: torch.softmax(x, 1))
case("layernorm_4096x1024", randn((4096, 1024)), lambda x: F.layer_norm(x, (1024,)))
both("softmax_4096x1024_fwdbwd", ((4096, 1024),), lambda x: torch.softmax(x, 1), (4096, 1024))
both("layernorm_4096x1024_fwdbwd", ((4096, 1024), (1024,), (1024,)), lambda x, w, b: F.layer_norm(x, (1024,), w, b), (4096, 1024))
case("sum_16M", randn(M16), torch.sum)
case("sum_dim0_4096x4096", randn((4096, 4096)), lambda x: x.sum(0))
case("sum_dim1_4096x4096", randn((4096, 4096)), lambda x: x.sum(1))
case("max_16M", randn(M16), torch.max)
case("argmax_4096x4096_dim1", randn((4096, 4096)), lambda x: x.argmax(1))
case("argmax_16M", randn(M16), torch.argmax)
case("cumsum_4096x4096_dim1", randn((4096, 4096)), lambda x: x.cumsum(1))
case("cumsum_16M", randn(M16), lambda x: x.cumsum(0))
case("var_4096x4096_dim1", randn((4096, 4096)), lambda x: x.var(1))
case("sort_1M", randn(1000000), torch.sort)
case("topk_4096x1024_k10", randn((4096, 1024)), lambda x: x.topk(10, 1))
case("embedding_50kx256_8192", lambda: [torch.randint(0, 50000, (8192,)), torch.randn(50000, 256)], F.embedding)
both("embedding_50kx256_8192_fwdbwd", ((50000, 256), lambda: torch.randint(0, 50000, (8192,))), lambda w, i: F.embedding(i, w),
     (8192, 256), 1)
case("gather_4096x1024_dim1", lambda: [torch.randn(4096, 1024), torch.randint(0, 1024, (4096, 1024))], lambda x, i: x.gather(1, i))

# ---- layers and optimisers ----

both("cross_entropy_8192x1000", ((8192, 1000), lambda: torch.randint(0, 1000, (8192,))), F.cross_entropy, None, 1)
both("batchnorm2d_train", ((32, 64, 56, 56), (64,), (64,)), lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (32, 64, 56, 56))
both("maxpool2d", ((32, 64, 56, 56),), lambda x: F.max_pool2d(x, 2), (32, 64, 28, 28))
case("maxpool2d_fwd", randn((32, 64, 56, 56)), lambda x: F.max_pool2d(x, 2))


def recurrent(name, grad):
    def setup():
        return [nn.LSTM(128, 128), torch.randn(64, 32, 128, requires_grad=grad)]

    def run(m, x):
        x.grad = None
        m.zero_grad(set_to_none=True)
        y, _ = m(x)
        if grad:
            y.sum().backward()
    case(name, setup, run, grad)


recurrent("lstm", True)
recurrent("lstm_fwd", False)


def optimizer(name, parts, make):
    def setup():
        ps = [torch.randn(10000000 // parts, requires_grad=True) for _ in range(parts)]
        for p in ps:
            p.grad = torch.randn_like(p)
        return [make(ps)]
    case(name, setup, lambda o: o.step(), True)


optimizer("adam_step_10M_1", 1, lambda ps: torch.optim.Adam(ps, lr=1e-3))
optimizer("adam_step_10M_100", 100, lambda ps: torch.optim.Adam(ps, lr=1e-3))
optimizer("sgd_momentum_step_10M_1", 1, lambda ps: torch.optim.SGD(ps, lr=1e-3, momentum=0.9))


# ---- transformers ----

class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.c_attn, self.attn_c_proj = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ln_2, self.c_fc, self.mlp_c_proj = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.register_buffer("mask", torch.ones(128, 128).triu(1).bool())

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = [y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in self.c_attn(self.ln_1(x)).split(c, 2)]
        if hasattr(F, "scaled_dot_product_attention"):
            seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-2, -1)) * (1 / math.sqrt(c // self.heads))
            seen = scores.masked_fill(self.mask[:t, :t], float("-inf")).softmax(-1) @ v
        x = x + self.attn_c_proj(seen.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp_c_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self, words=50257, positions=1024, width=768, heads=12, layers=12):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(positions, width)
        self.h, self.ln_f = nn.Sequential(*[Block(width, heads) for _ in range(layers)]), nn.LayerNorm(width)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, 0, 0.02)

    def forward(self, words, following):
        x = self.ln_f(self.h(self.wte(words) + self.wpe.weight[:words.shape[1]]))
        return F.cross_entropy(F.linear(x, self.wte.weight).flatten(0, 1), following.flatten())


def gpt2():
    model = GPT2()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0, foreach=False)
    return model, optimizer, torch.randint(0, 50257, (4, 64)), torch.randint(0, 50257, (4, 64))


def gpt2_step(model, optimizer, words, following):
    loss = model(words, following)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def block_both(block, x, g):
    x.grad = None
    block.zero_grad(set_to_none=True)
    block(x).backward(g)


case("transformer_block", lambda: [Block(256, 8), torch.randn(8, 128, 256, requires_grad=True), torch.randn(8, 128, 256)], block_both, True)
case("transformer_block_fwd", lambda: [Block(256, 8), torch.randn(8, 128, 256)], lambda block, x: block(x))
case("gpt2_124M_step", gpt2, gpt2_step, True)


# ---- measuring ----

def measure(name, budget):
    setup, run, grad, units = CASES[name]
    torch.manual_seed(0 if name.startswith("lesson") else 1)
    xs, per, times, spent = setup(), 1, [], 0.0
    with torch.set_grad_enabled(grad):
        for _ in range(3):
            start = time.perf_counter()
            for _ in range(per):
                run(*xs)
            took = (time.perf_counter() - start) / per
            per = 1 if took > 1e-4 else int(1e-4 / took) + 1
            if took > budget:
                break
        while len(times) < 5 or (len(times) < 3000 and spent < budget):
            start = time.perf_counter()
            for _ in range(per):
                run(*xs)
            took = time.perf_counter() - start
            spent += took
            times.append(took / per / units)
            if len(times) >= 3 and spent > 10 * budget + 1:
                break
    times.sort()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"case": name, "seconds": statistics.median(times), "min": times[0], "max": times[-1], "reps": len(times),
                      "mean": statistics.mean(times), "threads": torch.get_num_threads(), "torch": torch.__version__,
                      "peak_rss_MB": round(peak * 1024 / 1e6, 1)}), flush=True)


def main():
    global DATA
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", default=",".join(CASES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budget", type=float, default=0.5, help="seconds of timing a case")
    parser.add_argument("--data", default=DATA, help="the folder of Fashion-MNIST")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--serve", action="store_true", help="take names from standard input, one a line, as they come")
    args = parser.parse_args()
    DATA = args.data
    if args.list:
        return print("\n".join(CASES))
    for name in (line.strip() for line in sys.stdin) if args.serve else args.case.split(","):
        child = os.fork()  # before PyTorch starts threads: the child can start its own, and its peak memory is the case's
        if child == 0:
            torch.set_num_threads(args.threads)
            measure(name, args.budget)
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            print(json.dumps({"case": name, "error": "it failed"}), flush=True)


if __name__ == "__main__":
    main()
