"""Records recurrent layers and single steps: tests/data/rnn_ops.txt, in the format that record_reduce_ops.py tells of."""
from record_reduce_ops import R, bf16, case, f32, record_all

GATES = dict(lstm=4, gru=3, rnn_tanh=1, rnn_relu=1)


def params(kind, inputs, hidden, layers=1, directions=1, biases=True, proj=0, dtype=None, scale=1):
    rows, out, made = GATES[kind] * hidden, proj or hidden, []
    for layer in range(layers):
        for _ in range(directions):
            shapes = [(rows, inputs if layer == 0 else out * directions), (rows, out)]
            shapes += [(rows,), (rows,)] if biases else []
            shapes += [(proj, hidden)] if proj else []
            made += [R(*s, **(dict(dtype=dtype) if dtype else {})) * scale for s in shapes]
    return made


def sequences(kind, steps, batch, inputs, hidden, layers=1, directions=1, biases=True, proj=0, batch_first=False, dtype=None,
              scale=1, **options):
    kw = dict(dtype=dtype) if dtype else {}
    x = R(batch, steps, inputs, **kw) if batch_first else R(steps, batch, inputs, **kw)
    h = R(layers * directions, batch, proj or hidden, **kw)
    hx = [h, R(layers * directions, batch, hidden, **kw)] if kind == "lstm" else h
    case(f"{kind}.input", x, hx, params(kind, inputs, hidden, layers, directions, biases, proj, dtype, scale), biases, layers, 0.0,
         False, directions == 2, batch_first, **options)


def recurrent():
    for kind in GATES:
        sequences(kind, 3, 2, 2, 3)
        sequences(kind, 1, 2, 3, 2, biases=False)
        sequences(kind, 2, 1, 2, 2, layers=2, batch_first=True)
        sequences(kind, 3, 1, 2, 1, directions=2)
        sequences(kind, 2, 2, 1, 2, layers=2, directions=2, biases=False, second=False)
        sequences(kind, 2, 0, 2, 3)
        sequences(kind, 4, 3, 5, 17, dtype=f32, scale=0.25, second=False)
        sequences(kind, 3, 2, 2, 3, dtype=bf16, grad=False)
        sequences(kind, 2, 2, 2, 2, only=(0,))
        sequences(kind, 2, 2, 2, 2, only=(1,))
        state = [R(2, 3), R(2, 3)] if kind == "lstm" else R(2, 3)
        case(f"{kind}_cell", R(2, 2), state, *params(kind, 2, 3))
        case(f"{kind}_cell", R(2, 2), state, *params(kind, 2, 3, biases=False))
    sequences("lstm", 3, 2, 2, 3, proj=2)
    sequences("lstm", 2, 1, 2, 3, layers=2, directions=2, biases=False, proj=1, second=False)


if __name__ == "__main__":
    record_all(rnn=recurrent)
