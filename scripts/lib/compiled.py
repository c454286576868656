# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model compiled by nm-compile, called in this process.

The generated header calls the code; a shim made from its declaration of `nm_call_` gives that call one form for
every model.
"""

import ctypes
import itertools
import os
import pathlib
import re
import subprocess
import time

import numpy

BUILD = pathlib.Path(os.environ.get("NM_BUILD", "build/release")).resolve()
SOURCE = pathlib.Path(__file__).resolve().parents[2]

SHIM = """#include <stdlib.h>
#include "{header}"
int shim_load(const char *path, int policy, nm_params **params, const char **why) {{
  nm_error *error = NULL;
  nm_scope scope = {{sizeof scope, "", path}};
  nm_params_options options = {{sizeof options}};
  nm_params_options_init(&options);
  options.mask_policy = policy;
  int failed = nm_params_load(nm_manifest_{name}, &scope, 1, &options, params, &error) != 0;
  *why = failed ? nm_error_message(error) : NULL;
  return failed;
}}
void shim_free(nm_params *params) {{ nm_params_free(params); }}
const char *shim_error(void) {{ return nm_error_{name}(); }}
int shim_call(const void **in, const int64_t *size, const nm_params *params, {memref} *out) {{
  return nm_call_{name}({arguments});
}}
"""
MASK_POLICIES = {"if-present": 0, "derive": 2}


class Error(RuntimeError):
    """What nm refuses, in its words."""


class Memref(ctypes.Structure):
    """A result of at most `RANK` dimensions: the widest descriptor holds the narrower ones' words in order."""

    RANK = 8
    _fields_ = [("allocated", ctypes.c_void_p), ("aligned", ctypes.c_void_p), ("offset", ctypes.c_int64),
                ("numbers", ctypes.c_int64 * (2 * RANK))]


def _free(pointer):
    ctypes.CDLL(None).free(ctypes.c_void_p(pointer))


def runtime():
    """libnm_runtime, for functions that take and give plain numbers."""
    return ctypes.CDLL(str(BUILD / "lib/libnm_runtime.so"))


def keep_freed_memory():
    """What nm-run asks of glibc: memory that a call frees stays with the process for the next one."""
    trim_threshold, mmap_threshold = -1, -3
    libc = ctypes.CDLL(None)
    libc.mallopt(mmap_threshold, 32 << 20)
    libc.mallopt(trim_threshold, 1 << 30)


class Model:
    """Compiles `path` (with nm-run's `options`) into `folder`, loads the code and its parameters.

    compile_s and load_s are seconds; `results` are (dtype, rank) of each.
    """

    COUNT = itertools.count()  # the loader knows libraries by their names

    def __init__(self, path, folder, options=(), derive=False, environment=None):
        stem = pathlib.Path(folder) / f"model{next(self.COUNT)}"
        command = [str(BUILD / "bin/nm-compile"), str(path), "-o", f"{stem}.so", *options]
        if derive:
            command.append("--mask-policy=derive")
        start = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        self.compile_s = time.monotonic() - start
        if done.returncode:
            raise Error(done.stderr.strip())
        header = pathlib.Path(f"{stem}.h").read_text()
        name, parameters = re.search(r"\bint nm_call_(\w+)\((.*?)\)(?=;|\n)", header).groups()
        arguments, self.sizes, inputs, self.ranks = [], 0, 0, []
        for parameter in parameters.split(", "):
            if parameter.startswith("const struct nm_params"):
                arguments.append("params")
            elif memref := re.match(r"nm_memref_(\d)d \*", parameter):
                arguments.append(f"(nm_memref_{memref[1]}d *)&out[{len(self.ranks)}]")
                self.ranks.append(int(memref[1]))
            elif "*" in parameter:
                arguments.append(f"in[{inputs}]")
                inputs += 1
            else:
                arguments.append(f"size[{self.sizes}]")
                self.sizes += 1
        #: For each size that the model leaves open: which input and dimension.
        self.open = [(int(i), int(d)) for i, d in self._open_sizes(parameters)]
        memref = f"struct {{ int64_t words[{3 + 2 * Memref.RANK}]; }}"
        pathlib.Path(f"{stem}_shim.c").write_text(
            SHIM.format(header=f"{stem}.h", name=name, arguments=", ".join(arguments), memref="nm_shim_memref")
            .replace("int shim_load", f"typedef {memref} nm_shim_memref;\nint shim_load", 1))
        libraries = [f"{stem}.so", str(BUILD / "lib/libnm_runtime.so")]
        subprocess.run(["clang-22", "-O1", "-shared", "-fPIC", "-w", f"-I{SOURCE}/include", f"-I{BUILD}/include",
                        f"{stem}_shim.c", *libraries, "-Wl,-rpath," + str(BUILD / "lib"),
                        "-Wl,-rpath," + str(folder), "-o", f"{stem}_shim.so"], check=True)
        self.code = ctypes.CDLL(f"{stem}_shim.so")
        self.code.shim_error.restype = ctypes.c_char_p
        self.params, why = ctypes.c_void_p(), ctypes.c_char_p()
        start = time.monotonic()
        policy = MASK_POLICIES["derive" if derive else "if-present"]
        if self.code.shim_load(os.fsencode(path), policy, ctypes.byref(self.params), ctypes.byref(why)):
            raise Error(why.value.decode())
        self.load_s = time.monotonic() - start

    def close(self):
        """Frees the parameters; calls may no longer be made."""
        self.code.shim_free(self.params)
        self.params = ctypes.c_void_p()

    @staticmethod
    def _open_sizes(parameters):
        """Sizes follow the array whose they are."""
        inputs = -1
        for parameter in parameters.split(", "):
            if parameter.startswith("const ") and "nm_params" not in parameter:
                inputs += 1
            elif size := re.search(r"_size(\d+)$", parameter):
                yield inputs, size[1]

    def bind(self, arrays):
        return Call(self, arrays)


class Call:
    def __init__(self, model, arrays):
        self.model, self.arrays = model, [numpy.ascontiguousarray(a) for a in arrays]
        self.inputs = (ctypes.c_void_p * len(arrays))(*[a.ctypes.data for a in self.arrays])
        self.sizes = (ctypes.c_int64 * max(1, model.sizes))(*[arrays[i].shape[d] for i, d in model.open])
        self.out = (Memref * len(model.ranks))()

    def _run(self):
        if self.model.code.shim_call(self.inputs, self.sizes, self.model.params, self.out):
            raise Error(self.model.code.shim_error().decode())

    def _release(self):
        for pointer in {out.allocated for out in self.out}:
            _free(pointer)

    def __call__(self):
        self._run()
        self._release()

    def results(self, dtype=numpy.float32):
        """Copies of the results, all of one element type."""
        self._run()
        arrays = []
        for out, rank in zip(self.out, self.model.ranks):
            shape = tuple(out.numbers[:rank])
            array = numpy.empty(shape, dtype)
            if array.nbytes:
                ctypes.memmove(array.ctypes.data, out.aligned + out.offset * array.itemsize, array.nbytes)
            arrays.append(array)
        self._release()
        return arrays
