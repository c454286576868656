# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Activations as products of integers in groups see them: docs/kernels.md in NumPy."""

import numpy as np

# Ranges that are tried, as fractions of the whole.
FACTORS = np.float32((127 - 0.7 * np.arange(8)) / 127)
WEIGHTS = np.float32(1 / FACTORS.astype("f8") ** 2)


def round_activations(x):
    """[columns, K] in f32: 32 consecutive ones are a scale times integers. Returns the products and the scales of all, in float64."""
    groups = x.astype(np.float32).reshape(len(x), -1, 32)
    # NumPy's maximum keeps a NaN as well.
    most = np.maximum(np.abs(groups).max(2, keepdims=True), np.float32(2.0**-100))
    with np.errstate(invalid="ignore"):
        scaled = groups * (np.float32(127) / most)
        tried = scaled[..., None] * FACTORS
        # In f32, in this order: neighbours are often nearly as good. One addition is fused.
        error = tried - np.rint(tried)
        low, high = error[:, :, :16] ** 2, error[:, :, 16:].astype("f8")
        sums = (high**2 + low).astype(np.float32)
        for width in (8, 4, 2, 1):
            sums = sums[:, :, :width] + sums[:, :, width:]
        totals = sums[:, :, 0] * WEIGHTS
        best = FACTORS[totals.argmin(2)][..., None]
        integers = np.rint(scaled * best).astype("f8")
        fit = (scaled * integers).sum(2, keepdims=True) / np.maximum((integers**2).sum(2, keepdims=True), 1)
        scales = (most * np.float32(1 / 127)).astype("f8") * fit
        products = integers * scales
        # No worse than one range for all, by which other engines round.
        plain = np.rint(scaled) * (most.astype("f8") / 127)
        found, other, size = (((each - groups) ** 2).sum(2) for each in (products, plain, np.zeros(1)))
        assert not (found > other * (1 + 1e-5) + size * 1e-12).any()
    return products.reshape(x.shape), np.broadcast_to(scales, groups.shape).reshape(x.shape)
