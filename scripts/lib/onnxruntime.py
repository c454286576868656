# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX Runtime through its C API: a peer to compare and time with.

The library is the one of `onnxruntime-node`, a package of npm; $NM_ONNXRUNTIME names the library or a folder in
which it lies. The positions of functions in OrtApi are part of its ABI, which only grows (onnxruntime_c_api.h).
"""

import ctypes
import os
import pathlib
import platform

import numpy

_ORDER = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
          "float64": 11, "uint32": 12, "uint64": 13}
_NAMES = {number: name for name, number in _ORDER.items()}
_ENABLE_ALL, _ERROR, _ARENA, _DEFAULT_MEMORY = 99, 3, 1, 0


class Error(RuntimeError):
    """What ONNX Runtime refuses, in its words."""


def find():
    """Path of the library, or None."""
    given = os.environ.get("NM_ONNXRUNTIME")
    if not given:
        return None
    path = pathlib.Path(given)
    if path.is_file():
        return path
    # The package has a folder for each architecture.
    other = "arm64" if platform.machine() == "x86_64" else "x64"
    return next((p for p in sorted(path.rglob("libonnxruntime.so*")) if other not in p.parts), None)


class _Api:
    """OrtApi: functions by position. Those that return a status raise it."""

    POSITIONS = {
        "GetErrorMessage": 2, "CreateEnv": 3, "CreateSession": 7, "Run": 9, "CreateSessionOptions": 10,
        "SetSessionGraphOptimizationLevel": 23, "SetIntraOpNumThreads": 24, "SetInterOpNumThreads": 25,
        "SessionGetInputCount": 30, "SessionGetOutputCount": 31, "SessionGetInputName": 36,
        "SessionGetOutputName": 37, "CreateTensorWithDataAsOrtValue": 49, "GetTensorMutableData": 51,
        "GetTensorElementType": 60, "GetDimensionsCount": 61, "GetDimensions": 62, "GetTensorTypeAndShape": 65,
        "CreateCpuMemoryInfo": 69, "GetAllocatorWithDefaultOptions": 78, "ReleaseSession": 95, "ReleaseValue": 96,
        "ReleaseTensorTypeAndShapeInfo": 99,
    }

    def __init__(self, path):
        class Base(ctypes.Structure):
            _fields_ = [("get", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)),
                        ("version", ctypes.CFUNCTYPE(ctypes.c_char_p))]

        library = ctypes.CDLL(str(path))
        library.OrtGetApiBase.restype = ctypes.POINTER(Base)
        base = library.OrtGetApiBase().contents
        self.version = base.version().decode()
        # Every function used here has been there since version 1.
        self.table = ctypes.cast(base.get(1), ctypes.POINTER(ctypes.c_void_p))

    def raw(self, name, result=ctypes.c_void_p):
        return ctypes.CFUNCTYPE(result)(self.table[self.POSITIONS[name]])

    def __getattr__(self, name):
        function = self.raw(name)
        if name.startswith("Release"):
            return function

        def call(*arguments):
            status = function(*arguments)
            if status:
                text = self.raw("GetErrorMessage", ctypes.c_char_p)(ctypes.c_void_p(status))
                raise Error(text.decode())

        setattr(self, name, call)
        return call


def _out():
    return ctypes.c_void_p()


class Session:
    """One model, loaded with every optimization, on `threads` threads."""

    api = None

    def __init__(self, path, threads=1):
        library = find()
        if library is None:
            raise Error("libonnxruntime.so is not there; name it in NM_ONNXRUNTIME")
        if Session.api is None:
            Session.api = _Api(library)
            Session.env, Session.memory, Session.allocator = _out(), _out(), _out()
            self.api.CreateEnv(_ERROR, b"nm", ctypes.byref(Session.env))
            self.api.CreateCpuMemoryInfo(_ARENA, _DEFAULT_MEMORY, ctypes.byref(Session.memory))
            self.api.GetAllocatorWithDefaultOptions(ctypes.byref(Session.allocator))
        options, self.session = _out(), _out()
        self.api.CreateSessionOptions(ctypes.byref(options))
        self.api.SetSessionGraphOptimizationLevel(options, _ENABLE_ALL)
        self.api.SetIntraOpNumThreads(options, threads)
        self.api.SetInterOpNumThreads(options, 1)
        self.api.CreateSession(self.env, os.fsencode(path), options, ctypes.byref(self.session))
        self.inputs = self._names("Input")
        self.outputs = self._names("Output")

    def _names(self, kind):
        count = ctypes.c_size_t()
        getattr(self.api, f"SessionGet{kind}Count")(self.session, ctypes.byref(count))
        names = []
        for i in range(count.value):
            name = ctypes.c_char_p()
            getattr(self.api, f"SessionGet{kind}Name")(
                self.session, ctypes.c_size_t(i), self.allocator, ctypes.byref(name))
            names.append(name.value)
        return names

    def bind(self, arrays, shared=None):
        """The call on these arrays, in the order of the model's inputs: timed again and again. `shared` names outputs and
        the inputs in whose memory they are written."""
        return Call(self, arrays, shared or {})

    def run(self, arrays):
        return self.bind(arrays).results()

    def close(self):
        if self.session:
            self.api.ReleaseSession(self.session)
            self.session = None


class Call:
    def __init__(self, session, arrays, shared):
        self.session, self.arrays = session, [numpy.asarray(a, order="C") for a in arrays]
        if len(arrays) != len(session.inputs):
            raise Error(f"{len(arrays)} arrays are given; the model has {len(session.inputs)} inputs")
        self.values = (ctypes.c_void_p * len(arrays))()
        for i, array in enumerate(self.arrays):
            shape = (ctypes.c_int64 * array.ndim)(*array.shape)
            value = _out()
            session.api.CreateTensorWithDataAsOrtValue(
                session.memory, ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes), shape,
                ctypes.c_size_t(array.ndim), _ORDER[str(array.dtype)], ctypes.byref(value))
            self.values[i] = value
        self.input_names = (ctypes.c_char_p * len(arrays))(*session.inputs)
        self.output_names = (ctypes.c_char_p * len(session.outputs))(*session.outputs)
        self.shared = {session.outputs.index(output.encode()): self.values[session.inputs.index(name.encode())]
                       for output, name in shared.items()}

    def _run(self):
        count = len(self.session.outputs)
        outputs = (ctypes.c_void_p * count)()
        for place, value in self.shared.items():
            outputs[place] = value
        self.session.api.Run(self.session.session, None, self.input_names, self.values,
                             ctypes.c_size_t(len(self.arrays)), self.output_names, ctypes.c_size_t(count), outputs)
        return outputs

    def _release(self, outputs):
        for place, value in enumerate(outputs):
            if place not in self.shared:
                self.session.api.ReleaseValue(ctypes.c_void_p(value))

    def __call__(self):
        self._release(self._run())

    def results(self):
        """Of those outputs that have memory of their own."""
        api, arrays, outputs = self.session.api, [], self._run()
        for place, value in enumerate(outputs):
            if place in self.shared:
                continue
            value = ctypes.c_void_p(value)
            info, rank, kind, data = _out(), ctypes.c_size_t(), ctypes.c_int(), _out()
            api.GetTensorTypeAndShape(value, ctypes.byref(info))
            api.GetDimensionsCount(info, ctypes.byref(rank))
            sizes = (ctypes.c_int64 * rank.value)()
            api.GetDimensions(info, sizes, rank)
            api.GetTensorElementType(info, ctypes.byref(kind))
            api.ReleaseTensorTypeAndShapeInfo(info)
            api.GetTensorMutableData(value, ctypes.byref(data))
            dtype = numpy.dtype(_NAMES[kind.value])
            array = numpy.empty(tuple(sizes), dtype)
            if array.nbytes:
                ctypes.memmove(array.ctypes.data, data, array.nbytes)
            arrays.append(array)
        self._release(outputs)
        return arrays
