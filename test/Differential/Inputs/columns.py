#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products whose number of columns is known only when they run, each called with many, against NumPy.

A function multiplies the same activations by one or two weights, so that products also share what they pack.
Numbers of columns lie around those at which kernels change, and around whole vectors and panels.
Arguments end where their memory does.

  columns.py --seeds 1,2 --cases 12
  columns.py --random 50      fifty seeds from the clock, printed
"""

import os
import sys

import numpy as np

import storage
from build import Library, check_seeds, compile_module, seed_parser, seeds_of
from dtypes import EPSILON, NUMPY, constant, random, tensor, to_float

PATTERNS = [(2, 4), (2, 4), (1, 4), (1, 2), (3, 4), (4, 4), (2, 8), (1, 8), (1, 16), (5, 16), (1, 32), (3, 7), (1, 1)]
# Activations, weights, results.
TYPES = [("f32", "f32", "f32")] * 3 + [("bf16", "bf16", "f32"), ("f16", "f16", "f16"), ("i8", "i8", "i32"),
                                       ("f32", "i8", "f32"), ("f32", "bf16", "f32")]
COLUMNS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 65, 100]


class Case:
    def __init__(self, rng, name):
        pick = lambda options: options[int(rng.integers(len(options)))]
        chance = lambda p: rng.random() < p
        self.name = name
        self.n, self.m = pick(PATTERNS)
        self.xt, self.wt, self.rt = pick(TYPES)
        self.k = self.m * int(rng.integers(1, max(2, 300 // self.m)))
        self.weight_left, self.tx, self.tw = chance(0.4), chance(0.5), chance(0.5)
        self.bias = self.rt != "i32" and chance(0.5)
        self.weights = [self.make_weight(rng, pick([1, 2, 3, 7, 16, 33, 96, 200, 390])) for _ in range(pick([1, 2]))]
        self.rng = rng

    def make_weight(self, rng, rows):
        last = self.tw != self.weight_left
        shape, axis = ((rows, self.k), 1) if last else ((self.k, rows), 0)
        mask = storage.random_mask(rng, shape, self.n, self.m, axis, "mixed")
        w = np.where(mask, random(rng, shape, self.wt), 0).astype(NUMPY[self.wt])
        return w, axis, random(rng, (rows,), "f32")

    def describe(self):
        return "%s: %d:%d, %s x %s to %s, K %d, rows %s, %s%s%s%s" % (
            self.name, self.n, self.m, self.xt, self.wt, self.rt, self.k,
            [w.shape[1 - axis] for w, axis, _ in self.weights], "weight left" if self.weight_left else "weight right",
            ", x transposed" if self.tx else "", ", w transposed" if self.tw else "", ", bias" if self.bias else "")

    def mlir(self):
        k_last = self.tx == self.weight_left
        x_type = tensor([None, self.k] if k_last else [self.k, None], self.xt)
        body, results, types = ["%%at = arith.constant %d : index" % (0 if k_last else 1),
                                "%%columns = tensor.dim %%x, %%at : %s" % x_type], [], []
        for i, (w, axis, bias) in enumerate(self.weights):
            rows = w.shape[1 - axis]
            dense = tensor(w.shape, self.wt)
            encoded = tensor(w.shape, self.wt, "#nm.sparsity<%d:%d, axis = %d>" % (self.n, self.m, axis))
            r_type = tensor([rows, None] if self.weight_left else [None, rows], self.rt)
            left, right = ("w%d" % i, "x") if self.weight_left else ("x", "w%d" % i)
            left_type, right_type = (encoded, x_type) if self.weight_left else (x_type, encoded)
            flags = (" transpose_lhs" if (self.tw if self.weight_left else self.tx) else "") + (
                " transpose_rhs" if (self.tx if self.weight_left else self.tw) else "")
            epilogue = region = ""
            if self.bias:
                body.append("%%b%d = arith.constant %s : tensor<%dxf32>" % (i, constant(bias, "f32"), rows))
                epilogue = " epilogue(%%b%d : tensor<%dxf32>) maps [affine_map<(i, j) -> (%s)>]" % (
                    i, rows, "i" if self.weight_left else "j")
                narrow = "" if self.rt == "f32" else "    %%t = arith.truncf %%s : f32 to %s\n" % self.rt
                region = " {\n  ^bb0(%%acc: f32, %%e: f32):\n    %%s = arith.addf %%acc, %%e : f32\n%s    nm.yield %s : %s\n  }" % (
                    narrow, "%t" if narrow else "%s", self.rt)
            body += ["%%d%d = arith.constant %s : %s" % (i, constant(w, self.wt), dense),
                     "%%w%d = nm.compress %%d%d : %s to %s" % (i, i, dense, encoded),
                     "%%i%d = tensor.empty(%%columns) : %s" % (i, r_type),
                     "%%r%d = nm.matmul%s ins(%%%s, %%%s : %s, %s)%s outs(%%i%d : %s)%s -> %s" % (
                         i, flags, left, right, left_type, right_type, epilogue, i, r_type, region, r_type)]
            results.append("%%r%d" % i)
            types.append(r_type)
        return "\n".join(["func.func @%s(%%x: %s) -> (%s) attributes {llvm.emit_c_interface} {" % (
            self.name, x_type, ", ".join(types)), *("  " + line for line in body),
            "  return %s : %s" % (", ".join(results), ", ".join(types)), "}"])

    def check(self, library, columns):
        """Errors of one call."""
        k_last = self.tx == self.weight_left
        x = random(self.rng, (columns, self.k) if k_last else (self.k, columns), self.xt)
        wide = to_float(x, self.xt)
        matrix = wide.T if k_last else wide
        shapes = [((w.shape[1 - axis], columns) if self.weight_left else (columns, w.shape[1 - axis]), self.rt)
                  for w, axis, _ in self.weights]
        found = library.call(self.name, [x], shapes)
        for i, ((w, axis, bias), result) in enumerate(zip(self.weights, found)):
            weight = to_float(w, self.wt) if axis == 1 else to_float(w, self.wt).T
            expected, size = weight @ matrix, np.abs(weight) @ np.abs(matrix)
            if self.bias:
                offset = bias.astype(np.float64)[:, None]
                expected, size = expected + offset, size + np.abs(offset)
            tolerance = 0 if self.rt == "i32" else 2e-6 * size + EPSILON[self.rt] * np.abs(expected) + 1e-30
            values = to_float(result, self.rt)
            values = values if self.weight_left else values.T
            wrong = ~(np.abs(values - expected) <= tolerance)
            if wrong.any():
                at = np.unravel_index(np.argmax(wrong), wrong.shape)
                yield "%d columns, weight %d: differs at %d of %d, first at %s: %r, expected %r" % (
                    columns, i, wrong.sum(), wrong.size, [int(j) for j in at], values[at], expected[at])


def check_module(seed, options, folder):
    cases = [Case(np.random.default_rng([seed, i]), "f%d" % i) for i in range(options.cases)]
    cases = [case for case in cases if not options.only or case.name == options.only]
    path, failures = os.path.join(folder, "seed-%d" % seed), 0
    with open(path + ".mlir", "w") as file:
        file.write("\n".join(case.mlir() for case in cases) + "\n")
    library = Library(compile_module(path, "optimized", options.options, "-O1"))
    for case in cases:
        for columns in COLUMNS:
            for error in case.check(library, columns):
                failures += 1
                print("seed %d: %s\n  %s" % (seed, error, case.describe()))
    return len(cases) * len(COLUMNS), failures


def main():
    parser = seed_parser(__doc__, 12)
    parser.add_argument("--options", default="", help="options of --nm-to-cpu")
    options = parser.parse_args()
    seeds = seeds_of(options)
    print("seeds %s, %d functions each" % (seeds, options.cases), flush=True)
    total, failed = check_seeds(seeds, options, check_module)
    print("%d calls, %d comparisons failed" % (total, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
