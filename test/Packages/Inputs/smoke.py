# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small ONNX model and what it gives when its weights are pruned to 2:4 by magnitude.

usage: smoke.py make <folder of the ONNX writer> <folder>    model.onnx, x.npy, x.bin, expected.npy
       smoke.py check <folder> <result.npy>
"""

import pathlib
import sys

import numpy as np


def pruned(weight):
    """The two largest magnitudes of every four along the sum, the first dimension."""
    groups = weight.T.reshape(-1, 4)
    order = np.argsort(-np.abs(groups), axis=1, kind="stable")
    mask = np.zeros(groups.shape)
    np.put_along_axis(mask, order[:, :2], 1, axis=1)
    return (groups * mask).reshape(weight.T.shape).T.astype(np.float64)


def make(writer, folder):
    sys.path.insert(0, writer)
    import onnxfile
    random = np.random.default_rng(4)
    w, v = (random.normal(0, 0.2, shape).astype(np.float32) for shape in ((64, 128), (128, 32)))
    x = random.normal(0, 1, (5, 64)).astype(np.float32)
    nodes = [onnxfile.node("MatMul", ["x", "w"], ["h"]), onnxfile.node("Tanh", ["h"], ["t"]),
             onnxfile.node("MatMul", ["t", "v"], ["y"])]
    onnxfile.write(folder / "model.onnx", onnxfile.graph(
        nodes, [onnxfile.value("x", "float32", ["rows", 64])], [onnxfile.value("y", "float32", ["rows", 32])],
        [onnxfile.tensor("w", w), onnxfile.tensor("v", v)]))
    np.save(folder / "x.npy", x)
    x.tofile(folder / "x.bin")
    np.save(folder / "expected.npy", np.tanh(x @ pruned(w)) @ pruned(v))


def check(folder, result):
    found = np.load(result) if result.suffix == ".npy" else np.fromfile(result, np.float32).reshape(5, 32)
    expected = np.load(folder / "expected.npy")
    worst = float(np.max(np.abs(found - expected))) if found.shape == expected.shape else np.inf
    if not worst < 1e-5:
        sys.exit(f"error: {result.name}: {found.shape}, {worst} from NumPy's, expected {expected.shape} and less than 1e-5")
    print(f"{result.name}: as NumPy's")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], pathlib.Path(sys.argv[3]))
    else:
        check(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
