# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes a pruned product to compile, or compiles and runs it with the package that is installed: pip_install.py make|run."""

import sys

import numpy as np

MODEL = """
func.func @main(%x: tensor<3x16xf32>) -> tensor<3x8xf32> {
  %w = nm.param "w" : tensor<8x16xf32>
  %zero = arith.constant dense<0.0> : tensor<3x8xf32>
  %empty = tensor.empty() : tensor<16x8xf32>
  %t = linalg.transpose ins(%w : tensor<8x16xf32>) outs(%empty : tensor<16x8xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<3x16xf32>, tensor<16x8xf32>) outs(%zero : tensor<3x8xf32>) -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}
"""
WEIGHT = np.arange(1, 129, dtype=np.float32).reshape(8, 16)


def main():
    if sys.argv[1] == "make":
        with open("m.mlir", "w", encoding="utf-8") as out:
            out.write(MODEL)
        np.savez("w.npz", w=WEIGHT)
        return
    import nm
    from nm import _runtime, _tools
    print("the package is", nm.__path__[0])
    print("the library is", _runtime.lib._name)
    print("the compiler is", _tools.find("nm-compile"))
    x = np.arange(48, dtype=np.float32).reshape(3, 16)
    model = nm.compile("m.mlir", params="w.npz", prune="2:4")
    kept = np.where(np.arange(16) % 4 >= 2, WEIGHT, 0)  # magnitudes ascend
    if not np.allclose(model(x), x @ kept.T):
        sys.exit(f"error: {model(x)}, expected {x @ kept.T}")
    print("the same")


if __name__ == "__main__":
    main()
