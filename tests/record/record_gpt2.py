#!/usr/bin/env python3
"""Prints the losses that tests/run_examples wants of examples/gpt2, and writes tests/data/gpt2_llmc.bin, a checkpoint as llm.c
writes them. Recorded with PyTorch 1.13 and transformers 4.40.
"""
import pathlib
import struct

import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

file = pathlib.Path(__file__).parent.parent / "data" / "gpt2_llmc.bin"


def gpt2(seed, **sizes):
    torch.manual_seed(seed)
    return GPT2LMHeadModel(GPT2Config(**sizes, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0))


def losses(model, words, batch, length, steps, state=None):
    """After a model is made its words are drawn; then other weights may be loaded."""
    x, following = torch.randint(0, words, (batch, length)), torch.randint(0, words, (batch, length))
    if state:
        model.load_state_dict(state)
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for _ in range(steps):
        loss = F.cross_entropy(model(x).logits.flatten(0, 1), following.flatten())
        adamw.zero_grad()
        loss.backward()
        adamw.step()
        print("%.6f" % loss.item(), end=" ")
    print()


def write_checkpoint(model, padding):
    """The header, the embeddings (that of words with rows more), each kind of all layers, the last norm. Matrices [out, in]."""
    c, state = model.config, model.state_dict()
    header = [20240326, 3, c.n_positions, c.vocab_size, c.n_layer, c.n_head, c.n_embd, c.vocab_size + padding]
    kinds = [f"{part}.{kind}" for part in ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
             for kind in ("weight", "bias")]
    names = [f"h.{layer}.{kind}" for kind in kinds for layer in range(c.n_layer)]
    tensors = [state["transformer." + name] for name in ["wte.weight", "wpe.weight", *names, "ln_f.weight", "ln_f.bias"]]
    tensors = [t.t() if t.dim() == 2 and i > 1 else t for i, t in enumerate(tensors)]
    tensors.insert(1, torch.zeros(padding, c.n_embd))
    numbers = torch.cat([t.flatten() for t in tensors]).tolist()
    file.write_bytes(struct.pack("<256i", *header, *[0] * 248) + struct.pack(f"<{len(numbers)}f", *numbers))


losses(gpt2(0, vocab_size=64, n_positions=32, n_embd=16, n_layer=2, n_head=2), 64, 2, 16, 5)
small = dict(vocab_size=6, n_positions=5, n_embd=4, n_layer=2, n_head=2)
other = gpt2(7, **small)
with torch.no_grad():
    for p in other.parameters():
        p.mul_(10).add_(torch.randn(p.shape) * 0.3)
write_checkpoint(other, 2)
losses(gpt2(0, **small), 6, 2, 5, 3, other.state_dict())
