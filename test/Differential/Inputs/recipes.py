#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random recipes, run by the reference lowering and as fused loops, against NumPy: every bit (a NaN equals a NaN).

  recipes.py --seeds 1,2 --cases 24
  recipes.py --seeds 1 --legs fused-avx2,fused-avx512
  recipes.py --random 50                fifty seeds from the clock, printed
  recipes.py --seeds 7 --only f12       one function of a module
"""

import ctypes
import os
import sys
import tempfile

import numpy as np

from build import Library, compile_module, seed_parser, seeds_of
from recipe_case import RecipeCase

SCALARS = {"f32": ctypes.c_float, "f64": ctypes.c_double, "i1": ctypes.c_bool, "i32": ctypes.c_int32,
           "i64": ctypes.c_int64}


def call_reference(library, case):
    """The results of a function on tensors, in their order."""
    held, passed = [], []
    for _, type_, value in case.arguments:
        if type_ in SCALARS:
            passed.append(SCALARS[type_](value))
        else:
            held.append(np.array(value, order="C"))
            held.append(Library.descriptor(held[-1]))
            passed.append(ctypes.byref(held[-1]))
    shapes = [None if type_ in SCALARS else value.shape for _, type_, value, *_ in case.results]
    words = [1 if shape is None else 3 + 2 * len(shape) for shape in shapes]
    output = (ctypes.c_int64 * sum(words))()
    getattr(library, "_mlir_ciface_" + case.name)(ctypes.byref(output), *passed)
    found, at = [], 0
    for (_, type_, value, *_), shape, count in zip(case.results, shapes, words):
        if shape is None:
            found.append(np.array(output[at], np.int64).view(np.float64 if type_ == "f64" else np.int64))
        else:
            # Results of the reference are fresh and contiguous, or an argument as it is.
            view = (ctypes.c_char * value.nbytes).from_address(output[at + 1]) if value.nbytes else b""
            found.append(np.frombuffer(view, value.dtype).reshape(shape).copy())
        at += count
    return found


def pack(bits):
    """A mask as a fused loop holds it; the bits behind the last element are set, and stay."""
    count = bits.size
    padded = np.ones(-(-count // 8) * 8, bool)
    padded[:count] = bits.reshape(-1)
    return np.packbits(padded, bitorder="little")


def unpack(data, shape):
    count = int(np.prod(shape))
    bits = np.unpackbits(data, bitorder="little").astype(bool)
    assert bits[count:].all(), "bits behind the last element changed"
    return bits[:count].reshape(shape)


# Elements around every tensor of a fused recipe, which no loop may touch.
GUARD = 5


class Guarded:
    """Memory with a guard before and behind; unaligned, as memory may be."""

    def __init__(self, value):
        flat = np.asarray(value).reshape(-1)
        self.shape = value.shape
        self.whole = np.full(flat.size + 2 * GUARD, 77, flat.dtype)
        self.data = self.whole[GUARD : GUARD + flat.size]
        self.data[:] = flat

    def check(self):
        assert (self.whole[:GUARD] == 77).all() and (self.whole[-GUARD:] == 77).all(), "memory around it changed"

    def descriptor(self):
        return Library.descriptor(self.data.reshape(self.shape))


def call_fused(library, case):
    """The results of a fused function: tensors are memory, masks are packed, results are written where they update
    an argument or into memory that follows the arguments."""
    memory, passed, held = {}, [], []

    def add(key, value):
        memory[key] = Guarded(pack(value) if value.dtype == bool else value)
        held.append(memory[key].descriptor())
        passed.append(ctypes.byref(held[-1]))

    for number, (_, type_, value) in enumerate(case.arguments):
        if type_ in SCALARS:
            passed.append(SCALARS[type_](value))
        else:
            add(number, value)
    for number, (_, type_, value, updates, _) in enumerate(case.results):
        if type_ not in SCALARS and updates is None:
            add("result %d" % number, np.zeros(value.shape, value.dtype) if value.dtype != bool else
                np.ones(value.shape, bool))
    scalars = [r for r in case.results if r[1] in SCALARS]
    output = (ctypes.c_int64 * max(1, len(scalars)))()
    entry = getattr(library, "_mlir_ciface_" + case.name)
    if len(scalars) == 1:
        entry.restype = ctypes.c_double if scalars[0][1] == "f64" else ctypes.c_int64
        direct = entry(*passed)
    elif scalars:
        entry(ctypes.byref(output), *passed)
    else:
        entry(*passed)
    found, at = [], 0
    for number, (_, type_, value, updates, stored_if) in enumerate(case.results):
        if type_ in SCALARS:
            kind = np.float64 if type_ == "f64" else np.int64
            found.append(np.array(direct, kind) if len(scalars) == 1 else np.array(output[at], np.int64).view(kind))
            at += 1
            continue
        place = memory["result %d" % number if updates is None else updates]
        place.check()
        if stored_if is not None and not case.arguments[stored_if][2]:
            assert not place.data.any(), "stored although it must not be"
            found.append(value)
            continue
        found.append(unpack(place.data, value.shape) if value.dtype == bool else place.data.reshape(value.shape))
    return found


def difference(found, expected):
    """None, or what is wrong with a result."""
    expected, found = np.asarray(expected), np.asarray(found)
    if expected.dtype == np.uint16:  # bf16
        found, expected = ((x.astype(np.uint32) << 16).view(np.float32) for x in (found, expected))
    if found.dtype.kind == "f":
        same = (found.view("u%d" % found.itemsize) == expected.view("u%d" % found.itemsize)) | (
            np.isnan(found) & np.isnan(expected))
    else:
        same = found == expected
    if np.all(same):
        return None
    at = np.unravel_index(np.argmin(same), same.shape)
    return "%d of %d elements, first at %s: %r, expected %r" % (
        np.size(same) - np.sum(same), np.size(same), [int(i) for i in at], found[at], expected[at])


# How clang is told of an instruction set. 512-bit registers are used where the code asks for them.
MACHINES = {
    "reference": ("-march=native",),
    "fused": ("-march=native", "-mprefer-vector-width=512"),
    "fused-avx2": ("-march=haswell",),
    "fused-avx512": ("-march=skylake-avx512", "-mprefer-vector-width=512"),
    "fused-sse2": ("-march=x86-64",),
}


def check_module(seed, leg, options, folder):
    fused = leg != "reference"
    cases = [RecipeCase(np.random.default_rng([seed, i]), "f%d" % i, fused) for i in range(options.cases)]
    cases = [case for case in cases if not options.only or case.name == options.only]
    path = os.path.join(folder, "%s-%d" % (leg, seed))
    with open(path + ".mlir", "w") as file:
        file.write("\n".join(case.mlir() for case in cases) + "\n")
    library = ctypes.CDLL(compile_module(path, "fused" if fused else leg, "", "-O1", MACHINES[leg]))
    failures = 0
    for case in cases:
        results = (call_fused if fused else call_reference)(library, case)
        for number, (found, result) in enumerate(zip(results, case.results)):
            message = difference(found, result[2])
            if message:
                failures += 1
                print("seed %d, %s, %s: result %d differs at %s\n  %s" % (
                    seed, leg, case.name, number, message, case.describe()))
                break
    return len(cases), failures


def main():
    parser = seed_parser(__doc__, 24)
    parser.add_argument("--legs", default="reference,fused", help="of " + ", ".join(MACHINES))
    options = parser.parse_args()
    seeds = seeds_of(options)
    print("seeds %s, %d recipes each, %s" % (seeds, options.cases, options.legs), flush=True)
    total = failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or temporary
        os.makedirs(folder, exist_ok=True)
        for seed in seeds:
            for leg in options.legs.split(","):
                count, failures = check_module(seed, leg, options, folder)
                total, failed = total + count, failed + failures
    print("%d comparisons, %d failed" % (total, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
