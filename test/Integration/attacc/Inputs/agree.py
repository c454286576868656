# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs each function of a model on the processor and on accelerators, on the same arrays.

  agree.py MODEL WORK [--target edge,cloud] [--atol X] [-- more options of nm-run]

Arguments are tensors of f32 or f16. A parameter whose key ends in _N_M has that pattern. A function
whose arguments begin with "probability" or "mask" gets values in [0, 1) or a padding mask there.
Prints a line a function and a target.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

TENSOR = re.compile(r"tensor<((?:\d+x)*)(f32|f16)>")


def tensor(text):
    dims, dtype = TENSOR.match(text).groups()
    return [int(d) for d in dims.split("x") if d], {"f32": np.float32, "f16": np.float16}[dtype]


def prune(weight, n, m):
    groups = weight.reshape(weight.shape[0], -1, m)
    keep = np.argsort(-np.abs(groups), axis=-1, kind="stable")[..., :n]
    mask = np.zeros_like(groups, dtype=bool)
    np.put_along_axis(mask, keep, True, axis=-1)
    return np.where(mask, groups, 0).reshape(weight.shape)


def argument(name, text, rng):
    shape, dtype = tensor(text)
    if name.startswith("mask"):  # the last third of the keys is padding
        value = np.zeros(shape)
        value[..., shape[-1] - shape[-1] // 3:] = -10000.0
        return value.astype(dtype)
    if name.startswith("probability"):
        return rng.random(shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def run(*command):
    result = subprocess.run(["nm-run", *map(str, command)], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"nm-run {' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--target", default="edge,cloud")
    parser.add_argument("--functions", default="")
    parser.add_argument("--atol", type=float, default=4e-3)
    args, more = parser.parse_known_args()
    more = [option for option in more if option != "--"]
    args.work.mkdir(parents=True, exist_ok=True)
    text = args.model.read_text()
    rng = np.random.default_rng(1)

    params = {}
    for key, kind in re.findall(r'nm\.param "([^"]+)" : (tensor<[^>]+>)', text):
        if key in params:
            continue
        shape, dtype = tensor(kind)
        value = rng.standard_normal(shape) / (shape[-1] ** 0.5 if len(shape) > 1 else 1)
        if pattern := re.search(r"_(\d+)_(\d+)$", key):
            value = prune(value, *map(int, pattern.groups()))
        params[key] = value.astype(dtype)
    common = []
    if params:
        np.savez(args.work / "params.npz", **params)
        common = ["--params", args.work / "params.npz"]

    aliases = "\n".join(re.findall(r"^#.*", text, re.M))
    wanted = [name for name in args.functions.split(",") if name]
    for function in re.findall(r"^func\.func .*?^}$", text, re.S | re.M):
        name, arguments, results = re.match(r"func\.func @(\w+)\((.*?)\) -> (.*?) \{", function, re.S).groups()
        if wanted and name not in wanted:
            continue
        model = args.work / f"{name}.mlir"  # alone: others need not be compiled
        model.write_text(f"{aliases}\n{function}\n")
        options = list(common) if "nm.param " in function else []
        for i, (value, kind) in enumerate(re.findall(r"%(\w+): (tensor<[^>]+>)", arguments)):
            path = args.work / f"{name}-{i}.npy"
            np.save(path, argument(value, kind, rng))
            options += ["--input", path]
        count = len(TENSOR.findall(results))
        outputs = [args.work / f"{name}-result{i}.npy" for i in range(count)]
        run(model, *options,
            *(word for i, path in enumerate(outputs) for word in ("--output", f"{i}={path}")))
        assert all(np.any(np.load(path)) for path in outputs), f"{name} computes nothing but zeros"
        expect = [word for i, path in enumerate(outputs) for word in ("--expect", f"{i}={path}")]
        for target in args.target.split(","):
            out = run(model, *options, *expect, f"--target={target}",
                      "--atol", args.atol, "--rtol", args.atol, *more)
            errors = re.findall(r"max abs error (\S+)", out)
            assert len(errors) == count, out
            print(f"{name} on {target}: agrees, max abs error {', '.join(e.rstrip(',') for e in errors)}")


if __name__ == "__main__":
    main()
