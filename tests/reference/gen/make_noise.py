"""Normal numbers of a stream, by a second implementation: ChaCha8 (D. J. Bernstein, 2008) and the transform of Box and Muller (1958).

    python tests/reference/gen/make_noise.py

The numbers are in the tests of `crates/kiln-tensor/src/random.rs`.
"""

import math
import struct


def rotated(x, by):
    return ((x << by) | (x >> (32 - by))) & 0xFFFFFFFF


def quarter(x, a, b, c, d):
    for left, right, turned, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[left] = (x[left] + x[right]) & 0xFFFFFFFF
        x[turned] = rotated(x[turned] ^ x[left], by)


def block(key, counter):
    start = list(struct.unpack("<4I", b"expand 32-byte k")) + list(struct.unpack("<8I", key))
    start += [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
    x = list(start)
    for _ in range(4):
        for columns in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)):
            quarter(x, *columns)
        for diagonal in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(x, *diagonal)
    return [(a + b) & 0xFFFFFFFF for a, b in zip(x, start)]


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def normals(seed, purpose, epoch, step, count, first_block=0):
    key = struct.pack("<4Q", seed, fnv1a(purpose), epoch, step)
    numbers = []
    for k in range((count + 15) // 16):
        words = block(key, first_block + k)
        for a, b in zip(words[0::2], words[1::2]):
            u = (a & ~255 if a >= 1 << 24 else max(a, 1)) / 2**32
            radius, angle = math.sqrt(-2 * math.log(u)), 2 * math.pi * (b >> 8) / 2**24
            numbers += [radius * math.cos(angle), radius * math.sin(angle)]
    return numbers[:count]


if __name__ == "__main__":
    print("Stream::new(7, \"noise\", 2, 31), 18 numbers:", normals(7, "noise", 2, 31, 18))
    print("and 3 more:", normals(7, "noise", 2, 31, 3, first_block=2))
