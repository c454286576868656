# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles each scheduler to JSON and to pifo.mesh, and each of these to the other.

usage: round_trip.py NM-OPT NM-TRANSLATE PREFIX FOLDER
"""

import pathlib
import subprocess
import sys

opt, translate, prefix, folder = sys.argv[1:]
LIMITS = "rank_bits = 60 : i64, now_bits = 34 : i64, metadata_bits = 128 : i64"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


count = 0
for program in sorted(pathlib.Path(folder).glob("*.mlir")):
    wrapped, mesh, text = (f"{prefix}.{kind}" for kind in ("in.mlir", "mesh.mlir", "json"))
    with open(wrapped, "w") as out:
        out.write(f"module attributes {{pifo.mesh_limits = {{{LIMITS}}}}} {{\n{program.read_text()}}}\n")
    if subprocess.run([opt, "--pifo-compile-mesh", wrapped, "-o", mesh], capture_output=True).returncode:
        continue
    direct = run(translate, "--pifo-to-mesh-json", wrapped)
    if run(translate, "--pifo-to-mesh-json", mesh) != direct:
        sys.exit(f"{program}: the mesh prints another JSON")
    with open(text, "wb") as out:
        out.write(direct)
    run(translate, "--mesh-json-to-pifo", text, "-o", mesh)
    if run(translate, "--pifo-to-mesh-json", mesh) != direct:
        sys.exit(f"{program}: the JSON reads back as another mesh")
    print(f"{program.stem}: equal")
    count += 1
print(f"{count} programs equal")
