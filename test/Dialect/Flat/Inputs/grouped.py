# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""grouped.py <prefix>: inputs of raise-attention-grouped.mlir in bf16 (as uint16), and its result in float64."""

import sys

import numpy as np

prefix = sys.argv[1]
rng = np.random.default_rng(3)
arrays = []
for number, shape in enumerate([(2, 5, 4, 8), (2, 5, 2, 8), (2, 5, 2, 8)]):
    bits = rng.standard_normal(shape).astype(np.float32).view(np.uint32) >> 16
    np.save("%s%d.npy" % (prefix, number), bits.astype(np.uint16))
    arrays.append((bits << 16).view(np.float32).astype(np.float64).transpose(0, 2, 1, 3))
q, k, v = arrays
k, v = np.repeat(k, 2, axis=1), np.repeat(v, 2, axis=1)
scores = np.einsum("bhid,bhjd->bhij", q, k) / np.sqrt(8)
scores = np.where(np.tri(5, dtype=bool), scores, -np.inf)
weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
weights /= weights.sum(axis=-1, keepdims=True)
result = np.einsum("bhij,bhje->bihe", weights, v).reshape(2, 5, 32).astype(np.float32)
bits = result.view(np.uint32).astype(np.int64)
np.save(prefix + ".npy", ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16))
