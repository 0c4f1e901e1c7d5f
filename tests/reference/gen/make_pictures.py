"""Small picture files, and what Pillow reads from them: crates/kiln-data/tests/data/pictures.

    pip install pillow numpy
    python3 tests/reference/gen/make_pictures.py
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

here = Path(__file__).resolve().parents[3] / "crates/kiln-data/tests/data/pictures"
here.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)


def smooth(height, width, channels):
    """A smooth picture, which JPEG changes little."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 90 * np.sin(x / (3 + c) + c) * np.cos(y / (4 - c / 2)) for c in range(channels)]
    return np.clip(np.stack(waves, -1), 0, 255).astype(np.uint8)


noise = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
colour, grey = smooth(24, 40, 3), smooth(24, 40, 1)[..., 0]
rgba = np.concatenate([noise, rng.integers(0, 256, (20, 30, 1), dtype=np.uint8)], -1)

Image.fromarray(noise).save(here / "noise.png")
Image.fromarray(colour).save(here / "colour.jpg", quality=95, subsampling=0)
Image.fromarray(grey).save(here / "grey.jpg", quality=95)
Image.fromarray(colour).convert("CMYK").save(here / "cmyk.jpg", quality=95)
Image.fromarray(noise).save(here / "noise.webp", lossless=True)
Image.fromarray(noise).save(here / "noise.tiff", compression="tiff_lzw")
Image.fromarray(noise).save(here / "noise.bmp")
Image.fromarray(rgba).save(here / "transparent.png")
Image.fromarray(np.repeat(grey[..., None], 3, -1)).save(here / "grey_as_rgb.png")
Image.fromarray(noise).quantize(16).save(here / "palette.png")
Image.fromarray(grey.astype(np.uint16) * 257).save(here / "sixteen.png")
Image.fromarray(noise[:1, :1]).save(here / "one_pixel.png")
frames = [Image.fromarray(smooth(24, 40, 1)[..., 0]), Image.fromarray(255 - smooth(24, 40, 1)[..., 0])]
frames[0].save(here / "animated.gif", save_all=True, append_images=frames[1:])
frames[0].save(here / "animated.png", save_all=True, append_images=frames[1:])
turned = Image.fromarray(noise)
exif = turned.getexif()
exif[0x0112] = 6
turned.save(here / "turned.png", exif=exif)
(here / "wrong_extension.jpg").write_bytes((here / "noise.png").read_bytes())

# Files that cannot be used.
(here / "truncated.png").write_bytes((here / "noise.png").read_bytes()[:900])
(here / "truncated.jpg").write_bytes((here / "colour.jpg").read_bytes()[:150])
(here / "empty.png").write_bytes(b"")
(here / "text.png").write_text("This is not a picture.\n")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
(here / "hundred_megapixels.png").write_bytes(bomb)


def white(image):
    """Transparent pixels on a white ground."""
    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image).convert("RGB")


bad = ["truncated.png", "truncated.jpg", "empty.png", "text.png", "hundred_megapixels.png"]
expected = {}
for path in sorted(here.iterdir()):
    if path.name in bad or path.suffix == ".json":
        continue
    image = Image.open(path)
    image.seek(0)
    image = ImageOps.exif_transpose(image)
    if path.name == "sixteen.png":
        image = Image.fromarray((np.asarray(image).astype(float) / 257).round().astype(np.uint8))
    image = white(image) if path.name == "transparent.png" else image
    rgb = image.convert("RGB")
    record = {"height": image.height, "width": image.width}
    record["rgb"] = np.asarray(rgb).ravel().tolist()
    record["grey"] = np.asarray(rgb.convert("L")).ravel().tolist()
    # 16 × 12 pixels, as torchvision's Resize and Pillow's fit and pad make them.
    size, bilinear = (12, 16), Image.Resampling.BILINEAR
    record["stretch"] = np.asarray(rgb.resize(size, bilinear)).ravel().tolist()
    record["crop"] = np.asarray(ImageOps.fit(rgb, size, bilinear)).ravel().tolist()
    record["pad"] = np.asarray(ImageOps.pad(rgb, size, bilinear)).ravel().tolist()
    expected[path.name] = record
(here / "expected.json").write_text(json.dumps({"pictures": expected, "bad": bad}, separators=(",", ":")) + "\n")
