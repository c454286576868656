# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""N:M weights in NumPy: random ones, pruning, and the canonical and panel layouts.

Written from docs/runtime.md, apart from the compiler's and the runtime's code.
"""

import numpy as np

from dtypes import to_float


def rows_of(dense, axis):
    """[rows][K]: the sparse axis last, the others in order."""
    moved = np.moveaxis(dense, axis, -1)
    return moved.reshape(int(np.prod(moved.shape[:-1])), moved.shape[-1])


def random_mask(rng, shape, n, m, axis, kind):
    """True at positions that may be non-zero; 'full', 'under' or 'mixed' groups."""
    others = [d for i, d in enumerate(shape) if i != axis]
    groups = (*others, shape[axis] // m)
    order = rng.permuted(np.broadcast_to(np.arange(m), (*groups, m)), axis=-1)
    count = np.full(groups, n)
    if kind == "under":
        count = rng.integers(0, n + 1, groups)
    elif kind == "mixed":
        count = np.where(rng.random(groups) < 0.3, rng.integers(0, n + 1, groups), n)
    mask = (order < count[..., None]).reshape(*others, shape[axis])
    return np.moveaxis(mask, -1, axis)


def magnitude_order(group, dtype):
    """Positions of a group, largest magnitude first; NaN above all, ties to the lower index."""
    values = to_float(group, dtype)
    key = [np.inf if np.isnan(v) else -1.0 if np.isinf(v) else 0.0 for v in values]
    size = [0.0 if np.isnan(v) or np.isinf(v) else abs(v) for v in values]
    # NaN, then infinity, then by size.
    rank = {np.inf: 2, -1.0: 1, 0.0: 0}
    return sorted(range(len(group)), key=lambda i: (-rank[key[i]], -size[i], i))


def prune(dense, n, m, axis, dtype):
    moved = np.moveaxis(dense, axis, -1)
    result = np.zeros_like(moved)
    flat, out = moved.reshape(-1, m), result.reshape(-1, m)
    for group, kept in zip(flat, out):
        for i in magnitude_order(group, dtype)[:n]:
            kept[i] = group[i]
    return np.ascontiguousarray(np.moveaxis(out.reshape(moved.shape), -1, axis))


def slots(dense, n, m, axis, dtype):
    """Indices and values of the kept elements, [rows][groups][n]."""
    rows = rows_of(dense, axis)
    groups = rows.reshape(rows.shape[0], rows.shape[1] // m, m)
    nonzero = to_float(groups, dtype) != 0
    indices = np.zeros((*groups.shape[:2], n), np.int64)
    for r, g in np.ndindex(*groups.shape[:2]):
        kept = list(np.flatnonzero(nonzero[r, g]))
        zeros = list(np.flatnonzero(~nonzero[r, g]))
        assert len(kept) <= n
        indices[r, g] = sorted(kept + zeros[: n - len(kept)])
    return indices, np.take_along_axis(groups, indices, -1)


def index_bits(m):
    return (m - 1).bit_length()


def canonical(dense, n, m, axis, dtype):
    """Values and metadata of the canonical layout."""
    indices, values = slots(dense, n, m, axis, dtype)
    others = [d for i, d in enumerate(dense.shape) if i != axis]
    kept = dense.shape[axis] // m * n
    bits = index_bits(m)
    size = (kept * bits + 7) // 8
    metadata = np.zeros((indices.shape[0], size), np.uint8)
    for row, packed in zip(indices.reshape(indices.shape[0], kept), metadata):
        word = sum(int(index) << (s * bits) for s, index in enumerate(row))
        packed[:] = np.frombuffer(word.to_bytes(size, "little"), np.uint8)
    values = np.moveaxis(values.reshape(*others, kept), -1, axis)
    return np.ascontiguousarray(values), metadata.reshape(*others, size).view(np.int8)


def panel(dense, n, m, axis, dtype, rows, cols, depth):
    """Values of the panel layout and, unless the groups are full, u16 offsets."""
    indices, values = slots(dense, n, m, axis, dtype)
    length = dense.shape[axis]
    count = -(-len(values) // rows) * rows
    parts, offsets = [], []
    for begin in range(0, length, depth):
        block = min(depth, length - begin)
        first, kept = begin // m, block // m
        padded = -(-kept * n // 4) * 4
        v = np.zeros((count, padded), values.dtype)
        o = np.zeros((count, padded), np.uint16)
        v[: len(values), : kept * n] = values[:, first : first + kept].reshape(len(values), kept * n)
        at = (np.arange(kept)[:, None] * m + indices[:, first : first + kept]) * cols
        o[: len(values), : kept * n] = at.reshape(len(values), kept * n)
        for source, target in ((v, parts), (o, offsets)):
            quads = source.reshape(count // rows, rows, padded // 4, 4)
            target.append(quads.transpose(0, 2, 1, 3).reshape(-1))
    empty = np.zeros(0, values.dtype), np.zeros(0, np.uint16)
    values = np.concatenate([empty[0], *parts])
    if n == m:
        return (values,)
    return values, np.concatenate([empty[1], *offsets]).view(np.int16)
