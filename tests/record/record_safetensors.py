#!/usr/bin/env python3
"""Writes tests/data/python.safetensors with Python's safetensors package, for tests/test_safetensors.c. Needs
safetensors, numpy and ml_dtypes (for bfloat16). Written with safetensors 0.8.0.
"""
import os

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

tensors = {}
for dtype in (bool, "uint8", "int8", "int16", "int32", "int64", "float16", ml_dtypes.bfloat16, "float32", "float64"):
    dtype = np.dtype(dtype)
    tensors[f"scalar.{dtype}"] = np.array(1, dtype)
    tensors[f"matrix.{dtype}"] = (np.arange(6) - (0 if dtype.kind in "ub" else 2)).astype(dtype).reshape(2, 3)
    tensors[f"empty.{dtype}"] = np.zeros((3, 0), dtype)
tensors['näme "\\\n\t/'] = np.array([1.5, -np.inf, np.nan], "float32")
save_file(tensors, os.path.join(os.path.dirname(__file__), "..", "data", "python.safetensors"), {"fôrmat": 'pt "1"'})
