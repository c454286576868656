# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The recipes over NumPy arrays."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from nm import _runtime
from nm._training import Training
from nm._types import Array, PathLike
from nm.checkpoint import describe_mask, describe_training, pack_mask, write_checkpoint
from nm.recipe import Recipe


class Optimizer:
    """Trains a dict of f32 arrays in place.

    From the start the arrays hold what the forward pass must see: the effective weights. `step` takes
    the gradients at them. `pattern` is "N:M" for every array of rank two and more, along `axis`,
    where the recipe names no patterns.
    """

    def __init__(self, parameters: Mapping[str, Array], recipe: Any, *, pattern: str | None = None,
                 axis: int = 1, trace: Any = None) -> None:
        self.recipe = Recipe.of(recipe)
        if pattern is not None and self.recipe.given.get("patterns"):
            raise _runtime.Error("both `pattern` and the recipe's patterns are given")
        self._training = Training(self.recipe, trace)
        self.parameters = dict(parameters)
        self._index = {name: i for i, name in enumerate(self.parameters)}
        described = []
        for name, array in self.parameters.items():
            self._check(name, array, np.float32)
            own = None if pattern is None else pattern if array.ndim >= 2 else "dense"
            described.append((name, _runtime.F32, array.shape, array.ctypes.data, 0, own, axis))
        self._training.add(described)

    @staticmethod
    def _check(name: str, array: Any, dtype: Any, shape: tuple[int, ...] | None = None) -> None:
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            raise _runtime.Error(f"'{name}' is {getattr(array, 'dtype', type(array).__name__)}, "
                                 f"expected an array of {np.dtype(dtype)}")
        if not array.flags.c_contiguous:
            raise _runtime.Error(f"'{name}' is not row-major without gaps")
        if shape is not None and array.shape != shape:
            raise _runtime.Error(f"'{name}' has shape {array.shape}, expected {shape}")

    def step(self, gradients: Mapping[str, Any], **rates: float) -> _runtime.Report:
        """One step; `gradients` by name, arrays without one stay. `rates` replace the recipe's: lr,
        beta1, beta2, eps, weight_decay, momentum, dampening. Returns the report."""
        unknown = set(gradients) - set(self.parameters)
        if unknown:
            raise _runtime.Error(f"a gradient of '{sorted(unknown)[0]}', which is no parameter")
        given = []
        kept = []  # what is converted lives until the call is over
        for name, array in self.parameters.items():
            gradient = gradients.get(name)
            address = None
            if gradient is not None:
                gradient = np.ascontiguousarray(gradient, dtype=np.float32)
                self._check(name, gradient, np.float32, array.shape)
                kept.append(gradient)
                address = gradient.ctypes.data
            given.append((address, _runtime.F32, array.ctypes.data))
        own = self._training.default_rates()
        for name, value in rates.items():
            if name == "struct_size" or not hasattr(own, name):
                raise TypeError(f"step() got an unexpected rate '{name}'")
            setattr(own, name, value)
        return self._training.step(given, [own])

    def mask(self, name: str) -> Array:
        """The mask of the next forward pass, bool."""
        out = np.empty(self.parameters[name].shape, dtype=np.uint8)
        self._training.read("mask", self._index[name], out.ctypes.data)
        return out.astype(bool)

    def weights(self, name: str) -> Array:
        """The trained weights: dropped ones are what they are without the mask."""
        out = np.empty(self.parameters[name].shape, dtype=np.float32)
        self._training.read("weights", self._index[name], out.ctypes.data)
        return out

    def info(self, name: str) -> _runtime.Info:
        """Pattern and mask of an array, by name."""
        return self._training.info(self._index[name])

    def reset(self, name: str) -> None:
        """The array holds new weights: they become the trained ones."""
        self._training.reset(self._index[name], self.parameters[name].ctypes.data)

    @property
    def switched_at(self) -> int | None:
        """The last dense step of STEP, None while it is not past."""
        return self._training.switched_at

    def save_checkpoint(self, path: PathLike, *, dense: bool = False) -> None:
        """Writes the arrays as safetensors with masks, patterns and recipe, all of it or nothing: the
        effective weights, or with `dense` the trained ones."""
        tensors, patterns = [], {}
        for name, array in self.parameters.items():
            info = self.info(name)
            if info.masked:
                patterns[name] = describe_mask(info, name + "_mask")
                tensors.append((name + "_mask", "u8", pack_mask(self.mask(name))))
            tensors.append((name, "f32", self.weights(name) if dense and info.masked else array))
        write_checkpoint(path, tensors, describe_training(self._training, patterns))

    def save(self, path: PathLike) -> None:
        """The state, to go on from; the arrays themselves are the caller's to save."""
        self._training.save(path)

    def load(self, path: PathLike) -> None:
        """The state that `save` wrote, of the same arrays and recipe."""
        self._training.load(path)
