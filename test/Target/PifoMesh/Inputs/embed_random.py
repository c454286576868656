# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random trees of fair queues, round robins, FIFOs and shapers, embedded into random trees: departures and refusals are the same.

usage: embed_random.py NM-OPT NM-TRANSLATE CLANG PREFIX FIRST-SEED PROGRAMS
"""

import random
import sys

from embedded import Library, compare, departures, embed

*tools, prefix, first, programs = sys.argv[1:]
# The virtual time follows what leaves, whichever child it came from.
FAIR = """pifo.state @virtual written_by(dequeue) = 0 : i64
pifo.state @finish by {key} written_by(enqueue) = 0 : i64
{table}
pifo.scheduling {{
  %v = pifo.load @virtual : i64
  %f = pifo.load @finish : i64
  %start = arith.maxsi %v, %f : i64
  %length = pifo.read_field @length : i64
  {weight}
  %end = arith.addi %start, %cost : i64
  pifo.store %end, @finish : i64
  pifo.yield %start : i64
}}
pifo.dequeue {{
  %r = pifo.rank : i64
  pifo.store %r, @virtual : i64
}}"""
# One count for all, and the child's own number.
COUNT = """pifo.state @count written_by(enqueue) = 0 : i32
pifo.scheduling {
  %n = pifo.load @count : i32
  %c = pifo.child : i32
  %three = arith.constant 3 : i32
  %m = arith.addi %n, %three : i32
  pifo.store %m, @count : i32
  %seven = arith.constant 7 : i32
  %late = arith.muli %c, %seven : i32
  %rank = arith.addi %m, %late : i32
  pifo.yield %rank : i32
}"""
FIFO = """pifo.scheduling {
  %now = pifo.now : i64
  pifo.yield %now : i64
}"""
SHAPER = """pifo.shaping {{
  %now = pifo.now : i64
  %delay = arith.constant {delay} : i64
  %time = arith.addi %now, %delay : i64
  pifo.yield %time : i64
}}"""


class Tree:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.nodes, self.classes = 0, 0

    def indent(self, text):
        return "\n".join("  " + line for line in text.splitlines() if line.strip())

    def node(self, depth, windows, predicate=True):
        """Text of a node with those below it; it takes the classes that are counted while it is built."""
        choose = self.random.choice
        name, low = f"n{self.nodes}", self.classes
        self.nodes += 1
        fan = self.random.randint(2, 6) if depth < 3 and (depth == 0 or self.random.random() < 0.45) else 0
        shaped = depth > 0 and not windows and self.random.random() < 0.2
        # Nobody below a window may be shaped: windows come first.
        rule = choose(["saturate", "wrap", "wrap", "window"] if windows or depth == 0 else ["saturate", "wrap"])
        bits = choose([6, 12, 18, 30]) if rule != "window" else choose([18, 30])
        inside = [self.node(depth + 1, windows or rule == "window") for _ in range(fan)]
        if not fan:
            self.classes += 1
        kind = choose(["fair", "fair", "count", "fifo"]) if fan else choose(["fair", "fifo"])
        if kind == "fair":
            weights = [self.random.randint(1, 9) for _ in range(fan or 8)]
            body = FAIR.format(
                key="child" if fan else "@flow", table=f"pifo.table @weight by {'child' if fan else '@flow'} = "
                f"dense<{weights}> : tensor<{len(weights)}xi64>", weight="%w = pifo.lookup @weight : i64\n  %cost = arith.divui %length, %w : i64")
        else:
            body = COUNT if kind == "count" else FIFO
        if shaped:
            body += "\n" + SHAPER.format(delay=self.random.choice([0, 500, 20000]))
        if predicate:
            body = f"""pifo.predicate {{
  %c = pifo.read_field @class : i8
  %low = arith.constant {low} : i8
  %high = arith.constant {self.classes} : i8
  %a = arith.cmpi uge, %c, %low : i8
  %b = arith.cmpi ult, %c, %high : i8
  %is = arith.andi %a, %b : i1
  pifo.yield %is : i1
}}
""" + body
        return f"pifo.node @{name} rank(i{bits}, {rule}) {{\n" + self.indent("\n".join([body] + inside)) + "\n}"

    def scheduler(self):
        root = self.node(0, False, predicate=False)
        return (f"pifo.scheduler @s capacity({self.random.choice([20, 300])}) {{\n  pifo.field @length : i11\n"
                f"  pifo.field @class : i8 below {self.classes}\n  pifo.field @flow : i3\n" + self.indent(root) + "\n}\n")


transits, programs_of = 0, []
libraries = {container: Library(tools, prefix, container) for container in ("auto", "heap", "list")}
for seed in range(int(first), int(first) + int(programs)):
    tree = Tree(seed)
    text = tree.scheduler()
    original = f"{prefix}.{seed}.mlir"
    with open(original, "w") as out:
        out.write(text)
    said, other = embed(tools[0], original, f"arity={tree.random.choice([2, 2, 3])}", f"{prefix}.{seed}.embedded.mlir")
    if not other:
        sys.exit(f"{original}: {said}")
    transits += said
    library = libraries[tree.random.choice(["auto", "auto", "heap", "list"])]
    programs_of.append((f"random{seed}", library.add(text), library.add(other)))
compared = sum(compare(name, departures(*original), departures(*other)) for name, original, other in programs_of)
print(f"{int(programs)} programs equal, {transits} transit nodes, {compared} departures and refusals")
