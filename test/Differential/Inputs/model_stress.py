#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random models on simulated accelerators and on this processor, against float64.

  model_stress.py --count 60 --seed 1     models 0 to 59 of seed 1
  model_stress.py --seed 1 --only 17      one of them, its module and device printed
  model_stress.py --seed 1 --only 17 --keep FOLDER    its files as well

Each model runs on an accelerator, one of nm's or a random one, in f32, f16 or bf16, and gives what the
generator computes beside, within what rounding may make of it; or it is refused with a reason that
docs/attacc-operators.md has. The processor says who of two is wrong. What takes too long, crashes or has no
message is a fault. A failing model is named by its seed and number, and made again from them.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

from model_case import ModelCase
from model_values import UNITS

# What the page refuses, by what is said.
REFUSALS = {
    "rows of the scratchpad": r"found rows of \d+ elements in .*, expected at most the",
    "blocks of a product": r"found blocks of .* which need \d+ bytes with their epilogue, expected at most the",
    "transfers": r"transfers that no loop joins, expected fewer",
    "batch": r"products in a batch, expected at most",
    "attention": r"'flat.attention' op (has the mask|has a score function|has a scale|has a length|has an offset|gives zeros|has no dataflow)",
}


def random_device(rng, dtype):
    pick = lambda choices: choices[int(rng.integers(len(choices)))]
    patterns = [p for p in ["1:2", "1:4", "2:4", "2:8", "4:8"] if rng.random() < 0.6]
    return {
        "schema": "nm.device/1", "kind": "accelerator", "name": "random", "frequency_hz": 1000000000,
        "element_bits": 32 if dtype == "f32" else 16, "accumulator_bits": 32, "dram": {"bytes_per_second": 5e10},
        "energy_pj": {"mac": 0.5, "scratchpad_byte": 4.0, "dram_byte": 32},
        "array": {"rows": pick([4, 8, 16, 32]), "cols": pick([4, 8, 32]),
                  "stationarities": pick([["output"], ["output", "weight", "input"], ["weight"]]),
                  "packs_heads": False, "sparse_patterns": patterns},
        "scratchpad": {"bytes": pick([16384, 65536, 524288]), "banks": 16, "bytes_per_second": 1e12},
        "special_function": {"lanes": 0}, "dma": {"channels": pick([1, 2, 4])}}


def last_error(text):
    lines = [line for line in text.splitlines() if "error:" in line]
    return lines[0] if lines else ""


class Run:
    """One model on a machine."""

    def __init__(self, folder, case, options, limit):
        outputs = [os.path.join(folder, "y%d.npy" % i) for i in range(len(case.p.results))]
        command = ["nm-run", os.path.join(folder, "m.mlir"), *options]
        if case.p.params:
            command += ["--params", os.path.join(folder, "p.npz")]
        for i in range(len(case.p.arguments)):
            command += ["--input", "%d=%s" % (i, os.path.join(folder, "x%d.npy" % i))]
        for i, path in enumerate(outputs):
            command += ["--output", "%d=%s" % (i, path)]
            if os.path.exists(path):
                os.remove(path)
        self.results, self.refusal, self.fault = [], None, None
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit, errors="replace")
        except subprocess.TimeoutExpired:
            self.fault = "not done in %d s" % limit
            return
        error = last_error(done.stderr)
        if done.returncode == 1 and error:
            for name, pattern in REFUSALS.items():
                if re.search(pattern, error):
                    self.refusal, self.message = name, error
            if not self.refusal:
                self.fault = "refused: " + done.stderr.strip()[:600]
        elif done.returncode:
            self.fault = "exit code %d: %s" % (done.returncode, done.stderr.strip()[-600:])
        else:
            self.results = [np.load(path) for path in outputs]

    def difference(self, case, unit):
        """None, or what is wrong. `unit`: the machine's share of the bounds, which are those of the element type."""
        for number, (found, tensor) in enumerate(zip(self.results, case.p.results)):
            value = tensor.data.value
            if found.shape != value.shape:
                return "result %d has shape %s, expected %s" % (number, found.shape, value.shape)
            allowed = 2 * unit * tensor.data.error + 2e-6 * np.max(np.abs(value), initial=1e-3)
            right = np.abs(found.astype(np.float64) - value) <= allowed
            if not right.all():
                at = np.unravel_index(np.argmin(right), right.shape)
                return "result %d differs at %d of %d elements, first at %s: %r, expected %r within %.3g" % (
                    number, (~right).sum(), right.size, [int(i) for i in at], float(found[at]), float(value[at]),
                    float(np.broadcast_to(allowed, value.shape)[at]))
        return None


