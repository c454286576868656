# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints that say which masks they were trained with (docs/recipes.md)."""

from __future__ import annotations

import ctypes
import json
import os
from typing import TYPE_CHECKING, Any, Iterator, Sequence

import numpy as np

from nm import _runtime
from nm._types import Array, PathLike

if TYPE_CHECKING:
    from nm._training import Training

#: nm_dtype by name.
DTYPES = {"bool": 1, "u8": 2, "i8": 3, "i16": 6, "f16": 8, "bf16": 9, "i32": 10, "f32": 12,
          "f64": 13, "i64": 14}


def pack_mask(mask: Array) -> Array:
    """One bit an element, the flattened tensor without gaps, LSB first."""
    return np.packbits(mask.reshape(-1), bitorder="little")


def describe_mask(info: _runtime.Info, mask: str, axis: int | None = None) -> dict[str, Any]:
    """The entry of a masked tensor (nm_recipe_info), whose mask goes by the name `mask`; `axis` if the
    tensor is saved in another shape than it is trained in. Blocks of several elements along the axis are
    as many times N of as many times M single ones."""
    pattern = f"{info.n_now * info.block}:{info.m_now * info.block}"
    entry = {"pattern": pattern, "axis": int(info.axis if axis is None else axis), "mask": mask}
    if info.transposable:
        entry["transposable"] = True
    return entry


def describe_training(training: Training, patterns: dict[str, Any]) -> dict[str, Any]:
    """What "nm.checkpoint" holds beside its version."""
    return {"recipe": json.loads(training.recipe.json), "step": training.steps_done,
            "switched_at": training.switched_at, "tensors": patterns}


def write_checkpoint(path: PathLike, tensors: Sequence[tuple[str, str, Array]], training: Any, texts: Any = ()) -> None:
    """Writes safetensors: `tensors` are (name, element type, array) each, an array of bf16 holding the
    bits; `training` is the entry "nm.checkpoint" of the metadata, without its version."""
    array = (_runtime.NamedTensor * len(tensors))()
    for slot, (name, dtype, values) in zip(array, tensors):
        slot.struct_size = ctypes.sizeof(slot)
        slot.name = name.encode()
        slot.dtype = DTYPES[dtype]
        slot.rank = values.ndim
        slot.shape = _runtime.shape_array(values.shape)
        slot.data = values.ctypes.data
    pairs = {**dict(texts), "nm.checkpoint": json.dumps({"version": 1, **training})}
    metadata = (_runtime.Text * len(pairs))()
    for slot, (name, text) in zip(metadata, pairs.items()):
        slot.struct_size = ctypes.sizeof(slot)
        slot.name = name.encode()
        slot.text = text.encode()
    _runtime.call("nm_write_safetensors_with", os.fsencode(path), array, len(tensors), metadata,
                  len(pairs))


class Checkpoint:
    """The tensors of a checkpoint of any format that the tools read (docs/runtime.md), as arrays by name.

    Weights that are stored compressed or quantised are the dense ones they stand for. NumPy has no bf16
    and no 8-bit floats: these come as f32, exactly.
    """

    def __init__(self, path: PathLike) -> None:
        self._handle = ctypes.c_void_p()
        _runtime.call("nm_checkpoint_open", os.fsencode(path), ctypes.byref(self._handle))

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            _runtime.lib.nm_checkpoint_free(self._handle)

    def __len__(self) -> int:
        return int(_runtime.lib.nm_checkpoint_count(self._handle))

    def __iter__(self) -> Iterator[str]:
        for index in range(len(self)):
            yield _runtime.lib.nm_checkpoint_name(self._handle, index).decode(errors="surrogateescape")

    def __getitem__(self, name: str) -> Array:
        """A copy of a tensor."""
        tensor = _runtime.Tensor()
        tensor.struct_size = ctypes.sizeof(tensor)
        _runtime.call("nm_checkpoint_read", self._handle, name.encode(errors="surrogateescape"),
                      ctypes.byref(tensor))
        try:
            shape = [tensor.shape[d] for d in range(tensor.rank)]
            raw = ctypes.string_at(tensor.data, tensor.bytes) if tensor.bytes else b""
            return _array(raw, tensor.dtype, shape)
        finally:
            _runtime.lib.nm_tensor_free(ctypes.byref(tensor))


def _array(raw: bytes, dtype: int, shape: Sequence[int]) -> Array:
    """Little-endian elements of an nm_dtype as an array."""
    plain = {1: "?", 2: "u1", 3: "i1", 6: "<i2", 7: "<u2", 8: "<f2", 10: "<i4", 11: "<u4", 12: "<f4",
             13: "<f8", 14: "<i8", 15: "<u8"}
    if dtype in plain:
        return np.frombuffer(raw, plain[dtype]).reshape(shape).copy()
    if dtype == 9:
        bits = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(shape)
    bits = np.frombuffer(raw, "u1").astype(np.uint16)
    if dtype == 4:  # e5m2 is the upper half of f16
        return (bits << 8).view(np.float16).astype(np.float32).reshape(shape)
    # e4m3: four bits of exponent with bias 7, no infinities
    sign = np.where(bits & 0x80, np.float32(-1), np.float32(1))
    exponent, fraction = (bits >> 3 & 15).astype(np.int32), (bits & 7).astype(np.float32)
    normal = np.ldexp(np.float32(1) + fraction / 8, exponent - 7)
    value = np.where(exponent == 0, np.ldexp(fraction / 8, -6), normal)
    value = np.where((bits & 0x7f) == 0x7f, np.float32("nan"), value)
    result: Array = (sign * value).astype(np.float32).reshape(shape)
    return result
