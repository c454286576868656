# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints with one 2:4 weight in several forms, and results of x W^T: params.py FOLDER."""

import sys

import numpy as np
from safetensors import prune, write

folder = sys.argv[1]
random = np.random.default_rng(7)
weight = random.standard_normal((8, 16)).astype("f4")
sparse = prune(weight, 2, 4)
mask = sparse != 0
x = random.standard_normal((4, 16)).astype("f4")

write(f"{folder}/dense.safetensors", {"weight": weight})
write(f"{folder}/sparse.safetensors", {"weight": sparse})
write(f"{folder}/masked.safetensors", {"weight": weight, "weight_mask": mask})
write(f"{folder}/suffix.safetensors", {"weight": weight, "weight.keep": mask.astype("u1")})
write(f"{folder}/msb.safetensors", {"weight": weight, "weight_mask": np.packbits(mask, axis=1)})
write(f"{folder}/other.safetensors", {"weights": weight})
write(f"{folder}/shape.safetensors", {"weight": weight.T.copy()})
np.savez(f"{folder}/sparse.npz", weight=sparse)
np.save(f"{folder}/x.npy", x)
np.save(f"{folder}/sparse.npy", x.astype("f8") @ sparse.T)
np.save(f"{folder}/dense.npy", x.astype("f8") @ weight.T)
np.save(f"{folder}/sum.npy", weight + sparse)
