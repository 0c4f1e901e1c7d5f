"""Writes a small image dataset, discs and squares of 16×16 pixels, as four IDX files in the folder `shapes`."""

import struct
from pathlib import Path

import numpy as np


def write_idx(path, array):
    """Writes unsigned bytes in the IDX format of MNIST: a magic number, the sizes (big-endian), the bytes."""
    array = np.ascontiguousarray(array, dtype=np.uint8)
    header = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
    Path(path).write_bytes(header + array.tobytes())


def shapes(n, seed):
    """n images `[n, 16, 16]`, 0 is black and 255 is white, and their classes: 0 for a disc, 1 for a square."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16]
    images, labels = [], random.integers(0, 2, n)
    for label in labels:
        (row, column), radius = random.uniform(5, 10, 2), random.uniform(2, 5)
        dy, dx = np.abs(y - row), np.abs(x - column)
        distance = np.maximum(dy, dx) if label else np.hypot(dy, dx)
        images.append(255 * np.clip(radius + 0.5 - distance, 0, 1))
    return np.round(images), labels


folder = Path("shapes")
folder.mkdir(exist_ok=True)
for name, n, seed in [("train", 1500, 0), ("t10k", 300, 1)]:
    images, labels = shapes(n, seed)
    write_idx(folder / f"{name}-images-idx3-ubyte", images)
    write_idx(folder / f"{name}-labels-idx1-ubyte", labels)
