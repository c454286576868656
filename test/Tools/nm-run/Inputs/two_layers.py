# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Two layers of a transformer in f16 and bf16, with tolerances of their own, against NumPy in float64: taken as it
is, and refused where one step is left out."""

import os
import subprocess
import sys

import numpy as np

ROWS, WIDTH, INNER, HEADS = 24, 64, 256, 4
os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
seed = int(os.environ.get("NM_SEED", "1"))
print("seed", seed)


def rounded(array, kind):
    """To the nearest number of the kind, as float64; ties to even."""
    if kind == "f16":
        return array.astype(np.float16).astype(np.float64)
    bits = array.astype(np.float32).view(np.uint32)
    bits = bits + 0x7FFF + (bits >> 16 & 1) & np.uint32(0xFFFF0000)
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


def save(path, array, kind):
    if kind == "f16":
        np.save(path, array.astype(np.float16))
    else:
        np.save(path, (array.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16))


class Model:
    def __init__(self, kind, draw):
        self.kind, self.draw, self.lines, self.arguments, self.arrays = kind, draw, [], [], []

    def tensor(self, *shape):
        return "tensor<" + "".join(f"{size}x" for size in shape) + self.kind + ">"

    def define(self, text):
        self.lines.append(f"  %v{len(self.lines)} = {text}")
        return f"%v{len(self.lines) - 1}"

    def argument(self, scale, *shape):
        array = rounded(self.draw.normal(0, scale, shape), self.kind)
        self.arguments.append(f"%x{len(self.arguments)}: {self.tensor(*shape)}")
        self.arrays.append(array)
        return f"%x{len(self.arguments) - 1}", array

    def empty(self, *shape):
        return self.define(f"tensor.empty() : {self.tensor(*shape)}")

    def product(self, a, b, rows, depth, columns):
        kind = self.tensor(rows, columns)
        zero = self.define(f"arith.constant 0.0 : {self.kind}")
        empty = self.empty(rows, columns)
        filled = self.define(f"linalg.fill ins({zero} : {self.kind}) outs({empty} : {kind}) -> {kind}")
        return self.define(f"linalg.matmul ins({a}, {b} : {self.tensor(rows, depth)}, {self.tensor(depth, columns)}) "
                           f"outs({filled} : {kind}) -> {kind}")

    def linear(self, value, x, rows, depth, columns):
        weight, w = self.argument(1 / depth**0.5, depth, columns)
        bias, b = self.argument(0.5, columns)
        kind = self.tensor(rows, columns)
        empty = self.empty(rows, columns)
        wide = self.define(f"linalg.broadcast ins({bias} : {self.tensor(columns)}) outs({empty} : {kind}) dimensions = [0]")
        return self.add(self.product(value, weight, rows, depth, columns), wide, rows, columns), x @ w + b

    def add(self, a, b, rows, columns):
        kind = self.tensor(rows, columns)
        return self.define(f"arith.addf {a}, {b} : {kind}")

    def attention(self, value, x):
        parts = []
        for _ in range(3):
            part, y = self.linear(value, x, ROWS, WIDTH, WIDTH)
            width = WIDTH // HEADS
            split = self.define(f"tensor.expand_shape {part} [[0, 1], [2, 3]] output_shape [1, {ROWS}, {HEADS}, {width}] : "
                                f"{self.tensor(ROWS, WIDTH)} into {self.tensor(1, ROWS, HEADS, width)}")
            empty = self.empty(1, HEADS, ROWS, width)
            turned = self.define(f"linalg.transpose ins({split} : {self.tensor(1, ROWS, HEADS, width)}) outs({empty} : "
                                 f"{self.tensor(1, HEADS, ROWS, width)}) permutation = [0, 2, 1, 3]")
            parts.append((turned, y.reshape(ROWS, HEADS, width).transpose(1, 0, 2)))
        kind = self.tensor(1, HEADS, ROWS, WIDTH // HEADS)
        (q, a), (k, b), (v, c) = parts
        scale = self.define(f"arith.constant 0.25 : f32")
        empty = self.empty(1, HEADS, ROWS, WIDTH // HEADS)
        out = self.define(f"flat.attention ins({q}, {k}, {v} : {kind}, {kind}, {kind}) scale({scale}) outs({empty} : {kind}) "
                          f"-> {kind}")
        logits = a @ b.transpose(0, 2, 1) * 0.25
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        y = (weights / weights.sum(-1, keepdims=True)) @ c
        empty = self.empty(1, ROWS, HEADS, WIDTH // HEADS)
        rows = self.define(f"linalg.transpose ins({out} : {kind}) outs({empty} : {self.tensor(1, ROWS, HEADS, WIDTH // HEADS)})"
                           " permutation = [0, 2, 1, 3]")
        flat = self.define(f"tensor.collapse_shape {rows} [[0, 1], [2, 3]] : {self.tensor(1, ROWS, HEADS, WIDTH // HEADS)} "
                           f"into {self.tensor(ROWS, WIDTH)}")
        return self.linear(flat, y.transpose(1, 0, 2).reshape(ROWS, WIDTH), ROWS, WIDTH, WIDTH)

    def layer(self, value, x, leave_out=None):
        mixed, y = self.attention(value, x)
        y = y if leave_out == "residual" else y + x
        value, x = self.add(mixed, value, ROWS, WIDTH), y
        inner, y = self.linear(value, x, ROWS, WIDTH, INNER)
        kind = self.tensor(ROWS, INNER)
        inner = self.define(f"math.tanh {inner} : {kind}")
        y = y if leave_out == "tanh" else np.tanh(y)
        outer, y = self.linear(inner, y, ROWS, INNER, WIDTH)
        return self.add(outer, value, ROWS, WIDTH), y + x


failed = 0
for kind in ["f16", "bf16"]:
    for leave_out in [None, "residual", "tanh"]:
        model = Model(kind, np.random.default_rng(seed))
        value, x = model.argument(1, ROWS, WIDTH)
        value, x = model.layer(value, x)
        value, x = model.layer(value, x, leave_out)
        result = model.tensor(ROWS, WIDTH)
        with open("m.mlir", "w") as file:
            file.write("\n".join([f"func.func @f({', '.join(model.arguments)}) -> {result} {{", *model.lines,
                                  f"  return {value} : {result}", "}"]))
        command = ["nm-run", "m.mlir", "--expect", "y.npy"]
        for i, array in enumerate(model.arrays):
            save(f"x{i}.npy", array, kind)
            command += ["--input", f"x{i}.npy"]
        save("y.npy", rounded(x, kind), kind)
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        print(kind, leave_out or "as it is", run.returncode, run.stdout.strip().splitlines()[-1][:200])
        failed += run.returncode != (leave_out is not None)
sys.exit(bool(failed))
