# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every fast N:M: one function multiplies one input by a weight of each pattern, and
nm-run compares the results with NumPy's.

usage: patterns.py FOLDER COLUMNS [DTYPE [DEPTH [TARGET]]]"""

import pathlib
import subprocess
import sys

import numpy as np

folder, columns = pathlib.Path(sys.argv[1]), int(sys.argv[2])
dtype = sys.argv[3] if len(sys.argv) > 3 else "f32"
depth = int(sys.argv[4]) if len(sys.argv) > 4 else 224
target = sys.argv[5] if len(sys.argv) > 5 else "x86-64-avx2"
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(columns)
patterns = [(n, m) for m in (2, 4, 8, 16, 32) for n in sorted({1, 2, 3, m // 2, m // 2 + 1, m - 1, m} & set(range(1, m + 1)))]
x = rng.integers(-8, 9, (columns, depth)).astype("f4")
body, results, types, arguments = [], [], [], []
# Every number here is one of bf16.
stored = {"f32": lambda w: w.astype("<f4"), "i8": lambda w: w.astype("i1"),
          "bf16": lambda w: (w.astype("<f4").view("<u4") >> 16).astype("<u2")}
np.save(folder / "x.npy", x)
for i, (n, m) in enumerate(patterns):
    rows = int(rng.integers(1, 70)) + 192 * (i % 5 == 0)
    keep = np.argsort(rng.random((rows, depth // m, m)), axis=2) < rng.integers(0, n + 1, (rows, depth // m, 1))
    sign = rng.choice([-1, 1], keep.shape)
    w = (rng.integers(1, 120, keep.shape) * sign * keep).reshape(rows, depth)
    np.save(folder / f"y{i}.npy", (x @ w.T).astype("f4"))
    arguments += ["--expect", f"{i}={folder}/y{i}.npy"]
    dense, encoded = f"tensor<{rows}x{depth}x{dtype}>", f"tensor<{rows}x{depth}x{dtype}, #nm.sparsity<{n}:{m}, axis = 1>>"
    result, data = f"tensor<{columns}x{rows}xf32>", stored[dtype](w).tobytes().hex().upper()
    body += [f'%c{i} = arith.constant dense<"0x{data}"> : {dense}',
             f"%w{i} = nm.compress %c{i} : {dense} to {encoded}",
             f"%e{i} = tensor.empty() : {result}",
             f"%y{i} = nm.matmul transpose_rhs ins(%x, %w{i} : tensor<{columns}x{depth}xf32>, {encoded}) "
             f"outs(%e{i} : {result}) -> {result}"]
    results.append(f"%y{i}")
    types.append(result)
text = "\n  ".join(body)
(folder / "f.mlir").write_text(f"""func.func @f(%x: tensor<{columns}x{depth}xf32>) -> ({", ".join(types)}) {{
  {text}
  return {", ".join(results)} : {", ".join(types)}
}}
""")
sys.exit(subprocess.run(["nm-run", folder / "f.mlir", f"--target={target}", "--input", folder / "x.npy",
                         "--remarks-filter=nm-select-layout",
                         *arguments]).returncode)
