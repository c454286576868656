# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains two matrices a little and saves them in several ways: trained_checkpoint.py FOLDER."""

import os
import sys

import numpy as np

import nm.numpy
from nm.checkpoint import write_checkpoint

folder = sys.argv[1]


def path(name):
    return os.path.join(folder, name)


rng = np.random.default_rng(11)
arrays = {"rows.weight": rng.standard_normal((8, 16), dtype=np.float32),
          "columns.weight": np.round(rng.standard_normal((8, 8), dtype=np.float32) * 2) / 2 + 0.25}
arrays["columns.weight"] = arrays["columns.weight"].astype(np.float32)
optimizer = nm.numpy.Optimizer(arrays, {"method": "sr-ste", "patterns": [
    {"tensors": "rows.*", "pattern": "2:4"}, {"tensors": "*", "pattern": "1:4", "axis": 0}]})
for _ in range(3):
    optimizer.step({name: np.sin(array) for name, array in arrays.items()})
optimizer.save_checkpoint(path("trained.safetensors"))
dense = [(name, "f32", optimizer.weights(name)) for name in arrays]
write_checkpoint(path("dense.safetensors"), dense, {"tensors": {}})
lie = {"rows.weight": {"pattern": "2:4", "axis": 1, "mask": "gone"}}
write_checkpoint(path("broken.safetensors"), dense, {"tensors": lie})
lie["rows.weight"]["mask"] = "columns.weight"
write_checkpoint(path("lying.safetensors"), dense, {"tensors": lie})
x = rng.standard_normal((3, 16), dtype=np.float32)
np.save(path("x.npy"), x)
np.save(path("y.npy"), x @ arrays["rows.weight"].T @ arrays["columns.weight"])

# Masks that kernels do not choose: transposable, and of blocks.
arrays = {name: rng.standard_normal(array.shape, dtype=np.float32) for name, array in arrays.items()}
optimizer = nm.numpy.Optimizer(arrays, {"method": "sr-ste", "mask_every": 2, "patterns": [
    {"tensors": "rows.*", "pattern": "2:4 transposable"},
    {"tensors": "*", "pattern": "1:2 blocks 2x2", "axis": 0}]})
for _ in range(3):
    optimizer.step({name: np.sin(array) for name, array in arrays.items()})
optimizer.save_checkpoint(path("special.safetensors"))
np.save(path("special-y.npy"), x @ arrays["rows.weight"].T @ arrays["columns.weight"])
