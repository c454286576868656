#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Masks by comparisons of positions, each in words that no exporter uses today and that arithmetic knows to be the same.

A mask is a truth value over query, key and a number of the program; it is spelled by rewriting it with laws of arithmetic and
logic, again and again. All spellings of one must be raised to one attention: causal, a window, a length, or both. Beside each
stands a near miss, the same words with one number or comparison changed, which must be raised to what it is, or to nothing
that has a name. Values are compared with float64 in every case.

usage: raise_limits.py [--count N] [--seed S]
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

from build import Library, compile_module
from dtypes import NUMPY
from tensor_program import TensorProgram

INF = float("inf")
N, S, LENGTH = 5, 7, 4
SWAPPED = {"slt": "sgt", "sle": "sge", "sgt": "slt", "sge": "sle"}
OPPOSITE = {"slt": "sge", "sle": "sgt", "sgt": "sle", "sge": "slt"}

# Expressions: ("query",), ("key",), ("length",), ("number", n), (op, a, b), ("compare", predicate, a, b), ("not", c),
# ("and", c, d), ("or", c, d), as they are written down by `Writer`.
Q, K, L = ("query",), ("key",), ("length",)


def number(n):
    return ("number", n)


def shifted(x, n):
    return x if n == 0 else ("add", x, number(n))


KINDS = {
    "causal": lambda: ("compare", "sle", K, Q),
    "window -2..0": lambda: ("and", ("compare", "sle", K, Q), ("compare", "sle", Q, shifted(K, 2))),
    "window -1..1": lambda: ("and", ("compare", "sle", K, shifted(Q, 1)), ("compare", "sle", Q, shifted(K, 1))),
    "length": lambda: ("compare", "slt", K, L),
    "length, causal": lambda: ("and", ("compare", "slt", K, L), ("compare", "sle", K, Q)),
    "length, window -2..0": lambda: ("and", KINDS["length, causal"](), ("compare", "sle", Q, shifted(K, 2))),
}


class Speller:
    """Rewrites of a condition that keep what it says."""

    def __init__(self, rng):
        self.rng = rng

    def pick(self, things):
        return things[int(self.rng.integers(len(things)))]

    def chance(self, p):
        return bool(self.rng.random() < p)

    def condition(self, c, depth):
        if c[0] == "compare":
            return self.compare(c, depth)
        if c[0] == "and":
            a, b = self.condition(c[1], depth), self.condition(c[2], depth)
            if self.chance(0.5):
                a, b = b, a
            form = self.pick(["and", "and", "times", "choice", "de morgan", "both"])
            if form == "de morgan":
                return ("not", ("or", ("not", a), ("not", b)))
            if form == "choice":
                return ("choose", a, b, ("false",))
            return (form if form != "both" else "product", a, b)
        return c

    def compare(self, c, depth):
        _, p, a, b = c
        for _ in range(depth):
            form = self.pick(["swap", "strict", "move", "add", "opposite", "limits"])
            if form == "swap":
                p, a, b = SWAPPED[p], b, a
            elif form == "strict" and L not in (a, b):
                # a <= b is a < b + 1.
                p, b = {"sle": ("slt", shifted(b, 1)), "slt": ("sle", shifted(b, -1)), "sge": ("sgt", shifted(b, -1)),
                        "sgt": ("sge", shifted(b, 1))}[p]
            elif form == "strict" and a != L:
                p, a = {"sle": ("slt", shifted(a, -1)), "slt": ("sle", shifted(a, 1)), "sge": ("sgt", shifted(a, 1)),
                        "sgt": ("sge", shifted(a, -1))}[p]
            elif form == "move":
                a, b = ("sub", a, b), number(0)
            elif form == "add":
                n = int(self.rng.integers(1, 9))
                a, b = ("add", a, number(n)), ("add", number(n), b)
            elif form == "opposite":
                return ("not", self.compare(("compare", OPPOSITE[p], a, b), 1))
            elif form == "limits":
                # Beside what is above, or below, the bound is the same.
                name = "min" if p in ("slt", "sle") else "max"
                b = (name, b, shifted(b, 3 if name == "min" else -3))
        return ("compare", p, a, b)


def leaves(c):
    if c[0] in ("number", "compare"):
        yield c
    for part in c[1:]:
        if isinstance(part, tuple):
            yield from leaves(part)


def changed(c, at):
    """The same with the leaf number `at` changed; numbers are counted from the front."""
    count = [0]

    def go(e):
        if not isinstance(e, tuple):
            return e
        own = None
        if e[0] in ("number", "compare"):
            own, count[0] = count[0], count[0] + 1
        if own == at:
            if e[0] == "number":
                return ("number", e[1] + 1)
            return ("compare", {"slt": "sle", "sle": "slt", "sgt": "sge", "sge": "sgt"}[e[1]], *e[2:])
        return (e[0], *(go(part) for part in e[1:]))

    return go(c)