def make(seed, number):
    rng = np.random.default_rng([seed, number])
    dtype = ["f32", "f16", "f32", "f16", "bf16"][int(rng.integers(5))]
    named = {"f32": [None], "f16": [None, "edge", "cloud"], "bf16": [None, "tpu-v5e", "edge"]}[dtype]
    device = named[int(rng.integers(len(named)))] or random_device(rng, dtype)
    return ModelCase(rng, dtype), dtype, device


def check(seed, number, options):
    """(the outcome, what is wrong or None)"""
    case, dtype, device = make(seed, number)
    folder = tempfile.mkdtemp(prefix="model-")
    try:
        with open(os.path.join(folder, "m.mlir"), "w") as file:
            file.write(case.mlir())
        if case.p.params:
            np.savez(os.path.join(folder, "p.npz"), **case.p.params)
        for i, (_, array) in enumerate(case.p.arguments):
            np.save(os.path.join(folder, "x%d.npy" % i), array)
        target = device
        if isinstance(device, dict):
            target = os.path.join(folder, "device.json")
            with open(target, "w") as file:
                json.dump(device, file)
        limit = options.limit
        run = Run(folder, case, ["--target", target, "--element-type", dtype], limit)
        fault = run.fault or run.difference(case, 1.0)
        if fault or (options.processor and number % options.processor == 0):
            # Bounds grow with the unit of rounding.
            share = 4 * UNITS["f32"][0] / UNITS[dtype][0]
            other = Run(folder, case, [], limit)
            wrong = other.fault or (other.refusal and "refused") or other.difference(case, min(share, 1.0))
            if wrong:
                fault = "%s; on the processor: %s" % (fault or "right on the accelerator", wrong)
            elif fault:
                fault += "; right on the processor"
        if fault:
            fault = "seed %d, model %d, %s on %s: %s\n  %s" % (
                seed, number, dtype, device if isinstance(device, str) else "a random device", fault, case.describe())
        if options.refused and run.refusal:
            print("seed %d, model %d: %s" % (seed, number, run.message), flush=True)
        return ("fault" if fault else "refused: " + run.refusal if run.refusal else "equal"), fault
    finally:
        if options.keep and options.only is not None:
            shutil.copytree(folder, options.keep, dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first model")
    parser.add_argument("--only", type=int, help="one model by its number")
    parser.add_argument("--keep", help="a folder for the files of --only")
    parser.add_argument("--refused", action="store_true", help="says why models are refused")
    parser.add_argument("--limit", type=float, default=120, help="seconds for a run")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--processor", type=int, default=1, help="every so many models run on the processor too; 0: those that are wrong")
    parser.add_argument("--most-refused", type=float, default=0.2, help="the share of models that may be refused")
    return parser.parse_args()


def main():
    options = parse()
    numbers = range(options.first, options.first + options.count) if options.only is None else [options.only]
    if options.only is not None:
        case, dtype, device = make(options.seed, options.only)
        print(case.mlir())
        print("// %s, %s: %s" % (dtype, device, case.describe()))
    print("seed %d, %d models" % (options.seed, len(numbers)), flush=True)
    outcomes = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for outcome, fault in pool.map(lambda number: check(options.seed, number, options), numbers):
            outcomes[outcome] += 1
            if fault:
                print(fault, flush=True)
    for outcome, count in sorted(outcomes.items()):
        print("%s: %d" % (outcome, count))
    refused = sum(count for outcome, count in outcomes.items() if outcome.startswith("refused"))
    if options.only is None and refused > options.most_refused * len(numbers):
        print("too many are refused, expected at most %.0f %%" % (100 * options.most_refused))
        return 1
    return 1 if outcomes["fault"] else 0


if __name__ == "__main__":
    sys.exit(main())
