# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products of one token with weights of four bits against ONNX Runtime's MatMulNBits, of blocks of 32 with 8-bit activations.

In turns, in one process, each after the caches have been read over, of Python too: its part of a call is some 0.2 ms. Minima and medians. The error is of the
product in float64 of the weights that a runtime holds, in the norm: those that it gives for each unit vector. $NM_ONNXRUNTIME
names ONNX Runtime's library.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

import numpy

import compiled
import llama_decoder
import nm
import onnxruntime
from bench_options import numbers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/Import/Onnx/Inputs"))
from onnxfile import graph, model, node, tensor, value  # noqa: E402

REST_S = 0.3  # as in bench_tokens.py


def write(path, call, initializers, depth, rows):
    path.write_bytes(model(graph([call], [value("x", "float32", [1, depth])], [value("y", "float32", [1, rows])], initializers),
                           domains=[("com.microsoft", 1)]))


class Products:
    """The same weight [depth, rows] for each runtime: calls by name, and the bytes of their weights."""

    def __init__(self, folder, rows, depth, patterns):
        weight = numpy.random.default_rng(rows).standard_normal((depth, rows), dtype=numpy.float32)
        path = folder / f"{rows}x{depth}.onnx"
        write(path, node("MatMul", ["x", "w"], ["y"]), [tensor("w", weight)], depth, rows)
        self.own, self.nbits, self.depth = {}, folder / f"{rows}x{depth}.nbits.onnx", depth
        for pattern in patterns:
            options = {} if pattern == "dense" else {"prune": pattern}
            output = folder / f"{rows}x{depth}-{pattern.replace(':', '_')}.nm"
            nm.compile(path, quantize="i4:64", output=output, **options)
            self.own[f"nm {pattern}"] = (nm.load(output).only, sum(file.stat().st_size for file in output.glob("*.nmw")) / 1e6)
        path.unlink()
        nibbles, scales = llama_decoder.quantise(weight)
        self.megabytes = (nibbles.nbytes + scales.nbytes) / 1e6
        write(self.nbits, node("MatMulNBits", ["x", "b", "s"], ["y"], domain="com.microsoft", K=depth, N=rows, bits=4,
                               block_size=llama_decoder.BLOCK, accuracy_level=4), [tensor("b", nibbles), tensor("s", scales)],
              depth, rows)

    def calls(self, threads):
        """What takes [1, depth] and gives [1, rows], by name."""
        found = {name: lambda x, f=function: f(x, threads=threads) for name, (function, _) in self.own.items()}
        if onnxruntime.find():
            session = onnxruntime.Session(self.nbits, threads)
            given = session.bind([numpy.zeros((1, self.depth), numpy.float32)])

            def run(x):
                given.arrays[0][...] = x
                return given.results()[0]
            found["onnxruntime MatMulNBits"] = run
        return found

    def bytes(self, name):
        return self.own[name][1] if name in self.own else self.megabytes


def error(call, x):
    """|y - W x| / |W x|, where W is what the call gives for unit vectors."""
    unit, want = numpy.zeros_like(x), 0
    for i in range(x.shape[1]):
        unit[0, i] = 1
        want = want + call(unit).astype(float) * float(x[0, i])
        unit[0, i] = 0
    return float(numpy.linalg.norm(call(x) - want) / numpy.linalg.norm(want))


def measure(calls, x, threads, rounds, flushed):
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            time.sleep(REST_S if threads > 1 else 0)
            call(x)  # wakes threads
            flushed.sum()
            start = time.perf_counter()
            call(x)
            times[name].append((time.perf_counter() - start) * 1e3)
    return times


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench decode --products", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="4096x4096,11008x4096,4096x11008", help="rows by contraction; with commas")
    parser.add_argument("--patterns", default="2:4,1:4,dense", help="of nm's weights; with commas")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--megabytes", type=int, default=400, help="that are read before each call")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"{options.rounds} rounds, expected 1 or more")
    if not onnxruntime.find():
        print("note: ONNX Runtime is not there; NM_ONNXRUNTIME names its library", file=sys.stderr)
    os.environ.setdefault("NM_TOOLS", str(compiled.BUILD / "bin"))
    flushed = numpy.ones(options.megabytes * 125000)
    print(f"{'rows x contraction':>18} {'runtime':24} {'thr':>3} {'min ms':>8} {'median':>8} {'MB':>6} {'GB/s':>6} {'error':>8} "
          f"{'x MatMulNBits':>13}", flush=True)
    for shape in options.shapes.split(","):
        rows, depth = map(int, shape.split("x"))
        x = numpy.random.default_rng(depth).standard_normal((1, depth), dtype=numpy.float32)
        with tempfile.TemporaryDirectory() as folder:
            products = Products(pathlib.Path(folder), rows, depth, options.patterns.split(","))
            errors = {name: error(call, x) for name, call in products.calls(1).items()}
            for threads in options.threads:
                times = measure(products.calls(threads), x, threads, options.rounds, flushed)
                peer = min(times.get("onnxruntime MatMulNBits", [float("nan")]))
                for name, samples in times.items():
                    size = products.bytes(name)
                    print(f"{shape:>18} {name:24} {threads:3} {min(samples):8.3f} {numpy.median(samples):8.3f} {size:6.1f} "
                          f"{size / min(samples):6.1f} {errors[name]:8.1e} {peer / min(samples):13.2f}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (compiled.Error, nm.Error, onnxruntime.Error) as problem:
        sys.exit(f"error: {problem}")
