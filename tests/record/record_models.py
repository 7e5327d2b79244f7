"""Records the networks of facula/models.h: tests/data/models.txt, which tests/test_models.c reads. Each is made after
torch.manual_seed(0) by the library that it is from, on PyTorch 1.13: torchvision 0.14, transformers 4.40, and the classes of
PyTorch's examples below.
    model NAME                      NAME is known to the test
    t PRINT NAMES NORM NEXT         hashes of what print(model) gives, and of the lines "name shape" of its state dict; the norm of
                                    all floating tensors of that; the next number that torch.rand gives
    r TEXT                          some models: the lines of print(model)
    p NAME SUMMARY                  some: each tensor of the state dict
    f SUMMARY                       the result in evaluation mode in float32, of the test's input drawn after manual_seed(1)
    = SUMMARY                       after model.double(): the result in training mode, after manual_seed(2); and of each further
                                    result, where there are several
    l LOSS                          of it
    G NORM                          of all gradients
    g NAME NORM                     some: of each gradient
    b NAME SUMMARY                  some: each floating buffer after that
    e SUMMARY                       the result in evaluation mode then
    end
A SUMMARY is SHAPE and four numbers: the first, the middle, the last, and the norm. Some models have the lines up to p only.
"""
import pathlib
from unittest import mock

import torch
import torch.nn.functional as F
import torchvision.models as tv
import transformers
from torch import nn

torch.set_num_threads(1)


# ---- models ----

class RNNModel(nn.Module):
    """word_language_model of PyTorch's examples, with an LSTM."""

    def __init__(self, ntoken, ninp, nhid, nlayers, dropout=0.5, tie_weights=False):
        super().__init__()
        self.ntoken = ntoken
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, nlayers, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)

    def forward(self, words, hidden=None):
        output, hidden = self.rnn(self.drop(self.encoder(words)), hidden)
        decoded = self.decoder(self.drop(output)).view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), *hidden


class VAE(nn.Module):
    """vae of PyTorch's examples."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x):
        h1 = F.relu(self.fc1(x.view(-1, 784)))
        mu, logvar = self.fc21(h1), self.fc22(h1)
        std = torch.exp(0.5 * logvar)
        z = mu + torch.randn_like(std) * std
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


def lenet(classes=10, channels=1, size=28):
    left = (size // 2 - 4) // 2
    return nn.Sequential(nn.Conv2d(channels, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * left * left, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, classes))


def instead(layer, change):
    """While in use, layers are made of what change(arguments, keywords) makes of theirs."""
    init = layer.__init__

    def make(self, *args, **kw):
        args = list(args)
        change(args, kw)
        init(self, *args, **kw)
    return mock.patch.object(layer, "__init__", make)


def vgg(make, hidden, **options):
    def narrow(args, kw):
        args[:2] = [hidden if n == 4096 else n for n in args[:2]]
    with instead(nn.Linear, narrow):
        return make(**options)


def grey(make, small=False, **options):
    """With one channel; small: ResNet's usual stem for images of 32x32."""
    def first(args, kw):
        if args[0] == 3:
            args[0] = 1
            if small:
                kw.update(kernel_size=3, stride=1, padding=1)
    with instead(nn.Conv2d, first):
        model = make(**options)
    if small:
        model.maxpool = nn.Identity()
    return model


def gpt2(**sizes):
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes))


# ---- summaries ----

def fnv(text):
    h = 0xcbf29ce484222325
    for byte in text.encode():
        h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return "%016x" % h


