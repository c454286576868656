# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention of one token over caches in f32 and in eight bits: time, and bytes of the cache for each token.

ONNX Runtime's GroupQueryAttention with its caches in place, compiled by nm, as many sequences as make the caches in f32
larger than any cache of a processor. In turns, in one process. Bytes are those that a token has to read: all rows of keys and
values of one sequence. The error is that of the results against those of f32, in the norm.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

import numpy

import compiled
import nm
from bench_options import numbers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/Import/Onnx/Inputs"))
from onnxfile import graph, model, node, value  # noqa: E402


def write(path, batch, heads, groups, rows, width):
    cache = [batch, groups, rows, width]
    inputs = [value("q", "float32", [batch, 1, heads * width]), *(value(x, "float32", [batch, 1, groups * width]) for x in "kv"),
              value("last", "int32", [batch]), value("total", "int32", [1]), *(value(x, "float32", cache) for x in ("pk", "pv"))]
    outputs = [value("y", "float32", [batch, 1, heads * width]), *(value(x, "float32", cache) for x in ("nk", "nv"))]
    attention = node("GroupQueryAttention", ["q", "k", "v", "pk", "pv", "last", "total"], ["y", "nk", "nv"], domain="com.microsoft",
                     num_heads=heads, kv_num_heads=groups)
    path.write_bytes(model(graph([attention], inputs, outputs), opset=17, domains=[("com.microsoft", 1)]))


def run(folder, options, rows, heads, groups, width):
    batch = max(1, options.megabytes * 1000000 // (8 * groups * rows * width))
    source = numpy.random.default_rng(rows)
    path = folder / f"{rows}-{heads}-{groups}-{width}.onnx"
    write(path, batch, heads, groups, rows, width)
    given = [source.standard_normal((batch, 1, n * width), dtype=numpy.float32) for n in (heads, groups, groups)]
    given += [numpy.full(batch, rows - 1, numpy.int32), numpy.int32([rows])]
    floats = [source.standard_normal((batch, groups, rows, width), dtype=numpy.float32) for _ in range(2)]
    caches = {"f32": floats, "i8": [nm.quantize_rows(x) for x in floats]}
    calls, results = {}, {}
    for kind, arrays in caches.items():
        compiled_model = nm.compile(path, in_place=["nk=pk", "nv=pv"], **({} if kind == "f32" else {"kv_cache": kind}))
        calls[kind] = (compiled_model, arrays)
        results[kind] = compiled_model.only(*given, *arrays)[0].copy()
    error = float(numpy.linalg.norm(results["i8"] - results["f32"]) / numpy.linalg.norm(results["f32"]))
    for threads in options.threads:
        times = {kind: [] for kind in calls}
        for _ in range(options.rounds):
            for kind, (function, arrays) in calls.items():
                for turn in range(3):
                    start = time.perf_counter()
                    function.only(*given, *arrays, threads=threads)
                    if turn:
                        times[kind].append((time.perf_counter() - start) * 1e3 / batch)
        best = {kind: min(samples) for kind, samples in times.items()}
        sizes = {kind: sum(array.nbytes for array in arrays) / batch / 1e6 for kind, (_, arrays) in calls.items()}
        print(f"{rows:6} {heads:5} of {groups:2} {width:5} {batch:5} {threads:3} " +
              " ".join(f"{sizes[kind]:8.2f} {best[kind]:8.3f} {sizes[kind] / best[kind]:6.1f}" for kind in calls) +
              f" {sizes['f32'] / sizes['i8']:6.2f} {best['f32'] / best['i8']:6.2f} {error:8.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench decode --caches", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=numbers, default=[1024, 2048, 4096, 8192])
    parser.add_argument("--heads", default="8:8:64,32:8:128", help="heads of queries, of keys, and their width; with commas")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--megabytes", type=int, default=600, help="of the caches in f32")
    parser.add_argument("--rounds", type=int, default=6)
    options = parser.parse_args()
    os.environ.setdefault("NM_TOOLS", str(compiled.BUILD / "bin"))
    print("  rows heads       width batch thr   f32 MB  f32 ms   GB/s    i8 MB    i8 ms   GB/s  bytes   time    error\n"
          "       (a token: one sequence)")
    with tempfile.TemporaryDirectory() as folder:
        for shape in options.heads.split(","):
            for rows in options.rows:
                run(pathlib.Path(folder), options, rows, *map(int, shape.split(":")))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (compiled.Error, nm.Error) as error:
        sys.exit(f"error: {error}")
