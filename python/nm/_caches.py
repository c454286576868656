# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Caches that grow where they lie: arrays that are the first rows of larger memory (docs/compiled-models.md#caches)."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from nm._runtime import Error
from nm._types import Array


def cache(shape: Sequence[int], room: int, axis: int = -2, dtype: Any = np.float32) -> Array:
    """An array of `shape`, zeros, in memory with room for `room` rows along `axis`. A call of a function that grows
    it (`function.grows`) writes behind its rows and returns the longer array over the same memory:

        keys = nm.cache((1, 12, 0, 64), room=1024)
        logits, keys = decode(tokens, keys)
    """
    rank = len(shape)
    if not 0 < (axis + rank if axis < 0 else axis) < rank:
        raise Error(f"axis is {axis} for shape {tuple(shape)}, expected a dimension behind the first")
    axis %= rank
    if not 0 <= shape[axis] <= room:
        raise Error(f"room is {room} in dimension {axis} of shape {tuple(shape)}, expected at least {shape[axis]}")
    whole = np.zeros([room if d == axis else size for d, size in enumerate(shape)], dtype)
    return whole[(slice(None),) * axis + (slice(shape[axis]),)]


def memory_behind(array: Array) -> tuple[Array, int]:
    """The array whose memory `array` lies in, and how many bytes from its first element on there are."""
    whole = array
    while isinstance(whole.base, np.ndarray):
        whole = whole.base
    if not whole.flags.c_contiguous:
        return array, array.nbytes
    start = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return whole, whole.nbytes - start


def grown(array: Array, shape: Sequence[int]) -> Array:
    """The array of `shape` that begins where `array` does, with its strides, in the same memory."""
    whole, behind = memory_behind(array)
    result: Array = np.ndarray(tuple(shape), array.dtype, whole, whole.nbytes - behind, array.strides)
    return result
