"""Records PyTorch's results and gradients for reductions, products, sorting, convolution and pooling.

Writes tests/data/{reduce,matmul,sort,conv}_ops.txt, which tests/recorded.h reads. A case is
    case NAME                  the operator, with its overload
    t DTYPE SHAPE FLAGS V...   an argument: tensor (FLAGS: "grad", "mT" stored with its last two dimensions swapped, "-")
    L N, then N tensors        list of tensors;   i, f, b, s, d, I: int, float, bool, string, dtype, int[];   n: None
    B 101                      list of bools
    k WORD                     the next value is the keyword argument of that name
    = DTYPE SHAPE V...         an output
    g DTYPE SHAPE V...         gradient of the sum of outputs * weights for each argument with "grad", in order
    h DTYPE SHAPE V...         the same once more: gradient of the sum of those gradients * weights
    end
where SHAPE is 2,3 or - for 0-d and the weights of a tensor's elements are ((j % 7) - 3) / 4 for j = 0, 1, 2...
"""
import pathlib

import torch

torch.set_num_threads(1)
random = torch.Generator().manual_seed(0)
data = pathlib.Path(__file__).parent.parent / "data"
f64, f32, f16, bf16, i64, u8, i32 = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8,
                                     torch.int32)
inf, nan = float("inf"), float("nan")
out = None
operators = {}  # those that are functions of Python, by name


def R(*shape, dtype=f64):
    return (torch.randn(shape, generator=random, dtype=f64) * 1000).round().div(1000).to(dtype)


def Z(*shape, low=-3, high=4, dtype=i64):
    return torch.randint(low, high, shape, generator=random).to(dtype)


def D(*values, dtype=f64):
    return torch.tensor(values, dtype=dtype)


def shape_of(t):
    return ",".join(map(str, t.shape)) or "-"


def dtype_of(d):
    return str(d).split(".")[1]


def numbers(t):
    if t._is_zerotensor():
        t = torch.zeros(t.shape, dtype=t.dtype)
    return " ".join(f"{v:.13g}" if t.is_floating_point() else str(int(v)) for v in t.detach().reshape(-1).tolist())


def weights(t):
    return ((torch.arange(t.numel()) % 7 - 3) / 4).to(t.dtype).reshape(t.shape)


def value(v):
    if v is None:
        print("n", file=out)
    elif isinstance(v, torch.Tensor):
        swapped = v.dim() > 1 and not v.is_contiguous()
        flags = ",".join(f for f, on in (("grad", v.requires_grad), ("mT", swapped)) if on) or "-"
        print("t", dtype_of(v.dtype), shape_of(v), flags, numbers(v.mT if swapped else v), file=out)
    elif isinstance(v, bool):
        print("b", int(v), file=out)
    elif isinstance(v, int):
        print("i", v, file=out)
    elif isinstance(v, float):
        print("f", repr(v), file=out)
    elif isinstance(v, str):
        print("s", v, file=out)
    elif isinstance(v, torch.dtype):
        print("d", dtype_of(v), file=out)
    elif v and isinstance(v[0], bool):
        print("B", "".join(str(int(b)) for b in v), file=out)
    elif v and isinstance(v[0], torch.Tensor):
        print("L", len(v), file=out)
        for t in v:
            value(t)
    else:
        print("I", ",".join(map(str, v)) or "-", file=out)


def flat(v):
    return [v] if isinstance(v, torch.Tensor) else [t for part in v for t in flat(part)]


def total(tensors):
    return sum((t * weights(t)).sum() for t in tensors)


def case(name, *args, grad=True, second=True, only=None, **kwargs):
    base, _, overload = name.partition(".")
    operator = operators.get(name) or getattr(getattr(torch.ops.aten, base), overload or "default")
    leaves = []

    def leaf(v):
        if isinstance(v, (list, tuple)) and v and isinstance(v[0], torch.Tensor):
            return [leaf(t) for t in v]
        if isinstance(v, torch.Tensor) and v.dtype.is_floating_point and grad:
            v = v.detach().requires_grad_()
            leaves.append(v)
        return v

    args = [leaf(v) if only is None or i in only else v for i, v in enumerate(args)]
    print("case", name, file=out)
    for v in args:
        value(v)
    for key, v in kwargs.items():
        print("k", key, file=out)
        value(v)
    results = flat(operator(*args, **kwargs))
    for t in results:
        print("=", dtype_of(t.dtype), shape_of(t), numbers(t), file=out)
    roots = [t for t in results if t.requires_grad]
    if roots and leaves:
        first = torch.autograd.grad(total(roots), leaves, create_graph=second, allow_unused=True)
        first = [torch.zeros_like(l) if g is None else g for g, l in zip(first, leaves)]
        for g in first:
            print("g", dtype_of(g.dtype), shape_of(g), numbers(g), file=out)
        if second and any(g.requires_grad for g in first):
            again = torch.autograd.grad(total(first), leaves, allow_unused=True)
            for g, l in zip(again, leaves):
                g = torch.zeros_like(l) if g is None else g
                print("h", dtype_of(g.dtype), shape_of(g), numbers(g), file=out)
    print("end", file=out)


