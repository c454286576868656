#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random attentions (attention_case.py) on simulated accelerators in f32, against float64.

  attention_accelerator.py --count 24 --seed 1     attentions 0 to 23 of seed 1
  attention_accelerator.py --seed 1 --only 7       one of them, its module printed
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

from attention_case import AttentionCase
from dtypes import to_float

TARGETS = ["edge", "tpu-v5e", "cloud"]


def make(seed, number):
    """A case of what programs have: static sizes of one and more, floats, keys, positions from 0 on."""
    attempt = 0
    while True:
        case = AttentionCase(np.random.default_rng([seed, number, attempt]), "f")
        attempt += 1
        sizes = (case.B, case.N, case.S, case.D, case.E)
        is_bool = case.mask and case.mask[0] == "i1"
        length = case.length is not None and case.length <= 0
        offset = case.offset is not None and case.offset < 0
        if 0 in sizes or is_bool or length or offset:
            continue
        case.dynamic, case.dataflow = False, ""
        return case


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    numbers = range(options.count) if options.only is None else [options.only]
    failures, forms = [], set()
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            case, target = make(options.seed, number), TARGETS[number % len(TARGETS)]
            path = os.path.join(folder, "%d" % number)
            text = case.mlir()
            if options.only is not None:
                print(text)
            with open(path + ".mlir", "w") as file:
                file.write(text + "\n")
            command = ["nm-run", path + ".mlir", "--target=" + target, "--element-type=f32", "--output", path + ".npy"]
            for i, array in enumerate(case.inputs):
                np.save("%s-%d.npy" % (path, i), array)
                command += ["--input", "%s-%d.npy" % (path, i)]
            done = subprocess.run(command, capture_output=True, text=True)
            name = "seed %d, attention %d on %s: " % (options.seed, number, target)
            if done.returncode:
                failures.append(name + done.stderr[:400] + "\n  " + case.describe())
                continue
            forms.add((case.score, bool(case.mask)))
            (expected, tolerance), = case.expected()
            found = to_float(np.load(path + ".npy"), case.results[0][1])
            wrong = ~(np.abs(found - expected) <= 4 * tolerance + 1e-5)
            if wrong.any():
                at = np.unravel_index(np.argmax(wrong), wrong.shape)
                failures.append(name + "%d of %d elements differ, first at %s: %r, expected %r\n  %s" % (
                    wrong.sum(), wrong.size, [int(i) for i in at], float(found[at]), float(expected[at]),
                    case.describe()))
    print("seed %d, %d attentions, %d forms, %d failed" % (
        options.seed, len(numbers), len(forms), len(failures)))
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
