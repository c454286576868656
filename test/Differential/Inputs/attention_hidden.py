#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a mask or a bias holds at keys that a window hides: NaN and plus infinity make the row NaN, minus
infinity plus either being NaN; nothing else makes a difference.

  attention_hidden.py --count 24 --seed 1     random attentions, one element of each spoilt in turn
"""

import argparse
import os
import sys
import tempfile

import numpy as np

from build import Library, compile_module
from dtypes import round_to, tensor, to_float

DIMS = [(2, 3), (0, 1, 2, 3), (1, 2, 3), (3,), (0, 3), (0, 2, 3), (3, 2), (1, 3), (2,), (0, None, 2, 3)]
DATAFLOWS = ["", "", "row, rows = 6", "row, rows = 13, key_tile = 16, staged = [logits]",
             "row, rows = 48, key_tile = 32, staged = [logits]"]


class HiddenCase:
    """Attention of which keys are hidden by position, with something added to the scores."""

    def __init__(self, rng, name):
        self.rng, self.name = rng, name
        pick = lambda options: options[int(rng.integers(len(options)))]
        self.B, self.G = pick([1, 2]), pick([1, 2])
        self.H = self.G * pick([1, 2])
        self.N, self.S = pick([1, 3, 20, 48, 61]), pick([17, 40, 64, 130])
        self.offset = pick([0, 1, max(0, self.S - self.N)])
        self.window = pick([0, 0, 3, 20])
        self.length = pick([None, None, self.S - 5])
        # The mask operand is added last. A bias of the region is added before the window, which is a number
        # that is added as well; or it is chosen by the window, and what it holds elsewhere does not matter.
        self.form = pick(["mask", "mask", "added", "added", "subtracted", "chosen"])
        self.dtype = pick(["f32", "f32", "bf16", "f16"])
        self.dims = pick(DIMS)
        self.dataflow, self.guard = pick(DATAFLOWS), pick(["unseen", "none", "undefined"])
        sizes = [self.B, self.H, self.N, self.S]
        shape = [1 if d is None else sizes[d] for d in self.dims]
        self.bias = round_to(rng.standard_normal(shape), self.dtype)
        operand = lambda *s: rng.standard_normal(s).astype(np.float32)
        self.q, self.k, self.v = (operand(self.B, heads, n, 8) for heads, n in (
            (self.H, self.N), (self.G, self.S), (self.G, self.S)))
        self.results = [((self.B, self.H, self.N, 8), "f32")]

    def describe(self):
        return "%s: B %d, H %d / %d, N %d, S %d, offset %d, window %d, length %s, %s %s of %s, guard %s, <%s>" % (
            self.name, self.B, self.H, self.G, self.N, self.S, self.offset, self.window, self.length, self.form,
            self.dtype, self.dims, self.guard, self.dataflow)

    def mlir(self):
        q, k = tensor([self.B, self.H, self.N, 8], "f32"), tensor([self.B, self.G, self.S, 8], "f32")
        m = tensor(list(self.bias.shape), self.dtype)
        where = "affine_map<(b, h, i, j) -> (%s)>" % ", ".join("0" if d is None else "bhij"[d] for d in self.dims)
        line = ["%%r = flat.attention ins(%%q, %%k, %%v : %s, %s, %s)" % (q, k, k)]
        if self.form == "mask":
            line.append("mask(%%m : %s) map %s" % (m, where))
        line.append("offset(%offset)")
        if self.length is not None:
            line.append("length(%length)")
        line.append("outs(%%e : %s) guard(%s)" % (q, self.guard))
        if self.dataflow:
            line.append("dataflow #flat.dataflow<%s>" % self.dataflow)
        line.append("score" + ("" if self.form == "mask" else " operands(%%m : %s) maps [%s]" % (m, where)) + " {")
        body = ["%inf = arith.constant 0xFF800000 : f32", "%zero = arith.constant 0.0 : f32",
                "%c0 = arith.cmpi sle, %j, %i : index"]
        seen = "%c0"
        if self.window:
            body += ["%w = arith.constant {} : index".format(self.window), "%d = arith.subi %i, %j : index",
                     "%c1 = arith.cmpi slt, %d, %w : index", "%c = arith.andi %c0, %c1 : i1"]
            seen = "%c"
        arguments = "%s: f32, %b: index, %h: index, %i: index, %j: index"
        score = "%s"
        if self.form != "mask":
            arguments += ", %a: " + self.dtype
            wide = "%a"
            if self.dtype != "f32":
                body.append("%f = arith.extf %a : {} to f32".format(self.dtype))
                wide = "%f"
            body.append("%t = arith.{} %s, {} : f32".format("subf" if self.form == "subtracted" else "addf", wide))
            score = "%t"
        if self.form in ("added", "subtracted"):
            body += ["%n = arith.select {}, %zero, %inf : f32".format(seen),
                     "%y = arith.addf {}, %n : f32".format(score)]
        else:
            body.append("%y = arith.select {}, {}, %inf : f32".format(seen, score))
        text = ["func.func @%s(%%q: %s, %%k: %s, %%v: %s, %%m: %s) -> %s attributes {llvm.emit_c_interface} {" % (
            self.name, q, k, k, m, q), "%%offset = arith.constant %d : index" % self.offset]
        if self.length is not None:
            text.append("%%length = arith.constant %d : index" % self.length)
        return "\n".join(text + ["%%e = tensor.empty() : %s" % q, " ".join(line), "^bb0(%s):" % arguments, *body,
                                 "flat.yield %y : f32", "} -> " + q, "return %%r : %s" % q, "}"])

    def broken(self, bias):
        """Rows (b, h, i) of which a score is NaN or plus infinity."""
        kept = [d for d in self.dims if d is not None]
        wide = bias[tuple(0 if d is None else slice(None) for d in self.dims)].transpose(np.argsort(kept))
        wide = wide[tuple(slice(None) if d in kept else None for d in range(4))]
        wide = np.broadcast_to(wide, (self.B, self.H, self.N, self.S))
        i, j = np.arange(self.N)[:, None] + self.offset, np.arange(self.S)[None, :]
        seen = (j <= i) & ((self.window == 0) | (i - j < self.window))
        if self.form == "subtracted":
            wide = -wide
        score = np.where(seen, wide, 0 if self.form == "chosen" else wide)
        score = np.where(np.isnan(score) | (score == np.inf), np.nan, 0)
        return np.isnan(score[..., :self.length]).any(axis=-1)

    def check(self, library):
        def call(bias):
            return library.call(self.name, [self.q, self.k, self.v, round_to(bias, self.dtype)], self.results)[0]

        plain = to_float(self.bias, self.dtype)
        clean = call(plain)
        for value in (np.nan, np.inf, -np.inf):
            spoilt = plain.copy()
            spoilt[tuple(int(self.rng.integers(size)) for size in spoilt.shape)] = value
            found, rows = call(spoilt), self.broken(spoilt)
            # A row of which a seen score became minus infinity is another row.
            same = ~rows & ~self.broken(np.where(np.isinf(spoilt), np.nan, spoilt))
            problem = None
            if self.guard == "undefined":
                if found[rows].any():
                    problem = "rows without defined scores are not zero"
            elif not np.isnan(found[rows]).all():
                problem = "%d rows have to be NaN" % rows.sum()
            if not np.allclose(found[same], clean[same], 1e-5, 1e-5, equal_nan=True):
                problem = "other rows changed"
            if problem:
                return "%s with %s: %s" % (self.describe(), value, problem)
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cases = [HiddenCase(np.random.default_rng([options.seed, i]), "f%d" % i) for i in range(options.count)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "hidden")
        with open(path + ".mlir", "w") as file:
            file.write("\n".join(case.mlir() for case in cases) + "\n")
        failures = []
        for leg in ("reference", "optimized"):
            library = Library(compile_module(path, leg, "", "-O1"))
            failures += ["%s: %s" % (leg, message) for message in (case.check(library) for case in cases) if message]
    print("\n".join(["seed %d, %d attentions, %d failed" % (options.seed, len(cases), len(failures)), *failures]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
