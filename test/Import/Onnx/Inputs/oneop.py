# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs models of one operator with nm-run against results that NumPy computed.

A case is a function that gives operator, inputs (None: left out), attributes, results (None: not asked for)
and, if it is not 17, the version of the operator set, and which inputs are initializers.
"""

import os
import re
import subprocess
import sys

import numpy

from onnxfile import graph, model, node, tensor, value


def difference(have, wanted):
    """In what a result is wrong, or None."""
    if have.shape != wanted.shape or have.dtype != wanted.dtype:
        return f"{have.dtype}{have.shape}, expected {wanted.dtype}{wanted.shape}"
    if not numpy.allclose(have, wanted, rtol=1e-4, atol=1e-5, equal_nan=True):
        return f"off by {numpy.abs(have.astype(float) - wanted).max()}"
    return None


def run(name, made, domain):
    op, inputs, attributes, outputs = made[:4]
    opset, constant = made[4:] + (17, ())[len(made) - 4:]
    constant = {f"in{i}" for i in constant}
    names = ["" if x is None else f"in{i}" for i, x in enumerate(inputs)]
    results = ["" if x is None else f"out{i}" for i, x in enumerate(outputs)]
    known = [(n, numpy.asarray(x)) for n, x in zip(names, inputs) if n]
    initializers = [tensor(n, x) for n, x in known if n in constant]
    given = [(n, x) for n, x in known if n not in constant]
    wanted = [(n, numpy.asarray(x)) for n, x in zip(results, outputs) if n]
    wanted = [(n, x.astype(numpy.float32) if x.dtype == numpy.float64 else x) for n, x in wanted]
    fields = graph([node(op, names, results, op, domain=domain, **attributes)],
                   [value(n, str(x.dtype), x.shape) for n, x in given],
                   [value(n, str(x.dtype), x.shape) for n, x in wanted], initializers)
    with open(f"{name}.onnx", "wb") as out:
        out.write(model(fields, opset=opset, domains=[(domain, 1)] if domain else []))
    command = ["nm-run", f"{name}.onnx", "--threads=1"]
    for n, x in given:
        numpy.save(f"{name}_{n}.npy", x)
        command += ["--input", f"{n}={name}_{n}.npy"]
    for n, _ in wanted:
        command += ["--output", f"{name}_{n}.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return f"{name}: {done.stderr[-500:]}"
    for n, x in wanted:
        if wrong := difference(numpy.load(f"{name}_{n}.npy"), x):
            return f"{name}: {n}: {wrong}"
    return None


def main(cases, domain=""):
    """The cases by name; arguments are a folder and, to choose some, a regular expression."""
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    if len(sys.argv) > 2:
        cases = {n: f for n, f in cases.items() if re.search(sys.argv[2], n)}
    failures = [why for why in (run(n, f(), domain) for n, f in cases.items()) if why]
    for why in failures:
        print(why)
    print(f"{len(cases)} cases, {len(failures)} failures")
