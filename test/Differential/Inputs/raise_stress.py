#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random attentions in linalg, raised and compiled, against float64.

  raise_stress.py --count 300 --seed 1     programs 0 to 299 of seed 1
  raise_stress.py --seed 1 --only 17       one of them, its module printed

Every program is raised and lowered by the reference decomposition; every --fused'th module goes through the
whole CPU pipeline as well. A failing program is named by its seed and number, and made again from them.
"""

import argparse
import concurrent.futures
import os
import re
import sys
import tempfile

import numpy as np

from build import Library, compile_module, run
from raise_case import RaiseCase
from raise_spellings import SpelledCase
from raise_twists import TwistedCase


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one program by its number")
    parser.add_argument("--module", type=int, default=50, help="programs of a module")
    parser.add_argument("--fused", type=int, default=10, help="every so many modules by the CPU pipeline too; 0: none")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--twisted", action="store_true", help="attentions with one thing that is not as it should be")
    kinds.add_argument("--spelled", action="store_true", help="attentions whose softmax is spelled as no exporter does")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--min-raised", type=float, default=0.5, help="the share of programs that must be raised")
    return parser.parse_args()


def difference(case, results):
    for number, (found, tensor) in enumerate(zip(results, case.p.results)):
        found = found.astype(np.float64)
        with np.errstate(all="ignore"):
            # What lies beyond f32 is infinite in it: two masks may each hide a logit by its lowest finite value.
            beyond = np.isinf(tensor.data.astype(np.float32))
            expected = np.where(beyond, np.copysign(np.inf, tensor.data), tensor.data)
            right = (np.isnan(found) & np.isnan(expected)) | (found == expected) | (
                np.abs(found - expected) <= 2e-4 * (1 + np.abs(expected)))
        if not right.all():
            at = np.unravel_index(np.argmin(right), right.shape)
            return "result %d differs at %d of %d elements, first at %s: %r, expected %r" % (
                number, (~right).sum(), right.size, [int(i) for i in at], float(found[at]), float(expected[at]))
    return None


def raised_functions(text):
    """Names of the functions that hold an attention after raising."""
    names, name = set(), None
    for line in text.splitlines():
        match = re.match(r"\s*func\.func @(\w+)", line)
        name = match.group(1) if match else name
        if "flat.attention" in line:
            names.add(name)
    return names


def check_module(numbers, seed, is_fused, folder, kind):
    """(failures, raised, expected to be raised but not)"""
    cases = [kind(np.random.default_rng([seed, number]), "p%d" % number) for number in numbers]
    path = os.path.join(folder, "seed-%d-%d" % (seed, numbers[0]))
    with open(path + ".mlir", "w") as file:
        file.write("module {\n%s\n}\n" % "\n".join(case.mlir() for case in cases))
    failures = []
    try:
        text = run(["nm-opt", path + ".mlir", "--flat-raise-attention"])
    except RuntimeError as error:
        if len(numbers) == 1:
            return ["seed %d, program %d: %s\n  %s" % (seed, numbers[0], error, cases[0].describe())], 0, []
        # Which one it is.
        parts = [check_module([number], seed, False, folder, kind) for number in numbers]
        return sum((p[0] for p in parts), []), sum(p[1] for p in parts), sum((p[2] for p in parts), [])
    raised = raised_functions(text)
    missed = [case for case in cases if case.is_attention and case.name not in raised]
    for leg in ["raised"] + (["optimized"] if is_fused else []):
        try:
            # Programs of upstream loops are many, and each runs once.
            library = Library(compile_module(path, leg, "", "-O0" if leg == "raised" else "-O1"))
        except RuntimeError as error:
            if len(numbers) > 1:
                parts = [check_module([number], seed, is_fused, folder, kind) for number in numbers]
                return sum((p[0] for p in parts), []), sum(p[1] for p in parts), sum((p[2] for p in parts), [])
            failures.append("seed %d, program %d, %s: %s\n  %s" % (
                seed, numbers[0], leg, error, cases[0].describe()))
            continue
        for number, case in zip(numbers, cases):
            message = difference(case, library.call(case.name, case.inputs, case.results))
            if message:
                failures.append("seed %d, program %d, %s%s: %s\n  %s" % (
                    seed, number, leg, ", raised" if case.name in raised else "", message, case.describe()))
    for end in (".mlir", ".raised.mlir", ".raised.ll", ".raised.so", ".optimized.mlir", ".optimized.ll", ".optimized.so"):
        if os.path.exists(path + end):
            os.remove(path + end)
    return failures, len(raised), ["seed %d, program %d: %s" % (seed, int(case.name[1:]), case.describe())
                                   for case in missed]


def main():
    options = parse()
    kind = TwistedCase if options.twisted else SpelledCase if options.spelled else RaiseCase
    numbers = list(range(options.count)) if options.only is None else [options.only]
    if options.only is not None:
        case = kind(np.random.default_rng([options.seed, options.only]), "p%d" % options.only)
        print(case.mlir())
        print("// " + case.describe())
    modules = [numbers[i : i + options.module] for i in range(0, len(numbers), options.module)]
    print("seed %d, %d programs" % (options.seed, len(numbers)), flush=True)
    failed = raised = 0
    missed = []
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(check_module, part, options.seed,
                            options.only is not None or (options.fused and i % options.fused == 0), folder,
                            kind)
                for i, part in enumerate(modules)]
        for job in jobs:
            messages, count, unraised = job.result()
            failed, raised = failed + len(messages), raised + count
            missed += unraised
            for message in messages:
                print(message, flush=True)
    for text in missed[:5]:
        print("not raised: " + text)
    share = raised / len(numbers)
    print("%d programs, %d raised (%.0f %%), %d expected but not, %d failed" % (
        len(numbers), raised, 100 * share, len(missed), failed))
    if options.only is None and share < options.min_raised:
        print("too few are raised, expected at least %.0f %%" % (100 * options.min_raised))
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
