#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""math.exp and math.exp2 as flat-expand-exp expands them, against float64: within 2 ulp everywhere.

Every 1021st float of all 2^32, and every float near the ends of the range.
"""

import os
import sys
import tempfile

import numpy as np

from build import UPSTREAM, Library, run

MODULE = """
func.func @%(name)s(%%x: tensor<?xf32>) -> tensor<?xf32> attributes {llvm.emit_c_interface} {
  %%c0 = arith.constant 0 : index
  %%n = tensor.dim %%x, %%c0 : tensor<?xf32>
  %%e = tensor.empty(%%n) : tensor<?xf32>
  %%y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                        iterator_types = ["parallel"]}
      ins(%%x : tensor<?xf32>) outs(%%e : tensor<?xf32>) {
  ^bb0(%%a: f32, %%b: f32):
    %%r = math.%(op)s %%a : f32
    linalg.yield %%r : f32
  } -> tensor<?xf32>
  return %%y : tensor<?xf32>
}
"""


def special_values():
    special = np.array([np.inf, -np.inf, np.nan, -np.nan, 0.0, -0.0], np.float32)
    odd_nans = np.array([0x7F800001, 0x7FFFFFFF, 0xFF800001, 0xFFFFFFFF], np.uint32)
    return np.concatenate([special, odd_nans.view(np.float32)])


def inputs():
    bits = np.arange(0, 2**32, 1021, dtype=np.uint64).astype(np.uint32)
    ends = [0.0, 87.33655, 88.72284, 103.97208, 126.0, 126.5, 127.0, 128.0, 149.0, 150.0, 151.0, 0.5, 1.5]
    near = [np.float32(s * e).view(np.uint32) + np.arange(-3000, 3000) for e in ends for s in (1, -1)]
    bits = np.concatenate([bits, np.concatenate(near).astype(np.uint32)])
    return np.concatenate([bits.view(np.float32), special_values()])


def ulp_error(found, exact):
    """Error in units of the last place of the result, subnormal ones included."""
    exact = np.where(exact >= 2.0**128 * (1 - 2.0**-25), np.inf, exact)  # rounds to infinity
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        exponent = np.floor(np.log2(np.where((exact > 0) & np.isfinite(exact), exact, 1)))
        ulp = 2.0 ** np.maximum(exponent - 23, -149)
        error = np.abs(found.astype(np.float64) - exact) / ulp
    # Overflow within 2 ulp of the largest number is an error of at most that.
    largest = float(np.finfo(np.float32).max)
    error = np.where(np.isinf(found) & np.isfinite(exact), np.abs(2.0**128 - exact) / 2.0**104, error)
    error = np.where(np.isinf(exact), np.where(found >= largest * (1 - 2.0**-23), 0, np.inf), error)
    return np.where(np.isnan(exact), np.where(np.isnan(found), 0, np.inf), error)


def main():
    x = inputs()
    with tempfile.TemporaryDirectory() as folder:
        base = os.path.join(folder, "exp")
        text = "".join(MODULE % {"name": "f_" + op, "op": op} for op in ("exp", "exp2"))
        text = run(["nm-opt", "-", "--flat-expand-exp"], input=text)
        assert "math.exp" not in text, "flat-expand-exp left an exponential"
        text = run(["mlir-opt", "--pass-pipeline=builtin.module(%s)" % UPSTREAM.replace("\n", " ")], input=text)
        with open(base + ".mlir", "w") as file:
            file.write(text)
        run(["mlir-translate", "--mlir-to-llvmir", base + ".mlir", "-o", base + ".ll"])
        run(["clang", "-O2", "-march=native", "-ffp-contract=off", "-shared", "-fPIC", "-w", base + ".ll", "-o",
             base + ".so", "-lm"])
        library = Library(base + ".so")
        failed = 0
        for op, exact in (("exp", np.exp), ("exp2", np.exp2)):
            found, = library.call("f_" + op, [x], [(x.shape, "f32")])
            with np.errstate(over="ignore", invalid="ignore"):
                error = ulp_error(found, exact(x.astype(np.float64)))
            worst = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
            print("%s: %d inputs, at most %.3f ulp, at %r: %r" % (op, x.size, error[worst], float(x[worst]),
                                                                 float(found[worst])))
            failed += not error[worst] <= 2
            failed += not (found[x == 0] == 1).all()
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
