#!/usr/bin/env python3
"""Records what PyTorch's DataLoader and random_split do, for tests/test_data.c. Writes tests/data/data.txt.

    loader N batch_size shuffle drop_last given epoch : items…    one epoch; each batch is followed by "|"
    left …                                                        the same, but left before its end is seen
    split N lengths… : items…                                     the same for the parts
    draws : a b    what the default and the given generator give next (a 32-bit word each)

Each loader runs three epochs, from default seed 5 and, where given is 1, from a generator of seed 9. Recorded with
PyTorch 1.13.
"""
import os

import torch
from torch.utils.data import DataLoader, random_split

lines = []


def draws(g):
    a = torch.empty((), dtype=torch.int64).random_(0, 2**32 - 1).item()
    lines.append(f"draws : {a} {torch.empty((), dtype=torch.int64).random_(0, 2**32 - 1, generator=g).item()}")


for n, size in ((12, 4), (13, 4), (3, 5), (7, 1)):
    for shuffle in (0, 1):
        for drop_last in (0, 1):
            for given in (0, 1):
                torch.manual_seed(5)
                g = torch.Generator().manual_seed(9)
                loader = DataLoader(list(range(n)), size, bool(shuffle), drop_last=bool(drop_last), generator=g if given else None)
                for epoch in range(3):
                    items = " ".join(" ".join(map(str, batch.tolist())) + " |" for batch in loader)
                    lines.append(f"loader {n} {size} {shuffle} {drop_last} {given} {epoch} : {items}")
                draws(g)
for n, size, drop_last in ((12, 4, 0), (13, 4, 0), (13, 4, 1)):  # left after the last batch, before the end is seen
    torch.manual_seed(5)
    g = torch.Generator().manual_seed(9)
    loader = DataLoader(list(range(n)), size, True, drop_last=bool(drop_last), generator=g)
    batches = iter(loader)
    items = " ".join(" ".join(map(str, next(batches).tolist())) + " |" for _ in range(len(loader)))
    lines.append(f"left {n} {size} 1 {drop_last} 1 0 : {items}")
    draws(g)
for n, lengths in ((10, [3, 7]), (10, [10]), (10, [0.3, 0.3, 0.4]), (11, [0.5, 0.25, 0.25]), (1, [1])):
    torch.manual_seed(5)
    g = torch.Generator().manual_seed(9)
    parts = random_split(list(range(n)), lengths, g)
    lines.append(f"split {n} {' '.join(map(str, lengths))} : " + " ".join(" ".join(map(str, list(p))) + " |" for p in parts))
    draws(g)

with open(os.path.join(os.path.dirname(__file__), "..", "data", "data.txt"), "w") as f:
    f.write("\n".join(lines) + "\n")
