# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every option of nm-run and nm-compile in every mode, against the tables of their pages.

The options come from --help: one that the table lacks fails. An option that a mode does not use must
be refused by name; one that it uses must not be. usage: modes.py <folder for files> <docs>
"""

import os
import re
import shutil
import subprocess
import sys

import numpy as np

work, docs = sys.argv[1:3]
os.makedirs(work, exist_ok=True)
here = os.path.dirname(os.path.abspath(__file__))
os.chdir(work)
shutil.copy(os.path.join(here, "../../Inputs/product.mlir"), "m.mlir")
# The same with a parameter in place of the second argument, for what is said of checkpoints.
with open("m.mlir") as model, open("c.mlir", "w") as weights:
    weights.write(model.read().replace(", %w: tensor<8x8xf32>) -> tensor<8x8xf32> {", """) -> tensor<8x8xf32> {
  %w = nm.param "x" : tensor<8x8xf32>"""))
np.save("x.npy", np.ones((8, 8), np.float32))
np.save("y.npy", np.full((8, 8), 8, np.float32))
subprocess.run(["nm-compile", "m.mlir", "--target=edge", "-o", "p.nmb"], check=True)

ARGUMENTS = ["--input=x.npy", "--input=x.npy"]
TOOLS = {
    "nm-run": {
        "run": ["m.mlir"] + ARGUMENTS,
        "emit": ["m.mlir", "--emit=llvm"],
        "simulate": ["m.mlir", "--target=edge"] + ARGUMENTS,
    },
    "nm-compile": {
        "processor": ["m.mlir", "--emit=obj", "--output=out.o"],
        "accelerator": ["m.mlir", "--target=edge", "--emit=attacc", "--output=out.nmb"],
    },
}
# A value that fits, and what an option needs beside it.
VALUES = {
    "params": "x.npy", "bind": "w=k", "in-place": "result0=x", "kv-cache": "i8", "size": "n=8", "input": "x.npy", "output": "out.npy", "expect": "y.npy", "atol": "1",
    "rtol": "1", "pattern": "2:4", "prune": "2:4", "quantize": "i4:64", "mask-policy": "ignore",
    "masks": "x.npy", "mask-suffix": "_mask", "mask-bit-order": "lsb", "cache": None, "entry": "f", "threads": "1",
    "repeat": "2", "no-code-cache": None, "dense": None, "reference": None, "emit": "llvm", "target": "host",
    "target-cpu": "native", "prefix": "p_", "cc": "cc", "element-type": "f16", "timing-only": None, "no-verify": None,
    "max-steps": "1000000", "trace": "out.json", "html": "out.html",
    "report": None, "profile": None, "check": None, "json": "out.json", "remarks-filter": "none", "remarks-output-file": "out.yaml",
    "calibrate": "x.npy", "sensitivity": None, "max-difference": "0.1", "prune-by": "wanda", "round": "gptq", "save-masks": "masks.safetensors", "weights": "out.nmw", "compile-to": "named", "dump-stages-to": "stages", "reproducer-to": "kept",
}
NEEDS = {"kv-cache": ["--in-place=result0=x"], "atol": ["--expect=y.npy"], "rtol": ["--expect=y.npy"], "cache": ["--params=x.npy"],
         "profile": ["--report"], "check": ["--profile", "--report"], "pattern": ["--params=x.npy"], "prune": ["--params=x.npy"], "quantize": ["--params=x.npy"], "calibrate": ["--params=x.npy", "--prune=2:4"],
         "prune-by": ["--params=x.npy", "--prune=2:4", "--calibrate=x.npy"],
         "round": ["--params=x.npy", "--quantize=i4:64", "--calibrate=x.npy"],
         "sensitivity": ["--params=x.npy", "--calibrate=x.npy"],
         "max-difference": ["--params=x.npy", "--calibrate=x.npy", "--sensitivity"],
         "save-masks": ["--params=x.npy", "--prune=2:4", "--calibrate=x.npy"], "mask-policy": ["--params=x.npy"],
         "masks": ["--params=x.npy"], "weights": ["--params=x.npy"], "mask-suffix": ["--params=x.npy"], "mask-bit-order": ["--params=x.npy"]}
VOID = [("kv-cache", []), ("params", []), ("quantize", []), ("quantize", ["--params=x.npy", "--dense"]), ("profile", []), ("check", []), ("check", ["--profile", "--report", "--reference"]), ("dense", []), ("masks", ["--params=x.npy", "--mask-policy=ignore"]),
        ("mask-suffix", ["--params=x.npy", "--mask-policy=ignore"]),
        ("mask-bit-order", ["--params=x.npy", "--mask-policy=ignore"]), ("atol", []), ("rtol", []), ("pattern", []), ("mask-policy", []), ("mask-suffix", []),
        ("mask-bit-order", []), ("masks", []), ("cache", []), ("pattern", ["--params=x.npy", "--dense"]), ("prune", []), ("calibrate", []), ("prune-by", ["--params=x.npy", "--prune=1:2"]),
        ("save-masks", ["--params=x.npy", "--prune=1:2"]), ("round", ["--params=x.npy", "--quantize=i4:64"]), ("round", ["--params=x.npy", "--prune=1:2", "--calibrate=x.npy"]),
        ("cache", ["--params=x.npy", "--quantize=i4:64", "--calibrate=x.npy", "--round=gptq"]), ("round", ["--params=x.npy", "--quantize=keep", "--calibrate=x.npy"]), ("sensitivity", ["--params=x.npy"]), ("max-difference", ["--params=x.npy"]), ("prune", ["--params=x.npy", "--dense"]),
        ("pattern", ["--params=x.npy", "--prune=1:2"]), ("mask-policy", ["--params=x.npy", "--prune=1:2"])]


def table_of(tool):
    page = open(os.path.join(docs, tool + ".md")).read()
    header = [cell.strip() for cell in re.search(r"^\| Option \|(.*)\|$", page, re.M)[1].split("|")]
    return {name: {mode for mode, cell in zip(header, cells.split("|")) if "x" in cell}
            for name, cells in re.findall(r"^\| `--?([a-z-]+)` \|((?:[ x]+\|)+)$", page, re.M)}


failures = []


def run(tool, arguments):
    result = subprocess.run([tool] + arguments, capture_output=True, text=True, timeout=100)
    return result.returncode, result.stderr


def written(name):
    value = VALUES[name]
    return "--" + name + ("" if value is None else "=" + value)


def completed(tool, arguments):
    """nm-compile calibrates weights that it packs, for processors."""
    calibrates = any(argument.startswith("--calibrate=") for argument in arguments)
    packs = tool == "nm-compile" and "--target=edge" not in arguments
    return arguments + ["--weights=out.nmw"] if calibrates and packs else arguments


def with_weights(arguments):
    """The model that has a parameter, with one input less."""
    arguments = [argument.replace("m.mlir", "c.mlir") for argument in arguments]
    if "--input=x.npy" in arguments:
        arguments.remove("--input=x.npy")
    return arguments


count = 0
for tool, modes in TOOLS.items():
    table = table_of(tool)
    help_text = subprocess.run([tool, "--help"], capture_output=True, text=True).stdout
    options = set(re.findall(r"^  (?:-[a-z], )?--([a-z][a-z-]*)[=\[ \n]", help_text, re.M)) - {"help", "version"}
    if options != set(table):
        failures.append(f"docs/{tool}.md and --help differ in {sorted(options ^ set(table))}")
    if options - set(VALUES):
        failures.append(f"{tool}: this test has no value for {sorted(options - set(VALUES))}")
    for mode, base in modes.items():
        given = {re.match("--([a-z-]+)", argument)[1] for argument in base if argument[0] == "-"}
        for name in sorted(options & set(VALUES)):
            # A mode is chosen by these; together with another they make a third one.
            if name in given and name != "input" or name in ("emit", "compile-to", "target"):
                continue
            needs = NEEDS.get(name, [])
            reads = name in ("params", "dense") or "--params=x.npy" in needs
            code, text = run(tool, completed(tool, (with_weights(base) if reads else base) + [written(name)] + needs))
            count += 1
            # Or what the option needs is, which comes first.
            refused = re.search("error: (" + "|".join(["--" + name] + [need.split("=")[0] for need in needs]) +
                                ") (has no effect|is for|needs a run|links|is about|says|keeps|holds|is a tolerance|is what|is measured|bounds|writes|goes with)", text)
            uses = mode in table.get(name, ())
            # --cc goes with one kind of code alone, which `processor` above is not.
            if name == "cc":
                uses = False
            # A model without parameters: that is said after the options.
            if uses and refused:
                failures.append(f"{tool}, {mode}: --{name} is refused: {text.strip()}")
            if not uses and not (refused and code == 1):
                failures.append(f"{tool}, {mode}: --{name} is not refused: exit {code}, {text.strip()}")
    base = next(iter(modes.values()))
    for name, others in VOID:
        if name not in options:
            continue
        count += 1
        code, text = run(tool, completed(tool, base + [written(name)] + others))
        if code != 1 or f"error: --{name} " not in text:
            failures.append(f"{tool}: --{name} {others}: exit {code}, {text.strip()}")
for tool, base in [("nm-run", ["m.mlir", "--target=edge"]), ("nm-sim", ["p.nmb"])]:
    for other in ["--input=x.npy", "--expect=y.npy", "--output=out.npy", "--threads=1"]:
        count += 1
        code, text = run(tool, base + ["--timing-only", other])
        if code != 1 or "has no effect: --timing-only computes no values" not in text:
            failures.append(f"{tool} --timing-only {other}: exit {code}, {text.strip()}")
for name in ["atol", "rtol", "mask-policy", "mask-suffix", "mask-bit-order", "masks"]:
    count += 1
    code, text = run("nm-sim", ["p.nmb"] + ARGUMENTS + [written(name)])
    if code != 1 or f"error: --{name} " not in text:
        failures.append(f"nm-sim --{name}: exit {code}, {text.strip()}")
for tool, arguments, words in [
        ("nm-run", with_weights(["m.mlir"] + ARGUMENTS) + ["--params=x.npy", "--params=a=y.npy"],
         "--params a=y.npy has no effect: no parameter is of that scope; the model has the unnamed scope alone"),
        ("nm-run", with_weights(["m.mlir"] + ARGUMENTS) + ["--params=a=x.npy"], "--params a=x.npy has no effect"),
        ("nm-run", with_weights(["m.mlir"] + ARGUMENTS) + ["--params=x.npy", "--mask-bit-order=msb"],
         "--mask-bit-order=msb has no effect: no mask of its weights is packed into bits"),
        ("nm-inspect", ["x.npy", "--mask-bit-order=msb"], "--mask-bit-order=msb has no effect"),
        ("nm-run", with_weights(["m.mlir"] + ARGUMENTS) + ["--params=x.npy", "--pattern=y=2:4"],
         "pattern 'y=2:4' names no parameter (did you mean 'x'?); expected one of 'x'"),
        ("nm-run", with_weights(["m.mlir"] + ARGUMENTS) + ["--params=x.npy", "--prune=2:4", "--prune=x=1:4"],
         "pattern 'x=1:4' has no effect: earlier patterns take all that it names"),
        ("nm-sim", ["p.nmb", "--params=x.npy"] + ARGUMENTS, "--params has no effect: program 'f' reads no parameters"),
        ("nm-sim", ["p.nmb", "--target=host"] + ARGUMENTS, "a program for the accelerator edge"),
        ("nm-compile", ["m.mlir", "--emit=llvm", "--target=x86-64", "--target-cpu=native"],
         "--target-cpu=native is this machine"),
        ("nm-compile", [".", "-o", "c.o"], "cannot read '.': Is a directory"),
        ("nm-compile", ["/dev/null", "-o", "c.o"], "has no public function with a body to compile"),
        ("nm-pifo", ["-", "-"], "both read from standard input")]:
    count += 1
    code, text = run(tool, arguments)
    if code != 1 or words not in text:
        failures.append(f"{tool} {arguments}: exit {code}, {text.strip()}, expected {words}")
print(count, "cases,", len(failures), "failures")
print("\n".join(failures))
sys.exit(bool(failures))
