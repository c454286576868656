# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attentions whose softmax is spelled in ways that no exporter writes today and that arithmetic knows to be one."""

from raise_case import INF, RaiseCase

SPELLINGS = ["scaled difference", "scaled maximum", "base two", "base two, bare", "power", "negated", "logarithm",
             "scaled mask"]


class SpelledCase(RaiseCase):
    def weights(self, score, axis):
        p = self.p
        spelling = p.pick(SPELLINGS)
        self.note("spelled by", spelling, "over", axis)
        wide = score.axes
        apply = lambda inputs, body: p.elementwise(wide, inputs, body)
        if spelling == "scaled mask":
            # By less than 1: the lowest number stays one.
            score = apply([self.mask(score)], lambda b, s: b.binary("arith.mulf", s, b.constant(0.25)))
        function = "math.exp2" if spelling.startswith("base two") else "math.exp"
        if spelling == "base two, bare":
            e = apply([score], lambda b, s: b.unary(function, s))
        else:
            top = p.reduce(score, axis, "maximumf", -INF, p.chance(0.5))
            if spelling == "scaled difference":
                e = apply([score, top], lambda b, s, m: b.unary(
                    function, b.binary("arith.mulf", b.binary("arith.subf", s, m), b.constant(0.5))))
            elif spelling == "scaled maximum":
                e = apply([score, top], lambda b, s, m: b.unary(function, b.binary(
                    "arith.subf", *[b.binary("arith.mulf", x, b.constant(0.5)) for x in (s, m)])))
            elif spelling == "negated":
                e = apply([score, top], lambda b, s, m: b.unary(
                    function, b.unary("arith.negf", b.binary("arith.subf", m, s))))
            else:
                e = apply([score, top], lambda b, s, m: b.unary(function, b.binary("arith.subf", s, m)))
        total = p.reduce(e, axis, "addf", 0.0, p.chance(0.5))
        if spelling == "power":
            w = apply([e, total], lambda b, x, t: b.binary("arith.mulf", x, b.binary("math.powf", t, b.constant(-1.0))))
        elif spelling == "logarithm":
            w = apply([e, total], lambda b, x, t: b.unary("math.exp", b.unary("math.log", b.binary("arith.divf", x, t))))
        else:
            w = apply([e, total], lambda b, x, t: b.binary("arith.divf", x, t))
        return self.weight_guard(score, w, axis)
