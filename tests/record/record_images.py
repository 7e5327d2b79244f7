#!/usr/bin/env python3
"""Records tests/data/images.npz for tests/test_image_files.c: PNG pictures of every colour type, depth and interlacing,
written here sample by sample as the format's specification has it; JPEG pictures of the usual kinds by Pillow; and what
they are: for each NAME the file NAME.file, uint8, and its pixels NAME.pixels, uint8 [channels, height, width], as
torchvision.io.read_image has them, or (palettes, transparency, 16 bits, inks) as Pillow or the specification does. And a
picture resized by torchvision. Debian: python3-torchvision, python3-pil."""
import io
import os
import struct
import zlib

import numpy as np
import torch
import torchvision
from PIL import Image

rng = np.random.default_rng(0)
out = {}


def add(name, file, pixels):
    out[name + ".file"] = np.frombuffer(file, np.uint8)
    out[name + ".pixels"] = np.ascontiguousarray(pixels, np.uint8)


# ---- PNG ------------------------------------------------------------------------------------------------------------

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(samples, depth):
    """samples [height, width, channels]: each row with filter 0 in front."""
    rows = b""
    for row in samples:
        flat = row.reshape(-1)
        if depth == 16:
            data = flat.astype(">u2").tobytes()
        else:
            bits = "".join(format(int(v), "0%db" % depth) for v in flat)
            bits += "0" * (-len(bits) % 8)
            data = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        rows += b"\0" + data
    return rows


def png(samples, depth, color, interlaced, palette=None, transparent=None):
    h, w, _ = samples.shape
    if interlaced:
        raw = b"".join(pack_rows(samples[y::dy, x::dx], depth) for x, y, dx, dy in ADAM7
                       if samples[y::dy, x::dx].size)
    else:
        raw = pack_rows(samples, depth)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, interlaced))
    if palette is not None:
        file += chunk(b"PLTE", palette.astype(np.uint8).tobytes())
    if transparent is not None:
        file += chunk(b"tRNS", transparent)
    return file + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def to_bytes(samples, depth):
    return np.round(samples.astype(np.float64) * 255 / (2 ** depth - 1)).astype(np.uint8)


CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
for color, depths in DEPTHS.items():
    for depth in depths:
        for interlaced in (0, 1):
            samples = rng.integers(0, 2 ** depth, (9, 11, CHANNELS[color]))
            for transparent in (False, True) if color in (0, 2, 3) else (False,):
                name = "png-%d-%d%s%s" % (color, depth, "-interlaced" * interlaced, "-transparent" * transparent)
                palette = trns = None
                if color == 3:
                    palette = rng.integers(0, 256, (2 ** depth, 3))
                    pixels = palette[samples[..., 0]]
                    if transparent:
                        alphas = rng.integers(0, 256, 2 ** depth - 1).astype(np.uint8)
                        trns = alphas.tobytes()
                        alpha = np.append(alphas, 255)[samples[..., 0]]
                else:
                    pixels = to_bytes(samples, depth)
                    if transparent:
                        key = samples[3, 4]
                        trns = key.astype(">u2").tobytes()
                        alpha = np.where((samples == key).all(-1), 0, 255)
                if transparent:
                    pixels = np.concatenate([pixels, alpha[..., None]], -1)
                file = png(samples, depth, color, interlaced, palette, trns)
                pixels = np.transpose(pixels, (2, 0, 1))
                seen = Image.open(io.BytesIO(file))
                if color != 3 and depth == 8 and not transparent:  # torchvision has the rest otherwise, or not at all
                    torch_pixels = torchvision.io.decode_png(torch.from_numpy(np.frombuffer(file, np.uint8).copy()))
                    assert (torch_pixels.numpy() == pixels).all(), name
                if depth < 16 and color in (3, 0):
                    mode = "RGBA" if transparent and color == 3 else "RGB" if color == 3 else "L"
                    n = {"RGBA": 4, "RGB": 3, "L": 1}[mode]
                    assert (np.asarray(seen.convert(mode)).reshape(9, 11, n).transpose(2, 0, 1) == pixels[:n]).all(), name
                add(name, file, pixels)

# gray by PyTorch's weights
colors = rng.integers(0, 256, (9, 11, 3))
file = png(colors, 8, 2, 0)
gray = torchvision.io.decode_png(torch.from_numpy(np.frombuffer(file, np.uint8).copy()), torchvision.io.ImageReadMode.GRAY)
add("png-gray", file, gray.numpy())

# ---- JPEG -----------------------------------------------------------------------------------------------------------

y, x = np.mgrid[0:37, 0:45]
photo = np.stack([128 + 100 * np.sin(x / 7), 5 * y + x, 255 - 3 * x + 10 * np.cos(y)], -1)
photo = np.clip(photo + rng.normal(0, 6, photo.shape), 0, 255).astype(np.uint8)


def jpeg(image, **options):
    f = io.BytesIO()
    image.save(f, "JPEG", **options)
    return f.getvalue()


def decoded(file, mode=torchvision.io.ImageReadMode.UNCHANGED):
    return torchvision.io.decode_jpeg(torch.from_numpy(np.frombuffer(file, np.uint8).copy()), mode).numpy()


rgb = Image.fromarray(photo)
for name, image, options in [("444", rgb, {"subsampling": 0}), ("420", rgb, {"subsampling": 2, "quality": 60}),
                             ("422", rgb, {"subsampling": 1}), ("progressive", rgb, {"progressive": True}),
                             ("restarts", rgb, {"restart_marker_blocks": 2, "quality": 30}),
                             ("gray", rgb.convert("L"), {})]:
    file = jpeg(image, **options)
    add("jpeg-" + name, file, decoded(file))
file = jpeg(rgb)
add("jpeg-to-gray", file, decoded(file, torchvision.io.ImageReadMode.GRAY))
inks = rgb.convert("CMYK")
inks = Image.fromarray(np.asarray(inks) // 2 + np.array([0, 10, 20, 30], np.uint8), "CMYK")
file = jpeg(inks, quality=95)
add("jpeg-inks", file, np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).transpose(2, 0, 1))

# ---- resized --------------------------------------------------------------------------------------------------------

resize = torchvision.transforms.functional.resize
t = torch.from_numpy(photo.transpose(2, 0, 1).copy())
out["resized.from"] = t.numpy()
out["resized.smaller"] = resize(t, [16, 20], antialias=True).numpy()
out["resized.larger"] = resize(t, [50, 61], antialias=True).numpy()

path = os.path.join(os.path.dirname(__file__), "..", "data", "images.npz")
np.savez_compressed(path, **out)
print(len(out), "arrays,", os.path.getsize(path), "bytes")
