# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random elementwise bodies of some hundred operations, which compile in parts, against NumPy in float64."""

import argparse
import os
import random
import subprocess
import sys
import tempfile

import numpy as np

IDS = "#id = affine_map<(i, j) -> (i, j)>\n#row = affine_map<(i, j) -> (i)>\n#column = affine_map<(i, j) -> (j)>\n"


class Body:
    """Values of a body as text and as arrays of float64. All functions keep numbers within [-1, 1], and
    none enlarges an error, so that float32 stays close."""

    def __init__(self, draw, shape, arrays):
        self.draw, self.shape = draw, shape
        self.lines = []
        self.reals = [(f"%a{i}", array) for i, array in enumerate(arrays)]
        self.flags = []

    def add(self, text, array, kind=None):
        name = f"%v{len(self.lines)}"
        self.lines.append(f"    {name} = {text}")
        if kind is not None:
            kind.append((name, array))
        return name

    def real(self):
        # Mostly late values: a chain with long edges.
        values = self.reals
        return self.draw.choice(values[-4:] if self.draw.random() < 0.8 else values)

    def constant(self, value):
        return self.add(f"arith.constant {value:.8e} : f32", None)

    def step(self):
        draw = self.draw
        kind = draw.choice(["tanh", "sin", "erf", "exp", "mul", "mean", "max", "blend", "index", "flag", "select"])
        (a, x), (b, y) = self.real(), self.real()
        if kind in ("tanh", "sin", "erf"):
            function = {"tanh": np.tanh, "sin": np.sin, "erf": erf}[kind]
            half = self.constant(0.5)
            inner = self.add(f"arith.mulf {a}, {half} : f32", None)
            self.add(f"math.{kind} {inner} : f32", function(x / 2), self.reals)
        elif kind == "exp":
            square = self.add(f"arith.mulf {a}, {a} : f32", None)
            negated = self.add(f"arith.negf {square} : f32", None)
            self.add(f"math.exp {negated} : f32", np.exp(-x * x), self.reals)
        elif kind == "mul":
            self.add(f"arith.mulf {a}, {b} : f32", x * y, self.reals)
        elif kind == "mean":
            total = self.add(f"arith.addf {a}, {b} : f32", None)
            half = self.constant(0.5)
            self.add(f"arith.mulf {total}, {half} : f32", (x + y) / 2, self.reals)
        elif kind == "max":
            name, function = draw.choice([("maximumf", np.maximum), ("minimumf", np.minimum)])
            self.add(f"arith.{name} {a}, {b} : f32", function(x, y), self.reals)
        elif kind == "blend":
            scale = draw.choice([0.25, -0.5, 0.75])
            factor = self.constant(scale)
            self.add(f"arith.mulf {a}, {factor} : f32", x * scale, self.reals)
        elif kind in ("index", "flag"):
            dim = draw.randrange(2)
            index = np.indices(self.shape)[dim]
            at = self.add(f"linalg.index {dim} : index", None)
            at = self.add(f"arith.index_cast {at} : index to i32", None)
            limit = draw.randrange(1, 5)
            mask = self.add(f"arith.constant {limit} : i32", None)
            bits = self.add(f"arith.andi {at}, {mask} : i32", None)
            zero = self.add("arith.constant 0 : i32", None)
            self.add(f"arith.cmpi eq, {bits}, {zero} : i32", (index & limit) == 0, self.flags)
        elif self.flags:
            name, flag = draw.choice(self.flags)
            self.add(f"arith.select {name}, {a}, {b} : f32", np.where(flag, x, y), self.reals)


def erf(x):
    import math
    return np.vectorize(math.erf)(x)


