#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random modules, run by the reference lowering and by the optimising pipeline.

Each seed makes one module of random functions. It is compiled twice, by nm-lower-to-linalg and
upstream passes, and by --nm-to-cpu. Both results are compared with NumPy in float64 and thereby
with each other; what packs, unpacks or prunes must agree in every bit.

  differential.py --seeds 1,2,3 --cases 24 --legs reference,optimized
  differential.py --random 50           fifty seeds from the clock, printed
  differential.py --seeds 7 --only f12  one function of a module

NM_DIFFERENTIAL_SEEDS and NM_DIFFERENTIAL_CASES override the options, for long runs.
"""

import os
import sys

import numpy as np

from attention_case import AttentionCase
from build import Library, check_seeds, compile_module, seed_parser, seeds_of
from dtypes import to_float
from matmul_case import MatmulCase
from storage_case import StorageCase


def parse():
    parser = seed_parser(__doc__, 24)
    parser.add_argument("--kind", choices=["matmul", "storage", "both", "attention"], default="both")
    parser.add_argument("--legs", default="reference,optimized")
    parser.add_argument("--options", default="", help="options of --nm-to-cpu")
    parser.add_argument("--optimization", default="-O2", help="of clang")
    options = parser.parse_args()
    options.seeds = os.environ.get("NM_DIFFERENTIAL_SEEDS", options.seeds)
    options.cases = int(os.environ.get("NM_DIFFERENTIAL_CASES", options.cases))
    return options


def make_cases(seed, options):
    cases = []
    for i in range(options.cases):
        # A generator for each function: --only finds the same one again.
        rng = np.random.default_rng([seed, i])
        storage = options.kind == "storage" or (options.kind == "both" and i % 4 == 3)
        attention = options.kind == "attention"
        case = (AttentionCase if attention else StorageCase if storage else MatmulCase)(rng, "f%d" % i)
        if not options.only or case.name == options.only:
            cases.append(case)
    return cases


def difference(case, results):
    """None if the results are right, or what is wrong with them."""
    for number, (found, (expected, tolerance)) in enumerate(zip(results, case.expected())):
        if tolerance is None:
            wrong = found.view(np.uint8) != expected.view(np.uint8) if found.size else np.zeros(0, bool)
            if wrong.any():
                return "result %d differs in %d bytes" % (number, wrong.sum())
            continue
        values = to_float(found, case.results[number][1])
        error = np.abs(values - expected)
        wrong = ~(error <= tolerance)
        if wrong.any():
            at = np.unravel_index(np.argmax(wrong), wrong.shape)
            return "result %d differs at %d of %d elements, first at %s: %r, expected %r within %g" % (
                number, wrong.sum(), wrong.size, [int(i) for i in at], float(values[at]), float(expected[at]),
                float(tolerance[at]))
    return None


def check_module(seed, options, folder):
    cases = make_cases(seed, options)
    path = os.path.join(folder, "seed-%d" % seed)
    with open(path + ".mlir", "w") as file:
        file.write("\n".join(case.mlir() for case in cases) + "\n")
    failures = 0
    for leg in options.legs.split(","):
        try:
            library = Library(compile_module(path, leg, options.options, options.optimization))
        except RuntimeError as error:
            print("seed %d, %s: %s" % (seed, leg, error))
            failures += len(cases)
            continue
        for case in cases:
            message = difference(case, library.call(case.name, case.inputs, case.results))
            if message:
                failures += 1
                print("seed %d, %s: %s\n  %s" % (seed, leg, message, case.describe()))
    return len(cases) * len(options.legs.split(",")), failures


def main():
    options = parse()
    seeds = seeds_of(options)
    print("seeds %s, %d functions each, %s" % (seeds, options.cases, options.legs), flush=True)
    total, failed = check_seeds(seeds, options, check_module)
    print("%d comparisons, %d failed" % (total, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
