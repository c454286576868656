# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles a module to a shared library, and calls its functions through their C interface."""

import argparse
import ctypes
import mmap
import os
import re
import shutil
import subprocess
import tempfile
import time

import numpy as np

from dtypes import NUMPY

# From linalg on tensors to LLVM by upstream passes only, and libm for functions.
UPSTREAM = """
  func.func(convert-elementwise-to-linalg),
  one-shot-bufferize{bufferize-function-boundaries
                     function-boundary-type-conversion=identity-layout-map},
  canonicalize, cse, buffer-deallocation-pipeline, convert-bufferization-to-memref,
  func.func(convert-linalg-to-loops), expand-strided-metadata, lower-affine, arith-expand{include-bf16=true},
  convert-scf-to-cf, convert-math-to-llvm, convert-math-to-libm, finalize-memref-to-llvm,
  convert-func-to-llvm, convert-arith-to-llvm, convert-cf-to-llvm, convert-index-to-llvm,
  reconcile-unrealized-casts"""


def run(command, **kwargs):
    result = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if result.returncode != 0:
        raise RuntimeError("%s failed:\n%s" % (" ".join(command[:3]), result.stderr[-4000:]))
    return result.stdout


def openmp_library():
    """The OpenMP runtime that nm's own tools run with."""
    linked = run(["ldd", shutil.which("nm-run")])
    return re.search(r"libomp\S* => (\S+)", linked).group(1)


def compile_module(path, leg, options, optimization, machine=("-march=native",)):
    """path.mlir -> path.<leg>.so, for the instruction set that the flags `machine` of clang say."""
    base = "%s.%s" % (path, leg)
    if leg in ("reference", "raised"):
        first = ["--flat-raise-attention"] if leg == "raised" else []
        lowered = run(["nm-opt", path + ".mlir", *first, "--flat-decompose-attention", "--nm-lower-to-linalg",
                       "--step-lower-to-linalg"])
        pipeline = "--pass-pipeline=builtin.module(%s)" % UPSTREAM.replace("\n", " ")
        lowered = run(["mlir-opt", pipeline], input=lowered)
    elif leg == "fused":
        lowered = run(["nm-opt", path + ".mlir", "--step-to-cpu"])
    else:
        lowered = run(["nm-opt", path + ".mlir", "--nm-to-cpu" + ("=" + options if options else "")])
    with open(base + ".mlir", "w") as file:
        file.write(lowered)
    # The manifest of parameters is an attribute of a dialect that mlir-translate does not know.
    run(["mlir-translate", "--mlir-to-llvmir", "--allow-unregistered-dialect", base + ".mlir", "-o", base + ".ll"])
    command = ["clang", optimization, *machine, "-ffp-contract=off", "-shared", "-fPIC", "-w",
               base + ".ll", "-o", base + ".so", "-lm"]
    builtins = run(["clang", "-rtlib=compiler-rt", "-print-libgcc-file-name"]).strip()
    if os.path.exists(builtins):
        command.append(builtins)
    if leg == "optimized":
        library = openmp_library()
        command += [library, "-Wl,-rpath," + os.path.dirname(library)]
    run(command)
    return base + ".so"


def guarded(array):
    """A copy that ends where the memory does: a read beyond it is a fault."""
    array = np.asarray(array)
    if not array.size:
        return np.array(array, order="C")
    page = mmap.PAGESIZE
    length = -(-array.nbytes // page) * page
    memory = mmap.mmap(-1, length + page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(address + length), ctypes.c_size_t(page), 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    copy = np.frombuffer(memory, array.dtype, array.size, length - array.nbytes).reshape(array.shape)
    copy[...] = array
    return copy


class Library:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.free = ctypes.CDLL(None).free
        self.free.argtypes = [ctypes.c_void_p]

    @staticmethod
    def descriptor(array):
        """{allocated, aligned, offset, sizes, strides} in 64-bit words."""
        strides = [1] * array.ndim
        for d in range(array.ndim - 2, -1, -1):
            strides[d] = strides[d + 1] * array.shape[d + 1]
        words = [array.ctypes.data, array.ctypes.data, 0, *array.shape, *strides]
        return (ctypes.c_int64 * len(words))(*words)

    def call(self, name, inputs, results):
        # Copies: the callee may write its arguments.
        arrays = [guarded(a) for a in inputs]
        descriptors = [self.descriptor(a) for a in arrays]
        words = [3 + 2 * len(shape) for shape, _ in results]
        output = (ctypes.c_int64 * sum(words))()
        getattr(self.library, "_mlir_ciface_" + name)(
            ctypes.byref(output), *(ctypes.byref(d) for d in descriptors))
        found, at, own = [], 0, {a.ctypes.data for a in arrays}
        for (shape, dtype), count in zip(results, words):
            rank = len(shape)
            sizes = list(output[at + 3 : at + 3 + rank])
            assert sizes == list(shape), "%s: result of shape %s, expected %s" % (name, sizes, list(shape))
            item = np.dtype(NUMPY[dtype])
            strides = [s * item.itemsize for s in output[at + 3 + rank : at + 3 + 2 * rank]]
            size = int(np.prod(shape)) * item.itemsize
            data = np.zeros(shape, item)
            if size:
                view = (ctypes.c_char * size).from_address(output[at + 1] + output[at + 2] * item.itemsize)
                data = np.ndarray(shape, item, view, strides=strides).copy()
            if output[at] not in own:
                own.add(output[at])
                self.free(output[at])
            found.append(data)
            at += count
        return found


def seed_parser(description, cases):
    """Options that every generator of functions has; `seeds_of` reads those of its seeds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--random", type=int, default=0, help="number of seeds from the clock instead")
    parser.add_argument("--cases", type=int, default=cases, help="functions of a module")
    parser.add_argument("--only", help="one function by name")
    parser.add_argument("--keep", help="folder for the modules, instead of a temporary one")
    return parser


def seeds_of(options):
    if options.random:
        start = time.time_ns() % 10**9
        return list(range(start, start + options.random))
    return [int(seed) for seed in options.seeds.split(",")]


def check_seeds(seeds, options, check_module):
    """check_module(seed, options, folder) gives comparisons and failures: their sums. `options.keep` names the folder
    if what is made there is to stay."""
    total = failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or temporary
        os.makedirs(folder, exist_ok=True)
        for seed in seeds:
            count, failures = check_module(seed, options, folder)
            total, failed = total + count, failed + failures
    return total, failed
