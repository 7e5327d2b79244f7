"""Records layers of torch.nn: tests/data/nn_layers.txt, which tests/test_nn.c reads. For each layer, made after
torch.manual_seed(5), with tensors as in record_reduce_ops.py (DTYPE SHAPE V...):
    layer NAME                NAME is known to the test
    r TEXT                    a line of repr(layer); several for containers
    p NAME TENSOR             each parameter and buffer, in the order of the state dict
    x TENSOR                  the input
    = TENSOR                  layer(x) in training mode, after torch.manual_seed(6)
    g TENSOR                  gradients of sum(layer(x) * weights): of x, if it is floating, then of each parameter
    b NAME TENSOR             each buffer after that
    e TENSOR                  layer(x) in evaluation mode
    end
"""
import pathlib
import warnings

import torch
from torch import nn

from record_reduce_ops import dtype_of, shape_of, total

warnings.simplefilter("ignore")
torch.set_num_threads(1)
random = torch.Generator().manual_seed(1)


def X(*shape):
    return (torch.randn(shape, generator=random) * 1000).round().div(1000)


def Z(*shape, high=5):
    return torch.randint(0, high, shape, generator=random)


image, sequence, volume = X(2, 4, 5, 6), X(2, 4, 7), X(1, 2, 4, 4, 3)
layers = {
    "linear": (lambda: nn.Linear(3, 4), X(5, 3)),
    "linear_plain": (lambda: nn.Linear(3, 4, bias=False), X(2, 2, 3)),
    "linear_double": (lambda: nn.Linear(3, 2, dtype=torch.float64), X(4, 3).double()),
    "identity": (lambda: nn.Identity(), X(3)),
    "conv1d": (lambda: nn.Conv1d(4, 3, 3), sequence),
    "conv2d": (lambda: nn.Conv2d(4, 6, 3, padding=1), image),
    "conv2d_rich": (lambda: nn.Conv2d(4, 6, (3, 2), stride=2, padding=(0, 1), dilation=2, groups=2, bias=False), image),
    "conv2d_same": (lambda: nn.Conv2d(4, 2, (2, 3), padding="same"), image),
    "conv2d_same_circular": (lambda: nn.Conv2d(4, 2, (2, 3), padding="same", padding_mode="circular"), image),
    "conv2d_reflect": (lambda: nn.Conv2d(4, 2, 3, padding=(2, 1), padding_mode="reflect"), image),
    "conv3d": (lambda: nn.Conv3d(2, 2, 2), volume),
    "conv_transpose1d": (lambda: nn.ConvTranspose1d(4, 3, 2, stride=2), sequence),
    "conv_transpose2d": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), image),
    "conv_transpose3d": (lambda: nn.ConvTranspose3d(2, 2, 2), volume),
    "max_pool1d": (lambda: nn.MaxPool1d(2), sequence),
    "max_pool2d": (lambda: nn.MaxPool2d((3, 2), stride=1, padding=1, dilation=1, ceil_mode=True), image),
    "max_pool3d": (lambda: nn.MaxPool3d(2), volume),
    "avg_pool1d": (lambda: nn.AvgPool1d(2), sequence),
    "avg_pool2d": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), image),
    "avg_pool3d": (lambda: nn.AvgPool3d(2), volume),
    "adaptive_avg_pool1d": (lambda: nn.AdaptiveAvgPool1d(3), sequence),
    "adaptive_avg_pool2d": (lambda: nn.AdaptiveAvgPool2d((None, 2)), image),
    "adaptive_avg_pool3d": (lambda: nn.AdaptiveAvgPool3d(2), volume),
    "adaptive_max_pool1d": (lambda: nn.AdaptiveMaxPool1d(3), sequence),
    "adaptive_max_pool2d": (lambda: nn.AdaptiveMaxPool2d(2), image),
    "adaptive_max_pool3d": (lambda: nn.AdaptiveMaxPool3d(2), volume),
    "batch_norm1d": (lambda: nn.BatchNorm1d(4), X(6, 4)),
    "batch_norm1d_sequence": (lambda: nn.BatchNorm1d(4, eps=1e-3, momentum=None), sequence),
    "batch_norm2d": (lambda: nn.BatchNorm2d(4), image),
    "batch_norm2d_bare": (lambda: nn.BatchNorm2d(4, affine=False, track_running_stats=False), image),
    "batch_norm3d": (lambda: nn.BatchNorm3d(2), volume),
    "instance_norm1d": (lambda: nn.InstanceNorm1d(4), sequence[0]),
    "instance_norm2d": (lambda: nn.InstanceNorm2d(4, affine=True), image),
    "instance_norm2d_tracking": (lambda: nn.InstanceNorm2d(4, track_running_stats=True), image),
    "instance_norm3d": (lambda: nn.InstanceNorm3d(2), volume),
    "layer_norm": (lambda: nn.LayerNorm(6), image),
    "layer_norm_plain": (lambda: nn.LayerNorm((5, 6), eps=1e-6, elementwise_affine=False), image),
    "group_norm": (lambda: nn.GroupNorm(2, 4), image),
    "group_norm_plain": (lambda: nn.GroupNorm(1, 4, affine=False), X(3, 4)),
    "local_response_norm": (lambda: nn.LocalResponseNorm(2), image),
    "embedding": (lambda: nn.Embedding(5, 4), Z(2, 3)),
    "embedding_rich": (lambda: nn.Embedding(5, 4, padding_idx=-2, max_norm=1.5, norm_type=3.0, scale_grad_by_freq=True), Z(8)),
    "dropout": (lambda: nn.Dropout(0.2), X(4, 5)),
    "dropout1d": (lambda: nn.Dropout1d(), sequence),
    "dropout2d": (lambda: nn.Dropout2d(), image),
    "dropout3d": (lambda: nn.Dropout3d(), volume),
    "alpha_dropout": (lambda: nn.AlphaDropout(0.4), X(4, 5)),
    "feature_alpha_dropout": (lambda: nn.FeatureAlphaDropout(0.4), image),
    "flatten": (lambda: nn.Flatten(), image),
    "flatten_first": (lambda: nn.Flatten(0, 2), image),
    "unflatten": (lambda: nn.Unflatten(1, (2, -1)), image),
    "prelu": (lambda: nn.PReLU(), X(3, 4)),
    "prelu_channels": (lambda: nn.PReLU(4, init=0.1), image),
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(3, 2)), X(4, 6)),
    "lenet": (lambda: nn.Sequential(nn.Conv2d(4, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(6, 3), nn.Softmax(1)), image),
}
activations = {
    "relu": nn.ReLU(), "relu6": nn.ReLU6(), "leaky_relu": nn.LeakyReLU(), "leaky_relu_steep": nn.LeakyReLU(0.2), "rrelu": nn.RReLU(),
    "elu": nn.ELU(), "elu_small": nn.ELU(0.5), "selu": nn.SELU(), "celu": nn.CELU(0.7), "gelu": nn.GELU(), "gelu_tanh": nn.GELU("tanh"),
    "silu": nn.SiLU(), "mish": nn.Mish(), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(), "hardtanh": nn.Hardtanh(),
    "hardtanh_narrow": nn.Hardtanh(-0.5, 0.25), "hardswish": nn.Hardswish(), "hardsigmoid": nn.Hardsigmoid(),
    "softplus": nn.Softplus(), "softplus_sharp": nn.Softplus(2.5, 1), "softsign": nn.Softsign(), "tanhshrink": nn.Tanhshrink(),
    "softshrink": nn.Softshrink(), "hardshrink": nn.Hardshrink(), "log_sigmoid": nn.LogSigmoid(), "threshold": nn.Threshold(0.1, 20),
    "softmax": nn.Softmax(1), "log_softmax": nn.LogSoftmax(-1), "softmin": nn.Softmin(0), "glu": nn.GLU(),
}
for name, module in activations.items():
    layers[name] = (lambda module=module: module, X(3, 6))
