#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Pillow resizes in two passes and rounds to 8 bits between them, so their order shows in the pixels.
#
# Expected: Image.resize() gives the same pixels in 12.3.0 and 13.0.0, as bicubic resizing of 8-bit images did for years; data sets
# that were cropped with one release equal those cropped with another.
# Seen: 12.3.0 always resizes columns first. 13.0.0 resizes rows first when the height shrinks by more than twice as many pixels as
# the width does, so tall images (over 2:1 at one scale) get other pixels; all others stay the same.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/resize.py" <<'PYTHON'
import hashlib
import random
import sys

from PIL import Image

random.seed(1)
for height, width in [(300, 100), (260, 100), (200, 100), (190, 100), (100, 100), (100, 300)]:
    image = Image.frombytes("RGB", (width, height), random.randbytes(3 * width * height))
    small = image.resize((width // 2, height // 2), Image.Resampling.BICUBIC)
    print(f"{height}x{width} {hashlib.sha256(small.tobytes()).hexdigest()[:16]}")
print(sys.modules["PIL"].__version__, file=sys.stderr)
PYTHON
for version in 12.3.0 13.0.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "Pillow==$version"
  "$folder/$version/bin/python" "$folder/resize.py" >"$folder/$version.txt"
done

echo "height x width, halved: pixels of Pillow 12.3.0 and 13.0.0"
seen=""
while read -r size old new; do
  same=differ
  [[ $old == "$new" ]] && same=equal
  echo "$size: $same"
  seen+="$size $same;"
done < <(join "$folder/12.3.0.txt" "$folder/13.0.0.txt" --nocheck-order)
expected="300x100 differ;260x100 differ;200x100 equal;190x100 equal;100x100 equal;100x300 equal;"
if [[ $seen != "$expected" ]]; then
  echo "changed: expected $expected" >&2
  exit 1
fi
