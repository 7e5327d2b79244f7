"""PyTorch's side of bench_ops: the same cases, sizes and work. torch_ops.py THREADS [CASE...] prints what bench_ops prints."""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

M4, M16 = 1 << 22, 1 << 24
CASES = {}


def case(name, setup, run, grad=False):
    CASES[name] = (setup, run, grad)


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


for n in (64, 256, 1024, 2048):
    case("gemm_%d" % n, randn((n, n), (n, n)), torch.mm)
case("gemm_skinny", randn((64, 784), (784, 256)), torch.mm)
case("gemm_skinny_nt", lambda: [torch.randn(64, 784), torch.randn(256, 784).t()], torch.mm)
case("gemm_skinny_wgrad", randn((256, 64), (64, 784)), torch.mm)
case("gemv_4096", lambda: [torch.randn(1, 4096), torch.randn(4096, 4096).t()], torch.mm)
case("bmm", randn((32, 64, 64), (32, 64, 64)), torch.bmm)
case("bmm_attn_128", lambda: [torch.randn(64, 128, 32), torch.randn(64, 128, 32).transpose(1, 2)], torch.bmm)
for name, n, c, h, k, size, pad, groups in (("conv3x3_64_56", 8, 64, 56, 64, 3, 1, 1), ("conv1x1_256_14", 8, 256, 14, 256, 1, 0, 1),
                                            ("depthwise3x3_128_28", 8, 128, 28, 128, 3, 1, 128),
                                            ("conv3x3_32_26_b64", 64, 32, 26, 64, 3, 0, 1)):
    def conv(x, w, b, pad=pad, groups=groups):
        return F.conv2d(x, w, b, padding=pad, groups=groups)
    shapes, out = ((n, c, h, h), (k, c // groups, size, size), (k,)), h + 2 * pad - size + 1
    case(name + "_fwd", randn(*shapes), conv)
    both(name + "_fwdbwd", shapes, conv, (n, k, out, out))
case("add_16M", randn(M16, M16), torch.add)
case("gelu_4M", randn(M4), F.gelu)
case("gelu_tanh_4M", randn(M4), lambda x: F.gelu(x, approximate="tanh"))
case("exp_4M", randn(M4), torch.exp)
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
both("cross_entropy_8192x1000", ((8192, 1000), lambda: torch.randint(0, 1000, (8192,))), F.cross_entropy, None, 1)
both("batchnorm2d_train", ((32, 64, 56, 56), (64,), (64,)), lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (32, 64, 56, 56))
both("maxpool2d", ((32, 64, 56, 56),), lambda x: F.max_pool2d(x, 2), (32, 64, 28, 28))
case("maxpool2d_fwd", randn((32, 64, 56, 56)), lambda x: F.max_pool2d(x, 2))


def recurrent(name, grad):
    def setup():
        return [torch.nn.LSTM(128, 128), torch.randn(64, 32, 128, requires_grad=grad)]

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


def measure(name, budget=0.5):
    setup, run, grad = CASES[name]
    torch.manual_seed(1)
    xs, per, times = setup(), 1, []
    with torch.set_grad_enabled(grad):
        for _ in range(3):
            start = time.perf_counter()
            for _ in range(per):
                run(*xs)
            took = (time.perf_counter() - start) / per
            per = 1 if took > 1e-4 else int(1e-4 / took) + 1
        while len(times) < 5 or (len(times) < 100 and sum(times) * per < budget):
            start = time.perf_counter()
            for _ in range(per):
                run(*xs)
            times.append((time.perf_counter() - start) / per)
    print(json.dumps({"case": name, "seconds": statistics.median(times), "min": min(times), "torch": torch.__version__}), flush=True)


torch.set_num_threads(int(sys.argv[1]))
for name in sys.argv[2:] or CASES:
    measure(name)
