# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a call of a compiled model costs beyond the model: scripts/bench python.

A model whose work is next to nothing is called by the package, by ctypes with every struct prepared, and
with each kind of argument. Rounds take turns, so that what else the machine does hits all alike; the median
of the rounds counts, in time of this thread on a processor."""

import argparse
import ctypes
import json
import statistics
import sys
import time

import numpy as np

import nm
from foreign_arrays import Exchange, Interface
from nm._runtime import lib
from nm.model import _Frame

MODEL = """
func.func @add(%x: tensor<8xf32>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.add ins(%x, %x : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
"""


def plain_call(function, x, out):
    """The C call alone, its structs filled once."""
    frame = _Frame(function.inputs, function.outputs)
    function._fill(frame.values[0], frame.shapes[0], x, function.inputs[0])
    function._fill(frame.results[0], frame.shapes[1], out, function.outputs[0])
    inputs, outputs, options = frame.addresses
    error = ctypes.c_void_p()
    run, handle, reference = lib.nm_model_run, function._model._handle, ctypes.byref(error)

    def call():
        if run(handle, 0, inputs, 1, outputs, 1, options, reference):
            raise SystemExit("error: the call failed")
    call.frame = frame
    return call


def measure(cases, calls, rounds=21):
    """The median over rounds of microseconds a call, by case."""
    times = {name: [] for name in cases}
    for _ in range(rounds):
        for name, call in cases.items():
            start = time.thread_time()
            for _ in range(calls):
                call()
            times[name].append((time.thread_time() - start) / calls * 1e6)
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench python", description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, help="calls a round (default 2000)")
    parser.add_argument("--json", help="write the figures to this file")
    given = parser.parse_args()
    if given.calls < 1:
        sys.exit(f"error: --calls {given.calls}, expected a positive number")
    model = nm.compile(MODEL)
    x, out = np.arange(8, dtype="f4"), np.empty(8, "f4")
    np.testing.assert_array_equal(model(x), x + x)
    cases = {
        "the C call alone": plain_call(model.only, x, out),
        "model(x)": lambda: model(x),
        "model(x=x)": lambda: model(x=x),
        "model(x, out=out)": lambda: model(x, out=out),
        "model(object with __array_interface__)": lambda given=Interface(x): model(given),
        "model(object with __dlpack__)": lambda given=Exchange(x): model(given),
    }
    figures = measure(cases, given.calls)
    for name, figure in figures.items():
        print(f"{name:40} {figure:7.2f} us a call")
    overhead = figures["model(x)"] - figures["the C call alone"]
    print(f"{'overhead of model(x)':40} {overhead:7.2f} us a call, inputs copied: {model.only.copies}")
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump({"schema": "nm.bench-python/1", "us": figures, "overhead_us": overhead}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
