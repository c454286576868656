# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cuts the ops.mlir of each dialect's tests, and what their invalid.mlir refuse, into small texts.

usage: make-text-seeds.py <nm-opt> <test/Dialect> <folder of the seeds>
"""

import os
import re
import subprocess
import sys

opt, tests, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
for name in os.listdir(folder):
    os.unlink(os.path.join(folder, name))


def parts(text):
    """Pieces that stand alone: aliases, then one operation of the module."""
    for piece in text.split("// -----"):
        lines = [line.split("//")[0].rstrip() for line in piece.splitlines()]
        lines = [line for line in lines if line]
        aliases = [line for line in lines if re.match(r"[#!]\w+ =", line)]
        body, depth = [], 0
        for line in lines:
            if line in aliases and depth == 0:
                continue
            body.append(line)
            depth += sum(line.count(c) for c in "{([") - sum(line.count(c) for c in "})]")
            if depth == 0 and not line.startswith(" "):
                used = [alias for alias in aliases if alias.split()[0] in "\n".join(body)]
                yield "\n".join(used + body) + "\n"
                body = []


# What upstream's dialects beyond these say is not for this fuzzer.
known = re.compile(r"\b(?:linalg|scf|memref|vector|affine|math|bufferization|tosa|cf|llvm)\.")
for dialect in sorted(os.listdir(tests)):
    count = 0
    for file, refused in (("ops.mlir", False), ("attrs.mlir", False), ("invalid.mlir", True)):
        path = os.path.join(tests, dialect, file)
        if not os.path.exists(path):
            continue
        for number, part in enumerate(parts(open(path).read())):
            if known.search(part) or len(part) > 1500 or (refused and number % 4):
                continue
            result = subprocess.run([opt, "-"], input=part, capture_output=True, text=True)
            if (result.returncode != 0) != refused:
                continue
            count += 1
            with open(os.path.join(folder, f"{dialect.lower()}-{count}"), "w") as seed:
                seed.write(part)
    print(dialect, count)

# The words of these texts, for libFuzzer's dictionary.
here = os.path.dirname(os.path.abspath(__file__))
subprocess.run([sys.executable, os.path.join(here, "make-dictionary.py")], check=True)
