# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Caches that grow where they lie: arrays that are the first rows of larger memory; and rows of eight bits
(docs/compiled-models.md#caches)."""

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


def quantize_rows(x: Array) -> Array:
    """Floats [.., D] as rows of eight bits, int8 [.., D + 4], as a model that was compiled with kv_cache="i8" keeps them:
    D integers and their scale, an f32, s = max |x| / 127; round(x / s). A row that holds an infinity or NaN
    has integers of 0 and a scale of NaN."""
    x = np.asarray(x, np.float32)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise Error(f"rows of shape {x.shape} hold nothing, expected a last dimension of 1 or more")
    most = np.abs(x).max(-1, keepdims=True)
    scale = np.where(np.isfinite(most), most / np.float32(127), np.float32(np.nan))
    usable = scale > 0
    integers = np.where(usable, x, 0) / np.where(usable, scale, 1)
    integers = np.clip(np.rint(integers), -127, 127).astype(np.int8)
    return np.concatenate([integers, scale.astype("<f4").view(np.int8)], -1)


def dequantize_rows(rows: Array) -> Array:
    """The f32 [.., D] of int8 rows [.., D + 4] (quantize_rows)."""
    if rows.dtype != np.int8 or rows.ndim == 0 or rows.shape[-1] < 5:
        raise Error(f"rows are {rows.dtype} of shape {rows.shape}, expected int8 and a last dimension of D + 4")
    scale = np.ascontiguousarray(rows[..., -4:]).view("<f4")
    result: Array = rows[..., :-4].astype(np.float32) * scale
    return result
