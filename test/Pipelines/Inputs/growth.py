# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiling grows linearly: counts the operations of what `nm-opt --nm-to-cpu` makes of models of n, 2n and 4n
parts. Their sum may grow by no more than the model, and no function may grow at all, for what comes after
takes more than linear time in the length of one; nor may one of what `nm-compile` makes of them."""

import argparse
import os
import random
import re
import subprocess

KIND = "tensor<64x64xf32>"
MATH = ["math.exp", "math.tanh", "math.sqrt", "math.absf", "math.erf", "math.log", "math.sin"]
BINARY = ["arith.addf", "arith.mulf", "arith.subf", "arith.maximumf"]


def tensors(count, draw):
    """A chain of operations on tensors, no two stretches of it alike."""
    lines, value = [], "%x"
    for i in range(count):
        name = draw.choice(MATH + BINARY)
        other = f", %c{i}" if name in BINARY else ""
        if other:
            lines.append(f"  %c{i} = arith.constant dense<{draw.random():e}> : {KIND}")
        lines.append(f"  %v{i} = {name} {value}{other} : {KIND}")
        value = f"%v{i}"
    return [f"func.func @f(%x: {KIND}) -> {KIND} {{", *lines, f"  return {value} : {KIND}", "}"]


def named(count, draw):
    """The same operation again and again, into one destination."""
    lines, value = ["  %e = tensor.empty() : " + KIND], "%x"
    for i in range(count):
        lines.append(f"  %v{i} = linalg.exp ins({value} : {KIND}) outs(%e : {KIND}) -> {KIND}")
        value = f"%v{i}"
    return [f"func.func @f(%x: {KIND}) -> {KIND} {{", *lines, f"  return {value} : {KIND}", "}"]


def body(count, draw):
    """One operation with a long body."""
    lines, value = [], "%a"
    for i in range(count):
        name = draw.choice(MATH + BINARY)
        lines.append(f"    %v{i} = {name} {value}{', %a' if name in BINARY else ''} : f32")
        value = f"%v{i}"
    return ["#id = affine_map<(i, j) -> (i, j)>",
            f"func.func @f(%x: {KIND}) -> {KIND} {{", f"  %e = tensor.empty() : {KIND}",
            '  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}',
            f"      ins(%x : {KIND}) outs(%e : {KIND}) {{", "  ^bb0(%a: f32, %o: f32):", *lines,
            f"    linalg.yield {value} : f32", f"  }} -> {KIND}", f"  return %r : {KIND}", "}"]


def layers(count, draw):
    """The encoder layer of the examples, `count` times."""
    path = os.path.join(os.environ["NM_SOURCE"], "examples", "encoder-layer", "encoder-tiny.mlir")
    with open(path) as file:
        head, layer = file.read().split("func.func @encoder", 1)
    kind = re.search(r"%x: (tensor<[^>]*>)", layer).group(1)
    parts = [head]
    for i in range(count):
        parts.append(f"func.func private @layer{i}" + layer.replace("encoder.layer.0", f"encoder.layer.{i}"))
    calls = [f"  %v{i + 1} = call @layer{i}(%v{i}) : ({kind}) -> {kind}" for i in range(count)]
    return [*parts, f"func.func @f(%v0: {kind}) -> {kind} {{", *calls, f"  return %v{count} : {kind}", "}"]


def measure(lines):
    """Operations of the largest function, and of all."""
    text = subprocess.run(["nm-opt", "--nm-to-cpu", "-"], input="\n".join(lines), text=True, check=True,
                          stdout=subprocess.PIPE).stdout
    sizes = {}
    for part in re.split(r"^  llvm\.func ", text, flags=re.M)[1:]:
        sizes[re.search(r"@(\w+)", part).group(1)] = part.count("\n")
    return max(sizes.values()), sum(sizes.values())


def longest(lines):
    """Lines of the longest function in the code of a library, entries included."""
    text = subprocess.run(["nm-compile", "-", "--emit=llvm", "-o", "-"], input="\n".join(lines), text=True, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return max((part.count("\n"), part.split("(")[0]) for part in re.split(r"^define ", text, flags=re.M)[1:])


parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
print("seed", options.seed)
failed = False
for make, first in (tensors, 200), (named, 200), (body, 200), (layers, 3):
    counts = [first, 2 * first, 4 * first]
    measured = [measure(make(count, random.Random(options.seed))) for count in counts]
    print(make.__name__, dict(zip(counts, measured)))
    largest, totals = zip(*measured)
    for half, twice in (0, 1), (1, 2):
        # With room for what the second half is made of; the square would be 4.
        if totals[twice] > 2.4 * totals[half]:
            print(f"error: {make.__name__}: grows faster than the model")
            failed = True
    if largest[2] > 1.2 * largest[0] + 100:
        print(f"error: {make.__name__}: a function grows with the model")
        failed = True
few, many = (longest(layers(count, None)) for count in (4, 16))
print("longest functions of libraries", few, many)
if many[0] > 1.1 * few[0] or many[1] != few[1]:
    print("error: a function of the library grows with the model")
    failed = True
raise SystemExit(failed)
