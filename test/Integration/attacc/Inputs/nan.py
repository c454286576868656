# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""NaN, infinities and hidden rows through attention and rows, on the processor and on accelerators.

  nan.py WORK TARGET...

Each case is computed here as documentation says (flat.attention: a row that sees no key is zeros, a NaN
score makes its row NaN; IEEE 754 elsewhere). Where a hidden key holds a value that is not finite the
documentation promises nothing for that column, so it is not compared.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
NAN, INF = np.nan, np.inf


def attention(q, k, v, hidden, bias, has_guard):
    """out, and which elements of it are promised."""
    score = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    if bias is not None:
        score = score + bias[:, None, None, :]
    score = np.where(hidden, -INF, score)
    top = np.max(score, -1, keepdims=True)
    weight = np.exp(score - top)
    weight = weight / np.sum(weight, -1, keepdims=True)
    blind = np.all(score == -INF, -1)
    weight = np.where(blind[..., None], 0 if has_guard else NAN, weight)
    finite = np.isfinite(v)
    out = weight @ np.where(finite, v, 0)
    touched = (weight != 0).astype(np.float64) @ (~finite).astype(np.float64) > 0
    wild = np.any(~finite, -2, keepdims=True) | np.zeros_like(touched)
    with_wild = weight @ v
    out = np.where(touched, with_wild, out)
    out = np.where(blind[..., None], 0 if has_guard else NAN, out)
    promised = ~wild | touched | blind[..., None]
    return out, promised


def model(shape, score, bias, dataflow):
    b, h, n, d = shape
    t = "x".join(map(str, shape)) + "xf32"
    mask = f" mask(%m : tensor<{b}x{n}xf32>) map affine_map<(b, h, i, j) -> (b, j)>" if bias else ""
    region = ""
    if score:
        conditions = {"causal": "%seen = arith.cmpi sle, %j, %i : index",
                      "window": "%c = arith.constant 3 : index\n %s0 = arith.addi %j, %c : index\n"
                                " %near = arith.cmpi sgt, %s0, %i : index\n"
                                " %past = arith.cmpi sle, %j, %i : index\n"
                                " %seen = arith.andi %near, %past : i1"}[score]
        region = f""" score {{
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %minf = arith.constant 0xFF800000 : f32
    {conditions}
    %r = arith.select %seen, %s, %minf : f32
    flat.yield %r : f32
  }}"""
    extra = f", %m: tensor<{b}x{n}xf32>" if bias else ""
    return f"""func.func @f(%q: tensor<{t}>, %k: tensor<{t}>, %v: tensor<{t}>{extra}) -> tensor<{t}> {{
  %e = tensor.empty() : tensor<{t}>
  %r = flat.attention ins(%q, %k, %v : tensor<{t}>, tensor<{t}>, tensor<{t}>){mask}
    outs(%e : tensor<{t}>){dataflow}{region} -> tensor<{t}>
  return %r : tensor<{t}>
}}
"""


def row_model(shape):
    t = "x".join(map(str, shape)) + "xf32"
    m = "affine_map<(i, j) -> (i, j)>"
    return f"""func.func @f(%x: tensor<{t}>, %y: tensor<{t}>) -> (tensor<{t}>, tensor<{t}>, tensor<{t}>) {{
  %e = tensor.empty() : tensor<{t}>
  %zero = arith.constant 0.0 : f32
  %relu = linalg.generic {{indexing_maps = [{m}, {m}], iterator_types = ["parallel", "parallel"]}}
    ins(%x : tensor<{t}>) outs(%e : tensor<{t}>) {{
  ^bb0(%a: f32, %o: f32):
    %r = arith.maximumf %a, %zero : f32
    linalg.yield %r : f32
  }} -> tensor<{t}>
  %max = linalg.max ins(%x, %y : tensor<{t}>, tensor<{t}>) outs(%e : tensor<{t}>) -> tensor<{t}>
  %soft = linalg.softmax dimension(1) ins(%x : tensor<{t}>) outs(%e : tensor<{t}>) -> tensor<{t}>
  return %relu, %max, %soft : tensor<{t}>, tensor<{t}>, tensor<{t}>
}}
"""


