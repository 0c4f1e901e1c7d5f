"""Small arrays of images as NumPy writes them: crates/kiln-data/tests/data/images.

    pip install numpy
    python3 tests/reference/gen/make_image_arrays.py
"""

import json
from pathlib import Path

import numpy as np

here = Path(__file__).resolve().parents[3] / "crates/kiln-data/tests/data/images"
here.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)
grey = rng.integers(0, 256, (5, 3, 4), dtype=np.uint8)
colour = rng.integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
bits = rng.integers(0, 2, (5, 3, 4), dtype=np.uint8)
labels = np.array([2, 0, 1, 1, 2])

arrays = {
    "grey": grey,
    "colour_last": colour,
    "colour_first": np.moveaxis(colour, -1, 1),
    "one_channel": grey[..., None],
    "squares": grey.reshape(5, 12)[:, :9],
    "coloured_squares": colour.reshape(5, -1)[:, :27],
    "fractions": (grey / 255).astype(np.float32),
    "float_bytes": grey.astype(np.float64),
    "big_endian": grey.astype(">i2"),
    "sixteen_bits": grey.astype(np.uint16) * 257,
    "truth": bits.astype(bool),
    "zero_or_one": bits.astype(np.int64),
}
expected = {}
for name, array in arrays.items():
    np.save(here / f"{name}.npy", np.ascontiguousarray(array))
    is_bit = name in ["truth", "zero_or_one"]
    source = bits if is_bit else colour if name.startswith("colour_") else array if "squares" in name else grey
    side = {"squares": [3, 3, 1], "coloured_squares": [3, 3, 3]}.get(name)
    shape = side or ([*source.shape[1:], 1] if source.ndim == 3 else list(source.shape[1:]))
    expected[name] = {"shape": shape, "max": 1 if is_bit else 255, "bytes": source.ravel().tolist()}

np.save(here / "fortran.npy", np.asfortranarray(grey))
np.save(here / "negative.npy", grey.astype(float) / 127.5 - 1)
np.save(here / "nan.npy", np.where(grey == grey[0, 0, 0], np.nan, grey))
np.save(here / "cube.npy", np.zeros((2, 2, 2, 2, 2)))
np.save(here / "five_values.npy", np.zeros((2, 5)))
np.savez(here / "keras.npz", x_train=grey, y_train=labels.astype(np.uint8), x_test=grey[:2], y_test=labels[:2])
parts = {"train": slice(0, 3), "val": slice(3, 4), "test": slice(4, 5)}
medmnist = {f"{part}_images": colour[rows] for part, rows in parts.items()}
medmnist |= {f"{part}_labels": labels[rows, None] for part, rows in parts.items()}
np.savez_compressed(here / "medmnist.npz", **medmnist)
np.savez(here / "scikit.npz", images=grey, target=labels, names=np.array(["a", "b"]))
np.savez(here / "signs.npz", X=grey, y=np.array([-1.0, 1, 1, -1, 1]))
np.savez(here / "two.npz", a=grey, b=grey)
record = {"arrays": expected, "grey": grey.ravel().tolist(), "colour": colour.ravel().tolist(), "labels": labels.tolist()}
(here / "expected.json").write_text(json.dumps(record, separators=(",", ":")) + "\n")
