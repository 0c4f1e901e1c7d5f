"""Draws 60 discs and 60 squares in colour, into pictures/disc and pictures/square. It needs Python only."""

import random
import struct
import zlib
from pathlib import Path

SIDE = 24


def write_png(path, rows):
    """Writes rows of (red, green, blue) as a PNG file."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in rows)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


random.seed(0)
for name in ["disc", "square"]:
    folder = Path("pictures") / name
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(60):
        x, y, radius = random.uniform(8, 16), random.uniform(8, 16), random.uniform(4, 7)
        colour, ground = [[random.randrange(100, 256) for _ in range(3)], [random.randrange(60) for _ in range(3)]]

        def inside(i, j):
            if name == "disc":
                return (i - y) ** 2 + (j - x) ** 2 < radius**2
            return max(abs(i - y), abs(j - x)) < radius

        rows = [[colour if inside(i, j) else ground for j in range(SIDE)] for i in range(SIDE)]
        write_png(folder / f"{number:02}.png", rows)
