# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a safetensors file: safetensors.py FILE NAME=EXPRESSION... (`np` is NumPy, `prune(a, n, m)`
keeps the n largest of every m along the last axis)."""

import json
import struct
import sys

import numpy as np

DTYPES = {"float32": "F32", "float64": "F64", "uint8": "U8", "bool": "BOOL", "int64": "I64", "int8": "I8"}


def prune(array, n, m):
    groups = array.reshape(-1, m)
    drop = np.argsort(np.abs(groups), axis=1, kind="stable")[:, : m - n]
    result = groups.copy()
    np.put_along_axis(result, drop, 0, axis=1)
    return result.reshape(array.shape)


def write(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        begin = len(data)
        data += np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": DTYPES[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    names = {"np": np, "prune": prune}
    tensors = {}
    for definition in sys.argv[2:]:
        key, expression = definition.split("=", 1)
        tensors[key] = np.asarray(eval(expression, names))
    write(sys.argv[1], tensors)
