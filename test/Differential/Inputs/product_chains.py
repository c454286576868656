# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Chains of products in one function, compared with NumPy in f64, on one thread and on two.

usage: product_chains.py FOLDER TARGET SEED [open]      open: the number of columns is known at run time

Integers throughout, so that sums are exact in any order and a wrong element is no matter of tolerance.
"""

import os
import pathlib
import random
import subprocess
import sys

import numpy as np

folder, target, seed = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
is_open = sys.argv[4:] == ["open"]
folder.mkdir(parents=True, exist_ok=True)
r, rng = random.Random(seed), np.random.default_rng(seed)
body, arguments, inputs, weights = [], [], [], {}
results, types, expected = [], [], []
# Where a product can write panels: whole row groups and windows; and where it cannot.
ROWS = [48, 96, 192, 384, 100, 61, 576]
EPILOGUES = ["none", "bias", "relu", "scalar", "columns", "residual"]


def add_weight(rows, depth, pattern, dtype):
    key = f"w{len(weights)}"
    n, m = map(int, pattern.split(":"))
    keep = np.argsort(rng.random((rows, depth // m, m)), axis=2) < n
    array = (rng.integers(-2, 3, keep.shape) * keep).reshape(rows, depth)
    weights[key] = array.astype({"f32": np.float32, "i8": np.int8}[dtype])
    encoded = f"tensor<{rows}x{depth}x{dtype}, #nm.sparsity<{pattern}, axis = 1>>"
    body.append(f'%{key} = nm.param "{key}" : {encoded}')
    return f"%{key}", encoded, array.astype(np.float64)


def add_input(array):
    name = f"a{len(inputs)}"
    inputs.append(array.astype(np.float32))
    shape = [str(size) for size in array.shape]
    if is_open and array.ndim == 2:
        shape[0] = "?"
    kind = f"tensor<{'x'.join(shape + ['f32'])}>"
    arguments.append(f"%{name}: {kind}")
    return f"%{name}", kind


def add_product(x, value, rows, pattern, dtype, epilogue):
    """x is [columns][depth]; the value of x W^T, its text, and what the epilogue makes of it."""
    columns, depth = value.shape
    weight, encoded, array = add_weight(rows, depth, pattern, dtype)
    number = len(body)
    size = "?" if is_open else columns
    kind = f"tensor<{size}x{rows}xf32>"
    if is_open:
        body.append(f"%n{number} = tensor.dim {x[0]}, %c0 : {x[1]}")
    body.append(f"%e{number} = tensor.empty({f'%n{number}' if is_open else ''}) : {kind}")
    result = value @ array.T
    region, operand = "", ""
    shapes = {"bias": (rows,), "scalar": (), "columns": (columns,), "residual": (columns, rows)}
    maps = {"bias": "(i, j) -> (j)", "scalar": "(i, j) -> ()", "columns": "(i, j) -> (i)", "residual": "(i, j) -> (i, j)"}
    # Sums stay small enough to be exact in f32.
    if epilogue == "relu":
        region = """ {
    ^bb0(%acc: f32):
      %z = arith.constant 0.0 : f32
      %m = arith.maximumf %acc, %z : f32
      nm.yield %m : f32
    }"""
        result = np.maximum(result, 0)
    elif epilogue != "none":
        other = rng.integers(-3, 4, shapes[epilogue])
        if is_open and epilogue == "columns":
            epilogue = "none"
        elif epilogue == "scalar":
            body.append(f"%s{number} = arith.constant dense<{float(other)}> : tensor<f32>")
            operand = f" epilogue(%s{number} : tensor<f32>) maps [affine_map<{maps[epilogue]}>]"
        else:
            name, other_kind = add_input(other)
            operand = f" epilogue({name} : {other_kind}) maps [affine_map<{maps[epilogue]}>]"
        if epilogue != "none":
            region = """ {
    ^bb0(%acc: f32, %e: f32):
      %s = arith.addf %acc, %e : f32
      nm.yield %s : f32
    }"""
            result = result + (other[:, None] if epilogue == "columns" else other)
    body.append(f"%y{number} = nm.matmul transpose_rhs ins({x[0]}, {weight} : {x[1]}, {encoded}){operand} "
                f"outs(%e{number} : {kind}){region} -> {kind}")
    return (f"%y{number}", kind), result


def give(x, value):
    results.append(x[0])
    types.append(x[1])
    expected.append(value)


if is_open:
    body.append("%c0 = arith.constant 0 : index")
count = 41 if is_open else None
for chain in range(7):
    columns = count or r.choice([33, 64, 100, 128, 130, 257, 300])
    value = rng.integers(-2, 3, (columns, r.choice([64, 160, 256])))
    x = add_input(value)
    for link in range(r.choice([2, 2, 3])):
        # The first chains are what can be chained for certain.
        rows = 192 if chain < 3 else r.choice(ROWS)
        epilogue = r.choice(EPILOGUES[:4] if chain < 3 else EPILOGUES)
        dtype = "f32" if r.random() < 0.8 else "i8"
        divides = [p for p in ("1:1", "2:4", "1:4", "4:8") if value.shape[1] % int(p.split(":")[1]) == 0]
        if link:  # Small again, and exact.
            value = value.astype(np.float64)
        x, value = add_product(x, value, rows, r.choice(divides), dtype, epilogue)
        if chain == 5 and link == 0:  # somebody else reads it
            give(x, value)
    give(x, value)
    if chain == 2:  # two readers of one result, in one form and in another
        for _ in range(2):
            give(*add_product(x, value, r.choice([96, 61]), "1:1", "f32", "none"))

parameters = [f"--input=a{i}={folder}/a{i}.npy" for i in range(len(inputs))]
for i, array in enumerate(inputs):
    np.save(folder / f"a{i}.npy", array)
np.savez(folder / "w.npz", **weights)
for i, array in enumerate(expected):
    assert np.abs(array).max() < 2**24, "sums are no longer exact"
    np.save(folder / f"r{i}.npy", array.astype(np.float32))
text = "\n  ".join(body)
(folder / "f.mlir").write_text(f"""func.func @f({", ".join(arguments)}) -> ({", ".join(types)}) {{
  {text}
  return {", ".join(results)} : {", ".join(types)}
}}
""")
# What is compiled for one thread serves two; the report has its remarks then, too.
os.environ["NM_CODE_CACHE"] = str((folder / "code").resolve())
for threads in (1, 2):
    done = subprocess.run(["nm-run", folder / "f.mlir", f"--params={folder}/w.npz", f"--target={target}", f"--threads={threads}", "--atol=0", "--rtol=0",
                           f"--json={folder}/report.json", *parameters, *(f"--expect={i}={folder}/r{i}.npy" for i in range(len(expected)))],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"seed {seed}, {threads} threads: {done.stdout}{done.stderr}")
kept = (folder / "report.json").read_text().count('"panels-kept"')
print(f"panels kept {kept} times")