def reductions():
    x, x3, z = R(3, 4), R(2, 3, 4), R(3, 4)
    z[0, 1] = z[2, 0] = z[2, 3] = 0
    ties = D([1, 1, 0], [2, 2, 2])
    holes = D([1, nan, 3], [nan, nan, nan], [4, 5, 6])
    ints, bytes_, bools = Z(3, 4), Z(3, 4, low=0, high=200, dtype=u8), Z(3, 4) > 0
    for t in (x, x.mT, ints, bytes_, bools, R(), R(0, 3), R(5, dtype=f32)):
        case("sum", t)
        case("prod", t)
    for t in (x, ints, bools, bytes_, R(0, 3), R()):
        case("all", t)
        case("any", t)
        case("count_nonzero", t)
    for t in (x3, x3.mT, R(2, 0, 4)):
        for dims, keep in (([0], False), ([0, -1], True), ([], False)):
            case("sum.dim_IntList", t, dims, keep)
            case("mean.dim", t, dims, keep)
            case("nansum", t, dims, keep)
            case("var.dim", t, dims, True, keep, second=bool(dims))  # PyTorch 1.13 gives NaN for all dims as []
    case("sum.dim_IntList", x, [1], dtype=f32)
    case("sum.dim_IntList", ints, [1], dtype=f64)
    case("sum.dim_IntList", R(4, 300, dtype=f16), [1], grad=False)
    case("sum.dim_IntList", R(4, 300, dtype=bf16), [1], grad=False)
    case("mean", x)
    case("mean", ints, dtype=f32)
    case("mean", R(0))
    case("prod", z)
    case("prod.dim_int", z, 1)
    case("prod.dim_int", x3, 0, True)
    case("nanmean", holes, [1])
    case("nansum", holes, None)
    for dims in ([1], [0, 1]):
        case("logsumexp", x, dims)
        case("amax", x, dims, True)
        case("amin", ties, dims)
    case("logsumexp", D([inf, 1], [-inf, -inf], [inf, -inf]), [1], grad=False)
    case("logsumexp", ints, [0])
    case("max", ties)
    case("min", x)
    case("max", D(1, nan, 2), grad=False)
    for t in (x, ties, holes, R()):
        case("max.dim", t, 0, grad=t is not holes)
        case("min.dim", t, -1, True, grad=t is not holes)
        case("argmax", t)
        case("argmin", t, -1, True)
    case("argmax", ints, 0)
    case("aminmax", x, dim=1, grad=False)
    case("var", x)
    case("std", x)
    case("std", x, False)
    case("var.correction", x3, [0, 2], correction=0, keepdim=True)
    case("std_mean.correction", x3, [1], correction=2)
    case("var_mean", x)
    for p in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, inf, -inf):
        case("norm.ScalarOpt_dim", x, p, [1], True, second=p != 0)
        case("norm.Scalar", z, p, second=False)
    case("norm.ScalarOpt_dim", R(4, dtype=f32), None, [0], grad=False)
    case("linalg_vector_norm", x, 3, None)
    case("linalg_vector_norm", D([0, 0], [1, 2]), 2, [1], second=False)
    case("dist", x, R(4), 3)
    case("trace", R(3, 4))
    for dim in (0, 1):
        for name in ("softmax.int", "log_softmax.int"):
            case(name, x, dim)
            case(name, x3.mT, dim)
        for name in ("cumsum", "cumprod", "logcumsumexp"):
            case(name, x.mT, dim, second=name != "logcumsumexp")
        case("cummax", x, dim)
        case("cummin", x, dim)
    case("softmax.int", ints, 1, f64)
    case("softmax.int", R(), 0)
    case("softmax.int", R(0, 3), 1)
    case("softmax.int", D([1e4, 0, -1e4], [-inf, 0, 0]), 1)
    case("log_softmax.int", R(3, 5, dtype=f32), 1, grad=False)
    case("cumsum", ints, 0)
    case("cumsum", bools, 1)
    case("cumprod", z, 1)
    case("cumprod", R(), 0)
    case("cummax", D(1, 3, 3, 2, nan, 5), 0, grad=False)
    case("cummin", Z(6), 0)


