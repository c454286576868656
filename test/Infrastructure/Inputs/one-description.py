#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: one-description.py <folder of nm's sources>

Prints, for each instruction and each kind of an elementwise one, the files of lib, include and tools
that name it: by its symbol in an enumeration of nm/Isa or an operation of the attacc dialect, or by
its word in quotes. Then the most files of one, and the numbered rules of attacc whose messages stand
in more than one library. What only exporters' spellings share, such as the word "exp" in a reader of
ONNX, is in folders that know no programs and is not looked at; nor is the profile of processors, which
has words of its own for a copy and a loop.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
description = (root / "include/nm/Isa/Instructions.def").read_text()
entries = re.findall(r'^(UNARY|BINARY|INSTRUCTION)\((\w+), "(\w+)"', description, re.M)
FOLDERS = ["Isa", "Simulator", "Dialect/Attacc", "Target/Attacc", "Conversion/ToAttacc", "Pipelines", "Driver"]
files = {}
for top in ["lib", "include/nm"]:
    for folder in FOLDERS:
        for path in sorted((root / top / folder).rglob("*")):
            if path.suffix in (".cpp", ".h", ".td", ".def") and path.stem != "Profile":
                files[path.relative_to(root).as_posix()] = path.read_text()
for path in sorted((root / "tools").rglob("*.cpp")) if (root / "tools").exists() else []:
    files[path.relative_to(root).as_posix()] = path.read_text()

SPELLINGS = {
    "UNARY": r'UnaryKind::{0}\b|UNARY\({0},|"{1}"|math::{0}Op\b',
    "BINARY": r'BinaryKind::{0}\b|BINARY\({0},',
    "INSTRUCTION": r'Opcode::{0}\b|INSTRUCTION\({0},|attacc::{0}Op\b|\b{0}Op::verify|"{1}"|attacc\.{1}\b',
}
# Memory moves, products and loops are the structure of programs: whoever walks one names them.
STRUCTURE = {"load", "store", "gemm", "nm_gemm", "sync", "barrier", "loop", "end_loop", "unary", "elementwise", "fill"}
most = 0
for kind, symbol, word in entries:
    pattern = re.compile(SPELLINGS[kind].format(symbol, word))
    named = sorted(name for name, text in files.items() if pattern.search(text))
    print(f"{word}: {' '.join(named)}")
    if word not in STRUCTURE and kind != "BINARY":
        most = max(most, len(named))
print(f"at most {most} files")

rules = {}
for name, text in files.items():
    library = "/".join(name.split("/")[:2])
    if name.endswith(".cpp"):  # messages, and no comments that cite them
        for rule in re.findall(r'^[^/\n]*"\[(attacc_\w+_[cv]\d)\]', text, re.M):
            rules.setdefault(rule, set()).add(library)
twice = sorted(rule for rule, where in rules.items() if len(where) > 1)
print(f"attacc rules in two libraries: {len(twice)} {' '.join(twice)}".rstrip())
