#!/usr/bin/env python3
"""Writes the .npy and .npz files in tests/data/formats/ with NumPy, for tests/test_numpy_files.c. Written with NumPy
1.24.2. tests/record/record_numpy_files.py --check FOLDER: reads with NumPy what that test wrote there.
"""
import os
import sys

import numpy as np

FOLDER = os.path.join(os.path.dirname(__file__), "..", "data", "formats")
DTYPES = ["b1", "u1", "i1", "i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8"]


def matrix(code, order="<"):
    unsigned = code[0] in "bu"
    return (np.arange(6) - (0 if unsigned else 2)).astype(order + code).reshape(2, 3)


def write():
    def save(name, array, version=None):
        with open(os.path.join(FOLDER, name), "wb") as f:
            np.lib.format.write_array(f, array, version)

    save("version1.npy", matrix("f4"), (1, 0))
    save("version2.npy", matrix("f4"), (2, 0))
    save("version3.npy", matrix("f4"), (3, 0))
    save("fortran.npy", np.asfortranarray(np.arange(24, dtype="f8").reshape(2, 3, 4)))
    save("scalar.npy", np.array(-7, "i8"))
    arrays = {}
    for code in DTYPES:
        arrays["little/" + code] = matrix(code)
        arrays["big/" + code] = matrix(code, ">")
    arrays["fortran"] = np.asfortranarray(matrix("i2", ">"))
    arrays["empty"] = np.zeros((3, 0), "f4")
    arrays["zeros"] = np.zeros((3000,), "f4")
    np.savez_compressed(os.path.join(FOLDER, "deflated.npz"), **arrays)
    del arrays["zeros"]
    np.savez(os.path.join(FOLDER, "stored.npz"), **arrays)


def check(folder):
    """What test_numpy_files leaves when FACULA_KEEP names a folder."""
    assert (np.load(os.path.join(folder, "f4.npy")) == matrix("f4")).all()
    assert np.load(os.path.join(folder, "scalar.npy")) == -7
    archive = np.load(os.path.join(folder, "all.npz"))
    for code in DTYPES:
        if code in ("u2", "u4", "u8"):
            continue
        array = archive["x/" + code]
        assert array.dtype == np.dtype(code) and (array == matrix(code)).all(), code
    assert archive["empty"].shape == (3, 0)
    assert (archive["column"] == matrix("f4").T).all()
    print(len(archive.files), "arrays are right")


if len(sys.argv) == 3 and sys.argv[1] == "--check":
    check(sys.argv[2])
else:
    write()
