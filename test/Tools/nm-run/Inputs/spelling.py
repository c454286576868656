# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Old command lines: each is refused with the one to write, which is then run. usage: spelling.py <source root>"""

import shlex
import subprocess
import sys

import numpy as np

source = sys.argv[1]
open("m.mlir", "w").write("func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
                          "  %e = tensor.empty() : tensor<4xf32>\n"
                          "  %0 = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>\n"
                          "  return %0 : tensor<4xf32>\n}\n")
np.save("x.npy", np.ones(4, np.float32))
np.save("a b.npy", np.ones((4, 4), np.float32))
subprocess.run(["nm-compile", "m.mlir", "--target=edge", "-o", "p.nmb"], check=True)
open("t.csv", "w").write("tenant,program,arrival_us\n0,p.nmb,0\n")
fair = f"{source}/examples/pifo/tiles-fair.mlir"

# (old, new); None: the message tells a name, not a line.
CASES = [
    (["nm-run", "--inspect", "x.npy"], ["nm-inspect", "x.npy"]),
    (["nm-run", "--report-json=t.json", "--inspect=a b.npy"], ["nm-inspect", "a b.npy", "--json=t.json"]),
    (["nm-run", "--print-device", "edge"], ["nm-inspect", "--print-device", "edge"]),
    (["nm-run", "m.mlir", "--emit=mlir"], ["nm-compile", "m.mlir", "--emit=mlir"]),
    (["nm-run", "m.mlir", "--emit", "asm", "-o", "m.s"], ["nm-compile", "m.mlir", "--emit", "asm", "-o", "m.s"]),
    (["nm-run", "m.mlir", "--emit=so", "-o", "m.so"], ["nm-compile", "m.mlir", "--emit=so", "-o", "m.so"]),
    (["nm-run", "m.mlir", "--prefix=p_", "--emit=obj", "-o", "m.o"],
     ["nm-compile", "m.mlir", "--prefix=p_", "--emit=obj", "-o", "m.o"]),
    (["nm-run", "m.mlir", "--target=edge", "--emit=attacc", "-o", "m.nmb"],
     ["nm-compile", "m.mlir", "--target=edge", "--emit=attacc", "-o", "m.nmb"]),
    (["nm-run", "--tenants=t.csv", f"--policy={fair}", "--target=edge", "--report-json", "r.json"],
     ["nm-sim", "tenants", "t.csv", f"--policy={fair}", "--target=edge", "--json", "r.json"]),
    (["nm-run", "--explore", "--device=edge", "--model=BERT", "--length=512", "--csv=s.csv", "--svg=s"],
     ["nm-explore", "--device=edge", "--model=BERT", "--length=512", "--output=s.csv", "--charts=s"]),
    (["nm-run", "p.nmb"], ["nm-sim", "p.nmb"]),
    (["nm-run", "m.mlir", "--report-json=r.json"], None),
    (["nm-explore", "--csv=s.csv"], None),
    (["nm-explore", "--svg=s"], None),
    (["nm-sim", "p.nmb", "--report-json=s.json"], None),
    (["nm-pifo", "mesh", "run", "m.json", "--trace=x.csv"], None),
]
NAMES = {"--report-json": "--json", "--csv": "--output", "--svg": "--charts", "--trace": "--input"}
failures = []
for old, new in CASES:
    done = subprocess.run(old, capture_output=True, text=True)
    if new is None:
        name = next(word.split("=")[0] for word in old if word.split("=")[0] in NAMES)
        if done.returncode != 1 or done.stderr != f"error: {name} is spelled {NAMES[name]} now\n":
            failures.append(f"{old}: exit {done.returncode}, {done.stderr}")
        continue
    written = done.stderr.split("; write: ")[-1]
    if done.returncode != 1 or done.stderr.count("\n") != 1 or shlex.split(written) != new:
        failures.append(f"{old}: exit {done.returncode}, {done.stderr}")
        continue
    run = subprocess.run(shlex.split(written), capture_output=True, text=True)
    # The message says so itself where inputs are missing: the program runs without values.
    if run.returncode and "give --input" not in run.stderr:
        failures.append(f"{new}: exit {run.returncode}, {run.stderr}")
print(len(CASES), "command lines")
print("\n".join(failures + [f"{len(failures)} failures"]))
