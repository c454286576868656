# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A product with one weight in the current folder, and checkpoints that fit it or do not."""

import numpy as np

BODY = """  %init = tensor.empty() : tensor<4x8xf32>
  %zero = arith.constant 0.0 : f32
  %fill = linalg.fill ins(%zero : f32) outs(%init : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.matmul
    indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, WEIGHT : tensor<4x16xf32>, tensor<8x16xf32>) outs(%fill : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
"""
HEAD = "func.func @f(%x: tensor<4x16xf32>) -> tensor<4x8xf32> {\n"
DECLARED = "tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>"

with open("m.mlir", "w") as out:
    out.write(HEAD + '  %w = nm.param "l.weight" : tensor<8x16xf32>\n' + BODY.replace("WEIGHT", "%w"))
with open("declared.mlir", "w") as out:
    out.write(HEAD + f'  %e = nm.param "l.weight" : {DECLARED}\n'
              f"  %w = nm.decompress %e : {DECLARED} to tensor<8x16xf32>\n" + BODY.replace("WEIGHT", "%w"))

rng = np.random.default_rng(7)
w = rng.standard_normal((8, 16)).astype("f4")
x = rng.standard_normal((4, 16)).astype("f4")
# The two largest magnitudes of every four.
order = np.argsort(-abs(w).reshape(8, 4, 4), axis=-1)
mask = np.zeros((8, 4, 4), bool)
np.put_along_axis(mask, order[..., :2], True, -1)
mask = mask.reshape(8, 16)
np.save("x.npy", x)
np.save("pruned.npy", x @ (w * mask).T)
np.savez("dense.npz", **{"l.weight": w})
np.savez("masked.npz", **{"l.weight": w, "l.weight_mask": mask})
np.savez("packed.npz", **{"l.weight": w * mask, "l.weight_mask": np.packbits(mask, axis=-1)})
np.savez("missing.npz", **{"encoder.l.weight": w})
np.savez("shape.npz", **{"l.weight": w.T.copy()})
np.savez("dtype.npz", **{"l.weight": w.astype("i4")})
with open("dense.npz", "rb") as whole, open("cut.npz", "wb") as out:
    out.write(whole.read()[:300])
