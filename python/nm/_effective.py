# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Modules that read effective weights while their parameters stay the trained ones.

A module's class is replaced by one that computes the weight where it is asked for; its gradient goes to
the parameter as it is (straight through). What autograd would keep of it for the backward pass is put
aside as a note and computed again there, so that of all effective weights one layer's is in memory.
"""

from __future__ import annotations

import contextlib
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from nm import _runtime

if TYPE_CHECKING:
    from nm.torch import RecipeOptimizer


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, _parameter: Any, effective: Any) -> Any:
        return effective

    @staticmethod
    def backward(_context: Any, gradient: Any) -> tuple[Any, None]:
        return gradient, None


class _Note(NamedTuple):
    """An effective weight, or a view of it, that a backward pass needs."""
    index: int  # type: ignore[assignment]
    moment: tuple[int, int]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int


class Reader:
    """The effective weights of one optimizer's parameters."""

    def __init__(self, optimizer: RecipeOptimizer) -> None:
        self._optimizer = weakref.ref(optimizer)
        self._alive: dict[int, tuple[Any, int]] = {}  # first byte: (weak reference to the tensor, index)
        self._copies: dict[int, tuple[Any, Any]] = {}  # index: (moment, weak reference to the copy)

    def alive(self) -> int:
        """Number of effective weights that are in memory."""
        return sum(tensor() is not None for tensor, _ in self._alive.values())

    def _compute(self, optimizer: RecipeOptimizer, index: int) -> torch.Tensor:
        tensor = optimizer._slots[index].tensor
        out = torch.empty(tensor.shape, dtype=tensor.dtype)
        optimizer._training.read("effective", index, out.data_ptr())
        return out

    def read(self, index: int, parameter: torch.Tensor) -> torch.Tensor:
        """What a module sees in place of `parameter`, which is number `index` of the optimizer."""
        optimizer = self._optimizer()
        if optimizer is None:
            raise _runtime.Error(f"the optimizer that masks a parameter of shape "
                                 f"{tuple(parameter.shape)} is gone; keep it as long as the model")
        if parameter is not optimizer._slots[index].tensor:
            return parameter  # one that the program has put in its place
        optimizer._take_write(optimizer._slots[index].number)
        if not optimizer._training.info(index).masked:
            return parameter
        with torch.no_grad():
            out = self._compute(optimizer, index)
        result = _StraightThrough.apply(parameter, out)
        self._alive = {key: entry for key, entry in self._alive.items() if entry[0]() is not None}
        self._alive[result.data_ptr()] = (weakref.ref(result), index)
        return result

    def copy(self, index: int, parameter: torch.Tensor) -> torch.Tensor:
        """A parameter with what `read` gives; modules that share one share the copy."""
        value = self.read(index, parameter)
        if value is parameter:
            return parameter
        moment, kept = self._copies.get(index, (None, lambda: None))
        optimizer = self._optimizer()
        assert optimizer is not None, "`read` has said so"
        now = self._moment(optimizer, index)
        found = kept() if moment == now else None
        if found is None:
            found = torch.nn.Parameter(value.detach(), parameter.requires_grad)
            self._copies[index] = now, weakref.ref(found)
        return found

    def saving(self) -> Any:
        """While it is entered, autograd keeps notes in place of effective weights."""
        return torch.autograd.graph.saved_tensors_hooks(self._pack, self._unpack)

    def _moment(self, optimizer: RecipeOptimizer, index: int) -> tuple[int, int]:
        slot = optimizer._slots[index]
        return optimizer._training.steps_done, slot.tensor._version

    def _pack(self, tensor: torch.Tensor) -> Any:
        entry = self._alive.get(tensor.storage().data_ptr())
        optimizer = self._optimizer()
        if entry is None or entry[0]() is None or optimizer is None:
            return tensor
        index = entry[1]
        return _Note(index, self._moment(optimizer, index), tuple(tensor.size()),
                     tuple(tensor.stride()), tensor.storage_offset())

    def _unpack(self, packed: Any) -> Any:
        if not isinstance(packed, _Note):
            return packed
        optimizer = self._optimizer()
        if optimizer is None or self._moment(optimizer, packed.index) != packed.moment:
            raise _runtime.Error("a weight that the backward pass needs was changed by a step or written "
                                 "to since the forward pass")
        out = self._compute(optimizer, packed.index)
        return out.as_strided(packed.size, packed.stride, packed.offset)


def _new(plain: Any) -> Any:
    return plain.__new__(plain)


def _derive(module: torch.nn.Module, readers: dict[str, int], reader: Reader, root: bool) -> type:
    """The class of a module whose parameters `readers` (name: index) are read through `reader`."""
    plain: Any = type(module)

    def make(name: str, index: int) -> property:
        def get(self: Any) -> Any:
            return reader.read(index, self._parameters[name])
        return property(get)

    def reduce(self: Any, protocol: int) -> tuple[Any, ...]:
        # A copy has no optimizer: it is of the plain class, and its weights are the effective ones.
        state: Any = object.__reduce_ex__(self, protocol)[2]
        own = {name: reader.copy(readers[name], value) if name in readers else value
               for name, value in self._parameters.items()}
        return _new, (plain,), {**state, "_parameters": type(self._parameters)(own)}

    def forward(self: Any, *arguments: Any, **keywords: Any) -> Any:
        with reader.saving() if torch.is_grad_enabled() else contextlib.nullcontext():
            return plain.forward(self, *arguments, **keywords)

    members: dict[str, Any] = {name: make(name, index) for name, index in readers.items()}
    members.update(__reduce_ex__=reduce, __module__=plain.__module__, __qualname__=plain.__qualname__)
    if root:
        members["forward"] = forward
    return type(plain.__name__, (plain,), members)


def attach(model: Any, optimizer: RecipeOptimizer, indices: dict[int, int]) -> Reader:
    """Makes the modules of `model` read effective weights; `indices` finds a parameter's number by its
    id. Returns the reader."""
    reader = Reader(optimizer)
    found: set[int] = set()
    for module in model.modules():
        readers = {name: indices[id(parameter)] for name, parameter in module._parameters.items()
                   if id(parameter) in indices}
        found.update(readers.values())
        if readers or module is model:
            module.__class__ = _derive(module, readers, reader, module is model)
    missing = set(indices.values()) - found
    if missing:
        raise _runtime.Error(f"{len(missing)} of the optimizer's parameters are of no module of `model`, "
                             f"parameter '{optimizer._training.names[min(missing)]}' first")
    return reader
