# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Embeds each scheduler of a folder into trees of some arity and runs the CPU code of both on the same
random packets: everything departs in the same order at the same times, equal ranks included.

usage: embed_examples.py NM-OPT NM-TRANSLATE CLANG PREFIX FOLDER OPTIONS...

Each of OPTIONS are those of pifo-embed, one tree. What it refuses is said.
"""

import collections
import pathlib
import re
import sys

from embedded import Library, compare, departures, embed

*tools, prefix, folder = sys.argv[1:6]
trees = sys.argv[6:]
library = Library(tools, prefix)
programs = []  # of each the name, the original, and of each tree what became of it
for program in sorted(pathlib.Path(folder).glob("*.mlir")):
    text = re.sub(r"capacity\(\d+\)", "capacity(500)", program.read_text())
    original = prefix + ".original.mlir"
    with open(original, "w") as out:
        out.write(text)
    made = [embed(tools[0], original, options, prefix + ".embedded.mlir") for options in trees]
    programs.append((program.stem, library.add(text), [(said, other and library.add(other)) for said, other in made]))
equal, refused = collections.Counter(), collections.Counter()
for program, original, others in programs:
    expected = departures(*original)
    for options, (said, other) in zip(trees, others):
        name = f"{program}, {options}"
        if not other:
            print(f"{name}: refused: {said}")
            refused[options] += 1
            continue
        print(f"{name}: {said} transit nodes, {compare(name, expected, departures(*other))} departures equal")
        equal[options] += 1
for options in trees:
    print(f"{options}: {equal[options]} programs equal, {refused[options]} refused")
