# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attentions with one thing that is not as it should be: what a reader of the whole takes for attention, and is not.

Each twist is a line of the softmax or of a product that has another operand, order, factor or start than attention
has. Some change nothing (a shift by another number), most change every result.
"""

import numpy as np

from raise_case import RaiseCase

INF = float("inf")
TWISTS = [
    "none", "base two", "negative scale", "scale of zero", "scale of infinity", "scale of each key", "scale of each row",
    "other maximum", "maximum starts at 0", "minimum", "shift by a number", "shift swapped", "quotient swapped",
    "sum starts at 1", "sum of other weights", "sum of squares", "square", "logit starts at 1", "result starts at 1",
    "weights scaled", "weights masked", "weights shifted", "weights of one key", "sum with other reader",
    "exponentials returned", "maximum returned", "special values", "same operand", "product of absolute values",
    "scale after the mask", "two softmaxes", "difference squared", "transposed weights"]


class TwistedCase(RaiseCase):
    def build(self):
        p = self.p
        self.twist = TWISTS[int(self.later.integers(len(TWISTS)))]
        self.note("twist", self.twist)
        self.is_attention = None
        q = self.special(self.operand(self.axes("nd")))
        k = self.special(self.operand(self.batch + ["s", "d"]))
        v = self.special(self.operand(self.batch + ["s", "e"]))
        if self.twist == "same operand":
            v = self.renamed(k, "d", "e")
        if self.twist == "product of absolute values":
            k = p.elementwise(k.axes, [k], lambda b, x: b.unary("math.absf", x))
        logit = p.contract(q, k, self.axes("ns"), float(self.twist == "logit starts at 1"))
        score = self.masked(self.factor(logit))
        w = self.softmax(score, logit)
        w = self.after(w)
        if self.twist == "transposed weights":
            w = p.transpose(w, [*w.axes[:-2], "s", "n"])
        out = p.contract(w, v, self.axes("ne"), float(self.twist == "result starts at 1"))
        p.result(out)

    def special(self, tensor):
        if self.twist == "special values" and self.later.random() < 0.5:
            at = tuple(int(self.later.integers(size)) for size in tensor.data.shape)
            name, value = tensor.name, [INF, -INF, np.nan][int(self.later.integers(3))]
            # Only what the program is given can be changed: a tensor that it made has others behind it.
            if any(name == argument.name for argument in self.p.arguments):
                tensor.data[at] = value
        return tensor

    def renamed(self, tensor, old, new):
        self.p.sizes[new] = self.p.size(old)
        return type(tensor)(tensor.name, [new if a == old else a for a in tensor.axes], tensor.dtype, tensor.data)

    def times(self, tensor, value, op="arith.mulf"):
        return self.p.elementwise(tensor.axes, [tensor], lambda b, x: b.binary(op, x, b.constant(value)))

    def factor(self, logit):
        p, twist = self.p, self.twist
        number = {"negative scale": -0.75, "scale of zero": 0.0, "scale of infinity": INF}.get(twist)
        if number is not None:
            return self.times(logit, number)
        axes = {"scale of each key": ["s"], "scale of each row": ["n"]}.get(twist)
        if axes:
            values = self.rng.standard_normal(p.shape(axes)).astype(np.float32).astype(np.float64)
            scale = p.argument(axes, "f32", values)
            return p.elementwise(logit.axes, [logit, scale], lambda b, x, y: b.binary("arith.mulf", x, y))
        return self.times(logit, 0.5) if p.chance(0.5) else logit

    def masked(self, score):
        # Hidden keys are not looked at, special values or not: with them, nothing is hidden.
        if self.twist in ("special values", "scale of infinity") or self.p.chance(0.5):
            return score
        score = self.mask(score)
        if self.twist == "scale after the mask":
            score = self.times(score, 0.25)
        return score

    def shift(self, score, logit):
        p, twist, keeps = self.p, self.twist, self.p.chance(0.5)
        if twist == "other maximum":
            return p.reduce(logit, "s", "maximumf", -INF, keeps)
        if twist == "maximum starts at 0":
            return p.reduce(score, "s", "maximumf", 0.0, keeps)
        if twist == "minimum":
            negated = p.elementwise(score.axes, [score], lambda b, x: b.unary("arith.negf", x))
            most = p.reduce(negated, "s", "maximumf", -INF, keeps)
            return p.elementwise(most.axes, [most], lambda b, x: b.unary("arith.negf", x))
        most = p.reduce(score, "s", "maximumf", -INF, keeps)
        if twist == "shift by a number":
            return self.times(most, 0.125, "arith.addf")
        if twist == "maximum returned":
            p.result(most)
        return most

    def softmax(self, score, logit):
        p, twist = self.p, self.twist
        exponential = "math.exp2" if twist == "base two" else "math.exp"
        shift = self.shift(score, logit)

        def power(b, s, m):
            pair = (m, s) if twist == "shift swapped" else (s, m)
            x = b.binary("arith.subf", *pair)
            if twist == "difference squared":
                # In the range of f32.
                x = b.binary("arith.mulf", b.binary("arith.mulf", x, x), b.constant(0.0625))
            return b.unary(exponential, x)
        e = p.elementwise(score.axes, [score, shift], power)
        if twist == "square":
            e = p.elementwise(e.axes, [e], lambda b, x: b.binary("arith.mulf", x, x))
        if twist == "exponentials returned":
            p.result(e)
        summed = e
        if twist == "sum of squares":
            summed = p.elementwise(e.axes, [e], lambda b, x: b.binary("arith.mulf", x, x))
        if twist == "sum of other weights":
            most = p.reduce(logit, "s", "maximumf", -INF, True)
            summed = p.elementwise(e.axes, [logit, most],
                                   lambda b, s, m: b.unary("math.exp", b.binary("arith.subf", s, m)))
        total = p.reduce(summed, "s", "addf", float(twist == "sum starts at 1"), p.chance(0.5))
        if twist == "sum with other reader":
            p.result(total)

        def quotient(b, x, t):
            return b.binary("arith.divf", *((t, x) if twist == "quotient swapped" else (x, t)))
        w = p.elementwise(score.axes, [e, total], quotient)
        if twist == "two softmaxes":
            w = p.softmax(w, "s")
        return w

    def after(self, w):
        p, twist = self.p, self.twist
        if twist == "weights scaled":
            return self.times(w, 0.5)
        if twist == "weights shifted":
            return self.times(w, 0.5, "arith.addf")
        if twist == "weights masked":
            keep = p.argument(["s"], "i1", self.rng.random(p.shape(["s"])) < 0.5)
            return p.elementwise(w.axes, [keep, w], lambda b, c, x: b.select(c, x, b.constant(0.0)))
        if twist == "weights of one key":
            return p.elementwise(w.axes, [w], lambda b, x: b.select(
                b.compare("eq", b.index("s"), b.constant(0, "index")), x, b.constant(0.0)))
        return w
