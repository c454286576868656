# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: golden_products.py FOLDER STATIONARY: the products of that stationarity among the golden vectors of a run, a line of numbers each, as product.h reads them.

type of lhs, type of dest, segments, rows, columns, kept elements of the reduction, N, M, bits of the factor, whether it accumulates, cycles; then five lists, each
behind its length: lhs [segments, rows, reduction], weights [segments, columns, kept], bytes of indices [columns, ...], dest before, dest after.
"""

import json
import sys

import numpy as np

TYPES = {"f32": 0, "f16": 1, "bf16": 2, "i8": 3}
WORDS = {"f32": "<u4", "f16": "<u2", "bf16": "<u2", "i8": "u1"}

folder, stationary = sys.argv[1:]
with open(folder + "/program.json") as file:
    code = json.load(file)["code"]
data = np.fromfile(folder + "/data.bin", "u1")


def tile(operand, when):
    word = np.dtype(WORDS[operand["type"]])
    begin = operand[when]
    end = begin + int(np.prod(operand["shape"])) * word.itemsize
    return data[begin:end].view(word).reshape(operand["shape"])


def bits(value):
    """Of an f32 that is written as a number, or as a string of its bits."""
    return int(value, 16) if isinstance(value, str) else int(np.float32(value).view("u4"))


def product(step):
    instruction = code[step["instruction"]]
    operands = step["operands"]
    lhs, weights, dest = tile(operands[0], "in"), tile(operands[1], "in"), operands[-1]
    accumulates = bool(instruction.get("accumulate", False))
    if instruction.get("transpose_lhs"):
        lhs = lhs.swapaxes(-1, -2)
    if step["opcode"] == "gemm":
        n, m, indices = 1, 1, []
        if not instruction.get("transpose_rhs"):
            weights = weights.swapaxes(-1, -2)
    else:
        n, m = instruction["pattern"] if isinstance(instruction["pattern"], list) else map(int, instruction["pattern"].split(":"))
        indices = tile(operands[2], "in").ravel()
    shape = dest["shape"]
    numbers = [TYPES[operands[0]["type"]], TYPES[dest["type"]], shape[0] if len(shape) == 3 else 1, shape[-2], shape[-1], weights.shape[-1], n, m,
               bits(instruction.get("value", 1)), int(accumulates), step["end"] - step["begin"]]
    for part in lhs.ravel(), weights.ravel(), indices, tile(dest, "in").ravel() if accumulates else [], tile(dest, "out").ravel():
        numbers.append(len(part))
        numbers.extend(int(element) for element in part)
    return " ".join(map(str, numbers))


with open(folder + "/steps.jsonl") as file:
    for line in file:
        step = json.loads(line)
        if step["opcode"] in ("gemm", "nm_gemm") and code[step["instruction"]].get("stationary", "output") == stationary:
            print(product(step))
