# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""--prune against NumPy: results, the line of each matrix, and how far each is from dense.

usage: prune.py FOLDER
"""

import fnmatch
import os
import re
import subprocess
import sys

import numpy

from transformers import Sizes, bert, prune

RULES = [
    ["2:4"],
    ["4:8"],
    ["8:16"],
    ["6:8"],
    ["layer.0.*=2:4", "layer.1.up.weight=1:4", "layer.1.*=dense"],
    ["layer.0.o.weight=dense", "layer.0.*=1:4", "layer.1.*.weight=6:8"],
]
failures = []


def chosen(rules, key):
    """The pattern of a weight by the first rule that fits, None if it is left."""
    for rule in rules:
        name, _, pattern = rule.rpartition("=")
        if fnmatch.fnmatchcase(key, name or "*"):
            return None if pattern == "dense" else tuple(map(int, pattern.split(":")))
    return None


def run(*options):
    return subprocess.run(["nm-run", "m.onnx", *options], capture_output=True, text=True)


def check(made, rules, arguments):
    done = run(*arguments, *[f"--prune={rule}" for rule in rules], "--output=y.npy", "--threads=1")
    if done.returncode:
        failures.append(f"{rules}: {done.stderr}")
        return
    expected, matrices = {}, 0
    for key, array in made.weights.items():
        matrices += array.ndim == 2 and array.size > 64
        # Tables that are gathered from are no operands of products.
        if array.ndim == 2 and "embedding" not in key and (pattern := chosen(rules, key)):
            expected[key] = (*pattern, prune(array, *pattern))
    want = made.reference(lambda key, array: expected[key][2] if key in expected else array)[0]
    error = numpy.abs(numpy.load("y.npy") - want).max() / numpy.abs(want).max()
    if not error < 1e-5:
        failures.append(f"{rules}: off by {error:.2e}")
    lines = re.findall(r"^(pruned|left) (\S+) \[\d+, \d+\](?: to (\d+):(\d+) along dimension 0, "
                       r"([\d.]+) % of its norm removed$|: (.+)$)", done.stderr, re.M)
    if len(lines) != matrices:
        failures.append(f"{rules}: {len(lines)} lines, expected {matrices}: {done.stderr}")
    for kind, key, n, m, distance, why in lines:
        if (kind == "pruned") != (key in expected):
            failures.append(f"{rules}: {key} is {kind}: {why}")
        elif kind == "pruned":
            array = made.weights[key].astype(float)
            norm = numpy.linalg.norm(array - expected[key][2]) / numpy.linalg.norm(array) * 100
            if (int(n), int(m)) != expected[key][:2] or not abs(float(distance) - norm) < 0.006:
                failures.append(f"{rules}: {key} {n}:{m} {distance} %, expected {expected[key][:2]}, {norm:.3f} %")
        elif not why:
            failures.append(f"{rules}: {key} is left without a reason")


def refuse(text, *options):
    done = run(*options)
    if done.returncode != 1 or text not in done.stderr:
        failures.append(f"{options}: exit {done.returncode}, {done.stderr.strip()}, expected {text}")


os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
made = bert(Sizes(layers=2), 17)
inputs = made.save("m")
for rules in RULES:
    check(made, rules, inputs)
refuse("names no parameter", *inputs, "--prune=nobody.*=2:4")
refuse("--prune =2:4 has no key before '='", *inputs, "--prune==2:4")
refuse("'5:4' is out of range", *inputs, "--prune=*.weight=5:4")
refuse("has no program on edge", *inputs, "--prune=2:4", "--target=edge")
print("\n".join(failures))
print(len(failures), "failures")
