# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model of one product, its weight in several forms, and results, in the current folder."""

import numpy as np

random = np.random.default_rng(7)
weight = random.standard_normal((24, 64)).astype("f4")
groups = weight.reshape(24, 16, 4)
kept = np.abs(groups) > np.abs(groups).min(axis=2, keepdims=True)
sparse = np.where(kept, groups, 0).reshape(24, 64).astype("f4")
x = random.standard_normal((8, 64)).astype("f4")
np.savez("dense.npz", weight=weight)
np.savez("sparse.npz", weight=sparse)
np.savez("masked.npz", weight=weight, weight_mask=kept.reshape(24, 64))
np.save("x.npy", x)
np.save("sparse.npy", x.astype("f8") @ sparse.T)
for name, pattern in ("m", ""), ("declared", ", #nm.sparsity<3:4, axis = 1>"):
    encoded = f"tensor<24x64xf32{pattern}>"
    with open(f"{name}.mlir", "w", encoding="utf-8") as file:
        file.write(f"""func.func @f(%x: tensor<8x64xf32>) -> tensor<8x24xf32> {{
  %w = nm.param "weight" : {encoded}
  %e = tensor.empty() : tensor<8x24xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<8x64xf32>, {encoded}) outs(%e : tensor<8x24xf32>) -> tensor<8x24xf32>
  return %y : tensor<8x24xf32>
}}
""")