def products():
    A = R(3, 4)
    for a, b in ((A, R(4, 2)), (A.mT.contiguous().mT, R(2, 4).mT), (R(0, 4), R(4, 2)), (R(3, 0), R(0, 2))):
        case("mm", a, b)
    case("mm", Z(3, 4), Z(4, 2))
    case("mm", Z(3, 4, dtype=u8, low=0, high=90), Z(4, 2, dtype=u8, low=0, high=90))
    case("mm", R(3, 4, dtype=f32), R(4, 2, dtype=f32), grad=False)
    case("mm", R(3, 4, dtype=bf16), R(4, 2, dtype=bf16), grad=False)
    case("bmm", R(2, 3, 4), R(2, 4, 5))
    case("bmm", R(2, 4, 3).mT, R(2, 5, 4).mT)
    case("mv", A, R(4))
    case("mv", R(4, 3).mT, R(4))
    case("dot", R(4), R(4))
    case("vdot", R(4), R(4))
    case("dot", Z(5), Z(5))
    case("outer", R(3), R(2))
    for sa, sb in (((4,), (4,)), ((4,), (4, 3)), ((3, 4), (4,)), ((4,), (2, 4, 3)), ((2, 3, 4), (4,)), ((2, 3, 4), (4, 2)),
                   ((3, 4), (2, 4, 3)), ((2, 1, 3, 4), (5, 4, 2)), ((1, 3, 4), (5, 4, 2)), ((2, 0, 3), (3, 2))):
        case("matmul", R(*sa), R(*sb))
    case("matmul", R(2, 4, 3).mT, R(5, 4).mT)
    case("matmul", Z(2, 3, 4), Z(4, 2))
    for x in (R(5, 4), R(2, 5, 4), R(4), R(2, 1, 3, 4), R(0, 4)):
        case("linear", x, R(3, 4), R(3))
        case("linear", x, R(3, 4))
    scale = dict(beta=0.5, alpha=3)
    case("addmm", R(2), A, R(4, 2))
    case("addmm", R(3, 1), A, R(4, 2), **scale)
    case("addmm", D([nan] * 2), A, R(4, 2), beta=0, second=False)
    case("addmm", Z(3, 2), Z(3, 4), Z(4, 2), beta=2, alpha=3)
    case("addmv", R(3), A, R(4), **scale)
    case("addr", R(3, 4), R(3), R(4), **scale)
    case("addbmm", R(3, 1), R(2, 3, 4), R(2, 4, 2), **scale)
    case("baddbmm", R(3, 1), R(2, 3, 4), R(2, 4, 2), **scale)
    case("inner", R(2, 3), R(4, 3))
    case("inner", R(2, 3), R())
    case("tensordot", R(2, 3, 4), R(4, 2, 5), [0, 2], [1, 0])
    case("tensordot", R(2, 3), R(1, 3), [0, 1], [0, 1])
    case("linalg_vecdot", R(2, 3), R(3), dim=-1)
    case("kron", R(2, 3), R(2))
    case("bilinear", R(5, 3), R(5, 4), R(2, 3, 4), R(2))
    case("linalg_multi_dot", [R(3), R(3, 4), R(4, 2), R(2, 5), R(5)])
    case("chain_matmul", [R(2, 3), R(3, 4), R(4, 2)])
    for equation, shapes in (("ij,jk->ik", ((3, 4), (4, 2))), ("ij,jk", ((3, 4), (4, 2))), ("bij, bjk -> bki", ((2, 3, 4), (2, 4, 5))),
                             ("ii->i", ((3, 3),)), ("ii", ((3, 3),)), ("iji->j", ((3, 2, 3),)), ("i,j->ij", ((3,), (4,))),
                             ("...ij,j->...i", ((2, 3, 4), (4,))), ("...ij,...jk", ((2, 1, 3, 4), (5, 4, 2))),
                             ("ab,bc,cd->da", ((2, 3), (3, 4), (4, 5))), ("ij,ij->", ((2, 3), (2, 3))), ("ij->", ((2, 3),)),
                             ("aij,jk->aik", ((1, 3, 4), (4, 2))), ("abc,cd->abd", ((2, 3, 4), (4, 5))), ("bA,Ac", ((2, 3), (3, 2))),
                             ("ij,kj->ijk", ((2, 3), (4, 3))), ("i...->...", ((2, 3, 2),)), ("ij,j->i", ((2, 1), (3,)))):
        case("einsum", equation, [R(*s) for s in shapes])


