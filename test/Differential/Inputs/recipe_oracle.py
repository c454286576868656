# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the operations of the dialect `step` mean, in NumPy, written from their descriptions.

Arrays are float32 and stay so: NumPy rounds after each operation, as the descriptions demand.
"""

import itertools

import numpy as np

F = np.float32
NAN_MAGNITUDE = 0x7F800001


def magnitude(x):
    bits = np.asarray(x, F).view(np.int32) & 0x7FFFFFFF
    return np.minimum(bits, NAN_MAGNITUDE)


def groups(shape, m, axis, stride, block):
    """Yields, for every group, the list of its blocks' places: tuples of slices."""
    counts = [size // b for size, b in zip(shape, block)]
    others = [range(c) for d, c in enumerate(counts) if d != axis]
    for other in itertools.product(*others):
        for run in range(counts[axis] // (m * stride)):
            for offset in range(stride):
                members = []
                for member in range(m):
                    at = list(other)
                    at.insert(axis, (run * m + member) * stride + offset)
                    members.append(tuple(slice(i * b, (i + 1) * b) for i, b in zip(at, block)))
                yield members


def ordered(x, members):
    """The members of a group in the order in which they stay, and their magnitudes."""
    keys = []
    for member in members:
        part = x[member]
        score = F(0)
        for value in part.reshape(-1):
            score = F(score + abs(value))
        keys.append(int(magnitude(score)))
    return sorted(range(len(members)), key=lambda i: (-keys[i], i)), keys


def mask(x, n, m, axis, stride=1, block=None):
    keep = np.zeros(x.shape, bool)
    for members in groups(x.shape, m, axis, stride, block or (1,) * x.ndim):
        order, _ = ordered(x, members)
        for i in order[: max(n, 0)]:
            keep[members[i]] = True
    return keep


def soft_threshold(x, n, m, axis, stride, scale):
    result = np.zeros(x.shape, F)
    for members in groups(x.shape, m, axis, stride, (1,) * x.ndim):
        order, keys = ordered(x, members)
        n = min(max(n, 0), m)
        threshold = np.array(keys[order[n]] if n < m else 0, np.int32).view(F)
        for i in order[:n]:
            value = x[members[i]]
            result[members[i]] = F(scale) * np.copysign(np.abs(value) - threshold, value)
    return result


def transposable_mask(x, n, m, axes):
    keep = np.zeros(x.shape, bool)
    counts = [size // m if d in axes else size for d, size in enumerate(x.shape)]
    for place in itertools.product(*(range(c) for c in counts)):
        at = tuple(slice(i * m, i * m + m) if d in axes else i for d, i in enumerate(place))
        keys, chosen = magnitude(x[at]), keep[at]
        for i, j in sorted(itertools.product(range(m), range(m)), key=lambda ij: (-int(keys[ij]), ij)):
            chosen[i, j] = chosen[i].sum() < n and chosen[:, j].sum() < n
    return keep


def effective(x, keep, decay=None):
    dropped = np.zeros_like(x) if decay is None or decay == 0 else decay * x
    return np.where(keep, x, dropped).astype(F)


def straight_through(g, w, keep, scale):
    return np.where(keep, g, g + scale * w).astype(F)


def weight_decay(g, w, decay):
    return g + decay * w


def scale(x, factor):
    return x * factor


def moment(m, g, beta, gain):
    return m * beta + g * gain


def second_moment(v, g, beta, gain):
    return v * beta + (gain * g) * g


def adam_update(w, m, v, rate, bias, eps):
    return w + (-rate * m) / (np.sqrt(v) / bias + eps)


def frozen_update(kind, w, m, v, rate, eps):
    d = np.sqrt(v + eps) if kind == "inside" else np.sqrt(v) + eps
    return w + (-rate * m) / d


def descend(w, u, rate):
    return w + -rate * u


def change(before, after):
    return np.abs(after - before).reshape(-1)


def pairwise(lanes, combine):
    h = 4
    while h:
        lanes = [combine(lanes[l], lanes[l + h]) for l in range(h)]
        h //= 2
    return lanes[0]


def runs(values, missing):
    """Lists of 16, the last one filled up."""
    values = list(values)
    for i in range(0, len(values), 16):
        run = values[i : i + 16]
        yield run + [missing] * (16 - len(run))


def change_sum(before, after):
    lanes = [np.float64(0)] * 8
    for run in runs(change(before, after), F(0)):
        for l in range(8):
            lanes[l] += np.float64(F(run[l] + run[l + 8]))
    return pairwise(lanes, lambda x, y: x + y)


def change_product(before, after):
    """mantissa, exponent, left out"""
    lanes, exponent, left_out = [np.float64(1)] * 8, 0, 0
    for run in runs(change(before, after), None):
        parts = []
        for i, x in enumerate(run):
            if x is None:
                x = F(1)
            elif not np.isfinite(x) or x < np.finfo(F).tiny:
                left_out += 1
                x = F(1)
            fraction, power = np.frexp(x)  # from 1/2 to 1
            parts.append(F(2 * fraction if i < 8 else fraction))
            exponent += int(power) - (1 if i < 8 else 0)
        for l in range(8):
            lanes[l] *= np.float64(F(parts[l] * parts[l + 8]))

    def normalise(x):
        nonlocal exponent
        fraction, power = np.frexp(x)
        exponent += int(power) - 1
        return 2 * fraction

    product = pairwise([normalise(x) for x in lanes], lambda x, y: x * y)
    return product, np.int64(exponent), np.int64(left_out)


def count_nonfinite(x):
    return np.int64((~np.isfinite(x)).sum())
