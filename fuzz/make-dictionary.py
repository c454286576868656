# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes libFuzzer's dictionary of the text of our dialects: the words of the seeds, and the name of every operation that the
reference pages, which TableGen makes, have.

usage: make-dictionary.py [--check]     --check writes nothing and says which words are missing or too many
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
DICTIONARY = HERE / "Inputs" / "fuzz-mlir-text.dict"
EDGES = {"-1", "0", "-0.0", "0x7FC00000", "9223372036854775807", "-9223372036854775808", "18446744073709551616", "?",
         "tensor<?xf32>", "array<i64: ", "dense<", "unit", "i0", "index", "none"}


def words():
    found = set(EDGES)
    for seed in (HERE / "seeds" / "fuzz-mlir-text").iterdir():
        found |= set(re.findall(r"[#!@]?[a-z][a-z_.]{2,}|-?\d+:\d+|->|::", seed.read_text(encoding="utf-8")))
    pages = sorted((HERE.parent / "docs" / "reference" / "Dialects").glob("*.md"))
    names = {name for page in pages for name in re.findall(r"^### `([a-z]+\.[\w.]+)`", page.read_text(encoding="utf-8"), re.M)}
    if not names:
        sys.exit("error: docs/reference/Dialects has no operations")
    return found | names


def main():
    wanted = words()
    if sys.argv[1:] != ["--check"]:
        DICTIONARY.write_text("# Written by make-dictionary.py.\n" + "".join(f'"{word}"\n' for word in sorted(wanted)),
                              encoding="utf-8")
        return
    present = set(re.findall(r'^"(.*)"$', DICTIONARY.read_text(encoding="utf-8"), re.M))
    for text, these in (("lacks", wanted - present), ("has no use for", present - wanted)):
        for word in sorted(these):
            print(f"fuzz-mlir-text.dict {text} {word}")
    if wanted != present:
        sys.exit("error: run fuzz/make-dictionary.py and commit what it writes")
    print(f"{len(present)} words")


main()
