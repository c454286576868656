#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which constants are windows of keys, and which comparisons are lengths.

Every buffer of a table (element types, ways to hide, whole or part of a longer one; each exact, and with each of
its elements the other one) stands in an attention. A buffer is a window if it is the band |l, r| for some l and r,
which is tried here; then the raised attention reads no tensor for it, else it does. Values are compared too.
"""

import itertools
import os
import re
import sys
import tempfile

import numpy as np

from build import Library, compile_module, run
from dtypes import NUMPY
from tensor_program import F32_LOWEST, TensorProgram

INF = float("inf")
N, S = 4, 5


def is_window(seen):
    """Some keys are seen, and they are those from query - l to query + r."""
    distance = np.arange(S)[None, :] - np.arange(N)[:, None]
    return any((seen == ((-l <= distance) & (distance <= r))).all()
               for l in range(-S, N + 1) for r in range(-N, S + 1)) and bool(seen.any())


class Case:
    def __init__(self, name, hide, expected):
        """`hide` makes scores from scores; `expected` is "window", "operand" or "length"."""
        self.expected = expected
        self.p = p = TensorProgram(np.random.default_rng(len(name)), name, {"n": N, "s": S, "d": 2, "e": 3})
        data = lambda *axes: p.rng.standard_normal(p.shape(axes)).astype(np.float32).astype(np.float64)
        q, k, v = (p.argument(axes, "f32", data(*axes)) for axes in ("nd", "sd", "se"))
        score = hide(p, p.contract(q, k, "ns"))
        self.out = p.contract(p.softmax(score, "s"), v, "ne")
        p.result(self.out)


def choose(p, buffer, score, form, hidden, dtype):
    def truth(b, m):
        return m if dtype == "i1" else b.compare("une" if dtype == "f32" else "ne", m, b.constant(0, dtype))

    if form == "added":
        return p.elementwise("ns", [score, buffer], lambda b, x, m: b.binary("arith.addf", x, m))
    if form == "computed":
        def number(b, m):
            m = b.cast("arith.uitofp" if dtype == "i1" else "arith.sitofp", m, "f32")
            return b.binary("arith.mulf", b.binary("arith.subf", b.constant(1.0), m), b.constant(F32_LOWEST))
        return p.elementwise("ns", [score, buffer], lambda b, x, m: b.binary("arith.addf", x, number(b, m)))
    if form == "seen":
        return p.elementwise("ns", [buffer, score], lambda b, m, x: b.select(truth(b, m), x, b.constant(hidden)))
    return p.elementwise("ns", [buffer, score], lambda b, m, x: b.select(truth(b, m), b.constant(hidden), x))


def buffers():
    """(name, hide, expected)"""
    i, j = np.ogrid[:N, :S]
    bands = [j <= i, j <= i + 1, (j <= i) & (j > i - 2), j >= i]
    forms = [("added", "f32", -INF), ("added", "f32", F32_LOWEST), ("seen", "i1", -INF), ("seen", "i8", -INF),
             ("seen", "i64", F32_LOWEST), ("hidden", "i1", -INF), ("hidden", "i32", -INF), ("seen", "f32", -INF),
             ("computed", "i8", F32_LOWEST), ("computed", "i1", F32_LOWEST)]
    for number, (band, (form, dtype, hidden), part) in enumerate(itertools.product(bands, forms, [False, True])):
        flips = [None] + ([(a, b) for a in range(N) for b in range(S)] if number % 9 == 0 else [(N - 1, 1), (0, 0)])
        for flip in flips:
            seen = band.copy()
            if flip:
                seen[flip] ^= True

            def hide(p, score, seen=seen, form=form, dtype=dtype, hidden=hidden, part=part):
                whole = np.pad(seen, ((2, 1), (1, 2)), mode="wrap") if part else seen
                p.sizes.update({"ln": whole.shape[0], "ls": whole.shape[1]})
                values = np.where(whole, 0.0, hidden) if form == "added" else whole ^ (form == "hidden")
                values = values if dtype == "i1" else values.astype(np.float64 if dtype == "f32" else NUMPY[dtype])
                buffer = p.constant([None, "ln", "ls"] if part else "ns", dtype, values)
                if part:
                    buffer = p.slice(buffer, [None, "n", "s"], [0, 2, 1])
                return choose(p, buffer, score, form, hidden, dtype)

            # The lowest number hides a key beside one that is seen only: a row without any is uniform.
            soft = np.isfinite(hidden)
            window = is_window(seen) and not (soft and not seen.any(axis=1).all())
            # Where nothing is hidden in the end the buffer goes as well.
            yield "%s %s %s %s band %d, %s" % (form, dtype, hidden, "part" if part else "whole", number, flip), hide, (
                "window" if window else "operand")


def lengths():
    def compare(predicate, swapped, dtype, hidden=-INF, offset=0):
        def hide(p, score):
            limit = p.argument([], dtype, np.asarray(3, NUMPY[dtype]))

            def body(b, m, x):
                key = b.index("s")
                if offset:
                    key = b.binary("arith.addi", key, b.constant(offset, "index"))
                key = b.cast("arith.index_cast", key, dtype)
                return b.select(b.compare(predicate, *((m, key) if swapped else (key, m))), x, b.constant(hidden))
            return p.elementwise("ns", [limit, score], body)
        return hide

    def then_mask(p, score):
        mask = p.argument("ns", "f32", p.rng.standard_normal((N, S)).astype(np.float32).astype(np.float64))
        return p.elementwise("ns", [compare("slt", False, "i64")(p, score), mask], lambda b, x, m: b.binary("arith.addf", x, m))

    def mask_first(p, score):
        mask = p.argument("ns", "f32", p.rng.standard_normal((N, S)).astype(np.float32).astype(np.float64))
        return compare("slt", False, "i64")(p, p.elementwise("ns", [score, mask], lambda b, x, m: b.binary("arith.addf", x, m)))

    yield "key < length", compare("slt", False, "i64"), "length"
    yield "key <= last", compare("sle", False, "i64"), "length"
    yield "length > key", compare("sgt", True, "i32"), "length"
    yield "last >= key", compare("sge", True, "i32"), "length"
    yield "a mask before it", mask_first, "length"
    yield "shifted", compare("slt", False, "i64", offset=1), "length"
    # Not lengths: keys from some on, positions in too few bits, a number that is not infinite, and a mask that would be
    # added to what is hidden.
    yield "key > first", compare("sgt", False, "i64"), "operand"
    yield "key in eight bits", compare("slt", False, "i8"), "operand"
    yield "the lowest number", compare("slt", False, "i64", F32_LOWEST), "operand"
    yield "a mask after it", then_mask, "operand"


def main():
    cases = []
    for description, hide, expected in itertools.chain(buffers(), lengths()):
        cases.append((description, Case("p%d" % len(cases), hide, expected)))
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "windows")
        with open(path + ".mlir", "w") as file:
            file.write("module {\n%s\n}\n" % "\n".join(case.p.mlir() for _, case in cases))
        text = run(["nm-opt", path + ".mlir", "--flat-raise-attention", "--canonicalize"])
        functions = re.split(r"func\.func @", text)[1:]
        assert len(functions) == len(cases)
        library = Library(compile_module(path, "raised", "", "-O0"))
        counts = {}
        for (description, case), function in zip(cases, functions):
            attention = re.search(r"flat\.attention.*", function)
            found = "nothing" if not attention else "length" if " length(" in attention.group() else (
                "operand" if " mask(" in attention.group() or " operands(" in attention.group() else "window")
            if found != case.expected:
                failures.append("%s: found %s, expected %s" % (description, found, case.expected))
            inputs = [t.data.astype(NUMPY[t.dtype]) for t in case.p.arguments]
            value, = library.call(case.p.name, inputs, [(case.out.data.shape, "f32")])
            if not np.allclose(value, case.out.data, 1e-4, 1e-4, equal_nan=True):
                failures.append("%s: wrong values" % description)
            counts[found] = counts.get(found, 0) + 1
    print("%d attentions, %s, %d failed" % (len(cases), ", ".join("%d %s" % (n, kind) for kind, n in sorted(
        counts.items(), reverse=True)), len(failures)))
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
