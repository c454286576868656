# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles products for an AArch64 target, links them into a program that checks them against plain C
loops, and runs it under qemu.

usage: emulated.py FOLDER TARGET"""

import pathlib
import subprocess
import sys

import numpy as np

folder, target = pathlib.Path(sys.argv[1]), sys.argv[2]
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(4)
# Name, rows, depth, N, M, columns, rows that share a mask, element type of the weight.
CASES = [("lane2", 13, 64, 1, 2, 1, 1, "f32"), ("lane4", 40, 96, 2, 4, 1, 1, "f32"), ("lane8", 40, 96, 3, 8, 2, 1, "f32"),
         ("lane16", 40, 96, 3, 16, 1, 1, "f32"), ("lane32", 40, 96, 5, 32, 3, 1, "f32"),
         ("bytes", 24, 96, 2, 4, 1, 1, "i8"), ("halves", 24, 96, 2, 8, 1, 1, "bf16"),
         ("panel", 40, 96, 2, 4, 200, 1, "f32"), ("odd", 9, 70, 3, 7, 33, 1, "f32"),
         ("shared", 8, 96, 2, 4, 150, 4, "f32"), ("dense", 10, 96, 4, 4, 70, 1, "f32"),
         # Weights of four bits, with zero points or without; activations that rounding to 8 bits leaves as they are.
         ("pairs", 21, 128, 2, 4, 1, 1, "i4"), ("pairs_zeros", 16, 64, 2, 4, 3, 1, "i4 zeros"),
         ("singles", 40, 192, 1, 4, 2, 1, "i4"), ("dense4", 18, 128, 1, 1, 5, 1, "i4"),
         ("dense4_zeros", 33, 64, 4, 4, 1, 1, "i4 zeros")]

declarations, calls = [], []
for name, rows, depth, n, m, columns, share, dtype in CASES:
    leaders = rng.random((-(-rows // share), depth // m, m)).argsort(axis=2) < n
    w = (rng.integers(1, 9, (rows, depth // m, m)) * leaders.repeat(share, axis=0)[:rows]).reshape(rows, depth)
    suffix = "" if dtype == "i8" else ".0"
    claim = ""
    if dtype.startswith("i4"):
        claim = ", bits = 4, group = 64" + (", zeros" if "zeros" in dtype else "")
        # Beyond -8 where a zero point moves the range; times one scale.
        w = np.where(w != 0, -4 - w if "zeros" in dtype else w - 6, 0) * 2
        dtype = "f32"
    values = ", ".join("[" + ", ".join(f"{v}{suffix}" for v in row) + "]" for row in w)
    dense = f"tensor<{rows}x{depth}x{dtype}>"
    encoded = f"tensor<{rows}x{depth}x{dtype}, #nm.sparsity<{n}:{m}, axis = 1{claim}>>"
    x, y = f"tensor<{columns}x{depth}xf32>", f"tensor<{columns}x{rows}xf32>"
    (folder / f"{name}.mlir").write_text(f"""func.func @{name}(%x: {x}) -> {y} {{
  %c = arith.constant dense<[{values}]> : {dense}
  %w = nm.compress %c : {dense} to {encoded}
  %e = tensor.empty() : {y}
  %y = nm.matmul transpose_rhs ins(%x, %w : {x}, {encoded}) outs(%e : {y}) -> {y}
  return %y : {y}
}}
""")
    subprocess.run(["nm-compile", folder / f"{name}.mlir", "--emit=obj", f"--target={target}", "-o", folder / f"{name}.o"],
                   check=True)
    declarations += [f'#include "{name}.h"',
                     f"static const double w_{name}[] = {{{', '.join(map(str, w.reshape(-1)))}}};",
                     f"static float x_{name}[{columns * depth}];"]
    calls.append(f"""  {{
    for (int i = 0; i < {columns * depth}; ++i)
      x_{name}[i] = {"i % 32 == 0 ? 127 : " if claim else ""}i * 37 % 17 - 8;
    nm_memref_2d y;
    int wrong = nm_call_{name}(x_{name}, &y);
    const float *found = (const float *)y.aligned + y.offset;
    for (int t = 0; t < {columns}; ++t)
      for (int r = 0; r < {rows}; ++r) {{
        double sum = 0;
        for (int k = 0; k < {depth}; ++k)
          sum += x_{name}[t * {depth} + k] * w_{name}[r * {depth} + k];
        wrong += sum != found[t * y.strides[0] + r * y.strides[1]];
      }}
    printf("{name}: %d wrong\\n", wrong);
    failed |= wrong != 0;
  }}""")
lines = ["#include <stdio.h>", *declarations, "int main(void) {", "  int failed = 0;", *calls, "  return failed;", "}"]
(folder / "main.c").write_text("\n".join(lines) + "\n")
objects = [folder / f"{case[0]}.o" for case in CASES]
subprocess.run(["aarch64-linux-gnu-gcc", "-static", folder / "main.c", *objects, "-lm", "-o", folder / "main"], check=True)
sys.exit(subprocess.run(["qemu-aarch64", "-cpu", "max,sve256=on", folder / "main"]).returncode)
