# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random recipes: functions over operations of the dialect `step`, and what NumPy makes of them."""

import numpy as np

import recipe_oracle as oracle
from dtypes import round_to

F = np.float32
HARD = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-42, -1e-42, 1e-38, 3e38, 1.0, -1.0]


class RecipeCase:
    """One function. With `fused` it is one that step-fuse-recipe takes: groups lie along the last dimension or
    along the middle one of three, blocks are single elements, masks are not transposable."""

    def __init__(self, rng, name, fused=False):
        self.rng, self.name, self.fused = rng, name, fused
        self.arguments, self.lines, self.results = [], [], []
        self.pattern()
        self.types()
        with np.errstate(all="ignore"):
            self.build()

    # Shapes and patterns.

    def pattern(self):
        rng = self.rng
        self.m = int(rng.choice([1, 2, 3, 4, 4, 5, 7, 8, 8, 12, 16, 32, 66] if self.fused else [1, 2, 3, 4, 4, 5, 8]))
        self.n = int(rng.integers(1, self.m + 1))
        if self.fused:
            inner = int(rng.choice([1, 1, 2, 7, 9, 16, 24, 33]))
            if self.m > 64 and inner == 1:
                inner = 2  # so many neighbours are not fused
            # Tiles have up to 1024 elements.
            most = 1300 if rng.random() < 0.3 else 300
            runs = int(rng.integers(0, 1 + most // (self.m * inner) if rng.random() < 0.9 else 2))
            if inner == 1:
                self.shape, self.axis, self.stride, self.block = (runs * self.m,), 0, 1, None
            else:
                self.shape, self.axis, self.stride, self.block = (runs, self.m, inner), 1, 1, None
            self.dynamic = [True, False, True] if inner > 1 else [True]
            return
        rank = int(rng.integers(1, 4))
        self.axis, self.stride = int(rng.integers(rank)), int(rng.choice([1, 1, 2, 3]))
        self.block = tuple(int(b) for b in rng.integers(1, 4, rank)) if rng.random() < 0.3 else None
        self.shape = tuple(
            int(rng.integers(0 if rng.random() < 0.1 else 1, 4)) * (self.block[d] if self.block else 1)
            * (self.m * self.stride if d == self.axis else 1) for d in range(rank))
        self.dynamic = [bool(rng.integers(2)) for _ in range(rank)]

    def types(self):
        sizes = "x".join("?" if d else str(s) for s, d in zip(self.shape, self.dynamic))
        self.values, self.bits, self.halves = ("tensor<%sx%s>" % (sizes, t) for t in ("f32", "i1", "bf16"))

    def describe(self):
        return "%d:%d, axis %d, stride %d, block %s of %s\n%s" % (
            self.n, self.m, self.axis, self.stride, self.block, self.shape, self.mlir())

    # Values.

    def numbers(self, positive=False):
        rng, size = self.rng, self.shape
        kind = rng.random()
        x = rng.standard_normal(size).astype(F)
        if kind < 0.4:  # ties
            x = rng.integers(-3, 4, size).astype(F)
        if positive:
            x = x * x * F(0.01)
        if kind > 0.8:
            x = np.where(rng.random(size) < 0.2, rng.choice(HARD, size), x).astype(F)
            if positive:
                x = np.abs(x)
        return x

    def argument(self, prefix, type_, value):
        name = "%%%s%d" % (prefix, len(self.arguments))
        self.arguments.append((name, type_, value))
        return name, value

    def tensor(self, prefix, positive=False):
        return self.argument(prefix, self.values, self.numbers(positive))

    def keep(self):
        return self.argument("pi", self.bits, self.rng.random(self.shape) < 0.6)

    def scalar(self, low=0.0, high=1.0):
        return self.argument("s", "f32", F(self.rng.uniform(low, high)))

    def line(self, text, value):
        """A line of an upstream operation."""
        name = "%%r%d" % len(self.lines)
        self.lines.append("%s = arith.%s" % (name, text))
        return name, value

    def gradient(self):
        """f32, or bf16 that is widened."""
        if self.rng.random() < 0.6:
            return self.tensor("g")
        name, value = self.argument("g", self.halves, round_to(self.numbers(), "bf16"))
        wide = (value.astype(np.uint32) << 16).view(F)
        return self.line("extf %s : %s to %s" % (name, self.halves, self.values), wide)

    def either(self, condition, x, y):
        """One of two tensors, by a scalar or by a mask."""
        if condition[1].shape:
            types, value = "%s, %s" % (self.bits, self.values), np.where(condition[1], x[1], y[1])
        else:
            types, value = self.values, x[1] if condition[1] else y[1]
        return self.line("select %s, %s, %s : %s" % (condition[0], x[0], y[0], types), value)

    def flag(self):
        return self.argument("c", "i1", np.bool_(self.rng.random() < 0.5))

    def emit(self, text, operands, value, types=None, count=1):
        """A line of the function: operands are (name, value) pairs."""
        names = ["%%r%d_%d" % (len(self.lines), i) for i in range(count)]
        self.lines.append("%s = step.%s : %s" % (
            ", ".join(names), text.format(*(o[0] for o in operands)), types or self.values))
        values = value if count > 1 else (value,)
        return [(n, v) for n, v in zip(names, values)] if count > 1 else (names[0], values[0])

    def elementwise(self, op, operands, word=None, template=None):
        call = getattr(oracle, op)
        values = [o[1] for o in operands]
        result = call(*([word] if word else []), *values)
        template = template or ", ".join("{%d}" % i for i in range(len(operands)))
        return self.emit("%s %s%s" % (op, word + " " if word else "", template), operands, np.asarray(result, F))

    def result(self, found, type_, updates=None, stored_if=None):
        self.results.append((found[0], type_, found[1], updates, stored_if))

    # Recipes.

    def pattern_text(self, dynamic_n):
        text = "<%s:%d, axis = %d" % ("?" if dynamic_n else self.n, self.m, self.axis)
        if self.stride != 1:
            text += ", stride = %d" % self.stride
        if self.block:
            text += ", block = %s" % list(self.block)
        return text + ">"

    def mask(self, w):
        dynamic = self.rng.random() < 0.4
        operands, keep = [w], ""
        n = self.n
        if dynamic:
            n = int(self.rng.integers(-1, self.m + 2))
            operands.append(self.argument("n", "i32", np.int32(n)))
            keep = " keep {1}"
        value = oracle.mask(w[1], n, self.m, self.axis, self.stride, self.block)
        return self.emit("mask {0}%s to %s" % (keep, self.pattern_text(dynamic)), operands, value)

    def soft(self, w):
        factor = self.scalar(0.5, 2)
        value = oracle.soft_threshold(w[1], self.n, self.m, self.axis, self.stride, factor[1])
        return self.emit("soft_threshold {0} to %s scale {1}" % self.pattern_text(False), [w, factor], value)

    def transposable(self, w):
        axes = sorted(int(a) for a in self.rng.choice(len(self.shape), 2, replace=False))
        m = int(self.rng.choice([m for m in (1, 2, 3, 4, 8) if all(self.shape[a] % m == 0 for a in axes)]))
        n = int(self.rng.integers(1, m + 1))
        text = "transposable_mask {0} {{n = %d : i64, m = %d : i64, axes = array<i64: %d, %d>}}" % (n, m, *axes)
        return self.emit(text, [w], oracle.transposable_mask(w[1], n, m, axes))

    def index(self, value):
        return [a[0] for a in self.arguments].index(value[0])

    def build(self):
        rng = self.rng
        chance = lambda p=0.5: rng.random() < p
        w, g, m = self.tensor("w"), self.gradient(), self.tensor("m")
        pi = self.keep()
        w0, m0, g0 = w, m, g
        if chance():
            bad = self.emit("count_nonfinite {0}", [g], oracle.count_nonfinite(g[1]))
            self.result(bad, "i64")
        if chance():
            g = self.elementwise("scale", [g, self.scalar(-1, 1)])
        if chance():
            pulled = self.elementwise("straight_through", [g, w, pi, self.scalar()])
            g = self.either(self.flag(), pulled, g) if chance(0.3) else pulled
        if chance(0.3):
            g = self.either(pi, g, self.elementwise("scale", [g, self.scalar()]))
        if chance():
            g = self.elementwise("weight_decay", [g, w, self.scalar()])
        if chance(0.3):
            w = self.elementwise("scale", [w, self.scalar()])
        m = self.elementwise("moment", [m, g, self.scalar(), self.scalar()])
        self.result(m, self.values, self.index(m0))
        kind = rng.choice(["adam", "inside", "outside", "descend"])
        if kind == "descend":
            w = self.elementwise("descend", [w, m, self.scalar()])
        else:
            v = self.tensor("v", positive=True)
            if kind == "adam":
                v0 = v
                v = self.elementwise("second_moment", [v, g, self.scalar(), self.scalar()])
                self.result(v, self.values, self.index(v0))
                ordered = not self.fused or (len(self.shape) == 1 and (16 % self.m == 0 or self.m % 16 == 0))
                if ordered and chance():
                    total = self.emit("change_sum {0}, {1}", [v0, v], oracle.change_sum(v0[1], v[1]))
                    self.result(total, "f64")
                if ordered and chance():
                    parts = self.emit("change_product {0}, {1}", [v0, v], oracle.change_product(v0[1], v[1]), count=3)
                    for part, type_ in zip(parts, ("f64", "i64", "i64")):
                        self.result(part, type_)
                if chance(0.3):  # the maximum of AMSGrad
                    most = self.tensor("most", positive=True)
                    v = self.line("maximumf %s, %s : %s" % (v[0], most[0], self.values), np.maximum(v[1], most[1]))
                    self.result(v, self.values, self.index(most))
                w = self.elementwise("adam_update",
                                     [w, m, v, self.scalar(), self.scalar(0.1), self.scalar(0, 1e-6)])
            else:
                w = self.elementwise("frozen_update", [w, m, v, self.scalar(), self.scalar(0, 1e-6)], word=kind)
        self.result(w, self.values, self.index(w0))
        if chance(0.9):
            pair = len(self.shape) > 1 and not self.fused and chance(0.4)
            old = pi
            pi = self.transposable(w) if pair else self.mask(w)
            self.result(pi, self.bits, self.index(old))
        if chance(0.6):
            template = "{0}, {1}"
            operands = [w, pi]
            if chance():
                decay = self.scalar() if chance(0.7) else self.argument("s", "f32", F(0))
                operands.append(decay)
                template += " decay {2}"
            seen = self.elementwise("effective", operands, template=template)
            if chance(0.4):
                self.result(self.line("truncf %s : %s to %s" % (seen[0], self.values, self.halves),
                                      round_to(seen[1], "bf16")), self.halves)
            else:
                self.result(seen, self.values, stored_if=self.index(self.flag()) if chance(0.3) else None)
        if chance(0.4) and not self.block:
            self.result(self.soft(w), self.values)

    def mlir(self):
        arguments = ", ".join("%s: %s" % (name, type_) for name, type_, _ in self.arguments)
        types = []
        for _, type_, _, updates, stored_if in self.results:
            attrs = [("step.updates", updates), ("step.stored_if", stored_if)]
            attrs = ["%s = %d : i64" % (name, number) for name, number in attrs if number is not None]
            types.append(type_ + (" {%s}" % ", ".join(attrs) if attrs else ""))
        types = ", ".join(types)
        lines = ["func.func @%s(%s) -> (%s) attributes {llvm.emit_c_interface} {" % (self.name, arguments, types)]
        lines += ["  " + line for line in self.lines]
        lines.append("  return %s : %s" % (", ".join(r[0] for r in self.results),
                                           ", ".join(r[1] for r in self.results)))
        return "\n".join(lines + ["}"])
