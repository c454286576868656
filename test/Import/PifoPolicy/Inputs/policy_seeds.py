# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random policies by seed, each compared with a model: --tool NM_PIFO [--count N] [--seed S]."""

import argparse
import os
import tempfile


def run_seeds(check):
    """Calls check(seed, tool, folder), which writes p.policy there, gives how many packets were dropped and
    marked, and raises ValueError where tool and model differ. Returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default="nm-pifo")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    drops = marks = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seed, options.seed + options.count):
            try:
                more = check(seed, options.tool, folder)
            except ValueError as error:
                with open(os.path.join(folder, "p.policy")) as file:
                    print(f"seed {seed}: {error}\n{file.read()}")
                return 1
            drops, marks = drops + more[0], marks + more[1]
    print(f"seeds {options.seed} to {options.seed + options.count - 1}: equal, {drops} drops, {marks} marked packets")
    return 0
