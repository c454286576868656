# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs random micro-kernels, several in a function, and compares what they give.

A case is made of a random generator. Its `text(n)` returns the arguments of case n with their arrays, the lines of its
body, which leave a tensor `%y<n>`, and the type of that; its `off(array)` says by how much a result is wrong, or None.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np


def memref(shape, element):
    return "memref<" + "".join(f"{size}x" for size in shape) + element + ">"


def tensor(shape, element):
    return memref(shape, element).replace("memref", "tensor", 1)


def run(make, seed, count, target, folder):
    rng = np.random.default_rng(seed)
    cases = [make(rng) for _ in range(count)]
    arguments, lines, types = [], ["%c0 = arith.constant 0 : index"], []
    for n, case in enumerate(cases):
        more, body, out = case.text(n)
        arguments += more
        lines += body
        types.append(out)
    model = Path(folder, "m.mlir")
    model.write_text(f"func.func @f({', '.join(text for text, _ in arguments)}) -> ({', '.join(types)}) {{\n  " +
                     "\n  ".join(lines) + f"\n  return {', '.join(f'%y{n}' for n in range(count))} : {', '.join(types)}\n}}\n")
    command = ["nm-run", str(model), *target]
    for i, (_, array) in enumerate(arguments):
        np.save(f"{folder}/x{i}.npy", array)
        command.append(f"--input={folder}/x{i}.npy")
    command += [f"--output={folder}/y{n}.npy" for n in range(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        sys.exit(f"seed {seed}: exit {done.returncode}: {done.stderr[:2000]}\n{model.read_text()[:4000]}")
    wrong = 0
    for n, case in enumerate(cases):
        off = case.off(np.load(f"{folder}/y{n}.npy"))
        if off is not None:
            wrong += 1
            print(f"seed {seed} case {n}: {case}: off by {off}")
    return wrong


def main(description, make):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", default="1", help="comma-separated")
    parser.add_argument("--count", type=int, default=20, help="kernels of a function")
    parser.add_argument("--target", action="append", default=[], help="processor; may be repeated")
    options = parser.parse_args()
    wrong = 0
    for seed in map(int, options.seeds.split(",")):
        for target in options.target or ["host"]:
            with tempfile.TemporaryDirectory() as folder:
                wrong += run(make, seed, options.count, [f"--target={target}"], folder)
    print(f"{wrong} wrong of seeds {options.seeds}, {options.count} kernels each")
    sys.exit(wrong != 0)
