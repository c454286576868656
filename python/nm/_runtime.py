# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The C ABI of libnm_runtime (nm/Runtime/nm_runtime.h, nm_recipe.h) as ctypes."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import pathlib
import sysconfig
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_void_p
from typing import Any, Iterator, Sequence


class Error(ValueError):
    """What the library refuses; the message names the tensor, what was found and expected."""


def _candidates() -> Iterator[str]:
    given = os.environ.get("NM_RUNTIME_LIBRARY")
    if given:
        yield given
        return
    here = pathlib.Path(__file__).resolve()
    # In a wheel, a build's tree, or an installation: <prefix>/lib/python3/dist-packages/nm.
    inner = (".", "lib", "build/release/lib", sysconfig.get_config_var("MULTIARCH") or ".")
    for folder in (here.parent, *here.parents[1:4]):
        for path in [folder / i / name for i in inner for name in ("libnm_runtime.so", "libnm_runtime.so.0")]:
            if path.is_file():
                yield str(path)
    found = ctypes.util.find_library("nm_runtime")
    if found:
        yield found


def _load() -> ctypes.CDLL:
    tried = []
    for path in _candidates():
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            tried.append(str(error))
    raise ImportError("libnm_runtime.so is not there; name it in NM_RUNTIME_LIBRARY"
                      + "".join("\n  " + line for line in tried))


lib = _load()

F32, BF16 = 12, 9
PHASES = ("dense", "sparse", "fine-tune")


