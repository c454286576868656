# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random policies by seed, each compared with a model: --tool NM_PIFO [--count N] [--seed S]."""

import argparse
import json
import os
import subprocess
import sys
import tempfile


def results_of(options, check):
    """check(seed, tool, folder) for each seed; it writes p.policy to the folder, and raises ValueError where tool
    and model differ, which ends the program."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seed, options.seed + options.count):
            try:
                results.append(check(seed, options.tool, folder))
            except ValueError as error:
                with open(os.path.join(folder, "p.policy")) as file:
                    print(f"seed {seed}: {error}\n{file.read()}")
                sys.exit(1)
    return results


def run_seeds(check):
    """The same where `check` gives how many packets were dropped and marked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", default="nm-pifo")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    results = results_of(options, check)
    drops, marks = sum(drops for drops, _ in results), sum(marks for _, marks in results)
    print(f"seeds {options.seed} to {options.seed + options.count - 1}: equal, {drops} drops, {marks} marked packets")


def run_tool(tool, folder, policy, columns, packets, rate):
    """Writes a policy and its packets, runs them, and gives the departures' fields as text and the report."""
    paths = {name: os.path.join(folder, name) for name in ("p.policy", "t.csv", "report.json")}
    with open(paths["p.policy"], "w") as file:
        file.write(policy)
    with open(paths["t.csv"], "w") as file:
        file.write(",".join(columns) + "\n")
        for packet in packets:
            file.write(",".join(str(packet[column]) for column in columns) + "\n")
    result = subprocess.run([tool, paths["p.policy"], paths["t.csv"], "--rate", str(rate), "--quiet", "--no-times",
                             "--departures", "-", "--json", paths["report.json"]],
                            capture_output=True, text=True, timeout=300)
    if result.returncode:
        raise ValueError(result.stderr)
    with open(paths["report.json"]) as file:
        return [line.split(",") for line in result.stdout.splitlines()[1:]], json.load(file)
