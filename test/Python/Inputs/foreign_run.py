# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints of other libraries for one product, and what it gives: foreign_run.py FOLDER."""

import os
import sys

import numpy as np

import foreign_checkpoints as foreign


def pruned(weight):
    """2:4 along the last axis by magnitude, ties to the lower index."""
    groups = weight.reshape(weight.shape[0], -1, 4)
    order = np.argsort(-np.abs(groups), axis=-1, kind="stable")
    mask = np.zeros(groups.shape, bool)
    np.put_along_axis(mask, order[..., :2], True, -1)
    return np.where(mask, groups, 0).reshape(weight.shape)


def main():
    os.chdir(sys.argv[1])
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3, 128), dtype=np.float32)
    np.save("x.npy", x)
    parts, dense = foreign.marlin24(rng, 64, 128, False, 4, full=True)
    foreign.safetensors("marlin.safetensors", {"module." + name: part for name, part in parts.items()})
    np.save("marlin.npy", x @ dense.astype(np.float32).T)
    np.savez("plain.npz", **{"l.weight": dense.astype(np.float32)})
    dense = dense.astype(np.float32)
    dense[5, 6] = 70000
    np.savez("large.npz", **{"l.weight": dense})
    parts, dense = foreign.gptq(rng, 64, 128, 32, 4, order=True)
    os.makedirs("gptq", exist_ok=True)
    foreign.safetensors("gptq/model.safetensors", {"model." + name: part for name, part in parts.items()})
    np.save("gptq.npy", x @ pruned(dense.astype(np.float32)).T)


if __name__ == "__main__":
    main()
