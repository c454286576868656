# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints that say which masks they were trained with (docs/recipes.md)."""

import ctypes
import json
import os

import numpy as np

from nm import _runtime

#: nm_dtype by name.
DTYPES = {"bool": 1, "u8": 2, "i8": 3, "i16": 6, "f16": 8, "bf16": 9, "i32": 10, "f32": 12,
          "f64": 13, "i64": 14}


def pack_mask(mask):
    """One bit an element, the flattened tensor without gaps, LSB first."""
    return np.packbits(mask.reshape(-1), bitorder="little")


def describe_mask(info, mask, axis=None):
    """The entry of a masked tensor (nm_recipe_info), whose mask goes by the name `mask`; `axis` if the
    tensor is saved in another shape than it is trained in. Blocks of several elements along the axis are
    as many times N of as many times M single ones."""
    pattern = f"{info.n_now * info.block}:{info.m_now * info.block}"
    entry = {"pattern": pattern, "axis": int(info.axis if axis is None else axis), "mask": mask}
    if info.transposable:
        entry["transposable"] = True
    return entry


def describe_training(training, patterns):
    """What "nm.checkpoint" holds beside its version."""
    return {"recipe": json.loads(training.recipe.json), "step": training.steps_done,
            "switched_at": training.switched_at, "tensors": patterns}


def write_checkpoint(path, tensors, training, texts=()):
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
