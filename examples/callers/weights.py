# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random weights of model.mlir, and rows to run it on.

usage: weights.py make weights.npz input.bin
       weights.py check weights.npz input.bin output.bin

`check` compares an output with NumPy's in double precision, the weights pruned to 2:4 by magnitude.
"""

import sys

import numpy as np

ROWS = 7


def make(weights, rows):
    random = np.random.default_rng(17)
    shapes = {"a": (128, 64), "b": (128,), "c": (32, 128)}
    np.savez(weights, **{name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()})
    random.normal(0, 1, (ROWS, 64)).astype(np.float32).tofile(rows)


def pruned(weight):
    groups = weight.reshape(-1, 4)
    kept = np.argsort(-np.abs(groups), axis=1, kind="stable")[:, :2]
    mask = np.zeros(groups.shape, bool)
    np.put_along_axis(mask, kept, True, axis=1)
    return (groups * mask).reshape(weight.shape).astype(np.float64)


def check(weights, rows, output):
    w = np.load(weights)
    x = np.fromfile(rows, np.float32).reshape(ROWS, 64).astype(np.float64)
    expected = np.tanh(x @ pruned(w["a"]).T + w["b"]) @ pruned(w["c"]).T
    found = np.fromfile(output, np.float32).reshape(expected.shape)
    worst = float(np.max(np.abs(found - expected)))
    if not worst < 1e-4:
        sys.exit(f"error: {output}: {worst} from NumPy's, expected less than 1e-4")
    print(f"{output}: as NumPy's")


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:])
