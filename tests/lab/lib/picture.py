# SPDX-License-Identifier: LGPL-2.1-or-later
"""picture.py FILE SEED: whether FILE, a PPM, is what the guest's 'devices picture' draws."""
import sys

STEP = 331

with open(sys.argv[1], "rb") as file:
    magic, size, depth, pixels = file.read().split(b"\n", 3)
width, height = map(int, size.split())
assert magic == b"P6" and depth == b"255", (magic, depth)
seed, noise = int(sys.argv[2]), b""
for _ in range(width):
    seed = (seed * 1664525 + 1013904223) & 0xffffffff
    noise += (seed >> 8).to_bytes(3, "big")
wanted = b"".join((noise * 2)[y * STEP % width * 3:][:width * 3] for y in range(height))
if pixels == wanted:
    sys.exit(0)
wrong = [i // 3 for i, (a, b) in enumerate(zip(pixels, wanted)) if a != b]
sys.exit(f"{width}x{height}: {len(set(wrong))} pixels are not as drawn, the first at {wrong[0] % width},{wrong[0] // width}"
         if wrong else f"{width}x{height}: {len(pixels)} bytes instead of {len(wanted)}")