def orders():
    x, x3 = R(3, 5), R(2, 3, 4)
    holes = D([3, 1, nan, 1, 3], [2, 2, 1, 1, 0])
    small = Z(3, 5, low=0, high=4)
    for dim in (0, -1):
        for descending in (False, True):
            case("sort.stable", x, stable=True, dim=dim, descending=descending)
            case("sort.stable", holes, stable=True, dim=dim, descending=descending, grad=False)
            case("sort.stable", small, stable=True, dim=dim, descending=descending)
            case("argsort.stable", x3, stable=True, dim=dim, descending=descending)
        case("topk", x, 2, dim)
        case("topk", x3.mT, 2, dim, False)
        case("kthvalue", x3, 2, dim, True)
        case("median.dim", x3, dim)
        case("nanmedian.dim", x, dim)
    case("sort.stable", x3, stable=True, dim=1)
    case("sort.stable", R(300), stable=True, grad=False)
    case("sort.stable", Z(300, low=-70000, high=70000), stable=True, descending=True)
    for dtype in (u8, torch.int8, torch.int16, i32, torch.bool, f16, bf16, f32):
        case("sort.stable", Z(7, low=0, high=3).to(dtype), stable=True, grad=False)
    case("sort.stable", R(), stable=True)
    case("sort.stable", R(2, 0), stable=True)
    case("sort.stable", D(0.0, -0.0, inf, -inf, nan), stable=True, grad=False)
    case("msort", x)
    case("kthvalue", R(), 1)
    case("median", x)
    case("median", D(2, 1, 2, 2, 3))
    case("nanmedian", holes, grad=False)
    case("median", holes, grad=False)
    case("mode", small)
    case("mode", x, 0)
    case("_unique2", small, True, True, True)
    case("_unique2", D(2, -1, 2, 0, -1), True, True, True, grad=False)
    case("unique_dim", Z(6, 2, low=0, high=2), 0, True, True, True)
    case("unique_dim", Z(2, 6, low=0, high=2), 1, True, True, True)
    case("unique_consecutive", Z(12, low=0, high=2), True, True)
    case("unique_consecutive", Z(2, 8, low=0, high=2), True, True, 1)
    edges = D(1, 3, 5)
    for right in (False, True):
        case("searchsorted.Tensor", edges, D(0, 1, 2, 5, 9, nan), right=right, grad=False)
        case("bucketize.Tensor", Z(2, 5), D(-1, 0, 2, dtype=i64), right=right)
    case("searchsorted.Tensor", torch.sort(small)[0], Z(3, 2), out_int32=True)
    case("searchsorted.Tensor", D(5, 1, 3), D(2, 4), sorter=D(1, 2, 0, dtype=i64), grad=False)
    case("isin.Tensor_Tensor", small, D(1, 3, dtype=i64))
    case("isin.Tensor_Tensor", holes, D(1, nan), invert=True, grad=False)
    case("bincount", D(1, 3, 1, 0, dtype=i64), None, 6)
    case("bincount", D(1, 3, 1, 0, dtype=i64), D(0.5, 1, 2, 3), grad=False)
    case("bincount", D(1, 3, 1, dtype=i64), D(1, 2, 3, dtype=i32))
    case("histc", R(50), 7, grad=False)
    case("histc", R(50, dtype=f32), 5, -1, 1, grad=False)
    case("histc", D(2, 2, 2), 3, grad=False)
    for how in ("linear", "lower", "higher", "midpoint", "nearest"):
        case("quantile", x, D(0.3, 0.75), 1, True, interpolation=how, second=False)
    case("quantile", x3, D(0.5), 1, second=False)
    case("quantile", x, D(0.0, 1.0), None, True, second=False)
    case("nanquantile", holes, D(0.25, 0.5), 1, grad=False)
    case("quantile", holes, D(0.25, 0.5), 1, grad=False)


def samples(shape, spatial):
    planes = shape[:-spatial] if len(shape) > spatial + 1 else (1, shape[0])
    return torch.rand(*planes, spatial, generator=random, dtype=f64)


