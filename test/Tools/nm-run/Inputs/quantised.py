# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A 2:4 weight quantised to i8 with one scale for each row, and relu(x (scale W)^T + bias) of it:
quantised.py FOLDER."""

import sys

import numpy as np
from safetensors import prune, write

folder = sys.argv[1]
random = np.random.default_rng(11)
weight = prune(random.standard_normal((40, 512)).astype("f4"), 2, 4)
scale = (np.abs(weight).max(axis=1, keepdims=True) / 127).astype("f4")
quantised = np.rint(weight / scale).astype("i1")
bias = random.standard_normal(40).astype("f4")
write(f"{folder}/model.safetensors", {"weight": quantised, "scale": scale, "bias": bias})
for tokens in (1, 9):
    x = random.standard_normal((tokens, 512)).astype("f4")
    np.save(f"{folder}/x{tokens}.npy", x)
    y = x.astype("f8") @ (scale.astype("f8") * quantised).T + bias
    np.save(f"{folder}/y{tokens}.npy", np.maximum(y, 0))