layers |= {
    "lstm": (lambda: nn.LSTM(3, 4), X(3, 2, 3)),
    "lstm_rich": (lambda: nn.LSTM(3, 4, 2, bias=False, batch_first=True, dropout=0.4, bidirectional=True), X(2, 3, 3)),
    "lstm_projected": (lambda: nn.LSTM(2, 4, proj_size=3), X(3, 2)),
    "gru": (lambda: nn.GRU(3, 4), X(3, 3)),
    "gru_rich": (lambda: nn.GRU(3, 2, 2, dropout=0.4, bidirectional=True, dtype=torch.float64), X(3, 2, 3).double()),
    "rnn": (lambda: nn.RNN(3, 4, 3), X(3, 2, 3)),
    "rnn_relu": (lambda: nn.RNN(3, 4, nonlinearity="relu", bias=False, batch_first=True), X(2, 3)),
    "lstm_cell": (lambda: nn.LSTMCell(3, 4), X(2, 3)),
    "gru_cell": (lambda: nn.GRUCell(3, 4, bias=False), X(3)),
    "rnn_cell": (lambda: nn.RNNCell(3, 4), X(2, 3)),
    "rnn_relu_cell": (lambda: nn.RNNCell(3, 4, nonlinearity="relu"), X(2, 3)),
    "attention": (lambda: nn.MultiheadAttention(6, 2), X(4, 2, 6)),
    "attention_batch": (lambda: nn.MultiheadAttention(6, 3, bias=False, batch_first=True), X(2, 3, 6)),
    "attention_alone": (lambda: nn.MultiheadAttention(4, 1), X(3, 4)),
}


def numbers(t):
    digits = 9 if t.dtype == torch.float32 else 17
    return " ".join(f"{v:.{digits}g}" for v in t.detach().reshape(-1).tolist())


def result(layer, x):
    y = layer(x, x, x) if isinstance(layer, nn.MultiheadAttention) else layer(x)
    return y[0] if isinstance(y, tuple) else y  # of LSTM and its kin, without the states


def tensor(mark, t, name=""):
    print(mark + (" " + name if name else ""), dtype_of(t.dtype), shape_of(t), numbers(t), file=out)


def record(name, make, x):
    torch.manual_seed(5)
    layer = make()
    print("layer", name, file=out)
    for line in repr(layer).split("\n"):
        print("r", line, file=out)
    for key, t in layer.state_dict().items():
        tensor("p", t, key)
    x = x.detach().clone().requires_grad_(x.is_floating_point())
    tensor("x", x)
    torch.manual_seed(6)
    y = result(layer, x)
    tensor("=", y)
    leaves = [t for t in (x, *layer.parameters()) if t.requires_grad]
    for g in torch.autograd.grad(total([y]), leaves):
        tensor("g", g)
    for key, t in layer.named_buffers():
        tensor("b", t, key)
    layer.eval()
    tensor("e", result(layer, x))
    print("end", file=out)


with open(pathlib.Path(__file__).parent.parent / "data" / "nn_layers.txt", "w") as out:
    for name, (make, x) in layers.items():
        record(name, make, x)
