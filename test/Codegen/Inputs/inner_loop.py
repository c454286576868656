# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints the innermost loop of an assembly listing (standard input) that holds the most fused
multiply-adds, or the most of an instruction that is named, then how many of its lines do what: what FileCheck cannot count.

usage: inner_loop.py [INSTRUCTION]"""

import re
import sys

MULTIPLY_ADD = re.compile(r"\s(vfn?m(add|sub)\w*|fml[as]|fmad)\s")
STACK = re.compile(r"\((%[er][sb]p)\)|\[(sp|x29|fp)\b")
LABEL = re.compile(r"^(\.L\w+):")
BRANCH = re.compile(r"\s(j\w+|b\.?\w*|cbn?z|tbn?z)\s.*?(\.L\w+)\s*$")


def innermost_loops(lines):
    labels = {}
    for i, line in enumerate(lines):
        if match := LABEL.match(line):
            labels[match[1]] = i
        elif match := BRANCH.search(line):
            start = labels.get(match[2])
            if start is None:
                continue
            body = lines[start:i + 1]
            if sum(bool(LABEL.match(other)) and "tmp" not in other for other in body) == 1:
                yield body


lines = [re.split(r"\s(?:##|//|#)\s", line)[0].rstrip() for line in sys.stdin.read().split("\n")]
count = lambda body, pattern: sum(bool(pattern.search(line)) for line in body)
loops = list(innermost_loops(lines))
if not loops:
    sys.exit("no innermost loop found")
wanted = re.compile(r"\s%s\s" % sys.argv[1]) if len(sys.argv) > 1 else MULTIPLY_ADD
body = max(loops, key=lambda body: count(body, wanted))
print("\n".join(body))
print(f"multiply-adds: {count(body, MULTIPLY_ADD)}")
print(f"stack accesses: {count(body, STACK)}")
