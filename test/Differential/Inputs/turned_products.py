# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An attention whose queries, keys and values are products with 2:4 weights, against NumPy.

turned_products.py FOLDER TARGET BATCH POSITIONS: lengths that fill no whole vectors and several sequences too.
"""

import pathlib
import subprocess
import sys

import numpy

HEADS, WIDTH, HIDDEN = 3, 20, 64


def module(batch, positions):
    """Queries with a bias, keys from weights [out, in], plain values."""
    n, columns = batch * positions, HEADS * WIDTH
    x, y = f"tensor<{n}x{HIDDEN}xf32>", f"tensor<{n}x{columns}xf32>"
    heads = f"tensor<{batch}x{positions}x{HEADS}x{WIDTH}xf32>"
    wide = f"tensor<{HIDDEN}x{columns}xf32, #nm.sparsity<2:4, axis = 0>>"
    tall = f"tensor<{columns}x{HIDDEN}xf32, #nm.sparsity<2:4, axis = 1>>"
    split = f"[[0, 1], [2, 3]] output_shape [{batch}, {positions}, {HEADS}, {WIDTH}] : {y} into {heads}"
    return f"""func.func @f(%x: {x}) -> {heads} {{
  %wq = nm.param "wq" : {wide}
  %wk = nm.param "wk" : {tall}
  %wv = nm.param "wv" : {wide}
  %b = nm.param "b" : tensor<{columns}xf32>
  %e = tensor.empty() : {y}
  %q = nm.matmul ins(%x, %wq : {x}, {wide}) epilogue(%b : tensor<{columns}xf32>) maps [affine_map<(i, j) -> (j)>] outs(%e : {y}) {{
  ^bb0(%acc: f32, %add: f32):
    %s = arith.addf %acc, %add : f32
    nm.yield %s : f32
  }} -> {y}
  %k = nm.matmul transpose_rhs ins(%x, %wk : {x}, {tall}) outs(%e : {y}) -> {y}
  %v = nm.matmul ins(%x, %wv : {x}, {wide}) outs(%e : {y}) -> {y}
  %hq = tensor.expand_shape %q {split}
  %hk = tensor.expand_shape %k {split}
  %hv = tensor.expand_shape %v {split}
  %o = tensor.empty() : {heads}
  %r = flat.attention ins(%hq, %hk, %hv : {heads}, {heads}, {heads}) outs(%o : {heads})
      orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd) -> {heads}
  return %r : {heads}
}}
"""


def main():
    folder, target = pathlib.Path(sys.argv[1]), sys.argv[2]
    batch, positions = map(int, sys.argv[3:])
    folder.mkdir(parents=True, exist_ok=True)
    rng = numpy.random.default_rng(positions)
    weights = {"b": rng.standard_normal(HEADS * WIDTH).astype(numpy.float32)}
    for key in ("wq", "wk", "wv"):
        groups = rng.standard_normal((HIDDEN // 4, 4, HEADS * WIDTH)) / 6
        numpy.put_along_axis(groups, rng.random(groups.shape).argsort(1)[:, 2:], 0, axis=1)
        weights[key] = groups.reshape(HIDDEN, -1).astype(numpy.float32)
    x = rng.standard_normal((batch * positions, HIDDEN)).astype(numpy.float32)
    split = lambda y: y.reshape(batch, positions, HEADS, WIDTH)
    wide = x.astype(numpy.float64)
    q, k, v = split(wide @ weights["wq"] + weights["b"]), split(wide @ weights["wk"]), split(wide @ weights["wv"])
    scores = numpy.einsum("bihd,bjhd->bhij", q, k) / numpy.sqrt(WIDTH)
    exponentials = numpy.exp(scores - scores.max(-1, keepdims=True))
    want = numpy.einsum("bhij,bjhd->bihd", exponentials / exponentials.sum(-1, keepdims=True), v)
    weights["wk"] = numpy.ascontiguousarray(weights["wk"].T)
    numpy.savez(folder / "w.npz", **weights)
    numpy.save(folder / "x.npy", x)
    numpy.save(folder / "want.npy", want.astype(numpy.float32))
    (folder / "m.mlir").write_text(module(batch, positions))
    done = subprocess.run(["nm-run", "m.mlir", "--params=w.npz", "--input=x.npy", "--expect=want.npy", "--rtol=2e-5", "--atol=2e-5",
                           f"--target={target}", "--remarks-filter=flat-turn-products"], cwd=folder, capture_output=True, text=True)
    print(done.stdout + done.stderr)
    turned = done.stderr.count("product-turned")
    print(f"{target}, {batch} x {positions}: {turned} turned, exit {done.returncode}")


main()