def summary(t):
    shape = ",".join(map(str, t.shape)) or "-"
    flat = t.detach().reshape(-1)
    digits = 9 if t.dtype == torch.float32 else 17
    places = [flat[i].item() for i in (0, flat.numel() // 2, flat.numel() - 1)]
    return " ".join([shape] + [f"{v:.{digits}g}" for v in places] + [f"{flat.double().norm().item():.17g}"])


def norm(ts):
    return "%.17g" % sum(t.detach().double().square().sum().item() for t in ts) ** 0.5


# ---- recording ----

def results(y):
    return [y.logits] if hasattr(y, "logits") else list(y) if isinstance(y, tuple) else [y]


def loss_of(model, ys, x, target):
    if isinstance(model, VAE):
        y, mu, logvar = ys
        return F.binary_cross_entropy(y, x.view(-1, 784), reduction="sum") - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    if isinstance(model, RNNModel):
        return F.nll_loss(ys[0], target.reshape(-1))
    return F.cross_entropy(ys[0].flatten(0, -2), target.reshape(-1))


def inputs(model, shape, words):
    torch.manual_seed(1)
    if isinstance(model, VAE):
        return torch.rand(shape), None
    if words:
        return torch.randint(0, words, shape), torch.randint(0, words, shape)
    return torch.randn(shape), torch.arange(shape[0])


def record(name, make, shape=None, words=0, detail=False):
    torch.manual_seed(0)
    model = make()
    state, text = model.state_dict(), repr(model)
    names = "".join(f"{key} {','.join(map(str, t.shape)) or '-'}\n" for key, t in state.items())
    following = "%.9g" % torch.rand(1).item()
    print("model", name, file=out)
    print("t", fnv(text), fnv(names), norm([t for t in state.values() if t.is_floating_point()]), following, file=out)
    for line in text.split("\n") if detail else ():
        print("r", line, file=out)
    for key, t in state.items() if detail else ():
        print("p", key, summary(t), file=out)
    if shape:
        x, target = inputs(model, shape, words)
        model.eval()
        print("f", summary(results(model(x))[0]), file=out)
        model.train().double()
        x = x.double() if x.is_floating_point() else x
        torch.manual_seed(2)
        ys = results(model(x))
        for y in ys:
            print("=", summary(y), file=out)
        loss = loss_of(model, ys, x, target)
        print("l %.17g" % loss.item(), file=out)
        loss.backward()
        print("G", norm([p.grad for p in model.parameters()]), file=out)
        for key, p in model.named_parameters() if detail else ():
            print("g", key, norm([p.grad]), file=out)
        for key, b in model.named_buffers() if detail else ():
            if b.is_floating_point() and key in state:
                print("b", key, summary(b), file=out)
        model.eval()
        torch.manual_seed(3)
        print("e", summary(results(model(x))[0]), file=out)
    print("end", file=out)


with open(pathlib.Path(__file__).parent.parent / "data" / "models.txt", "w") as out, torch.enable_grad():
    record("lenet", lenet, (4, 1, 28, 28), detail=True)
    record("lenet_colour", lambda: lenet(5, 3, 32), (4, 3, 32, 32))
    record("vgg11_bn", lambda: vgg(tv.vgg11_bn, 64, num_classes=10), (2, 3, 32, 32), detail=True)
    record("vgg11_grey", lambda: vgg(lambda **kw: grey(tv.vgg11, **kw), 64, num_classes=10, dropout=0.25), (2, 1, 32, 32))
    for name in ("vgg11", "vgg13", "vgg16", "vgg19", "vgg13_bn", "vgg16_bn", "vgg19_bn"):
        record(name, lambda: vgg(getattr(tv, name), 64))
    record("resnet18", lambda: tv.resnet18(num_classes=10), (2, 3, 40, 40), detail=True)
    record("resnet18_small", lambda: grey(tv.resnet18, True, num_classes=10), (2, 1, 16, 16))
    record("resnet18_zero", lambda: tv.resnet18(zero_init_residual=True))
    record("resnet50", lambda: tv.resnet50(num_classes=10), (2, 3, 40, 40))
    record("resnet50_zero", lambda: tv.resnet50(zero_init_residual=True))
    for name in ("resnet34", "resnet101", "resnet152"):
        record(name, getattr(tv, name))
    record("mobilenet_v2", lambda: tv.mobilenet_v2(num_classes=10), (4, 3, 40, 40), detail=True)
    record("mobilenet_v2_narrow", lambda: tv.mobilenet_v2(width_mult=0.35, dropout=0.5))
    record("mobilenet_v2_wide", lambda: tv.mobilenet_v2(width_mult=1.4))
    record("gpt2", lambda: gpt2(vocab_size=64, n_positions=32, n_embd=16, n_layer=2, n_head=2), (2, 16), 64, True)
    record("gpt2_medium", lambda: gpt2(vocab_size=64, n_positions=32, n_embd=1024, n_layer=1, n_head=16))
    record("lstm_lm", lambda: RNNModel(20, 6, 6, 2, tie_weights=True), (5, 3), 20, True)
    record("lstm_lm_loose", lambda: RNNModel(20, 5, 7, 1, dropout=0.0), (5, 3), 20)
    record("vae", VAE, (3, 1, 28, 28), detail=True)
