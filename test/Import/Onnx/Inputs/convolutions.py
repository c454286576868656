# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random convolutions through nm-run, dense and pruned (by magnitude, by what weights see), against sums written from the operator's definition.

A weight is an initializer or a node Constant; 2:4 groups lie along the channels of one tap, then along the taps.

usage: convolutions.py FOLDER COUNT [SEED]
"""

import itertools
import subprocess

import numpy

from onnxfile import graph, node, tensor, value, write
from rounds import run_random


def convolve(x, w, strides, dilations, pads, groups):
    """y[n, m, o] = sum over c, k of w[m, c, k] x[n, c, o * stride + k * dilation - pad], in f64."""
    spatial = x.ndim - 2
    x = numpy.pad(x.astype(float), [(0, 0), (0, 0)] + [(pads[d], pads[d + spatial]) for d in range(spatial)])
    kernel = w.shape[2:]
    out = [(x.shape[d + 2] - (kernel[d] - 1) * dilations[d] - 1) // strides[d] + 1 for d in range(spatial)]
    y = numpy.zeros([x.shape[0], w.shape[0], *out])
    for tap in itertools.product(*map(range, kernel)):
        part = x[(slice(None), slice(None)) + tuple(
            slice(k * dilations[d], k * dilations[d] + (out[d] - 1) * strides[d] + 1, strides[d])
            for d, k in enumerate(tap))]
        for g in range(groups):
            rows = slice(g * (w.shape[0] // groups), (g + 1) * (w.shape[0] // groups))
            channels = slice(g * w.shape[1], (g + 1) * w.shape[1])
            weight = w[rows].astype(float)[(slice(None), slice(None)) + tap]
            y[:, rows] += numpy.einsum("mc,nc...->nm...", weight, part[:, channels])
    return y


def norms(x, w, strides, dilations, pads):
    """Of what each weight of a row of [M, taps, C] is multiplied with: [taps, C] flattened."""
    channels = w.shape[1]
    one = numpy.zeros((channels * w[0, 0].size, *w.shape[1:]))
    for k, (*tap, c) in enumerate(numpy.ndindex(*w.shape[2:], channels)):
        one[(k, c, *tap)] = 1
    seen = convolve(x, one, strides, dilations, pads, 1)
    return numpy.sqrt(numpy.square(seen).sum(tuple(d for d in range(seen.ndim) if d != 1)))


def prune(w, factors=1.0):
    """2:4 of [M, taps, C] flattened behind M, the first of equal scores; as it is where 4 does not divide."""
    flat = numpy.moveaxis(w, 1, -1).reshape(w.shape[0], -1).copy()
    if flat.shape[1] % 4:
        return w
    groups = flat.reshape(-1, 4)
    order = numpy.argsort(-(numpy.abs(flat) * factors).reshape(-1, 4), axis=1, kind="stable")
    numpy.put_along_axis(groups, order[:, 2:], 0, axis=1)
    return numpy.moveaxis(flat.reshape(w.shape[0], *w.shape[2:], w.shape[1]), -1, 1)


def draw(source):
    """A form: shapes, and the node's attributes."""
    pick = source.integers
    spatial = int(pick(1, 4)) if pick(4) == 0 else 2
    groups = int(source.choice([1, 1, 1, 2, 4, 7]))
    channels = groups * int(source.choice([1, 3, 4, 8]))
    outputs = groups * int(source.choice([1, 5, 16]))
    kernel = [int(source.choice([1, 1, 2, 3])) for _ in range(spatial)]
    if pick(3) == 0:
        kernel = [1] * spatial
    strides = [int(pick(1, 3)) for _ in kernel] if pick(2) else [1] * spatial
    dilations = [int(pick(1, 3)) for _ in kernel] if pick(3) == 0 else [1] * spatial
    pads = [int(pick(0, 3)) for _ in range(2 * spatial)] if pick(2) else [0] * (2 * spatial)
    size = [int(pick(5, 12)) for _ in kernel]
    if pick(2):
        size[-1] = int(pick(12, 150))  # rows of several vectors, and a rest of every length
    x = source.standard_normal([int(pick(1, 4)), channels, *size]).astype(numpy.float32)
    w = source.standard_normal([outputs, channels // groups, *kernel]).astype(numpy.float32)
    bias = source.standard_normal(outputs).astype(numpy.float32) if pick(2) else None
    return x, w, bias, strides, dilations, pads, groups


def check(name, source):
    x, w, bias, strides, dilations, pads, groups = draw(source)
    is_node, is_open = source.integers(2), source.integers(2)
    nodes = [node("Constant", [], ["w"], value=w)] if is_node else []
    inputs = ["x", "w"] + (["b"] if bias is not None else [])
    nodes.append(node("Conv", inputs, ["c"], strides=strides, dilations=dilations, pads=pads, group=groups))
    nodes.append(node("Relu", ["c"], ["y"]))
    shape = ["n", x.shape[1]] + [f"s{d}" for d in range(x.ndim - 2)] if is_open else x.shape
    write(f"{name}.onnx", graph(
        nodes, [value("x", "float32", shape)], [value("y", "float32", [None] * x.ndim)],
        ([] if is_node else [tensor("w", w)]) + ([tensor("b", bias)] if bias is not None else [])))
    numpy.save(f"{name}.npy", x)
    form = f"{name}: {x.shape} {w.shape} {strides} {dilations} {pads} {groups} node={is_node} open={is_open}"
    pruned = groups == 1 and w.size > 64
    forms = [[]] + ([["--prune=2:4"]] if pruned else [])
    if pruned and w[0].size % 4 == 0 and not is_open:
        forms.append(["--prune=2:4", "--prune-by=wanda", f"--calibrate={name}.npy"])
    for options in forms:
        if is_open and source.integers(2):
            options = options + [f"--size={symbol}=?" for symbol in shape if isinstance(symbol, str)]
        done = subprocess.run(["nm-run", f"{name}.onnx", f"--input={name}.npy", f"--output={name}_y.npy",
                               "--threads=1", *options], capture_output=True, text=True)
        if done.returncode:
            return f"{form} {options}: {done.stderr}"
        is_pruned = options and "prune" in options[0]
        factors = norms(x, w, strides, dilations, pads) if "--prune-by=wanda" in options else 1.0
        want = convolve(x, prune(w, factors) if is_pruned else w, strides, dilations, pads, groups)
        if bias is not None:
            want += bias.reshape([-1] + [1] * (x.ndim - 2))
        want = numpy.maximum(want, 0)
        have = numpy.load(f"{name}_y.npy")
        if have.shape != want.shape or not numpy.allclose(have, want, rtol=1e-4, atol=1e-4):
            return f"{form} {options}: {have.shape}, expected {want.shape}, off by {numpy.abs(have - want).max():.2e}"
        depth = w[0].size
        line = f"pruned w [{len(w)}, {depth}] to 2:4" if depth % 4 == 0 else f"left w [{len(w)}, {depth}]: dimension 1"
        if is_pruned and line not in done.stderr:
            return f"{form} {options}: {done.stderr!r}, expected {line!r}"
    return None


run_random(lambda i, source: check(f"c{i}", source), "convolutions", 11)
