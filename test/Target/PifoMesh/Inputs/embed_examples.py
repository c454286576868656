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

from embedded import compare, departures, embed

*tools, prefix, folder = sys.argv[1:6]
trees = sys.argv[6:]
equal, refused = collections.Counter(), collections.Counter()
for program in sorted(pathlib.Path(folder).glob("*.mlir")):
    text = re.sub(r"capacity\(\d+\)", "capacity(500)", program.read_text())
    original, other = prefix + ".original.mlir", prefix + ".embedded.mlir"
    with open(original, "w") as out:
        out.write(text)
    expected = departures(tools, text, original, f"{prefix}.{program.stem}.so")
    for number, options in enumerate(trees):
        name = f"{program.stem}, {options}"
        transits, why = embed(tools[0], original, options, other)
        if why:
            print(f"{name}: refused: {why}")
            refused[options] += 1
            continue
        departed = compare(name, expected, departures(tools, text, other, f"{prefix}.{program.stem}.{number}.so"))
        print(f"{name}: {transits} transit nodes, {departed} departures equal")
        equal[options] += 1
for options in trees:
    print(f"{options}: {equal[options]} programs equal, {refused[options]} refused")
