# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled models over the C ABI (nm/nm_model.h): see docs/python.md."""

from __future__ import annotations

import collections
import ctypes
import os
import pathlib
import shutil
import tempfile
from ctypes import POINTER, byref, c_char_p, c_int32, c_size_t, c_void_p
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Sequence

import numpy as np

from nm import _runtime
from nm._runtime import Error, lib
from nm._types import Array, PathLike
from nm._caches import grown, memory_behind

if TYPE_CHECKING:
    from nm.work import Report

_LIMIT = 32  # dimensions of a value

#: NumPy's type for each nm_dtype; bf16 and 8-bit floats as bits.
_NUMPY = {1: np.dtype(bool), 2: np.dtype("u1"), 3: np.dtype("i1"), 4: np.dtype("u1"), 5: np.dtype("u1"),
          6: np.dtype("i2"), 7: np.dtype("u2"), 8: np.dtype("f2"), 9: np.dtype("u2"), 10: np.dtype("i4"),
          11: np.dtype("u4"), 12: np.dtype("f4"), 13: np.dtype("f8"), 14: np.dtype("i8"), 15: np.dtype("u8")}
_CODES = {_NUMPY[code]: code for code in (1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 15)}


class _Value(_runtime.Struct):
    _fields_ = [("struct_size", c_size_t), ("dtype", c_int32), ("rank", c_size_t), ("shape", c_void_p),
                ("strides", c_void_p), ("data", c_void_p), ("bytes", c_size_t), ("owner", c_void_p)]


class _Type(_runtime.Struct):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("dtype", c_int32), ("rank", c_size_t),
                ("shape", POINTER(ctypes.c_int64))]


class _Scope(_runtime.Struct):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("path", c_char_p)]


class _Options(_runtime.Struct):
    _fields_ = [("struct_size", c_size_t), ("weights", c_char_p), ("scopes", POINTER(_Scope)),
                ("num_scopes", c_size_t), ("params", c_void_p)]


class _RunOptions(_runtime.Struct):
    _fields_ = [("struct_size", c_size_t), ("threads", c_int32)]


def _declare() -> None:
    size, pointer = c_size_t, c_void_p
    status = {
        "nm_model_load": [c_char_p, POINTER(_Options), POINTER(pointer)],
        "nm_model_input": [pointer, size, size, POINTER(_Type)],
        "nm_model_output": [pointer, size, size, POINTER(_Type)],
        "nm_model_output_input": [pointer, size, size, POINTER(size)],
        "nm_model_output_grows": [pointer, size, size, POINTER(size)],
        "nm_model_run": [pointer, size, pointer, size, pointer, size, pointer],
    }
    for name, arguments in status.items():
        getattr(lib, name).restype = c_int32
        getattr(lib, name).argtypes = [*arguments, POINTER(pointer)]  # type: ignore[misc]
    for name, result, arguments in (
            ("nm_model_free", None, [pointer]), ("nm_value_free", None, [pointer]),
            ("nm_model_num_functions", size, [pointer]), ("nm_model_num_inputs", size, [pointer, size]),
            ("nm_model_num_outputs", size, [pointer, size]),
            ("nm_model_function_name", c_char_p, [pointer, size])):
        getattr(lib, name).restype = result
        getattr(lib, name).argtypes = arguments


_declare()


class ValueType(NamedTuple):
    """An input or output of a function. Sizes of -1 are chosen by each call; bf16 is uint16, its bits."""
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    code: int  # nm_dtype


class _Result:
    """Memory of the library that an array looks at; goes back when nobody does any more."""
    __slots__ = ("__array_interface__", "_value")

    def __init__(self, value: _Value, interface: dict[str, Any]):
        self._value = value
        self.__array_interface__ = interface

    def __del__(self, free: Any = lib.nm_value_free, ref: Any = byref) -> None:
        free(ref(self._value))


class _Frame:
    """The structs of one call at a time."""

    def __init__(self, inputs: Sequence[ValueType], outputs: Sequence[ValueType]):
        self.inputs = (_Value * max(len(inputs), 1))()
        self.outputs = (_Value * max(len(outputs), 1))()
        self.shapes = []
        for value, given in [(self.inputs[i], t) for i, t in enumerate(inputs)] + \
                            [(self.outputs[i], t) for i, t in enumerate(outputs)]:
            shape = (ctypes.c_int64 * (2 * _LIMIT))()  # and strides
            self.shapes.append(shape)
            value.struct_size = ctypes.sizeof(_Value)
            value.shape = ctypes.addressof(shape)
        # Elements of a ctypes array are made anew whenever they are asked for.
        self.values = [self.inputs[i] for i in range(len(inputs))]
        self.results = [self.outputs[i] for i in range(len(outputs))]
        self.options = _RunOptions()
        self.addresses = (ctypes.addressof(self.inputs), ctypes.addressof(self.outputs),
                          ctypes.addressof(self.options))


