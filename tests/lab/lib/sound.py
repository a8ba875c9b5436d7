# SPDX-License-Identifier: LGPL-2.1-or-later
"""sound.py FILE SKIP HERTZ: whether FILE, 16-bit stereo at 44100 samples a second, has behind SKIP bytes a
second or more of a loud tone of HERTZ."""
import array
import sys

with open(sys.argv[1], "rb") as file:
    file.seek(max(44, int(sys.argv[2])))
    data = file.read()
left = array.array("h", data[:len(data) // 4 * 4])[::2]
loud = [sample > 0 for sample in left if abs(sample) > 4000]
crossings = sum(a != b for a, b in zip(loud, loud[1:]))
seconds = len(loud) / 44100
if seconds < 1:
    sys.exit(f"of {len(left) / 44100:.2f} s of sound {seconds:.2f} s are loud")
if not 0.95 < crossings / seconds / 2 / int(sys.argv[3]) < 1.05:
    sys.exit(f"the tone is of {crossings / seconds / 2:.0f} Hz instead of {sys.argv[3]}")
