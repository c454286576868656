# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""--round=gptq with --calibrate. usage: round.py <folder for files>

The oracle is arXiv 2210.17323, algorithm 1, feature by feature with the Cholesky factor of the inverse Hessian; masks as in
SparseGPT. Scales are those of docs/kernels.md, chosen when the first feature of a group is rounded. A product with the
identity shows the weight.
"""

import json
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Inputs"))
from checks import begin, check  # noqa: E402

rng = begin()
K, ROWS = 128, 40


def run(*options):
    return subprocess.run(["nm-run", *options], capture_output=True, text=True, timeout=200)


def chosen_scales(values, half):
    """values [rows, group] in f32: the best of five f16 scales each."""
    most = np.take_along_axis(values, np.abs(values).argmax(1)[:, None], 1)
    best, least = np.zeros_like(most), (values.astype("f8") ** 2).sum(1)
    for below in (0, 0.25, 0.5, 0.75, 1):
        scale = (most / np.float32(below - half)).astype("f2").astype("f4")
        error = ((values.astype("f8") - to_scale(values, scale, half)) ** 2).sum(1)
        best = np.where((error < least)[:, None], scale, best)
        least = np.minimum(least, error)
    return best


def to_scale(values, scale, half):
    safe = np.where(scale == 0, np.float32(1), scale)
    return np.where(scale == 0, 0, np.clip(np.rint(values / safe), -half, half - 1).astype("f4") * safe)


def nearest(w, half, group):
    return np.concatenate([to_scale(w[:, i:i + group], chosen_scales(w[:, i:i + group], half), half)
                           for i in range(0, K, group)], 1)


def gptq(w, x, half, group, mask):
    hessian = x.T @ x
    diagonal = np.diag(hessian)
    dead = diagonal == 0
    hessian = hessian + np.diag(np.where(dead, 1, 0.01 * diagonal[~dead].mean()))
    upper = np.linalg.cholesky(np.linalg.inv(hessian)).T
    w, q = w.astype("f8"), np.zeros(w.shape, "f4")
    for i in range(K):
        if i % group == 0:
            scale = chosen_scales((w * mask)[:, i:i + group].astype("f4"), half)
        q[:, i] = to_scale(w[:, i:i + 1].astype("f4"), scale, half)[:, 0] * mask[:, i]
        w[:, i:] -= np.outer((w[:, i] - q[:, i]) / upper[i, i], upper[i, i:])
    return q


def magnitude(w, n, m):
    groups = np.abs(w).reshape(len(w), -1, m)
    mask = np.zeros(groups.shape, bool)
    np.put_along_axis(mask, np.argsort(-groups, -1, kind="stable")[..., :n], True, -1)
    return mask.reshape(w.shape)


def model(transposed):
    weight, flag = ([ROWS, K], "%t") if transposed else ([K, ROWS], "%w")
    turn = f"""
  %e = tensor.empty() : tensor<{K}x{ROWS}xf32>
  %t = linalg.transpose ins(%w : tensor<{ROWS}x{K}xf32>) outs(%e : tensor<{K}x{ROWS}xf32>) permutation = [1, 0]"""
    return f"""func.func @f(%x: tensor<{K}x{K}xf32>) -> tensor<{K}x{ROWS}xf32> {{
  %w = nm.param "w" : tensor<{weight[0]}x{weight[1]}xf32>{turn if transposed else ""}
  %z = arith.constant 0.0 : f32
  %o = tensor.empty() : tensor<{K}x{ROWS}xf32>
  %i = linalg.fill ins(%z : f32) outs(%o : tensor<{K}x{ROWS}xf32>) -> tensor<{K}x{ROWS}xf32>
  %y = linalg.matmul ins(%x, {flag} : tensor<{K}x{K}xf32>, tensor<{K}x{ROWS}xf32>)
      outs(%i : tensor<{K}x{ROWS}xf32>) -> tensor<{K}x{ROWS}xf32>
  return %y : tensor<{K}x{ROWS}xf32>
}}
"""


# Inputs whose features depend on one another; two are always zero.
mix = rng.standard_normal((K, K)) * np.exp(rng.standard_normal(K))
mix[:, [5, 77]] = 0
os.makedirs("samples")
samples = [(rng.standard_normal((K, K)) @ mix + 1).astype("f4") * (np.abs(mix).sum(0) > 0) for _ in range(3)]
for i, sample in enumerate(samples):
    np.save(f"samples/{i}.npy", sample.astype("f4"))
x = np.concatenate(samples).astype("f8")
np.save("x.npy", np.eye(K, dtype="f4"))
w = rng.standard_normal((ROWS, K)).astype("f4")
ratio = lambda a: np.linalg.norm(x @ a.astype("f8").T) / np.linalg.norm(x @ w.astype("f8").T)
for bits, group, prune, transposed in [(4, 32, None, True), (4, 64, (2, 4), False), (8, 128, (1, 4), True), (4, 128, None, False)]:
    what = f"i{bits}:{group}, {prune}"
    open("m.mlir", "w").write(model(transposed))
    np.savez("w.npz", w=w if transposed else w.T)
    done = run("m.mlir", "--params=w.npz", "--input=x.npy", f"--quantize=i{bits}:{group}", "--round=gptq",
               "--calibrate=samples", "--output=y.npy", "--json=r.json", *([f"--prune={prune[0]}:{prune[1]}"] if prune else []))
    check(done.returncode == 0, what, done)
    if done.returncode:
        continue
    mask = magnitude(w, *prune) if prune else np.ones(w.shape, bool)
    half = 1 << (bits - 1)
    want, simple = gptq(w, x, half, group, mask), nearest(w * mask, half, group)
    got = np.load("y.npy").T
    check((got[~mask] == 0).all(), f"{what}: what is dropped is zero")
    same = (got == want).mean(1)  # a tie that falls otherwise changes the rest of its row
    check((same == 1).mean() >= 0.9, f"{what}: rows differ: {np.sort(same)[:8]}")
    layer = json.load(open("r.json"))["pruning"]["rounded"][0]
    check(layer["key"] == "w", f"{what}: key")
    for field, value in (("difference", ratio(want - w)), ("nearest", ratio(simple - w))):
        check(abs(layer[field] - value) <= 2e-3 * value, f"{what}: {field} {layer[field]}, expected {value}")
    check(layer["difference"] < 0.97 * layer["nearest"], f"{what}: gains nothing: {layer}")
    check("of the output of its products, to nearest" in done.stderr, f"{what}: says", done)

BASE = ["m.mlir", "--params=w.npz", "--input=x.npy"]
np.save("nan.npy", np.where(np.arange(K) == 3, np.nan, samples[0]).astype("f4"))
for more, text in [(["--round=gptq", "--calibrate=samples"], "--round is about how weights are rounded"),
                   (["--round=gptq", "--quantize=i4:64"], "--round is about what weights see"),
                   (["--round=gptq", "--quantize=keep", "--calibrate=samples"], "--quantize=keep rounds nothing"),
                   (["--round=gptq", "--quantize=i4:64", "--calibrate=samples", "--cache"], "the cache knows nothing"),
                   (["--round=best", "--quantize=i4:64", "--calibrate=samples"], "gptq"),
                   (["--round=gptq", "--quantize=i4:64", "--calibrate=nan.npy"], "hold a NaN"),
                   (["--quantize=i4:64", "--calibrate=samples", "--prune-by=wanda"], "say with --prune")]:
    done = run(*BASE, *more)
    check(done.returncode == 1 and text in done.stderr, f"{more}", done)