class Writer:
    """An expression as operations of a body, in index or i64."""

    def __init__(self, b, length, dtype):
        self.b, self.dtype, self.length = b, dtype, length

    def number(self, e):
        b = self.b
        if e in (Q, K):
            at = b.index("n" if e == Q else "s")
            return at if self.dtype == "index" else b.cast("arith.index_cast", at, self.dtype)
        if e == L:
            return b.cast("arith.index_cast" if self.dtype == "index" else "arith.extsi", self.length, self.dtype) if (
                self.dtype != "i32") else self.length
        if e[0] == "number":
            return b.constant(e[1], self.dtype)
        op = {"add": "addi", "sub": "subi", "min": "minsi", "max": "maxsi"}[e[0]]
        return b.binary("arith." + op, self.number(e[1]), self.number(e[2]))

    def truth(self, c):
        b = self.b
        if c[0] == "compare":
            return b.compare(c[1], self.number(c[2]), self.number(c[3]))
        if c[0] == "false":
            return b.constant(False, "i1")
        if c[0] == "not":
            return b.binary("arith.xori", self.truth(c[1]), b.constant(True, "i1"))
        if c[0] == "choose":
            return b.select(*(self.truth(part) for part in c[1:]))
        x, y = self.truth(c[1]), self.truth(c[2])
        if c[0] == "product":
            wide = [b.cast("arith.extui", part, "i64") for part in (x, y)]
            return b.compare("ne", b.binary("arith.muli", *wide), b.constant(0, "i64"))
        return b.binary({"and": "arith.andi", "or": "arith.ori", "times": "arith.muli"}[c[0]], x, y)


class Case:
    def __init__(self, rng, name, condition, form, dtype):
        self.p = p = TensorProgram(rng, name, {"n": N, "s": S, "d": 2, "e": 3})
        data = lambda *axes: rng.standard_normal(p.shape(axes)).astype(np.float32).astype(np.float64)
        q, k, v = (p.argument(axes, "f32", data(*axes)) for axes in ("nd", "sd", "se"))
        length = p.argument([], "i32", np.asarray(LENGTH, np.int32))
        score = p.contract(q, k, "ns")

        def body(b, m, x):
            c, hidden = Writer(b, m, dtype).truth(condition), b.constant(-INF)
            if form == "seen":
                return b.select(c, x, hidden)
            return b.select(b.binary("arith.xori", c, b.constant(True, "i1")), hidden, x)

        score = p.elementwise("ns", [length, score], body)
        self.out = p.contract(p.softmax(score, "s"), v, "ne")
        p.result(self.out)


def found_kind(function, remark):
    """What the attention says of its keys."""
    length = " length(" in function
    score = re.search(r"score=(?:\"([^\"]*)\"|(\S+))", remark or "")
    score = (score.group(1) or score.group(2)).rstrip(",") if score else "none"
    if length:
        # Without a guard the region says the length once more.
        parts = [part for part in score.split(" + ") if part not in ("other", "plain")]
        return ", ".join(["length"] + [" + ".join(parts)] * bool(parts))
    return score


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cases = []
    for kind, make in KINDS.items():
        for spelling in range(options.count):
            rng = np.random.default_rng([options.seed, len(cases)])
            speller = Speller(rng)
            condition = speller.condition(make(), 0 if spelling == 0 else int(rng.integers(1, 5)))
            # In 32 bits sums with a number of as many may overflow: then they are what they are.
            form, dtype = speller.pick(["seen", "hidden"]), speller.pick(["index", "i64"] if "length" in kind else ["index", "i64", "i32"])
            cases.append((kind, Case(rng, "p%d" % len(cases), condition, form, dtype), condition))
            count = len(list(leaves(condition)))
            near = changed(condition, int(rng.integers(count)))
            cases.append(("near", Case(rng, "p%d" % len(cases), near, form, dtype), near))
    failures, named = [], 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "limits")
        texts = {}
        for number_, (kind, case, condition) in enumerate(cases):
            with open(path + ".one.mlir", "w") as file:
                file.write("module {\n%s\n}\n" % case.p.mlir())
            done = subprocess.run(["nm-opt", path + ".one.mlir", "--flat-raise-attention", "--canonicalize",
                                   "--remarks-filter=flat-raise"], check=True, capture_output=True, text=True)
            texts[number_] = (done.stdout, done.stderr)
        with open(path + ".mlir", "w") as file:
            file.write("module {\n%s\n}\n" % "\n".join(case.p.mlir() for _, case, _ in cases))
        library = Library(compile_module(path, "raised", "", "-O0"))
        for number_, (kind, case, condition) in enumerate(cases):
            found = found_kind(*texts[number_])
            if kind != "near" and found != kind:
                failures.append("%s is raised to %s: %s" % (kind, found, condition))
            named += kind != "near" and found == kind
            inputs = [t.data.astype(NUMPY[t.dtype]) for t in case.p.arguments]
            value, = library.call(case.p.name, inputs, [(case.out.data.shape, "f32")])
            if not np.allclose(value, case.out.data, 1e-4, 1e-4, equal_nan=True):
                failures.append("%s: wrong values of %s" % (kind, condition))
    print("%d masks, %d named, %d near misses, %d failed" % (len(cases) // 2, named, len(cases) // 2, len(failures)))
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