def make_case(draw, folder):
    shape = (draw.choice([1, 3, 8, 17]), draw.choice([1, 7, 16, 33]))
    maps = [draw.choice(["id", "row", "column"]) for _ in range(draw.randrange(1, 4))]
    rng = np.random.default_rng(draw.randrange(1 << 30))
    inputs, arrays = [], []
    for name in maps:
        own = {"id": shape, "row": shape[:1], "column": shape[1:]}[name]
        data = rng.uniform(-1, 1, own).astype(np.float32)
        inputs.append(data)
        arrays.append(np.broadcast_to(data[:, None] if name == "row" else data, shape).astype(np.float64))
    # What the destination holds is read as well.
    reads = draw.random() < 0.5
    if reads:
        inputs.append(rng.uniform(-1, 1, shape).astype(np.float32))
        arrays.append(inputs[-1].astype(np.float64))
        maps.append("id")
    body = Body(draw, shape, arrays)
    for _ in range(draw.randrange(40, 160)):
        body.step()
    results = [draw.choice(body.reals)[:2] for _ in range(draw.randrange(1, 3))]
    dynamic = draw.random() < 0.5
    size = lambda n: "?" if dynamic else str(n)
    kinds = ["tensor<" + "x".join(map(size, data.shape)) + "xf32>" for data in inputs]
    full = f"tensor<{size(shape[0])}x{size(shape[1])}xf32>"
    # The destinations of all results but the first are new.
    first = f"%x{len(inputs) - 1}" if reads else "%e"
    count = len(inputs) - reads
    outs = [first] + ["%e"] * (len(results) - 1)
    sizes = "%m, %n" if dynamic else ""
    text = [IDS, f"func.func @f({', '.join(f'%x{i}: {kind}' for i, kind in enumerate(kinds))}, %like: {full})",
            f"    -> ({', '.join([full] * len(results))}) {{",
            "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index",
            f"  %m = tensor.dim %like, %c0 : {full}\n  %n = tensor.dim %like, %c1 : {full}",
            f"  %e = tensor.empty({sizes}) : {full}",
            f"  %r:{len(results)} = linalg.generic {{indexing_maps = [" +
            ", ".join(f"#{name}" for name in maps[:count] + ["id"] * len(results)) + "],",
            '      iterator_types = ["parallel", "parallel"]}',
            f"      ins({', '.join(f'%x{i}' for i in range(count))} : {', '.join(kinds[:count])})",
            f"      outs({', '.join(outs)} : {', '.join([full] * len(outs))}) {{",
            "  ^bb0(" + ", ".join([f"%a{i}: f32" for i in range(count)] +
                                  [f"%a{count}: f32" if reads and i == 0 else f"%o{i}: f32"
                                   for i in range(len(results))]) + "):",
            *body.lines, f"    linalg.yield {', '.join(name for name, _ in results)} : " +
            ", ".join(["f32"] * len(results)),
            f"  }} -> ({', '.join([full] * len(results))})",
            f"  return {', '.join(f'%r#{i}' for i in range(len(results)))} : {', '.join([full] * len(results))}",
            "}"]
    path = os.path.join(folder, "model.mlir")
    with open(path, "w") as file:
        file.write("\n".join(text))
    command = ["nm-run", path]
    for i, data in enumerate(inputs + [np.zeros(shape, np.float32)]):
        np.save(os.path.join(folder, f"x{i}.npy"), data)
        command += ["--input", os.path.join(folder, f"x{i}.npy")]
    for i in range(len(results)):
        command += ["--output", os.path.join(folder, f"y{i}.npy")]
    return command, [array for _, array in results]


parser = argparse.ArgumentParser()
parser.add_argument("--seeds", default="1")
parser.add_argument("--cases", type=int, default=10)
options = parser.parse_args()
for seed in map(int, options.seeds.split(",")):
    print("seed", seed)
    for case in range(options.cases):
        with tempfile.TemporaryDirectory() as folder:
            command, expected = make_case(random.Random(seed * 1000003 + case), folder)
            run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if run.returncode:
                with open(os.path.join(folder, "model.mlir")) as file:
                    print(file.read())
                sys.exit(f"seed {seed}, case {case}: {run.stdout}")
            for i, want in enumerate(expected):
                error = np.abs(np.load(os.path.join(folder, f"y{i}.npy")) - want).max()
                if not error < 2e-5:
                    with open(os.path.join(folder, "model.mlir")) as file:
                        print(file.read())
                    sys.exit(f"seed {seed}, case {case}: result {i} is off by {error}")
