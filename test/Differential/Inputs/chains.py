# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a function of a chain of elementwise operations, its input and its result as NumPy computes it:
chains.py FOLDER COUNT [--reach N]. An operation reads the value before it and one from up to N values before."""

import argparse
import os
import random

import numpy as np

OPERATIONS = {"addf": np.add, "subf": np.subtract, "maximumf": np.maximum, "minimumf": np.minimum}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("count", type=int)
    parser.add_argument("--reach", type=int, default=0, help="0: only the value before, and the input")
    arguments = parser.parse_args()
    r = random.Random(arguments.count)
    # Multiples of 1/16 whose sums stay exact.
    values = [np.float32(np.random.default_rng(1).integers(-64, 64, 64) / 16)]
    lines = ["func.func @main(%x0: tensor<64xf32>) -> tensor<64xf32> {"]
    for i in range(arguments.count):
        other = r.randrange(max(0, i - arguments.reach), i + 1) if arguments.reach else 0
        # Bounded, so that sums of sums do not grow without end.
        name = r.choice(["maximumf", "minimumf"]) if np.abs(values[i]).max() > 2**12 else r.choice(list(OPERATIONS))
        lines.append(f"  %x{i + 1} = arith.{name} %x{i}, %x{other} : tensor<64xf32>")
        values.append(OPERATIONS[name](values[i], values[other]))
    lines += [f"  return %x{arguments.count} : tensor<64xf32>", "}"]
    os.makedirs(arguments.folder, exist_ok=True)
    with open(os.path.join(arguments.folder, "chain.mlir"), "w") as file:
        file.write("\n".join(lines) + "\n")
    np.save(os.path.join(arguments.folder, "x.npy"), values[0])
    np.save(os.path.join(arguments.folder, "y.npy"), values[-1])


if __name__ == "__main__":
    main()
