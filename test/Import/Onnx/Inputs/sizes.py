# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""--size NAME=N: the same results from code for one size, and what is refused.

usage: sizes.py FOLDER
"""

import os
import subprocess
import sys

import numpy

from transformers import Sizes, gpt2, llama

failures = []


def run(model, *options):
    tool = "nm-compile" if "-o" in options else "nm-run"
    return subprocess.run([tool, model, *options], capture_output=True, text=True)


def check(made, sizes, total):
    """`sizes` are given; arrays of `made` fit them. Results as without, and no open size but `total` is left."""
    arguments = made.save("m")
    options = [f"--size={name}={size}" for name, size in sizes.items()]
    done = run("m.onnx", *arguments, *options, "--output=y.npy", "--threads=1")
    if done.returncode:
        failures.append(f"{made.name} {sizes}: {done.stderr}")
        return
    want = made.reference()[0]
    error = numpy.abs(numpy.load("y.npy") - want).max() / numpy.abs(want).max()
    if not error < 1e-5:
        failures.append(f"{made.name} {sizes}: off by {error:.2e}")
    header = run("m.onnx", *options, "--emit=obj", "-o", "m.o")
    sizes_left = open("m.h").read().split("int nm_call_")[-1].split(")")[0].count("_size")
    if sizes_left != total:
        failures.append(f"{made.name} {sizes}: {sizes_left} sizes are open, expected {total}: {header.stderr}")


def refuse(text, *options, model="m.onnx"):
    done = run(model, *options, "--emit=llvm", "-o", "out.ll")
    if done.returncode != 1 or text not in done.stderr:
        failures.append(f"{options}: exit {done.returncode}, {done.stderr.strip()}, expected {text}")


os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
small = Sizes(groups=2)
check(llama(small), {"length": 9}, 0)
decoder = gpt2(small, steps=1, past=6)
check(decoder, {"batch": 2, "length": 1, "past": 6}, 0)
check(decoder, {"batch": 2, "length": 1}, 2)  # one for each cache

def check_call(made, left):
    """The arrays of a call give the sizes that no option gives; those of `left` stay open. One more is refused."""
    options = [f"--size={name}=?" for name in left]
    arguments = [f"--input=m_in{i}.npy" for i in range(len(made.inputs))]
    done = run("m.onnx", *arguments, *options, "--output=y.npy", "--threads=1", "--report")
    error = numpy.abs(numpy.load("y.npy") - made.reference()[0]).max() / numpy.abs(made.reference()[0]).max()
    if done.returncode or not error < 1e-5:
        failures.append(f"{made.name}, {left} open: off by {error:.2e}: {done.stderr}")
    if ("ids: tensor<?x?xi64>" in done.stdout) != bool(left):
        failures.append(f"{made.name}, {left} open: {done.stdout}")


check_call(decoder, [])
check_call(decoder, ["batch", "length", "past"])
refuse("has no effect: sizes are open unless --size gives them", "--size=batch=?")
refuse("no dimension of a graph input is called 'heads'; expected one of 'batch', 'length', 'past'", "--size=heads=4")
refuse("expected NAME=N", "--size=batch")
refuse("expected NAME=N", "--size=batch=-1")
refuse("expected NAME=N", "--size=batch=99999999999999999999")
refuse("expected NAME=N", "--size==3")
refuse("gives 'batch' twice, as 1 and 2", "--size=batch=1", "--size=batch=2")
with open("m.mlir", "w") as out:
    out.write("func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> { return %x : tensor<?xf32> }\n")
refuse("'m.mlir' is none", "--size=batch=1", model="m.mlir")
wrong = run("m.onnx", "--size=length=3", *[f"--input=m_in{i}.npy" for i in range(4)])
if wrong.returncode != 1 or "error: " not in wrong.stderr or "3" not in wrong.stderr:
    failures.append(f"an array of another size: exit {wrong.returncode}, {wrong.stderr}")
print("\n".join(failures))
print(len(failures), "failures")