def _strides(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    strides = []
    for extent in reversed(shape):
        strides.append(size)
        size *= extent
    return tuple(reversed(strides))


class Function:
    """A function of a model. Called with arrays, by position or name; several threads may do so at once,
    and Python's lock is free meanwhile."""

    def __init__(self, model: "Model", index: int):
        self._model = model
        self._index = index
        self.name: str = lib.nm_model_function_name(model._handle, index).decode()
        self.inputs = self._types("input")
        self.outputs = self._types("output")
        #: By name, outputs and the inputs in whose memory they are (nm.compile's in_place).
        self.in_place = self._in_place()
        #: By name, inputs that grow into such outputs, and the dimension that does.
        self.grows = self._grows()
        #: Inputs so far whose elements had to be copied, as they were not row-major.
        self.copies = 0
        self._places = {t.name: i for i, t in enumerate(self.inputs)}
        self._frames: list[_Frame] = []
        self._several: Any = collections.namedtuple("Outputs", [t.name for t in self.outputs], rename=True) \
            if len(self.outputs) > 1 else None

    def __repr__(self) -> str:
        def show(types: Sequence[ValueType]) -> str:
            return ", ".join(f"{t.name}: {_runtime.dtype_name(t.code)}"
                             f"[{', '.join('?' if s < 0 else str(s) for s in t.shape)}]" for t in types)
        return f"<nm function {self.name}({show(self.inputs)}) -> ({show(self.outputs)})>"

    def _types(self, kind: str) -> tuple[ValueType, ...]:
        count = getattr(lib, f"nm_model_num_{kind}s")(self._model._handle, self._index)
        types = []
        for i in range(count):
            found = _Type()
            _runtime.call(f"nm_model_{kind}", self._model._handle, self._index, i, byref(found))
            types.append(ValueType(found.name.decode(), _NUMPY[found.dtype],
                                   tuple(found.shape[d] for d in range(found.rank)), found.dtype))
        return tuple(types)

    def _in_place(self) -> dict[str, str]:
        pairs = {}
        for i, output in enumerate(self.outputs):
            place = c_size_t()
            _runtime.call("nm_model_output_input", self._model._handle, self._index, i, byref(place))
            if place.value < len(self.inputs):
                pairs[output.name] = self.inputs[place.value].name
        return pairs

    def _grows(self) -> dict[str, int]:
        dimensions = {}
        for i, output in enumerate(self.outputs):
            found = c_size_t()
            _runtime.call("nm_model_output_grows", self._model._handle, self._index, i, byref(found))
            if found.value < len(output.shape):
                dimensions[self.in_place[output.name]] = found.value
        return dimensions

    def __call__(self, *arguments: Any, out: Any = None, threads: int | None = None, **named: Any) -> Any:
        """Returns the output, or a named tuple of several. Arrays of NumPy, and whatever offers
        `__dlpack__` or `__array_interface__`, are read where they lie; an array that an output is written
        to (`in_place`) is that output afterwards, and is returned itself; one that grows (`grows`, nm.cache)
        lies in memory with room behind its rows, and the longer array there is returned. `out` is an array, or a sequence
        of them, that the outputs are written to; without, they lie in memory of the library. `threads`
        is for this call; without, as nm.set_num_threads says."""
        if named:
            arguments = self._in_order(arguments, named)
        if len(arguments) != len(self.inputs):
            raise Error(self._wrong_arguments(arguments))
        frame = self._frames.pop() if self._frames else _Frame(self.inputs, self.outputs)
        self._check_written(arguments)
        kept = [(self._fill_growing if given.name in self.grows else self._fill)(
            frame.values[i], frame.shapes[i], arguments[i], given) for i, given in enumerate(self.inputs)]
        given_out = None
        if out is None:
            for value in frame.results:
                value.data = None
        else:
            given_out = self._fill_outputs(frame, out)
        frame.options.threads = threads or 0
        inputs, outputs, options = frame.addresses
        error = c_void_p()
        status = lib.nm_model_run(self._model._handle, self._index, inputs, len(kept), outputs,
                                  len(self.outputs), options, byref(error))
        if status:
            raise _runtime.error_of(error, status)
        results = given_out or [
            self._written(arguments[self._places[self.in_place[given.name]]], value, self.in_place[given.name])
            if given.name in self.in_place else self._take(value, given)
            for value, given in zip(frame.results, self.outputs)]
        self._reset(frame, given_out)
        return self._several(*results) if self._several else results[0] if results else None

    def _check_written(self, arguments: Sequence[Any]) -> None:
        for output, name in self.in_place.items():
            array = arguments[self._places[name]]
            grows = name in self.grows
            if not isinstance(array, np.ndarray) or not array.flags.writeable or \
                    not (grows or array.flags.c_contiguous):
                raise Error(f"input '{name}' of '{self.name}' is written: it becomes output '{output}'; expected "
                            "a NumPy array that is writable and " + ("has room (nm.cache)" if grows else "row-major"))

    def _written(self, array: Any, value: _Value, name: str) -> Any:
        """What an array became that an output is in."""
        if name not in self.grows:
            return array
        try:
            return grown(array, (ctypes.c_int64 * value.rank).from_address(value.shape))
        finally:
            lib.nm_value_free(byref(value))

    def _fill_growing(self, value: _Value, shape: Any, array: Array, expected: ValueType) -> Array:
        """Rows in use, and by the strides and the memory behind them the room that there is."""
        rank = array.ndim
        value.dtype = expected.code if array.dtype == expected.dtype else _CODES.get(array.dtype, 0)
        value.rank = rank
        shape[:rank] = array.shape
        shape[_LIMIT:_LIMIT + rank] = [stride // array.itemsize for stride in array.strides]
        value.strides = ctypes.addressof(shape) + ctypes.sizeof(ctypes.c_int64) * _LIMIT
        value.data = array.__array_interface__["data"][0]
        value.bytes = memory_behind(array)[1]
        return array

    def _reset(self, frame: _Frame, given_out: Any) -> None:
        for value, shape in zip(frame.results, frame.shapes[len(self.inputs):]):
            value.shape = ctypes.addressof(shape)
            value.strides = None
            value.owner = None
        self._frames.append(frame)

    def _in_order(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> tuple[Any, ...]:
        every = list(arguments) + [None] * (len(self.inputs) - len(arguments))
        for name, value in named.items():
            place = self._places.get(name)
            if place is None:
                raise Error(f"function '{self.name}' has no input '{name}', there are: "
                            + ", ".join(f"'{t.name}'" for t in self.inputs))
            if place < len(arguments):
                raise Error(f"input '{name}' of '{self.name}' is given twice")
            every[place] = value
        missing = [t.name for t, value in zip(self.inputs, every) if value is None]
        if missing:
            raise Error(f"input '{missing[0]}' of '{self.name}' is not given")
        return tuple(every)

    def _wrong_arguments(self, arguments: Sequence[Any]) -> str:
        names = ", ".join(t.name for t in self.inputs)
        return f"function '{self.name}' takes {len(self.inputs)} inputs ({names}), {len(arguments)} are given"

    def _fill(self, value: _Value, shape: Any, given: Any, expected: ValueType) -> Array:
        array = given if type(given) is np.ndarray else self._array(given, expected)
        if not array.flags.c_contiguous:
            array = np.ascontiguousarray(array)
            self.copies += 1
        rank = array.ndim
        value.dtype = expected.code if array.dtype == expected.dtype else _CODES.get(array.dtype, 0)
        value.rank = rank
        shape[:rank] = array.shape
        value.data = array.__array_interface__["data"][0] if array.size else None
        value.bytes = array.nbytes
        return array

    @staticmethod
    def _array(given: Any, expected: ValueType) -> Array:
        if isinstance(given, np.ndarray):
            return given
        if hasattr(given, "__dlpack__") and not isinstance(given, np.generic):
            try:
                return np.from_dlpack(given)
            except (BufferError, RuntimeError, TypeError, ValueError):
                pass  # a type that NumPy's exchange lacks, such as bool
        if hasattr(given, "__array_interface__") or hasattr(given, "__array__"):
            return np.asarray(given)
        return np.asarray(given, dtype=expected.dtype)

    def _fill_outputs(self, frame: _Frame, out: Any) -> list[Any]:
        arrays = [out] if isinstance(out, np.ndarray) else list(out)
        if len(arrays) != len(self.outputs):
            raise Error(f"function '{self.name}' has {len(self.outputs)} outputs, but `out` has {len(arrays)}")
        for value, shape, array, expected in zip(frame.results, frame.shapes[len(self.inputs):], arrays,
                                                 self.outputs):
            if self.in_place.get(expected.name) in self.grows:
                self._fill_growing(value, shape, array, expected)
                continue
            if not array.flags.writeable or not array.flags.c_contiguous:
                raise Error(f"the array for output '{expected.name}' is read-only or not row-major")
            self._fill(value, shape, array, expected)
        return arrays

    @staticmethod
    def _take(value: _Value, expected: ValueType) -> Any:
        rank = value.rank
        numbers = (ctypes.c_int64 * (2 * rank)) if rank else None
        if numbers is None:
            shape: tuple[int, ...] = ()
        else:
            shape = tuple((ctypes.c_int64 * rank).from_address(value.shape))
        interface = {"version": 3, "shape": shape, "typestr": expected.dtype.str, "data": (value.data, False)}
        if rank:
            item = expected.dtype.itemsize
            strides = tuple(s * item for s in (ctypes.c_int64 * rank).from_address(value.strides))
            if strides != _strides(shape, item):
                interface["strides"] = strides
        array = np.asarray(_Result(_Value.from_buffer_copy(value), interface))
        return array if rank else array[()]


class Model:
    """A compiled model: `m(input_ids=ids)` calls its only function, `m["decode"](...)` one of several."""

    def __init__(self, path: PathLike, params: Any = None, *, source: Any = None,
                 keep: Any = None, notes: str = ""):
        options = _Options()
        scopes = _scopes(params)
        if scopes:
            options.scopes = (_Scope * len(scopes))(*scopes)
            options.num_scopes = len(scopes)
        self._handle = c_void_p()
        self._keep = keep
        self._source = source
        #: What the compiler noted, such as what pruning did to each weight.
        self.notes = notes
        self.path = pathlib.Path(path)
        _runtime.call("nm_model_load", os.fsencode(path), byref(options), byref(self._handle))
        count = lib.nm_model_num_functions(self._handle)
        self.functions: dict[str, Function] = {}
        for index in range(count):
            function = Function(self, index)
            self.functions[function.name] = function
        self._only = next(iter(self.functions.values())) if count == 1 else None

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            lib.nm_model_free(self._handle)

    def __repr__(self) -> str:
        return f"<nm model {self.path}: {', '.join(map(repr, self.functions.values()))}>"

    def __getitem__(self, name: str) -> Function:
        if name not in self.functions:
            raise Error(f"no function '{name}', there are: "
                        + ", ".join(f"'{known}'" for known in self.functions))
        return self.functions[name]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Calls the only function (Function.__call__)."""
        return self.only(*arguments, **named)

    @property
    def only(self) -> Function:
        """The only function; an error if there are several."""
        if self._only is None:
            raise Error(f"the model has {len(self.functions)} functions; choose one, such as "
                        f"m[{next(iter(self.functions), '')!r}](...)")
        return self._only

    @property
    def inputs(self) -> tuple[ValueType, ...]:
        """Names, element types and shapes of the only function's inputs."""
        return self.only.inputs

    @property
    def outputs(self) -> tuple[ValueType, ...]:
        """Those of its outputs."""
        return self.only.outputs

    def save(self, path: PathLike) -> None:
        """Copies the compiled model, a folder, to a name that is not taken; nm.load reads it."""
        if not self.path.is_dir():
            raise Error(f"'{self.path}' is a library on its own; copy it with its weights")
        target = pathlib.Path(path)
        if target.exists():
            raise Error(f"'{target}' is there already; remove it, or choose another name")
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            shutil.copytree(self.path, folder / "model")
            os.rename(folder / "model", target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def report(self, *arguments: Any, repeat: int = 10, **named: Any) -> Report:
        """Runs the model as it was compiled by nm-run --report, and returns its report. Inputs as for a
        call."""
        from nm.work import report_of
        return report_of(self, arguments, named, repeat)


def _scopes(params: Any) -> list[_Scope]:
    if params is None:
        return []
    by_name = params if isinstance(params, Mapping) else {"": params}
    return [_Scope(name=name.encode(), path=os.fsencode(path)) for name, path in by_name.items()]


def load(path: PathLike, params: Any = None) -> Model:
    """Loads what nm.compile saved, or a library of nm-compile with its weights. `params` is a checkpoint,
    or checkpoints by scope, that is packed now in place of packed weights."""
    return Model(path, params)
