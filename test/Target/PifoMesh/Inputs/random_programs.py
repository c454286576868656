# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random trees with random transactions, as CPU code and on the mesh's model: departures are the same.

usage: random_programs.py NM-OPT NM-TRANSLATE NM-PIFO-MESH CLANG PREFIX FIRST-SEED PROGRAMS
A program that no atom can compute is refused, and counted.
"""

import pathlib
import random
import subprocess
import sys

*tools, prefix, first, programs = sys.argv[1:]
against_cpu = pathlib.Path(__file__).with_name("against_cpu.py")
# More values than a block has flows: no field becomes a flow, whose ties would leave otherwise.
FIELDS = [("a", 11, None), ("b", 12, None), ("c", 16, 3000)]


class Program:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines, self.values, self.count = [], [], 0
        self.depth = 3

    def name(self):
        self.count += 1
        return f"%v{self.count}"

    def emit(self, text, width):
        name = self.name()
        self.lines.append("  " * self.depth + f"{name} = {text}")
        self.values.append((name, width))
        return name

    def constant(self, width, value=None):
        if value is None:
            value = self.random.choice([0, 1, 3, 7, 100, -1, -5, self.random.getrandbits(width)])
        value &= (1 << width) - 1
        value -= (value >> (width - 1)) << width
        if width == 1:
            return self.emit(f"arith.constant {'true' if value else 'false'}", 1)
        return self.emit(f"arith.constant {value} : i{width}", width)

    def value(self, width):
        """A value of that width, converted if there is none."""
        same = [v for v in self.values if v[1] == width]
        if same and self.random.random() < 0.8:
            return self.random.choice(same[-6:])[0]
        name, old = self.random.choice(self.values)
        if old == width:
            return name
        if old > width:
            return self.emit(f"arith.trunci {name} : i{old} to i{width}", width)
        kind = self.random.choice(["extui", "extsi"])
        return self.emit(f"arith.{kind} {name} : i{old} to i{width}", width)

    def step(self):
        choose = self.random.choice
        width = choose([8, 16, 32, 32, 64])
        kind = choose(["sum", "sum", "bits", "shift", "scale", "divide", "select", "extreme", "if", "now", "table"])
        if kind == "sum":
            a, b = self.value(width), self.value(width)
            self.emit(f"arith.{choose(['addi', 'subi'])} {a}, {b} : i{width}", width)
        elif kind == "bits":
            a, b = self.value(width), self.value(width)
            self.emit(f"arith.{choose(['andi', 'ori', 'xori'])} {a}, {b} : i{width}", width)
        elif kind == "shift":
            a = self.value(width)
            b = self.constant(width, choose([1, 3, width - 1, width, width + 3])) if self.random.random() < 0.7 else self.value(width)
            self.emit(f"arith.{choose(['shli', 'shrui', 'shrsi'])} {a}, {b} : i{width}", width)
        elif kind == "scale":
            a, b = self.value(width), self.constant(width)
            self.emit(f"arith.muli {a}, {b} : i{width}", width)
        elif kind == "divide":
            # Small enough for a reciprocal, or by a power of two.
            a = self.value(width)
            signed = self.random.random() < 0.4
            b = self.constant(width, choose([0, 1, 2, 8, 64]) if signed else choose([0, 1, 3, 7, 10, 24, 100]))
            self.emit(f"arith.{choose(['div', 'rem'])}{'si' if signed else 'ui'} {a}, {b} : i{width}", width)
        elif kind in ("select", "extreme", "if"):
            a, b = self.value(width), self.value(width)
            if kind == "extreme":
                self.emit(f"arith.{choose(['maxsi', 'minsi', 'maxui', 'minui'])} {a}, {b} : i{width}", width)
                return
            relation = choose(["eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge"])
            condition = self.emit(f"arith.cmpi {relation}, {a}, {b} : i{width}", 1)
            if kind == "select":
                x, y = self.value(width), self.value(width)
                self.emit(f"arith.select {condition}, {x}, {y} : i{width}", width)
                return
            result, pad = self.name(), "  " * self.depth
            outer = list(self.values)
            self.lines.append(f"{pad}{result} = scf.if {condition} -> (i{width}) {{")
            for last in (False, True):
                self.depth += 1
                self.step()
                self.lines.append("  " * self.depth + f"scf.yield {self.value(width)} : i{width}")
                self.depth -= 1
                self.values = list(outer)
                self.lines.append(pad + ("}" if last else "} else {"))
            self.values.append((result, width))
        elif kind == "now":
            self.emit("pifo.now : i64", 64)
        else:
            self.emit("pifo.lookup @table : i16", 16)

    def transaction(self, state):
        """Its lines, and the number of bits it yields."""
        self.lines, self.values = [], []
        for field, bits, _ in FIELDS:
            width = self.random.choice([bits, 32, 64])
            self.emit(f"pifo.read_field @{field} : i{width}", width)
        if state:
            old = self.emit("pifo.load @sum : i32", 32)
        for _ in range(self.random.randrange(3, 14)):
            self.step()
        if state:
            more = self.emit(f"arith.addi {old}, {self.value(32)} : i32", 32)
            self.lines.append("  " * self.depth + f"pifo.store {more}, @sum : i32")
        width = self.random.choice([16, 32, 64])
        self.lines.append("  " * self.depth + f"pifo.yield {self.value(width)} : i{width}")
        return self.lines

    def node(self, name, predicate, inner, depth):
        pad = "  " * depth
        state = inner is None and self.random.random() < 0.4
        if inner is None:
            self.depth = depth + 2
            body = self.transaction(state)
            bits = self.random.choice([12, 16, 24, 40])
        else:
            # Different ranks for all children: where they tie, a block may swap them.
            body = [f"{pad}    %child = pifo.child : i32", f"{pad}    pifo.yield %child : i32"]
            bits = 6
        lines = [f"{pad}pifo.node @{name} rank(i{bits}, saturate) {{"] + predicate
        if state:
            lines.append(f"{pad}  pifo.state @sum written_by(enqueue) = 0 : i32")
        lines += [f"{pad}  pifo.scheduling {{"] + body + [f"{pad}  }}"] + (inner or []) + [f"{pad}}}"]
        return lines

    def children(self, depth):
        """Leaves that share the values of @c, or a node with more of them."""
        cuts = sorted(self.random.sample(range(1, 3000), self.random.randrange(1, 4)))
        bounds = list(zip([0] + cuts, cuts + [None]))
        lines, pad = [], "  " * (depth + 1)
        for number, (low, high) in enumerate(bounds):
            predicate = [f"{pad}pifo.predicate {{", f"{pad}  %c = pifo.read_field @c : i16",
                         f"{pad}  %low = arith.constant {low} : i16", f"{pad}  %above = arith.cmpi uge, %c, %low : i16"]
            if high is None:
                predicate.append(f"{pad}  pifo.yield %above : i1")
            else:
                predicate += [f"{pad}  %high = arith.constant {high} : i16", f"{pad}  %below = arith.cmpi ult, %c, %high : i16",
                              f"{pad}  %is = arith.andi %above, %below : i1", f"{pad}  pifo.yield %is : i1"]
            lines += self.node(f"leaf{number}", predicate + [f"{pad}}}"], None, depth)
        return lines

    def text(self):
        tree = self.children(2) if self.random.random() < 0.5 else None
        root = "\n".join(self.node("root", [], tree, 1))
        table = ", ".join(str(self.random.randrange(1 << 15)) for _ in range(2048))
        fields = "\n".join(f"  pifo.field @{n} : i{b}" + (f" below {most}" if most else "") for n, b, most in FIELDS)
        return (f"pifo.scheduler @random capacity(200) {{\n{fields}\n"
                f"  pifo.table @table by @a = dense<[{table}]> : tensor<2048xi16>\n{root}\n}}\n")


equal = trees = refused = 0
for seed in range(int(first), int(first) + int(programs)):
    source = f"{prefix}.{seed}.mlir"
    text = Program(seed).text()
    with open(source, "w") as out:
        out.write(text)
    result = subprocess.run([sys.executable, against_cpu, *tools, prefix, source, "--seeds", "1", "--steps", "600",
                             "--limits", "rank_bits = 62 : i64, now_bits = 64 : i64"], capture_output=True, text=True)
    if result.returncode == 0:
        equal += 1
        trees += "@leaf0" in text
        continue
    error = result.stderr.strip()
    # What the mesh's compiler says of its own accord.
    reasons = ("no atom", "expected at most 31 bits", "divides by a negative constant", "touched at two")
    if "error:" in error and any(reason in error for reason in reasons):
        refused += 1
        continue
    sys.exit(f"{source}: {error[:2000]}")
print(f"{equal} programs equal, {trees} of them trees, {refused} refused")
