# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random cases by seed, each against a model: [--tool NM_PIFO] [--count N] [--seed S] [--jobs N]."""

import argparse
import concurrent.futures
import os
import sys
import tempfile


def in_folder(check, tool, seed):
    with tempfile.TemporaryDirectory() as folder:
        return check(tool, seed, folder)


def run(check, count):
    """check(tool, seed, folder) gives what is wrong, or None. Every seed that is wrong is printed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default="nm-pifo")
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.count)
    wrong = 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        jobs = [pool.submit(in_folder, check, options.tool, seed) for seed in seeds]
        for seed, job in zip(seeds, jobs):
            message = job.result()
            if message:
                wrong += 1
                print(f"seed {seed}: {message}", flush=True)
    print(f"seeds {seeds[0]} to {seeds[-1]}: {wrong or 'none'} wrong")
    sys.exit(wrong > 0)
