#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Shapes of 4-bit floats in safetensors files.
#
# Expected: a shape that goes into a file comes out again, and counts bytes: the type that goes in, float4_e2m1fn_x2, is a byte that
# holds two numbers.
# Seen (0.6.2, 0.7.0, 0.8.0): the type "F4" of a file counts single numbers. serialize() doubles the last dimension, deserialize()
# does not halve it: (2, 4) goes in, [2, 8] is in the file and comes out, with 8 bytes. What came out cannot be written again: its
# shape would be doubled once more. A reader gets half as many bytes as the shape has numbers, and halves the last dimension itself.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/shapes.py" <<'PYTHON'
import ctypes
import json

import safetensors

held = []


def entry(shape, data):
    """A tensor of packed 4-bit floats, as serialize() of this release takes it."""
    if not hasattr(safetensors, "TensorSpec"):  # before 0.8
        return {"dtype": "float4_e2m1fn_x2", "shape": shape, "data": data}
    held.append(ctypes.create_string_buffer(data, len(data)))
    return safetensors.TensorSpec(dtype="float4_e2m1fn_x2", shape=shape, data_ptr=ctypes.addressof(held[-1]), data_len=len(data))


file = bytes(safetensors.serialize({"a": entry((2, 4), bytes(range(8)))}))
header = json.loads(file[8 : 8 + int.from_bytes(file[:8], "little")])["a"]
[(_, out)] = safetensors.deserialize(file)
try:
    safetensors.serialize({"a": entry(tuple(out["shape"]), bytes(out["data"]))})
    again = "written again"
except safetensors.SafetensorError:
    again = "not written again"
print(f"(2, 4) in; {header['dtype']} {header['shape']} in the file; {out['shape']} out, {len(out['data'])} bytes; {again}")
PYTHON

expected="(2, 4) in; F4 [2, 8] in the file; [2, 8] out, 8 bytes; not written again"
changed=0
for version in 0.6.2 0.7.0 0.8.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "safetensors==$version"
  seen=$("$folder/$version/bin/python" "$folder/shapes.py")
  echo "$version: $seen"
  [[ $seen == "$expected" ]] || changed=1
done
if ((changed)); then
  echo "changed: expected of all: $expected" >&2
  exit 1
fi