class Struct(ctypes.Structure):
    """Structs of the C ABI begin with their size."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(struct_size=ctypes.sizeof(type(self)), **fields)


class NamedTensor(Struct):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("dtype", c_int32),
                ("rank", c_size_t), ("shape", POINTER(c_int64)), ("data", c_void_p)]


class Tensor(Struct):
    _fields_ = [("struct_size", c_size_t), ("dtype", c_int32), ("rank", c_size_t),
                ("shape", POINTER(c_int64)), ("data", c_void_p), ("bytes", c_size_t),
                ("owner", c_void_p)]


class Text(Struct):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("text", c_char_p)]


class Parameter(Struct):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("dtype", c_int32),
                ("rank", c_size_t), ("shape", POINTER(c_int64)), ("data", c_void_p),
                ("group", c_size_t), ("pattern", c_char_p), ("axis", c_int64), ("dense", c_int)]


class Info(Struct):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("n", c_int64), ("m", c_int64),
                ("axis", c_int64), ("steps", c_int64), ("masked", c_int), ("n_now", c_int64),
                ("m_now", c_int64), ("decay", c_double), ("scale", c_double),
                ("transposable", c_int), ("block", c_int64)]


class Gradient(Struct):
    _fields_ = [("struct_size", c_size_t), ("gradient", c_void_p), ("dtype", c_int32),
                ("parameter", c_void_p)]


class Rates(Struct):
    _fields_ = [("struct_size", c_size_t), ("lr", c_double), ("beta1", c_double),
                ("beta2", c_double), ("eps", c_double), ("weight_decay", c_double),
                ("momentum", c_double), ("dampening", c_double)]


class Totals(Struct):
    """What the parameters of a process give in a step (nm_recipe_totals)."""
    _fields_ = [("struct_size", c_size_t), ("nonfinite", c_int64), ("elements", c_int64),
                ("sum", c_double), ("mantissa", c_double), ("exponent", c_int64),
                ("zeros", c_int64)]


class Pattern(Struct):
    """What a parameter gets by its name (nm_recipe_pattern)."""
    _fields_ = [("struct_size", c_size_t), ("n", c_int64), ("m", c_int64), ("axis", c_int64),
                ("group", c_int64), ("index", c_int64), ("plain", c_int)]


Combine = ctypes.CFUNCTYPE(c_int, POINTER(Totals), c_void_p)


class Report(Struct):
    """What a step did; the fields are those of nm_recipe_report."""
    _fields_ = [("struct_size", c_size_t), ("step", c_int64), ("phase_number", c_int32),
                ("next_phase_number", c_int32), ("mask_changes", c_int64), ("nonfinite", c_int64),
                ("skipped", c_int), ("observed", c_int), ("statistic", c_double),
                ("window_mean", c_double), ("window_samples", c_int64), ("window", c_int64),
                ("threshold", c_double), ("switched", c_int), ("reason_text", c_char_p)]

    @property
    def phase(self) -> str:
        return PHASES[self.phase_number]

    @property
    def next_phase(self) -> str:
        return PHASES[self.next_phase_number]

    @property
    def reason(self) -> str:
        return (self.reason_text or b"").decode()


_STATUS = {  # functions that return a status and take an error last
    "nm_chart_svg": [c_char_p, POINTER(c_void_p)],
    "nm_recipe_parse": [c_char_p, POINTER(c_void_p)],
    "nm_recipe_create": [c_char_p, POINTER(c_void_p)],
    "nm_recipe_add": [c_void_p, POINTER(Parameter), c_size_t],
    "nm_recipe_inspect": [c_void_p, c_size_t, POINTER(Info)],
    "nm_recipe_mask": [c_void_p, c_size_t, c_void_p],
    "nm_recipe_effective": [c_void_p, c_size_t, c_void_p],
    "nm_recipe_weights": [c_void_p, c_size_t, c_void_p],
    "nm_recipe_reset": [c_void_p, c_size_t, c_void_p],
    "nm_recipe_default_rates": [c_void_p, POINTER(Rates)],
    "nm_recipe_step": [c_void_p, POINTER(Gradient), c_size_t, POINTER(Rates), c_size_t,
                       POINTER(Report)],
    "nm_recipe_pattern_of": [c_void_p, c_char_p, c_char_p, c_int64, POINTER(Pattern)],
    "nm_recipe_add_totals": [POINTER(Totals), POINTER(Totals)],
    "nm_recipe_state_tensor": [c_void_p, c_size_t, POINTER(NamedTensor)],
    "nm_recipe_progress": [c_void_p, POINTER(c_void_p)],
    "nm_recipe_state_assign": [c_void_p, POINTER(NamedTensor), c_size_t, c_char_p, c_char_p],
    "nm_recipe_state_save": [c_void_p, c_char_p],
    "nm_recipe_state_load": [c_void_p, c_char_p],
    "nm_recipe_choose_kernels": [c_char_p],
    "nm_checkpoint_open": [c_char_p, POINTER(c_void_p)],
    "nm_checkpoint_read": [c_void_p, c_char_p, POINTER(Tensor)],
    "nm_write_safetensors_with": [c_char_p, POINTER(NamedTensor), c_size_t, POINTER(Text),
                                  c_size_t],
}
_PLAIN = {
    "nm_error_message": (c_char_p, [c_void_p]),
    "nm_error_free": (None, [c_void_p]),
    "nm_string_free": (None, [c_void_p]),
    "nm_runtime_version": (c_char_p, []),
    "nm_dtype_name": (c_char_p, [c_int32]),
    "nm_set_num_threads": (None, [c_int]),
    "nm_checkpoint_free": (None, [c_void_p]),
    "nm_checkpoint_count": (c_size_t, [c_void_p]),
    "nm_checkpoint_name": (c_char_p, [c_void_p, c_size_t]),
    "nm_tensor_free": (None, [POINTER(Tensor)]),
    "nm_recipe_free": (None, [c_void_p]),
    "nm_recipe_json": (c_char_p, [c_void_p]),
    "nm_recipe_count": (c_size_t, [c_void_p]),
    "nm_recipe_set_combine": (None, [c_void_p, Combine, c_void_p]),
    "nm_recipe_pattern_used": (c_int, [c_void_p, c_size_t]),
    "nm_recipe_steps_done": (c_int64, [c_void_p]),
    "nm_recipe_switched_at": (c_int64, [c_void_p]),
    "nm_recipe_state_count": (c_size_t, [c_void_p]),
    "nm_recipe_kernels": (c_char_p, [c_size_t]),
}
for _name, (_result, _arguments) in _PLAIN.items():
    getattr(lib, _name).restype = _result
    getattr(lib, _name).argtypes = _arguments
for _name, _arguments in _STATUS.items():
    getattr(lib, _name).restype = c_int32
    getattr(lib, _name).argtypes = [*_arguments, POINTER(c_void_p)]  # type: ignore[misc]


def call(name: str, *arguments: Any) -> None:
    """Calls a function that can fail; its message becomes an Error."""
    error = c_void_p()
    status = getattr(lib, name)(*arguments, byref(error))
    if status:
        raise error_of(error, status)


def error_of(error: c_void_p, status: int) -> Error:
    """The exception of an error object, which it releases."""
    message = lib.nm_error_message(error).decode(errors="replace")
    lib.nm_error_free(error)
    return Error(message or f"status {status}")


def dtype_name(code: int) -> str:
    """"f32", "bf16", ... of an nm_dtype."""
    name: bytes = lib.nm_dtype_name(code)
    return name.decode()


def take_text(name: str, *arguments: Any) -> str:
    """Calls a function that gives a string to its caller."""
    text = c_void_p()
    call(name, *arguments, byref(text))
    try:
        return (ctypes.cast(text, c_char_p).value or b"").decode()
    finally:
        lib.nm_string_free(text)


def shape_array(shape: Sequence[int]) -> "ctypes.Array[c_int64]":
    return (c_int64 * len(shape))(*shape)


def version() -> str:
    """The version of the library that runs."""
    name: bytes = lib.nm_runtime_version()
    return name.decode()


def kernels() -> list[str]:
    """The sets of kernels that this processor runs, the best first."""
    names: list[str] = []
    while (name := lib.nm_recipe_kernels(len(names))) is not None:
        names.append(name.decode())
    return names


def choose_kernels(name: str) -> None:
    """Uses one of them from now on, "" the best again. All give the same bits."""
    call("nm_recipe_choose_kernels", name.encode())


def set_num_threads(count: int) -> None:
    """Threads of this thread's steps; 0 is all processors. Results do not depend on it."""
    lib.nm_set_num_threads(count)
