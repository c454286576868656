# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random policies by seed, each compared with a model: --tool NM_PIFO [--count N] [--seed S] [--jobs N]."""

import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time


options = None
# Between two words on how far it came.
SECONDS_OF_SILENCE = 20


def parse(count, extend=None):
    """`extend` adds options to the parser; all of them are `options` from then on, in the pool's processes too."""
    global options
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default="nm-pifo")
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    if extend:
        extend(parser)
    options = parser.parse_args()
    return options


def check_seed(check, seed, tool):
    """The result, or what is wrong; each seed has a folder to itself."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return check(seed, tool, folder), None
        except ValueError as error:
            with open(os.path.join(folder, "p.policy")) as file:
                return None, f"seed {seed}: {error}\n{file.read()}"


def results_of(options, check):
    """check(seed, tool, folder) for each seed; it writes p.policy to the folder, and raises ValueError where tool
    and model differ. Every such seed is printed as soon as it is known, and the program ends with 1. How far it came
    goes to the error output, now and then."""
    results, wrong = [None] * options.count, 0
    begin = told = time.monotonic()
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        jobs = {pool.submit(check_seed, check, options.seed + i, options.tool): i for i in range(options.count)}
        for done, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            results[jobs[job]], message = job.result()
            if message:
                wrong += 1
                print(message, flush=True)
            now = time.monotonic()
            if now - told >= SECONDS_OF_SILENCE:
                told = now
                left = (now - begin) / done * (options.count - done)
                print(f"{done} of {options.count} seeds, {wrong} differ, {left / 60:.0f} minutes left", file=sys.stderr, flush=True)
    if wrong:
        print(f"{wrong} of {options.count} policies, from seed {options.seed}, differ from the model")
        sys.exit(1)
    return results


def count_words(check, count=60, extend=None):
    """The same where `check` gives a word, such as "equal": how often each was given."""
    options = parse(count, extend)
    words = collections.Counter(results_of(options, check))
    print(f"seeds {options.seed} to {options.seed + options.count - 1}: "
          + ", ".join(f"{count} {word}" for word, count in sorted(words.items())))


def run_seeds(check):
    """The same where `check` gives how many packets were dropped and marked."""
    options = parse(30)
    results = results_of(options, check)
    drops, marks = sum(drops for drops, _ in results), sum(marks for _, marks in results)
    print(f"seeds {options.seed} to {options.seed + options.count - 1}: equal, {drops} drops, {marks} marked packets")


def run_tool(tool, folder, policy, columns, packets, rate, *more):
    """Writes a policy and its packets, runs them, and gives the departures' fields as text and the report."""
    paths = {name: os.path.join(folder, name) for name in ("p.policy", "t.csv", "report.json")}
    with open(paths["p.policy"], "w") as file:
        file.write(policy)
    with open(paths["t.csv"], "w") as file:
        file.write(",".join(columns) + "\n")
        for packet in packets:
            file.write(",".join(str(packet[column]) for column in columns) + "\n")
    result = subprocess.run([tool, paths["p.policy"], paths["t.csv"], "--rate", str(rate), "--quiet", "--no-times",
                             "--departures", "-", "--json", paths["report.json"], *more],
                            capture_output=True, text=True, timeout=300)
    if result.returncode:
        raise ValueError(result.stderr)
    with open(paths["report.json"]) as file:
        return [line.split(",") for line in result.stdout.splitlines()[1:]], json.load(file)
