# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The code of two builds side by side: scripts/bench compare OLD NEW.

OLD and NEW are build folders (with bin/nm-compile) of two states of the tree. Each case is compiled by both,
loaded into one process, and called in turns, so that what else the machine does hits both; results are
compared first. Ratios are OLD's time over NEW's, of minima and of medians: above 1, NEW is faster.
"""

import argparse
import dataclasses
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import bench_model
import nm

KINDS = ["matmul", "attention", "model"]
DTYPES = {"f32": np.float32, "i8": np.int8}
SHAPES = {"768x768": (768, 768), "3072x768": (3072, 768), "768x3072": (768, 3072), "4096x4096": (4096, 4096)}


class Written:
    """A case that is MLIR, with weights or without."""

    def write(self, folder):
        """Writes what nm-compile reads, and says how."""
        Path(folder, "m.mlir").write_text(self.text)
        if not self.params:
            return [f"{folder}/m.mlir"]
        np.savez(Path(folder, "w.npz"), **self.params)
        return [f"{folder}/m.mlir", f"--params={folder}/w.npz"]


class Product(Written):
    """Columns by rows: x (columns x K) times the transpose of an N:M weight (rows x K)."""

    def __init__(self, shape, pattern, columns, dtype):
        self.name = f"matmul {shape} {pattern} {dtype} columns {columns}"
        rows, depth = SHAPES[shape]
        sparsity = "" if pattern == "dense" else f", #nm.sparsity<{pattern}, axis = 1>"
        weight = f"tensor<{rows}x{depth}x{dtype}{sparsity}>"
        x, y = f"tensor<{columns}x{depth}xf32>", f"tensor<{columns}x{rows}xf32>"
        self.text = f"""func.func @f(%x: {x}) -> {y} {{
  %w = nm.param "w" : {weight}
  %e = tensor.empty() : {y}
  %y = nm.matmul transpose_rhs ins(%x, %w : {x}, {weight}) outs(%e : {y}) -> {y}
  return %y : {y}
}}
"""
        rng = np.random.default_rng(rows + depth + columns)
        values = rng.integers(-127, 128, (rows, depth)) if dtype == "i8" else rng.standard_normal((rows, depth))
        if sparsity:
            n, m = map(int, pattern.split(":"))
            places = np.argsort(rng.random((rows, depth // m, m)), axis=2)[..., n:]
            np.put_along_axis(values.reshape(rows, depth // m, m), places, 0, axis=2)
        self.params = {"w": values.astype(DTYPES[dtype])}
        self.inputs = [rng.standard_normal((columns, depth)).astype(np.float32)]
        self.flops = 2.0 * rows * depth * columns


class Attention(Written):
    """Twelve heads of width 64."""

    def __init__(self, queries, keys, causal):
        self.name = f"attention {queries} x {keys}{' causal' if causal else ''}"
        q, k = f"tensor<1x12x{queries}x64xf32>", f"tensor<1x12x{keys}x64xf32>"
        score = """ score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %n = arith.constant 0xFF800000 : f32
    %c = arith.cmpi sle, %j, %i : index
    %r0 = arith.select %c, %s, %n : f32
    flat.yield %r0 : f32
  }""" if causal else ""
        self.text = f"""func.func @f(%q: {q}, %k: {k}, %v: {k}) -> {q} {{
  %e = tensor.empty() : {q}
  %r = flat.attention ins(%q, %k, %v : {q}, {k}, {k}) outs(%e : {q}){score} -> {q}
  return %r : {q}
}}
"""
        rng = np.random.default_rng(queries + keys)
        self.params = {}
        self.inputs = [rng.standard_normal((1, 12, n, 64)).astype(np.float32) for n in (queries, keys, keys)]
        self.flops = 2.0 * 2 * 12 * 64 * queries * keys


class Activations(Written):
    """A product of two activations, which no fused attention takes."""

    def __init__(self, rows, columns, depth):
        self.name = f"batch of 12 {rows}x{columns}x{depth}"
        a, b, c = (f"tensor<12x{m}x{n}xf32>" for m, n in [(rows, depth), (depth, columns), (rows, columns)])
        self.text = f"""func.func @f(%a: {a}, %b: {b}) -> {c} {{
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : {c}
  %i = linalg.fill ins(%z : f32) outs(%e : {c}) -> {c}
  %r = linalg.batch_matmul ins(%a, %b : {a}, {b}) outs(%i : {c}) -> {c}
  return %r : {c}
}}
"""
        rng = np.random.default_rng(rows)
        self.params = {}
        self.inputs = [rng.standard_normal((12, m, n)).astype(np.float32) for m, n in [(rows, depth), (depth, columns)]]
        self.flops = 2.0 * 12 * rows * columns * depth


class Bert:
    """Layers of BERT-base from an ONNX file, embeddings and all."""

    LAYERS = 2

    def __init__(self, length, pattern):
        self.name = f"bert, {self.LAYERS} layers, length {length}, {pattern}"
        sizes = dataclasses.replace(bench_model.REAL["bert"], words=1000, layers=self.LAYERS)
        self.made, self.pattern = bench_model.transformers.bert(sizes, batch=1, length=length), pattern
        self.inputs = self.made.inputs
        self.options = [f"--size={name}={size}" for name, size in self.made.symbols.items()]
        hidden, ffn = sizes.hidden, sizes.ffn
        self.flops = 2.0 * self.LAYERS * length * (4 * hidden * hidden + 2 * hidden * ffn + 2 * length * hidden)

    def write(self, folder):
        path = Path(folder, "m.onnx")
        bench_model.rewrite(self.made, self.pattern, path)
        return [str(path), *self.options]


def all_cases(kinds, quick):
    if "matmul" in kinds:
        for shape in ["768x768"] if quick else SHAPES:
            for pattern in ["dense", "2:4"] if quick else ["dense", "6:8", "4:8", "2:4", "1:4", "1:8", "1:16"]:
                for columns in [1, 128] if quick else [1, 8, 40, 128, 512]:
                    yield Product(shape, pattern, columns, "f32")
        for pattern in ["2:4"] if quick else ["dense", "2:4", "1:4"]:
            yield Product("768x768", pattern, 128, "i8")
    if "attention" in kinds:
        for queries, keys in [(128, 128)] if quick else [(128, 128), (512, 512), (2048, 2048), (1, 2048)]:
            for causal in [False] if quick or queries == 1 else [False, True]:
                yield Attention(queries, keys, causal)
        for sizes in [(128, 128, 64)] if quick else [(128, 128, 64), (512, 64, 512), (77, 53, 31)]:
            yield Activations(*sizes)
    if "model" in kinds:
        for length in [128] if quick else [128, 512]:
            for pattern in ["2:4"] if quick else ["dense", "2:4", "1:4"]:
                yield Bert(length, pattern)


def compiled(case, build, folder, target):
    """The case as code of `build`."""
    output = Path(folder, "m.nm")
    command = [str(build / "bin" / "nm-compile"), *case.write(folder), f"--target={target}", "-o", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {build} does not compile '{case.name}': {done.stderr.strip()}")
    return nm.load(output)


def compare(case, builds, threads, target, seconds):
    """Times of both in microseconds, a list a build, and the largest difference of results in proportion."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        models = [compiled(case, build, folder, target) for build, folder in zip(builds, (first, second))]
        calls = [lambda model=model: model(*case.inputs, threads=threads) for model in models]
        old, new = (np.array(call(), dtype=np.float64) for call in calls)
        off = float(np.max(np.abs(old - new)) / max(np.max(np.abs(old)), 1e-30))
        if not off <= 1e-4:
            sys.exit(f"error: results of '{case.name}' differ by {off:.1e} of the largest")
        start = time.perf_counter()
        calls[0]()
        # Several calls of a microsecond are one measurement of many.
        repeats = max(1, int(0.002 / max(time.perf_counter() - start, 1e-7)))
        times, end = ([], []), time.perf_counter() + seconds
        while time.perf_counter() < end or len(times[0]) < 5:
            for which in (0, 1) if len(times[0]) % 2 else (1, 0):
                start = time.perf_counter()
                for _ in range(repeats):
                    calls[which]()
                times[which].append((time.perf_counter() - start) / repeats * 1e6)
        return times, off


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench compare", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, metavar="OLD")
    parser.add_argument("new", type=Path, metavar="NEW")
    parser.add_argument("--cases", default=",".join(KINDS), help="kinds (default all)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--target", default="host", help="processor of the code (default host)")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each case (default 1)")
    parser.add_argument("--quick", action="store_true", help="few cases")
    parser.add_argument("--json", help="write the figures to this file")
    given = parser.parse_args()
    for build in (given.old, given.new):
        if not (build / "bin" / "nm-compile").is_file():
            sys.exit(f"error: no '{build / 'bin' / 'nm-compile'}'; expected a build folder, such as build/release")
    kinds = given.cases.split(",")
    if set(kinds) - set(KINDS):
        sys.exit(f"error: --cases {given.cases}, expected {', '.join(KINDS[:-1])} or {KINDS[-1]}, or several with commas")
    if given.threads < 1 or not given.seconds > 0:
        sys.exit("error: expected --threads of 1 or more and --seconds above 0")
    rows = []
    print(f"{'case':44} {'OLD us':>10} {'NEW us':>10} {'GFLOP/s':>8} {'minima':>7} {'medians':>7} {'results':>8}")
    for case in all_cases(kinds, given.quick):
        (old, new), off = compare(case, (given.old, given.new), given.threads, given.target, given.seconds)
        minima, medians = min(old) / min(new), statistics.median(old) / statistics.median(new)
        rows.append({"case": case.name, "old_us": min(old), "new_us": min(new), "minima": minima, "medians": medians,
                     "old_median_us": statistics.median(old), "new_median_us": statistics.median(new),
                     "rounds": len(old), "difference": off})
        print(f"{case.name:44} {min(old):10.1f} {min(new):10.1f} {case.flops / min(new) / 1e3:8.1f} {minima:7.3f} "
              f"{medians:7.3f} {off:8.1e}", flush=True)
    mean = lambda key: math.exp(sum(math.log(row[key]) for row in rows) / len(rows))
    slow = [row["case"] for row in rows if row["minima"] < 0.97]
    print(f"geometric mean of {len(rows)} cases: minima {mean('minima'):.3f}, medians {mean('medians'):.3f}; "
          f"{len(slow)} under 0.97 by minima{': ' + ', '.join(slow) if slow else ''}")
    if given.json:
        Path(given.json).write_text(json.dumps(
            {"old": str(given.old), "new": str(given.new), "threads": given.threads, "target": given.target,
             "minima": mean("minima"), "medians": mean("medians"), "cases": rows}, indent=1) + "\n")


main()
