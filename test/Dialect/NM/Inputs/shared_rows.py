# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a safetensors file with three 2:4 weights of 64 x 64: every four rows, every two rows and no
two rows keep the same positions."""

import json
import random
import struct
import sys

random.seed(5)
tensors = {}
for name, share in [("four", 4), ("declared", 2), ("none", 1)]:
    values = []
    for row in range(64):
        if row % share == 0:
            kept = [random.sample(range(4), 2) for _ in range(16)]
        for positions in kept:
            values += [random.uniform(1, 2) if i in positions else 0.0 for i in range(4)]
    tensors[name] = struct.pack(f"<{len(values)}f", *values)
header, offset = {}, 0
for name, data in tensors.items():
    header[name] = {"dtype": "F32", "shape": [64, 64], "data_offsets": [offset, offset + len(data)]}
    offset += len(data)
text = json.dumps(header).encode()
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + b"".join(tensors.values()))
