#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random recipes, run by the reference lowering, against NumPy: every bit (a NaN equals a NaN).

  recipes.py --seeds 1,2 --cases 24
  recipes.py --random 50                fifty seeds from the clock, printed
  recipes.py --seeds 7 --only f12       one function of a module
"""

import argparse
import ctypes
import os
import sys
import tempfile
import time

import numpy as np

from build import Library, compile_module
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
    shapes = [None if type_ in SCALARS else value.shape for _, type_, value, _ in case.results]
    words = [1 if shape is None else 3 + 2 * len(shape) for shape in shapes]
    output = (ctypes.c_int64 * sum(words))()
    getattr(library, "_mlir_ciface_" + case.name)(ctypes.byref(output), *passed)
    found, at = [], 0
    for (_, type_, value, _), shape, count in zip(case.results, shapes, words):
        if shape is None:
            found.append(np.array(output[at], np.int64).view(np.float64 if type_ == "f64" else np.int64))
        else:
            # Results of the reference are fresh and contiguous, or an argument as it is.
            view = (ctypes.c_char * value.nbytes).from_address(output[at + 1]) if value.nbytes else b""
            found.append(np.frombuffer(view, value.dtype).reshape(shape).copy())
        at += count
    return found


def difference(found, expected):
    """None, or what is wrong with a result."""
    expected = np.asarray(expected)
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


def check_module(seed, leg, options, folder):
    cases = [RecipeCase(np.random.default_rng([seed, i]), "f%d" % i) for i in range(options.cases)]
    cases = [case for case in cases if not options.only or case.name == options.only]
    path = os.path.join(folder, "seed-%d" % seed)
    with open(path + ".mlir", "w") as file:
        file.write("\n".join(case.mlir() for case in cases) + "\n")
    library = ctypes.CDLL(compile_module(path, leg, "", "-O1"))
    failures = 0
    for case in cases:
        for number, (found, result) in enumerate(zip(call_reference(library, case), case.results)):
            message = difference(found, result[2])
            if message:
                failures += 1
                print("seed %d, %s, %s: result %d differs at %s\n  %s" % (
                    seed, leg, case.name, number, message, case.describe()))
                break
    return len(cases), failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--random", type=int, default=0, help="number of seeds from the clock instead")
    parser.add_argument("--cases", type=int, default=24, help="functions of a module")
    parser.add_argument("--legs", default="reference")
    parser.add_argument("--only", help="one function by name")
    parser.add_argument("--keep", help="folder for the modules, instead of a temporary one")
    options = parser.parse_args()
    if options.random:
        start = time.time_ns() % 10**9
        options.seeds = ",".join(str(start + i) for i in range(options.random))
    print("seeds %s, %d recipes each, %s" % (options.seeds, options.cases, options.legs), flush=True)
    total = failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or temporary
        os.makedirs(folder, exist_ok=True)
        for seed in options.seeds.split(","):
            for leg in options.legs.split(","):
                count, failures = check_module(int(seed), leg, options, folder)
                total, failed = total + count, failed + failures
    print("%d comparisons, %d failed" % (total, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
