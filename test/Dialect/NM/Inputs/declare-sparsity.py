# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""Writes the checkpoint that declare-sparsity*.mlir read: small tensors, without NumPy."""

import json
import struct
import sys

tensors = {}


def add(name, dtype, shape, data):
    tensors[name] = (dtype, shape, data)


def matrix(name, rows, columns, keep):
    """f32, row-major; `keep(i, j)` says which elements are not zero."""
    add(name, "F32", [rows, columns],
        b"".join(struct.pack("<f", 1.0 + i + j if keep(i, j) else 0.0)
                 for i in range(rows) for j in range(columns)))


def mask(name, rows, columns, keep):
    add(name, "U8", [rows, columns],
        bytes(int(keep(i, j)) for i in range(rows) for j in range(columns)))


def packed_mask(name, rows, columns, keep):
    """One bit an element, most significant first."""
    rows_of_bits = ([keep(i, j) for j in range(columns)] for i in range(rows))
    add(name, "U8", [rows, columns // 8],
        bytes(sum(bit << (7 - b) for b, bit in enumerate(row[at:at + 8]))
              for row in rows_of_bits for at in range(0, columns, 8)))


def every(i, j):
    return True


def two_of_four(i, j):
    return (i + j) % 4 < 2


def first_of_four(i, j):
    return j % 4 == 0


matrix("rows.weight", 8, 16, two_of_four)  # 2:4 along both axes
matrix("columns.weight", 8, 16, first_of_four)  # 1:4 along axis 1 only
matrix("dense.weight", 8, 16, every)
matrix("masked.weight", 8, 16, every)
mask("masked.weight_mask", 8, 16, first_of_four)
matrix("packed.weight", 8, 16, every)
# Weights grow along a row: the mask keeps the largest, as a reader who doubts the order of bits expects.
packed_mask("packed.weight_kept", 8, 16, lambda i, j: j % 4 == 3)
matrix("zero.weight", 8, 16, lambda i, j: False)
matrix("violated.weight", 8, 16, lambda i, j: two_of_four(i, j) or (i, j) == (3, 4))
add("bias", "F32", [8], struct.pack("<8f", *range(8)))

header, offset = {}, 0
for name, (dtype, shape, data) in tensors.items():
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
    offset += len(data)
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in tensors.values()))
