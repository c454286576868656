# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Embeds each scheduler of a folder into trees of some arity and runs the CPU code of both on the same
random packets: everything departs in the same order at the same times, equal ranks included.

usage: embed_examples.py NM-OPT NM-TRANSLATE CLANG PREFIX FOLDER OPTIONS

OPTIONS are those of pifo-embed. What it refuses is said.
"""

import pathlib
import re
import sys

from embedded import compare, embed

*tools, prefix, folder, options = sys.argv[1:]
equal = 0
for program in sorted(pathlib.Path(folder).glob("*.mlir")):
    text = re.sub(r"capacity\(\d+\)", "capacity(500)", program.read_text())
    original, other = prefix + ".original.mlir", prefix + ".embedded.mlir"
    with open(original, "w") as out:
        out.write(text)
    transits, why = embed(tools[0], original, options, other)
    if why:
        print(f"{program.stem}: refused: {why}")
        continue
    departed = compare(tools, program.stem, text, original, other, prefix)
    print(f"{program.stem}: {transits} transit nodes, {departed} departures equal")
    equal += 1
print(f"{equal} programs equal")
