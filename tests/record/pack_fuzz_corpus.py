#!/usr/bin/env python3
"""Packs a folder of files that fuzzing grew into tests/data/fuzz/NAME.zip, for tests/test_fuzz_corpus.c:

    build-fuzz/tests/fuzz/fuzz_npy -merge=1 SMALL NEW tests/data/formats     keeps what adds to the coverage
    find SMALL -type f -size +5k -delete                                     which are our own files, little changed
    tests/record/pack_fuzz_corpus.py npy SMALL [FINDING...]                  findings, if any, are kept by their names
"""
import os
import sys
import zipfile

name, folder, findings = sys.argv[1], sys.argv[2], sys.argv[3:]
data = os.path.join(os.path.dirname(__file__), "..", "data", "fuzz")
os.makedirs(data, exist_ok=True)
files = sorted(os.path.join(folder, f) for f in os.listdir(folder))
with zipfile.ZipFile(os.path.join(data, name + ".zip"), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
    for i, path in enumerate(findings + files):
        entry = os.path.basename(path) if i < len(findings) else "%04d" % i
        with open(path, "rb") as f:
            z.writestr(zipfile.ZipInfo(entry), f.read(), zipfile.ZIP_DEFLATED)
