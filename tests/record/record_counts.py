"""Records random counts: tests/data/counts.txt, lines of
    NAME DTYPE V...      torch.NAME after torch.manual_seed(3), of the rates or of counts and probabilities below, 12 times
"""
import pathlib

import torch

from record_reduce_ops import bf16, dtype_of, f32, f64, numbers

rates = torch.tensor([0.0, 0.5, 3.0, 9.9, 10.0, 25.0, 1e3, 1e6])
counts = torch.tensor([0.0, 1.0, 5.0, 10.0, 30.0, 100.0, 1e3, 1e6])
chances = torch.tensor([0.1, 0.5, 0.3, 0.95, 0.02, 0.5, 0.7, 0.333])
with open(pathlib.Path(__file__).parent.parent / "data" / "counts.txt", "w") as out:
    for dtype in (f32, f64, bf16):
        torch.manual_seed(3)
        print("poisson", dtype_of(dtype), numbers(torch.poisson(rates.to(dtype).repeat(12))), file=out)
    for dtype in (f32, f64):
        torch.manual_seed(3)
        print("binomial", dtype_of(dtype), numbers(torch.binomial(counts.to(dtype).repeat(12), chances.to(dtype).repeat(12))), file=out)
