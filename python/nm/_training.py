# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A training run of the library, for arrays that are known by address."""

from __future__ import annotations

import ctypes
import csv
import os
from ctypes import byref, c_void_p
from typing import Any, Sequence, TextIO

from nm import _runtime
from nm._runtime import call, lib
from nm._types import PathLike
from nm.recipe import Recipe

TRACE_COLUMNS = ("step", "phase", "next_phase", "mask_changes", "nonfinite", "skipped", "observed",
                 "statistic", "window_mean", "window_samples", "window", "threshold", "switched",
                 "reason")


def _describe(slot: Any, name: str, dtype: Any, shape: Sequence[int], address: int | None) -> None:
    """Fills the fields that Parameter and NamedTensor share."""
    slot.struct_size = ctypes.sizeof(slot)
    slot.name = name.encode()
    slot.dtype = dtype
    slot.rank = len(shape)
    slot.shape = _runtime.shape_array(shape)
    slot.data = address


class Training:
    """One nm_recipe. Whoever adds memory keeps it alive."""

    def __init__(self, recipe: Recipe, trace: Any = None) -> None:
        self.recipe = recipe
        handle: c_void_p | None = c_void_p()
        call("nm_recipe_create", recipe.json.encode(), byref(handle))  # type: ignore[arg-type]
        self.handle = handle
        self.names: list[str] = []
        self.report: _runtime.Report | None = None
        self._trace = trace
        self._file: TextIO | None = None
        self._combine: Any = None
        self._failure: Exception | None = None

    def set_combine(self, function: Any) -> None:
        """`function` turns the bytes of this process's totals into a list of those of all processes,
        in the order in which all add them."""
        def combine(totals: Any, _: object) -> int:
            try:
                parts = [_runtime.Totals.from_buffer_copy(part)
                         for part in function(bytes(totals.contents))]
                for part in parts[1:]:
                    call("nm_recipe_add_totals", byref(parts[0]), byref(part))
                totals[0] = parts[0]
                return 0
            except Exception as error:  # raised where the step was called
                self._failure = error
                return 1

        self._combine = _runtime.Combine(combine)
        lib.nm_recipe_set_combine(self.handle, self._combine, None)

    def pattern_of(self, name: str, given: str | None, axis: int) -> _runtime.Pattern:
        """The pattern of a parameter of this name, `given` in place of the recipe's if not None."""
        pattern = _runtime.Pattern()
        call("nm_recipe_pattern_of", self.handle, name.encode(),
             given.encode() if given is not None else None, axis, byref(pattern))
        return pattern

    def pattern_used(self, index: int) -> bool:
        return bool(lib.nm_recipe_pattern_used(self.handle, index))

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            lib.nm_recipe_free(self.handle)
            self.handle = None
        file = getattr(self, "_file", None)
        if file:
            file.close()

    def add(self, parameters: Any) -> None:
        """`parameters`: (name, dtype, shape, address, group, pattern or None, axis) each, and whether the
        memory stays the trained weights."""
        array = (_runtime.Parameter * len(parameters))()
        for slot, (name, dtype, shape, address, group, pattern, axis, *dense) in zip(array, parameters):
            _describe(slot, name, dtype, shape, address)
            slot.group = group
            slot.pattern = pattern.encode() if pattern is not None else None
            slot.axis = axis
            slot.dense = int(any(dense))
        call("nm_recipe_add", self.handle, array, len(parameters))
        self.names += [parameter[0] for parameter in parameters]

    def step(self, gradients: Any, rates: Sequence[_runtime.Rates]) -> _runtime.Report:
        """`gradients`: (address or None, dtype, address of the parameter) each; `rates` by group."""
        given = (_runtime.Gradient * len(gradients))()
        for slot, (address, dtype, parameter) in zip(given, gradients):
            slot.struct_size = ctypes.sizeof(slot)
            slot.gradient = address
            slot.dtype = dtype
            slot.parameter = parameter
        groups = (_runtime.Rates * len(rates))(*rates)
        report = _runtime.Report()
        self._failure = None
        try:
            call("nm_recipe_step", self.handle, given, len(gradients), groups, len(rates),
                 byref(report))
        except _runtime.Error:
            if self._failure is not None:
                raise self._failure
            raise
        self.report = report
        if self._trace is not None:
            self._write_trace(report)
        return report

    def _write_trace(self, report: _runtime.Report) -> None:
        if callable(self._trace):
            self._trace(report)
            return
        if self._file is None:
            # A run that goes on appends to its own trace.
            going_on = report.step > 1
            self._file = open(self._trace, "a" if going_on else "w", newline="", encoding="utf-8")
            if self._file.tell() == 0:
                csv.writer(self._file).writerow(TRACE_COLUMNS)
        csv.writer(self._file).writerow([getattr(report, name) for name in TRACE_COLUMNS])
        self._file.flush()

    def default_rates(self) -> _runtime.Rates:
        rates = _runtime.Rates()
        call("nm_recipe_default_rates", self.handle, byref(rates))
        return rates

    def info(self, index: int) -> _runtime.Info:
        info = _runtime.Info()
        call("nm_recipe_inspect", self.handle, index, byref(info))
        return info

    def read(self, function: str, index: int, address: int | None) -> None:
        """mask, effective or weights, into memory that has room."""
        call("nm_recipe_" + function, self.handle, index, c_void_p(address))

    def reset(self, index: int, address: int | None) -> None:
        call("nm_recipe_reset", self.handle, index, c_void_p(address))

    @property
    def steps_done(self) -> int:
        return int(lib.nm_recipe_steps_done(self.handle))

    @property
    def switched_at(self) -> int | None:
        """The last dense step of STEP, None while it is not past."""
        return lib.nm_recipe_switched_at(self.handle) or None

    def progress(self) -> str:
        return _runtime.take_text("nm_recipe_progress", self.handle)

    def state(self) -> list[tuple[str, int, tuple[int, ...], int | None]]:
        """(name, dtype, shape, address) of every state tensor, until the next call that changes it."""
        tensors = []
        for index in range(lib.nm_recipe_state_count(self.handle)):
            tensor = _runtime.NamedTensor()
            call("nm_recipe_state_tensor", self.handle, index, byref(tensor))
            shape = tuple(tensor.shape[i] for i in range(tensor.rank))
            tensors.append((tensor.name.decode(), tensor.dtype, shape, tensor.data))
        return tensors

    def assign(self, tensors: Any, progress: str, recipe: str | None = None) -> None:
        """The state of another run; `tensors` as state() gives them."""
        array = (_runtime.NamedTensor * len(tensors))()
        for slot, (name, dtype, shape, address) in zip(array, tensors):
            _describe(slot, name, dtype, shape, address)
        call("nm_recipe_state_assign", self.handle, array, len(tensors), progress.encode(),
             recipe.encode() if recipe is not None else None)

    def save(self, path: PathLike) -> None:
        call("nm_recipe_state_save", self.handle, os.fsencode(path))

    def load(self, path: PathLike) -> None:
        call("nm_recipe_state_load", self.handle, os.fsencode(path))
