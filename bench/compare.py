#!/usr/bin/env python3
"""facula and PyTorch side by side: the cases of build/bench/bench_training, done by both in turn.

    bench/compare.py                         all cases, 5 rounds, 2 threads
    bench/compare.py --case mlp_fashion_b64  one of them
    bench/compare.py --ops [--case CASE]     single operations: those of build/bench/bench_ops
    bench/compare.py --tuned                 PyTorch with glibc told to keep freed memory and to use huge pages

Rounds alternate, so that a change of the machine's speed meets both. Each round's figure is the median of many
repeats; the table gives the median of the rounds, the best of them, and PyTorch's median by facula's. PyTorch, any version
from 1.13, must be importable by the Python that is named with --python; nothing else of the project needs it.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

CASES = ["lesson_xor", "op_overhead_add", "op_overhead_autograd", "mlp_fashion_b64", "mlp_fashion_b1024",
         "cnn_fashion", "lenet_fashion"]


# ---- PyTorch's side, in a process of its own ----

def repeat(unit, times, scale=1.0):
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        unit()
        spent.append((time.perf_counter() - start) * scale)
    return spent


def torch_case(name, threads, data):
    import torch
    from torch import nn
    torch.set_num_threads(threads)
    torch.manual_seed(0)

    def xor():
        x = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
        y = torch.tensor([[0.], [1.], [1.], [0.]])
        model = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 1))
        loss, sgd = nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.01)

        def epochs():
            for _ in range(1000):
                sgd.zero_grad()
                loss(model(x), y).backward()
                sgd.step()
        return repeat(epochs, 9)

    def add():
        a, b = torch.ones(1), torch.ones(1)

        def adds():
            for _ in range(20000):
                a + b
        with torch.no_grad():
            return repeat(adds, 15, 1 / 20000)

    def autograd():
        a, b = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)

        def backwards():
            for _ in range(5000):
                (a * b).sum().backward()
        return repeat(backwards, 15, 1 / 5000)

    def images():
        import gzip
        import numpy

        def read(file, skip):
            with gzip.open(os.path.join(data, file)) as f:
                return numpy.frombuffer(f.read(), numpy.uint8, offset=skip)
        x = torch.from_numpy(read("train-images-idx3-ubyte.gz", 16).astype(numpy.float32) / 255).view(-1, 1, 28, 28)
        return x, torch.from_numpy(read("train-labels-idx1-ubyte.gz", 8).astype(numpy.int64))

    def train(model, optimizer, batch, steps, scale):
        x, y = images()
        order, at, loss = torch.randperm(len(x)), 0, nn.CrossEntropyLoss()

        def step():
            nonlocal at
            rows = order[at:at + batch]
            at = (at + batch) % (len(x) - batch)
            optimizer.zero_grad()
            loss(model(x.index_select(0, rows)), y.index_select(0, rows)).backward()
            optimizer.step()
        repeat(step, 4)
        return repeat(step, steps, scale)

    def mlp(batch, steps):
        model = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
                              nn.Linear(128, 10))
        return train(model, torch.optim.Adam(model.parameters(), lr=1e-3), batch, steps, 60000 / batch)

    def cnn():
        model = nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                              nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))
        return train(model, torch.optim.Adam(model.parameters(), lr=1e-3), 64, 60, 1)

    def lenet():
        model = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                              nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84),
                              nn.ReLU(), nn.Linear(84, 10))
        return train(model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), 64, 600, 60000 / 64)

    run = {"lesson_xor": xor, "op_overhead_add": add, "op_overhead_autograd": autograd,
           "mlp_fashion_b64": lambda: mlp(64, 1800), "mlp_fashion_b1024": lambda: mlp(1024, 200),
           "cnn_fashion": cnn, "lenet_fashion": lenet}
    print(json.dumps({"case": name, "seconds": statistics.median(run[name]()), "torch": torch.__version__}))


# ---- both in turn ----

def seconds(command, env):
    out = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.splitlines()[-1])


def text(s):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if s >= scale:
            return f"{s / scale:.3g} {unit}"
    return f"{s * 1e9:.3g} ns"


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", help="may be given several times; " + ", ".join(CASES))
    parser.add_argument("--ops", action="store_true", help="the cases of bench_ops")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("--python", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--bench", default=os.path.join(here, "..", "build", "bench"), help="the folder of the programs")
    parser.add_argument("--torch", metavar="CASE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch:
        return torch_case(args.torch, args.threads, args.data)

    env = dict(os.environ, OMP_NUM_THREADS=str(args.threads), OPENBLAS_NUM_THREADS=str(args.threads),
               MKL_NUM_THREADS=str(args.threads), FACULA_DATA=args.data)
    torch_env = dict(env)
    if args.tuned:
        torch_env["GLIBC_TUNABLES"] = ("glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8589934592:"
                                       "glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=67108864")
    print(f"{'case':22}{'facula':>10}{'best':>10}{'PyTorch':>10}{'best':>10}{'ratio':>8}")
    threads = str(args.threads)
    if args.ops:
        us = [os.path.join(args.bench, "bench_ops"), "--threads", threads]
        them = [args.python, os.path.join(here, "torch_ops.py"), threads]
        names = subprocess.run(us + ["--list"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    else:
        us = [os.path.join(args.bench, "bench_training")]
        them = [args.python, os.path.abspath(__file__), "--threads", threads, "--data", args.data, "--torch"]
        names = CASES
    for case in args.case or names:
        ours, theirs = [], []
        for _ in range(args.rounds):
            ours.append(seconds(us + [case], env)["seconds"])
            theirs.append(seconds(them + [case], torch_env)["seconds"])
        a, b = statistics.median(ours), statistics.median(theirs)
        print(f"{case:22}{text(a):>10}{text(min(ours)):>10}{text(b):>10}{text(min(theirs)):>10}{b / a:8.1f}", flush=True)


if __name__ == "__main__":
    main()
