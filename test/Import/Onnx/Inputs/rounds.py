# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command line of tests that draw forms at random: FOLDER COUNT [SEED]."""

import os
import sys

import numpy


def run_random(check, what, seed):
    """Calls check(number, generator) COUNT times in FOLDER; it returns what is wrong, or None."""
    folder, count = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else seed
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    source = numpy.random.default_rng(seed)
    failures = [why for why in (check(i, source) for i in range(count)) if why]
    for why in failures:
        print(why)
    print(f"seed {seed}: {count} {what}, {len(failures)} failures")
