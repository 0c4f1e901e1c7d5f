"""Converts a folder of images into four IDX files that Kiln reads.

    python pngs_to_idx.py PICTURES OUTPUT [--size 28] [--test-fraction 0.2]

PICTURES has one subfolder per class, with PNG or JPEG files. Needs numpy and pillow.
"""

import argparse
import struct
from pathlib import Path

import numpy as np
from PIL import Image


def write_idx(path, array):
    """Writes unsigned bytes in the IDX format of MNIST: a magic number, the sizes (big-endian), the bytes."""
    array = np.ascontiguousarray(array, dtype=np.uint8)
    header = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
    Path(path).write_bytes(header + array.tobytes())


parser = argparse.ArgumentParser()
parser.add_argument("pictures", type=Path)
parser.add_argument("output", type=Path)
parser.add_argument("--size", type=int, default=28)
parser.add_argument("--test-fraction", type=float, default=0.2)
arguments = parser.parse_args()

images, labels = [], []
classes = sorted(folder.name for folder in arguments.pictures.iterdir() if folder.is_dir())
for label, name in enumerate(classes):
    for file in sorted((arguments.pictures / name).iterdir()):
        if file.suffix.lower() in {".png", ".jpg", ".jpeg"}:
            grey = Image.open(file).convert("L").resize((arguments.size, arguments.size))
            images.append(np.asarray(grey))
            labels.append(label)

order = np.random.default_rng(0).permutation(len(images))
images, labels = np.stack(images)[order], np.array(labels)[order]
test = round(arguments.test_fraction * len(images))
arguments.output.mkdir(parents=True, exist_ok=True)
for name, rows in [("t10k", slice(test)), ("train", slice(test, None))]:
    write_idx(arguments.output / f"{name}-images-idx3-ubyte", images[rows])
    write_idx(arguments.output / f"{name}-labels-idx1-ubyte", labels[rows])
print(f"{len(images) - test} training images, {test} test images, classes: {', '.join(classes)}")
