# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: golden.py FOLDER: the golden vectors of relu.json; each step is what NumPy makes of its operands."""

import json
import sys

import numpy as np

folder = sys.argv[1]
with open(folder + "/program.json") as file:
    program = json.load(file)
with open(folder + "/steps.jsonl") as file:
    steps = [json.loads(line) for line in file]
data = np.fromfile(folder + "/data.bin", "u1")
assert json.load(open(folder + "/device.json"))["name"] == "edge"
assert len(program["code"]) > 0 and [s["step"] for s in steps] == list(range(len(steps)))


def tile(operand, when):
    dtype = np.dtype({"f32": "<f4", "f16": "<f2"}[operand["type"]])
    count = int(np.prod(operand["shape"]))
    begin = operand[when]
    return data[begin:begin + count * dtype.itemsize].view(dtype).reshape(operand["shape"])


found = {}
for step in steps:
    assert step["begin"] <= step["end"]
    if not step["operands"]:
        continue
    source, dest = step["operands"]
    before, after = tile(source, "in"), tile(dest, "out")
    assert np.array_equal(after, np.maximum(before, 0) if step["opcode"] == "unary" else before), step
    found[step["opcode"]] = found.get(step["opcode"], 0) + 1
print(found)
assert found == {"load": 4, "unary": 4, "store": 4}, found