def convolutions():
    for stride, padding, dilation, groups in ((1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 2), (3, 1, 2, 2)):
        w = R(4, 4 // groups, 3, 2)
        case("conv2d", R(1, 4, 6, 7), w, R(4), [stride], [padding], [dilation], groups)
        case("conv_transpose2d.input", R(1, 4, 3, 3), w, R(4 // groups * groups), [stride], [padding], [0], groups, [dilation])
    case("conv2d", R(0, 2, 5, 5), R(3, 2, 3, 3), None)
    case("conv2d", R(2, 5, 5), R(3, 2, 3, 3), None, [2, 1], [1, 0])
    case("conv2d", Z(1, 2, 4, 4), Z(3, 2, 2, 2), Z(3))
    case("conv2d", R(1, 2, 6, 5).mT, R(2, 2, 3, 3).mT, None)
    case("conv1d", R(2, 3, 7), R(2, 3, 3), R(2), [2], [1])
    case("conv3d", R(1, 2, 3, 4, 3), R(2, 2, 2, 2, 2), R(2), [1], [1])
    case("conv_transpose1d", R(2, 3, 4), R(3, 2, 3), R(2), [3], [1], [2])
    case("conv_transpose3d.input", R(1, 2, 2, 3, 2), R(2, 2, 2, 2, 2), None, [2], [0], [1])
    for kernel in (2, 3):
        case("conv2d.padding", R(1, 2, 5, 4), R(2, 2, kernel, kernel), None, [1], "same")
        case("conv1d.padding", R(2, 6), R(2, 2, kernel), None, [1], "same", [2])
    case("conv2d.padding", R(1, 2, 5, 4), R(2, 2, 2, 2), None, [1], "valid")
    for n in (1, 2, 3):
        x = R(*([1, 2] + [5] * n))
        case(f"max_pool{n}d_with_indices", x, [2])
        case(f"max_pool{n}d_with_indices", x, [3], [2], [1], [1], True)
        case(f"max_pool{n}d", x[0], [2], [1], [0], [2])
        case(f"avg_pool{n}d", x, [3], [2], [1], True, False)
        case(f"avg_pool{n}d", x[0], [2])
        case(f"adaptive_avg_pool{n}d", x, [3] * n)
        case(f"adaptive_avg_pool{n}d", x, [1] * n)
        case(f"adaptive_max_pool{n}d", x, [2] * n)
    case("max_pool2d_with_indices", D([[1, nan, 2], [5, 4, 3], [6, 6, 6]]).reshape(1, 3, 3), [2], [1], grad=False)
    case("avg_pool2d", R(1, 1, 4, 4), [2, 3], [1, 2], [1, 1], False, True, 5)
    case("avg_pool2d", R(1, 1, 4, 6).mT, [2])
    case("adaptive_avg_pool2d", R(2, 3, 4, dtype=f32), [2, 5], grad=False)
    case("im2col", R(2, 2, 4, 5), [3, 2], [1, 2], [1, 0], [2, 1])
    case("im2col", R(2, 4, 4), [2, 2], [1, 1], [0, 0], [1, 1])
    case("col2im", R(1, 8, 6), [3, 4], [2, 2], [1, 1], [0, 0], [1, 1])
    for pad in (0, 2):
        case("conv_tbc", R(4, 2, 3), R(2, 3, 4), R(4), pad)
    case("conv_tbc", R(2, 0, 3), R(2, 3, 4), R(4))
    for shape, kernel, size in (((2, 2, 5, 6), [2, 3], [3, 2]), ((2, 4, 7), [2, 2], [3, 6]), ((1, 1, 3, 3), [1, 2], [1, 1]),
                                ((0, 2, 4, 4), [2, 2], [2, 2])):
        case("fractional_max_pool2d", R(*shape), kernel, size, samples(shape, 2), only=(0,))
    for shape in ((2, 1, 4, 5, 4), (2, 4, 4, 4)):
        case("fractional_max_pool3d", R(*shape), [2, 1, 2], [2, 3, 2], samples(shape, 3), only=(0,))
    case("fractional_max_pool2d", R(2, 19, 23, dtype=f32), [3, 4], [7, 9], samples((2, 19, 23), 2).float(), only=(0,), second=False)


def record_all(**families):
    global out
    for name, record in families.items():
        with open(data / f"{name}_ops.txt", "w") as out:
            record()


if __name__ == "__main__":
    record_all(reduce=reductions, matmul=products, sort=orders, conv=convolutions)
