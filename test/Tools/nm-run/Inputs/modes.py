# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every option of nm-run in every mode, against the table of docs/nm-run.md.

The options come from --help: one that the table lacks fails. An option that a mode does not use must
be refused by name; one that it uses must not be. usage: modes.py <folder for files> <docs/nm-run.md>
"""

import os
import re
import subprocess
import sys

import numpy as np

work, page = sys.argv[1], open(sys.argv[2]).read()
os.makedirs(work, exist_ok=True)
os.chdir(work)
open("m.mlir", "w").write("""
func.func @f(%x: tensor<8x8xf32>, %w: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x8xf32>
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%i : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}
""")
np.save("x.npy", np.ones((8, 8), np.float32))
np.save("y.npy", np.full((8, 8), 8, np.float32))
subprocess.run(["nm-run", "m.mlir", "--target=edge", "--emit=attacc", "-o", "p.nmb"], check=True)
open("t.csv", "w").write("not a trace\n")
open("t.policy", "w").write("not a policy\n")

ARGUMENTS = ["--input=x.npy", "--input=x.npy"]
MODES = {
    "inspect": ["--inspect=x.npy"],
    "run": ["m.mlir"] + ARGUMENTS,
    "emit": ["m.mlir", "--emit=llvm", "-o", "out.ll"],
    "simulate": ["m.mlir", "--target=edge"] + ARGUMENTS,
    "emit program": ["m.mlir", "--target=edge", "--emit=attacc", "-o", "out.nmb"],
    "program": ["p.nmb"] + ARGUMENTS,
    "tenants": ["--tenants=t.csv", "--policy=t.policy", "--target=edge"],
}
# A value that fits, and what an option needs beside it.
VALUES = {
    "params": "x.npy", "bind": "w=k", "size": "n=8", "input": "x.npy", "output": "out.npy", "expect": "y.npy", "atol": "1",
    "rtol": "1", "inspect": "x.npy", "pattern": "2:4", "prune": "2:4", "mask-policy": "ignore",
    "masks": "x.npy", "mask-suffix": "_mask", "mask-bit-order": "lsb", "cache": None, "entry": "f", "threads": "1",
    "repeat": "2", "dense": None, "reference": None, "emit": "llvm", "o": "out.o", "target": "host",
    "target-cpu": "native", "prefix": "p_", "cc": "cc", "element-type": "f16", "timing-only": None, "no-verify": None,
    "max-steps": "1000000",
    "trace": "out.json", "html": "out.html", "tenants": "t.csv", "policy": "t.policy",
    "report": None, "report-json": "out.json", "remarks-filter": "none",
    "remarks-output-file": "out.yaml",
}
NEEDS = {"atol": ["--expect=y.npy"], "rtol": ["--expect=y.npy"], "cache": ["--params=x.npy"],
         "pattern": ["--params=x.npy"], "prune": ["--params=x.npy"], "mask-policy": ["--params=x.npy"],
         "masks": ["--params=x.npy"], "mask-suffix": ["--params=x.npy"], "mask-bit-order": ["--params=x.npy"]}
VOID = [("atol", []), ("rtol", []), ("pattern", []), ("mask-policy", []), ("mask-suffix", []),
        ("mask-bit-order", []), ("cache", []), ("policy", []), ("o", []), ("prefix", []), ("cc", []),
        ("pattern", ["--params=x.npy", "--dense"]), ("prune", []), ("prune", ["--params=x.npy", "--dense"]),
        ("pattern", ["--params=x.npy", "--prune=1:2"]), ("mask-policy", ["--params=x.npy", "--prune=1:2"])]

table = {}
header = [cell.strip() for cell in re.search(r"^\| Option \|(.*)\|$", page, re.M)[1].split("|")]
for name, cells in re.findall(r"^\| `--?([a-z-]+)` \|((?:[ x]+\|)+)$", page, re.M):
    table[name] = {mode for mode, cell in zip(header, cells.split("|")) if "x" in cell}

failures = []


def run(arguments):
    result = subprocess.run(["nm-run"] + arguments, capture_output=True, text=True, timeout=100)
    return result.returncode, result.stderr


def written(name):
    value = VALUES[name]
    dash = "-" if len(name) == 1 else "--"
    return dash + name + ("" if value is None else "=" + value)


help_text = subprocess.run(["nm-run", "--help"], capture_output=True, text=True).stdout
options = set(re.findall(r"^  --?([a-z][a-z-]*)[=\[ \n]", help_text, re.M)) - {"help", "version", "print-device"}
if options != set(table):
    failures.append(f"docs/nm-run.md and --help differ in {sorted(options ^ set(table))}")
count = 0
for mode, base in MODES.items():
    given = {re.match("--?([a-z-]+)", argument)[1] for argument in base if argument[0] == "-"}
    for name in sorted(options & set(VALUES)):
        if name in given and name not in ("input",):
            continue
        needs = [need for need in NEEDS.get(name, []) if mode != "inspect"]
        code, text = run(base + [written(name)] + needs)
        dashed = ("-" if len(name) == 1 else "--") + name
        # A mode is chosen by these; together with another they make a third one.
        if name in ("inspect", "tenants", "emit", "target"):
            continue
        count += 1
        # Or what the option needs is, which comes first.
        refused = re.search("error: (" + "|".join([dashed] + [n.split("=")[0] for n in needs]) +
                            ") (has no effect|is for|needs a run|"
                            "links|orders|is the output|is about|says|keeps|holds|is a tolerance)", text)
        uses = mode in table.get(name, ())
        # --cc goes with one kind of code alone, which `emit` above is not.
        if name == "cc":
            uses = False
        # A model without parameters, or a file that is no trace: that is said after the options.
        if uses and refused:
            failures.append(f"{mode}: {dashed} is refused: {text.strip()}")
        if not uses and not (refused and code == 1):
            failures.append(f"{mode}: {dashed} is not refused: exit {code}, {text.strip()}")
for name, others in VOID:
    count += 1
    code, text = run(MODES["run"] + [written(name)] + others)
    dashed = ("-" if len(name) == 1 else "--") + name
    if code != 1 or f"error: {dashed} " not in text:
        failures.append(f"run: {dashed} {others}: exit {code}, {text.strip()}")
for other in ["--input=x.npy", "--expect=y.npy", "--output=out.npy", "--threads=1"]:
    count += 1
    code, text = run(["m.mlir", "--target=edge", "--timing-only", other])
    if code != 1 or "has no effect: --timing-only computes no values" not in text:
        failures.append(f"timing-only: {other}: exit {code}, {text.strip()}")
print(count, "cases,", len(failures), "failures")
print("\n".join(failures))
sys.exit(bool(failures))