def run(work, name, text, arrays, outputs, target):
    path = work / f"{name}.mlir"
    path.write_text(text)
    command = ["nm-run", str(path), f"--target={target}"]
    for i, array in enumerate(arrays):
        np.save(work / f"{name}{i}.npy", array.astype("f4"))
        command += ["--input", str(work / f"{name}{i}.npy")]
    files = [work / f"{name}-out{i}.npy" for i in range(outputs)]
    for i, file in enumerate(files):
        command += ["--output", f"{i}={file}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return [np.load(file) for file in files]


def compare(name, target, found, expected, promised):
    wrong = promised & ~np.isclose(found, expected, rtol=2e-2, atol=2e-2, equal_nan=True)
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        sys.exit(f"{name} on {target}: {wrong.sum()} of {promised.sum()} wrong; "
                 f"at {at} found {found[at]}, expected {expected[at]}")


def main():
    work = Path(sys.argv[1])
    work.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    count = 0
    # name, sizes, score, bias, places of q, k, v and bias that are no numbers, dataflow
    cases = [
        ("plain", (1, 2, 8, 16), "", False, {"q": [((0, 0, 3, 2), NAN)], "v": [((0, 1, 5, 4), NAN), ((0, 1, 2, 7), INF)]}, ""),
        ("key", (1, 1, 9, 8), "", False, {"k": [((0, 0, 4, 1), NAN)]}, ""),
        ("causal", (2, 2, 13, 8), "causal", False, {"k": [((0, 0, 5, 1), NAN)], "v": [((1, 1, 6, 3), NAN)]}, ""),
        ("window", (1, 2, 11, 8), "window", False, {"k": [((0, 0, 5, 1), NAN)], "q": [((0, 1, 7, 0), INF)]}, ""),
        ("padding", (2, 2, 8, 8), "", True, {"m": [((0, 6), -INF), ((0, 7), -INF), ((1, slice(None)), -INF)],
                                             "q": [((0, 1, 2, 0), NAN)]}, ""),
        # Without a guard rows of nothing but hidden keys are NaN.
        ("guardless", (2, 2, 8, 8), "", True, {"m": [((0, 6), -INF), ((1, slice(None)), -INF)],
                                               "q": [((0, 1, 2, 0), NAN)]}, " guard(none)"),
        ("guardless_tiles", (2, 1, 48, 8), "causal", True, {"m": [((0, slice(0, 20)), -INF), ((1, 47), -INF)]},
         " guard(none) dataflow #flat.dataflow<row, rows = 8, key_tile = 16, staged = [q, k, v, logits, o]>"),
        ("tiles", (1, 1, 48, 8), "causal", False, {"k": [((0, 0, 20, 1), NAN)], "q": [((0, 0, 9, 0), NAN)]},
         " dataflow #flat.dataflow<row, rows = 8, key_tile = 16, staged = [q, k, v, logits, o]>"),
    ]
    for name, shape, score, bias, places, dataflow in cases:
        b, h, n, d = shape
        a = {x: rng.standard_normal(shape).astype("f2").astype("f8") for x in "qkv"}
        a["m"] = np.zeros((b, n))
        for operand, list_of in places.items():
            for place, value in list_of:
                a[operand][place] = value
        i, j = np.arange(n)[:, None], np.arange(n)[None, :]
        hidden = {"": (i < 0) & (j < 0), "causal": j > i, "window": (j > i) | (j + 3 <= i)}[score]
        expected, promised = attention(a["q"], a["k"], a["v"], hidden, a["m"] if bias else None,
                                       "guard(none)" not in dataflow)
        arrays = [a["q"], a["k"], a["v"]] + ([a["m"]] if bias else [])
        for target in sys.argv[2:]:
            [found] = run(work, name, model(shape, score, bias, dataflow), arrays, 1, target)
            compare(name, target, found, expected, promised)
            count += 1
    x, y = (rng.standard_normal((6, 19)).astype("f2").astype("f8") for _ in "xy")
    x[0, 3], x[1, 4], x[2, 5], x[3] = NAN, INF, -INF, -INF
    y[4, 1], y[0, 3], y[5, 18] = NAN, NAN, NAN
    top = np.max(x, -1, keepdims=True)
    soft = np.exp(x - top)
    soft /= np.sum(soft, -1, keepdims=True)
    everywhere = np.ones_like(x, bool)
    sees = everywhere & (np.arange(6) != 3)[:, None]  # linalg.softmax promises nothing there
    for target in sys.argv[2:]:
        results = run(work, "rows", row_model(x.shape), [x, y], 3, target)
        for name, found, expected, promised in zip(("relu", "max", "softmax"), results,
                                                   (np.maximum(x, 0), np.maximum(x, y), soft),
                                                   (everywhere, everywhere, sees)):
            compare(name, target, found, expected, promised)
            count += 1
    print(f"{count} results are right")


main()
